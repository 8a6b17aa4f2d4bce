//! The EndpointSlice controller: it lists the pods to which a Service sends its callers. Read [`changed`] first.

use std::collections::BTreeSet;

use super::{
    super::{
        fields, resources,
        state::State,
        value::{Value, json},
    },
    Changes,
};
use crate::kubernetes::Selector;

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let namespaces: BTreeSet<String> =
        changes.keys().filter(|k| matches!(k.0, "pods" | "services")).map(|k| k.1.to_string()).collect();
    for namespace in namespaces {
        let services: Vec<_> = state.store.within("services", &namespace).cloned().collect();
        for service in services {
            let selector =
                Selector { match_labels: fields::string_map(service.pointer("/spec/selector")), ..Selector::default() };
            let touched = changes.iter().filter(|(k, _)| k.1 == namespace).any(|(key, object)| {
                (key.0 == "services" && key.2 == fields::name(&service))
                    || (key.0 == "pods" && fields::selects(&selector, object))
            });
            if touched && !selector.match_labels.is_empty() {
                slice(state, &namespace, &service, &selector);
            }
        }
    }
}

fn slice(state: &mut State, namespace: &str, service: &Value, selector: &Selector) {
    let endpoints: Vec<Value> = state
        .store
        .pods_selected(namespace, selector)
        .iter()
        .filter(|p| p.pointer("/status/podIP").is_some())
        .map(|p| {
            let (serving, terminating) = (p.ready, p.terminating);
            let conditions = Value::object([
                ("ready", (serving && !terminating).into()),
                ("serving", serving.into()),
                ("terminating", terminating.into()),
            ]);
            let target = Value::object([
                ("kind", "Pod".into()),
                ("name", p["metadata"]["name"].clone()),
                ("namespace", namespace.into()),
                ("uid", p["metadata"]["uid"].clone()),
            ]);
            Value::object([
                ("addresses", vec![p["status"]["podIP"].clone()].into()),
                ("conditions", conditions),
                ("nodeName", p["spec"]["nodeName"].clone()),
                ("targetRef", target),
            ])
        })
        .collect();
    let name = format!("{}-slice", fields::name(service));
    if state.store.get("endpointslices", namespace, &name).is_some() {
        state.store.edit("endpointslices", namespace, &name, |s| s["endpoints"] = endpoints.into());
        return;
    }
    let object = json!({"metadata": {"name": name, "namespace": namespace,
            "labels": {"kubernetes.io/service-name": fields::name(service)},
            "ownerReferences": fields::owned_by(service)},
        "addressType": "IPv4", "ports": service["spec"]["ports"], "endpoints": endpoints});
    let now = state.wall();
    state.store.create(resources::known("endpointslices"), object, now);
}
