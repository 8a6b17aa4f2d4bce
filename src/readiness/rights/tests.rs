//! The evaluation against a second one that follows the text of the documentation, and the cases that others get wrong.

use proptest::prelude::*;

use super::*;
use crate::inventory::read_text;

fn object_set(text: &str) -> ObjectSet {
    let mut object_set = ObjectSet::default();
    read_text(&mut object_set, "rbac.yaml", text);
    object_set.settle();
    assert!(!object_set.broken, "{:?}", object_set.notes);
    object_set
}

fn user(name: &str) -> Subject<'_> {
    Subject { kind: "User", namespace: "", name }
}

fn may(object_set: &ObjectSet, subject: &Subject<'_>, verb: &str, resource: &str, namespace: &str) -> bool {
    let request = Request::Resource { verb, group: "", resource, namespace, name: "" };
    Rights::of(object_set).allows(&Caller::of(subject), &request)
}

fn role(name: &str, rest: &str) -> String {
    format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\n{rest}\n---\n")
}

fn bind(kind: &str, role: &str, subject: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: b, namespace: shop}}\n\
         roleRef: {{kind: ClusterRole, name: {role}}}\nsubjects: [{subject}]\n---\n"
    )
}

#[test]
fn default_roles_give_what_kubernetes_gives() {
    let all = object_set(&bind("RoleBinding", "admin", "{kind: User, name: jane}"));
    assert!(may(&all, &user("jane"), "get", "secrets", "shop"));
    assert!(may(&all, &user("jane"), "create", "pods/exec", "shop"));
    assert!(!may(&all, &user("jane"), "get", "secrets", "other"), "a RoleBinding applies to its namespace");
    assert!(!may(&all, &user("john"), "get", "secrets", "shop"));
    let view = object_set(&bind("RoleBinding", "view", "{kind: User, name: jane}"));
    assert!(!may(&view, &user("jane"), "get", "secrets", "shop") && may(&view, &user("jane"), "get", "pods", "shop"));
}

#[test]
fn an_aggregated_role_aggregates_also_what_its_parts_aggregate() {
    let text = role("top", "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}")
        + "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: mid, labels: {a: b}}\n\
           aggregationRule: {clusterRoleSelectors: [{matchLabels: {c: d}}]}\n---\n\
           apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: low, labels: {c: d}}\n\
           rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n---\n"
        + &bind("ClusterRoleBinding", "top", "{kind: ServiceAccount, name: app, namespace: shop}");
    let account = Subject { kind: "ServiceAccount", namespace: "shop", name: "app" };
    assert!(may(&object_set(&text), &account, "get", "secrets", "any"));
}

#[test]
fn the_rules_in_the_manifest_of_an_aggregated_role_are_replaced() {
    let with_part = |part: &str| {
        role(
            "top",
            "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n\
             rules: [{apiGroups: [''], resources: [nodes], verbs: [get]}]",
        ) + part
            + &bind("ClusterRoleBinding", "top", "{kind: User, name: jane}")
    };
    let part = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: low, labels: {a: b}}\n\
                rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n---\n";
    let nodes = |all: &ObjectSet| may(all, &user("jane"), "get", "nodes", "");
    let mut both = object_set(&with_part(part));
    assert!(!nodes(&both) && may(&both, &user("jane"), "get", "secrets", ""));
    assert!(nodes(&object_set(&with_part(""))), "without a part, the rules stay");
    both.source = ReviewSource::Live;
    assert!(nodes(&both), "in a cluster, they count until they are replaced");
}

#[test]
fn a_role_without_a_namespace_is_no_cluster_role() {
    let text = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: view}\n\
                rules: [{apiGroups: [''], resources: [secrets], verbs: [get]}]\n---\n"
        .to_owned()
        + &bind("ClusterRoleBinding", "view", "{kind: User, name: jane}");
    let all = object_set(&text);
    assert!(!may(&all, &user("jane"), "get", "secrets", "shop") && may(&all, &user("jane"), "get", "pods", "shop"));
}

#[test]
fn a_service_account_that_is_named_as_a_user_is_the_account() {
    let account = "{kind: ServiceAccount, name: app, namespace: shop}";
    let all = object_set(&bind("ClusterRoleBinding", "view", account));
    assert!(may(&all, &user("system:serviceaccount:shop:app"), "get", "pods", "any"));
    let as_user =
        object_set(&bind("ClusterRoleBinding", "view", "{kind: User, name: 'system:serviceaccount:shop:app'}"));
    let subjects = |all: &ObjectSet| -> Vec<String> {
        Rights::of(all).bindings.iter().flat_map(|b| b.subjects().map(|(_, s)| s.to_string())).collect()
    };
    assert_eq!(subjects(&as_user), subjects(&all));
}

#[test]
fn paths_are_allowed_by_cluster_role_bindings_only() {
    let text = role("paths", "rules: [{nonResourceURLs: ['/logs/*', /version], verbs: [get]}]");
    let ask = |binding: &str, path: &str| {
        let all = object_set(&(text.clone() + &bind(binding, "paths", "{kind: Group, name: ops}")));
        Rights::of(&all).allows(&Caller::user("jane", &["ops"]), &Request::Path { verb: "get", path })
    };
    assert!(ask("ClusterRoleBinding", "/logs/a/b") && ask("ClusterRoleBinding", "/version"));
    assert!(!ask("ClusterRoleBinding", "/version/a") && !ask("ClusterRoleBinding", "/metrics"));
    assert!(!ask("RoleBinding", "/version"));
}

#[test]
fn groups_of_a_service_account_count() {
    let account = Subject { kind: "ServiceAccount", namespace: "shop", name: "app" };
    for (subject, is) in [
        ("{kind: Group, name: 'system:serviceaccounts:shop'}", true),
        ("{kind: Group, name: 'system:serviceaccounts:other'}", false),
        ("{kind: Group, name: 'system:authenticated'}", true),
        ("{kind: User, name: 'system:serviceaccount:shop:app'}", true),
        ("{kind: User, name: 'app'}", false),
    ] {
        let all = object_set(&bind("ClusterRoleBinding", "edit", subject));
        assert_eq!(may(&all, &account, "delete", "pods", "shop"), is, "{subject}");
    }
}

#[test]
fn a_label_alone_makes_nothing_a_default() {
    let label = "kubernetes.io/bootstrapping: rbac-defaults";
    let text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: mine, labels: {{{label}}}}}\n\
         roleRef: {{kind: ClusterRole, name: cluster-admin}}\nsubjects: [{{kind: User, name: jane}}]\n"
    );
    assert!(!Rights::of(&object_set(&text)).bindings[0].default);
}

/// The rule of the documentation, written without wildcards in the middle: a resource with a subresource is matched by
/// `*`, by its full name, or by `*/SUBRESOURCE`.
fn by_the_book(groups: &[String], resources: &[String], verbs: &[String], ask: (&str, &str, &str)) -> bool {
    let (verb, group, resource) = ask;
    let star = |all: &[String], one: &str| all.contains(&"*".to_owned()) || all.contains(&one.to_owned());
    let part = resource.find('/').map(|at| format!("*{}", &resource[at..]));
    star(verbs, verb)
        && star(groups, group)
        && (star(resources, resource) || part.is_some_and(|p| resources.contains(&p)))
}

const WORDS: [&[&str]; 3] = [
    &["", "apps", "*", "batch"],
    &["pods", "secrets", "*", "*/exec", "pods/exec", "pods/*", "*/*", "nodes/proxy", "*/proxy"],
    &["get", "create", "*", "bind", "escalate"],
];

fn some(of: usize) -> impl Strategy<Value = Vec<String>> {
    let words: Vec<String> = WORDS[of].iter().map(|w| (*w).to_owned()).collect();
    proptest::collection::vec(proptest::sample::select(words), 0..3)
}

proptest! {
    #[test]
    fn a_rule_covers_what_the_documentation_says(groups in some(0), resources in some(1), verbs in some(2)) {
        let value = serde_json::json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
        let rule = Rule::of(&value, 0);
        for verb in ["get", "create", "bind", "delete"] {
            for group in ["", "apps", "other"] {
                for resource in ["pods", "secrets", "pods/exec", "nodes/proxy", "pods/log"] {
                    let ask = (verb, group, resource);
                    prop_assert_eq!(rule.covers(verb, group, resource), by_the_book(&groups, &resources, &verbs, ask), "{:?}", ask);
                }
            }
        }
    }
}

/// More bindings never take a right away.
#[test]
fn bindings_only_add() {
    let names = ["view", "edit", "admin", "cluster-admin"];
    for (first, second) in names.iter().flat_map(|first| names.iter().map(move |second| (first, second))) {
        let one = bind("ClusterRoleBinding", first, "{kind: User, name: jane}");
        let two = one.clone() + &bind("RoleBinding", second, "{kind: User, name: jane}");
        let (one, two) = (object_set(&one), object_set(&two));
        for verb in VERBS {
            for resource in ["pods", "secrets", "pods/exec", "nodes", "configmaps"] {
                let before = may(&one, &user("jane"), verb, resource, "shop");
                assert!(
                    !before || may(&two, &user("jane"), verb, resource, "shop"),
                    "{first} {second} {verb} {resource}"
                );
            }
        }
    }
}
