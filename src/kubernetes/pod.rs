//! Pods and their containers.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use serde_json::Value;

use super::{
    Selector,
    objects::{Condition, Meta, Owner, Toleration, condition},
};
use crate::model::WorkloadRef;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Pod {
    pub metadata: Meta,
    pub spec: PodSpec,
    pub status: PodStatus,
}

/// `spec` of a pod or of a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct PodSpec {
    pub node_name: String,
    /// Shared by equal pods, of which a cluster has thousands.
    pub containers: Arc<Vec<Container>>,
    #[serde(skip_serializing_if = "is_empty")]
    pub init_containers: Arc<Vec<Container>>,
    /// Conditions that other controllers must set before the pod is Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readiness_gates: Vec<Value>,
    /// Resources of the whole pod, which replace those of its containers.
    #[serde(skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
    #[serde(deserialize_with = "quantities", skip_serializing_if = "BTreeMap::is_empty")]
    pub overhead: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preemption_policy: String,
    pub tolerations: Vec<Toleration>,
    pub node_selector: BTreeMap<String, String>,
    pub affinity: Value,
    pub topology_spread_constraints: Vec<Spread>,
    pub volumes: Vec<Value>,
    pub termination_grace_period_seconds: Option<i64>,
    /// Whether it uses the network of its node, where NetworkPolicies do not apply.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Container {
    pub name: String,
    pub image: String,
    pub resources: Resources,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub restart_policy: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
}

/// A port of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Port {
    pub host_port: u16,
    pub protocol: String,
}

/// Requests of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Resources {
    #[serde(deserialize_with = "quantities")]
    pub requests: BTreeMap<String, String>,
    #[serde(deserialize_with = "quantities")]
    pub limits: BTreeMap<String, String>,
}

fn is_empty(containers: &Arc<Vec<Container>>) -> bool {
    containers.is_empty()
}

impl Resources {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}

/// Quantities are texts, but in YAML they are often numbers.
pub(super) fn quantities<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let written: BTreeMap<String, Quantity> = BTreeMap::deserialize(from)?;
    Ok(written.into_iter().map(|(name, Quantity(text))| (name, text)).collect())
}

struct Quantity(String);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Quantity;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a quantity: 500m, 64Mi or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Quantity, E> {
                Ok(Quantity(text))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }
        }
        from.deserialize_any(Any)
    }
}

/// A topology spread constraint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Spread {
    pub max_skew: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_domains: Option<u32>,
    pub topology_key: String,
    pub when_unsatisfiable: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity_policy: Option<String>,
    pub node_taints_policy: Option<String>,
    pub label_selector: Option<Selector>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<String>,
}

/// `status` of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct PodStatus {
    pub phase: String,
    pub conditions: Vec<Condition>,
    #[serde(rename = "containerStatuses", skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
}

/// The state of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct ContainerStatus {
    pub restart_count: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(rename = "imageID", skip_serializing_if = "String::is_empty")]
    pub image_id: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub state: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub last_state: Value,
}

impl Pod {
    /// Whether the condition Ready is True.
    pub fn is_ready(&self) -> bool {
        condition(&self.status.conditions, "Ready").is_some_and(|c| c.status == "True")
    }

    /// Seconds from scheduling to Ready, if its conditions still show it. After a restart of a container they show that
    /// restart. When a node was unreachable for a while, the condition Ready was taken away and given back, which says
    /// nothing about the containers.
    pub fn start_seconds(&self) -> Option<u64> {
        if self.status.container_statuses.iter().any(|c| c.restart_count > 0) {
            return None;
        }
        let at = |type_: &str| -> Option<jiff::Timestamp> {
            let found = condition(&self.status.conditions, type_).filter(|c| c.status == "True")?;
            found.last_transition_time.as_ref()?.parse().ok()
        };
        let ready = at("Ready")?;
        let ready =
            at("ContainersReady").filter(|_| self.spec.readiness_gates.is_empty()).map_or(ready, |c| c.min(ready));
        u64::try_from(ready.duration_since(at("PodScheduled")?).as_secs()).ok()
    }

    /// Whether it was deleted and still exists.
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether it counts for its workload: Ready and not Terminating.
    pub fn counts(&self) -> bool {
        self.is_ready() && !self.is_terminating()
    }

    /// Whether it has finished.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// The reason of the condition DisruptionTarget, which shows who removed the pod.
    pub fn disruption(&self) -> &str {
        condition(&self.status.conditions, "DisruptionTarget")
            .filter(|c| c.status == "True")
            .map_or("", |c| c.reason.as_str())
    }

    /// Whether it is a static pod of a kubelet, which the API server only mirrors.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.contains_key("kubernetes.io/config.mirror")
    }

    /// Its controller; none if it has no controller.
    pub fn controller(&self) -> Option<&Owner> {
        self.metadata.owner_references.iter().find(|o| o.controller)
    }

    /// The workload at the top of its owner chain.
    pub fn workload(&self) -> Option<WorkloadRef> {
        workload_of(self.controller()?, self.metadata.labels.get("pod-template-hash").map(String::as_str))
    }

    /// The claims that it mounts.
    pub fn claims(&self) -> Vec<&str> {
        self.spec.volumes.iter().filter_map(|v| v.pointer("/persistentVolumeClaim/claimName")?.as_str()).collect()
    }
}

/// The workload at the top of the owner chain of a pod with this controller. The name of a Deployment's ReplicaSet
/// consists of the Deployment's name and the hash of the template, which the pod has as its label `pod-template-hash`.
///
/// Other API groups have kinds of the same names, such as OpenKruise's StatefulSet. Their pods do not belong to the
/// workload of this name.
pub fn workload_of(controller: &Owner, template: Option<&str>) -> Option<WorkloadRef> {
    let is_of_apps = |version: &String| version.split_once('/').is_some_and(|(group, _)| group == "apps");
    if !controller.api_version.as_ref().is_none_or(is_of_apps) {
        return None;
    }
    if controller.kind != "ReplicaSet" {
        return WorkloadRef::of(&controller.kind, &controller.name);
    }
    let name = controller.name.strip_suffix(template?)?.strip_suffix('-')?;
    WorkloadRef::of("Deployment", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_of_another_group_with_the_same_kind_is_another_workload() {
        let of = |group: &str, kind: &str, name: &str, template: Option<&str>| {
            let owner =
                Owner { api_version: Some(group.into()), kind: kind.into(), name: name.into(), ..Owner::default() };
            workload_of(&owner, template).map(|w| w.to_string())
        };
        assert_eq!(of("apps/v1", "StatefulSet", "orders", None).as_deref(), Some("statefulset/orders"));
        assert_eq!(of("apps/v1", "ReplicaSet", "web-5d8c", Some("5d8c")).as_deref(), Some("deployment/web"));
        for (group, kind) in
            [("apps.kruise.io/v1beta1", "StatefulSet"), ("kruise.io/apps", "ReplicaSet"), ("v1", "ReplicaSet")]
        {
            assert_eq!(of(group, kind, "web-5d8c", Some("5d8c")), None, "{group} {kind}");
        }
        // A ReplicaSet without a Deployment, or with a label that somebody wrote.
        for template in [None, Some("other"), Some(""), Some("web-5d8c"), Some("\u{1b}[1m")] {
            assert_eq!(of("apps/v1", "ReplicaSet", "web-5d8c", template), None, "{template:?}");
        }
    }
}
