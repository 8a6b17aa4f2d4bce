//! The same drill on a copy of the cluster, simulated: what happens must happen in
//! the same order and at times that the clocks of the real controllers allow.

use std::{collections::BTreeMap, path::PathBuf};

use drillmaster::event::{Event, Kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    drill::{Drill, binary, events},
    hollow::{Hollow, wait_for},
};

/// Grace, lease and loop periods of Kubernetes 1.37, in seconds.
const GRACE: f64 = 50.0;
const LOOP: f64 = 5.0;

/// A copy of the lab, as `capture` makes it.
fn copy(lab: &Hollow, bind: &str) -> PathBuf {
    let file = lab.dir.path().join("copy.json");
    let mut command = binary();
    command.envs(&lab.env).args(["capture", "--context", "hollow", "--kubeconfig", &lab.env["KUBECONFIG"]]);
    command.args(["--bind", bind, "--value", "storefront=http://web.shop.svc/healthz", "--value", "volumes=none"]);
    let out = command.arg("--out").arg(&file).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    file
}

/// Drills zone-outage for real, then on a copy of the cluster with the leases as
/// they were when the power went, and compares.
pub fn drill_both(lab: &Hollow, drill: &Drill) {
    let copy = copy(lab, &drill.bind);
    let mut child = drill.start("zone-outage", &[]);
    wait_for("both nodes to be away", 60, || {
        events(&drill.newest()).iter().filter(|e| matches!(e.event, Kind::FaultApplied { .. })).count() == 2
    });
    // Nobody renews these any more.
    let lease = |node: &str| -> Timestamp {
        let args = ["-n", "kube-node-lease", "get", "lease", node, "-o", "jsonpath={.spec.renewTime}"];
        lab.kubectl(&args).parse().unwrap()
    };
    let leases = ["node-a-0", "node-a-1"].map(|node| (node, lease(node)));
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", std::fs::read_to_string(drill.runs.join("log")).unwrap());
    let real = events(&drill.newest());
    let (t0, ages) = (t0(&real), leases);
    let mut description: Value = serde_json::from_str(&std::fs::read_to_string(&copy).unwrap()).unwrap();
    let mut seconds = BTreeMap::new();
    for (node, renewed) in ages {
        let age = (t0.as_millisecond() - renewed.as_millisecond()).max(0);
        description["leases"][node] = format!("{age}ms").into();
        seconds.insert(node.to_owned(), age as f64 / 1000.0);
    }
    // What this lab's nodes and containers need: hardware's affair, not the controllers'.
    description["times"] = json!({"boot": "1200ms", "start": "6s", "stop": "1s"});
    std::fs::write(&copy, description.to_string()).unwrap();
    let runs = lab.dir.path().join("rehearsals");
    let mut command = binary();
    command.args(["rehearse", "scenarios/zone-outage.yaml", "--runs-dir"]).arg(&runs).arg("--cluster").arg(&copy);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let simulated = drillmaster::journal::latest(&runs).unwrap();
    let (real, simulated) = (transitions(&real), transitions(&events(&simulated)));
    eprintln!("| transition | real, s | simulated, s |\n|---|---|---|");
    for (what, at) in &real {
        let other = simulated.iter().find(|(w, _)| w == what).map(|(_, t)| *t);
        eprintln!("| {what} | {at:.1} | {} |", other.map_or("–".into(), |t| format!("{t:.1}")));
    }
    bounds(&real, &seconds, "real");
    bounds(&simulated, &seconds, "simulated");
    assert_eq!(order(&real, &simulated), order(&simulated, &real), "in another order");
}

/// When the first act was sent, by the wall clock.
fn t0(events: &[Event]) -> Timestamp {
    let applied = events.iter().find_map(|e| match e.event {
        Kind::FaultApplied { sent_us, .. } => Some((sent_us, e.at, e.t_us)),
        _ => None,
    });
    let (sent_us, at, t_us) = applied.unwrap();
    at - SignedDuration::from_micros((t_us - sent_us) as i64)
}

/// What happens to the cluster, by role, in seconds after the fault.
fn transitions(events: &[Event]) -> Vec<(String, f64)> {
    let t0 = events.iter().find_map(|e| match e.event {
        Kind::FaultApplied { sent_us, .. } => Some(sent_us),
        _ => None,
    });
    let t0 = t0.unwrap();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut known: BTreeMap<String, (String, bool)> = BTreeMap::new();
    let mut out: Vec<(String, f64)> = vec![];
    for event in events.iter().filter(|e| e.t_us >= t0) {
        let mut say = |what: &'static str| {
            let n = counts.entry(what).or_default();
            *n += 1;
            out.push((format!("{what} {n}"), (event.t_us - t0) as f64 / 1e6));
        };
        match &event.event {
            Kind::NodeSeen { node, ready, taints, .. } => {
                let evicts = taints.iter().any(|t| t.ends_with("unreachable:NoExecute"));
                let before = known.insert(node.clone(), (ready.clone(), evicts)).unwrap_or(("True".into(), false));
                if before.0 == "True" && ready != "True" {
                    say("node not ready");
                }
                if before.0 != "True" && ready == "True" {
                    say("node ready");
                }
                if !before.1 && evicts {
                    say("node NoExecute");
                }
            }
            Kind::PodSeen { pod, .. } if pod.owner == "deployment/web" => {
                let key = (pod.phase.clone(), pod.terminating);
                let before = known.insert(pod.uid.clone(), key);
                if pod.terminating && before.is_none_or(|b| !b.1) {
                    say("web pod evicted");
                }
            }
            Kind::AlertSeen { source, name, state, .. }
                if source.starts_with("alertmanager") && name == "NodeNotReady" && state == "active" =>
            {
                say("alert received");
            }
            _ => {}
        }
    }
    out
}

fn at(list: &[(String, f64)], what: &str) -> f64 {
    list.iter().find(|(w, _)| w == what).unwrap_or_else(|| panic!("no `{what}` in {list:?}")).1
}

/// What leases and loops allow, give or take a second.
fn bounds(list: &[(String, f64)], ages: &BTreeMap<String, f64>, which: &str) {
    let oldest = ages.values().copied().fold(0.0, f64::max);
    let youngest = ages.values().copied().fold(f64::INFINITY, f64::min);
    let inside = |what: &str, value: f64, from: f64, to: f64| {
        assert!(
            value >= from - 1.0 && value <= to + 1.0,
            "{which}: {what} at {value:.1} s, not in {from:.1} to {to:.1}"
        );
    };
    inside("the first node", at(list, "node not ready 1"), GRACE - oldest, GRACE - oldest + 2.0 * LOOP);
    inside("the second node", at(list, "node not ready 2"), GRACE - oldest, GRACE - youngest + 2.0 * LOOP);
    let taint = |n: u32| at(list, &format!("node NoExecute {n}"));
    inside("the first taint", taint(1) - at(list, "node not ready 1"), 0.0, 0.2);
    inside("the second taint", taint(2) - taint(1), 0.0, 10.0);
    inside("the eviction", at(list, "web pod evicted 1") - 10.0, taint(1), taint(2));
}

/// The order of what both have, where it is more than a second apart in both.
fn order(list: &[(String, f64)], other: &[(String, f64)]) -> Vec<String> {
    let apart = |list: &[(String, f64)], what: &str| {
        let own = at(list, what);
        list.iter().all(|(w, t)| w == what || (t - own).abs() > 1.0)
    };
    let both: Vec<&(String, f64)> = list.iter().filter(|(w, _)| other.iter().any(|(o, _)| o == w)).collect();
    both.iter().filter(|(w, _)| apart(list, w) && apart(other, w)).map(|(w, _)| w.clone()).collect()
}
