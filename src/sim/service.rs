//! The wire between a client and the simulated API server: latency, and all trouble that a network or a server can
//! make. It does not know what a request means; that is the concern of `api`. A request that was sent is processed even
//! if nobody waits for its answer any more, as on a real server. Read [`client`] first.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use tokio::{
    sync::{Notify, mpsc::UnboundedReceiver},
    time::Instant,
};

use super::{
    api::{self, ApiAnswer, Call},
    control_plane::Door,
    dice::Dice,
    happens::Nonsense,
    state::State,
    trouble::{Fate, Troubles},
};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Sent = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// The power supply of the runner's machine. Without power, nothing leaves that machine. When the power comes back, the
/// process was only frozen: it then sends what it was about to send.
#[derive(Clone, Debug, Default)]
pub struct Plug(Arc<Power>);

#[derive(Debug, Default)]
struct Power {
    pulled: AtomicBool,
    pull: Notify,
    push: Notify,
}

impl Plug {
    /// Switches the power off.
    pub fn pull(&self) {
        self.0.pulled.store(true, Ordering::SeqCst);
        self.0.pull.notify_one();
    }

    /// Switches the power on again.
    pub fn push(&self) {
        self.0.pulled.store(false, Ordering::SeqCst);
        self.0.push.notify_waiters();
    }

    /// Whether the power is off.
    pub fn is_pulled(&self) -> bool {
        self.0.pulled.load(Ordering::SeqCst)
    }

    /// Waits until the power is off.
    pub async fn pulled(&self) {
        while !self.is_pulled() {
            self.0.pull.notified().await;
        }
    }

    /// Waits until there is power.
    pub async fn powered(&self) {
        loop {
            let pushed = self.0.push.notified();
            if !self.is_pulled() {
                return;
            }
            pushed.await;
        }
    }
}

/// A cluster, shared by its API server, its controllers and its network.
pub(super) struct Shared {
    state: Mutex<State>,
    /// When this cluster was started, in the time of tokio and in simulated microseconds.
    began: (Instant, u64),
    pub changed: Notify,
    /// A machine got something back, so requests that hang may continue.
    pub thawed: Notify,
    latency: Mutex<Dice>,
    pub trouble: Troubles,
}

impl Shared {
    pub(super) fn new(state: State, seed: u64) -> Self {
        Self {
            began: (Instant::now(), state.now_us),
            state: Mutex::new(state),
            changed: Notify::new(),
            thawed: Notify::new(),
            latency: Mutex::new(Dice::new(seed, "latency")),
            trouble: Troubles::new(seed),
        }
    }

    /// Locks the state of the cluster and sets its time to now.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, began_us) = self.began;
        state.now_us = began_us.saturating_add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        state
    }

    pub(super) fn instant(&self, us: u64) -> Instant {
        let (began, began_us) = self.began;
        began + Duration::from_micros(us.saturating_sub(began_us))
    }

    fn latency(&self) -> Duration {
        let mut dice = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_millis(1 + dice.below(6))
    }
}

/// Returns a client of the simulated API server.
pub(super) fn client(shared: &Arc<Shared>, plug: &Plug) -> kube::Client {
    let (shared, plug) = (Arc::clone(shared), plug.clone());
    let service = tower::service_fn(move |request: Request<Body>| {
        // Latency and fate are drawn when the request enters, so that their order is the order of the requests.
        let (latency, fate) = (shared.latency(), shared.trouble.fate(request.method(), request.uri()));
        let (shared, plug) = (Arc::clone(&shared), plug.clone());
        let serving = serve(shared, request, latency, fate);
        // A request that has left the machine is processed, even if its sender is gone.
        let task = if plug.is_pulled() { Err(serving) } else { Ok(tokio::spawn(serving)) };
        async move {
            match task {
                Ok(task) => task.await.map_err(Error::from)?,
                Err(serving) => {
                    plug.powered().await;
                    tokio::spawn(serving).await.map_err(Error::from)?
                }
            }
        }
    });
    kube::Client::new(service, "default")
}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Body>,
    latency: Duration,
    fate: Fate,
) -> Result<Response<Sent>, Error> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let query = parse_query(parts.uri.query().unwrap_or(""));
    tokio::time::sleep(latency).await;
    if !enters(&shared).await {
        return Err("connection refused".into());
    }
    let nonsense = shared.state().nonsense("api");
    match nonsense {
        None => {}
        Some(Nonsense::Gone) => return Err("connection refused".into()),
        Some(Nonsense::Hangs) => std::future::pending().await,
        Some(Nonsense::Says(code, body)) => return whole(code, body.into()),
    }
    match fate {
        Fate::Unavailable => {
            return status(503, "ServiceUnavailable", "the server is currently unable to handle the request");
        }
        Fate::Failed => {
            return status(500, "InternalError", "an error on the server has prevented the request from succeeding");
        }
        Fate::Throttled => {
            return status(
                429,
                "TooManyRequests",
                "the server has received too many requests and has asked us to try again later",
            );
        }
        // The server gives this answer if an object has changed meanwhile. A GET or a POST cannot get it.
        Fate::Conflict if parts.method != Method::GET && parts.method != Method::POST => {
            return status(
                409,
                "Conflict",
                "the object has been modified; please apply your changes to the latest version and try again",
            );
        }
        Fate::Slow => tokio::time::sleep(Duration::from_secs(3)).await,
        Fate::Hangs => std::future::pending().await,
        _ => {}
    }
    let ends = query.get("timeoutSeconds").and_then(|t| t.parse().ok()).unwrap_or(1800);
    let content_type = parts.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    let answer = {
        let mut state = shared.state();
        if fate == Fate::WatchesCut {
            state.store.drop_watches();
        }
        if fate == Fate::WatchesStall {
            state.store.stall_watches();
        }
        let call =
            Call { method: &parts.method, path: parts.uri.path(), query, content_type: &content_type, body: &bytes };
        if fate == Fate::Twice {
            // The network delivers the request, loses the answer, and delivers the request again.
            api::handle(&mut state, &call);
        }
        api::handle(&mut state, &call)
    };
    if parts.method != Method::GET {
        shared.changed.notify_one();
    }
    if fate == Fate::LostAnswer {
        return Err("connection reset by peer".into());
    }
    match answer {
        ApiAnswer::Whole(code, bytes) => dated(&shared, whole(code, bytes)?),
        ApiAnswer::Stream(lines, stalled) => {
            Ok(Response::new(stream(&shared, lines, stalled, Duration::from_secs(ends))))
        }
    }
}

/// Whether the API server accepts a request. If the API server is frozen, this waits until it is unfrozen.
async fn enters(shared: &Shared) -> bool {
    loop {
        let thawed = shared.thawed.notified();
        match shared.state().control_plane.door() {
            Door::Open => return true,
            Door::Refuses => return false,
            Door::Hangs => {}
        }
        thawed.await;
    }
}

fn status(code: u16, reason: &str, message: &str) -> Result<Response<Sent>, Error> {
    whole(code, api::refuse(code, reason, message).to_string().into_bytes())
}

/// A server whose clock is wrong reveals it in the `Date` header.
fn dated(shared: &Shared, mut response: Response<Sent>) -> Result<Response<Sent>, Error> {
    let state = shared.state();
    if state.clock_is_wrong("api") {
        let date = state.wall().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        response.headers_mut().insert("date", date.parse()?);
    }
    Ok(response)
}

fn whole(code: u16, bytes: Vec<u8>) -> Result<Response<Sent>, Error> {
    let response = Response::builder().status(code).header("content-type", "application/json");
    Ok(response.body(Full::new(Bytes::from(bytes)).boxed_unsync())?)
}

/// The body of a watch: its lines, for as long as the client asked. The last line is a bookmark, unless the watch is
/// stalled.
fn stream(shared: &Arc<Shared>, lines: UnboundedReceiver<Bytes>, stalled: Arc<AtomicBool>, ends: Duration) -> Sent {
    let shared = Arc::clone(shared);
    let last = futures_util::stream::once(async move {
        if stalled.load(Ordering::Relaxed) { None } else { Some(shared.state().store.bookmark()) }
    });
    let last = last.filter_map(std::future::ready);
    let lines = futures_util::stream::unfold(lines, |mut lines| async { lines.recv().await.map(|line| (line, lines)) });
    let lines = lines.take_until(tokio::time::sleep(ends)).chain(last);
    StreamBody::new(lines.map(|line| Ok(Frame::data(line)))).boxed_unsync()
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// Decodes percent-encoding.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = vec![];
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(h, 16).ok()))
            .flatten();
        match (hex, bytes[at]) {
            (Some(byte), _) => {
                out.push(byte);
                at += 2;
            }
            (None, b'+') => out.push(b' '),
            (None, byte) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
