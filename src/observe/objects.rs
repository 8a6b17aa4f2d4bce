//! Nodes, pods, budgets and workloads: each change that matters, once.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::watch::{Seen, follow};
use crate::{
    event::{Kind, PodView},
    journal::Recorder,
    kubernetes::objects::{Budget, Node, Pod, Workload},
    world::World,
};

/// Tells only what differs from what was told before.
struct Once(BTreeMap<String, Kind>);

impl Once {
    fn tell(&mut self, recorder: &Recorder, uid: String, kind: Kind) {
        if self.0.get(&uid) != Some(&kind) {
            self.0.insert(uid, kind.clone());
            recorder.observe(kind);
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(object: Value) -> Option<T> {
    serde_json::from_value(object).ok()
}

pub(super) async fn nodes(world: Arc<World>, recorder: Arc<Recorder>) {
    let mut once = Once(BTreeMap::new());
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    follow(&world.kube, &recorder, "/api/v1/nodes", "Node", |seen| match seen {
        Seen::Here(object) => {
            let Some(node) = parse::<Node>(object) else { return };
            let uid = node.metadata.uid.clone();
            // Heartbeats change the version and nothing else.
            let mut kind = node_seen(&node, String::new());
            if once.0.get(&uid) != Some(&kind) {
                once.0.insert(uid.clone(), kind.clone());
                versions.insert(uid, node.metadata.resource_version.clone());
                if let Kind::NodeSeen { resource_version, .. } = &mut kind {
                    resource_version.clone_from(&node.metadata.resource_version);
                }
                recorder.observe(kind);
            }
        }
        Seen::Gone(object) => {
            let Some(node) = parse::<Node>(object) else { return };
            once.0.remove(&node.metadata.uid);
            recorder.observe(Kind::NodeGone { node: node.metadata.name, uid: node.metadata.uid });
        }
    })
    .await;
}

fn node_seen(node: &Node, resource_version: String) -> Kind {
    Kind::NodeSeen {
        node: node.metadata.name.clone(),
        uid: node.metadata.uid.clone(),
        zone: node.zone().to_owned(),
        ready: node.ready().to_owned(),
        unschedulable: node.spec.unschedulable,
        taints: node.taints(),
        resource_version,
    }
}

/// `aside`: the namespace is collateral, not scope.
pub(super) async fn pods(world: Arc<World>, recorder: Arc<Recorder>, namespace: String, aside: bool) {
    let mut seen_before: BTreeMap<String, PodView> = BTreeMap::new();
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    follow(&world.kube, &recorder, &path, "Pod", |seen| match seen {
        Seen::Here(object) => {
            let Some(pod) = parse::<Pod>(object) else { return };
            let view = PodView { aside, ..pod_view(&pod) };
            if seen_before.get(&view.uid) != Some(&view) {
                seen_before.insert(view.uid.clone(), view.clone());
                recorder.observe(Kind::PodSeen { pod: view, resource_version: pod.metadata.resource_version });
            }
        }
        Seen::Gone(object) => {
            let Some(pod) = parse::<Pod>(object) else { return };
            seen_before.remove(&pod.metadata.uid);
            recorder.observe(Kind::PodGone {
                namespace: pod.metadata.namespace,
                name: pod.metadata.name,
                uid: pod.metadata.uid,
            });
        }
    })
    .await;
}

fn pod_view(pod: &Pod) -> PodView {
    PodView {
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        owner: pod.workload().map(|w| w.to_string()).unwrap_or_default(),
        node: pod.spec.node_name.clone(),
        phase: pod.status.phase.clone(),
        ready: pod.is_ready(),
        terminating: pod.is_terminating(),
        disruption: pod.disruption().to_owned(),
        aside: false,
    }
}

pub(super) async fn budgets(world: Arc<World>, recorder: Arc<Recorder>, namespace: String) {
    let mut once = Once(BTreeMap::new());
    let path = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
    follow(&world.kube, &recorder, &path, "PodDisruptionBudget", |seen| {
        if let Seen::Here(object) = seen {
            let Some(budget) = parse::<Budget>(object) else { return };
            let kind = Kind::BudgetSeen {
                namespace: budget.metadata.namespace.clone(),
                name: budget.metadata.name.clone(),
                healthy: budget.status.current_healthy,
                desired: budget.status.desired_healthy,
                allowed: budget.status.disruptions_allowed,
                expected: budget.status.expected_pods,
                current: budget.status.observed_generation >= budget.metadata.generation,
            };
            once.tell(&recorder, budget.metadata.uid, kind);
        }
    })
    .await;
}

pub(super) async fn workloads(world: Arc<World>, recorder: Arc<Recorder>, namespace: String, resource: &'static str) {
    let mut once = Once(BTreeMap::new());
    let kind = match resource {
        "deployments" => "Deployment",
        "statefulsets" => "StatefulSet",
        _ => "DaemonSet",
    };
    let path = format!("/apis/apps/v1/namespaces/{namespace}/{resource}");
    follow(&world.kube, &recorder, &path, kind, |seen| {
        if let Seen::Here(object) = seen {
            let Some(workload) = parse::<Workload>(object) else { return };
            let Some(reference) = workload.reference() else { return };
            let event = Kind::WorkloadSeen {
                namespace: workload.metadata.namespace.clone(),
                workload: reference.to_string(),
                wanted: workload.wanted(),
                ready: workload.ready(),
            };
            once.tell(&recorder, workload.metadata.uid, event);
        }
    })
    .await;
}
