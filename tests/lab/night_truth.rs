//! What cannot be shown must not be claimed, on real machines: changes from outside, a control plane that is away,
//! backups without volumes. `tests/nightly kind` runs these tests.

use std::process::Command;

use drillmaster::event::{Kind, StepEnd};

use super::{
    drill::{events, happened, outcomes, wait_for_event},
    hollow::wait_for,
    kind::Lab,
};

fn docker(args: &[&str]) {
    let out = Command::new("docker").args(args).output().unwrap();
    assert!(out.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A scenario on the shop that loses zone a.
fn scenario(lab: &Lab, name: &str, steps: &str, expect: &str) -> String {
    let text = format!(
        "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: {name}, title: A trap}}\nhypothesis: h\n\
         scope: {{namespaces: [shop], critical: [deployment/web, statefulset/orders]}}\n\
         probes: [{{name: storefront, http: {{url: '${{bind.storefront}}', body: ok}}, up: {{successes: 8, over: 2s}}}}]\n\
         steps:\n{steps}expect:\n{expect}limits: {{nodes: 34%, zones: 1, duration: 20m}}\n\
         collateral: [monitoring, velero, kube-system, local-path-storage, s3]\n"
    );
    let path = std::path::Path::new(&lab.drill.kubeconfig).with_file_name(format!("{name}.yaml"));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The lab after its pods that restarted in an earlier drill were created again.
fn fresh() -> Lab {
    let lab = Lab::new();
    lab.kubectl(&["-n", "shop", "rollout", "restart", "statefulset/orders"]);
    lab.settle();
    lab
}

const OUTAGE: &str = "  - {name: outage, killZone: {zone: a, how: kill}}\n";
const BACK: &str = "  - {name: back, heal: {fault: outage}}\n";

fn not_passed(outcomes: &[String]) {
    assert!(!outcomes.is_empty() && outcomes.iter().all(|o| !o.starts_with("pass")), "{outcomes:?}");
}

/// Starts a drill, waits for an event and does something. Returns the exit code.
fn meanwhile(lab: &Lab, scenario: &str, what: &str, when: impl Fn(&Kind) -> bool, act: impl FnOnce()) -> i32 {
    let last = lab.drill.newest();
    let mut child = lab.drill.start(scenario, &[]);
    wait_for("the run to begin", 60, || lab.drill.newest() != last);
    wait_for_event(&lab.drill.newest(), what, 300, when);
    act();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    eprintln!("{}", std::fs::read_to_string(lab.drill.runs.join("log")).unwrap());
    lab.settle();
    code
}

fn noticed(kind: &Kind) -> bool {
    matches!(kind, Kind::NodeSeen { ready, .. } if ready != "True")
}

/// A StatefulSet whose volume is on the dead machine can only come back with this machine. The drill must expect this
/// after the heal, and must not count it as a recovery of the application.
#[test]
#[ignore = "needs the kind lab"]
fn a_volume_on_the_dead_machine() {
    let lab = fresh();
    let steps = format!("{OUTAGE}  - {{name: dark, wait: {{for: 60s}}}}\n{BACK}");
    let expect = "  - replicas: {workload: statefulset/orders, ready: 3, within: 5m}\n  \
                  - replicas: {workload: statefulset/orders, ready: 3, within: 5m, after: heal}\n";
    let ended = lab.drill.run(&scenario(&lab, "volume", &steps, expect), &[]);
    lab.settle();
    let orders = outcomes(&ended.dir, "statefulset/orders has");
    assert!(orders[0].starts_with("inconclusive") && orders[1].starts_with("pass"), "{orders:?}");
    assert_eq!(ended.code, 4);
}

/// The machines are started from outside. Pods that are ready then have not recovered from the loss of the machines.
#[test]
#[ignore = "needs the kind lab"]
fn machines_started_by_somebody_else() {
    let lab = fresh();
    let steps = format!("{OUTAGE}  - {{name: dark, wait: {{for: 75s}}}}\n{BACK}");
    let expect = "  - replicas: {workload: statefulset/orders, ready: 3, within: 5m}\n  \
                  - replicas: {workload: deployment/web, ready: 3, within: 5m}\n";
    let text = scenario(&lab, "somebody", &steps, expect);
    let code = meanwhile(&lab, &text, "a node to be noticed", noticed, || {
        let killed: Vec<String> = events(&lab.drill.newest())
            .iter()
            .filter_map(|e| match &e.event {
                Kind::FaultApplied { fault, .. } => fault.0.rsplit('/').next().map(str::to_owned),
                _ => None,
            })
            .collect();
        assert!(!killed.is_empty());
        killed.iter().for_each(|node| docker(&["start", node]));
    });
    assert!(matches!(code, 1 | 4), "exit {code}");
    not_passed(&outcomes(&lab.drill.newest(), "has 3 ready"));
    assert!(happened(&lab.drill.newest(), |k| matches!(k, Kind::MachineReturned { .. })));
}

/// The control plane is away while the application recovers, so nobody sees the recovery.
#[test]
#[ignore = "needs the kind lab"]
fn nobody_saw_the_recovery() {
    let lab = fresh();
    let steps = format!("{OUTAGE}  - {{name: dark, wait: {{for: 75s}}}}\n{BACK}");
    let expect = "  - replicas: {workload: deployment/web, ready: 3, within: 1m}\n";
    let text = scenario(&lab, "unseen", &steps, expect);
    let code = meanwhile(&lab, &text, "a node to be noticed", noticed, || {
        // The application recovers faster than the drill asks the control plane. The control plane is therefore frozen
        // before the pods are replaced, and unfrozen when the time of the objective is over.
        docker(&["pause", "lab-control-plane"]);
        std::thread::sleep(std::time::Duration::from_secs(45));
        docker(&["unpause", "lab-control-plane"]);
    });
    let web = outcomes(&lab.drill.newest(), "deployment/web has");
    assert_eq!(code, 4, "{web:?}");
    assert!(web[0].starts_with("inconclusive"), "{web:?}");
}

/// Last night's backup contains no volume, so a restore of its objects proves nothing about the volumes.
#[test]
#[ignore = "needs the kind lab"]
fn a_nightly_backup_without_volumes() {
    let lab = fresh();
    let schedule = "apiVersion: velero.io/v1\nkind: Schedule\nmetadata: {name: bare, namespace: velero}\n\
                    spec: {schedule: '0 2 31 2 *', template: {includedNamespaces: [shop], defaultVolumesToFsBackup: false, snapshotVolumes: false}}\n";
    let path = std::path::Path::new(&lab.drill.kubeconfig).with_file_name("schedule.yaml");
    std::fs::write(&path, schedule).unwrap();
    lab.kubectl(&["apply", "-f", path.to_str().unwrap()]);
    let backup = "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: bare-1, namespace: velero, labels: {velero.io/schedule-name: bare}}\n\
                  spec: {includedNamespaces: [shop], defaultVolumesToFsBackup: false, snapshotVolumes: false, storageLocation: default}\n";
    std::fs::write(&path, backup).unwrap();
    lab.kubectl(&["apply", "-f", path.to_str().unwrap()]);
    wait_for("the backup to be done", 120, || {
        lab.kubectl(&["-n", "velero", "get", "backups.velero.io", "bare-1", "-o", "jsonpath={.status.phase}"])
            == "Completed"
    });
    let ended = lab.drill.run("restore-to-scratch", &["--set", "schedule=bare"]);
    for (kind, name) in [("schedules.velero.io", "bare"), ("backups.velero.io", "bare-1")] {
        lab.kubectl(&["-n", "velero", "delete", kind, name]);
    }
    assert!(matches!(ended.code, 1 | 3 | 4), "exit {}: {}", ended.code, ended.said);
    if ended.code == 3 {
        assert!(ended.said.contains("volume"), "{}", ended.said);
        return;
    }
    not_passed(&outcomes(&ended.dir, "volumes restored"));
    let done = |k: &Kind| matches!(k, Kind::StepFinished { end: StepEnd::Failed, .. });
    assert!(!happened(&ended.dir, done), "{}", ended.said);
}

/// A machine that the drill did not touch restarts in the middle. Its outage is not the fault of the zone.
#[test]
#[ignore = "needs the kind lab"]
fn a_survivor_is_restarted_by_somebody() {
    let lab = fresh();
    let steps = format!("{OUTAGE}  - {{name: dark, wait: {{for: 75s}}}}\n{BACK}");
    let expect =
        "  - service: {probe: storefront, rto: 5m}\n  - replicas: {workload: deployment/web, ready: 3, within: 5m}\n";
    let text = scenario(&lab, "survivor", &steps, expect);
    let code = meanwhile(&lab, &text, "a node to be noticed", noticed, || {
        let survivors = lab.kubectl(&[
            "-n",
            "shop",
            "get",
            "pods",
            "-l",
            "app=web",
            "--field-selector=status.phase=Running",
            "-o",
            "jsonpath={range .items[*]}{.spec.nodeName}{'\\n'}{end}",
        ]);
        let zone_a = lab.kubectl(&[
            "get",
            "nodes",
            "-l",
            "topology.kubernetes.io/zone=a",
            "-o",
            "jsonpath={.items[*].metadata.name}",
        ]);
        let survivor = survivors.lines().find(|n| !zone_a.split(' ').any(|a| a == *n)).unwrap().to_owned();
        docker(&["restart", "--time", "0", &survivor]);
    });
    let dir = lab.drill.newest();
    let said = std::fs::read_to_string(dir.join("report.json")).unwrap();
    assert!(matches!(code, 0 | 1 | 4), "exit {code}");
    // Whatever happened to the service, the report must name the restart of the other machine.
    assert!(
        said.contains("by itself") || said.contains("from outside") || said.contains("unknown author"),
        "{:?}",
        outcomes(&dir, "")
    );
}
