//! What machines do by themselves during a drill, and a zone whose loss takes parts of the platform away. On a cluster
//! of `cluster up` with six workers.

use std::process::Command;

use drillmaster::event::Kind;

use super::{
    docker,
    faults::{Bed, picture},
};
use crate::{
    drill::{events, happened, open_faults, outcomes, report, wait_for_event},
    hollow::{scripts, wait_for},
};

/// The process id of the lab's own engine. A test must not restart a service of the machine.
const PID: &str = "/run/drill-lab-docker.pid";

fn restart_engine() {
    let pid = std::fs::read_to_string(PID).unwrap();
    let kill = |signal: &str| Command::new("kill").args([signal, pid.trim()]).status().unwrap().success();
    assert!(kill("-TERM"));
    wait_for("the engine to end", 60, || !kill("-0"));
    assert!(Command::new(scripts().join("kind/docker-up")).status().unwrap().success());
}

/// The picture without addresses, because an engine that restarts assigns new ones.
fn shape(picture: &[String]) -> Vec<String> {
    let address = regex::Regex::new(r"172\.\d+\.\d+\.\d+").unwrap();
    picture.iter().map(|line| address.replace_all(line, "ADDRESS").into_owned()).collect()
}

fn all_lost(bed: &Bed, nodes: usize) {
    wait_for("the run to begin", 120, || bed.drill.newest().join("journal.jsonl").is_file());
    wait_for("the zone to be dark", 120, || {
        events(&bed.drill.newest()).iter().filter(|e| matches!(e.event, Kind::FaultApplied { .. })).count() == nodes
    });
}

#[test]
#[ignore = "needs a container engine, the lab's node image and its ports; ten minutes"]
fn a_zone_takes_velero_and_prometheus_with_it() {
    let bed = Bed::new("three-zones");
    let pin = r#"{"spec":{"template":{"spec":{"affinity":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":100,"preference":{"matchExpressions":[{"key":"topology.kubernetes.io/zone","operator":"In","values":["a"]}]}}]}}}}}}"#;
    for (namespace, name) in [("velero", "velero"), ("monitoring", "prometheus")] {
        bed.kubectl(&["-n", namespace, "patch", "deployment", name, "--patch", pin]);
        bed.kubectl(&["-n", namespace, "rollout", "status", &format!("deployment/{name}"), "--timeout=180s"]);
        let place =
            ["-n", namespace, "get", "pods", "-o", "jsonpath={range .items[*]}{.metadata.name}={.spec.nodeName} {end}"];
        let on: Vec<String> =
            bed.kubectl(&place).split(' ').filter(|p| p.starts_with(&format!("{name}-"))).map(str::to_owned).collect();
        assert!(on.iter().all(|p| p.ends_with("=drill-worker") || p.ends_with("=drill-worker4")), "{on:?}");
    }
    // Prometheus starts again, and evaluates its rules only some seconds later.
    wait_for("the Watchdog to fire again", 90, || {
        let asked = Command::new("curl").args(["-fsS", "http://127.0.0.1:30090/api/v1/alerts"]).output().unwrap();
        String::from_utf8_lossy(&asked.stdout).contains("Watchdog")
    });
    // The program that would report alerts is lost, too, so it cannot be shown that they came in time.
    let ended = bed.ends(4, "zone-loss-and-restore", &[]);
    assert!(outcomes(&ended.dir, "volumes identical")[0].contains("have the same checksums as before"));
    let alert = &outcomes(&ended.dir, "alert NodeNotReady")[0];
    assert!(alert.starts_with("inconclusive") && alert.contains("no usable answer"), "{alert}");
    let others = outcomes(&ended.dir, "").into_iter().filter(|o| !o.starts_with("pass")).count();
    assert_eq!(others, 1, "{:?}", outcomes(&ended.dir, ""));

    // A part of the zone: one of its two machines.
    let part = bed.of("part", "killNodes: {zone: a, count: 1, how: kill}", &["sleep", "20"]);
    // The outage of twenty seconds ends before Kubernetes notices it, so nothing shows that it had an effect.
    let ended = bed.ends(4, &part, &[]);
    let lost = events(&ended.dir).iter().filter(|e| matches!(e.event, Kind::FaultApplied { .. })).count();
    assert_eq!(lost, 1);
}

/// The container engine powers the machines on before the drill does, and with other addresses. The drill must say that
/// its outage ended too early, and everything must be as before.
#[test]
#[ignore = "needs the lab's container engine, its node image and its ports; ten minutes"]
fn the_engine_is_restarted_while_a_zone_is_dark() {
    let bed = Bed::new("three-zones");
    let before = shape(&bed.before);
    let as_before = || shape(&picture(&bed.nodes)) == before;
    bed.settle();
    let mut child = bed.drill.start("zone-outage", &[]);
    all_lost(&bed, 2);
    restart_engine();
    let code = child.wait().unwrap().code();
    let dir = bed.drill.newest();
    let said = std::fs::read_to_string(bed.drill.runs.join("log")).unwrap();
    eprintln!("{said}");
    assert_eq!((code, open_faults(&dir)), (Some(1), 0));
    assert!(said.contains("the outage ended too early"));
    wait_for("the nodes to be as before", 120, as_before);

    // The same, but the runner is dead, and `recover` puts the rest back.
    bed.settle();
    let mut child = bed.drill.start("zone-outage", &["--no-reaper"]);
    wait_for("the run to begin", 120, || bed.drill.newest() != dir);
    all_lost(&bed, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    restart_engine();
    let ended = bed.drill.recover();
    assert_eq!((ended.code, open_faults(&ended.dir)), (0, 0), "{}", ended.said);
    assert_eq!(report(&ended.dir)["exit"], "aborted");
    wait_for("the nodes to be as before", 120, as_before);
}

/// The lowest address is used by something else while a zone is down, so its machines come back with other addresses.
/// Each machine adopts its new address, and the report says so. Another machine dies by itself meanwhile, and its
/// engine restarts it once.
#[test]
#[ignore = "needs a container engine, the lab's node image and its ports; six minutes"]
fn addresses_move_and_a_machine_dies_by_itself() {
    let bed = Bed::new("three-zones");
    let before = shape(&bed.before);
    bed.settle();
    let mut child = bed.drill.start("zone-outage", &[]);
    all_lost(&bed, 2);
    let squatter = ["run", "--detach", "--name", "drill-squatter", "--network", "kind", "versity/versitygw:v1.8.0"];
    docker(&[&squatter[..], &["--port", ":7070", "posix", "/tmp"]].concat());
    let witness = "drill-worker2";
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", witness]);
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    wait_for("the engine to start it again", 60, || {
        docker(&["inspect", "--format", "{{.State.Running}} {{.RestartCount}}", witness]) == "true 1"
    });
    let code = child.wait().unwrap().code();
    let dir = bed.drill.newest();
    eprintln!("{}", std::fs::read_to_string(bed.drill.runs.join("log")).unwrap());
    docker(&["rm", "--force", "drill-squatter"]);
    // The other death may prevent the drill from showing something, but must not make anything fail.
    assert!(matches!(code, Some(0 | 4)) && open_faults(&dir) == 0, "exit {code:?}");
    let moved = |k: &Kind| matches!(k, Kind::FaultReverted { evidence, .. } if evidence.contains("its address is"));
    assert!(happened(&dir, moved), "the journal must contain the new addresses");
    wait_for("the nodes to be as before", 120, || shape(&picture(&bed.nodes)) == before);
    assert_eq!(bed.cluster.run("status", &[]).0, 0);
    wait_for_event(&dir, "the run to end", 1, |k| matches!(k, Kind::RunEnded { .. }));
}
