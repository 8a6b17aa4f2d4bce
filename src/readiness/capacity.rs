//! Whether the remaining nodes have room for the pods that a fault displaces. Without this
//! check, a drill would measure pods that could only stay Pending.

use std::collections::BTreeSet;

use super::Case;
use crate::{
    kubernetes::{Candidate, NodeExit, PackingState, Volumes},
    model::{Finding, Verb},
};

pub(super) fn survivors(case: &Case<'_>) -> Finding {
    let gone: BTreeSet<&str> = case
        .plan
        .steps
        .iter()
        .filter(|s| s.takes_nodes() || s.drains())
        .flat_map(|s| if s.drains() { s.nodes.iter().take(1) } else { s.nodes.iter().take(usize::MAX) })
        .map(|n| n.name.as_str())
        .collect();
    if gone.is_empty() {
        return Finding::skip("survivor-capacity", "no step takes a node away");
    }
    if case.plan.steps.iter().any(|s| matches!(s.verb(), Some(Verb::LoseCluster(_)))) {
        return Finding::skip("survivor-capacity", "the whole cluster is lost: no node is left to take the pods");
    }
    let (nodes, pods) = match (case.inventory.nodes.get(), case.inventory.pods.get()) {
        (Ok(nodes), Ok(pods)) => (nodes, pods),
        (Err(why), _) | (_, Err(why)) => {
            return Finding::unknown("survivor-capacity", why, "grant list on nodes and pods");
        }
    };
    let mut volumes = Volumes::default();
    for volume in case.inventory.volumes.get().unwrap_or_default() {
        let claim = volume.spec.claim_ref.as_ref();
        let text = |field: &str| claim.and_then(|c| c[field].as_str()).unwrap_or("");
        let terms = volume.spec.node_affinity.as_ref().and_then(|a| a.pointer("/required/nodeSelectorTerms"));
        volumes.bind((text("namespace"), text("name")), terms, "");
    }
    let mut packing = PackingState::new(nodes);
    for pod in pods.iter().filter(|p| !p.is_finished()) {
        packing.place(Candidate::of(pod, &volumes), &pod.spec.node_name, pod.is_terminating());
    }
    // A pod whose volume is tied to the lost nodes returns with them; `plan` reports that itself.
    let movable = |candidate: &Candidate<'_>| candidate.places.is_empty();
    let how = if case.plan.steps.iter().any(|s| s.takes_nodes()) { NodeExit::Dead } else { NodeExit::Drained };
    let outcome = packing.lose_of(&gone, how, &movable);
    let (cpu, memory) = outcome.left;
    let left = format!("{cpu} % of their CPU and {memory} % of their memory stay free");
    let evicted = match outcome.preempted.len() {
        0 => String::new(),
        n => format!("; {n} pods of lower priority are preempted"),
    };
    if outcome.unplaced.is_empty() {
        Finding::pass(
            "survivor-capacity",
            format!("the remaining nodes have room for all {} displaced pods: {left}{evicted}", outcome.wanted),
        )
    } else {
        Finding::fail(
            "survivor-capacity",
            format!(
                "{} of {} displaced pods fit on no remaining node: {}{evicted}",
                outcome.unplaced.len(),
                outcome.wanted,
                outcome.named(usize::MAX)
            ),
            "add a node, lower requests, or make the rule that keeps them out a preference: otherwise these pods stay Pending in any case",
        )
    }
}
