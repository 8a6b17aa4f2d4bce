//! Whether ConfigMaps and Secrets have the keys that workloads name.

use serde_json::Value;

use super::references::Answer;
use crate::{
    inventory::Object,
    readiness::{
        picture::{Picture, Work},
        values::{list, text},
    },
};

/// Keys that env entries and volumes name and that an existing ConfigMap or Secret does not have.
pub(super) fn keys(p: &Picture<'_>, work: &Work<'_>, answer: &mut Answer) {
    let mut named: Vec<(&'static str, &str, &str)> = vec![];
    let optional = |reference: &Value| reference["optional"] == true;
    for entry in work.all_containers().iter().flat_map(|c| list(c.value, "/env")) {
        for (kind, pointer) in [("ConfigMap", "/valueFrom/configMapKeyRef"), ("Secret", "/valueFrom/secretKeyRef")] {
            if let Some(reference) = entry.pointer(pointer).filter(|r| !optional(r)) {
                named.push((kind, text(reference, "/name"), text(reference, "/key")));
            }
        }
    }
    for volume in list(work.spec(), "/volumes") {
        let own = [("ConfigMap", &volume["configMap"], "/name"), ("Secret", &volume["secret"], "/secretName")];
        let parts = list(volume, "/projected/sources").iter();
        let parts = parts.flat_map(|s| [("ConfigMap", &s["configMap"], "/name"), ("Secret", &s["secret"], "/name")]);
        for (kind, source, name) in own.into_iter().chain(parts).filter(|(_, source, _)| !optional(source)) {
            named.extend(list(source, "/items").iter().map(|item| (kind, text(source, name), text(item, "/key"))));
        }
    }
    for (kind, name, key) in named {
        let Some(found) = p.object_set.find(kind, work.namespace(), name) else { continue };
        if has_key(found, key) {
            continue;
        }
        // Whoever writes an empty ConfigMap lets a controller fill it.
        if !p.is_cluster() && is_empty(found) {
            answer.unresolved.push(format!("key {key} of {kind} {name}, which is empty here"));
        } else {
            answer.wrong.push(format!("{kind} {name} has no key {key}"));
        }
    }
}

/// Where a ConfigMap or Secret holds its keys.
const KEYS: [&str; 3] = ["/data", "/binaryData", "/stringData"];

fn is_empty(object: &Object) -> bool {
    KEYS.iter().filter_map(|part| object.map(part)).all(serde_json::Map::is_empty)
}

/// Whether a ConfigMap or Secret has a key. Of a Secret that shows no values, the keys are not known.
fn has_key(object: &Object, key: &str) -> bool {
    let mut maps = KEYS.iter().filter_map(|part| object.map(part)).peekable();
    let unseen = *object.kind == *"Secret" && maps.peek().is_none();
    unseen || maps.any(|map| map.contains_key(key))
}
