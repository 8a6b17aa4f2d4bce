//! What pods demand of nodes because of other pods: affinity and anti-affinity, of the
//! pod that comes and of those that are there, and spreads. [`Neighbours`] is where the
//! others are: a capture, or a simulated cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Selector,
    objects::{Node, PodSpec, Spread},
    scheduling::{is_chosen, is_tolerated},
};

/// A pod that wants a node.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its spec.
    pub spec: &'a PodSpec,
}

/// The pods that are there.
pub trait Neighbours {
    /// Calls with the node of each pod of a namespace that a selector selects, and with
    /// whether the pod is on its way out. Pods that have ended, or have no node, are none.
    fn each(&self, namespace: &str, selector: &Selector, seen: &mut dyn FnMut(&str, bool));
    /// Calls with the node, the namespace and each term of a required anti-affinity of a
    /// pod that is there and might mean pods of a namespace.
    fn refusals(&self, namespace: &str, seen: &mut dyn FnMut(&str, &str, &Value));
    /// Namespaces whose labels a selector selects.
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

/// A selector of a term: nil selects nothing.
fn selector(value: &Value) -> Option<Selector> {
    if value.is_null() { None } else { serde_json::from_value(value.clone()).ok() }
}

/// The labels that a pod must share with those that it selects.
fn narrowed(mut selector: Selector, keys: &[String], labels: &BTreeMap<String, String>) -> Selector {
    for key in keys {
        if let Some(value) = labels.get(key) {
            selector.match_labels.insert(key.clone(), value.clone());
        }
    }
    selector
}

/// What a pod wants of the pods in a node's domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    key: String,
    /// Where pods of that kind are.
    domains: BTreeSet<String>,
    together: bool,
}

impl Company {
    /// Whether a node's domain has it.
    pub fn suits(&self, node: &Node) -> bool {
        label(node, &self.key).is_some_and(|own| self.domains.contains(own)) == self.together
    }

    /// Of one term of an affinity; none where any node will do.
    pub fn of(pod: &Incoming<'_>, term: &Value, together: bool, others: &dyn Neighbours) -> Option<Self> {
        let keys: Vec<String> =
            items(term, "/matchLabelKeys").iter().filter_map(|k| k.as_str().map(str::to_owned)).collect();
        let chosen = narrowed(selector(&term["labelSelector"])?, &keys, pod.labels);
        let key = term["topologyKey"].as_str().unwrap_or("").to_owned();
        let mut domains = BTreeSet::new();
        let spaces = spaces(pod.namespace, term, others);
        for namespace in &spaces {
            // One that is going away counts until it is gone: a dead node keeps it for long.
            others.each(namespace, &chosen, &mut |node, _| {
                domains.extend(others.node(node).and_then(|n| label(n, &key)).map(str::to_owned));
            });
        }
        // The first of its kind may go anywhere, or none would ever start.
        let itself = spaces.iter().any(|s| s == pod.namespace) && chosen.matches(pod.labels);
        let first = together && domains.is_empty() && itself;
        (!first).then_some(Self { key, domains, together })
    }
}

/// The namespaces that a term means.
fn spaces(own: &str, term: &Value, others: &dyn Neighbours) -> Vec<String> {
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

/// Affinity and anti-affinity, as they stand in a spec, and whether they ask for company.
pub const KINDS: [(&str, bool); 2] = [("podAffinity", true), ("podAntiAffinity", false)];

/// Terms of a required affinity or anti-affinity to other pods.
pub fn required<'a>(spec: &'a PodSpec, kind: &str) -> &'a [Value] {
    items(&spec.affinity, &format!("/{kind}/requiredDuringSchedulingIgnoredDuringExecution"))
}

/// All that must hold of the pods in a node's domain.
pub fn demands(pod: &Incoming<'_>, others: &dyn Neighbours) -> Vec<Company> {
    let of = |(kind, together): (&str, bool)| {
        let terms = required(pod.spec, kind).iter();
        terms.filter_map(|term| Company::of(pod, term, together, others)).collect::<Vec<_>>()
    };
    let mut all: Vec<Company> = KINDS.into_iter().flat_map(of).collect();
    let mut refused: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    others.refusals(pod.namespace, &mut |node, namespace, term| {
        let means = selector(&term["labelSelector"]).is_some_and(|s| s.matches(pod.labels))
            && spaces(namespace, term, others).iter().any(|s| s == pod.namespace);
        let key = term["topologyKey"].as_str().unwrap_or("");
        if let (true, Some(domain)) = (means, others.node(node).and_then(|n| label(n, key))) {
            refused.entry(key.to_owned()).or_default().insert(domain.to_owned());
        }
    });
    all.extend(refused.into_iter().map(|(key, domains)| Company { key, domains, together: false }));
    all
}

/// A spread that must be kept, and how far each domain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadRule {
    key: String,
    counts: BTreeMap<String, usize>,
    least: usize,
    skew: usize,
    itself: usize,
}

impl SpreadRule {
    /// Whether one more in a node's domain is not too many.
    pub fn allows(&self, node: &Node) -> bool {
        label(node, &self.key)
            .is_some_and(|own| self.counts.get(own).copied().unwrap_or(0) + self.itself <= self.least + self.skew)
    }
}

/// How many domains each hard spread of a spec has: the costly part of a spread, and the
/// same for all pods that are alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains(Vec<usize>);

impl Domains {
    /// Counts them. A dark zone still is one unless the constraint honours taints
    /// (correctness 24).
    pub fn of(spec: &PodSpec, others: &dyn Neighbours) -> Self {
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

/// Whether a node counts for a spread.
fn is_meant(spec: &PodSpec, constraint: &Spread, node: &Node) -> bool {
    let honours = |policy: &Option<String>, default: bool| policy.as_deref().map_or(default, |p| p == "Honor");
    hard(spec).iter().all(|c| label(node, &c.topology_key).is_some())
        && (!honours(&constraint.node_affinity_policy, true) || is_chosen(spec, node))
        && (!honours(&constraint.node_taints_policy, false) || is_tolerated(spec, node))
}

/// Spreads of kind DoNotSchedule. A pod on its way out counts nowhere.
pub fn spreads(pod: &Incoming<'_>, others: &dyn Neighbours, domains: &Domains) -> Vec<SpreadRule> {
    let rule = |(constraint, total): (&Spread, usize)| {
        let key = constraint.topology_key.clone();
        let chosen = constraint.label_selector.clone().map(|s| narrowed(s, &constraint.match_label_keys, pod.labels));
        // Only of domains in which there is one.
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
