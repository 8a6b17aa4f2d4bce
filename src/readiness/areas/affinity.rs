//! Affinity, spread and tolerations.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    kubernetes::{Clocks, toleration_seconds},
    model::{Class, Severity},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, Say, ZONE},
        picture::{Picture, Work},
        values::{list, map, selector, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "AFF-001",
        name: "host-spread",
        title: "The scheduler spreads replicas over hosts",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE],
        needs: Needs::Manifests,
        rule: "A workload with at least 2 replicas has a topology spread constraint or a pod anti-affinity (required or preferred) by kubernetes.io/hostname whose selector matches its own pods. One by topology.kubernetes.io/zone is enough in a cluster with several zones (in files, low). A spread constraint with DoNotSchedule whose maxSkew is as large as the number of replicas does not count. If the only such rule does not match its own pods, the finding says so.",
        fix: "Add topologySpreadConstraints on kubernetes.io/hostname with the pods' own labels",
        why: "Otherwise the scheduler may place all replicas on one node.",
        run: |p, say| spread(p, say, HOST),
    },
    Check {
        id: "AFF-002",
        name: "constraint-feasible-after-loss",
        title: "Required placement rules can still be met after a loss",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Cluster,
        rule: "Workloads with at least 2 replicas are examined. If a required pod anti-affinity selects the own pods of the workload, the number of replicas is at most the number of nodes (or zones) that can run them, minus one. If a topology spread constraint with DoNotSchedule has minDomains, minDomains is at most that number, too.",
        fix: "Make the rule preferred (ScheduleAnyway), or add hosts or zones",
        why: "Replicas that must not share a host stay Pending until the lost host is back.",
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
        rule: "The pod template has no nodeName, and no nodeSelector and required node affinity (matchExpressions or matchFields) that together allow only one host, or only one zone (in files, medium, because the cluster may have one zone). Several terms of an affinity allow what each of them allows. On a cluster, at least 2 nodes can run the pods, and these nodes are not all in one zone if the worker nodes are in several.",
        fix: "Remove the pin; extend the node pool to at least 2 nodes and 2 zones",
        why: "A workload that can run in one place only is down as long as this place is lost.",
        run: breadth,
    },
    Check {
        id: "AFF-004",
        name: "eviction-toleration-vs-rto",
        title: "Pods leave a dead node within the RTO",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Manifests,
        rule: "Replicated workloads are examined. The tolerationSeconds of the pods for node.kubernetes.io/unreachable, plus the time until the cluster notices a dead node (50 s since 1.32, 40 s before), is at most the RTO of the workload in the readiness file. Without such a toleration, the 300 s that admission adds count. A toleration without tolerationSeconds fails. Workloads without an RTO are skipped.",
        fix: "Set tolerationSeconds (for example 30) for node.kubernetes.io/not-ready and node.kubernetes.io/unreachable on critical stateless pods",
        why: "This time is part of the recovery time in every drill that takes a node away.",
        run: toleration,
    },
];

const HOST: &str = "kubernetes.io/hostname";

pub(super) const ZONE_KEY: &str = "topology.kubernetes.io/zone";

/// Whether a workload has a rule that spreads its pods by a key.
pub(super) enum SpreadBy {
    Matches,
    /// Its maxSkew allows all pods in one place.
    TooWide(u64),
    NotItself,
    Not,
}

pub(super) fn told(p: &Picture<'_>, work: &Work<'_>, key: &str) -> SpreadBy {
    let spec = work.spec();
    let mut found = SpreadBy::Not;
    for constraint in list(spec, "/topologySpreadConstraints").iter().filter(|c| c["topologyKey"] == key) {
        if !selector(constraint, "/labelSelector").is_some_and(|s| s.matches(&work.labels)) {
            if matches!(found, SpreadBy::Not) {
                found = SpreadBy::NotItself;
            }
            continue;
        }
        match too_wide(work, constraint) {
            None => return SpreadBy::Matches,
            Some(skew) => found = SpreadBy::TooWide(skew),
        }
    }
    for term in anti_affinity(spec).into_iter().filter(|term| term["topologyKey"] == key) {
        if reaches_own_namespace(p, work, term)
            && selector(term, "/labelSelector").is_some_and(|s| s.matches(&work.labels))
        {
            return SpreadBy::Matches;
        }
        if matches!(found, SpreadBy::Not) {
            found = SpreadBy::NotItself;
        }
    }
    found
}

/// The maxSkew of a constraint that all pods of a workload meet in one place. A constraint with ScheduleAnyway prefers
/// the smallest skew, whatever its maxSkew.
fn too_wide(work: &Work<'_>, constraint: &Value) -> Option<u64> {
    let skew = constraint["maxSkew"].as_u64().unwrap_or(1);
    let must = text(constraint, "/whenUnsatisfiable") != "ScheduleAnyway";
    (must && skew > 1 && work.replicas.is_some_and(|n| skew >= n)).then_some(skew)
}

/// Whether a term of a pod anti-affinity applies to the namespace of the workload: it names it, selects it by its
/// labels, or does neither.
fn reaches_own_namespace(p: &Picture<'_>, work: &Work<'_>, term: &Value) -> bool {
    let (namespaces, chosen) = (words(term, "/namespaces"), selector(term, "/namespaceSelector"));
    let selected = chosen.as_ref().is_some_and(|s| s.matches(&p.labels_of_namespace(work.namespace())));
    selected || chosen.is_none() && namespaces.is_empty() || namespaces.contains(&work.namespace())
}

/// The terms of its pod anti-affinity, required and preferred.
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
        let by_zone = key == HOST && matches!(told(p, work, ZONE_KEY), SpreadBy::Matches);
        match told(p, work, key) {
            SpreadBy::Matches => say.pass(work),
            // Nodes of different zones are different nodes.
            _ if by_zone && has_zones(p, work) => say.pass(work),
            _ if by_zone && !p.is_cluster() => {
                let text = "its pods are spread by zone only: in a cluster with one zone, they may share a node";
                say.fail_as(Severity::Low, work, work.pointer, text);
            }
            SpreadBy::TooWide(skew) => {
                let text = format!("maxSkew {skew} of its rule for {key} allows all its pods in one place");
                say.fail(work, work.pointer, text);
            }
            SpreadBy::NotItself => {
                say.fail(
                    work,
                    work.pointer,
                    format!("its rule for {key} does not select its own pods: it does nothing"),
                );
            }
            SpreadBy::Not => say.fail(work, work.pointer, format!("no rule spreads its pods by {key}")),
        }
    }
}

/// Whether the nodes that can run a workload are seen to be in several zones.
fn has_zones(p: &Picture<'_>, work: &Work<'_>) -> bool {
    p.is_cluster() && p.eligible(work).zones.iter().filter(|zone| !zone.is_empty()).count() > 1
}

fn feasible(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("Node") {
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
                wrong.push(format!("{n} replicas must not share a {key}, but only {left} are left after a loss"));
            }
        }
        for constraint in list(work.spec(), "/topologySpreadConstraints") {
            let least = constraint["minDomains"].as_u64().unwrap_or(0);
            let left = domains(&constraint["topologyKey"]).saturating_sub(1);
            if text(constraint, "/whenUnsatisfiable") != "ScheduleAnyway" && usize::try_from(least).unwrap_or(0) > left
            {
                wrong.push(format!("minDomains {least} cannot be met: only {left} domains are left after a loss"));
            }
        }
        say.judge(work, work.pointer, &wrong);
    }
}

fn breadth(p: &Picture<'_>, say: &mut Say) {
    let all: BTreeSet<&str> = p.object_set.nodes.iter().filter(|n| !n.is_control_plane()).map(|n| n.zone()).collect();
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let spec = work.spec();
        let mut wrong = vec![];
        if !text(spec, "/nodeName").is_empty() {
            wrong.push(format!("it is pinned to node {} by nodeName", text(spec, "/nodeName")));
        }
        if let Some(host) = only_place(spec, &HOSTS) {
            wrong.push(format!("it is pinned to a node by its host name ({host})"));
        }
        if p.is_cluster() && p.object_set.all("Node").is_ok() && !p.object_set.nodes.is_empty() && wrong.is_empty() {
            let able = p.eligible(work);
            if able.nodes.len() < 2 {
                wrong.push(format!("{} node can run it", able.nodes.len()));
            } else if able.zones.len() < 2 && all.len() > 1 {
                let zone = able.nodes[0].zone();
                wrong.push(format!("all {} nodes that can run it are in zone {zone}", able.nodes.len()));
            }
        }
        let zone = if p.is_cluster() || !wrong.is_empty() { None } else { only_place(spec, &ZONES) };
        match zone {
            None => say.judge(work, work.pointer, &wrong),
            Some(zone) => {
                let text = format!("it may run in zone {zone} only");
                say.fail_as(Severity::Medium, work, work.pointer, text);
            }
        }
    }
}

/// The labels and the field that name a node.
const HOSTS: [&str; 2] = [HOST, "metadata.name"];
/// The labels that name a zone, with the one before 1.17.
const ZONES: [&str; 2] = [ZONE_KEY, "failure-domain.beta.kubernetes.io/zone"];

/// The only place, by one of these keys, that the node selector and the required node affinity of a pod allow. None if
/// they allow several, or if they do not ask for places.
fn only_place<'a>(spec: &'a Value, keys: &[&str]) -> Option<&'a str> {
    let chosen = map(spec, "/nodeSelector").into_iter().flatten();
    let chosen = chosen.filter(|(key, _)| keys.contains(&key.as_str())).find_map(|(_, value)| value.as_str());
    if chosen.is_some() {
        return chosen;
    }
    let required = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let mut places: BTreeSet<&str> = BTreeSet::new();
    for term in list(spec, required) {
        let asks = ["/matchExpressions", "/matchFields"].into_iter().flat_map(|field| list(term, field));
        let mut asks = asks.filter(|e| e["operator"] == "In" && keys.contains(&text(e, "/key")));
        // A term that asks for no place allows them all.
        places.extend(words(asks.next()?, "/values"));
    }
    places.first().copied().filter(|_| places.len() == 1)
}

/// The tolerationSeconds that admission adds to pods without a toleration.
const DEFAULT_TOLERATION: i64 = 300;

fn toleration(p: &Picture<'_>, say: &mut Say) {
    let grace = i64::try_from(Clocks::of_version(&p.object_set.version).grace.as_secs()).unwrap_or(50);
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let promised = p.settings.objective(work.namespace(), work.kind, work.name()).and_then(|o| o.rto);
        let Some(rto) = promised else {
            say.skip(work, "the readiness file has no RTO for it");
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
            None => say.fail(work, format!("{}/tolerations", work.pointer), "its pods never leave a dead node"),
            Some(s) if s + grace > rto_seconds => say.fail(
                work,
                format!("{}/tolerations", work.pointer),
                format!("the cluster notices a dead node after {grace} s, and its pods leave it {s} s later: this is more than the RTO of {rto}"),
            ),
            Some(_) => say.pass(work),
        }
    }
}
