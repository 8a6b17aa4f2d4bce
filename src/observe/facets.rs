//! What is stored of an object to detect that it was changed: a few fields, and a hash of the rest of its desired
//! state. The status is not compared.

use std::hash::{DefaultHasher, Hasher};

use serde_json::Value;

use crate::{
    kubernetes::{Writing, last_writing, objects::Taint, writing_where},
    model::{OUT_OF_SERVICE, OutsideWhat, WorkloadRef},
};

/// The annotation that `kubectl rollout restart` sets.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// The prefix of Kubernetes' own taints, which follow from the state of the node.
const OWN_TAINTS: &str = "node.kubernetes.io/";
/// The label that Velero adds to everything that it restores.
const RESTORED: &str = "velero.io/restore-name";

/// The kinds of objects that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// A Deployment, StatefulSet or DaemonSet. Its name contains the kind: `deployment/web`.
    Workload,
    Node,
    Service,
    ConfigMap,
    Budget,
}

impl Sort {
    /// The short name of an object.
    pub(super) fn named(self, name: &str) -> String {
        match self {
            Self::Workload => name.to_owned(),
            Self::Node => format!("node/{name}"),
            Self::Service => format!("service/{name}"),
            Self::ConfigMap => format!("configmap/{name}"),
            Self::Budget => format!("poddisruptionbudget/{name}"),
        }
    }
}

/// What is stored of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facets {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Whether a controller in the cluster owns it and is responsible for it.
    pub has_owner: bool,
    pub replicas: Option<u32>,
    restarted: String,
    content: u64,
    cordoned: bool,
    taints: Vec<String>,
    boot: String,
    /// The restore that created it.
    pub restored_by: String,
    /// ConfigMaps that the pods of a workload use.
    pub uses: Vec<String>,
}

impl Facets {
    pub(super) fn of(sort: Sort, object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let label = |key: &str| object.pointer("/metadata/labels").and_then(|l| l.get(key)?.as_str());
        let name = text("/metadata/name");
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        let mut facets = Self {
            namespace: text("/metadata/namespace"),
            uid: text("/metadata/uid"),
            has_owner: owners.into_iter().any(|o| o["controller"] == true),
            restored_by: label(RESTORED).unwrap_or("").to_owned(),
            ..Self::default()
        };
        match sort {
            Sort::Workload => facets.workload(object),
            Sort::Node => facets.node(object),
            Sort::Service | Sort::Budget => facets.content = digest([object.get("spec")]),
            Sort::ConfigMap => facets.content = digest([object.get("data"), object.get("binaryData")]),
        }
        let kind = object["kind"].as_str().unwrap_or("");
        let reference = WorkloadRef::of(kind, &name).filter(|_| sort == Sort::Workload);
        facets.name = reference.map_or(name, |r| r.to_string());
        facets
    }

    fn workload(&mut self, object: &Value) {
        let mut spec = object["spec"].clone();
        self.replicas = spec["replicas"].as_u64().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("replicas");
        }
        let annotations = spec.pointer_mut("/template/metadata/annotations").and_then(Value::as_object_mut);
        if let Some(at) = annotations.and_then(|a| a.remove(RESTARTED)) {
            self.restarted = at.as_str().unwrap_or("").to_owned();
        }
        // After its only annotation was removed, the map is empty; before it was added, the map did not exist.
        if let Some(meta) = spec.pointer_mut("/template/metadata").and_then(Value::as_object_mut)
            && meta.get("annotations").is_some_and(|a| a.as_object().is_some_and(serde_json::Map::is_empty))
        {
            meta.remove("annotations");
        }
        self.content = digest([Some(&spec)]);
        self.uses = uses(&spec["template"]["spec"]);
    }

    fn node(&mut self, object: &Value) {
        self.cordoned = object["spec"]["unschedulable"] == true;
        let taints = object["spec"]["taints"].as_array().into_iter().flatten();
        let taints = taints.filter_map(|t| serde_json::from_value::<Taint>(t.clone()).ok());
        let foreign = |t: &Taint| !t.key.starts_with(OWN_TAINTS) || t.key == OUT_OF_SERVICE;
        self.taints = taints.filter(foreign).map(|t| shown(&t)).collect();
        self.taints.sort();
        let boot = object.pointer("/status/nodeInfo/bootID").and_then(Value::as_str);
        self.boot = boot.unwrap_or("").to_owned();
    }

    /// Whether the part of the object that a change is about is the same in the other state.
    pub(super) fn agrees(&self, now: &Self, what: &OutsideWhat) -> bool {
        match what {
            OutsideWhat::Scaled { .. } => self.replicas == now.replicas,
            OutsideWhat::Restarted | OutsideWhat::Edited => {
                self.content == now.content && self.restarted == now.restarted
            }
            OutsideWhat::Cordoned | OutsideWhat::Uncordoned => self.cordoned == now.cordoned,
            OutsideWhat::Tainted { .. } | OutsideWhat::Untainted { .. } => self.taints == now.taints,
            // A restore may set default values. Other differences are found by the comparison of the restore.
            OutsideWhat::Created if self.restored_by != now.restored_by => self.replicas == now.replicas,
            OutsideWhat::Created => {
                self.replicas == now.replicas && self.content == now.content && self.restarted == now.restarted
            }
            // A node that has restarted has its earlier state again.
            _ => true,
        }
    }

    /// The differences to a later state of the same object, with the writer of each.
    pub(super) fn differences(&self, now: &Self, object: &Value) -> Vec<(OutsideWhat, Option<Writing>)> {
        let mut found = vec![];
        if let (Some(from), Some(to)) = (self.replicas, now.replicas)
            && from != to
        {
            found.push((OutsideWhat::Scaled { from, to }, last_writing(object, &["spec", "replicas"])));
        }
        if self.content != now.content {
            found.push((OutsideWhat::Edited, writer(object)));
        } else if self.restarted != now.restarted {
            let path = ["spec", "template", "metadata", "annotations", RESTARTED];
            found.push((OutsideWhat::Restarted, last_writing(object, &path).or_else(|| writer(object))));
        }
        if self.cordoned != now.cordoned {
            let what = if now.cordoned { OutsideWhat::Cordoned } else { OutsideWhat::Uncordoned };
            found.push((what, last_writing(object, &["spec", "unschedulable"])));
        }
        let taints = || last_writing(object, &["spec", "taints"]);
        for taint in now.taints.iter().filter(|t| !self.taints.contains(t)) {
            found.push((OutsideWhat::Tainted { taint: taint.clone() }, taints()));
        }
        for taint in self.taints.iter().filter(|t| !now.taints.contains(t)) {
            found.push((OutsideWhat::Untainted { taint: taint.clone() }, taints()));
        }
        if self.boot != now.boot && !self.boot.is_empty() {
            found.push((OutsideWhat::NodeRestarted, None));
        }
        found
    }
}

/// Who wrote the desired state of an object.
pub(super) fn writer(object: &Value) -> Option<Writing> {
    // A manager that only scaled the object did not write the rest.
    let writes = |fields: &Value| {
        let spec = fields.get("f:spec").and_then(Value::as_object);
        let more = spec.is_some_and(|spec| spec.keys().any(|key| key != "f:replicas") || spec.is_empty());
        more || fields.get("f:data").is_some() || fields.get("f:binaryData").is_some()
    };
    writing_where(object, writes)
}

/// A taint in the syntax of `kubectl taint`.
fn shown(taint: &Taint) -> String {
    let value = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
    format!("{}{value}:{}", taint.key, taint.effect)
}

/// ConfigMaps that a pod with this spec uses.
fn uses(spec: &Value) -> Vec<String> {
    fn names<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let reads = matches!(key.as_str(), "configMap" | "configMapRef" | "configMapKeyRef");
                    let name = value.get("name").and_then(Value::as_str).filter(|_| reads);
                    into.extend(name);
                    names(value, into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| names(item, into)),
            _ => {}
        }
    }
    let mut found = vec![];
    names(spec, &mut found);
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|name| Sort::ConfigMap.named(name)).collect()
}

/// A hash of the parts as JSON. It is only used to detect a difference.
fn digest<'a>(parts: impl IntoIterator<Item = Option<&'a Value>>) -> u64 {
    struct Into(DefaultHasher);
    impl std::io::Write for Into {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut into = Into(DefaultHasher::new());
    for part in parts {
        // Writing to a hash cannot fail.
        let _ = serde_json::to_writer(&mut into, &part);
    }
    into.0.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workload() -> Value {
        json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "u", "managedFields": [
                {"manager": "kubectl-create", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
                {"manager": "kubectl-scale", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
            "spec": {"replicas": 3, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "containers": [{"envFrom": [{"configMapRef": {"name": "settings"}}]}],
                "volumes": [{"configMap": {"name": "pages"}}]}}},
            "status": {"readyReplicas": 3}})
    }

    fn change(edit: impl Fn(&mut Value)) -> Vec<(OutsideWhat, Option<String>)> {
        let before = workload();
        let mut after = before.clone();
        edit(&mut after);
        let (old, new) = (Facets::of(Sort::Workload, &before), Facets::of(Sort::Workload, &after));
        let found = old.differences(&new, &after);
        found.into_iter().map(|(what, by)| (what, by.map(|w| w.manager))).collect()
    }

    #[test]
    fn what_changed_and_who_owns_it() {
        assert_eq!(change(|w| w["status"]["readyReplicas"] = 1.into()), []);
        assert_eq!(change(|w| w["metadata"]["annotations"] = json!({"a": "b"})), []);
        let scaled = OutsideWhat::Scaled { from: 3, to: 2 };
        assert_eq!(change(|w| w["spec"]["replicas"] = 2.into()), [(scaled, Some("kubectl-scale".into()))]);
        let restart = |w: &mut Value| {
            w["spec"]["template"]["metadata"]["annotations"] = json!({(RESTARTED): "2026-01-03T00:00:00Z"});
        };
        assert_eq!(change(restart), [(OutsideWhat::Restarted, Some("kubectl-create".into()))]);
        let edit = |w: &mut Value| w["spec"]["template"]["spec"]["containers"][0]["image"] = "other".into();
        assert_eq!(change(edit), [(OutsideWhat::Edited, Some("kubectl-create".into()))]);
        assert_eq!(Facets::of(Sort::Workload, &workload()).uses, ["configmap/pages", "configmap/settings"]);
    }

    #[test]
    fn of_a_node_the_taints_of_kubernetes_are_not_looked_at() {
        let node = |taints: Value, boot: &str| json!({"kind": "Node", "metadata": {"name": "n"}, "spec": {"taints": taints}, "status": {"nodeInfo": {"bootID": boot}}});
        let found = |before: Value, after: Value| {
            let (old, new) = (Facets::of(Sort::Node, &before), Facets::of(Sort::Node, &after));
            old.differences(&new, &after).into_iter().map(|(what, _)| what).collect::<Vec<_>>()
        };
        let outage = json!([{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]);
        assert_eq!(found(node(json!([]), "a"), node(outage, "a")), []);
        let theirs = json!([{"key": "maintenance", "value": "yes", "effect": "NoSchedule"}]);
        let taint = || "maintenance=yes:NoSchedule".to_owned();
        assert_eq!(found(node(json!([]), "a"), node(theirs.clone(), "a")), [OutsideWhat::Tainted { taint: taint() }]);
        assert_eq!(found(node(theirs, "a"), node(json!([]), "a")), [OutsideWhat::Untainted { taint: taint() }]);
        assert_eq!(found(node(json!([]), "a"), node(json!([]), "b")), [OutsideWhat::NodeRestarted]);
        // If a node did not report a boot id before, reporting one is not a restart.
        assert_eq!(found(node(json!([]), ""), node(json!([]), "b")), []);
    }

    #[test]
    fn what_was_made_again_differently_is_not_as_before() {
        let again = |edit: &dyn Fn(&mut Value)| {
            let mut later = workload();
            later["metadata"]["uid"] = "another".into();
            edit(&mut later);
            let (old, new) = (Facets::of(Sort::Workload, &workload()), Facets::of(Sort::Workload, &later));
            old.agrees(&new, &OutsideWhat::Created)
        };
        let image = |w: &mut Value| w["spec"]["template"]["spec"]["containers"][0]["image"] = "other".into();
        assert!(again(&|_| ()) && !again(&image) && !again(&|w| w["spec"]["replicas"] = 2.into()));
        // A restore sets default values, and is compared elsewhere.
        assert!(again(&|w| {
            image(w);
            w["metadata"]["labels"] = json!({(RESTORED): "drill-1"});
        }));
    }
}
