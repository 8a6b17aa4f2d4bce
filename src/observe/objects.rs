//! Observes nodes, pods, budgets and workloads, and records each relevant change once.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    deletions::Keeper,
    facets::Sort,
    observed_pod::ObservedPod,
    outside::Outside,
    watch::{Seen, Serves, follow},
};
use crate::{
    event::{Kind, PodView},
    journal::Recorder,
    kubernetes::objects::{Budget, Node, Workload},
    world::World,
};

/// The address of all nodes.
pub(super) const NODES: &str = "/api/v1/nodes";
/// The kinds of workloads that are observed.
pub(super) const WORKLOADS: [&str; 3] = ["deployments", "statefulsets", "daemonsets"];

/// The address of the pods of a namespace.
pub(super) fn pods_path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

/// The address of the budgets of a namespace.
pub(super) fn budgets_path(namespace: &str) -> String {
    format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets")
}

/// The address of the workloads of one kind in a namespace.
pub(super) fn workloads_path(namespace: &str, resource: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/{resource}")
}

/// Records an event only if it differs from the last one for the same object.
struct Once(BTreeMap<String, Kind>);

impl Once {
    fn record(&mut self, recorder: &Recorder, uid: String, kind: Kind) {
        if self.0.get(&uid) != Some(&kind) {
            self.0.insert(uid, kind.clone());
            recorder.observe(kind);
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(object: Value) -> Option<T> {
    serde_json::from_value(object).ok()
}

/// Passes the objects of a watch on. Its first list is the baseline.
struct ObjectSink<'a> {
    outside: &'a Outside,
    recorder: &'a Recorder,
    sort: Sort,
    first: bool,
}

impl<'a> ObjectSink<'a> {
    fn new(outside: &'a Outside, recorder: &'a Recorder, sort: Sort) -> Self {
        Self { outside, recorder, sort, first: true }
    }

    fn on(&mut self, seen: &Seen) {
        match seen {
            Seen::Here(object) => self.outside.here(self.recorder, self.sort, object, self.first),
            Seen::Gone(object) => self.outside.gone(self.recorder, self.sort, object),
            Seen::Listed => self.first = false,
        }
    }
}

pub(super) async fn nodes(world: Arc<World>, recorder: Arc<Recorder>, outside: Arc<Outside>) {
    let mut once = Once(BTreeMap::new());
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    let mut hand = ObjectSink::new(&outside, &recorder, Sort::Node);
    follow(&world.kube, &recorder, NODES, ("Node", Serves::Verdicts), |seen| {
        hand.on(&seen);
        match seen {
            Seen::Here(object) => {
                let Some(node) = parse::<Node>(object) else { return };
                let uid = node.metadata.uid.clone();
                // Heartbeats change only the resource version.
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
            Seen::Listed => {}
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

/// `outside`: whether the namespace is in the scope. Changes from outside in other namespaces are not observed.
pub(super) async fn pods(world: Arc<World>, recorder: Arc<Recorder>, namespace: String, outside: Option<Arc<Outside>>) {
    let aside = outside.is_none();
    let mut seen_before: BTreeMap<String, (Arc<PodView>, Keeper)> = BTreeMap::new();
    let path = pods_path(&namespace);
    let changed = |before: Option<&PodView>, now: Option<&PodView>, keeper| {
        if let Some(outside) = &outside {
            outside.pod(&recorder, before, now, keeper);
        }
    };
    follow(&world.kube, &recorder, &path, ("Pod", Serves::Verdicts), |seen: Seen<ObservedPod>| match seen {
        Seen::Here(pod) => {
            let keeper = pod.keeper();
            let (view, resource_version) = pod.into_view(aside);
            let view = Arc::new(view);
            let before = seen_before.get(&view.uid).map(|(view, _)| &**view);
            if before != Some(&*view) {
                changed(before, Some(&view), keeper);
                seen_before.insert(view.uid.clone(), (Arc::clone(&view), keeper));
                recorder.observe(Kind::PodSeen { pod: view, resource_version });
            }
        }
        Seen::Gone(pod) => {
            let (uid, namespace, name) = pod.into_names();
            if let Some((view, keeper)) = seen_before.remove(&uid) {
                changed(Some(&view), None, keeper);
            }
            recorder.observe(Kind::PodGone { namespace, name, uid });
        }
        Seen::Listed => {}
    })
    .await;
}

pub(super) async fn budgets(world: Arc<World>, recorder: Arc<Recorder>, namespace: String, outside: Arc<Outside>) {
    let mut once = Once(BTreeMap::new());
    let path = budgets_path(&namespace);
    let mut hand = ObjectSink::new(&outside, &recorder, Sort::Budget);
    follow(&world.kube, &recorder, &path, ("PodDisruptionBudget", Serves::Verdicts), |seen| {
        hand.on(&seen);
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
            once.record(&recorder, budget.metadata.uid, kind);
        }
    })
    .await;
}

pub(super) async fn workloads(
    world: Arc<World>,
    recorder: Arc<Recorder>,
    namespace: String,
    resource: &'static str,
    outside: Arc<Outside>,
) {
    let mut once = Once(BTreeMap::new());
    let kind = match resource {
        "deployments" => "Deployment",
        "statefulsets" => "StatefulSet",
        _ => "DaemonSet",
    };
    let path = workloads_path(&namespace, resource);
    let mut hand = ObjectSink::new(&outside, &recorder, Sort::Workload);
    follow(&world.kube, &recorder, &path, (kind, Serves::Verdicts), |seen| {
        hand.on(&seen);
        if let Seen::Here(object) = seen {
            let Some(workload) = parse::<Workload>(object) else { return };
            let Some(reference) = workload.reference() else { return };
            let event = Kind::WorkloadSeen {
                namespace: workload.metadata.namespace.clone(),
                workload: reference.to_string(),
                wanted: workload.wanted(),
                ready: workload.ready(),
            };
            once.record(&recorder, workload.metadata.uid, event);
        }
    })
    .await;
}

/// Services and ConfigMaps. Only a hash of their desired state is stored.
pub(super) async fn contents(
    world: Arc<World>,
    recorder: Arc<Recorder>,
    namespace: String,
    sort: Sort,
    outside: Arc<Outside>,
) {
    let (resource, kind) = if sort == Sort::Service { ("services", "Service") } else { ("configmaps", "ConfigMap") };
    let path = format!("/api/v1/namespaces/{namespace}/{resource}");
    let mut hand = ObjectSink::new(&outside, &recorder, sort);
    let serves = Serves::Outside { resource, namespace: &namespace };
    follow(&world.kube, &recorder, &path, (kind, serves), |seen| hand.on(&seen)).await;
}
