//! Requests, limits, quotas, and whether the survivors have room for what a node or
//! a zone takes with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    kubernetes::{
        Demand, NodeRoom, cpu_millis, memory_bytes,
        objects::{Node, Pod},
        place, room_of,
    },
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, REGION, RESTORE, Say, ZONE},
        look::{map, text},
        picture::Picture,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "RES-001",
        name: "requests-set",
        title: "Every container requests CPU and memory",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[NODE, ZONE],
        needs: Needs::Manifests,
        rule: "Each container that runs as long as its pod has requests for cpu and memory, or limits, which stand in for them, or the pod as a whole has.",
        fix: "Set requests from the 95th percentile of usage",
        why: "Without requests nobody knows whether the survivors have room.",
        run: requests,
    },
    Check {
        id: "RES-002",
        name: "limits-set",
        title: "Every container has a memory limit",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "Each container that runs as long as its pod has a memory limit, or the pod as a whole has; a CPU limit only where the parameter cpuLimits demands it.",
        fix: "Set a memory limit; a CPU limit by the policy of the house",
        why: "One that takes the memory of a crowded survivor takes its neighbours with it.",
        run: limits,
    },
    Check {
        id: "RES-005",
        name: "quota-headroom",
        title: "Quotas leave room for the surge of a recovery",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[ZONE, REGION, RESTORE],
        needs: Needs::Cluster,
        rule: "No hard limit of a ResourceQuota is used by 90 % or more; no container requests more than a LimitRange's maximum.",
        fix: "Raise the quota or plan for the surge; align the LimitRange",
        why: "Pods that come back are refused by a quota that is full.",
        run: quotas,
    },
    Check {
        id: "RES-006",
        name: "node-loss-capacity",
        title: "The other nodes have room for what any one node takes with it",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[DRAIN, NODE],
        needs: Needs::Cluster,
        rule: "For each node, the pods on it that would come back elsewhere (not those of DaemonSets) are placed on the other nodes, largest first, by requests, taints, node selectors, required node affinity and the zones of their volumes. Preemption and pod affinity are not modelled. Where an autoscaler manages a pool, a fail is medium.",
        fix: "Add a node, let an autoscaler add one, or lower requests",
        why: "What does not fit stays Pending until the node is back.",
        run: |p, say| capacity(p, say, false),
    },
    Check {
        id: "RES-007",
        name: "zone-loss-capacity",
        title: "The other zones have room for what any one zone takes with it",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "As RES-006, for all nodes of a zone at once.",
        fix: "Size each zone so that the others can carry it, or let autoscalers add nodes by zone",
        why: "What does not fit stays Pending until the zone is back.",
        run: |p, say| capacity(p, say, true),
    },
];

/// Whether a container has a quantity, by itself or by its pod.
fn has(container: &Value, spec: &Value, resource: &str, fields: &[&str]) -> bool {
    fields.iter().any(|field| {
        let set = |owner: &Value| map(owner, &format!("/resources/{field}")).is_some_and(|m| m.contains_key(resource));
        set(container) || set(spec)
    })
}

fn requests(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        for container in work.containers() {
            let missing: Vec<&str> = ["cpu", "memory"]
                .into_iter()
                .filter(|r| !has(container.value, work.spec(), r, &["requests", "limits"]))
                .collect();
            let subject = Subject::from(work).part(container.name);
            if missing.is_empty() {
                say.pass(subject);
            } else {
                say.fail(
                    subject,
                    format!("{}/resources", container.pointer),
                    format!("no request for {}", missing.join(" and ")),
                );
            }
        }
    }
}

fn limits(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        for container in work.containers() {
            let wanted: &[&str] = if p.settings.parameters.cpu_limits { &["memory", "cpu"] } else { &["memory"] };
            let missing: Vec<&str> =
                wanted.iter().copied().filter(|r| !has(container.value, work.spec(), r, &["limits"])).collect();
            let subject = Subject::from(work).part(container.name);
            if missing.is_empty() {
                say.pass(subject);
            } else {
                say.fail(
                    subject,
                    format!("{}/resources/limits", container.pointer),
                    format!("no limit for {}", missing.join(" and ")),
                );
            }
        }
    }
}

fn quotas(p: &Picture<'_>, say: &mut Say) {
    for quota in p.each("ResourceQuota", say) {
        let mut wrong = vec![];
        for (name, hard) in quota.map("/status/hard").into_iter().flatten() {
            let used = quota.at("/status/used").get(name).cloned().unwrap_or_default();
            let number = |v: &Value| v.as_str().and_then(cpu_millis).or_else(|| v.as_u64().map(|n| n * 1000));
            let (Some(hard), Some(used)) = (number(hard), number(&used)) else { continue };
            if hard > 0 && used * 10 >= hard * 9 {
                wrong.push(format!("{name} is used by {} %", used * 100 / hard));
            } else if hard == 0 {
                wrong.push(format!("{name} is 0"));
            }
        }
        say.judge(quota, "/status", &wrong);
    }
    for range in p.each("LimitRange", say) {
        let most = range.list("/spec/limits").iter().find(|l| l["type"] == "Container").and_then(|l| l.get("max"));
        let mut wrong = vec![];
        for work in p.in_namespace(&range.metadata.namespace) {
            for container in work.all_containers() {
                for (resource, parse) in [("cpu", cpu_millis as fn(&str) -> Option<u64>), ("memory", memory_bytes)] {
                    let asked = parse(text(container.value, &format!("/resources/requests/{resource}")));
                    let allowed = most.and_then(|m| m[resource].as_str()).and_then(parse);
                    if asked.zip(allowed).is_some_and(|(asked, allowed)| asked > allowed) {
                        wrong.push(format!(
                            "{} {} [{}] requests more {resource} than it allows",
                            work.kind,
                            work.name(),
                            container.name
                        ));
                    }
                }
            }
        }
        say.judge(range, "/spec/limits", &wrong);
    }
}

fn capacity(p: &Picture<'_>, say: &mut Say, by_zone: bool) {
    for key in ["Node", "Pod", "PersistentVolume", "PersistentVolumeClaim"] {
        if let Err(gap) = p.shelf.all(key) {
            return say.gap(gap);
        }
    }
    let groups = groups(p, by_zone);
    if by_zone && groups.len() < 2 {
        return say.fail(
            Subject::default(),
            "",
            format!("there are {} zones: no other zone can take over", groups.len()),
        );
    }
    let mut on: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in p.shelf.pods.iter().filter(|pod| !pod.is_finished()) {
        on.entry(pod.spec.node_name.as_str()).or_default().push(pod);
    }
    let rooms: Vec<NodeRoom> = p
        .shelf
        .nodes
        .iter()
        .map(|n| room_of(n, on.get(n.metadata.name.as_str()).map_or(&[][..], Vec::as_slice)))
        .collect();
    let zones = volume_zones(p);
    for (name, nodes) in groups {
        let gone: BTreeSet<&str> = nodes.iter().map(|n| n.metadata.name.as_str()).collect();
        let demands = displaced(p, &gone, &on, &zones);
        let count = demands.len();
        let left = rooms.iter().filter(|r| !gone.contains(r.node.metadata.name.as_str())).cloned().collect();
        let homeless = place(left, demands);
        let subject = Subject::named(if by_zone { "Zone" } else { "Node" }, "", &name);
        if homeless.is_empty() {
            say.pass(subject);
            continue;
        }
        let elastic = nodes.iter().any(|n| !n.pool().is_empty());
        let severity = if elastic { Severity::Medium } else { Severity::Critical };
        let mut named = homeless.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        if homeless.len() > 3 {
            named.push_str(" …");
        }
        let pool = if elastic { "; an autoscaler may add nodes" } else { "" };
        say.fail_as(
            severity,
            subject,
            "",
            format!("{} of its {count} pods fit nowhere else: {named}{pool}", homeless.len()),
        );
    }
}

/// Nodes that go together. The control plane is no node to be lost here.
fn groups<'a>(p: &Picture<'a>, by_zone: bool) -> BTreeMap<String, Vec<&'a Node>> {
    let mut groups: BTreeMap<String, Vec<&Node>> = BTreeMap::new();
    for node in p.shelf.nodes.iter().filter(|n| !n.is_control_plane()) {
        let name = if by_zone { node.zone().to_owned() } else { node.metadata.name.clone() };
        if !name.is_empty() {
            groups.entry(name).or_default().push(node);
        }
    }
    groups
}

/// The zones in which each claim's volume can be used, where it is bound to some.
fn volume_zones(p: &Picture<'_>) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for volume in p.shelf.any("PersistentVolume") {
        let terms = volume.at("/spec/nodeAffinity/required/nodeSelectorTerms");
        if terms.is_array() {
            let claim = |field: &str| volume.text(&format!("/spec/claimRef/{field}")).to_owned();
            found.insert((claim("namespace"), claim("name")), terms.clone());
        }
    }
    found
}

/// What would have to come back elsewhere.
fn displaced(
    p: &Picture<'_>,
    gone: &BTreeSet<&str>,
    on: &BTreeMap<&str, Vec<&Pod>>,
    zones: &BTreeMap<(String, String), Value>,
) -> Vec<Demand> {
    let mut demands = vec![];
    for pod in gone.iter().filter_map(|node| on.get(node)).flatten() {
        let stays = pod.is_mirror() || pod.controller().is_none_or(|o| o.kind == "DaemonSet" || o.kind == "Node");
        if stays || !p.in_scope(&pod.metadata.namespace) {
            continue;
        }
        let mut spec = pod.spec.clone();
        for claim in pod.claims() {
            let bound = zones.get(&(pod.metadata.namespace.clone(), claim.to_owned()));
            if let (Some(terms), true) = (bound, spec.affinity.is_null()) {
                spec.affinity = serde_json::json!({"nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}});
            }
        }
        demands.push(Demand::of(&format!("{}/{}", pod.metadata.namespace, pod.metadata.name), &spec));
    }
    demands
}
