//! What "as before" means. One function says what may differ after a restore
//! and what must be equal; the undo's evidence, the restore's judgement and the
//! tests against real clusters all use it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::{Difference, Differs, ObjectName};

/// Whether the object is made by the cluster itself out of others, so that a
/// restore need not bring back this very one.
pub fn is_derived(object: &Value) -> bool {
    let kind = text(object, "/kind");
    let name = text(object, "/metadata/name");
    let owned = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .is_some_and(|o| o.iter().any(|r| r.get("controller") == Some(&Value::Bool(true))));
    matches!(
        kind,
        "Event" | "EndpointSlice" | "Endpoints" | "Lease" | "ControllerRevision" | "PodMetrics" | "PodVolumeBackup"
    ) || (kind == "ConfigMap" && name == "kube-root-ca.crt")
        || (kind == "ServiceAccount" && name == "default")
        // Pods, ReplicaSets, Jobs of an owner: the owner's spec and its ready pods count.
        || owned
}

/// An object without what a restore may change: identity, bookkeeping, status,
/// addresses and node ports that the cluster assigns, and Velero's own marks.
pub fn normalise(object: &Value) -> Value {
    let mut object = object.clone();
    let kind = text(&object, "/kind").to_owned();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(meta) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        meta.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations"));
        drop_keys(meta, "labels", |key| key.starts_with("velero.io/") || key == "kubernetes.io/metadata.name");
        drop_keys(meta, "annotations", |key| {
            key.starts_with("velero.io/")
                || key.starts_with("backup.velero.io/")
                || key.starts_with("restore.velero.io/")
                || key.starts_with("pv.kubernetes.io/")
                || key.starts_with("volume.kubernetes.io/")
                || key.starts_with("volume.beta.kubernetes.io/")
                || key == "deployment.kubernetes.io/revision"
                || key == "deprecated.daemonset.template.generation"
                || key == "kubectl.kubernetes.io/last-applied-configuration"
        });
    }
    let dropped: &[&str] = match kind.as_str() {
        "Service" => &["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort"],
        "PersistentVolumeClaim" => &["/spec/volumeName"],
        "Namespace" => &["/spec"],
        "Pod" => &["/spec/nodeName", "/spec/volumes", "/spec/initContainers"],
        "ServiceAccount" => &["/secrets"],
        _ => &[],
    };
    for pointer in dropped {
        remove(&mut object, pointer);
    }
    if kind == "Service"
        && text(&object, "/spec/clusterIP") != "None"
        && let Some(ports) = object.pointer_mut("/spec/ports").and_then(Value::as_array_mut)
    {
        for port in ports.iter_mut().filter_map(Value::as_object_mut) {
            port.remove("nodePort");
        }
    }
    object
}

/// Compares two sets of objects by kind, namespace and name. `map_namespace`
/// maps a namespace of before to its name afterwards.
pub fn compare(before: &[Value], after: &[Value], map_namespace: impl Fn(&str) -> String) -> Vec<Difference> {
    let key = |object: &Value, map: &dyn Fn(&str) -> String| {
        let kind = text(object, "/kind").to_owned();
        let namespace = map(text(object, "/metadata/namespace"));
        let name = text(object, "/metadata/name");
        let name = if kind == "Namespace" { map(name) } else { name.to_owned() };
        (kind, namespace, name)
    };
    let own = |n: &str| n.to_owned();
    let after: BTreeMap<_, &Value> = after.iter().map(|o| (key(o, &own), o)).collect();
    let mut differences = vec![];
    for object in before.iter().filter(|o| !is_derived(o)) {
        let key = key(object, &map_namespace);
        let object_name = || ObjectName { kind: key.0.clone(), namespace: key.1.clone(), name: key.2.clone() };
        match after.get(&key) {
            None => differences.push(Difference { object: object_name(), what: Differs::Missing }),
            Some(found) => {
                let mut wanted = normalise(object);
                let mut found = normalise(found);
                for side in [&mut wanted, &mut found] {
                    remove(side, "/metadata/namespace");
                    remove(side, "/metadata/name");
                    remove(side, "/apiVersion");
                }
                let mut at = vec![];
                diff(&wanted, &found, String::new(), &mut at);
                if !at.is_empty() {
                    differences.push(Difference { object: object_name(), what: Differs::ChangedAt(at) });
                }
            }
        }
    }
    differences
}

fn diff(a: &Value, b: &Value, at: String, out: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let empty = |v: &Value| matches!(v, Value::Null) || v.as_object().is_some_and(Map::is_empty);
            for key in x.keys().chain(y.keys().filter(|k| !x.contains_key(*k))) {
                let here = format!("{at}/{key}");
                match (x.get(key), y.get(key)) {
                    (Some(u), Some(v)) => diff(u, v, here, out),
                    (Some(u), None) | (None, Some(u)) if !empty(u) => out.push(here),
                    _ => {}
                }
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (u, v)) in x.iter().zip(y).enumerate() {
                diff(u, v, format!("{at}/{i}"), out);
            }
        }
        _ if a != b => out.push(at),
        _ => {}
    }
}

fn drop_keys(meta: &mut Map<String, Value>, field: &str, drop: impl Fn(&str) -> bool) {
    if let Some(map) = meta.get_mut(field).and_then(Value::as_object_mut) {
        map.retain(|key, _| !drop(key));
    }
}

fn remove(object: &mut Value, pointer: &str) {
    if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(map) = object.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        map.remove(key);
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(replicas: u32, uid: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
               "metadata": {"name": "web", "namespace": "shop", "uid": uid, "labels": {"velero.io/restore-name": uid}},
               "spec": {"replicas": replicas}, "status": {"readyReplicas": replicas}})
    }

    #[test]
    fn a_restored_object_is_as_before_and_a_changed_one_is_not() {
        let own = |n: &str| n.to_owned();
        assert_eq!(compare(&[deployment(3, "a")], &[deployment(3, "b")], own), []);
        let changed = compare(&[deployment(3, "a")], &[deployment(2, "b")], own);
        assert_eq!(changed[0].what.to_string(), "changed at /spec/replicas");
        assert_eq!(compare(&[deployment(3, "a")], &[], own)[0].what, Differs::Missing);
    }

    #[test]
    fn what_others_own_is_not_compared() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "web-1", "ownerReferences": [{"controller": true}]}});
        assert_eq!(compare(&[pod], &[], |n| n.to_owned()), []);
    }
}
