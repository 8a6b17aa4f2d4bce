//! The objects of Velero that several checks of backups read.

use serde_json::Value;

use crate::{
    model::Subject,
    readiness::{check::Say, pattern::glob, picture::Picture, values::words},
};

pub(super) const LOCATION: &str = "BackupStorageLocation.velero.io";
pub(super) const SCHEDULE: &str = "Schedule.velero.io";
pub(super) const BACKUP: &str = "Backup.velero.io";
pub(super) const RESTORED: &str = "Restore.velero.io";
pub(super) const VOLUME: &str = "PodVolumeBackup.velero.io";

/// A day, in seconds.
pub(super) const DAY: i64 = 86_400;

/// Whether a backup (or the template of a schedule) includes a namespace.
pub(super) fn takes(spec: &Value, namespace: &str) -> bool {
    let included = words(spec, "/includedNamespaces");
    let excluded = words(spec, "/excludedNamespaces");
    (included.is_empty() || included.iter().any(|i| glob(i, namespace))) && !excluded.iter().any(|e| glob(e, namespace))
}

/// Whether Velero is installed. If not, reports it.
pub(super) fn installed(p: &Picture<'_>, say: &mut Say) -> bool {
    for key in [LOCATION, SCHEDULE, BACKUP] {
        if let Err(gap) = p.object_set.all(key) {
            say.gap(gap);
            return false;
        }
    }
    if !p.object_set.serves(LOCATION) {
        say.fail(Subject::default(), "", "Velero is not installed: nothing is backed up");
        return false;
    }
    true
}
