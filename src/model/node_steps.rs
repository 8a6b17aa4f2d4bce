//! The steps that act on nodes, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dur, NodeHow, Percent, WorkloadRef};

/// Take single nodes away: `nodes`, or `count` of those in a `zone`, or `count` of those `hosting` a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KillNodesStep {
    /// Nodes by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Or nodes of this zone, in the order of their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Or nodes that host ready pods of this workload, in the order of their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosting: Option<WorkloadRef>,
    /// How many of them, in the order given. Default: all of `nodes`, one of a `zone` or `hosting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// kill, stop, pause or partition.
    pub how: NodeHow,
    /// Nodes may carry the control plane: nothing is seen of the cluster while it is away. Default false.
    #[serde(default)]
    pub control_plane: bool,
}

/// Take every node of a zone away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KillZoneStep {
    /// The zone, by its label topology.kubernetes.io/zone.
    pub zone: String,
    /// kill, stop, pause or partition.
    pub how: NodeHow,
}

/// Lose a whole kind cluster, its control plane included: only probes go on. A second cluster
/// must be named (`--context recovery=NAME`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoseClusterStep {
    /// kill or stop.
    pub how: NodeHow,
}

/// Break something inside nodes: named as in killNodes, and exactly one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ImpairNodesStep {
    /// Nodes by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Or nodes of this zone, in the order of their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Or nodes that host ready pods of this workload, in the order of their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosting: Option<WorkloadRef>,
    /// How many of them. Default: all of `nodes` or `zone`, one that is `hosting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// kubelet or runtime: stop this service; containers go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<NodeService>,
    /// Fill a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskFault>,
    /// Lose or delay packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkFault>,
}

/// Which nodes a step means.
#[derive(Clone, Copy, Debug)]
pub struct NodeChoice<'a> {
    /// Nodes by name.
    pub nodes: &'a [String],
    /// Or nodes of this zone.
    pub zone: Option<&'a String>,
    /// Or nodes that host ready pods of this workload.
    pub hosting: Option<&'a WorkloadRef>,
    /// How many of them; none is as many as that way of choosing means by itself.
    pub count: Option<usize>,
}

impl NodeChoice<'_> {
    /// Whether they are chosen in exactly one way.
    pub fn is_one(&self) -> bool {
        usize::from(!self.nodes.is_empty()) + usize::from(self.zone.is_some()) + usize::from(self.hosting.is_some())
            == 1
    }
}

impl KillNodesStep {
    /// The nodes it takes away.
    pub fn choice(&self) -> NodeChoice<'_> {
        NodeChoice {
            nodes: &self.nodes,
            zone: self.zone.as_ref(),
            hosting: self.hosting.as_ref(),
            // Named nodes are all meant, unless it says how many.
            count: self.count.or(self.nodes.is_empty().then_some(1)),
        }
    }
}

impl ImpairNodesStep {
    /// The nodes in which it breaks something.
    pub fn choice(&self) -> NodeChoice<'_> {
        NodeChoice { nodes: &self.nodes, zone: self.zone.as_ref(), hosting: self.hosting.as_ref(), count: self.count }
    }
}

/// A service of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeService {
    /// The kubelet.
    Kubelet,
    /// The container runtime (containerd).
    Runtime,
}

/// Fill the file system that a path of a node is on. Refused where that is the machine's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskFault {
    /// A directory inside the node.
    pub path: String,
    /// Bytes that stay free. Default 0.
    #[serde(default)]
    pub leave: u64,
}

/// Lose or delay packets: exactly one of `drop` and `delay`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkFault {
    /// in, out or both, as the node sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<Direction>,
    /// Of the dropped direction only this share is lost. Default 100%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Percent>,
    /// Dropped are only packets from and to nodes of this zone and their pods. Default: all other nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// All that leaves the node leaves it so much later. The node's kernel must have netem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Dur>,
}

/// Which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the node.
    In,
    /// From the node.
    Out,
    /// Both ways.
    Both,
}

/// Taint nodes as out of service, once the node host reports them off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FenceNodeStep {
    /// The killNodes or killZone step whose nodes are fenced (how: kill or stop).
    pub fault: String,
}
