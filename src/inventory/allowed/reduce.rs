//! Reduces an object to what a capture may contain.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};

use super::{
    super::{kinds::key, object::lead},
    annotations::annotations,
    built_in::BUILT_IN,
    fields::{Fields, Listed},
    keep::Keep::{There, Value as Plain},
    operators::OPERATORS,
    pods,
};

/// The fields of a kind that a review reads.
pub(super) struct KindFields {
    /// `kind.group`.
    pub key: &'static str,
    /// The path of its pod spec; empty if it has none.
    pub pods: &'static str,
    /// Its other fields.
    pub fields: &'static [Listed],
}

/// A kind without a pod spec.
pub(super) const fn kind(key: &'static str, fields: &'static [Listed]) -> KindFields {
    KindFields { key, pods: "", fields }
}

/// A kind with a pod spec.
pub(super) const fn workload(key: &'static str, pods: &'static str, fields: &'static [Listed]) -> KindFields {
    KindFields { key, pods, fields }
}

/// The fields that are kept of every object, also of unknown kinds. Messages of conditions are left out, because they
/// are free text; the state that they explain is kept.
const OF_ALL: &[Listed] = &[
    (Plain, "/metadata", "name namespace uid generation deletionTimestamp creationTimestamp"),
    (Plain, "/metadata", "labels/* finalizers/*"),
    (Plain, "/metadata/ownerReferences/*", "kind name uid controller"),
    (Plain, "/status/conditions/*", "type status reason"),
    (There, "/status/conditions/*", "message"),
];

/// The fields of a kind, and the path of its pod spec.
pub(super) struct Rules {
    pub fields: Fields,
    pods: &'static str,
}

impl Rules {
    fn of(kind: Option<&KindFields>) -> Self {
        let mut fields = Fields::default();
        fields.list("", OF_ALL);
        let Some(kind) = kind else { return Self { fields, pods: "" } };
        fields.list("", kind.fields);
        if !kind.pods.is_empty() {
            pods::list(&mut fields, kind.pods);
            if let Some(template) = template(kind.pods) {
                fields.list(&format!("{template}/metadata"), &[(Plain, "", "labels/*")]);
            }
        }
        Self { fields, pods: kind.pods }
    }
}

/// The pod template that contains this spec; none if the object is a pod itself.
fn template(spec: &'static str) -> Option<&'static str> {
    spec.strip_suffix("/spec").filter(|template| !template.is_empty())
}

static KNOWN: LazyLock<BTreeMap<&str, Rules>> =
    LazyLock::new(|| BUILT_IN.iter().chain(OPERATORS).map(|kind| (kind.key, Rules::of(Some(kind)))).collect());
static UNKNOWN: LazyLock<Rules> = LazyLock::new(|| Rules::of(None));

/// The rules for a kind.
pub(super) fn rules(key: &str) -> &'static Rules {
    KNOWN.get(key).unwrap_or(&UNKNOWN)
}

/// What a capture may contain of an object, as JSON with its apiVersion and kind. Reducing a reduced object changes
/// nothing.
pub(in super::super) fn reduced(object: &Value) -> Value {
    let text = |field: &str| object[field].as_str().unwrap_or("");
    let (api, name) = (text("apiVersion"), text("kind"));
    let group = api.split_once('/').map_or("", |(group, _)| group);
    let rules = rules(&key(name, group));
    let mut kept = rules.fields.of(object).unwrap_or_else(|| json!({}));
    kept["apiVersion"] = api.into();
    kept["kind"] = name.into();
    keep_annotations(object, &mut kept, "/metadata");
    if let Some(spec) = lead(object, rules.pods).filter(|_| !rules.pods.is_empty()) {
        if let Some(kept) = kept.pointer_mut(rules.pods) {
            pods::compare_probes(spec, kept);
        }
        if let Some(template) = template(rules.pods) {
            keep_annotations(object, &mut kept, &format!("{template}/metadata"));
        }
    }
    kept
}

fn keep_annotations(object: &Value, kept: &mut Value, metadata: &str) {
    let all = lead(object, metadata).map_or(&Value::Null, |metadata| &metadata["annotations"]);
    if let (Some(found), Some(kept)) = (annotations(all), kept.pointer_mut(metadata).and_then(Value::as_object_mut)) {
        kept.insert("annotations".into(), found);
    }
}
