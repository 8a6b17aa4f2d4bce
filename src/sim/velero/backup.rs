//! What a backup captures of objects and volumes, and what it leaves out without a message. When a backup runs is
//! decided in `queue`. Read [`capture_backup`] first.

use std::sync::Arc;

use crate::sim::value::{Value, json};

use super::filter::{Filter, is_excluded};
use crate::sim::{
    backup_store::StoredBackup,
    fields::{self, list, text},
    resources,
    state::State,
};

/// Copies the objects and the volumes of a backup into the object store.
pub(super) fn capture_backup(state: &mut State, name: &str, backup: &Value) {
    let mut kept = StoredBackup::default();
    let filter = Filter::of(backup);
    let all = state.store.all("namespaces").map(|n| fields::name(n).to_owned()).collect();
    for namespace in filter.namespaces(all) {
        kept.objects.extend(state.store.get("namespaces", "", &namespace).map(|o| (**o).clone()));
        for (resource, object) in state.store.content_of(&namespace) {
            if filter.takes(resource, &object) {
                kept.objects.push((*object).clone());
            }
        }
        let claims: Vec<Arc<Value>> = state.store.within("persistentvolumeclaims", &namespace).cloned().collect();
        for claim in claims.into_iter().filter(|c| filter.takes(resources::known("persistentvolumeclaims"), c)) {
            let volume = state.store.get("persistentvolumes", "", text(&claim, "/spec/volumeName")).cloned();
            let captured = capture(state, &claim, volume.as_deref(), backup);
            if captured.as_ref().is_some_and(|info| info["skipped"] == false)
                && let Some(content) = state.contents.get(text(&claim, "/spec/volumeName"))
            {
                kept.contents.insert((namespace.clone(), fields::name(&claim).to_owned()), content.clone());
            }
            kept.volumes.extend(captured);
            kept.objects.extend(volume.map(|v| (*v).clone()));
        }
    }
    state.backup_store.keep(name, kept);
}

/// How the content of a volume is captured. None if Velero does not mention the volume at all.
fn capture(state: &State, claim: &Value, volume: Option<&Value>, backup: &Value) -> Option<Value> {
    let volume = volume?;
    let flag = |pointer: &str| backup.pointer(pointer) == Some(&Value::Bool(true));
    let (files, snapshots) = (flag("/spec/defaultVolumesToFsBackup"), flag("/spec/snapshotVolumes"));
    let host_path = volume.pointer("/spec/hostPath").is_some();
    let csi = volume.pointer("/spec/csi").is_some();
    // Velero copies the files of a volume when it backs up the pod that uses it.
    let copied = |p: &&Arc<Value>| text(p, "/status/phase") == "Running" && !is_excluded(p);
    let running = state.store.within("pods", fields::namespace(claim)).filter(copied);
    let mounts: Vec<bool> = running.flat_map(|pod| mounts(pod, fields::name(claim))).collect();
    let (mounted, opted_out) = (!mounts.is_empty(), mounts.contains(&true));
    // The file-system backup of Velero skips hostPath volumes without a message.
    if files && (host_path || !mounted) || state.is_passed_over(fields::namespace(claim), fields::name(claim)) {
        return None;
    }
    let (method, skipped, why) = if files && opted_out {
        ("", true, "podvolume: opted out due to annotation in pod;")
    } else if files {
        ("PodVolumeBackup", false, "")
    } else if snapshots && csi {
        ("CSISnapshot", false, "")
    } else {
        ("", true, "podvolume: opted out; volumeSnapshot: no applicable volumesnapshotter found;")
    };
    Some(
        json!({"pvcName": fields::name(claim), "pvcNamespace": fields::namespace(claim), "pvName": fields::name(volume),
        "backupMethod": method, "skipped": skipped, "skippedReason": why, "result": if skipped { "" } else { "succeeded" }}),
    )
}

/// For each volume of a pod that uses this claim: whether the pod excludes it from backups.
fn mounts(pod: &Value, claim: &str) -> Vec<bool> {
    let left_out = pod.pointer("/metadata/annotations/backup.velero.io~1backup-volumes-excludes");
    let left_out: Vec<&str> = left_out.and_then(Value::as_str).unwrap_or_default().split(',').map(str::trim).collect();
    let volumes = list(pod, "/spec/volumes").iter();
    volumes
        .filter(|v| text(v, "/persistentVolumeClaim/claimName") == claim)
        .map(|v| left_out.contains(&text(v, "/name")))
        .collect()
}
