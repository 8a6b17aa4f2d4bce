//! The scheduler: which node a pod may run on, and which of these it prefers.
//! Filters as the real one's; of its scores only spreading and room.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::{
        fields::{self, list, text},
        state::State,
    },
    Changes,
};
use crate::kubernetes::{
    Demand, NodeRoom, Selector, may_run,
    objects::{Node, Pod, PodSpec},
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
    let nodes = state.store.all("nodes").filter_map(|n| serde_json::from_value::<Node>((**n).clone()).ok());
    nodes
        .map(|node| {
            let pods: Vec<Pod> = state
                .store
                .pods_on(&node.metadata.name)
                .iter()
                .filter_map(|p| serde_json::from_value((**p).clone()).ok())
                .collect();
            room_of(&node, &pods.iter().collect::<Vec<_>>())
        })
        .collect()
}

fn bind(state: &mut State, pod: &Value, rooms: &mut [NodeRoom]) {
    let Ok(spec) = serde_json::from_value::<PodSpec>(pod["spec"].clone()) else { return };
    let demand = Demand::of(fields::name(pod), &spec);
    let peers = peers(state, pod);
    let count = |key: &str, value: &str| {
        peers.iter().filter(|(labels, _)| labels.get(key).map(String::as_str) == Some(value)).count()
    };
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
            let name = &room.node.metadata.name;
            let here = peers.iter().filter(|(_, node)| node == name).count();
            (count("topology.kubernetes.io/zone", room.node.zone()), here, std::cmp::Reverse(room.cpu), name.clone())
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

type Peer = (std::collections::BTreeMap<String, String>, String);

/// The labels of the nodes, and the nodes, of pods of the same controller.
fn peers(state: &State, pod: &Value) -> Vec<Peer> {
    let Some((_, _, owner)) = fields::controller(pod) else { return vec![] };
    state
        .store
        .pods_of(owner)
        .iter()
        .filter(|p| !fields::is_terminating(p) && !text(p, "/spec/nodeName").is_empty())
        .filter_map(|p| {
            let node = text(p, "/spec/nodeName");
            Some((fields::labels(state.store.get("nodes", "", node)?), node.to_owned()))
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
fn kept_apart(spec: &PodSpec, peers: &[Peer], node: &Node) -> bool {
    list(&spec.affinity, "/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution").iter().any(|term| {
        let key = text(term, "/topologyKey");
        let here = node.metadata.labels.get(key);
        here.is_some() && peers.iter().any(|(labels, _)| labels.get(key) == here)
    })
}

/// A spread that must be kept (DoNotSchedule). A dark zone still counts as one
/// unless the constraint honours taints (correctness 24).
fn skewed(spec: &PodSpec, rooms: &[NodeRoom], peers: &[Peer], node: &Node) -> bool {
    spec.topology_spread_constraints.iter().filter(|c| c.when_unsatisfiable == "DoNotSchedule").any(|constraint| {
        let key = constraint.topology_key.as_str();
        let honours = constraint.node_taints_policy.as_deref() == Some("Honor");
        let domains: std::collections::BTreeSet<&String> = rooms
            .iter()
            .filter(|r| !honours || r.node.spec.taints.iter().all(|t| t.effect == "PreferNoSchedule"))
            .filter_map(|r| r.node.metadata.labels.get(key))
            .collect();
        let count = |domain: &String| peers.iter().filter(|(labels, _)| labels.get(key) == Some(domain)).count();
        let least = domains.iter().map(|d| count(d)).min().unwrap_or(0);
        node.metadata.labels.get(key).is_none_or(|own| count(own) + 1 > least + constraint.max_skew as usize)
    })
}
