//! Whether network policies let the recovery components work, and whether the network plug-in
//! enforces policies.

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
        picture::{Picture, Work},
        values::{list, selector, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "NET-006",
        name: "net-recovery-egress",
        title: "Network policies let the recovery components reach DNS and the outside",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[RESTORE, DEPOUT, REGION],
        needs: Needs::Cluster,
        rule: "Recovery components are Velero, its node-agent, External Secrets, cert-manager, Vault, Argo CD and Flux, found by their usual names and labels. If NetworkPolicies isolate such a workload for egress, their rules allow DNS and an address outside. DNS is TCP and UDP 53 to the pods k8s-app=kube-dns in kube-system, to an ipBlock, or to everywhere. An address outside is an ipBlock or everywhere, on TCP 443 or on another port than 53. Every other workload that is isolated for egress is allowed DNS (else high). Pods with hostNetwork count as not isolated.",
        fix: "Allow UDP and TCP 53 to kube-dns, and TCP 443 to the object store and the API server, from the recovery components",
        why: "If Velero or another recovery component cannot reach DNS or the object store, the restore fails.",
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
        rule: "A DaemonSet calico-node, canal, cilium, antrea-agent, kube-router, weave-net, ovnkube-node, anetd or azure-npm passes if it has pods and all of them are ready, and fails otherwise. Without any of them, these are looked for: aws-node passes if its container aws-eks-nodeagent has the argument --enable-network-policy=true. aws-node without this argument and kube-flannel fail if NetworkPolicies exist; otherwise they are skipped. kindnet and all other plug-ins are unknown.",
        fix: "Install a plug-in that enforces policies (such as Calico or Cilium), or enable the enforcement (aws-node --enable-network-policy=true)",
        why: "If the plug-in does not enforce network policies, they have no effect.",
        run: cni,
    },
];

/// Names of recovery components, as workload names and in labels.
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
    if let Err(gap) = p.object_set.all(POLICY) {
        return say.gap(gap);
    }
    let mut by_namespace: BTreeMap<&str, Vec<(&Object, Selector)>> = BTreeMap::new();
    for policy in p.object_set.any(POLICY).iter().filter(|o| types(o).contains(&"Egress")) {
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
            let what = if dns { "no address outside the cluster" } else { "no DNS (UDP and TCP 53)" };
            say.fail(work, "", format!("its egress policies allow {what}: this recovery component cannot work"));
        } else if !dns {
            say.fail_as(Severity::High, work, "", "its egress policies allow no DNS (UDP and TCP 53)");
        } else {
            say.pass(work);
        }
    }
}

/// Whether a rule allows traffic to the DNS of the cluster. An ipBlock may contain its Service.
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
    if let Err(gap) = p.object_set.all("DaemonSet.apps") {
        return say.gap(gap);
    }
    let ready = |w: &Work<'_>| {
        let (want, have) = (w.object.at("/status/desiredNumberScheduled"), w.object.at("/status/numberReady"));
        want.as_u64().is_some_and(|n| n > 0 && have.as_u64() == Some(n))
    };
    let policies = p.object_set.any(POLICY).len();
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
            (false, 0) => say.skip(*aws, "the cluster has no network policies to enforce"),
            (false, n) => say.fail(*aws, "", format!("aws-node does not enforce the {n} existing network policies")),
        };
    }
    if let Some(flannel) = sets.iter().find(|w| w.name().starts_with("kube-flannel")) {
        return match policies {
            0 => say.skip(*flannel, "the cluster has no network policies to enforce"),
            n => say.fail(*flannel, "", format!("flannel does not enforce the {n} existing network policies")),
        };
    }
    let what = if sets.iter().any(|w| w.name() == "kindnet") {
        "kindnet enforces network policies only since kind 0.24, and its version cannot be seen"
    } else {
        "no known network plug-in was found"
    };
    say.unknown(Subject::default(), crate::model::Unseen::NoData, what);
}
