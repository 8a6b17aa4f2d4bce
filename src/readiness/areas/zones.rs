//! Zones: of nodes, of the control plane, of pods, of traffic and of volumes.

use std::collections::{BTreeMap, BTreeSet};

use super::affinity::{SpreadBy, ZONE_KEY, spread, told};
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, NODE, Needs, Say, ZONE},
        picture::Picture,
        values::{list, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "ZON-001",
        name: "nodes-multizone",
        title: "Worker nodes are in several zones",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "The nodes that are Ready, schedulable and without NoSchedule or NoExecute taints are in at least 2 zones. If one of them has no zone label, the result is unknown. If a zone has less than half of the CPU of the largest zone, the severity is medium.",
        fix: "Add a node pool in each zone; balance their sizes",
        why: "If all nodes are in one zone, nothing survives its loss.",
        run: nodes,
    },
    Check {
        id: "ZON-002",
        name: "workload-zone-spread",
        title: "The scheduler spreads replicas over zones",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Manifests,
        rule: "The same rule as AFF-001, by topology.kubernetes.io/zone.",
        fix: "Add a topology spread constraint on topology.kubernetes.io/zone",
        why: "Otherwise the scheduler may place all replicas in one zone.",
        run: |p, say| spread(p, say, ZONE_KEY),
    },
    Check {
        id: "ZON-003",
        name: "live-zone-concentration",
        title: "Replicas run in at least two zones",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "The running pods of a workload with at least 2 of them are in at least 2 zones; more than 70 % in one zone is medium. If one of their nodes has no zone label, the result is unknown.",
        fix: "Rebalance the pods before the drill (kubectl rollout restart)",
        why: "All pods in one zone are lost with it.",
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
        rule: "The number of control-plane nodes is odd and at least 3, and they are in at least 3 zones (2 zones: medium). If no such nodes can be seen, EKS passes because it uses several zones by design; any other managed control plane is unknown until it is attested.",
        fix: "Run 3 control-plane nodes in 3 zones, or a regional control plane",
        why: "Without a control plane, no lost pod is created again.",
        run: control_plane,
    },
    Check {
        id: "ZON-005",
        name: "zone-aware-routing",
        title: "Services keep traffic in the zone of the client",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A Service whose workload can have several pods, and that is not headless, has trafficDistribution PreferSameZone, PreferSameNode or PreferClose, or the annotation service.kubernetes.io/topology-mode Auto; both together are medium. A DestinationRule of Istio with localityLbSetting also has outlierDetection, because without it traffic never fails over (medium).",
        fix: "Set trafficDistribution: PreferSameZone (PreferClose below 1.34)",
        why: "In a network partition, the traffic between zones fails first.",
        run: routing,
    },
    Check {
        id: "ZON-006",
        name: "zone-routing-hazard",
        title: "Routing rules do not cut clients off from their pods",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Manifests,
        rule: "A Service has internalTrafficPolicy Local only if all its workloads are DaemonSets (in files, unknown if they are not there). It has externalTrafficPolicy Local only if that is so, or if a workload of it has a rule that spreads its pods over zones (else medium). If it prefers the zone of the client and has endpoints in several zones, each of them has at least 2 (else medium). A load balancer is not tied to a single subnet by the annotation aws-load-balancer-subnets and, on a cluster, has an address.",
        fix: "Set internalTrafficPolicy Cluster; add endpoints in each zone; use a load balancer with several subnets",
        why: "Traffic that may go only to places without pods is lost.",
        run: hazard,
    },
    Check {
        id: "ZON-007",
        name: "volume-zone-pinned",
        title: "Data stays reachable when a zone is lost",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE],
        needs: Needs::Cluster,
        rule: "The volumes of a workload are not all bound to the same single zone. A volume that can be used in several zones, or anywhere, passes. If the nodes are in several zones, each StorageClass has volumeBindingMode WaitForFirstConsumer (else high).",
        fix: "Use regional volumes, or replicas in several zones with WaitForFirstConsumer",
        why: "If a volume is in the lost zone, its pod stays Pending until the zone is back.",
        run: volumes,
    },
];

fn nodes(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("Node") {
        return say.gap(gap);
    }
    let takes = |n: &&crate::kubernetes::objects::Node| {
        n.ready() == "True" && !n.spec.unschedulable && !n.spec.taints.iter().any(|t| t.effect != "PreferNoSchedule")
    };
    let nodes: Vec<_> = p.object_set.nodes.iter().filter(takes).collect();
    let bare: Vec<&str> = nodes.iter().filter(|n| n.zone().is_empty()).map(|n| n.metadata.name.as_str()).collect();
    if nodes.is_empty() {
        return say.fail(Subject::default(), "", "no node is Ready and accepts pods");
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
            format!("the smallest zone has {} % of the CPU of the largest zone", least * 100 / most.max(1)),
        );
    } else {
        say.pass(Subject::default());
    }
}

fn concentration(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("Pod").and(p.object_set.all("Node")) {
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
            say.skip(work, "fewer than 2 of its pods run");
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
    if let Err(gap) = p.object_set.all("Node") {
        return say.gap(gap);
    }
    let nodes: Vec<_> = p.object_set.nodes.iter().filter(|n| n.is_control_plane()).collect();
    if nodes.is_empty() {
        let eks =
            p.object_set.nodes.iter().any(|n| n.metadata.labels.keys().any(|k| k.starts_with("eks.amazonaws.com/")));
        return if eks {
            say.pass(Subject::default());
        } else {
            say.unknown(
                Subject::default(),
                Unseen::NoData,
                "a managed control plane does not show its zones: attest them",
            );
        };
    }
    let zones: BTreeSet<&str> = nodes.iter().map(|n| n.zone()).filter(|z| !z.is_empty()).collect();
    let n = nodes.len();
    if n < 3 || n % 2 == 0 {
        say.fail(
            Subject::default(),
            "",
            format!("{n} control-plane node{}; 3 or 5 are needed", if n == 1 { "" } else { "s" }),
        );
    } else if zones.len() < 2 {
        say.fail(Subject::default(), "", format!("all {n} control-plane nodes are in one zone, or have no zone label"));
    } else if zones.len() == 2 {
        say.fail_as(
            Severity::Medium,
            Subject::default(),
            "",
            format!("the {n} control-plane nodes are in 2 zones: the loss of one zone may take the majority"),
        );
    } else {
        say.pass(Subject::default());
    }
}

fn routing(p: &Picture<'_>, say: &mut Say) {
    for (service, chosen) in p.selecting_services() {
        let several = p.select(&service.metadata.namespace, chosen).iter().any(|w| w.replicas.is_none_or(|n| n > 1));
        if !several {
            say.skip(*service, "it has at most one endpoint");
            continue;
        }
        if service.text("/spec/clusterIP") == "None" {
            say.skip(*service, "it is headless: each client chooses the pod itself");
            continue;
        }
        let distribution = service.text("/spec/trafficDistribution");
        let mode = service
            .metadata
            .annotations
            .get("service.kubernetes.io/topology-mode")
            .is_some_and(|m| m.eq_ignore_ascii_case("auto"));
        match (distribution, mode) {
            ("", false) => say.fail(*service, "/spec/trafficDistribution", "its traffic goes to all zones at random"),
            ("", true) | ("PreferSameZone" | "PreferSameNode" | "PreferClose", false) => say.pass(*service),
            (word, true) => say.fail_as(
                Severity::Medium,
                *service,
                "/spec/trafficDistribution",
                format!("it has both trafficDistribution {word} and topology-mode Auto"),
            ),
            (word, false) => {
                say.fail(*service, "/spec/trafficDistribution", format!("{word} is not a valid trafficDistribution"))
            }
        }
    }
    for rule in p.each("DestinationRule.networking.istio.io", say) {
        let policy = rule.at("/spec/trafficPolicy");
        if policy.pointer("/loadBalancer/localityLbSetting").is_some() && policy["outlierDetection"].is_null() {
            let text = "localityLbSetting without outlierDetection: traffic never leaves a failed zone";
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
        let lost = works.is_empty() && !p.is_cluster();
        if service.text("/spec/internalTrafficPolicy") == "Local" && lost {
            let text = "Local: the workload of this Service is not in these files, and may be a DaemonSet";
            say.unresolved(*service, "/spec/internalTrafficPolicy", text);
            continue;
        }
        if service.text("/spec/internalTrafficPolicy") == "Local" && !everywhere {
            say.fail(
                *service,
                "/spec/internalTrafficPolicy",
                "Local: a client on a node without an endpoint reaches no pod",
            );
            continue;
        }
        if service.text("/spec/externalTrafficPolicy") == "Local" && !everywhere {
            let spread = works.iter().any(|w| matches!(told(p, w, ZONE_KEY), SpreadBy::Matches));
            if !spread {
                say.fail_as(
                    Severity::Medium,
                    *service,
                    "/spec/externalTrafficPolicy",
                    "Local, although no rule spreads its pods over zones",
                );
                continue;
            }
        }
        if let Some(zone) = lonely_zone(p, service) {
            let text = format!(
                "it prefers the zone of the client, and the only endpoint in zone {zone} gets all traffic of the zone"
            );
            say.fail_as(Severity::Medium, *service, "/spec/trafficDistribution", text);
            continue;
        }
        let balancer = service.text("/spec/type") == "LoadBalancer";
        if let Some(subnet) = one_subnet(service).filter(|_| balancer) {
            say.fail(*service, "/metadata/annotations", format!("its load balancer is in one subnet only: {subnet}"));
            continue;
        }
        if balancer && p.is_cluster() && service.list("/status/loadBalancer/ingress").is_empty() {
            say.fail(*service, "/status/loadBalancer", "the load balancer has no address");
        } else {
            say.pass(*service);
        }
    }
}

/// A zone with a single endpoint of a Service that prefers the zone of the client.
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
    for endpoint in
        p.object_set.any("EndpointSlice.discovery.k8s.io").iter().filter(own).flat_map(|s| s.list("/endpoints"))
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

/// The subnet of a load balancer, if its annotation names exactly one.
fn one_subnet(service: &Object) -> Option<&str> {
    let told = service.metadata.annotations.get("service.beta.kubernetes.io/aws-load-balancer-subnets")?;
    (!told.is_empty() && !told.contains(',')).then_some(told.as_str())
}

/// The zones in which a volume can be used; none if it can be used anywhere.
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
        if let Err(gap) = p.object_set.all(key) {
            return say.gap(gap);
        }
    }
    let mut by_claim = BTreeMap::new();
    for volume in p.object_set.any("PersistentVolume") {
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
    let several =
        p.object_set.nodes.iter().map(|n| n.zone()).filter(|z| !z.is_empty()).collect::<BTreeSet<_>>().len() > 1;
    for class in p.object_set.any("StorageClass.storage.k8s.io") {
        if several && class.body["volumeBindingMode"] != "WaitForFirstConsumer" {
            say.fail_as(
                Severity::High,
                class,
                "/volumeBindingMode",
                "it binds a volume before the zone of its pod is known",
            );
        } else {
            say.pass(class);
        }
    }
}
