//! The search of the scheduler for the best node of a pod. Pods of one set are often placed one after another. What
//! does not change in between is computed once. Start with [`Search`].

use std::{cmp::Reverse, collections::BinaryHeap};

use serde::Deserialize;

use super::{
    super::{
        capacities::{NodeCapacities, NodeCapacity},
        fields::{self, list, text},
        pods::Pod,
        state::State,
        value::Value,
    },
    other_pods::{OtherPods, Peers, Wishes},
};
use crate::kubernetes::{
    Demand, Domains, Incoming, KINDS, PodAffinity, SpreadRule, demands, in_terms, label, may_run,
    objects::{Node, PodSpec},
    spreads,
};

/// The label with the zone of a node.
const ZONE: &str = "topology.kubernetes.io/zone";

/// What a pod requires of a node, apart from free capacity.
struct Filters {
    spec: PodSpec,
    pod_affinity: Vec<PodAffinity>,
    spreads: Vec<SpreadRule>,
    /// None if a claim does not exist yet.
    places: Option<Vec<Vec<serde_json::Value>>>,
}

impl Filters {
    fn of(state: &State, pod: &Value, incoming: &Incoming<'_>, others: &OtherPods<'_>) -> Self {
        Self {
            pod_affinity: demands(incoming, others),
            spreads: spreads(incoming, others, &Domains::of(incoming.spec, others)),
            places: volume_places(state, pod),
            spec: incoming.spec.clone(),
        }
    }

    /// Whether they do not depend on other pods. The affinity of the first pod of a set asks for nothing yet, so the
    /// spec counts too.
    fn are_about_nodes_only(&self) -> bool {
        let names_pods = KINDS.into_iter().any(|(kind, _)| !self.spec.affinity[kind].is_null());
        !names_pods && self.pod_affinity.is_empty() && self.spreads.is_empty()
    }

    fn pass(&self, node: &Node) -> bool {
        may_run(&self.spec, node)
            && self.places.as_ref().is_some_and(|all| all.iter().all(|terms| in_terms(terms, node)))
            && self.pod_affinity.iter().all(|pod_affinity| pod_affinity.suits(node))
            && self.spreads.iter().all(|spread| spread.allows(node))
    }
}

/// What a node is worth to a pod. The node with the smallest rank is the best one of its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// The weight of the preferences that it satisfies.
    granted: Reverse<i64>,
    /// How many pods of the same controller it has.
    beside: usize,
    /// Its free CPU.
    cpu: Reverse<i64>,
    /// The position of the node. Among equal nodes, the first by name wins.
    node: usize,
}

/// The nodes of one zone.
struct Zone {
    /// How many pods of the same controller the zone has.
    pods: usize,
    /// The nodes on which the pod may still fit. A node that got a pod is here twice: its earlier rank means nothing.
    nodes: BinaryHeap<Reverse<Rank>>,
}

/// The search for the node of a pod.
pub(super) struct Search {
    demand: Demand,
    filters: Filters,
    zones: Vec<Zone>,
    /// For each node its zone, as a position in `zones`.
    zone_of: Vec<usize>,
    /// For each node its present rank.
    ranks: Vec<Rank>,
    /// The nodes of which it is known that they pass the filters.
    passed: Vec<bool>,
}

impl Search {
    /// Returns none if the spec of the pod cannot be read.
    pub(super) fn of(state: &State, pod: &Pod, capacities: &NodeCapacities) -> Option<Self> {
        let spec = PodSpec::deserialize(&pod["spec"]).ok()?;
        let labels = fields::labels(pod);
        let incoming = Incoming { namespace: fields::namespace(pod), labels: &labels, spec: &spec };
        let others = OtherPods { state, capacities };
        let wishes = Wishes::of(&incoming, &spec, &others);
        let peers = Peers::of(state, pod, capacities);
        let in_zone = peers.by(ZONE);
        let mut names: Vec<&str> = vec![];
        let (mut zones, mut zone_of, mut ranks) = (vec![], vec![], vec![]);
        let mut beside = peers.in_order();
        for (node, capacity) in capacities.iter().enumerate() {
            let zone = names.iter().position(|known| *known == capacity.zone).unwrap_or_else(|| {
                names.push(&capacity.zone);
                zones.push((in_zone.get(&capacity.zone).copied().unwrap_or(0), vec![]));
                names.len() - 1
            });
            let granted = Reverse(wishes.granted(&capacity.node));
            let rank = Rank { granted, beside: beside(capacity.name()), cpu: Reverse(capacity.free.cpu), node };
            zone_of.push(zone);
            ranks.push(rank);
            if let Some((_, nodes)) = zones.get_mut(zone) {
                nodes.push(Reverse(rank));
            }
        }
        let zones = zones.into_iter().map(|(pods, nodes)| Zone { pods, nodes: nodes.into() }).collect();
        let filters = Filters::of(state, pod, &incoming, &others);
        let passed = vec![false; ranks.len()];
        Some(Self { demand: Demand::of(&spec), filters, zones, zone_of, ranks, passed })
    }

    /// Whether the search is also right for the next pod of the same set, after a pod was placed.
    pub(super) fn holds_after_a_pod(&self) -> bool {
        self.filters.are_about_nodes_only()
    }

    pub(super) fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Whether a node passes the filters, apart from free capacity.
    pub(super) fn passes(&self, node: &Node) -> bool {
        self.filters.pass(node)
    }

    pub(super) fn fits(&self, capacity: &NodeCapacity) -> bool {
        capacity.free.holds(&self.demand) && self.filters.pass(&capacity.node)
    }

    /// The position of the best node: preferences count most, then a zone with fewer pods of the same controller, then
    /// a node with fewer of them, then free CPU.
    pub(super) fn best(&mut self, capacities: &NodeCapacities) -> Option<usize> {
        let Self { demand, filters, zones, ranks, passed, .. } = self;
        let best = zones.iter_mut().filter_map(|zone| {
            let rank = first(zone, ranks, |node| {
                let (Some(capacity), Some(passed)) = (capacities.at(node), passed.get_mut(node)) else { return false };
                *passed = *passed || filters.pass(&capacity.node);
                *passed && capacity.free.holds(demand)
            })?;
            Some((rank.granted, zone.pods, rank.beside, rank.cpu, rank.node))
        });
        best.min().map(|(.., node)| node)
    }

    /// Places the pod on the node at a position. Returns the name of the node.
    pub(super) fn place(&mut self, node: usize, capacities: &mut NodeCapacities) -> String {
        let Some(capacity) = capacities.at_mut(node) else { return String::new() };
        capacity.free.reserve(&self.demand);
        if let (Some(rank), Some(zone)) = (self.ranks.get_mut(node), self.zone_of.get(node))
            && let Some(zone) = self.zones.get_mut(*zone)
        {
            rank.beside += 1;
            rank.cpu = Reverse(capacity.free.cpu);
            zone.nodes.push(Reverse(*rank));
            zone.pods += usize::from(label(&capacity.node, ZONE).is_some());
        }
        capacity.name().to_owned()
    }
}

/// The best node of a zone that fits. A node that does not fit is dropped: while pods of one set are placed, nothing
/// becomes free.
fn first(zone: &mut Zone, ranks: &[Rank], mut fits: impl FnMut(usize) -> bool) -> Option<Rank> {
    loop {
        let rank = zone.nodes.peek()?.0;
        if ranks.get(rank.node) == Some(&rank) && fits(rank.node) {
            return Some(rank);
        }
        zone.nodes.pop();
    }
}

/// For each volume that exists only in some places: the terms, of which the node of the pod must meet one. None if a
/// claim does not exist yet.
fn volume_places(state: &State, pod: &Value) -> Option<Vec<Vec<serde_json::Value>>> {
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
            places.push(terms.iter().map(Into::into).collect());
        }
    }
    Some(places)
}
