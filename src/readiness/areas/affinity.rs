//! Affinity, spread and tolerations.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    kubernetes::{Clocks, toleration_seconds},
    model::{Class, Severity},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, Say, ZONE},
        look::{is_everything, list, map, selector, text, words},
        picture::{Picture, Work},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "AFF-001",
        name: "host-spread",
        title: "Replicas are told to be on different hosts",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE],
        needs: Needs::Manifests,
        rule: "A workload of at least 2 replicas has a pod anti-affinity or a topology spread constraint by host whose selector matches its own pods. One that does not match its own pods fails with that reason.",
        fix: "Add topologySpreadConstraints on kubernetes.io/hostname with the pods' own labels",
        why: "The scheduler may put all replicas on one node otherwise.",
        run: |p, say| spread(p, say, HOST),
    },
    Check {
        id: "AFF-002",
        name: "constraint-feasible-after-loss",
        title: "Hard rules of placement can still be met after a loss",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Cluster,
        rule: "With a required anti-affinity to itself, a workload has no more replicas than nodes (or zones) that could run it are left when one is gone; with DoNotSchedule and minDomains, enough domains are left.",
        fix: "Make the rule preferred (ScheduleAnyway), or add hosts or zones",
        why: "Replicas that may not share a host stay Pending until it is back.",
        run: feasible,
    },
    Check {
        id: "AFF-003",
        name: "node-selection-breadth",
        title: "No workload is pinned to one node or zone",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Manifests,
        rule: "The template has no nodeName, and selects no node by its host name; live, at least 2 nodes could run it, and they are not all in one zone.",
        fix: "Remove the pin; widen the pool to at least 2 nodes and 2 zones",
        why: "What may run in one place only is gone with it.",
        run: breadth,
    },
    Check {
        id: "AFF-004",
        name: "eviction-toleration-vs-rto",
        title: "Pods leave a dead node soon enough for the RTO",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Manifests,
        rule: "Tolerance of not-ready and unreachable (300 s by admission where the pod says nothing; for ever where it names no seconds), plus the node monitor's grace (50 s since 1.32) is within the workload's RTO of the drill file.",
        fix: "Set tolerationSeconds (30, say) for node.kubernetes.io/not-ready and unreachable on critical stateless pods",
        why: "It decides the RTO of every drill that takes a node away.",
        run: toleration,
    },
];

const HOST: &str = "kubernetes.io/hostname";

pub(super) const ZONE_KEY: &str = "topology.kubernetes.io/zone";

/// How a workload's spread by a key stands.
pub(super) enum Told {
    Matches,
    NotItself,
    Not,
}

pub(super) fn told(work: &Work<'_>, key: &str) -> Told {
    let spec = work.spec();
    let mut named = false;
    for constraint in list(spec, "/topologySpreadConstraints").iter().filter(|c| c["topologyKey"] == key) {
        named = true;
        if selector(constraint, "/labelSelector").is_some_and(|s| s.matches(&work.labels)) {
            return Told::Matches;
        }
    }
    for term in anti_affinity(spec) {
        if term["topologyKey"] != key {
            continue;
        }
        named = true;
        let namespaces = words(term, "/namespaces");
        let chosen = selector(term, "/namespaceSelector").map(|s| is_everything(&s));
        let here =
            chosen == Some(true) || chosen.is_none() && namespaces.is_empty() || namespaces.contains(&work.namespace());
        if here && selector(term, "/labelSelector").is_some_and(|s| s.matches(&work.labels)) {
            return Told::Matches;
        }
    }
    if named { Told::NotItself } else { Told::Not }
}

/// Terms of its anti-affinity, required and preferred.
fn anti_affinity(spec: &Value) -> Vec<&Value> {
    let base = "/affinity/podAntiAffinity";
    let required = list(spec, &format!("{base}/requiredDuringSchedulingIgnoredDuringExecution")).iter();
    let preferred = list(spec, &format!("{base}/preferredDuringSchedulingIgnoredDuringExecution")).iter();
    required.chain(preferred.map(|p| &p["podAffinityTerm"])).collect()
}

pub(super) fn spread(p: &Picture<'_>, say: &mut Say, key: &str) {
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        if work.replicas.is_none_or(|n| n < 2) {
            say.skip(work, "fewer than 2 replicas");
            continue;
        }
        match told(work, key) {
            Told::Matches => say.pass(work),
            Told::NotItself => {
                say.fail(
                    work,
                    work.pointer,
                    format!("its rule by {key} does not select its own pods: it does nothing"),
                );
            }
            Told::Not => say.fail(work, work.pointer, format!("nothing tells its pods to spread by {key}")),
        }
    }
}

fn feasible(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("Node") {
        return say.gap(gap);
    }
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let Some(n) = work.replicas.filter(|n| *n >= 2) else { continue };
        let able = p.eligible(work);
        let zones = able.zones.iter().filter(|z| !z.is_empty()).count();
        let domains = |key: &Value| if key == ZONE_KEY { zones } else { able.nodes.len() };
        let mut wrong = vec![];
        let required = "/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
        for term in list(work.spec(), required) {
            let own = selector(term, "/labelSelector").is_some_and(|s| s.matches(&work.labels));
            let left = domains(&term["topologyKey"]).saturating_sub(1);
            if own && usize::try_from(n).unwrap_or(usize::MAX) > left {
                let key = text(term, "/topologyKey");
                wrong.push(format!("{n} replicas may not share a {key}, and {left} are left when one is gone"));
            }
        }
        for constraint in list(work.spec(), "/topologySpreadConstraints") {
            let least = constraint["minDomains"].as_u64().unwrap_or(0);
            let left = domains(&constraint["topologyKey"]).saturating_sub(1);
            if text(constraint, "/whenUnsatisfiable") != "ScheduleAnyway" && usize::try_from(least).unwrap_or(0) > left
            {
                wrong.push(format!("minDomains {least} cannot be met with the {left} that are left"));
            }
        }
        say.judge(work, work.pointer, &wrong);
    }
}

fn breadth(p: &Picture<'_>, say: &mut Say) {
    let all: BTreeSet<&str> = p.shelf.nodes.iter().filter(|n| !n.is_control_plane()).map(|n| n.zone()).collect();
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let spec = work.spec();
        let mut wrong = vec![];
        if !text(spec, "/nodeName").is_empty() {
            wrong.push(format!("pinned to node {} by nodeName", text(spec, "/nodeName")));
        }
        if map(spec, "/nodeSelector").is_some_and(|m| m.contains_key(HOST)) {
            wrong.push("pinned to a node by its host name (nodeSelector)".into());
        }
        let terms =
            list(spec, "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms");
        let one_host = |t: &Value| {
            list(t, "/matchExpressions")
                .iter()
                .any(|e| e["key"] == HOST && e["operator"] == "In" && list(e, "/values").len() < 2)
        };
        if !terms.is_empty() && terms.iter().all(one_host) {
            wrong.push("pinned to a node by its host name (nodeAffinity)".into());
        }
        if p.is_cluster() && p.shelf.all("Node").is_ok() && !p.shelf.nodes.is_empty() && wrong.is_empty() {
            let able = p.eligible(work);
            if able.nodes.len() < 2 {
                wrong.push(format!("{} node may run it", able.nodes.len()));
            } else if able.zones.len() < 2 && all.len() > 1 {
                let zone = able.nodes[0].zone();
                wrong.push(format!("all {} nodes that may run it are in zone {zone}", able.nodes.len()));
            }
        }
        say.judge(work, work.pointer, &wrong);
    }
}

/// What admission gives pods that say nothing.
const DEFAULT_TOLERATION: i64 = 300;

fn toleration(p: &Picture<'_>, say: &mut Say) {
    let grace = i64::try_from(Clocks::of_version(&p.shelf.version).grace.as_secs()).unwrap_or(50);
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let promised = p.settings.objective(work.namespace(), work.kind, work.name()).and_then(|o| o.rto);
        let Some(rto) = promised else {
            say.skip(work, "the drill file promises no RTO for it");
            continue;
        };
        let spec = work.pod_spec();
        let seconds = if spec.tolerations.iter().any(|t| t.key.is_empty() || t.key == crate::kubernetes::UNREACHABLE) {
            toleration_seconds(&spec.tolerations, crate::kubernetes::UNREACHABLE)
                .map(|s| i64::try_from(s).unwrap_or(i64::MAX))
        } else {
            Some(DEFAULT_TOLERATION)
        };
        let rto_seconds = i64::try_from(rto.0.as_secs()).unwrap_or(i64::MAX);
        match seconds {
            None => say.fail(work, format!("{}/tolerations", work.pointer), "its pods stay on a dead node for ever"),
            Some(s) if s + grace > rto_seconds => say.fail(
                work,
                format!("{}/tolerations", work.pointer),
                format!("its pods leave a dead node after {s} s, which is noticed after {grace} s: more than the RTO of {rto}"),
            ),
            Some(_) => say.pass(work),
        }
    }
}
