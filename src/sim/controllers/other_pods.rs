//! The neighbours of a pod, and the preferences of a pod for certain nodes. It does not decide whether a pod may run on
//! a node: those filters are in `kubernetes`, which has the only copy of them. Start with [`OtherPods`].

use std::{collections::BTreeMap, sync::Arc};

use super::super::{
    capacities::NodeCapacities,
    counts::Spread,
    fields::{self, list, text},
    state::State,
    value::Value,
};
use crate::kubernetes::{
    ExistingPods, Incoming, KINDS, PodAffinity, Selector, label,
    objects::{Node, PodSpec},
};

/// The pods of the simulated cluster and the nodes on which they are.
pub(super) struct OtherPods<'a> {
    pub state: &'a State,
    pub capacities: &'a NodeCapacities,
}

impl ExistingPods for OtherPods<'_> {
    fn each(&self, namespace: &str, selector: &Selector, seen: &mut dyn FnMut(&str, bool)) {
        self.state.store.each_selected(namespace, selector, |pod| {
            let node = text(pod, "/spec/nodeName");
            if !pod.finished && !node.is_empty() {
                seen(node, pod.terminating);
            }
        });
    }

    fn refusals(&self, _namespace: &str, seen: &mut dyn FnMut(&str, &str, &serde_json::Value)) {
        for pod in self.state.store.refusing() {
            let node = text(&pod, "/spec/nodeName");
            if !pod.finished && !node.is_empty() {
                let terms = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
                for term in list(&pod, terms) {
                    seen(node, fields::namespace(&pod), &term.into());
                }
            }
        }
    }

    fn namespaces(&self, selector: &Selector) -> Vec<String> {
        let all = self.state.store.all("namespaces").filter(|n| fields::selects(selector, n));
        all.map(|n| fields::name(n).to_owned()).collect()
    }

    fn node(&self, name: &str) -> Option<&Node> {
        self.capacities.get(name).map(|capacity| &capacity.node)
    }

    fn nodes(&self, seen: &mut dyn FnMut(&Node)) {
        self.capacities.iter().for_each(|capacity| seen(&capacity.node));
    }
}

/// The pods of the same controller: how many are on each node.
pub(super) struct Peers<'a> {
    counts: Arc<Spread>,
    capacities: &'a NodeCapacities,
}

impl<'a> Peers<'a> {
    pub(super) fn of(state: &State, pod: &Value, capacities: &'a NodeCapacities) -> Self {
        let counts = fields::controller(pod).map(|(_, _, owner)| state.store.spread_of(owner));
        Self { counts: counts.unwrap_or_default(), capacities }
    }

    /// Returns a function that says how many are on a node. It must be called for the nodes in the order of their
    /// names.
    pub(super) fn in_order(&self) -> impl FnMut(&str) -> usize {
        let mut counts = self.counts.iter().peekable();
        move |node| {
            while counts.next_if(|(other, _)| other.as_str() < node).is_some() {}
            counts.peek().filter(|(other, _)| *other == node).map_or(0, |(_, count)| **count)
        }
    }

    /// Counts the pods in each domain of a topology.
    pub(super) fn by(&self, key: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (node, count) in &*self.counts {
            if let Some(domain) = self.capacities.get(node).and_then(|capacity| label(&capacity.node, key)) {
                *counts.entry(domain.to_owned()).or_default() += count;
            }
        }
        counts
    }
}

/// The preferences of a pod, each with its weight.
pub(super) struct Wishes {
    pod_affinity: Vec<(i64, PodAffinity)>,
    nodes: Vec<(i64, Selector)>,
}

impl Wishes {
    pub(super) fn of(pod: &Incoming<'_>, spec: &PodSpec, others: &OtherPods<'_>) -> Self {
        let preferred = |kind: &str| {
            let wishes = &spec.affinity[kind]["preferredDuringSchedulingIgnoredDuringExecution"];
            let wishes = wishes.as_array().into_iter().flatten();
            wishes.map(|wish| (wish["weight"].as_i64().unwrap_or(0), wish))
        };
        let pod_affinity = KINDS.into_iter().flat_map(|(kind, together)| {
            preferred(kind).filter_map(move |(weight, wish)| {
                Some((weight, PodAffinity::of(pod, &wish["podAffinityTerm"], together, others)?))
            })
        });
        let nodes = preferred("nodeAffinity").filter_map(|(weight, wish)| {
            let terms = serde_json::json!({"matchExpressions": wish.pointer("/preference/matchExpressions")?});
            Some((weight, serde_json::from_value(terms).ok()?))
        });
        Self { pod_affinity: pod_affinity.collect(), nodes: nodes.collect() }
    }

    /// The sum of the weights of the preferences that a node satisfies.
    pub(super) fn granted(&self, node: &Node) -> i64 {
        let pod_affinity: i64 = self.pod_affinity.iter().filter(|(_, c)| c.suits(node)).map(|(weight, _)| weight).sum();
        let nodes = self.nodes.iter().filter(|(_, s)| s.matches(&node.metadata.labels));
        pod_affinity + nodes.map(|(weight, _)| weight).sum::<i64>()
    }
}
