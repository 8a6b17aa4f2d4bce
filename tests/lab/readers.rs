//! Pods that read volumes on a real kind cluster: on tainted nodes, in a restricted namespace, and in drills that are
//! stopped or killed while such a pod runs.

use drillmaster::{event::Kind, model::Revert};
use nix::sys::signal::Signal;

use super::super::{
    drill::{happened, open_faults, outcomes, signal},
    hollow::wait_for,
    kind::Lab,
};

const RUNS: &str = "namespace-loss-and-restore";

fn readers(lab: &Lab) -> String {
    lab.kubectl(&["-n", "shop", "get", "pods", "-l", "drillmaster.dev/role=reader", "-o", "name"])
}

/// Starts a drill, and waits until a reader runs.
fn started(lab: &Lab) -> std::process::Child {
    let child = lab.drill.start(RUNS, &["--no-reaper"]);
    wait_for("a reader to be up", 300, || !readers(lab).is_empty());
    child
}

#[test]
#[ignore = "needs the kind lab"]
fn on_nodes_that_only_the_application_tolerates() {
    let lab = Lab::new();
    let tolerate = r#"{"spec":{"template":{"spec":{"tolerations":[{"key":"dedicated","operator":"Exists"}]}}}}"#;
    for workload in ["deployment/web", "statefulset/orders"] {
        lab.kubectl(&["-n", "shop", "patch", workload, "--type=merge", "-p", tolerate]);
    }
    lab.settle();
    lab.seed();
    lab.kubectl(&["taint", "nodes", "-l", "!node-role.kubernetes.io/control-plane", "dedicated=shop:NoSchedule"]);
    let ended = lab.drill.run(RUNS, &[]);
    lab.kubectl(&["taint", "nodes", "-l", "!node-role.kubernetes.io/control-plane", "dedicated-"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(outcomes(&ended.dir, "volumes identical")[0].contains("have the same checksums as before"));
    lab.kubectl(&["apply", "-f", "tests/lab/shop-kind.yaml"]);
}

/// The application runs as its own user, and its readers run as the same user.
#[test]
#[ignore = "needs the kind lab"]
fn in_a_restricted_namespace() {
    let lab = Lab::new();
    let secure = r#"{"spec":{"template":{"spec":{"securityContext":{"runAsUser":1000,"runAsGroup":1000,"fsGroup":1000,
        "runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{"name":"NAME",
        "securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}}}"#;
    for (workload, name) in [("deployment/web", "web"), ("statefulset/orders", "orders")] {
        lab.kubectl(&["-n", "shop", "patch", workload, "-p", &secure.replace("NAME", name)]);
    }
    lab.settle();
    lab.seed();
    lab.kubectl(&["label", "namespace", "shop", "pod-security.kubernetes.io/enforce=restricted"]);
    let ended = lab.drill.run(RUNS, &[]);
    lab.kubectl(&["label", "namespace", "shop", "pod-security.kubernetes.io/enforce-"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(outcomes(&ended.dir, "volumes identical")[0].contains("have the same checksums as before"));
    lab.kubectl(&["delete", "namespace", "shop"]);
}

#[test]
#[ignore = "needs the kind lab"]
fn a_drill_that_is_stopped_leaves_none() {
    let lab = Lab::new();
    let mut child = started(&lab);
    signal(&child, Signal::SIGINT);
    child.wait().unwrap();
    assert_eq!(readers(&lab), "", "no reader may be left after the stop");
    assert_eq!(open_faults(&lab.drill.newest()), 0);
}

#[test]
#[ignore = "needs the kind lab"]
fn a_drill_that_is_killed_leaves_none_once_it_is_recovered() {
    let lab = Lab::new();
    let mut child = started(&lab);
    child.kill().unwrap();
    child.wait().unwrap();
    let intended = |k: &Kind| matches!(k, Kind::FaultIntended { revert: Revert::OwnPods { .. }, .. });
    assert!(happened(&lab.drill.newest(), intended), "the reader must have an intent in the journal");
    let ended = lab.drill.recover();
    assert_eq!((ended.code, readers(&lab).as_str()), (0, ""), "{}", ended.said);
}
