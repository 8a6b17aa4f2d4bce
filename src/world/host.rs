//! Node hosts: what powers the machines of the nodes off and on. `kind` uses a container engine, `exec` uses programs
//! of the user. Start with [`NodeHost`].

use std::time::Duration;

use super::{
    Here, Program, SimBackend,
    machine::{HostError, LOOK, Machine, inspect},
    partition,
};
use crate::model::{ExecHost, KindHost, NodeHostSpec, NodeHow, PowerState};

/// A node host.
#[derive(Clone, Debug)]
pub enum NodeHost {
    /// Containers of a kind cluster.
    Kind(KindHost, Here),
    /// Programs.
    Exec(Box<ExecHost>, Here),
    /// Simulated machines.
    Simulated(SimBackend),
}

/// Printed in place of a program's name in a rehearsal.
const SIMULATED: &str = "simulated-host";
/// The time limit for an act. Reading a state has a shorter one.
const ACT: Duration = Duration::from_secs(90);

impl NodeHost {
    /// The host that the bindings describe.
    pub fn new(spec: &NodeHostSpec, here: &Here) -> Self {
        match spec {
            NodeHostSpec::Kind(kind) => {
                Self::Kind(KindHost { engine: here.whole(&kind.engine), ..kind.clone() }, here.clone())
            }
            NodeHostSpec::Exec(exec) => {
                let mut exec = exec.clone();
                for argv in exec.programs_mut() {
                    if let Some(program) = argv.first_mut() {
                        *program = here.whole(program);
                    }
                }
                Self::Exec(exec, here.clone())
            }
        }
    }

    /// `kind` or `exec`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kind(..) => "kind",
            Self::Exec(..) => "exec",
            Self::Simulated(_) => "simulated",
        }
    }

    /// All machines of the cluster, if the host can list them.
    pub async fn machines(&self) -> Result<Vec<Machine>, HostError> {
        let Self::Kind(kind, here) = self else { return Ok(vec![]) };
        let filter = format!("label=io.x-k8s.kind.cluster={}", kind.cluster);
        let names =
            Program::new([&kind.engine, "ps", "-a", "--no-trunc", "--filter", &filter, "--format", "{{.Names}}"])
                .run(here, LOOK)
                .await?
                .stdout;
        let names: Vec<&str> = names.parse().lines().map(str::trim).filter(|n| !n.is_empty()).collect();
        if names.is_empty() {
            return Ok(vec![]);
        }
        inspect(kind, here, &names).await
    }

    /// One machine.
    pub async fn machine(&self, node: &str) -> Result<Machine, HostError> {
        match self {
            Self::Kind(kind, here) => {
                // The container must belong to this cluster: a container of another tool may have the same name.
                let found = inspect(kind, here, &[node]).await?;
                let mut machine = found.into_iter().next().ok_or_else(|| HostError::Unknown(node.to_owned()))?;
                // A node on which nft cannot list tables was never cut off with a table.
                if machine.state == PowerState::Running && self.is_cut(node).await.unwrap_or(false) {
                    machine.state = PowerState::Isolated;
                }
                Ok(machine)
            }
            Self::Simulated(backend) => backend.machine(node),
            Self::Exec(exec, here) => {
                let said = program(exec, &exec.state, node, "print the state of")?.run(here, LOOK).await?.stdout;
                let said = said.parse();
                let state = if said == exec.running {
                    PowerState::Running
                } else if said == exec.off {
                    PowerState::Off
                } else if Some(said) == exec.paused.as_deref() {
                    PowerState::Paused
                } else if Some(said) == exec.isolated.as_deref() {
                    PowerState::Isolated
                } else {
                    PowerState::Other(here.redactor().clean(said).into_string())
                };
                Ok(Machine { state, ..Machine::named(node) })
            }
        }
    }

    /// The command that takes a node away.
    pub fn removal_command(&self, machine: &Machine, how: NodeHow) -> Result<Vec<String>, HostError> {
        let node = machine.node.as_str();
        match self {
            Self::Kind(kind, _) => Ok(match how {
                NodeHow::Kill => words(&[&kind.engine, "kill", node]),
                NodeHow::Stop => words(&[&kind.engine, "stop", "--time", "60", node]),
                NodeHow::Pause => words(&[&kind.engine, "pause", node]),
                NodeHow::Partition => self.inside(node, &["nft", &partition::away()])?,
            }),
            Self::Exec(exec, _) => {
                // Without `isolated`, nobody could find out later that the node must be connected again.
                if how == NodeHow::Partition && exec.isolated.is_none() {
                    return Err(HostError::Unbound("print the state (`isolated`) of"));
                }
                let (argv, verb) = match how {
                    NodeHow::Kill => (&exec.kill, "kill"),
                    NodeHow::Stop => (&exec.stop, "stop"),
                    NodeHow::Pause => (&exec.pause, "pause"),
                    NodeHow::Partition => (&exec.partition, "partition"),
                };
                Ok(program(exec, argv, node, verb)?.argv)
            }
            Self::Simulated(_) => Ok(words(&[
                SIMULATED,
                match how {
                    NodeHow::Kill => "kill",
                    NodeHow::Stop => "stop",
                    NodeHow::Pause => "pause",
                    NodeHow::Partition => "partition",
                },
                node,
            ])),
        }
    }

    /// The command that brings a node back.
    pub fn return_command(&self, node: &str, how: NodeHow) -> Result<Vec<String>, HostError> {
        let verb = match how {
            NodeHow::Kill | NodeHow::Stop => "start",
            NodeHow::Pause => "unpause",
            NodeHow::Partition => "rejoin",
        };
        match (self, how) {
            (Self::Kind(..), NodeHow::Partition) => self.inside(node, &["nft", &partition::back()]),
            (Self::Kind(kind, _), _) => Ok(words(&[&kind.engine, verb, node])),
            (Self::Exec(exec, _), NodeHow::Partition) => Ok(program(exec, &exec.rejoin, node, verb)?.argv),
            (Self::Exec(exec, _), NodeHow::Pause) => Ok(program(exec, &exec.unpause, node, verb)?.argv),
            (Self::Exec(exec, _), _) => Ok(program(exec, &exec.start, node, verb)?.argv),
            (Self::Simulated(_), _) => Ok(words(&[SIMULATED, verb, node])),
        }
    }

    /// Gives a machine back what it lacks: power, a resume, its network. It works in every state, but only for the
    /// machine with this id. Returns whether anything was done.
    pub async fn give_back(&self, node: &str, id: &str) -> Result<bool, HostError> {
        let mut given = false;
        // A machine that was cut off and then lost its power needs both.
        for _ in 0..2 {
            let now = self.machine(node).await?;
            if now.id != id {
                return Err(HostError::Another { node: node.to_owned(), found: now.id, wanted: id.to_owned() });
            }
            let how = match now.state {
                PowerState::Running => break,
                PowerState::Paused => NodeHow::Pause,
                PowerState::Isolated => NodeHow::Partition,
                PowerState::Off | PowerState::Other(_) => NodeHow::Kill,
            };
            self.run(&self.return_command(node, how)?).await?;
            given = true;
        }
        Ok(given)
    }

    /// Whether this program has cut the node off.
    async fn is_cut(&self, node: &str) -> Result<bool, HostError> {
        Ok(partition::is_there(&self.run_inside(node, &["nft", "list", "tables"]).await?))
    }

    /// Checks in advance that a node can be cut off and connected again.
    ///
    /// # Errors
    /// What the node lacks.
    pub async fn can_be_cut(&self, node: &str) -> Result<(), HostError> {
        let Self::Kind(..) = self else { return Ok(()) };
        self.is_cut(node).await?;
        let way = self.run_inside(node, &["ip", "-4", "route", "show", "default"]).await?;
        if partition::covers(&way) { Ok(()) } else { Err(HostError::Interface(node.to_owned(), way)) }
    }

    /// The command that runs a program inside a node.
    pub fn inside(&self, node: &str, argv: &[&str]) -> Result<Vec<String>, HostError> {
        match self {
            Self::Kind(kind, _) => Ok(words(&[&[&kind.engine, "exec", node], argv].concat())),
            Self::Exec(..) => Err(HostError::NoInside),
            Self::Simulated(_) => Ok(words(&[&[SIMULATED, "exec", node], argv].concat())),
        }
    }

    /// Runs a program inside a node and returns its output.
    pub async fn run_inside(&self, node: &str, argv: &[&str]) -> Result<String, HostError> {
        let whole = self.inside(node, argv)?;
        match self {
            Self::Simulated(backend) => backend.inside(node, &whole[3..]).await,
            Self::Kind(_, here) | Self::Exec(_, here) => {
                Ok(Program::new(whole).run(here, ACT).await?.stdout.parse().to_owned())
            }
        }
    }

    /// Each IPv4 route of a node that leads to another machine, as `DESTINATION via GATEWAY`.
    pub async fn routes(&self, node: &str) -> Result<Vec<String>, HostError> {
        let Self::Kind(..) = self else { return Ok(vec![]) };
        let said = self.run_inside(node, &["ip", "-4", "route", "show"]).await?;
        let route = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (words.get(1) == Some(&"via")).then(|| words[..3.min(words.len())].join(" "))
        };
        Ok(said.lines().filter_map(route).collect())
    }

    /// Runs a command that `removal_command` or `return_command` returned.
    pub async fn run(&self, argv: &[String]) -> Result<(), HostError> {
        match (self, argv) {
            (Self::Simulated(backend), [_, act, node]) => backend.power(act, node).await,
            (Self::Simulated(_), _) => Err(HostError::NoInside),
            (Self::Kind(_, here) | Self::Exec(_, here), _) => {
                Program::new(argv.to_vec()).run(here, ACT).await?;
                Ok(())
            }
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

/// The command with its variables before it, so that a person with another environment can run it.
fn program(exec: &ExecHost, argv: &[String], node: &str, verb: &'static str) -> Result<Program, HostError> {
    if argv.is_empty() {
        return Err(HostError::Unbound(verb));
    }
    let mut whole = vec![];
    if !exec.env.is_empty() {
        whole.push("env".to_owned());
        whole.extend(exec.env.iter().map(|(name, value)| format!("{name}={value}")));
    }
    whole.extend(argv.iter().map(|word| word.replace("{node}", node)));
    Ok(Program::new(whole))
}
