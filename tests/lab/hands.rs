//! Changes from outside on real control planes. What people do during a drill is reported with its author, stays, and
//! is charged to nobody else.

use std::{path::PathBuf, process::Command};

use drillmaster::event::Kind;
use serde_json::Value;

use super::{
    drill::{Drill, admin, outcomes, report, wait_for_event},
    hollow::{Hollow, wait_for},
};

const HEAD: &str = "apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: hands, title: Others work here too}
hypothesis: What others do is told, and stays.
scope: {namespaces: [shop], critical: [deployment/web]}
limits: {duration: 10m, nodes: 34%, zones: 1}
";

/// A scenario that a test writes.
fn written(drill: &Drill, steps: &str) -> String {
    let file = drill.runs.with_file_name("hands.yaml");
    std::fs::write(&file, format!("{HEAD}{steps}")).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Starts a drill, and waits until it has acted.
fn acted(drill: &Drill, scenario: &str) -> (std::process::Child, PathBuf) {
    let last = drill.newest();
    let child = drill.start(scenario, &[]);
    wait_for("the run to begin", 60, || drill.newest() != last);
    let dir = drill.newest();
    wait_for_event(&dir, "the fault", 90, |k| matches!(k, Kind::FaultApplied { .. }));
    (child, dir)
}

/// The changes by others in the report, each in a sentence.
fn told(report: &Value) -> Vec<String> {
    let lines = report["changedOutside"].as_array().unwrap();
    lines.iter().map(|line| line["said"].as_str().unwrap().to_owned()).collect()
}

fn has(lines: &[String], words: &[&str]) -> bool {
    lines.iter().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
#[ignore = "needs the hollow lab"]
fn a_workload_is_scaled_down_while_its_pods_are_deleted() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    let steps = "steps:
  - {name: lost pods, deletePods: {workload: deployment/web, count: 1}}
  - {name: a while, wait: {for: 6s}}
expect:
  - replicas: {workload: deployment/web, ready: 3, within: 2m}
";
    let (mut child, dir) = acted(&drill, &written(&drill, steps));
    std::thread::sleep(std::time::Duration::from_secs(1));
    lab.kubectl(&["-n", "shop", "scale", "deployment/web", "--replicas=2"]);
    let began = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{:?}", outcomes(&dir, "deployment/web"));
    assert!(began.elapsed().as_secs() < 200, "the drill must not wait for what was removed from outside");
    let report = report(&dir);
    assert!(has(&told(&report), &["kubectl", "scaled deployment/web to 2"]), "{:?}", told(&report));
    let because = &outcomes(&dir, "deployment/web has 3 ready")[0];
    assert!(because.contains("scaled deployment/web to 2"), "{because}");
    let replicas = lab.kubectl(&["-n", "shop", "get", "deployment/web", "-o", "jsonpath={.spec.replicas}"]);
    assert_eq!(replicas, "2", "the change from outside must stay");
}

#[test]
#[ignore = "needs the hollow lab"]
fn a_cordon_and_an_edit_are_told_and_stay() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    let (mut child, dir) = acted(&drill, "node-power-loss");
    lab.kubectl(&["cordon", "node-c-1"]);
    lab.set_currency("USD");
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 4)), "{code:?}");
    let report = report(&dir);
    let told = told(&report);
    assert!(has(&told, &["kubectl", "cordoned node/node-c-1"]), "{told:?}");
    assert!(has(&told, &["kubectl", "edited configmap/settings"]), "{told:?}");
    let ending = report["ending"].as_str().unwrap();
    assert!(!ending.contains("the cluster is as before") && ending.contains("node/node-c-1 is cordoned"), "{ending}");
    assert_eq!(lab.kubectl(&["get", "node", "node-c-1", "-o", "jsonpath={.spec.unschedulable}"]), "true");
    assert_eq!(lab.currency(), "USD");
    // Nothing that the drill itself and Kubernetes did may be reported as a change from outside.
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
#[ignore = "needs the hollow lab"]
fn a_pod_is_deleted_in_a_drain() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    let (mut child, dir) = acted(&drill, "rolling-drain");
    let pods = lab.kubectl(&["-n", "shop", "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}"]);
    let victims: Vec<&str> = pods.split(' ').collect();
    let delete = [&["-n", "shop", "delete", "pod", "--ignore-not-found", "--wait=false"][..], &victims[..]].concat();
    lab.kubectl(&delete);
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(4)), "{code:?}: {:?}", outcomes(&dir, ""));
    let report = report(&dir);
    assert!(has(&told(&report), &["an unknown author", "deleted pod/web-"]), "{:?}", told(&report));
    let budgets = outcomes(&dir, "budgets are kept");
    assert!(!budgets[0].starts_with("fail"), "{budgets:?}");
}

/// The audit log comes from a real API server, which starts a new file again and again.
#[test]
#[ignore = "needs the hollow lab"]
fn the_audit_log_names_who_deleted() {
    let lab = Hollow::audited(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    let log = Hollow::audit_log(lab.dir.path());
    let steps = "steps:
  - {name: lost pods, deletePods: {workload: deployment/web, count: 1}}
  - {name: a while, wait: {for: 40s}}
expect:
  - replicas: {workload: deployment/web, ready: 3, within: 2m}
";
    let last = drill.newest();
    let mut child = drill.start(&written(&drill, steps), &["--audit-log", log.to_str().unwrap()]);
    wait_for("the run to begin", 60, || drill.newest() != last);
    let dir = drill.newest();
    wait_for_event(&dir, "the fault", 90, |k| matches!(k, Kind::FaultApplied { .. }));
    let mut deleted = vec![];
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_secs(8));
        let name = &["-n", "shop", "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"];
        deleted.push(lab.kubectl(name));
        lab.kubectl(&[
            "--as=alice@example.com",
            "--as-group=system:masters",
            "-n",
            "shop",
            "delete",
            "pod",
            &deleted[deleted.len() - 1],
        ]);
    }
    let code = child.wait().unwrap().code();
    let told = told(&report(&dir));
    for pod in &deleted {
        assert!(has(&told, &["alice@example.com", &format!("deleted pod/{pod}")]), "{code:?}: {pod}: {told:?}");
    }
    assert!(!has(&told, &["an unknown author"]), "{told:?}");
    assert_eq!(told.len(), deleted.len(), "what the drill and the controllers deleted is theirs: {told:?}");
    let files = std::fs::read_dir(lab.dir.path()).unwrap();
    let files = files.filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().starts_with("audit-"));
    assert!(files.count() > 1, "the API server did not start a new file, so this was not tested");
}

#[test]
#[ignore = "needs the hollow lab"]
fn a_page_is_answered_with_a_silence() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    let steps = "steps:
  - {name: outage, killNodes: {nodes: [node-a-0], how: kill}}
  - {name: a while, wait: {for: 90s}}
  - {name: back, heal: {fault: outage}}
expect:
  - alert: {name: NodeNotReady, forEach: target.node, firesWithin: 80s}
";
    let (mut child, dir) = acted(&drill, &written(&drill, steps));
    let active = |k: &Kind| {
        matches!(k, Kind::AlertSeen { source, name, state, .. }
            if name == "NodeNotReady" && source.starts_with("alertmanager") && state == "active")
    };
    wait_for_event(&dir, "the page", 80, active);
    // As long as Alertmanager may wait before it notifies people, plus the time of a look.
    std::thread::sleep(std::time::Duration::from_secs(40));
    let stamp = |more: &str| {
        let script = format!("date -u +%Y-%m-%dT%H:%M:%SZ{more}");
        String::from_utf8(Command::new("sh").args(["-c", &script]).output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let silence = serde_json::json!({
        "matchers": [{"name": "alertname", "value": "NodeNotReady", "isRegex": false, "isEqual": true}],
        "startsAt": stamp(""), "endsAt": stamp(" -d '+1 hour'"), "createdBy": "alice", "comment": "on it",
    });
    let url = format!("{}/api/v2/silences", lab.env["ALERTMANAGER_URL"]);
    let body = silence.to_string();
    let sent = Command::new("curl").args(["-fsS", "-H", "content-type: application/json", "-d", &body, &url]).status();
    assert!(sent.unwrap().success());
    child.wait().unwrap();
    let alert = outcomes(&dir, "alert NodeNotReady");
    assert!(alert[0].starts_with("pass") && alert[0].contains("alice silenced"), "{alert:?}");
    let ending = report(&dir)["ending"].as_str().unwrap().to_owned();
    assert!(ending.contains("is silenced by alice"), "{ending}");
}

/// On kind: containers that are restarted from outside, and a real kube-controller-manager.
mod kind {
    use super::{super::kind::Lab, *};

    #[test]
    #[ignore = "needs the kind lab"]
    fn e_a_survivor_is_restarted() {
        let lab = Lab::new();
        let (mut child, dir) = acted(&lab.drill, "node-power-loss");
        let taken: Vec<String> = super::super::drill::events(&dir)
            .iter()
            .filter_map(|e| match &e.event {
                Kind::FaultApplied { fault, .. } => fault.0.rsplit('/').next().map(str::to_owned),
                _ => None,
            })
            .collect();
        let hosts =
            lab.kubectl(&["-n", "shop", "get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}"]);
        let survivor = hosts.split(' ').find(|node| !taken.iter().any(|t| t == node)).unwrap().to_owned();
        let restarted = Command::new("docker").args(["restart", &survivor]).status();
        assert!(restarted.unwrap().success());
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 4)), "{code:?}: {:?}", outcomes(&dir, ""));
        let report = report(&dir);
        assert!(has(&told(&report), &["restarted", &format!("node/{survivor}")]), "{:?}", told(&report));
        let failed: Vec<String> = outcomes(&dir, "").into_iter().filter(|o| o.starts_with("fail")).collect();
        assert_eq!(failed, Vec::<String>::new(), "the outage of the survivor must not be charged to the fault");
        lab.settle();
    }

    #[test]
    #[ignore = "needs the kind lab"]
    fn f_a_workload_is_scaled_down() {
        let lab = Lab::new();
        let (mut child, dir) = acted(&lab.drill, "node-power-loss");
        lab.kubectl(&["-n", "shop", "scale", "deployment/web", "--replicas=2"]);
        let began = std::time::Instant::now();
        let code = child.wait().unwrap().code();
        let waited = began.elapsed().as_secs();
        lab.kubectl(&["-n", "shop", "scale", "deployment/web", "--replicas=3"]);
        assert!(matches!(code, Some(4)), "{code:?}: {:?}", outcomes(&dir, ""));
        let report = report(&dir);
        assert!(has(&told(&report), &["kubectl", "scaled deployment/web to 2"]), "{:?}", told(&report));
        let ending = report["ending"].as_str().unwrap();
        assert!(ending.contains("deployment/web of namespace shop has replicas=2"), "{ending}");
        assert!(waited < 600, "the drill must not wait for what was removed from outside: {waited} s");
        lab.settle();
    }
}
