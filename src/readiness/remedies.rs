//! Changes that would correct a finding, if they can be written without knowledge that only
//! the owner has. A person reads and applies them; drillmaster does not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    check::CheckFinding,
    picture::{Picture, Work},
};
use crate::{
    inventory::Object,
    model::{Change, Remedy},
};

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

/// The change that would correct this finding; none if a person has to decide.
pub(crate) fn remedy(check: &str, found: &CheckFinding, picture: &Picture<'_>) -> Option<Remedy> {
    match check {
        // Without a rule for their callers, the Services of the namespace could not be reached. Only its owner knows them.
        "NET-001" if !serves(picture, &found.subject.namespace) => closed(found, picture, "Ingress", "their callers"),
        "NET-002" => closed(found, picture, "Egress", "DNS and the services that they call"),
        "RBAC-007" => token(found),
        "WRK-001" => replicas(found, picture.work(&found.subject)?),
        "PDB-001" => budget(picture, picture.work(&found.subject)?),
        "PDB-006" => Some(patch(found, "/spec/unhealthyPodEvictionPolicy", &json!("AlwaysAllow"))),
        "AFF-001" => spread(found, picture.work(&found.subject)?, HOST),
        "ZON-002" => spread(found, picture.work(&found.subject)?, ZONE),
        // An older name of PreferSameZone, which every version with this field accepts.
        "ZON-005" => Some(patch(found, "/spec/trafficDistribution", &json!("PreferClose"))),
        "STO-002" if found.subject.kind == "StatefulSet" => {
            Some(patch(found, "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted", &json!("Retain")))
        }
        "BCK-002" if found.pointer == "/spec/paused" => {
            let mut remedy = patch(found, "/spec/paused", &json!(false));
            if let Change::Patch { kind, .. } = &mut remedy.change {
                // Other API groups have a kind of this name, too.
                "Schedule.velero.io".clone_into(kind);
            }
            Some(remedy)
        }
        _ => None,
    }
}

/// Whether a Service has pods of this namespace as its endpoints.
fn serves(picture: &Picture<'_>, namespace: &str) -> bool {
    picture.in_namespace(namespace).iter().any(|work| !picture.services(work).is_empty())
}

/// A default-deny policy for the namespace; none if it has one of this name, which then denies less.
fn closed(found: &CheckFinding, picture: &Picture<'_>, direction: &str, needed: &str) -> Option<Remedy> {
    let name = format!("default-deny-{}", direction.to_lowercase());
    if picture.object_set.find("NetworkPolicy.networking.k8s.io", &found.subject.namespace, &name).is_some() {
        return None;
    }
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": metadata(&name, &found.subject.namespace),
        "spec": {"podSelector": {}, "policyTypes": [direction]},
    });
    Some(Remedy {
        change: Change::Create(object),
        caution: format!("it isolates all pods of the namespace: first allow {needed} in separate policies"),
    })
}

/// None for pods without a controller: their spec cannot be changed.
fn token(found: &CheckFinding) -> Option<Remedy> {
    (found.subject.kind != "Pod")
        .then(|| patch(found, &format!("{}/automountServiceAccountToken", found.pointer), &json!(false)))
}

fn replicas(found: &CheckFinding, work: &Work<'_>) -> Option<Remedy> {
    let least = if work.critical { 3 } else { 2 };
    // A quorum needs an odd number.
    let wanted = match work.replicas? {
        n if n < least => least,
        n => n + 1,
    };
    let mut remedy = match work.scaled {
        None => patch(found, "/spec/replicas", &json!(wanted)),
        Some(scaler) => {
            let field = if *scaler.kind == *"ScaledObject" { "minReplicaCount" } else { "minReplicas" };
            let most = scaler.at(&format!("/spec/max{}", &field[3..])).as_u64();
            // The API server refuses a minimum above the maximum.
            most.is_none_or(|most| most >= wanted).then(|| patch_of(scaler, &json!({"spec": {field: wanted}})))?
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
    Some(Remedy { change: Change::Create(object), caution: String::new() })
}

/// A name that no other budget of the namespace has: that of the workload, or with its kind if a budget or another
/// workload has that name already.
fn budget_name(picture: &Picture<'_>, work: &Work<'_>) -> Option<String> {
    let taken = |name: &str| picture.object_set.find("PodDisruptionBudget.policy", work.namespace(), name).is_some();
    let with_kind = format!("{}-{}", work.name(), work.kind.to_lowercase());
    let namesakes = picture.in_namespace(work.namespace()).into_iter().filter(|other| other.name() == work.name());
    if namesakes.count() < 2 && !taken(work.name()) {
        return Some(work.name().to_owned());
    }
    // The API server accepts names of at most 253 characters.
    Some(with_kind).filter(|name| name.len() <= 253 && !taken(name))
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
    let mut remedy = patch(found, &format!("{}/topologySpreadConstraints", work.pointer), &constraint);
    if let Change::Patch { strategic, .. } = &mut remedy.change {
        *strategic = true;
    }
    remedy.caution = "its pods are replaced".into();
    Some(remedy)
}

fn metadata(name: &str, namespace: &str) -> Value {
    if namespace.is_empty() { json!({"name": name}) } else { json!({"name": name, "namespace": namespace}) }
}

/// Sets one field of the object of the finding.
fn patch(found: &CheckFinding, pointer: &str, value: &Value) -> Remedy {
    let body = pointer
        .split('/')
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .fold(value.clone(), |inner, part| json!(BTreeMap::from([(part, inner)])));
    let s = &found.subject;
    let change = Change::Patch {
        kind: s.kind.clone(),
        namespace: s.namespace.clone(),
        name: s.name.clone(),
        strategic: false,
        body,
    };
    Remedy { change, caution: String::new() }
}

fn patch_of(object: &Object, body: &Value) -> Remedy {
    let change = Change::Patch {
        kind: object.kind.to_string(),
        namespace: object.metadata.namespace.clone(),
        name: object.metadata.name.clone(),
        strategic: false,
        body: body.clone(),
    };
    Remedy { change, caution: String::new() }
}
