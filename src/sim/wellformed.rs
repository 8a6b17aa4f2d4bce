//! Checks that an object has the form of its kind, as the real API server does for everything that is written to it.
//! The controllers rely on this: a string where a map belongs would crash them. Read [`check`] first.

use k8s_openapi::{
    api::{
        apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination,
        core::v1 as core, discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy,
        rbac::v1 as rbac, scheduling::v1 as scheduling, storage::v1 as storage,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use serde::de::DeserializeOwned;

use super::{fields, resources::Resource, value::Value};
use crate::kubernetes::cron_interval;

/// Converts amounts that a person wrote as numbers into strings, because the server keeps them as strings.
pub(super) fn amounts_as_text(object: &mut Value) {
    const AMOUNTS: [&str; 6] = ["requests", "limits", "capacity", "allocatable", "hard", "used"];
    if let Some(items) = object.as_array_mut() {
        items.iter_mut().for_each(amounts_as_text);
    }
    let Some(map) = object.as_object_mut() else { return };
    for (key, value) in map.iter_mut() {
        match value.as_object_mut() {
            Some(amounts) if AMOUNTS.contains(&key) => {
                let numbers = amounts.iter_mut().map(|(_, value)| value).filter(|v| v.is_number());
                numbers.for_each(|v| *v = v.to_string().into());
            }
            _ => amounts_as_text(value),
        }
    }
}

/// Fails if an object does not have the form of its kind, and says why.
pub(super) fn check(resource: &Resource, object: &Value) -> Result<(), String> {
    let wrong = |why: String| {
        let name = fields::name(object);
        format!("{} \"{name}\" does not have the form of kind {}: {why}", resource.kind, resource.kind)
    };
    if !object.is_object() {
        return Err(wrong("it is not a map".into()));
    }
    if resource.group == "velero.io" {
        return velero(resource, object).map_err(wrong);
    }
    built_in(resource.plural, object).map_err(wrong)
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    T::deserialize(value).map(drop).map_err(|error| error.to_string())
}

fn built_in(plural: &str, object: &Value) -> Result<(), String> {
    match plural {
        "nodes" => typed::<core::Node>(object),
        "namespaces" => typed::<core::Namespace>(object),
        "persistentvolumes" => typed::<core::PersistentVolume>(object),
        "persistentvolumeclaims" => typed::<core::PersistentVolumeClaim>(object),
        "pods" => typed::<core::Pod>(object),
        "services" => typed::<core::Service>(object),
        "configmaps" => typed::<core::ConfigMap>(object),
        "secrets" => typed::<core::Secret>(object),
        "serviceaccounts" => typed::<core::ServiceAccount>(object),
        "events" => typed::<core::Event>(object),
        "storageclasses" => typed::<storage::StorageClass>(object),
        "priorityclasses" => typed::<scheduling::PriorityClass>(object),
        "deployments" => typed::<apps::Deployment>(object),
        "replicasets" => typed::<apps::ReplicaSet>(object),
        "statefulsets" => typed::<apps::StatefulSet>(object),
        "daemonsets" => typed::<apps::DaemonSet>(object),
        "jobs" => typed::<batch::Job>(object),
        "cronjobs" => typed::<batch::CronJob>(object),
        "poddisruptionbudgets" => typed::<policy::PodDisruptionBudget>(object),
        "endpointslices" => typed::<discovery::EndpointSlice>(object),
        "networkpolicies" => typed::<networking::NetworkPolicy>(object),
        "ingresses" => typed::<networking::Ingress>(object),
        "leases" => typed::<coordination::Lease>(object),
        "roles" => typed::<rbac::Role>(object),
        "rolebindings" => typed::<rbac::RoleBinding>(object),
        "horizontalpodautoscalers" => typed::<autoscaling::HorizontalPodAutoscaler>(object),
        _ => maps(object, &["", "/metadata", "/spec", "/status"]),
    }
}

/// The fields of a backup or a restore that are lists of names.
const NAMES: [&str; 8] = [
    "includedNamespaces",
    "excludedNamespaces",
    "includedResources",
    "excludedResources",
    "includedClusterScopedResources",
    "excludedClusterScopedResources",
    "includedNamespaceScopedResources",
    "excludedNamespaceScopedResources",
];

fn velero(resource: &Resource, object: &Value) -> Result<(), String> {
    maps(object, &["/spec", "/status"])?;
    typed::<ObjectMeta>(&object["metadata"])?;
    match resource.plural {
        "schedules" => {
            maps(object, &["/spec/template"])?;
            let schedule = fields::text(object, "/spec/schedule");
            cron_interval(schedule, jiff::Timestamp::UNIX_EPOCH).map_err(|why| format!("spec.schedule: {why}"))?;
            what(&object["spec"]["template"], "spec.template")
        }
        "backups" | "restores" => what(&object["spec"], "spec"),
        _ => Ok(()),
    }
}

/// Checks the fields that say what a backup or a restore contains.
fn what(spec: &Value, place: &str) -> Result<(), String> {
    let texts = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
    for name in NAMES {
        if !spec[name].is_null() && !texts(&spec[name]) {
            return Err(format!("{place}.{name} is not a list of names"));
        }
    }
    for name in ["ttl", "storageLocation", "backupName", "scheduleName"] {
        if !spec[name].is_null() && !spec[name].is_string() {
            return Err(format!("{place}.{name} is not a string"));
        }
    }
    if spec["labelSelector"].is_null() {
        return Ok(());
    }
    typed::<LabelSelector>(&spec["labelSelector"]).map_err(|why| format!("{place}.labelSelector: {why}"))
}

fn maps(object: &Value, places: &[&str]) -> Result<(), String> {
    let wrong = |place: &&&str| object.pointer(place).is_some_and(|value| !value.is_object() && !value.is_null());
    match places.iter().find(wrong) {
        Some(place) => Err(format!("{} is not a map", place.trim_start_matches('/').replace('/', "."))),
        None => Ok(()),
    }
}
