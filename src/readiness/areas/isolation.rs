//! Whether network policies isolate every workload: the policies of Kubernetes, of Cilium and
//! of Calico, and cluster-wide policies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    inventory::Object,
    kubernetes::{CalicoSelector, Selector},
    model::{Class, Severity, Unseen},
    readiness::{
        check::{Check, DEPOUT, NETPART, Needs, Say},
        picture::{Picture, Work},
        values::{is_everything, list, map, selector, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "NET-001",
        name: "net-ingress-isolated",
        title: "A network policy isolates every workload for ingress",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[NETPART],
        needs: Needs::Manifests,
        rule: "At least one NetworkPolicy of the namespace selects the pods and has Ingress among its policy types (without policyTypes: Ingress, and also Egress if the policy has egress rules). A Cilium or Calico policy that isolates the pods passes, too (one of Cilium has a rule for the direction, or enableDefaultDeny; one with a nodeSelector is about nodes), and so does a cluster-wide policy (ClusterNetworkPolicy, AdminNetworkPolicy or BaselineAdminNetworkPolicy) that denies the traffic of all namespaces on all ports. Pods with hostNetwork are skipped. If only a Calico policy whose selector cannot be read may select the pods, the result is unknown. It is unknown, too, if in files only one of the policy and the workload names a namespace.",
        fix: "Add a NetworkPolicy with podSelector {} and policyTypes [Ingress] to the namespace, then add explicit allow rules",
        why: "Without isolation, nobody knows which clients a workload accepts, and the effect of a network partition cannot be predicted.",
        run: |p, say| isolated(p, say, "Ingress"),
    },
    Check {
        id: "NET-002",
        name: "net-egress-isolated",
        title: "A network policy isolates every workload for egress",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[NETPART, DEPOUT],
        needs: Needs::Manifests,
        rule: "The same rule as NET-001, for Egress instead of Ingress.",
        fix: "Add a NetworkPolicy with podSelector {} and policyTypes [Egress] to the namespace, then allow DNS and the services that the pods call",
        why: "The egress rules list the services that a workload depends on. Without the list, nobody knows which outage to drill.",
        run: |p, say| isolated(p, say, "Egress"),
    },
];

pub(super) const POLICY: &str = "NetworkPolicy.networking.k8s.io";

pub(super) const CILIUM: [(&str, bool); 2] =
    [("CiliumNetworkPolicy.cilium.io", false), ("CiliumClusterwideNetworkPolicy.cilium.io", true)];

pub(super) const CALICO: [(&str, bool); 4] = [
    ("NetworkPolicy.crd.projectcalico.org", false),
    ("NetworkPolicy.projectcalico.org", false),
    ("GlobalNetworkPolicy.crd.projectcalico.org", true),
    ("GlobalNetworkPolicy.projectcalico.org", true),
];

pub(super) const CLUSTER: [&str; 3] = [
    "ClusterNetworkPolicy.policy.networking.k8s.io",
    "AdminNetworkPolicy.policy.networking.k8s.io",
    "BaselineAdminNetworkPolicy.policy.networking.k8s.io",
];

/// The effective types of a policy. Kubernetes adds Egress without policyTypes only if there are
/// egress rules.
pub(super) fn types(policy: &Object) -> Vec<&str> {
    let named = words(&policy.body, "/spec/policyTypes");
    if !named.is_empty() {
        return named;
    }
    if policy.list("/spec/egress").is_empty() { vec!["Ingress"] } else { vec!["Ingress", "Egress"] }
}

/// The workloads that a policy selects.
pub(super) fn selected<'p, 'a>(p: &'p Picture<'a>, policy: &Object) -> Vec<&'p Work<'a>> {
    let chosen = selector(&policy.body, "/spec/podSelector").unwrap_or_default();
    p.select(&policy.metadata.namespace, &chosen)
}

/// Workloads that are isolated, and workloads for which this cannot be determined.
#[derive(Default)]
struct Isolated {
    surely: BTreeSet<usize>,
    perhaps: BTreeSet<usize>,
    /// In files, the policy that selects them if both are created in one namespace.
    elsewhere: BTreeMap<usize, String>,
}

impl Isolated {
    fn of(p: &Picture<'_>, direction: &str) -> Self {
        let mut set = Self::default();
        for policy in p.object_set.any(POLICY).iter().filter(|o| types(o).contains(&direction)) {
            set.surely.extend(selected(p, policy).iter().map(|w| w.index));
            set.with_namespace(p, policy);
        }
        set.by_cilium(p, direction);
        set.by_calico(p, direction);
        for policy in CLUSTER.iter().flat_map(|key| p.object_set.any(key)) {
            if denies_everybody(policy, direction) {
                set.surely.extend(subjects(p, policy));
            }
        }
        set
    }

    /// Files in which only one of a policy and a workload names its namespace.
    fn with_namespace(&mut self, p: &Picture<'_>, policy: &Object) {
        let own = &*policy.metadata.namespace;
        if p.is_cluster() || !own.is_empty() && p.in_namespace("").is_empty() {
            return;
        }
        let chosen = selector(&policy.body, "/spec/podSelector").unwrap_or_default();
        let other = |w: &&Work<'_>| own.is_empty() != w.namespace().is_empty() && chosen.matches(&w.labels);
        for work in p.works.iter().filter(other) {
            self.elsewhere.entry(work.index).or_insert_with(|| policy.metadata.name.clone());
        }
    }

    fn by_cilium(&mut self, p: &Picture<'_>, direction: &str) {
        let lower = direction.to_lowercase();
        for (key, wide) in CILIUM {
            for policy in p.object_set.any(key) {
                for (_, spec) in cilium_specs(policy) {
                    // A policy with a nodeSelector instead is about the nodes themselves.
                    let Some(chosen) = cilium_selector(spec) else { continue };
                    let has = |field: &str| spec[field].as_array().map_or(!spec[field].is_null(), |r| !r.is_empty());
                    let names = has(&lower) || has(&format!("{lower}Deny"));
                    if spec["enableDefaultDeny"][&lower].as_bool().unwrap_or(names) {
                        self.surely.extend(chosen_by(p, policy, wide, |w| cilium_matches(p, &chosen, w)));
                    }
                }
            }
        }
    }

    fn by_calico(&mut self, p: &Picture<'_>, direction: &str) {
        for (key, wide) in CALICO {
            for policy in p.object_set.any(key) {
                let named = words(&policy.body, "/spec/types");
                let implied = named.is_empty() && (direction == "Ingress" || !policy.list("/spec/egress").is_empty());
                if !implied && !named.contains(&direction) {
                    continue;
                }
                // The namespace selector is matched with the labels of the namespaces, which manifests
                // do not always contain.
                let spaces = policy.text("/spec/namespaceSelector");
                let read = CalicoSelector::parse(policy.text("/spec/selector"));
                match (read, CalicoSelector::parse(spaces)) {
                    (Ok(chosen), Ok(spaces)) => {
                        let here = |w: &Work<'_>| {
                            chosen.matches(&w.labels) && spaces.matches(&p.labels_of_namespace(w.namespace()))
                        };
                        self.surely.extend(chosen_by(p, policy, wide, here));
                    }
                    _ => self.perhaps.extend(chosen_by(p, policy, wide, |_| true)),
                }
            }
        }
    }
}

/// The specs of a Cilium policy, with their pointers.
pub(super) fn cilium_specs(policy: &Object) -> Vec<(String, &Value)> {
    let several = policy.list("/specs").iter().enumerate().map(|(i, spec)| (format!("/specs/{i}"), spec));
    let one = std::iter::once(("/spec".to_owned(), policy.at("/spec")));
    one.chain(several).filter(|(_, spec)| spec.is_object()).collect()
}

/// The selector of pods without the prefix that Cilium puts before label names, as in `k8s:app`.
fn cilium_selector(spec: &Value) -> Option<Selector> {
    let mut chosen = selector(spec, "/endpointSelector")?;
    let plain = |key: &str| key.strip_prefix("k8s:").or(key.strip_prefix("any:")).unwrap_or(key).to_owned();
    chosen.match_labels = chosen.match_labels.iter().map(|(k, v)| (plain(k), v.clone())).collect();
    chosen.match_expressions.iter_mut().for_each(|e| e.key = plain(&e.key));
    Some(chosen)
}

/// Whether a selector selects the pods of a workload by their labels and by those that Cilium adds: their namespace, its
/// labels, and their service account.
fn cilium_matches(p: &Picture<'_>, chosen: &Selector, work: &Work<'_>) -> bool {
    const SPACE: &str = "io.kubernetes.pod.namespace";
    const ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";
    const OF_SPACE: &str = "io.cilium.k8s.namespace.labels.";
    let mut keys = chosen.match_labels.keys().chain(chosen.match_expressions.iter().map(|e| &e.key));
    if !keys.any(|key| key == SPACE || key == ACCOUNT || key.starts_with(OF_SPACE)) {
        return chosen.matches(&work.labels);
    }
    let mut labels = work.labels.clone();
    labels.insert(SPACE.to_owned(), work.namespace().to_owned());
    labels.insert(ACCOUNT.to_owned(), work.account().to_owned());
    let of_space = p.labels_of_namespace(work.namespace());
    labels.extend(of_space.into_iter().map(|(key, value)| (format!("{OF_SPACE}{key}"), value)));
    chosen.matches(&labels)
}

fn chosen_by(p: &Picture<'_>, policy: &Object, wide: bool, chosen: impl Fn(&Work<'_>) -> bool) -> Vec<usize> {
    let here = |w: &&Work<'_>| wide || w.namespace() == policy.metadata.namespace;
    p.works.iter().filter(here).filter(|w| chosen(w)).map(|w| w.index).collect()
}

/// Whether a rule of a cluster-wide policy denies all namespaces. Without such a rule, a
/// cluster-wide policy isolates nothing.
fn denies_everybody(policy: &Object, direction: &str) -> bool {
    let (field, peers) = if direction == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
    let everybody = |peer: &Value| selector(peer, "/namespaces").is_some_and(|s| is_everything(&s));
    let rules = policy.list(&format!("/spec/{field}")).iter();
    rules.into_iter().any(|rule| {
        text(rule, "/action") == "Deny"
            && list(rule, "/ports").is_empty()
            && list(rule, "/protocols").is_empty()
            && list(rule, &format!("/{peers}")).iter().any(everybody)
    })
}

/// The workloads that a cluster-wide policy selects.
fn subjects(p: &Picture<'_>, policy: &Object) -> Vec<usize> {
    let spaces = selector(&policy.body, "/spec/subject/namespaces")
        .or_else(|| selector(&policy.body, "/spec/subject/pods/namespaceSelector"));
    let pods = map(&policy.body, "/spec/subject/pods")
        .map(|_| selector(&policy.body, "/spec/subject/pods/podSelector").unwrap_or_default());
    let Some(spaces) = spaces else { return vec![] };
    let is = |w: &Work<'_>| {
        spaces.matches(&p.labels_of_namespace(w.namespace())) && pods.as_ref().is_none_or(|s| s.matches(&w.labels))
    };
    chosen_by(p, policy, true, is)
}

fn isolated(p: &Picture<'_>, say: &mut Say, direction: &str) {
    let others = CILIUM.iter().chain(&CALICO).map(|(key, _)| *key).chain(CLUSTER);
    for key in std::iter::once(POLICY).chain(others) {
        if let Err(gap) = p.object_set.all(key) {
            return say.gap(gap);
        }
    }
    let set = Isolated::of(p, direction);
    for work in &p.works {
        if work.spec()["hostNetwork"] == true {
            say.skip(work, "uses the host network, which network policies do not control");
        } else if set.surely.contains(&work.index) {
            say.pass(work);
        } else if set.perhaps.contains(&work.index) {
            say.unknown(work, Unseen::NoData, "a Calico policy may select it, but its selector cannot be read");
        } else if let Some(name) = set.elsewhere.get(&work.index) {
            let text = format!("NetworkPolicy {name} selects its pods, if both are created in one namespace");
            say.unresolved(work, "/metadata/namespace", text);
        } else {
            let pods = work.pointer.strip_suffix("/spec").unwrap_or("");
            say.fail(work, pods, format!("no policy isolates its pods for {direction}"));
        }
    }
}
