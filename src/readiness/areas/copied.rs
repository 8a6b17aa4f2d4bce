//! What a file-system backup copies although it should not.

use super::velero::{SCHEDULE, takes};
use crate::{
    model::{Class, Severity},
    readiness::{
        check::{Check, Needs, RESTORE, Say},
        picture::{Picture, Work},
        values::{list, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[Check {
    id: "BCK-012",
    name: "emptydir-not-copied",
    title: "File-system backups leave emptyDir volumes out",
    severity: Severity::Medium,
    class: Class::Advisory,
    gates: &[RESTORE],
    needs: Needs::Manifests,
    rule: "No emptyDir volume of a workload is copied by a file-system backup: none is named in the annotation backup.velero.io/backup-volumes of its pods, and if a Schedule with defaultVolumesToFsBackup includes the namespace, the annotation backup.velero.io/backup-volumes-excludes names all of them. Without such a Schedule and annotation, nothing is examined.",
    fix: "Name the emptyDir volumes in the annotation backup.velero.io/backup-volumes-excludes of the pods",
    why: "A cache makes the backup large and slow, a file that changes while it is copied makes it PartiallyFailed, and a restored scratch volume can keep the pod from starting.",
    run: copied,
}];

fn copied(p: &Picture<'_>, say: &mut Say) {
    let whole: Vec<_> = p
        .all(SCHEDULE, say)
        .iter()
        .map(|schedule| schedule.at("/spec/template"))
        .filter(|template| template["defaultVolumesToFsBackup"] == true)
        .collect();
    for work in &p.works {
        let named = |key: &str| -> Vec<&str> {
            work.pod_annotation(key).unwrap_or("").split(',').map(str::trim).filter(|n| !n.is_empty()).collect()
        };
        let (chosen, left) =
            (named("backup.velero.io/backup-volumes"), named("backup.velero.io/backup-volumes-excludes"));
        let all = whole.iter().any(|template| takes(template, work.namespace()));
        if !all && chosen.is_empty() {
            continue;
        }
        let taken = |name: &str| chosen.contains(&name) || all && !left.contains(&name);
        let wrong: Vec<&str> = empty(work).filter(|name| taken(name)).collect();
        if wrong.is_empty() {
            say.pass(work);
        } else {
            let text = format!("file-system backups copy its emptyDir volumes {}", wrong.join(", "));
            say.fail(work, format!("{}/volumes", work.pointer), text);
        }
    }
}

/// The emptyDir volumes of a workload.
fn empty<'a>(work: &Work<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let volumes = list(work.spec(), "/volumes").iter();
    volumes.filter(|v| !v["emptyDir"].is_null()).map(|v| text(v, "/name"))
}
