//! The plan: what will be done to what, decided before anything is touched.

use serde::{Deserialize, Serialize};

use super::{
    DataSpec, DeleteNamespaceStep, Dur, Expectation, Finding, Newer, NodeHow, NodeTarget, ObjectName, ObjectRef,
    OrNewer, ProbeSpec, ScopedWorkload, StepName, Verb, WorkloadRef,
};

/// Which cluster this is, so that no other is taken for it (correctness 72).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// The cluster's name in the scenario; `cluster` where there is one only.
    pub name: String,
    /// The kubeconfig's context.
    pub context: String,
    /// UID of the namespace kube-system: as good as a serial number.
    pub uid: String,
    /// The API server's address.
    pub server: String,
    /// Its version.
    pub version: String,
    /// `kind` (its nodes are containers of this machine), or `other`.
    pub flavour: String,
}

/// Annotation of a pod that tells a simulation how long it takes to be Ready.
pub const SIMULATED_START: &str = "drillmaster.dev/simulated-start";

/// Stands on every artefact of a rehearsal.
pub const REHEARSAL: &str = "REHEARSAL, NOTHING REAL WAS TESTED";

impl ClusterIdentity {
    /// A cluster that nobody would miss: a kind cluster, or one that is not there.
    pub fn is_expendable(&self) -> bool {
        self.flavour == "kind" || self.is_simulated()
    }

    /// A cluster that is not there.
    pub fn is_simulated(&self) -> bool {
        self.flavour == "simulated"
    }
}

/// Whether and how a step can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepClass {
    /// Changes nothing that would need an undo.
    Observe,
    /// Changes something; each change has its undo.
    Fault,
    /// Loses something until a restore is verified.
    Destructive,
}

/// One act and its undo, as a person would read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedAct {
    /// The API call or argv.
    pub does: String,
    /// What undoes it; empty where there is nothing to undo.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub undo: String,
}

/// One step, with its targets frozen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its name in the scenario.
    pub name: StepName,
    /// The step as the scenario wrote it, variables filled in.
    pub step: OrNewer<Verb>,
    /// Observe, fault or destructive.
    pub class: StepClass,
    /// Nodes that it acts on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeTarget>,
    /// Other objects that it acts on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectRef>,
    /// Exactly what will be done.
    pub acts: Vec<PlannedAct>,
    /// What a stop during this step does.
    pub on_stop: String,
    /// Things to know beforehand: what blocks, what cannot recover, what comes back empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl PlannedStep {
    /// What it does; none where a newer version wrote what this one cannot read.
    pub fn verb(&self) -> Option<&Verb> {
        self.step.known()
    }

    /// The verb as it is written, such as `killZone`.
    pub fn word(&self) -> &str {
        match &self.step {
            OrNewer::Known(verb) => verb.name(),
            OrNewer::Newer(Newer { value, .. }) => {
                value.as_object().and_then(|o| o.keys().next()).map_or("?", String::as_str)
            }
        }
    }

    /// Whether the control plane is away with its nodes.
    pub fn takes_control_plane(&self) -> bool {
        match self.verb() {
            Some(Verb::LoseCluster(_)) => true,
            Some(Verb::KillNodes(spec)) => spec.control_plane,
            _ => false,
        }
    }

    /// Whether its nodes are away, or not themselves, until it is undone.
    pub fn takes_nodes(&self) -> bool {
        matches!(
            self.verb(),
            Some(Verb::KillNodes(_) | Verb::KillZone(_) | Verb::LoseCluster(_) | Verb::ImpairNodes(_))
        )
    }

    /// Whether it drains its nodes.
    pub fn drains(&self) -> bool {
        matches!(self.verb(), Some(Verb::Drain(_)))
    }

    /// Whether it takes a backup.
    pub fn backs_up(&self) -> bool {
        matches!(self.verb(), Some(Verb::Backup(_)))
    }

    /// What it deletes, if it deletes a namespace.
    pub fn deletion(&self) -> Option<&DeleteNamespaceStep> {
        match self.verb() {
            Some(Verb::DeleteNamespace(spec)) => Some(spec),
            _ => None,
        }
    }

    /// The namespace that it deletes.
    pub fn deletes(&self) -> Option<&str> {
        self.deletion().map(|spec| spec.name.as_str())
    }

    /// The step whose fault it heals.
    pub fn heals(&self) -> Option<&str> {
        match self.verb() {
            Some(Verb::Heal(spec)) => Some(&spec.fault),
            _ => None,
        }
    }

    /// The step whose nodes it fences.
    pub fn fences(&self) -> Option<&str> {
        match self.verb() {
            Some(Verb::FenceNode(spec)) => Some(&spec.fault),
            _ => None,
        }
    }

    /// How it takes nodes away.
    pub fn how(&self) -> Option<NodeHow> {
        match self.verb() {
            Some(Verb::KillNodes(spec)) => Some(spec.how),
            Some(Verb::KillZone(spec)) => Some(spec.how),
            _ => None,
        }
    }
}

/// What the plan expects to happen, and when. Not part of the plan's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The fault that it follows from.
    pub of: StepName,
    /// What happens.
    pub what: String,
    /// Earliest, after the fault.
    pub from: Dur,
    /// Latest, after the fault.
    pub to: Dur,
    /// What that rests on.
    pub because: String,
    /// Which observation it is to be held against; none where it is held against none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Whose clocks it counts with.
    #[serde(default)]
    pub basis: Basis,
}

/// Whose clocks of the node lifecycle controller a prediction counts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Kubernetes' defaults.
    #[default]
    Defaults,
    /// Those that the bindings name.
    Bindings,
}

/// A part of an outage, in the order in which they follow from each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Nodes are seen as not Ready.
    Detected,
    /// Pods of a workload are evicted.
    Evicted(ScopedWorkload),
    /// Their replacements have a node.
    Rescheduled(ScopedWorkload),
    /// The workload has as many ready pods as before.
    Ready(ScopedWorkload),
    /// A probe's service is stable again.
    Serving(String),
}

/// A critical pod and the budgets that select it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredPod {
    /// Namespace and name.
    pub pod: String,
    /// Its workload.
    pub owner: String,
    /// Budgets whose selector matches it.
    pub budgets: Vec<String>,
}

/// A right that the run needs, for an act, an undo or an observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// API group; empty for the core group.
    pub group: String,
    /// Resource, with its subresource after a slash.
    pub resource: String,
    /// Verb.
    pub verb: String,
    /// Namespace; empty for all or cluster-scoped.
    pub namespace: String,
    /// What needs it.
    pub purpose: String,
}

/// Caps that no step may exceed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Nodes touched at once, as a share of all workers.
    pub nodes_percent: u8,
    /// Zones touched at once.
    pub zones: u32,
    /// Namespaces deleted.
    pub namespaces: u32,
    /// The whole forward part.
    pub duration: Dur,
}

/// What will happen, reviewed and approved by its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this file.
    pub format: String,
    /// Scenario name.
    pub scenario: String,
    /// Title of the scenario.
    pub title: String,
    /// What the drill tries to show.
    pub hypothesis: String,
    /// SHA-256 of the scenario file as read.
    pub scenario_hash: String,
    /// Where.
    pub cluster: ClusterIdentity,
    /// The second cluster, that is restored into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<ClusterIdentity>,
    /// Namespaces in scope.
    pub namespaces: Vec<String>,
    /// Namespaces around it whose pods the drill may take with it, and which must be whole again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collateral: Vec<String>,
    /// Steps in order.
    pub steps: Vec<PlannedStep>,
    /// Probes that run from the baseline to the end.
    pub probes: Vec<ProbeSpec>,
    /// Append logs that are written to and read back from the baseline to the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataSpec>,
    /// Expectations, as the scenario wrote them.
    pub expect: Vec<OrNewer<Expectation>>,
    /// Caps.
    pub limits: Limits,
    /// Rights needed.
    pub permissions: Vec<Permission>,
    /// Rights needed in the second cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery_permissions: Vec<Permission>,
    /// Blind windows and platform pods in the blast radius.
    pub blast_radius: Vec<String>,
    /// Critical pods and their budgets; none when they could not be listed.
    #[serde(default)]
    pub coverage: Option<Vec<CoveredPod>>,
    /// What is expected, and when.
    pub predictions: Vec<Prediction>,
    /// The pre-flight's findings when the plan was made.
    pub findings: Vec<Finding>,
    /// Critical workloads, as the scenario names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical: Vec<WorkloadRef>,
    /// The alert that always fires, where the bindings name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<String>,
    /// The run that it was made for: in the names of objects that it makes.
    #[serde(default)]
    pub run: String,
    /// SHA-256 of the bindings.
    #[serde(default)]
    pub bindings: String,
    /// The rules that its verdict will be made by; 0 in plans of before they had a number.
    #[serde(default)]
    pub rules: u32,
    /// SHA-256 over what an approval covers.
    pub hash: String,
}

impl Plan {
    /// The expectations that this version can read.
    pub fn expectations(&self) -> impl Iterator<Item = &Expectation> {
        self.expect.iter().filter_map(OrNewer::known)
    }

    /// A step by its name.
    pub fn step(&self, name: &StepName) -> Option<&PlannedStep> {
        self.steps.iter().find(|s| s.name == *name)
    }

    /// The steps that delete a namespace, in order.
    pub fn deletions(&self) -> impl Iterator<Item = &DeleteNamespaceStep> {
        self.steps.iter().filter_map(PlannedStep::deletion)
    }

    /// Whether a step deletes the object's namespace, and every such step lets the object be lost.
    pub fn may_lose(&self, object: &ObjectName) -> bool {
        let mut deletions = self.deletions().filter(|d| d.name == object.namespace).peekable();
        deletions.peek().is_some() && deletions.all(|d| d.may_lose(object))
    }
}
