//! Storage: claims, volumes and drivers, and what a restore brings back of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::stateful::{Keeps, STORAGE_CLASS, is_for_one_node, is_kept, keeps, local_class};
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, REGION, RESTORE, Say, ZONE},
        picture::{Picture, Work},
        values::{list, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "STO-001",
        name: "storage-healthy",
        title: "Claims are bound, and storage classes and drivers work",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "Each claim is Bound; one that waits for its first consumer is skipped. No volume is Failed. No VolumeAttachment has an attachError. Exactly one StorageClass is the default (else medium). The CSI driver of each volume in scope is on every node that accepts pods (else high). No volume in scope has less than 10 % of its space free (Prometheus; else high). A Released volume is medium if its claim was in a namespace with a critical workload.",
        fix: "Correct the claim, its class or the driver on the node; extend the volume",
        why: "If the storage does not work, restored claims stay Pending.",
        run: storage,
    },
    Check {
        id: "STO-002",
        name: "reclaim-policy",
        title: "A restore brings back the content of every volume",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "The newest backup holds the content of each claim that has a volume (as in BCK-006). Otherwise the reclaim policy of the volume decides what a restore brings back: an empty volume (Delete), or a claim that is Pending forever (Retain, because the old volume still names the old claim). Both fail. A StatefulSet with persistentVolumeClaimRetentionPolicy.whenDeleted Delete is medium.",
        fix: "Capture the content (defaultVolumesToFsBackup, CSI snapshots). Retain alone does not help: clear spec.claimRef of the kept volume, or restore under another name",
        why: "A restore that reports Completed can bring back an empty volume, or none.",
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
        rule: "No Deployment, StatefulSet or other replicated workload mounts a hostPath (except /etc/localtime, sockets, devices, folders below /dev, /proc, /sys, /run, /var/run and /var/lib/kubelet, CA certificates and kernel modules; medium if every mount of it is read-only), a claim of a local or hostPath volume, or a claim (also one of volumeClaimTemplates) whose StorageClass makes volumes on one node, such as local-path. No database, queue, log or object store, known by the name of its image or by its ports, runs without a volume that outlives its pods and that they can write (an emptyDir and a csi volume defined in the pod do not outlive them); for Redis and its relatives, which are often only a cache, and for NATS without the argument -js, this is medium. No workload with several replicas mounts one claim in all its pods whose access modes are all ReadWriteOnce or ReadWriteOncePod, unless its strategy is Recreate.",
        fix: "Move the state to a network volume or a regional volume; use a StatefulSet or the strategy Recreate",
        why: "State on a node is lost with the node.",
        run: local,
    },
    Check {
        id: "STO-004",
        name: "snapshot-class",
        title: "Velero can take snapshots with each CSI driver in use",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE],
        needs: Needs::Cluster,
        rule: "For the CSI driver of each volume in scope there is a VolumeSnapshotClass. If there are several, one has the label velero.io/csi-volumesnapshot-class=true. The check is skipped if a Schedule has defaultVolumesToFsBackup.",
        fix: "Create a VolumeSnapshotClass for the driver with Velero's label; deletionPolicy Retain is recommended",
        why: "Velero skips the snapshots of a driver that has no class.",
        run: snapshots,
    },
];

fn storage(p: &Picture<'_>, say: &mut Say) {
    for claim in p.each("PersistentVolumeClaim", say) {
        let phase = claim.text("/status/phase");
        let class = p.object_set.find("StorageClass.storage.k8s.io", "", claim.text("/spec/storageClassName"));
        let waits = class.is_some_and(|c| c.body["volumeBindingMode"] == "WaitForFirstConsumer");
        if phase == "Bound" {
            say.pass(claim);
        } else if phase == "Pending" && waits && claim.text("/spec/volumeName").is_empty() {
            say.skip(claim, "it waits for its first consumer");
        } else {
            say.fail(claim, "/status/phase", format!("it is {}", if phase.is_empty() { "not bound" } else { phase }));
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
                let text = format!("it is Released: it still holds the data of the deleted claim {of}{claim}");
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
    if p.object_set.all("StorageClass.storage.k8s.io").is_ok() {
        match defaults.len() {
            1 => say.pass(Subject::named("StorageClass", "", defaults[0])),
            0 => say.fail_as(
                Severity::Medium,
                Subject::default(),
                "",
                "no StorageClass is the default: a claim without a class stays Pending",
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

/// Drivers that are missing on nodes that may need their volumes.
fn drivers(p: &Picture<'_>, say: &mut Say) {
    const NODES: &str = "CSINode.storage.k8s.io";
    let ours = |v: &&Object| p.in_scope(v.text("/spec/claimRef/namespace")) && !v.text("/spec/csi/driver").is_empty();
    let used: BTreeSet<&str> =
        p.object_set.any("PersistentVolume").iter().filter(ours).map(|v| v.text("/spec/csi/driver")).collect();
    if used.is_empty() || p.object_set.all(NODES).is_err() || p.object_set.any(NODES).is_empty() {
        return;
    }
    let takes = |n: &&crate::kubernetes::objects::Node| {
        n.ready() == "True" && !n.spec.unschedulable && !n.spec.taints.iter().any(|t| t.effect != "PreferNoSchedule")
    };
    for driver in used {
        let has = |name: &str| {
            p.object_set
                .find(NODES, "", name)
                .is_some_and(|n| n.list("/spec/drivers").iter().any(|d| d["name"] == driver))
        };
        let bare: Vec<&str> =
            p.object_set.nodes.iter().filter(takes).map(|n| n.metadata.name.as_str()).filter(|n| !has(n)).collect();
        let subject = Subject::named("CSIDriver", "", driver);
        if bare.is_empty() {
            say.pass(subject);
        } else {
            let shown = bare.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let text = format!("{} nodes that accept pods do not have this driver: {shown}", bare.len());
            say.fail_as(Severity::High, subject, "", text);
        }
    }
}

/// Volumes with little free space, according to Prometheus.
fn full(p: &Picture<'_>, say: &mut Say) {
    let samples = p.object_set.readings.prometheus.as_ref().and_then(|r| r.answer("volumes nearly full").ok());
    for sample in samples.unwrap_or_default() {
        let label = |name: &str| sample.labels.get(name).map_or("", String::as_str);
        if p.in_scope(label("namespace")) {
            let subject = Subject::named("PersistentVolumeClaim", label("namespace"), label("persistentvolumeclaim"));
            say.fail_as(
                Severity::High,
                subject,
                "",
                format!("only {:.0} % of its volume is free", sample.value * 100.0),
            );
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
                        "volume {} has reclaim policy {policy} and is not captured: a restore brings back an empty volume",
                        volume.metadata.name
                    ),
                );
            }
            crate::kubernetes::VolumeFate::Pending => {
                say.fail(
                    claim,
                    "/spec/volumeName",
                    format!(
                        "volume {} has reclaim policy {policy} and is not captured: after a restore, the claim stays Pending forever",
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
                "its claims are deleted together with it",
            );
        }
    }
}

fn local(p: &Picture<'_>, say: &mut Say) {
    if p.works.iter().any(|work| work.is_replicated_kind() && work.has_claims()) {
        for key in ["PersistentVolumeClaim", "PersistentVolume", STORAGE_CLASS] {
            if let Err(gap) = p.object_set.all(key) {
                say.gap(gap);
            }
        }
    }
    let by_name: BTreeMap<(&str, &str), &Object> = p
        .object_set
        .any("PersistentVolumeClaim")
        .iter()
        .map(|c| ((c.metadata.namespace.as_str(), c.metadata.name.as_str()), c))
        .collect();
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let (mut wrong, mut lesser) = (vec![], vec![]);
        for volume in list(work.spec(), "/volumes").iter().filter(|volume| is_of_node(volume)) {
            let (name, path) = (text(volume, "/name"), text(volume, "/hostPath/path"));
            if only_read(work, name) {
                lesser.push(format!("its pods read {path} of their node (volume {name}), which may differ on another"));
            } else {
                wrong.push(format!("volume {name} is the path {path} of the node"));
            }
        }
        for claim in work.claims() {
            let Some(found) = by_name.get(&(work.namespace(), claim)) else { continue };
            let once = is_for_one_node(&found.body);
            let rolls = work.object.text("/spec/strategy/type") != "Recreate";
            if once && rolls && work.replicas.is_some_and(|n| n > 1) {
                wrong.push(format!(
                    "{} replicas share claim {claim}, which only one node can mount at a time",
                    work.replicas.unwrap_or(0)
                ));
            }
            let volume = p.object_set.find("PersistentVolume", "", found.text("/spec/volumeName"));
            if volume.is_some_and(|v| v.at("/spec/local").is_object() || v.at("/spec/hostPath").is_object()) {
                wrong.push(format!("claim {claim} is bound to a volume on one node"));
            } else if let Some(by) = local_class(p, found.text("/spec/storageClassName")) {
                wrong.push(format!("claim {claim} becomes a volume on one node ({by})"));
            }
        }
        for template in work.object.list("/spec/volumeClaimTemplates") {
            if let Some(by) = local_class(p, text(template, "/spec/storageClassName")) {
                wrong.push(format!("the volumes of {} are on one node each ({by})", text(template, "/metadata/name")));
            }
        }
        let pointer = format!("{}/volumes", work.pointer);
        match keeps(work) {
            Keeps::Perhaps if wrong.is_empty() && !is_kept(work) => {
                let text = "its data is lost with its pod: fine for a cache or for messages in passing, but not for a database";
                say.fail_as(Severity::Medium, work, pointer, text);
                continue;
            }
            Keeps::Database if !is_kept(work) => {
                wrong.push("a database without a volume: its data is lost with its pod".into());
            }
            Keeps::Store if !is_kept(work) => {
                wrong.push("a store without a volume that outlives its pods: its data is lost with them".into());
            }
            _ => {}
        }
        if wrong.is_empty() && !lesser.is_empty() {
            say.fail_as(Severity::Medium, work, pointer, lesser.join("; "));
        } else {
            say.judge(work, &pointer, &wrong);
        }
    }
}

/// Folders whose content each node makes itself: devices, what runs, what belongs to the kubelet, and parts of the
/// operating system.
const OF_EACH_NODE: [&str; 10] = [
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/var/run",
    "/var/lib/kubelet",
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/lib/modules",
];

/// Whether a volume is a path of the node that can hold state: not the clock, memory, a device or a socket.
pub(super) fn is_of_node(volume: &Value) -> bool {
    let path = text(volume, "/hostPath/path");
    let below = |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let harmless = path == "/etc/localtime" || path.ends_with(".sock") || OF_EACH_NODE.iter().any(below);
    !path.is_empty() && !harmless && !matches!(text(volume, "/hostPath/type"), "Socket" | "CharDevice")
}

/// Whether every container that mounts a volume mounts it read-only.
pub(super) fn only_read(work: &Work<'_>, volume: &str) -> bool {
    let mounts = work.all_containers().iter().flat_map(|c| list(c.value, "/volumeMounts"));
    let mut mounts = mounts.filter(|mount| text(mount, "/name") == volume).peekable();
    mounts.peek().is_some() && mounts.all(|mount| mount["readOnly"] == true)
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
        return say.skip(Subject::default(), "no volume in scope uses a CSI driver");
    }
    if p.object_set.any("Schedule.velero.io").iter().any(|s| s.at("/spec/template/defaultVolumesToFsBackup") == true) {
        return say.skip(Subject::default(), "a Schedule backs up volumes from the file system by default");
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
            say.fail(
                subject,
                "",
                "it has several VolumeSnapshotClasses, and no label velero.io/csi-volumesnapshot-class=true",
            );
        } else {
            say.pass(subject);
        }
    }
}
