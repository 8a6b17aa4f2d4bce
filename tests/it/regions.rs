//! Simulated control planes that are away, and nodes that are cut off from each other.

use std::time::Duration;

use drillmaster::{
    event::{Event, Kind},
    model::Exit,
    sim::{Description, Simulation},
    world::World,
};

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario_text};

const TEXT: &str = include_str!("../../scenarios/clusters/two-regions.yaml");
const NODE: &str = "/api/v1/nodes/node-a-0";

async fn started(text: &str) -> Simulation {
    Simulation::start(&Description::parse(text).unwrap(), 1).await.unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

async fn power(world: &World, act: &str, node: &str) {
    let argv = ["simulated-host", act, node].map(str::to_owned);
    world.host.as_ref().unwrap().run(&argv).await.unwrap();
}

async fn answers(world: &World) -> Result<(), String> {
    world.kube.get_once("/api/v1/nodes", Duration::from_secs(1)).await.map(drop).map_err(|e| e.to_string())
}

async fn is_ready(world: &World) -> bool {
    let node = world.kube.get(NODE).await.unwrap();
    let conditions = node["status"]["conditions"].as_array().unwrap();
    conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[test]
fn without_its_control_plane_a_cluster_decides_nothing() {
    on_paused_time(async {
        let simulation = started(TEXT).await;
        let world = simulation.world();
        power(&world, "kill", "control-plane-0").await;
        let refused = answers(&world).await.unwrap_err();
        assert!(refused.contains("refused"), "{refused}");
        // A node dies while nothing can notice it.
        power(&world, "kill", "node-a-0").await;
        pass(300).await;
        power(&world, "start", "control-plane-0").await;
        pass(8).await;
        answers(&world).await.unwrap_err();
        pass(2).await;
        answers(&world).await.unwrap();
        assert!(is_ready(&world).await, "the node object must not change");
        // The controllers act 16 s later. They do not know when the lease was renewed, so the grace period of 50 s
        // begins again.
        pass(60).await;
        assert!(is_ready(&world).await, "too early: the grace period begins when the controllers look");
        pass(15).await;
        assert!(!is_ready(&world).await, "the controllers did not notice that the node is dead");
    });
}

/// What a start that was interrupted had set in motion does not shorten the next one.
#[test]
fn a_control_plane_that_dies_while_it_starts_begins_anew() {
    on_paused_time(async {
        let simulation = started(TEXT).await;
        let world = simulation.world();
        for pause in [7, 0] {
            power(&world, "kill", "control-plane-0").await;
            power(&world, "start", "control-plane-0").await;
            pass(pause).await;
        }
        // The API server needs 9 s from the second start. By the timer of the first one, it would answer earlier.
        pass(8).await;
        answers(&world).await.unwrap_err();
        pass(2).await;
        answers(&world).await.unwrap();
    });
}

#[test]
fn a_frozen_control_plane_answers_late() {
    on_paused_time(async {
        let simulation = started(TEXT).await;
        let world = simulation.world();
        power(&world, "pause", "control-plane-0").await;
        let late = answers(&world).await.unwrap_err();
        assert!(!late.contains("refused"), "the request must hang: {late}");
        let kube = world.kube.clone();
        let waiting = tokio::spawn(async move { kube.get_once(NODE, Duration::from_secs(90)).await });
        pass(30).await;
        assert!(!waiting.is_finished());
        power(&world, "unpause", "control-plane-0").await;
        waiting.await.unwrap().unwrap();
    });
}

#[test]
fn more_than_half_of_its_machines_must_run() {
    on_paused_time(async {
        let simulation = started(&TEXT.replacen("controlPlane: 1", "controlPlane: 3", 1)).await;
        let world = simulation.world();
        power(&world, "kill", "control-plane-0").await;
        answers(&world).await.unwrap();
        power(&world, "kill", "control-plane-2").await;
        answers(&world).await.unwrap_err();
        power(&world, "start", "control-plane-0").await;
        pass(10).await;
        answers(&world).await.unwrap();
    });
}

/// A drill that cuts a node off from all other machines, or delays what it sends.
fn network(what: &str) -> String {
    format!(
        "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: network, title: Network}}\nhypothesis: h\n\
         scope: {{namespaces: [shop], critical: [deployment/web]}}\n\
         probes:\n  - {{name: storefront, http: {{url: \"${{bind.storefront}}\", body: ok}}, backedBy: [deployment/web]}}\n\
         steps:\n  - name: cut\n    impairNodes: {{hosting: deployment/web, network: {{{what}}}}}\n\
         \x20 - {{name: while, wait: {{for: 2m}}}}\n  - {{name: mended, heal: {{fault: cut}}}}\n\
         expect: [{{service: {{probe: storefront, unharmed: true, longest: 60s, of: cut}}}}]\n\
         limits: {{duration: 20m}}\ncollateral: [velero]\n"
    )
}

async fn drilled(description: &Description, what: &str) -> (Option<Exit>, Vec<Event>) {
    let stage = Rehearsal::set(description, 1).await;
    let ended = stage.drill(&scenario_text(&network(what), description), None).await;
    stage.as_before().await.unwrap();
    (ended.exit, ended.events)
}

fn goes_dark(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(&e.event, Kind::NodeSeen { ready, .. } if ready != "True"))
}

/// The node cannot reach the machines of the control plane. A control plane outside the cluster is still reached.
#[test]
fn a_node_that_does_not_reach_the_control_plane_is_not_heard() {
    on_paused_time(async {
        let (exit, events) = drilled(&cluster("two-regions"), "drop: both").await;
        assert!(goes_dark(&events), "{exit:?}");
        let (exit, events) = drilled(&cluster("small-shop"), "drop: both").await;
        assert_eq!((exit, goes_dark(&events)), (Some(Exit::Passed), false));
    });
}

/// Rules on the other side cut a node off too, and a machine that starts while it is cut off is still not heard.
#[test]
fn a_cut_node_is_heard_again_when_the_rules_are_gone() {
    on_paused_time(async {
        let simulation = started(TEXT).await;
        let world = simulation.world();
        let host = world.host.as_ref().unwrap();
        let node = world.kube.get(NODE).await.unwrap();
        let address = node["status"]["addresses"][0]["address"].as_str().unwrap();
        let rules = format!(
            "add table inet t ; add chain inet t arriving {{ type filter hook prerouting priority -400 ; }} ; \
             add rule inet t arriving ip saddr {{ {address} }} counter drop"
        );
        host.run_inside("control-plane-0", &["nft", &rules]).await.unwrap();
        pass(70).await;
        assert!(!is_ready(&world).await, "its heartbeats must not arrive");
        power(&world, "kill", "node-a-0").await;
        power(&world, "start", "node-a-0").await;
        pass(30).await;
        assert!(!is_ready(&world).await, "it has power, but its heartbeats must still not arrive");
        host.run_inside("control-plane-0", &["nft", "add table inet t ; delete table inet t"]).await.unwrap();
        pass(10).await;
        assert!(is_ready(&world).await, "nothing cuts it off any more");
    });
}

#[test]
fn what_a_delayed_node_answers_is_late() {
    on_paused_time(async {
        let (exit, events) = drilled(&cluster("two-regions"), "delay: 300ms").await;
        assert_eq!((exit, goes_dark(&events)), (Some(Exit::Passed), false));
        let (exit, _) = drilled(&cluster("two-regions"), "delay: 3s").await;
        assert_ne!(exit, Some(Exit::Passed), "each sample that reaches the node must take too long");
    });
}

#[test]
fn what_no_rehearsal_can_show_is_refused() {
    let regions = cluster("two-regions");
    let refused = |text: &str| {
        on_paused_time(async {
            let stage = Rehearsal::set(&regions, 1).await;
            let loaded = scenario_text(text, &regions);
            let variables = std::collections::BTreeMap::default();
            let prepared = drillmaster::engine::prepare_in(
                stage.simulation.world(),
                &variables,
                None,
                &loaded,
                "run".into(),
                false,
            );
            prepared.await.map(drop).unwrap_err().to_string()
        })
    };
    for (what, lacks) in
        [("drop: both, loss: 30%", "loses a share of its packets"), ("drop: both, zone: none", "zone `none`")]
    {
        let said = refused(&network(what));
        assert!(said.contains(lacks), "{said}");
    }
    let cut_off = network("drop: both").replace(
        "impairNodes: {hosting: deployment/web, network: {drop: both}}",
        "killNodes: {nodes: [control-plane-0], how: partition, controlPlane: true}",
    );
    assert!(refused(&cut_off).contains("runs the control plane"), "{}", refused(&cut_off));
}

#[test]
fn a_second_cluster_has_nothing_of_its_own_beside_the_drill() {
    for (wrong, says) in [
        ("metadata: {name: two-regions, title: T}", "name of the first cluster"),
        (
            "metadata: {name: s}\n  happens: [{at: 1s, what: {nodeReturns: {node: node-d-0}}}]",
            "cannot have `recovery` or `happens`",
        ),
        ("metadata: {name: s}\n  node: {cpu: many, memory: 1Gi, pods: 1}", "`many` is not a quantity"),
    ] {
        let text = TEXT.replace("metadata: {name: second-region, title: Where the shop is restored}", wrong);
        assert_ne!(text, TEXT);
        let said = Description::parse(&text).unwrap_err();
        assert!(said.contains(says), "{said}");
    }
    let entry = "happens:\n  - {at: 0s, in: recovery, what: {source: {source: vault, does: gone}}}\n";
    assert!(Description::parse(&format!("{TEXT}{entry}")).is_ok());
    let shop = include_str!("../../scenarios/clusters/small-shop.yaml");
    let said = Description::parse(&format!("{shop}{entry}")).unwrap_err();
    assert!(said.contains("there is no recovery cluster"), "{said}");
    let many = TEXT.replacen("controlPlane: 1", "controlPlane: 11", 1);
    assert!(Description::parse(&many).unwrap_err().contains("at most 9"));
}
