//! The blast radius: pods of other namespaces on the nodes that are taken away, and what the drill cannot observe in
//! the meantime.

use std::collections::BTreeMap;

use super::Request;
use crate::{
    kubernetes::objects::Pod,
    model::{PlannedStep, StepName},
};

/// What people should know, and what the scenario must declare first.
pub(super) fn of(steps: &[PlannedStep], request: &Request<'_>) -> (Vec<String>, Vec<(StepName, String)>) {
    let scenario = &request.loaded.scenario;
    let velero = request.bindings.velero.as_deref().unwrap_or("velero");
    let mut known = vec![];
    let mut undeclared = vec![];
    for step in steps.iter().filter(|s| s.takes_nodes()) {
        let mut others: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for node in &step.nodes {
            for pod in request.inventory.pods_on(&node.name) {
                let namespace = pod.metadata.namespace.as_str();
                let stays = pod.controller().is_some_and(|o| o.kind == "DaemonSet") || pod.is_mirror();
                if !stays && !scenario.scope.namespaces.iter().any(|n| n == namespace) {
                    others.entry(namespace).or_default().push(pod);
                }
            }
        }
        for (namespace, pods) in others {
            let names: Vec<&str> = pods.iter().map(|p| p.metadata.name.as_str()).collect();
            let names = names.join(", ");
            if scenario.collateral.iter().any(|c| c == namespace) {
                let blind = blind(namespace, velero, &pods);
                known.push(format!("step `{}` also affects pods of namespace {namespace}: {names}{blind}", step.name));
            } else {
                let what = format!(
                    "step `{}` would also affect pods of namespace {namespace}: {names}. If this is intended, add `{namespace}` to `collateral`; if not, move the pods to other nodes",
                    step.name
                );
                undeclared.push((step.name.clone(), what));
            }
        }
    }
    (known, undeclared)
}

fn blind(namespace: &str, velero: &str, pods: &[&Pod]) -> String {
    let eyes = ["prometheus", "alertmanager", "kube-state-metrics"];
    let seeing = pods.iter().any(|p| eyes.iter().any(|e| p.metadata.name.contains(e)));
    if seeing {
        "; BLIND WINDOW: alerts cannot be judged until these pods run on other nodes".into()
    } else if namespace == velero {
        "; backups and restores stop until Velero runs on another node".into()
    } else {
        String::new()
    }
}
