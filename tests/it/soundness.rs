//! Law I6 for verdicts: during the drill, the test breaks what the drill should prove. Whatever else the drill says
//! then, it must not say that it passed.

use std::time::Duration;

use drillmaster::{
    event::{Event, Kind},
    model::{Exit, NodeHow, Outcome},
    world::{ApiCall, Kube},
};
use serde_json::{Value, json};

use super::rehearsal::{Rehearsal, acted, cluster, on_paused_time, scenario};

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const PODS: &str = "/api/v1/namespaces/shop/pods";

fn first_fault(event: &Event) -> bool {
    acted(event)
}

fn restore_begun(event: &Event) -> bool {
    matches!(&event.event, Kind::LeftBehind { what, .. } if what.starts_with("Velero restore"))
}

/// Runs a drill while the test breaks something, and checks the expectations that mention a word.
fn broken(name: &str, when: fn(&Event) -> bool, word: &str, how: impl AsyncFnOnce(&Kube)) {
    let shop = cluster("small-shop");
    let loaded = scenario(name, &shop);
    let ended = on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let kube = stage.simulation.world().kube;
        stage.drill_when(&loaded, when, async |_| how(&kube).await).await
    });
    let judged = ended.events.iter().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => Some(judgements.clone()),
        _ => None,
    });
    let judged = judged.unwrap();
    let about: Vec<_> = judged.iter().filter(|j| json!(j)["expectation"].to_string().contains(word)).collect();
    assert!(!about.is_empty(), "{name} judges nothing about `{word}`: {judged:?}");
    assert!(about.iter().any(|j| j.outcome != Outcome::Pass), "{name}, {word}: {about:?}");
    assert!(!matches!(ended.exit, Some(Exit::Passed)), "{name}, {word}");
}

async fn patch(kube: &Kube, path: &str, body: Value) {
    kube.send(&ApiCall::merge(path, body)).await.unwrap();
}

/// The outage ends before Kubernetes has noticed it. The step that waits for the effect must not wait to its limit, and
/// must say why.
#[test]
fn an_outage_that_does_not_last() {
    let shop = cluster("small-shop");
    let loaded = scenario("zone-outage", &shop);
    let (ended, seconds) = on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let host = stage.simulation.world().host.unwrap();
        let whole = stage.drill_when(&loaded, first_fault, async |run| {
            let dark = run.recorder.with(|state| state.open());
            for node in dark.iter().filter_map(|f| f.revert.takes_away()).map(|n| n.name.clone()) {
                let start = host.return_command(&node, NodeHow::Kill).unwrap();
                host.run(&start).await.unwrap();
            }
        });
        let ended = whole.await;
        stage.as_before().await.unwrap();
        let last = ended.events.last().unwrap().t_us;
        (ended, last / 1_000_000)
    });
    assert_eq!(ended.exit, Some(Exit::Failed));
    let said = ended.events.iter().any(|e| json!(e.event).to_string().contains("the outage ended too early"));
    assert!(said && seconds < 60, "after {seconds} s: {:?}", ended.events.last());
}

#[test]
fn fewer_replicas_than_are_to_be_ready() {
    broken("zone-outage", first_fault, "deployment/web has 3 ready", async |kube| {
        patch(kube, WEB, json!({"spec": {"replicas": 2}})).await;
    });
}

#[test]
fn a_service_that_leads_nowhere() {
    broken("zone-outage", first_fault, "storefront recovers", async |kube| {
        patch(kube, "/api/v1/namespaces/shop/services/web", json!({"spec": {"selector": {"app": "nobody"}}})).await;
    });
}

#[test]
fn a_budget_that_is_taken_away() {
    broken("zone-outage", first_fault, "has exactly one budget", async |kube| {
        let path = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web";
        kube.send(&ApiCall::delete(path, "", None)).await.unwrap();
    });
}

#[test]
fn no_room_for_what_was_lost() {
    broken("node-power-loss", first_fault, "deployment/web has 3 ready", async |kube| {
        for node in kube.list("/api/v1/nodes").await.unwrap().0 {
            let path = format!("/api/v1/nodes/{}", node["metadata"]["name"].as_str().unwrap());
            patch(kube, &path, json!({"spec": {"unschedulable": true}})).await;
        }
    });
}

#[test]
fn an_object_that_the_restore_brought_is_gone_again() {
    broken("namespace-loss-and-restore", restore_begun, "objects complete", async |kube| {
        let path = "/api/v1/namespaces/shop/services/orders";
        while kube.find(path).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        kube.send(&ApiCall::delete(path, "", None)).await.unwrap();
    });
}

#[test]
fn fewer_ready_than_the_drain_has_to_leave() {
    broken("rolling-drain", first_fault, "deployment/web", async |kube| {
        for pod in kube.list(PODS).await.unwrap().0 {
            if pod["metadata"]["labels"]["app"] == "web" {
                let path = format!("{PODS}/{}", pod["metadata"]["name"].as_str().unwrap());
                kube.send(&ApiCall::delete(path, "", Some(0))).await.unwrap();
            }
        }
    });
}
