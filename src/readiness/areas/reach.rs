//! Whether recovery gets through the policies, and whether anybody enforces them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    isolation::{POLICY, types},
    network::protocol,
};
use crate::{
    inventory::Object,
    kubernetes::Selector,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DEPOUT, NETPART, Needs, REGION, RESTORE, Say},
        look::{list, selector, words},
        picture::{Picture, Work},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "NET-006",
        name: "net-recovery-egress",
        title: "What recovers the cluster is not cut off by its own policies",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[RESTORE, DEPOUT, REGION],
        needs: Needs::Cluster,
        rule: "Pods of Velero, its node agent, External Secrets, cert-manager, Vault, Argo CD and Flux that are isolated for egress may reach DNS (TCP and UDP 53, of pods labelled k8s-app=kube-dns in kube-system, or of anybody) and some address outside on 443 or any port. Every other workload that is isolated for egress may reach DNS (high).",
        fix: "Allow UDP and TCP 53 to kube-dns, and TCP 443 to the object store and the API server, from the components of recovery",
        why: "Backups that work at home fail in the recovery namespace.",
        run: recovery_egress,
    },
    Check {
        id: "NET-007",
        name: "net-cni-enforces",
        title: "The network plug-in enforces network policies",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[NETPART],
        needs: Needs::Cluster,
        rule: "A ready DaemonSet is that of a plug-in that enforces (Calico, Canal, Cilium, Antrea, kube-router, Weave, OVN-Kubernetes, anetd, azure-npm, kindnet of kind 0.24 and later with its policy controller, or aws-node with --enable-network-policy=true). Flannel alone, or aws-node without it, fails where policies exist. Anything else is unknown.",
        fix: "Install or enable a plug-in that enforces (aws-node --enable-network-policy=true, Calico, Cilium)",
        why: "A policy that nobody enforces is a comment.",
        run: cni,
    },
];

/// Names by which the parts of recovery are known, in labels and names.
const RECOVERY: [&str; 9] = [
    "velero",
    "node-agent",
    "external-secrets",
    "cert-manager",
    "vault",
    "argocd-repo-server",
    "argocd-application-controller",
    "source-controller",
    "kustomize-controller",
];

fn recovers(work: &Work<'_>) -> bool {
    let keys = ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app", "name", "component", "deploy"];
    RECOVERY
        .iter()
        .any(|known| work.name() == *known || keys.iter().any(|key| work.labels.get(*key).is_some_and(|v| v == known)))
}

fn recovery_egress(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all(POLICY) {
        return say.gap(gap);
    }
    let mut by_namespace: BTreeMap<&str, Vec<(&Object, Selector)>> = BTreeMap::new();
    for policy in p.shelf.any(POLICY).iter().filter(|o| types(o).contains(&"Egress")) {
        let chosen = selector(&policy.body, "/spec/podSelector").unwrap_or_default();
        by_namespace.entry(&policy.metadata.namespace).or_default().push((policy, chosen));
    }
    for work in p.works.iter().chain(&p.platform) {
        let recovery = recovers(work);
        let policies: Vec<&Object> = by_namespace
            .get(work.namespace())
            .into_iter()
            .flatten()
            .filter(|(_, chosen)| chosen.matches(&work.labels))
            .map(|(policy, _)| *policy)
            .collect();
        if policies.is_empty() || work.spec()["hostNetwork"] == true {
            if recovery {
                say.pass(work);
            }
            continue;
        }
        let rules: Vec<&Value> = policies.iter().flat_map(|o| o.list("/spec/egress")).collect();
        let dns = ["UDP", "TCP"].iter().all(|proto| rules.iter().any(|r| admits(r, 53, proto) && to_dns(p, work, r)));
        let outside = rules.iter().any(|r| {
            let peers = list(r, "/to");
            let far = peers.is_empty() || peers.iter().any(|peer| !peer["ipBlock"].is_null());
            far && (admits(r, 443, "TCP")
                || list(r, "/ports").iter().any(|port| !matches!(port["port"].as_u64(), Some(53))))
        });
        if recovery && !(dns && outside) {
            let what = if dns { "no address outside" } else { "no DNS (UDP and TCP 53)" };
            say.fail(work, "", format!("its egress policies allow {what}: it cannot bring anything back"));
        } else if !dns {
            say.fail_as(Severity::High, work, "", "its egress policies allow no DNS (UDP and TCP 53)");
        } else {
            say.pass(work);
        }
    }
}

/// Whether a rule leads to the cluster's DNS. An address may be that of its Service.
fn to_dns(p: &Picture<'_>, work: &Work<'_>, rule: &Value) -> bool {
    const DNS: &str = "kube-system";
    let pods = BTreeMap::from([("k8s-app".to_owned(), "kube-dns".to_owned())]);
    let peers = list(rule, "/to");
    peers.is_empty()
        || peers.iter().any(|peer| {
            let here = selector(peer, "/namespaceSelector")
                .map_or(work.namespace() == DNS, |s| s.matches(&p.labels_of_namespace(DNS)));
            !peer["ipBlock"].is_null() || here && selector(peer, "/podSelector").is_none_or(|s| s.matches(&pods))
        })
}

fn admits(rule: &Value, number: u64, proto: &str) -> bool {
    let ports = list(rule, "/ports");
    ports.is_empty()
        || ports.iter().any(|port| {
            let from = port["port"].as_u64();
            protocol(port) == proto
                && (port["port"].is_null()
                    || from.is_some_and(|f| (f..=port["endPort"].as_u64().unwrap_or(f)).contains(&number)))
        })
}

/// DaemonSets of plug-ins that enforce network policies.
const ENFORCING: [&str; 9] = [
    "calico-node",
    "canal",
    "cilium",
    "antrea-agent",
    "kube-router",
    "weave-net",
    "ovnkube-node",
    "anetd",
    "azure-npm",
];

fn cni(p: &Picture<'_>, say: &mut Say) {
    let sets: Vec<&Work<'_>> = p.works.iter().chain(&p.platform).filter(|w| w.kind == "DaemonSet").collect();
    if let Err(gap) = p.shelf.all("DaemonSet.apps") {
        return say.gap(gap);
    }
    let ready = |w: &Work<'_>| {
        let (want, have) = (w.object.at("/status/desiredNumberScheduled"), w.object.at("/status/numberReady"));
        want.as_u64().is_some_and(|n| n > 0 && have.as_u64() == Some(n))
    };
    let policies = p.shelf.any(POLICY).len();
    if let Some(set) = sets.iter().find(|w| ENFORCING.contains(&w.name())) {
        if ready(set) {
            say.pass(*set)
        } else {
            say.fail(*set, "/status", "the plug-in is not ready on every node")
        }
        return;
    }
    if let Some(aws) = sets.iter().find(|w| w.name() == "aws-node") {
        let agent = aws.containers().find(|c| c.name == "aws-eks-nodeagent");
        let on = agent.is_some_and(|c| words(c.value, "/args").contains(&"--enable-network-policy=true"));
        return match (on, policies) {
            (true, _) => say.pass(*aws),
            (false, 0) => say.skip(*aws, "there are no network policies to enforce"),
            (false, n) => {
                say.fail(*aws, "", format!("aws-node does not enforce the {n} network policies that there are"))
            }
        };
    }
    if let Some(flannel) = sets.iter().find(|w| w.name().starts_with("kube-flannel")) {
        return match policies {
            0 => say.skip(*flannel, "there are no network policies to enforce"),
            n => say.fail(*flannel, "", format!("flannel enforces none of the {n} network policies that there are")),
        };
    }
    let what = if sets.iter().any(|w| w.name() == "kindnet") {
        "kindnet enforces policies since kind 0.24 only, and its version is not to be seen"
    } else {
        "no network plug-in that is known here was found"
    };
    say.unknown(Subject::default(), crate::model::Unseen::NoData, what);
}
