//! Requests, limits and quotas, and whether the remaining nodes have room for the pods of a
//! lost node or zone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::asked::{is_limited, is_requested};
use crate::{
    inventory::ObjectSet,
    kubernetes::{
        Candidate, NO_ROOM, NodeExit, PackingState, Volumes, cpu_millis, memory_bytes, objects::Node, quantity,
    },
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, REGION, RESTORE, Say, ZONE},
        picture::Picture,
        values::text,
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
        rule: "Each container of a workload has requests for cpu and memory. A limit counts as a request, and so does a value of the whole pod (spec.resources), or a default, minimum or maximum of a LimitRange of the namespace for containers. A quantity of 0 does not count. Jobs, CronJobs and init containers that end are not examined.",
        fix: "Set requests to the 95th percentile of usage",
        why: "Without requests, nobody can tell whether the remaining nodes have room for the pods of a lost node.",
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
        rule: "Each container of a workload has a memory limit, or its whole pod has one (spec.resources), or a LimitRange of the namespace gives one (a default or a maximum for containers). A limit of 0 does not count. If the parameter cpuLimits is true, the same applies to CPU. Jobs, CronJobs and init containers that end are not examined.",
        fix: "Set a memory limit; set a CPU limit if the parameter cpuLimits demands it",
        why: "On a full node, a container without a limit can take the memory of its neighbours and bring them down.",
        run: limits,
    },
    Check {
        id: "RES-005",
        name: "quota-headroom",
        title: "Quotas leave room for the pods of a recovery",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[ZONE, REGION, RESTORE],
        needs: Needs::Cluster,
        rule: "No hard limit of a ResourceQuota is 0, or used by 90 % or more. No container requests more CPU or memory (its limit counts without a request) than the maximum of a LimitRange of its namespace for containers.",
        fix: "Raise the quota, or plan for the extra pods of a recovery; align the LimitRange",
        why: "A full quota refuses the pods that should come back.",
        run: quotas,
    },
    Check {
        id: "RES-006",
        name: "node-loss-capacity",
        title: "The other nodes have room for the pods of any lost node",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[DRAIN, NODE],
        needs: Needs::Cluster,
        rule: "For each node that is not a control-plane node, a simulated scheduling places the pods in scope that would be created elsewhere (not pods of DaemonSets or without a controller) on the other nodes. It follows requests, host ports, taints, node selectors, affinity to nodes and pods, topology spreads that must hold (a lost zone still counts), the location of volumes, the number of volumes that a node can attach, and preemption. The most important pods come first, the largest first among equals. A pod without a place is critical, or medium if only room is missing and the node has the label of a node pool, where an autoscaler may add nodes. A pod that must wait for its own dead copy is high. Preemption of other pods is medium.",
        fix: "Add a node, let an autoscaler add one, or lower requests",
        why: "A pod that does not fit stays Pending until the node is back.",
        run: |p, say| capacity(p, say, false),
    },
    Check {
        id: "RES-007",
        name: "zone-loss-capacity",
        title: "The other zones have room for the pods of any lost zone",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "The same rule as RES-006, for all nodes of a zone together. A cluster with fewer than two zones fails.",
        fix: "Size each zone so that the others can carry its load, or let autoscalers add nodes in each zone",
        why: "A pod that does not fit stays Pending until the zone is back.",
        run: |p, say| capacity(p, say, true),
    },
];

fn requests(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        for container in work.containers() {
            let missing: Vec<&str> = ["cpu", "memory"]
                .into_iter()
                .filter(|resource| !is_requested(p, work, container.value, resource))
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
            let limited = |resource: &&str| is_limited(p, work, container.value, resource);
            let missing: Vec<&str> = wanted.iter().copied().filter(|resource| !limited(resource)).collect();
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
            let number = |v: &Value| v.as_str().and_then(quantity).or_else(|| v.as_f64());
            let (Some(hard), Some(used)) = (number(hard), number(&used)) else { continue };
            if hard > 0.0 && used >= hard * 0.9 {
                wrong.push(format!("{name} is used to {:.0} %", (used * 100.0 / hard).floor()));
            } else if hard == 0.0 {
                wrong.push(format!("{name} is 0"));
            }
        }
        say.judge(quota, "/status", &wrong);
    }
    for range in p.each("LimitRange", say) {
        let of_containers = range.list("/spec/limits").iter().filter(|l| l["type"] == "Container");
        let maxima: Vec<&Value> = of_containers.filter_map(|l| l.get("max")).collect();
        let written = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let mut wrong = vec![];
        for work in p.in_namespace(&range.metadata.namespace) {
            for container in work.all_containers() {
                for (resource, parse) in [("cpu", cpu_millis as fn(&str) -> Option<u64>), ("memory", memory_bytes)] {
                    let of = |part: &str| container.value.pointer(&format!("/resources/{part}/{resource}"));
                    let asked = of("requests").or_else(|| of("limits")).and_then(|v| parse(&written(v)));
                    let limits = maxima.iter().filter_map(|m| parse(&written(m.get(resource)?)));
                    let allowed = limits.min();
                    if asked.zip(allowed).is_some_and(|(asked, allowed)| asked > allowed) {
                        wrong.push(format!(
                            "{} {} [{}] requests more {resource} than the LimitRange allows",
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
        if let Err(gap) = p.object_set.all(key) {
            return say.gap(gap);
        }
    }
    let groups = groups(p, by_zone);
    if by_zone && groups.len() < 2 {
        return say.fail(
            Subject::default(),
            "",
            format!("the number of zones is {}: no other zone can take the pods", groups.len()),
        );
    }
    let volumes = volumes(p.object_set);
    let mut packing = packing_state(p.object_set, &volumes);
    for (name, nodes) in groups {
        let gone: BTreeSet<&str> = nodes.iter().map(|n| n.metadata.name.as_str()).collect();
        let asked = |candidate: &Candidate<'_>| p.in_scope(candidate.pod.namespace);
        let outcome = packing.lose_of(&gone, NodeExit::Drained, &asked);
        let subject = Subject::named(if by_zone { "Zone" } else { "Node" }, "", &name);
        if !outcome.unplaced.is_empty() {
            let elastic = nodes.iter().any(|n| !n.pool().is_empty());
            let room = outcome.unplaced.iter().all(|(_, why)| *why == NO_ROOM);
            let severity = if elastic && room { Severity::Medium } else { Severity::Critical };
            let pool = if elastic && room { "; an autoscaler may add nodes" } else { "" };
            let text = format!(
                "{} of its {} pods fit on no other node: {}{pool}",
                outcome.unplaced.len(),
                outcome.wanted,
                outcome.named(3)
            );
            say.fail_as(severity, subject, "", text);
            continue;
        }
        // A pod that a drain can move may have to wait for its own dead copy if the node fails.
        let dead = packing.lose_of(&gone, NodeExit::Dead, &asked);
        if !dead.unplaced.is_empty() {
            let text = format!(
                "{} of its {} pods must wait until it is back if it fails: {}",
                dead.unplaced.len(),
                dead.wanted,
                dead.named(3)
            );
            say.fail_as(Severity::High, subject, "", text);
        } else if !outcome.preempted.is_empty() {
            let text = format!("its pods preempt {} others", outcome.preempted.len());
            say.fail_as(Severity::Medium, subject, "", text);
        } else {
            say.pass(subject);
        }
    }
}

/// The volumes of a cluster, by claim.
pub(super) fn volumes(object_set: &ObjectSet) -> Volumes<'_> {
    let mut volumes = Volumes::default();
    object_set.any("PersistentVolume").iter().for_each(|volume| volumes.add(&volume.body));
    volumes
}

/// The nodes of a cluster, and the pods on them.
pub(super) fn packing_state<'a>(object_set: &'a ObjectSet, volumes: &Volumes<'a>) -> PackingState<'a> {
    let mut packing = PackingState::new(&object_set.nodes);
    for node in object_set.any("CSINode.storage.k8s.io") {
        for driver in node.list("/spec/drivers") {
            if let Some(most) = driver.pointer("/allocatable/count").and_then(Value::as_i64) {
                packing.attaches(&node.metadata.name, text(driver, "/name"), most);
            }
        }
    }
    for space in object_set.any("Namespace") {
        packing.namespace(&space.metadata.name, &space.metadata.labels);
    }
    for pod in object_set.pods.iter().chain(&object_set.standing).filter(|pod| !pod.is_finished()) {
        packing.place(Candidate::of(pod, volumes), &pod.spec.node_name, pod.is_terminating());
    }
    packing
}

/// Nodes that are lost together. Control-plane nodes are left out.
fn groups<'a>(p: &Picture<'a>, by_zone: bool) -> BTreeMap<String, Vec<&'a Node>> {
    let mut groups: BTreeMap<String, Vec<&Node>> = BTreeMap::new();
    for node in p.object_set.nodes.iter().filter(|n| !n.is_control_plane()) {
        let name = if by_zone { node.zone().to_owned() } else { node.metadata.name.clone() };
        if !name.is_empty() {
            groups.entry(name).or_default().push(node);
        }
    }
    groups
}
