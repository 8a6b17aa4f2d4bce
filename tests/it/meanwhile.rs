//! Changes from outside during a drill stay. An undo puts back what the drill wrote, leaves the rest with the name of
//! whoever changed it, and does not wait for something that nobody will bring back.

use drillmaster::{
    event::{Event, Kind},
    model::Exit,
    sim::Simulation,
    world::{ApiCall, Kube},
};
use serde_json::{Value, json};

use super::{
    hands::Client,
    rehearsal::{Ended, Rehearsal, acted, cluster, on_paused_time, scenario_text},
};

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const NODE: &str = "/api/v1/nodes/node-a-0";

const HEAD: &str = "
apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: meanwhile, title: Others work here too}
hypothesis: What others change stays as they changed it.
scope: {namespaces: [shop], critical: [deployment/web, statefulset/orders]}
limits: {duration: 30m, nodes: 50%, zones: 1, namespaces: 1}
";

async fn patch(kube: &Kube, path: &str, body: Value) {
    kube.send(&ApiCall::merge(path, body)).await.unwrap();
}

/// Runs a drill, and does something when a certain event happens.
fn drill(steps: &str, when: fn(&Event) -> bool, then: impl AsyncFnOnce(&Kube)) -> (Ended, Vec<Value>) {
    drill_on(steps, when, async |simulation| then(&simulation.world().kube).await)
}

fn drill_on(steps: &str, when: fn(&Event) -> bool, then: impl AsyncFnOnce(&Simulation)) -> (Ended, Vec<Value>) {
    let shop = cluster("small-shop");
    let loaded = scenario_text(&format!("{HEAD}{steps}"), &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = stage.drill_when(&loaded, when, async |_| then(&stage.simulation).await).await;
        assert!(ended.events.iter().any(when), "{:?} {:#?}", ended.exit, ended.events);
        (ended, stage.simulation.picture())
    })
}

fn left(ended: &Ended) -> Vec<String> {
    let why = ended.events.iter().filter_map(|e| match &e.event {
        Kind::FaultLeft { why, .. } => Some(why.to_string()),
        Kind::FaultStuck { why, .. } => Some(format!("STUCK: {why}")),
        _ => None,
    });
    why.collect()
}

fn seconds(ended: &Ended) -> u64 {
    ended.events.last().unwrap().t_us / 1_000_000
}

fn find<'a>(picture: &'a [Value], kind: &str, name: &str) -> &'a Value {
    picture.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name).unwrap()
}

async fn nothing(_: &Kube) {}

const DELETE: &str = "
steps:
  - {name: some, deletePods: {workload: deployment/web, count: 2}}
expect:
  - replicas: {workload: deployment/web, ready: 1, within: 2m}
";

#[test]
fn a_workload_that_somebody_scales_down_is_not_waited_for() {
    let (ended, picture) = drill(DELETE, acted, async |kube| {
        patch(kube, WEB, json!({"spec": {"replicas": 1}})).await;
    });
    let left = left(&ended);
    assert!(
        left.len() == 1 && left[0].contains("left as changed outside the drill: deployment/web should have 1 pods now"),
        "{left:?}"
    );
    assert!(seconds(&ended) < 120 && ended.exit != Some(Exit::Residue), "{:?} {}", ended.exit, seconds(&ended));
    assert_eq!(find(&picture, "Deployment", "web")["spec"]["replicas"], 1, "the change from outside must stay");
    let judged = ended.events.iter().rev().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => {
            judgements.iter().find(|j| j.expectation.contains("all its pods again")).cloned()
        }
        _ => None,
    });
    let because = judged.unwrap().because.to_string();
    assert!(because.contains("was scaled to 1 outside the drill"), "{because}");
}

#[test]
fn a_workload_that_somebody_deletes_is_left() {
    let (ended, _) = drill(DELETE, acted, async |kube| {
        kube.send(&ApiCall::delete(WEB, "", None)).await.unwrap();
    });
    let left = left(&ended);
    assert!(left.len() == 1 && left[0].contains("deployment/web was deleted"), "{left:?}");
    assert_ne!(ended.exit, Some(Exit::Residue));
}

/// The replicas that the drill itself has set do not count as a change from outside.
#[test]
fn what_the_drill_scaled_is_put_back_first() {
    let steps = "
steps:
  - {name: fewer, scale: {workload: deployment/web, to: 1}}
  - {name: one, deletePods: {workload: deployment/web, count: 1}}
expect:
  - replicas: {workload: deployment/web, ready: 1, within: 2m, of: fewer}
";
    let (ended, picture) = drill(steps, acted, nothing);
    assert_eq!(left(&ended), Vec::<String>::new());
    assert_eq!(find(&picture, "Deployment", "web")["spec"]["replicas"], 3);
    assert!(seconds(&ended) < 120, "{}", seconds(&ended));
}

#[test]
fn a_restored_workload_that_somebody_scales_down_is_left() {
    let steps = "
steps:
  - {name: kept, backup: {namespaces: [shop], volumes: fileSystem}}
  - {name: gone, deleteNamespace: {name: shop, coveredBy: kept}}
expect:
  - replicas: {workload: deployment/web, ready: 1, within: 10m}
";
    let restoring =
        |event: &Event| matches!(&event.event, Kind::LeftBehind { what, .. } if what.starts_with("Velero restore"));
    let (ended, picture) = drill(steps, restoring, async |kube| {
        while kube.find(WEB).await.unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        patch(kube, WEB, json!({"spec": {"replicas": 1}})).await;
    });
    let left = left(&ended);
    assert!(
        left.len() == 1 && left[0].contains("left as changed outside the drill: deployment/web should have 1 pods now"),
        "{left:?}"
    );
    assert!(!left[0].contains("different from before"), "the restore is not to blame: {left:?}");
    assert_eq!(find(&picture, "Deployment", "web")["spec"]["replicas"], 1);
}

const DRAIN: &str = "
steps:
  - {name: a while, wait: {for: 5s}}
  - {name: maintenance, drain: {nodes: [node-a-0], atMost: 20s}}
expect:
  - replicas: {workload: deployment/web, ready: 1, within: 5m}
";

fn armed(event: &Event) -> bool {
    matches!(event.event, Kind::Armed { .. })
}

#[test]
fn a_cordon_that_the_drill_did_not_put_there_is_not_put_back() {
    let cordon = async |kube: &Kube| patch(kube, NODE, json!({"spec": {"unschedulable": true}})).await;
    // The node is cordoned before the drill cordons it, so it stays cordoned.
    let (ended, picture) = drill(DRAIN, armed, cordon);
    assert_eq!((left(&ended), &find(&picture, "Node", "node-a-0")["spec"]["unschedulable"]), (vec![], &json!(true)));
    // The node is uncordoned during the drill.
    let (ended, picture) = drill(DRAIN, armed, async |kube| {
        cordon(kube).await;
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        patch(kube, NODE, json!({"spec": {"unschedulable": null}})).await;
    });
    let left = left(&ended);
    assert!(
        left.len() == 1 && left[0].contains("left uncordoned, because it was changed outside the drill"),
        "{left:?}"
    );
    assert_ne!(find(&picture, "Node", "node-a-0")["spec"]["unschedulable"], true);
}

fn intended(event: &Event) -> bool {
    matches!(event.event, Kind::FaultIntended { .. })
}

/// Another client writes between the moment when the drill reads and the moment when it writes, or undoes and repeats
/// the write later.
#[test]
fn what_somebody_wrote_as_the_drill_would_have_is_theirs() {
    let cordon = async |simulation: &Simulation| {
        assert!(Client::of(simulation).patch(NODE, "kubectl-cordon", json!({"spec": {"unschedulable": true}})).await);
    };
    let (ended, picture) = drill_on(DRAIN, intended, cordon);
    assert!(left(&ended)[0].contains("left cordoned, because `kubectl-cordon` cordoned it"), "{:?}", left(&ended));
    assert_eq!(find(&picture, "Node", "node-a-0")["spec"]["unschedulable"], true);
    let (ended, picture) = drill_on(DRAIN, acted, async |simulation| {
        let released = json!({"spec": {"unschedulable": null}});
        assert!(Client::of(simulation).patch(NODE, "kubectl-uncordon", released).await);
        cordon(simulation).await;
    });
    assert!(left(&ended)[0].contains("cordoned it, not the drill"), "{:?}", left(&ended));
    assert_eq!(find(&picture, "Node", "node-a-0")["spec"]["unschedulable"], true);
    let fewer = "
steps:
  - {name: fewer, scale: {workload: deployment/web, to: 1}}
expect:
  - replicas: {workload: deployment/web, ready: 1, within: 2m}
";
    let (ended, picture) = drill_on(fewer, intended, async |simulation| {
        assert!(Client::of(simulation).patch(WEB, "kubectl-scale", json!({"spec": {"replicas": 1}})).await);
    });
    assert!(
        left(&ended)[0].contains("left with replicas=1, because it was set by `kubectl-scale`"),
        "{:?}",
        left(&ended)
    );
    assert_eq!(find(&picture, "Deployment", "web")["spec"]["replicas"], 1);
}

const FENCE: &str = "
steps:
  - {name: outage, killNodes: {nodes: [node-a-0], how: kill}}
  - {name: given up, fenceNode: {fault: outage}}
expect:
  - replicas: {workload: statefulset/orders, ready: 1, within: 5m, of: outage}
";

#[test]
fn a_taint_that_somebody_changed_is_left_and_others_beside_it() {
    let fenced =
        |event: &Event| matches!(&event.event, Kind::FaultApplied { fault, .. } if fault.0.starts_with("given up"));
    let (ended, picture) = drill(FENCE, fenced, async |kube| {
        let theirs = json!([{"key": "node.kubernetes.io/out-of-service", "value": "theirs", "effect": "NoExecute"},
            {"key": "maintenance", "effect": "NoSchedule"}]);
        patch(kube, NODE, json!({"spec": {"taints": theirs}})).await;
    });
    let left = left(&ended);
    assert!(left.len() == 1 && left[0].contains("not by the drill"), "{left:?}");
    let taints = find(&picture, "Node", "node-a-0")["spec"]["taints"].clone();
    let keys: Vec<&str> = taints.as_array().unwrap().iter().filter_map(|t| t["key"].as_str()).collect();
    assert!(keys.contains(&"maintenance") && keys.contains(&"node.kubernetes.io/out-of-service"), "{taints}");
    // Another taint stays when the drill removes its own.
    let (ended, picture) = drill(FENCE, fenced, async |kube| {
        let node = kube.get(NODE).await.unwrap();
        let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
        taints.push(json!({"key": "maintenance", "effect": "NoSchedule"}));
        patch(kube, NODE, json!({"spec": {"taints": taints}})).await;
    });
    assert_eq!(self::left(&ended), Vec::<String>::new());
    let taints = find(&picture, "Node", "node-a-0")["spec"]["taints"].clone();
    assert_eq!(taints, json!([{"key": "maintenance", "effect": "NoSchedule"}]));
}
