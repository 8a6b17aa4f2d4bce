//! The closed lists and the special values in the description of a cluster. A catalogue of small types.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The version of the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterVersion {
    /// The first.
    #[default]
    #[serde(rename = "drillmaster.dev/v1")]
    V1,
}

/// The kind of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterKind {
    /// A simulated cluster.
    #[default]
    Cluster,
}

/// The kind of the volumes of a storage class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VolumeSource {
    /// A CSI driver: a volume is not bound to a node.
    #[default]
    Csi,
    /// A disk of one node.
    Local,
    /// A directory of one node. Velero skips such volumes.
    HostPath,
}

impl VolumeSource {
    /// The word in the description.
    pub fn word(self) -> &'static str {
        match self {
            Self::Csi => "csi",
            Self::Local => "local",
            Self::HostPath => "hostPath",
        }
    }
}

/// What happens to a volume when its claim is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reclaim {
    /// It is deleted.
    #[default]
    Delete,
    /// It is kept.
    Retain,
}

impl Reclaim {
    /// The word in the description.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Retain => "Retain",
        }
    }
}

/// How the pods of a workload are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Spread {
    /// Over zones, if possible.
    #[serde(rename = "zone")]
    Zone,
    /// Over nodes, if possible.
    #[serde(rename = "node")]
    Node,
    /// Over zones; a pod that would break the spread stays Pending.
    #[serde(rename = "zone!")]
    OnlyZone,
    /// Over nodes; a pod that would break the spread stays Pending.
    #[serde(rename = "node!")]
    OnlyNode,
}

impl Spread {
    /// The label of a node that decides.
    pub fn key(self) -> &'static str {
        match self {
            Self::Zone | Self::OnlyZone => "topology.kubernetes.io/zone",
            Self::Node | Self::OnlyNode => "kubernetes.io/hostname",
        }
    }

    /// What Kubernetes does with a pod that would break the spread.
    pub fn otherwise(self) -> &'static str {
        match self {
            Self::Zone | Self::Node => "ScheduleAnyway",
            Self::OnlyZone | Self::OnlyNode => "DoNotSchedule",
        }
    }
}

impl std::str::FromStr for Spread {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        serde_json::from_value(Value::from(word)).map_err(drop)
    }
}

/// The keys of a budget. Numbers and percentages are checked with the rest of the description.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct BudgetKeys {
    /// The number or percentage of pods that must stay available.
    min_available: Option<Value>,
    /// The number or percentage of pods that may be unavailable.
    max_unavailable: Option<Value>,
    /// Whether pods that are not Ready may be evicted: IfHealthyBudget or AlwaysAllow.
    unhealthy_pod_eviction_policy: Option<EvictionPolicy>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
enum EvictionPolicy {
    IfHealthyBudget,
    AlwaysAllow,
}

/// An amount of CPU or memory. Kubernetes accepts `cpu: 2` as well as `cpu: "2"`.
pub(super) struct Amount;

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number"], "format": "amount"})
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Number(serde_json::Number),
}

impl From<Written> for String {
    fn from(written: Written) -> Self {
        match written {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        }
    }
}

/// Reads an amount.
pub(super) fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Written::deserialize(from).map(String::from)
}

/// Reads an amount that may be missing.
pub(super) fn some_amount<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Written>::deserialize(from)?.map(String::from))
}
