//! Changes as manifests, and the names of their files.

use serde_json::Value;

use crate::{inventory::Object, model::Change};

/// A change as a manifest of its object.
pub(super) fn manifest(change: &Change, object: Option<&Object>) -> Value {
    let mut whole = change.manifest();
    if let Some(object) = object {
        whole["apiVersion"] = api_version(object).into();
    }
    whole
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
