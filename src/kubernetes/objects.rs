//! Slim shapes of the API's objects: what a drill looks at, nothing else.
//! Whatever the API server leaves out is empty here, never an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use serde_json::Value;

use super::Selector;
pub use super::node::{Node, NodeInfo, NodeSpec, NodeStatus};
use crate::model::WorkloadRef;

/// `metadata`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Meta {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub resource_version: String,
    pub generation: i64,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<Owner>,
    pub deletion_timestamp: Option<String>,
    pub creation_timestamp: Option<String>,
    pub finalizers: Vec<String>,
}

/// An owner reference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Owner {
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
}

/// A condition of anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Condition {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
    pub reason: String,
    pub message: String,
    #[serde(rename = "lastTransitionTime", skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
}

pub(super) fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: String,
}

/// A toleration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Toleration {
    pub key: String,
    pub operator: String,
    pub value: String,
    pub effect: String,
    pub toleration_seconds: Option<i64>,
}

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
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    /// What others must say before it is Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readiness_gates: Vec<Value>,
    /// Of the pod as a whole; in place of those of its containers.
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

impl Resources {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}

/// Quantities are texts, and in YAML just as often numbers.
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

/// How a container fares.
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
    /// Condition Ready is True.
    pub fn is_ready(&self) -> bool {
        condition(&self.status.conditions, "Ready").is_some_and(|c| c.status == "True")
    }

    /// Seconds from a node to Ready, where its conditions still tell: after a restart
    /// they tell of that, whenever it was. A node that was silent takes Ready away and
    /// gives it back; of the containers that says nothing.
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

    /// It has been deleted and is still there.
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Counts for its workload: Ready and not going away (correctness 19).
    pub fn counts(&self) -> bool {
        self.is_ready() && !self.is_terminating()
    }

    /// It has run to its end.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Reason of condition DisruptionTarget: who took it away (correctness 8).
    pub fn disruption(&self) -> &str {
        condition(&self.status.conditions, "DisruptionTarget")
            .filter(|c| c.status == "True")
            .map_or("", |c| c.reason.as_str())
    }

    /// A static pod of a kubelet: the API only mirrors it.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.contains_key("kubernetes.io/config.mirror")
    }

    /// Its controller's kind; empty for a bare pod.
    pub fn controller(&self) -> Option<&Owner> {
        self.metadata.owner_references.iter().find(|o| o.controller)
    }

    /// The workload on top of its owner chain. A ReplicaSet of a Deployment is
    /// named after it and the template's hash, which the pod carries as a label.
    pub fn workload(&self) -> Option<WorkloadRef> {
        let owner = self.controller()?;
        if owner.kind != "ReplicaSet" {
            return WorkloadRef::of(&owner.kind, &owner.name);
        }
        let hash = self.metadata.labels.get("pod-template-hash")?;
        let name = owner.name.strip_suffix(hash)?.strip_suffix('-')?;
        WorkloadRef::of("Deployment", name)
    }

    /// The claims that it mounts.
    pub fn claims(&self) -> Vec<&str> {
        self.spec.volumes.iter().filter_map(|v| v.pointer("/persistentVolumeClaim/claimName")?.as_str()).collect()
    }
}

/// A Deployment, StatefulSet or DaemonSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Workload {
    pub kind: String,
    pub metadata: Meta,
    pub spec: WorkloadSpec,
    pub status: WorkloadStatus,
}

/// `spec` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct WorkloadSpec {
    pub replicas: Option<u32>,
    pub selector: Option<Selector>,
    pub template: Template,
    pub volume_claim_templates: Vec<Value>,
}

/// A pod template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Template {
    pub metadata: Meta,
    pub spec: PodSpec,
}

/// `status` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct WorkloadStatus {
    pub ready_replicas: u32,
    pub desired_number_scheduled: u32,
    pub number_ready: u32,
}

impl Workload {
    /// How a scenario names it.
    pub fn reference(&self) -> Option<WorkloadRef> {
        WorkloadRef::of(&self.kind, &self.metadata.name)
    }

    /// How many pods it wants.
    pub fn wanted(&self) -> u32 {
        if self.kind == "DaemonSet" { self.status.desired_number_scheduled } else { self.spec.replicas.unwrap_or(1) }
    }

    /// How many are ready by its own count.
    pub fn ready(&self) -> u32 {
        if self.kind == "DaemonSet" { self.status.number_ready } else { self.status.ready_replicas }
    }

    /// Its API path.
    pub fn path(&self) -> String {
        let plural = self.reference().map_or("", |r| r.plural());
        format!("/apis/apps/v1/namespaces/{}/{plural}/{}", self.metadata.namespace, self.metadata.name)
    }
}

/// A PodDisruptionBudget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Budget {
    pub metadata: Meta,
    pub spec: BudgetSpec,
    pub status: BudgetStatus,
}

/// `spec` of a budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct BudgetSpec {
    pub min_available: Option<Value>,
    pub max_unavailable: Option<Value>,
    /// Nil selects nothing, `{}` everything (checks D3).
    pub selector: Option<Selector>,
    pub unhealthy_pod_eviction_policy: Option<String>,
}

/// `status` of a budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct BudgetStatus {
    pub disruptions_allowed: i64,
    pub current_healthy: i64,
    pub desired_healthy: i64,
    pub expected_pods: i64,
    pub observed_generation: i64,
}

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Claim {
    pub metadata: Meta,
    pub spec: ClaimSpec,
    pub status: PodStatus,
}

/// `spec` of a claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct ClaimSpec {
    pub volume_name: String,
    pub storage_class_name: Option<String>,
}

/// A PersistentVolume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Volume {
    pub metadata: Meta,
    pub spec: VolumeSpec,
}

/// `spec` of a volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct VolumeSpec {
    pub persistent_volume_reclaim_policy: String,
    pub host_path: Option<Value>,
    pub local: Option<Value>,
    pub node_affinity: Option<Value>,
    pub claim_ref: Option<Value>,
}

/// Anything with metadata only: a namespace, say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Named {
    pub metadata: Meta,
    pub status: PodStatus,
}
