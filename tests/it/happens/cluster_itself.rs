//! Watches, readiness, budgets and nodes.

use drillmaster::{model::PowerState, world::WatchEvent};

use super::{
    Case, case,
    looks::{Look, told},
};

const BUDGET: &str = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web";

/// What a watch of nodes reports about a change within five seconds, and within a minute.
async fn hears(look: &Look) -> (Option<Result<WatchEvent, String>>, Option<Result<WatchEvent, String>>) {
    let mut lines = look.watch_nodes().await.unwrap();
    look.wait(2).await;
    look.touch_a_node().await;
    let soon = told(&mut lines, 5).await;
    let late = if soon.is_none() { told(&mut lines, 20).await } else { None };
    (soon, late)
}

fn changed(told: Option<&Result<WatchEvent, String>>) -> bool {
    matches!(told, Some(Ok(WatchEvent::Changed(_))))
}

/// The state that the node host reports after the node was switched off.
async fn state_of_killed(look: &Look) -> PowerState {
    look.kill("node-a-0").await;
    look.world.host.as_ref().unwrap().machine("node-a-0").await.unwrap().state
}

pub const CASES: &[Case] = &[
    // One watch was open before the entry began, the other is opened later.
    case!("{at: 1s, what: {watches: {does: stall, of: nodes}}}", |look| {
        let before = hears(&look).await;
        let after = hears(&look).await;
        before.0.is_none() && before.1.is_none() && after.0.is_none() && after.1.is_none()
    }),
    case!("{at: 1s, for: 15s, what: {watches: {does: lag}}}", |look| {
        let (soon, late) = hears(&look).await;
        soon.is_none() && changed(late.as_ref())
    }),
    case!("{at: 1s, for: 20s, what: {watches: {does: refused, of: nodes}}}", |look| {
        look.wait(2).await;
        let refused = look.watch_nodes().await.is_err();
        look.wait(20).await;
        look.watch_nodes().await.unwrap();
        refused
    }),
    case!("{at: 1s, what: {watches: {does: nonsense}}}", |look| {
        let (soon, _) = hears(&look).await;
        !changed(soon.as_ref())
    }),
    // The pods run and answer, but the Service sends no requests to them.
    case!("{at: 10s, for: 30s, what: {readiness: {workload: deployment/web, namespace: shop, does: lost}}}", |look| {
        look.wait(5).await;
        assert_eq!(look.ready().await, 3);
        look.wait(10).await;
        let lost = look.ready().await == 0;
        look.wait(30).await;
        assert_eq!(look.ready().await, 3);
        lost
    }),
    // Pods that are created while the entry is in force do not become Ready either.
    case!("{at: 0s, what: {readiness: {workload: statefulset/orders, namespace: shop, does: lost}}}", |look| {
        look.send(drillmaster::world::ApiCall::delete("/api/v1/namespaces/shop/pods/orders-2", "", Some(0))).await;
        look.wait(60).await;
        let set = look.object("/apis/apps/v1/namespaces/shop/statefulsets/orders").await;
        set["status"]["readyReplicas"] == 0
    }),
    case!("{at: 0s, what: {readiness: {workload: deployment/web, namespace: shop, does: flaps, every: 4s}}}", |look| {
        let mut seen = vec![];
        for _ in 0..6 {
            look.wait(2).await;
            seen.push(look.ready().await);
            look.wait(2).await;
        }
        seen == [0, 3, 0, 3, 0, 3]
    }),
    // The budget still allows what it allowed before the readiness was lost.
    case!("{at: 0s, for: 30s, what: {budgetLags: {budget: web, namespace: shop}}}", |look| {
        assert_eq!(look.object(BUDGET).await["status"]["disruptionsAllowed"], 1);
        look.kill("node-a-0").await;
        look.kill("node-a-1").await;
        look.wait(20).await;
        for pod in look.world.kube.list("/api/v1/namespaces/shop/pods").await.unwrap().0 {
            if pod["metadata"]["labels"]["app"] == "web" {
                let name = pod["metadata"]["name"].as_str().unwrap();
                look.send(drillmaster::world::ApiCall::delete(
                    format!("/api/v1/namespaces/shop/pods/{name}"),
                    "",
                    Some(0),
                ))
                .await;
            }
        }
        look.wait(1).await;
        let lags = look.object(BUDGET).await["status"]["currentHealthy"] == 3;
        look.wait(15).await;
        assert_eq!(look.object(BUDGET).await["status"]["observedGeneration"], 1);
        lags
    }),
    case!("{at: 60s, what: {nodeReturns: {node: any}}}", |look| {
        look.kill("node-a-0").await;
        look.wait(58).await;
        assert!(!look.node_is_ready("node-a-0").await);
        look.wait(20).await;
        look.node_is_ready("node-a-0").await
    }),
    // A restarted node reports another boot ID.
    case!("{at: 1s, what: {nodeRestarts: {node: node-b-0}}}", |look| {
        let boot = async || look.object("/api/v1/nodes/node-b-0").await["status"]["nodeInfo"]["bootID"].clone();
        let before = boot().await;
        look.wait(30).await;
        assert!(look.node_is_ready("node-b-0").await);
        before != boot().await
    }),
    case!("{at: 0s, what: {nodeHost: {node: any, says: running}}}", |look| {
        state_of_killed(&look).await == PowerState::Running && {
            look.wait(60).await;
            !look.node_is_ready("node-a-0").await
        }
    }),
    case!("{at: 0s, what: {nodeHost: {node: node-b-0, says: stopped}}}", |look| {
        let state = look.world.host.as_ref().unwrap().machine("node-b-0").await.unwrap().state;
        state == PowerState::Off && look.node_is_ready("node-b-0").await
    }),
    case!("{at: 0s, what: {nodeHost: {node: node-a-0, ignores: true}}}", |look| {
        state_of_killed(&look).await == PowerState::Running && {
            look.wait(60).await;
            look.node_is_ready("node-a-0").await
        }
    }),
];
