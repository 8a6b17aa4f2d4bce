//! Changes from outside the drill: a person, an autoscaler or a tool changed an object that the drill watches, and not
//! in answer to what the drill did. `observe` records them, `verdict` and `report` read them. Start with
//! [`OutsideChange`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Told;

/// A change that the drill did not make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutsideChange {
    /// When it was first seen, in microseconds since the run began.
    pub seen_us: u64,
    /// The object's namespace; empty for a cluster-scoped object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `deployment/web`, `node/node-b-0`, `pod/web-1`, `silence/ID`.
    pub object: String,
    /// Its UID, or the id of a silence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The workloads of the namespace that use the object, such as `deployment/web`. For a node: the workloads that ran
    /// on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
    /// What was changed.
    pub what: OutsideWhat,
    /// Who changed it.
    pub by: Author,
    /// Whether the object has its earlier state again, from when the drill began to watch it.
    pub as_before: bool,
}

/// What was changed about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum OutsideWhat {
    /// The number of replicas was changed.
    Scaled {
        /// From.
        from: u32,
        /// To.
        to: u32,
    },
    /// A rollout restart (`kubectl.kubernetes.io/restartedAt`).
    Restarted,
    /// The spec or the data was changed.
    Edited,
    /// The object was created.
    Created,
    /// The object was deleted, or its deletion began.
    Deleted,
    /// The pod was evicted through the Eviction API, and not by this drill.
    Evicted,
    /// The node was cordoned.
    Cordoned,
    /// The node was uncordoned.
    Uncordoned,
    /// The node got this taint.
    Tainted {
        /// `key=value:effect`
        taint: String,
    },
    /// The node lost this taint.
    Untainted {
        /// `key=value:effect`
        taint: String,
    },
    /// A node restarted that the drill had not taken away.
    NodeRestarted,
    /// The machine of a node that the drill had taken away is running again.
    MachineReturned,
    /// A silence began in Alertmanager.
    Silenced {
        /// The alerts that it silences.
        matchers: Told,
        /// The comment of its author.
        comment: Told,
        /// When it ends, according to Alertmanager.
        until: String,
        /// The longest `group_wait` of that Alertmanager, in microseconds: it may wait this long before it notifies
        /// people. None if its configuration could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_wait_us: Option<u64>,
        /// The longest `group_interval`: Alertmanager may hold back an alert this long that joins a group of which
        /// people were already notified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_interval_us: Option<u64>,
        /// Whether every route of that Alertmanager groups by `alertname`. If so, alerts of another name are in another
        /// group.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        grouped_by_name: bool,
    },
    /// A silence ended.
    SilenceEnded,
}

/// A part of an object. For each part, the last change shows its current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutsidePart {
    /// Whether the object exists.
    Existence,
    /// The number of replicas.
    Replicas,
    /// Spec and data.
    Content,
    /// Whether the node is cordoned.
    Cordon,
    /// The taints of the node.
    Taints,
    /// Whether the machine runs.
    Power,
}

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Author {
    /// According to the API server's own records (`metadata.managedFields`).
    Manager {
        /// The field manager.
        name: Told,
        /// What kind of author that is.
        role: Role,
    },
    /// According to the API server's audit log, or to Alertmanager.
    User {
        /// User name.
        name: Told,
        /// The program, as it identified itself.
        #[serde(default, skip_serializing_if = "Told::is_empty")]
        agent: Told,
        /// What kind of author that is.
        role: Role,
    },
    /// Unknown: the API server does not record who deletes an object.
    Unknown,
}

/// The kind of an author.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// drillmaster.
    Drill,
    /// A component of Kubernetes, which reacts to what others did.
    Kubernetes,
    /// A program that scales by load.
    Autoscaler,
    /// A tool that keeps the cluster as a repository or a chart describes it.
    Deployer,
    /// Velero.
    Backup,
    /// A program that a person runs, such as kubectl.
    Person,
    /// Any other author.
    #[default]
    Other,
}

impl Author {
    /// The kind of the author.
    pub fn role(&self) -> Role {
        match self {
            Self::Manager { role, .. } | Self::User { role, .. } => *role,
            Self::Unknown => Role::Other,
        }
    }

    /// Whether the author is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.role() {
            Role::Drill => "this drill",
            Role::Kubernetes => "Kubernetes",
            Role::Autoscaler => "an autoscaler",
            Role::Deployer => "a deployment tool",
            Role::Backup => "Velero",
            Role::Person | Role::Other => "",
        };
        match self {
            Self::Manager { name, .. } if kind.is_empty() => write!(f, "{name}"),
            Self::Manager { name, .. } => write!(f, "{kind} ({name})"),
            Self::User { name, agent, .. } if agent.is_empty() => write!(f, "{name}"),
            Self::User { name, agent, .. } => write!(f, "{name} ({agent})"),
            Self::Unknown => f.write_str("an unknown author"),
        }
    }
}

impl OutsideWhat {
    /// The part of the object that this changes.
    pub fn part(&self) -> OutsidePart {
        match self {
            Self::Scaled { .. } => OutsidePart::Replicas,
            Self::Restarted | Self::Edited => OutsidePart::Content,
            Self::Cordoned | Self::Uncordoned => OutsidePart::Cordon,
            Self::Tainted { .. } | Self::Untainted { .. } => OutsidePart::Taints,
            Self::NodeRestarted | Self::MachineReturned => OutsidePart::Power,
            Self::Created | Self::Deleted | Self::Evicted | Self::Silenced { .. } | Self::SilenceEnded => {
                OutsidePart::Existence
            }
        }
    }
}

impl OutsideChange {
    /// The part of the object that changed.
    pub fn part(&self) -> OutsidePart {
        self.what.part()
    }

    /// The object with its namespace, if it has one.
    pub fn subject(&self) -> String {
        let place = if self.namespace.is_empty() { String::new() } else { format!(" of namespace {}", self.namespace) };
        format!("{}{place}", self.object)
    }

    /// Who did what: `kubectl-scale scaled deployment/web to 2`.
    pub fn sentence(&self) -> String {
        let (by, object) = (&self.by, &self.object);
        match &self.what {
            OutsideWhat::Scaled { to, .. } => format!("{by} scaled {object} to {to}"),
            OutsideWhat::Restarted => format!("{by} restarted the pods of {object}"),
            OutsideWhat::Edited => format!("{by} edited {object}"),
            OutsideWhat::Created => format!("{by} created {object}"),
            OutsideWhat::Deleted => format!("{by} deleted {object}"),
            OutsideWhat::Evicted => format!("{by} evicted {object}"),
            OutsideWhat::Cordoned => format!("{by} cordoned {object}"),
            OutsideWhat::Uncordoned => format!("{by} uncordoned {object}"),
            OutsideWhat::Tainted { taint } => format!("{by} added taint {taint} to {object}"),
            OutsideWhat::Untainted { taint } => format!("{by} removed taint {taint} from {object}"),
            OutsideWhat::NodeRestarted => format!("{by} restarted {object}"),
            OutsideWhat::MachineReturned => format!("{by} started the machine of {object} again"),
            OutsideWhat::Silenced { matchers, comment, .. } if comment.is_empty() => {
                format!("{by} silenced {matchers}")
            }
            OutsideWhat::Silenced { matchers, comment, .. } => format!("{by} silenced {matchers}: \"{comment}\""),
            OutsideWhat::SilenceEnded => format!("{object} ended"),
        }
    }

    /// The same sentence with its time: `at 12.3 s kubectl-scale …`.
    pub fn timed(&self) -> String {
        format!("at {:.1} s {}", self.seen_us as f64 / 1e6, self.sentence())
    }

    /// The current state of the object, if it is not the earlier one.
    pub fn state(&self) -> String {
        let (subject, by) = (self.subject(), &self.by);
        match &self.what {
            OutsideWhat::Scaled { to, .. } => format!("{subject} has replicas={to}, by {by}"),
            OutsideWhat::Restarted => format!("{subject} was restarted by {by}"),
            OutsideWhat::Edited => format!("{subject} was edited by {by}"),
            OutsideWhat::Created => format!("{subject} was created by {by}"),
            OutsideWhat::Deleted | OutsideWhat::Evicted => format!("{subject} was deleted by {by}"),
            OutsideWhat::Cordoned => format!("{subject} is cordoned, by {by}"),
            OutsideWhat::Uncordoned => format!("{subject} is no longer cordoned, by {by}"),
            OutsideWhat::Tainted { taint } => format!("{subject} has taint {taint}, by {by}"),
            OutsideWhat::Untainted { taint } => format!("{subject} no longer has taint {taint}, by {by}"),
            OutsideWhat::NodeRestarted | OutsideWhat::MachineReturned => format!("{subject} was restarted by {by}"),
            OutsideWhat::Silenced { matchers, until, .. } => {
                format!("{matchers} is silenced by {by} until {until}")
            }
            OutsideWhat::SilenceEnded => format!("{subject} ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_in_a_sentence_that_names_its_author() {
        let by = |name: &'static str, role| Author::Manager { name: name.into(), role };
        let change = |what, by| OutsideChange {
            seen_us: 12_300_000,
            namespace: "shop".into(),
            object: "deployment/web".into(),
            uid: String::new(),
            workloads: vec![],
            what,
            by,
            as_before: false,
        };
        let scaled = change(OutsideWhat::Scaled { from: 3, to: 2 }, by("kubectl-scale", Role::Person));
        assert_eq!(scaled.timed(), "at 12.3 s kubectl-scale scaled deployment/web to 2");
        assert_eq!(scaled.state(), "deployment/web of namespace shop has replicas=2, by kubectl-scale");
        let grown = change(OutsideWhat::Scaled { from: 3, to: 5 }, by("kube-controller-manager", Role::Autoscaler));
        assert_eq!(grown.sentence(), "an autoscaler (kube-controller-manager) scaled deployment/web to 5");
        assert_eq!(
            change(OutsideWhat::Deleted, Author::Unknown).sentence(),
            "an unknown author deleted deployment/web"
        );
        let alice = Author::User { name: "alice".into(), agent: "kubectl/v1.37".into(), role: Role::Person };
        assert_eq!(change(OutsideWhat::Deleted, alice).sentence(), "alice (kubectl/v1.37) deleted deployment/web");
    }
}
