//! The rights of subjects: roles with their aggregated rules, the default roles of Kubernetes, and the bindings of all
//! namespaces, evaluated as the RBAC authorizer of the API server does. Start with [`Rights`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::Deserialize;
use serde_json::Value;

use super::values::{list, selector, text, words};
use crate::{
    inventory::{Object, ObjectSet},
    kubernetes::Selector,
};

/// The API group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// One rule of a role.
#[derive(Clone, Debug)]
pub(crate) struct Rule<'a> {
    groups: Vec<&'a str>,
    resources: Vec<&'a str>,
    verbs: Vec<&'a str>,
    /// The names of objects to which it is limited; empty for all.
    pub names: Vec<&'a str>,
    /// Its index in its role.
    pub index: usize,
    /// The ClusterRole that it is aggregated from; none if the role itself has it.
    pub from: Option<&'a str>,
}

impl<'a> Rule<'a> {
    fn of(value: &'a Value, index: usize) -> Self {
        let of = |field: &str| words(value, field);
        let (groups, resources, verbs) = (of("/apiGroups"), of("/resources"), of("/verbs"));
        Self { groups, resources, verbs, names: of("/resourceNames"), index, from: None }
    }

    /// Whether it allows a verb on a resource, such as `pods` or `pods/exec`, whatever the name of the object.
    pub fn covers(&self, verb: &str, group: &str, resource: &str) -> bool {
        let all_of_it = resource.split_once('/').map(|(_, part)| part);
        let is = |named: &&str| {
            *named == "*" || *named == resource || all_of_it.is_some() && named.strip_prefix("*/") == all_of_it
        };
        has(&self.verbs, verb) && has(&self.groups, group) && self.resources.iter().any(is)
    }

    /// Whether it allows one of these verbs on one of these resources.
    pub fn touches(&self, groups: &[&str], resources: &[&str], verbs: &[&str]) -> bool {
        let on = |group: &str, resource: &str| verbs.iter().any(|verb| self.covers(verb, group, resource));
        groups.iter().any(|group| resources.iter().any(|resource| on(group, resource)))
    }

    /// Whether it allows a request. An empty name is a request that names no object.
    #[cfg(test)]
    fn allows(&self, request: &Request<'_>) -> bool {
        let named = self.names.is_empty() || self.names.contains(&request.name);
        named && self.covers(request.verb, request.group, request.resource)
    }

    /// Which of verbs, resources and groups are wildcards.
    pub fn wildcards(&self) -> Vec<&'static str> {
        let star = |all: &[&str]| all.iter().any(|word| *word == "*" || *word == "*/*");
        [("verbs", &self.verbs), ("resources", &self.resources), ("apiGroups", &self.groups)]
            .into_iter()
            .filter(|(_, all)| star(all))
            .map(|(name, _)| name)
            .collect()
    }
}

fn has(all: &[&str], word: &str) -> bool {
    all.iter().any(|w| *w == "*" || *w == word)
}

/// The verbs of resources. A rule that lists them all allows as much as one with `*`, apart from the few verbs that
/// single resources have.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

/// Whether rules together allow every verb on every resource.
pub(crate) fn is_everything<'r, 'a: 'r>(rules: impl Iterator<Item = &'r Rule<'a>> + Clone) -> bool {
    let whole = |rule: &&Rule<'_>| rule.names.is_empty() && rule.groups.contains(&"*") && rule.resources.contains(&"*");
    VERBS.iter().all(|verb| rules.clone().filter(whole).any(|rule| has(&rule.verbs, verb)))
}

/// A role with everything that it allows.
#[derive(Clone, Debug)]
pub(crate) struct Role<'a> {
    /// The object; none for a default role that the input does not contain.
    pub object: Option<&'a Object>,
    /// Its name.
    pub name: &'a str,
    /// Whether Kubernetes creates it, so that nobody can change it for good.
    pub default: bool,
    /// Its own rules, and those that it aggregates.
    pub rules: Vec<Rule<'a>>,
    /// Whether another ClusterRole aggregates it.
    pub is_part: bool,
}

/// A namespace (empty for a ClusterRole) and a name.
type Key<'a> = (&'a str, &'a str);

/// A binding of a role to subjects.
#[derive(Clone, Debug)]
pub(crate) struct Binding<'a> {
    pub object: &'a Object,
    /// Whether it is a ClusterRoleBinding.
    pub wide: bool,
    /// Whether Kubernetes creates it for its own components.
    pub default: bool,
    role: Key<'a>,
}

impl<'a> Binding<'a> {
    fn of(object: &'a Object, wide: bool) -> Self {
        let namespace = if object.text("/roleRef/kind") == "Role" { object.metadata.namespace.as_str() } else { "" };
        Self { object, wide, default: is_default(object), role: (namespace, object.text("/roleRef/name")) }
    }

    /// Its subjects, each with its index.
    pub fn subjects(&self) -> impl Iterator<Item = (usize, Subject<'a>)> + use<'a> {
        let here = self.object.metadata.namespace.as_str();
        self.object.list("/subjects").iter().enumerate().map(move |(i, value)| (i, Subject::of(value, here)))
    }
}

/// A user, a group or a service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject<'a> {
    pub kind: &'a str,
    /// Only service accounts have a namespace.
    pub namespace: &'a str,
    pub name: &'a str,
}

impl<'a> Subject<'a> {
    fn of(value: &'a Value, here: &'a str) -> Self {
        let (kind, own) = (text(value, "/kind"), text(value, "/namespace"));
        let namespace = match kind {
            "ServiceAccount" if own.is_empty() => here,
            "ServiceAccount" => own,
            _ => "",
        };
        Self { kind, namespace, name: text(value, "/name") }
    }

    /// Whether it is a component of Kubernetes itself.
    pub fn is_system(&self) -> bool {
        let prefixes = ["system:kube-", "system:node", "kubeadm:"];
        self.kind != "ServiceAccount"
            && (self.name == "system:masters" || prefixes.iter().any(|prefix| self.name.starts_with(prefix)))
    }

    /// Whether a binding for `other` also applies to it: another name of a service account, or a group of it.
    pub fn is(&self, other: &Subject<'_>) -> bool {
        let account = self.kind == "ServiceAccount";
        match other.kind {
            "User" if account => other.name == format!("system:serviceaccount:{}:{}", self.namespace, self.name),
            "Group" if account => {
                matches!(other.name, "system:authenticated" | "system:serviceaccounts")
                    || other.name.strip_prefix("system:serviceaccounts:") == Some(self.namespace)
            }
            "Group" if self.kind == "User" => {
                let known = self.name != "system:anonymous";
                other.name == if known { "system:authenticated" } else { "system:unauthenticated" }
            }
            _ => self == other,
        }
    }
}

impl std::fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            "ServiceAccount" => write!(f, "ServiceAccount {}/{}", self.namespace, self.name),
            kind => write!(f, "{kind}/{}", self.name),
        }
    }
}

/// Whether Kubernetes creates this role or binding. Anybody can set the label, so the names must fit, too.
fn is_default(object: &Object) -> bool {
    let labelled = object.metadata.labels.get("kubernetes.io/bootstrapping").is_some_and(|v| v == "rbac-defaults");
    let (name, role) = (object.metadata.name.as_str(), object.text("/roleRef/name"));
    let component = |(_, s): (usize, Subject<'_>)| {
        s.name.starts_with("system:") || s.kind == "ServiceAccount" && s.namespace == "kube-system"
    };
    match &*object.kind {
        "ClusterRole" => labelled && DEFAULTS.iter().any(|d| d.name == name),
        "Role" => labelled && matches!(object.metadata.namespace.as_str(), "kube-system" | "kube-public"),
        _ if name == "cluster-admin" => {
            let binding = object.list("/subjects");
            labelled && binding.iter().all(|s| text(s, "/kind") == "Group" && text(s, "/name") == "system:masters")
        }
        _ => {
            let here = object.metadata.namespace.as_str();
            let mut all = object.list("/subjects").iter().enumerate().map(|(i, v)| (i, Subject::of(v, here)));
            labelled && name.starts_with("system:") && role != "cluster-admin" && all.all(component)
        }
    }
}

/// A default role of Kubernetes.
#[derive(Debug, Deserialize)]
struct DefaultRole {
    name: String,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    aggregates: Vec<String>,
    #[serde(default)]
    rules: Vec<Value>,
}

static DEFAULTS: LazyLock<Vec<DefaultRole>> = LazyLock::new(|| {
    let lines = include_str!("data/default-roles.jsonl").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| serde_json::from_str(line).expect("generated from the module, read by a test")).collect()
});

/// A request to the API server.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    /// The resource, with its subresource: `pods/log`.
    pub resource: &'a str,
    /// The namespace; empty for all namespaces and for cluster-scoped objects.
    pub namespace: &'a str,
    /// The name of the object; empty for a request that names none.
    pub name: &'a str,
}

/// All roles and bindings.
#[derive(Debug, Default)]
pub(crate) struct Rights<'a> {
    roles: BTreeMap<Key<'a>, Role<'a>>,
    /// All bindings of all namespaces.
    pub bindings: Vec<Binding<'a>>,
    by_role: BTreeMap<Key<'a>, Vec<usize>>,
}

impl<'a> Rights<'a> {
    /// Evaluates the roles and bindings of an input.
    pub fn of(object_set: &'a ObjectSet) -> Self {
        let mut own: BTreeMap<Key<'a>, Part<'a>> = BTreeMap::new();
        for default in DEFAULTS.iter() {
            own.insert(("", &default.name), Part::of_default(default));
        }
        for object in
            object_set.any(&format!("ClusterRole.{GROUP}")).iter().chain(object_set.any(&format!("Role.{GROUP}")))
        {
            own.insert((&object.metadata.namespace, &object.metadata.name), Part::of_object(object));
        }
        let mut rights = Self { roles: whole(&own), ..Self::default() };
        for (kind, wide) in [("ClusterRoleBinding", true), ("RoleBinding", false)] {
            let all = object_set.any(&format!("{kind}.{GROUP}")).iter();
            rights.bindings.extend(all.map(|object| Binding::of(object, wide)));
        }
        for (i, binding) in rights.bindings.iter().enumerate() {
            rights.by_role.entry(binding.role).or_default().push(i);
        }
        rights
    }

    /// All roles: those of the input, and the default ones.
    pub fn roles(&self) -> impl Iterator<Item = &Role<'a>> {
        self.roles.values()
    }

    /// The role that a binding gives; none if the input does not contain it and it is not a default one.
    pub fn role(&self, binding: &Binding<'a>) -> Option<&Role<'a>> {
        self.roles.get(&binding.role)
    }

    /// The bindings of a role that are not default ones of Kubernetes.
    pub fn bindings_of(&self, role: &Role<'a>) -> impl Iterator<Item = &Binding<'a>> {
        let namespace = role.object.map_or("", |o| o.metadata.namespace.as_str());
        let places = self.by_role.get(&(namespace, role.name)).into_iter().flatten();
        places.map(|i| &self.bindings[*i]).filter(|binding| !binding.default)
    }

    /// Whether a subject may make a request, by RBAC alone.
    #[cfg(test)]
    pub fn allows(&self, subject: &Subject<'_>, request: &Request<'_>) -> bool {
        let here = |b: &&Binding<'_>| b.wide || b.object.metadata.namespace == request.namespace;
        let bound = self.bindings.iter().filter(here).filter(|b| b.subjects().any(|(_, s)| subject.is(&s)));
        bound.filter_map(|b| self.role(b)).flat_map(|role| &role.rules).any(|rule| rule.allows(request))
    }
}

/// A role before aggregation.
struct Part<'a> {
    object: Option<&'a Object>,
    default: bool,
    labels: BTreeMap<String, String>,
    aggregates: Vec<Selector>,
    rules: Vec<Rule<'a>>,
}

impl<'a> Part<'a> {
    fn of_default(default: &'static DefaultRole) -> Self {
        let marked =
            |keys: &[String]| keys.iter().map(|key| (key.clone(), "true".to_owned())).collect::<BTreeMap<_, _>>();
        let one =
            |key: &String| Selector { match_labels: marked(std::slice::from_ref(key)), match_expressions: vec![] };
        Self {
            object: None,
            default: true,
            labels: marked(&default.labels),
            aggregates: default.aggregates.iter().map(one).collect(),
            rules: default.rules.iter().enumerate().map(|(i, rule)| Rule::of(rule, i)).collect(),
        }
    }

    fn of_object(object: &'a Object) -> Self {
        let selectors = list(&object.body, "/aggregationRule/clusterRoleSelectors");
        Self {
            object: Some(object),
            default: is_default(object),
            labels: (*object.metadata.labels).clone(),
            aggregates: selectors.iter().filter_map(|s| selector(s, "")).collect(),
            rules: object.list("/rules").iter().enumerate().map(|(i, rule)| Rule::of(rule, i)).collect(),
        }
    }
}

/// The roles with the rules that they aggregate. The controller does the same until nothing changes any more, so an
/// aggregated role may aggregate others.
fn whole<'a>(own: &BTreeMap<Key<'a>, Part<'a>>) -> BTreeMap<Key<'a>, Role<'a>> {
    let cluster = || own.iter().filter(|((namespace, _), _)| namespace.is_empty());
    let mut parts_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ((_, name), part) in cluster().filter(|(_, part)| !part.aggregates.is_empty()) {
        let chosen = cluster().filter(|((_, other), other_part)| {
            other != name && part.aggregates.iter().any(|s| s.matches(&other_part.labels))
        });
        parts_of.insert(name, chosen.map(|((_, other), _)| *other).collect());
    }
    let used: BTreeSet<&str> = parts_of.values().flatten().copied().collect();
    let one = |(key, part): (&Key<'a>, &Part<'a>)| {
        let mut rules = part.rules.clone();
        let (mut seen, mut next) = (BTreeSet::from([key.1]), parts_of.get(key.1).cloned().unwrap_or_default());
        if !key.0.is_empty() {
            next.clear();
        }
        while let Some(name) = next.pop() {
            let Some(((_, name), other)) = own.get_key_value(&("", name)).filter(|((_, n), _)| seen.insert(n)) else {
                continue;
            };
            rules.extend(other.rules.iter().cloned().map(|rule| Rule { from: Some(name), ..rule }));
            next.extend(parts_of.get(name).into_iter().flatten());
        }
        let is_part = key.0.is_empty() && used.contains(key.1);
        (*key, Role { object: part.object, name: key.1, default: part.default, rules, is_part })
    };
    own.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
