//! The DR plan, the health of the platform, and operations that conflict with a drill.

use std::collections::BTreeSet;

use crate::{
    inventory::Object,
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, DRAIN, Needs, REGION, RESTORE, Say},
        picture::Picture,
        values::ago,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "DRP-001",
        name: "objectives-declared",
        title: "Every namespace has an RTO and an RPO",
        severity: Severity::High,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::ReadinessFile,
        rule: "For each namespace in scope, the readiness file has an objective for the namespace or for a workload in it. The first such objective has rto, rpo, owner and criteria.",
        fix: "Write them into a readiness file: objectives: [{of: NAMESPACE, rto: 15m, rpo: 1h, owner: …, criteria: …}]",
        why: "Without an objective, a drill has nothing to prove.",
        run: objectives,
    },
    Check {
        id: "DRP-002",
        name: "plan-current",
        title: "The DR plan is written, owned, reviewed and drilled",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::ReadinessFile,
        rule: "The plan in the readiness file names a runbook and an owner. It was reviewed within the last 180 days and drilled within drillEvery (365 days by default).",
        fix: "Review the runbook; schedule a drill",
        why: "A plan that is older than the last migration describes another cluster.",
        run: current,
    },
    Check {
        id: "DRP-004",
        name: "webhooks-safe",
        title: "Admission webhooks do not block the recovery",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[],
        needs: Needs::Manifests,
        rule: "For each webhook with failurePolicy Fail (the default), timeoutSeconds is at most 10. Its Service exists and has at least 2 ready endpoints on at least 2 nodes (in files, or if EndpointSlices cannot be read, its workloads have at least 2 replicas). If its rules match pods and its objectSelector the pods of its own workloads, its namespaceSelector leaves out its own namespace; without an objectSelector, also kube-system. What decides otherwise is unknown: matchConditions and, in files, a missing Service, missing pods of it, and labels of a missing Namespace. For a webhook with a URL, only the timeout is examined. A webhook whose rules name only groups of custom resources is medium.",
        fix: "Run 2 replicas or more, exempt namespaces by namespaceSelector, set a short timeout, or set failurePolicy Ignore during the drill",
        why: "If the pods of a webhook are lost, it refuses all pods, also those that would replace its own.",
        run: super::webhooks::webhooks,
    },
    Check {
        id: "DRP-005",
        name: "gitops-conflict",
        title: "No GitOps controller works against the drill",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "No Argo CD Application with selfHeal or prune deploys into a namespace in scope. Each Flux Kustomization and HelmRelease that writes into a namespace in scope is suspended.",
        fix: "Suspend them for the drill (argocd app set --sync-policy none; flux suspend kustomization), and resume them afterwards",
        why: "The controller would create objects again while the drill deletes them.",
        run: gitops,
    },
    Check {
        id: "DRP-007",
        name: "no-concurrent-maintenance",
        title: "No other operation is in progress",
        severity: Severity::High,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "No node is cordoned, all kubelets have the same minor version, no Velero Restore is in progress, and no other drill holds the Lease drillmaster/drill.",
        fix: "Wait for the other operation, or stop it",
        why: "The effects of the other operation and those of the drill could not be told apart.",
        run: concurrent,
    },
    Check {
        id: "DRP-008",
        name: "cluster-baseline",
        title: "The platform is healthy",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Each node is Ready, without pressure on memory, disk or process IDs, and its kubelet is not ahead of the API server and at most 3 minor versions behind it. Each APIService is Available. /readyz of the API server says ok. The Deployment coredns in kube-system, if there is one, has at least 2 ready pods, and they are on different nodes (else high). No namespace has been Terminating for more than 10 minutes.",
        fix: "Repair the nodes, the APIServices and CoreDNS first",
        why: "On an unhealthy platform, workloads recover slowly or not at all.",
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
        return say.fail(Subject::default(), "", "the readiness file names no plan");
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
        Some(n) if n > every => wrong.push(format!("it was drilled {n} days ago, but is due every {every} days")),
        Some(_) => {}
    }
    say.judge(Subject::default(), "", &wrong);
}

pub(super) const APPLICATION: &str = "Application.argoproj.io";

const FLUX: [&str; 2] = ["Kustomization.kustomize.toolkit.fluxcd.io", "HelmRelease.helm.toolkit.fluxcd.io"];

/// All objects of Flux that apply something.
pub(super) fn flux<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<&'a Object> {
    FLUX.iter().flat_map(|key| p.all(key, say)).collect()
}

fn gitops(p: &Picture<'_>, say: &mut Say) {
    for application in p.all(APPLICATION, say) {
        let automated = application.at("/spec/syncPolicy/automated");
        let fights = automated["selfHeal"] == true || automated["prune"] == true;
        if fights && p.in_scope(application.text("/spec/destination/namespace")) {
            say.fail(application, "/spec/syncPolicy/automated", "it has selfHeal or prune in a namespace in scope");
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
    if let Err(gap) = p.object_set.all("Node") {
        return say.gap(gap);
    }
    let mut wrong = vec![];
    let cordoned: Vec<&str> =
        p.object_set.nodes.iter().filter(|n| n.spec.unschedulable).map(|n| n.metadata.name.as_str()).collect();
    if !cordoned.is_empty() {
        wrong.push(format!("cordoned nodes: {}", cordoned.join(", ")));
    }
    let minors: BTreeSet<String> = p
        .object_set
        .nodes
        .iter()
        .map(|n| n.status.node_info.kubelet_version.split('.').take(2).collect::<Vec<_>>().join("."))
        .filter(|v| !v.is_empty())
        .collect();
    if minors.len() > 1 {
        wrong.push(format!("kubelets have several versions: {}", minors.into_iter().collect::<Vec<_>>().join(", ")));
    }
    for restore in p.all("Restore.velero.io", say) {
        if matches!(restore.text("/status/phase"), "New" | "InProgress" | "WaitingForPluginOperations" | "Finalizing") {
            wrong.push(format!("Restore {} is {}", restore.metadata.name, restore.text("/status/phase")));
        }
    }
    if let Some(lease) = p.object_set.find("Lease.coordination.k8s.io", "drillmaster", "drill") {
        let seconds = lease.at("/spec/leaseDurationSeconds").as_i64().unwrap_or(30);
        let holder = lease.text("/spec/holderIdentity");
        if !holder.is_empty() && p.age(lease.text("/spec/renewTime")).is_some_and(|age| age <= seconds) {
            wrong.push(format!("{holder} holds the Lease of a drill"));
        }
    }
    say.judge(Subject::default(), "", &wrong);
}

const TERMINATING: i64 = 600;

/// The minor version: 37 of `v1.37.2`.
pub(super) fn minor(version: &str) -> Option<i64> {
    let digits: String = version.split('.').nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn baseline(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("Node") {
        return say.gap(gap);
    }
    for node in &p.object_set.nodes {
        let subject = Subject::named("Node", "", &node.metadata.name);
        let mut wrong: Vec<String> = vec![];
        if node.ready() != "True" {
            wrong.push(format!("Ready is {}", node.ready()));
        }
        let pressed = |c: &&crate::kubernetes::objects::Condition| c.type_.ends_with("Pressure") && c.status == "True";
        wrong.extend(node.status.conditions.iter().filter(pressed).map(|c| c.type_.clone()));
        let behind = minor(&p.object_set.version).zip(minor(&node.status.node_info.kubelet_version));
        if let Some((server, kubelet)) = behind.filter(|(server, kubelet)| !(0..=3).contains(&(server - kubelet))) {
            wrong.push(format!("its kubelet has version 1.{kubelet}, the API server 1.{server}"));
        }
        say.judge(subject, "/status/conditions", &wrong);
    }
    for service in p.all("APIService.apiregistration.k8s.io", say) {
        match service.condition("Available") {
            "True" => say.pass(service),
            "" => say.unknown(service, Unseen::NoData, "its status does not say whether it is Available"),
            _ => say.fail(
                service,
                "/status/conditions",
                "it is not Available: listing its kinds fails, and so does deleting a namespace",
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
        let pods = p.object_set.pods.iter().filter(|pod| {
            pod.metadata.namespace == "kube-system" && pod.workload().is_some_and(|w| w.name == "coredns")
        });
        let nodes: BTreeSet<&str> = pods.filter(|pod| pod.counts()).map(|pod| pod.spec.node_name.as_str()).collect();
        if ready < 2 {
            say.fail(dns, "/status", format!("CoreDNS has {ready} ready pods"));
        } else if nodes.len() == 1 {
            say.fail_as(Severity::High, dns, "", format!("all {ready} pods of CoreDNS are on one node"));
        } else {
            say.pass(dns);
        }
    }
    match &p.object_set.ready {
        Some(Err(gap)) if gap.why == Unseen::Forbidden => say.gap(gap),
        Some(Err(gap)) => say.fail(Subject::named("APIServer", "", "readyz"), "", &gap.text),
        Some(Ok(())) => say.pass(Subject::named("APIServer", "", "readyz")),
        None => {}
    }
    for namespace in p.all("Namespace", say) {
        let age = namespace.metadata.deletion_timestamp.as_deref().and_then(|t| p.age(t)).unwrap_or(0);
        if age > TERMINATING {
            say.fail(namespace, "/metadata/deletionTimestamp", format!("it has been Terminating for {}", ago(age)));
        }
    }
}
