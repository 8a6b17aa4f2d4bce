//! Machines as their node host reports them, and how a container engine describes them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{ExecError, Here, Program};
use crate::model::{KindHost, PowerState};

/// The time limit for reading a state.
pub(super) const LOOK: Duration = Duration::from_secs(15);

/// A machine as its node host reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The name of the node.
    pub node: String,
    /// The host's own id of the machine.
    pub id: String,
    /// Running, off, paused.
    pub state: PowerState,
    /// Its addresses in each network.
    pub addresses: BTreeMap<String, String>,
    /// The published host port for each container port, if any.
    pub ports: BTreeMap<String, String>,
    /// Whether it runs the control plane, if the host knows.
    pub control_plane: bool,
    /// When it was last started, if the host reports that; otherwise empty.
    pub started: String,
}

impl Machine {
    /// A machine of which only the name is known.
    pub fn named(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            id: node.to_owned(),
            state: PowerState::Running,
            addresses: BTreeMap::new(),
            ports: BTreeMap::new(),
            control_plane: false,
            started: String::new(),
        }
    }
}

/// Why a node host failed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A program failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The machine does not exist.
    #[error("the node host has no machine for node `{0}`")]
    Unknown(String),
    /// The machine was replaced.
    #[error("the machine of node {node} was replaced (it is {found} now, and was {wanted})")]
    Another {
        /// The node.
        node: String,
        /// The current machine.
        found: String,
        /// The machine in the journal.
        wanted: String,
    },
    /// The bindings do not name a program for this.
    #[error("the bindings name no program to {0} a node")]
    Unbound(&'static str),
    /// Only a container engine can run programs inside nodes.
    #[error("drillmaster can run programs only inside nodes of kind clusters (nodeHost: {{kind: …}})")]
    NoInside,
    /// The rules would not affect the node's traffic.
    #[error("node `{0}` cannot be cut off: its route does not use a container interface (eth…): `{1}`")]
    Interface(String, String),
    /// The container engine's answer is not valid.
    #[error("cannot read the answer of the container engine: {0}")]
    Strange(String),
}

/// The containers with these names, as machines of the cluster.
pub(super) async fn inspect(kind: &KindHost, here: &Here, names: &[&str]) -> Result<Vec<Machine>, HostError> {
    let argv = [kind.engine.as_str(), "inspect", "--type", "container"].into_iter().chain(names.iter().copied());
    let said = Program::new(argv).run(here, LOOK).await?.stdout;
    let containers: Vec<Value> = serde_json::from_str(said.parse()).map_err(|e| HostError::Strange(e.to_string()))?;
    Ok(containers.iter().filter(|c| label(c, "io.x-k8s.kind.cluster") == kind.cluster).map(machine_of).collect())
}

fn label<'a>(container: &'a Value, key: &str) -> &'a str {
    container.pointer("/Config/Labels").and_then(|l| l.get(key)).and_then(Value::as_str).unwrap_or("")
}

fn machine_of(container: &Value) -> Machine {
    let entries = |pointer: &str| container.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    let addresses: BTreeMap<String, String> = entries("/NetworkSettings/Networks")
        .map(|(name, net)| (name.clone(), net["IPAddress"].as_str().unwrap_or("").to_owned()))
        .collect();
    let text = |pointer: &str| container.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    Machine {
        node: text("/Name").trim_start_matches('/').to_owned(),
        id: text("/Id"),
        state: match text("/State/Status").as_str() {
            "running" if addresses.values().all(String::is_empty) => PowerState::Isolated,
            "running" => PowerState::Running,
            "exited" | "dead" | "created" => PowerState::Off,
            "paused" => PowerState::Paused,
            other => PowerState::Other(other.to_owned()),
        },
        addresses,
        ports: entries("/NetworkSettings/Ports")
            .filter_map(|(port, bound)| Some((port.clone(), bound.get(0)?.get("HostPort")?.as_str()?.to_owned())))
            .collect(),
        control_plane: label(container, "io.x-k8s.kind.role") == "control-plane",
        started: text("/State/StartedAt"),
    }
}
