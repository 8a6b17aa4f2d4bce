//! Nodes, as far as drillmaster uses them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    objects::{Condition, Meta, Taint, condition},
    pod::quantities,
};

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct Node {
    pub metadata: Meta,
    pub spec: NodeSpec,
    pub status: NodeStatus,
}

/// `spec` of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct NodeSpec {
    pub unschedulable: bool,
    pub taints: Vec<Taint>,
    #[serde(rename = "providerID")]
    pub provider_id: String,
    #[serde(rename = "podCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub pod_cidrs: Vec<String>,
}

/// `status` of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct NodeStatus {
    pub conditions: Vec<Condition>,
    #[serde(deserialize_with = "quantities")]
    pub allocatable: BTreeMap<String, String>,
    pub addresses: Vec<BTreeMap<String, String>>,
    #[serde(rename = "nodeInfo")]
    pub node_info: NodeInfo,
}

/// What the kubelet reports about the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are Kubernetes' own fields")]
pub struct NodeInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kubelet_version: String,
}

impl Node {
    /// Status of the condition Ready; `Unknown` if there is none.
    pub fn ready(&self) -> &str {
        condition(&self.status.conditions, "Ready").map_or("Unknown", |c| c.status.as_str())
    }

    /// Its zone, by the current or the older label.
    pub fn zone(&self) -> &str {
        ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"]
            .iter()
            .find_map(|key| self.metadata.labels.get(*key))
            .map_or("", String::as_str)
    }

    /// `label=value` of the node pool, by the labels of cloud providers and autoscalers; empty if there is none.
    pub fn pool(&self) -> String {
        [
            "karpenter.sh/nodepool",
            "eks.amazonaws.com/nodegroup",
            "cloud.google.com/gke-nodepool",
            "kubernetes.azure.com/agentpool",
            "cluster.x-k8s.io/deployment-name",
        ]
        .iter()
        .find_map(|key| Some(format!("{key}={}", self.metadata.labels.get(*key)?)))
        .unwrap_or_default()
    }

    /// Whether it runs the control plane.
    pub fn is_control_plane(&self) -> bool {
        ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"]
            .iter()
            .any(|key| self.metadata.labels.contains_key(*key))
    }

    /// Its own IPv4 address, and the ranges of its pods.
    pub fn networks(&self) -> Vec<String> {
        let own = self.status.addresses.iter().filter(|a| a.get("type").is_some_and(|t| t == "InternalIP"));
        let all = own.filter_map(|a| a.get("address").cloned()).chain(self.spec.pod_cidrs.iter().cloned());
        all.filter(|a| a.contains('.')).collect()
    }

    /// `key=value:effect` of each taint.
    pub fn taints(&self) -> Vec<String> {
        self.spec.taints.iter().map(|t| format!("{}:{}", t.key, t.effect)).collect()
    }

    /// Its internal address.
    pub fn internal_ip(&self) -> &str {
        self.status
            .addresses
            .iter()
            .find(|a| a.get("type").is_some_and(|t| t == "InternalIP"))
            .and_then(|a| a.get("address"))
            .map_or("", String::as_str)
    }
}
