//! A copy of a cluster for a rehearsal: trimmed objects, never a secret and no
//! content of a ConfigMap; start-up times learned from the pods that run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    kubernetes::objects::Pod,
    model::{Dur, SIMULATED_START},
    world::{ApiError, Kube, Monitoring},
};

/// What is copied, by API path. Pods, ReplicaSets and EndpointSlices are made
/// anew by the simulation's controllers.
const COPIED: [(&str, &str, &str); 13] = [
    ("/api/v1", "nodes", "Node"),
    ("/api/v1", "namespaces", "Namespace"),
    ("/apis/storage.k8s.io/v1", "storageclasses", "StorageClass"),
    ("/api/v1", "persistentvolumes", "PersistentVolume"),
    ("/api/v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("/api/v1", "services", "Service"),
    ("/api/v1", "configmaps", "ConfigMap"),
    ("/apis/apps/v1", "deployments", "Deployment"),
    ("/apis/apps/v1", "statefulsets", "StatefulSet"),
    ("/apis/apps/v1", "daemonsets", "DaemonSet"),
    ("/apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    ("/apis/velero.io/v1", "backupstoragelocations", "BackupStorageLocation"),
    ("/apis/velero.io/v1", "schedules", "Schedule"),
];

/// A copy, and what could not be copied.
#[derive(Debug)]
pub struct Captured {
    /// The description, as `rehearse --cluster` reads it.
    pub description: Value,
    /// What is missing in it, and why.
    pub missing: Vec<String>,
}

/// Copies a cluster.
///
/// # Errors
/// Nodes that cannot be listed: without them there is no cluster to copy.
pub async fn capture(kube: &Kube, monitoring: &Monitoring, name: &str) -> Result<Captured, ApiError> {
    let mut missing = vec![];
    let starts = learned(kube).await.unwrap_or_else(|error| {
        missing.push(format!("start-up times: {error}"));
        BTreeMap::new()
    });
    let mut objects = vec![];
    for (base, plural, kind) in COPIED {
        match kube.list(&format!("{base}/{plural}")).await {
            Ok((items, _)) => objects.extend(items.into_iter().filter_map(|item| trim(item, kind, &starts))),
            Err(error) if plural == "nodes" => return Err(error),
            Err(error) => missing.push(format!("{plural}: {error}")),
        }
    }
    let description = json!({
        "apiVersion": "drillmaster.dev/v1", "kind": "Cluster",
        "metadata": {"name": name, "title": format!("A copy of {name}")},
        "objects": objects, "rules": rules(monitoring, &mut missing).await,
    });
    Ok(Captured { description, missing })
}

async fn rules(monitoring: &Monitoring, missing: &mut Vec<String>) -> Vec<Value> {
    match monitoring.rules().await {
        None => {
            missing.push("alerting rules: the bindings name no Prometheus".into());
            vec![]
        }
        Some(Err(error)) => {
            missing.push(format!("alerting rules: {error}"));
            vec![]
        }
        Some(Ok(rules)) => rules
            .iter()
            .map(|r| json!({"alert": r.name, "expr": r.query, "for": format!("{}s", r.for_seconds as u64), "labels": r.labels}))
            .collect(),
    }
}

/// Median time from a node to Ready, by namespace and workload.
async fn learned(kube: &Kube) -> Result<BTreeMap<(String, String), Dur>, ApiError> {
    let mut seen: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for pod in kube.list_as::<Pod>("/api/v1/pods").await? {
        if let (Some(seconds), Some(owner)) = (pod.start_seconds(), pod.workload()) {
            seen.entry((pod.metadata.namespace.clone(), owner.to_string())).or_default().push(seconds);
        }
    }
    let medians = seen.into_iter().filter_map(|(key, mut seconds)| {
        seconds.sort_unstable();
        // Pods that were not Ready for hours are no measure of a start.
        let median = *seconds.get(seconds.len() / 2)?;
        (median < 1800).then(|| (key, Dur::secs(median)))
    });
    Ok(medians.collect())
}

/// An object without what the cluster filled in, and without anything private.
fn trim(mut object: Value, kind: &str, starts: &BTreeMap<(String, String), Dur>) -> Option<Value> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    if kind == "ConfigMap" && name == "kube-root-ca.crt" || namespace == "drillmaster" {
        return None;
    }
    let mut metadata = json!({"name": name});
    for field in ["namespace", "labels"] {
        if !object["metadata"][field].is_null() {
            metadata[field] = object["metadata"][field].clone();
        }
    }
    object["metadata"] = metadata;
    object["kind"] = kind.into();
    match kind {
        "Node" => {
            let kept = ["capacity", "allocatable", "addresses"].map(|f| (f.to_owned(), object["status"][f].clone()));
            object["status"] = Value::Object(kept.into_iter().collect());
            if let Some(spec) = object["spec"].as_object_mut() {
                spec.retain(|field, _| matches!(field.as_str(), "providerID" | "unschedulable" | "taints"));
            }
            // What the controllers put on sick nodes is not what the node is for.
            if let Some(taints) = object.pointer_mut("/spec/taints").and_then(Value::as_array_mut) {
                taints.retain(|t| !t["key"].as_str().unwrap_or("").starts_with("node.kubernetes.io/"));
            }
        }
        "PersistentVolume" => {
            if let Some(claim) = object.pointer_mut("/spec/claimRef").and_then(Value::as_object_mut) {
                claim.retain(|field, _| matches!(field.as_str(), "kind" | "namespace" | "name"));
            }
            object["status"] = json!({"phase": "Available"});
        }
        "ConfigMap" => {
            // The names of its entries say that it is there; what they hold is nobody's business.
            for part in ["data", "binaryData"] {
                if let Some(entries) = object.get_mut(part).and_then(Value::as_object_mut) {
                    entries.values_mut().for_each(|v| *v = "".into());
                }
            }
        }
        "Deployment" | "StatefulSet" | "DaemonSet" => {
            private(&mut object["spec"]["template"]);
            if let Some(start) = starts.get(&(namespace, format!("{}/{name}", kind.to_lowercase()))) {
                object["spec"]["template"]["metadata"]["annotations"] = json!({SIMULATED_START: start.to_string()});
            }
            drop_field(&mut object, "status");
        }
        _ => drop_field(&mut object, "status"),
    }
    Some(object)
}

/// Environment, arguments and annotations of a template may hold secrets.
fn private(template: &mut Value) {
    if let Some(meta) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("annotations");
    }
    for list in ["containers", "initContainers"] {
        for container in
            template.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut).into_iter().flatten()
        {
            if let Some(fields) = container.as_object_mut() {
                fields.retain(|field, _| {
                    matches!(field.as_str(), "name" | "image" | "resources" | "ports" | "volumeMounts")
                });
            }
        }
    }
}

fn drop_field(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_the_taints_that_are_its_own() {
        let node = json!({"metadata": {"name": "n"}, "status": {}, "spec": {"podCIDR": "10.0.0.0/24", "taints": [
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]}});
        let copy = trim(node, "Node", &BTreeMap::new()).expect("it is copied");
        let own = json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]);
        assert_eq!(copy["spec"], json!({"taints": own}));
        // Nothing is written where nothing was: a list that is null is no list.
        for (kind, spec) in [("Node", json!({})), ("PersistentVolume", json!({"capacity": {}}))] {
            let bare = json!({"metadata": {"name": "n"}, "status": {}, "spec": spec});
            assert_eq!(trim(bare, kind, &BTreeMap::new()).expect("it is copied")["spec"], spec);
        }
    }

    #[test]
    fn nothing_private_is_copied() {
        let map = json!({"metadata": {"name": "m", "namespace": "n", "uid": "u", "annotations": {"a": "hunter22"}},
            "data": {"password": "hunter22"}});
        let deployment = json!({"metadata": {"name": "d", "namespace": "n", "managedFields": []}, "status": {"replicas": 1},
            "spec": {"template": {"metadata": {"annotations": {"token": "hunter22"}}, "spec": {"containers": [
                {"name": "c", "image": "i", "env": [{"name": "P", "value": "hunter22"}], "args": ["--key=hunter22"],
                 "resources": {"requests": {"cpu": "1"}}}]}}}});
        let starts = [(("n".to_owned(), "deployment/d".to_owned()), Dur::secs(7))].into();
        for (object, kind) in [(map, "ConfigMap"), (deployment, "Deployment")] {
            let copy = trim(object, kind, &starts).expect("it is copied").to_string();
            assert!(!copy.contains("hunter22"), "{copy}");
            assert!(copy.contains("password") || copy.contains("\"cpu\":\"1\""), "{copy}");
            assert!(kind == "ConfigMap" || copy.contains("\"7s\""), "{copy}");
        }
    }
}
