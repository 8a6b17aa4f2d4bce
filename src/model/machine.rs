//! What can become of a machine: how it is taken away, what its host says of it, what
//! can be broken inside it.

use serde::{Deserialize, Serialize};

/// How a node is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeHow {
    /// Power loss: nothing gets a chance to say goodbye.
    Kill,
    /// An orderly shutdown.
    Stop,
    /// Frozen: connections hang instead of failing.
    Pause,
    /// Cut off from the network: what runs on it goes on, and may go on writing.
    Partition,
}

impl NodeHow {
    /// Whether what runs on the node may go on, or go on again at any moment.
    pub fn leaves_alive(self) -> bool {
        matches!(self, Self::Pause | Self::Partition)
    }
}

/// Tells Kubernetes that a node is off: its pods may be replaced elsewhere.
pub const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// What is broken inside a node that keeps its power: enough to put it right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Impairment {
    /// Its kubelet is stopped; containers go on.
    Kubelet,
    /// Its container runtime is stopped; containers go on, and none is started.
    Runtime,
    /// A file of the drill's fills a file system.
    Disk {
        /// The file.
        file: String,
    },
    /// Packets are dropped by a table of rules of the drill's own.
    Packets {
        /// Its name.
        table: String,
    },
    /// Packets leave late.
    Delay {
        /// By this interface.
        interface: String,
    },
}

/// What a node host reports of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PowerState {
    /// It runs.
    Running,
    /// It is off: its containers cannot be writing anywhere.
    Off,
    /// It is frozen: it may go on writing at any moment.
    Paused,
    /// It runs, without a network.
    Isolated,
    /// The host said something else.
    Other(String),
}
