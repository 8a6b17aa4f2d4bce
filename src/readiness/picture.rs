//! The input of the checks: the objects with an index, so that the objects that a selector
//! selects are found without a look at every object. Built once for each review.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde_json::Value;

pub(crate) use super::work::{Cont, Work};
use super::{
    check::Say,
    operators::{Operated, operated_pods},
    rights::Rights,
    scope::{Scope, is_test_hook},
    settings::ReviewSettings,
    work::{autoscalers, takeovers, work},
};
use crate::{
    inventory::{Object, ObjectSet, ReviewSource},
    kubernetes::{
        Selector, may_run,
        objects::{Node, Pod},
        says_of_nodes,
    },
    model::Subject,
};

/// Kinds of workload, by their key in the inventory.
pub(crate) const WORKLOADS: [&str; 10] = [
    "Deployment.apps",
    "StatefulSet.apps",
    "DaemonSet.apps",
    "ReplicaSet.apps",
    "Rollout.argoproj.io",
    "ReplicationController",
    "DeploymentConfig.apps.openshift.io",
    "Job.batch",
    "CronJob.batch",
    "Pod",
];

/// Nodes that can run a pod, and their zones.
pub(crate) struct Eligible<'a> {
    pub nodes: Vec<&'a Node>,
    pub zones: BTreeSet<&'a str>,
}

/// All objects, with an index.
pub(crate) struct Picture<'a> {
    /// The objects.
    pub object_set: &'a ObjectSet,
    /// The settings of the review.
    pub settings: &'a ReviewSettings,
    /// Workloads in scope.
    pub works: Vec<Work<'a>>,
    /// Workloads of namespaces that are not in scope.
    pub platform: Vec<Work<'a>>,
    /// Which namespaces are judged.
    pub scope: Scope,
    /// Workloads that a chart runs only for `helm test`. No check judges them.
    pub tests: Vec<&'a Object>,
    /// In files, Rollouts whose pods are those of a Deployment. The Deployment is judged, with their replicas.
    pub by_reference: Vec<&'a Object>,
    /// The time of the review.
    pub now: jiff::Timestamp,
    by_namespace: BTreeMap<&'a str, Vec<usize>>,
    by_label: BTreeMap<(&'a str, String, String), Vec<usize>>,
    pods: BTreeMap<(&'a str, String), Vec<&'a Pod>>,
    /// All pods of a namespace, with those that no controller owns.
    standing: BTreeMap<&'a str, Vec<&'a Pod>>,
    /// Pods that operators will create, by namespace.
    operated: BTreeMap<&'a str, Vec<Operated>>,
    nodes: BTreeMap<&'a str, &'a Node>,
    by_name: BTreeMap<(&'a str, &'a str, &'a str), usize>,
    services: BTreeMap<&'a str, Vec<(&'a Object, Selector)>>,
    /// Positions in the lists of `services`, by the first label that each selector names.
    selecting: BTreeMap<(&'a str, String, String), Vec<usize>>,
    /// The rights of all subjects; evaluated at the first use.
    rights: OnceCell<Rights<'a>>,
    /// Nodes that can run a pod, by the node constraints of the pod: most pods have the same ones.
    eligible: RefCell<BTreeMap<String, Rc<Eligible<'a>>>>,
}

impl<'a> Picture<'a> {
    /// Builds the index.
    pub fn new(object_set: &'a ObjectSet, settings: &'a ReviewSettings, now: jiff::Timestamp) -> Self {
        let scaled = autoscalers(object_set);
        let files = object_set.source == ReviewSource::Manifests;
        let taken = if files { takeovers(object_set) } else { BTreeMap::new() };
        let scope = Scope::of(object_set, settings);
        let (mut works, mut platform, mut tests, mut by_reference) = (vec![], vec![], vec![], vec![]);
        for object in WORKLOADS.iter().flat_map(|key| object_set.any(key)) {
            if is_test_hook(object) {
                tests.push(object);
                continue;
            }
            if files && !object.text("/spec/workloadRef/name").is_empty() {
                by_reference.push(object);
                continue;
            }
            if let Some(mut work) = work(object, &scaled, settings) {
                let place = (object.metadata.namespace.as_str(), object.metadata.name.as_str());
                if let Some(rollout) = taken.get(&place).filter(|_| work.kind == "Deployment") {
                    work.take_replicas(rollout, &scaled);
                }
                if scope.holds(&object.metadata.namespace) {
                    works.push(work.at(works.len()));
                } else {
                    platform.push(work);
                }
            }
        }
        let mut picture = Self {
            object_set,
            settings,
            works,
            platform,
            scope,
            tests,
            by_reference,
            now,
            by_namespace: BTreeMap::new(),
            by_label: BTreeMap::new(),
            pods: BTreeMap::new(),
            standing: BTreeMap::new(),
            operated: operated_pods(object_set),
            nodes: object_set.nodes.iter().map(|n| (n.metadata.name.as_str(), n)).collect(),
            by_name: BTreeMap::new(),
            services: BTreeMap::new(),
            selecting: BTreeMap::new(),
            rights: OnceCell::new(),
            eligible: RefCell::default(),
        };
        picture.index();
        picture
    }

    fn index(&mut self) {
        for (i, work) in self.works.iter().enumerate() {
            let namespace = work.object.metadata.namespace.as_str();
            self.by_namespace.entry(namespace).or_default().push(i);
            self.by_name.entry((namespace, work.kind, work.name())).or_insert(i);
            for (key, value) in &work.labels {
                self.by_label.entry((namespace, key.clone(), value.clone())).or_default().push(i);
            }
        }
        for pod in &self.object_set.standing {
            self.standing.entry(pod.metadata.namespace.as_str()).or_default().push(pod);
        }
        for pod in &self.object_set.pods {
            self.standing.entry(pod.metadata.namespace.as_str()).or_default().push(pod);
            if let Some(owner) = owner_of(pod) {
                self.pods.entry((pod.metadata.namespace.as_str(), owner)).or_default().push(pod);
            }
        }
        for service in self.object_set.any("Service") {
            // A Service without a selector selects nothing.
            let labels = service.map("/spec/selector").filter(|m| !m.is_empty());
            if let Some(labels) = labels {
                let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                let match_labels = labels.iter().map(|(k, v)| (k.clone(), text(v))).collect();
                let selector = Selector { match_labels, match_expressions: vec![] };
                let namespace = service.metadata.namespace.as_str();
                let all = self.services.entry(namespace).or_default();
                if let Some((key, value)) = selector.match_labels.first_key_value() {
                    let places = self.selecting.entry((namespace, key.clone(), value.clone())).or_default();
                    places.push(all.len());
                }
                all.push((service, selector));
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

    /// Whether a selector selects a pod that exists or will exist: one of a workload of any namespace in the input,
    /// one that runs, one that an operator creates, or one whose label a controller sets when it creates the pod.
    pub fn reaches(&self, namespace: &str, selector: &Selector) -> bool {
        if !self.select(namespace, selector).is_empty() {
            return true;
        }
        let of_platform = self.platform.iter().filter(|w| w.namespace() == namespace);
        let here = of_platform.clone().any(|w| selector.matches(&w.labels));
        let running = self.standing.get(namespace).into_iter().flatten();
        let operated = self.operated.get(namespace).into_iter().flatten();
        here || running.into_iter().any(|pod| selector.matches(&pod.metadata.labels))
            || operated.into_iter().any(|pod| pod.may_match(selector))
            || self.in_namespace(namespace).into_iter().chain(of_platform).any(|w| w.may_get(selector))
    }

    /// The workload of a finding.
    pub fn work(&self, of: &Subject) -> Option<&Work<'a>> {
        Some(&self.works[*self.by_name.get(&(of.namespace.as_str(), of.kind.as_str(), of.name.as_str()))?])
    }

    /// Workloads of a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Vec<&Work<'a>> {
        self.by_namespace.get(namespace).into_iter().flatten().map(|i| &self.works[*i]).collect()
    }

    /// Labels of a namespace: its own if it was read, and always the label of its name.
    pub fn labels_of_namespace(&self, name: &str) -> BTreeMap<String, String> {
        let space = self.object_set.find("Namespace", "", name);
        let mut labels = space.map(|n| (*n.metadata.labels).clone()).unwrap_or_default();
        labels.entry("kubernetes.io/metadata.name".into()).or_insert_with(|| name.into());
        labels
    }

    /// Whether the labels of a namespace are known. Files often do not contain the Namespace.
    pub fn knows_labels_of(&self, name: &str) -> bool {
        self.is_cluster() || self.object_set.find("Namespace", "", name).is_some()
    }

    /// Whether a namespace is in scope.
    pub fn in_scope(&self, namespace: &str) -> bool {
        self.scope.holds(namespace)
    }

    /// Namespaces that hold a workload in scope.
    pub fn namespaces(&self) -> BTreeSet<&'a str> {
        self.works.iter().map(Work::namespace).filter(|n| !n.is_empty()).collect()
    }

    /// Pods of a workload that have not finished.
    pub fn pods(&self, work: &Work<'_>) -> Vec<&'a Pod> {
        let key = (work.object.metadata.namespace.as_str(), format!("{}/{}", work.kind, work.name()));
        self.pods.get(&key).into_iter().flatten().filter(|p| !p.is_finished()).copied().collect()
    }

    /// Services whose endpoints are the pods of a workload.
    pub fn services(&self, work: &Work<'_>) -> Vec<&'a Object> {
        let Some(all) = self.services.get(work.namespace()) else { return vec![] };
        let at = |(key, value): (&String, &String)| self.selecting.get(&(work.namespace(), key.clone(), value.clone()));
        let mut places: Vec<usize> = work.labels.iter().filter_map(at).flatten().copied().collect();
        places.sort_unstable();
        let selects = |i: &usize| all[*i].1.matches(&work.labels);
        places.into_iter().filter(selects).map(|i| all[i].0).collect()
    }

    /// Services in scope that have a selector.
    pub fn selecting_services(&self) -> impl Iterator<Item = &(&'a Object, Selector)> {
        self.services.iter().filter(|(ns, _)| self.in_scope(ns)).flat_map(|(_, all)| all)
    }

    /// Nodes that can run the pods of a workload: Ready, schedulable, with tolerated taints, and matched
    /// by the node selector and the required node affinity.
    pub fn eligible(&self, work: &Work<'_>) -> Rc<Eligible<'a>> {
        let spec = work.pod_spec();
        let find = || {
            let nodes: Vec<&Node> = self.object_set.nodes.iter().filter(|n| may_run(&spec, n)).collect();
            Rc::new(Eligible { zones: nodes.iter().map(|n| n.zone()).collect(), nodes })
        };
        Rc::clone(self.eligible.borrow_mut().entry(says_of_nodes(&spec)).or_insert_with(find))
    }

    /// What subjects may do.
    pub fn rights(&self) -> &Rights<'a> {
        self.rights.get_or_init(|| Rights::of(self.object_set))
    }

    /// A node by its name.
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.nodes.get(name).copied()
    }

    /// Whether the objects come from a cluster and not from files.
    pub fn is_cluster(&self) -> bool {
        self.object_set.source != ReviewSource::Manifests
    }

    /// All objects of a kind that are in scope; unknown if the kind could not be read.
    pub fn each(&self, key: &str, say: &mut Say) -> Vec<&'a Object> {
        match self.object_set.all(key) {
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

    /// All objects of a kind in all namespaces; unknown if the kind could not be read.
    pub fn all(&self, key: &str, say: &mut Say) -> &'a [Object] {
        match self.object_set.all(key) {
            Ok(all) => all,
            Err(gap) => {
                say.gap(gap);
                &[]
            }
        }
    }

    /// Seconds since a time, given as a text.
    pub fn age(&self, time: &str) -> Option<i64> {
        let then: jiff::Timestamp = time.parse().ok()?;
        Some(self.now.as_second() - then.as_second())
    }
}

/// The owner of a pod, such as `Deployment/web`.
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
