//! Objects that are changed outside the drill: by another client of the same API server, whose field manager is
//! recorded in managedFields. Start with [`ApiPath`].

use http::Method;

use super::{
    super::value::{Map, Value, json},
    Delete, Label, Patch, Scale, What,
};
use crate::sim::{
    api::{self, ApiAnswer, Call},
    resources::{self, Resource},
    state::State,
};

const SOMEBODY: &str = "somebody-else";

/// The place of an object in the API.
pub(super) struct ApiPath {
    pub resource: &'static Resource,
    pub namespace: String,
    pub name: String,
}

/// Finds a resource by its kind or its plural. Upper and lower case do not matter.
pub(super) fn kind(word: &str) -> Option<&'static Resource> {
    resources::all().find(|r| r.kind.eq_ignore_ascii_case(word) || r.plural.eq_ignore_ascii_case(word))
}

impl ApiPath {
    /// Parses `KIND/NAME`.
    pub(super) fn of(object: &str, namespace: &str) -> Option<Self> {
        let (word, name) = object.split_once('/')?;
        let resource = kind(word)?;
        let namespace = if resource.namespaced { namespace.to_owned() } else { String::new() };
        Some(Self { resource, namespace, name: name.to_owned() })
    }

    pub(super) fn find<'a>(&self, state: &'a State) -> Option<&'a Value> {
        state.store.get(self.resource.plural, &self.namespace, &self.name).map(|o| &**o)
    }

    fn path(&self, named: bool) -> String {
        let group = if self.resource.group.is_empty() { "api" } else { "apis" };
        let mut path = format!("/{group}/{}", self.resource.api_version());
        if self.resource.namespaced {
            path += &format!("/namespaces/{}", self.namespace);
        }
        path += &format!("/{}", self.resource.plural);
        if named { format!("{path}/{}", self.name) } else { path }
    }

    /// Sends a request as a field manager. An empty name means no field manager.
    fn send(&self, state: &mut State, method: &Method, (by, sub): (&str, &str), body: &Value) -> Result<(), String> {
        let mut path = self.path(*method != Method::POST);
        if !sub.is_empty() {
            path += &format!("/{sub}");
        }
        let body = body.to_string();
        let query = [("fieldManager".to_owned(), by.to_owned())].into();
        let content_type = "application/merge-patch+json";
        let call = Call { method, path: &path, query, content_type, body: body.as_bytes() };
        match api::handle(state, &call) {
            ApiAnswer::Whole(code, _) if code < 300 => Ok(()),
            ApiAnswer::Whole(code, bytes) => {
                Err(format!("{method} {path}: {code} {}", String::from_utf8_lossy(&bytes)))
            }
            ApiAnswer::Stream(..) => Err(format!("{method} {path} is a watch")),
        }
    }
}

/// Sends a merge patch as a field manager. Returns the patch that reverts it.
pub(super) fn merge(
    state: &mut State,
    place: &ApiPath,
    patch: &Value,
    by: &str,
    subresource: &str,
) -> Result<Value, String> {
    let missing = || format!("{} {} does not exist", place.resource.kind, place.name);
    let before = place.find(state).cloned().ok_or_else(missing)?;
    place.send(state, &Method::PATCH, (by, subresource), patch)?;
    Ok(inverse(patch, &before))
}

/// Returns the merge patch that reverts another one.
fn inverse(patch: &Value, before: &Value) -> Value {
    match patch {
        Value::Object(fields) if before.is_object() => {
            let each = fields.iter().map(|(key, value)| (key.clone(), inverse(value, &before[key.as_str()])));
            each.collect::<Map>().into()
        }
        _ => before.clone(),
    }
}

fn place(object: &str, namespace: &str) -> Result<ApiPath, String> {
    ApiPath::of(object, namespace).ok_or_else(|| format!("`{object}` is not KIND/NAME"))
}

fn change(
    state: &mut State,
    entry: usize,
    (object, namespace): (&str, &str),
    patch: &Value,
    by: Option<&String>,
) -> Result<(), String> {
    let by = by.map_or(SOMEBODY, String::as_str);
    let back = merge(state, &place(object, namespace)?, patch, by, "")?;
    state.script.before.insert(entry, back);
    Ok(())
}

pub(super) fn patch(state: &mut State, entry: usize, it: &Patch) -> Result<(), String> {
    change(state, entry, (&it.object, &it.namespace), &it.patch.clone().into(), it.by.as_ref())
}

pub(super) fn scale(state: &mut State, entry: usize, it: &Scale) -> Result<(), String> {
    let patch = json!({"spec": {"replicas": it.replicas}});
    change(state, entry, (&it.workload, &it.namespace), &patch, it.by.as_ref())
}

pub(super) fn label(state: &mut State, entry: usize, it: &Label) -> Result<(), String> {
    let patch = json!({"metadata": {"labels": it.labels}});
    change(state, entry, (&it.object, &it.namespace), &patch, it.by.as_ref())
}

pub(super) fn delete(state: &mut State, it: &Delete) -> Result<(), String> {
    let body = it.grace.map_or(json!({}), |grace| json!({"gracePeriodSeconds": grace}));
    place(&it.object, &it.namespace)?.send(state, &Method::DELETE, ("", ""), &body)
}

/// Lets the client that made a change revert it.
pub(super) fn put_back(state: &mut State, entry: usize, what: &What) {
    let (object, namespace, by) = match what {
        What::Patch(it) => (&it.object, &it.namespace, &it.by),
        What::Scale(it) => (&it.workload, &it.namespace, &it.by),
        What::Label(it) => (&it.object, &it.namespace, &it.by),
        _ => return,
    };
    if let (Some(place), Some(back)) = (ApiPath::of(object, namespace), state.script.before.remove(&entry)) {
        let _ = merge(state, &place, &back, by.as_deref().unwrap_or(SOMEBODY), "");
    }
}

/// Creates an object as a field manager, without the fields that the server sets.
pub(super) fn make(state: &mut State, place: &ApiPath, object: &Value, by: &str) -> Result<(), String> {
    let mut body = object.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("status");
    }
    if let Some(meta) = body["metadata"].as_object_mut() {
        meta.retain(|key, _| matches!(key, "name" | "namespace" | "labels" | "annotations"));
    }
    place.send(state, &Method::POST, (by, ""), &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_and_its_inverse_leave_an_object_as_it_was() {
        let before = json!({"spec": {"replicas": 3, "paused": false}, "metadata": {"labels": {"app": "web"}}});
        let patch = json!({"spec": {"replicas": 1, "new": {"a": 1}}, "metadata": {"labels": {"app": null, "b": "c"}}});
        let mut object = before.clone();
        object.merge(&patch);
        assert_ne!(object, before);
        object.merge(&inverse(&patch, &before));
        assert_eq!(object, before);
    }
}
