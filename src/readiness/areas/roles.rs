//! Roles and bindings, as several checks read them: who is bound to what, and what a rule covers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    inventory::Object,
    readiness::{
        check::Say,
        picture::Picture,
        values::{text, words},
    },
};

/// The API group of roles and bindings.
pub(super) const GROUP: &str = "rbac.authorization.k8s.io";

/// Whether a rule covers one of these resources with one of these verbs.
pub(super) fn touches(rule: &Value, groups: &[&str], resources: &[&str], verbs: &[&str]) -> bool {
    let any = |field: &str, wanted: &[&str]| words(rule, field).iter().any(|w| *w == "*" || wanted.contains(w));
    any("/apiGroups", groups) && any("/resources", resources) && any("/verbs", verbs)
}

/// A role, and the subjects that are bound to it.
pub(super) struct Bound<'a> {
    pub role: &'a Object,
    /// Whether a ClusterRoleBinding binds it.
    pub wide: bool,
    pub subjects: Vec<String>,
}

/// Whether it is a default role or binding of Kubernetes, which the API server restores itself.
fn is_own(object: &Object) -> bool {
    object.metadata.labels.get("kubernetes.io/bootstrapping").is_some_and(|v| v == "rbac-defaults")
}

pub(super) fn subject_name(subject: &Value, namespace: &str) -> String {
    let (kind, name) = (text(subject, "/kind"), text(subject, "/name"));
    if kind == "ServiceAccount" {
        let own = text(subject, "/namespace");
        return format!("ServiceAccount {}/{name}", if own.is_empty() { namespace } else { own });
    }
    format!("{kind}/{name}")
}

/// Whether the subject is a component of Kubernetes itself.
pub(super) fn is_system(subject: &Value) -> bool {
    let (name, namespace) = (text(subject, "/name"), text(subject, "/namespace"));
    name.starts_with("system:kube-")
        || name.starts_with("system:node")
        || name.starts_with("kubeadm:")
        || namespace == "kube-system"
}

/// Bindings, and for each whether it is a ClusterRoleBinding.
pub(super) fn bindings<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<(&'a Object, bool)> {
    let mut all = vec![];
    for (key, wide) in [("ClusterRoleBinding", true), ("RoleBinding", false)] {
        let found = p.all(&format!("{key}.{GROUP}"), say);
        let wanted = |o: &&Object| !is_own(o) && (wide || p.in_scope(&o.metadata.namespace));
        all.extend(found.iter().filter(wanted).map(|o| (o, wide)));
    }
    all
}

pub(super) fn bound<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<Bound<'a>> {
    let mut all: BTreeMap<(String, String, String), Bound<'a>> = BTreeMap::new();
    for (key, kind) in [("ClusterRole", "ClusterRole"), ("Role", "Role")] {
        for role in p.all(&format!("{key}.{GROUP}"), say).iter().filter(|o| !is_own(o)) {
            if kind == "Role" && !p.in_scope(&role.metadata.namespace) {
                continue;
            }
            let id = (kind.to_owned(), role.metadata.namespace.clone(), role.metadata.name.clone());
            all.insert(id, Bound { role, wide: false, subjects: vec![] });
        }
    }
    for (binding, wide) in bindings(p, say) {
        let kind = binding.text("/roleRef/kind");
        let namespace = if kind == "Role" { binding.metadata.namespace.clone() } else { String::new() };
        let id = (kind.to_owned(), namespace, binding.text("/roleRef/name").to_owned());
        if let Some(found) = all.get_mut(&id) {
            let subjects = binding.list("/subjects").iter().filter(|s| !is_system(s));
            let before = found.subjects.len();
            found.subjects.extend(subjects.map(|s| subject_name(s, &binding.metadata.namespace)));
            found.wide |= wide && found.subjects.len() > before;
        }
    }
    all.into_values().collect()
}

/// Whether a role allows everything.
pub(super) fn is_everything(role: &Object) -> bool {
    let star = |rule: &Value, field: &str| words(rule, field).contains(&"*");
    role.list("/rules").iter().any(|r| star(r, "/apiGroups") && star(r, "/resources") && star(r, "/verbs"))
}
