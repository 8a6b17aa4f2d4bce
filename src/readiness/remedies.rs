//! Changes that would correct a finding, if they can be written without knowledge that only
//! the owner has. A person reads and applies them; drillmaster does not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    areas::is_a_store,
    check::CheckFinding,
    picture::{Picture, Work},
};
use crate::model::{Change, Remedy, Subject};

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// The change that would correct this finding; none if a person has to decide.
pub(crate) fn remedy(check: &str, found: &CheckFinding, picture: &Picture<'_>) -> Option<Remedy> {
    match check {
        "NET-001" => default_deny(found, picture, "Ingress", "their callers"),
        "NET-002" => default_deny(found, picture, "Egress", "the services that they call"),
        "RBAC-007" => no_token(found),
        "WRK-001" => replicas(found, picture.work(&found.subject)?),
        "PDB-001" => budget(picture, picture.work(&found.subject)?),
        "PDB-006" => Some(patch(&found.subject, "/spec/unhealthyPodEvictionPolicy", &json!("AlwaysAllow"))),
        "AFF-001" => spread(found, picture.work(&found.subject)?, HOST),
        "ZON-002" => spread(found, picture.work(&found.subject)?, ZONE),
        // An older name of PreferSameZone, which every version with this field accepts.
        "ZON-005" => Some(patch(&found.subject, "/spec/trafficDistribution", &json!("PreferClose"))),
        "STO-002" if found.subject.kind == "StatefulSet" => {
            Some(patch(&found.subject, "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted", &json!("Retain")))
        }
        "BCK-002" if found.pointer == "/spec/paused" => {
            // Other API groups have a kind of this name, too.
            let schedule = Subject { kind: "Schedule.velero.io".into(), ..found.subject.clone() };
            Some(patch(&schedule, "/spec/paused", &json!(false)))
        }
        _ => None,
    }
}

/// A default-deny policy for the namespace; none if it has a policy of this name, which then denies less. It is held
/// back, because only a person knows who must reach the pods and what they must reach.
fn default_deny(found: &CheckFinding, picture: &Picture<'_>, direction: &str, needed: &str) -> Option<Remedy> {
    let name = format!("default-deny-{}", direction.to_lowercase());
    if picture.object_set.find("NetworkPolicy.networking.k8s.io", &found.subject.namespace, &name).is_some() {
        return None;
    }
    let mut object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": metadata(&name, &found.subject.namespace),
        "spec": {"podSelector": {}, "policyTypes": [direction]},
    });
    if direction == "Egress" {
        // Without DNS, a pod reaches no Service by its name, whatever else is allowed.
        object["spec"]["egress"] = json!([{
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
            "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
        }]);
    }
    let held_back = format!("it isolates all pods of the namespace: first allow {needed} in separate policies");
    Some(Remedy { held_back, ..Remedy::new(Change::Create(object)) })
}

/// None for pods without a controller: their spec cannot be changed.
fn no_token(found: &CheckFinding) -> Option<Remedy> {
    (found.subject.kind != "Pod")
        .then(|| patch(&found.subject, &format!("{}/automountServiceAccountToken", found.pointer), &json!(false)))
}

/// None for workloads that keep data: a second pod has no data, or cannot mount the disk, or both write to it.
fn replicas(found: &CheckFinding, work: &Work<'_>) -> Option<Remedy> {
    if keeps_data(work) {
        return None;
    }
    let least = if work.critical { 3 } else { 2 };
    // A quorum needs an odd number.
    let wanted = match work.replicas? {
        n if n < least => least,
        n => n + 1,
    };
    let mut remedy = match work.scaled {
        None => patch(&found.subject, "/spec/replicas", &json!(wanted)),
        Some(scaler) => {
            let (minimum, maximum) = match &*scaler.kind {
                "ScaledObject" => ("/spec/minReplicaCount", "/spec/maxReplicaCount"),
                _ => ("/spec/minReplicas", "/spec/maxReplicas"),
            };
            // The API server refuses a minimum above the maximum.
            if scaler.at(maximum).as_u64().is_some_and(|most| most < wanted) {
                return None;
            }
            patch(&Subject::from(scaler), minimum, &json!(wanted))
        }
    };
    remedy.caution = "only if several of its pods can run at the same time".into();
    Some(remedy)
}

/// A budget with the workload's own selector, which matches no pods of other workloads.
fn budget(picture: &Picture<'_>, work: &Work<'_>) -> Option<Remedy> {
    let selector = work.object.at("/spec/selector");
    let name = budget_name(picture, work).filter(|_| selector.is_object())?;
    let object = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": metadata(&name, work.namespace()),
        "spec": {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": selector},
    });
    Some(Remedy::new(Change::Create(object)))
}

/// A name that no other budget of the namespace has, and that no other new budget gets: that of the workload, or with
/// its kind if a budget or another workload has that name already.
fn budget_name(picture: &Picture<'_>, work: &Work<'_>) -> Option<String> {
    let taken = |name: &str| picture.object_set.find("PodDisruptionBudget.policy", work.namespace(), name).is_some();
    let workloads = picture.in_namespace(work.namespace());
    let named = |name: &str| workloads.iter().filter(|other| other.name() == name).count();
    if named(work.name()) < 2 && !taken(work.name()) {
        return Some(work.name().to_owned());
    }
    let with_kind = format!("{}-{}", work.name(), work.kind.to_lowercase());
    // The API server accepts names of at most 253 characters.
    Some(with_kind).filter(|name| name.len() <= 253 && !taken(name) && named(name) == 0)
}

/// One more constraint. The others stay, because a strategic merge joins the list by topology key.
fn spread(found: &CheckFinding, work: &Work<'_>, key: &str) -> Option<Remedy> {
    let selector = work.object.at("/spec/selector");
    if work.kind == "Rollout" || !selector.is_object() {
        return None;
    }
    let constraint = json!([{
        "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector,
    }]);
    let mut remedy = patch(&found.subject, &format!("{}/topologySpreadConstraints", work.pointer), &constraint);
    if let Change::Patch { strategic, .. } = &mut remedy.change {
        *strategic = true;
    }
    remedy.caution = "its pods are replaced".into();
    Some(remedy)
}

/// Folders whose content a pod can lose at any time.
const SCRATCH: [&str; 6] = ["/tmp", "/var/tmp", "/run", "/var/run", "/var/cache", "/var/log"];

/// Whether pods of a workload keep something that a second pod would not have. An emptyDir counts unless it is mounted
/// where programs keep what they can make again.
fn keeps_data(work: &Work<'_>) -> bool {
    let of =
        |owner: &Value, pointer: &str| owner.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let volumes = of(work.spec(), "/volumes");
    let emptied = |name: &Value| volumes.iter().any(|v| v["name"] == *name && !v["emptyDir"].is_null());
    let scratch = |path: &str| SCRATCH.iter().any(|folder| path == *folder || path.starts_with(&format!("{folder}/")));
    let holds = |mount: &Value| emptied(&mount["name"]) && !scratch(mount["mountPath"].as_str().unwrap_or(""));
    work.kind == "StatefulSet"
        || is_a_store(work)
        || work.containers().any(|c| of(c.value, "/volumeMounts").iter().any(holds))
}

fn metadata(name: &str, namespace: &str) -> Value {
    if namespace.is_empty() { json!({"name": name}) } else { json!({"name": name, "namespace": namespace}) }
}

/// Sets one field of an object, by a merge patch.
fn patch(of: &Subject, pointer: &str, value: &Value) -> Remedy {
    let words: Vec<&str> = pointer.split('/').skip(1).collect();
    let body = words.into_iter().rev().fold(value.clone(), |inner, word| json!(BTreeMap::from([(word, inner)])));
    Remedy::new(Change::Patch {
        kind: of.kind.clone(),
        namespace: of.namespace.clone(),
        name: of.name.clone(),
        strategic: false,
        body,
    })
}
