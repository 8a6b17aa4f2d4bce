//! How long a readiness review takes on inventories of three sizes, without reading them.
#![expect(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use criterion::{Criterion, criterion_group, criterion_main};
use drillmaster::{
    inventory::{ObjectSet, Origin, ReviewSource},
    readiness::{ReviewSettings, review},
};
use serde_json::{Value, json};

/// The objects of one application: a Deployment with ten pods, a Service, a budget, a policy, a ConfigMap, an account.
/// With its share of the nodes, these are 16 objects.
fn application(i: usize) -> Vec<Value> {
    let (name, namespace) = (format!("app-{i}"), format!("team-{}", i % 97));
    let meta = json!({"name": name, "namespace": namespace});
    let labels = json!({"app": name});
    let spec = json!({"serviceAccountName": name, "containers": [{"name": "main", "image": "registry.example/app:1.2",
        "ports": [{"containerPort": 8080}], "readinessProbe": {"httpGet": {"port": 8080}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}}]});
    let mut all = vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 10,
            "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta,
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta,
            "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 8080}]}]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mode": "fast"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}),
    ];
    for pod in 0..10 {
        let mut own = spec.clone();
        own["nodeName"] = format!("node-{}", (i * 10 + pod) % 1000).into();
        all.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{name}-5d8f-{pod}"), "namespace": namespace,
            "labels": {"app": name, "pod-template-hash": "5d8f"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{name}-5d8f"), "controller": true}]},
            "spec": own, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}));
    }
    all
}

fn inventory(objects: usize) -> ObjectSet {
    let mut object_set = ObjectSet {
        source: ReviewSource::Live,
        at: Some("2026-11-24T00:00:00Z".parse().unwrap()),
        ..ObjectSet::default()
    };
    let nodes = (objects / 100).min(1000);
    for i in 0..nodes {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("node-{i}"),
            "labels": {"topology.kubernetes.io/zone": format!("z{}", i % 3)}},
            "status": {"allocatable": {"cpu": "64", "memory": "256Gi", "pods": "250"}, "conditions": [{"type": "Ready", "status": "True"}]}});
        object_set.put(node, Origin::default()).unwrap();
    }
    for object in (0..(objects - nodes) / 16).flat_map(application) {
        object_set.put(object, Origin::default()).unwrap();
    }
    object_set.settle();
    object_set
}

/// The highest resident memory so far, in MB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn sizes(c: &mut Criterion) {
    let mut group = c.benchmark_group("review");
    group.sample_size(10);
    for (name, objects) in [("S 8k", 8_000), ("M 60k", 60_000), ("L 300k", 300_000)] {
        let object_set = inventory(objects);
        let now = object_set.at.unwrap();
        group
            .bench_function(name, |b| b.iter(|| review(&object_set, &ReviewSettings::default(), "bench", "full", now)));
        println!("{name}: {} objects, at most {} MB resident", object_set.len(), resident());
    }
    group.finish();
}

criterion_group!(benches, sizes);
criterion_main!(benches);
