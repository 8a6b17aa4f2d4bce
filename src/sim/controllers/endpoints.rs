//! The EndpointSlice controller: it lists the pods to which a Service sends its callers. Read [`changed`] first.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{
    super::{
        fields,
        pods::Pod,
        resources,
        state::State,
        value::{Value, json},
    },
    Changes, of,
    selected::that_select,
};
use crate::kubernetes::Selector;

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let namespaces: BTreeSet<&str> =
        changes.keys().filter(|k| matches!(k.0, "pods" | "services")).map(|k| k.1.as_str()).collect();
    for namespace in namespaces {
        let services: Vec<_> = state.store.within("services", namespace).cloned().collect();
        let selectors: Vec<Selector> = services.iter().map(|service| selector(service)).collect();
        let pods = of(changes, "pods").filter(|(key, _)| key.1 == namespace).map(|(_, pod)| &**pod);
        let touched = that_select(&selectors.iter().collect::<Vec<_>>(), pods);
        for ((service, selector), touched) in services.iter().zip(&selectors).zip(touched) {
            let key = ("services", SmolStr::new(namespace), fields::name(service).into());
            if !selector.match_labels.is_empty() && (touched || changes.contains_key(&key)) {
                slice(state, namespace, service, selector);
            }
        }
    }
}

fn selector(service: &Value) -> Selector {
    Selector { match_labels: fields::string_map(service.pointer("/spec/selector")), ..Selector::default() }
}

fn slice(state: &mut State, namespace: &str, service: &Value, selector: &Selector) {
    let name = format!("{}-slice", fields::name(service));
    let slice = state.store.get("endpointslices", namespace, &name).cloned();
    let mut before = slice.as_ref().map_or(&[][..], |s| fields::list(s, "/endpoints")).iter().peekable();
    let mut endpoints = vec![];
    state.store.each_selected(namespace, selector, |pod| {
        let Some(address) = pod.pointer("/status/podIP") else { return };
        let pod_name = fields::name(pod);
        // Both are in the order of the names. Most endpoints do not change.
        while before.next_if(|e| fields::text(e, "/targetRef/name") < pod_name).is_some() {}
        let same = before.next_if(|e| is_of(e, pod, address));
        endpoints.push(same.cloned().unwrap_or_else(|| endpoint(namespace, pod, address)));
    });
    let endpoints = Value::from(endpoints);
    if let Some(slice) = slice {
        if slice["endpoints"] != endpoints {
            state.store.edit("endpointslices", namespace, &name, |s| s["endpoints"] = endpoints);
        }
        return;
    }
    let mut object = json!({"metadata": {"name": name, "namespace": namespace,
            "labels": {"kubernetes.io/service-name": fields::name(service)},
            "ownerReferences": fields::owned_by(service)},
        "addressType": "IPv4", "ports": service["spec"]["ports"]});
    object["endpoints"] = endpoints;
    let now = state.wall();
    state.store.create(resources::known("endpointslices"), object, now);
}

fn endpoint(namespace: &str, pod: &Pod, address: &Value) -> Value {
    let (serving, terminating) = (pod.ready, pod.terminating);
    let conditions = Value::object([
        ("ready", (serving && !terminating).into()),
        ("serving", serving.into()),
        ("terminating", terminating.into()),
    ]);
    let target = Value::object([
        ("kind", "Pod".into()),
        ("name", pod["metadata"]["name"].clone()),
        ("namespace", namespace.into()),
        ("uid", pod["metadata"]["uid"].clone()),
    ]);
    Value::object([
        ("addresses", vec![address.clone()].into()),
        ("conditions", conditions),
        ("nodeName", pod["spec"]["nodeName"].clone()),
        ("targetRef", target),
    ])
}

/// Whether an endpoint is that of a pod in its present state.
fn is_of(endpoint: &Value, pod: &Pod, address: &Value) -> bool {
    let conditions = &endpoint["conditions"];
    endpoint["targetRef"]["uid"] == pod["metadata"]["uid"]
        && conditions["serving"] == pod.ready
        && conditions["terminating"] == pod.terminating
        && endpoint["addresses"][0] == *address
        && endpoint["nodeName"] == pod["spec"]["nodeName"]
}
