//! Who may do what: the evaluation of roles and bindings, compared with a real API server. A hundred subjects get roles
//! of all forms, and each is asked about requests of all forms.

use std::collections::BTreeMap;

use drillmaster::{
    inventory::{ObjectSet, ReviewSource, read_text},
    readiness::{Caller, Permissions, Request},
};
use serde_json::{Value, json};

use super::{
    asked::{Asked, Call},
    hollow::Hollow,
    shuffled::Shuffled,
};

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const NAMESPACES: [&str; 5] = ["blue", "green", "red", "default", "kube-system"];
const VERBS: [&str; 13] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "bind",
    "escalate",
    "impersonate",
    "use",
    "*",
];
const GROUPS: [&str; 6] = ["", "apps", "batch", "rbac.authorization.k8s.io", "example.com", "*"];
/// What rules name. Some of it, such as `pods/*`, looks like a wildcard and is none.
const RESOURCES: [&str; 20] = [
    "pods",
    "pods/exec",
    "pods/log",
    "pods/*",
    "*/exec",
    "*/scale",
    "*/*",
    "*",
    "secrets",
    "configmaps",
    "services",
    "serviceaccounts/token",
    "nodes",
    "nodes/proxy",
    "deployments",
    "deployments/scale",
    "statefulsets",
    "jobs",
    "clusterroles",
    "widgets",
];
const NAMES: [&str; 4] = ["one", "two", "three", ""];
/// The paths of rules, and those of requests.
const PATHS: [&str; 8] = ["*", "/metrics", "/logs/*", "/logs/", "/version", "/api*", "/healthz/**", "/openapi/v3/"];
const ASKED_PATHS: [&str; 10] = [
    "/metrics",
    "/metrics/a",
    "/logs",
    "/logs/",
    "/logs/a/b",
    "/version",
    "/apis/apps",
    "/healthz/a",
    "/openapi/v3/",
    "/",
];
/// Roles that every cluster has. The last one does not exist.
const BUILT_IN: [&str; 12] = [
    "view",
    "edit",
    "admin",
    "cluster-admin",
    "system:discovery",
    "system:basic-user",
    "system:monitoring",
    "system:node-proxier",
    "system:kube-scheduler",
    "system:aggregate-to-edit",
    "system:controller:job-controller",
    "missing",
];
const CLUSTER_ROLES: usize = 40;
const ROLES: usize = 30;
const LABELS: [&str; 4] =
    ["low", "middle", "rbac.authorization.k8s.io/aggregate-to-view", "rbac.authorization.k8s.io/aggregate-to-admin"];
/// Questions for each subject.
const QUESTIONS: usize = 60;

/// A subject: as the API server takes it in a binding, and as it asks.
struct Person {
    subject: Value,
    caller: Caller,
}

fn people() -> Vec<Person> {
    let api = "rbac.authorization.k8s.io";
    let mut all = vec![];
    for i in 0..40 {
        let name = format!("user-{i}");
        let caller = Caller::user(&name, &[&format!("team-{}", i % 7)]);
        all.push(Person { subject: json!({"kind": "User", "apiGroup": api, "name": name}), caller });
    }
    for i in 0..25 {
        let name = format!("group-{i}");
        let caller = Caller::user(&format!("member-{i}"), &[&name]);
        all.push(Person { subject: json!({"kind": "Group", "apiGroup": api, "name": name}), caller });
    }
    for i in 0..32 {
        let (namespace, name) = (NAMESPACES[i % 3], format!("account-{}", i / 3));
        let subject = match i % 4 {
            // Both are names of the same account.
            0 => json!({"kind": "User", "apiGroup": api, "name": format!("system:serviceaccount:{namespace}:{name}")}),
            _ => json!({"kind": "ServiceAccount", "namespace": namespace, "name": name}),
        };
        all.push(Person { subject, caller: Caller::account(namespace, &name) });
    }
    let group = |name: &str| json!({"kind": "Group", "apiGroup": api, "name": name});
    all.push(Person { subject: group("team-3"), caller: Caller::user("newcomer", &["team-3"]) });
    all.push(Person { subject: group("system:serviceaccounts:blue"), caller: Caller::account("blue", "other") });
    all.push(Person { subject: group("system:unauthenticated"), caller: Caller::user("system:anonymous", &[]) });
    all
}

/// Rules, roles and bindings from one seed.
struct Made(Shuffled);

impl Made {
    fn some(&mut self, of: &[&str], most: usize) -> Vec<String> {
        let count = 1 + self.0.below(most);
        (0..count).map(|_| self.0.one(of).to_owned()).collect()
    }

    fn rule(&mut self, cluster: bool) -> Value {
        if cluster && self.0.below(5) == 0 {
            return json!({"nonResourceURLs": self.some(&PATHS, 2), "verbs": self.some(&["get", "post", "*"], 2)});
        }
        let (groups, resources, verbs) = (self.some(&GROUPS, 2), self.some(&RESOURCES, 3), self.some(&VERBS, 4));
        let mut rule = json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
        if self.0.below(4) == 0 {
            rule["resourceNames"] = json!(self.some(&NAMES[..3], 2));
        }
        rule
    }

    fn rules(&mut self, cluster: bool) -> Vec<Value> {
        (0..=self.0.below(3)).map(|_| self.rule(cluster)).collect()
    }

    fn roles(&mut self) -> Vec<Value> {
        let mut all = vec![];
        for i in 0..CLUSTER_ROLES {
            let mut role =
                json!({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": format!("role-{i}")}});
            role["rules"] = self.rules(true).into();
            if i < 16 {
                role["metadata"]["labels"] = json!({LABELS[i % 4]: "true"});
            }
            all.push(role);
        }
        // The third aggregates the second. The fourth selects nothing and keeps its rules.
        let aggregated = [("low", "first"), ("low", "middle-of-two"), ("middle", "top"), ("nothing", "alone")];
        for (label, name) in aggregated {
            let mut role = json!({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": name}});
            role["aggregationRule"] = json!({"clusterRoleSelectors": [
                {"matchLabels": {label: "true"}},
                {"matchExpressions": [{"key": label, "operator": "In", "values": ["true", "yes"]}]},
            ]});
            if name == "middle-of-two" {
                role["metadata"]["labels"] = json!({"middle": "true"});
            }
            // The controller replaces these rules.
            role["rules"] = self.rules(false).into();
            all.push(role);
        }
        for i in 0..ROLES {
            let (name, namespace) = (format!("role-{}", i / 5), NAMESPACES[i % 5]);
            let rules = self.rules(false);
            let meta = json!({"name": name, "namespace": namespace});
            all.push(json!({"apiVersion": RBAC, "kind": "Role", "metadata": meta, "rules": rules}));
        }
        all
    }

    /// A name for a ClusterRole in a binding.
    fn cluster_role(&mut self) -> String {
        match self.0.below(3) {
            0 => self.0.one(&BUILT_IN).to_owned(),
            1 => self.0.one(&["first", "middle-of-two", "top", "alone"]).to_owned(),
            _ => format!("role-{}", self.0.below(CLUSTER_ROLES)),
        }
    }

    fn bindings(&mut self, people: &[Person]) -> Vec<Value> {
        let mut all = vec![];
        for i in 0..180 {
            // Some bindings are for several, and everybody is in one.
            let mut subjects = vec![people[i % people.len()].subject.clone()];
            for _ in 0..self.0.below(3) {
                subjects.push(people[self.0.below(people.len())].subject.clone());
            }
            let wide = self.0.below(4) == 0;
            let (kind, name) = match self.0.below(2) {
                0 if !wide => ("Role", format!("role-{}", self.0.below(8))),
                _ => ("ClusterRole", self.cluster_role()),
            };
            let mut binding = json!({
                "apiVersion": RBAC, "kind": if wide { "ClusterRoleBinding" } else { "RoleBinding" },
                "metadata": {"name": format!("binding-{i}")}, "subjects": subjects,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            });
            if !wide {
                binding["metadata"]["namespace"] = self.0.one(&NAMESPACES).into();
            }
            all.push(binding);
        }
        all
    }

    /// A request that one of the rules may be about, and one in four that is about nothing in particular.
    fn question(&mut self, rules: &[Value]) -> Question {
        let rule = &rules[self.0.below(rules.len())];
        let near = self.0.below(4) > 0;
        let mut word = |field: &str, of: &[&str]| {
            let named: Vec<&str> = rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let own = if named.is_empty() || !near { None } else { Some(self.0.one(&named)) };
            own.filter(|word| !word.contains('*')).unwrap_or_else(|| self.0.one(of)).to_owned()
        };
        if rule["nonResourceURLs"].is_array() {
            return Question::Path {
                verb: word("verbs", &["get", "post", "put"]),
                path: word("nonResourceURLs", &ASKED_PATHS),
            };
        }
        let (verb, group) = (word("verbs", &VERBS), word("apiGroups", &GROUPS));
        let (resource, name) = (word("resources", &RESOURCES), word("resourceNames", &NAMES));
        let namespace = self.0.one(&["blue", "green", "red", "default", "kube-system", ""]).to_owned();
        Question::Resource { verb, group, resource, namespace, name }
    }
}

/// What a subject asks.
#[derive(Debug)]
enum Question {
    Resource { verb: String, group: String, resource: String, namespace: String, name: String },
    Path { verb: String, path: String },
}

impl Question {
    fn request(&self) -> Request<'_> {
        match self {
            Self::Resource { verb, group, resource, namespace, name } => {
                Request::Resource { verb, group, resource, namespace, name }
            }
            Self::Path { verb, path } => Request::Path { verb, path },
        }
    }

    /// The same as a SubjectAccessReview.
    fn call(&self, caller: &Caller) -> Call {
        let mut spec = json!({"user": caller.name(), "groups": caller.groups()});
        match self {
            Self::Resource { verb, group, resource, namespace, name } => {
                let (resource, part) = resource.split_once('/').unwrap_or((resource, ""));
                spec["resourceAttributes"] = json!({
                    "verb": verb, "group": group, "resource": resource, "subresource": part,
                    "namespace": namespace, "name": name,
                });
            }
            Self::Path { verb, path } => spec["nonResourceAttributes"] = json!({"verb": verb, "path": path}),
        }
        let api = "authorization.k8s.io/v1";
        let body = json!({"apiVersion": api, "kind": "SubjectAccessReview", "spec": spec});
        Call::post(format!("/apis/{api}/subjectaccessreviews"), body)
    }
}

fn object_set(objects: &[Value], source: ReviewSource) -> ObjectSet {
    let mut object_set = ObjectSet { source, ..ObjectSet::default() };
    let text: String = objects.iter().map(|object| format!("{object}\n---\n")).collect();
    read_text(&mut object_set, "rights.yaml", &text);
    assert!(!object_set.broken, "{:?}", object_set.notes);
    object_set.settle();
    object_set
}

/// All roles and bindings of a kind in the cluster.
fn listed(lab: &Hollow, kinds: &str, more: &[&str]) -> Vec<Value> {
    let args = [&["get", kinds, "--all-namespaces", "--output", "json"][..], more].concat();
    let list: Value = serde_json::from_str(&lab.kubectl(&args)).unwrap();
    list["items"].as_array().unwrap().clone()
}

type Asking<'a> = Vec<(&'a Person, &'a Question)>;

/// What the API server allows.
fn allowed(asked: &Asked, asking: &Asking<'_>) -> Vec<bool> {
    let answers = asked.all(asking.iter().map(|(person, question)| question.call(&person.caller)).collect());
    let allowed = |(code, body): &(u16, Value)| {
        assert_eq!(*code, 201, "{body}");
        body["status"]["allowed"].as_bool().unwrap()
    };
    answers.iter().map(allowed).collect()
}

/// The questions that are answered differently. The API server hears of a new role some time after it was made, and the
/// controller aggregates later still: what differs is asked again for a while.
fn disagreed(asked: &Asked, mut asking: Asking<'_>, permissions: &Permissions<'_>) -> Vec<String> {
    let ours = |(person, question): &(&Person, &Question)| permissions.allow(&person.caller, &question.request());
    for _ in 0..20 {
        let theirs = allowed(asked, &asking);
        let all = asking.into_iter().zip(theirs);
        asking = all.filter(|(asked, theirs)| ours(asked) != *theirs).map(|(asked, _)| asked).collect();
        if asking.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    asking.iter().map(|(p, q)| format!("{:?}: {q:?}: we say {}", p.caller, ours(&(*p, *q)))).collect()
}

#[test]
#[ignore = "needs the hollow lab"]
fn the_api_server_and_the_review_allow_the_same() {
    let lab = Hollow::bare();
    for namespace in &NAMESPACES[..3] {
        lab.kubectl(&["create", "namespace", namespace]);
    }
    let people = people();
    assert_eq!(people.len(), 100);
    let mut made = Made(Shuffled::of(2_026));
    let roles = made.roles();
    let bindings = made.bindings(&people);
    let rules: Vec<Value> = roles.iter().flat_map(|role| role["rules"].as_array().unwrap().clone()).collect();
    let questions: Vec<(&Person, Question)> =
        people.iter().flat_map(|p| (0..QUESTIONS).map(move |_| p)).map(|p| (p, made.question(&rules))).collect();
    let asking = || questions.iter().map(|(person, question)| (*person, question)).collect::<Asking<'_>>();

    let asked = Asked::of(&lab);
    let path = |object: &Value| {
        let kind = format!("{}s", object["kind"].as_str().unwrap().to_lowercase());
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("/apis/{RBAC}/namespaces/{namespace}/{kind}"),
            None => format!("/apis/{RBAC}/{kind}"),
        }
    };
    let own: Vec<Value> = roles.into_iter().chain(bindings).collect();
    let answers = asked.all(own.iter().map(|object| Call::post(path(object), object.clone())).collect());
    for (object, (code, body)) in own.iter().zip(&answers) {
        assert_eq!(*code, 201, "{object}\n{body}");
    }

    // From the files: the default roles and the aggregation are those that the review knows. The default bindings of
    // Kubernetes are in no file.
    let bootstrap = ["--selector", "kubernetes.io/bootstrapping=rbac-defaults"];
    let mut files = own.clone();
    files.extend(listed(&lab, "clusterrolebindings,rolebindings,roles", &bootstrap));
    let from_files = object_set(&files, ReviewSource::Manifests);
    let wrong = disagreed(&asked, asking(), &Permissions::of(&from_files));
    assert!(wrong.is_empty(), "from files, {} of {}:\n{}", wrong.len(), questions.len(), wrong.join("\n"));

    // From the cluster: with the roles as the controller has written them. Where both evaluations answer the same, the
    // API server was asked already.
    let live = listed(&lab, "clusterroles,clusterrolebindings,rolebindings,roles", &[]);
    let from_cluster = object_set(&live, ReviewSource::Live);
    let (files, permissions) = (Permissions::of(&from_files), Permissions::of(&from_cluster));
    let differs = |(person, question): &(&Person, &Question)| {
        let request = question.request();
        files.allow(&person.caller, &request) != permissions.allow(&person.caller, &request)
    };
    let wrong = disagreed(&asked, asking().into_iter().filter(differs).collect(), &permissions);
    assert!(wrong.is_empty(), "from the cluster, {} of {}:\n{}", wrong.len(), questions.len(), wrong.join("\n"));

    let mut counted: BTreeMap<bool, usize> = BTreeMap::new();
    for (person, question) in &questions {
        *counted.entry(permissions.allow(&person.caller, &question.request())).or_default() += 1;
    }
    eprintln!("{} questions, allowed: {counted:?}", questions.len());
    assert!(counted.values().all(|count| *count > 500), "the questions must be of both sorts: {counted:?}");
}
