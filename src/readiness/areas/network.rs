//! Network policies: the ports and peers that they allow, and whether they match the Services.

use std::collections::BTreeMap;

use serde_json::Value;

use super::isolation::{CALICO, CILIUM, CLUSTER, POLICY, cilium_specs, selected, types};
use crate::{
    inventory::Object,
    model::{Class, Severity},
    readiness::{
        check::{Check, NETPART, Needs, REGION, RESTORE, Say},
        picture::{Picture, Work},
        values::{is_everything, list, selector, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "NET-003",
        name: "net-ports-restricted",
        title: "Every rule of a network policy names its ports",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "Each ingress and egress rule of a NetworkPolicy that selects a workload has `ports`. Each entry has a port, and no range (port to endPort) has more ports than the parameter maxPortRange (1024). Policies without rules (default deny), and policies that select no workload, are skipped. Each allow rule of a Cilium policy that is not {} has toPorts or icmps.",
        fix: "List the protocol and the port (with endPort for a narrow range) in every rule",
        why: "A rule without ports allows traffic on every port.",
        run: ports,
    },
    Check {
        id: "NET-004",
        name: "net-allow-all",
        title: "No rule of a network policy allows all peers",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No rule of a NetworkPolicy lacks from or to (as {} does), names an ipBlock of all addresses (0.0.0.0/0, ::/0 in any spelling, or both halves; also with exceptions), or has a namespaceSelector that selects every namespace ({}, or kubernetes.io/metadata.name Exists) with the podSelector {} or none. No rule of a Cilium policy, other than an empty one, lacks peers or names the entity all or world or such addresses. An egress rule to all addresses or to everywhere, whose ports are all among 53, 80 and 443, is low.",
        fix: "Replace empty rules, 0.0.0.0/0, ::/0 and namespaceSelector {} by named peers or CIDRs",
        why: "A policy that allows all peers isolates nothing.",
        run: super::everybody::allow_all,
    },
    Check {
        id: "NET-005",
        name: "net-policy-effective",
        title: "Network policies and Services match the existing pods",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[NETPART, REGION, RESTORE],
        needs: Needs::Manifests,
        rule: "A podSelector other than {} selects at least one pod: one of a workload, one that a known operator creates, or one whose label a controller sets (in files, else low). A port name in an ingress rule exists, with the same protocol, in a selected workload. On a cluster, each peer with a podSelector other than {} selects at least one workload in the namespaces that it names (else low). If NetworkPolicies isolate the pods of a Service for ingress, at least one rule admits each port of the Service whose number is known (else high; unknown if a policy of Cilium, of Calico or of the whole cluster may admit it). Pods with hostNetwork are not isolated.",
        fix: "Correct the selector labels, the targetPort or the port names of the policy; delete policies that select nothing",
        why: "Behind a wrong policy, a restored application cannot be reached and looks as if it were down.",
        run: effective,
    },
];

/// The rules of a policy, with their pointers and the field that names the peers.
pub(super) fn rules(policy: &Object) -> Vec<(String, &Value, &'static str)> {
    let mut all = vec![];
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (i, rule) in policy.list(&format!("/spec/{direction}")).iter().enumerate() {
            all.push((format!("/spec/{direction}/{i}"), rule, peers));
        }
    }
    all
}

fn ports(p: &Picture<'_>, say: &mut Say) {
    for policy in p.each(POLICY, say) {
        let all = rules(policy);
        if all.is_empty() {
            say.skip(policy, "it has no rule: it denies by default");
            continue;
        }
        if selected(p, policy).is_empty() {
            say.skip(policy, "it selects no workload (see NET-005)");
            continue;
        }
        let mut wrong = vec![];
        for (pointer, rule, _) in all {
            let ports = list(rule, "/ports");
            if ports.is_empty() {
                wrong.push((pointer, "this rule names no port".to_owned()));
                continue;
            }
            for port in ports {
                let range = port["endPort"]
                    .as_u64()
                    .zip(port["port"].as_u64())
                    .map(|(end, from)| (end + 1).saturating_sub(from));
                if port["port"].is_null() {
                    wrong.push((pointer.clone(), format!("this rule opens every {} port", protocol(port))));
                } else if let Some(wide) = range.filter(|w| *w > p.settings.parameters.max_port_range) {
                    wrong.push((pointer.clone(), format!("this rule opens {wide} ports")));
                }
            }
        }
        if wrong.is_empty() {
            say.pass(policy);
        }
        for (pointer, text) in wrong {
            say.fail(policy, pointer, text);
        }
    }
    for policy in CILIUM.iter().flat_map(|(key, _)| p.each(key, say)).collect::<Vec<_>>() {
        let mut wrong = vec![];
        for (base, spec) in cilium_specs(policy) {
            for direction in ["ingress", "egress"] {
                for (i, rule) in list(spec, &format!("/{direction}")).iter().enumerate() {
                    // In a Cilium policy, an empty rule denies everything.
                    let empty = rule.as_object().is_some_and(serde_json::Map::is_empty);
                    if !empty && list(rule, "/toPorts").is_empty() && list(rule, "/icmps").is_empty() {
                        wrong.push(format!("{base}/{direction}/{i} names no port"));
                    }
                }
            }
        }
        say.judge(policy, "/spec", &wrong);
    }
}

pub(super) fn protocol(port: &Value) -> &str {
    port["protocol"].as_str().unwrap_or("TCP")
}

/// Name, number and protocol of the ports that the containers of a workload declare.
pub(super) fn named_ports(work: &Work<'_>) -> Vec<(String, u64, String)> {
    let mut all = vec![];
    for container in work.containers() {
        for port in list(container.value, "/ports") {
            let number = port["containerPort"].as_u64().unwrap_or(0);
            all.push((text(port, "/name").to_owned(), number, protocol(port).to_owned()));
        }
    }
    all
}

/// Kinds that create pods.
const SOURCES: [&str; 5] = ["Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "CronJob.batch", "Pod"];

fn effective(p: &Picture<'_>, say: &mut Say) {
    // A policy may select workloads of a kind that could not be read.
    let all_seen = SOURCES.iter().all(|key| p.object_set.all(key).is_ok());
    for policy in p.each(POLICY, say) {
        let chosen = selector(&policy.body, "/spec/podSelector").unwrap_or_default();
        let works = p.select(&policy.metadata.namespace, &chosen);
        let mut wrong = vec![];
        let lost = works.is_empty() && !is_everything(&chosen) && !p.reaches(&policy.metadata.namespace, &chosen);
        if lost && !p.is_cluster() {
            let text = "podSelector selects no pod of these files";
            say.fail_as(Severity::Low, policy, "/spec/podSelector", text);
            continue;
        }
        if lost && all_seen {
            wrong.push(("/spec/podSelector".to_owned(), "podSelector selects no workload".to_owned()));
        }
        for (pointer, rule, _) in rules(policy).into_iter().filter(|(.., peers)| *peers == "from") {
            for (i, port) in list(rule, "/ports").iter().enumerate() {
                let Some(name) = port["port"].as_str().filter(|_| !works.is_empty()) else { continue };
                let known = works
                    .iter()
                    .any(|w| named_ports(w).iter().any(|(n, _, proto)| n == name && proto == protocol(port)));
                if !known {
                    let text = format!(
                        "no selected pod has a port named {name} ({}): this entry admits nothing",
                        protocol(port)
                    );
                    wrong.push((format!("{pointer}/ports/{i}"), text));
                }
            }
        }
        let alone = if all_seen && p.is_cluster() { lonely_peers(p, policy) } else { vec![] };
        if wrong.is_empty() && alone.is_empty() {
            say.pass(policy);
        }
        for (pointer, text) in wrong {
            say.fail(policy, pointer, text);
        }
        for (pointer, text) in alone {
            say.fail_as(Severity::Low, policy, pointer, text);
        }
    }
    unreachable_services(p, say);
}

/// Peers whose podSelector selects no pod. Peers with an ipBlock are not examined.
fn lonely_peers(p: &Picture<'_>, policy: &Object) -> Vec<(String, String)> {
    let mut alone = vec![];
    for (pointer, rule, peers) in rules(policy) {
        for (i, peer) in list(rule, &format!("/{peers}")).iter().enumerate() {
            let pods = selector(peer, "/podSelector").filter(|s| !is_everything(s));
            let Some(pods) = pods else { continue };
            let spaces = selector(peer, "/namespaceSelector");
            let there = p.works.iter().chain(&p.platform).any(|w| {
                let here = match &spaces {
                    None => w.namespace() == policy.metadata.namespace,
                    Some(spaces) => spaces.matches(&p.labels_of_namespace(w.namespace())),
                };
                here && pods.matches(&w.labels)
            });
            if !there {
                alone.push((format!("{pointer}/{peers}/{i}"), "this peer selects no existing pod".to_owned()));
            }
        }
    }
    alone
}

/// Ports of Services that no ingress rule admits.
fn unreachable_services(p: &Picture<'_>, say: &mut Say) {
    let admitted = admissions(p);
    let others = other_admissions(p);
    for (service, chosen) in p.selecting_services() {
        for work in p.select(&service.metadata.namespace, chosen) {
            let Some(rules) = admitted.get(&work.index) else { continue };
            for (i, port) in service.list("/spec/ports").iter().enumerate() {
                let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
                let (name, number) = resolve(work, target, protocol(port));
                let Some(number) = number else { continue };
                let open = rules.iter().any(|(who, number_or_name, proto)| {
                    *who && (proto.is_empty() || proto == protocol(port))
                        && match number_or_name {
                            None => true,
                            Some((Value::String(n), _)) => *n == name,
                            Some((from, to)) => {
                                let from = from.as_u64().unwrap_or(0);
                                (from..=to.unwrap_or(from)).contains(&number)
                            }
                        }
                });
                let of = format!("port {number} of {} {}", work.kind, work.name());
                // Policies of a plug-in or of the whole cluster may admit what these do not.
                if !open && others.iter().any(|space| space.is_none_or(|space| space == work.namespace())) {
                    let text = format!("no NetworkPolicy admits traffic to {of}; policies of other kinds may admit it");
                    say.unresolved(*service, format!("/spec/ports/{i}"), text);
                } else if !open {
                    say.fail_as(
                        Severity::High,
                        *service,
                        format!("/spec/ports/{i}"),
                        format!("no policy admits traffic to {of}: no client can reach it"),
                    );
                }
            }
        }
    }
}

/// The namespaces in which policies of Cilium, of Calico or of the whole cluster have rules for ingress; none for all.
fn other_admissions<'a>(p: &Picture<'a>) -> Vec<Option<&'a str>> {
    let rules = |policy: &&Object| {
        let own = !policy.list("/spec/ingress").is_empty();
        own || policy.list("/specs").iter().any(|spec| !list(spec, "/ingress").is_empty())
    };
    let of = |key: &str, wide: bool| {
        let all = p.object_set.any(key).iter().filter(rules);
        all.map(move |o| if wide { None } else { Some(o.metadata.namespace.as_str()) }).collect::<Vec<_>>()
    };
    let plug_ins = CILIUM.iter().chain(&CALICO).flat_map(|(key, wide)| of(key, *wide));
    plug_ins.chain(CLUSTER.iter().flat_map(|key| of(key, true))).collect()
}

/// One port of a rule: whether the rule admits anything, the first and last port, the protocol.
type Admission = (bool, Option<(Value, Option<u64>)>, String);

/// The ports that policies admit, for each workload that is isolated for ingress.
fn admissions(p: &Picture<'_>) -> BTreeMap<usize, Vec<Admission>> {
    let mut all: BTreeMap<usize, Vec<Admission>> = BTreeMap::new();
    for policy in p.object_set.any(POLICY).iter().filter(|o| types(o).contains(&"Ingress")) {
        let mut admits = vec![];
        for rule in policy.list("/spec/ingress") {
            let ports = list(rule, "/ports");
            if ports.is_empty() {
                admits.push((true, None, String::new()));
            }
            for port in ports {
                let which = (!port["port"].is_null()).then(|| (port["port"].clone(), port["endPort"].as_u64()));
                admits.push((true, which, protocol(port).to_owned()));
            }
        }
        for work in selected(p, policy).into_iter().filter(|w| w.spec()["hostNetwork"] != true) {
            all.entry(work.index).or_default().extend(admits.iter().cloned());
        }
    }
    all
}

/// Name and number of a target port in the pods of a workload.
fn resolve(work: &Work<'_>, target: &Value, proto: &str) -> (String, Option<u64>) {
    let ports = named_ports(work);
    if let Some(name) = target.as_str() {
        let number = ports.iter().find(|(n, _, p)| n == name && p == proto).map(|(_, number, _)| *number);
        return (name.to_owned(), number);
    }
    let number = target.as_u64();
    let name =
        ports.iter().find(|(_, n, p)| Some(*n) == number && p == proto).map_or(String::new(), |(n, ..)| n.clone());
    (name, number)
}
