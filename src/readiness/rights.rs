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
    inventory::{Object, ObjectSet, ReviewSource},
    kubernetes::Selector,
};

mod request;

use request::account_of;
pub use request::{Caller, Permissions, Request};

/// The API group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// One rule of a role.
#[derive(Clone, Debug)]
pub(crate) struct Rule<'a> {
    groups: Vec<&'a str>,
    resources: Vec<&'a str>,
    verbs: Vec<&'a str>,
    /// Paths that are not resources.
    paths: Vec<&'a str>,
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
        let (paths, names) = (of("/nonResourceURLs"), of("/resourceNames"));
        Self { groups, resources, verbs, paths, names, index, from: None }
    }

    /// Whether another rule allows the same, wherever it is from.
    fn is_same(&self, other: &Self) -> bool {
        let all = |rule: &Self| [&rule.groups, &rule.resources, &rule.verbs, &rule.paths, &rule.names].map(Vec::clone);
        all(self) == all(other)
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

    /// Whether it allows a verb on a path that is not a resource. A `*` at the end stands for the rest of the path.
    pub fn covers_path(&self, verb: &str, path: &str) -> bool {
        let is = |named: &&str| *named == path || named.ends_with('*') && path.starts_with(named.trim_end_matches('*'));
        has(&self.verbs, verb) && self.paths.iter().any(is)
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
    key: Key<'a>,
}

/// A namespace and a name. Only a Role has a namespace; in a file, it may be empty.
type Key<'a> = (Option<&'a str>, &'a str);

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
        let namespace = (object.text("/roleRef/kind") == "Role").then_some(object.metadata.namespace.as_str());
        Self { object, wide, default: is_default(object), role: (namespace, object.text("/roleRef/name")) }
    }

    /// Its subjects, each with its index.
    pub fn subjects(&self) -> impl Iterator<Item = (usize, Subject<'a>)> + use<'a> {
        subjects(self.object).enumerate()
    }
}

/// The subjects of a binding. A service account without a namespace belongs to that of the binding.
fn subjects(binding: &Object) -> impl Iterator<Item = Subject<'_>> {
    let here = binding.metadata.namespace.as_str();
    binding.list("/subjects").iter().map(move |value| Subject::of(value, here))
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
        // A service account is also a user, and a binding may name it as such.
        if let Some((namespace, name)) = account_of(text(value, "/name")).filter(|_| kind == "User") {
            return Self { kind: "ServiceAccount", namespace, name };
        }
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

    /// Whether it is a component of Kubernetes that runs outside the nodes. What a node may do, whoever breaks into a
    /// node may do, too.
    pub fn is_central(&self) -> bool {
        self.is_system() && !self.name.starts_with("system:node")
    }

    /// Whether Kubernetes or kubeadm makes it for people who repair the cluster.
    pub fn is_break_glass(&self) -> bool {
        self.kind == "Group" && matches!(self.name, "system:masters" | "kubeadm:cluster-admins")
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
    let is_component =
        |s: Subject<'_>| s.name.starts_with("system:") || s.kind == "ServiceAccount" && s.namespace == "kube-system";
    match &*object.kind {
        "ClusterRole" => labelled && DEFAULTS.iter().any(|d| d.name == name),
        "Role" => labelled && matches!(object.metadata.namespace.as_str(), "kube-system" | "kube-public"),
        _ if name == "cluster-admin" => {
            labelled && subjects(object).all(|s| s.kind == "Group" && s.name == "system:masters")
        }
        _ => {
            let all_components = subjects(object).all(is_component);
            labelled && name.starts_with("system:") && role != "cluster-admin" && all_components
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
            own.insert((None, &default.name), Part::of_default(default));
        }
        for object in object_set.any(&format!("ClusterRole.{GROUP}")) {
            own.insert((None, &object.metadata.name), Part::of_object(object));
        }
        for object in object_set.any(&format!("Role.{GROUP}")) {
            own.insert((Some(&object.metadata.namespace), &object.metadata.name), Part::of_object(object));
        }
        let written = object_set.source != ReviewSource::Manifests;
        let mut rights = Self { roles: whole(&own, written), ..Self::default() };
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
        let places = self.by_role.get(&role.key).into_iter().flatten();
        places.map(|i| &self.bindings[*i]).filter(|binding| !binding.default)
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
/// aggregated role may aggregate others. `written` says that the roles are those of a cluster, where the controller has
/// already written rules into them.
fn whole<'a>(own: &BTreeMap<Key<'a>, Part<'a>>, written: bool) -> BTreeMap<Key<'a>, Role<'a>> {
    let parts = Parts::of(own);
    let one = |(key, part): (&Key<'a>, &Part<'a>)| {
        let mut rules = parts.aggregated(own, *key);
        // The controller replaces the rules of an aggregated role. In a cluster, those that it has not replaced yet
        // still count.
        let stays = |rule: &&Rule<'a>| rules.is_empty() || written && !rules.iter().any(|other| other.is_same(rule));
        let mut all: Vec<Rule<'a>> = part.rules.iter().filter(stays).cloned().collect();
        all.append(&mut rules);
        let is_part = key.0.is_none() && parts.used.contains(key.1);
        (*key, Role { object: part.object, name: key.1, default: part.default, rules: all, is_part, key: *key })
    };
    own.iter().map(one).collect()
}

/// Which ClusterRoles each aggregated one aggregates.
struct Parts<'a> {
    /// By the name of the aggregated role: all that it aggregates, also through others.
    reach: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// All roles that another one aggregates.
    used: BTreeSet<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(own: &BTreeMap<Key<'a>, Part<'a>>) -> Self {
        let cluster = || own.iter().filter(|((namespace, _), _)| namespace.is_none());
        let mut direct: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ((_, name), part) in cluster().filter(|(_, part)| !part.aggregates.is_empty()) {
            let chosen = cluster().filter(|((_, other), other_part)| {
                other != name && part.aggregates.iter().any(|s| s.matches(&other_part.labels))
            });
            direct.insert(name, chosen.map(|((_, other), _)| *other).collect());
        }
        let reach = |name: &&'a str| {
            let (mut seen, mut next) = (BTreeSet::new(), direct.get(name).cloned().unwrap_or_default());
            while let Some(part) = next.pop() {
                if seen.insert(part) {
                    next.extend(direct.get(part).into_iter().flatten());
                }
            }
            (*name, seen)
        };
        Self { reach: direct.keys().map(reach).collect(), used: direct.values().flatten().copied().collect() }
    }

    /// The rules that a role aggregates.
    fn aggregated(&self, own: &BTreeMap<Key<'a>, Part<'a>>, (namespace, name): Key<'a>) -> Vec<Rule<'a>> {
        let reach = self.reach.get(name).filter(|_| namespace.is_none());
        let parts = reach.into_iter().flatten().filter(|part| **part != name && !self.is_replaced(own, part));
        let found = parts.filter_map(|part| own.get(&(None, *part)).map(|other| (*part, &other.rules)));
        found.flat_map(|(part, rules)| rules.iter().map(move |r| Rule { from: Some(part), ..r.clone() })).collect()
    }

    /// Whether the controller replaces the rules of a role. Roles that aggregate each other keep theirs here, because
    /// the result depends on which the controller sees first.
    fn is_replaced(&self, own: &BTreeMap<Key<'a>, Part<'a>>, name: &str) -> bool {
        let has_rules = |part: &&&'a str| own.get(&(None, **part)).is_some_and(|other| !other.rules.is_empty());
        let back = |part: &str| self.reach.get(part).is_some_and(|parts| parts.contains(name));
        self.reach.get(name).into_iter().flatten().filter(has_rules).any(|part| *part != name && !back(part))
    }
}

#[cfg(test)]
mod tests;
