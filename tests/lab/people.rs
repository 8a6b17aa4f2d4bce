//! What people do to a run in progress: they stop it, hold it, send signals, and type answers at a terminal.

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use drillmaster::{
    event::{Actor, Kind},
    model::StopHow,
};
use nix::sys::signal::Signal;

use super::{
    drill::{Drill, admin, binary, events, happened, open_faults, outcomes, signal},
    hollow::{Hollow, wait_for},
};

fn broken(drill: &Drill, more: &[&str]) -> Child {
    let last = drill.newest();
    let child = drill.start("zone-outage", more);
    wait_for("both nodes to be away", 60, || {
        let dir = drill.newest();
        dir != last && events(&dir).iter().filter(|e| matches!(e.event, Kind::FaultApplied { .. })).count() == 2
    });
    child
}

fn stop(drill: &Drill, how: &str) {
    let out = binary().arg("stop").arg(drill.newest()).arg(how).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
#[ignore = "needs the hollow lab"]
fn held_stopped_and_hurried() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let drill = admin(&lab);
    // The run is held, and nothing changes. Then it continues, and everything is put back.
    let mut child = broken(&drill, &["--no-reaper"]);
    stop(&drill, "--hold");
    wait_for("the hold", 10, || {
        happened(&drill.newest(), |k| matches!(k, Kind::StopAsked { how, .. } if *how == StopHow::Hold))
    });
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(open_faults(&drill.newest()), 2, "a held run must not undo anything");
    stop(&drill, "--unwind");
    assert_eq!(child.wait().unwrap().code(), Some(5));
    before.same(&lab);
    let service = outcomes(&drill.newest(), "storefront");
    assert!(!service[0].starts_with("pass: storefront: never failed"), "{service:?}");
    // A real incident: the drill is undone, and people are notified.
    lab.spread();
    let before = lab.picture();
    let mut child = broken(&drill, &["--no-reaper"]);
    stop(&drill, "--real-incident");
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(lab.responder.messages.lock().unwrap().iter().any(|m| m.contains("REAL INCIDENT")));
    before.same(&lab);
    // The second signal: the undo does not verify its result for long.
    lab.spread();
    let before = lab.picture();
    let mut child = broken(&drill, &["--no-reaper"]);
    signal(&child, Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::SIGINT);
    let code = child.wait().unwrap().code().unwrap();
    assert!(matches!(code, 5 | 7), "ended with {code}");
    if code == 7 {
        let ended = drill.recover();
        assert_eq!(ended.code, 0, "{}", ended.said);
    }
    before.same(&lab);
    // The third signal: the drill stops at once, and prints the command that finishes it.
    lab.spread();
    let before = lab.picture();
    let mut child = broken(&drill, &[]);
    for _ in 0..3 {
        signal(&child, Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(child.wait().unwrap().code(), Some(7));
    let said = std::fs::read_to_string(drill.runs.join("log")).unwrap();
    assert!(said.contains("finish with    drillmaster recover"), "{said}");
    // Nobody may take the run over without the operator.
    std::thread::sleep(Duration::from_secs(3));
    let dir = drill.newest();
    assert!(!happened(&dir, |k| matches!(k, Kind::SessionOpened { actor: Actor::Reaper, .. })));
    let ended = drill.recover();
    assert_eq!(ended.code, 0, "{}", ended.said);
    before.same(&lab);
}

/// If the detached reaper would end with its job, another machine can watch the run.
#[test]
#[ignore = "needs the hollow lab"]
fn another_machine_stands_by() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let drill = admin(&lab);
    let elsewhere = lab.dir.path().join("elsewhere");
    let log = lab.dir.path().join("standby.log");
    let mut standby = binary();
    standby.envs(&lab.env).args(["standby", "--dead-after", "5s", "--context", "hollow", "--runs"]);
    standby.arg(&elsewhere).args(["--kubeconfig", &drill.kubeconfig, "--bindings", &drill.bind]);
    let mut standby = standby.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut child = broken(&drill, &["--no-reaper"]);
    std::thread::sleep(Duration::from_secs(6));
    assert!(!elsewhere.exists(), "the stand-by must not touch a living run");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the stand-by to finish", 120, || std::fs::read_to_string(&log).is_ok_and(|t| t.contains("undone:")));
    standby.kill().unwrap();
    standby.wait().unwrap();
    before.same(&lab);
    // If another machine is needed, the run must say so.
    lab.spread();
    let mut drill = drill;
    drill.env.insert("CI".into(), "true".into());
    let mut child = broken(&drill, &[]);
    signal(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    let told = |k: &Kind| matches!(k, Kind::Noted { text } if text.contains("this process runs in a CI job, which would also end the detached reaper"));
    assert!(happened(&drill.newest(), told));
}

/// Runs the drill on its own terminal, and types these lines.
fn at_a_terminal(drill: &Drill, lines: &str) -> (i32, String) {
    let mut command = drill.command("run", "../tests/lab/gated", &[]);
    command.env("TERM", "xterm");
    // The confirmation must be typed.
    let argv: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|a| a.to_str().unwrap().to_owned())
        .collect();
    let confirm = argv.iter().position(|a| a == "--confirm").unwrap();
    let argv: Vec<&str> =
        argv.iter().enumerate().filter(|(i, _)| *i != confirm && *i != confirm + 1).map(|(_, a)| a.as_str()).collect();
    let mut child = Command::new("script")
        .args(["-qec", &argv.join(" "), "/dev/null"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .envs(&drill.env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(lines.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    drop(keyboard);
    (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
#[ignore = "needs the hollow lab"]
fn typed_at_a_terminal() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let drill = admin(&lab);
    let (code, said) = at_a_terminal(&drill, "kind-lab\n");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("not confirmed"), "{said}");
    let (code, said) = at_a_terminal(&drill, "hollow\nn\n");
    assert_eq!(code, 5, "{said}");
    assert!(happened(
        &drill.newest(),
        |k| matches!(k, Kind::GateAnswered { approved: false, by, .. } if by.contains("at the terminal"))
    ));
    let (code, said) = at_a_terminal(&drill, "hollow\ny\n");
    assert_eq!(code, 0, "{said}");
    assert!(happened(
        &drill.newest(),
        |k| matches!(k, Kind::GateAnswered { approved: true, by, .. } if by.contains("at the terminal"))
    ));
    before.same(&lab);
}

/// Autoscaling removes a node that is down, and adds another one to its pool.
#[test]
#[ignore = "needs the hollow lab"]
fn a_node_is_replaced_while_it_is_dark() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    for node in lab.kubectl(&["get", "nodes", "-o", "name"]).lines() {
        lab.kubectl(&["label", node, "karpenter.sh/nodepool=general"]);
    }
    // There are no alerts about a node that is gone, so this drill expects none.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/node-power-loss.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("  - name: page received\n    wait: {until: alerted, atMost: 3m}\n", "");
    let quiet: Vec<&str> = text.lines().filter(|l| !l.contains("alert: {")).collect();
    let file = lab.dir.path().join("quiet.yaml");
    std::fs::write(&file, quiet.join("\n")).unwrap();
    let drill = admin(&lab);
    let mut child = drill.start(file.to_str().unwrap(), &["--no-reaper"]);
    let mut lost = String::new();
    wait_for("the node to be away", 60, || {
        events(&drill.newest()).iter().any(|e| match &e.event {
            Kind::FaultApplied { fault, .. } => {
                lost = fault.0.split('/').next_back().unwrap().to_owned();
                true
            }
            _ => false,
        })
    });
    let mut node: serde_json::Value =
        serde_json::from_str(&lab.kubectl(&["get", "node", &lost, "-o", "json"])).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    lab.kubectl(&["delete", "node", &lost, "--wait=false"]);
    let labels = node["metadata"]["labels"].clone();
    node["metadata"] = serde_json::json!({"name": "newcomer", "labels": labels});
    node["metadata"]["labels"]["kubernetes.io/hostname"] = "newcomer".into();
    node["metadata"]["labels"]["lab/kubelet"] = "alive".into();
    node["spec"] = serde_json::json!({});
    let file = lab.dir.path().join("newcomer.json");
    std::fs::write(&file, node.to_string()).unwrap();
    lab.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    let code = child.wait().unwrap().code();
    let dir = drill.newest();
    let replaced = |k: &Kind| matches!(k, Kind::FaultReplaced { evidence, .. } if evidence.contains("newcomer"));
    assert!(
        happened(&dir, replaced),
        "ended with {code:?}: {}",
        std::fs::read_to_string(drill.runs.join("log")).unwrap()
    );
    assert_eq!(open_faults(&dir), 0);
}
