//! What would not come back as it is now when a namespace is deleted and restored. Some of
//! it shows by the objects alone, before there is a backup; the rest by comparing them with
//! what the backup holds. Pure: whoever looks hands the objects in, one by one.
//! Read [`Live`] first.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Objects, Reduced,
    normalise::{group, name_of, text},
};
use crate::model::{Differs, Kin, Losing, Loss, ObjectName, Tie, VolumeInfo};

/// The label that keeps an object out of every backup.
const EXCLUDED: &str = "/metadata/labels/velero.io~1exclude-from-backup";
/// Finalizers of Kubernetes' own controllers, which run outside of any namespace of an application.
const HARMLESS: [&str; 7] = [
    "kubernetes.io/pvc-protection",
    "kubernetes.io/pv-protection",
    "foregroundDeletion",
    "orphan",
    "service.kubernetes.io/load-balancer-cleanup",
    "batch.kubernetes.io/job-tracking",
    // A claim, while a snapshot of it is being taken. Those of the snapshot itself delete it in the storage.
    "snapshot.storage.kubernetes.io/pvc-as-source-protection",
];

/// A namespace as it is now.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Its objects.
    pub objects: Objects,
    /// What is known from the objects alone.
    pub hazards: Vec<Loss>,
    /// Objects outside of it that belong to it.
    pub kin: Vec<Kin>,
}

/// What is kept of one object.
#[derive(Clone, Debug)]
pub enum Seen {
    /// An object of the namespace, and what threatens it.
    Within(Reduced, Vec<Losing>),
    /// An object outside that would be lost with it, or keep it from coming back.
    Threatened(Loss),
    /// An object outside that belongs to it.
    Kin(Kin),
}

impl Seen {
    /// An object of the namespace. None if the cluster derives it from others, or if it is being
    /// deleted already and only waits for its finalizers.
    pub fn within(object: Value) -> Option<Self> {
        if !text(&object, "/metadata/deletionTimestamp").is_empty() {
            return None;
        }
        let threats = threats(&object);
        Reduced::of(object).map(|reduced| Self::Within(reduced, threats))
    }

    /// An object outside of any namespace; none if it has nothing to do with this one.
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

/// What a backup holds.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Its objects of the namespace.
    pub objects: Objects,
    /// What it holds of each volume.
    pub volumes: Vec<VolumeInfo>,
    /// The filters that it was made with, in words; empty where it has none.
    pub filters: String,
}

impl Live {
    /// Everything that would not come back from a backup as it is now. In the order of the objects;
    /// one line for each reason.
    pub fn losses(&self, held: &Held) -> Vec<Loss> {
        let mut all = self.hazards.clone();
        let why_not = |l: &&Loss| matches!(l.how, Losing::Labelled(_) | Losing::Finished);
        let explained: BTreeSet<&ObjectName> = self.hazards.iter().filter(why_not).map(|l| &l.object).collect();
        for difference in self.objects.compare(&held.objects) {
            let how = match difference.what {
                Differs::ChangedAt(fields) => Losing::ChangedAt(fields),
                // Its label or its end has been named as the reason already.
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

/// Why a backup does not hold the content of a claim; none if it holds the content.
pub fn without_content(info: Option<&VolumeInfo>) -> Option<String> {
    match info {
        Some(info) if info.is_captured() => None,
        Some(info) if info.skipped_reason.is_empty() => Some("Velero took no copy of it".into()),
        Some(info) => Some(info.skipped_reason.trim_end_matches(';').to_owned()),
        None => Some("Velero made no copy of it: a hostPath volume, or one that no running pod mounts".into()),
    }
}

/// What threatens an object, as far as the object itself shows it. The caller leaves out
/// objects that the cluster derives from others.
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

/// An object that calls a Service of the namespace. Without the Service it blocks requests, or goes on.
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

/// The filters of a Backup that leave something of a namespace out, in words.
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
