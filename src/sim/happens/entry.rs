//! One entry of `happens:`: when something happens, for how long, and what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::What;
use crate::model::Dur;

/// Something that happens in the cluster, once. It begins `at` a time or `after` something.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Happening {
    /// So long after the cluster has settled. The pre-flight of the drill begins then, not its first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Dur>,
    /// After a step, or after something was seen in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// How long after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Dur>,
    /// How long it lasts. Default: to the end.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<Dur>,
    /// recovery: in the second cluster. Default: in the first.
    #[serde(default, rename = "in", skip_serializing_if = "Which::is_first")]
    pub in_: Which,
    /// What happens.
    pub what: What,
    /// Its line in the file; 0 where there is no file.
    #[serde(skip)]
    pub line: u64,
}

/// One of the clusters of a description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The one that is drilled.
    #[default]
    First,
    /// The one that is restored into.
    Recovery,
}

impl Which {
    fn is_first(&self) -> bool {
        *self == Self::First
    }
}

/// What an entry waits for. Only the first time counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum After {
    /// The step of this name begins.
    Step(String),
    /// The step of this name ends, however it ends.
    StepEnds(String),
    /// Something is seen in the cluster.
    Seen(Seen),
}

/// What can be seen in the cluster, by whoever looks at it from outside of the drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Seen {
    /// The kubelet of this node (or of `any` node) falls silent: a fault on it is applied.
    NodeSilent(String),
    /// This node (or `any` node) is not Ready: the control plane has noticed.
    NodeNotReady(String),
    /// This node (or `any` node) is Ready again.
    NodeReadyAgain(String),
    /// An object comes into being.
    ObjectMade(ObjectSeen),
    /// An object is gone.
    ObjectGone(ObjectSeen),
    /// An alert of this name fires.
    AlertFires(String),
}

/// Which object is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectSeen {
    /// `KIND/NAME`, `KIND/PREFIX*`, or `KIND` for any.
    pub object: String,
    /// Its namespace, where it has one.
    #[serde(default)]
    pub namespace: String,
}
