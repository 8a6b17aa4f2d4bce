//! A workload as the checks see it, whatever its kind: where its pod's spec is, its
//! containers, how many pods it has at the least and who decides on that.

use std::{cell::OnceCell, collections::BTreeMap};

use serde_json::Value;

use super::settings::Settings;
use crate::{
    inventory::{Object, Shelf},
    kubernetes::objects::PodSpec,
};

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
    /// Its containers, those that prepare the pod last, once somebody asked.
    listed: OnceCell<Vec<Cont<'a>>>,
}

/// A container of a workload, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Cont<'a> {
    pub value: &'a Value,
    pub name: &'a str,
    pub pointer: String,
    /// Whether it is of `initContainers`.
    pub prepares: bool,
}

impl<'a> Work<'a> {
    /// At its place among the others.
    pub(super) fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }

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
    pub fn containers(&self) -> impl Iterator<Item = &Cont<'a>> {
        self.all_containers().iter().filter(|c| !c.prepares || c.value["restartPolicy"] == "Always")
    }

    /// Those, and the ones that prepare the pod.
    pub fn all_containers(&self) -> &[Cont<'a>] {
        self.listed.get_or_init(|| self.list("containers").chain(self.list("initContainers")).collect())
    }

    fn list(&self, field: &'static str) -> impl Iterator<Item = Cont<'a>> {
        let items = self.spec()[field].as_array().map_or(&[][..], Vec::as_slice);
        let pointer = self.pointer;
        items.iter().enumerate().map(move |(i, value)| Cont {
            value,
            name: value["name"].as_str().unwrap_or(""),
            pointer: format!("{pointer}/{field}/{i}"),
            prepares: field == "initContainers",
        })
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

/// The autoscaler of each workload, by namespace, kind and name, with its minimum.
pub(super) type Autoscalers<'a> = BTreeMap<(&'a str, &'a str, &'a str), (&'a Object, u64)>;

pub(super) fn autoscalers(shelf: &Shelf) -> Autoscalers<'_> {
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

pub(super) fn work<'a>(object: &'a Object, scaled: &Autoscalers<'a>, settings: &Settings) -> Option<Work<'a>> {
    let kind: &'a str = &object.kind;
    let pointer = spec_of(kind)?;
    let owned = object.metadata.owner_references.iter().any(|o| o.controller);
    let mirrored = object.metadata.annotations.contains_key("kubernetes.io/config.mirror");
    if mirrored || owned && matches!(kind, "Pod" | "ReplicaSet" | "Job") {
        return None;
    }
    let labels = if pointer == "/spec" {
        (*object.metadata.labels).clone()
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
        listed: OnceCell::new(),
    })
}
