//! Compares two sets of objects, object by object. Of each object it stores what `normalise` keeps, as one text: fifty
//! thousand objects need some tens of megabytes, and equal objects are equal texts. Start with [`Objects`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::normalise::{Fields, is_derived, is_empty, name_of, normalise_in_place, remove_all, text};
use crate::model::{Difference, Differs, ObjectName};

/// The fields of one object that are compared.
#[derive(Clone, Debug)]
pub struct Reduced {
    /// The object.
    pub name: ObjectName,
    /// Its UID.
    pub uid: String,
    /// Its fields as JSON, with ordered keys.
    fields: String,
}

impl Reduced {
    /// Reduces an object; none if the cluster derives it from other objects.
    pub fn of(object: Value) -> Option<Self> {
        Self::moved(object, |namespace| namespace.to_owned())
    }

    /// The same, for an object that a restore puts into another namespace.
    pub fn moved(mut object: Value, map: impl Fn(&str) -> String) -> Option<Self> {
        if is_derived(&object) {
            return None;
        }
        let uid = text(&object, "/metadata/uid").to_owned();
        normalise_in_place(&mut object);
        let mut name = name_of(&object);
        name.namespace = map(&name.namespace);
        if name.group.is_empty() && name.kind == "Namespace" {
            name.name = map(&name.name);
        }
        for subject in object.pointer_mut("/subjects").and_then(Value::as_array_mut).into_iter().flatten() {
            // Velero maps the namespaces of service accounts in bindings.
            if let Some(Value::String(namespace)) = subject.get_mut("namespace") {
                *namespace = map(namespace);
            }
        }
        remove_all(&mut object, &["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"]);
        Some(Self { name, uid, fields: object.to_string() })
    }

    /// The fields in which another object differs; empty if the objects are equal.
    fn differs(&self, other: &Self) -> Vec<String> {
        if self.fields == other.fields {
            return vec![];
        }
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let mut at = vec![];
        diff(&read(&self.fields), &read(&other.fields), String::new(), &mut at);
        at
    }
}

/// Objects by API group, kind, namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Objects(BTreeMap<ObjectName, Reduced>);

impl Objects {
    /// Adds an object, unless there is already one with the same name.
    pub fn put(&mut self, object: Reduced) {
        self.0.entry(object.name.clone()).or_insert(object);
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One object.
    pub fn get(&self, name: &ObjectName) -> Option<&Reduced> {
        self.0.get(name)
    }

    /// All objects, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Reduced> {
        self.0.values()
    }

    /// What is missing or different in a later set.
    pub fn compare(&self, later: &Self) -> Vec<Difference> {
        let differs = |object: &Reduced| {
            let what = match later.get(&object.name) {
                None => Differs::Missing,
                Some(found) => Differs::ChangedAt(object.differs(found)),
            };
            let equal = matches!(&what, Differs::ChangedAt(at) if at.is_empty());
            (!equal).then(|| Difference { object: object.name.clone(), what })
        };
        self.iter().filter_map(differs).collect()
    }
}

impl Extend<Reduced> for Objects {
    fn extend<T: IntoIterator<Item = Reduced>>(&mut self, all: T) {
        all.into_iter().for_each(|object| self.put(object));
    }
}

impl FromIterator<Reduced> for Objects {
    fn from_iter<T: IntoIterator<Item = Reduced>>(all: T) -> Self {
        let mut objects = Self::default();
        objects.extend(all);
        objects
    }
}

/// Compares two lists of complete objects. `map_namespace` returns the new name of a namespace in `before`.
pub fn compare(before: &[Value], after: &[Value], map_namespace: impl Fn(&str) -> String) -> Vec<Difference> {
    let before: Objects = before.iter().filter_map(|o| Reduced::moved(o.clone(), &map_namespace)).collect();
    let after: Objects = after.iter().filter_map(|o| Reduced::of(o.clone())).collect();
    before.compare(&after)
}

fn diff(a: &Value, b: &Value, at: String, out: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => fields(x, y, &at, out),
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (u, v)) in x.iter().zip(y).enumerate() {
                diff(u, v, format!("{at}/{i}"), out);
            }
        }
        _ if a != b && !(is_empty(a) && is_empty(b)) => out.push(at),
        _ => {}
    }
}

fn fields(x: &Fields, y: &Fields, at: &str, out: &mut Vec<String>) {
    for key in x.keys().chain(y.keys().filter(|k| !x.contains_key(*k))) {
        let here = format!("{at}/{key}");
        match (x.get(key), y.get(key)) {
            (Some(u), Some(v)) => diff(u, v, here, out),
            (Some(u), None) | (None, Some(u)) if !is_empty(u) => out.push(here),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
