//! The state that the packing works on: nodes with their free resources, and the pods on them, indexed by namespace
//! and label. Results that are the same for equal pods are computed only once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{
    Selector,
    candidate::Candidate,
    demand::{ATTACHABLE, FreeCapacity},
    objects::{Node, PodSpec},
    pod_affinity::{self, Domains, ExistingPods},
    scheduling::{may_run, says_of_nodes},
};

pub(super) struct Slot<'a> {
    pub(super) node: &'a Node,
    /// Allocatable CPU and memory.
    pub(super) all: (i64, i64),
    pub(super) free: FreeCapacity,
    pub(super) gone: bool,
    pub(super) on: BTreeSet<usize>,
}

pub(super) struct PackedPod<'a> {
    pub(super) candidate: Candidate<'a>,
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
pub struct PackingState<'a> {
    pub(super) slots: Vec<Slot<'a>>,
    pub(super) by_name: BTreeMap<&'a str, usize>,
    pub(super) packed_pods: Vec<PackedPod<'a>>,
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

impl<'a> PackingState<'a> {
    /// A packing with these nodes and without pods.
    pub fn new(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let slot = |node: &'a Node| {
            let free = FreeCapacity::of(node);
            Slot { node, all: (free.cpu, free.memory), free, gone: false, on: BTreeSet::new() }
        };
        let slots: Vec<Slot<'a>> = nodes.into_iter().map(slot).collect();
        let by_name = slots.iter().enumerate().map(|(i, s)| (s.node.metadata.name.as_str(), i)).collect();
        Self { slots, by_name, least_priority: i64::MAX, ..Self::default() }
    }

    /// Sets how many volumes of a driver a node can attach. To be called before pods are added.
    pub fn attaches(&mut self, node: &str, driver: &str, most: i64) {
        if let Some(slot) = self.by_name.get(node).map(|i| &mut self.slots[*i]) {
            slot.free.more.insert(format!("{ATTACHABLE}{driver}"), most);
        }
    }

    /// Adds a namespace, for selectors of namespaces.
    pub fn namespace(&mut self, name: &'a str, labels: &'a BTreeMap<String, String>) {
        self.spaces.insert(name, labels);
    }

    /// Adds a pod, on a node or still without one.
    pub fn place(&mut self, candidate: Candidate<'a>, node: &str, leaving: bool) -> usize {
        let index = self.packed_pods.len();
        let pod = candidate.pod;
        self.by_namespace.entry(pod.namespace).or_default().push(index);
        for (key, value) in pod.labels {
            self.by_label.entry((pod.namespace, key, value)).or_default().push(index);
        }
        let terms = pod_affinity::required(pod.spec, "podAntiAffinity");
        if terms.iter().any(|t| !t["namespaces"].is_null() || !t["namespaceSelector"].is_null()) {
            self.refusing_wide.push(index);
        } else if !terms.is_empty() {
            self.refusing.entry(pod.namespace).or_default().push(index);
        }
        self.least_priority = self.least_priority.min(candidate.priority());
        let kind = self.kind(pod.spec);
        let at = self.by_name.get(node).copied();
        self.packed_pods.push(PackedPod { candidate, at: None, ghost: None, leaving, kind, domains: None });
        self.move_to(index, at);
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
        if let Some(known) = self.packed_pods[index].domains {
            return known;
        }
        let (kind, spec) = (self.packed_pods[index].kind, self.packed_pods[index].candidate.pod.spec);
        let key = format!("{kind} {:?}", spec.topology_spread_constraints);
        let known = self.spreads.get(&key).copied().unwrap_or_else(|| {
            let found = Domains::of(spec, self);
            self.domains.push(found);
            self.spreads.insert(key, self.domains.len() - 1);
            self.domains.len() - 1
        });
        self.packed_pods[index].domains = Some(known);
        known
    }

    /// Moves a pod to another node, or to none.
    pub(super) fn move_to(&mut self, index: usize, to: Option<usize>) {
        let packed_pod = &mut self.packed_pods[index];
        let from = std::mem::replace(&mut packed_pod.at, to);
        if let Some(slot) = from.map(|i| &mut self.slots[i]) {
            slot.free.release(&packed_pod.candidate.demand);
            slot.on.remove(&index);
        }
        if let Some(slot) = to.map(|i| &mut self.slots[i]) {
            slot.free.reserve(&packed_pod.candidate.demand);
            slot.on.insert(index);
        }
    }
}

impl ExistingPods for PackingState<'_> {
    fn each(&self, namespace: &str, selector: &Selector, seen: &mut dyn FnMut(&str, bool)) {
        let mut candidates = self.by_namespace.get(namespace).map_or(&[][..], Vec::as_slice);
        for (key, value) in &selector.match_labels {
            let own = self.by_label.get(&(namespace, key.as_str(), value.as_str())).map_or(&[][..], Vec::as_slice);
            if own.len() < candidates.len() {
                candidates = own;
            }
        }
        for packed_pod in candidates.iter().map(|i| &self.packed_pods[*i]) {
            if !selector.matches(packed_pod.candidate.pod.labels) {
                continue;
            }
            let name = |at: usize| self.slots[at].node.metadata.name.as_str();
            packed_pod.at.into_iter().for_each(|at| seen(name(at), packed_pod.leaving));
            packed_pod.ghost.into_iter().for_each(|at| seen(name(at), true));
        }
    }

    fn refusals(&self, namespace: &str, seen: &mut dyn FnMut(&str, &str, &Value)) {
        let near = self.refusing.get(namespace).into_iter().flatten();
        for packed_pod in near.chain(&self.refusing_wide).map(|i| &self.packed_pods[*i]) {
            for at in packed_pod.at.into_iter().chain(packed_pod.ghost) {
                for term in pod_affinity::required(packed_pod.candidate.pod.spec, "podAntiAffinity") {
                    seen(&self.slots[at].node.metadata.name, packed_pod.candidate.pod.namespace, term);
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
