//! Tests a service once, with a new connection each time. It distinguishes what the service did from problems of this
//! machine that prevented the test.

use std::{io::ErrorKind, time::Duration};

use crate::{
    model::{BodyCheck, ProbeKind, causes},
    world::{ExecError, Outside, Program, ReadyProbe, WebRequest},
};

/// Why a sample is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// The service did not answer as expected.
    Service(String),
    /// The test could not be made, which shows nothing about the service.
    FromHere(String),
}

/// One probe, ready to be sent.
pub(super) struct ProbeClient {
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

impl ProbeClient {
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
    pub(super) async fn test(&self) -> Result<(), Unreachable> {
        let answer = tokio::time::timeout(self.timeout, self.how.test(&self.outside, self.timeout)).await;
        let miss = match answer.unwrap_or_else(|_| Err(Unreachable::Service("timeout".into()))) {
            Ok(()) => return Ok(()),
            Err(miss) => miss,
        };
        if let (Unreachable::Service(why), Some(neighbour)) = (&miss, &self.vantage) {
            let reached = tokio::time::timeout(self.timeout, connect(&self.outside, neighbour)).await;
            if !matches!(reached, Ok(Ok(_))) {
                return Err(Unreachable::FromHere(format!("{why}, and {neighbour} does not answer either")));
            }
        }
        Err(miss)
    }
}

/// A client that does not keep connections: a kept connection would hide that an endpoint was removed. It uses no proxy:
/// a proxy may answer from its cache while the service is down.
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("nothing in these settings can fail once a crypto provider is installed")
}

impl How {
    async fn test(&self, outside: &Outside, timeout: Duration) -> Result<(), Unreachable> {
        match self {
            Self::Http(client, url, status, body) => {
                let (got, text) = match (client, outside) {
                    (Some(client), _) => {
                        let answer = client.get(url).timeout(timeout).send().await.map_err(|e| http(&e))?;
                        let got = answer.status().as_u16();
                        (got, answer.text().await.map_err(|e| http(&e))?)
                    }
                    (None, Outside::Simulated(backend)) => {
                        let request = WebRequest { method: "GET".into(), url: url.clone(), body: vec![] };
                        let answer = backend.web(request).await.map_err(Unreachable::Service)?;
                        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
                    }
                    (None, Outside::Here(_)) => return Err(Unreachable::FromHere("there is no HTTP client".into())),
                };
                if got != *status {
                    Err(Unreachable::Service(format!("status {got}")))
                } else if !body.accepts(&text) {
                    Err(Unreachable::Service("unexpected body".into()))
                } else {
                    Ok(())
                }
            }
            Self::Never(why) => Err(Unreachable::FromHere(why.clone())),
            Self::Tcp(address) => connect(outside, address).await.map_err(|e| io(&e)),
            Self::Exec(program) => match outside {
                // A program that was not run has not answered.
                Outside::Simulated(_) => Err(Unreachable::FromHere("a rehearsal does not run programs".into())),
                Outside::Here(here) => program.run(here, timeout).await.map(drop).map_err(|error| match error {
                    ExecError::Start { .. } => Unreachable::FromHere(error.to_string()),
                    _ => Unreachable::Service(error.to_string()),
                }),
            },
        }
    }
}

async fn connect(outside: &Outside, address: &str) -> std::io::Result<()> {
    match outside {
        Outside::Here(_) => tokio::net::TcpStream::connect(address).await.map(drop),
        Outside::Simulated(backend) => backend.connect(address).await,
    }
}

fn http(error: &reqwest::Error) -> Unreachable {
    for cause in causes(error).filter_map(|cause| cause.downcast_ref()) {
        if let Unreachable::FromHere(why) = io(cause) {
            return Unreachable::FromHere(why);
        }
    }
    Unreachable::Service(
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
fn io(error: &std::io::Error) -> Unreachable {
    let ours = matches!(
        error.kind(),
        ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied
    ) || error.raw_os_error().is_some_and(|code| {
        [nix::libc::EMFILE, nix::libc::ENFILE, nix::libc::ENOBUFS, nix::libc::ENOMEM].contains(&code)
    });
    if ours { Unreachable::FromHere(error.kind().to_string()) } else { Unreachable::Service(error.kind().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{BodyRule, Dur, ProbeSpec, UpRule},
        world::Here,
    };

    fn probe_client(kind: ProbeKind, vantage: Option<String>) -> ProbeClient {
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
        ProbeClient::new(&ReadyProbe { spec, program }, Outside::Here(Here::now()), Some(client()))
    }

    fn free_port() -> String {
        let port = std::net::TcpListener::bind("127.0.0.1:0").map(|l| l.local_addr().map(|a| a.port()));
        format!("127.0.0.1:{}", port.ok().and_then(Result::ok).unwrap_or(1))
    }

    #[tokio::test]
    async fn a_refused_connection_is_the_service_unless_the_neighbour_is_gone_too() {
        let dead = free_port();
        let tcp = || ProbeKind::Tcp { address: dead.clone() };
        assert_eq!(probe_client(tcp(), None).test().await, Err(Unreachable::Service("connection refused".into())));
        let lost = probe_client(tcp(), Some(dead.clone())).test().await;
        assert!(matches!(lost, Err(Unreachable::FromHere(_))), "{lost:?}");
        let neighbour = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = neighbour.local_addr().expect("it is bound").to_string();
        assert_eq!(
            probe_client(tcp(), Some(address)).test().await,
            Err(Unreachable::Service("connection refused".into()))
        );
    }

    #[tokio::test]
    async fn what_our_machine_refuses_says_nothing_of_the_service() {
        // Port 0 cannot be connected to from anywhere.
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let url = format!("http://{address}/");
            let http = probe_client(ProbeKind::Http { url, status: 200, body: BodyRule::default() }, None).test().await;
            let tcp = probe_client(ProbeKind::Tcp { address: address.into() }, None).test().await;
            assert_eq!(
                matches!(http, Err(Unreachable::FromHere(_))),
                matches!(tcp, Err(Unreachable::FromHere(_))),
                "{http:?} {tcp:?}"
            );
        }
        let gone = probe_client(ProbeKind::Exec { argv: vec!["/no/such/program".into()] }, None).test().await;
        assert!(matches!(gone, Err(Unreachable::FromHere(_))), "{gone:?}");
        let fails = probe_client(ProbeKind::Exec { argv: vec!["false".into()] }, None).test().await;
        assert!(matches!(fails, Err(Unreachable::Service(_))), "{fails:?}");
    }
}
