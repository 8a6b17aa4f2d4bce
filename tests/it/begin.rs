//! What must be right before a drill begins: the approval covers what the drill does, and everything that the undo
//! needs exists.

use super::front::Front;

const BINDINGS: &str = "apiVersion: drillmaster.dev/v1\nkind: Bindings\nenvironment: own-kind\nannounce: URL/ok\n";

const SCENARIO: &str = "apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: begins, title: t}
hypothesis: h
scope: {namespaces: [shop], critical: [deployment/web]}
probes:
  - {name: p, http: {url: \"URL/readyz\", body: {regex: ok}}, up: {successes: 2, over: 1s}}
steps:
  - {name: fault, exec: {argv: [\"true\"], undo: [\"true\"]}}
expect:
  - budgets: {everyCriticalPodCovered: true}
limits: {nodes: 34%, zones: 1, duration: 2m}
";

fn said(out: &std::process::Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

pub fn front() -> Front {
    let front = Front::open();
    front.file("s.yaml", SCENARIO);
    front.file("b.yaml", BINDINGS);
    front
}

/// Writes the plan into a file. Returns its hash.
fn planned(front: &Front, more: &[&str]) -> String {
    let place = ["--context", "front", "--kubeconfig", "config", "--bindings", "b.yaml", "--out", "plan.json"];
    let out = front.program(&[&["plan", "s.yaml"][..], &place, more].concat(), &[]);
    assert!(matches!(out.status.code(), Some(0 | 3)), "{}", said(&out));
    let text = std::fs::read_to_string(front.dir.path().join("plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    plan["hash"].as_str().unwrap().to_owned()
}

fn approved(front: &Front, hash: &str, more: &[&str]) -> (Option<i32>, String) {
    let approval = ["--plan", "plan.json", "--approve-plan", hash];
    let out = front.run("s.yaml", "b.yaml", &[], &[&approval, more].concat());
    (out.status.code(), said(&out))
}

#[test]
fn an_approval_covers_acts_bindings_and_node_host() {
    let front = front();
    let hash = planned(&front, &[]);
    assert_eq!(hash, planned(&front, &[]), "the hash of a plan must not depend on the name of the run");
    let (code, text) = approved(&front, &hash, &[]);
    assert_eq!(code, Some(0), "{text}");
    let host = "nodeHost: {exec: {kill: ['true', '{node}'], start: ['true'], state: [echo, running], running: running, off: off}}\n";
    for (what, bindings) in [
        ("the webhook", BINDINGS.replace("/ok", "/echo")),
        ("a value", format!("{BINDINGS}values: {{a: b}}\n")),
        ("a node host", format!("{BINDINGS}{host}")),
    ] {
        front.file("b.yaml", &bindings);
        let (code, text) = approved(&front, &hash, &[]);
        // The plan contains only the host of the webhook's URL.
        if what == "the webhook" {
            assert_eq!(code, Some(0), "{what}: {text}");
            continue;
        }
        assert_eq!(code, Some(2), "{what}: {text}");
        assert!(text.contains("the plan is not the one that was approved"), "{what}: {text}");
    }
    front.file("b.yaml", BINDINGS);
    front.file("s.yaml", &SCENARIO.replace("undo: [\"true\"]", "undo: [\"false\"]"));
    let (code, text) = approved(&front, &hash, &[]);
    assert!(code == Some(2) && text.contains("the plan is not the one that was approved"), "{text}");
}

/// The audit log is part of the plan, so the person who approves it must be able to plan with it.
#[test]
fn an_approval_covers_the_audit_log() {
    let front = front();
    front.file("audit.log", "");
    let log = ["--audit-log", "audit.log"];
    let hash = planned(&front, &log);
    let (code, text) = approved(&front, &hash, &log);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = approved(&front, &hash, &[]);
    assert!(code == Some(2) && text.contains("--audit-log"), "{text}");
}

/// The audit log of the cluster uses this name to tell our requests from those of others.
#[test]
fn every_request_says_that_it_is_drillmasters() {
    let front = front();
    planned(&front, &[]);
    let agents = Vec::from_iter(front.agents());
    assert_eq!(agents, [concat!("drillmaster/", env!("CARGO_PKG_VERSION"))]);
}

/// The last step creates a folder at the path of the report, so that the report cannot be written.
#[test]
fn a_report_that_is_lost_is_no_success() {
    let front = front();
    let runs = front.dir.path().join("runs");
    let step =
        format!("  - {{name: full, exec: {{argv: [sh, -c, 'cd {}/* && mkdir report.html']}}}}\n", runs.display());
    front.file("s.yaml", &SCENARIO.replace("expect:", &format!("{step}expect:")));
    let out = front.run("s.yaml", "b.yaml", &[], &[]);
    let text = said(&out);
    assert_eq!(out.status.code(), Some(74), "{text}");
    assert!(text.contains("a report could not be written") && text.contains("exit 0: passed"), "{text}");
}

#[test]
fn a_plan_that_was_edited_or_is_of_another_version_is_no_approval() {
    let front = front();
    let hash = planned(&front, &[]);
    let file = front.dir.path().join("plan.json");
    let plan: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    type Edit = (&'static str, fn(&mut serde_json::Value), &'static str);
    let edits: [Edit; 4] = [
        ("an act", |p| p["steps"][0]["acts"][0]["does"] = "false".into(), "its hash does not match"),
        ("the bindings", |p| p["bindings"] = "0".into(), "its hash does not match"),
        ("an old one", |p| p["format"] = "1.0".into(), "write a new plan with `drillmaster plan"),
        ("no plan", |p| p["scenario"] = 1.into(), "this file is not a plan"),
    ];
    for (what, edit, word) in edits {
        let mut edited = plan.clone();
        edit(&mut edited);
        std::fs::write(&file, edited.to_string()).unwrap();
        let (code, text) = approved(&front, &hash, &[]);
        assert!(code == Some(2) && text.contains(word), "{what}: {text}");
    }
}

#[test]
fn an_undo_whose_program_is_nowhere_does_not_begin() {
    let front = front();
    front.file("s.yaml", &SCENARIO.replace("undo: [\"true\"]", "undo: [no-such-program, x]"));
    let out = front.run("s.yaml", "b.yaml", &[], &[]);
    let text = said(&out);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(
        text.contains("runs `no-such-program`, which cannot be found") && text.contains("nothing was touched"),
        "{text}"
    );
    assert!(Front::files(&front.dir.path().join("runs")).is_empty());
}

#[test]
fn a_backup_lasts_until_the_undo_has_no_more_time() {
    let backup = "  - {name: kept, backup: {namespaces: [shop], volumes: fileSystem, ttl: 10m}}\n  - {name: fault,";
    let text = SCENARIO.replace("  - {name: fault,", backup);
    let load = |text: &str| {
        drillmaster::scenario::load_str("s.yaml", text, &Default::default())
            .err()
            .map(|p| p.to_string())
            .unwrap_or_default()
    };
    let refused = load(&text);
    assert!(refused.contains("the backup expires after 10m") && refused.contains("s.yaml:"), "{refused}");
    assert!(refused.contains("write `ttl: 32m` or more"), "{refused}");
    assert!(load(&text.replace("ttl: 10m", "ttl: 500ms")).contains("expires after 500ms"));
    assert_eq!(load(&text.replace("ttl: 10m", "ttl: 32m")), "");
    // A flag gives the undo more time than lint assumes.
    let front = front();
    front.file("s.yaml", &text.replace("ttl: 10m", "ttl: 40m"));
    front.file("b.yaml", &format!("{BINDINGS}volumes: {{unreadableBecause: nobody looks}}\n"));
    let out = front.run("s.yaml", "b.yaml", &[], &["--unwind-within", "1h"]);
    let text = said(&out);
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.contains("expires after 40m, which may be before the drill and its undo end (1h2m"), "{text}");
}
