//! What players may not see is in none of their papers. A canary stands in every text of a playbook; those in fields
//! that players may see are listed here, and all others must not appear.

use std::collections::BTreeMap;

use drillmaster::{
    board::PlayersBoard,
    exercise::{
        Audience, By, Content, Known, KnownExercise, LoadedPlaybook, NoteOn, People, Person, PersonId, Playbook,
        Rating, Role, Stage, State, StopFor, What, papers,
    },
    scenario::Problems,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Every field of a playbook has a value: one stage does everything, and its item too.
fn full() -> Value {
    let role = json!({"deputy": "controller", "notAlso": ["player"], "min": 1, "absent": ["x"]});
    let words = ["sponsor", "director", "controller", "evaluator", "safety", "scribe", "player"];
    let roles: serde_json::Map<_, _> = words.iter().map(|word| ((*word).to_owned(), role.clone())).collect();
    let manual = json!({"role": "player", "task": "x", "within": "3m", "evidence": "text"});
    json!({
        "apiVersion": "drillmaster.dev/v1", "kind": "Playbook",
        "metadata": {"name": "x", "title": "x", "version": "x", "type": "functional", "marking": "x"},
        "purpose": "x",
        "planUnderTest": {"title": "x", "version": "x", "file": "x"},
        "controls": {"x": ["x"]},
        "vars": {"x": "x"},
        "scope": {"in": ["x"], "out": ["x"], "assumptions": ["x"]},
        "stop": {"phrase": "x", "channel": "x"},
        "roles": roles,
        "objectives": [{"id": "x", "text": "x", "tier": 1, "rto": "8m", "rpo": "9m",
            "judge": {"expect": ["x"], "from": "x", "to": "x", "within": "5m", "rating": "evaluator"}}],
        "stages": [{
            "id": "x", "owner": "director", "takes": "45m",
            "brief": {"for": ["player"], "text": "x"},
            "discuss": {"for": ["player"], "scene": "x", "ask": ["x"]},
            "manual": manual,
            "check": {"for": ["zone"], "require": "ready"},
            "gate": {"ask": "director", "question": "x", "goIf": ["x"], "within": "15m", "default": "go"},
            "scenario": {"use": "x", "set": {"x": "x"}, "hold": [{"before": "x", "until": "x"}]},
            "review": {"rate": ["x"], "ask": ["x"]},
            "signOff": {"roles": ["director"], "tell": ["x"], "keep": "x"},
            "during": [{
                "id": "x", "after": {"step": "x", "alertReceived": "x", "item": "x", "start": true, "plus": "2m"},
                "inject": {"to": "player", "as": "x", "text": "x", "expect": "x", "within": "5m"},
                "manual": manual,
                "decide": {"role": "player", "question": "x", "options": {"x": "release"}, "within": "4m", "default": "x"},
            }],
        }],
    })
}

/// The texts that players may see.
const SEEN: [&str; 11] = [
    "/metadata/name",
    "/metadata/marking",
    "/planUnderTest/title",
    "/planUnderTest/version",
    "/planUnderTest/file",
    "/scope/in/0",
    "/scope/out/0",
    "/stop/phrase",
    "/stop/channel",
    "/stages/0/brief/text",
    "/kind",
];

/// Puts a canary into each free text, one after another, and into each key of a map of the user.
fn canaries(value: &mut Value, path: &str, found: &mut BTreeMap<String, String>) {
    let canary = |path: &str| {
        format!("canary{}", path.chars().map(|c| if c.is_alphanumeric() { c } else { '9' }).collect::<String>())
    };
    match value {
        Value::String(text) if text.as_str() == "x" => {
            *text = canary(path);
            found.insert(path.to_owned(), text.clone());
        }
        Value::Array(items) => {
            items.iter_mut().enumerate().for_each(|(i, item)| canaries(item, &format!("{path}/{i}"), found));
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                canaries(item, &format!("{path}/{key}"), found);
            }
            if let Some(item) = map.remove("x") {
                let key = canary(&format!("{path}/key"));
                found.insert(format!("{path}/key"), key.clone());
                map.insert(key, item);
            }
        }
        _ => {}
    }
}

/// The playbook, and its canaries by the way to them.
fn loaded() -> (LoadedPlaybook, BTreeMap<String, String>) {
    with_canaries(full())
}

fn with_canaries(mut value: Value) -> (LoadedPlaybook, BTreeMap<String, String>) {
    let mut found = BTreeMap::new();
    canaries(&mut value, "", &mut found);
    let playbook: Playbook = serde_json::from_value(value).unwrap();
    let set = BTreeMap::new();
    let loaded = LoadedPlaybook {
        playbook,
        uses: BTreeMap::new(),
        text: String::new(),
        file: "f".into(),
        set,
        warnings: Problems::default(),
    };
    (loaded, found)
}

/// All formats of the papers of an audience.
fn text(loaded: &LoadedPlaybook, audience: Audience) -> String {
    let at = Some("2026-12-03T09:00:00Z".parse().unwrap());
    let mut all = String::new();
    for file in papers(loaded, None, at, audience) {
        match file.content {
            Content::Paper(paper) => all += &(paper.html() + &paper.markdown()),
            // A long line is folded.
            Content::Calendar(text) => all += &text.replace("\r\n ", ""),
        }
    }
    all
}

/// A field that is added to the playbook must be added to `full` too: what a value does not mention, it gets by default,
/// and then it would be null or empty here.
#[test]
fn the_playbook_of_this_test_has_every_field() {
    fn empty(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(path.to_owned()),
            Value::String(text) if text.is_empty() => found.push(path.to_owned()),
            Value::Array(items) if items.is_empty() => found.push(path.to_owned()),
            Value::Object(map) if map.is_empty() => found.push(path.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| empty(item, &format!("{path}/{i}"), found))
            }
            Value::Object(map) => map.iter().for_each(|(key, item)| empty(item, &format!("{path}/{key}"), found)),
            _ => {}
        }
    }
    let mut found = vec![];
    empty(&serde_json::to_value(loaded().0.playbook).unwrap(), "", &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn players_see_only_what_they_may() {
    let (loaded, canaries) = loaded();
    let text = text(&loaded, Audience::Players);
    for (path, canary) in &canaries {
        let seen = SEEN.contains(&path.as_str());
        assert_eq!(text.contains(canary.as_str()), seen, "{path}");
    }
    assert!(canaries.len() > 40, "{}", canaries.len());
}

/// The same canaries are in the papers of the others, so that the test above can fail.
#[test]
fn the_others_see_what_players_may_not() {
    let (loaded, canaries) = loaded();
    let text = text(&loaded, Audience::Controllers) + &text(&loaded, Audience::Evaluators);
    for path in [
        "/metadata/title",
        "/purpose",
        "/roles/player/absent/0",
        "/objectives/0/text",
        "/stages/0/during/0/inject/text",
    ] {
        assert!(text.contains(canaries[path].as_str()), "{path}");
    }
}

/// The papers that `prepare` writes are those of the test above.
#[test]
fn the_folder_of_players_tells_nothing() {
    let desk = super::Desk::new();
    let dir = desk.prepared("annual-dr-exercise");
    for file in ["hand-out.html", "hand-out.md", "announcement.html", "announcement.md", "calendar.ics"] {
        let text = desk.read(&format!("{dir}/papers/players/{file}"));
        // The style sheet is the same on every page, and names parts of other pages.
        let text = match (text.find("<style>"), text.find("</style>")) {
            (Some(from), Some(to)) => text[..from].to_owned() + &text[to..],
            _ => text,
        };
        for secret in ["loses power", "deleted", "tech lead", "newspaper", "zone", "restore-now", "O1"] {
            assert!(!text.contains(secret), "{file} tells {secret}");
        }
        assert!(text.replace("\r\n ", "").contains("STOP REAL INCIDENT"), "{file}");
    }
    assert!(desk.read(&format!("{dir}/papers/controllers/run-sheet.md")).contains("tech lead"));
}

/// Text of people and playbooks is inert in every format.
#[test]
fn hostile_texts_are_inert() {
    let (mut loaded, _) = loaded();
    let evil = "<script>alert(1)</script>\u{1b}[31m\u{202e}|[x](javascript:y)\r\nBEGIN:VEVENT\n# h";
    loaded.playbook.metadata.marking = evil.into();
    loaded.playbook.metadata.name = evil.into();
    loaded.playbook.metadata.title = evil.into();
    loaded.playbook.stop.phrase = evil.into();
    loaded.playbook.stages[0].id = evil.into();
    let at = Some("2026-12-03T09:00:00Z".parse().unwrap());
    for audience in Audience::ALL {
        for file in papers(&loaded, None, at, audience) {
            match file.content {
                Content::Paper(paper) => {
                    let html = paper.html();
                    assert!(
                        !html.contains("<script>alert") && !html.contains('\u{1b}') && !html.contains('\u{202e}'),
                        "{}",
                        file.name
                    );
                    let mut reader = quick_xml::Reader::from_str(html.trim_start_matches("<!DOCTYPE html>"));
                    while !matches!(
                        reader.read_event().unwrap_or_else(|e| panic!("{}: {e}", file.name)),
                        quick_xml::events::Event::Eof
                    ) {}
                    // An escaped bracket begins no link.
                    let markdown = paper.markdown().replace("\\]", "");
                    assert!(
                        !markdown.contains("<script>")
                            && !markdown.contains('\u{1b}')
                            && !markdown.contains("](javascript"),
                        "{markdown}"
                    );
                }
                Content::Calendar(text) => {
                    let begins = text.lines().filter(|line| *line == "BEGIN:VEVENT").count();
                    assert_eq!(begins, text.matches("UID:").count(), "{text}");
                    assert!(!text.contains('\u{1b}'));
                }
            }
        }
    }
}

/// What the board shows to players before and while everything happens at once.
#[test]
fn the_board_of_players_shows_only_what_happened() {
    let mut value = full();
    // On the board, a stage and an item do one thing each.
    let stage = value["stages"][0].clone();
    let one = |of: &Value, keep: &str, all: &[&str], id: usize| {
        let mut one = of.clone();
        let map = one.as_object_mut().unwrap();
        all.iter().filter(|key| **key != keep).for_each(|key| drop(map.remove(*key)));
        map.insert("id".into(), json!(format!("id{id}")));
        one
    };
    let does = ["inject", "manual", "decide"];
    let items = does.iter().enumerate().map(|(i, key)| one(&stage["during"][0], key, &does, 100 + i));
    let items: Vec<Value> = items.collect();
    let acts = Stage::ACTS.iter().enumerate().map(|(i, key)| {
        let mut made = one(&stage, key, &Stage::ACTS, i);
        made["during"] = if *key == "discuss" { json!(items) } else { json!([]) };
        made
    });
    value["stages"] = acts.collect();
    value["stages"][4]["gate"]["ask"] = json!("player");
    let (loaded, canaries) = with_canaries(value);
    let person = |name: &str, role: Option<Role>| Person {
        id: PersonId(name.into()),
        name: format!("canary {name}"),
        roles: role.into_iter().collect(),
        ..Person::default()
    };
    let people = People { people: vec![person("away", None), person("eva", Some(Role::Evaluator))] };
    let mut known = KnownExercise { loaded, people, state: State::default(), head: String::new(), stray: 0 };
    let board = |known: &KnownExercise| serde_json::to_string(&PlayersBoard::of(known, false)).unwrap();
    let seen = |text: &str, more: &[&str]| {
        for (path, canary) in &canaries {
            let wanted = SEEN.contains(&path.as_str()) || more.contains(&path.as_str());
            assert_eq!(text.contains(canary.as_str()), wanted, "{path}: {text}");
        }
        assert!(!text.contains("canary away"), "{text}");
    };
    seen(&board(&known), &[]);
    let now = Timestamp::UNIX_EPOCH;
    let by = By {
        person: PersonId("eva".into()),
        role: Role::Evaluator,
        known: Known::Asserted,
        because: "canary why".into(),
    };
    let mut events = vec![What::Started { by: by.clone(), unattended: false }];
    events.extend((0..8).map(|i| What::StageOpened { stage: format!("id{i}"), by: by.clone() }));
    events.extend((100..103).map(|i| What::ItemDue { item: format!("id{i}"), due: now }));
    events.push(What::InjectGiven { item: "id100".into(), by: by.clone() });
    events.push(What::Noted { by: by.clone(), on: NoteOn::Gap, text: "canary secret".into(), kept: None });
    let answer = |item: &str| What::Answered {
        item: item.into(),
        option: String::new(),
        answer: "canary secret".into(),
        by: by.clone(),
        late: false,
        evidence: None,
    };
    events.extend([answer("id100"), answer("id101")]);
    events.push(What::Rated { objective: "x".into(), rating: Rating::U, by: by.clone(), why: "canary secret".into() });
    events.push(What::RoleAbsent { role: Role::Director, by: by.clone(), why: "canary secret".into() });
    events.push(What::Stopped { by: Some(by), how: StopFor::Gate, why: "canary secret".into(), phrase: false });
    events.iter().for_each(|event| known.state.take(now, event));
    let text = board(&known);
    seen(
        &text,
        &[
            "/stages/1/discuss/scene",
            "/stages/2/manual/task",
            "/stages/4/gate/question",
            "/stages/4/gate/goIf/0",
            "/stages/1/during/0/inject/text",
            "/stages/1/during/0/inject/as",
            "/stages/1/during/1/manual/task",
            "/stages/1/during/2/decide/question",
            "/stages/1/during/2/decide/options/key",
        ],
    );
    assert!(!text.contains("canary secret") && !text.contains("canary why"), "{text}");
}
