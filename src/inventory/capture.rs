//! Copies a cluster for rehearsals. The copy contains, for each object, the fields that the simulation reads
//! (`allowed`), and start-up times that were measured from running pods.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{addresses::said, allowed};
use crate::{
    kubernetes::objects::Pod,
    model::{Dur, SIMULATED_START},
    world::{ApiError, Kube, Monitoring, RuleInfo},
};

/// What is copied, by API path. The controllers of the simulation create pods, ReplicaSets and EndpointSlices
/// themselves.
const COPIED: [(&str, &str, &str); 14] = [
    ("/api/v1", "nodes", "Node"),
    ("/api/v1", "namespaces", "Namespace"),
    ("/apis/storage.k8s.io/v1", "storageclasses", "StorageClass"),
    ("/apis/scheduling.k8s.io/v1", "priorityclasses", "PriorityClass"),
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
    /// The description in the format of `rehearse --cluster`.
    pub description: Value,
    /// What is missing in the copy, and why.
    pub missing: Vec<String>,
}

/// Copies a cluster.
///
/// # Errors
/// The nodes cannot be listed. Without nodes there is nothing to copy.
pub async fn capture(kube: &Kube, monitoring: &Monitoring, name: &str) -> Result<Captured, ApiError> {
    let mut missing = vec![];
    let learned = match kube.list_plain_map("/api/v1/pods", |pod: Pod| Lesson::of(&pod)).await {
        Ok(lessons) => learn(lessons.into_iter().flatten().collect()),
        Err(error) => {
            missing.push(format!("start-up times and nodes of pods: {error}"));
            Learned::default()
        }
    };
    let mut objects = vec![];
    for (base, plural, kind) in COPIED {
        match kube.list_map(&format!("{base}/{plural}"), |item| trim(&item, kind, &learned.starts)).await {
            Ok((items, _)) => objects.extend(items),
            Err(error) if plural == "nodes" => return Err(error),
            Err(error) => missing.push(format!("{plural}: {error}")),
        }
    }
    let toleration = toleration(&objects, &learned);
    let (rules, every) = rules(monitoring, &mut missing).await;
    let mut description = json!({
        "apiVersion": "drillmaster.dev/v1", "kind": "Cluster",
        "metadata": {"name": name, "title": format!("A copy of {name}")},
        "rules": rules, "placement": learned.placement,
    });
    // The macro would copy them.
    description["objects"] = Value::Array(objects);
    if let Some(seconds) = every {
        description["times"]["evaluate"] = format!("{seconds}s").into();
    }
    if let Some(seconds) = toleration {
        description["times"]["toleration"] = format!("{seconds}s").into();
    }
    Ok(Captured { description, missing })
}

/// The alerting rules, and the shortest evaluation interval in whole seconds.
async fn rules(monitoring: &Monitoring, missing: &mut Vec<String>) -> (Vec<Value>, Option<u64>) {
    let why = match monitoring.rules().await {
        Some(Ok(rules)) => {
            let every = rules.iter().map(|r| r.interval_seconds.ceil() as u64).filter(|s| *s > 0).min();
            let rule = |r: &RuleInfo| json!({"alert": r.name, "expr": r.query, "for": format!("{}s", r.for_seconds as u64), "labels": r.labels});
            return (rules.iter().map(rule).collect(), every);
        }
        Some(Err(error)) => said(&error),
        None => "the bindings name no Prometheus".into(),
    };
    missing.push(format!("alerting rules: {why}"));
    (vec![], None)
}

/// The taint of an unreachable node.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The default toleration that admission adds to pods. It is found by comparing the pods of a workload with its
/// template, which does not contain it.
fn toleration(objects: &[Value], learned: &Learned) -> Option<i64> {
    let silent = |o: &&Value| {
        let own = o.pointer("/spec/template/spec/tolerations").and_then(Value::as_array);
        !own.into_iter().flatten().any(|t| t["key"] == UNREACHABLE || t["key"].is_null())
    };
    objects.iter().filter(|o| o["spec"]["template"].is_object()).filter(silent).find_map(|o| {
        let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
        let workload = format!("{}/{}", text(&o["kind"]).to_lowercase(), text(&o["metadata"]["name"]));
        learned.tolerations.get(&text(&o["metadata"]["namespace"]))?.get(&workload).copied()
    })
}

/// By namespace and workload.
type ByWorkload<T> = BTreeMap<String, BTreeMap<String, T>>;

/// What the pods show about their workloads.
#[derive(Default)]
struct Learned {
    /// The median time from scheduling to Ready.
    starts: ByWorkload<Dur>,
    /// The node of each pod, in the order of the pods' names.
    placement: ByWorkload<Vec<String>>,
    /// How many seconds the pods stay on an unreachable node.
    tolerations: ByWorkload<i64>,
}

/// What one pod shows about its workload.
struct Lesson {
    name: String,
    namespace: String,
    owner: String,
    node: String,
    /// The time from scheduling to Ready.
    took: Option<u64>,
    /// How many seconds it stays on an unreachable node.
    stays: Option<i64>,
}

impl Lesson {
    /// None if the pod shows nothing.
    fn of(pod: &Pod) -> Option<Self> {
        if pod.spec.node_name.is_empty() || !pod.counts() {
            return None;
        }
        let silent = pod.spec.tolerations.iter().find(|t| t.key == UNREACHABLE && t.effect == "NoExecute");
        Some(Self {
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            owner: pod.workload()?.to_string(),
            node: pod.spec.node_name.clone(),
            took: pod.start_seconds(),
            stays: silent.and_then(|t| t.toleration_seconds),
        })
    }
}

fn learn(mut lessons: Vec<Lesson>) -> Learned {
    lessons.sort_by(|a, b| a.name.cmp(&b.name));
    let mut learned = Learned::default();
    let mut seconds: ByWorkload<Vec<u64>> = BTreeMap::new();
    for Lesson { namespace, owner, node, took, stays, .. } in lessons {
        if let Some(took) = took {
            seconds.entry(namespace.clone()).or_default().entry(owner.clone()).or_default().push(took);
        }
        if let Some(stays) = stays {
            learned.tolerations.entry(namespace.clone()).or_default().insert(owner.clone(), stays);
        }
        if !owner.starts_with("daemonset/") {
            learned.placement.entry(namespace).or_default().entry(owner).or_default().push(node);
        }
    }
    for (namespace, owners) in seconds {
        for (owner, mut seconds) in owners {
            seconds.sort_unstable();
            let median = seconds[(seconds.len() - 1) / 2];
            // A pod that became Ready after hours says nothing about start-up time.
            if median < 1800 {
                learned.starts.entry(namespace.clone()).or_default().insert(owner, Dur::secs(median));
            }
        }
    }
    learned
}

/// What the copy contains of an object. The simulation creates it as a new object.
fn trim(object: &Value, kind: &str, starts: &ByWorkload<Dur>) -> Option<Value> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    if kind == "ConfigMap" && name == "kube-root-ca.crt" || namespace == "drillmaster" {
        return None;
    }
    let mut copy = allowed::copied(kind, object);
    // Labels of an earlier restore must not make the object look like part of a drill.
    if let Some(labels) = copy.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.retain(|label, _| !label.starts_with("velero.io/"));
    }
    match kind {
        "Node" => {
            // Taints that controllers add to unhealthy nodes are not part of the node's configuration.
            if let Some(taints) = copy.pointer_mut("/spec/taints").and_then(Value::as_array_mut) {
                taints.retain(|t| !t["key"].as_str().unwrap_or("").starts_with("node.kubernetes.io/"));
            }
        }
        "PersistentVolume" => copy["status"] = json!({"phase": "Available"}),
        "Deployment" | "StatefulSet" | "DaemonSet" => {
            let start = starts.get(&namespace).and_then(|s| s.get(&format!("{}/{name}", kind.to_lowercase())));
            if let Some(start) = start {
                copy["spec"]["template"]["metadata"]["annotations"] = json!({SIMULATED_START: start.to_string()});
            }
        }
        _ => {}
    }
    Some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_the_taints_that_are_its_own() {
        let node = json!({"metadata": {"name": "n"}, "status": {}, "spec": {"podCIDR": "10.0.0.0/24", "taints": [
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]}});
        let copy = trim(&node, "Node", &BTreeMap::new()).expect("it is copied");
        let own = json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]);
        assert_eq!(copy["spec"], json!({"taints": own}));
        // A missing field stays missing: a list that is null would not be a list.
        for (kind, spec) in [("Node", json!({})), ("PersistentVolume", json!({"capacity": {}}))] {
            let bare = json!({"metadata": {"name": "n"}, "status": {}, "spec": spec});
            assert_eq!(trim(&bare, kind, &BTreeMap::new()).expect("it is copied")["spec"], spec);
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
        let starts = [("n".to_owned(), [("deployment/d".to_owned(), Dur::secs(7))].into())].into();
        for (object, kind) in [(map, "ConfigMap"), (deployment, "Deployment")] {
            let copy = trim(&object, kind, &starts).expect("it is copied").to_string();
            assert!(!copy.contains("hunter22"), "{copy}");
            assert!(copy.contains("password") || copy.contains("\"cpu\":\"1\""), "{copy}");
            assert!(kind == "ConfigMap" || copy.contains("\"7s\""), "{copy}");
        }
    }
}
