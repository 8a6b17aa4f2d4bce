//! Implements the seams of `world` beside the API server for a simulated cluster: HTTP, connections, programs,
//! machines. What they do is decided in `web`, `inside` and `machines`. Start with [`Backend`].

use std::{io, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{
    SETTLED_US,
    controllers::Changes,
    happens,
    inside::{self, Ran},
    service::{Plug, Shared},
    web::{self, Reach},
};
use crate::{
    model::PowerState,
    world::{HostError, Machine, Simulated, WebAnswer, WebRequest},
};

/// How long a container engine takes for an act (measured: 0.2 to 0.5 s).
const ACT: Duration = Duration::from_millis(300);

/// The state of a machine after an act takes something away from it. None if the act gives something back.
fn taken(act: &str) -> Option<PowerState> {
    Some(match act {
        "kill" | "stop" => PowerState::Off,
        "pause" => PowerState::Paused,
        "partition" => PowerState::Isolated,
        "stop-kubelet" => PowerState::Running,
        _ => return None,
    })
}

/// The network, the programs and the machines of a simulated cluster.
pub(super) struct Backend {
    shared: Arc<Shared>,
    /// The recovery cluster. Its Services can be reached from here, too.
    second: Option<Arc<Shared>>,
    plug: Plug,
}

/// The suffix of the names of Services in the recovery cluster.
const THERE: &str = ".recovery";

impl Backend {
    pub(super) fn new(shared: &Arc<Shared>, second: Option<&Arc<Shared>>, plug: &Plug) -> Self {
        Self { shared: Arc::clone(shared), second: second.cloned(), plug: plug.clone() }
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Backend")
    }
}

impl Simulated for Backend {
    fn web(&self, request: WebRequest) -> BoxFuture<'static, Result<WebAnswer, String>> {
        let (shared, second, plug) = (Arc::clone(&self.shared), self.second.clone(), self.plug.clone());
        Box::pin(async move {
            plug.powered().await;
            let (host, path) = web::split(&request.url);
            let there = second.as_ref().and_then(|second| Some((second, host.strip_suffix(THERE)?)));
            let reach = match there {
                Some((second, host)) => web::reach(&mut second.state(), &request, host, path),
                None => web::reach(&mut shared.state(), &request, host, path),
            };
            match reach {
                Reach::ApiAnswer(after, answer) => {
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
        Ok("not run: a rehearsal does not run programs".to_owned())
    }

    fn machine(&self, node: &str) -> Result<Machine, HostError> {
        let state = self.shared.state();
        let machine = state.machines.by_node.get(node).ok_or_else(|| HostError::Unknown(node.to_owned()))?;
        Ok(Machine {
            node: node.to_owned(),
            id: format!("simulated/{node}"),
            state: state.host_says(node, &machine.state),
            addresses: std::collections::BTreeMap::new(),
            ports: std::collections::BTreeMap::new(),
            control_plane: state.control_plane.is_on(node),
            started: String::new(),
        })
    }

    fn inside(&self, node: &str, argv: &[String]) -> BoxFuture<'static, Result<String, HostError>> {
        let ran = inside::run(&mut self.shared.state(), node, argv);
        let failed = |why| -> BoxFuture<'static, _> { Box::pin(std::future::ready(Err(HostError::Strange(why)))) };
        match ran {
            Ran::Said(text) => {
                // A change of the network may have changed which kubelets are heard.
                self.shared.changed.notify_one();
                Box::pin(std::future::ready(Ok(text)))
            }
            Ran::Act(act) => {
                let done = self.power(act, node);
                Box::pin(async move { done.await.map(|()| String::new()) })
            }
            Ran::Failed(why) => failed(why),
            Ran::Unknown => failed(format!("the simulated node does not support the program `{}`", argv.join(" "))),
        }
    }

    fn power(&self, act: &str, node: &str) -> BoxFuture<'static, Result<(), HostError>> {
        let (shared, act, node) = (Arc::clone(&self.shared), act.to_owned(), node.to_owned());
        if let Ok(uri) = format!("/power/{act}/{node}").parse() {
            self.shared.trouble.report(&http::Method::POST, &uri);
        }
        let plug = self.plug.clone();
        let acting = async move {
            tokio::time::sleep(ACT).await;
            let mut state = shared.state();
            if !state.machines.by_node.contains_key(&node) {
                return Err(HostError::Unknown(node));
            }
            if state.host_ignores(&node) {
                return Ok(());
            }
            if let Some(taken) = taken(&act) {
                state.silence(&node, taken);
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
            state.revive(&node, after);
            drop(state);
            shared.thawed.notify_waiters();
            shared.changed.notify_one();
            Ok(())
        };
        // An act that has begun is completed, even if its caller is gone.
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
