//! A pod with the fields that are observed, and no others. A watch reads each change of ten thousand pods into it, so
//! everything that is not read here would be wasted. Start with [`ObservedPod`].

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{
    deletions::Keeper,
    watch::{Identity, Watched},
};
use crate::{
    event::PodView,
    kubernetes::objects::{Owner, workload_of},
    model::RUN_LABEL,
};

/// A pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ObservedPod {
    metadata: Meta,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    name: String,
    namespace: String,
    uid: String,
    resource_version: Option<String>,
    labels: Option<Labels>,
    owner_references: Vec<Owner>,
    deletion_timestamp: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    reason: String,
}

/// What the labels of a pod say.
#[derive(Debug, Default)]
struct Labels {
    /// The hash of the template of its ReplicaSet.
    template: Option<String>,
    /// Whether a drill created the pod.
    of_a_drill: bool,
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Labels;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = Labels::default();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match &*key {
                        "pod-template-hash" => labels.template = Some(map.next_value()?),
                        key => {
                            labels.of_a_drill |= key == RUN_LABEL;
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(labels)
            }
        }
        from.deserialize_map(Reader)
    }
}

impl Watched for ObservedPod {
    fn identity(&self) -> Identity<'_> {
        let Meta { uid, namespace, name, resource_version, .. } = &self.metadata;
        Identity { uid, namespace, name, version: resource_version.as_deref() }
    }

    fn set_kind(&mut self, _: &str) {}
}

impl ObservedPod {
    fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|c| c.type_ == type_ && c.status == "True")
    }

    fn controller(&self) -> Option<&Owner> {
        self.metadata.owner_references.iter().find(|o| o.controller)
    }

    /// Who is responsible for the pod, by its owner, and by the label of the drill's own pods.
    pub(super) fn keeper(&self) -> Keeper {
        if self.metadata.labels.as_ref().is_some_and(|labels| labels.of_a_drill) {
            Keeper::Drill
        } else if self.controller().is_some() {
            Keeper::Controller
        } else {
            Keeper::Nobody
        }
    }

    /// Its UID, namespace and name.
    pub(super) fn into_names(self) -> (String, String, String) {
        (self.metadata.uid, self.metadata.namespace, self.metadata.name)
    }

    /// The pod as an event shows it, and its version. `aside`: whether it is outside the scope.
    pub(super) fn into_view(self, aside: bool) -> (PodView, String) {
        let template = self.metadata.labels.as_ref().and_then(|labels| labels.template.as_deref());
        let owner = self.controller().and_then(|owner| workload_of(owner, template));
        let view = PodView {
            owner: owner.map(|o| o.to_string()).unwrap_or_default(),
            ready: self.condition("Ready").is_some(),
            terminating: self.metadata.deletion_timestamp.is_some(),
            disruption: self.condition("DisruptionTarget").map(|c| c.reason.clone()).unwrap_or_default(),
            namespace: self.metadata.namespace,
            name: self.metadata.name,
            uid: self.metadata.uid,
            node: self.spec.node_name,
            phase: self.status.phase,
            aside,
        };
        (view, self.metadata.resource_version.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kubernetes::objects::Pod;

    #[test]
    fn a_pod_is_observed_as_its_whole_object_says() {
        let owner = json!([{"kind": "ReplicaSet", "name": "web-5d8c", "uid": "o", "controller": true}]);
        let ready = json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]);
        let taken = json!([{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]);
        let own = json!({"pod-template-hash": "5d8c", "app": "web"});
        for (labels, owners, conditions, deleted) in [
            (own.clone(), owner.clone(), ready.clone(), json!(null)),
            (own, owner.clone(), taken, json!("2026-01-01T00:00:00Z")),
            (json!({(RUN_LABEL): "run"}), json!([]), ready, json!(null)),
            (json!({"app": "web"}), owner, json!([]), json!(null)),
        ] {
            let object = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-1", "namespace": "shop",
                    "uid": "u", "resourceVersion": "7", "labels": labels, "ownerReferences": owners,
                    "deletionTimestamp": deleted},
                "spec": {"nodeName": "node-a", "containers": [{"name": "web", "ports": [{"hostPort": "strange"}]}]},
                "status": {"phase": "Running", "conditions": conditions, "podIP": "10.0.0.1"}});
            let mut plain = object.clone();
            plain["spec"] = json!({"nodeName": "node-a"});
            let pod: Pod = serde_json::from_value(plain).expect("a pod");
            let observed: ObservedPod = serde_json::from_value(object).expect("the same pod");
            let is_of_a_drill = pod.metadata.labels.contains_key(RUN_LABEL);
            assert_eq!(observed.keeper() == Keeper::Drill, is_of_a_drill);
            let (view, version) = observed.into_view(false);
            assert_eq!(version, pod.metadata.resource_version);
            assert_eq!(view.owner, pod.workload().map(|w| w.to_string()).unwrap_or_default());
            assert_eq!((view.ready, view.terminating), (pod.is_ready(), pod.is_terminating()));
            assert_eq!((view.disruption.as_str(), view.node.as_str()), (pod.disruption(), "node-a"));
        }
    }
}
