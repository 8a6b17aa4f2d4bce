//! The resource modifiers of Velero: rules in a ConfigMap that change objects while they are restored. The simulation
//! supports conditions on resource, namespace and name, and JSON merge patches. It refuses everything else, so that
//! nothing works here that would not work with Velero. Read [`rules`] and [`apply`] first.

use crate::sim::value::Value;

use crate::sim::{
    fields::{list, text},
    state::State,
};

/// A rule.
pub(super) struct Rule {
    resource: String,
    namespaces: Vec<Value>,
    name: Option<regex::Regex>,
    patches: Vec<Value>,
}

/// Reads the rules of a restore. Fails with the reason for which Velero would not begin the restore.
pub(super) fn rules(state: &State, restore: &Value) -> Result<Vec<Rule>, String> {
    let name = text(restore, "/spec/resourceModifier/name");
    if name.is_empty() {
        return Ok(vec![]);
    }
    let map = state.store.get("configmaps", "velero", name);
    let map = map.ok_or_else(|| format!("failed to get resource modifiers configmap velero/{name}"))?;
    let data = map["data"].as_object().filter(|d| d.len() == 1);
    let written = data.and_then(|d| d.iter().map(|(_, value)| value).next()).and_then(Value::as_str);
    let written = written.ok_or_else(|| format!("illegal resource modifiers velero/{name} configmap"))?;
    let whole: Value = serde_json::from_str(written).map_err(|e| format!("the simulation can only read JSON: {e}"))?;
    if text(&whole, "/version") != "v1" {
        return Err("unsupported resource modifier version".into());
    }
    list(&whole, "/resourceModifierRules").iter().map(rule).collect()
}

fn rule(written: &Value) -> Result<Rule, String> {
    let known = |allowed: &[&str], value: &Value| {
        let keys = value.as_object().into_iter().flatten().map(|(k, _)| k.clone());
        match keys.into_iter().find(|k| !allowed.contains(&k.as_str())) {
            Some(key) => Err(format!("the simulation does not support `{key}` in a resource modifier")),
            None => Ok(()),
        }
    };
    known(&["conditions", "mergePatches"], written)?;
    known(&["groupResource", "namespaces", "resourceNameRegex"], &written["conditions"])?;
    let resource = text(written, "/conditions/groupResource");
    if resource.is_empty() || resource.contains(['*', '?', '[', '{']) {
        return Err(format!("the simulation does not support the pattern `{resource}` in a resource modifier"));
    }
    let name = Some(text(written, "/conditions/resourceNameRegex")).filter(|n| !n.is_empty());
    let name = name.map(regex::Regex::new).transpose().map_err(|e| format!("error in matching regex {e}"))?;
    let patches: Result<Vec<Value>, _> = list(written, "/mergePatches")
        .iter()
        .map(|p| {
            serde_json::from_str(text(p, "/patchData")).map_err(|e| format!("error in converting YAML to JSON {e}"))
        })
        .collect();
    Ok(Rule {
        resource: resource.to_owned(),
        namespaces: list(written, "/conditions/namespaces").to_vec(),
        name,
        patches: patches?,
    })
}

/// Applies the rules to an object. Conditions are tested on the object as it was backed up, with the namespace that it
/// had there.
pub(super) fn apply(rules: &[Rule], resource: &str, kept: &Value, copy: &mut Value) {
    let (namespace, name) = (&kept["metadata"]["namespace"], text(kept, "/metadata/name"));
    for rule in rules {
        let here = namespace.is_null() || rule.namespaces.is_empty() || rule.namespaces.contains(namespace);
        if rule.resource == resource && here && rule.name.as_ref().is_none_or(|n| n.is_match(name)) {
            rule.patches.iter().for_each(|patch| copy.merge(patch));
        }
    }
}
