//! The four kinds of patch: merge, JSON, strategic merge and apply. Read [`apply`] first.

use serde::Deserialize;

use super::{
    api::refuse,
    value::{Value, json},
};

/// Returns the object after a patch.
pub(super) fn apply(now: &Value, body: &Value, content_type: &str) -> Result<Value, Value> {
    let mut object = now.clone();
    match content_type.split(';').next().unwrap_or("") {
        "application/merge-patch+json" => object.merge(body),
        "application/json-patch+json" => {
            let mut plain = serde_json::Value::from(&object);
            let patch = json_patch::Patch::deserialize(body).map_err(|e| refuse(400, "BadRequest", e.to_string()))?;
            json_patch::patch(&mut plain, &patch).map_err(|e| {
                refuse(422, "Invalid", format!("the server rejected our request due to an error in our request: {e}"))
            })?;
            object = plain.into();
        }
        "application/strategic-merge-patch+json" | "application/apply-patch+yaml" => strategic(&mut object, body),
        other => {
            return Err(refuse(
                415,
                "UnsupportedMediaType",
                format!(
                    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml (got {other})"
                ),
            ));
        }
    }
    Ok(object)
}

/// The key by which Kubernetes merges a list. All other lists are replaced.
fn merge_key(field: &str) -> Option<&'static str> {
    Some(match field {
        "containers" | "initContainers" | "volumes" | "env" | "ports" => "name",
        "conditions" => "type",
        "ownerReferences" => "uid",
        "volumeMounts" => "mountPath",
        _ => return None,
    })
}

fn strategic(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in fields {
        match (value, merge_key(field)) {
            (Value::Null, _) => {
                if let Some(object) = target.as_object_mut() {
                    object.remove(field);
                }
            }
            (Value::Array(entries), Some(key)) if entries.iter().all(|e| e.get(key).is_some()) => {
                by_key(&mut target[field.as_str()], entries, key);
            }
            (Value::Object(_), _) => strategic(&mut target[field.as_str()], value),
            _ => target[field.as_str()] = value.clone(),
        }
    }
}

fn by_key(list: &mut Value, entries: &[Value], key: &str) {
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else { return };
    for entry in entries {
        let deletes = entry["$patch"] == "delete";
        match list.iter().position(|old| old[key] == entry[key]) {
            Some(at) if deletes => drop(list.remove(at)),
            Some(at) => strategic(&mut list[at], entry),
            None if deletes => {}
            None => list.push(entry.clone()),
        }
    }
}
