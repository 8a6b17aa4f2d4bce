//! One entry of `happens:`: when it begins, how long it lasts, and what happens. Start with [`Happening`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::What;
use crate::model::Dur;

/// Something that happens in the cluster, once. It begins `at` a time or `after` an event.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Happening {
    /// It begins this long after the cluster has settled. At 0s the pre-flight of the drill begins, not its first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Dur>,
    /// It begins after this event: a step of the drill, or something that is seen in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// It begins this long after the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Dur>,
    /// How long it lasts. Default: until the end.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<Dur>,
    /// The cluster in which it happens: `recovery` is the recovery cluster. Default: the first cluster.
    #[serde(default, rename = "in", skip_serializing_if = "Which::is_first")]
    pub in_: Which,
    /// What happens.
    pub what: What,
    /// Its line in the file; 0 if there is no file.
    #[serde(skip)]
    pub line: u64,
}

/// One of the clusters of a description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The cluster that is drilled.
    #[default]
    First,
    /// The recovery cluster, into which a drill can restore.
    Recovery,
}

impl Which {
    fn is_first(&self) -> bool {
        *self == Self::First
    }
}

/// The event for which an entry waits. Only its first occurrence counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum After {
    /// The step with this name begins.
    Step(String),
    /// The step with this name ends, with any result.
    StepEnds(String),
    /// Something is seen in the cluster.
    Seen(Seen),
}

/// Events in the cluster that can be seen from outside the drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Seen {
    /// The kubelet of this node (or of `any` node) falls silent because a fault is applied to the node.
    NodeSilent(String),
    /// This node (or `any` node) is not Ready, because the control plane has noticed the fault.
    NodeNotReady(String),
    /// This node (or `any` node) is Ready again.
    NodeReadyAgain(String),
    /// An object is created.
    ObjectMade(ObjectSeen),
    /// An object is gone.
    ObjectGone(ObjectSeen),
    /// The alert with this name fires.
    AlertFires(String),
}

/// The object of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectSeen {
    /// `KIND/NAME`, `KIND/PREFIX*`, or `KIND` for any object of this kind.
    pub object: String,
    /// The namespace of the object, if it is in one.
    #[serde(default)]
    pub namespace: String,
}
