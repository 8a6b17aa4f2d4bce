//! What containers request and what limits them: by their own fields, by those of the whole pod, or by a LimitRange of
//! the namespace, which the API server applies when it creates a pod.

use serde_json::Value;

use crate::{
    kubernetes::quantity,
    readiness::{
        picture::{Picture, Work},
        values::map,
    },
};

/// Whether a container requests a resource. A limit counts as a request.
pub(super) fn is_requested(p: &Picture<'_>, work: &Work<'_>, container: &Value, resource: &str) -> bool {
    has(container, resource, &REQUESTS)
        || has(work.spec(), resource, &REQUESTS)
        || is_given(p, work, resource, &["defaultRequest", "default", "max", "min"])
}

/// Whether the use of a resource by a container is limited.
pub(super) fn is_limited(p: &Picture<'_>, work: &Work<'_>, container: &Value, resource: &str) -> bool {
    has(container, resource, &["limits"])
        || has(work.spec(), resource, &["limits"])
        || is_given(p, work, resource, &["default", "max"])
}

const REQUESTS: [&str; 2] = ["requests", "limits"];

/// Whether a container or a whole pod sets a quantity. For Kubernetes, 0 is the same as no quantity.
fn has(owner: &Value, resource: &str, fields: &[&str]) -> bool {
    fields.iter().any(|field| {
        let set = map(owner, &format!("/resources/{field}")).and_then(|all| all.get(resource));
        set.is_some_and(is_more_than_nothing)
    })
}

/// A quantity that cannot be read counts: another check reports it, or the API server refuses it.
fn is_more_than_nothing(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Number(n) => n.as_f64().is_none_or(|n| n > 0.0),
        Value::String(text) => quantity(text).is_none_or(|n| n > 0.0),
        _ => true,
    }
}

/// Whether a LimitRange of the namespace gives a quantity to containers without one. The API server makes a default
/// limit of a maximum, and a default request of a default limit or of a minimum.
fn is_given(p: &Picture<'_>, work: &Work<'_>, resource: &str, fields: &[&str]) -> bool {
    // Objects are in the order of their namespaces.
    let ranges = p.object_set.any("LimitRange");
    let first = ranges.partition_point(|range| range.metadata.namespace.as_str() < work.namespace());
    let ours = ranges[first..].iter().take_while(|range| range.metadata.namespace == work.namespace());
    let mut of_containers = ours.flat_map(|range| range.list("/spec/limits")).filter(|l| l["type"] == "Container");
    let gives = |limit: &Value, field: &&str| limit[*field].get(resource).is_some_and(is_more_than_nothing);
    of_containers.any(|limit| fields.iter().any(|field| gives(limit, field)))
}
