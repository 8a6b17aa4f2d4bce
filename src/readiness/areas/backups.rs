//! Backups: the storage locations, the schedules, the retention, and copies outside the cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::velero::{BACKUP, DAY, LOCATION, SCHEDULE, installed};
use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say, ZONE},
        picture::{Picture, Work},
        values::{ago, host, seconds, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "BCK-001",
        name: "backup-storage-available",
        title: "Velero runs and its storage locations are Available",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "The Deployment velero has an available replica; if it is scaled to 0, the result is unknown unless a location was validated in the last 90 s, because then the server runs elsewhere. All pods of the DaemonSet node-agent are ready (else high); the DaemonSet exists if a Schedule has defaultVolumesToFsBackup or snapshotMoveData. At least one BackupStorageLocation exists, and one is the default (else high). Each location is Available and not ReadOnly. It is unknown if its last validation is older than five times its validationFrequency (at least 5 min). Each BackupRepository is Ready or new (else high).",
        fix: "Repair the credentials, the bucket or the network; name a default storage location",
        why: "Without the store, nothing can be restored.",
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
        rule: "At least one Schedule exists. Each Schedule is Enabled, not paused and without validation errors, and its cron expression can be read. Its last backup (or, before the first one, its creation) is at most 1.5 intervals ago. A Schedule that Velero has not processed is unknown.",
        fix: "Create a Schedule; resume paused ones; correct the cron expression and the validation errors",
        why: "A paused schedule raises no alarm, and nobody may notice it for months.",
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
        rule: "The newest Backup of each Schedule is Completed, without errors and failed hooks. Warnings are medium, because a skipped volume is reported as a warning. A Schedule without a Backup fails. A Backup that is not finished is unknown, and fails after its itemOperationTimeout (4 h by default).",
        fix: "Read its log (velero backup logs NAME) and correct the items or hooks that fail",
        why: "PartiallyFailed means that a restore does not bring back everything.",
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
        rule: "At least one storage location is not a Service of this cluster (an s3Url with .svc). At least one names a region that is not a region of the cluster's nodes. If the nodes or a location name no region, the result is unknown.",
        fix: "Add a second location in another region; use snapshotMoveData and object lock",
        why: "Backups that are lost with the cluster cannot restore anything.",
        run: offsite,
    },
    Check {
        id: "BCK-008",
        name: "backup-retention",
        title: "Each schedule has at least 3 restore points that last",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "Each Schedule has at least 3 Completed Backups that do not expire within a day.",
        fix: "Raise the ttl; keep at least 3 restore points",
        why: "The newest backup may already contain the damage.",
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
        rule: "If control-plane nodes can be seen, an ETCDSnapshotFile of k3s is ready to use, or a CronJob that runs etcdctl or etcdutl with snapshot has succeeded; such a CronJob that has never succeeded fails. Without either, the result is unknown until it is attested. A managed control plane is skipped.",
        fix: "Schedule snapshots of etcd to a place outside the cluster",
        why: "If etcd is lost without a snapshot, the cluster starts empty.",
        run: etcd,
    },
];

/// Velero validates a location once a minute and records the time. In seconds.
const SIGN_OF_LIFE: i64 = 90;

/// The node agent, which copies files if a schedule demands it.
fn node_agent(p: &Picture<'_>, say: &mut Say) {
    let copies = |s: &Object| {
        ["defaultVolumesToFsBackup", "snapshotMoveData"].iter().any(|f| s.at(&format!("/spec/template/{f}")) == true)
    };
    let agent = p.platform.iter().chain(&p.works).find(|w| w.kind == "DaemonSet" && w.name() == "node-agent");
    let number = |w: &Work<'_>, field: &str| w.object.at(&format!("/status/{field}")).as_u64().unwrap_or(0);
    match agent {
        Some(set) if number(set, "numberReady") < number(set, "desiredNumberScheduled") => {
            let text =
                format!("{} of {} pods are ready", number(set, "numberReady"), number(set, "desiredNumberScheduled"));
            say.fail_as(Severity::High, set, "/status", text);
        }
        Some(set) => say.pass(set),
        None => {
            for schedule in p.object_set.any(SCHEDULE).iter().filter(|s| copies(s)) {
                let text = "it copies files of volumes, but no DaemonSet node-agent exists to copy them";
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
        // With no replicas it runs elsewhere, or not at all: a recent validation proves that it runs.
        Some(work) if work.replicas == Some(0) => {
            let ages = p.object_set.any(LOCATION).iter().filter_map(|l| p.age(l.text("/status/lastValidationTime")));
            if ages.min().is_none_or(|age| age > SIGN_OF_LIFE) {
                let text =
                    "it is scaled to 0, and no location was validated in the last 90 s: check whether Velero runs";
                say.unknown(work, Unseen::Stale, text);
            }
        }
        Some(work) if work.object.at("/status/availableReplicas").as_u64().unwrap_or(0) > 0 => say.pass(work),
        Some(work) => say.fail(work, "/status", "the Velero server does not run"),
        // It may run outside the cluster: the validation of its locations shows whether it runs.
        None => {}
    }
    node_agent(p, say);
    let locations = p.object_set.any(LOCATION);
    if locations.is_empty() {
        return say.fail(Subject::default(), "", "Velero has no storage location");
    }
    if !locations.iter().any(|l| l.at("/spec/default") == true) {
        say.fail_as(Severity::High, Subject::default(), "", "no storage location is the default");
    }
    for location in locations {
        let (phase, every) =
            (location.text("/status/phase"), seconds(location.text("/spec/validationFrequency")).unwrap_or(60.0));
        let age = p.age(location.text("/status/lastValidationTime"));
        if phase != "Available" {
            let phase = if phase.is_empty() { "without a phase" } else { phase };
            say.fail(location, "/status/phase", format!("it is {phase}: {}", location.text("/status/message")));
        } else if location.text("/spec/accessMode") == "ReadOnly" {
            say.fail(location, "/spec/accessMode", "it is ReadOnly: no backup can be taken");
        } else if every > 0.0 && age.is_none_or(|age| age as f64 > 5.0 * every.max(60.0)) {
            let said = age.map_or("never".to_owned(), |a| format!("{} ago", ago(a)));
            say.unknown(
                location,
                Unseen::Stale,
                format!("it is Available, but was last validated {said}: check whether Velero runs"),
            );
        } else {
            say.pass(location);
        }
    }
    for repository in p.object_set.any("BackupRepository.velero.io") {
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
    if p.object_set.any(SCHEDULE).is_empty() {
        return say.fail(Subject::default(), "", "no Schedule exists: backups are made by hand, or not at all");
    }
    for schedule in p.object_set.any(SCHEDULE) {
        let phase = schedule.text("/status/phase");
        let errors = words(&schedule.body, "/status/validationErrors").join("; ");
        if schedule.at("/spec/paused") == true {
            say.fail(schedule, "/spec/paused", "it is paused");
        } else if !errors.is_empty() || phase == "FailedValidation" {
            say.fail(schedule, "/spec/schedule", format!("Velero refuses it: {errors}"));
        } else if phase != "Enabled" {
            say.unknown(schedule, Unseen::NoData, "Velero has not processed it yet");
        } else if let Some(why) = overdue(p, schedule) {
            say.fail(schedule, "/status/lastBackup", why);
        } else {
            say.pass(schedule);
        }
    }
}

/// Why the last run of a schedule is too long ago; none if it is not.
fn overdue(p: &Picture<'_>, schedule: &Object) -> Option<String> {
    let every = match crate::kubernetes::cron_interval(schedule.text("/spec/schedule"), p.now) {
        Ok(every) => every,
        Err(why) => return Some(why),
    };
    let made = schedule.metadata.creation_timestamp.as_deref().and_then(|t| p.age(t));
    let last = p.age(schedule.text("/status/lastBackup"));
    // A new schedule may not have run yet.
    match (last, made) {
        (Some(age), _) if age * 2 > every * 3 => {
            Some(format!("its last backup was {} ago, although it runs every {}", ago(age), ago(every)))
        }
        (None, Some(made)) if made * 2 > every * 3 => Some("it has never made a backup".into()),
        _ => None,
    }
}

/// When a backup started. Its object may have been created later, if another cluster writes to the
/// same store. A backup that never started has only its creation time.
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
    for backup in p.object_set.any(BACKUP) {
        let Some(schedule) = backup.metadata.labels.get("velero.io/schedule-name") else { continue };
        if last.get(schedule.as_str()).is_none_or(|b| began(b) < began(backup)) {
            last.insert(schedule, backup);
        }
    }
    for schedule in p.object_set.any(SCHEDULE) {
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
                    "{} warnings: check whether a volume was skipped (velero backup logs {name})",
                    count("/status/warnings")
                );
                say.fail_as(Severity::Medium, *backup, "/status/warnings", text);
            }
            "Completed" => say.pass(*backup),
            phase @ ("Failed" | "PartiallyFailed" | "FailedValidation") => {
                say.fail(*backup, "/status/phase", format!("it is {phase}"))
            }
            phase if running as f64 > seconds(backup.text("/spec/itemOperationTimeout")).unwrap_or(4.0 * 3600.0) => {
                say.fail(*backup, "/status/phase", format!("it has been {phase} for {}", ago(running)))
            }
            phase => say.unknown(*backup, Unseen::NoData, format!("it is {phase} and has not finished yet")),
        }
    }
}

fn offsite(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    let own: BTreeSet<&str> = p
        .object_set
        .nodes
        .iter()
        .filter_map(|n| n.metadata.labels.get("topology.kubernetes.io/region"))
        .map(String::as_str)
        .collect();
    let locations = p.object_set.any(LOCATION);
    let inside = |l: &Object| {
        let host = host(l.text("/spec/config/s3Url"));
        host.ends_with(".svc") || host.contains(".svc.")
    };
    let regions: Vec<&str> =
        locations.iter().map(|l| l.text("/spec/config/region")).filter(|r| !r.is_empty()).collect();
    if locations.is_empty() {
        say.fail(Subject::default(), "", "Velero has no storage location");
    } else if locations.iter().all(inside) {
        say.fail(Subject::default(), "", "every store runs in this cluster");
    } else if locations.iter().any(|l| l.text("/spec/config/s3Url") == LEFT_OUT) {
        say.unknown(Subject::default(), Unseen::NoData, "the capture leaves the address of a store out");
    } else if own.is_empty() || regions.len() < locations.len() {
        say.unknown(
            Subject::default(),
            Unseen::NoData,
            "nodes or storage locations name no region: attest where the copies are",
        );
    } else if regions.iter().all(|r| own.contains(r)) {
        say.fail(Subject::default(), "", format!("every store is in a region of the cluster ({})", regions[0]));
    } else {
        say.pass(Subject::default());
    }
}

fn retention(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    for schedule in p.object_set.any(SCHEDULE) {
        let name = &schedule.metadata.name;
        let lasts = |b: &&Object| p.age(b.text("/status/expiration")).is_none_or(|age| -age > DAY);
        let points = p
            .object_set
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
            say.fail(
                schedule,
                "/spec/template/ttl",
                format!("it has {points} of 3 restore points that last for another day"),
            );
        }
    }
}

fn etcd(p: &Picture<'_>, say: &mut Say) {
    if !p.object_set.nodes.iter().any(|n| n.is_control_plane()) {
        return say.skip(Subject::default(), "the control plane is managed");
    }
    let snapshots = p.object_set.any("ETCDSnapshotFile.k3s.cattle.io");
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
                "no snapshots of etcd can be seen: attest how etcd is backed up",
            );
        }
    }
}
