//! Claims, volumes, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use super::restorable::is_database;
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, REGION, RESTORE, Say, ZONE},
        look::{list, text, words},
        picture::Picture,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "STO-001",
        name: "storage-healthy",
        title: "Claims are bound, classes and drivers are there",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "Each claim is Bound (one that waits for its first consumer is left out); no volume is Failed; exactly one StorageClass is the default; no VolumeAttachment has an error; the CSI driver of each volume in scope is on every node that takes pods (high); no volume has less than 10 % left (high, by Prometheus); a critical workload's volume that is Released is medium.",
        fix: "Mend the claim, its class or the driver on the node; extend the volume",
        why: "A restore into storage that is not well leaves claims Pending.",
        run: storage,
    },
    Check {
        id: "STO-002",
        name: "reclaim-policy",
        title: "What becomes of each volume after a restore is known and survivable",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "For each claim, from the reclaim policy of its volume and how its content is captured: its data, an empty volume (Delete, not captured), or Pending for ever (Retain, not captured: the old volume still names the old claim). Only data passes. A StatefulSet with persistentVolumeClaimRetentionPolicy.whenDeleted Delete is medium.",
        fix: "Capture the content (defaultVolumesToFsBackup, CSI snapshots); Retain alone is no remedy: clear spec.claimRef of the kept volume, or restore under another name",
        why: "A restore that says Completed may bring back an empty volume, or none.",
        run: reclaim,
    },
    Check {
        id: "STO-003",
        name: "node-local-state",
        title: "No state is tied to a node",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE, ZONE],
        needs: Needs::Manifests,
        rule: "No Deployment or StatefulSet mounts a hostPath or a volume that is local to a node; no database keeps its files in emptyDirs only; no Deployment of several replicas that rolls shares a ReadWriteOnce claim (its pods attach the volume twice).",
        fix: "Move the state to a network or regional volume; use a StatefulSet or strategy Recreate",
        why: "It is gone with the node.",
        run: local,
    },
    Check {
        id: "STO-004",
        name: "snapshot-class",
        title: "Each driver in use can take snapshots that Velero asks for",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "For each CSI driver of a bound volume there is a VolumeSnapshotClass, and one carries the label velero.io/csi-volumesnapshot-class=true. Where volumes are backed up from the file system by default, this does not apply.",
        fix: "Create a VolumeSnapshotClass for the driver with Velero's label; deletionPolicy Retain is advised",
        why: "Velero skips the snapshot of a driver that has no class.",
        run: snapshots,
    },
];

fn storage(p: &Picture<'_>, say: &mut Say) {
    for claim in p.each("PersistentVolumeClaim", say) {
        let phase = claim.text("/status/phase");
        let class = p.shelf.find("StorageClass.storage.k8s.io", "", claim.text("/spec/storageClassName"));
        let waits = class.is_some_and(|c| c.body["volumeBindingMode"] == "WaitForFirstConsumer");
        if phase == "Bound" {
            say.pass(claim);
        } else if phase == "Pending" && waits && claim.text("/spec/volumeName").is_empty() {
            say.skip(claim, "it waits for its first pod");
        } else {
            say.fail(claim, "/status/phase", format!("it is {}", if phase.is_empty() { "in no phase" } else { phase }));
        }
    }
    for volume in p.all("PersistentVolume", say) {
        let of = format!("{}/", volume.text("/spec/claimRef/namespace"));
        let critical = p.settings.critical.iter().any(|c| c.starts_with(&of));
        match volume.text("/status/phase") {
            "Failed" => {
                say.fail(volume, "/status/phase", format!("it is Failed: {}", volume.text("/status/message")));
            }
            "Released" if critical => {
                let claim = volume.text("/spec/claimRef/name");
                let text = format!("it is Released: the data of claim {of}{claim} that was, and nobody's now");
                say.fail_as(Severity::Medium, volume, "/status/phase", text);
            }
            _ => {}
        }
    }
    drivers(p, say);
    full(p, say);
    let classes = p.all("StorageClass.storage.k8s.io", say);
    let default = |c: &&Object| {
        c.metadata.annotations.get("storageclass.kubernetes.io/is-default-class").is_some_and(|v| v == "true")
    };
    let defaults: Vec<&str> = classes.iter().filter(default).map(|c| c.metadata.name.as_str()).collect();
    if p.shelf.all("StorageClass.storage.k8s.io").is_ok() {
        match defaults.len() {
            1 => say.pass(Subject::named("StorageClass", "", defaults[0])),
            0 => say.fail_as(
                Severity::Medium,
                Subject::default(),
                "",
                "no StorageClass is the default: a claim without one stays Pending",
            ),
            n => say.fail_as(
                Severity::Medium,
                Subject::default(),
                "",
                format!("{n} StorageClasses are the default: {}", defaults.join(", ")),
            ),
        }
    }
    for attachment in p.all("VolumeAttachment.storage.k8s.io", say) {
        let error = attachment.text("/status/attachError/message");
        if !error.is_empty() {
            say.fail(attachment, "/status/attachError", error);
        }
    }
}

/// Drivers that are missing on nodes where their volumes may be needed.
fn drivers(p: &Picture<'_>, say: &mut Say) {
    const NODES: &str = "CSINode.storage.k8s.io";
    let ours = |v: &&Object| p.in_scope(v.text("/spec/claimRef/namespace")) && !v.text("/spec/csi/driver").is_empty();
    let used: BTreeSet<&str> =
        p.shelf.any("PersistentVolume").iter().filter(ours).map(|v| v.text("/spec/csi/driver")).collect();
    if used.is_empty() || p.shelf.all(NODES).is_err() || p.shelf.any(NODES).is_empty() {
        return;
    }
    let takes = |n: &&crate::kubernetes::objects::Node| {
        n.ready() == "True" && !n.spec.unschedulable && !n.spec.taints.iter().any(|t| t.effect != "PreferNoSchedule")
    };
    for driver in used {
        let has = |name: &str| {
            p.shelf.find(NODES, "", name).is_some_and(|n| n.list("/spec/drivers").iter().any(|d| d["name"] == driver))
        };
        let bare: Vec<&str> =
            p.shelf.nodes.iter().filter(takes).map(|n| n.metadata.name.as_str()).filter(|n| !has(n)).collect();
        let subject = Subject::named("CSIDriver", "", driver);
        if bare.is_empty() {
            say.pass(subject);
        } else {
            let shown = bare.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let text = format!("{} nodes that take pods do not have it: {shown}", bare.len());
            say.fail_as(Severity::High, subject, "", text);
        }
    }
}

/// Volumes with little room left, as Prometheus has it from the kubelets.
fn full(p: &Picture<'_>, say: &mut Say) {
    let samples = p.shelf.readings.prometheus.as_ref().and_then(|r| r.answer("volumes nearly full").ok());
    for sample in samples.unwrap_or_default() {
        let label = |name: &str| sample.labels.get(name).map_or("", String::as_str);
        if p.in_scope(label("namespace")) {
            let subject = Subject::named("PersistentVolumeClaim", label("namespace"), label("persistentvolumeclaim"));
            say.fail_as(Severity::High, subject, "", format!("{:.0} % of its volume are left", sample.value * 100.0));
        }
    }
}

fn reclaim(p: &Picture<'_>, say: &mut Say) {
    let claims = p.each("PersistentVolumeClaim", say);
    let volumes = p.all("PersistentVolume", say);
    let by_name: BTreeMap<&str, &Object> = volumes.iter().map(|v| (v.metadata.name.as_str(), v)).collect();
    let captured = super::restorable::captured_claims(p);
    for claim in claims {
        let Some(volume) = by_name.get(claim.text("/spec/volumeName")) else { continue };
        let is = captured.contains(&(claim.metadata.namespace.clone(), claim.metadata.name.clone()));
        let policy = volume.text("/spec/persistentVolumeReclaimPolicy");
        match crate::kubernetes::fate(policy, is) {
            crate::kubernetes::VolumeFate::Restored => say.pass(claim),
            crate::kubernetes::VolumeFate::Empty => {
                say.fail(
                    claim,
                    "/spec/volumeName",
                    format!(
                        "volume {} is {policy} and not captured: a restore brings back an empty one",
                        volume.metadata.name
                    ),
                );
            }
            crate::kubernetes::VolumeFate::Pending => {
                say.fail(
                    claim,
                    "/spec/volumeName",
                    format!(
                        "volume {} is {policy} and not captured: after a restore the claim stays Pending for ever",
                        volume.metadata.name
                    ),
                );
            }
        }
    }
    for work in p.works.iter().filter(|w| w.kind == "StatefulSet") {
        if work.object.text("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted") == "Delete" {
            say.fail_as(
                Severity::Medium,
                work,
                "/spec/persistentVolumeClaimRetentionPolicy",
                "its claims are deleted with it",
            );
        }
    }
}

fn local(p: &Picture<'_>, say: &mut Say) {
    let by_name: BTreeMap<(&str, &str), &Object> = p
        .shelf
        .any("PersistentVolumeClaim")
        .iter()
        .map(|c| ((c.metadata.namespace.as_str(), c.metadata.name.as_str()), c))
        .collect();
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let mut wrong = vec![];
        for volume in list(work.spec(), "/volumes") {
            let path = text(volume, "/hostPath/path");
            let harmless = matches!(path, "/etc/localtime" | "/dev/shm" | "/proc" | "/sys");
            if !path.is_empty() && !harmless {
                wrong.push(format!("volume {} is the node's {path}", text(volume, "/name")));
            }
        }
        for claim in work.claims() {
            let Some(found) = by_name.get(&(work.namespace(), claim)) else { continue };
            let once = words(&found.body, "/spec/accessModes").iter().all(|m| m.starts_with("ReadWriteOnce"));
            let rolls = work.kind == "Deployment" && work.object.text("/spec/strategy/type") != "Recreate";
            if once && rolls && work.replicas.is_some_and(|n| n > 1) {
                wrong.push(format!(
                    "{} replicas share claim {claim}, which one node at a time may mount",
                    work.replicas.unwrap_or(0)
                ));
            }
            let volume = p.shelf.find("PersistentVolume", "", found.text("/spec/volumeName"));
            if volume.is_some_and(|v| v.at("/spec/local").is_object() || v.at("/spec/hostPath").is_object()) {
                wrong.push(format!("claim {claim} is bound to a volume of one node"));
            }
        }
        let kept = !work.claims().is_empty() || !work.object.list("/spec/volumeClaimTemplates").is_empty();
        if is_database(work) && !kept {
            wrong.push("a database without a volume: its data is gone with its pod".into());
        }
        say.judge(work, &format!("{}/volumes", work.pointer), &wrong);
    }
}

fn snapshots(p: &Picture<'_>, say: &mut Say) {
    const CLASS: &str = "VolumeSnapshotClass.snapshot.storage.k8s.io";
    let drivers: BTreeSet<&str> = p
        .all("PersistentVolume", say)
        .iter()
        .filter(|v| p.in_scope(v.text("/spec/claimRef/namespace")))
        .map(|v| v.text("/spec/csi/driver"))
        .filter(|d| !d.is_empty())
        .collect();
    if drivers.is_empty() {
        return say.skip(Subject::default(), "no volume in scope is of a CSI driver");
    }
    if p.shelf.any("Schedule.velero.io").iter().any(|s| s.at("/spec/template/defaultVolumesToFsBackup") == true) {
        return say.skip(Subject::default(), "volumes are backed up from the file system by default");
    }
    let classes = p.all(CLASS, say);
    for driver in drivers {
        let own: Vec<_> = classes.iter().filter(|c| c.body["driver"] == driver).collect();
        let marked = own
            .iter()
            .any(|c| c.metadata.labels.get("velero.io/csi-volumesnapshot-class").is_some_and(|v| v == "true"));
        let subject = Subject::named("CSIDriver", "", driver);
        if own.is_empty() {
            say.fail(subject, "", "it has no VolumeSnapshotClass");
        } else if !marked && own.len() > 1 {
            say.fail(subject, "", "none of its VolumeSnapshotClasses carries Velero's label");
        } else {
            say.pass(subject);
        }
    }
}
