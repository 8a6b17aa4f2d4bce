//! The state that the packing works on: nodes with their free resources, and the pods on them, indexed by namespace
//! and label. Results that are the same for equal pods are computed only once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{
    Selector,
    company::{self, Domains, Neighbours},
    demand::{ATTACHABLE, Room},
    guest::Guest,
    objects::{Node, PodSpec},
    scheduling::{may_run, says_of_nodes},
};

pub(super) struct Slot<'a> {
    pub(super) node: &'a Node,
    /// Allocatable CPU and memory.
    pub(super) all: (i64, i64),
    pub(super) room: Room,
    pub(super) gone: bool,
    pub(super) on: BTreeSet<usize>,
}

pub(super) struct Seat<'a> {
    pub(super) guest: Guest<'a>,
    pub(super) at: Option<usize>,
    /// The node on which the pod that it replaces still exists.
    pub(super) ghost: Option<usize>,
    pub(super) leaving: bool,
    /// Pods with the same filters share the results that are computed for these filters.
    pub(super) kind: usize,
    pub(super) domains: Option<usize>,
}

/// Nodes, and the pods on them.
#[derive(Default)]
pub struct Board<'a> {
    pub(super) slots: Vec<Slot<'a>>,
    pub(super) by_name: BTreeMap<&'a str, usize>,
    pub(super) seats: Vec<Seat<'a>>,
    by_namespace: BTreeMap<&'a str, Vec<usize>>,
    by_label: BTreeMap<(&'a str, &'a str, &'a str), Vec<usize>>,
    refusing: BTreeMap<&'a str, Vec<usize>>,
    refusing_wide: Vec<usize>,
    spaces: BTreeMap<&'a str, &'a BTreeMap<String, String>>,
    kinds: BTreeMap<String, usize>,
    /// For each kind of filters: the nodes that may run such a pod.
    pub(super) eligible: Vec<Vec<usize>>,
    spreads: BTreeMap<String, usize>,
    pub(super) domains: Vec<Domains>,
    pub(super) least_priority: i64,
}

impl<'a> Board<'a> {
    /// A board with these nodes and without pods.
    pub fn new(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let slot = |node: &'a Node| {
            let room = Room::of(node);
            Slot { node, all: (room.cpu, room.memory), room, gone: false, on: BTreeSet::new() }
        };
        let slots: Vec<Slot<'a>> = nodes.into_iter().map(slot).collect();
        let by_name = slots.iter().enumerate().map(|(i, s)| (s.node.metadata.name.as_str(), i)).collect();
        Self { slots, by_name, least_priority: i64::MAX, ..Self::default() }
    }

    /// Sets how many volumes of a driver a node can attach. To be called before pods are added.
    pub fn attaches(&mut self, node: &str, driver: &str, most: i64) {
        if let Some(slot) = self.by_name.get(node).map(|i| &mut self.slots[*i]) {
            slot.room.more.insert(format!("{ATTACHABLE}{driver}"), most);
        }
    }

    /// Adds a namespace, for selectors of namespaces.
    pub fn namespace(&mut self, name: &'a str, labels: &'a BTreeMap<String, String>) {
        self.spaces.insert(name, labels);
    }

    /// Adds a pod, on a node or still without one.
    pub fn seat(&mut self, guest: Guest<'a>, node: &str, leaving: bool) -> usize {
        let index = self.seats.len();
        let pod = guest.pod;
        self.by_namespace.entry(pod.namespace).or_default().push(index);
        for (key, value) in pod.labels {
            self.by_label.entry((pod.namespace, key, value)).or_default().push(index);
        }
        let terms = company::required(pod.spec, "podAntiAffinity");
        if terms.iter().any(|t| !t["namespaces"].is_null() || !t["namespaceSelector"].is_null()) {
            self.refusing_wide.push(index);
        } else if !terms.is_empty() {
            self.refusing.entry(pod.namespace).or_default().push(index);
        }
        self.least_priority = self.least_priority.min(guest.priority());
        let kind = self.kind(pod.spec);
        let at = self.by_name.get(node).copied();
        self.seats.push(Seat { guest, at: None, ghost: None, leaving, kind, domains: None });
        self.sit(index, at);
        index
    }

    fn kind(&mut self, spec: &'a PodSpec) -> usize {
        let key = says_of_nodes(spec);
        if let Some(known) = self.kinds.get(&key) {
            return *known;
        }
        let eligible = self.slots.iter().enumerate().filter(|(_, s)| may_run(spec, s.node)).map(|(i, _)| i).collect();
        self.eligible.push(eligible);
        self.kinds.insert(key, self.eligible.len() - 1);
        self.eligible.len() - 1
    }

    /// The domains of a pod's topology spread constraints, computed once for all equal pods.
    pub(super) fn domains(&mut self, index: usize) -> usize {
        if let Some(known) = self.seats[index].domains {
            return known;
        }
        let (kind, spec) = (self.seats[index].kind, self.seats[index].guest.pod.spec);
        let key = format!("{kind} {:?}", spec.topology_spread_constraints);
        let known = self.spreads.get(&key).copied().unwrap_or_else(|| {
            let found = Domains::of(spec, self);
            self.domains.push(found);
            self.spreads.insert(key, self.domains.len() - 1);
            self.domains.len() - 1
        });
        self.seats[index].domains = Some(known);
        known
    }

    /// Moves a pod to another node, or to none.
    pub(super) fn sit(&mut self, index: usize, to: Option<usize>) {
        let seat = &mut self.seats[index];
        let from = std::mem::replace(&mut seat.at, to);
        if let Some(slot) = from.map(|i| &mut self.slots[i]) {
            slot.room.give(&seat.guest.demand);
            slot.on.remove(&index);
        }
        if let Some(slot) = to.map(|i| &mut self.slots[i]) {
            slot.room.take(&seat.guest.demand);
            slot.on.insert(index);
        }
    }
}

impl Neighbours for Board<'_> {
    fn each(&self, namespace: &str, selector: &Selector, seen: &mut dyn FnMut(&str, bool)) {
        let mut candidates = self.by_namespace.get(namespace).map_or(&[][..], Vec::as_slice);
        for (key, value) in &selector.match_labels {
            let own = self.by_label.get(&(namespace, key.as_str(), value.as_str())).map_or(&[][..], Vec::as_slice);
            if own.len() < candidates.len() {
                candidates = own;
            }
        }
        for seat in candidates.iter().map(|i| &self.seats[*i]) {
            if !selector.matches(seat.guest.pod.labels) {
                continue;
            }
            let name = |at: usize| self.slots[at].node.metadata.name.as_str();
            seat.at.into_iter().for_each(|at| seen(name(at), seat.leaving));
            seat.ghost.into_iter().for_each(|at| seen(name(at), true));
        }
    }

    fn refusals(&self, namespace: &str, seen: &mut dyn FnMut(&str, &str, &Value)) {
        let near = self.refusing.get(namespace).into_iter().flatten();
        for seat in near.chain(&self.refusing_wide).map(|i| &self.seats[*i]) {
            for at in seat.at.into_iter().chain(seat.ghost) {
                for term in company::required(seat.guest.pod.spec, "podAntiAffinity") {
                    seen(&self.slots[at].node.metadata.name, seat.guest.pod.namespace, term);
                }
            }
        }
    }

    fn namespaces(&self, selector: &Selector) -> Vec<String> {
        let known = self.spaces.iter().filter(|(_, labels)| selector.matches(labels));
        known.map(|(name, _)| (*name).to_owned()).collect()
    }

    fn node(&self, name: &str) -> Option<&Node> {
        self.by_name.get(name).map(|i| self.slots[*i].node)
    }

    fn nodes(&self, seen: &mut dyn FnMut(&Node)) {
        self.slots.iter().for_each(|slot| seen(slot.node));
    }
}
