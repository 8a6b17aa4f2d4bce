//! What the checks look at: the shelf with an index over it, so that a selector is
//! joined with what it selects without trying every object. Built once a review.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{check::Say, settings::Settings};
use crate::{
    inventory::{Object, Shelf, Source},
    kubernetes::{
        Selector,
        objects::{Node, Pod, PodSpec},
    },
    model::Subject,
};

/// Namespaces that no review judges unless it is told to (checks D8): what a new
/// cluster gets back from its installation and not from a backup.
const NOT_JUDGED: [&str; 6] =
    ["kube-system", "kube-public", "kube-node-lease", "velero", "local-path-storage", "drillmaster"];

/// A workload (checks D1).
#[derive(Debug)]
pub(crate) struct Work<'a> {
    /// Its place among the workloads in scope.
    pub index: usize,
    /// The object.
    pub object: &'a Object,
    /// Its kind.
    pub kind: &'a str,
    /// Where its pod's spec is: `/spec/template/spec`.
    pub pointer: &'static str,
    /// Labels of its pods.
    pub labels: BTreeMap<String, String>,
    /// How many pods it has at the least: its autoscaler's minimum, or its own number
    /// (checks D4); none where it has no number.
    pub replicas: Option<u64>,
    /// Whether an autoscaler decides on that.
    pub scaled: Option<&'a Object>,
    /// In the plan's list, or annotated as such.
    pub critical: bool,
}

/// A container of a workload, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Cont<'a> {
    pub value: &'a Value,
    pub name: &'a str,
    pub pointer: String,
}

impl<'a> Work<'a> {
    /// Its pod's spec.
    pub fn spec(&self) -> &'a Value {
        self.object.at(self.pointer)
    }

    /// The same, as the scheduler sees it.
    pub fn pod_spec(&self) -> PodSpec {
        serde_json::from_value(self.spec().clone()).unwrap_or_default()
    }

    pub fn namespace(&self) -> &'a str {
        &self.object.metadata.namespace
    }

    pub fn name(&self) -> &'a str {
        &self.object.metadata.name
    }

    /// Whether it is meant to run for ever, and more than once if need be.
    pub fn is_replicated_kind(&self) -> bool {
        matches!(self.kind, "Deployment" | "StatefulSet" | "Rollout" | "ReplicaSet" | "ReplicationController")
    }

    /// Whether it ends by itself.
    pub fn is_batch(&self) -> bool {
        matches!(self.kind, "Job" | "CronJob")
    }

    /// Containers that run as long as the pod does (checks D2).
    pub fn containers(&self) -> Vec<Cont<'a>> {
        let sidecar = |c: &Cont<'a>| c.value["restartPolicy"] == "Always";
        let inits = self.list("initContainers").into_iter().filter(sidecar);
        self.list("containers").into_iter().chain(inits).collect()
    }

    /// Those, and the ones that prepare the pod.
    pub fn all_containers(&self) -> Vec<Cont<'a>> {
        self.list("containers").into_iter().chain(self.list("initContainers")).collect()
    }

    fn list(&self, field: &str) -> Vec<Cont<'a>> {
        let items = self.spec()[field].as_array().map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .enumerate()
            .map(|(i, value)| Cont {
                value,
                name: value["name"].as_str().unwrap_or(""),
                pointer: format!("{}/{field}/{i}", self.pointer),
            })
            .collect()
    }

    /// Annotations of its pods.
    pub fn pod_annotation(&self, key: &str) -> Option<&'a str> {
        if self.pointer == "/spec" {
            return self.object.metadata.annotations.get(key).map(String::as_str);
        }
        let template = self.pointer.strip_suffix("/spec").unwrap_or("");
        self.object.at(&format!("{template}/metadata/annotations")).get(key)?.as_str()
    }

    /// Names of claims that its pods mount, those of its templates left out.
    pub fn claims(&self) -> Vec<&'a str> {
        let volumes = self.spec()["volumes"].as_array().map_or(&[][..], Vec::as_slice);
        volumes.iter().filter_map(|v| v.pointer("/persistentVolumeClaim/claimName")?.as_str()).collect()
    }
}

/// Where the pod's spec is, by kind.
fn spec_of(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "ReplicationController" | "Rollout" => {
            Some("/spec/template/spec")
        }
        "CronJob" => Some("/spec/jobTemplate/spec/template/spec"),
        "Pod" => Some("/spec"),
        _ => None,
    }
}

/// Kinds of workload, by their place on the shelf.
const WORKLOADS: [&str; 9] = [
    "Deployment.apps",
    "StatefulSet.apps",
    "DaemonSet.apps",
    "ReplicaSet.apps",
    "Rollout.argoproj.io",
    "ReplicationController",
    "Job.batch",
    "CronJob.batch",
    "Pod",
];

/// The whole picture.
pub(crate) struct Picture<'a> {
    /// The objects.
    pub shelf: &'a Shelf,
    /// What the review was told.
    pub settings: &'a Settings,
    /// Workloads in scope.
    pub works: Vec<Work<'a>>,
    /// Workloads of namespaces that are not in scope.
    pub platform: Vec<Work<'a>>,
    /// When things were seen.
    pub now: jiff::Timestamp,
    by_namespace: BTreeMap<&'a str, Vec<usize>>,
    by_label: BTreeMap<(&'a str, String, String), Vec<usize>>,
    pods: BTreeMap<(&'a str, String), Vec<&'a Pod>>,
    nodes: BTreeMap<&'a str, &'a Node>,
    services: BTreeMap<&'a str, Vec<(&'a Object, Selector)>>,
}

impl<'a> Picture<'a> {
    /// Builds the index.
    pub fn new(shelf: &'a Shelf, settings: &'a Settings, now: jiff::Timestamp) -> Self {
        let scaled = autoscalers(shelf);
        let (mut works, mut platform) = (vec![], vec![]);
        for object in WORKLOADS.iter().flat_map(|key| shelf.any(key)) {
            if let Some(work) = work(object, &scaled, settings) {
                if in_scope(settings, &object.metadata.namespace) {
                    works.push(Work { index: works.len(), ..work });
                } else {
                    platform.push(work);
                }
            }
        }
        let mut picture = Self {
            shelf,
            settings,
            works,
            platform,
            now,
            by_namespace: BTreeMap::new(),
            by_label: BTreeMap::new(),
            pods: BTreeMap::new(),
            nodes: shelf.nodes.iter().map(|n| (n.metadata.name.as_str(), n)).collect(),
            services: BTreeMap::new(),
        };
        picture.index();
        picture
    }

    fn index(&mut self) {
        for (i, work) in self.works.iter().enumerate() {
            let namespace = work.object.metadata.namespace.as_str();
            self.by_namespace.entry(namespace).or_default().push(i);
            for (key, value) in &work.labels {
                self.by_label.entry((namespace, key.clone(), value.clone())).or_default().push(i);
            }
        }
        for pod in &self.shelf.pods {
            if let Some(owner) = owner_of(pod) {
                self.pods.entry((pod.metadata.namespace.as_str(), owner)).or_default().push(pod);
            }
        }
        for service in self.shelf.any("Service") {
            // A Service without a selector selects nothing (checks D3).
            let labels = service.map("/spec/selector").filter(|m| !m.is_empty());
            if let Some(labels) = labels {
                let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                let match_labels = labels.iter().map(|(k, v)| (k.clone(), text(v))).collect();
                let selector = Selector { match_labels, match_expressions: vec![] };
                self.services.entry(&service.metadata.namespace).or_default().push((service, selector));
            }
        }
    }

    /// Workloads of a namespace whose pods a selector selects.
    pub fn select(&self, namespace: &str, selector: &Selector) -> Vec<&Work<'a>> {
        let candidates = selector
            .match_labels
            .iter()
            .map(|(k, v)| self.by_label.get(&(namespace, k.clone(), v.clone())).map_or(&[][..], Vec::as_slice))
            .min_by_key(|c| c.len());
        let all = || self.by_namespace.get(namespace).map_or(&[][..], Vec::as_slice);
        let candidates = candidates.unwrap_or_else(all);
        candidates.iter().map(|i| &self.works[*i]).filter(|w| selector.matches(&w.labels)).collect()
    }

    /// The workload that a result is about.
    pub fn work(&self, of: &Subject) -> Option<&Work<'a>> {
        let all = self.by_namespace.get(of.namespace.as_str())?;
        all.iter().map(|i| &self.works[*i]).find(|w| w.kind == of.kind && w.name() == of.name)
    }

    /// Workloads of a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Vec<&Work<'a>> {
        self.by_namespace.get(namespace).into_iter().flatten().map(|i| &self.works[*i]).collect()
    }

    /// Labels of a namespace: its own where it was seen, and always that of its name.
    pub fn labels_of_namespace(&self, name: &str) -> BTreeMap<String, String> {
        let space = self.shelf.find("Namespace", "", name);
        let mut labels = space.map(|n| n.metadata.labels.clone()).unwrap_or_default();
        labels.entry("kubernetes.io/metadata.name".into()).or_insert_with(|| name.into());
        labels
    }

    /// Whether a namespace is judged.
    pub fn in_scope(&self, namespace: &str) -> bool {
        in_scope(self.settings, namespace)
    }

    /// Namespaces that hold a workload in scope.
    pub fn namespaces(&self) -> BTreeSet<&'a str> {
        self.works.iter().map(Work::namespace).filter(|n| !n.is_empty()).collect()
    }

    /// Pods of a workload that have not ended.
    pub fn pods(&self, work: &Work<'_>) -> Vec<&'a Pod> {
        let key = (work.object.metadata.namespace.as_str(), format!("{}/{}", work.kind, work.name()));
        self.pods.get(&key).into_iter().flatten().filter(|p| !p.is_finished()).copied().collect()
    }

    /// Services whose endpoints are the pods of a workload.
    pub fn services(&self, work: &Work<'_>) -> Vec<&'a Object> {
        let all = self.services.get(work.object.metadata.namespace.as_str()).into_iter().flatten();
        all.filter(|(_, selector)| selector.matches(&work.labels)).map(|(service, _)| *service).collect()
    }

    /// Services in scope that have a selector.
    pub fn selecting_services(&self) -> impl Iterator<Item = &(&'a Object, Selector)> {
        self.services.iter().filter(|(ns, _)| self.in_scope(ns)).flat_map(|(_, all)| all)
    }

    /// A node by its name.
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.nodes.get(name).copied()
    }

    /// Whether a cluster was looked at, and not files.
    pub fn is_cluster(&self) -> bool {
        self.shelf.source != Source::Manifests
    }

    /// All of a kind that are in scope; says so when they were not seen.
    pub fn each(&self, key: &str, say: &mut Say) -> Vec<&'a Object> {
        match self.shelf.all(key) {
            Ok(all) => all
                .iter()
                .filter(|o| {
                    o.metadata.namespace.is_empty() && self.is_cluster_kind(key) || self.in_scope(&o.metadata.namespace)
                })
                .collect(),
            Err(gap) => {
                say.gap(gap);
                vec![]
            }
        }
    }

    fn is_cluster_kind(&self, key: &str) -> bool {
        key.starts_with("Cluster") || !self.is_cluster() || !WORKLOADS.contains(&key)
    }

    /// Everything of a kind, wherever it is; says so when it was not seen.
    pub fn all(&self, key: &str, say: &mut Say) -> &'a [Object] {
        match self.shelf.all(key) {
            Ok(all) => all,
            Err(gap) => {
                say.gap(gap);
                &[]
            }
        }
    }

    /// Seconds since a time that an object names.
    pub fn age(&self, time: &str) -> Option<i64> {
        let then: jiff::Timestamp = time.parse().ok()?;
        Some(self.now.as_second() - then.as_second())
    }
}

fn in_scope(settings: &Settings, namespace: &str) -> bool {
    if settings.namespaces.is_empty() {
        !NOT_JUDGED.contains(&namespace) && !settings.platform.iter().any(|p| p == namespace)
    } else {
        settings.namespaces.iter().any(|n| n == namespace)
    }
}

/// `Deployment/web` of a pod.
fn owner_of(pod: &Pod) -> Option<String> {
    let owner = pod.controller()?;
    if owner.kind == "ReplicaSet"
        && let Some(base) = pod
            .metadata
            .labels
            .get("pod-template-hash")
            .and_then(|hash| owner.name.strip_suffix(hash.as_str()))
            .and_then(|n| n.strip_suffix('-'))
    {
        let kind =
            if pod.metadata.labels.contains_key("rollouts-pod-template-hash") { "Rollout" } else { "Deployment" };
        return Some(format!("{kind}/{base}"));
    }
    Some(format!("{}/{}", owner.kind, owner.name))
}

/// The autoscaler of each workload, by namespace, kind and name, with its minimum.
type Autoscalers<'a> = BTreeMap<(&'a str, &'a str, &'a str), (&'a Object, u64)>;

fn autoscalers(shelf: &Shelf) -> Autoscalers<'_> {
    let mut found = BTreeMap::new();
    for (key, minimum, least) in [
        ("ScaledObject.keda.sh", "/spec/minReplicaCount", 0),
        ("HorizontalPodAutoscaler.autoscaling", "/spec/minReplicas", 1),
    ] {
        for scaler in shelf.any(key) {
            let kind = match scaler.text("/spec/scaleTargetRef/kind") {
                "" => "Deployment",
                kind => kind,
            };
            let name = scaler.text("/spec/scaleTargetRef/name");
            let least = scaler.at(minimum).as_u64().unwrap_or(least);
            found.insert((scaler.metadata.namespace.as_str(), kind, name), (scaler, least));
        }
    }
    found
}

fn work<'a>(object: &'a Object, scaled: &Autoscalers<'a>, settings: &Settings) -> Option<Work<'a>> {
    let kind: &'a str = &object.kind;
    let pointer = spec_of(kind)?;
    let owned = object.metadata.owner_references.iter().any(|o| o.controller);
    let mirrored = object.metadata.annotations.contains_key("kubernetes.io/config.mirror");
    if mirrored || owned && matches!(kind, "Pod" | "ReplicaSet" | "Job") {
        return None;
    }
    let labels = if pointer == "/spec" {
        object.metadata.labels.clone()
    } else {
        let template = pointer.strip_suffix("/spec").unwrap_or("");
        let labels = object.map(&format!("{template}/metadata/labels")).into_iter().flatten();
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        labels.map(|(k, v)| (k.clone(), text(v))).collect()
    };
    let scaler = scaled.get(&(object.metadata.namespace.as_str(), kind, object.metadata.name.as_str()));
    let own = match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" | "Rollout" | "ReplicationController" => {
            Some(object.at("/spec/replicas").as_u64().unwrap_or(1))
        }
        "Pod" => Some(1),
        _ => None,
    };
    let told = format!("{}/{}/{}", object.metadata.namespace, kind.to_lowercase(), object.metadata.name);
    Some(Work {
        index: 0,
        object,
        kind,
        pointer,
        labels,
        replicas: scaler.map(|(_, least)| *least).or(own),
        scaled: scaler.map(|(scaler, _)| *scaler),
        critical: settings.critical.contains(&told)
            || object.metadata.annotations.get("drillmaster.dev/critical").is_some_and(|v| v == "true"),
    })
}
