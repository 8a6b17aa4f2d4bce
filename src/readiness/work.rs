//! A workload as the checks see it, the same for every kind: where the spec of its pods is, its
//! containers, its minimum number of pods, and the autoscaler that sets it.

use std::{cell::OnceCell, collections::BTreeMap};

use serde_json::Value;

use super::settings::ReviewSettings;
use crate::{
    inventory::{Object, ObjectSet},
    kubernetes::{Selector, objects::PodSpec},
};

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// A workload: a Deployment, StatefulSet, DaemonSet, CronJob, Rollout, ReplicationController or DeploymentConfig, or a
/// ReplicaSet, Job or Pod without a controller.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    /// Its index among the workloads in scope.
    pub index: usize,
    /// The object.
    pub object: &'a Object,
    /// Its kind.
    pub kind: &'a str,
    /// Where the spec of its pods is: `/spec/template/spec`.
    pub pointer: &'static str,
    /// Labels of its pods.
    pub labels: BTreeMap<String, String>,
    /// Whether its template has no labels. Its selector then says which labels are meant.
    pub unlabelled: bool,
    /// Its minimum number of pods: the minimum of its autoscaler, or its own number; none for kinds
    /// without such a number.
    pub replicas: Option<u64>,
    /// The autoscaler that sets this number.
    pub scaled: Option<&'a Object>,
    /// Whether the readiness file lists it as critical, or its annotation says so.
    pub critical: bool,
    /// Its containers, init and ephemeral containers last; filled at the first use.
    listed: OnceCell<Vec<Cont<'a>>>,
}

/// A container of a workload, and its position.
#[derive(Clone, Debug)]
pub(crate) struct Cont<'a> {
    pub value: &'a Value,
    pub name: &'a str,
    pub pointer: String,
    /// Whether it is one of `initContainers`, or one of `ephemeralContainers`, which are there for a while, too.
    pub prepares: bool,
}

impl<'a> Work<'a> {
    /// Sets its index.
    pub(super) fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }

    /// Takes the number of replicas and the autoscaler of a Rollout that takes its pods over.
    pub(super) fn take_replicas(&mut self, rollout: &'a Object, scaled: &Autoscalers<'a>) {
        let name = (rollout.metadata.namespace.as_str(), "Rollout", rollout.metadata.name.as_str());
        let scaler = scaled.get(&name);
        let own = rollout.at("/spec/replicas").as_u64().unwrap_or(1);
        self.replicas = Some(scaler.map_or(own, |(_, least)| *least));
        self.scaled = scaler.map(|(scaler, _)| *scaler);
    }

    /// The spec of its pods.
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

    /// Whether its kind runs permanently and can have several pods.
    pub fn is_replicated_kind(&self) -> bool {
        matches!(
            self.kind,
            "Deployment" | "StatefulSet" | "Rollout" | "ReplicaSet" | "ReplicationController" | "DeploymentConfig"
        )
    }

    /// Whether its pods end by themselves.
    pub fn is_batch(&self) -> bool {
        matches!(self.kind, "Job" | "CronJob")
    }

    /// Containers that run as long as the pod: all except ephemeral ones and init containers without restartPolicy
    /// Always.
    pub fn containers(&self) -> impl Iterator<Item = &Cont<'a>> {
        self.all_containers().iter().filter(|c| !c.prepares || c.value["restartPolicy"] == "Always")
    }

    /// All containers, with the init containers and the ephemeral ones.
    pub fn all_containers(&self) -> &[Cont<'a>] {
        let fields = ["containers", "initContainers", "ephemeralContainers"];
        self.listed.get_or_init(|| fields.into_iter().flat_map(|field| self.list(field)).collect())
    }

    fn list(&self, field: &'static str) -> impl Iterator<Item = Cont<'a>> {
        let items = self.spec()[field].as_array().map_or(&[][..], Vec::as_slice);
        let pointer = self.pointer;
        items.iter().enumerate().map(move |(i, value)| Cont {
            value,
            name: value["name"].as_str().unwrap_or(""),
            pointer: format!("{pointer}/{field}/{i}"),
            prepares: field != "containers",
        })
    }

    /// The service account of its pods. `serviceAccount` is the old name of the field.
    pub fn account(&self) -> &'a str {
        let named = |field: &str| self.spec()[field].as_str().filter(|name| !name.is_empty());
        named("serviceAccountName").or_else(|| named("serviceAccount")).unwrap_or("default")
    }

    /// Whether its pods match a selector once their controller has set its labels. Each controller sets labels of its
    /// own on the pods that it creates, so no manifest contains them.
    pub fn may_get(&self, selector: &Selector) -> bool {
        let set = |key: &str| match self.kind {
            "StatefulSet" => {
                matches!(key, POD_NAME | POD_INDEX | "controller-revision-hash")
            }
            "Deployment" | "ReplicaSet" => key == "pod-template-hash",
            "Rollout" => key == "rollouts-pod-template-hash",
            "DaemonSet" => matches!(key, "controller-revision-hash" | "pod-template-generation"),
            "Job" | "CronJob" => {
                key.starts_with("batch.kubernetes.io/") || matches!(key, "job-name" | "controller-uid")
            }
            _ => false,
        };
        let mut own = selector.clone();
        let (runtime, fixed): (BTreeMap<_, _>, BTreeMap<_, _>) =
            own.match_labels.into_iter().partition(|(key, _)| set(key));
        own.match_labels = fixed;
        own.match_expressions.retain(|e| !set(&e.key));
        let first = self.object.at("/spec/ordinals/start").as_u64().unwrap_or(0);
        let ordinal =
            |text: &str| text.parse().is_ok_and(|n: u64| n >= first && n < first + self.replicas.unwrap_or(1));
        let fits = |(key, value): (&String, &String)| match key.as_str() {
            POD_NAME => value.strip_prefix(self.name()).and_then(|v| v.strip_prefix('-')).is_some_and(ordinal),
            POD_INDEX => ordinal(value),
            _ => true,
        };
        own.matches(&self.labels) && runtime.iter().all(fits)
    }

    /// Annotations of its pods.
    pub fn pod_annotation(&self, key: &str) -> Option<&'a str> {
        if self.pointer == "/spec" {
            return self.object.metadata.annotations.get(key).map(String::as_str);
        }
        let template = self.pointer.strip_suffix("/spec").unwrap_or("");
        self.object.at(&format!("{template}/metadata/annotations")).get(key)?.as_str()
    }

    /// All annotations of its pods.
    pub fn pod_annotations(&self) -> Vec<(&'a str, &'a str)> {
        if self.pointer == "/spec" {
            let all = self.object.metadata.annotations.iter();
            return all.map(|(key, value)| (key.as_str(), value.as_str())).collect();
        }
        let template = self.pointer.strip_suffix("/spec").unwrap_or("");
        let all = self.object.map(&format!("{template}/metadata/annotations")).into_iter().flatten();
        all.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
    }

    /// Whether its pods mount claims, also those of its volumeClaimTemplates.
    pub fn has_claims(&self) -> bool {
        !self.claims().is_empty() || !self.object.list("/spec/volumeClaimTemplates").is_empty()
    }

    /// Names of the claims that its pods mount, without those of its volumeClaimTemplates. The controller of a
    /// StatefulSet replaces a volume that has the name of a template.
    pub fn claims(&self) -> Vec<&'a str> {
        let volumes = self.spec()["volumes"].as_array().map_or(&[][..], Vec::as_slice);
        let templates = self.object.list("/spec/volumeClaimTemplates");
        let own = |v: &&Value| !templates.iter().any(|t| t["metadata"]["name"] == v["name"]);
        let mounted = volumes.iter().filter(own);
        mounted.filter_map(|v| v.pointer("/persistentVolumeClaim/claimName")?.as_str()).collect()
    }
}

/// The Rollouts that take the pods of a Deployment over, by the namespace and name of the Deployment.
pub(super) type Takeovers<'a> = BTreeMap<(&'a str, &'a str), &'a Object>;

/// In files, such a Rollout has no pods of its own, and the Deployment that it names has its replicas.
pub(super) fn takeovers(object_set: &ObjectSet) -> Takeovers<'_> {
    let all = object_set.any("Rollout.argoproj.io").iter().filter(|o| o.text("/spec/workloadRef/kind") == "Deployment");
    all.map(|o| ((o.metadata.namespace.as_str(), o.text("/spec/workloadRef/name")), o)).collect()
}

/// Where the spec of the pods is, by kind.
fn spec_of(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "Job"
        | "ReplicationController"
        | "Rollout"
        | "DeploymentConfig" => Some("/spec/template/spec"),
        "CronJob" => Some("/spec/jobTemplate/spec/template/spec"),
        "Pod" => Some("/spec"),
        _ => None,
    }
}

/// The autoscaler of each workload, by namespace, kind and name, with its minimum.
pub(super) type Autoscalers<'a> = BTreeMap<(&'a str, &'a str, &'a str), (&'a Object, u64)>;

pub(super) fn autoscalers(object_set: &ObjectSet) -> Autoscalers<'_> {
    let mut found = BTreeMap::new();
    for (key, minimum, least) in [
        ("ScaledObject.keda.sh", "/spec/minReplicaCount", 0),
        ("HorizontalPodAutoscaler.autoscaling", "/spec/minReplicas", 1),
    ] {
        for scaler in object_set.any(key) {
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

pub(super) fn work<'a>(object: &'a Object, scaled: &Autoscalers<'a>, settings: &ReviewSettings) -> Option<Work<'a>> {
    let kind: &'a str = &object.kind;
    let pointer = spec_of(kind)?;
    let owned = object.metadata.owner_references.iter().any(|o| o.controller);
    let mirrored = object.metadata.annotations.contains_key("kubernetes.io/config.mirror");
    if mirrored || owned && matches!(kind, "Pod" | "ReplicaSet" | "Job") {
        return None;
    }
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let of = |pointer: &str| -> BTreeMap<String, String> {
        object.map(pointer).into_iter().flatten().map(|(k, v)| (k.clone(), text(v))).collect()
    };
    let mut labels = if pointer == "/spec" {
        (*object.metadata.labels).clone()
    } else {
        of(&format!("{}/metadata/labels", pointer.strip_suffix("/spec").unwrap_or("")))
    };
    // The API server refuses a template without the labels of the selector. Whoever wrote it means these labels.
    let unlabelled = labels.is_empty() && kind != "Pod";
    if unlabelled {
        labels = of("/spec/selector/matchLabels");
    }
    let scaler = scaled.get(&(object.metadata.namespace.as_str(), kind, object.metadata.name.as_str()));
    let own = match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" | "Rollout" | "ReplicationController" | "DeploymentConfig" => {
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
        unlabelled,
        replicas: scaler.map(|(_, least)| *least).or(own),
        scaled: scaler.map(|(scaler, _)| *scaler),
        critical: settings.critical.contains(&told)
            || object.metadata.annotations.get("drillmaster.dev/critical").is_some_and(|v| v == "true"),
        listed: OnceCell::new(),
    })
}
