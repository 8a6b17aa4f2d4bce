//! What cannot be shown must not be claimed: drills in which something else happens than the verdict might assume, on a
//! real control plane.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use drillmaster::event::Kind;

use super::{
    drill::{Drill, admin, happened, outcomes, wait_for_event},
    hollow::{Hollow, wait_for},
};

/// Writes a scenario with these steps and expectations into the directory of the lab.
fn scenario(lab: &Hollow, name: &str, steps: &str, expect: &str) -> String {
    let text = format!(
        "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: {name}, title: A trap}}\nhypothesis: h\n\
         scope: {{namespaces: [shop], critical: [deployment/web]}}\n\
         probes: [{{name: storefront, http: {{url: '${{bind.storefront}}', body: ok}}, up: {{successes: 8, over: 2s}}}}]\n\
         steps:\n{steps}expect:\n{expect}limits: {{duration: 10m}}\ncollateral: [monitoring, kube-system]\n"
    );
    let path = lab.dir.path().join(format!("{name}.yaml"));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Starts a drill, waits for an event of its run, and does something.
fn meanwhile(drill: &Drill, scenario: &str, what: &str, when: impl Fn(&Kind) -> bool, act: impl FnOnce()) -> i32 {
    let last = drill.newest();
    let mut child = drill.start(scenario, &[]);
    wait_for("the run to begin", 60, || drill.newest() != last);
    wait_for_event(&drill.newest(), what, 120, when);
    act();
    child.wait().unwrap().code().unwrap_or(-1)
}

#[test]
#[ignore = "needs the hollow lab"]
fn what_cannot_be_shown_is_not_claimed() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    healed_too_early(&lab, &drill);
    revived_by_hand(&lab, &drill);
    deleted_by_others_in_a_drain(&lab, &drill);
    the_watchdog_falls_silent(&lab, &drill);
}

/// The power and the service are back before Kubernetes notices the outage.
fn healed_too_early(lab: &Hollow, drill: &Drill) {
    let steps = "  - {name: outage, killNodes: {hosting: deployment/web, how: kill}}\n  \
                 - {name: too short, wait: {for: 2s}}\n  - {name: back, heal: {fault: outage}}\n";
    let expect = "  - replicas: {workload: deployment/web, ready: 3, within: 2m}\n  \
                  - service: {probe: storefront, rto: 1m}\n";
    let ended = drill.run(&scenario(lab, "early", steps, expect), &[]);
    assert_eq!(ended.code, 4, "{}", ended.said);
    let web = &outcomes(&ended.dir, "deployment/web has")[0];
    assert!(web.starts_with("inconclusive") && web.contains("nothing shows that the fault reached it"), "{web}");
    let storefront = &outcomes(&ended.dir, "storefront")[0];
    assert!(storefront.contains("recovery without that was not shown"), "{storefront}");
}

/// The machine is powered on from outside. Pods that are ready then have not recovered.
fn revived_by_hand(lab: &Hollow, drill: &Drill) {
    lab.spread();
    let gone = |k: &Kind| matches!(k, Kind::NodeSeen { ready, .. } if ready != "True");
    let code = meanwhile(drill, "node-power-loss", "a node to be noticed", gone, || {
        let events = super::drill::events(&drill.newest());
        let fault = events.iter().find_map(|e| match &e.event {
            Kind::FaultApplied { fault, .. } => fault.0.rsplit('/').next().map(str::to_owned),
            _ => None,
        });
        let up = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/node-up");
        let done = std::process::Command::new(up).arg(fault.unwrap()).envs(&lab.env).status().unwrap();
        assert!(done.success());
    });
    let said = std::fs::read_to_string(drill.runs.join("log")).unwrap();
    assert!(matches!(code, 1 | 4), "exit {code}: {said}");
    let passed = outcomes(&drill.newest(), "deployment/web has").iter().any(|o| o.starts_with("pass"));
    assert!(!passed || said.contains("the outage ended too early"), "{said}");
}

/// The budget demands two pods. The drain takes one away, and another one is deleted from outside.
fn deleted_by_others_in_a_drain(lab: &Hollow, drill: &Drill) {
    lab.spread();
    let evicted = |k: &Kind| matches!(k, Kind::EvictionAnswered { dry_run: false, code: 200..=299, owner, .. } if owner == "deployment/web");
    let pods = "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{'\\n'}{end}";
    let listed = lab.kubectl(&["-n", "shop", "get", "pods", "-l", "app=web", "-o", pods]);
    let others: Vec<String> = listed
        .lines()
        .filter(|line| !line.contains("node-a-"))
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    let code = meanwhile(drill, "rolling-drain", "a pod of web to be evicted", evicted, || {
        for pod in &others {
            lab.kubectl(&["-n", "shop", "delete", "pod", pod, "--wait=false"]);
        }
    });
    assert!(matches!(code, 1 | 4), "exit {code}: {}", std::fs::read_to_string(drill.runs.join("log")).unwrap());
    let kept = &outcomes(&drill.newest(), "budgets are kept")[0];
    assert!(
        !kept.starts_with("pass") && kept.contains("healthy, but it requires 2") && kept.contains("deleted"),
        "{kept}"
    );
}

/// The rule of the Watchdog is removed during the fault, so it is not known whether other alerts would fire.
fn the_watchdog_falls_silent(lab: &Hollow, drill: &Drill) {
    lab.spread();
    let applied = |k: &Kind| matches!(k, Kind::FaultApplied { .. });
    let rules = Path::new(&lab.env["PROMETHEUS_RULES"]).join("drill.yml");
    let before = std::fs::read_to_string(&rules).unwrap();
    let code = meanwhile(drill, "zone-outage", "the power to go", applied, || {
        std::fs::write(&rules, before.replace("alert: Watchdog", "alert: Somebody")).unwrap();
        lab.script("reload", &[]);
    });
    std::fs::write(&rules, before).unwrap();
    lab.script("reload", &[]);
    assert!(matches!(code, 1 | 4), "exit {code}");
    let alert = &outcomes(&drill.newest(), "alert NodeNotReady")[0];
    assert!(alert.starts_with("inconclusive") && alert.contains("Watchdog"), "{alert}");
    assert!(happened(&drill.newest(), |k| matches!(k, Kind::AlertGone { name, .. } if name == "Watchdog")));
}

/// A second Alertmanager, which Prometheus does not know.
struct Second {
    process: Child,
    url: String,
}

impl Second {
    fn start(lab: &Hollow) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let alertmanager = lab.dir.path().join("alertmanager/alertmanager.yml");
        let process = Command::new(Path::new(&lab.env["LAB_CACHE"]).join("bin/alertmanager"))
            .arg(format!("--config.file={}", alertmanager.display()))
            .arg(format!("--storage.path={}", lab.dir.path().join("second").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let second = Self { process, url: format!("http://127.0.0.1:{port}") };
        wait_for("the second Alertmanager", 30, || {
            Command::new("curl").args(["-fsS", &format!("{}/-/ready", second.url)]).output().unwrap().status.success()
        });
        second
    }

    /// Sends it an alert that stays active for an hour.
    fn told(&self, labels: &serde_json::Value) {
        let in_an_hour = Command::new("date").args(["-u", "-d", "+1 hour", "+%FT%TZ"]).output().unwrap();
        let ends = String::from_utf8(in_an_hour.stdout).unwrap();
        let alerts = serde_json::json!([{"labels": labels, "endsAt": ends.trim()}]).to_string();
        let url = format!("{}/api/v2/alerts", self.url);
        let told =
            Command::new("curl").args(["-fsS", "-H", "content-type: application/json", "-d", &alerts, &url]).status();
        assert!(told.unwrap().success());
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const ZONE_LOST: &str = "  - {name: outage, killZone: {zone: a, how: kill}}\n  - {name: looking, wait: {for: 25s}}\n  \
                         - {name: back, heal: {fault: outage}}\n";

#[test]
#[ignore = "needs the hollow lab"]
fn an_alert_is_resolved_when_all_say_so_and_comes_of_this_fault() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let mut drill = admin(&lab);
    pending_before_the_fault(&lab, &drill);
    two_that_differ(&lab, &mut drill);
}

/// One Alertmanager has resolved the alert, and the other still has it.
fn two_that_differ(lab: &Hollow, drill: &mut Drill) {
    lab.spread();
    let second = Second::start(lab);
    second.told(&serde_json::json!({"alertname": "Watchdog"}));
    let bindings = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&drill.bind)).unwrap();
    let one = "[\"${env.ALERTMANAGER_URL}\"]";
    assert!(bindings.contains(one));
    let both = bindings.replace(one, &format!("[\"${{env.ALERTMANAGER_URL}}\", \"{}\"]", second.url));
    let node_up = format!("{}/tests/lab/node-up", env!("CARGO_MANIFEST_DIR"));
    let path = lab.dir.path().join("both.yaml");
    std::fs::write(&path, both.replace("tests/lab/node-up", &node_up)).unwrap();
    path.to_str().unwrap().clone_into(&mut drill.bind);
    let expect = "  - alert: {name: NodeNotReady, forEach: target.node, firesWithin: 20s, resolvesWithin: 30s}\n";
    let text = scenario(lab, "two", ZONE_LOST, expect);
    let active = |k: &Kind| matches!(k, Kind::AlertSeen { name, .. } if name == "NodeNotReady");
    let code = meanwhile(drill, &text, "the first page", active, || {
        for node in ["node-a-0", "node-a-1"] {
            second.told(&serde_json::json!({"alertname": "NodeNotReady", "node": node, "severity": "critical"}));
        }
    });
    let alert = &outcomes(&drill.newest(), "alert NodeNotReady")[0];
    assert!(code == 1 && alert.starts_with("fail"), "exit {code}: {alert}");
}

/// The alert was pending before the fault, and fires during the fault.
fn pending_before_the_fault(lab: &Hollow, drill: &Drill) {
    let rules = Path::new(&lab.env["PROMETHEUS_RULES"]).join("drill.yml");
    let before = std::fs::read_to_string(&rules).unwrap();
    let other = "label_replace(label_replace(vector(1), \"node\", \"node-a-0\", \"\", \"\"), \"severity\", \"critical\", \"\", \"\") \
                 or kube_node_status_condition{node=\"node-a-1\",condition=\"Ready\",status=\"true\"} == 0";
    let real = "kube_node_status_condition{condition=\"Ready\",status=\"true\"} == 0\n        for: 2s";
    assert!(before.contains(real));
    std::fs::write(&rules, before.replace(real, &format!("{other}\n        for: 20s"))).unwrap();
    lab.script("reload", &[]);
    wait_for("the alert to be pending", 30, || {
        let url = format!("{}/api/v1/alerts", lab.env["PROMETHEUS_URL"]);
        let out = Command::new("curl").args(["-fsS", &url]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).contains("NodeNotReady")
    });
    let expect = "  - alert: {name: NodeNotReady, forEach: target.node, firesWithin: 40s}\n";
    let steps = ZONE_LOST.replace("for: 25s", "for: 35s");
    let ended = drill.run(&scenario(lab, "pending", &steps, expect), &[]);
    std::fs::write(&rules, before).unwrap();
    lab.script("reload", &[]);
    // The pre-flight may also refuse, because the alert is pending already.
    if ended.code == 3 {
        assert!(ended.said.contains("NodeNotReady"), "{}", ended.said);
        return;
    }
    let alert = &outcomes(&ended.dir, "alert NodeNotReady")[0];
    assert!(matches!(ended.code, 1 | 4) && alert.contains("node-a-0"), "exit {}: {alert}", ended.code);
}
