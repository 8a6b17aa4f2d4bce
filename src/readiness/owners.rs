//! Who is responsible for an object: a label or an annotation says so, or the objective of the readiness file.

use super::picture::Picture;
use crate::{inventory::Object, model::Subject};

/// Labels and annotations that name an owner; the first that an object has counts.
const KEYS: [&str; 3] = ["drillmaster.dev/owner", "owner", "team"];

/// The owner of an object, or else of its namespace; empty if nothing says so.
pub(crate) fn owner(of: &Subject, picture: &Picture<'_>) -> String {
    let objective = |wanted: &str| {
        let found = picture.settings.objectives.iter().find(|o| o.of == wanted);
        found.and_then(|o| o.owner.clone())
    };
    let own = || objective(&format!("{}/{}/{}", of.namespace, of.kind.to_lowercase(), of.name));
    let space = if of.kind == "Namespace" { &of.name } else { &of.namespace };
    let of_space = || picture.object_set.find("Namespace", "", space).and_then(named);
    // A finding names the kind without its group.
    let object = picture.object_set.find_kind(&of.kind, &of.namespace, &of.name);
    let found = object.and_then(named).or_else(own);
    found.or_else(of_space).or_else(|| objective(space)).unwrap_or_default()
}

fn named(object: &Object) -> Option<String> {
    let meta = &object.metadata;
    let said = |key: &&str| meta.annotations.get(*key).or_else(|| meta.labels.get(*key));
    KEYS.iter().find_map(said).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}
