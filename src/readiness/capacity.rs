//! Whether the survivors can take what a fault displaces (correctness 24).

use std::collections::BTreeSet;

use super::Case;
use crate::{
    kubernetes::{Demand, place, room_of},
    model::Finding,
};

pub(super) fn survivors(case: &Case<'_>) -> Finding {
    let gone: BTreeSet<&str> = case
        .plan
        .steps
        .iter()
        .filter(|s| s.takes_nodes() || s.verb == "drain")
        .flat_map(|s| if s.verb == "drain" { s.nodes.iter().take(1) } else { s.nodes.iter().take(usize::MAX) })
        .map(|n| n.name.as_str())
        .collect();
    if gone.is_empty() {
        return Finding::skip("survivor-capacity", "no step takes a node away");
    }
    if case.plan.steps.iter().any(|s| s.verb == "loseCluster") {
        return Finding::skip("survivor-capacity", "the whole cluster goes: nothing is left to take what it displaces");
    }
    let (nodes, pods) = match (case.inventory.nodes.get(), case.inventory.pods.get()) {
        (Ok(nodes), Ok(pods)) => (nodes, pods),
        (Err(why), _) | (_, Err(why)) => {
            return Finding::unknown("survivor-capacity", why, "grant list on nodes and pods");
        }
    };
    let rooms = nodes
        .iter()
        .filter(|n| !gone.contains(n.metadata.name.as_str()))
        .map(|n| {
            let on: Vec<_> = pods.iter().filter(|p| p.spec.node_name == n.metadata.name).collect();
            room_of(n, &on)
        })
        .collect();
    let demands: Vec<Demand> = pods
        .iter()
        .filter(|p| gone.contains(p.spec.node_name.as_str()) && !p.is_finished())
        .filter(|p| p.controller().is_some_and(|o| o.kind != "DaemonSet") && !p.is_mirror())
        .map(|p| Demand::of(&format!("{}/{}", p.metadata.namespace, p.metadata.name), &p.spec))
        .collect();
    let displaced = demands.len();
    let homeless = place(rooms, demands);
    if homeless.is_empty() {
        Finding::pass(
            "survivor-capacity",
            format!(
                "the survivors can take all {displaced} displaced pods by their requests (preemption and pod affinity are not modelled)"
            ),
        )
    } else {
        Finding::fail(
            "survivor-capacity",
            format!("{} of {displaced} displaced pods fit nowhere: {}", homeless.len(), homeless.join(", ")),
            "add a node, or lower requests: otherwise Pending pods are a foregone conclusion",
        )
    }
}
