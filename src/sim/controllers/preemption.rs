//! Preemption: a pod that fits on no node replaces pods of lower priority. Like the real scheduler, it tries one node
//! after another, keeps as many pods as possible, the most important first, and prefers the node whose victims matter
//! least. It ignores budgets; the real scheduler only prefers victims that no budget protects. Read [`make_room`]
//! first.

use super::{
    super::{
        capacities::{NodeCapacities, NodeCapacity},
        fields::{self, number, text},
        pods::Pod,
        resources,
        state::State,
        value::Value,
    },
    placement::asks,
};
use crate::kubernetes::{self, Demand, objects::Node};

/// Returns whether pods are removed to make room for this pod.
pub(super) fn make_room(
    state: &mut State,
    pod: &Value,
    demand: &Demand,
    capacities: &NodeCapacities,
    may_run: &dyn Fn(&Node) -> bool,
) -> bool {
    let priority = number(pod, "/spec/priority");
    if text(pod, "/spec/preemptionPolicy") == "Never" || is_awaited(state, pod, priority) {
        return false;
    }
    let choices = capacities.iter().filter(|capacity| may_run(&capacity.node)).filter_map(|capacity| {
        let victims = victims(state.store.pods_on(&capacity.node.metadata.name), capacity, demand, priority)?;
        let worth = |v: &Pod| number(v, "/spec/priority");
        let highest = victims.iter().map(worth).max()?;
        let sum: i64 = victims.iter().map(worth).sum();
        Some((highest, sum, victims.len(), capacity.node.metadata.name.clone(), victims))
    });
    let Some((.., node, victims)) = choices.min_by(|a, b| (a.0, a.1, a.2, &a.3).cmp(&(b.0, b.1, b.2, &b.3))) else {
        return false;
    };
    for victim in victims {
        state.disrupt(fields::namespace(&victim), fields::name(&victim), "PreemptionByScheduler");
        state.delete(resources::known("pods"), &victim, None, false);
    }
    state.store.edit("pods", fields::namespace(pod), fields::name(pod), |p| {
        p["status"]["nominatedNodeName"] = node.into();
    });
    true
}

/// Whether room is already being made for this pod.
fn is_awaited(state: &State, pod: &Value, priority: i64) -> bool {
    let nominated = text(pod, "/status/nominatedNodeName");
    let leaving = |p: &Pod| p.terminating && number(p, "/spec/priority") < priority;
    !nominated.is_empty() && state.store.pods_on(nominated).iter().any(leaving)
}

/// The pods that would have to go. None if that would not be enough, or if no pod has to go.
fn victims(on_it: Vec<Pod>, capacity: &NodeCapacity, demand: &Demand, priority: i64) -> Option<Vec<Pod>> {
    // Pods that are leaving anyway are not victims, and their room is not free yet.
    let lower = |p: &Pod| !p.finished && !p.terminating && number(p, "/spec/priority") < priority;
    let mut lower: Vec<Pod> = on_it.into_iter().filter(lower).collect();
    lower.sort_by_key(|p| fields::name(p).to_owned());
    let asked: Vec<Demand> = lower.iter().map(|p| asks(p)).collect();
    let all = lower.into_iter().zip(&asked).map(|(pod, asks)| (number(&pod, "/spec/priority"), asks, pod));
    kubernetes::victims(all.collect(), &capacity.free, demand)
}
