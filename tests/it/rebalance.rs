//! The end of a drill on a cluster that `cluster up` made: the application is spread again, so that the next drill finds
//! what the first one found.

use std::collections::BTreeMap;

use drillmaster::{
    event::{Event, Kind},
    kubernetes::objects::Pod,
    model::{Exit, Judgement, Plan},
    plan::show,
    sim::{Description, Simulation},
    world::{ApiCall, MARK},
};
use serde_json::json;

use super::{
    front::Front,
    rehearsal::{Rehearsal, cluster, on_paused_time, scenario},
};

/// Writes the mark that `cluster up` writes.
async fn mark(simulation: &Simulation) {
    let patch = json!({"metadata": {"annotations": {MARK: "drill"}}});
    simulation.world().kube.send(&ApiCall::merge("/api/v1/namespaces/kube-system", patch)).await.unwrap();
}

/// The ready pods of web in each zone.
async fn spread(simulation: &Simulation) -> BTreeMap<char, usize> {
    let pods: Vec<Pod> = simulation.world().kube.list_as("/api/v1/namespaces/shop/pods").await.unwrap();
    let mut zones: BTreeMap<char, usize> = ['a', 'b', 'c'].map(|zone| (zone, 0)).into();
    for pod in pods.iter().filter(|p| p.counts() && p.workload().is_some_and(|w| w.name == "web")) {
        // node-a-0
        *zones.get_mut(&pod.spec.node_name.chars().nth(5).unwrap()).unwrap() += 1;
    }
    zones
}

fn said(events: &[Event]) -> Vec<String> {
    let said = |e: &Event| match &e.event {
        Kind::SpreadAgain { workload, what, .. } => Some(format!("{workload} {what}")),
        _ => None,
    };
    events.iter().filter_map(said).collect()
}

fn judged(events: &[Event]) -> Vec<Judgement> {
    let judged = |e: &Event| match &e.event {
        Kind::Judged { judgements, .. } => Some(judgements.clone()),
        _ => None,
    };
    events.iter().find_map(judged).unwrap()
}

fn plan(events: &[Event]) -> Plan {
    let plan = |e: &Event| match &e.event {
        Kind::PlanFrozen { plan } => Some((**plan).clone()),
        _ => None,
    };
    events.iter().find_map(plan).unwrap()
}

/// A drill of the loss of zone a, and the spread of web after it.
async fn drilled(stage: &Rehearsal, shop: &Description) -> (Exit, Vec<Event>, BTreeMap<char, usize>) {
    let ended = stage.drill(&scenario("zone-outage", shop), None).await;
    (ended.exit.unwrap(), ended.events, spread(&stage.simulation).await)
}

fn even() -> BTreeMap<char, usize> {
    ['a', 'b', 'c'].map(|zone| (zone, 1)).into()
}

#[test]
fn the_shop_is_spread_again_and_the_verdict_is_the_same() {
    on_paused_time(async {
        let shop = cluster("small-shop");
        let stage = Rehearsal::set(&shop, 1).await;
        let (exit, events, zones) = drilled(&stage, &shop).await;
        assert_eq!(exit, Exit::Passed);
        assert!(said(&events).is_empty() && plan(&events).rebalance.is_empty(), "this cluster has no mark");
        assert_eq!(zones[&'a'], 0, "without the mark, the shop stays as it is: {zones:?}");

        let own = Rehearsal::set(&shop, 1).await;
        mark(&own.simulation).await;
        let (exit, own_events, zones) = drilled(&own, &shop).await;
        assert_eq!((exit, zones), (Exit::Passed, even()));
        let said = said(&own_events);
        assert!(said[0].starts_with("shop/deployment/web is spread a 0, b "), "{said:?}");
        assert!(
            said.iter().any(|s| s.starts_with("shop/deployment/web was spread again by the eviction of 1 pod")),
            "{said:?}"
        );
        // What happened after the last observation is not judged.
        let outcomes = |events| judged(events).iter().map(|j| (j.expectation.clone(), j.outcome)).collect::<Vec<_>>();
        assert_eq!(outcomes(&own_events), outcomes(&events));
        let last: Vec<String> = own_events.iter().rev().take(2).map(|e| e.event.name()).collect();
        assert_eq!(last, ["RunEnded", "Judged"]);
    });
}

#[test]
fn drilling_twice_works() {
    on_paused_time(async {
        let shop = cluster("small-shop");
        let stage = Rehearsal::set(&shop, 2).await;
        mark(&stage.simulation).await;
        assert_eq!(drilled(&stage, &shop).await.0, Exit::Passed);
        let again = Rehearsal::of(stage.simulation);
        let (exit, _, zones) = drilled(&again, &shop).await;
        assert_eq!((exit, zones), (Exit::Passed, even()));
    });
}

#[test]
fn the_plan_lists_it_as_not_undoable_and_its_hash_covers_it() {
    on_paused_time(async {
        let shop = cluster("small-shop");
        let stage = Rehearsal::set(&shop, 1).await;
        mark(&stage.simulation).await;
        let mut plan = plan(&drilled(&stage, &shop).await.1);
        let names: Vec<String> = plan.rebalance.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["shop/deployment/web", "shop/statefulset/orders", "shop/statefulset/sessions"]);
        let text = show(&plan);
        assert!(text.contains("evict pods of shop/deployment/web, shop/statefulset/orders"), "{text}");
        assert!(text.contains("an eviction cannot be undone"), "{text}");
        let evictions = |p: &drillmaster::model::Permission| p.resource == "pods/eviction" && p.namespace == "shop";
        assert!(plan.permissions.iter().any(evictions));
        plan.rebalance.clear();
        assert_ne!(drillmaster::plan::hash(&plan), plan.hash);
    });
}

/// A budget that allows no eviction keeps the pods where they are. The drill has passed nevertheless.
#[test]
fn a_budget_that_refuses_is_kept() {
    on_paused_time(async {
        let shop = cluster("small-shop");
        let stage = Rehearsal::set(&shop, 1).await;
        mark(&stage.simulation).await;
        let kube = stage.simulation.world().kube;
        let drill = scenario("zone-outage", &shop);
        // Somebody tightens the budget when the steps are over.
        let over = |event: &Event| matches!(event.event, Kind::RunWoken { .. });
        let tighten = async |_: &drillmaster::engine::Begun| {
            let path = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web";
            kube.send(&ApiCall::merge(path, json!({"spec": {"minAvailable": 3}}))).await.unwrap();
        };
        let ended = stage.drill_when(&drill, over, tighten).await;
        let said = said(&ended.events);
        let web = said.iter().rfind(|s| s.starts_with("shop/deployment/web")).unwrap();
        assert!(web.contains("is not spread as before the drill: the eviction of pod web-"), "{said:?}");
        assert_ne!(spread(&stage.simulation).await, even());
        assert_eq!(ended.events.last().unwrap().event.name(), "RunEnded");
        assert!(!matches!(ended.exit, Some(Exit::Residue | Exit::Internal | Exit::Left)), "{:?}", ended.exit);
    });
}

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: \"URL\"}\nusers:\n- name: u\n  user: {token: t}\ncontexts:\n- name: kind-drill\n  context: {cluster: c, user: u}\n- name: kind-other\n  context: {cluster: c, user: u}\n- name: plain\n  context: {cluster: c, user: u}\n";

/// Without a bindings file, only the context that has the name of the marked cluster gets the built-in bindings. That
/// the containers belong to the cluster is checked all the same: here there are none.
#[test]
fn bindings_are_built_in_for_the_cluster_of_up_alone() {
    let front = Front::open();
    front.file("kind.config", KUBECONFIG);
    let plan = |context: &str| {
        let args = ["plan", "zone-outage", "--context", context, "--kubeconfig", "kind.config"];
        let out = front.program(&args, &[("PATH", "/nonexistent")]);
        (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, said) = plan("kind-drill");
    assert!(code == 2 && said.contains("`${bind.storefront}` is not defined"), "not marked yet: {said}");
    front.patch("/api/v1/namespaces/kube-system", &json!({"metadata": {"annotations": {MARK: "drill"}}}));
    let (code, said) = plan("kind-drill");
    assert!(code == 2 && said.contains("cannot use the node host") && !said.contains("bind."), "{said}");
    for other in ["kind-other", "plain"] {
        let (code, said) = plan(other);
        assert!(code == 2 && said.contains("`${bind.storefront}` is not defined"), "{other}: {said}");
        assert!(said.contains("kind: Bindings"), "{said}");
    }
    // The mark alone does not make a cluster one to practise on: with bindings of its own, nothing is spread at the end.
    front.file("b.yaml", "apiVersion: drillmaster.dev/v1\nkind: Bindings\nvalues: {storefront: URL/ok}\n");
    let args = ["plan", "drain.yaml", "--context", "plain", "--kubeconfig", "kind.config", "--bind", "b.yaml"];
    front.file("drain.yaml", DRAIN);
    let out = front.program(&args, &[]);
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("plan hash") && !said.contains("at the end"), "{said}");
}

const DRAIN: &str = "apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: one-pod, title: A pod is deleted}
hypothesis: It comes back.
scope: {namespaces: [shop]}
steps:
  - {name: lost, deletePods: {workload: deployment/web}}
expect:
  - replicas: {workload: deployment/web, ready: 3, within: 2m}
";
