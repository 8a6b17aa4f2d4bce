//! What steps find out: later steps, the undo and the verdict read it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AcceptedLoss, Capture, Difference, MayBeLost, few};

/// At most this many losses of a deletion are named.
const NAMED: usize = 40;

/// What a step found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "there is one for a step, and its event holds it in a box")]
pub enum StepResult {
    /// Of a backup.
    Backup(BackupMade),
    /// Of the deletion of a namespace.
    Deletion(NamespaceLost),
    /// Of a restore.
    Restore(Restored),
    /// Of a drain.
    Drain(Drained),
}

impl StepResult {
    /// What a restore brought, if it was one.
    pub fn restored(&self) -> Option<&Restored> {
        match self {
            Self::Restore(restored) => Some(restored),
            _ => None,
        }
    }

    /// What a deletion cost, if it was one.
    pub fn deletion(&self) -> Option<&NamespaceLost> {
        match self {
            Self::Deletion(lost) => Some(lost),
            _ => None,
        }
    }
}

/// Checksum by file, by claim.
pub type Checksums = BTreeMap<String, BTreeMap<String, String>>;

/// A backup that Velero made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupMade {
    /// Its name.
    pub backup: String,
    /// Namespaces in it.
    pub namespaces: Vec<String>,
    /// When Velero began it.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// When Velero finished it.
    #[serde(default)]
    pub completed: Option<Timestamp>,
    /// When Velero deletes it.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// Objects in it.
    #[serde(default)]
    pub items: Option<u64>,
    /// What it holds of each volume.
    pub volumes: Vec<VolumeInfo>,
    /// How volumes were captured.
    pub capture: Capture,
    /// Of files that did not change while it was made, by namespace.
    pub checksums: BTreeMap<String, Checksums>,
    /// Files that changed while it was made, by namespace and claim: no restore is held to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Why volumes cannot be read in this place.
    #[serde(default)]
    pub unreadable: Option<String>,
}

/// What a backup holds of one volume.
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
    /// Whether it is there as a snapshot.
    pub fn is_snapshot(&self) -> bool {
        self.backup_method.to_ascii_lowercase().contains("snapshot")
    }

    /// Whether the content is in the backup.
    pub fn is_captured(&self) -> bool {
        !self.skipped && !self.backup_method.is_empty() && !self.result.eq_ignore_ascii_case("failed")
    }
}

/// A namespace that was deleted, and what became of its volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceLost {
    /// The namespace.
    pub namespace: String,
    /// The backup that holds it.
    pub backup: String,
    /// Each volume with its phase, or `deleted`.
    pub volumes: Vec<String>,
    /// How many of its objects were compared with the backup before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<u64>,
    /// Microseconds from the start of that comparison to the delete request. A change in this time is not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_us: Option<u64>,
    /// Losses that the scenario accepts under `mayBeLost`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<AcceptedLoss>,
}

impl std::fmt::Display for NamespaceLost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let volumes = if self.volumes.is_empty() { "none".to_owned() } else { self.volumes.join(", ") };
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

/// A restore that ran to its end, and what it brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The Restore.
    pub restore: String,
    /// The backup that it was made from.
    pub backup: String,
    /// The namespace in the backup.
    pub namespace: String,
    /// The scratch namespace, or the second cluster's context, where it was not in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// When it was sent, in microseconds since the run began.
    pub sent_us: u64,
    /// When Velero said Completed.
    pub completed_us: u64,
    /// When the workloads were ready.
    pub ready_us: u64,
    /// Velero's warnings.
    #[serde(default)]
    pub warnings: Option<u64>,
    /// Velero's errors.
    #[serde(default)]
    pub errors: Option<u64>,
    /// How many objects of the backup were compared.
    pub objects: u64,
    /// Those that are missing or other than in the backup.
    pub differences: Vec<Difference>,
    /// Claims that the namespace had when the backup was begun.
    #[serde(default)]
    pub claims: Vec<String>,
    /// What Velero says of the volumes.
    pub velero: VolumesDone,
    /// What was read in them.
    pub files: FilesRead,
    /// Ready pods at the end, in words.
    pub ready: String,
    /// Workloads that others scaled down meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaled: Vec<String>,
    /// Objects that the scenario let be lost with the namespace: no difference counts that is theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<MayBeLost>,
    /// Objects of the backup that were not restored on purpose, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// How many of the objects compared those are: what a controller makes of others is not compared.
    #[serde(default)]
    pub left_out_of_compared: u64,
    /// Whether a namespace beside production was seen to be cut off from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
}

/// Whether pods restored beside production could reach production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Isolation {
    /// What could be reached without the policy could not be reached with it.
    Proven {
        /// What was tried, and from where.
        tried: String,
    },
    /// That was not seen.
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
    /// Its nodes, in order.
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
    /// How often a budget refused one.
    pub refused: u32,
    /// Pods that are still there, but for those that no drain evicts.
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
    pub why: super::Told,
}

impl std::fmt::Display for PodLeft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}: {}", self.namespace, self.pod, self.why)
    }
}

impl Restored {
    /// Objects of the backup that are not there.
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
    /// PodVolumeRestores that were made.
    pub restores: u64,
    /// Those of them that ran to the last byte.
    pub completed: u64,
    /// How many of the volumes are in the backup by snapshot: Velero makes no record of their restore.
    #[serde(default)]
    pub snapshots: u64,
}

/// What a look into the volumes found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "read", rename_all = "camelCase")]
pub enum FilesRead {
    /// Nobody can look here.
    Unreadable {
        /// Why.
        why: String,
    },
    /// There is nothing to compare with: no checksums were taken before.
    NothingBefore {
        /// Volumes that were read.
        volumes: u64,
        /// Files in them.
        files: u64,
    },
    /// Compared with the checksums taken before.
    Compared {
        /// Volumes.
        volumes: u64,
        /// Files.
        files: u64,
        /// Those that are not as before.
        wrong: Vec<FileWrong>,
        /// Files that changed while the backup was made, which are not compared.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<String>,
    },
}

impl FilesRead {
    /// Files that are not as before.
    pub fn wrong(&self) -> &[FileWrong] {
        match self {
            Self::Compared { wrong, .. } => wrong,
            _ => &[],
        }
    }
}

/// A file that is not as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileWrong {
    /// The claim.
    pub claim: String,
    /// The file.
    pub file: String,
    /// Whether it is gone; else its content differs.
    pub missing: bool,
}

impl std::fmt::Display for FileWrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.missing { "is missing" } else { "differs" };
        write!(f, "{}: {} {what}", self.claim, self.file)
    }
}
