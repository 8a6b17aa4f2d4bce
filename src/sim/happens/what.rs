//! The closed list of what can happen. Each kind has its words in `words`, and its deeds
//! in the file that is named beside it.

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
    /// Somebody else patches an object.
    Patch(Patch),
    /// Somebody else scales a workload.
    Scale(Scale),
    /// Somebody else deletes an object.
    Delete(Delete),
    /// Somebody else labels an object.
    Label(Label),
    // alerting.rs
    /// A silence begins or ends.
    Silence(SilenceTurn),
    /// An inhibition begins or ends.
    Inhibition(InhibitionTurn),
    /// An alerting rule is not evaluated as it should be.
    Rule(RuleLie),
    /// Prometheus does not reach an Alertmanager.
    Delivery(Delivery),
    // sources.rs, clocks.rs, watches.rs
    /// A source of information is gone or answers nonsense.
    Source(SourceLie),
    /// The clock of a source is wrong.
    Skew(Skew),
    /// Watches of the API server do not tell what happens.
    Watches(WatchLie),
    // readiness.rs, answers.rs, logs.rs
    /// The pods of a workload are not Ready, though they run.
    Readiness(Readiness),
    /// A service answers something else, or late.
    Answers(Answers),
    /// An append log does not keep what it acknowledges.
    Log(LogLie),
    // velero.rs
    /// Velero, or its store, fails.
    Velero(VeleroLie),
    /// What is on a volume is not captured or not brought back.
    VolumeData(VolumeData),
    /// A backup that was made earlier is there.
    Backup(OldBackup),
    // budgets.rs
    /// The status of a budget stays what it is.
    BudgetLags(BudgetLags),
    // nodes.rs
    /// A node that was taken away comes back by itself.
    NodeReturns(NodeReturns),
    /// Somebody restarts a node.
    NodeRestarts(NodeRestarts),
    /// The node host does not say or do what is so.
    NodeHost(NodeHostLie),
    // controllers.rs
    /// An autoscaler scales a workload up and down.
    Autoscaler(Autoscaler),
    /// A GitOps controller puts objects back to what they are when it begins.
    GitOps(GitOps),
}
