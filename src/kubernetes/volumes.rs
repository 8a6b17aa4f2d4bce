//! What happens to a volume when its claim is deleted and restored. It depends on the reclaim policy and on whether
//! the backup has the content; the cases were measured with Velero 1.18.

use std::fmt;

use super::objects::{Claim, Pod, Volume};
use crate::model::Capture;

/// The state of a volume after a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeFate {
    /// The content comes back from the backup.
    Restored,
    /// The claim is bound to a new and empty volume, and the restore reports Completed.
    Empty,
    /// The claim stays Pending forever: the old volume still refers to the old claim.
    Pending,
}

/// The state after a restore, from the reclaim policy and from whether the backup has the content.
pub fn fate(reclaim_policy: &str, captured: bool) -> VolumeFate {
    match (captured, reclaim_policy) {
        (true, _) => VolumeFate::Restored,
        (false, "Retain") => VolumeFate::Pending,
        (false, _) => VolumeFate::Empty,
    }
}

/// Why a backup will not have the content of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncopied {
    /// It is not bound to a known volume.
    NoVolume,
    /// The backup does not capture volumes.
    NoCapture,
    /// A hostPath volume.
    HostPath,
    /// A local volume, which has no snapshots.
    Local,
    /// An annotation of its pod excludes it.
    OptedOut,
    /// A label excludes its pod from backups, and the volume with it.
    PodLeftOut,
    /// No pod mounts it: Velero copies files through the pod that uses the volume.
    NotMounted,
}

impl fmt::Display for Uncopied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoVolume => "it is not bound to a known volume",
            Self::NoCapture => "the backup does not capture volumes",
            Self::HostPath => "it is a hostPath volume, which Velero skips without an error",
            Self::Local => "it is a local volume, which has no snapshots",
            Self::OptedOut => "its pod excludes it with the annotation backup.velero.io/backup-volumes-excludes",
            Self::PodLeftOut => "its pod is excluded from backups by the label velero.io/exclude-from-backup",
            Self::NotMounted => "no pod mounts it, and Velero copies files only from volumes that a pod has mounted",
        })
    }
}

/// Why a backup with this capture method will miss the content of a claim; none if it will not. `pods` are those that
/// mount the claim, or all pods of its namespace.
pub fn uncopied<'a>(
    capture: Capture,
    claim: &Claim,
    volume: Option<&Volume>,
    pods: impl IntoIterator<Item = &'a Pod>,
) -> Option<Uncopied> {
    let Some(volume) = volume else { return Some(Uncopied::NoVolume) };
    match capture {
        Capture::None => Some(Uncopied::NoCapture),
        _ if volume.spec.host_path.is_some() => Some(Uncopied::HostPath),
        Capture::Snapshot => volume.spec.local.is_some().then_some(Uncopied::Local),
        Capture::FileSystem => {
            let name = claim.metadata.name.as_str();
            let users: Vec<&Pod> =
                pods.into_iter().filter(|p| !p.is_finished() && p.claims().contains(&name)).collect();
            if users.is_empty() {
                Some(Uncopied::NotMounted)
            } else if users.iter().all(|p| is_left_out(p)) {
                Some(Uncopied::PodLeftOut)
            } else {
                users.iter().any(|p| leaves_out(p, name)).then_some(Uncopied::OptedOut)
            }
        }
    }
}

/// Whether a pod has the label that excludes it from backups.
fn is_left_out(pod: &Pod) -> bool {
    pod.metadata.labels.get("velero.io/exclude-from-backup").is_some_and(|v| v == "true")
}

/// A claim whose content a restore would not bring back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncovered {
    /// `NAMESPACE/NAME`.
    pub claim: String,
    /// Why the backup does not have it.
    pub why: Uncopied,
    /// The reclaim policy of its volume; none if it is not bound to a known volume.
    pub policy: Option<String>,
}

impl fmt::Display for Uncovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (claim, why) = (&self.claim, &self.why);
        let Some(policy) = &self.policy else {
            return write!(
                f,
                "claim {claim} is not bound to a known volume, so it is unknown what a restore would bring back"
            );
        };
        let fate = match fate(policy, false) {
            VolumeFate::Pending => "stay Pending forever",
            VolumeFate::Empty | VolumeFate::Restored => "come back EMPTY",
        };
        write!(f, "claim {claim} would {fate}: {why} (reclaim policy {policy})")
    }
}

/// Whether a pod excludes this claim from backups.
fn leaves_out(pod: &Pod, claim: &str) -> bool {
    let Some(names) = pod.metadata.annotations.get("backup.velero.io/backup-volumes-excludes") else { return false };
    let mut names = names.split(',').map(str::trim);
    let volume = pod
        .spec
        .volumes
        .iter()
        .find(|v| v.pointer("/persistentVolumeClaim/claimName").and_then(|c| c.as_str()) == Some(claim));
    volume.and_then(|v| v.get("name")?.as_str()).is_some_and(|volume| names.any(|n| n == volume))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn a_claim_is_copied_only_where_velero_can_copy_it() {
        let claim: Claim = from_value(json!({"metadata": {"name": "data"}})).expect("a claim");
        let volume = |spec| from_value::<Volume>(json!({ "spec": spec })).expect("a volume");
        let csi = volume(json!({}));
        let pod = |excludes: &str| {
            from_value::<Pod>(
                json!({"metadata": {"annotations": {"backup.velero.io/backup-volumes-excludes": excludes}},
                "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
                "status": {"phase": "Running"}}),
            )
            .expect("a pod")
        };
        let ask = |capture, volume: Option<&Volume>, pods: &[Pod]| uncopied(capture, &claim, volume, pods);
        assert_eq!(ask(Capture::FileSystem, Some(&csi), &[pod("")]), None);
        assert_eq!(ask(Capture::FileSystem, Some(&csi), &[pod("a, v")]), Some(Uncopied::OptedOut));
        assert_eq!(ask(Capture::FileSystem, Some(&csi), &[]), Some(Uncopied::NotMounted));
        let mut excluded = pod("");
        excluded.metadata.labels =
            std::sync::Arc::new([("velero.io/exclude-from-backup".into(), "true".into())].into());
        assert_eq!(ask(Capture::FileSystem, Some(&csi), &[excluded]), Some(Uncopied::PodLeftOut));
        assert_eq!(ask(Capture::Snapshot, Some(&csi), &[]), None);
        assert_eq!(ask(Capture::Snapshot, Some(&volume(json!({"local": {}}))), &[]), Some(Uncopied::Local));
        assert_eq!(
            ask(Capture::FileSystem, Some(&volume(json!({"hostPath": {}}))), &[pod("")]),
            Some(Uncopied::HostPath)
        );
        assert_eq!(ask(Capture::None, Some(&csi), &[pod("")]), Some(Uncopied::NoCapture));
        assert_eq!(ask(Capture::Snapshot, None, &[]), Some(Uncopied::NoVolume));
    }
}
