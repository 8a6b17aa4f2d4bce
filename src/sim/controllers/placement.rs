//! The scheduler: which node a pod may run on, and which of these it prefers.
//! Filters as the real one's; of its scores only spreading and room.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        fields::{self, list, text},
        state::State,
    },
    Changes,
};
use crate::kubernetes::{
    Demand, NodeRoom, Selector, cpu_millis, may_run, memory_bytes,
    objects::{Node, PodSpec},
    room_of,
};

pub(super) fn changed(state: &mut State, changes: &Changes) {
    if !changes.keys().any(|k| matches!(k.0, "pods" | "nodes" | "persistentvolumeclaims" | "persistentvolumes")) {
        return;
    }
    let mut waiting: Vec<Arc<Value>> =
        state.store.pods_on("").into_iter().filter(|p| !fields::is_terminating(p)).collect();
    if waiting.is_empty() {
        return;
    }
    waiting.sort_by_key(|p| {
        (std::cmp::Reverse(fields::number(p, "/spec/priority")), fields::number(p, "/metadata/resourceVersion"))
    });
    let mut rooms = rooms(state);
    for pod in waiting {
        bind(state, &pod, &mut rooms);
    }
}

fn rooms(state: &State) -> Vec<NodeRoom> {
    let nodes = state.store.all("nodes").filter_map(|n| Node::deserialize(&**n).ok());
    nodes
        .map(|node| {
            let mut room = room_of(&node, &[]);
            for pod in state.store.pods_on(&node.metadata.name) {
                if !matches!(text(&pod, "/status/phase"), "Succeeded" | "Failed") {
                    let (cpu, memory) = asks(&pod);
                    room.cpu = room.cpu.saturating_sub(cpu);
                    room.memory = room.memory.saturating_sub(memory);
                    room.pods = room.pods.saturating_sub(1);
                }
            }
            room
        })
        .collect()
}

/// What the containers of a pod request, read without taking the pod apart.
fn asks(pod: &Value) -> (u64, u64) {
    let sum = |pointer: &str, parse: fn(&str) -> Option<u64>| {
        list(pod, "/spec/containers").iter().filter_map(|c| parse(text(c, pointer))).sum()
    };
    (sum("/resources/requests/cpu", cpu_millis), sum("/resources/requests/memory", memory_bytes))
}

fn bind(state: &mut State, pod: &Value, rooms: &mut [NodeRoom]) {
    let Ok(spec) = serde_json::from_value::<PodSpec>(pod["spec"].clone()) else { return };
    let demand = Demand::of(fields::name(pod), &spec);
    let peers = peers(state, pod, rooms);
    let mut in_zone: BTreeMap<&str, usize> = BTreeMap::new();
    let mut on_node: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &peers {
        *in_zone.entry(node.zone()).or_default() += 1;
        *on_node.entry(&node.metadata.name).or_default() += 1;
    }
    let fits = |room: &NodeRoom| {
        room.pods > 0
            && room.cpu >= demand.cpu
            && room.memory >= demand.memory
            && may_run(&spec, &room.node)
            && volumes_allow(state, pod, &room.node)
            && !kept_apart(&spec, &peers, &room.node)
            && !skewed(&spec, rooms, &peers, &room.node)
    };
    let best = rooms
        .iter()
        .enumerate()
        .filter(|(_, room)| fits(room))
        .min_by_key(|(_, room)| {
            let name = room.node.metadata.name.as_str();
            let count = |map: &BTreeMap<&str, usize>, key: &str| map.get(key).copied().unwrap_or(0);
            (count(&in_zone, room.node.zone()), count(&on_node, name), std::cmp::Reverse(room.cpu), name)
        })
        .map(|(at, _)| at);
    let (namespace, name) = (fields::namespace(pod).to_owned(), fields::name(pod).to_owned());
    let now = state.wall();
    let Some(at) = best else {
        state.store.edit("pods", &namespace, &name, |p| {
            fields::set_condition(p, "PodScheduled", "False", "Unschedulable", now);
        });
        return;
    };
    let room = &mut rooms[at];
    room.cpu -= demand.cpu;
    room.memory -= demand.memory;
    room.pods -= 1;
    let node = room.node.metadata.name.clone();
    state.store.edit("pods", &namespace, &name, |p| {
        p["spec"]["nodeName"] = node.into();
        fields::set_condition(p, "PodScheduled", "True", "", now);
    });
}

/// The nodes of pods of the same controller, one entry a pod.
fn peers<'a>(state: &State, pod: &Value, rooms: &'a [NodeRoom]) -> Vec<&'a Node> {
    let Some((_, _, owner)) = fields::controller(pod) else { return vec![] };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for peer in state.store.pods_of(owner) {
        if !fields::is_terminating(&peer) && !text(&peer, "/spec/nodeName").is_empty() {
            *counts.entry(text(&peer, "/spec/nodeName").to_owned()).or_default() += 1;
        }
    }
    rooms
        .iter()
        .flat_map(|room| {
            let count = counts.get(&room.node.metadata.name).copied().unwrap_or(0);
            std::iter::repeat_n(&room.node, count)
        })
        .collect()
}

/// A volume that lives in one place keeps its pod there.
fn volumes_allow(state: &State, pod: &Value, node: &Node) -> bool {
    list(pod, "/spec/volumes").iter().all(|volume| {
        let claim = text(volume, "/persistentVolumeClaim/claimName");
        if claim.is_empty() {
            return true;
        }
        let Some(claim) = state.store.get("persistentvolumeclaims", fields::namespace(pod), claim) else {
            return false;
        };
        let Some(volume) = state.store.get("persistentvolumes", "", text(claim, "/spec/volumeName")) else {
            return true;
        };
        let terms = list(volume, "/spec/nodeAffinity/required/nodeSelectorTerms");
        terms.is_empty()
            || terms.iter().any(|term| {
                serde_json::from_value::<Selector>(serde_json::json!({"matchExpressions": term["matchExpressions"]}))
                    .is_ok_and(|s| s.matches(&node.metadata.labels))
            })
    })
}

/// Required anti-affinity to its own kind.
fn kept_apart(spec: &PodSpec, peers: &[&Node], node: &Node) -> bool {
    list(&spec.affinity, "/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution").iter().any(|term| {
        let key = text(term, "/topologyKey");
        let here = node.metadata.labels.get(key);
        here.is_some() && peers.iter().any(|peer| peer.metadata.labels.get(key) == here)
    })
}

/// A spread that must be kept (DoNotSchedule). A dark zone still counts as one
/// unless the constraint honours taints (correctness 24).
fn skewed(spec: &PodSpec, rooms: &[NodeRoom], peers: &[&Node], node: &Node) -> bool {
    spec.topology_spread_constraints.iter().filter(|c| c.when_unsatisfiable == "DoNotSchedule").any(|constraint| {
        let key = constraint.topology_key.as_str();
        let honours = constraint.node_taints_policy.as_deref() == Some("Honor");
        let domains: std::collections::BTreeSet<&String> = rooms
            .iter()
            .filter(|r| !honours || r.node.spec.taints.iter().all(|t| t.effect == "PreferNoSchedule"))
            .filter_map(|r| r.node.metadata.labels.get(key))
            .collect();
        let count = |domain: &String| peers.iter().filter(|peer| peer.metadata.labels.get(key) == Some(domain)).count();
        let least = domains.iter().map(|d| count(d)).min().unwrap_or(0);
        node.metadata.labels.get(key).is_none_or(|own| count(own) + 1 > least + constraint.max_skew as usize)
    })
}
