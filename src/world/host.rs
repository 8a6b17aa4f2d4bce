//! The machines under the nodes: what takes their power and gives it back.
//! `kind` speaks to a container engine, `exec` to programs of the user's.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{ExecError, Program, Stage};
use crate::model::{ExecHost, KindHost, NodeHostSpec, NodeHow, PowerState};

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
    /// The bindings name no program for this.
    #[error("the bindings name no program to {0} a node")]
    Unbound(&'static str),
    /// The engine answered something that cannot be read.
    #[error("the container engine's answer cannot be read: {0}")]
    Strange(String),
}

/// A node host.
#[derive(Clone, Debug)]
pub enum NodeHost {
    /// Containers of a kind cluster.
    Kind(KindHost),
    /// Programs.
    Exec(ExecHost),
    /// Machines that are not there.
    Simulated(Stage),
}

/// Stands where a program's name would, in what is printed of a rehearsal.
const SIMULATED: &str = "simulated-host";
/// For a state; an act may take longer.
const LOOK: Duration = Duration::from_secs(15);
const ACT: Duration = Duration::from_secs(90);

impl NodeHost {
    /// The host that the bindings describe.
    pub fn new(spec: &NodeHostSpec) -> Self {
        match spec {
            NodeHostSpec::Kind(kind) => Self::Kind(kind.clone()),
            NodeHostSpec::Exec(exec) => Self::Exec((**exec).clone()),
        }
    }

    /// `kind` or `exec`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kind(_) => "kind",
            Self::Exec(_) => "exec",
            Self::Simulated(_) => "simulated",
        }
    }

    /// Every machine of the cluster, where the host can list them.
    pub async fn machines(&self) -> Result<Vec<Machine>, HostError> {
        let Self::Kind(kind) = self else { return Ok(vec![]) };
        let filter = format!("label=io.x-k8s.kind.cluster={}", kind.cluster);
        let names =
            Program::new([&kind.engine, "ps", "-a", "--no-trunc", "--filter", &filter, "--format", "{{.Names}}"])
                .run(LOOK)
                .await?
                .stdout;
        let names: Vec<&str> = names.lines().map(str::trim).filter(|n| !n.is_empty()).collect();
        if names.is_empty() {
            return Ok(vec![]);
        }
        inspect(kind, &names).await
    }

    /// One machine.
    pub async fn machine(&self, node: &str) -> Result<Machine, HostError> {
        match self {
            Self::Kind(kind) => {
                // Only a container of this cluster will do: another tool's may have the name.
                let found = inspect(kind, &[node]).await?;
                found.into_iter().next().ok_or_else(|| HostError::Unknown(node.to_owned()))
            }
            Self::Simulated(stage) => stage.machine(node),
            Self::Exec(exec) => {
                let said = program(&exec.state, node, "tell the state of")?.run(LOOK).await?.stdout;
                let state = if said == exec.running {
                    PowerState::Running
                } else if said == exec.off {
                    PowerState::Off
                } else if Some(&said) == exec.paused.as_ref() {
                    PowerState::Paused
                } else {
                    PowerState::Other(said)
                };
                Ok(Machine {
                    node: node.to_owned(),
                    id: node.to_owned(),
                    state,
                    addresses: BTreeMap::new(),
                    ports: BTreeMap::new(),
                    control_plane: false,
                })
            }
        }
    }

    /// What is run to take a node away.
    pub fn take_away(&self, node: &str, how: NodeHow) -> Result<Vec<String>, HostError> {
        match self {
            Self::Kind(kind) => Ok(match how {
                NodeHow::Kill => words(&[&kind.engine, "kill", node]),
                NodeHow::Stop => words(&[&kind.engine, "stop", "--time", "60", node]),
                NodeHow::Pause => words(&[&kind.engine, "pause", node]),
            }),
            Self::Exec(exec) => {
                let (argv, verb) = match how {
                    NodeHow::Kill => (&exec.kill, "kill"),
                    NodeHow::Stop => (&exec.stop, "stop"),
                    NodeHow::Pause => (&exec.pause, "pause"),
                };
                Ok(program(argv, node, verb)?.argv)
            }
            Self::Simulated(_) => Ok(words(&[
                SIMULATED,
                match how {
                    NodeHow::Kill => "kill",
                    NodeHow::Stop => "stop",
                    NodeHow::Pause => "pause",
                },
                node,
            ])),
        }
    }

    /// What is run to bring a node back.
    pub fn bring_back(&self, node: &str, how: NodeHow) -> Result<Vec<String>, HostError> {
        match self {
            Self::Kind(kind) => Ok(if how == NodeHow::Pause {
                words(&[&kind.engine, "unpause", node])
            } else {
                words(&[&kind.engine, "start", node])
            }),
            Self::Exec(exec) if how == NodeHow::Pause => Ok(program(&exec.unpause, node, "unpause")?.argv),
            Self::Exec(exec) => Ok(program(&exec.start, node, "start")?.argv),
            Self::Simulated(_) => {
                Ok(words(&[SIMULATED, if how == NodeHow::Pause { "unpause" } else { "start" }, node]))
            }
        }
    }

    /// Runs what one of the two above returned.
    pub async fn run(&self, argv: &[String]) -> Result<(), HostError> {
        if let (Self::Simulated(stage), [_, act, node]) = (self, argv) {
            return stage.power(act, node).await;
        }
        Program::new(argv.to_vec()).run(ACT).await?;
        Ok(())
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn program(argv: &[String], node: &str, verb: &'static str) -> Result<Program, HostError> {
    if argv.is_empty() {
        return Err(HostError::Unbound(verb));
    }
    Ok(Program::new(argv.iter().map(|word| word.replace("{node}", node))))
}

async fn inspect(kind: &KindHost, names: &[&str]) -> Result<Vec<Machine>, HostError> {
    let argv = [kind.engine.as_str(), "inspect", "--type", "container"].into_iter().chain(names.iter().copied());
    let said = Program::new(argv).run(LOOK).await?.stdout;
    let containers: Vec<Value> = serde_json::from_str(&said).map_err(|e| HostError::Strange(e.to_string()))?;
    Ok(containers.iter().filter(|c| label(c, "io.x-k8s.kind.cluster") == kind.cluster).map(machine_of).collect())
}

fn label<'a>(container: &'a Value, key: &str) -> &'a str {
    container.pointer("/Config/Labels").and_then(|l| l.get(key)).and_then(Value::as_str).unwrap_or("")
}

fn machine_of(container: &Value) -> Machine {
    let text = |pointer: &str| container.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let entries = |pointer: &str| container.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    Machine {
        node: text("/Name").trim_start_matches('/').to_owned(),
        id: text("/Id"),
        state: match text("/State/Status").as_str() {
            "running" => PowerState::Running,
            "exited" | "dead" | "created" => PowerState::Off,
            "paused" => PowerState::Paused,
            other => PowerState::Other(other.to_owned()),
        },
        addresses: entries("/NetworkSettings/Networks")
            .map(|(name, net)| (name.clone(), net["IPAddress"].as_str().unwrap_or("").to_owned()))
            .collect(),
        ports: entries("/NetworkSettings/Ports")
            .filter_map(|(port, bound)| Some((port.clone(), bound.get(0)?.get("HostPort")?.as_str()?.to_owned())))
            .collect(),
        control_plane: label(container, "io.x-k8s.kind.role") == "control-plane",
    }
}
