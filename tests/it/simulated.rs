//! The simulated control plane: how its scheduler treats affinity, and how its node controller treats leases.

use std::{collections::BTreeSet, time::Duration};

use drillmaster::{event::Kind, model::Dur, sim::Simulation, world::ApiCall};
use serde_json::{Value, json};

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario};

fn deployment(name: &str, replicas: u32, affinity: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"affinity": affinity, "containers": [{"name": "main", "image": "none"}]}}}})
}

fn term(app: &str, topology: &str) -> Value {
    json!({"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": topology, "labelSelector": {"matchLabels": {"app": app}}}]})
}

#[test]
fn pods_keep_the_company_that_they_demand() {
    const ZONE: &str = "topology.kubernetes.io/zone";
    const HOST: &str = "kubernetes.io/hostname";
    let mut shop = cluster("small-shop");
    shop.objects.push(deployment("cache", 4, &json!({"podAntiAffinity": term("cache", ZONE)})));
    shop.objects.push(deployment("reader", 3, &json!({"podAffinity": term("cache", HOST)})));
    shop.objects.push(deployment("herd", 3, &json!({"podAffinity": term("herd", HOST)})));
    shop.objects.push(deployment("loner", 1, &json!({"podAffinity": term("nobody", HOST)})));
    let pods = on_paused_time(async {
        let simulation = Simulation::start(&shop, 1).await.unwrap();
        simulation.world().kube.list("/api/v1/namespaces/shop/pods").await.unwrap().0
    });
    let nodes = |app: &str| -> Vec<String> {
        let own = pods.iter().filter(|p| p["metadata"]["labels"]["app"] == app);
        own.map(|p| p["spec"]["nodeName"].as_str().unwrap_or("").to_owned()).collect()
    };
    let cache: BTreeSet<String> = nodes("cache").into_iter().collect();
    let zones: BTreeSet<&str> = cache.iter().filter_map(|n| n.get(..6)).collect();
    assert_eq!(zones.len(), 3, "each zone must have one pod: {cache:?}");
    assert!(cache.contains(""), "the fourth pod must find no zone: {cache:?}");
    assert!(nodes("reader").iter().all(|n| !n.is_empty() && cache.contains(n)), "{:?}", nodes("reader"));
    let herd: BTreeSet<String> = nodes("herd").into_iter().collect();
    assert!(herd.len() == 1 && !herd.contains(""), "all pods must be on the node of the first: {herd:?}");
    assert_eq!(nodes("loner"), [""], "the pod that it requires does not exist");
}

/// If the description gives a lease an age, the node controller treats it as if it had been renewed that long before
/// the fault. It finds the lease stale within the grace period (50 s) and one period of its checks after that renewal.
#[test]
fn a_lease_is_as_old_as_it_is_told() {
    let mut shop = cluster("small-shop");
    for node in ["node-a-0", "node-a-1", "node-b-0", "node-b-1", "node-c-0", "node-c-1"] {
        shop.leases.insert(node.into(), Dur(Duration::from_secs(9)));
    }
    let loaded = scenario("node-power-loss", &shop);
    for seed in 0..6 {
        let events = on_paused_time(async { Rehearsal::set(&shop, seed).await.drill(&loaded, None).await.events });
        let sent = events.iter().find_map(|e| match e.event {
            Kind::FaultApplied { sent_us, .. } => Some(sent_us),
            _ => None,
        });
        let stale = events.iter().find(|e| matches!(&e.event, Kind::NodeSeen { ready, .. } if ready == "Unknown"));
        let seconds = (stale.unwrap().t_us - sent.unwrap()) as f64 / 1e6;
        assert!((40.9..46.1).contains(&seconds), "seed {seed}: {seconds:.1} s after the power went");
    }
}

#[test]
fn pods_go_where_they_would_rather_be() {
    let mut shop = cluster("small-shop");
    let apart = json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 10, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname",
            "labelSelector": {"matchLabels": {"app": "apart"}}}}]}});
    shop.objects.push(deployment("apart", 8, &apart));
    let in_b = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "preference": {"matchExpressions": [
            {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["b"]}]}}]}});
    shop.objects.push(deployment("in-b", 3, &in_b));
    let pods = on_paused_time(async {
        let simulation = Simulation::start(&shop, 1).await.unwrap();
        simulation.world().kube.list("/api/v1/namespaces/shop/pods").await.unwrap().0
    });
    let nodes = |app: &str| -> Vec<&str> {
        let own = pods.iter().filter(|p| p["metadata"]["labels"]["app"] == app);
        own.map(|p| p["spec"]["nodeName"].as_str().unwrap_or("")).collect()
    };
    let apart: BTreeSet<&str> = nodes("apart").into_iter().collect();
    assert!(
        apart.len() == 6 && !apart.contains(""),
        "each node must have a pod, and no pod may be without a node: {apart:?}"
    );
    assert!(nodes("in-b").iter().all(|n| n.starts_with("node-b")), "{:?}", nodes("in-b"));
}

/// Two nodes are full of batch pods. A pod with a higher priority replaces as few of them as it needs, and a pod with
/// the same priority waits.
#[test]
fn a_pod_takes_the_place_of_lesser_ones() {
    let full = |priority: &str| {
        format!(
            "{{apiVersion: drillmaster.dev/v1, kind: Cluster, metadata: {{name: full}}, zones: {{a: 1, b: 1}}, node: {{cpu: '4', memory: 8Gi}},
              workloads: [{{name: deployment/batch, namespace: work, replicas: 4, cpu: '2', priority: 10}}],
              objects: [{{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: high}}, value: 1000}},
                        {{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: polite}}, value: 1000, preemptionPolicy: Never}},
                        {{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: same}}, value: 10}},
                        {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web, namespace: work}}, spec: {{replicas: 0,
                          selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}},
                          spec: {{priorityClassName: {priority}, containers: [{{name: web, image: none,
                          resources: {{requests: {{cpu: '1'}}}}}}]}}}}}}}}]}}"
        )
    };
    for (class, running) in [("high", 3), ("polite", 4), ("same", 4)] {
        let description = drillmaster::sim::Description::parse(&full(class)).unwrap();
        let pods = on_paused_time(async {
            let simulation = Simulation::start(&description, 1).await.unwrap();
            let web = "/apis/apps/v1/namespaces/work/deployments/web";
            let kube = simulation.world().kube;
            kube.send(&ApiCall::merge(web, json!({"spec": {"replicas": 1}}))).await.unwrap();
            tokio::time::sleep(Duration::from_secs(120)).await;
            simulation.world().kube.list("/api/v1/namespaces/work/pods").await.unwrap().0
        });
        let placed = |app: &str| {
            let own = pods.iter().filter(|p| p["metadata"]["labels"]["app"] == app);
            own.filter(|p| p["spec"]["nodeName"].is_string()).count()
        };
        assert_eq!((class, placed("batch"), placed("web")), (class, running, usize::from(running == 3)));
    }
}
