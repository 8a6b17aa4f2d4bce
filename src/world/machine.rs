//! Machines as their host sees them, and how a container engine describes them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{ExecError, Here, Program};
use crate::model::{KindHost, PowerState};

/// For a look at a state.
pub(super) const LOOK: Duration = Duration::from_secs(15);

/// A machine as its host sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Node name.
    pub node: String,
    /// The host's own id of it.
    pub id: String,
    /// Running, off, paused.
    pub state: PowerState,
    /// Addresses by network.
    pub addresses: BTreeMap<String, String>,
    /// Host ports by container port, where the host publishes any.
    pub ports: BTreeMap<String, String>,
    /// Whether it carries the control plane, where the host knows.
    pub control_plane: bool,
    /// When it was last started, as its host reports it; empty if the host does not.
    pub started: String,
}

impl Machine {
    /// One of which only the name is known.
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

/// Why a host could not be used.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The program said no.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// There is no such machine.
    #[error("the node host knows no machine for node `{0}`")]
    Unknown(String),
    /// The machine was replaced.
    #[error("the machine of node {node} is another one ({found} instead of {wanted})")]
    Another {
        /// Whose machine.
        node: String,
        /// What is there now.
        found: String,
        /// What the journal holds.
        wanted: String,
    },
    /// The bindings name no program for this.
    #[error("the bindings name no program to {0} a node")]
    Unbound(&'static str),
    /// Only a container engine enters its nodes.
    #[error("programs are run inside nodes of kind clusters only (nodeHost: {{kind: …}})")]
    NoInside,
    /// It would not be cut off.
    #[error("the way out of node `{0}` is none of a container's interfaces (eth…): `{1}`")]
    Interface(String, String),
    /// The engine answered something that cannot be read.
    #[error("the container engine's answer cannot be read: {0}")]
    Strange(String),
}

/// Containers of the cluster, by name.
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
