//! What an API server does, as far as drillmaster relies on it. It is one list of questions for the simulated API
//! server and for a real one.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const HOME: &str = "/api/v1/namespaces/conformance";

/// The API server that is questioned.
pub struct Server {
    client: kube::Client,
    wrong: Vec<String>,
}

impl Server {
    async fn ask(&self, method: Method, path: &str, kind: &str, body: Value) -> (u16, Value) {
        let bytes = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind)
            .header("accept", "application/json")
            .body(Body::from(bytes))
            .unwrap();
        let answer = self.client.send(request).await.unwrap();
        let code = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, "application/json", Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(Method::POST, path, "application/json", body).await
    }

    async fn patch(&self, path: &str, kind: &str, body: Value) -> (u16, Value) {
        let joint = if path.contains('?') { '&' } else { '?' };
        self.ask(Method::PATCH, &format!("{path}{joint}fieldManager=conformance"), kind, body).await
    }

    async fn delete(&self, path: &str, options: Value) -> (u16, Value) {
        self.ask(Method::DELETE, path, "application/json", options).await
    }

    fn check(&mut self, question: &str, holds: bool, seen: &Value) {
        if !holds {
            self.wrong.push(format!("{question}: {seen}"));
        }
    }

    /// Asks again until the answer is right, because controllers take time.
    async fn until(&mut self, question: &str, path: &str, holds: impl Fn(u16, &Value) -> bool) {
        let mut last = (0, Value::Null);
        for _ in 0..300 {
            last = self.get(path).await;
            if holds(last.0, &last.1) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.wrong.push(format!("{question}: still {} {}", last.0, last.1));
    }
}

/// Asks all questions. Returns those with a wrong answer.
pub async fn all(client: kube::Client) -> Vec<String> {
    let mut server = Server { client, wrong: vec![] };
    let home = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "conformance"}});
    server.post("/api/v1/namespaces", home).await;
    server
        .until("a namespace gets its service account", &format!("{HOME}/serviceaccounts/default"), |c, _| c == 200)
        .await;
    objects(&mut server).await;
    patches(&mut server).await;
    lists(&mut server).await;
    watches(&mut server).await;
    deletions(&mut server).await;
    pods(&mut server).await;
    evictions(&mut server).await;
    others(&mut server).await;
    server.delete("/api/v1/namespaces/conformance", Value::Null).await;
    server
        .until("a deleted namespace is removed with its objects", "/api/v1/namespaces/conformance", |c, _| c == 404)
        .await;
    server.wrong
}

fn map(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"a": "1", "b": "2"}})
}

async fn objects(s: &mut Server) {
    let maps = format!("{HOME}/configmaps");
    let (code, made) = s.post(&maps, map("one", json!({"app": "x"}))).await;
    s.check("create answers 201", code == 201, &made);
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        s.check(&format!("the server sets {field}"), made["metadata"][field].is_string(), &made);
    }
    let (code, again) = s.post(&maps, map("one", json!({}))).await;
    s.check("a second create answers 409 AlreadyExists", code == 409 && again["reason"] == "AlreadyExists", &again);
    let (code, none) = s.get(&format!("{maps}/none")).await;
    s.check("an object that does not exist answers 404 NotFound", code == 404 && none["reason"] == "NotFound", &none);
    s.check("404 names the object", none["details"]["name"] == "none" && none["kind"] == "Status", &none);
    let mut newer = made.clone();
    newer["data"]["a"] = "2".into();
    let put = |s: &Server, body: Value| {
        let (client, path) = (Server { client: s.client.clone(), wrong: vec![] }, format!("{maps}/one"));
        async move { client.ask(Method::PUT, &path, "application/json", body).await }
    };
    let (code, updated) = put(s, newer.clone()).await;
    s.check("an update of the current version answers 200", code == 200 && updated["data"]["a"] == "2", &updated);
    let (code, stale) = put(s, newer).await;
    s.check("an update of an old version answers 409 Conflict", code == 409 && stale["reason"] == "Conflict", &stale);
    let (code, dry) = s.post(&format!("{maps}?dryRun=All"), map("dry", json!({}))).await;
    s.check("a dry run answers 201", code == 201, &dry);
    let (code, dry) = s.get(&format!("{maps}/dry")).await;
    s.check("a dry run creates nothing", code == 404, &dry);
    let generated = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}});
    let (code, named) = s.post(&maps, generated).await;
    let name = named["metadata"]["name"].as_str().unwrap_or("").to_owned();
    s.check("generateName generates a name", code == 201 && name.starts_with("made-") && name.len() == 10, &named);
    s.delete(&format!("{maps}/{name}"), Value::Null).await;
    let (code, nowhere) = s.post("/api/v1/namespaces/nowhere/configmaps", map("x", json!({}))).await;
    s.check("nothing is created in a namespace that does not exist", code == 404, &nowhere);
    s.delete(&format!("{maps}/one"), Value::Null).await;
}

async fn patches(s: &mut Server) {
    let maps = format!("{HOME}/configmaps");
    s.post(&maps, map("patched", json!({"app": "x", "tier": "y"}))).await;
    let path = format!("{maps}/patched");
    let (code, done) = s.patch(&path, MERGE, json!({"metadata": {"labels": {"tier": null}}, "data": {"b": "3"}})).await;
    s.check("a merge patch merges", code == 200 && done["data"] == json!({"a": "1", "b": "3"}), &done);
    s.check("null removes a field", done["metadata"]["labels"] == json!({"app": "x"}), &done);
    let old = json!({"metadata": {"resourceVersion": "1"}, "data": {"b": "4"}});
    let (code, stale) = s.patch(&path, MERGE, old).await;
    s.check("a patch with an old version answers 409", code == 409 && stale["reason"] == "Conflict", &stale);
    let other = json!({"metadata": {"uid": "another", "resourceVersion": null}, "data": {"b": "4"}});
    let (code, refused) = s.patch(&path, MERGE, other).await;
    s.check("a patch with the UID of another object is refused", code == 409 || code == 422, &refused);
    let ops =
        json!([{"op": "test", "path": "/data/b", "value": "3"}, {"op": "replace", "path": "/data/b", "value": "5"}]);
    let (code, done) = s.patch(&path, JSON, ops.clone()).await;
    s.check("a JSON patch whose test succeeds is applied", code == 200 && done["data"]["b"] == "5", &done);
    let (code, refused) = s.patch(&path, JSON, ops).await;
    s.check("a JSON patch whose test fails answers 422", code == 422, &refused);
    let (_, now) = s.get(&path).await;
    s.check("a JSON patch whose test fails changes nothing", now["data"]["b"] == "5", &now);
    let (code, refused) = s.patch(&path, "application/json", json!({})).await;
    s.check("another content type answers 415", code == 415, &refused);
    let (code, missing) = s.patch(&format!("{maps}/none"), MERGE, json!({"data": {}})).await;
    s.check("a merge patch creates nothing", code == 404, &missing);
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"c": "1"}});
    let (code, made) = s.patch(&format!("{maps}/applied?force=true"), APPLY, applied).await;
    s.check("apply creates", matches!(code, 200 | 201) && made["data"]["c"] == "1", &made);
    let (code, dry) = s.patch(&format!("{maps}/applied?dryRun=All"), MERGE, json!({"data": {"c": "2"}})).await;
    s.check("a patch with dry run answers with the result", code == 200 && dry["data"]["c"] == "2", &dry);
    let (_, now) = s.get(&format!("{maps}/applied")).await;
    s.check("a patch with dry run changes nothing", now["data"]["c"] == "1", &now);
    let set = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "none"}, "spec": {"replicas": 0,
        "selector": {"matchLabels": {"app": "none"}}, "template": {"metadata": {"labels": {"app": "none"}},
        "spec": {"containers": [{"name": "a", "image": "one"}, {"name": "b", "image": "two"}]}}}});
    let sets = "/apis/apps/v1/namespaces/conformance/deployments";
    let (_, made) = s.post(sets, set).await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "three"}]}}}});
    let (code, done) = s.patch(&format!("{sets}/none"), STRATEGIC, image).await;
    let containers = &done["spec"]["template"]["spec"]["containers"];
    let both = containers.as_array().is_some_and(|c| c.len() == 2 && c.iter().any(|c| c["image"] == "three"));
    s.check("a strategic patch merges containers by name", code == 200 && both, &done);
    let (was, is) = (made["metadata"]["generation"].as_i64(), done["metadata"]["generation"].as_i64());
    s.check("a changed spec is a new generation", was < is, &done);
    s.delete(&format!("{sets}/none"), Value::Null).await;
}

async fn lists(s: &mut Server) {
    let maps = format!("{HOME}/configmaps");
    for (name, labels) in
        [("l1", json!({"t": "a"})), ("l2", json!({"t": "b"})), ("l3", json!({"t": "c", "x": ""})), ("l4", json!({}))]
    {
        s.post(&maps, map(name, labels)).await;
    }
    for (selector, wanted) in [
        ("t=a", "l1"),
        ("t%21%3Da%2Ct", "l2 l3"),
        ("t+in+%28a%2Cc%29", "l1 l3"),
        ("t+notin+%28a%2Cc%29%2Ct", "l2"),
        ("x", "l3"),
        ("t%2C%21x", "l1 l2"),
    ] {
        let (_, list) = s.get(&format!("{maps}?labelSelector={selector}")).await;
        let names: Vec<&str> =
            list["items"].as_array().into_iter().flatten().filter_map(|i| i["metadata"]["name"].as_str()).collect();
        s.check(&format!("labelSelector={selector} selects {wanted}"), names.join(" ") == wanted, &json!(names));
    }
    let (_, list) = s.get(&format!("{maps}?fieldSelector=metadata.name%3Dl2")).await;
    s.check("a field selector on the name selects one", list["items"].as_array().is_some_and(|i| i.len() == 1), &list);
    s.check(
        "a list has a kind",
        list["kind"] == "ConfigMapList" && list["metadata"]["resourceVersion"].is_string(),
        &list,
    );
    s.check("the items of a list have no kind", list["items"][0]["kind"].is_null(), &list["items"][0]);
    let (_, whole) = s.get(&maps).await;
    let total = whole["items"].as_array().map_or(0, Vec::len);
    let (_, page) = s.get(&format!("{maps}?limit=2")).await;
    let token = page["metadata"]["continue"].as_str().unwrap_or("").to_owned();
    s.check(
        "a page has as many items as requested",
        page["items"].as_array().is_some_and(|i| i.len() == 2),
        &page["metadata"],
    );
    s.check(
        "a page says that there are more items",
        !token.is_empty() && page["metadata"]["remainingItemCount"] == total - 2,
        &page["metadata"],
    );
    let mut names: Vec<Value> = page["items"].as_array().cloned().unwrap_or_default();
    let mut next = token;
    while !next.is_empty() {
        let (_, page) = s.get(&format!("{maps}?limit=2&continue={next}")).await;
        names.extend(page["items"].as_array().cloned().unwrap_or_default());
        next = page["metadata"]["continue"].as_str().unwrap_or("").to_owned();
    }
    s.check("all pages together have all items", names.len() == total, &json!(names.len()));
}

async fn watches(s: &mut Server) {
    let maps = format!("{HOME}/configmaps");
    let (_, list) = s.get(&maps).await;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap_or("").to_owned();
    s.post(&maps, map("seen", json!({"w": "1"}))).await;
    s.patch(&format!("{maps}/seen"), MERGE, json!({"data": {"a": "9"}})).await;
    s.delete(&format!("{maps}/seen"), Value::Null).await;
    s.post(&maps, map("unseen", json!({"w": "2"}))).await;
    let path = format!(
        "{maps}?watch=true&resourceVersion={from}&timeoutSeconds=2&allowWatchBookmarks=true&labelSelector=w%3D1"
    );
    let request = Request::builder().uri(path).header("accept", "application/json").body(Body::empty()).unwrap();
    let body = s.client.send(request).await.unwrap().into_body();
    // The watch ends by itself when its time is over.
    let text = tokio::time::timeout(Duration::from_secs(20), body.collect()).await;
    let bytes = text.ok().and_then(Result::ok).map(|b| b.to_bytes().to_vec()).unwrap_or_default();
    let lines: Vec<Value> =
        String::from_utf8_lossy(&bytes).lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let kinds: Vec<&str> = lines.iter().filter_map(|l| l["type"].as_str()).filter(|t| *t != "BOOKMARK").collect();
    s.check(
        "a watch delivers the events since its version, in order",
        kinds == ["ADDED", "MODIFIED", "DELETED"],
        &json!(kinds),
    );
    let named = lines.iter().filter(|l| l["type"] != "BOOKMARK").all(|l| l["object"]["metadata"]["name"] == "seen");
    s.check("a watch delivers only events of selected objects", named, &json!(lines));
    let versions: Vec<u64> =
        lines.iter().filter_map(|l| l["object"]["metadata"]["resourceVersion"].as_str()?.parse().ok()).collect();
    s.check(
        "the versions of a watch increase",
        versions.windows(2).all(|w| w[0] <= w[1]) && versions.len() >= 3,
        &json!(versions),
    );
}

async fn deletions(s: &mut Server) {
    let maps = format!("{HOME}/configmaps");
    let mut held = map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["drillmaster.dev/test"]);
    let (_, made) = s.post(&maps, held).await;
    let path = format!("{maps}/held");
    let other = json!({"preconditions": {"uid": "11111111-1111-4111-8111-111111111111"}});
    let (code, refused) = s.delete(&path, other).await;
    s.check(
        "a deletion with another UID in the precondition answers 409",
        code == 409 && refused["reason"] == "Conflict",
        &refused,
    );
    let older = json!({"preconditions": {"resourceVersion": "1"}});
    let (code, refused) = s.delete(&path, older).await;
    s.check(
        "a deletion with another version in the precondition answers 409",
        code == 409 && refused["reason"] == "Conflict",
        &refused,
    );
    let metadata = &made["metadata"];
    let own = json!({"preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}});
    let (code, _) = s.delete(&path, own).await;
    let (_, now) = s.get(&path).await;
    s.check(
        "a finalizer keeps a deleted object",
        code == 200 && now["metadata"]["deletionTimestamp"].is_string(),
        &now,
    );
    s.patch(&path, MERGE, json!({"metadata": {"finalizers": null}})).await;
    let (code, now) = s.get(&path).await;
    s.check("without its finalizer, a deleted object is removed", code == 404, &now);
    let (code, now) = s.delete(&path, Value::Null).await;
    s.check("an object that is gone cannot be deleted", code == 404, &now);
    s.post(&maps, map("kept", json!({}))).await;
    let (code, dry) = s.delete(&format!("{maps}/kept"), json!({"dryRun": ["All"]})).await;
    let (there, _) = s.get(&format!("{maps}/kept")).await;
    s.check("a deletion with dry run deletes nothing", code == 200 && there == 200, &dry);
}

fn pod(name: &str, app: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "registry.example/c:1"}]}})
}

async fn ready(s: &mut Server, name: &str) {
    s.until("a pod is scheduled and becomes Ready", &format!("{HOME}/pods/{name}"), |_, pod| {
        pod["status"]["conditions"]
            .as_array()
            .is_some_and(|c| c.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
    })
    .await;
}

async fn pods(s: &mut Server) {
    let pods = format!("{HOME}/pods");
    let (_, made) = s.post(&pods, pod("p1", "pods")).await;
    let tolerations = made["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let given =
            tolerations.iter().any(|t| t["key"] == key && t["effect"] == "NoExecute" && t["tolerationSeconds"] == 300);
        s.check(&format!("a pod gets five minutes of {key}"), given, &json!(tolerations));
    }
    ready(s, "p1").await;
    let (code, _) = s.delete(&format!("{pods}/p1"), Value::Null).await;
    let (_, now) = s.get(&format!("{pods}/p1")).await;
    s.check(
        "a deleted pod is Terminating first",
        code == 200 && (now["metadata"]["deletionTimestamp"].is_string() || now["code"] == 404),
        &now,
    );
    s.until("a deleted pod is removed when its containers have ended", &format!("{pods}/p1"), |code, _| code == 404)
        .await;
    s.post(&pods, pod("p2", "pods")).await;
    ready(s, "p2").await;
    s.delete(&format!("{pods}/p2"), json!({"gracePeriodSeconds": 0})).await;
    let (code, now) = s.get(&format!("{pods}/p2")).await;
    s.check("without a grace period, a pod is removed at once", code == 404, &now);
}

async fn evict(s: &Server, name: &str, options: Value) -> (u16, Value) {
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "conformance"}, "deleteOptions": options});
    s.post(&format!("{HOME}/pods/{name}/eviction"), body).await
}

async fn evictions(s: &mut Server) {
    let pods = format!("{HOME}/pods");
    let budgets = "/apis/policy/v1/namespaces/conformance/poddisruptionbudgets";
    let budget = |name: &str, app: &str| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}}})
    };
    for name in ["e1", "e2"] {
        s.post(&pods, pod(name, "evicted")).await;
    }
    ready(s, "e1").await;
    ready(s, "e2").await;
    s.post(budgets, budget("b", "evicted")).await;
    s.until("a budget counts its healthy pods", &format!("{budgets}/b"), |_, b| b["status"]["disruptionsAllowed"] == 1)
        .await;
    let (code, said) = evict(s, "none", json!({})).await;
    s.check("evicting a pod that does not exist answers 404", code == 404, &said);
    let other = json!({"uid": "11111111-1111-4111-8111-111111111111"});
    let (code, said) = evict(s, "e1", json!({"preconditions": other, "dryRun": ["All"]})).await;
    s.check("evicting another pod with this name answers 409", code == 409 && said["reason"] == "Conflict", &said);
    let (code, said) = evict(s, "e1", json!({"dryRun": ["All"]})).await;
    s.check("an allowed eviction with dry run answers 201", code == 201, &said);
    let (_, now) = s.get(&format!("{budgets}/b")).await;
    s.check(
        "an eviction with dry run does not use up the budget",
        now["status"]["disruptionsAllowed"] == 1,
        &now["status"],
    );
    let (code, said) = evict(s, "e1", json!({})).await;
    s.check("an allowed eviction answers 201", code == 201 && said["status"] == "Success", &said);
    let (code, said) = evict(s, "e2", json!({"dryRun": ["All"]})).await;
    let cause = said["details"]["causes"][0]["reason"] == "DisruptionBudget";
    s.check("an eviction with dry run against the budget answers 429 with its cause", code == 429 && cause, &said);
    let (code, said) = evict(s, "e2", json!({})).await;
    s.check(
        "an eviction against the budget answers 429 TooManyRequests",
        code == 429 && said["reason"] == "TooManyRequests",
        &said,
    );
    s.post(budgets, budget("b2", "evicted")).await;
    s.until("a second budget is counted", &format!("{budgets}/b2"), |_, b| b["status"]["expectedPods"] == 1).await;
    let (code, said) = evict(s, "e2", json!({})).await;
    s.check("evicting a pod with two budgets answers 500", code == 500, &said);
    // The real API server, too, uses up the budget before it checks the precondition.
    s.delete(&format!("{budgets}/b2"), Value::Null).await;
    s.post(&pods, pod("e3", "evicted")).await;
    ready(s, "e3").await;
    s.until("the budget is free again", &format!("{budgets}/b"), |_, b| b["status"]["disruptionsAllowed"] == 1).await;
    let (code, said) = evict(s, "e2", json!({"preconditions": other})).await;
    s.check("evicting another pod with this name, without dry run, answers 409", code == 409, &said);
    s.until("such an eviction still uses up the budget", &format!("{budgets}/b"), |_, b| {
        b["status"]["disruptionsAllowed"] == 0
    })
    .await;
}

async fn others(s: &mut Server) {
    let leases = "/apis/coordination.k8s.io/v1/namespaces/conformance/leases";
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}});
    let (code, made) = s.post(leases, lease).await;
    s.check("a Lease can be created", code == 201 && made["spec"]["holderIdentity"] == "a", &made);
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "conformance"}}});
    let (code, said) = s.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review).await;
    s.check("a SelfSubjectAccessReview is answered", code == 201 && said["status"]["allowed"] == true, &said);
    let (code, groups) = s.get("/apis").await;
    let apps = groups["groups"].as_array().is_some_and(|g| g.iter().any(|g| g["name"] == "apps"));
    s.check("the groups are listed", code == 200 && apps, &groups["kind"]);
    let (code, list) = s.get("/apis/apps/v1").await;
    let known = list["resources"]
        .as_array()
        .is_some_and(|r| r.iter().any(|r| r["name"] == "deployments" && r["namespaced"] == true));
    s.check("the resources of a group are listed", code == 200 && known, &list["groupVersion"]);
    let (code, nothing) = s.get("/apis/nothing.example/v1/things").await;
    s.check("an unknown resource answers 404", code == 404, &nothing);
}
