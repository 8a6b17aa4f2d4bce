//! Zones of nodes, of the control plane, of pods, traffic and volumes.

use std::collections::{BTreeMap, BTreeSet};

use super::affinity::{Told, ZONE_KEY, spread, told};
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, NODE, Needs, Say, ZONE},
        look::{list, text, words},
        picture::Picture,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "ZON-001",
        name: "nodes-multizone",
        title: "Worker nodes stand in several zones",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "Ready nodes that take pods are in at least 2 zones; a node without a zone label makes it unknown; a zone with less than half of the largest one's CPU is medium.",
        fix: "Add a node pool to each zone; balance their sizes",
        why: "With one zone there is nothing left to survive in.",
        run: nodes,
    },
    Check {
        id: "ZON-002",
        name: "workload-zone-spread",
        title: "Replicas are told to be in different zones",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Manifests,
        rule: "As AFF-001, by zone.",
        fix: "Add a topology spread constraint on topology.kubernetes.io/zone",
        why: "The scheduler may put all replicas into one zone otherwise.",
        run: |p, say| spread(p, say, ZONE_KEY),
    },
    Check {
        id: "ZON-003",
        name: "live-zone-concentration",
        title: "Replicas really are in at least two zones",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "The running pods of a workload with at least 2 are in at least 2 zones; more than 70 % in one zone is medium.",
        fix: "Rebalance the pods before the drill (kubectl rollout restart)",
        why: "What is in one zone is gone with it.",
        run: concentration,
    },
    Check {
        id: "ZON-004",
        name: "control-plane-multizone",
        title: "The control plane survives the loss of a zone",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "Nodes of the control plane are an odd number of at least 3 in 3 zones (2 zones: medium). EKS passes by design; another managed control plane is unknown until it is attested.",
        fix: "Run 3 nodes of the control plane in 3 zones, or a regional control plane",
        why: "Without a control plane nothing is made again.",
        run: control_plane,
    },
    Check {
        id: "ZON-005",
        name: "zone-aware-routing",
        title: "Traffic stays in its zone by choice",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A Service with a selector has trafficDistribution PreferSameZone, PreferSameNode or PreferClose, or the annotation service.kubernetes.io/topology-mode Auto; both together is medium. A DestinationRule of Istio with localityLbSetting has outlierDetection, without which it never fails over (medium).",
        fix: "Set trafficDistribution: PreferSameZone (PreferClose below 1.34)",
        why: "Traffic across zones is the first to break in a partition.",
        run: routing,
    },
    Check {
        id: "ZON-006",
        name: "zone-routing-hazard",
        title: "Routing does not trap traffic",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Manifests,
        rule: "internalTrafficPolicy Local only before a DaemonSet; externalTrafficPolicy Local only before pods that are spread over several zones (else medium); live, a LoadBalancer has an address, and it is not tied to one subnet by its annotations; a Service that prefers a zone has two endpoints or more in each zone that has any (else medium).",
        fix: "Set internalTrafficPolicy Cluster; add endpoints in each zone; a load balancer over several subnets",
        why: "Traffic that may only go where nobody is left is lost.",
        run: hazard,
    },
    Check {
        id: "ZON-007",
        name: "volume-zone-pinned",
        title: "Data can be reached when a zone is lost",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "Of a workload with volumes not all are bound to one and the same zone; a volume that may be used in two zones passes. A StorageClass that binds immediately where there are several zones is high.",
        fix: "Use regional volumes, or replicas by zone with WaitForFirstConsumer",
        why: "A volume of the lost zone keeps its pod Pending until the zone is back.",
        run: volumes,
    },
];

fn nodes(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("Node") {
        return say.gap(gap);
    }
    let takes = |n: &&crate::kubernetes::objects::Node| {
        n.ready() == "True" && !n.spec.unschedulable && !n.spec.taints.iter().any(|t| t.effect != "PreferNoSchedule")
    };
    let nodes: Vec<_> = p.shelf.nodes.iter().filter(takes).collect();
    let bare: Vec<&str> = nodes.iter().filter(|n| n.zone().is_empty()).map(|n| n.metadata.name.as_str()).collect();
    if nodes.is_empty() {
        return say.fail(Subject::default(), "", "no node is ready and takes pods");
    }
    if !bare.is_empty() {
        let text = format!("{} of {} nodes have no zone label, such as {}", bare.len(), nodes.len(), bare[0]);
        return say.unknown(Subject::default(), Unseen::NoData, text);
    }
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for node in &nodes {
        let cpu = node.status.allocatable.get("cpu").and_then(|q| crate::kubernetes::cpu_millis(q)).unwrap_or(0);
        *sizes.entry(node.zone()).or_default() += cpu;
    }
    let (least, most) = (sizes.values().min().copied().unwrap_or(0), sizes.values().max().copied().unwrap_or(0));
    if sizes.len() < 2 {
        say.fail(Subject::default(), "", format!("all {} nodes are in one zone", nodes.len()));
    } else if least * 2 < most {
        say.fail_as(
            Severity::Medium,
            Subject::default(),
            "",
            format!("the smallest zone has {} % of the largest one's CPU", least * 100 / most.max(1)),
        );
    } else {
        say.pass(Subject::default());
    }
}

fn concentration(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("Pod").and(p.shelf.all("Node")) {
        return say.gap(gap);
    }
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in p.pods(work).iter().filter(|pod| pod.status.phase == "Running") {
            if let Some(node) = p.node(&pod.spec.node_name) {
                *zones.entry(node.zone()).or_default() += 1;
            }
        }
        let running: usize = zones.values().sum();
        let (zone, most) = zones.iter().max_by_key(|(_, n)| **n).map_or(("", 0), |(z, n)| (*z, *n));
        if running < 2 {
            say.skip(work, "fewer than 2 pods run");
        } else if zones.contains_key("") {
            say.unknown(work, Unseen::NoData, "some of its nodes have no zone label");
        } else if zones.len() == 1 {
            say.fail(work, "", format!("all {running} pods run in zone {zone}"));
        } else if most * 10 > running * 7 {
            say.fail_as(Severity::Medium, work, "", format!("{most} of {running} pods run in zone {zone}"));
        } else {
            say.pass(work);
        }
    }
}

fn control_plane(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("Node") {
        return say.gap(gap);
    }
    let nodes: Vec<_> = p.shelf.nodes.iter().filter(|n| n.is_control_plane()).collect();
    if nodes.is_empty() {
        let eks = p.shelf.nodes.iter().any(|n| n.metadata.labels.keys().any(|k| k.starts_with("eks.amazonaws.com/")));
        return if eks {
            say.pass(Subject::default());
        } else {
            say.unknown(
                Subject::default(),
                Unseen::NoData,
                "a managed control plane does not show where it runs: attest it",
            );
        };
    }
    let zones: BTreeSet<&str> = nodes.iter().map(|n| n.zone()).filter(|z| !z.is_empty()).collect();
    let n = nodes.len();
    if n < 3 || n % 2 == 0 {
        say.fail(
            Subject::default(),
            "",
            format!("{n} node{} of the control plane; 3 or 5 are needed", if n == 1 { "" } else { "s" }),
        );
    } else if zones.len() < 2 {
        say.fail(
            Subject::default(),
            "",
            format!("all {n} nodes of the control plane are in one zone, or have no zone label"),
        );
    } else if zones.len() == 2 {
        say.fail_as(
            Severity::Medium,
            Subject::default(),
            "",
            format!("{n} nodes of the control plane are in 2 zones: the loss of one may take the majority"),
        );
    } else {
        say.pass(Subject::default());
    }
}

fn routing(p: &Picture<'_>, say: &mut Say) {
    for (service, chosen) in p.selecting_services() {
        let several = p.select(&service.metadata.namespace, chosen).iter().any(|w| w.replicas.is_none_or(|n| n > 1));
        if !several {
            say.skip(*service, "it has one endpoint at most");
            continue;
        }
        let distribution = service.text("/spec/trafficDistribution");
        let mode = service
            .metadata
            .annotations
            .get("service.kubernetes.io/topology-mode")
            .is_some_and(|m| m.eq_ignore_ascii_case("auto"));
        match (distribution, mode) {
            ("", false) => say.fail(*service, "/spec/trafficDistribution", "its traffic crosses zones at random"),
            ("", true) | ("PreferSameZone" | "PreferSameNode" | "PreferClose", false) => say.pass(*service),
            (word, true) => say.fail_as(
                Severity::Medium,
                *service,
                "/spec/trafficDistribution",
                format!("{word} and topology-mode Auto at once"),
            ),
            (word, false) => say.fail(*service, "/spec/trafficDistribution", format!("{word} is no distribution")),
        }
    }
    for rule in p.each("DestinationRule.networking.istio.io", say) {
        let policy = rule.at("/spec/trafficPolicy");
        if policy.pointer("/loadBalancer/localityLbSetting").is_some() && policy["outlierDetection"].is_null() {
            let text = "localityLbSetting without outlierDetection: traffic never leaves a zone that is dead";
            say.fail_as(Severity::Medium, rule, "/spec/trafficPolicy", text);
        } else {
            say.pass(rule);
        }
    }
}

fn hazard(p: &Picture<'_>, say: &mut Say) {
    for (service, chosen) in p.selecting_services() {
        let works = p.select(&service.metadata.namespace, chosen);
        let everywhere = !works.is_empty() && works.iter().all(|w| w.kind == "DaemonSet");
        if service.text("/spec/internalTrafficPolicy") == "Local" && !everywhere {
            say.fail(
                *service,
                "/spec/internalTrafficPolicy",
                "Local: a pod on a node without an endpoint reaches nobody",
            );
            continue;
        }
        if service.text("/spec/externalTrafficPolicy") == "Local" && !everywhere {
            let spread = works.iter().any(|w| matches!(told(w, ZONE_KEY), Told::Matches));
            if !spread {
                say.fail_as(
                    Severity::Medium,
                    *service,
                    "/spec/externalTrafficPolicy",
                    "Local before pods that nothing spreads over zones",
                );
                continue;
            }
        }
        if let Some(zone) = lonely_zone(p, service) {
            let text =
                format!("it prefers the caller's zone, and zone {zone} has one endpoint: it takes all of its traffic");
            say.fail_as(Severity::Medium, *service, "/spec/trafficDistribution", text);
            continue;
        }
        let balancer = service.text("/spec/type") == "LoadBalancer";
        if let Some(subnet) = one_subnet(service).filter(|_| balancer) {
            say.fail(
                *service,
                "/metadata/annotations",
                format!("its load balancer stands in one subnet only: {subnet}"),
            );
            continue;
        }
        if balancer && p.is_cluster() && service.list("/status/loadBalancer/ingress").is_empty() {
            say.fail(*service, "/status/loadBalancer", "the load balancer has no address");
        } else {
            say.pass(*service);
        }
    }
}

/// A zone with a single endpoint of a Service that keeps traffic in its zone.
fn lonely_zone(p: &Picture<'_>, service: &Object) -> Option<String> {
    let auto = service.metadata.annotations.get("service.kubernetes.io/topology-mode");
    let prefers =
        !service.text("/spec/trafficDistribution").is_empty() || auto.is_some_and(|m| m.eq_ignore_ascii_case("auto"));
    if !prefers {
        return None;
    }
    let own = |s: &&Object| {
        let of = s.metadata.labels.get("kubernetes.io/service-name");
        s.metadata.namespace == service.metadata.namespace && of == Some(&service.metadata.name)
    };
    let mut zones: BTreeMap<String, usize> = BTreeMap::new();
    for endpoint in p.shelf.any("EndpointSlice.discovery.k8s.io").iter().filter(own).flat_map(|s| s.list("/endpoints"))
    {
        let zone = text(endpoint, "/zone");
        if endpoint.pointer("/conditions/ready") != Some(&false.into()) && !zone.is_empty() {
            *zones.entry(zone.to_owned()).or_default() += 1;
        }
    }
    if zones.len() < 2 {
        return None;
    }
    zones.into_iter().find(|(_, n)| *n == 1).map(|(zone, _)| zone)
}

/// The one subnet to which annotations tie a load balancer.
fn one_subnet(service: &Object) -> Option<&str> {
    let told = service.metadata.annotations.get("service.beta.kubernetes.io/aws-load-balancer-subnets")?;
    (!told.is_empty() && !told.contains(',')).then_some(told.as_str())
}

/// The zones that a volume may be used in; none where it may be used anywhere.
fn zones_of(volume: &Object) -> Option<BTreeSet<&str>> {
    let terms = volume.list("/spec/nodeAffinity/required/nodeSelectorTerms");
    let zones: BTreeSet<&str> = terms
        .iter()
        .flat_map(|t| list(t, "/matchExpressions"))
        .filter(|e| text(e, "/key").ends_with("/zone"))
        .flat_map(|e| words(e, "/values"))
        .collect();
    (!zones.is_empty()).then_some(zones)
}

fn volumes(p: &Picture<'_>, say: &mut Say) {
    for key in ["PersistentVolume", "PersistentVolumeClaim", "Pod", "StorageClass.storage.k8s.io"] {
        if let Err(gap) = p.shelf.all(key) {
            return say.gap(gap);
        }
    }
    let mut by_claim = BTreeMap::new();
    for volume in p.shelf.any("PersistentVolume") {
        by_claim.insert((volume.text("/spec/claimRef/namespace"), volume.text("/spec/claimRef/name")), volume);
    }
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let mut claims: BTreeSet<&str> = work.claims().into_iter().collect();
        let pods = p.pods(work);
        claims.extend(pods.iter().flat_map(|pod| pod.claims()));
        let bound: Vec<_> = claims.iter().filter_map(|c| by_claim.get(&(work.namespace(), *c))).collect();
        if bound.is_empty() {
            continue;
        }
        let zones: Vec<_> = bound.iter().filter_map(|v| zones_of(v)).collect();
        let all: BTreeSet<&str> = zones.iter().flatten().copied().collect();
        if zones.len() == bound.len() && all.len() == 1 {
            say.fail(
                work,
                "",
                format!("all {} of its volumes are bound to zone {}", bound.len(), all.first().unwrap_or(&"")),
            );
        } else {
            say.pass(work);
        }
    }
    let several = p.shelf.nodes.iter().map(|n| n.zone()).filter(|z| !z.is_empty()).collect::<BTreeSet<_>>().len() > 1;
    for class in p.shelf.any("StorageClass.storage.k8s.io") {
        if several && class.body["volumeBindingMode"] != "WaitForFirstConsumer" {
            say.fail_as(
                Severity::High,
                class,
                "/volumeBindingMode",
                "it binds volumes before it is known where their pod will run",
            );
        } else {
            say.pass(class);
        }
    }
}
