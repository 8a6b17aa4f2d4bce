//! The steps that act on nodes, as a scenario writes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dur, NodeHow, Percent, WorkloadRef};

/// Take away single nodes: `nodes`, or `count` of those in a `zone`, or `count` of those `hosting` a workload.
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
    /// How many of them, in the given order. Default: all of `nodes`, one of a `zone` or of `hosting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// kill, stop, pause or partition.
    pub how: NodeHow,
    /// Whether the nodes may carry the control plane. While it is away, the drill cannot observe the cluster. Default
    /// false.
    #[serde(default)]
    pub control_plane: bool,
}

/// Take away every node of a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KillZoneStep {
    /// The zone, by its label topology.kubernetes.io/zone.
    pub zone: String,
    /// kill, stop, pause or partition.
    pub how: NodeHow,
}

/// Take away a whole kind cluster with its control plane: only probes keep running. Needs a second cluster (`--context
/// recovery=NAME`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoseClusterStep {
    /// kill or stop.
    pub how: NodeHow,
}

/// Break exactly one thing inside nodes. The nodes are chosen as in killNodes.
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
    /// How many of them. Default: all of `nodes` or of `zone`, one of `hosting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// kubelet or runtime: stop this service; containers keep running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<NodeService>,
    /// Fill a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskFault>,
    /// Lose or delay packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkFault>,
}

/// The nodes that a step selects.
#[derive(Clone, Copy, Debug)]
pub struct NodeChoice<'a> {
    /// Nodes by name.
    pub nodes: &'a [String],
    /// Or nodes of this zone.
    pub zone: Option<&'a String>,
    /// Or nodes that host ready pods of this workload.
    pub hosting: Option<&'a WorkloadRef>,
    /// How many of them. None means the default of this way to select.
    pub count: Option<usize>,
}

impl NodeChoice<'_> {
    /// Whether the nodes are selected in exactly one way.
    pub fn is_one(&self) -> bool {
        usize::from(!self.nodes.is_empty()) + usize::from(self.zone.is_some()) + usize::from(self.hosting.is_some())
            == 1
    }
}

impl KillNodesStep {
    /// The nodes that the step takes away.
    pub fn choice(&self) -> NodeChoice<'_> {
        NodeChoice {
            nodes: &self.nodes,
            zone: self.zone.as_ref(),
            hosting: self.hosting.as_ref(),
            // All nodes that are named, unless the step gives a count.
            count: self.count.or(self.nodes.is_empty().then_some(1)),
        }
    }
}

impl ImpairNodesStep {
    /// The nodes in which the step breaks something.
    pub fn choice(&self) -> NodeChoice<'_> {
        NodeChoice { nodes: &self.nodes, zone: self.zone.as_ref(), hosting: self.hosting.as_ref(), count: self.count }
    }
}

/// A system service of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeService {
    /// The kubelet.
    Kubelet,
    /// The container runtime (containerd).
    Runtime,
}

/// Fill the file system that contains a path of a node. Refused if that file system is the host machine's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskFault {
    /// A directory inside the node.
    pub path: String,
    /// How many bytes stay free. Default 0.
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
    /// The share of packets to drop in that direction. Default 100%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Percent>,
    /// Drop only packets from and to nodes of this zone and their pods. Default: all other nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Delay every packet that leaves the node by this time. The node's kernel must have netem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Dur>,
}

/// The direction of packets.
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

/// Taint nodes as out of service, after the node host reports them as off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FenceNodeStep {
    /// The killNodes or killZone step whose nodes are fenced (how: kill or stop).
    pub fault: String,
}
