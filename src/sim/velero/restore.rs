//! What a restore brings back, and what it leaves out. Read [`restore`] first.

use std::time::Duration;

use super::{
    super::value::{Value, json},
    invalid,
    modifiers::{self, Rule},
    next, now, phase,
};
use crate::sim::{
    admission,
    fields::{self, list, text},
    happens::Nonsense,
    resources::{self, Resource},
    security,
    state::{State, Timer},
};

/// Resources whose objects their controllers create again, with the same name or another. Pods without a controller are
/// restored.
const DERIVED: [&str; 3] = ["pods", "replicasets", "endpointslices"];

/// Whether Velero, or a controller after the restore, creates another object in place of this one.
fn is_derived(resource: &Resource, object: &Value) -> bool {
    let owned = || list(object, "/metadata/ownerReferences").iter().any(|o| o["controller"] == true);
    DERIVED.contains(&resource.plural) && (resource.plural == "endpointslices" || owned())
}

/// Velero does not restore pods and Jobs that have ended.
fn has_ended(resource: &Resource, object: &Value) -> bool {
    match resource.plural {
        "pods" => fields::is_finished(object),
        "jobs" => !text(object, "/status/completionTime").is_empty(),
        _ => false,
    }
}

/// The resource that a restore leaves out if it fails partially.
const LOST: &str = "services";

pub(super) fn restore(state: &mut State, name: &str, restore: &Value) {
    let now = now(state);
    let source = text(restore, "/spec/backupName").to_owned();
    match text(restore, "/status/phase") {
        "" if state.store.get("backups", "velero", &source).is_none() => {
            invalid(state, "restores", name, &format!("Error retrieving backup: can't find backup velero/{source}"));
        }
        "" if state.nonsense("vault") == Some(Nonsense::Gone) => {
            let why = "the BSL default is unavailable, cannot retrieve the backup. please try again later";
            invalid(state, "restores", name, why);
        }
        "" => match modifiers::rules(state, restore) {
            Err(why) => invalid(state, "restores", name, &why),
            Ok(_) => {
                phase(state, "restores", name, "InProgress", |s| s["startTimestamp"] = now.into());
                next(state, "restores", name, state.settings.restore);
            }
        },
        "InProgress" => match state.velero.restoring.get(name).cloned() {
            None => begin(state, name, restore, &source),
            Some(done) if done.at_us <= state.now_us => finish(state, name, done),
            Some(_) => {}
        },
        _ => {}
    }
}

/// A restore whose objects exist, and whose volumes are being filled.
#[derive(Clone, Debug)]
pub(super) struct Filling {
    at_us: u64,
    items: usize,
    /// What could not be restored, in the words of Velero.
    errors: Vec<String>,
}

/// Restores the objects first. Their pods wait for the files.
fn begin(state: &mut State, name: &str, restore: &Value, source: &str) {
    let errs = state.errs() || state.restores_fail();
    let Some((items, mut errors)) = create_objects(state, name, restore, source, if errs { LOST } else { "" }) else {
        phase(state, "restores", name, "Failed", |s| {
            s["failureReason"] = "the backup's data is not in the object store".into()
        });
        return;
    };
    errors.extend(errs.then(|| format!("error restoring {LOST}: simulated")));
    let takes = fill(state, name, restore, source);
    let at_us = state.now_us + takes.as_micros() as u64;
    state.velero.restoring.insert(name.to_owned(), Filling { at_us, items, errors });
    next(state, "restores", name, takes);
}

fn finish(state: &mut State, name: &str, done: Filling) {
    state.velero.restoring.remove(name);
    let now = now(state);
    let errs = !done.errors.is_empty();
    if errs {
        let why = json!({"namespaces": {"shop": done.errors}});
        state.backup_store.went_wrong(name, why);
    }
    phase(state, "restores", name, if errs { "PartiallyFailed" } else { "Completed" }, |s| {
        s["completionTimestamp"] = now.into();
        s["progress"] = json!({"totalItems": done.items, "itemsRestored": done.items});
        // kube-root-ca.crt always exists already, which Velero counts as a warning.
        s["warnings"] = 1.into();
        s["errors"] = done.errors.len().into();
    });
}

/// Restores the files of one volume after another. Returns how long this takes.
fn fill(state: &mut State, name: &str, restore: &Value, source: &str) -> Duration {
    let included = list(restore, "/spec/includedNamespaces").to_vec();
    let kept = state.backup_store.backup(source).map(|k| k.volumes.clone()).unwrap_or_default();
    let mut takes = Duration::ZERO;
    for volume in
        kept.iter().filter(|v| v["backupMethod"] == "PodVolumeBackup" && included.contains(&v["pvcNamespace"]))
    {
        let home = mapped(restore, text(volume, "/pvcNamespace"));
        let claim = text(volume, "/pvcName");
        let object = json!({"metadata": {"name": format!("{name}-{claim}"), "namespace": "velero",
                "labels": {"velero.io/restore-name": name}},
            "spec": {"pod": {"namespace": home}}, "status": {"phase": "InProgress"}});
        let now = state.wall();
        state.store.create(resources::known("podvolumerestores"), object, now);
        takes += state.settings.volume;
        state.filling.insert((home, claim.to_owned()));
        state.schedule(takes, Timer::VolumeFilled(name.to_owned(), claim.to_owned()));
    }
    takes
}

/// The files of a volume are restored, so its pod may start.
pub(in crate::sim) fn filled(state: &mut State, restore: &str, claim: &str) {
    let name = format!("{restore}-{claim}");
    let Some(object) = state.store.get("podvolumerestores", "velero", &name).cloned() else { return };
    state.filling.remove(&(text(&object, "/spec/pod/namespace").to_owned(), claim.to_owned()));
    phase(state, "podvolumerestores", &name, "Completed", |s| s["progress"] = json!({"totalBytes": 1, "bytesDone": 1}));
}

/// Creates the objects that do not exist. Existing objects stay as they are. If the restore fails partially, the
/// resource `lost` is left out.
fn create_objects(
    state: &mut State,
    name: &str,
    restore: &Value,
    source: &str,
    lost: &str,
) -> Option<(usize, Vec<String>)> {
    let kept = state.backup_store.backup(source)?;
    let included: Vec<&str> = list(restore, "/spec/includedNamespaces").iter().filter_map(Value::as_str).collect();
    let excluded: Vec<&str> = list(restore, "/spec/excludedResources").iter().filter_map(Value::as_str).collect();
    for ((namespace, claim), content) in &kept.contents {
        let home = mapped(restore, namespace);
        if included.contains(&namespace.as_str()) && state.store.get("persistentvolumeclaims", &home, claim).is_none() {
            let content = state.brought_back(namespace, claim, content.clone());
            state.promised.insert((home, claim.clone()), content);
        }
    }
    let rules = modifiers::rules(state, restore).unwrap_or_default();
    let selector = restore.pointer("/spec/labelSelector").and_then(|s| fields::selector(Some(s)));
    let (mut made, mut errors) = (0, vec![]);
    for object in &kept.objects {
        let Some(resource) = resources::of_kind(text(object, "/kind")) else { continue };
        let full = resource.full();
        if resource.plural == lost
            || is_derived(resource, object)
            || has_ended(resource, object)
            || excluded.iter().any(|e| *e == resource.plural || *e == full)
            || selector.as_ref().is_some_and(|s| !fields::selects(s, object))
        {
            continue;
        }
        match put_back(state, name, restore, (resource, object), &included, &rules) {
            Ok(new) => made += usize::from(new),
            Err(why) => errors.push(format!("error restoring {}: {why}", fields::name(object))),
        }
    }
    Some((made, errors))
}

/// The namespace into which a restore puts the objects of a namespace.
fn mapped(restore: &Value, namespace: &str) -> String {
    let pointer = format!("/spec/namespaceMapping/{namespace}");
    restore.pointer(&pointer).and_then(Value::as_str).unwrap_or(namespace).to_owned()
}

fn put_back(
    state: &mut State,
    name: &str,
    restore: &Value,
    (resource, object): (&'static Resource, &Value),
    included: &[&str],
    rules: &[Rule],
) -> Result<bool, String> {
    let mut copy = object.clone();
    let map = |namespace: &str| mapped(restore, namespace);
    let mut home = String::new();
    if resource.namespaced {
        if !included.contains(&fields::namespace(object)) {
            return Ok(false);
        }
        home = map(fields::namespace(object));
        copy["metadata"]["namespace"] = home.clone().into();
    } else if resource.plural == "namespaces" {
        copy["metadata"]["name"] = map(fields::name(object)).into();
    } else {
        // A deleted volume is provisioned again by its class.
        return Ok(false);
    }
    let own = fields::name(&copy).to_owned();
    if state.store.get(resource.plural, &home, &own).is_some() {
        return Ok(false);
    }
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "ownerReferences"] {
        if let Some(meta) = copy["metadata"].as_object_mut() {
            meta.remove(field);
        }
    }
    copy["metadata"]["labels"]["velero.io/restore-name"] = name.into();
    copy["metadata"]["labels"]["velero.io/backup-name"] = restore["spec"]["backupName"].clone();
    if resource.plural == "persistentvolumeclaims" {
        copy["status"] = json!({"phase": "Pending"});
        // If the volume is gone, a new one is provisioned, with or without the captured content.
        let volume = text(&copy, "/spec/volumeName").to_owned();
        let captured = state.promised.contains_key(&(home.clone(), own.clone()));
        let moved = home != fields::namespace(object);
        if (captured || moved || state.store.get("persistentvolumes", "", &volume).is_none())
            && let Some(spec) = copy["spec"].as_object_mut()
        {
            spec.remove("volumeName");
        }
    } else if let Some(fields) = copy.as_object_mut() {
        fields.remove("status");
    }
    if resource.plural == "namespaces" {
        copy["status"] = json!({"phase": "Active"});
    }
    if resource.plural == "pods"
        && let Some(spec) = copy["spec"].as_object_mut()
    {
        // The scheduler chooses the node again.
        spec.remove("nodeName");
    }
    if resource.plural == "services" {
        service(&mut copy);
    }
    modifiers::apply(rules, &resource.full(), object, &mut copy);
    if resource.plural == "services" {
        admission::defaults(resource, &mut copy, state);
        security::service_refused(&copy).map_or(Ok(()), Err)?;
    }
    let now = state.wall();
    state.store.create(resource, copy, now);
    Ok(true)
}

/// Removes the addresses and ports of a Service, because Velero lets the cluster assign others.
fn service(copy: &mut Value) {
    let Some(spec) = copy["spec"].as_object_mut() else { return };
    for address in ["clusterIP", "clusterIPs"] {
        if spec.get("clusterIP").and_then(Value::as_str) != Some("None") {
            spec.remove(address);
        }
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.remove("nodePort");
        }
    }
}
