//! Deployments and ReplicaSets. How many pods each ReplicaSet should have during a rollout is computed in `rollout`.
//! Read [`changed`] first.

use std::{collections::BTreeSet, sync::Arc};

use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::{
    super::{
        dice::ALPHABET,
        fields::{self, number, text},
        resources,
        state::State,
        value::{Value, json},
    },
    Changes, of, owners,
    rollout::{Side, Strategy},
};

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let mut deployments: BTreeSet<(SmolStr, SmolStr)> =
        of(changes, "deployments").map(|(k, _)| (k.1.clone(), k.2.clone())).collect();
    deployments.extend(owners(changes, "replicasets", "Deployment"));
    for (namespace, name) in deployments {
        deployment(state, &namespace, &name);
    }
    let mut sets: BTreeSet<(SmolStr, SmolStr)> =
        of(changes, "replicasets").map(|(k, _)| (k.1.clone(), k.2.clone())).collect();
    sets.extend(owners(changes, "pods", "ReplicaSet"));
    for (namespace, name) in sets {
        replica_set(state, &namespace, &name);
    }
}

fn hash_of(template: &Value) -> SmolStr {
    let digest = Sha256::digest(template.to_string());
    digest.iter().take(9).map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()])).collect()
}

fn deployment(state: &mut State, namespace: &str, name: &str) {
    let Some(deployment) = state.store.get("deployments", namespace, name).cloned() else { return };
    if fields::is_terminating(&deployment) {
        return;
    }
    let hash = state.templates.of(&deployment, |d| hash_of(&d["spec"]["template"]));
    let wanted = number(&deployment, "/spec/replicas");
    let mine: Vec<Arc<Value>> = state
        .store
        .within("replicasets", namespace)
        // The name of a ReplicaSet begins with that of its Deployment. Comparing names first is faster.
        .filter(|s| fields::name(s).starts_with(name))
        .filter(|s| fields::controller(s).is_some_and(|(_, _, uid)| uid == fields::uid(&deployment)))
        .cloned()
        .collect();
    let set = format!("{name}-{hash}");
    let side = |new: bool| {
        let sets = mine.iter().filter(|s| (fields::name(s) == set) == new);
        sets.fold(Side::default(), |sum, s| Side {
            wanted: sum.wanted + number(s, "/spec/replicas"),
            ready: sum.ready + number(s, "/status/readyReplicas"),
            pods: sum.pods + number(s, "/status/replicas"),
        })
    };
    let (new, old) = (side(true), side(false));
    let (grown, mut left) = Strategy::of(&deployment, wanted).next(wanted, new, old);
    if !mine.iter().any(|s| fields::name(s) == set) {
        create_set(state, &deployment, &set, &hash, grown);
    }
    for own in &mine {
        let replicas = if fields::name(own) == set { grown } else { number(own, "/spec/replicas").min(left) };
        if fields::name(own) != set {
            left -= replicas;
        }
        state.store.edit("replicasets", namespace, fields::name(own), |s| s["spec"]["replicas"] = replicas.into());
    }
    let sum = |pointer: &str| mine.iter().map(|s| number(s, pointer)).sum::<i64>();
    let (replicas, ready) = (sum("/status/replicas"), sum("/status/readyReplicas"));
    let status = [
        ("replicas", replicas),
        ("updatedReplicas", new.pods),
        ("readyReplicas", ready),
        ("availableReplicas", ready),
        ("unavailableReplicas", (wanted - ready).max(0)),
        ("observedGeneration", number(&deployment, "/metadata/generation")),
    ];
    set_status(state, "deployments", &deployment, &status);
}

/// Writes numbers into the status of an object, unless they are there already, as after most changes of pods.
pub(super) fn set_status(state: &mut State, resource: &'static str, object: &Value, numbers: &[(&str, i64)]) {
    let status = &object["status"];
    if numbers.iter().all(|(field, number)| status[*field] == *number) {
        return;
    }
    state.store.edit(resource, fields::namespace(object), fields::name(object), |o| {
        for (field, number) in numbers {
            o["status"][*field] = (*number).into();
        }
    });
}

fn create_set(state: &mut State, deployment: &Value, name: &str, hash: &str, wanted: i64) {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = hash.into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = hash.into();
    let object = json!({"metadata": {"name": name, "namespace": fields::namespace(deployment),
            "labels": template["metadata"]["labels"], "ownerReferences": fields::owned_by(deployment)},
        "spec": {"replicas": wanted, "selector": selector, "template": template}});
    let now = state.wall();
    state.store.create(resources::known("replicasets"), object, now);
}

fn replica_set(state: &mut State, namespace: &str, name: &str) {
    let Some(set) = state.store.get("replicasets", namespace, name).cloned() else { return };
    if fields::is_terminating(&set) {
        return;
    }
    let wanted = number(&set, "/spec/replicas");
    let tally = state.store.tally_of(fields::uid(&set));
    let have = i64::try_from(tally.live).unwrap_or(i64::MAX);
    if have < wanted {
        let pod = pod_of(state, &set, &set["spec"]["template"]);
        for _ in have..wanted {
            let name = free_name(state, namespace, name);
            if let Some(pod) = &pod {
                create_as(state, pod.clone(), &name);
            }
        }
    }
    if have > wanted {
        let mut surplus = state.store.pods_of(fields::uid(&set));
        surplus.retain(|p| !p.terminating && !p.finished);
        // Pods that are not Ready go first, then the youngest.
        surplus.sort_by_cached_key(|p| {
            let made = text(p, "/metadata/creationTimestamp").to_owned();
            (p.ready, std::cmp::Reverse(made))
        });
        for pod in surplus.iter().take(usize::try_from(have - wanted).unwrap_or(0)) {
            state.delete(resources::known("pods"), pod, None, false);
        }
    }
    let status = [
        ("replicas", have.max(wanted)),
        ("readyReplicas", tally.ready as i64),
        ("availableReplicas", tally.ready as i64),
        ("observedGeneration", number(&set, "/metadata/generation")),
    ];
    set_status(state, "replicasets", &set, &status);
}

/// A name that no other pod has. Among ten thousand random names, two would be the same.
pub(super) fn free_name(state: &mut State, namespace: &str, set: &str) -> String {
    loop {
        let name = format!("{set}-{}", state.suffix());
        if state.store.get("pods", namespace, &name).is_none() {
            return name;
        }
    }
}

/// Creates a pod from a template.
pub(super) fn create_pod(state: &mut State, owner: &Value, name: &str, template: &Value) {
    if let Some(pod) = pod_of(state, owner, template) {
        create_as(state, pod, name);
    }
}

/// A pod from a template, without its name. Many pods can share it. None if the namespace is gone or going.
fn pod_of(state: &State, owner: &Value, template: &Value) -> Option<Value> {
    let namespace = fields::namespace(owner);
    if state.store.get("namespaces", "", namespace).is_none_or(|ns| fields::is_terminating(ns)) {
        return None;
    }
    let mut pod = template.clone();
    if !pod["metadata"].is_object() {
        pod["metadata"] = json!({});
    }
    pod["metadata"]["namespace"] = namespace.into();
    pod["metadata"]["ownerReferences"] = fields::owned_by(owner);
    super::super::admission::defaults(resources::known("pods"), &mut pod, state);
    Some(pod)
}

fn create_as(state: &mut State, mut pod: Value, name: &str) {
    pod["metadata"]["name"] = name.into();
    let now = state.wall();
    state.store.create(resources::known("pods"), pod, now);
}
