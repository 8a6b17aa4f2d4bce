//! The blast radius: pods of others on the nodes that go away, and what the
//! drill will not see meanwhile.

use std::collections::BTreeMap;

use super::Request;
use crate::{kubernetes::objects::Pod, model::PlannedStep};

/// What to know, and what must be declared first.
pub(super) fn of(steps: &[PlannedStep], request: &Request<'_>) -> (Vec<String>, Vec<String>) {
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
                known.push(format!("step `{}` takes pods of {namespace} with it: {names}{blind}", step.name));
            } else {
                undeclared.push(format!(
                    "step `{}` would take pods of {namespace} with it: {names}. Add `{namespace}` to `collateral` if that is meant, or move them",
                    step.name
                ));
            }
        }
    }
    (known, undeclared)
}

fn blind(namespace: &str, velero: &str, pods: &[&Pod]) -> String {
    let eyes = ["prometheus", "alertmanager", "kube-state-metrics"];
    let seeing = pods.iter().any(|p| eyes.iter().any(|e| p.metadata.name.contains(e)));
    if seeing {
        "; BLIND WINDOW: alerts cannot be judged until they run elsewhere".into()
    } else if namespace == velero {
        "; backups and restores stand still until Velero runs elsewhere".into()
    } else {
        String::new()
    }
}
