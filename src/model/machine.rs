//! The states of a machine: how a drill takes it away, what its node host reports, and what a drill breaks inside it.

use serde::{Deserialize, Serialize};

/// How a drill takes a node away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeHow {
    /// Power loss, without any shutdown.
    Kill,
    /// An orderly shutdown.
    Stop,
    /// Frozen: connections hang instead of failing.
    Pause,
    /// Cut off from the network: its containers keep running and may keep writing.
    Partition,
}

impl NodeHow {
    /// Whether containers on the node keep running, or may resume at any moment.
    pub fn leaves_alive(self) -> bool {
        matches!(self, Self::Pause | Self::Partition)
    }
}

/// The taint that tells Kubernetes that a node is off, so that its pods may be replaced on other nodes.
pub const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// What is broken inside a node that keeps its power, with everything that its repair needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Impairment {
    /// Its kubelet is stopped; containers keep running.
    Kubelet,
    /// Its container runtime is stopped; containers keep running, and no new ones start.
    Runtime,
    /// A file of the drill fills a file system.
    Disk {
        /// The file.
        file: String,
    },
    /// A packet-filter table of the drill drops packets.
    Packets {
        /// The name of the table.
        table: String,
    },
    /// Packets are sent with a delay.
    Delay {
        /// The network interface.
        interface: String,
    },
}

/// The state of a machine, as its node host reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PowerState {
    /// It runs.
    Running,
    /// It has no power: its containers cannot write anywhere.
    Off,
    /// It is frozen: it may resume writing at any moment.
    Paused,
    /// It runs, without network.
    Isolated,
    /// The host reported something else.
    Other(String),
}
