//! The eviction subresource, with all answers of the real one as measured on a real API server: 201, 404, 409 for
//! another UID, 429 if the budget allows no disruption or is not processed yet, 500 for two budgets. It does not count
//! the healthy pods; see `controllers/budgets`. Read [`evict`] first.

use super::{
    api::refuse,
    fields::{self, number, text},
    resources,
    state::{State, selector_of},
    value::{Value, json},
};

pub(super) fn evict(
    state: &mut State,
    namespace: &str,
    name: &str,
    options: &Value,
    dry_run: bool,
) -> Result<(u16, Value), Value> {
    let Some(pod) = state.store.get("pods", namespace, name).cloned() else {
        let mut status = refuse(404, "NotFound", format!("pods \"{name}\" not found"));
        status["details"] = json!({"name": name, "kind": "pods"});
        return Err(status);
    };
    let phase = text(&pod, "/status/phase");
    let free = matches!(phase, "Succeeded" | "Failed" | "Pending") || fields::is_terminating(&pod);
    if !free && let Some(refusal) = budget(state, namespace, &pod, dry_run) {
        return Err(refusal);
    }
    // The real server, too, uses up the budget before it checks the precondition.
    let wanted = text(options, "/preconditions/uid");
    if !wanted.is_empty() && wanted != fields::uid(&pod) {
        return Err(refuse(
            409,
            "Conflict",
            format!("the UID in the precondition ({wanted}) does not match the UID in record ({})", fields::uid(&pod)),
        ));
    }
    if !dry_run {
        state.disrupt(namespace, name, "EvictionByEvictionAPI");
        let now = state.store.get("pods", namespace, name).cloned().unwrap_or(pod);
        let grace = options["gracePeriodSeconds"].as_i64();
        state.delete(resources::known("pods"), &now, grace, false);
    }
    Ok((201, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})))
}

/// The refusal of the budgets, or none if they allow the eviction. An allowed eviction uses up one disruption.
fn budget(state: &mut State, namespace: &str, pod: &Value, dry_run: bool) -> Option<Value> {
    let mut mine: Vec<_> = state.store.within("poddisruptionbudgets", namespace).cloned().collect();
    mine.retain(|b| state.selectors.of(b, selector_of).is_some_and(|s| fields::selects(&s, pod)));
    let budget = match &mine[..] {
        [] => return None,
        [one] => one,
        _ => {
            let mut status = refuse(
                500,
                "",
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            );
            if let Some(fields) = status.as_object_mut() {
                fields.remove("reason");
            }
            return Some(status);
        }
    };
    let (healthy, desired) = (number(budget, "/status/currentHealthy"), number(budget, "/status/desiredHealthy"));
    let ready = fields::condition(pod, "Ready") == "True";
    let always = text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
    if !ready && (always || (healthy >= desired && desired > 0)) {
        return None;
    }
    let name = fields::name(budget).to_owned();
    if number(budget, "/status/observedGeneration") < number(budget, "/metadata/generation") {
        let mut status =
            refuse(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.");
        status["details"] = json!({"retryAfterSeconds": 10, "causes": [{"reason": "DisruptionBudget",
            "message": format!("The disruption budget {name} is still being processed by the server.")}]});
        return Some(status);
    }
    if number(budget, "/status/disruptionsAllowed") > 0 {
        if !dry_run {
            let (own, now) = (fields::name(pod).to_owned(), fields::stamp(state.wall()));
            state.store.edit("poddisruptionbudgets", namespace, &name, |b| {
                b["status"]["disruptionsAllowed"] = (number(b, "/status/disruptionsAllowed") - 1).into();
                b["status"]["disruptedPods"][own.as_str()] = now.into();
            });
        }
        return None;
    }
    let mut status =
        refuse(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.");
    status["details"] = json!({"causes": [{"reason": "DisruptionBudget",
        "message": format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")}]});
    Some(status)
}
