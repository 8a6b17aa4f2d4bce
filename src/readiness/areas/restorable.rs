//! What the backups hold, and whether a restore of them succeeded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    stateful::is_database,
    velero::{BACKUP, DAY, RESTORED, SCHEDULE, VOLUME, installed, takes},
};
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say},
        picture::{Picture, Work},
        values::{ago, list, selector, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "BCK-003",
        name: "namespace-coverage",
        title: "Every namespace is backed up by a schedule",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[REGION, RESTORE],
        needs: Needs::Cluster,
        rule: "For each namespace with a workload in scope, at least one Schedule that is neither paused nor FailedValidation includes it (globs count; no list or * means all), does not exclude it, and has no label selector. These Schedules together include every kind that the namespace uses of Deployments, StatefulSets, Services, ConfigMaps, Secrets, claims and volumes; Secrets may be missing if the namespace has an ExternalSecret. Neither the namespace nor a workload in it has the label velero.io/exclude-from-backup=true.",
        fix: "Add the namespace and the missing kinds to a Schedule; remove the label that excludes it",
        why: "A namespace that nobody added to a schedule cannot be restored.",
        run: coverage,
    },
    Check {
        id: "BCK-004",
        name: "backup-fresh",
        title: "The newest usable backup of each namespace is within the RPO",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "The newest Completed Backup that includes the namespace and has no labelSelector started no longer ago than the RPO of the namespace in the readiness file (24 h without one). The start counts, and not the end, because later changes are not in the backup.",
        fix: "Take a backup now; run the schedule at least once per RPO",
        why: "A restore loses everything that was written after the backup.",
        run: fresh,
    },
    Check {
        id: "BCK-006",
        name: "volume-coverage",
        title: "The newest backup holds the content of every mounted claim",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[REGION, RESTORE],
        needs: Needs::Cluster,
        rule: "For each claim that a pod mounts, the newest Completed Backup of its namespace has a Completed PodVolumeBackup of the claim with all its bytes. A claim with a CSI volume also passes if this Backup attempted CSI snapshots and completed all of them (a Backup does not say which claims they belong to). Claims that no pod mounts are skipped.",
        fix: "Add a snapshot class, the annotation backup.velero.io/backup-volumes, or snapshotMoveData",
        why: "Velero skips a volume that it cannot copy, and still reports Completed.",
        run: volumes,
    },
    Check {
        id: "BCK-009",
        name: "restore-tested",
        title: "A restore of each namespace succeeded in the last 90 days",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[REGION],
        needs: Needs::Cluster,
        rule: "In the last 90 days, a Restore that includes the namespace was Completed without errors.",
        fix: "Drill a restore into a scratch namespace (scenarios/restore-to-scratch.yaml)",
        why: "As long as a backup was never restored, nobody knows whether it works.",
        run: tested,
    },
    Check {
        id: "BCK-010",
        name: "database-consistent-backup",
        title: "Databases are backed up in a consistent state",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "A StatefulSet with volumeClaimTemplates that is a database (by the name of its image, or because it listens on the port of one) has the annotation pre.hook.backup.velero.io/command on its pods, or a Schedule has a pre hook for its pods. In each CloudNativePG Cluster, the condition ContinuousArchiving is True, and the last successful backup (if its status names one) is within the RPO of the namespace in the readiness file (24 h without one).",
        fix: "Add backup hooks, or use the backup and the log archive of the database's operator",
        why: "If a database was writing while its files were copied, it may not start from the copy.",
        run: databases,
    },
];

/// The newest Completed backup of a namespace.
fn newest<'a>(p: &Picture<'a>, namespace: &str) -> Option<&'a Object> {
    p.object_set
        .any(BACKUP)
        .iter()
        .filter(|b| b.text("/status/phase") == "Completed" && takes(b.at("/spec"), namespace))
        .filter(|b| b.at("/spec/labelSelector").is_null())
        .max_by_key(|b| b.text("/status/startTimestamp"))
}

const EXCLUDE: &str = "velero.io/exclude-from-backup";

fn coverage(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    let runs = |s: &&Object| s.at("/spec/paused") != true && s.text("/status/phase") != "FailedValidation";
    let schedules: Vec<&Object> = p.object_set.any(SCHEDULE).iter().filter(runs).collect();
    let excluded: BTreeSet<&str> = p
        .object_set
        .any("Namespace")
        .iter()
        .filter(|n| n.metadata.labels.get(EXCLUDE).is_some_and(|v| v == "true"))
        .map(|n| n.metadata.name.as_str())
        .collect();
    for namespace in p.namespaces() {
        let subject = Subject::named("Namespace", "", namespace);
        let whole = |s: &&&Object| {
            let template = s.at("/spec/template");
            takes(template, namespace) && template["labelSelector"].is_null() && template["orLabelSelectors"].is_null()
        };
        let left_out: Vec<String> = p
            .in_namespace(namespace)
            .iter()
            .filter(|w| w.object.metadata.labels.get(EXCLUDE).is_some_and(|v| v == "true"))
            .map(|w| format!("{} {}", w.kind, w.name()))
            .collect();
        if excluded.contains(namespace) {
            say.fail(subject, "", format!("its label {EXCLUDE} excludes it from every backup"));
        } else if !schedules.iter().any(|s| whole(&s)) {
            say.fail(subject, "", "no schedule backs up the whole namespace");
        } else if let Some(kinds) =
            left_out_kinds(p, namespace, &schedules.iter().copied().filter(|s| whole(&s)).collect::<Vec<_>>())
        {
            say.fail(subject, "", format!("its schedules leave out {kinds}"));
        } else if !left_out.is_empty() {
            say.fail(subject, "", format!("excluded by label: {}", left_out.join(", ")));
        } else {
            say.pass(subject);
        }
    }
}

/// Kinds without which a restore is incomplete.
const NEEDED: [(&str, &str); 7] = [
    ("deployments", "Deployment.apps"),
    ("statefulsets", "StatefulSet.apps"),
    ("services", "Service"),
    ("configmaps", "ConfigMap"),
    ("secrets", "Secret"),
    ("persistentvolumeclaims", "PersistentVolumeClaim"),
    ("persistentvolumes", ""),
];

/// Kinds in use that every one of these schedules leaves out.
fn left_out_kinds(p: &Picture<'_>, namespace: &str, schedules: &[&Object]) -> Option<String> {
    let used = |key: &str| key.is_empty() || p.object_set.any(key).iter().any(|o| o.metadata.namespace == namespace);
    let again = |plural: &str| {
        let external = p.object_set.any("ExternalSecret.external-secrets.io");
        plural == "secrets" && external.iter().any(|o| o.metadata.namespace == namespace)
    };
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(plural, key)| used(key) && !again(plural))
        .filter(|(plural, _)| !schedules.iter().any(|s| takes_kind(s.at("/spec/template"), plural)))
        .map(|(plural, _)| *plural)
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// Whether a template includes a kind, by the old filters or by those with a scope.
fn takes_kind(template: &Value, plural: &str) -> bool {
    let scope = if plural == "persistentvolumes" { "Cluster" } else { "Namespace" };
    let named = |field: String| {
        let all = words(template, &format!("/{field}"));
        let has = all.iter().any(|w| *w == "*" || w.split('.').next() == Some(plural));
        (!all.is_empty()).then_some(has)
    };
    let included = named("includedResources".into()).or_else(|| named(format!("included{scope}ScopedResources")));
    let excluded = named("excludedResources".into()).or_else(|| named(format!("excluded{scope}ScopedResources")));
    included.unwrap_or(true) && !excluded.unwrap_or(false)
}

fn fresh(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    for namespace in p.namespaces() {
        let subject = Subject::named("Namespace", "", namespace);
        let promised = p.settings.objective(namespace, "", "").and_then(|o| o.rpo);
        let limit = promised.map_or(DAY, |d| i64::try_from(d.0.as_secs()).unwrap_or(i64::MAX));
        let said = promised.map_or("24 h (the readiness file has no RPO)".to_owned(), |d| format!("the RPO of {d}"));
        let age = newest(p, namespace).and_then(|b| Some((b, p.age(b.text("/status/startTimestamp"))?)));
        match age {
            None => say.fail(subject, "", "no Completed backup includes it"),
            Some((backup, age)) if age > limit => {
                say.fail(
                    subject,
                    "",
                    format!(
                        "its newest backup {} started {} ago, which is more than {said}",
                        backup.metadata.name,
                        ago(age)
                    ),
                );
            }
            Some(_) => say.pass(subject),
        }
    }
}

/// Claims whose content is in the newest backup of their namespace.
pub(super) fn captured_claims(p: &Picture<'_>) -> BTreeSet<(String, String)> {
    let mut held: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for copy in p.object_set.any(VOLUME) {
        let whole = copy.at("/status/progress/bytesDone") == copy.at("/status/progress/totalBytes");
        let claim = copy
            .metadata
            .annotations
            .get("velero.io/pvc-name")
            .or_else(|| copy.metadata.labels.get("velero.io/pvc-name"));
        let backup = copy.metadata.labels.get("velero.io/backup-name");
        if copy.text("/status/phase") == "Completed"
            && whole
            && let (Some(backup), Some(claim)) =
                (backup, claim.map(String::as_str).or(copy.at("/spec/tags/pvc-uid").as_str()))
        {
            held.entry(backup).or_default().insert(claim);
        }
    }
    let mut found = BTreeSet::new();
    for claim in p.object_set.any("PersistentVolumeClaim") {
        let Some(backup) = newest(p, &claim.metadata.namespace) else { continue };
        let copies = held.get(backup.metadata.name.as_str());
        let copied =
            copies.is_some_and(|c| c.contains(claim.metadata.name.as_str()) || c.contains(claim.metadata.uid.as_str()));
        let number = |pointer: &str| backup.at(pointer).as_u64().unwrap_or(0);
        let csi = number("/status/csiVolumeSnapshotsAttempted");
        // All attempted snapshots were completed. The Backup does not say which claims they belong to.
        let volume = p.object_set.find("PersistentVolume", "", claim.text("/spec/volumeName"));
        let is_csi = volume.is_some_and(|v| v.at("/spec/csi").is_object());
        let snapped = is_csi && csi > 0 && csi == number("/status/csiVolumeSnapshotsCompleted");
        if copied || snapped {
            found.insert((claim.metadata.namespace.clone(), claim.metadata.name.clone()));
        }
    }
    found
}

fn volumes(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    for key in [VOLUME, "PersistentVolume", "PersistentVolumeClaim", "Pod"] {
        if let Err(gap) = p.object_set.all(key) {
            return say.gap(gap);
        }
    }
    let mounted: BTreeSet<(&str, &str)> = p
        .object_set
        .pods
        .iter()
        .filter(|pod| !pod.is_finished())
        .flat_map(|pod| pod.claims().into_iter().map(|c| (pod.metadata.namespace.as_str(), c)))
        .collect();
    let captured = captured_claims(p);
    for claim in p.each("PersistentVolumeClaim", say) {
        let id = (claim.metadata.namespace.clone(), claim.metadata.name.clone());
        if !mounted.contains(&(id.0.as_str(), id.1.as_str())) {
            say.skip(claim, "no pod mounts it");
        } else if captured.contains(&id) {
            say.pass(claim);
        } else if newest(p, &id.0).is_none() {
            say.fail(claim, "", "no Completed backup includes its namespace");
        } else {
            let volume = p.object_set.find("PersistentVolume", "", claim.text("/spec/volumeName"));
            let host = volume.is_some_and(|v| v.at("/spec/hostPath").is_object());
            let why = if host { ": its volume is a hostPath, which Velero skips" } else { "" };
            say.fail(claim, "", format!("the newest backup of its namespace does not hold its content{why}"));
        }
    }
}

fn tested(p: &Picture<'_>, say: &mut Say) {
    if !installed(p, say) {
        return;
    }
    let by_name: BTreeMap<&str, &Object> =
        p.object_set.any(BACKUP).iter().map(|b| (b.metadata.name.as_str(), b)).collect();
    let restores = p.all(RESTORED, say);
    for namespace in p.namespaces() {
        let of = |r: &&Object| {
            let scope = r.at("/spec");
            let from = by_name.get(r.text("/spec/backupName")).is_none_or(|b| takes(b.at("/spec"), namespace));
            r.text("/status/phase") == "Completed"
                && r.at("/status/errors").as_u64().unwrap_or(0) == 0
                && takes(scope, namespace)
                && from
        };
        let youngest = restores.iter().filter(of).filter_map(|r| p.age(r.text("/status/completionTimestamp"))).min();
        let subject = Subject::named("Namespace", "", namespace);
        match youngest {
            Some(age) if age <= 90 * DAY => say.pass(subject),
            Some(age) => say.fail(subject, "", format!("its last successful restore was {} ago", ago(age))),
            None => say.fail(subject, "", "no restore of it has ever succeeded"),
        }
    }
}

/// Whether a schedule has a pre hook for the pods of a workload.
fn hooked(p: &Picture<'_>, work: &Work<'_>) -> bool {
    p.object_set.any(SCHEDULE).iter().flat_map(|s| s.list("/spec/template/hooks/resources")).any(|hook| {
        let chosen = selector(hook, "/labelSelector").unwrap_or_default();
        !list(hook, "/pre").is_empty() && takes(hook, work.namespace()) && chosen.matches(&work.labels)
    })
}

fn databases(p: &Picture<'_>, say: &mut Say) {
    for work in
        p.works.iter().filter(|w| w.kind == "StatefulSet" && !w.object.list("/spec/volumeClaimTemplates").is_empty())
    {
        if !is_database(work) {
            continue;
        }
        let hook = |key: &str| work.pod_annotation(key).is_some();
        if hook("pre.hook.backup.velero.io/command") || hooked(p, work) {
            say.pass(work);
        } else {
            say.fail(work, "", "a database without a pre hook that makes its files consistent before the backup");
        }
    }
    for cluster in p.each("Cluster.postgresql.cnpg.io", say) {
        let promised = p.settings.objective(&cluster.metadata.namespace, "", "").and_then(|o| o.rpo);
        let limit = promised.map_or(DAY, |d| i64::try_from(d.0.as_secs()).unwrap_or(i64::MAX));
        let age = p.age(cluster.text("/status/lastSuccessfulBackup"));
        if cluster.condition("ContinuousArchiving") != "True" {
            say.fail(cluster, "/status/conditions", "its continuous archiving does not work");
        } else if let Some(age) = age.filter(|age| *age > limit) {
            say.fail(cluster, "/status/lastSuccessfulBackup", format!("its last backup was {} ago", ago(age)));
        } else {
            say.pass(cluster);
        }
    }
}
