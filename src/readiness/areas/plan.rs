//! The DR plan, the health of the platform, and what would work against a drill.

use std::collections::BTreeSet;

use crate::{
    inventory::Object,
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, DRAIN, Needs, REGION, RESTORE, Say},
        look::{ago, list, selector, text, words},
        picture::{Picture, Work},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "DRP-001",
        name: "objectives-declared",
        title: "RTO and RPO are promised for every namespace",
        severity: Severity::High,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::DrillFile,
        rule: "For each namespace in scope the drill file has an objective with rto, rpo, owner and criteria.",
        fix: "Write them into a drill file: objectives: [{of: NAMESPACE, rto: 15m, rpo: 1h, owner: …, criteria: …}]",
        why: "Without a promise there is nothing to prove.",
        run: objectives,
    },
    Check {
        id: "DRP-002",
        name: "plan-current",
        title: "The DR plan is written, owned, reviewed and drilled",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::DrillFile,
        rule: "The drill file's plan names a runbook and an owner, was reviewed within 180 days and drilled within drillEvery (365 days by default).",
        fix: "Review the runbook; schedule a drill",
        why: "A plan from before the last migration is for another cluster.",
        run: current,
    },
    Check {
        id: "DRP-004",
        name: "webhooks-safe",
        title: "Admission will not block recovery",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[],
        needs: Needs::Cluster,
        rule: "The Service of each webhook with failurePolicy Fail (the default) exists and has at least 2 ready endpoints on 2 nodes (of manifests: 2 replicas), its timeoutSeconds is at most 10, and it leaves out its own namespace and kube-system where it matches pods.",
        fix: "2 replicas or more, exemptions by namespaceSelector, a short timeout, or failurePolicy Ignore during the drill",
        why: "A webhook whose pods are gone refuses the pods that would bring it back.",
        run: webhooks,
    },
    Check {
        id: "DRP-005",
        name: "gitops-conflict",
        title: "No controller works against the drill",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "No Argo CD Application with selfHeal or prune, and no Flux Kustomization or HelmRelease that is not suspended, writes into a namespace in scope.",
        fix: "Suspend them for the drill (argocd app set --sync-policy none; flux suspend kustomization), and resume afterwards",
        why: "What deletes the namespace and what makes it again would race.",
        run: gitops,
    },
    Check {
        id: "DRP-007",
        name: "no-concurrent-maintenance",
        title: "Nothing else is going on",
        severity: Severity::High,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "No node is cordoned, the kubelets have one minor version, no Velero Restore runs, no other drill holds the Lease.",
        fix: "Wait for the other operation, or end it",
        why: "Its effects would be taken for the drill's, and the other way round.",
        run: concurrent,
    },
    Check {
        id: "DRP-008",
        name: "cluster-baseline",
        title: "The platform is well",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Each node is Ready without pressure on memory, disk or processes; each APIService is Available; the API server's /readyz says ok; CoreDNS has 2 ready pods on different nodes; no kubelet is more than 3 minor versions behind the API server, or ahead of it; no namespace is Terminating for more than 10 minutes.",
        fix: "Mend nodes, APIServices and CoreDNS first",
        why: "A sick platform recovers slowly, or not.",
        run: baseline,
    },
];

fn objectives(p: &Picture<'_>, say: &mut Say) {
    for namespace in p.namespaces() {
        let subject = Subject::named("Namespace", "", namespace);
        let own = |of: &str| of == namespace || of.starts_with(&format!("{namespace}/"));
        let found = p.settings.objectives.iter().find(|o| own(&o.of));
        let Some(objective) = found else {
            say.fail(subject, "", "no objective is declared for it");
            continue;
        };
        let missing: Vec<&str> = [
            (objective.rto.is_none(), "rto"),
            (objective.rpo.is_none(), "rpo"),
            (objective.owner.is_none(), "owner"),
            (objective.criteria.is_none(), "criteria"),
        ]
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
        if missing.is_empty() {
            say.pass(subject)
        } else {
            say.fail(subject, "", format!("its objective lacks {}", missing.join(", ")))
        }
    }
}

/// Days since a date.
pub(super) fn days(p: &Picture<'_>, date: Option<&String>) -> Option<i64> {
    p.age(&format!("{}T00:00:00Z", date?)).map(|s| s / 86_400)
}

fn current(p: &Picture<'_>, say: &mut Say) {
    let Some(plan) = &p.settings.plan else {
        return say.fail(Subject::default(), "", "the drill file names no plan");
    };
    let every = plan.drill_every.map_or(365, |d| i64::try_from(d.0.as_secs() / 86_400).unwrap_or(365));
    let mut wrong = vec![];
    if plan.runbook.is_none() {
        wrong.push("no runbook is named".to_owned());
    }
    if plan.owner.is_none() {
        wrong.push("no owner is named".into());
    }
    match days(p, plan.reviewed.as_ref()) {
        None => wrong.push("it was never reviewed".into()),
        Some(n) if n > 180 => wrong.push(format!("it was reviewed {n} days ago")),
        Some(_) => {}
    }
    match days(p, plan.last_drill.as_ref()) {
        None => wrong.push("it was never drilled".into()),
        Some(n) if n > every => wrong.push(format!("it was drilled {n} days ago, and that is due every {every}")),
        Some(_) => {}
    }
    say.judge(Subject::default(), "", &wrong);
}

const CONFIGURATIONS: [&str; 2] = [
    "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
    "MutatingWebhookConfiguration.admissionregistration.k8s.io",
];

fn webhooks(p: &Picture<'_>, say: &mut Say) {
    for key in CONFIGURATIONS {
        for configuration in p.all(key, say) {
            for (i, webhook) in configuration.list("/webhooks").iter().enumerate() {
                let subject = Subject::from(configuration).part(text(webhook, "/name"));
                if text(webhook, "/failurePolicy") == "Ignore" {
                    say.pass(subject);
                    continue;
                }
                let wrong = unsafe_webhook(p, webhook);
                say.judge(subject, &format!("/webhooks/{i}"), &wrong);
            }
        }
    }
}

fn unsafe_webhook(p: &Picture<'_>, webhook: &serde_json::Value) -> Vec<String> {
    let mut wrong = vec![];
    let (namespace, name) =
        (text(webhook, "/clientConfig/service/namespace"), text(webhook, "/clientConfig/service/name"));
    let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(10);
    if seconds > 10 {
        wrong.push(format!("each request may wait {seconds} s for it"));
    }
    if name.is_empty() {
        return wrong;
    }
    let Some(service) = p.shelf.find("Service", namespace, name) else {
        wrong.push(format!("its Service {namespace}/{name} is missing: it refuses everything"));
        return wrong;
    };
    if p.is_cluster() && p.shelf.all(SLICES).is_ok() {
        wrong.extend(endpoints(p, service));
        return [wrong, judges_itself(p, webhook, namespace)].concat();
    }
    let behind = |w: &&Work<'_>| {
        let chosen = service.map("/spec/selector").filter(|m| !m.is_empty());
        w.namespace() == namespace
            && chosen.is_some_and(|m| m.iter().all(|(k, v)| w.labels.get(k).map(String::as_str) == v.as_str()))
    };
    let pods: u64 = p.works.iter().chain(&p.platform).filter(behind).map(|w| w.replicas.unwrap_or(2)).sum();
    if pods < 2 {
        wrong.push(format!("{pods} pod stands behind it: with its node it refuses everything"));
    }
    [wrong, judges_itself(p, webhook, namespace)].concat()
}

const SLICES: &str = "EndpointSlice.discovery.k8s.io";

/// What is wrong with who answers for a Service right now.
fn endpoints(p: &Picture<'_>, service: &Object) -> Option<String> {
    let own = |s: &&Object| {
        let of = s.metadata.labels.get("kubernetes.io/service-name");
        s.metadata.namespace == service.metadata.namespace && of == Some(&service.metadata.name)
    };
    let all = p.shelf.any(SLICES).iter().filter(own).flat_map(|s| s.list("/endpoints"));
    let ready: Vec<&str> =
        all.filter(|e| e.pointer("/conditions/ready") != Some(&false.into())).map(|e| text(e, "/nodeName")).collect();
    let nodes: BTreeSet<&str> = ready.iter().copied().collect();
    match (ready.len(), nodes.len()) {
        (0, _) => Some("nobody answers for it: it refuses everything right now".into()),
        (1, _) => Some("one endpoint answers for it: with its node it refuses everything".into()),
        (n, 1) => Some(format!("all {n} endpoints that answer for it are on one node")),
        _ => None,
    }
}

/// Whether a webhook judges the pods that would bring it back.
fn judges_itself(p: &Picture<'_>, webhook: &serde_json::Value, namespace: &str) -> Vec<String> {
    let mut wrong = vec![];
    let matches_pods = list(webhook, "/rules")
        .iter()
        .any(|r| words(r, "/resources").iter().any(|w| matches!(*w, "*" | "pods" | "*/*")));
    let exempt = selector(webhook, "/namespaceSelector");
    for own in [namespace, "kube-system"] {
        let labels = p.labels_of_namespace(own);
        if matches_pods && exempt.as_ref().is_none_or(|s| s.matches(&labels)) {
            wrong.push(format!("it judges pods of {own}: it can keep itself from coming back"));
            break;
        }
    }
    wrong
}

pub(super) const APPLICATION: &str = "Application.argoproj.io";

const FLUX: [&str; 2] = ["Kustomization.kustomize.toolkit.fluxcd.io", "HelmRelease.helm.toolkit.fluxcd.io"];

/// Everything of Flux that applies something.
pub(super) fn flux<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<&'a Object> {
    FLUX.iter().flat_map(|key| p.all(key, say)).collect()
}

fn gitops(p: &Picture<'_>, say: &mut Say) {
    for application in p.all(APPLICATION, say) {
        let automated = application.at("/spec/syncPolicy/automated");
        let fights = automated["selfHeal"] == true || automated["prune"] == true;
        if fights && p.in_scope(application.text("/spec/destination/namespace")) {
            say.fail(application, "/spec/syncPolicy/automated", "it heals or prunes by itself in a namespace in scope");
        } else {
            say.pass(application);
        }
    }
    for object in flux(p, say) {
        let target = match object.text("/spec/targetNamespace") {
            "" => object.metadata.namespace.as_str(),
            name => name,
        };
        if object.at("/spec/suspend") != true && p.in_scope(target) {
            say.fail(object, "/spec/suspend", "it is not suspended, and writes into a namespace in scope");
        } else {
            say.pass(object);
        }
    }
}

fn concurrent(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("Node") {
        return say.gap(gap);
    }
    let mut wrong = vec![];
    let cordoned: Vec<&str> =
        p.shelf.nodes.iter().filter(|n| n.spec.unschedulable).map(|n| n.metadata.name.as_str()).collect();
    if !cordoned.is_empty() {
        wrong.push(format!("cordoned: {}", cordoned.join(", ")));
    }
    let minors: BTreeSet<String> = p
        .shelf
        .nodes
        .iter()
        .map(|n| n.status.node_info.kubelet_version.split('.').take(2).collect::<Vec<_>>().join("."))
        .filter(|v| !v.is_empty())
        .collect();
    if minors.len() > 1 {
        wrong.push(format!("kubelets of several versions: {}", minors.into_iter().collect::<Vec<_>>().join(", ")));
    }
    for restore in p.all("Restore.velero.io", say) {
        if matches!(restore.text("/status/phase"), "New" | "InProgress" | "WaitingForPluginOperations" | "Finalizing") {
            wrong.push(format!("Restore {} is {}", restore.metadata.name, restore.text("/status/phase")));
        }
    }
    if let Some(lease) = p.shelf.find("Lease.coordination.k8s.io", "drillmaster", "drill") {
        let seconds = lease.at("/spec/leaseDurationSeconds").as_i64().unwrap_or(30);
        let holder = lease.text("/spec/holderIdentity");
        if !holder.is_empty() && p.age(lease.text("/spec/renewTime")).is_some_and(|age| age <= seconds) {
            wrong.push(format!("{holder} holds the Lease of a drill"));
        }
    }
    say.judge(Subject::default(), "", &wrong);
}

const TERMINATING: i64 = 600;

/// 37 of `v1.37.2`.
pub(super) fn minor(version: &str) -> Option<i64> {
    let digits: String = version.split('.').nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn baseline(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("Node") {
        return say.gap(gap);
    }
    for node in &p.shelf.nodes {
        let subject = Subject::named("Node", "", &node.metadata.name);
        let mut wrong: Vec<String> = vec![];
        if node.ready() != "True" {
            wrong.push(format!("Ready is {}", node.ready()));
        }
        let pressed = |c: &&crate::kubernetes::objects::Condition| c.type_.ends_with("Pressure") && c.status == "True";
        wrong.extend(node.status.conditions.iter().filter(pressed).map(|c| c.type_.clone()));
        let behind = minor(&p.shelf.version).zip(minor(&node.status.node_info.kubelet_version));
        if let Some((server, kubelet)) = behind.filter(|(server, kubelet)| !(0..=3).contains(&(server - kubelet))) {
            wrong.push(format!("its kubelet is of 1.{kubelet}, the API server of 1.{server}"));
        }
        say.judge(subject, "/status/conditions", &wrong);
    }
    for service in p.all("APIService.apiregistration.k8s.io", say) {
        match service.condition("Available") {
            "True" => say.pass(service),
            "" => say.unknown(service, Unseen::NoData, "nobody says whether it is Available"),
            _ => say.fail(
                service,
                "/status/conditions",
                "it is not Available: lists of its kinds fail, and so do deletions of namespaces",
            ),
        }
    }
    let dns = p
        .platform
        .iter()
        .chain(&p.works)
        .find(|w| w.kind == "Deployment" && w.namespace() == "kube-system" && w.name() == "coredns");
    if let Some(dns) = dns {
        let ready = dns.object.at("/status/readyReplicas").as_u64().unwrap_or(0);
        let pods = p.shelf.pods.iter().filter(|pod| {
            pod.metadata.namespace == "kube-system" && pod.workload().is_some_and(|w| w.name == "coredns")
        });
        let nodes: BTreeSet<&str> = pods.filter(|pod| pod.counts()).map(|pod| pod.spec.node_name.as_str()).collect();
        if ready < 2 {
            say.fail(dns, "/status", format!("{ready} ready pods of CoreDNS"));
        } else if nodes.len() == 1 {
            say.fail_as(Severity::High, dns, "", format!("all {ready} pods of CoreDNS are on one node"));
        } else {
            say.pass(dns);
        }
    }
    match &p.shelf.ready {
        Some(Err(gap)) if gap.why == Unseen::Forbidden => say.gap(gap),
        Some(Err(gap)) => say.fail(Subject::named("APIServer", "", "readyz"), "", &gap.text),
        Some(Ok(())) => say.pass(Subject::named("APIServer", "", "readyz")),
        None => {}
    }
    for namespace in p.all("Namespace", say) {
        let age = namespace.metadata.deletion_timestamp.as_deref().and_then(|t| p.age(t)).unwrap_or(0);
        if age > TERMINATING {
            say.fail(namespace, "/metadata/deletionTimestamp", format!("it is Terminating for {}", ago(age)));
        }
    }
}
