//! What a backup captures of objects and volumes, and what it silently does not.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::sim::{
    fields::{self, list, text},
    state::State,
    vault::Kept,
};

/// What it does not back up.
const LEFT_OUT: [&str; 2] = ["events", "leases"];

/// Takes the picture.
pub(super) fn take(state: &mut State, name: &str, backup: &Value) {
    let mut kept = Kept::default();
    for namespace in list(backup, "/spec/includedNamespaces").iter().filter_map(Value::as_str) {
        kept.objects.extend(state.store.get("namespaces", "", namespace).map(|o| (**o).clone()));
        for (resource, object) in state.store.content_of(namespace) {
            let excluded = fields::labels(&object).get("velero.io/exclude-from-backup").is_some_and(|v| v == "true");
            if !excluded && !LEFT_OUT.contains(&resource.plural) {
                kept.objects.push((*object).clone());
            }
        }
        let claims: Vec<Arc<Value>> = state.store.within("persistentvolumeclaims", namespace).cloned().collect();
        for claim in claims {
            let volume = state.store.get("persistentvolumes", "", text(&claim, "/spec/volumeName")).cloned();
            let captured = capture(state, &claim, volume.as_deref(), backup);
            if captured.as_ref().is_some_and(|info| info["skipped"] == false)
                && let Some(content) = state.contents.get(text(&claim, "/spec/volumeName"))
            {
                kept.contents.insert((namespace.to_owned(), fields::name(&claim).to_owned()), content.clone());
            }
            kept.volumes.extend(captured);
            kept.objects.extend(volume.map(|v| (*v).clone()));
        }
    }
    state.vault.backups.insert(name.to_owned(), kept);
}

/// What becomes of one volume's content; none where Velero says nothing at all.
fn capture(state: &State, claim: &Value, volume: Option<&Value>, backup: &Value) -> Option<Value> {
    let volume = volume?;
    let flag = |pointer: &str| backup.pointer(pointer) == Some(&Value::Bool(true));
    let (files, snapshots) = (flag("/spec/defaultVolumesToFsBackup"), flag("/spec/snapshotVolumes"));
    let host_path = volume.pointer("/spec/hostPath").is_some();
    let csi = volume.pointer("/spec/csi").is_some();
    let mounted = state.store.within("pods", fields::namespace(claim)).any(|p| {
        text(p, "/status/phase") == "Running"
            && list(p, "/spec/volumes")
                .iter()
                .any(|v| text(v, "/persistentVolumeClaim/claimName") == fields::name(claim))
    });
    // Velero's file-system backup passes over hostPath volumes without a word.
    if files && (host_path || !mounted) || state.is_passed_over(fields::namespace(claim), fields::name(claim)) {
        return None;
    }
    let (method, skipped, why) = if files {
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
