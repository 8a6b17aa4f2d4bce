//! Short functions that read and write fields of JSON objects by path. They know the fields that most Kubernetes
//! objects have, and not what the simulation does with them. Read [`text`] first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::value::{Value, json};

/// A string; empty if the field does not exist.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// A number; zero if the field does not exist.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// A list; empty if the field does not exist.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(super) fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub(super) fn labels(object: &Value) -> BTreeMap<String, String> {
    string_map(object.pointer("/metadata/labels"))
}

pub(super) fn string_map(value: Option<&Value>) -> BTreeMap<String, String> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned())))
        .collect()
}

pub(super) fn is_terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|t| !t.is_null())
}

/// The status of a condition; empty if the condition does not exist.
pub(super) fn condition<'a>(object: &'a Value, type_: &str) -> &'a str {
    list(object, "/status/conditions").iter().find(|c| c["type"] == type_).map_or("", |c| text(c, "/status"))
}

/// Whether the containers of a pod have ended and will not start again.
pub(super) fn is_finished(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Sets a condition. The condition and its transition time stay as they are if neither status nor reason changes.
pub(super) fn set_condition(object: &mut Value, type_: &str, status: &str, reason: &str, now: Timestamp) {
    if object["status"]["conditions"].as_array().is_none() {
        object["status"]["conditions"] = json!([]);
    }
    let Some(conditions) = object["status"]["conditions"].as_array_mut() else { return };
    let new = Value::object([
        ("lastTransitionTime", stamp(now).into()),
        ("reason", reason.into()),
        ("status", status.into()),
        ("type", type_.into()),
    ]);
    match conditions.iter_mut().find(|c| c["type"] == type_) {
        Some(old) if old["status"] == status && old["reason"] == reason => {}
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}

/// The owner that controls an object: kind, name and UID.
pub(super) fn controller(object: &Value) -> Option<(&str, &str, &str)> {
    let owner = list(object, "/metadata/ownerReferences").iter().find(|o| o["controller"] == true)?;
    Some((text(owner, "/kind"), text(owner, "/name"), text(owner, "/uid")))
}

/// The owner references of an object that this owner controls.
pub(super) fn owned_by(owner: &Value) -> Value {
    let reference = Value::object([
        ("apiVersion", owner["apiVersion"].clone()),
        ("blockOwnerDeletion", true.into()),
        ("controller", true.into()),
        ("kind", owner["kind"].clone()),
        ("name", owner["metadata"]["name"].clone()),
        ("uid", owner["metadata"]["uid"].clone()),
    ]);
    vec![reference].into()
}

/// A time in the format of the API: whole seconds.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Parses the selector of a spec. A missing selector selects nothing.
pub(super) fn selector(value: Option<&Value>) -> Option<crate::kubernetes::Selector> {
    value.filter(|v| !v.is_null()).and_then(|v| crate::kubernetes::Selector::deserialize(v).ok())
}

/// Whether a selector selects an object. The labels are only copied if the selector contains expressions.
pub(super) fn selects(selector: &crate::kubernetes::Selector, object: &Value) -> bool {
    let own = &object["metadata"]["labels"];
    if !selector.match_labels.iter().all(|(key, value)| own[key.as_str()] == *value.as_str()) {
        return false;
    }
    selector.match_expressions.is_empty() || selector.matches(&labels(object))
}
