//! The board: what each token sees and may do, what other pages may do, and that players learn nothing
//! early. The router is asked without sockets; one test runs the program.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use axum::{Router, body::Body};
use drillmaster::{
    board::{Board, Hosts, Keys, Source, router},
    exercise::{
        Claim, ClusterAccess, Prepare, Role, Session, Verb, authorised_hash, load_people_str, load_str, make_tokens,
        prepare, read,
    },
    journal::RunDir,
};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Desk;

/// A discussion with a gate. What players may not see has the word canary.
const PLAYBOOK: &str = r##"
apiVersion: drillmaster.dev/v1
kind: Playbook
metadata: {name: board-test, title: canary title, version: "1", type: discussion, marking: INTERNAL}
purpose: canary purpose
scope: {in: [Decisions], out: [Technology], assumptions: [canary assumption]}
stop: {phrase: STOP REAL INCIDENT, channel: "#dr-exercise"}
roles:
  director: {notAlso: [player]}
  controller: {}
  player: {min: 2, absent: [canary function]}
objectives:
  - {id: canary-O1, text: canary objective, judge: {rating: director}}
stages:
  - {id: canary-brief, owner: director, takes: 10m, brief: {for: [player], text: Talk to each other}}
  - id: canary-hour
    owner: director
    takes: 4h
    discuss: {for: [player], scene: The screens are dark, ask: [canary question]}
    during:
      - id: canary-call
        after: {start: true, plus: 1m}
        inject: {to: player, as: Press office, text: Are orders lost?, expect: canary expectation, within: 10m}
      - id: canary-decision
        after: {start: true, plus: 2m}
        decide: {role: player, question: Restore now?, options: {restore: nothing, wait: nothing}, within: 3h, default: wait}
      - id: canary-later
        after: {start: true, plus: 2h}
        inject: {to: player, as: canary desk, text: canary inject}
  - id: canary-go
    owner: director
    gate: {ask: director, question: canary gate, goIf: [canary condition], within: 3h, default: refuse}
  - {id: canary-hotwash, owner: director, review: {rate: [canary-O1], ask: [canary hotwash]}}
"##;

const PEOPLE: &str = "apiVersion: drillmaster.dev/v1
kind: People
people:
  - {name: Dora Director, roles: [director]}
  - {name: Cem Controller, roles: [controller], contact: '+49 30 1234'}
  - {name: Pia Player, roles: [player], contact: canary contact}
  - {name: Paul Player, roles: [player]}
  - {name: Tom canary, absent: canary function}
";

fn at(time: &str) -> Timestamp {
    format!("2026-12-03T{time}:00Z").parse().unwrap()
}

/// The time of the board.
fn now() -> Timestamp {
    at("09:20")
}

/// An exercise whose discussion began five minutes ago, and its board.
struct Room {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    source: Source,
    router: Router,
    tokens: BTreeMap<Role, String>,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loaded = load_str("p.yaml", PLAYBOOK, &BTreeMap::new(), &|_, _| None).unwrap_or_else(|p| panic!("{p}"));
        let people = load_people_str("people.yaml", PEOPLE, Some(&loaded.playbook)).unwrap_or_else(|p| panic!("{p}"));
        let prepared = Prepare {
            loaded: &loaded,
            people: &people,
            place: ClusterAccess::Nowhere,
            planned: None,
            carried: vec![],
            now: at("09:00"),
        };
        let (dir, state) = prepare(folder.path(), &prepared).unwrap();
        let room_acts = |verb: Verb, time: &str| {
            let claim = Claim { name: Some("Dora Director".into()), ..Claim::default() };
            Session::open(&dir).unwrap().act(&claim, &verb, at(time)).unwrap_or_else(|e| panic!("{verb:?}: {e}"));
        };
        room_acts(Verb::Authorise { hash: authorised_hash(&state) }, "09:00");
        room_acts(Verb::Start, "09:10");
        room_acts(Verb::Next { skip: None }, "09:15");
        let roles = [Role::Director, Role::Controller, Role::Player];
        let tokens = make_tokens(&dir, roles, now()).unwrap().into_iter().collect();
        let source = Source::open(&dir, now).unwrap();
        let hosts = Hosts::loopback("127.0.0.1:8000".parse().unwrap());
        let board = Board::new(&dir, &source, Keys::Exercise(dir.clone()), hosts, now);
        Self { _folder: folder, dir, router: router(Arc::new(board)), source, tokens }
    }

    fn director(&self, verb: Verb) {
        let claim = Claim { name: Some("Dora Director".into()), ..Claim::default() };
        Session::open(&self.dir).unwrap().act(&claim, &verb, now()).unwrap();
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.dir.join("journal.jsonl")).unwrap()
    }

    /// The answer to a request with these headers: the status, and the first part of the body.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(path);
        let host = headers.iter().any(|(name, _)| *name == "host");
        for (name, value) in headers.iter().chain((!host).then_some(&("host", "127.0.0.1:8000"))) {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let policy = response.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "), "{policy}");
            let status = response.status();
            let first = response.into_body().frame().await.map(|frame| frame.unwrap().into_data().unwrap());
            (status, String::from_utf8(first.unwrap_or_default().to_vec()).unwrap())
        })
    }

    fn get(&self, path: &str, token: &str) -> (StatusCode, String) {
        self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], String::new())
    }

    /// The scripts of the page: the first one, and all that they import.
    fn scripts(&self) -> Vec<String> {
        let (mut paths, mut texts) = (vec!["/board.js".to_owned()], vec![]);
        while let Some(path) = paths.get(texts.len()) {
            let (status, text) = self.get(path, "");
            assert_eq!(status, StatusCode::OK, "{path}");
            for imported in text.split(" from \"").skip(1).filter_map(|rest| rest.split('"').next()) {
                if !paths.iter().any(|path| path == imported) {
                    paths.push(imported.to_owned());
                }
            }
            texts.push(text);
        }
        assert_eq!(texts.len(), 6, "{paths:?}");
        texts
    }

    /// A command from the own page.
    fn post(&self, token: &str, body: &Value) -> (StatusCode, String) {
        let token = format!("Bearer {token}");
        let headers = [("authorization", token.as_str()), ("origin", "http://127.0.0.1:8000")];
        self.ask("POST", "/act", &headers, body.to_string())
    }

    /// What a browser with the token of this role sees now: the text of the first message, and its content.
    fn sees(&mut self, role: Role) -> (String, Value) {
        self.source.refresh();
        let (status, text) = self.get("/events", &self.tokens[&role]);
        assert_eq!(status, StatusCode::OK);
        let data = text.strip_prefix("data:").unwrap_or_else(|| panic!("{text}")).trim();
        assert!(!data.contains('\n'), "one message has one line: {data}");
        (text.clone(), serde_json::from_str(data).unwrap())
    }

    /// What the page sends for an item of the team's board.
    fn item(&mut self, id: &str) -> String {
        let view = self.sees(Role::Director).1["view"]["exercise"].clone();
        let mut all = view["stages"].as_array().unwrap().iter().chain(view["items"].as_array().unwrap());
        all.find(|s| s["id"] == id).unwrap()["item"].as_str().unwrap().to_owned()
    }
}

#[test]
fn without_a_valid_token_there_is_the_page_and_nothing_else() {
    let mut room = Room::new();
    let player = room.tokens[&Role::Player].clone();
    for path in ["/me", "/events"] {
        for token in ["", "x", &player[1..], &player.to_uppercase(), "player"] {
            let (status, text) = room.get(path, token);
            assert_eq!((status, text.as_str()), (StatusCode::UNAUTHORIZED, "give the token of your role"), "{path}");
        }
        // A token in the address counts for nothing.
        assert_eq!(room.get(&format!("{path}?token={player}"), "").0, StatusCode::UNAUTHORIZED);
    }
    let note = json!({"who": "Pia Player", "act": {"note": {"on": "gap", "text": "x"}}});
    assert_eq!(room.post("x", &note).0, StatusCode::UNAUTHORIZED);
    let (_, me) = room.get("/me", &player);
    assert_eq!(
        serde_json::from_str::<Value>(&me).unwrap(),
        json!({"names": ["Pia Player", "Paul Player"], "role": "player"})
    );
    // New tokens end the earlier ones at once, also for what was recorded before.
    assert_eq!(room.post(&player, &note).0, StatusCode::OK);
    room.tokens = make_tokens(&room.dir, [Role::Director, Role::Player], now()).unwrap().into_iter().collect();
    assert_eq!(room.post(&player, &note).0, StatusCode::UNAUTHORIZED);
    assert_eq!(room.get("/events", &player).0, StatusCode::UNAUTHORIZED);
    let new = room.tokens[&Role::Player].clone();
    assert_eq!(room.get("/me", &new).0, StatusCode::OK);
    assert!(
        !room.journal().contains(&new) && !fs::read_to_string(room.dir.join("tokens.json")).unwrap().contains(&new)
    );
}

#[test]
fn other_names_and_other_pages_are_refused() {
    let room = Room::new();
    let token = format!("Bearer {}", room.tokens[&Role::Director]);
    let note = json!({"who": "", "act": {"note": {"on": "gap", "text": "x"}}}).to_string();
    for (method, path, host, origin, wanted) in [
        ("GET", "/", "evil.example:8000", None, StatusCode::MISDIRECTED_REQUEST),
        ("GET", "/events", "evil.example", None, StatusCode::MISDIRECTED_REQUEST),
        ("GET", "/me", "127.0.0.1:8000", Some("http://evil.example"), StatusCode::FORBIDDEN),
        ("POST", "/act", "127.0.0.1:8000", Some("http://evil.example"), StatusCode::FORBIDDEN),
        ("POST", "/act", "127.0.0.1:8000", Some("null"), StatusCode::FORBIDDEN),
        ("POST", "/act", "127.0.0.1:8000", None, StatusCode::FORBIDDEN),
        ("OPTIONS", "/act", "127.0.0.1:8000", Some("http://evil.example"), StatusCode::FORBIDDEN),
        ("POST", "/act", "localhost:8000", Some("http://localhost:8000"), StatusCode::OK),
    ] {
        let mut headers = vec![("host", host), ("authorization", token.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        assert_eq!(room.ask(method, path, &headers, note.clone()).0, wanted, "{method} {path} {host} {origin:?}");
    }
    let long = json!({"who": "", "act": {"note": {"on": "gap", "text": "x".repeat(70_000)}}});
    assert_eq!(room.post(&room.tokens[&Role::Director], &long).0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn a_token_does_what_its_role_may_do_and_no_more() {
    let mut room = Room::new();
    let (director, controller, player) = (
        room.tokens[&Role::Director].clone(),
        room.tokens[&Role::Controller].clone(),
        room.tokens[&Role::Player].clone(),
    );
    let (call, decision) = (room.item("canary-call"), room.item("canary-decision"));
    let inject = json!({"who": "", "act": {"inject": {"item": call}}});
    // A player's board has no inject before it is given, and the error tells nothing.
    let refused = room.post(&player, &json!({"who": "Pia Player", "act": {"inject": {"item": call}}}));
    assert!(refused.0 == StatusCode::CONFLICT && !refused.1.contains("canary"), "{refused:?}");
    assert_eq!(room.post(&controller, &inject).0, StatusCode::OK);
    let answer =
        |who: &str| json!({"who": who, "act": {"decide": {"item": decision, "option": "restore", "text": "now"}}});
    for (token, who) in
        [(&controller, "Cem Controller"), (&player, "Dora Director"), (&player, "Tom canary"), (&player, "")]
    {
        let (status, why) = room.post(token, &answer(who));
        assert!(status == StatusCode::CONFLICT && !why.contains("canary"), "{who}: {why}");
    }
    assert_eq!(room.post(&player, &answer("Paul Player")).0, StatusCode::OK);
    assert!(room.journal().contains(r#""known":"token""#), "{}", room.journal());
    room.director(Verb::Next { skip: Some("no time".into()) });
    let go = room.item("canary-go");
    let answer = |who: &str| json!({"who": who, "act": {"answer": {"item": go, "yes": true, "text": ""}}});
    for (token, who) in [(&player, "Pia Player"), (&player, "Dora Director"), (&controller, "")] {
        assert_eq!(room.post(token, &answer(who)).0, StatusCode::CONFLICT, "{who}");
    }
    let done = room.post(&director, &answer(""));
    assert_eq!(done.0, StatusCode::OK, "{}", done.1);
    assert_eq!(room.post(&director, &answer("")).0, StatusCode::CONFLICT, "a gate is answered once");
    for act in [
        json!({"start": {}}),
        json!({"next": {}}),
        json!({"authorise": {"hash": ""}}),
        json!({"confirm": {"context": "prod"}}),
    ] {
        assert_eq!(room.post(&director, &json!({"who": "", "act": act})).0, StatusCode::BAD_REQUEST, "{act}");
    }
    let stop = json!({"who": "Pia Player", "act": {"stop": {"reason": "incident", "phrase": "stop real incident", "why": ""}}});
    assert_eq!(room.post(&player, &stop).0, StatusCode::OK, "everybody may stop");
    assert_eq!(room.sees(Role::Player).1["view"]["phase"], "stopped");
}

#[test]
fn players_learn_everything_when_it_happens_and_nothing_before() {
    let mut room = Room::new();
    let (before, view) = room.sees(Role::Player);
    assert_eq!(view["view"]["board"], "players");
    for wanted in ["The screens are dark", "Talk to each other", "Restore now?", "+49 30 1234"] {
        assert!(before.contains(wanted), "{wanted}: {before}");
    }
    assert!(!before.contains("Are orders lost?"), "{before}");
    let call = room.item("canary-call");
    room.post(&room.tokens[&Role::Controller], &json!({"who": "", "act": {"inject": {"item": call}}}));
    let recorded = json!({"who": "", "act": {"done": {"item": call, "text": "canary: they were lost"}}});
    assert_eq!(room.post(&room.tokens[&Role::Controller], &recorded).0, StatusCode::OK);
    let note = json!({"who": "", "act": {"note": {"on": "gap", "text": "canary note"}}});
    assert_eq!(room.post(&room.tokens[&Role::Director], &note).0, StatusCode::OK);
    let own = json!({"who": "Pia Player", "act": {"note": {"on": "declared", "text": "this is a disaster"}}});
    assert_eq!(room.post(&room.tokens[&Role::Player], &own).0, StatusCode::OK);
    let (after, _) = room.sees(Role::Player);
    for wanted in ["Are orders lost?", "Press office", "this is a disaster", "disaster declared"] {
        assert!(after.contains(wanted), "{wanted}: {after}");
    }
    let pages = ["/", "/board.css", "/icon.svg", "/me"];
    let player = room.tokens[&Role::Player].clone();
    let pages = pages.map(|path| room.get(path, &player).1).concat() + &room.scripts().concat();
    for text in [&before, &after, &pages] {
        assert!(!text.to_lowercase().contains("canary"), "{text}");
    }
    // The same texts are on the board of the team, so this test can fail.
    let (team, _) = room.sees(Role::Controller);
    for wanted in ["canary title", "canary inject", "canary note", "canary gate", "canary-O1", "canary: they were lost"]
    {
        assert!(team.contains(wanted), "{wanted}: {team}");
    }
}

/// Text of people is inert: it is JSON in one line, and the page makes only text nodes from it.
#[test]
fn hostile_text_is_inert() {
    let mut room = Room::new();
    let evil = "<script>alert(1)</script>\n\nevent: x\ndata: {}\n\n\u{2028}</textarea><img src=x onerror=alert(1)>";
    let note = json!({"who": "", "act": {"note": {"on": "observation", "text": evil}}});
    assert_eq!(room.post(&room.tokens[&Role::Director], &note).0, StatusCode::OK);
    let (text, message) = room.sees(Role::Director);
    assert_eq!(message["view"]["exercise"]["notes"][0]["text"], evil);
    assert_eq!(text.matches("\n\n").count(), 1, "{text}");
    for script in room.scripts() {
        for sink in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"]
        {
            assert!(!script.contains(sink), "{sink}");
        }
    }
    let page = room.get("/", "").1;
    assert!(
        !page.contains("<style") && !page.contains(" style=") && !page.contains("onclick") && !page.contains("http"),
        "{page}"
    );
    assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=\"/").count());
}

#[test]
fn the_run_of_a_drill_is_shown_and_takes_no_command() {
    let desk = Desk::new();
    desk.good(&["rehearse", "zone-outage", "-q"]);
    let dir = desk.path("runs/zone-outage-small-shop-seed-1");
    let before = fs::read(dir.join("journal.jsonl")).unwrap();
    let mut source = Source::open(&dir, now).unwrap();
    source.refresh();
    assert!(!source.is_exercise());
    let token = drillmaster::exercise::new_token("viewer");
    let keys = Keys::Run(drillmaster::exercise::TokenHash::of(&token));
    let hosts = Hosts::loopback("127.0.0.1:8000".parse().unwrap());
    let router = router(Arc::new(Board::new(&dir, &source, keys, hosts, now)));
    let room =
        Room { _folder: tempfile::tempdir().unwrap(), dir: dir.clone(), source, router, tokens: BTreeMap::new() };
    let (_, text) = room.get("/events", &token);
    let message: Value = serde_json::from_str(text.strip_prefix("data:").unwrap()).unwrap();
    let drill = &message["view"]["drill"];
    assert_eq!((&drill["standing"], &drill["rehearsal"]), (&json!("ended"), &json!(true)));
    assert!(
        !drill["title"].as_str().unwrap().contains("REHEARSAL"),
        "the page has the mark elsewhere: {}",
        drill["title"]
    );
    let zones = drill["zones"].as_array().unwrap();
    assert!(zones.len() == 3 && zones.iter().all(|zone| zone["nodesReady"] == zone["nodes"]), "{zones:?}");
    let watches = drill["watches"].as_array().unwrap();
    assert!(
        watches.iter().any(|w| w["counts"] == "rto" && w["stand"] == "judged" && w["outcome"] == "pass"),
        "{watches:?}"
    );
    let cells = drill["probes"][0]["cells"].as_str().unwrap();
    assert!(cells.contains('u') && cells.contains('d') && cells.len() <= 120, "{cells}");
    assert!(drill["alerts"].as_array().unwrap().iter().any(|a| !a["receivedUs"].is_null()), "{}", drill["alerts"]);
    assert!(drill["steps"].as_array().unwrap().iter().all(|step| !step["end"].is_null()), "{}", drill["steps"]);
    assert!(message["logs"][0]["lines"].as_array().unwrap().len() > 5, "{}", message["logs"]);
    let note = json!({"who": "", "act": {"note": {"on": "gap", "text": "x"}}});
    assert_eq!(room.post(&token, &note).0, StatusCode::FORBIDDEN);
    assert_eq!(fs::read(dir.join("journal.jsonl")).unwrap(), before);
    assert!(desk.run(&["verify", dir.to_str().unwrap(), "-q"]).0 != 1, "the board adds no file to the run");
}

/// The stopwatch of the recovery time, at moments of a drill: each is the journal up to a line.
#[test]
fn a_stopwatch_follows_the_drill() {
    let desk = Desk::new();
    desk.good(&["rehearse", "zone-outage", "-q"]);
    let whole = fs::read_to_string(desk.path("runs/zone-outage-small-shop-seed-1/journal.jsonl")).unwrap();
    let lines: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = |wanted: &dyn Fn(&Value) -> bool| lines.iter().position(|line| wanted(&line["event"])).unwrap();
    let failed = |event: &Value| event["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["ok"] == false));
    for (at, stand, standing) in [
        (first(&|event| event["kind"] == "StepStarted"), "waiting", "dead"),
        (first(&failed), "running", "dead"),
        (first(&|event| event["kind"] == "Judged") - 1, "stopped", "dead"),
        (first(&|event| event["kind"] == "RunEnded"), "judged", "ended"),
    ] {
        let text: String = whole.split_inclusive('\n').take(at + 1).collect();
        let dir = desk.path("cut");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("journal.jsonl"), text).unwrap();
        let mut source = Source::open(&dir, now).unwrap();
        source.refresh();
        let view = source.team().borrow().view();
        let view: Value = serde_json::from_str(&view).unwrap();
        let watch = view["drill"]["watches"].as_array().unwrap().iter().find(|w| w["counts"] == "rto").unwrap().clone();
        assert_eq!(
            (&watch["stand"], &view["drill"]["standing"]),
            (&json!(stand), &json!(standing)),
            "line {at}: {watch}"
        );
    }
}

/// Sends a request and reads the answer until it contains a text.
fn over(address: &str, request: &str, until: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    socket.write_all(request.replace('\n', "\r\n").as_bytes()).unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.contains(until) {
        let n = socket.read(&mut buffer).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert!(n > 0, "{text}");
        text += &String::from_utf8_lossy(&buffer[..n]);
    }
    text
}

#[test]
fn the_program_serves_the_page_an_event_and_a_note() {
    let desk = Desk::new();
    let dir = desk.started();
    let refused = desk.bad(&["board", &dir]);
    assert!(refused.contains("drillmaster exercise tokens"), "{refused}");
    let refused = desk.bad(&["board", &dir, "--listen", "0.0.0.0:0"]);
    assert!(refused.contains("--tls-cert") && refused.contains("ssh -L"), "{refused}");
    let tokens = desk.good(&["exercise", "tokens", &dir]);
    let token = tokens.lines().find(|line| line.starts_with("player ")).unwrap().split_whitespace().nth(1).unwrap();
    let mut board = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .current_dir(desk.0.path())
        .args(["board", &dir])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(board.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let address = url.trim().strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let page = over(&address, &format!("GET / HTTP/1.1\nHost: {address}\n\n"), "</html>");
    assert!(page.contains("200 OK") && page.contains("/board.js"), "{page}");
    let event = over(
        &address,
        &format!("GET /events HTTP/1.1\nHost: {address}\nAuthorization: Bearer {token}\n\n"),
        r#""board":"players""#,
    );
    assert!(event.contains("text/event-stream") && event.contains(r#""board":"players""#), "{event}");
    let body =
        json!({"who": "Pia Player", "act": {"note": {"on": "observation", "text": "the pager is silent"}}}).to_string();
    let head = format!(
        "Host: {address}\nOrigin: http://{address}\nAuthorization: Bearer {token}\nContent-Length: {}",
        body.len()
    );
    let answer = over(&address, &format!("POST /act HTTP/1.1\n{head}\n\n{body}"), "said");
    assert!(answer.contains("200 OK"), "{answer}");
    board.kill().unwrap();
    board.wait().unwrap();
    let lines = read(&RunDir(desk.path(&dir))).unwrap().lines;
    let last = format!("{:?}", lines.last().unwrap());
    assert!(last.contains("the pager is silent") && last.contains("Token"), "{last}");
    assert!(Path::new(&desk.path(&dir)).join("tokens.json").exists());
}
