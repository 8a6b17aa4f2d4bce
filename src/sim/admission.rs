//! Defaults that the API server fills in when an object is created. Read [`defaults`] first. What it rejects is in
//! `security` and `wellformed`.

use sha2::{Digest, Sha256};

use super::{
    fields,
    resources::Resource,
    state::State,
    value::{Value, json},
};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The preemption policy of a priority class that sets none.
const LOWER: &str = "PreemptLowerPriority";

/// Fills in the defaults of a new object.
pub(super) fn defaults(resource: &Resource, object: &mut Value, state: &State) {
    match resource.plural {
        "pods" => pod(object, state),
        "services" => service(object),
        "namespaces" => object["status"] = json!({"phase": "Active"}),
        "persistentvolumeclaims" if object["status"].is_null() => object["status"] = json!({"phase": "Pending"}),
        "deployments" | "replicasets" | "statefulsets" if object["spec"]["replicas"].is_null() => {
            object["spec"]["replicas"] = 1.into();
        }
        _ => {}
    }
}

/// Fills in the address of a Service and the fields that go with its type.
fn service(object: &mut Value) {
    let (namespace, name) = (fields::namespace(object).to_owned(), fields::name(object).to_owned());
    let kind = fields::text(object, "/spec/type").to_owned();
    let spec = &mut object["spec"];
    let mut default = |field: &str, value: Value| {
        if spec[field].is_null() {
            spec[field] = value;
        }
    };
    if kind == "LoadBalancer" {
        default("allocateLoadBalancerNodePorts", true.into());
    }
    if matches!(kind.as_str(), "LoadBalancer" | "NodePort") {
        default("externalTrafficPolicy", "Cluster".into());
    }
    if kind != "ExternalName" {
        let hash = Sha256::digest(format!("{namespace}/{name}"));
        default("clusterIP", format!("10.96.{}.{}", hash[0], hash[1].max(1)).into());
    }
}

/// Adds the default tolerations: a pod stays on a dead node for five minutes unless it says otherwise.
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
    if spec["priority"].is_null() {
        (spec["priority"], spec["preemptionPolicy"]) = priority(fields::text(spec, "/priorityClassName"), state);
    }
    object["status"] = json!({"phase": "Pending"});
}

/// The value and the preemption policy of a priority class: a built-in one, one of the cluster, or the default.
fn priority(class: &str, state: &State) -> (Value, Value) {
    let known = |found: Option<&std::sync::Arc<Value>>| {
        found.map(|c| (c["value"].clone(), c.get("preemptionPolicy").cloned().unwrap_or(json!(LOWER))))
    };
    match class {
        "system-node-critical" => (2_000_001_000.into(), json!(LOWER)),
        "system-cluster-critical" => (2_000_000_000.into(), json!(LOWER)),
        "" => known(state.store.all("priorityclasses").find(|c| c["globalDefault"] == true))
            .unwrap_or((0.into(), json!(LOWER))),
        name => known(state.store.get("priorityclasses", "", name)).unwrap_or((0.into(), json!(LOWER))),
    }
}
