//! Backups: the store, the schedules, how long and how far away they last.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say, ZONE},
        look::{ago, host, seconds, words},
        picture::{Picture, Work},
        review::glob,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "BCK-001",
        name: "backup-storage-available",
        title: "Velero runs and its store is Available",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "A Deployment velero is available (one of 0 replicas only where some location was validated within 90 s: then its server runs elsewhere); the node agent is ready where volumes are copied from the file system or moved; a BackupStorageLocation is the default, Available, not ReadOnly, and was validated within five times its validationFrequency (1 min by default); each BackupRepository is Ready.",
        fix: "Repair credentials, bucket or network; name a default storage location",
        why: "Without the store there is nothing to bring back.",
        run: location,
    },
    Check {
        id: "BCK-002",
        name: "schedule-enabled",
        title: "Backups are scheduled and the schedules run",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[REGION, RESTORE],
        needs: Needs::Cluster,
        rule: "There is a Schedule; each is Enabled, not paused, without validation errors, its cron expression can be read, and its last backup is no older than one and a half times its interval.",
        fix: "Schedule backups; unpause what is paused, correct the cron expression and what the validation says",
        why: "A schedule that is paused says nothing, for months.",
        run: schedules,
    },
    Check {
        id: "BCK-005",
        name: "last-backup-clean",
        title: "The last backup of each schedule is clean",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "The newest Backup of each Schedule is Completed without errors and without failed hooks; warnings are medium (a volume that was skipped says so there); one that runs for more than its itemOperationTimeout (4 h by default) fails.",
        fix: "Read its log (velero backup logs NAME) and mend the items or hooks that fail",
        why: "PartiallyFailed means that something does not come back.",
        run: clean,
    },
    Check {
        id: "BCK-007",
        name: "backup-offsite",
        title: "A copy of the backups is outside the failure domain",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE, REGION],
        needs: Needs::Cluster,
        rule: "A storage location's server is no Service of this cluster, and where the nodes name their region, some location is in another one; where a location names no region this is unknown.",
        fix: "Add a second location in another region, snapshotMoveData, object lock",
        why: "Backups that fall with the cluster are none.",
        run: offsite,
    },
    Check {
        id: "BCK-008",
        name: "backup-retention",
        title: "There are several restore points, and they last",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "Each Schedule has at least 3 Completed backups that do not expire within a day.",
        fix: "Raise the ttl; keep 3 points or more",
        why: "The newest one may hold what broke.",
        run: retention,
    },
    Check {
        id: "BCK-011",
        name: "etcd-backup",
        title: "etcd itself is backed up",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[REGION],
        needs: Needs::Cluster,
        rule: "Where the control plane is on nodes of the cluster: an ETCDSnapshotFile of k3s is ready to use, or a CronJob runs etcdctl or etcdutl snapshot and succeeded; else unknown until it is attested. A managed control plane is skipped.",
        fix: "Schedule snapshots of etcd to somewhere else",
        why: "With etcd gone the cluster is an empty one.",
        run: etcd,
    },
];

const LOCATION: &str = "BackupStorageLocation.velero.io";

pub(super) const SCHEDULE: &str = "Schedule.velero.io";

pub(super) const BACKUP: &str = "Backup.velero.io";

pub(super) const RESTORED: &str = "Restore.velero.io";

pub(super) const VOLUME: &str = "PodVolumeBackup.velero.io";

/// Whether a backup (or a schedule's template) takes a namespace.
pub(super) fn takes(spec: &Value, namespace: &str) -> bool {
    let included = words(spec, "/includedNamespaces");
    let excluded = words(spec, "/excludedNamespaces");
    (included.is_empty() || included.iter().any(|i| glob(i, namespace))) && !excluded.iter().any(|e| glob(e, namespace))
}

/// Whether Velero is there at all; says so when it is not.
pub(super) fn installed(p: &Picture<'_>, say: &mut Say) -> bool {
    for key in [LOCATION, SCHEDULE, BACKUP] {
        if let Err(gap) = p.shelf.all(key) {
            say.gap(gap);
            return false;
        }
    }
    if !p.shelf.serves(LOCATION) {
        say.fail(Subject::default(), "", "Velero is not installed: nothing is backed up");
        return false;
    }
    true
}

/// Velero validates a location once a minute, and says when.
const SIGN_OF_LIFE: i64 = 90;

/// Who copies files, where some schedule wants that.
fn node_agent(p: &Picture<'_>, say: &mut Say) {
    let copies = |s: &Object| {
        ["defaultVolumesToFsBackup", "snapshotMoveData"].iter().any(|f| s.at(&format!("/spec/template/{f}")) == true)
    };
    let agent = p.platform.iter().chain(&p.works).find(|w| w.kind == "DaemonSet" && w.name() == "node-agent");
    let number = |w: &Work<'_>, field: &str| w.object.at(&format!("/status/{field}")).as_u64().unwrap_or(0);
    match agent {
        Some(set) if number(set, "numberReady") < number(set, "desiredNumberScheduled") => {
            let text = format!("{} of {} are ready", number(set, "numberReady"), number(set, "desiredNumberScheduled"));
            say.fail_as(Severity::High, set, "/status", text);
        }
        Some(set) => say.pass(set),
        None => {
            for schedule in p.shelf.any(SCHEDULE).iter().filter(|s| copies(s)) {
                let text = "it wants files copied, and there is no DaemonSet node-agent that copies any";
                say.fail(schedule, "/spec/template", text);
            }
        }
    }
}

fn location(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    let server = p.platform.iter().chain(&p.works).find(|w| w.kind == "Deployment" && w.name() == "velero");
    match server {
        // With no replicas it runs elsewhere, or not at all: what it validates tells.
        Some(work) if work.replicas == Some(0) => {
            let ages = p.shelf.any(LOCATION).iter().filter_map(|l| p.age(l.text("/status/lastValidationTime")));
            if ages.min().is_none_or(|age| age > SIGN_OF_LIFE) {
                let text = "it is scaled to 0, and nobody has validated a location within 90 s: does Velero run?";
                say.unknown(work, Unseen::Stale, text);
            }
        }
        Some(work) if work.object.at("/status/availableReplicas").as_u64().unwrap_or(0) > 0 => say.pass(work),
        Some(work) => say.fail(work, "/status", "Velero's server does not run"),
        // It may run outside the cluster: its store, which it validates, tells.
        None => {}
    }
    node_agent(p, say);
    let locations = p.shelf.any(LOCATION);
    if locations.is_empty() {
        return say.fail(Subject::default(), "", "there is no storage location");
    }
    if !locations.iter().any(|l| l.at("/spec/default") == true) {
        say.fail_as(Severity::High, Subject::default(), "", "no storage location is the default");
    }
    for location in locations {
        let (phase, every) =
            (location.text("/status/phase"), seconds(location.text("/spec/validationFrequency")).unwrap_or(60.0));
        let age = p.age(location.text("/status/lastValidationTime"));
        if phase != "Available" {
            let phase = if phase.is_empty() { "in no phase" } else { phase };
            say.fail(location, "/status/phase", format!("it is {phase}: {}", location.text("/status/message")));
        } else if location.text("/spec/accessMode") == "ReadOnly" {
            say.fail(location, "/spec/accessMode", "it is ReadOnly: no backup can be taken");
        } else if every > 0.0 && age.is_none_or(|age| age as f64 > 5.0 * every.max(60.0)) {
            let said = age.map_or("never".to_owned(), |a| format!("{} ago", ago(a)));
            say.unknown(location, Unseen::Stale, format!("Available, but last validated {said}: does Velero run?"));
        } else {
            say.pass(location);
        }
    }
    for repository in p.shelf.any("BackupRepository.velero.io") {
        let phase = repository.text("/status/phase");
        if !matches!(phase, "Ready" | "" | "New") {
            say.fail_as(
                Severity::High,
                repository,
                "/status/phase",
                format!("it is {phase}: {}", repository.text("/status/message")),
            );
        }
    }
}

fn schedules(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    if p.shelf.any(SCHEDULE).is_empty() {
        return say.fail(Subject::default(), "", "there is no schedule: backups are made by hand, or not at all");
    }
    for schedule in p.shelf.any(SCHEDULE) {
        let phase = schedule.text("/status/phase");
        let errors = words(&schedule.body, "/status/validationErrors").join("; ");
        if schedule.at("/spec/paused") == true {
            say.fail(schedule, "/spec/paused", "it is paused");
        } else if !errors.is_empty() || phase == "FailedValidation" {
            say.fail(schedule, "/spec/schedule", format!("Velero refuses it: {errors}"));
        } else if phase != "Enabled" {
            say.unknown(schedule, Unseen::NoData, "Velero has not looked at it");
        } else if let Some(why) = overdue(p, schedule) {
            say.fail(schedule, "/status/lastBackup", why);
        } else {
            say.pass(schedule);
        }
    }
}

/// What is wrong with when a schedule ran last.
fn overdue(p: &Picture<'_>, schedule: &Object) -> Option<String> {
    let every = match crate::kubernetes::cron_interval(schedule.text("/spec/schedule"), p.now) {
        Ok(every) => every,
        Err(why) => return Some(why),
    };
    let made = schedule.metadata.creation_timestamp.as_deref().and_then(|t| p.age(t));
    let last = p.age(schedule.text("/status/lastBackup"));
    // One that was made just now need not have run.
    match (last, made) {
        (Some(age), _) if age * 2 > every * 3 => {
            Some(format!("its last backup was {} ago, and it runs every {}", ago(age), ago(every)))
        }
        (None, Some(made)) if made * 2 > every * 3 => Some("it has never made a backup".into()),
        _ => None,
    }
}

pub(super) const DAY: i64 = 86_400;

/// When a backup began. It may have come here later, from another cluster that writes to the
/// same store; one that never began has only the time when it was made.
fn began(backup: &Object) -> &str {
    match backup.text("/status/startTimestamp") {
        "" => backup.metadata.creation_timestamp.as_deref().unwrap_or(""),
        began => began,
    }
}

fn clean(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    let mut last: BTreeMap<&str, &Object> = BTreeMap::new();
    for backup in p.shelf.any(BACKUP) {
        let Some(schedule) = backup.metadata.labels.get("velero.io/schedule-name") else { continue };
        if last.get(schedule.as_str()).is_none_or(|b| began(b) < began(backup)) {
            last.insert(schedule, backup);
        }
    }
    for schedule in p.shelf.any(SCHEDULE) {
        let Some(backup) = last.get(schedule.metadata.name.as_str()) else {
            say.fail(schedule, "", "it has made no backup yet");
            continue;
        };
        let name = &backup.metadata.name;
        let count = |pointer: &str| backup.at(pointer).as_u64().unwrap_or(0);
        let running = p.age(backup.text("/status/startTimestamp")).unwrap_or(0);
        match backup.text("/status/phase") {
            "Completed" if count("/status/errors") > 0 => {
                say.fail(*backup, "/status/errors", format!("{} errors", count("/status/errors")))
            }
            "Completed" if count("/status/hookStatus/hooksFailed") > 0 => {
                say.fail(
                    *backup,
                    "/status/hookStatus",
                    format!("{} hooks failed", count("/status/hookStatus/hooksFailed")),
                );
            }
            "Completed" if count("/status/warnings") > 0 => {
                let text = format!(
                    "{} warnings: see whether a volume was skipped (velero backup logs {name})",
                    count("/status/warnings")
                );
                say.fail_as(Severity::Medium, *backup, "/status/warnings", text);
            }
            "Completed" => say.pass(*backup),
            phase @ ("Failed" | "PartiallyFailed" | "FailedValidation") => {
                say.fail(*backup, "/status/phase", format!("it is {phase}"))
            }
            phase if running as f64 > seconds(backup.text("/spec/itemOperationTimeout")).unwrap_or(4.0 * 3600.0) => {
                say.fail(*backup, "/status/phase", format!("it is {phase} for {}", ago(running)))
            }
            phase => say.unknown(*backup, Unseen::NoData, format!("it is {phase}: not over yet")),
        }
    }
}

fn offsite(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    let own: BTreeSet<&str> = p
        .shelf
        .nodes
        .iter()
        .filter_map(|n| n.metadata.labels.get("topology.kubernetes.io/region"))
        .map(String::as_str)
        .collect();
    let locations = p.shelf.any(LOCATION);
    let inside = |l: &Object| {
        let host = host(l.text("/spec/config/s3Url"));
        host.ends_with(".svc") || host.contains(".svc.")
    };
    let regions: Vec<&str> =
        locations.iter().map(|l| l.text("/spec/config/region")).filter(|r| !r.is_empty()).collect();
    if locations.is_empty() {
        say.fail(Subject::default(), "", "there is no storage location");
    } else if locations.iter().all(inside) {
        say.fail(Subject::default(), "", "the only store runs in this very cluster");
    } else if locations.iter().any(|l| l.text("/spec/config/s3Url") == LEFT_OUT) {
        say.unknown(Subject::default(), Unseen::NoData, "the capture leaves the address of a store out");
    } else if own.is_empty() || regions.len() < locations.len() {
        say.unknown(
            Subject::default(),
            Unseen::NoData,
            "nodes or storage locations name no region: attest where the copies are",
        );
    } else if regions.iter().all(|r| own.contains(r)) {
        say.fail(Subject::default(), "", format!("every store is in the cluster's own region ({})", regions[0]));
    } else {
        say.pass(Subject::default());
    }
}

fn retention(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    for schedule in p.shelf.any(SCHEDULE) {
        let name = &schedule.metadata.name;
        let lasts = |b: &&Object| p.age(b.text("/status/expiration")).is_none_or(|age| -age > DAY);
        let points = p
            .shelf
            .any(BACKUP)
            .iter()
            .filter(|b| {
                b.metadata.labels.get("velero.io/schedule-name") == Some(name) && b.text("/status/phase") == "Completed"
            })
            .filter(lasts)
            .count();
        if points >= 3 {
            say.pass(schedule);
        } else {
            say.fail(schedule, "/spec/template/ttl", format!("{points} of 3 restore points that last for another day"));
        }
    }
}

fn etcd(p: &Picture<'_>, say: &mut Say) {
    if !p.shelf.nodes.iter().any(|n| n.is_control_plane()) {
        return say.skip(Subject::default(), "the control plane is managed");
    }
    let snapshots = p.shelf.any("ETCDSnapshotFile.k3s.cattle.io");
    let ready = snapshots.iter().find(|s| s.at("/status/readyToUse") == true);
    let snapshotting = |w: &&Work<'_>| {
        w.kind == "CronJob"
            && w.all_containers().iter().any(|c| {
                let all: Vec<&str> = words(c.value, "/command").into_iter().chain(words(c.value, "/args")).collect();
                let text = all.join(" ");
                (text.contains("etcdctl") || text.contains("etcdutl")) && text.contains("snapshot")
            })
    };
    let job = p.platform.iter().chain(&p.works).find(snapshotting);
    match (ready, job) {
        (Some(snapshot), _) => say.pass(snapshot),
        (None, Some(job)) if !job.object.text("/status/lastSuccessfulTime").is_empty() => say.pass(job),
        (None, Some(job)) => say.fail(job, "/status/lastSuccessfulTime", "it has never succeeded"),
        (None, None) => {
            say.unknown(
                Subject::default(),
                Unseen::NoData,
                "nothing in the cluster takes snapshots of etcd: attest who does",
            );
        }
    }
}
