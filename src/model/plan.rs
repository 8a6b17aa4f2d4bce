//! The plan: what will be done to what, decided before anything is touched.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DataSpec, Dur, Finding, NodeTarget, ObjectRef, ProbeSpec, StepName};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its name in the scenario.
    pub name: StepName,
    /// The verb, such as `killZone`.
    pub verb: String,
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
    /// The step as the scenario wrote it, variables filled in.
    pub spec: Value,
}

impl PlannedStep {
    /// Whether the control plane is away with its nodes.
    pub fn takes_control_plane(&self) -> bool {
        self.verb == "loseCluster" || self.spec.pointer("/killNodes/controlPlane") == Some(&true.into())
    }

    /// Whether its nodes are away, or not themselves, until it is undone.
    pub fn takes_nodes(&self) -> bool {
        matches!(self.verb.as_str(), "killNodes" | "killZone" | "loseCluster" | "impairNodes")
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
}

/// A part of an outage, in the order in which they follow from each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Nodes are seen as not Ready.
    Detected,
    /// Pods of a workload (`namespace/kind/name`) are evicted.
    Evicted(String),
    /// Their replacements have a node.
    Rescheduled(String),
    /// The workload has as many ready pods as before.
    Ready(String),
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
    pub expect: Vec<Value>,
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
    /// SHA-256 over what an approval covers.
    pub hash: String,
}
