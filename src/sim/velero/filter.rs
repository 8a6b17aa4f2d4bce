//! Which namespaces, resources and labels a Backup includes, by the rules of Velero. The label that excludes an object
//! only has an effect with the value `true`. Start with [`Filter`].

use serde::Deserialize;

use crate::sim::value::Value;

use crate::{
    kubernetes::Selector,
    sim::{
        fields::{self, list},
        resources::Resource,
    },
};

/// Resources that are never backed up.
const LEFT_OUT: [&str; 1] = ["leases"];

/// The filters of one Backup.
pub(super) struct Filter<'a> {
    backup: &'a Value,
    /// An object must match one of them. If there are none, labels do not matter.
    selectors: Vec<Selector>,
}

impl<'a> Filter<'a> {
    pub(super) fn of(backup: &'a Value) -> Self {
        let one = backup.pointer("/spec/labelSelector").filter(|s| s.is_object());
        let any = list(backup, "/spec/orLabelSelectors");
        let read = |s: &Value| Selector::deserialize(s).unwrap_or_else(|_| Selector::nothing());
        Self { backup, selectors: one.into_iter().chain(any).map(read).collect() }
    }

    /// Returns those of these namespaces that the Backup includes.
    pub(super) fn namespaces(&self, all: Vec<String>) -> Vec<String> {
        let named = |field: &str, name: &str| self.names(field).any(|n| n == name || n == "*");
        let whole = self.names("includedNamespaces").next().is_none();
        let included = |n: &String| (whole || named("includedNamespaces", n)) && !named("excludedNamespaces", n);
        all.into_iter().filter(included).collect()
    }

    /// Whether the Backup includes an object of a namespace.
    pub(super) fn takes(&self, resource: &Resource, object: &Value) -> bool {
        self.takes_resource(resource) && !is_excluded(object) && self.selects(object)
    }

    fn takes_resource(&self, resource: &Resource) -> bool {
        let full = format!("{}.{}", resource.plural, resource.group);
        let singular = resource.kind.to_lowercase();
        let means = |n: &str| n == "*" || n == resource.plural || n == full || n == singular;
        let any = |field: &str| self.names(field).any(means);
        let included = ["includedResources", "includedNamespaceScopedResources"]
            .iter()
            .all(|field| self.names(field).next().is_none() || any(field));
        included
            && !LEFT_OUT.contains(&resource.plural)
            && !any("excludedResources")
            && !any("excludedNamespaceScopedResources")
    }

    fn selects(&self, object: &Value) -> bool {
        self.selectors.is_empty() || self.selectors.iter().any(|s| fields::selects(s, object))
    }

    fn names(&self, field: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        list(self.backup, &format!("/spec/{field}")).iter().filter_map(Value::as_str)
    }
}

/// Whether a label of the object excludes it from all backups.
pub(super) fn is_excluded(object: &Value) -> bool {
    object.pointer("/metadata/labels/velero.io~1exclude-from-backup").is_some_and(|v| v == "true")
}

#[cfg(test)]
mod tests {
    use crate::sim::value::json;

    use super::*;
    use crate::sim::resources::known;

    fn takes(spec: &Value, plural: &'static str, labels: &Value) -> bool {
        let backup = json!({ "spec": spec });
        Filter::of(&backup).takes(known(plural), &json!({"metadata": {"labels": labels}}))
    }

    #[test]
    fn resources_and_labels_are_filtered() {
        let any = json!({});
        assert!(takes(&any, "secrets", &any));
        assert!(!takes(&any, "secrets", &json!({"velero.io/exclude-from-backup": "true"})));
        assert!(takes(&any, "secrets", &json!({"velero.io/exclude-from-backup": "false"})));
        assert!(!takes(&json!({"excludedResources": ["secrets"]}), "secrets", &any));
        assert!(!takes(&json!({"excludedResources": ["deployments.apps"]}), "deployments", &any));
        assert!(!takes(&json!({"includedResources": ["configmaps"]}), "secrets", &any));
        assert!(takes(&json!({"includedResources": ["configmaps"]}), "configmaps", &any));
        assert!(takes(&json!({"includedResources": ["*"]}), "secrets", &any));
        let web = json!({"labelSelector": {"matchLabels": {"tier": "web"}}});
        assert!(takes(&web, "secrets", &json!({"tier": "web"})));
        assert!(!takes(&web, "secrets", &any));
        let either = json!({"orLabelSelectors": [{"matchLabels": {"a": "1"}}, {"matchLabels": {"b": "1"}}]});
        assert!(takes(&either, "secrets", &json!({"b": "1"})));
        assert!(!takes(&either, "secrets", &any));
    }

    #[test]
    fn namespaces_are_filtered() {
        let of = |spec: Value| {
            let backup = json!({ "spec": spec });
            Filter::of(&backup).namespaces(vec!["a".into(), "b".into()])
        };
        assert_eq!(of(json!({})), ["a", "b"]);
        assert_eq!(of(json!({"includedNamespaces": ["*"], "excludedNamespaces": ["a"]})), ["b"]);
        assert_eq!(of(json!({"includedNamespaces": ["a"]})), ["a"]);
    }
}
