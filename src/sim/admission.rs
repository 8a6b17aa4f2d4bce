//! What the API server fills in.

use serde_json::{Value, json};

use super::{fields, resources::Resource, state::State};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// Defaults of a new object.
pub(super) fn defaults(resource: &Resource, object: &mut Value, state: &State) {
    match resource.plural {
        "pods" => pod(object, state),
        "namespaces" => object["status"] = json!({"phase": "Active"}),
        "persistentvolumeclaims" if object["status"].is_null() => object["status"] = json!({"phase": "Pending"}),
        "deployments" | "replicasets" | "statefulsets" if object["spec"]["replicas"].is_null() => {
            object["spec"]["replicas"] = 1.into();
        }
        _ => {}
    }
}

/// Pods stay on a dead node for five minutes unless they say otherwise.
fn pod(object: &mut Value, state: &State) {
    let spec = &mut object["spec"];
    if spec["terminationGracePeriodSeconds"].is_null() {
        spec["terminationGracePeriodSeconds"] = 30.into();
    }
    let mut tolerations: Vec<Value> = fields::list(spec, "/tolerations").to_vec();
    for key in [NOT_READY, UNREACHABLE] {
        let named = |t: &Value| {
            (t["key"] == key || (t["key"].is_null() && t["operator"] == "Exists"))
                && (t["effect"] == "NoExecute" || t["effect"].is_null())
        };
        if !tolerations.iter().any(named) {
            tolerations.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": state.settings.toleration_seconds}));
        }
    }
    spec["tolerations"] = tolerations.into();
    object["status"] = json!({"phase": "Pending"});
}
