//! What steps find out. Later steps, the undo and the verdict read it. Start with [`StepResult`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AcceptedLoss, Capture, Difference, MayBeLost, StepName, Told, few, some};

/// At most this many losses of a deletion are named.
const NAMED: usize = 40;

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "camelCase")]
pub enum StepResult {
    /// The result of a backup.
    Backup(BackupMade),
    /// The result of the deletion of a namespace.
    Deletion(NamespaceLost),
    /// The result of a restore.
    Restore(Restored),
    /// The result of a drain.
    Drain(Drained),
    /// A new backup after a restore.
    Reprotected(Reprotected),
}

impl StepResult {
    /// The result of a restore, if the step was one.
    pub fn restored(&self) -> Option<&Restored> {
        match self {
            Self::Restore(restored) => Some(restored),
            _ => None,
        }
    }

    /// The backup that the step made, if it made one.
    pub fn backup(&self) -> Option<&BackupMade> {
        match self {
            Self::Backup(made) => Some(made),
            Self::Reprotected(after) => Some(&after.made),
            _ => None,
        }
    }

    /// The new backup after a restore, if the step was one.
    pub fn reprotected(&self) -> Option<&Reprotected> {
        match self {
            Self::Reprotected(after) => Some(after),
            _ => None,
        }
    }

    /// The result of a deletion, if the step was one.
    pub fn deletion(&self) -> Option<&NamespaceLost> {
        match self {
            Self::Deletion(lost) => Some(lost),
            _ => None,
        }
    }
}

/// The checksum of each file, for each claim.
pub type Checksums = BTreeMap<String, BTreeMap<String, String>>;

/// A backup that Velero made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupMade {
    /// Its name.
    pub backup: String,
    /// Namespaces that it contains.
    pub namespaces: Vec<String>,
    /// When Velero started it.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// When Velero finished it.
    #[serde(default)]
    pub completed: Option<Timestamp>,
    /// When Velero will delete it.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// Number of objects in it.
    #[serde(default)]
    pub items: Option<u64>,
    /// What it contains of each volume.
    pub volumes: Vec<VolumeInfo>,
    /// How volumes were captured.
    pub capture: Capture,
    /// Checksums of the files that did not change during the backup, by namespace.
    pub checksums: BTreeMap<String, Checksums>,
    /// Files that changed during the backup, by namespace and claim. A restore is not compared with them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Why the files of volumes cannot be read on this cluster.
    #[serde(default)]
    pub unreadable: Option<String>,
}

/// A new backup of a restored namespace, and the labels of the backup that the restore used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reprotected {
    /// The restore step.
    pub after: StepName,
    /// The new backup.
    pub made: BackupMade,
    /// When it was requested, in microseconds since the run began.
    pub sent_us: u64,
    /// When Velero was observed to have completed it.
    pub completed_us: u64,
    /// The backup that the restore used.
    pub used: String,
    /// The labels that were observed on that backup afterwards: run, verdict on the restore, date.
    pub labels: BTreeMap<String, String>,
    /// Why that backup has no labels of this run, although the new backup is complete; none if it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlabelled: Option<Told>,
}

/// What a backup contains of one volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Velero's own fields")]
pub struct VolumeInfo {
    pub pvc_name: String,
    pub pvc_namespace: String,
    pub pv_name: String,
    pub backup_method: String,
    pub skipped: bool,
    pub skipped_reason: String,
    pub result: String,
}

impl VolumeInfo {
    /// Whether it is a snapshot.
    pub fn is_snapshot(&self) -> bool {
        self.backup_method.to_ascii_lowercase().contains("snapshot")
    }

    /// Whether the backup contains the content of the volume.
    pub fn is_captured(&self) -> bool {
        !self.skipped && !self.backup_method.is_empty() && !self.result.eq_ignore_ascii_case("failed")
    }
}

/// A namespace that was deleted, and the state of its volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceLost {
    /// The namespace.
    pub namespace: String,
    /// The backup that contains it.
    pub backup: String,
    /// Each volume with its phase, or `deleted`.
    pub volumes: Vec<String>,
    /// How many of its objects were compared with the backup before the deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<u64>,
    /// Microseconds from the start of that comparison to the delete request. A change during this time is not noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_us: Option<u64>,
    /// Losses that the scenario accepts under `mayBeLost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<AcceptedLoss>,
}

impl std::fmt::Display for NamespaceLost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let volumes = some(&self.volumes);
        let volumes = if volumes.is_empty() { "none" } else { &volumes };
        write!(f, "{} is gone; volumes: {volumes}", self.namespace)?;
        if let (Some(compared), Some(unseen)) = (self.compared, self.unseen_us) {
            let seconds = unseen as f64 / 1e6;
            write!(f, "; {compared} objects compared with backup {}, {seconds:.1} s before the delete", self.backup)?;
        }
        if !self.lost.is_empty() {
            write!(f, "; lost, as the scenario allows: {}", few(self.lost.iter(), NAMED, ("; ", "; and")))?;
        }
        Ok(())
    }
}

/// A restore that completed, and what it restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The Restore.
    pub restore: String,
    /// The backup that it was made from.
    pub backup: String,
    /// The namespace in the backup.
    pub namespace: String,
    /// The scratch namespace, or the context of the second cluster; none if it was restored in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// When it was requested, in microseconds since the run began.
    pub sent_us: u64,
    /// When Velero reported Completed.
    pub completed_us: u64,
    /// When the workloads were ready.
    pub ready_us: u64,
    /// The number of warnings from Velero.
    #[serde(default)]
    pub warnings: Option<u64>,
    /// The number of errors from Velero.
    #[serde(default)]
    pub errors: Option<u64>,
    /// How many objects of the backup were compared.
    pub objects: u64,
    /// The objects that are missing or differ from the backup.
    pub differences: Vec<Difference>,
    /// Claims that the namespace had when the backup started.
    #[serde(default)]
    pub claims: Vec<String>,
    /// What Velero reports about the volumes.
    pub velero: VolumesDone,
    /// What was read in the volumes.
    pub files: FilesRead,
    /// The number of ready pods at the end, as text.
    pub ready: String,
    /// Workloads that were scaled down outside the drill in the meantime.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaled: Vec<String>,
    /// Objects that the scenario allowed to be lost with the namespace: their differences do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<MayBeLost>,
    /// Objects of the backup that were intentionally not restored, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// How many of the compared objects those are. Objects that a controller creates are not compared.
    #[serde(default)]
    pub left_out_of_compared: u64,
    /// Whether a scratch namespace was observed to be isolated from production.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
}

/// Whether pods in a scratch namespace could reach production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Isolation {
    /// What could be reached without the policy could not be reached with it.
    Proven {
        /// What was tried, and from where.
        tried: String,
    },
    /// It was not observed.
    Unproven {
        /// Why.
        why: String,
    },
}

impl std::fmt::Display for Isolation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Proven { tried } => write!(f, "isolation proven: {tried}"),
            Self::Unproven { why } => write!(f, "isolation unproven: {why}"),
        }
    }
}

/// What a drain did on its nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drained {
    /// Its nodes, in the order of the drain.
    pub nodes: Vec<DrainedNode>,
}

/// What a drain did on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainedNode {
    /// The node.
    pub node: String,
    /// Pods whose eviction was granted.
    pub evicted: u32,
    /// How often a budget refused an eviction.
    pub refused: u32,
    /// Pods that are still there, except those that a drain never evicts.
    pub left: Vec<PodLeft>,
}

/// A pod that a drain left on its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodLeft {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Why it is still there.
    pub why: Told,
}

impl std::fmt::Display for PodLeft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}: {}", self.namespace, self.pod, self.why)
    }
}

impl Restored {
    /// Objects of the backup that do not exist.
    pub fn missing(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|d| d.is_missing())
    }
}

/// Velero's own record of the volumes that it restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumesDone {
    /// Claims whose content is in the backup.
    pub held: Vec<String>,
    /// Number of PodVolumeRestores.
    pub restores: u64,
    /// How many of them restored every byte.
    pub completed: u64,
    /// How many volumes the backup contains as snapshots: Velero keeps no record of their restore.
    #[serde(default)]
    pub snapshots: u64,
}

/// The result of reading the files in the volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "read", rename_all = "camelCase")]
pub enum FilesRead {
    /// The files cannot be read on this cluster.
    Unreadable {
        /// Why.
        why: String,
    },
    /// There is nothing to compare with: no checksums were taken before the backup.
    NothingBefore {
        /// Number of volumes that were read.
        volumes: u64,
        /// Number of files in them.
        files: u64,
    },
    /// The files were compared with the checksums of the backup.
    Compared {
        /// Volumes.
        volumes: u64,
        /// Files.
        files: u64,
        /// The files that differ.
        wrong: Vec<FileWrong>,
        /// Files that changed during the backup, which are not compared.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<String>,
        /// Claims that had files, none of which could be compared.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        uncompared: Vec<String>,
    },
}

impl FilesRead {
    /// The files that differ.
    pub fn wrong(&self) -> &[FileWrong] {
        match self {
            Self::Compared { wrong, .. } => wrong,
            _ => &[],
        }
    }
}

/// A file that differs from before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileWrong {
    /// The claim.
    pub claim: String,
    /// The file.
    pub file: String,
    /// Whether it is missing. If not, its content differs.
    pub missing: bool,
}

impl std::fmt::Display for FileWrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.missing { "is missing" } else { "differs" };
        write!(f, "{}: {} {what}", self.claim, self.file)
    }
}
