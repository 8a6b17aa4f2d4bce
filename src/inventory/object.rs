//! An object of a cluster as the readiness checks read it. Pods of controllers are numerous and similar, so only a few
//! of their fields are kept; every other object keeps its body. Start with [`Object`].

use std::sync::Arc;

use serde_json::{Map, Value};

use super::trim::trimmed;
use crate::kubernetes::objects::{Meta, Node, Pod};

/// Where an object comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The manifest file; empty for an object that was read from a cluster.
    pub file: Arc<str>,
    /// The line on which its document begins, counted from 1.
    pub line: usize,
}

/// An object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Its API group; empty for the core group.
    pub group: Arc<str>,
    /// The version in which it was read.
    pub version: Arc<str>,
    /// Its kind.
    pub kind: Arc<str>,
    /// Its metadata.
    pub metadata: Meta,
    /// Everything but apiVersion, kind and metadata.
    pub body: Value,
    /// Where it comes from.
    pub origin: Origin,
}

impl Object {
    /// The value at a pointer from the object's root, such as `/spec/replicas`.
    pub fn at(&self, pointer: &str) -> &Value {
        lead(&self.body, pointer).unwrap_or(&Value::Null)
    }

    /// The text at a pointer; empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or("")
    }

    /// The list at a pointer; empty if there is none.
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// The map at a pointer, if there is one.
    pub fn map(&self, pointer: &str) -> Option<&Map<String, Value>> {
        self.at(pointer).as_object()
    }

    /// The status of a condition; empty if the object does not have it.
    pub fn condition(&self, name: &str) -> &str {
        let found = self.list("/status/conditions").iter().find(|c| c["type"] == name);
        found.and_then(|c| c["status"].as_str()).unwrap_or("")
    }
}

/// The value at a JSON pointer. A review follows millions of pointers, and `Value::pointer` would allocate two texts
/// for each of their parts.
pub fn lead<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.contains('~') || pointer.is_empty() {
        return value.pointer(pointer);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(value, |at, part| match at {
        Value::Object(map) => map.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A document that was read.
#[derive(Clone, Debug)]
pub enum Decoded {
    /// A pod that a controller owns.
    Pod(Box<Pod>),
    /// A pod on a node that no controller creates again: one without an owner, or a static pod. It is kept as an object
    /// too, and it uses resources of the node.
    Standing(Box<Pod>, Box<Object>),
    /// A node.
    Node(Box<Node>),
    /// Anything else.
    Object(Box<Object>),
}

/// Metadata that shows who wrote an object, not what the object is.
const NOISE: [&str; 3] = ["managedFields", "selfLink", "resourceVersion"];
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Marks a Secret whose annotation by `kubectl apply` repeats its values.
pub const REPEATED: &str = "drillmaster.dev/repeated";

/// Explains what is wrong with metadata. It also helps with a frequent mistake: in the YAML of Kubernetes, `no`, `n`
/// and `1` without quotes are not texts.
fn unread(kind: &str, error: &serde_json::Error) -> String {
    // The parser's message quotes the value, which may be that of a Secret.
    if kind == "Secret" {
        return "its metadata cannot be read".to_owned();
    }
    let said = error.to_string();
    let bare = said.contains("expected a string") && (said.contains("boolean") || said.contains("integer"));
    let fix = if bare { "; put the name, namespace or label in quotes" } else { "" };
    format!("its metadata cannot be read: {}{fix}", plainly(&said))
}

/// The message of the JSON reader, without the names of Rust types.
fn plainly(said: &str) -> String {
    let said = said.split(" at line ").next().unwrap_or(said);
    let Some((found, expected)) = said.split_once(", expected ") else { return said.to_owned() };
    let belongs = match expected.split(' ').next().unwrap_or("") {
        "struct" | "a" if expected.ends_with("map") || expected.starts_with("struct") => "a map",
        _ if expected.starts_with("a sequence") => "a list",
        _ if expected.starts_with("a string") || expected.starts_with("a borrowed") => "a text",
        _ if expected.starts_with(['u', 'i']) => "a number",
        _ => return found.to_owned(),
    };
    format!("{found}, where {belongs} belongs")
}

/// Reads an object.
///
/// # Errors
/// Why it is not a Kubernetes object.
pub fn decode(value: Value, origin: Origin) -> Result<Decoded, String> {
    let Value::Object(mut map) = value else { return Err("this document is not an object".into()) };
    let text = |value: Option<Value>| value.and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let (api, kind) = (text(map.remove("apiVersion")), text(map.remove("kind")));
    if api.is_empty() || kind.is_empty() {
        return Err("apiVersion or kind is missing".into());
    }
    let (group, version) = api.split_once('/').unwrap_or(("", api.as_str()));
    let mut metadata = map.remove("metadata").unwrap_or_default();
    let (mut edited, mut repeated) = (vec![], false);
    if let Some(fields) = metadata.as_object_mut() {
        edited = editors(fields.get("managedFields"));
        NOISE.iter().for_each(|noise| drop(fields.remove(*noise)));
        if let Some(annotations) = fields.get_mut("annotations").and_then(Value::as_object_mut) {
            let applied = annotations.remove(LAST_APPLIED);
            repeated = kind == "Secret" && applied.is_some_and(|text| repeats(&text));
        }
        fields.retain(|_, value| !value.is_null());
        if fields.get("generateName").is_some() && !fields.contains_key("name") {
            let generated = fields.get("generateName").cloned().unwrap_or_default();
            fields.insert("name".into(), generated);
        }
        texts_only(fields.get_mut("labels"));
        texts_only(fields.get_mut("annotations"));
    }
    let meta: Meta = serde_json::from_value(metadata).map_err(|e| unread(&kind, &e))?;
    if meta.name.is_empty() {
        return Err(format!("this {kind} has no name"));
    }
    match (group, kind.as_str()) {
        ("", "Pod") if is_made_again(&meta) => {
            let mut pod: Pod = typed(map, &kind, &meta.name)?;
            pod.metadata = meta;
            Ok(Decoded::Pod(Box::new(trimmed(pod))))
        }
        ("", "Node") => {
            let mut node: Node = typed(map, &kind, &meta.name)?;
            node.metadata = meta;
            Ok(Decoded::Node(Box::new(node)))
        }
        _ => {
            let standing = standing(&map, &api, &kind, &meta);
            prune(&mut map);
            if !edited.is_empty() {
                map.insert("drillmaster.dev/editors".into(), edited.into());
            }
            if repeated {
                map.insert(REPEATED.into(), true.into());
            }
            let object = Box::new(Object {
                group: group.into(),
                version: version.into(),
                kind: kind.as_str().into(),
                metadata: meta,
                body: Value::Object(map),
                origin,
            });
            Ok(match standing {
                Some(pod) => Decoded::Standing(Box::new(pod), object),
                None => Decoded::Object(object),
            })
        }
    }
}

/// Whether a controller creates a pod again. A static pod names its Node as controller, which does not.
pub(super) fn is_made_again(meta: &Meta) -> bool {
    meta.owner_references.iter().any(|o| o.controller && o.kind != "Node")
}

/// The resources that such a pod uses, if it is on a node.
fn standing(map: &Map<String, Value>, api: &str, kind: &str, meta: &Meta) -> Option<Pod> {
    let placed = map.get("spec").is_some_and(|spec| spec["nodeName"].is_string());
    if api != "v1" || kind != "Pod" || !placed {
        return None;
    }
    let mut pod: Pod = typed(map.clone(), kind, &meta.name).ok()?;
    pod.metadata = meta.clone();
    Some(trimmed(pod))
}

/// Whether the annotation of a Secret contains a value.
fn repeats(applied: &Value) -> bool {
    let parsed: Option<Value> = applied.as_str().and_then(|text| serde_json::from_str(text).ok());
    parsed.is_some_and(|v| {
        ["data", "stringData"].iter().any(|part| v[*part].as_object().is_some_and(|all| !all.is_empty()))
    })
}

/// Who edited the spec by hand, and when. Nothing else of `managedFields` is kept.
fn editors(fields: Option<&Value>) -> Vec<Value> {
    let entries = fields.and_then(Value::as_array).into_iter().flatten();
    entries
        .filter(|e| e.pointer("/fieldsV1/f:spec").is_some())
        .map(|e| serde_json::json!({"manager": e["manager"], "time": e["time"]}))
        .collect()
}

fn typed<T: serde::de::DeserializeOwned>(mut map: Map<String, Value>, kind: &str, name: &str) -> Result<T, String> {
    map.values_mut().for_each(without_nulls);
    serde_json::from_value(Value::Object(map))
        .map_err(|e| format!("{kind} {name} cannot be read: {}", plainly(&e.to_string())))
}

/// Removes labels that are not texts. YAML allows them, and the API server does not; without this, a check would fail
/// on them.
fn texts_only(map: Option<&mut Value>) {
    let Some(map) = map else { return };
    if let Some(map) = map.as_object_mut() {
        for value in map.values_mut().filter(|v| !v.is_string()) {
            *value = if value.is_null() { "".into() } else { value.to_string().into() };
        }
    } else {
        *map = Value::Object(Map::new());
    }
}

/// Removes `field: null`, which means the same as no field everywhere in the API.
pub fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => {
            items.retain(|v| !v.is_null());
            items.iter_mut().for_each(without_nulls);
        }
        _ => {}
    }
}

fn prune(map: &mut Map<String, Value>) {
    map.retain(|_, value| !value.is_null());
    map.values_mut().for_each(without_nulls);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lead;

    #[test]
    fn a_pointer_leads_where_serde_says() {
        let value = json!({"spec": {"ports": [{"port": 80}, {"port": 81}], "a/b": 1, "n": null}});
        for pointer in [
            "",
            "/spec",
            "/spec/ports/1/port",
            "/spec/ports/2",
            "/spec/ports/x",
            "/spec/a~1b",
            "/spec/n",
            "/spec/n/x",
            "spec",
            "/",
            "/spec/",
        ] {
            assert_eq!(lead(&value, pointer), value.pointer(pointer), "{pointer}");
        }
    }
}
