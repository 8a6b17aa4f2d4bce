//! The disruption controller: it counts the healthy pods of each budget, and computes how many disruptions the budget
//! allows. The API server uses them up (`eviction`). Read [`changed`] first.

use std::collections::BTreeSet;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::{
    super::{
        fields::{self, number},
        state::{State, selector_of},
        value::Value,
    },
    Changes,
    selected::that_select,
};
use crate::kubernetes::{Selector, desired_healthy_of};

/// `DeletionTimeout` of Kubernetes' disruption controller.
const DISRUPTED_SECONDS: i64 = 120;

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let namespaces: BTreeSet<&str> = changes
        .keys()
        .filter(|k| matches!(k.0, "pods" | "poddisruptionbudgets" | "replicasets" | "statefulsets"))
        .map(|k| k.1.as_str())
        .collect();
    for namespace in namespaces {
        let budgets: Vec<_> = state.store.within("poddisruptionbudgets", namespace).cloned().collect();
        let budgets: Vec<_> = budgets
            .into_iter()
            .filter_map(|budget| Some((state.selectors.of(&budget, selector_of)?, budget)))
            .collect();
        let selectors: Vec<&Selector> = budgets.iter().map(|(selector, _)| &**selector).collect();
        let pods = changes.iter().filter_map(|((resource, home, _), object)| match *resource {
            _ if home != namespace => None,
            "pods" => Some(&**object),
            // Percentages depend on the scale of a controller.
            "replicasets" | "statefulsets" => Some(&object["spec"]["template"]),
            _ => None,
        });
        let touched = that_select(&selectors, pods);
        for ((selector, budget), touched) in budgets.iter().zip(touched) {
            let key = ("poddisruptionbudgets", SmolStr::new(namespace), fields::name(budget).into());
            if touched || changes.contains_key(&key) {
                count(state, namespace, budget, selector);
            }
        }
    }
}

/// Counts one budget again, although nothing changed.
pub(in crate::sim) fn count_again(state: &mut State, namespace: &str, name: &str) {
    let Some(budget) = state.store.get("poddisruptionbudgets", namespace, name).cloned() else { return };
    if let Some(selector) = fields::selector(budget.pointer("/spec/selector")) {
        count(state, namespace, &budget, &selector);
    }
}

fn count(state: &mut State, namespace: &str, budget: &Value, selector: &Selector) {
    if state.budget_lags(namespace, fields::name(budget)) {
        return;
    }
    let now = state.wall();
    let group = state.store.group_of(namespace, selector);
    let granted = budget.pointer("/status/disruptedPods").and_then(Value::as_object);
    // A pod whose eviction was granted counts as gone until it is gone, or until two minutes have passed.
    let is_fresh = |at: &Value| {
        let at = at.as_str().and_then(|at| at.parse::<Timestamp>().ok());
        at.is_some_and(|at| now.duration_since(at).as_secs() < DISRUPTED_SECONDS)
    };
    let counts = |name: &str| {
        let pod = state.store.pod(namespace, name);
        pod.is_some_and(|pod| !pod.finished && pod.is_healthy() && fields::selects(selector, pod))
    };
    let leaving = granted.into_iter().flatten().filter(|(name, at)| is_fresh(at) && counts(name)).count();
    let (matching, healthy) = (group.pods as i64, (group.healthy - leaving) as i64);
    let bound = |field: &str| budget["spec"].get(field).map(serde_json::Value::from);
    let (min, max) = (bound("minAvailable"), bound("maxUnavailable"));
    // If minAvailable is a number, the scale of the controllers does not matter.
    let expected = if min.as_ref().is_some_and(serde_json::Value::is_number) {
        matching
    } else {
        group.owners.keys().map(|owner| scale(state, namespace, &owner.0, &owner.1)).sum()
    };
    let desired = desired_healthy_of(min.as_ref(), max.as_ref(), expected as u64).unwrap_or(0) as i64;
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let there: BTreeSet<String> = granted
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .filter(|name| state.store.get("pods", namespace, name).is_some_and(|p| !fields::is_terminating(p)))
        .map(ToString::to_string)
        .collect();
    let numbers = [
        ("currentHealthy", healthy),
        ("desiredHealthy", desired),
        ("expectedPods", expected),
        ("disruptionsAllowed", allowed),
        ("observedGeneration", number(budget, "/metadata/generation")),
    ];
    let same = numbers.iter().all(|(field, number)| budget["status"][*field] == *number);
    if same && granted.is_none_or(|granted| granted.len() == there.len()) {
        return;
    }
    state.store.edit("poddisruptionbudgets", namespace, fields::name(budget), |b| {
        b["status"]["currentHealthy"] = healthy.into();
        b["status"]["desiredHealthy"] = desired.into();
        b["status"]["expectedPods"] = expected.into();
        b["status"]["disruptionsAllowed"] = allowed.into();
        if let Some(granted) = b.pointer_mut("/status/disruptedPods").and_then(Value::as_object_mut) {
            granted.retain(|name, _| there.contains(name));
        }
        b["status"]["observedGeneration"] = number(b, "/metadata/generation").into();
    });
}

/// How many pods a controller should have.
fn scale(state: &State, namespace: &str, kind: &str, name: &str) -> i64 {
    let resource = match kind {
        "ReplicaSet" => "replicasets",
        "StatefulSet" => "statefulsets",
        _ => return 0,
    };
    state.store.get(resource, namespace, name).map_or(0, |o| number(o, "/spec/replicas"))
}
