//! What pods require from nodes because of other pods: affinity and anti-affinity, of the new pod and of the existing
//! pods, and topology spread constraints. [`ExistingPods`] provides the other pods: from a capture, or from a simulated
//! cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Selector,
    objects::{Node, PodSpec, Spread},
    scheduling::{is_chosen, is_tolerated},
};

/// A pod that needs a node.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its spec.
    pub spec: &'a PodSpec,
}

/// The existing pods.
pub trait ExistingPods {
    /// Calls `seen` for each pod of a namespace that a selector matches: with its node, and with whether it is
    /// Terminating. Pods that have finished or have no node are left out.
    fn each(&self, namespace: &str, selector: &Selector, seen: &mut dyn FnMut(&str, bool));
    /// Calls `seen` for each term of a required anti-affinity that may apply to pods of a namespace: with the node and
    /// the namespace of the existing pod, and with the term.
    fn refusals(&self, namespace: &str, seen: &mut dyn FnMut(&str, &str, &Value));
    /// Namespaces whose labels a selector matches.
    fn namespaces(&self, selector: &Selector) -> Vec<String>;
    /// A node by its name.
    fn node(&self, name: &str) -> Option<&Node>;
    /// All nodes.
    fn nodes(&self, seen: &mut dyn FnMut(&Node));
}

/// A label of a node.
pub fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.labels.get(key).map(String::as_str)
}

fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The selector of a term; without one, it selects nothing.
fn selector(value: &Value) -> Option<Selector> {
    if value.is_null() { None } else { serde_json::from_value(value.clone()).ok() }
}

/// Adds the labels that a pod must share with the pods that it selects (`matchLabelKeys`).
fn narrowed(mut selector: Selector, keys: &[String], labels: &BTreeMap<String, String>) -> Selector {
    for key in keys {
        if let Some(value) = labels.get(key) {
            selector.match_labels.insert(key.clone(), value.clone());
        }
    }
    selector
}

/// A requirement of a pod for the other pods in the domain of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodAffinity {
    key: String,
    /// The domains that contain such pods.
    domains: BTreeSet<String>,
    together: bool,
}

impl PodAffinity {
    /// Whether the domain of a node meets the requirement.
    pub fn suits(&self, node: &Node) -> bool {
        label(node, &self.key).is_some_and(|own| self.domains.contains(own)) == self.together
    }

    /// The requirement of one affinity term; none if every node meets it.
    pub fn of(pod: &Incoming<'_>, term: &Value, together: bool, others: &dyn ExistingPods) -> Option<Self> {
        let keys: Vec<String> =
            items(term, "/matchLabelKeys").iter().filter_map(|k| k.as_str().map(str::to_owned)).collect();
        let chosen = narrowed(selector(&term["labelSelector"])?, &keys, pod.labels);
        let key = term["topologyKey"].as_str().unwrap_or("").to_owned();
        let mut domains = BTreeSet::new();
        let spaces = spaces(pod.namespace, term, others);
        for namespace in &spaces {
            // A Terminating pod counts until it is gone; on a dead node that takes long.
            others.each(namespace, &chosen, &mut |node, _| {
                domains.extend(others.node(node).and_then(|n| label(n, &key)).map(str::to_owned));
            });
        }
        // The first pod that matches its own affinity may run anywhere. Otherwise none could ever start.
        let itself = spaces.iter().any(|s| s == pod.namespace) && chosen.matches(pod.labels);
        let first = together && domains.is_empty() && itself;
        (!first).then_some(Self { key, domains, together })
    }
}

/// The namespaces to which a term applies.
fn spaces(own: &str, term: &Value, others: &dyn ExistingPods) -> Vec<String> {
    let mut named: Vec<String> =
        items(term, "/namespaces").iter().filter_map(|n| n.as_str().map(str::to_owned)).collect();
    if let Some(chosen) = selector(&term["namespaceSelector"]) {
        named.extend(others.namespaces(&chosen));
    } else if named.is_empty() {
        named.push(own.to_owned());
    }
    named.sort();
    named.dedup();
    named
}

/// The names of affinity and anti-affinity in a spec, and whether they require other pods (or forbid them).
pub const KINDS: [(&str, bool); 2] = [("podAffinity", true), ("podAntiAffinity", false)];

/// The terms of a required affinity or anti-affinity.
pub fn required<'a>(spec: &'a PodSpec, kind: &str) -> &'a [Value] {
    items(&spec.affinity, &format!("/{kind}/requiredDuringSchedulingIgnoredDuringExecution"))
}

/// All requirements for the other pods in the domain of a node.
pub fn demands(pod: &Incoming<'_>, others: &dyn ExistingPods) -> Vec<PodAffinity> {
    let of = |(kind, together): (&str, bool)| {
        let terms = required(pod.spec, kind).iter();
        terms.filter_map(|term| PodAffinity::of(pod, term, together, others)).collect::<Vec<_>>()
    };
    let mut all: Vec<PodAffinity> = KINDS.into_iter().flat_map(of).collect();
    let mut refused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    others.refusals(pod.namespace, &mut |node, namespace, term| {
        let means = selector(&term["labelSelector"]).is_some_and(|s| s.matches(pod.labels))
            && spaces(namespace, term, others).iter().any(|s| s == pod.namespace);
        let key = term["topologyKey"].as_str().unwrap_or("");
        if let (true, Some(domain)) = (means, others.node(node).and_then(|n| label(n, key))) {
            refused.entry(key.to_owned()).or_default().insert(domain.to_owned());
        }
    });
    all.extend(refused.into_iter().map(|(key, domains)| PodAffinity { key, domains, together: false }));
    all
}

/// A topology spread constraint that must be kept, with the number of pods in each domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadRule {
    key: String,
    counts: BTreeMap<String, usize>,
    least: usize,
    skew: usize,
    itself: usize,
}

impl SpreadRule {
    /// Whether the domain of a node may get one more pod.
    pub fn allows(&self, node: &Node) -> bool {
        label(node, &self.key)
            .is_some_and(|own| self.counts.get(own).copied().unwrap_or(0) + self.itself <= self.least + self.skew)
    }
}

/// The number of domains of each hard spread constraint of a spec. This is the expensive part of a constraint, and it
/// is the same for all equal pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains(Vec<usize>);

impl Domains {
    /// Counts the domains. A zone without power still counts as a domain, unless the constraint honours taints.
    pub fn of(spec: &PodSpec, others: &dyn ExistingPods) -> Self {
        let hard = hard(spec);
        let mut found: Vec<BTreeSet<String>> = vec![BTreeSet::new(); hard.len()];
        if !hard.is_empty() {
            others.nodes(&mut |node| {
                for (constraint, domains) in hard.iter().zip(&mut found) {
                    if let (true, Some(domain)) =
                        (is_meant(spec, constraint, node), label(node, &constraint.topology_key))
                    {
                        domains.insert(domain.to_owned());
                    }
                }
            });
        }
        Self(found.iter().map(BTreeSet::len).collect())
    }
}

fn hard(spec: &PodSpec) -> Vec<&Spread> {
    spec.topology_spread_constraints.iter().filter(|c| c.when_unsatisfiable != "ScheduleAnyway").collect()
}

/// Whether a node counts for a constraint.
fn is_meant(spec: &PodSpec, constraint: &Spread, node: &Node) -> bool {
    let honours = |policy: &Option<String>, default: bool| policy.as_deref().map_or(default, |p| p == "Honor");
    hard(spec).iter().all(|c| label(node, &c.topology_key).is_some())
        && (!honours(&constraint.node_affinity_policy, true) || is_chosen(spec, node))
        && (!honours(&constraint.node_taints_policy, false) || is_tolerated(spec, node))
}

/// Constraints with DoNotSchedule. A Terminating pod does not count.
pub fn spreads(pod: &Incoming<'_>, others: &dyn ExistingPods, domains: &Domains) -> Vec<SpreadRule> {
    let rule = |(constraint, total): (&Spread, usize)| {
        let key = constraint.topology_key.clone();
        let chosen = constraint.label_selector.clone().map(|s| narrowed(s, &constraint.match_label_keys, pod.labels));
        // Only domains that contain a pod have an entry.
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        if let Some(chosen) = &chosen {
            others.each(pod.namespace, chosen, &mut |name, leaving| {
                let node = others.node(name).filter(|n| !leaving && is_meant(pod.spec, constraint, n));
                if let Some(domain) = node.and_then(|n| label(n, &key)) {
                    *counts.entry(domain.to_owned()).or_default() += 1;
                }
            });
        }
        let short = constraint.min_domains.is_some_and(|least| total < least as usize);
        let least = if short || counts.len() < total { 0 } else { counts.values().copied().min().unwrap_or(0) };
        let itself = usize::from(chosen.is_some_and(|s| s.matches(pod.labels)));
        SpreadRule { key, counts, least, skew: constraint.max_skew.max(1) as usize, itself }
    };
    hard(pod.spec).into_iter().zip(domains.0.iter().copied()).map(rule).collect()
}
