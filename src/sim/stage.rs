//! The simulated side of the world's seams outside the API server.

use std::{io, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{
    SETTLED_US,
    controllers::Changes,
    happens,
    service::{Plug, Shared},
    state::Timer,
    web::{self, Reach},
};
use crate::{
    model::PowerState,
    world::{HostError, Machine, Simulated, WebAnswer, WebRequest},
};

/// What a container engine needs to act (measured: 0.2 to 0.5 s).
const ACT: Duration = Duration::from_millis(300);

/// What becomes of a machine from which an act takes something.
fn taken(act: &str) -> Option<PowerState> {
    Some(match act {
        "kill" | "stop" => PowerState::Off,
        "pause" => PowerState::Paused,
        "partition" => PowerState::Isolated,
        "stop-kubelet" => PowerState::Running,
        _ => return None,
    })
}

/// Network, programs and machines of a simulated cluster.
pub(super) struct Theatre(Arc<Shared>, Plug);

impl Theatre {
    pub(super) fn new(shared: &Arc<Shared>, plug: &Plug) -> Self {
        Self(Arc::clone(shared), plug.clone())
    }
}

impl std::fmt::Debug for Theatre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Theatre")
    }
}

impl Simulated for Theatre {
    fn web(&self, request: WebRequest) -> BoxFuture<'static, Result<WebAnswer, String>> {
        let (shared, plug) = (Arc::clone(&self.0), self.1.clone());
        Box::pin(async move {
            plug.powered().await;
            let reach = web::reach(&mut shared.state(), &request);
            match reach {
                Reach::Answer(after, answer) => {
                    tokio::time::sleep(after).await;
                    Ok(answer)
                }
                Reach::Broken(after, why) => {
                    tokio::time::sleep(after).await;
                    Err(why.to_owned())
                }
                Reach::Silence => std::future::pending().await,
            }
        })
    }

    fn connect(&self, address: &str) -> BoxFuture<'static, io::Result<()>> {
        let request = WebRequest { method: "GET".into(), url: format!("tcp://{address}"), body: vec![] };
        let asked = self.web(request);
        Box::pin(async move { asked.await.map(drop).map_err(|_| io::ErrorKind::ConnectionRefused.into()) })
    }

    fn program(&self, _: &[String]) -> Result<String, String> {
        Ok("not run: a rehearsal runs no programs".to_owned())
    }

    fn machine(&self, node: &str) -> Result<Machine, HostError> {
        let state = self.0.state();
        let machine = state.machines.by_node.get(node).ok_or_else(|| HostError::Unknown(node.to_owned()))?;
        Ok(Machine {
            node: node.to_owned(),
            id: format!("simulated/{node}"),
            state: state.host_says(node, &machine.state),
            addresses: std::collections::BTreeMap::new(),
            ports: std::collections::BTreeMap::new(),
            control_plane: false,
            started: String::new(),
        })
    }

    fn inside(&self, node: &str, argv: &[String]) -> BoxFuture<'static, Result<String, HostError>> {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let active = self.0.state().machines.by_node.get(node).is_some_and(|m| m.reports_from_us.is_some());
        let act = match words[..] {
            ["systemctl", "show", "--property=ActiveState", "--value", "kubelet"] => {
                return Box::pin(std::future::ready(Ok(if active { "active" } else { "inactive" }.to_owned())));
            }
            ["systemctl", "start", "kubelet"] if active => return Box::pin(std::future::ready(Ok(String::new()))),
            ["systemctl", "stop", "kubelet"] => "stop-kubelet",
            ["systemctl", "start", "kubelet"] => "start-kubelet",
            _ => {
                let why = format!("a simulated node runs no programs: {}", argv.join(" "));
                return Box::pin(std::future::ready(Err(HostError::Strange(why))));
            }
        };
        let done = self.power(act, node);
        Box::pin(async move { done.await.map(|()| String::new()) })
    }

    fn power(&self, act: &str, node: &str) -> BoxFuture<'static, Result<(), HostError>> {
        let (shared, act, node) = (Arc::clone(&self.0), act.to_owned(), node.to_owned());
        if let Ok(uri) = format!("/power/{act}/{node}").parse() {
            self.0.trouble.tell(&http::Method::POST, &uri);
        }
        let plug = self.1.clone();
        let acting = async move {
            tokio::time::sleep(ACT).await;
            let mut state = shared.state();
            let now = state.now_us;
            if !state.machines.by_node.contains_key(&node) {
                return Err(HostError::Unknown(node));
            }
            if state.host_ignores(&node) {
                return Ok(());
            }
            if let Some(taken) = taken(&act) {
                state.machines.silence(&node, taken, now);
                if !state.script.is_empty() {
                    happens::notice(&mut state, &Changes::new(), SETTLED_US);
                    shared.changed.notify_one();
                }
                return Ok(());
            }
            let after = match act.as_str() {
                "unpause" => state.settings.thaw,
                "rejoin" => state.settings.rejoin,
                "start-kubelet" => state.settings.kubelet,
                _ => state.settings.boot,
            };
            state.machines.revive(&node, now, after);
            state.schedule(after, Timer::NodeReports(node));
            drop(state);
            shared.changed.notify_one();
            Ok(())
        };
        // Begun acts go on, whatever becomes of who asked for them.
        let task = if plug.is_pulled() { Err(acting) } else { Ok(tokio::spawn(acting)) };
        Box::pin(async move {
            let done = match task {
                Ok(task) => task.await,
                Err(acting) => {
                    plug.powered().await;
                    tokio::spawn(acting).await
                }
            };
            match done {
                Ok(done) => done,
                Err(error) => Err(HostError::Strange(error.to_string())),
            }
        })
    }
}
