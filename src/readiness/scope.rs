//! Which namespaces a review judges. It counts and names the objects that it leaves out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{picture::WORKLOADS, settings::ReviewSettings};
use crate::{
    inventory::{Object, ObjectSet, ReviewSource},
    model::LeftOut,
};

/// Namespaces that a review leaves out unless the user names them: a new cluster gets them
/// from its installation and not from a backup.
const PLATFORM: [&str; 6] =
    ["kube-system", "kube-public", "kube-node-lease", "velero", "local-path-storage", "drillmaster"];

/// The namespaces that are judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// The namespaces that the user named; empty for all.
    named: BTreeSet<String>,
    /// The namespaces that are left out if the user named none.
    out: BTreeSet<String>,
}

impl Scope {
    /// Files that hold workloads of platform namespaces only are meant to be judged.
    pub fn of(object_set: &ObjectSet, settings: &ReviewSettings) -> Self {
        let mut out: BTreeSet<String> = settings.platform.iter().cloned().collect();
        let platform = |object: &Object| PLATFORM.contains(&object.metadata.namespace.as_str());
        let mut works = WORKLOADS.iter().flat_map(|key| object_set.any(key));
        let whole = object_set.source == ReviewSource::Manifests && works.all(platform);
        if !whole {
            out.extend(PLATFORM.iter().map(|name| (*name).to_owned()));
        }
        Self { named: settings.namespaces.iter().cloned().collect(), out }
    }

    /// Whether a namespace is judged.
    pub fn holds(&self, namespace: &str) -> bool {
        if self.named.is_empty() { !self.out.contains(namespace) } else { self.named.contains(namespace) }
    }

    /// The objects that are left out, by namespace.
    pub fn left_out(&self, object_set: &ObjectSet, tests: &[&Object], referring: &[&Object]) -> Vec<LeftOut> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let of_objects = object_set.objects.values().flatten().map(|o| &o.metadata);
        for meta in of_objects.chain(object_set.pods.iter().map(|pod| &pod.metadata)) {
            if !meta.namespace.is_empty() && !self.holds(&meta.namespace) {
                *counts.entry(&meta.namespace).or_default() += 1;
            }
        }
        let one = |(name, objects): (&str, usize)| LeftOut {
            what: format!("namespace {name}"),
            objects,
            why: if self.named.is_empty() {
                format!("it belongs to the platform; --namespace {name} judges it")
            } else {
                "--namespace does not name it".to_owned()
            },
        };
        let mut all: Vec<LeftOut> = counts.into_iter().map(one).collect();
        if !tests.is_empty() {
            let why = "they run only for `helm test`".to_owned();
            all.push(LeftOut { what: "test hooks of charts".into(), objects: tests.len(), why });
        }
        all.extend(without_pods(object_set, referring));
        all.extend(unknown_kinds(object_set));
        all
    }
}

/// Rollouts that name a Deployment which these files do not have: its pods are not there either.
fn without_pods(object_set: &ObjectSet, referring: &[&Object]) -> Option<LeftOut> {
    let of = |rollout: &&&Object| {
        let name = rollout.text("/spec/workloadRef/name");
        object_set.find("Deployment.apps", &rollout.metadata.namespace, name).is_none()
    };
    let objects = referring.iter().filter(of).count();
    let why = "the Deployments with their pods are not in these files".to_owned();
    (objects > 0).then(|| LeftOut { what: "Rollouts with workloadRef".into(), objects, why })
}

/// Objects of files that run pods, of kinds whose pods no check knows.
fn unknown_kinds(object_set: &ObjectSet) -> Vec<LeftOut> {
    let files = object_set.source == ReviewSource::Manifests;
    let kinds = object_set.objects.iter().filter(|(key, _)| files && !WORKLOADS.contains(&key.as_str()));
    let counted = kinds.map(|(key, objects)| (key, objects.iter().filter(|o| has_containers(&o.body)).count()));
    let told = counted.filter(|(_, objects)| *objects > 0);
    let why = "no check knows the pods of this kind; a review of the cluster judges the workloads that its controller creates";
    told.map(|(key, objects)| LeftOut { what: format!("kind {key}"), objects, why: why.into() }).collect()
}

/// Whether there is a list of containers with images anywhere in an object.
fn has_containers(value: &Value) -> bool {
    let listed = |items: &Value| items.as_array().is_some_and(|all| all.iter().any(|item| item["image"].is_string()));
    match value {
        Value::Object(fields) => {
            fields.iter().any(|(name, inner)| name == "containers" && listed(inner) || has_containers(inner))
        }
        Value::Array(items) => items.iter().any(has_containers),
        _ => false,
    }
}

/// Whether a chart creates an object only for `helm test`.
pub(crate) fn is_test_hook(object: &Object) -> bool {
    hooks(object, "helm.sh/hook").any(|hook| matches!(hook, "test" | "test-success" | "test-failure"))
}

/// Whether Helm or Argo CD creates an object at a moment of a release and waits until it has ended. With the hook Skip,
/// Argo CD does not create it.
pub(crate) fn is_hook(object: &Object) -> bool {
    hooks(object, "helm.sh/hook").next().is_some()
        || hooks(object, "argocd.argoproj.io/hook").any(|hook| hook != "Skip")
}

fn hooks<'a>(object: &'a Object, annotation: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let said = object.metadata.annotations.get(annotation).map_or("", String::as_str);
    said.split(',').map(str::trim).filter(|hook| !hook.is_empty())
}
