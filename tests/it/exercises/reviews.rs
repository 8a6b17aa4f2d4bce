//! Check stages and pauses on a cluster that answers: a simulated one behind a port.

use serde_json::Value;

use crate::front::Front;

const PEOPLE: &str = "apiVersion: drillmaster.dev/v1
kind: People
people:
  - {name: Dora Director, roles: [director]}
  - {name: Pia Player, roles: [player]}
";

/// A playbook with a review and nothing else.
fn playbook(require: &str) -> String {
    format!(
        "apiVersion: drillmaster.dev/v1
kind: Playbook
metadata: {{name: review-only, title: A review, type: functional}}
purpose: To see whether the cluster is ready.
stop: {{phrase: STOP, channel: '#c'}}
roles: {{director: {{}}, player: {{}}}}
objectives: [{{id: O1, text: The team knows, judge: {{rating: director}}}}]
stages:
  - {{id: ready, owner: director, takes: 2m, check: {{for: [zone, restore], require: {require}}}}}
  - {{id: hotwash, owner: director, takes: 1s, review: {{rate: [O1], ask: []}}}}
  - {{id: sign, owner: director, takes: 1s, signOff: {{roles: [director]}}}}
"
    )
}

fn lines(front: &Front, dir: &str, kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(front.dir.path().join(dir).join("journal.jsonl")).unwrap();
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
    all.filter(|event| event["kind"] == kind).collect()
}

fn run(front: &Front, args: &[&str]) -> (i32, String) {
    let out = front.program(args, &[]);
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.code().unwrap(), said)
}

fn prepared(front: &Front, require: &str) -> String {
    front.file("people.yaml", PEOPLE);
    front.file("playbook.yaml", &playbook(require));
    let (code, said) = run(
        front,
        &[
            "exercise",
            "prepare",
            "playbook.yaml",
            "--people",
            "people.yaml",
            "--at",
            "2026-12-03T09:00:00Z",
            "--context",
            "front",
            "--kubeconfig",
            "config",
            "--confirm",
            "front",
        ],
    );
    assert_eq!(code, 0, "{said}");
    said.lines().find(|line| line.starts_with("exercises/")).unwrap().to_owned()
}

/// The review is a process of the program. Its exit code, its verdict and its file are in the journal, and the verdict
/// decides, not the words of a person.
#[test]
fn a_review_is_made_and_judged_by_its_result() {
    let front = Front::open();
    let dir = prepared(&front, "recorded");
    let (code, said) = run(&front, &["exercise", "start", &dir, "--unattended", "defaults"]);
    assert_eq!(code, 0, "{said}");
    let all = lines(&front, &dir, "CheckEnded");
    let [ended] = &all[..] else { panic!("one review") };
    let file = front.dir.path().join(&dir).join("attachments").join(ended["evidence"]["sha256"].as_str().unwrap());
    let review: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(review["verdict"], ended["readiness"], "{ended}");
    assert_eq!((&ended["readiness"], &ended["exit"]), (&"not-ready".into(), &"refused".into()), "{ended}");
    let (code, said) = run(&front, &["verify", &dir]);
    assert!(code == 0 && said.contains("1 attachment(s)"), "{code} {said}");
    // The same cluster where ready is required: the exercise is stopped, and says why.
    let dir = prepared(&front, "ready");
    let (code, said) = run(&front, &["exercise", "start", &dir, "--unattended", "defaults"]);
    assert_eq!(code, 5, "{said}");
    let stopped = lines(&front, &dir, "Stopped").remove(0);
    assert!(stopped["why"].as_str().unwrap().contains("NOT READY (exit code 3"), "{stopped}");
}

/// With people, the cluster is identified when the exercise begins and compared after a pause.
#[test]
fn a_pause_ends_on_the_same_cluster_only() {
    let front = Front::open();
    let dir = prepared(&front, "ready");
    let exercise = |args: &[&str]| run(&front, &[&["exercise"][..], args, &["--as", "Dora Director"]].concat());
    let hash = run(&front, &["exercise", "status", &dir]).1;
    let hash = hash.lines().find_map(|line| line.strip_prefix("hash")).unwrap().trim().to_owned();
    assert_eq!(exercise(&["authorise", &dir, "--hash", &hash]).0, 0);
    let (code, said) = exercise(&["start", &dir]);
    assert!(code == 0 && said.contains("started: the readiness review"), "{said}");
    assert_eq!(lines(&front, &dir, "ClusterIdentified").len(), 1);
    let (code, said) = exercise(&["pause", &dir, "lunch"]);
    assert_eq!(code, 0, "{said}");
    front.file("config", "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n");
    let (code, said) = exercise(&["resume", &dir]);
    assert!(code == 2 && said.contains("could not be checked") && said.contains("--because"), "{said}");
    let (code, said) = exercise(&["resume", &dir, "--because", "no kubeconfig here"]);
    assert_eq!(code, 0, "{said}");
    let resumed = lines(&front, &dir, "Resumed").remove(0);
    assert!(resumed["unchecked"].to_string().contains("no kubeconfig here"), "{resumed}");
    let (_, said) = exercise(&["stop", &dir]);
    assert!(said.contains(": stopped"), "{said}");
}
