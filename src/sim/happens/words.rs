//! What is told of each thing that can happen: which object, which source, how. A
//! catalogue: entries of equal shape.

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
    /// A merge patch by somebody else. With `for`, what it changed is put back.
    Patch {
        /// `KIND/NAME`
        object: String,
        /// Its namespace, where it has one.
        #[serde(default)]
        namespace: String,
        /// The patch.
        patch: Value,
        /// Who: the field manager. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
    }
    /// Another number of replicas. With `for`, the earlier number comes back.
    Scale {
        /// `deployment/web`
        workload: String,
        /// Its namespace.
        namespace: String,
        /// How many.
        replicas: u32,
        /// Who: the field manager. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
    }
    /// A deletion by somebody else.
    Delete {
        /// `KIND/NAME`
        object: String,
        /// Its namespace, where it has one.
        #[serde(default)]
        namespace: String,
        /// Seconds of grace, where they are not the object's own.
        #[serde(default)]
        grace: Option<u32>,
    }
    /// Labels set by somebody else; `null` takes one away. With `for`, the earlier ones come back.
    Label {
        /// `KIND/NAME`
        object: String,
        /// Its namespace, where it has one.
        #[serde(default)]
        namespace: String,
        /// The labels.
        labels: BTreeMap<String, Option<String>>,
        /// Who: the field manager. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
    }
    /// A silence of one Alertmanager.
    SilenceTurn {
        /// Which labels an alert must carry.
        matchers: BTreeMap<String, String>,
        /// A described silence of these matchers ends, instead of one that begins.
        #[serde(default)]
        ends: bool,
        /// Which Alertmanager. Default alertmanager.
        #[serde(default)]
        alertmanager: Option<String>,
        /// Who made it. Default somebody-else.
        #[serde(default)]
        by: Option<String>,
        /// What its author wrote.
        #[serde(default)]
        comment: Option<String>,
    }
    /// An inhibition rule of one Alertmanager.
    InhibitionTurn {
        /// Labels of the alert that inhibits.
        source: BTreeMap<String, String>,
        /// Labels of those that it inhibits.
        target: BTreeMap<String, String>,
        /// Labels that must be the same in both.
        #[serde(default)]
        equal: Vec<String>,
        /// A described inhibition of these words ends, instead of one that begins.
        #[serde(default)]
        ends: bool,
        /// Which Alertmanager. Default alertmanager.
        #[serde(default)]
        alertmanager: Option<String>,
    }
    /// A rule that Prometheus does not evaluate.
    RuleLie {
        /// Its alert.
        alert: String,
        /// What it does.
        does: RuleDoes,
    }
    /// What Prometheus sends does not arrive. What the Alertmanager holds stays for 4 minutes, as in the real one.
    Delivery {
        /// Which Alertmanager does not hear of anything.
        alertmanager: String,
    }
    /// A source that does not say what it knows.
    SourceLie {
        /// prometheus, an Alertmanager's name, vault (the object store), webhook, or api.
        source: String,
        /// What it does.
        does: SourceDoes,
    }
    /// A clock that is wrong, by `ahead` or by `behind`.
    Skew {
        /// prometheus, velero, api (what the control plane writes), or a node's name (its lease).
        source: String,
        /// By how much its clock is ahead.
        #[serde(default)]
        ahead: Option<Dur>,
        /// By how much it is behind.
        #[serde(default)]
        behind: Option<Dur>,
    }
    /// Watches that do not tell.
    WatchLie {
        /// What they do.
        does: WatchDoes,
        /// Watches of this resource (`pods`) only. Default: all.
        #[serde(default)]
        of: Option<String>,
    }
    /// Readiness of a workload's pods.
    Readiness {
        /// `deployment/web`
        workload: String,
        /// Its namespace.
        namespace: String,
        /// What it does.
        does: ReadinessDoes,
        /// How often it flaps. Default 5s.
        #[serde(default)]
        every: Option<Dur>,
    }
    /// Answers of a service that is reached.
    Answers {
        /// Its name.
        service: String,
        /// Its namespace.
        namespace: String,
        /// The HTTP status. Default 200.
        #[serde(default)]
        status: Option<u16>,
        /// The body. Default the usual one.
        #[serde(default)]
        body: Option<String>,
        /// How long an answer takes.
        #[serde(default)]
        takes: Option<Dur>,
        /// No answer ever comes.
        #[serde(default)]
        hangs: bool,
    }
    /// An append log on the volume of a pod.
    LogLie {
        /// Its pod, such as `orders-0`.
        pod: String,
        /// Its namespace.
        namespace: String,
        /// What it does.
        does: LogDoes,
        /// To one line in so many. Default 1: to each.
        #[serde(default)]
        one_in: Option<u32>,
    }
    /// What of Velero fails.
    VeleroLie {
        /// What it does.
        does: VeleroDoes,
    }
    /// What becomes of the data on a volume.
    VolumeData {
        /// The claim, such as `data-orders-0`.
        claim: String,
        /// Its namespace when it is backed up.
        namespace: String,
        /// What becomes of it.
        does: DataDoes,
    }
    /// A backup that is there already. It holds what is in the cluster when it is put there.
    OldBackup {
        /// Its name.
        name: String,
        /// How long ago it was begun.
        age: Dur,
        /// What it holds.
        namespaces: Vec<String>,
        /// The schedule that it is of.
        #[serde(default)]
        schedule: Option<String>,
        /// How it ended. Default Completed.
        #[serde(default)]
        phase: BackupPhase,
        /// It holds no volumes.
        #[serde(default)]
        without_volumes: bool,
    }
    /// A budget that the disruption controller does not look at.
    BudgetLags {
        /// Its name.
        budget: String,
        /// Its namespace.
        namespace: String,
    }
    /// A node gets back what was taken from it: power, its network, its kubelet.
    NodeReturns {
        /// Its name, or `any` for all that are away.
        node: String,
    }
    /// Somebody restarts a node: it is silent until it has started.
    NodeRestarts {
        /// Its name.
        node: String,
    }
    /// A node host that lies.
    NodeHostLie {
        /// Its name, or `any` for all.
        node: String,
        /// What it says of the machine, whatever is so.
        #[serde(default)]
        says: Option<HostSays>,
        /// It acknowledges each act and does nothing.
        #[serde(default)]
        ignores: bool,
    }
    /// One replica more at each turn, and from `max` down to `min`.
    Autoscaler {
        /// `deployment/web`
        workload: String,
        /// Its namespace.
        namespace: String,
        /// At least.
        min: u32,
        /// At most.
        max: u32,
        /// How often. Default 15s, as the real one looks.
        #[serde(default)]
        every: Option<Dur>,
    }
    /// What is written somewhere else is put back: changes of `spec` and `data`, and objects that are gone.
    GitOps {
        /// `KIND/NAME`, of each.
        objects: Vec<String>,
        /// Their namespace.
        namespace: String,
        /// How often it looks. Default 10s.
        #[serde(default)]
        every: Option<Dur>,
        /// Who: the field manager. Default argocd-controller.
        #[serde(default)]
        by: Option<String>,
    }
}
