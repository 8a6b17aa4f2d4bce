//! The addresses of a board. Each answer has headers that let the page load only its own script and style. Without a
//! valid token there is the page, which asks for one, and nothing else. Start with [`router`].

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify, watch};

use super::{
    act::{Refused, act},
    allowed::Hosts,
    players::PlayersBoard,
    seat::{Keys, Seat},
    source::Source,
    stream::{Feed, events},
    team::TeamView,
};
use crate::exercise::{People, Role, TokenHash};

/// The largest command.
const LARGEST: usize = 64 << 10;
/// How long a command may take to arrive.
const ARRIVES: Duration = Duration::from_secs(10);

/// What a page may load: its own script, style and icon, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Everything that requests need.
pub struct Board {
    dir: Option<PathBuf>,
    keys: Keys,
    hosts: Hosts,
    now: fn() -> Timestamp,
    team: watch::Receiver<Feed<TeamView>>,
    players: watch::Receiver<Feed<PlayersBoard>>,
    wake: Arc<Notify>,
    acting: Mutex<()>,
}

impl Board {
    /// A board for what a source reads from a directory.
    pub fn new(dir: &Path, source: &Source, keys: Keys, hosts: Hosts, now: fn() -> Timestamp) -> Self {
        Self {
            dir: source.is_exercise().then(|| dir.to_owned()),
            keys,
            hosts,
            now,
            team: source.team(),
            players: source.players(),
            wake: Arc::new(Notify::new()),
            acting: Mutex::new(()),
        }
    }

    /// Wakes the source after a command.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// The token of a request, and its seat.
    fn seat(&self, headers: &HeaderMap) -> Option<(TokenHash, Seat)> {
        let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let token = TokenHash::of(given.trim());
        self.keys.seat(&token).map(|seat| (token, seat))
    }
}

/// The scripts of the page, by their addresses.
const SCRIPTS: [(&str, &str); 6] = [
    ("/board.js", include_str!("page/board.js")),
    ("/commands.js", include_str!("page/commands.js")),
    ("/connection.js", include_str!("page/connection.js")),
    ("/drill.js", include_str!("page/drill.js")),
    ("/elements.js", include_str!("page/elements.js")),
    ("/exercise.js", include_str!("page/exercise.js")),
];

/// The service of a board.
pub fn router(board: Arc<Board>) -> Router {
    let mut pages = Router::new()
        .route("/", get(|| async { file("text/html; charset=utf-8", include_str!("page/board.html")) }))
        .route("/board.css", get(|| async { file("text/css; charset=utf-8", include_str!("page/board.css")) }))
        .route("/icon.svg", get(|| async { file("image/svg+xml", include_str!("page/icon.svg")) }));
    for (path, text) in SCRIPTS {
        pages = pages.route(path, get(move || async move { file("text/javascript; charset=utf-8", text) }));
    }
    pages
        .route("/me", get(me))
        .route("/events", get(stream))
        .route("/act", post(command))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(Arc::clone(&board), guard))
        .with_state(board)
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

/// Refuses requests to other names and from other pages, and adds the headers to each answer.
async fn guard(State(board): State<Arc<Board>>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if !board.hosts.answers(request.headers()) {
        (StatusCode::MISDIRECTED_REQUEST, "this board does not have this name").into_response()
    } else if !board.hosts.trusts(request.headers(), changes) {
        (StatusCode::FORBIDDEN, "this request does not come from the page of this board").into_response()
    } else {
        next.run(request).await
    };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn no_token() -> Response {
    (StatusCode::UNAUTHORIZED, "give the token of your role").into_response()
}

fn answer(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// Who somebody is: the role, and the names of the people who have it.
async fn me(State(board): State<Arc<Board>>, headers: HeaderMap) -> Response {
    let Some((_, seat)) = board.seat(&headers) else { return no_token() };
    let named = |role: Role| board.dir.as_deref().map(|dir| names(dir, role)).unwrap_or_default();
    answer(&json!({"role": seat.role(), "names": seat.role().map(named).unwrap_or_default()}))
}

fn names(dir: &Path, role: Role) -> Vec<String> {
    let Ok(people) = People::read(dir) else { return vec![] };
    people.with(role).map(|person| person.name.clone()).filter(|name| !name.is_empty()).collect()
}

async fn stream(State(board): State<Arc<Board>>, headers: HeaderMap) -> Response {
    match board.seat(&headers) {
        Some((token, Seat::Players)) => {
            events(board.players.clone(), board.keys.clone(), token, board.now).into_response()
        }
        Some((token, Seat::Team(_) | Seat::Viewer)) => {
            events(board.team.clone(), board.keys.clone(), token, board.now).into_response()
        }
        None => no_token(),
    }
}

async fn command(State(board): State<Arc<Board>>, headers: HeaderMap, request: Request) -> Response {
    let Some((_, seat)) = board.seat(&headers) else { return no_token() };
    let (Some(role), Some(dir)) = (seat.role(), board.dir.clone()) else {
        return (StatusCode::FORBIDDEN, "this board only shows a drill").into_response();
    };
    let body = match tokio::time::timeout(ARRIVES, to_bytes(request.into_body(), LARGEST)).await {
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
        Ok(Err(_)) => return (StatusCode::PAYLOAD_TOO_LARGE, "this is longer than 64 KiB").into_response(),
        Ok(Ok(body)) => body,
    };
    // One command after another: each takes the lock of the directory.
    let _turn = board.acting.lock().await;
    let now = (board.now)();
    let done = tokio::task::spawn_blocking(move || act(&dir, role, &body, now)).await;
    board.wake.notify_one();
    match done {
        Ok(Ok(said)) => answer(&json!({ "said": said })),
        Ok(Err(Refused::Unreadable(why))) => (StatusCode::BAD_REQUEST, why).into_response(),
        Ok(Err(Refused::Impossible(why))) => (StatusCode::CONFLICT, why).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
