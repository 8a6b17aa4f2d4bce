//! Changes from outside: somebody changed an object that the drill watches, and not in answer
//! to what the drill did. An observer records them; the verdict and the reports read them.
//! Start with [`OutsideChange`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Told;

/// A change from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutsideChange {
    /// When it was seen first, in microseconds since the run began.
    pub seen_us: u64,
    /// The object's namespace; empty where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `deployment/web`, `node/node-b-0`, `pod/web-1`, `silence/ID`.
    pub object: String,
    /// Its UID, or the id of a silence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The workloads of its namespace that use it, such as `deployment/web`. Of a node that is
    /// whatever ran there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
    /// What was done to it.
    pub what: OutsideWhat,
    /// By whom.
    pub by: Author,
    /// Whether the object is now as it was when the drill began to watch it.
    pub as_before: bool,
}

/// What was done to an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum OutsideWhat {
    /// Another number of replicas.
    Scaled {
        /// From.
        from: u32,
        /// To.
        to: u32,
    },
    /// A rollout restart (`kubectl.kubernetes.io/restartedAt`).
    Restarted,
    /// Another spec, or other data.
    Edited,
    /// It was not there.
    Created,
    /// It is gone, or on its way out.
    Deleted,
    /// The Eviction API let it go, and not for this drill.
    Evicted,
    /// A node takes no new pods.
    Cordoned,
    /// A node takes new pods again.
    Uncordoned,
    /// A node has this taint now.
    Tainted {
        /// `key=value:effect`
        taint: String,
    },
    /// A node has this taint no longer.
    Untainted {
        /// `key=value:effect`
        taint: String,
    },
    /// A node that the drill had not taken away started anew.
    NodeRestarted,
    /// The machine of a node that the drill had taken away runs again.
    MachineReturned,
    /// A silence began.
    Silenced {
        /// Which alerts it is for.
        matchers: Told,
        /// What its author wrote.
        comment: Told,
        /// When it ends, as Alertmanager has it.
        until: String,
        /// The longest `group_wait` of that Alertmanager, in microseconds: as long it may wait
        /// before it tells people. None where its configuration could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_wait_us: Option<u64>,
        /// Its longest `group_interval`: as long it may wait with an alert that joins others, of
        /// which people have been told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_interval_us: Option<u64>,
        /// Whether each route of it groups by `alertname`, so that alerts of another name are in
        /// another group.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        grouped_by_name: bool,
    },
    /// A silence ended.
    SilenceEnded,
}

/// A part of an object: of each only the last change says how it stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutsidePart {
    /// Whether it is there at all.
    Existence,
    /// How many replicas.
    Replicas,
    /// Spec and data.
    Content,
    /// Whether a node takes pods.
    Cordon,
    /// Taints of a node.
    Taints,
    /// Whether a machine runs.
    Power,
}

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Author {
    /// By the API server's own book (`metadata.managedFields`).
    Manager {
        /// The field manager.
        name: Told,
        /// What that is.
        role: Role,
    },
    /// By the audit log of the API server, or by Alertmanager.
    User {
        /// User name.
        name: Told,
        /// Program, as it called itself.
        #[serde(default, skip_serializing_if = "Told::is_empty")]
        agent: Told,
        /// What that is.
        role: Role,
    },
    /// Nothing says so: the API server keeps no author of a deletion.
    Unknown,
}

/// What an author is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// This program.
    Drill,
    /// A part of Kubernetes, which answers what others did.
    Kubernetes,
    /// Scales by load.
    Autoscaler,
    /// Keeps a cluster as a repository or a chart has it.
    Deployer,
    /// Velero.
    Backup,
    /// A program that people type.
    Person,
    /// Anything else.
    #[default]
    Other,
}

impl Author {
    /// What the author is.
    pub fn role(&self) -> Role {
        match self {
            Self::Manager { role, .. } | Self::User { role, .. } => *role,
            Self::Unknown => Role::Other,
        }
    }

    /// Whether nothing says who it was.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.role() {
            Role::Drill => "this drill",
            Role::Kubernetes => "Kubernetes",
            Role::Autoscaler => "an autoscaler",
            Role::Deployer => "a deployment tool",
            Role::Backup => "Velero",
            Role::Person | Role::Other => "somebody",
        };
        match self {
            Self::Manager { name, .. } => write!(f, "{who} ({name})"),
            Self::User { name, agent, .. } if agent.is_empty() => write!(f, "{name}"),
            Self::User { name, agent, .. } => write!(f, "{name} ({agent})"),
            Self::Unknown => f.write_str("somebody (author unknown)"),
        }
    }
}

impl OutsideWhat {
    /// The part of the object that it changes.
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

    /// The object with its namespace, where it has one.
    pub fn subject(&self) -> String {
        let place = if self.namespace.is_empty() { String::new() } else { format!(" of namespace {}", self.namespace) };
        format!("{}{place}", self.object)
    }

    /// Who did what: `somebody (kubectl-scale) scaled deployment/web to 2`.
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
            OutsideWhat::Tainted { taint } => format!("{by} put taint {taint} on {object}"),
            OutsideWhat::Untainted { taint } => format!("{by} took taint {taint} off {object}"),
            OutsideWhat::NodeRestarted => format!("{by} restarted {object}"),
            OutsideWhat::MachineReturned => format!("{by} started the machine of {object} again"),
            OutsideWhat::Silenced { matchers, comment, .. } if comment.is_empty() => {
                format!("{by} silenced {matchers}")
            }
            OutsideWhat::Silenced { matchers, comment, .. } => format!("{by} silenced {matchers}: \"{comment}\""),
            OutsideWhat::SilenceEnded => format!("{object} ended"),
        }
    }

    /// The same with its time: `at 12.3 s somebody …`.
    pub fn timed(&self) -> String {
        format!("at {:.1} s {}", self.seen_us as f64 / 1e6, self.sentence())
    }

    /// How the object stands, where that is not as before.
    pub fn state(&self) -> String {
        let (subject, by) = (self.subject(), &self.by);
        match &self.what {
            OutsideWhat::Scaled { to, .. } => format!("{subject} has replicas={to}, by {by}"),
            OutsideWhat::Restarted => format!("{subject} was restarted by {by}"),
            OutsideWhat::Edited => format!("{subject} was edited by {by}"),
            OutsideWhat::Created => format!("{subject} was created by {by}"),
            OutsideWhat::Deleted | OutsideWhat::Evicted => format!("{subject} was deleted by {by}"),
            OutsideWhat::Cordoned => format!("{subject} is cordoned, by {by}"),
            OutsideWhat::Uncordoned => format!("{subject} is not cordoned any more, by {by}"),
            OutsideWhat::Tainted { taint } => format!("{subject} has taint {taint}, by {by}"),
            OutsideWhat::Untainted { taint } => format!("{subject} lacks taint {taint}, by {by}"),
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
        assert_eq!(scaled.timed(), "at 12.3 s somebody (kubectl-scale) scaled deployment/web to 2");
        assert_eq!(scaled.state(), "deployment/web of namespace shop has replicas=2, by somebody (kubectl-scale)");
        let grown = change(OutsideWhat::Scaled { from: 3, to: 5 }, by("kube-controller-manager", Role::Autoscaler));
        assert_eq!(grown.sentence(), "an autoscaler (kube-controller-manager) scaled deployment/web to 5");
        assert_eq!(
            change(OutsideWhat::Deleted, Author::Unknown).sentence(),
            "somebody (author unknown) deleted deployment/web"
        );
        let alice = Author::User { name: "alice".into(), agent: "kubectl/v1.37".into(), role: Role::Person };
        assert_eq!(change(OutsideWhat::Deleted, alice).sentence(), "alice (kubectl/v1.37) deleted deployment/web");
    }
}
