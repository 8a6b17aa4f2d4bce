//! Changes as manifests, and the names of their files.

use serde_json::{Map, Value, json};

use crate::{
    inventory::{Object, yaml},
    model::Change,
};

/// A new object as YAML.
pub(super) fn new_object(object: &Value) -> String {
    yaml(object)
}

/// The fields that a patch sets, as a manifest of the object.
pub(super) fn fragment(change: &Change, object: Option<&Object>) -> String {
    let Change::Patch { kind, body, .. } = change else { return String::new() };
    yaml(&partial(object, kind, (change.namespace(), change.name()), body))
}

/// A part of an object: what names it, and some of its fields.
pub(super) fn partial(object: Option<&Object>, kind: &str, (namespace, name): (&str, &str), body: &Value) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    let mut part = body.clone();
    if let Some(api) = object.map(api_version) {
        part["apiVersion"] = json!(api);
    }
    // A patch may name the group, too.
    part["kind"] = json!(kind.split('.').next().unwrap_or(kind));
    part["metadata"] = Value::Object(metadata);
    part
}

fn api_version(object: &Object) -> String {
    if object.group.is_empty() { object.version.to_string() } else { format!("{}/{}", object.group, object.version) }
}

/// A file name for the object of a change. None if a name in it could be anything else than a part of a file name.
pub(super) fn file_name(change: &Change, with_namespace: bool) -> Option<String> {
    let kind = change.kind().split('.').next()?.to_lowercase();
    let words = [change.namespace(), change.name(), &kind];
    let words = if with_namespace { &words[..] } else { &words[1..] };
    let begins = |word: &str| word.starts_with(|c: char| c.is_ascii_alphanumeric());
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    words.iter().all(|word| begins(word) && plain(word)).then(|| format!("{}.yaml", words.join("-")))
}
