//! Tests a service once, with a new connection each time. It distinguishes what the service did from problems of this
//! machine that prevented the test.

use std::{error::Error, io::ErrorKind, time::Duration};

use crate::{
    model::{BodyCheck, ProbeKind},
    world::{ExecError, Outside, Program, ReadyProbe, WebRequest},
};

/// Why a sample is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// The service did not answer as expected.
    Service(String),
    /// The test could not be made, which shows nothing about the service.
    Vantage(String),
}

/// One probe, ready to be sent.
pub(super) struct Asker {
    how: How,
    outside: Outside,
    timeout: Duration,
    vantage: Option<String>,
}

enum How {
    /// In a simulation there is no client: loading its root certificates takes longer than a rehearsal.
    Http(Option<reqwest::Client>, String, u16, BodyCheck),
    /// A rule that lint refuses, but that an older plan may contain.
    Never(String),
    Tcp(String),
    Exec(Program),
}

impl Asker {
    pub(super) fn new(ready: &ReadyProbe, outside: Outside, client: Option<reqwest::Client>) -> Self {
        let spec = &ready.spec;
        let how = match &spec.kind {
            ProbeKind::Http { url, status, body } => match body.ready() {
                Ok(check) => How::Http(client, url.clone(), *status, check),
                Err(why) => How::Never(why),
            },
            ProbeKind::Tcp { address } => How::Tcp(address.clone()),
            ProbeKind::Exec { .. } => How::Exec(ready.program.clone()),
        };
        Self { how, outside, timeout: spec.timeout.0, vantage: spec.vantage.clone() }
    }

    /// Tests the service. If that fails, it also tests the `vantage` address near the service: if that cannot be
    /// reached either, this machine lost the network.
    pub(super) async fn ask(&self) -> Result<(), Miss> {
        let answer = tokio::time::timeout(self.timeout, self.how.ask(&self.outside, self.timeout)).await;
        let miss = match answer.unwrap_or_else(|_| Err(Miss::Service("timeout".into()))) {
            Ok(()) => return Ok(()),
            Err(miss) => miss,
        };
        if let (Miss::Service(why), Some(neighbour)) = (&miss, &self.vantage) {
            let reached = tokio::time::timeout(self.timeout, connect(&self.outside, neighbour)).await;
            if !matches!(reached, Ok(Ok(_))) {
                return Err(Miss::Vantage(format!("{why}, and {neighbour} does not answer either")));
            }
        }
        Err(miss)
    }
}

/// A client that does not keep connections: a kept connection would hide that an endpoint was removed.
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("nothing in these settings can fail once a crypto provider is installed")
}

impl How {
    async fn ask(&self, outside: &Outside, timeout: Duration) -> Result<(), Miss> {
        match self {
            Self::Http(client, url, status, body) => {
                let (got, text) = match (client, outside) {
                    (Some(client), _) => {
                        let answer = client.get(url).timeout(timeout).send().await.map_err(|e| http(&e))?;
                        let got = answer.status().as_u16();
                        (got, answer.text().await.map_err(|e| http(&e))?)
                    }
                    (None, Outside::Stage(stage)) => {
                        let request = WebRequest { method: "GET".into(), url: url.clone(), body: vec![] };
                        let answer = stage.web(request).await.map_err(Miss::Service)?;
                        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
                    }
                    (None, Outside::Here(_)) => return Err(Miss::Vantage("there is no HTTP client".into())),
                };
                if got != *status {
                    Err(Miss::Service(format!("status {got}")))
                } else if !body.accepts(&text) {
                    Err(Miss::Service("unexpected body".into()))
                } else {
                    Ok(())
                }
            }
            Self::Never(why) => Err(Miss::Vantage(why.clone())),
            Self::Tcp(address) => connect(outside, address).await.map_err(|e| io(&e)),
            Self::Exec(program) => match outside {
                // A program that was not run has not answered.
                Outside::Stage(_) => Err(Miss::Vantage("a rehearsal does not run programs".into())),
                Outside::Here(here) => program.run(here, timeout).await.map(drop).map_err(|error| match error {
                    ExecError::Start { .. } => Miss::Vantage(error.to_string()),
                    _ => Miss::Service(error.to_string()),
                }),
            },
        }
    }
}

async fn connect(outside: &Outside, address: &str) -> std::io::Result<()> {
    match outside {
        Outside::Here(_) => tokio::net::TcpStream::connect(address).await.map(drop),
        Outside::Stage(stage) => stage.connect(address).await,
    }
}

fn http(error: &reqwest::Error) -> Miss {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<std::io::Error>()
            && let Miss::Vantage(why) = io(cause)
        {
            return Miss::Vantage(why);
        }
        source = cause.source();
    }
    Miss::Service(
        if error.is_timeout() {
            "timeout"
        } else if error.is_connect() {
            "no connection"
        } else {
            "broken answer"
        }
        .into(),
    )
}

/// An error of this machine, so the request never left it. An unreachable host is not such an error: a dead node looks
/// like that.
fn io(error: &std::io::Error) -> Miss {
    let ours = matches!(
        error.kind(),
        ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied
    ) || error.raw_os_error().is_some_and(|code| {
        [nix::libc::EMFILE, nix::libc::ENFILE, nix::libc::ENOBUFS, nix::libc::ENOMEM].contains(&code)
    });
    if ours { Miss::Vantage(error.kind().to_string()) } else { Miss::Service(error.kind().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{BodyRule, Dur, ProbeSpec, UpRule},
        world::Here,
    };

    fn asker(kind: ProbeKind, vantage: Option<String>) -> Asker {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (every, timeout) = (Dur::secs(1), Dur::secs(1));
        let spec = ProbeSpec {
            name: "p".into(),
            kind,
            every,
            timeout,
            up: UpRule::default(),
            vantage,
            starts_down: false,
            backed_by: vec![],
        };
        let program = match &spec.kind {
            ProbeKind::Exec { argv } => Program::new(argv.clone()),
            _ => Program::default(),
        };
        Asker::new(&ReadyProbe { spec, program }, Outside::Here(Here::now()), Some(client()))
    }

    fn free_port() -> String {
        let port = std::net::TcpListener::bind("127.0.0.1:0").map(|l| l.local_addr().map(|a| a.port()));
        format!("127.0.0.1:{}", port.ok().and_then(Result::ok).unwrap_or(1))
    }

    #[tokio::test]
    async fn a_refused_connection_is_the_service_unless_the_neighbour_is_gone_too() {
        let dead = free_port();
        let tcp = || ProbeKind::Tcp { address: dead.clone() };
        assert_eq!(asker(tcp(), None).ask().await, Err(Miss::Service("connection refused".into())));
        let lost = asker(tcp(), Some(dead.clone())).ask().await;
        assert!(matches!(lost, Err(Miss::Vantage(_))), "{lost:?}");
        let neighbour = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = neighbour.local_addr().expect("it is bound").to_string();
        assert_eq!(asker(tcp(), Some(address)).ask().await, Err(Miss::Service("connection refused".into())));
    }

    #[tokio::test]
    async fn what_our_machine_refuses_says_nothing_of_the_service() {
        // Port 0 cannot be connected to from anywhere.
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let url = format!("http://{address}/");
            let http = asker(ProbeKind::Http { url, status: 200, body: BodyRule::default() }, None).ask().await;
            let tcp = asker(ProbeKind::Tcp { address: address.into() }, None).ask().await;
            assert_eq!(matches!(http, Err(Miss::Vantage(_))), matches!(tcp, Err(Miss::Vantage(_))), "{http:?} {tcp:?}");
        }
        let gone = asker(ProbeKind::Exec { argv: vec!["/no/such/program".into()] }, None).ask().await;
        assert!(matches!(gone, Err(Miss::Vantage(_))), "{gone:?}");
        let fails = asker(ProbeKind::Exec { argv: vec!["false".into()] }, None).ask().await;
        assert!(matches!(fails, Err(Miss::Service(_))), "{fails:?}");
    }
}
