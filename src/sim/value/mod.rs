//! The values of which the simulated objects consist: JSON whose parts are shared. A copy of an object is a pointer. A
//! change copies only the path to what changes. Two copies of the same part are equal without a comparison. A thousand
//! pods of one set share one spec. Start with [`Value`]. This module does not know Kubernetes.

mod from;
mod read;

pub(super) use from::json;

use std::sync::Arc;

use serde_json::Number;
use smol_str::SmolStr;

/// JSON. Its functions have the names of those of `serde_json::Value`.
#[derive(Clone, Debug, Default)]
pub(super) enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(SmolStr),
    /// A list.
    Array(Arc<Vec<Value>>),
    /// Fields.
    Object(Arc<Map>),
}

static NULL: Value = Value::Null;

/// The fields of an object, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Map(Vec<(SmolStr, Value)>);

/// Up to this many fields, a look at each of them is faster than a binary search.
const FEW: usize = 16;

/// Whether two names are equal. Names are short: two overlapping words decide it, without a call for each comparison.
fn is_same(own: &str, key: &str) -> bool {
    let (own, key) = (own.as_bytes(), key.as_bytes());
    if own.len() != key.len() {
        return false;
    }
    match own.len() {
        0..4 => own.iter().eq(key),
        4..8 => own.first_chunk::<4>() == key.first_chunk() && own.last_chunk::<4>() == key.last_chunk(),
        8..=16 => own.first_chunk::<8>() == key.first_chunk() && own.last_chunk::<8>() == key.last_chunk(),
        _ => own == key,
    }
}

impl Map {
    /// The place of a field, or the place at which it would have to be.
    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(key))
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.0.len() > FEW {
            return self.find(key).ok();
        }
        self.0.iter().position(|(own, _)| is_same(own, key))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).map(|at| &self.0[at].1)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.position(key).map(|at| &mut self.0[at].1)
    }

    pub(super) fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    pub(super) fn insert(&mut self, key: impl AsRef<str> + Into<SmolStr>, value: impl Into<Value>) {
        *self.field(key) = value.into();
    }

    /// A field to write to. It is created as null if it does not exist.
    fn field(&mut self, key: impl AsRef<str> + Into<SmolStr>) -> &mut Value {
        // Most fields that are written exist already.
        let at = match self.position(key.as_ref()) {
            Some(at) => at,
            None => {
                let at = self.find(key.as_ref()).unwrap_or_else(|at| at);
                self.0.insert(at, (key.into(), Value::Null));
                at
            }
        };
        &mut self.0[at].1
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Value> {
        self.position(key).map(|at| self.0.remove(at).1)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str, &Value) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SmolStr, &Value)> + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(key, value)| (key.as_str(), value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &SmolStr> {
        self.0.iter().map(|(key, _)| key)
    }
}

/// An iterator over the fields of an object.
type Fields<'a> = std::iter::Map<std::slice::Iter<'a, (SmolStr, Value)>, fn(&(SmolStr, Value)) -> (&SmolStr, &Value)>;

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a SmolStr, &'a Value);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl Value {
    /// Creates an object with these fields.
    pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Self {
        let mut map = Map(Vec::with_capacity(N));
        for (key, value) in fields {
            map.insert(key, value);
        }
        Self::Object(Arc::new(map))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    pub(super) fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    pub(super) fn as_array(&self) -> Option<&Vec<Value>> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub(super) fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        if let Self::Array(items) = self { Some(Arc::make_mut(items)) } else { None }
    }

    pub(super) fn as_object(&self) -> Option<&Map> {
        if let Self::Object(map) = self { Some(map) } else { None }
    }

    pub(super) fn as_object_mut(&mut self) -> Option<&mut Map> {
        if let Self::Object(map) = self { Some(Arc::make_mut(map)) } else { None }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self, Self::String(_))
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Takes the value and leaves null in its place.
    pub(super) fn take(&mut self) -> Value {
        std::mem::take(self)
    }

    /// Applies a merge patch (RFC 7396).
    pub(super) fn merge(&mut self, patch: &Value) {
        let Some(fields) = patch.as_object() else {
            *self = patch.clone();
            return;
        };
        if !self.is_object() {
            *self = Self::Object(Arc::default());
        }
        let Some(own) = self.as_object_mut() else { return };
        for (key, value) in fields {
            if value.is_null() {
                own.remove(key);
            } else {
                own.field(key.clone()).merge(value);
            }
        }
    }

    /// The value at a JSON pointer (RFC 6901).
    pub(super) fn pointer(&self, pointer: &str) -> Option<&Value> {
        parts(pointer)?.try_fold(self, |value, part| match value {
            Self::Object(map) if part.contains('~') => map.get(&plain(part)),
            Self::Object(map) => map.get(part),
            Self::Array(items) => items.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }

    pub(super) fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        parts(pointer)?.try_fold(self, |value, part| match value {
            Self::Object(map) => Arc::make_mut(map).get_mut(&plain(part)),
            Self::Array(items) => Arc::make_mut(items).get_mut(part.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

/// The parts of a pointer. A pointer that is neither empty nor begins with `/` has none.
fn parts(pointer: &str) -> Option<impl Iterator<Item = &str>> {
    (pointer.is_empty() || pointer.starts_with('/')).then(|| pointer.split('/').skip(1))
}

fn plain(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

impl std::ops::Index<&str> for Value {
    type Output = Self;

    fn index(&self, key: &str) -> &Self {
        self.get(key).unwrap_or(&NULL)
    }
}

impl std::ops::Index<usize> for Value {
    type Output = Self;

    fn index(&self, at: usize) -> &Self {
        self.as_array().and_then(|items| items.get(at)).unwrap_or(&NULL)
    }
}

/// A field to write to. A value that is not an object is replaced by an empty object first.
impl std::ops::IndexMut<&str> for Value {
    fn index_mut(&mut self, key: &str) -> &mut Self {
        if !self.is_object() {
            *self = Self::Object(Arc::default());
        }
        match self {
            Self::Object(map) => Arc::make_mut(map).field(key),
            other => other,
        }
    }
}

/// Shared parts are equal without a comparison.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(own), Self::Bool(other)) => own == other,
            (Self::Number(own), Self::Number(other)) => own == other,
            (Self::String(own), Self::String(other)) => own == other,
            (Self::Array(own), Self::Array(other)) => Arc::ptr_eq(own, other) || own == other,
            (Self::Object(own), Self::Object(other)) => Arc::ptr_eq(own, other) || own == other,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        serde_json::json!({"metadata": {"name": "web-1", "labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"containers": [{"name": "web", "ports": [80, 443]}], "weight": 1.5, "on": true, "off": null}})
        .into()
    }

    #[test]
    fn it_is_read_and_written_as_json() {
        let value = sample();
        assert_eq!(value.pointer("/spec/containers/0/ports/1").and_then(Value::as_i64), Some(443));
        assert_eq!(value.pointer("/metadata/labels/app.kubernetes.io~1name").and_then(Value::as_str), Some("web"));
        assert_eq!((value.pointer("spec"), value.pointer(""), value.pointer("/no/where")), (None, Some(&value), None));
        let plain = serde_json::Value::from(&value);
        assert_eq!(value.to_string(), plain.to_string());
        assert_eq!(serde_json::from_str::<Value>(&value.to_string()).ok(), Some(Value::from(plain)));
    }

    #[test]
    fn names_are_equal_if_all_their_bytes_are() {
        let name = "app.kubernetes.io/name";
        for length in 0..=name.len() {
            let own = &name[..length];
            assert!(is_same(own, &own.chars().collect::<String>()) && !is_same(own, &format!("{own}x")));
            for at in 0..length {
                let other = format!("{}~{}", &own[..at], &own[at + 1..]);
                assert!(!is_same(own, &other), "{own} {other}");
            }
        }
    }

    #[test]
    fn a_change_of_a_copy_is_none_of_the_original_and_copies_nothing_beside_its_way() {
        let before = sample();
        let mut after = before.clone();
        after["metadata"]["labels"]["team"] = "shop".into();
        after["status"]["phase"] = "Running".into();
        assert_eq!(before, sample());
        assert_eq!(
            (&after["metadata"]["labels"]["team"], after["status"]["phase"].as_str()),
            (&"shop".into(), Some("Running"))
        );
        let shared = |one: &Value, other: &Value| matches!((one, other), (Value::Object(a), Value::Object(b)) if Arc::ptr_eq(a, b));
        assert!(shared(&before["spec"], &after["spec"]));
        assert!(!shared(&before["metadata"], &after["metadata"]));
        // If something is removed and put back, the value equals the original.
        if let Some(labels) = after["metadata"]["labels"].as_object_mut() {
            labels.remove("team");
        }
        assert_eq!(before["metadata"], after["metadata"]);
    }

    #[test]
    fn typed_shapes_are_read_from_it() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Policy {
            Always,
            Rules(Vec<u8>),
        }
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Shape {
            name: String,
            size: Option<u64>,
            share: f64,
            policies: Vec<Policy>,
        }
        let read = |value: serde_json::Value| serde::Deserialize::deserialize(&Value::from(value));
        let value = serde_json::json!({"name": "x", "size": null, "share": 2, "policies": ["always", {"rules": [1]}], "more": {}});
        let wanted =
            Shape { name: "x".into(), size: None, share: 2.0, policies: vec![Policy::Always, Policy::Rules(vec![1])] };
        assert_eq!(read(value).ok(), Some(wanted));
        // The error messages are those of serde_json.
        let wrong = serde_json::json!({"name": null, "share": 1, "policies": []});
        let error = read(wrong.clone()).map(|_: Shape| ()).map_err(|e| e.to_string());
        assert_eq!(error, serde_json::from_value::<Shape>(wrong).map(drop).map_err(|e| e.to_string()));
    }
}
