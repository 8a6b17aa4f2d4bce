//! Which differences are reported for each kind, and which are not.

use serde_json::{Value, json};

use super::*;

fn own(namespace: &str) -> String {
    namespace.to_owned()
}

fn deployment(replicas: u32, uid: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
           "metadata": {"name": "web", "namespace": "shop", "uid": uid, "labels": {"velero.io/restore-name": uid}},
           "spec": {"replicas": replicas}, "status": {"readyReplicas": replicas}})
}

fn object(api: &str, kind: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}});
    for (key, value) in rest.as_object().expect("fields") {
        match (key.as_str(), value) {
            ("metadata", Value::Object(more)) => {
                object["metadata"].as_object_mut().expect("metadata").extend(more.clone());
            }
            _ => object[key] = value.clone(),
        }
    }
    object
}

fn changes(before: &Value, after: &Value) -> Vec<String> {
    compare(std::slice::from_ref(before), std::slice::from_ref(after), own).iter().map(|d| d.what.to_string()).collect()
}

#[test]
fn a_restored_object_is_as_before_and_a_changed_one_is_not() {
    assert_eq!(compare(&[deployment(3, "a")], &[deployment(3, "b")], own), []);
    assert_eq!(changes(&deployment(3, "a"), &deployment(2, "b")), ["changed at /spec/replicas"]);
    assert_eq!(compare(&[deployment(3, "a")], &[], own)[0].what, Differs::Missing);
}

#[test]
fn what_others_own_is_not_compared_but_claims_are() {
    let owned = json!({"ownerReferences": [{"controller": true, "uid": "u"}]});
    let pod = object("v1", "Pod", json!({"metadata": owned}));
    let claim = object("v1", "PersistentVolumeClaim", json!({"metadata": owned}));
    assert_eq!(compare(&[pod], &[], own), []);
    assert_eq!(compare(&[claim], &[], own).len(), 1);
}

#[test]
fn kinds_of_one_name_in_two_groups_are_two_objects() {
    let core = object("v1", "Service", json!({"spec": {"ports": [{"port": 80}]}}));
    let knative = object("serving.knative.dev/v1", "Service", json!({"spec": {"template": {"image": "a"}}}));
    assert_eq!(compare(&[core.clone(), knative.clone()], &[knative.clone(), core.clone()], own), []);
    let lost = compare(&[core.clone(), knative], &[core], own);
    assert_eq!(
        lost.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["shop/Service.serving.knative.dev/x missing"]
    );
    // A custom resource may have the same kind as a built-in one: the group distinguishes them.
    let event = object("acme.example/v1", "Event", json!({"spec": {"a": 1}}));
    assert_eq!(compare(&[event], &[], own).len(), 1);
}

/// Pairs of before and after: what the API server, a controller or Velero changes automatically.
fn unchanged() -> Vec<(Value, Value)> {
    let service = |ip: &str, port: u32| {
        json!({"spec": {"clusterIP": ip, "clusterIPs": [ip], "healthCheckNodePort": port,
            "ports": [{"port": 80, "nodePort": port}]}})
    };
    let account = |secret: &str| json!({"secrets": [{"name": secret}], "imagePullSecrets": [{"name": "pull"}]});
    let bound = |volume: &str| {
        json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes",
            "volume.kubernetes.io/selected-node": volume}}, "spec": {"volumeName": volume, "storageClassName": "s"}})
    };
    let pod = |node: &str, tail: &str| {
        let token = format!("kube-api-access-{tail}");
        json!({"metadata": {"annotations": {"cni.projectcalico.org/podIP": tail}},
            "spec": {"nodeName": node, "volumes": [{"name": "data", "emptyDir": {}}, {"name": token, "projected": {}}],
            "containers": [{"name": "c", "volumeMounts": [{"name": token}, {"name": "data"}]}]}})
    };
    let job = |uid: &str| {
        let labels = json!({"batch.kubernetes.io/controller-uid": uid, "controller-uid": uid, "app": "a"});
        json!({"metadata": {"labels": labels}, "spec": {"selector": {"matchLabels": {"controller-uid": uid}},
            "template": {"metadata": {"labels": labels}}}})
    };
    let server = |version: u32| {
        json!({"metadata": {"resourceVersion": version, "generation": version, "managedFields": [{"time": version}],
            "uid": version, "creationTimestamp": version, "annotations": {
            "deployment.kubernetes.io/revision": version.to_string(),
            "kubectl.kubernetes.io/last-applied-configuration": version.to_string()}}, "spec": {"paused": false}})
    };
    let token = |value: &str| {
        json!({"type": "kubernetes.io/service-account-token", "data": {"token": value},
            "metadata": {"annotations": {"kubernetes.io/service-account.uid": value}}})
    };
    let mut all = vec![];
    let mut both = |api: &str, kind: &str, before: Value, after: Value| {
        all.push((object(api, kind, before), object(api, kind, after)));
    };
    both("v1", "Service", service("10.0.0.1", 30001), service("10.0.0.2", 30002));
    both("v1", "ServiceAccount", account("a-token-1"), account("a-token-2"));
    both("v1", "PersistentVolumeClaim", bound("pv-1"), bound("pv-2"));
    both("v1", "Pod", pod("a", "abcde"), pod("b", "fghij"));
    both("batch/v1", "Job", job("1"), job("2"));
    both("apps/v1", "Deployment", server(1), server(2));
    both("v1", "Secret", token("a"), token("b"));
    both("v1", "ConfigMap", json!({"data": {}, "metadata": {"labels": null}}), json!({}));
    all
}

#[test]
fn what_changes_by_itself_is_no_difference() {
    for (before, after) in unchanged() {
        assert_eq!(changes(&before, &after), Vec::<String>::new(), "{before}");
    }
}

#[test]
fn what_somebody_changed_is_named() {
    let change = |api, kind, before, after| changes(&object(api, kind, before), &object(api, kind, after));
    assert_eq!(
        change("v1", "ConfigMap", json!({"data": {"a": "1"}}), json!({"data": {"a": "2"}})),
        ["changed at /data/a"]
    );
    assert_eq!(change("v1", "Secret", json!({"data": {"a": "1"}}), json!({})), ["changed at /data"]);
    assert_eq!(
        change("v1", "Service", json!({"spec": {"clusterIP": "None"}}), json!({"spec": {"clusterIP": "10.0.0.1"}})),
        ["changed at /spec/clusterIP"]
    );
    assert_eq!(
        change("v1", "PersistentVolumeClaim", json!({"spec": {"size": 1}}), json!({"spec": {"size": 2}})),
        ["changed at /spec/size"]
    );
    let grown = json!({"rules": [1, 2]});
    assert_eq!(change("rbac.authorization.k8s.io/v1", "Role", json!({"rules": [1]}), grown), ["changed at /rules"]);
    let label = json!({"metadata": {"labels": {"team": "a"}}});
    assert_eq!(change("acme.example/v1", "Widget", json!({}), label), ["changed at /metadata/labels"]);
}

#[test]
fn the_account_of_each_namespace_counts_once_somebody_added_to_it() {
    let account = |rest: Value| {
        let mut account = object("v1", "ServiceAccount", rest);
        account["metadata"]["name"] = "default".into();
        account
    };
    assert_eq!(compare(&[account(json!({"secrets": [{"name": "t"}]}))], &[], own), []);
    let pulls = account(json!({"imagePullSecrets": [{"name": "registry"}]}));
    assert_eq!(compare(std::slice::from_ref(&pulls), std::slice::from_ref(&pulls), own), []);
    assert_eq!(compare(&[pulls], &[account(json!({}))], own).len(), 1);
}

#[test]
fn a_restore_into_another_namespace_is_compared_with_it() {
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let binding = |place: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "b", "namespace": place}, "subjects": [{"kind": "ServiceAccount", "name": "a", "namespace": place}]})
    };
    let scratch = |n: &str| if n == "shop" { "scratch".to_owned() } else { n.to_owned() };
    let (before, after) = ([namespace("shop"), binding("shop")], [namespace("scratch"), binding("scratch")]);
    assert_eq!(compare(&before, &after, scratch), []);
}
