//! `metadata.managedFields`: the API server's record of who wrote which field. Only writes of clients that name a field
//! manager are recorded; the simulated controllers name none. A changed field belongs only to the client that changed
//! it last. A removed field belongs to nobody. Lists are treated as one field, as the real server does with most lists
//! that a drill reads. Read [`enter`] first.

use super::{
    fields,
    value::{Map, Value, json},
};

/// The top-level fields that are recorded.
const KEPT: [&str; 3] = ["spec", "data", "binaryData"];

/// Who writes, and when.
pub(super) struct Writer<'a> {
    pub manager: &'a str,
    pub subresource: &'a str,
    /// Whether this is a server-side apply.
    pub applies: bool,
    pub now: &'a str,
}

/// Records a change of an object. `before` is null for a new object.
pub(super) fn enter(before: &Value, after: &mut Value, by: &Writer<'_>) {
    let (mut written, mut gone) = (json!({}), json!({}));
    for field in KEPT {
        let (old, new) = (before.get(field), after.get(field));
        compare(field, old, new, &mut written, &mut gone);
    }
    compare("metadata", Some(&marks(before)), Some(&marks(after)), &mut written, &mut gone);
    let mut entries: Vec<Value> = fields::list(before, "/metadata/managedFields").to_vec();
    for entry in &mut entries {
        take_away(&mut entry["fieldsV1"], &written);
        take_away(&mut entry["fieldsV1"], &gone);
    }
    if !is_empty(&written) {
        let operation = if by.applies { "Apply" } else { "Update" };
        let same = |e: &Value| {
            e["manager"] == by.manager
                && e["operation"] == operation
                && fields::text(e, "/subresource") == by.subresource
        };
        let mut own = entries.iter().position(same).map_or(json!({}), |at| entries.remove(at)["fieldsV1"].take());
        unite(&mut own, &written);
        let mut entry = json!({"manager": by.manager, "operation": operation, "apiVersion": after["apiVersion"],
            "time": by.now, "fieldsType": "FieldsV1", "fieldsV1": own});
        if !by.subresource.is_empty() {
            entry["subresource"] = by.subresource.into();
        }
        entries.push(entry);
    }
    entries.retain(|e| !is_empty(&e["fieldsV1"]));
    if let Some(meta) = after["metadata"].as_object_mut() {
        meta.remove("managedFields");
        if !entries.is_empty() {
            meta.insert("managedFields", entries);
        }
    }
}

/// The metadata that people write: labels and annotations.
fn marks(object: &Value) -> Value {
    let of = |field: &str| object["metadata"].get(field).cloned().unwrap_or_else(|| json!({}));
    json!({"labels": of("labels"), "annotations": of("annotations")})
}

/// Compares a field before and after a change. Adds it to `written` if it has a new value, or to `gone` if it was
/// removed.
fn compare(field: &str, old: Option<&Value>, new: Option<&Value>, written: &mut Value, gone: &mut Value) {
    if old == new {
        return;
    }
    let key = format!("f:{field}");
    match (old, new) {
        (_, None | Some(Value::Null)) => gone[key.as_str()] = json!({}),
        (old, Some(Value::Object(now))) if old.is_none_or(Value::is_object) && !now.is_empty() => {
            let none = Map::default();
            let was = old.and_then(Value::as_object).unwrap_or(&none);
            let (mut inner, mut lost) = (json!({}), json!({}));
            for name in was.keys().chain(now.keys().filter(|k| !was.contains_key(k))) {
                compare(name, was.get(name), now.get(name), &mut inner, &mut lost);
            }
            for (into, what) in [(written, inner), (gone, lost)] {
                if !is_empty(&what) {
                    into[key.as_str()] = what;
                }
            }
        }
        (_, Some(_)) => written[key.as_str()] = json!({}),
    }
}

fn is_empty(set: &Value) -> bool {
    set.as_object().is_none_or(Map::is_empty)
}

/// Removes the fields of one set from another.
fn take_away(from: &mut Value, set: &Value) {
    let (Some(from), Some(set)) = (from.as_object_mut(), set.as_object()) else { return };
    for (key, inner) in set {
        let Some(own) = from.get_mut(key) else { continue };
        if !is_empty(inner) && !is_empty(own) {
            take_away(own, inner);
        }
        if is_empty(inner) || is_empty(own) {
            from.remove(key);
        }
    }
}

fn unite(into: &mut Value, set: &Value) {
    for (key, inner) in set.as_object().into_iter().flatten() {
        let own = &mut into[key.as_str()];
        if !own.is_object() {
            *own = json!({});
        }
        unite(own, inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by<'a>(manager: &'a str, now: &'a str) -> Writer<'a> {
        Writer { manager, subresource: "", applies: false, now }
    }

    #[test]
    fn labels_have_a_writer_too() {
        let before = json!({"metadata": {"labels": {"app": "web"}}});
        let mut after = json!({"metadata": {"labels": {"app": "web", "team": "other"}}});
        enter(&before, &mut after, &by("intern", "1"));
        let fields = json!({"f:metadata": {"f:labels": {"f:team": {}}}});
        assert_eq!(after["metadata"]["managedFields"][0]["fieldsV1"], fields);
    }

    #[test]
    fn a_field_belongs_to_who_changed_it_last() {
        let before = json!({"metadata": {}, "spec": {"replicas": 3, "paused": true}});
        let mut made = before.clone();
        enter(&Value::Null, &mut made, &by("kubectl-create", "1"));
        assert_eq!(
            made["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})
        );
        let mut scaled = made.clone();
        scaled["spec"]["replicas"] = 1.into();
        enter(&made, &mut scaled, &by("drillmaster", "2"));
        let book = scaled["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        assert_eq!(book[0]["fieldsV1"], json!({"f:spec": {"f:paused": {}}}));
        assert_eq!((&book[1]["manager"], &book[1]["time"]), (&json!("drillmaster"), &json!("2")));
        // A removed field belongs to nobody. A write that changes nothing is not recorded.
        let mut released = scaled.clone();
        if let Some(spec) = released["spec"].as_object_mut() {
            spec.remove("paused");
        }
        enter(&scaled, &mut released, &by("kubectl-edit", "3"));
        let managers = |o: &Value| -> Vec<String> {
            fields::list(o, "/metadata/managedFields").iter().map(|e| fields::text(e, "/manager").to_owned()).collect()
        };
        assert_eq!(managers(&released), ["drillmaster"]);
        let mut same = released.clone();
        enter(&released, &mut same, &by("kubectl-edit", "4"));
        assert_eq!(same, released);
    }
}
