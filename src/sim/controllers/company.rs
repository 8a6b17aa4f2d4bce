//! What pods demand of the nodes where others are: affinity and anti-affinity,
//! required and preferred, and spreads.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{
    fields::{self, list, text},
    state::{Rooms, State},
};
use crate::kubernetes::{
    Selector,
    objects::{Node, PodSpec},
};

pub(super) fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.labels.get(key).map(String::as_str)
}

/// Where the pods of the same controller are: how many on each node.
pub(super) struct Peers<'a>(BTreeMap<&'a str, (&'a Node, usize)>);

impl<'a> Peers<'a> {
    pub(super) fn of(state: &State, pod: &Value, rooms: &'a Rooms) -> Self {
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

    pub(super) fn on(&self, node: &str) -> usize {
        self.0.get(node).map_or(0, |(_, count)| *count)
    }

    /// How many are in each domain of a topology.
    pub(super) fn by(&self, key: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (node, count) in self.0.values() {
            if let Some(domain) = label(node, key) {
                *counts.entry(domain.to_owned()).or_default() += count;
            }
        }
        counts
    }
}

/// What a pod wants of the pods in a node's domain.
pub(super) struct Company {
    key: String,
    /// Where pods of that kind are.
    domains: BTreeSet<String>,
    together: bool,
}

impl Company {
    pub(super) fn suits(&self, node: &Node) -> bool {
        label(node, &self.key).is_some_and(|own| self.domains.contains(own)) == self.together
    }

    fn of(state: &State, pod: &Value, term: &Value, together: bool, rooms: &Rooms) -> Option<Self> {
        let selector = fields::selector(term.get("labelSelector"))?;
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
        let first = together && domains.is_empty() && fields::selects(&selector, pod);
        (!first).then_some(Self { key, domains, together })
    }
}

const KINDS: [(&str, bool); 2] = [("podAffinity", true), ("podAntiAffinity", false)];

/// Required affinity and anti-affinity to other pods. What pods that run already
/// demand of newcomers is not asked.
pub(super) fn required(state: &State, pod: &Value, spec: &PodSpec, rooms: &Rooms) -> Vec<Company> {
    let of = |(kind, together): (&str, bool)| {
        let terms = list(&spec.affinity, &format!("/{kind}/requiredDuringSchedulingIgnoredDuringExecution"));
        terms.iter().filter_map(|term| Company::of(state, pod, term, together, rooms)).collect::<Vec<_>>()
    };
    KINDS.into_iter().flat_map(of).collect()
}

/// What it would rather have: for each wish its weight.
pub(super) struct Wishes {
    company: Vec<(i64, Company)>,
    nodes: Vec<(i64, Selector)>,
}

impl Wishes {
    pub(super) fn of(state: &State, pod: &Value, spec: &PodSpec, rooms: &Rooms) -> Self {
        let preferred = |kind: &str| {
            list(&spec.affinity, &format!("/{kind}/preferredDuringSchedulingIgnoredDuringExecution"))
                .iter()
                .map(|wish| (fields::number(wish, "/weight"), wish))
        };
        let company = KINDS.into_iter().flat_map(|(kind, together)| {
            preferred(kind).filter_map(move |(weight, wish)| {
                Some((weight, Company::of(state, pod, &wish["podAffinityTerm"], together, rooms)?))
            })
        });
        let nodes = preferred("nodeAffinity").filter_map(|(weight, wish)| {
            let terms = serde_json::json!({"matchExpressions": wish.pointer("/preference/matchExpressions")?});
            Some((weight, serde_json::from_value(terms).ok()?))
        });
        Self { company: company.collect(), nodes: nodes.collect() }
    }

    /// The weight of what a node grants.
    pub(super) fn granted(&self, node: &Node) -> i64 {
        let company: i64 = self.company.iter().filter(|(_, c)| c.suits(node)).map(|(weight, _)| weight).sum();
        let nodes = self.nodes.iter().filter(|(_, s)| s.matches(&node.metadata.labels));
        company + nodes.map(|(weight, _)| weight).sum::<i64>()
    }
}

/// A spread that must be kept, and how far each domain is.
pub(super) struct Spread {
    key: String,
    counts: BTreeMap<String, usize>,
    least: usize,
    skew: usize,
}

impl Spread {
    pub(super) fn allows(&self, node: &Node) -> bool {
        label(node, &self.key).is_some_and(|own| self.counts.get(own).copied().unwrap_or(0) < self.least + self.skew)
    }
}

/// Spreads of kind DoNotSchedule. A dark zone still counts as one unless the
/// constraint honours taints (correctness 24).
pub(super) fn spreads(spec: &PodSpec, rooms: &Rooms, peers: &Peers<'_>) -> Vec<Spread> {
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
