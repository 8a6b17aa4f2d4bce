//! What a namespace would lose if it were deleted and restored. Some losses are visible from the objects alone, even
//! before there is a backup; the others are found by comparing the objects with the content of the backup. The
//! functions are pure: the caller reads the objects and passes them in one by one. Start with [`Live`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Objects, Reduced,
    normalise::{group, name_of, text},
};
use crate::model::{Differs, Kin, Losing, Loss, ObjectName, Tie, VolumeInfo};

/// The label that excludes an object from every backup.
const EXCLUDED: &str = "/metadata/labels/velero.io~1exclude-from-backup";
/// Finalizers of Kubernetes' own controllers, which do not run in a namespace of an application.
const HARMLESS: [&str; 7] = [
    "kubernetes.io/pvc-protection",
    "kubernetes.io/pv-protection",
    "foregroundDeletion",
    "orphan",
    "service.kubernetes.io/load-balancer-cleanup",
    "batch.kubernetes.io/job-tracking",
    // Set on a claim while a snapshot of it is taken. The finalizers of the snapshot itself are not harmless: they
    // delete it in the storage.
    "snapshot.storage.kubernetes.io/pvc-as-source-protection",
];

/// The current state of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Its objects.
    pub objects: Objects,
    /// The losses that are visible from the objects alone.
    pub hazards: Vec<Loss>,
    /// Objects outside the namespace that belong to it.
    pub kin: Vec<Kin>,
}

/// What is stored of one object.
#[derive(Clone, Debug)]
pub enum Seen {
    /// An object of the namespace, and what threatens it.
    Within(Reduced, Vec<Losing>),
    /// An object outside that would be lost with the namespace, or would prevent its restore.
    Threatened(Loss),
    /// An object outside that belongs to the namespace.
    Kin(Kin),
}

impl Seen {
    /// An object of the namespace. None if the cluster derives it from other objects, or if it is already being deleted
    /// and only waits for its finalizers.
    pub fn within(object: Value) -> Option<Self> {
        if !text(&object, "/metadata/deletionTimestamp").is_empty() {
            return None;
        }
        let threats = threats(&object);
        Reduced::of(object).map(|reduced| Self::Within(reduced, threats))
    }

    /// A cluster-scoped object; none if it has no relation to this namespace.
    pub fn beside(object: &Value, namespace: &str) -> Option<Self> {
        let name = name_of(object);
        match (name.group.as_str(), name.kind.as_str()) {
            ("", "PersistentVolume") if text(object, "/spec/claimRef/namespace") == namespace => {
                let stays = text(object, "/spec/persistentVolumeReclaimPolicy") == "Retain";
                Some(Self::Kin(Kin { object: name, tie: if stays { Tie::VolumeStays } else { Tie::VolumeGoes } }))
            }
            ("rbac.authorization.k8s.io", "ClusterRoleBinding") => {
                let named = list(object, "/subjects").iter().any(|s| is_account_of(s, namespace));
                named.then_some(Self::Kin(Kin { object: name, tie: Tie::GrantsRights }))
            }
            ("admissionregistration.k8s.io", _) => {
                let hooks = list(object, "/webhooks").iter();
                calls(name, hooks.map(|h| (h, "/clientConfig/service")), namespace)
            }
            ("apiregistration.k8s.io", "APIService") => calls(name, [(object, "/spec/service")].into_iter(), namespace),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                calls(name, [(object, "/spec/conversion/webhook/clientConfig/service")].into_iter(), namespace)
            }
            _ => None,
        }
    }
}

impl FromIterator<Seen> for Live {
    fn from_iter<T: IntoIterator<Item = Seen>>(all: T) -> Self {
        let mut live = Self::default();
        for seen in all {
            match seen {
                Seen::Within(object, threats) => {
                    let loss = |how| Loss { object: object.name.clone(), how };
                    live.hazards.extend(threats.into_iter().map(loss));
                    live.objects.put(object);
                }
                Seen::Threatened(loss) => live.hazards.push(loss),
                Seen::Kin(kin) => live.kin.push(kin),
            }
        }
        live
    }
}

/// The content of a backup.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Its objects of the namespace.
    pub objects: Objects,
    /// What it has of each volume.
    pub volumes: Vec<VolumeInfo>,
    /// The filters with which it was made, as text; empty if there are none.
    pub filters: String,
}

impl Live {
    /// Everything that would not come back from a backup in its current state, in the order of the objects, with one
    /// entry for each reason.
    pub fn losses(&self, held: &Held) -> Vec<Loss> {
        let mut all = self.hazards.clone();
        let why_not = |l: &&Loss| matches!(l.how, Losing::Labelled(_) | Losing::Finished);
        let explained: BTreeSet<&ObjectName> = self.hazards.iter().filter(why_not).map(|l| &l.object).collect();
        for difference in self.objects.compare(&held.objects) {
            let how = match difference.what {
                Differs::ChangedAt(fields) => Losing::ChangedAt(fields),
                // The label, or the fact that the object has finished, is already named as the reason.
                Differs::Missing if explained.contains(&difference.object) => continue,
                Differs::Missing => Losing::NotHeld(held.filters.clone()),
            };
            all.push(Loss { object: difference.object, how });
        }
        let gone = held.objects.iter().filter(|o| self.objects.get(&o.name).is_none());
        all.extend(gone.map(|o| Loss { object: o.name.clone(), how: Losing::DeletedSince }));
        all.extend(self.claims(held));
        all.sort_by(|a, b| a.object.cmp(&b.object));
        all
    }

    /// Claims whose content would not come back.
    fn claims(&self, held: &Held) -> Vec<Loss> {
        let volumes: BTreeMap<(&str, &str), &VolumeInfo> =
            held.volumes.iter().map(|v| ((v.pvc_namespace.as_str(), v.pvc_name.as_str()), v)).collect();
        let is_claim = |o: &&Reduced| o.name.group.is_empty() && o.name.kind == "PersistentVolumeClaim";
        let lost = |claim: &Reduced| {
            let info = volumes.get(&(claim.name.namespace.as_str(), claim.name.name.as_str()));
            let other = held.objects.get(&claim.name).is_some_and(|h| h.uid != claim.uid);
            let how = match without_content(info.copied()) {
                _ if other => Losing::MadeAnew,
                Some(why) => Losing::NoContent(why),
                None => return None,
            };
            Some(Loss { object: claim.name.clone(), how })
        };
        self.objects.iter().filter(is_claim).filter_map(lost).collect()
    }
}

/// Why a backup does not have the content of a claim; none if it has.
pub fn without_content(info: Option<&VolumeInfo>) -> Option<String> {
    match info {
        Some(info) if info.is_captured() => None,
        Some(info) if info.skipped_reason.is_empty() => Some("Velero did not copy it".into()),
        Some(info) => Some(info.skipped_reason.trim_end_matches(';').to_owned()),
        None => Some("Velero did not copy it: it is a hostPath volume, or no running pod mounts it".into()),
    }
}

/// What threatens an object, as far as the object itself shows it. The caller leaves out objects that the cluster
/// derives from others.
fn threats(object: &Value) -> Vec<Losing> {
    let mut all = vec![];
    if let Some(value) = object.pointer(EXCLUDED) {
        all.push(Losing::Labelled(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    let finalizers = list(object, "/metadata/finalizers").iter().filter_map(Value::as_str);
    let others: Vec<String> = finalizers.filter(|f| !HARMLESS.contains(f)).map(str::to_owned).collect();
    if !others.is_empty() {
        all.push(Losing::HeldBy(others));
    }
    match (group(object), text(object, "/kind")) {
        ("", "Pod") if matches!(text(object, "/status/phase"), "Succeeded" | "Failed") => all.push(Losing::Finished),
        ("", "Pod") => all.push(Losing::BarePod),
        ("batch", "Job") if !text(object, "/status/completionTime").is_empty() => all.push(Losing::Finished),
        ("batch", "Job") if object.pointer("/spec/suspend") != Some(&Value::Bool(true)) => {
            all.push(Losing::RunsAgain);
        }
        _ => {}
    }
    all
}

/// An object that calls a Service of the namespace. Without the Service it blocks requests, or lets them pass.
fn calls<'a>(
    object: ObjectName,
    mut callers: impl Iterator<Item = (&'a Value, &'a str)> + Clone,
    namespace: &str,
) -> Option<Seen> {
    let service = |(caller, at): (&'a Value, &'a str)| {
        let service = caller.pointer(at).filter(|s| text(s, "/namespace") == namespace)?;
        Some((text(caller, "/failurePolicy") != "Ignore", text(service, "/name").to_owned()))
    };
    if let Some((_, name)) = callers.clone().filter_map(service).find(|(blocks, _)| *blocks) {
        return Some(Seen::Threatened(Loss { object, how: Losing::NeedsService(name) }));
    }
    callers.any(|c| service(c).is_some()).then_some(Seen::Kin(Kin { object, tie: Tie::CallsService }))
}

fn is_account_of(subject: &Value, namespace: &str) -> bool {
    match text(subject, "/kind") {
        "ServiceAccount" => text(subject, "/namespace") == namespace,
        "Group" => text(subject, "/name").strip_prefix("system:serviceaccounts:") == Some(namespace),
        _ => false,
    }
}

/// The filters of a Backup that exclude parts of a namespace, as text.
pub fn filters(backup: &Value) -> String {
    let ours = |v: &&Value| !matches!(v.as_str(), Some("events" | "events.events.k8s.io"));
    let mut said = vec![];
    for field in [
        "includedResources",
        "excludedResources",
        "includedNamespaceScopedResources",
        "excludedNamespaceScopedResources",
        "excludedNamespaces",
    ] {
        let words: Vec<String> = list(backup, &format!("/spec/{field}"))
            .iter()
            .filter(ours)
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if !words.is_empty() && words != ["*"] {
            said.push(format!("its {field}: {}", words.join(", ")));
        }
    }
    for field in ["labelSelector", "orLabelSelectors", "resourcePolicy"] {
        if let Some(value) = backup.pointer(&format!("/spec/{field}")).filter(|v| !super::normalise::is_empty(v)) {
            said.push(format!("its {field}: {value}"));
        }
    }
    said.join("; ")
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
