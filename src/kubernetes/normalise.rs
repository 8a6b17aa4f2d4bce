//! The definition of "as before": which fields may differ after a restore, and which must be equal. The check before a
//! deletion, the judgement of a restore, the evidence of an undo and the tests against real clusters all use it.
//! `compare.rs` compares two sets of objects with it.

use serde_json::{Map, Value};

use crate::model::ObjectName;

/// Prefixes of labels and annotations that Velero, the drill and controllers change themselves.
const OWN_MARKS: [&str; 3] = ["velero.io/", "restore.velero.io/", "drillmaster.dev/"];
/// Prefixes of annotations that controllers write.
const WRITTEN: [&str; 10] = [
    "backup.velero.io/",
    "snapshot.velero.io/",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "deployment.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/",
    "autoscaling.alpha.kubernetes.io/",
    "endpoints.kubernetes.io/",
    "batch.kubernetes.io/",
];
/// Annotations that controllers write, by their full name.
const WRITTEN_NAMES: [&str; 3] = [
    "deprecated.daemonset.template.generation",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubernetes.io/service-account.uid",
];
/// Annotations that network plugins write on pods.
const OF_ITS_NETWORK: [&str; 4] =
    ["cni.projectcalico.org/", "k8s.v1.cni.cncf.io/", "k8s.ovn.org/", "ovn.kubernetes.io/"];
/// Labels that the API server adds to a Job and its pods.
const OF_A_JOB: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];
/// The volume that the API server adds to each pod, with a new name each time.
const TOKEN_VOLUME: &str = "kube-api-access-";
/// The type of a Secret that the API server fills with the token of a service account.
const TOKEN_SECRET: &str = "kubernetes.io/service-account-token";

/// The identity of an object: API group, kind, namespace and name.
pub fn name_of(object: &Value) -> ObjectName {
    ObjectName {
        group: group(object).to_owned(),
        kind: text(object, "/kind").to_owned(),
        namespace: text(object, "/metadata/namespace").to_owned(),
        name: text(object, "/metadata/name").to_owned(),
    }
}

/// The API group of an object; empty for the core group.
pub(super) fn group(object: &Value) -> &str {
    text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

/// Whether the cluster derives the object from other objects. If so, a restore need not bring back exactly this
/// object.
pub fn is_derived(object: &Value) -> bool {
    match (group(object), text(object, "/kind")) {
        ("" | "events.k8s.io", "Event")
        | ("" | "discovery.k8s.io", "Endpoints" | "EndpointSlice")
        | ("" | "coordination.k8s.io", "Lease")
        | ("" | "apps", "ControllerRevision")
        | ("" | "metrics.k8s.io", "PodMetrics")
        | ("" | "velero.io", "PodVolumeBackup" | "PodVolumeRestore") => true,
        // Its owner would create a new claim, but without the content.
        ("", "PersistentVolumeClaim") => false,
        ("", "ConfigMap") if text(object, "/metadata/name") == "kube-root-ca.crt" => true,
        ("", "ServiceAccount") if text(object, "/metadata/name") == "default" => is_plain_account(object),
        // Pods, ReplicaSets and Jobs with an owner: only the owner's spec and its ready pods count.
        _ => is_owned(object),
    }
}

/// Whether a controller owns it.
fn is_owned(object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.is_some_and(|o| o.iter().any(|r| r.get("controller") == Some(&Value::Bool(true))))
}

/// Whether this is the default service account of a namespace without any additions.
fn is_plain_account(account: &Value) -> bool {
    let account = normalise(account);
    let empty = |pointer: &str| account.pointer(pointer).is_none_or(is_empty);
    let own = ["apiVersion", "kind", "metadata"];
    empty("/metadata/labels")
        && empty("/metadata/annotations")
        && account
            .as_object()
            .is_some_and(|a| a.iter().all(|(key, value)| own.contains(&key.as_str()) || is_empty(value)))
}

/// An object without everything that a restore may change: identity, bookkeeping, status, addresses and node ports
/// that the cluster assigns, and the marks of Velero.
fn normalise(object: &Value) -> Value {
    let mut object = object.clone();
    normalise_in_place(&mut object);
    object
}

/// The same, without copying the object.
pub(super) fn normalise_in_place(object: &mut Value) {
    let (group, kind) = (group(object).to_owned(), text(object, "/kind").to_owned());
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(meta) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        meta.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations"));
        drop_keys(meta.get_mut("labels"), |key| begins(key, &OWN_MARKS) || key == "kubernetes.io/metadata.name");
        drop_keys(meta.get_mut("annotations"), |key| {
            begins(key, &OWN_MARKS) || begins(key, &WRITTEN) || WRITTEN_NAMES.contains(&key)
        });
    }
    match (group.as_str(), kind.as_str()) {
        ("", "Namespace") => remove(object, "/spec"),
        ("", "Service") => service(object),
        ("", "PersistentVolumeClaim") => claim(object),
        ("", "ServiceAccount") => remove(object, "/secrets"),
        ("", "Secret") if text(object, "/type") == TOKEN_SECRET => remove(object, "/data"),
        ("", "Pod") => pod(object),
        ("batch", "Job") => job(object),
        _ => {}
    }
}

/// Addresses and node ports are assigned again. Whether a Service is headless must stay the same.
fn service(object: &mut Value) {
    let headless = text(object, "/spec/clusterIP") == "None";
    remove_all(object, &["/spec/clusterIPs", "/spec/healthCheckNodePort"]);
    if headless {
        return;
    }
    remove(object, "/spec/clusterIP");
    for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        remove(port, "/nodePort");
    }
}

/// The bound volume may differ, and so may the source from which Velero fills the claim.
fn claim(object: &mut Value) {
    remove_all(object, &["/spec/volumeName", "/spec/dataSource", "/spec/dataSourceRef"]);
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    if labels.is_some_and(|labels| labels.keys().all(|key| begins(key, &OWN_MARKS))) {
        remove(object, "/spec/selector");
    }
}

/// The node may differ, and so may what the API server and Velero add to the pod.
fn pod(object: &mut Value) {
    drop_keys(object.pointer_mut("/metadata/annotations"), |key| begins(key, &OF_ITS_NETWORK));
    // A restore adds an init container of its own before the others.
    remove_all(object, &["/spec/nodeName", "/spec/priority", "/spec/ephemeralContainers", "/spec/initContainers"]);
    drop_items(object.pointer_mut("/spec/volumes"), |volume| text(volume, "/name").starts_with(TOKEN_VOLUME));
    for container in object.pointer_mut("/spec/containers").and_then(Value::as_array_mut).into_iter().flatten() {
        drop_items(container.get_mut("volumeMounts"), |mount| text(mount, "/name").starts_with(TOKEN_VOLUME));
    }
}

/// The API server names the pods of a Job by the UID of the Job.
fn job(object: &mut Value) {
    if object.pointer("/spec/manualSelector") != Some(&Value::Bool(true)) {
        remove(object, "/spec/selector");
    }
    for pointer in ["/metadata/labels", "/spec/template/metadata/labels"] {
        drop_keys(object.pointer_mut(pointer), |key| OF_A_JOB.contains(&key));
    }
}

fn begins(key: &str, with: &[&str]) -> bool {
    with.iter().any(|begin| key.starts_with(begin))
}

/// The API server may leave a field out, or write it as null or as an empty object. All of these mean the same.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn drop_keys(map: Option<&mut Value>, drop: impl Fn(&str) -> bool) {
    if let Some(map) = map.and_then(Value::as_object_mut) {
        map.retain(|key, _| !drop(key));
    }
}

fn drop_items(list: Option<&mut Value>, drop: impl Fn(&Value) -> bool) {
    if let Some(list) = list.and_then(Value::as_array_mut) {
        list.retain(|item| !drop(item));
    }
}

pub(super) fn remove_all(object: &mut Value, pointers: &[&str]) {
    pointers.iter().for_each(|pointer| remove(object, pointer));
}

fn remove(object: &mut Value, pointer: &str) {
    if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(map) = object.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        map.remove(key);
    }
}

pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

pub(super) type Fields = Map<String, Value>;
