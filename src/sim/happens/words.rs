//! The fields of each kind of entry in `happens:`: which object, which source, how. A catalogue of entries with the
//! same shape. Read `What` in `what` first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::choices::{
    BackupPhase, DataDoes, HostSays, LogDoes, ReadinessDoes, RuleDoes, SourceDoes, VeleroDoes, WatchDoes,
};
use crate::model::Dur;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    )*};
}

words! {
    /// Another client sends a merge patch. With `for`, the same client reverts it at the end.
    Patch {
        /// The object: `KIND/NAME`
        object: String,
        /// Its namespace, if it is in one.
        #[serde(default)]
        namespace: String,
        /// The merge patch.
        patch: Value,
        /// The field manager of the client. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
    }
    /// Another client sets the number of replicas. With `for`, the same client sets the former number at the end.
    Scale {
        /// The workload, for example `deployment/web`.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// The number of replicas.
        replicas: u32,
        /// The field manager of the client. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
    }
    /// Another client deletes an object.
    Delete {
        /// The object: `KIND/NAME`
        object: String,
        /// Its namespace, if it is in one.
        #[serde(default)]
        namespace: String,
        /// The grace period in seconds, if it is not that of the object.
        #[serde(default)]
        grace: Option<u32>,
    }
    /// Another client sets labels; `null` removes a label. With `for`, the same client sets the former labels at the
    /// end.
    Label {
        /// The object: `KIND/NAME`
        object: String,
        /// Its namespace, if it is in one.
        #[serde(default)]
        namespace: String,
        /// The labels.
        labels: BTreeMap<String, Option<String>>,
        /// The field manager of the client. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
    }
    /// A silence begins or ends in one Alertmanager.
    SilenceTurn {
        /// The labels that the silence matches.
        matchers: BTreeMap<String, String>,
        /// A silence of the description with these matchers ends; otherwise, a new one begins.
        #[serde(default)]
        ends: bool,
        /// The Alertmanager. Default alertmanager.
        #[serde(default)]
        alertmanager: Option<String>,
        /// The author. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
        /// The comment of the author.
        #[serde(default)]
        comment: Option<String>,
    }
    /// An inhibition rule begins or ends in one Alertmanager.
    InhibitionTurn {
        /// The labels of the alert that inhibits.
        source: BTreeMap<String, String>,
        /// The labels of the alerts that are inhibited.
        target: BTreeMap<String, String>,
        /// Labels that must have the same value in both alerts.
        #[serde(default)]
        equal: Vec<String>,
        /// An inhibition rule of the description with these labels ends; otherwise, a new one begins.
        #[serde(default)]
        ends: bool,
        /// The Alertmanager. Default alertmanager.
        #[serde(default)]
        alertmanager: Option<String>,
    }
    /// Prometheus does not evaluate a rule properly.
    RuleLie {
        /// The alert of the rule.
        alert: String,
        /// How the rule misbehaves.
        does: RuleDoes,
    }
    /// Alerts from Prometheus do not reach an Alertmanager. It keeps the alerts that it has for 4 minutes more, as the
    /// real one does.
    Delivery {
        /// The Alertmanager that receives nothing.
        alertmanager: String,
    }
    /// A source does not answer properly.
    SourceLie {
        /// prometheus, the name of an Alertmanager, vault (the object store), webhook, or api.
        source: String,
        /// How the source misbehaves.
        does: SourceDoes,
    }
    /// A clock is wrong. Write either `ahead` or `behind`.
    Skew {
        /// prometheus, velero, api (the times that the control plane writes), or the name of a node (its lease).
        source: String,
        /// By how much the clock is ahead.
        #[serde(default)]
        ahead: Option<Dur>,
        /// By how much the clock is behind.
        #[serde(default)]
        behind: Option<Dur>,
    }
    /// Watches do not report what happens.
    WatchLie {
        /// How the watches misbehave.
        does: WatchDoes,
        /// The resource whose watches misbehave, for example `pods`. Default: all resources.
        #[serde(default)]
        of: Option<String>,
    }
    /// The pods of a workload are not Ready, although they run.
    Readiness {
        /// The workload, for example `deployment/web`.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// What happens to their readiness.
        does: ReadinessDoes,
        /// How often their readiness flaps. Default 5s.
        #[serde(default)]
        every: Option<Dur>,
    }
    /// A Service answers with something else, late, or never.
    Answers {
        /// The name of the Service.
        service: String,
        /// Its namespace.
        namespace: String,
        /// The HTTP status. Default 200.
        #[serde(default)]
        status: Option<u16>,
        /// The body. Default: the usual body.
        #[serde(default)]
        body: Option<String>,
        /// How long an answer takes.
        #[serde(default)]
        takes: Option<Dur>,
        /// The Service never answers.
        #[serde(default)]
        hangs: bool,
    }
    /// An append log on the volume of a pod misbehaves.
    LogLie {
        /// The pod, for example `orders-0`.
        pod: String,
        /// Its namespace.
        namespace: String,
        /// How the log misbehaves.
        does: LogDoes,
        /// It misbehaves for one line in this number. Default 1: for every line.
        #[serde(default)]
        one_in: Option<u32>,
    }
    /// Velero or its store fails.
    VeleroLie {
        /// What fails.
        does: VeleroDoes,
    }
    /// The data of a volume is not captured, or not restored.
    VolumeData {
        /// The claim of the volume, for example `data-orders-0`.
        claim: String,
        /// The namespace of the claim when it is backed up.
        namespace: String,
        /// What happens to the data.
        does: DataDoes,
    }
    /// A backup exists that was made earlier. It contains what the cluster contains when the entry begins.
    OldBackup {
        /// The name of the backup.
        name: String,
        /// How long ago the backup began.
        age: Dur,
        /// The namespaces in the backup.
        namespaces: Vec<String>,
        /// The schedule that made the backup, if any.
        #[serde(default)]
        schedule: Option<String>,
        /// How the backup ended. Default Completed.
        #[serde(default)]
        phase: BackupPhase,
        /// Whether the backup contains no volumes.
        #[serde(default)]
        without_volumes: bool,
    }
    /// The disruption controller ignores a budget, so the status of the budget does not change.
    BudgetLags {
        /// The name of the budget.
        budget: String,
        /// Its namespace.
        namespace: String,
    }
    /// A node gets back what was taken from it, for example its power, its network or its kubelet.
    NodeReturns {
        /// The name of the node, or `any` for all nodes that are away.
        node: String,
    }
    /// A node restarts. It is silent until it has started.
    NodeRestarts {
        /// The name of the node.
        node: String,
    }
    /// A node host reports or does the wrong thing.
    NodeHostLie {
        /// The name of the node, or `any` for all nodes.
        node: String,
        /// The state of the machine that the host reports, whatever the real state is.
        #[serde(default)]
        says: Option<HostSays>,
        /// Whether the host acknowledges each act without doing it.
        #[serde(default)]
        ignores: bool,
    }
    /// An autoscaler adds one replica each time, and goes from `max` down to `min`.
    Autoscaler {
        /// The workload, for example `deployment/web`.
        workload: String,
        /// Its namespace.
        namespace: String,
        /// The lowest number of replicas.
        min: u32,
        /// The highest number of replicas.
        max: u32,
        /// How often it acts. Default 15s, the interval of the real one.
        #[serde(default)]
        every: Option<Dur>,
    }
    /// A GitOps controller reverts changes of `spec` and `data`, and creates objects again that are gone.
    GitOps {
        /// The objects, each as `KIND/NAME`.
        objects: Vec<String>,
        /// The namespace of all objects.
        namespace: String,
        /// How often it checks. Default 10s.
        #[serde(default)]
        every: Option<Dur>,
        /// The field manager of the controller. Default argocd-controller.
        #[serde(default)]
        by: Option<String>,
    }
}
