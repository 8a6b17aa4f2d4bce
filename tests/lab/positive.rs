//! Every shipped scenario on the hollow lab, with the rights that `rbac` prints.

use std::process::Command;

use drillmaster::event::Kind;
use serde_json::json;

use super::{
    drill::{Drill, Ended, admin, events, happened, outcomes},
    fidelity::{Bed, LEASES, drill_both},
    hollow::{Hollow, wait_for},
};

/// A kubeconfig with exactly the rights that `rbac SCENARIO` prints.
pub fn least(lab: &Hollow, scenario: &str) -> Drill {
    least_for(lab, scenario, "3h")
}

/// The same, with credentials that expire.
pub fn least_for(lab: &Hollow, scenario: &str, lifetime: &str) -> Drill {
    let admin = admin(lab);
    let printed = admin.command("rbac", scenario, &[]).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let manifests = lab.dir.path().join("rbac.yaml");
    std::fs::write(&manifests, &printed.stdout).unwrap();
    lab.kubectl(&["apply", "-f", manifests.to_str().unwrap()]);
    let token =
        lab.kubectl(&["-n", "drillmaster", "create", "token", "drillmaster", &format!("--duration={lifetime}")]);
    let path = lab.dir.path().join("least.kubeconfig");
    std::fs::copy(&lab.env["KUBECONFIG"], &path).unwrap();
    let file = path.to_str().unwrap().to_owned();
    for args in [
        vec!["config", "set-credentials", "least", "--token", &token],
        vec!["config", "set-context", "least", "--cluster", "hollow", "--user", "least"],
    ] {
        let out = Command::new(&lab.env["KUBECTL"]).arg("--kubeconfig").arg(&file).args(args).output().unwrap();
        assert!(out.status.success());
    }
    Drill::new(&lab.env, "least", "scenarios/bindings/hollow.yaml", &file)
}

/// Runs the drill with the rights that `rbac` prints, and rehearses it on a copy.
fn passes(lab: &Hollow, scenario: &str) -> Ended {
    lab.spread();
    passes_here(lab, scenario)
}

/// The same, but every pod stays where it is.
fn passes_here(lab: &Hollow, scenario: &str) -> Ended {
    let before = lab.picture();
    let drill = least(lab, scenario);
    // The shop of the lab has no volumes, so restores are expected to restore none.
    let set: &[&str] = if scenario.contains("restore") { &["content=none"] } else { &[] };
    let ended = drill_both(&bed(lab, &admin(lab), "hollow, --fast clocks"), &drill, scenario, set);
    before.same(lab);
    ended
}

/// What the nodes and containers of this lab need depends on the hardware, not on the controllers.
fn bed<'a>(lab: &'a Hollow, admin: &'a Drill, name: &'a str) -> Bed<'a> {
    Bed {
        name,
        admin,
        leases: Box::new(|| lab.kubectl(&LEASES)),
        times: json!({"boot": "500ms", "thaw": "500ms", "stop": "1s"}),
        capture: "none",
        control_plane: "none of its nodes",
    }
}

#[test]
#[ignore = "needs the hollow lab"]
fn faults_and_restores_with_least_rights() {
    let lab = Hollow::up(&["--fast"]);
    let ended = passes(&lab, "zone-loss-and-restore");
    let volumes = outcomes(&ended.dir, "volumes none");
    assert!(volumes[0].contains("the namespace has no claim"), "{volumes:?}");
    for scenario in ["zone-outage", "node-power-loss", "node-freeze", "namespace-loss-and-restore"] {
        passes(&lab, scenario);
    }
}

#[test]
#[ignore = "needs the hollow lab"]
fn rolling_drain_and_restore_to_scratch_with_least_rights() {
    let lab = Hollow::up(&["--fast"]);
    // All pods of web are in the zone that is drained. They take 6 s to start, so the budget must refuse.
    let others = ["node-b-0", "node-b-1", "node-c-0", "node-c-1"];
    others.iter().for_each(|node| drop(lab.kubectl(&["cordon", node])));
    lab.spread();
    others.iter().for_each(|node| drop(lab.kubectl(&["uncordon", node])));
    let ended = passes_here(&lab, "rolling-drain");
    let refused = |k: &Kind| matches!(k, Kind::EvictionAnswered { dry_run: false, code: 429, .. });
    let refused = events(&ended.dir).iter().filter(|e| refused(&e.event)).count();
    assert!(refused > 0, "no budget refused an eviction, so the drain tested nothing");
    nightly(&lab);
    passes_here(&lab, "restore-to-scratch");
    assert!(!lab.kubectl(&["get", "namespaces"]).contains("drill-scratch"), "the scratch namespace must be gone");
    assert!(lab.responder.messages.lock().unwrap().iter().any(|m| m.contains("THIS IS A DRILL")));
}

/// Creates a schedule with a Completed backup.
pub fn nightly(lab: &Hollow) {
    let velero = |args: &[&str]| {
        let out = Command::new(&lab.env["VELERO"]).envs(&lab.env).args(args).output().unwrap();
        assert!(out.status.success(), "velero {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    velero(&[
        "schedule",
        "create",
        "nightly",
        "--schedule=0 2 * * *",
        "--include-namespaces=shop",
        "--snapshot-volumes=false",
    ]);
    velero(&["backup", "create", "--from-schedule", "nightly", "--wait"]);
}

#[test]
#[ignore = "needs the hollow lab; ten minutes on Kubernetes' own clocks"]
fn zone_outage_on_default_clocks() {
    let lab = Hollow::up(&["--no-velero"]);
    // The pods of the shop tolerate an outage for 10 s, as in the sample application.
    let patch = r#"{"spec":{"template":{"spec":{"tolerations":[
        {"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":10},
        {"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":10}]}}}}"#;
    lab.kubectl(&["-n", "shop", "patch", "deployment", "web", "--type=merge", "-p", patch]);
    lab.settle();
    let before = lab.picture();
    let bind = lab.dir.path().join("default-clocks.yaml");
    let text = std::fs::read_to_string("scenarios/bindings/hollow.yaml").unwrap();
    std::fs::write(&bind, text.lines().filter(|l| !l.starts_with("clocks:")).collect::<Vec<_>>().join("\n")).unwrap();
    let (mut drill, mut admin) = (least(&lab, "zone-outage"), admin(&lab));
    drill.bind = bind.to_str().unwrap().to_owned();
    admin.bind.clone_from(&drill.bind);
    drill_both(&bed(&lab, &admin, "hollow, default clocks"), &drill, "zone-outage", &[]);
    before.same(&lab);
}

/// Lines that were acknowledged and are gone must be counted, and their age must be reported.
#[test]
#[ignore = "needs the hollow lab"]
fn an_append_log_that_keeps_its_lines_and_one_that_does_not() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let bind = lab.dir.path().join("ledger-bind.yaml");
    let text = std::fs::read_to_string("scenarios/bindings/hollow.yaml").unwrap();
    std::fs::write(&bind, text.replace("values:\n", &format!("values:\n  ledger: \"{}\"\n", lab.responder.ledger)))
        .unwrap();
    let drill = Drill::new(&lab.env, "hollow", bind.to_str().unwrap(), &lab.env["KUBECONFIG"]);
    let ended = drill.run("../tests/lab/append-log", &[]);
    // The log is not on the node that died. If nothing is lost, this proves nothing about the log.
    assert_eq!(ended.code, 4, "{}", ended.said);
    let said = &outcomes(&ended.dir, "loses at most")[0];
    assert!(said.starts_with("inconclusive") && said.contains("every line was acknowledged"), "{said}");
    before.same(&lab);

    lab.spread();
    let before = lab.picture();
    let last = drill.newest();
    let mut child = drill.start("../tests/lab/append-log", &[]);
    wait_for("the power to go", 60, || {
        drill.newest() != last && happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. }))
    });
    // Removes two seconds of acknowledged lines, as if they had never been durable.
    let mut lines = lab.responder.lines.lock().unwrap();
    let kept = lines.len() - 8;
    lines.truncate(kept);
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = &outcomes(&drill.newest(), "loses at most")[0];
    assert!(said.starts_with("fail: orders: RPO ") && said.contains("8 acknowledged lines lost"), "{said}");
    let rpo: f64 = said["fail: orders: RPO ".len()..].split(' ').next().unwrap().parse().unwrap();
    assert!((1.0..=4.0).contains(&rpo), "{said}");
    before.same(&lab);
}

#[test]
#[ignore = "needs the hollow lab"]
fn steps_that_no_shipped_scenario_uses() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let marker = lab.dir.path().join("marker");
    // The secret is in a file, because the process that undoes this after a crash has another environment.
    let word = lab.dir.path().join("word");
    std::fs::write(&word, "hunter22").unwrap();
    let bind = lab.dir.path().join("all-steps-bind.yaml");
    let tcp = lab.responder.storefront.trim_start_matches("http://").trim_end_matches("/healthz").to_owned();
    let text = std::fs::read_to_string("scenarios/bindings/hollow.yaml").unwrap();
    let values = format!(
        "secrets:\n  word: {{file: {}}}\nvalues:\n  tcp: \"{tcp}\"\n  hook: \"{}\"\n",
        word.display(),
        lab.responder.webhook
    );
    std::fs::write(&bind, text.replace("values:\n", &values)).unwrap();
    let mut drill = Drill::new(&lab.env, "hollow", bind.to_str().unwrap(), &lab.env["KUBECONFIG"]);
    let set = format!("marker={}", marker.display());
    let ended = drill.run("../tests/lab/all-steps", &["--set", &set, "--approve-gate", "may we"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(!marker.exists(), "the undo of the exec step must run");
    let journal = std::fs::read_to_string(ended.dir.join("journal.jsonl")).unwrap();
    assert!(!journal.contains("hunter22"), "the secret must not be in the journal");
    let force = |k: &Kind| matches!(k, Kind::FaultApplied { fault, .. } if fault.0.starts_with("by force/shop/orders"));
    assert!(events(&ended.dir).iter().any(|e| force(&e.event)), "a hanging pod must be deleted by force");
    assert!(lab.responder.messages.lock().unwrap().iter().any(|m| m.contains("all-steps begins")));
    before.same(&lab);
    // Nobody approves and there is no terminal. The default is to refuse, so nothing is touched.
    lab.spread();
    let before = lab.picture();
    drill.runs = drill.runs.with_file_name("refused");
    let ended = drill.run("../tests/lab/all-steps", &["--set", &set]);
    assert_eq!(ended.code, 5, "{}", ended.said);
    assert!(ended.said.contains("because there is no terminal to ask at"));
    before.same(&lab);
}

#[test]
#[ignore = "needs the hollow lab"]
fn an_approved_plan_and_what_the_pre_flight_refuses() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    lab.spread();
    let before = lab.picture();
    let drill = admin(&lab);
    let file = lab.dir.path().join("plan.json");
    let file = file.to_str().unwrap();
    let out = drill.command("plan", "zone-outage", &["--out", file]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let plan: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let hash = plan["hash"].as_str().unwrap();
    let ended = drill.run("zone-outage", &["--plan", file]);
    assert_eq!(ended.code, 2, "{}", ended.said);
    assert!(ended.said.contains("this plan is not approved"));
    let ended = drill.run("zone-outage", &["--plan", file, "--approve-plan", hash, "--set", "zone=b"]);
    assert_eq!(ended.code, 2, "{}", ended.said);
    assert!(ended.said.contains("the plan is not the one that was approved"));
    let ended = drill.run("zone-outage", &["--plan", file, "--approve-plan", hash]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    before.same(&lab);
    // Without Velero, no drill that needs it begins.
    let ended = drill.run("namespace-loss-and-restore", &[]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    assert!(ended.said.contains("refused: velero-server"), "{}", ended.said);
    // With the rights of another scenario, the missing rights are named.
    lab.spread();
    let before = lab.picture();
    let ended = least(&lab, "zone-outage").run("rolling-drain", &[]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    assert!(ended.said.contains("patch nodes"), "{}", ended.said);
    before.same(&lab);
}
