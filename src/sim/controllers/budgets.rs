//! The disruption controller: it counts the healthy pods of each budget, and computes how many disruptions the budget
//! allows. The API server uses them up (`eviction`). Read [`changed`] first.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    super::{
        fields::{self, number},
        state::State,
        value::Value,
    },
    Changes,
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
        for budget in budgets {
            let Some(selector) = state.selectors.of(&budget) else { continue };
            let touched = changes.iter().filter(|(k, _)| k.1 == namespace).any(|(key, object)| match key.0 {
                "pods" => fields::selects(&selector, object),
                "poddisruptionbudgets" => key.2 == fields::name(&budget),
                // Percentages depend on the scale of a controller.
                "replicasets" | "statefulsets" => fields::selects(&selector, &object["spec"]["template"]),
                _ => false,
            });
            if touched {
                count(state, namespace, &budget, &selector);
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
    let mut matching = 0;
    let mut healthy = 0;
    let mut owners: Vec<Arc<(String, String)>> = vec![];
    let disrupted = budget.pointer("/status/disruptedPods");
    state.store.each_selected(namespace, selector, |pod| {
        if pod.finished {
            return;
        }
        matching += 1;
        // A pod whose eviction was granted counts as gone until it is gone, or until two minutes have passed.
        let granted = disrupted.and_then(|d| d.get(fields::name(pod))).and_then(Value::as_str).is_some_and(|at| {
            at.parse::<Timestamp>().is_ok_and(|at| now.duration_since(at).as_secs() < DISRUPTED_SECONDS)
        });
        healthy += i64::from(pod.ready && !pod.terminating && !granted);
        if let Some(owner) = pod.owner.as_ref().filter(|o| !owners.contains(o)) {
            owners.push(Arc::clone(owner));
        }
    });
    let bound = |field: &str| budget["spec"].get(field).map(serde_json::Value::from);
    let (min, max) = (bound("minAvailable"), bound("maxUnavailable"));
    // If minAvailable is a number, the scale of the controllers does not matter.
    let expected = if min.as_ref().is_some_and(serde_json::Value::is_number) {
        matching
    } else {
        owners.iter().map(|owner| scale(state, namespace, &owner.0, &owner.1)).sum()
    };
    let desired = desired_healthy_of(min.as_ref(), max.as_ref(), expected as u64).unwrap_or(0) as i64;
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let granted = budget.pointer("/status/disruptedPods").and_then(Value::as_object);
    let there: BTreeSet<String> = granted
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .filter(|name| state.store.get("pods", namespace, name).is_some_and(|p| !fields::is_terminating(p)))
        .map(ToString::to_string)
        .collect();
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
