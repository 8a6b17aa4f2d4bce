//! The names that a description can refer to: the objects that its cluster will have, its alerts, its sources. The
//! message about an unknown name lists the existing ones. Start with [`Names`].

use std::collections::BTreeSet;

use super::{super::value::Value, alerting::FIRST, objects};
use crate::{
    scenario::{Mistake, did_you_mean, listed},
    sim::{
        Description,
        fields::{self, list, number},
        resources::Resource,
    },
};

/// Kinds whose objects are created while the cluster runs, so their names are not known beforehand.
const MADE_LATER: [&str; 13] = [
    "replicasets",
    "persistentvolumes",
    "endpointslices",
    "leases",
    "events",
    "jobs",
    "backups",
    "restores",
    "downloadrequests",
    "serverstatusrequests",
    "deletebackuprequests",
    "podvolumebackups",
    "podvolumerestores",
];

/// The hosts, apart from the API server, that every simulated cluster has.
const HOSTS: [&str; 3] = ["prometheus", "vault", "webhook"];

/// All names of a description.
pub(in crate::sim) struct Names {
    /// Plural, namespace, name.
    objects: BTreeSet<(&'static str, String, String)>,
    alerts: Vec<String>,
    alertmanagers: Vec<String>,
}

impl Names {
    pub(in crate::sim) fn of(description: &Description) -> Self {
        let mut objects = BTreeSet::new();
        for object in description.manifests().into_iter().map(Value::from) {
            let Some(resource) = objects::kind(fields::text(&object, "/kind")) else { continue };
            let namespace = if resource.namespaced { fields::namespace(&object) } else { "" };
            if resource.plural == "statefulsets" {
                objects.extend(of_set(&object));
            }
            objects.insert((resource.plural, namespace.to_owned(), fields::name(&object).to_owned()));
        }
        let alertmanagers = std::iter::once(FIRST.to_owned()).chain(description.alertmanagers.keys().cloned());
        Self {
            objects,
            alerts: description.rules.iter().map(|r| r.alert.clone()).collect(),
            alertmanagers: alertmanagers.collect(),
        }
    }

    /// Adds the objects of another cluster.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.objects.extend(other.objects);
        self
    }

    pub(super) fn no_kind(word: &str) -> String {
        format!("the simulation does not support kind `{word}`: write `KIND/NAME`, such as `deployment/web`")
    }

    pub(super) fn kind(word: &str) -> Result<(), String> {
        objects::kind(word).map(drop).ok_or_else(|| Self::no_kind(word))
    }

    fn must_exist(&self, resource: &Resource, namespace: &str, name: &str) -> Result<(), String> {
        let key = (resource.plural, namespace.to_owned(), name.to_owned());
        if self.objects.contains(&key) || MADE_LATER.contains(&resource.plural) {
            return Ok(());
        }
        let others = self.objects.iter().filter(|(plural, home, _)| *plural == resource.plural && home == namespace);
        let home = if namespace.is_empty() { String::new() } else { format!(" in namespace `{namespace}`") };
        Err(unknown(&format!("{} `{name}`{home}", resource.kind), name, others.map(|(_, _, name)| name.as_str())))
    }

    /// Checks the name of an object, given as `KIND/NAME`. Pods of a Deployment are refused, because nobody knows their
    /// names beforehand.
    pub(super) fn object(&self, object: &str, namespace: &str) -> Result<(), String> {
        let (word, name) = object.split_once('/').ok_or_else(|| format!("`{object}` is not KIND/NAME"))?;
        let resource = objects::kind(word).ok_or_else(|| Self::no_kind(word))?;
        if resource.namespaced && namespace.is_empty() {
            return Err(format!("a {} is always in a namespace: add `namespace: NAME`", resource.kind));
        }
        self.must_exist(resource, if resource.namespaced { namespace } else { "" }, name)
    }

    pub(in crate::sim) fn workload(&self, workload: &str, namespace: &str) -> Result<(), String> {
        self.object(workload, namespace)?;
        let word = workload.split('/').next().unwrap_or_default();
        match objects::kind(word).map(|r| r.plural) {
            Some("deployments" | "statefulsets" | "daemonsets" | "replicasets") => Ok(()),
            _ => Err(format!("`{workload}` is not a workload: write `deployment/NAME` or `statefulset/NAME`")),
        }
    }

    pub(super) fn pod(&self, pod: &str, namespace: &str) -> Result<(), String> {
        self.object(&format!("pod/{pod}"), namespace)
    }

    pub(super) fn claim(&self, claim: &str, namespace: &str) -> Result<(), String> {
        self.object(&format!("persistentvolumeclaim/{claim}"), namespace)
    }

    pub(in crate::sim) fn node(&self, node: &str) -> Result<(), String> {
        if node == "any" { Ok(()) } else { self.object(&format!("node/{node}"), "") }
    }

    pub(super) fn alert(&self, alert: &str) -> Result<(), String> {
        self.one_of("alert", alert, &self.alerts)
    }

    pub(super) fn alertmanager(&self, name: Option<&String>) -> Result<(), String> {
        self.one_of("Alertmanager", name.map_or(FIRST, String::as_str), &self.alertmanagers)
    }

    pub(super) fn source(&self, name: &str) -> Result<(), String> {
        let hosts = HOSTS.iter().chain(&["api"]).map(|h| (*h).to_owned());
        self.one_of("source", name, &hosts.chain(self.alertmanagers.iter().cloned()).collect::<Vec<_>>())
    }

    /// Checks the name of a clock: of a component whose clock sets times in the cluster.
    pub(super) fn clock(&self, name: &str) -> Result<(), String> {
        let nodes = self.objects.iter().filter(|(plural, ..)| *plural == "nodes").map(|(_, _, name)| name.clone());
        let all: Vec<String> = ["prometheus", "velero", "api"].map(str::to_owned).into_iter().chain(nodes).collect();
        self.one_of("clock", name, &all)
    }

    fn one_of(&self, what: &str, name: &str, all: &[String]) -> Result<(), String> {
        if all.iter().any(|n| n == name) {
            return Ok(());
        }
        Err(unknown(&format!("{what} `{name}`"), name, all.iter().map(String::as_str)))
    }
}

fn unknown<'a>(what: &str, name: &str, others: impl Iterator<Item = &'a str>) -> String {
    let others: Vec<&str> = others.collect();
    if others.is_empty() {
        return format!("{what} does not exist, and there is no other");
    }
    let meant = did_you_mean(name, others.iter().copied()).map(|word| format!("did you mean `{word}`? "));
    format!("{what} does not exist: {}write one of {}", meant.unwrap_or_default(), listed(&others))
}

/// The pods and claims of a StatefulSet, whose names are known beforehand.
fn of_set(set: &Value) -> Vec<(&'static str, String, String)> {
    let (namespace, name) = (fields::namespace(set), fields::name(set));
    let replicas = set.pointer("/spec/replicas").map_or(1, |_| number(set, "/spec/replicas"));
    let mut all = vec![];
    for ordinal in 0..replicas {
        let pod = format!("{name}-{ordinal}");
        for template in list(set, "/spec/volumeClaimTemplates") {
            let claim = format!("{}-{pod}", fields::name(template));
            all.push(("persistentvolumeclaims", namespace.to_owned(), claim));
        }
        all.push(("pods", namespace.to_owned(), pod));
    }
    all
}

/// Finds Alertmanagers with a name that is the address of something else.
pub(in crate::sim) fn reserved(description: &Description) -> Vec<Mistake> {
    let taken =
        |name: &&String| HOSTS.contains(&name.as_str()) || *name == FIRST || *name == "api" || name.contains('.');
    let wrong = description.alertmanagers.keys().filter(taken);
    wrong
        .map(|name| Mistake {
            path: vec!["alertmanagers".into(), name.clone()],
            what: format!("`{name}` is taken or contains a dot"),
            help: "choose another name, such as `alertmanager-1`".into(),
            ..Mistake::default()
        })
        .collect()
}
