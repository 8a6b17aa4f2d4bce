//! The scheduler: it finds the nodes on which a pod may run, and the one that it prefers. The filters are those of the
//! real scheduler. Of its scores, there are only preferences, spreading and free CPU. Read [`changed`] first.

use std::{cmp::Reverse, collections::BTreeSet};

use serde::Deserialize;

use super::{
    super::{
        SETTLE,
        capacities::{NodeCapacities, NodeCapacity},
        fields::{self, list, text},
        pods::Pod,
        state::State,
        value::Value,
    },
    Changes, preemption,
    search::Search,
};
use crate::kubernetes::{
    Demand, FreeCapacity, cpu_millis, memory_bytes,
    objects::{Node, PodSpec},
};

/// The resources, other than pods, that decide where a pod may run.
const PLACES: [&str; 4] = ["nodes", "persistentvolumeclaims", "persistentvolumes", "namespaces"];

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let places = changes.keys().any(|k| PLACES.contains(&k.0));
    if !state.store.take_moved() && !places {
        return;
    }
    measure(state, changes);
    let mut waiting = state.store.pods_on("");
    waiting.retain(|p| !p.terminating);
    if waiting.is_empty() {
        return;
    }
    waiting.sort_by_key(|p| {
        (Reverse(fields::number(p, "/spec/priority")), fields::number(p, "/metadata/resourceVersion"))
    });
    let mut capacities = std::mem::take(&mut state.capacities);
    let (mut failed, mut last) = (None::<Pod>, None);
    for pod in waiting {
        // If a pod found no node, other pods of its set find none either, because nothing has changed since.
        if failed.as_ref().is_some_and(|other| is_alike(other, &pod)) && is_unscheduled(&pod) {
            continue;
        }
        failed = match bind(state, &pod, &mut capacities, &mut last) {
            Bound::Nowhere => Some(pod),
            Bound::Changed => None,
        };
    }
    state.capacities = capacities;
}

/// The result for a pod without a node.
enum Bound {
    /// It still has no node, and no pods are removed for it.
    Nowhere,
    /// It has a node, or other pods are removed for it.
    Changed,
}

/// Whether two pods have the same controller and the same demands.
fn is_alike(one: &Pod, other: &Pod) -> bool {
    let nominated = |pod: &Pod| !text(pod, "/status/nominatedNodeName").is_empty();
    one.owner.is_some()
        && fields::namespace(one) == fields::namespace(other)
        && fields::controller(one) == fields::controller(other)
        && one["spec"] == other["spec"]
        && one["metadata"]["labels"] == other["metadata"]["labels"]
        && !nominated(one)
        && !nominated(other)
}

/// Whether the scheduler has tried to place the pod before, and found no node.
fn is_unscheduled(pod: &Value) -> bool {
    fields::condition(pod, "PodScheduled") == "False"
}

/// Updates the free capacity of the nodes on which something changed.
fn measure(state: &mut State, changes: &Changes) {
    let touched: BTreeSet<&str> = changes
        .iter()
        .filter_map(|(key, object)| match key.0 {
            "nodes" => Some(key.2.as_str()),
            "pods" => Some(text(object, "/spec/nodeName")).filter(|node| !node.is_empty()),
            _ => None,
        })
        .collect();
    for name in touched {
        match state.store.get("nodes", "", name).and_then(|n| Node::deserialize(&**n).ok()) {
            Some(node) => {
                let free = free(state, node);
                state.capacities.insert(free);
            }
            None => state.capacities.remove(name),
        }
    }
}

fn free(state: &State, node: Node) -> NodeCapacity {
    let mut free = FreeCapacity::of(&node);
    for pod in state.store.pods_on(&node.metadata.name) {
        if !pod.finished {
            free.reserve(&asks(&pod));
        }
    }
    NodeCapacity { zone: node.zone().to_owned(), node, free }
}

/// What a pod requests. Most requests are simple, and are read without parsing the whole spec.
pub(super) fn asks(pod: &Value) -> Demand {
    let containers = list(pod, "/spec/containers");
    let plain = |c: &Value| {
        let requests = c.pointer("/resources/requests").and_then(Value::as_object);
        c["ports"].is_null()
            && requests.is_some_and(|r| r.len() == 2 && r.contains_key("cpu") && r.contains_key("memory"))
    };
    let whole = ["initContainers", "resources", "overhead"].iter().all(|field| pod["spec"][*field].is_null());
    if whole && containers.iter().all(plain) {
        let sum = |pointer: &str, parse: fn(&str) -> Option<u64>| {
            containers.iter().filter_map(|c| i64::try_from(parse(text(c, pointer))?).ok()).sum()
        };
        let (cpu, memory) =
            (sum("/resources/requests/cpu", cpu_millis), sum("/resources/requests/memory", memory_bytes));
        return Demand { cpu, memory, ..Demand::default() };
    }
    PodSpec::deserialize(&pod["spec"]).map_or_else(|_| Demand::default(), |spec| Demand::of(&spec))
}

fn bind(state: &mut State, pod: &Pod, capacities: &mut NodeCapacities, last: &mut Option<(Pod, Search)>) -> Bound {
    let again = last.take().filter(|(other, search)| search.holds_after_a_pod() && is_alike(other, pod));
    let Some(mut search) = again.map(|(_, search)| search).or_else(|| Search::of(state, pod, capacities)) else {
        return Bound::Nowhere;
    };
    let told = told(state, pod).and_then(|node| capacities.position(&node));
    let told = told.filter(|node| capacities.at(*node).is_some_and(|free| search.fits(free)));
    let best = told.or_else(|| search.best(capacities));
    let (namespace, name) = (fields::namespace(pod).to_owned(), fields::name(pod).to_owned());
    let now = state.wall();
    let Some(node) = best else {
        state.store.edit("pods", &namespace, &name, |p| {
            fields::set_condition(p, "PodScheduled", "False", "Unschedulable", now);
        });
        let made = preemption::make_room(state, pod, search.demand(), capacities, &|node| search.passes(node));
        return if made { Bound::Changed } else { Bound::Nowhere };
    };
    let node = search.place(node, capacities);
    state.store.edit("pods", &namespace, &name, |p| {
        p["spec"]["nodeName"] = node.into();
        fields::set_condition(p, "PodScheduled", "True", "", now);
    });
    *last = Some((pod.clone(), search));
    Bound::Changed
}

/// The node that the description gives to a pod. Only the first pods of a workload get one.
fn told(state: &mut State, pod: &Value) -> Option<String> {
    if state.placement.is_empty() || state.now_us > SETTLE.as_micros() as u64 {
        return None;
    }
    let namespace = fields::namespace(pod);
    let (mut kind, mut owner, _) = fields::controller(pod)?;
    let set = state.store.get("replicasets", namespace, owner).cloned();
    if let Some((above, name, _)) = set.as_deref().filter(|_| kind == "ReplicaSet").and_then(fields::controller) {
        (kind, owner) = (above, name);
    }
    let nodes = state.placement.get_mut(namespace)?.get_mut(&format!("{}/{owner}", kind.to_lowercase()))?;
    let at = if kind == "StatefulSet" { fields::name(pod).rsplit('-').next()?.parse().ok()? } else { 0 };
    let node = nodes.get_mut(at)?;
    // The place of a StatefulSet's pod is used once. Of other workloads, each pod takes the first place in the list.
    Some(if kind == "StatefulSet" { std::mem::take(node) } else { nodes.remove(at) })
}
