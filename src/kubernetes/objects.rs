//! Reduced types of API objects, with only the fields that drillmaster uses. A field that the API server leaves out is
//! empty here and never an error.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Selector;
pub use super::{
    node::{Node, NodeInfo, NodeSpec, NodeStatus},
    pod::{Container, ContainerStatus, Pod, PodSpec, PodStatus, Port, Resources, Spread, workload_of},
};
use crate::model::{ObjectName, RUN_LABEL, WorkloadRef};

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
    pub labels: Arc<BTreeMap<String, String>>,
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
    #[serde(skip_serializing)]
    pub api_version: Option<String>,
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
}

/// A condition of an object.
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
    /// The reference that a scenario uses for it.
    pub fn reference(&self) -> Option<WorkloadRef> {
        WorkloadRef::of(&self.kind, &self.metadata.name)
    }

    /// How many pods it should have.
    pub fn wanted(&self) -> u32 {
        if self.kind == "DaemonSet" { self.status.desired_number_scheduled } else { self.spec.replicas.unwrap_or(1) }
    }

    /// How many pods are ready according to its own status.
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
    /// Without a selector, a budget selects nothing; with `{}`, it selects everything.
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

impl Claim {
    /// The name of the object.
    pub fn object_name(&self) -> ObjectName {
        ObjectName::claim(&self.metadata.namespace, &self.metadata.name)
    }
}

/// `spec` of a claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct ClaimSpec {
    pub volume_name: String,
    pub storage_class_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<String>,
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

/// An object of which only the metadata is needed, such as a namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Named {
    pub metadata: Meta,
    pub status: PodStatus,
}

impl Named {
    /// Whether the run with this id created it.
    pub fn is_of_run(&self, run: &str) -> bool {
        self.metadata.labels.get(RUN_LABEL).is_some_and(|of| of == run)
    }
}
