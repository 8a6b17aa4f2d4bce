//! The steps of a scenario, as written. Each step has a name and exactly one verb. Start with [`Step`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    StepName,
    node_steps::{FenceNodeStep, ImpairNodesStep, KillNodesStep, KillZoneStep, LoseClusterStep},
    specs::{
        BackupStep, DeleteNamespaceStep, DeletePodsStep, DrainStep, ExecStep, ForceDeletePodsStep, GateStep, HealStep,
        NotifyStep, ReprotectedStep, RestoreStep, ScaleStep, WaitStep,
    },
};

/// One step: a name and exactly one verb.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// Its name. Other steps and expectations refer to faults, backups and gates by it.
    #[schemars(with = "String")]
    pub name: StepName,
    /// Take a Velero backup and prove that it contains everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupStep>,
    /// Restore from a backup and wait until the workloads are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreStep>,
    /// Take a new backup of a restored namespace, and label the backup that the restore used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprotected: Option<ReprotectedStep>,
    /// Take away single nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_nodes: Option<KillNodesStep>,
    /// Take away every node of a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_zone: Option<KillZoneStep>,
    /// Take away every machine of a kind cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lose_cluster: Option<LoseClusterStep>,
    /// Break something inside nodes that keep their power: kubelet, runtime, disk or network. Only on kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impair_nodes: Option<ImpairNodesStep>,
    /// Tell Kubernetes that nodes are permanently off, so that their pods are replaced on other nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence_node: Option<FenceNodeStep>,
    /// Cordon nodes and evict their pods through the Eviction API, one node after another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainStep>,
    /// Delete pods; their owners must replace them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_pods: Option<DeletePodsStep>,
    /// Force-delete the pods that hang on nodes which are proven to be off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_delete_pods: Option<ForceDeletePodsStep>,
    /// Delete a namespace that is completely in a proven backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_namespace: Option<DeleteNamespaceStep>,
    /// Set the replicas of a workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleStep>,
    /// Run a program on this machine, without a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecStep>,
    /// Ask a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateStep>,
    /// Wait for a time, or until something holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitStep>,
    /// Notify people by webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<NotifyStep>,
    /// Undo an earlier fault now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal: Option<HealStep>,
}

/// The one verb of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the specs are documented")]
pub enum Verb {
    Backup(BackupStep),
    Restore(RestoreStep),
    Reprotected(ReprotectedStep),
    KillNodes(KillNodesStep),
    KillZone(KillZoneStep),
    LoseCluster(LoseClusterStep),
    ImpairNodes(ImpairNodesStep),
    FenceNode(FenceNodeStep),
    Drain(DrainStep),
    DeletePods(DeletePodsStep),
    ForceDeletePods(ForceDeletePodsStep),
    DeleteNamespace(DeleteNamespaceStep),
    Scale(ScaleStep),
    Exec(ExecStep),
    Gate(GateStep),
    Wait(WaitStep),
    Notify(NotifyStep),
    Heal(HealStep),
}

impl Step {
    /// The names of the verbs, as written.
    pub const VERBS: [&'static str; 18] = [
        "backup",
        "restore",
        "reprotected",
        "killNodes",
        "killZone",
        "loseCluster",
        "impairNodes",
        "fenceNode",
        "drain",
        "deletePods",
        "forceDeletePods",
        "deleteNamespace",
        "scale",
        "exec",
        "gate",
        "wait",
        "notify",
        "heal",
    ];

    /// The verb. None unless exactly one is given.
    pub fn verb(&self) -> Option<Verb> {
        let mut verbs = [
            self.backup.clone().map(Verb::Backup),
            self.restore.clone().map(Verb::Restore),
            self.reprotected.clone().map(Verb::Reprotected),
            self.kill_nodes.clone().map(Verb::KillNodes),
            self.kill_zone.clone().map(Verb::KillZone),
            self.lose_cluster.clone().map(Verb::LoseCluster),
            self.impair_nodes.clone().map(Verb::ImpairNodes),
            self.fence_node.clone().map(Verb::FenceNode),
            self.drain.clone().map(Verb::Drain),
            self.delete_pods.clone().map(Verb::DeletePods),
            self.force_delete_pods.clone().map(Verb::ForceDeletePods),
            self.delete_namespace.clone().map(Verb::DeleteNamespace),
            self.scale.clone().map(Verb::Scale),
            self.exec.clone().map(Verb::Exec),
            self.gate.clone().map(Verb::Gate),
            self.wait.clone().map(Verb::Wait),
            self.notify.clone().map(Verb::Notify),
            self.heal.clone().map(Verb::Heal),
        ]
        .into_iter()
        .flatten();
        let first = verbs.next();
        if verbs.next().is_some() { None } else { first }
    }
}

impl Verb {
    /// Its name as written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Reprotected(_) => "reprotected",
            Self::KillNodes(_) => "killNodes",
            Self::KillZone(_) => "killZone",
            Self::LoseCluster(_) => "loseCluster",
            Self::ImpairNodes(_) => "impairNodes",
            Self::FenceNode(_) => "fenceNode",
            Self::Drain(_) => "drain",
            Self::DeletePods(_) => "deletePods",
            Self::ForceDeletePods(_) => "forceDeletePods",
            Self::DeleteNamespace(_) => "deleteNamespace",
            Self::Scale(_) => "scale",
            Self::Exec(_) => "exec",
            Self::Gate(_) => "gate",
            Self::Wait(_) => "wait",
            Self::Notify(_) => "notify",
            Self::Heal(_) => "heal",
        }
    }

    /// Whether an expectation may refer to such a step.
    pub fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::KillNodes(_)
                | Self::KillZone(_)
                | Self::LoseCluster(_)
                | Self::ImpairNodes(_)
                | Self::FenceNode(_)
                | Self::Drain(_)
                | Self::DeletePods(_)
                | Self::ForceDeletePods(_)
                | Self::DeleteNamespace(_)
                | Self::Scale(_)
                | Self::Exec(_)
        )
    }
}
