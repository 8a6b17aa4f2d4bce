//! The search of the scheduler for the best node of a pod. Pods of one set are often placed one after another. What
//! does not change in between is computed once. Start with [`Search`].

use std::cmp::Reverse;

use serde::Deserialize;

use super::{
    super::{
        fields::{self, list, text},
        pods::Pod,
        state::{NodeCapacities, NodeCapacity, State},
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

/// What a node is worth to a pod, apart from its free CPU.
struct Candidate {
    /// The weight of the preferences that it satisfies.
    granted: i64,
    /// The position of its zone in `Search::zones`.
    zone: usize,
    /// How many pods of the same controller it has.
    beside: usize,
    /// Whether it passes the filters, once that was tested.
    passes: Option<bool>,
}

/// The search for the node of a pod.
pub(super) struct Search {
    demand: Demand,
    filters: Filters,
    /// One for each node, in the order of their names.
    candidates: Vec<Candidate>,
    /// How many pods of the same controller each zone has.
    zones: Vec<usize>,
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
        let (mut names, mut zones): (Vec<&str>, Vec<usize>) = (vec![], vec![]);
        let mut beside = peers.in_order();
        let mut candidates = Vec::with_capacity(capacities.len());
        for (name, capacity) in capacities {
            let zone = names.iter().position(|known| *known == capacity.zone).unwrap_or_else(|| {
                names.push(&capacity.zone);
                zones.push(in_zone.get(&capacity.zone).copied().unwrap_or(0));
                names.len() - 1
            });
            let granted = wishes.granted(&capacity.node);
            candidates.push(Candidate { granted, zone, beside: beside(name), passes: None });
        }
        let filters = Filters::of(state, pod, &incoming, &others);
        Some(Self { demand: Demand::of(&spec), filters, candidates, zones })
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

    /// The best node. Among equal nodes, the first by name wins. Whether the pod fits is only tested on nodes with a
    /// better score.
    pub(super) fn best<'a>(&mut self, capacities: &'a NodeCapacities) -> Option<&'a NodeCapacity> {
        let mut best = None;
        for (capacity, candidate) in capacities.values().zip(&mut self.candidates) {
            let in_zone = self.zones.get(candidate.zone).copied().unwrap_or(0);
            let score = (Reverse(candidate.granted), in_zone, candidate.beside, Reverse(capacity.free.cpu));
            let is_better = best.as_ref().is_none_or(|(other, _)| score < *other);
            if is_better
                && candidate.passes != Some(false)
                && capacity.free.holds(&self.demand)
                && *candidate.passes.get_or_insert_with(|| self.filters.pass(&capacity.node))
            {
                best = Some((score, capacity));
            }
        }
        best.map(|(_, capacity)| capacity)
    }

    /// Places the pod on a node.
    pub(super) fn place(&mut self, node: &str, capacities: &mut NodeCapacities) {
        let Some(capacity) = capacities.get_mut(node) else { return };
        capacity.free.reserve(&self.demand);
        let has_zone = label(&capacity.node, ZONE).is_some();
        let at = capacities.keys().position(|name| name == node);
        if let Some(candidate) = at.and_then(|at| self.candidates.get_mut(at)) {
            candidate.beside += 1;
            if let Some(zone) = self.zones.get_mut(candidate.zone).filter(|_| has_zone) {
                *zone += 1;
            }
        }
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
