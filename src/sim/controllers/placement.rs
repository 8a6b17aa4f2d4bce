//! The scheduler: which node a pod may run on, and which of these it prefers.
//! Filters as the real one's; of its scores only spreading and room.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        SETTLE,
        fields::{self, list, text},
        state::{Rooms, State},
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
    measure(state, changes);
    let mut waiting = state.store.pods_on("");
    waiting.retain(|p| !p.terminating);
    if waiting.is_empty() {
        return;
    }
    waiting.sort_by_key(|p| {
        (std::cmp::Reverse(fields::number(p, "/spec/priority")), fields::number(p, "/metadata/resourceVersion"))
    });
    let mut rooms = std::mem::take(&mut state.rooms);
    for pod in waiting {
        bind(state, &pod, &mut rooms);
    }
    state.rooms = rooms;
}

/// Counts again what is free on the nodes that something happened on.
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
            Some(node) => state.rooms.insert(name.to_owned(), room(state, &node)),
            None => state.rooms.remove(name),
        };
    }
}

fn room(state: &State, node: &Node) -> NodeRoom {
    let mut room = room_of(node, &[]);
    for pod in state.store.pods_on(&node.metadata.name) {
        if !pod.finished {
            let (cpu, memory) = asks(&pod);
            room.cpu = room.cpu.saturating_sub(cpu);
            room.memory = room.memory.saturating_sub(memory);
            room.pods = room.pods.saturating_sub(1);
        }
    }
    room
}

/// What the containers of a pod request, read without taking the pod apart.
fn asks(pod: &Value) -> (u64, u64) {
    let sum = |pointer: &str, parse: fn(&str) -> Option<u64>| {
        list(pod, "/spec/containers").iter().filter_map(|c| parse(text(c, pointer))).sum()
    };
    (sum("/resources/requests/cpu", cpu_millis), sum("/resources/requests/memory", memory_bytes))
}

fn bind(state: &mut State, pod: &Value, rooms: &mut Rooms) {
    let Ok(spec) = serde_json::from_value::<PodSpec>(pod["spec"].clone()) else { return };
    let demand = Demand::of(fields::name(pod), &spec);
    let peers = Peers::of(state, pod, rooms);
    let zones = peers.by("topology.kubernetes.io/zone");
    let company = company(state, pod, &spec, rooms);
    let spreads = spreads(&spec, rooms, &peers);
    let places = volume_places(state, pod);
    let fits = |room: &NodeRoom| {
        room.pods > 0
            && room.cpu >= demand.cpu
            && room.memory >= demand.memory
            && may_run(&spec, &room.node)
            && places.as_ref().is_some_and(|all| {
                all.iter().all(|terms: &Vec<Selector>| terms.iter().any(|t| t.matches(&room.node.metadata.labels)))
            })
            && company.iter().all(|(key, domains, together)| {
                label(&room.node, key).is_some_and(|own| domains.contains(own)) == *together
            })
            && spreads.iter().all(|spread| spread.allows(&room.node))
    };
    let told = told(state, pod).filter(|node| rooms.get(node).is_some_and(&fits));
    let best = || {
        rooms.values().filter(|room| fits(room)).min_by_key(|room| {
            let name = room.node.metadata.name.as_str();
            let in_zone = zones.get(room.node.zone()).copied().unwrap_or(0);
            (in_zone, peers.on(name), std::cmp::Reverse(room.cpu), name)
        })
    };
    let best = told.or_else(|| best().map(|room| room.node.metadata.name.clone()));
    let (namespace, name) = (fields::namespace(pod).to_owned(), fields::name(pod).to_owned());
    let now = state.wall();
    let Some(room) = best.and_then(|node| rooms.get_mut(&node)) else {
        state.store.edit("pods", &namespace, &name, |p| {
            fields::set_condition(p, "PodScheduled", "False", "Unschedulable", now);
        });
        return;
    };
    room.cpu -= demand.cpu;
    room.memory -= demand.memory;
    room.pods -= 1;
    let node = room.node.metadata.name.clone();
    state.store.edit("pods", &namespace, &name, |p| {
        p["spec"]["nodeName"] = node.into();
        fields::set_condition(p, "PodScheduled", "True", "", now);
    });
}

/// Where the description has the pod; the first ones of a workload only.
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
    // A StatefulSet's place is used once, the others' move up.
    Some(if kind == "StatefulSet" { std::mem::take(node) } else { nodes.remove(at) })
}

fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.labels.get(key).map(String::as_str)
}

/// Where the pods of the same controller are: how many on each node.
struct Peers<'a>(BTreeMap<&'a str, (&'a Node, usize)>);

impl<'a> Peers<'a> {
    fn of(state: &State, pod: &Value, rooms: &'a Rooms) -> Self {
        let Some((_, _, owner)) = fields::controller(pod) else { return Self(BTreeMap::new()) };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for peer in state.store.pods_of(owner) {
            let node = text(&peer, "/spec/nodeName");
            if !peer.terminating && !node.is_empty() {
                *counts.entry(node.to_owned()).or_default() += 1;
            }
        }
        let on = counts.into_iter().filter_map(|(name, count)| {
            let (name, room) = rooms.get_key_value(&name)?;
            Some((name.as_str(), (&room.node, count)))
        });
        Self(on.collect())
    }

    fn on(&self, node: &str) -> usize {
        self.0.get(node).map_or(0, |(_, count)| *count)
    }

    /// How many are in each domain of a topology.
    fn by(&self, key: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (node, count) in self.0.values() {
            if let Some(domain) = label(node, key) {
                *counts.entry(domain.to_owned()).or_default() += count;
            }
        }
        counts
    }
}

/// A volume that lives in one place keeps its pod there: for each such volume the
/// places, one of which it must be. None where a claim is not there yet.
fn volume_places(state: &State, pod: &Value) -> Option<Vec<Vec<Selector>>> {
    let mut places = vec![];
    for volume in list(pod, "/spec/volumes") {
        let claim = text(volume, "/persistentVolumeClaim/claimName");
        if claim.is_empty() {
            continue;
        }
        let claim = state.store.get("persistentvolumeclaims", fields::namespace(pod), claim)?;
        let Some(volume) = state.store.get("persistentvolumes", "", text(claim, "/spec/volumeName")) else { continue };
        let terms = list(volume, "/spec/nodeAffinity/required/nodeSelectorTerms");
        if !terms.is_empty() {
            let term = |term: &Value| {
                serde_json::from_value(serde_json::json!({"matchExpressions": term["matchExpressions"]})).ok()
            };
            places.push(terms.iter().filter_map(term).collect());
        }
    }
    Some(places)
}

/// Required affinity and anti-affinity to other pods: a topology, the domains in
/// which pods of that kind are, and whether this pod goes there or stays away.
/// What pods that run already demand of newcomers is not asked.
fn company(state: &State, pod: &Value, spec: &PodSpec, rooms: &Rooms) -> Vec<(String, BTreeSet<String>, bool)> {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let mut all = vec![];
    for (kind, together) in [("podAffinity", true), ("podAntiAffinity", false)] {
        for term in list(&spec.affinity, &format!("/{kind}/{REQUIRED}")) {
            let Some(selector) = fields::selector(term.get("labelSelector")) else { continue };
            let key = text(term, "/topologyKey").to_owned();
            let mut namespaces: Vec<&str> = list(term, "/namespaces").iter().filter_map(Value::as_str).collect();
            if namespaces.is_empty() {
                namespaces.push(fields::namespace(pod));
            }
            let others = namespaces.iter().flat_map(|ns| state.store.pods_selected(ns, &selector));
            // One that is going away counts until it is gone: a dead node keeps it for long.
            let domains: BTreeSet<String> = others
                .filter(|p| !p.finished)
                .filter_map(|p| label(&rooms.get(text(&p, "/spec/nodeName"))?.node, &key).map(str::to_owned))
                .collect();
            // The first of its kind may go anywhere, or none would ever start.
            if !(together && domains.is_empty() && fields::selects(&selector, pod)) {
                all.push((key, domains, together));
            }
        }
    }
    all
}

/// A spread that must be kept, and how far each domain is.
struct Spread {
    key: String,
    counts: BTreeMap<String, usize>,
    least: usize,
    skew: usize,
}

impl Spread {
    fn allows(&self, node: &Node) -> bool {
        label(node, &self.key).is_some_and(|own| self.counts.get(own).copied().unwrap_or(0) < self.least + self.skew)
    }
}

/// Spreads of kind DoNotSchedule. A dark zone still counts as one unless the
/// constraint honours taints (correctness 24).
fn spreads(spec: &PodSpec, rooms: &Rooms, peers: &Peers<'_>) -> Vec<Spread> {
    let constraints = spec.topology_spread_constraints.iter().filter(|c| c.when_unsatisfiable == "DoNotSchedule");
    constraints
        .map(|constraint| {
            let key = constraint.topology_key.clone();
            let honours = constraint.node_taints_policy.as_deref() == Some("Honor");
            let counts = peers.by(&key);
            let domains = rooms
                .values()
                .filter(|r| !honours || r.node.spec.taints.iter().all(|t| t.effect == "PreferNoSchedule"))
                .filter_map(|r| label(&r.node, &key));
            let least = domains.map(|d| counts.get(d).copied().unwrap_or(0)).min().unwrap_or(0);
            Spread { key, counts, least, skew: constraint.max_skew as usize }
        })
        .collect()
}
