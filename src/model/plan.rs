//! The plan: what a drill will do to which objects, decided before anything is touched. `plan` builds it, `engine`
//! runs it, the journal keeps it. Start with [`Plan`].

use serde::{Deserialize, Serialize};

use super::{
    About, DataSpec, DeleteNamespaceStep, Dur, Expectation, Finding, Newer, NodeHow, NodeTarget, ObjectName, ObjectRef,
    OrNewer, ProbeSpec, ScopedWorkload, StepName, Verb, WorkloadRef,
};

/// The identity of a cluster. It prevents a drill or its undo from acting on another cluster that has the same context
/// name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// The name of the cluster in the scenario. It is `cluster` if there is only one.
    pub name: String,
    /// The kubeconfig context.
    pub context: String,
    /// UID of the namespace kube-system, which is unique for each cluster.
    pub uid: String,
    /// The address of the API server.
    pub server: String,
    /// Its version.
    pub version: String,
    /// `kind` (its nodes are containers on this machine), `simulated` or `other`.
    pub flavour: String,
}

/// Annotation of a pod that tells a simulation how long the pod takes to become Ready.
pub const SIMULATED_START: &str = "drillmaster.dev/simulated-start";

/// Printed on everything that a rehearsal produces.
pub const REHEARSAL: &str = "REHEARSAL, NOTHING REAL WAS TESTED";

/// The title of a plan without the mark of a rehearsal, for pages that have the mark elsewhere.
pub fn unmarked(title: &str) -> &str {
    title.strip_prefix(REHEARSAL).map_or(title, |rest| rest.trim_start_matches([':', ' ']))
}

impl ClusterIdentity {
    /// Whether the cluster can be replaced at any time: a kind cluster, or a simulated one.
    pub fn is_expendable(&self) -> bool {
        self.flavour == "kind" || self.is_simulated()
    }

    /// Whether the cluster is simulated.
    pub fn is_simulated(&self) -> bool {
        self.flavour == "simulated"
    }

    /// Whether these are the clusters of a rehearsal: there is one, and all of them are simulated.
    pub fn all_simulated(clusters: &[Self]) -> bool {
        !clusters.is_empty() && clusters.iter().all(Self::is_simulated)
    }
}

/// Whether a step can be undone, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepClass {
    /// Changes nothing that needs an undo.
    Observe,
    /// Changes something; each change has an undo.
    Fault,
    /// Loses something until a restore is verified.
    Destructive,
}

/// One act and its undo, in a form for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedAct {
    /// The API call, or the program with its arguments.
    pub does: String,
    /// What undoes it; empty if it needs no undo.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub undo: String,
}

/// One step with its selected targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its name in the scenario.
    pub name: StepName,
    /// The step as in the scenario, with variables replaced.
    pub step: OrNewer<Verb>,
    /// Observe, fault or destructive.
    pub class: StepClass,
    /// Nodes on which it acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeTarget>,
    /// Other objects on which it acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectRef>,
    /// Everything that it will do.
    pub acts: Vec<PlannedAct>,
    /// What happens if the run is stopped during this step.
    pub on_stop: String,
    /// What people should know in advance: what blocks, what cannot recover, what comes back empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl PlannedStep {
    /// What it does; none if a newer version wrote something that this version cannot read.
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

    /// Whether it takes away the control plane together with its nodes.
    pub fn takes_control_plane(&self) -> bool {
        match self.verb() {
            Some(Verb::LoseCluster(_)) => true,
            Some(Verb::KillNodes(spec)) => spec.control_plane,
            _ => false,
        }
    }

    /// Whether its nodes are away, or impaired, until it is undone.
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
        matches!(self.verb(), Some(Verb::Backup(_) | Verb::Reprotected(_)))
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

/// A prediction: what will happen, and when. Predictions are not part of the plan's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The fault that causes it.
    pub of: StepName,
    /// What will happen.
    pub what: String,
    /// Earliest, after the fault.
    pub from: Dur,
    /// Latest, after the fault.
    pub to: Dur,
    /// The reason for the prediction.
    pub because: String,
    /// The observation that the prediction is compared with; none if there is nothing to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Which timing of the node lifecycle controller the prediction is based on.
    #[serde(default)]
    pub basis: Basis,
}

/// Which timing of the node lifecycle controller a prediction is based on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The defaults of Kubernetes.
    #[default]
    Defaults,
    /// The timing that the bindings give.
    Bindings,
}

/// A phase of an outage. The phases are listed in the order in which they occur.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The API server reports the nodes as not Ready.
    Detected,
    /// The pods of a workload are evicted.
    Evicted(ScopedWorkload),
    /// Their replacements are scheduled to nodes.
    Rescheduled(ScopedWorkload),
    /// The workload has as many ready pods as before the fault.
    Ready(ScopedWorkload),
    /// The service of a probe is stable again.
    Serving(String),
}

/// A critical pod and the budgets that select it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredPod {
    /// Namespace and name.
    pub pod: String,
    /// Its workload.
    pub owner: String,
    /// Budgets whose selector matches the pod.
    pub budgets: Vec<String>,
}

impl CoveredPod {
    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.pod.split('/').next().unwrap_or_default()
    }
}

/// A permission that the run needs for an act, an undo or an observation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// API group; empty for the core group.
    pub group: String,
    /// Resource. A subresource follows after a slash.
    pub resource: String,
    /// Verb.
    pub verb: String,
    /// Namespace; empty for all namespaces, and for cluster-scoped resources.
    pub namespace: String,
    /// What needs the permission.
    pub purpose: String,
}

/// Limits that no step may exceed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Nodes touched at the same time, as a percentage of all workers.
    pub nodes_percent: u8,
    /// Zones touched at the same time.
    pub zones: u32,
    /// Namespaces that may be deleted.
    pub namespaces: u32,
    /// Duration of all steps, without the undo.
    pub duration: Dur,
}

/// What a drill will do. People review it and approve it by its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this file.
    pub format: String,
    /// Scenario name.
    pub scenario: String,
    /// Title of the scenario.
    pub title: String,
    /// What the drill is meant to show.
    pub hypothesis: String,
    /// SHA-256 of the scenario file as read.
    pub scenario_hash: String,
    /// The cluster on which the drill runs.
    pub cluster: ClusterIdentity,
    /// The second cluster, into which the drill restores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<ClusterIdentity>,
    /// Namespaces in scope.
    pub namespaces: Vec<String>,
    /// Other namespaces whose pods the drill may affect. They must recover completely as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collateral: Vec<String>,
    /// Steps in order.
    pub steps: Vec<PlannedStep>,
    /// Probes, which run from the baseline to the end.
    pub probes: Vec<ProbeSpec>,
    /// Append logs, which are written and read from the baseline to the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataSpec>,
    /// Expectations, as in the scenario.
    pub expect: Vec<OrNewer<Expectation>>,
    /// The limits.
    pub limits: Limits,
    /// Permissions that the run needs.
    pub permissions: Vec<Permission>,
    /// Permissions that it needs in the second cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery_permissions: Vec<Permission>,
    /// Effects to expect beside the targets: platform pods that stop, and times in which the drill cannot observe.
    pub blast_radius: Vec<String>,
    /// Critical pods and their budgets; none if they could not be listed.
    #[serde(default)]
    pub coverage: Option<Vec<CoveredPod>>,
    /// What will happen, and when.
    pub predictions: Vec<Prediction>,
    /// The pre-flight's findings when the plan was made.
    pub findings: Vec<Finding>,
    /// Critical workloads, as in the scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical: Vec<WorkloadRef>,
    /// On a cluster of `cluster up`: the workloads whose pods are spread again at the end, by evictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rebalance: Vec<ScopedWorkload>,
    /// The alert that always fires, if the bindings name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<String>,
    /// What the scenario says about itself. It is not part of the hash, because the hash of the scenario covers it.
    #[serde(default, skip_serializing_if = "About::is_empty")]
    pub about: About,
    /// The id of the run for which the plan was made. Names of objects that the run creates contain it.
    #[serde(default)]
    pub run: String,
    /// SHA-256 of the bindings.
    #[serde(default)]
    pub bindings: String,
    /// The version of the rules for its verdict; 0 in plans that were made before rules had numbers.
    #[serde(default)]
    pub rules: u32,
    /// SHA-256 of everything that an approval covers.
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

    /// Whether a scenario allows the object to be lost: some step deletes its namespace, and each such step lists it.
    pub fn may_lose(&self, object: &ObjectName) -> bool {
        let mut deletions = self.deletions().filter(|d| d.name == object.namespace).peekable();
        deletions.peek().is_some() && deletions.all(|d| d.may_lose(object))
    }
}
