//! Claims and volumes: volumes are provisioned by their class, bound, released and reclaimed. It also keeps what is
//! written on them. Read [`changed`] and [`provision`] first.

use std::time::Duration;

use super::{
    super::{
        fields::{self, text},
        resources,
        state::{State, Timer},
        value::{Value, json},
    },
    Changes, of,
};

/// From the creation of a claim until its volume exists (measured on local-path: under two seconds).
const PROVISION: Duration = Duration::from_millis(1200);

pub(super) fn changed(state: &mut State, changes: &Changes) {
    for (key, claim) in of(changes, "persistentvolumeclaims") {
        match state.store.get("persistentvolumeclaims", &key.1, &key.2).cloned() {
            Some(now) if fields::is_terminating(&now) => release_if_unused(state, &now),
            Some(now) if text(&now, "/status/phase") == "Pending" => {
                state.schedule(PROVISION, Timer::Claim(key.1.to_string(), key.2.to_string()));
            }
            Some(_) => {}
            None => reclaim(state, claim),
        }
    }
    // A pod that is gone may have been the last one that used a claim.
    let namespaces: std::collections::BTreeSet<&str> = of(changes, "pods").map(|(k, _)| k.1.as_str()).collect();
    for namespace in namespaces {
        let ending: Vec<_> = state
            .store
            .within("persistentvolumeclaims", namespace)
            .filter(|c| fields::is_terminating(c))
            .cloned()
            .collect();
        for claim in ending {
            release_if_unused(state, &claim);
        }
    }
}

fn release_if_unused(state: &mut State, claim: &Value) {
    let (namespace, name) = (fields::namespace(claim), fields::name(claim));
    let used = state
        .store
        .within("pods", namespace)
        .any(|p| fields::list(p, "/spec/volumes").iter().any(|v| text(v, "/persistentVolumeClaim/claimName") == name));
    if !used {
        state.store.remove("persistentvolumeclaims", namespace, name);
    }
}

/// Binds a waiting claim to the volume that it names, or to a new volume.
pub(super) fn provision(state: &mut State, namespace: &str, name: &str) {
    let Some(claim) = state.store.get("persistentvolumeclaims", namespace, name).cloned() else { return };
    if fields::is_terminating(&claim) || text(&claim, "/status/phase") != "Pending" {
        return;
    }
    let named = text(&claim, "/spec/volumeName").to_owned();
    let volume = if named.is_empty() {
        let volume = format!("pvc-{}", fields::uid(&claim));
        create(state, &claim, &volume);
        volume
    } else {
        let owner = state.store.get("persistentvolumes", "", &named).map(|v| text(v, "/spec/claimRef/uid").to_owned());
        // A retained volume still refers to the lost claim, so the new claim stays Pending for ever.
        if owner.is_none_or(|uid| !uid.is_empty() && uid != fields::uid(&claim)) {
            return;
        }
        named
    };
    let uid = fields::uid(&claim).to_owned();
    state.store.edit("persistentvolumes", "", &volume, |v| {
        v["spec"]["claimRef"] =
            json!({"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name, "uid": uid});
        v["status"]["phase"] = "Bound".into();
    });
    if let Some(content) = state.promised.remove(&(namespace.to_owned(), name.to_owned())) {
        state.contents.insert(volume.clone(), content);
    }
    state.store.edit("persistentvolumeclaims", namespace, name, |c| {
        c["spec"]["volumeName"] = volume.into();
        c["status"]["phase"] = "Bound".into();
    });
}

fn create(state: &mut State, claim: &Value, name: &str) {
    let class = text(claim, "/spec/storageClassName").to_owned();
    let kind = state.store.get("storageclasses", "", &class).cloned();
    let policy = kind.as_ref().map_or("Delete", |c| text(c, "/reclaimPolicy"));
    let source = kind.as_ref().map_or("csi", |c| text(c, "/parameters/source"));
    let mut spec = json!({"persistentVolumeReclaimPolicy": if policy.is_empty() { "Delete" } else { policy },
        "storageClassName": class, "capacity": claim["spec"]["resources"]["requests"], "accessModes": ["ReadWriteOnce"]});
    match source {
        "hostPath" => spec["hostPath"] = json!({"path": format!("/var/volumes/{name}")}),
        "local" => spec["local"] = json!({"path": format!("/var/volumes/{name}")}),
        _ => spec["csi"] = json!({"driver": "simulated.csi", "volumeHandle": name}),
    }
    let object = json!({"metadata": {"name": name}, "spec": spec, "status": {"phase": "Available"}});
    let now = state.wall();
    state.store.create(resources::known("persistentvolumes"), object, now);
}

/// Handles the volume of a claim that is gone: removes it, or keeps it with its reference to the claim.
fn reclaim(state: &mut State, claim: &Value) {
    let volume = text(claim, "/spec/volumeName").to_owned();
    let Some(object) = state.store.get("persistentvolumes", "", &volume).cloned() else { return };
    if text(&object, "/spec/claimRef/uid") != fields::uid(claim) {
        return;
    }
    if text(&object, "/spec/persistentVolumeReclaimPolicy") == "Retain" {
        state.store.edit("persistentvolumes", "", &volume, |v| v["status"]["phase"] = "Released".into());
    } else {
        state.contents.remove(&volume);
        state.store.remove("persistentvolumes", "", &volume);
    }
}

/// The name of the volume of a claim.
pub(in crate::sim) fn volume_of(state: &State, namespace: &str, claim: &str) -> String {
    state
        .store
        .get("persistentvolumeclaims", namespace, claim)
        .map(|c| text(c, "/spec/volumeName").to_owned())
        .unwrap_or_default()
}

/// Lets an application write to its empty volume when it runs for the first time. It never writes again, so it does not
/// replace what a restore has lost.
pub(in crate::sim) fn write_first(state: &mut State, pod: &Value) {
    let namespace = fields::namespace(pod).to_owned();
    for mounted in fields::list(pod, "/spec/volumes") {
        let claim = text(mounted, "/persistentVolumeClaim/claimName");
        let volume = volume_of(state, &namespace, claim);
        let restored = state
            .store
            .get("persistentvolumeclaims", &namespace, claim)
            .is_some_and(|c| fields::labels(c).contains_key("velero.io/restore-name"));
        let written = state.contents.get(&volume).is_some_and(|c| !c.file.is_empty());
        if !volume.is_empty() && !restored && !written {
            let file = format!("{:016x}{:016x}", state.dice.next(), state.dice.next());
            state.contents.entry(volume).or_default().file = file;
        }
    }
}

/// What a pod prints that reads the checksums of the volumes that it mounts.
pub(in crate::sim) fn checksums(state: &State, namespace: &str, pod: &str) -> String {
    let Some(pod) = state.store.get("pods", namespace, pod) else { return String::new() };
    let mut lines = String::from("begin\n");
    for mounted in fields::list(pod, "/spec/volumes") {
        let volume = volume_of(state, namespace, text(mounted, "/persistentVolumeClaim/claimName"));
        if let Some(content) = state.contents.get(&volume).filter(|c| !c.file.is_empty()) {
            lines.push_str(&format!("{}  ./data\n", content.file));
        }
    }
    lines + "end\n"
}
