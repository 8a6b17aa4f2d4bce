//! The discovery documents of the simulated API server: version, health, groups and resources. Read [`document`] first.

use std::collections::BTreeSet;

use super::{
    resources,
    value::{Value, json},
};

/// The discovery document at a path, if there is one.
pub(super) fn document(path: &str) -> Option<Value> {
    let path = path.trim_end_matches('/');
    match path {
        "/version" => Some(json!({"major": "1", "minor": "37", "gitVersion": super::VERSION, "platform": "simulated"})),
        "/readyz" | "/livez" | "/healthz" => Some(json!("ok")),
        "/apis" => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()})),
        _ => list(path),
    }
}

fn groups() -> Vec<Value> {
    let known: BTreeSet<(&str, &str)> =
        resources::all().filter(|r| !r.group.is_empty()).map(|r| (r.group, r.version)).collect();
    known
        .into_iter()
        .map(|(group, version)| {
            let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            json!({"name": group, "versions": [version], "preferredVersion": version})
        })
        .collect()
}

fn list(path: &str) -> Option<Value> {
    let version = path.strip_prefix("/apis/").or_else(|| path.strip_prefix("/api/"))?;
    let resources: Vec<Value> = resources::all()
        .filter(|r| r.has_version(version))
        .map(|r| {
            json!({"name": r.plural, "singularName": r.kind.to_lowercase(), "namespaced": r.namespaced, "kind": r.kind,
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]})
        })
        .collect();
    (!resources.is_empty()).then(
        || json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}),
    )
}
