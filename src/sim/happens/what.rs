//! The closed list of what can happen: start with [`What`]. The fields of each kind are in `words`. What it does is in
//! the file that the comment above it names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{
    Answers, Autoscaler, BudgetLags, Delete, Delivery, GitOps, InhibitionTurn, Label, LogLie, NodeHostLie,
    NodeRestarts, NodeReturns, OldBackup, Patch, Readiness, RuleLie, Scale, SilenceTurn, Skew, SourceLie, VeleroLie,
    VolumeData, WatchLie,
};

/// What happens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum What {
    // objects.rs
    /// Another client patches an object.
    Patch(Patch),
    /// Another client scales a workload.
    Scale(Scale),
    /// Another client deletes an object.
    Delete(Delete),
    /// Another client changes the labels of an object.
    Label(Label),
    // alerting.rs
    /// A silence begins or ends.
    Silence(SilenceTurn),
    /// An inhibition rule begins or ends.
    Inhibition(InhibitionTurn),
    /// Prometheus does not evaluate an alerting rule properly.
    Rule(RuleLie),
    /// Alerts from Prometheus do not reach an Alertmanager.
    Delivery(Delivery),
    // sources.rs, clocks.rs, watches.rs
    /// A source of information is gone, hangs, or answers nonsense.
    Source(SourceLie),
    /// The clock of a source is wrong.
    Skew(Skew),
    /// Watches of the API server do not report what happens.
    Watches(WatchLie),
    // readiness.rs, answers.rs, logs.rs
    /// The pods of a workload are not Ready, although they run.
    Readiness(Readiness),
    /// A Service answers with something else, late, or never.
    Answers(Answers),
    /// An append log does not keep the lines that it acknowledges.
    Log(LogLie),
    // velero.rs
    /// Velero or its store fails.
    Velero(VeleroLie),
    /// The data of a volume is not captured, or not restored.
    VolumeData(VolumeData),
    /// A backup exists that was made earlier.
    Backup(OldBackup),
    // budgets.rs
    /// The status of a budget does not change any more.
    BudgetLags(BudgetLags),
    // nodes.rs
    /// A node that was taken away comes back by itself.
    NodeReturns(NodeReturns),
    /// A node restarts.
    NodeRestarts(NodeRestarts),
    /// The node host reports a wrong state, or does not do what it acknowledges.
    NodeHost(NodeHostLie),
    // controllers.rs
    /// An autoscaler scales a workload up and down.
    Autoscaler(Autoscaler),
    /// A GitOps controller puts objects back to what they were when the entry began.
    GitOps(GitOps),
}
