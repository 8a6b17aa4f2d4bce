//! What a drill may touch. Each target is identified by its UID too, so that a later object of the same name is not
//! mistaken for it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A node, identified when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTarget {
    /// The Node object's name.
    pub name: String,
    /// The UID of the Node object. A replaced node has another UID.
    pub uid: String,
    /// `spec.providerID`; empty if the provider does not set one.
    #[serde(default)]
    pub provider_id: String,
    /// Its failure domain.
    pub zone: String,
    /// `label=value` of the node pool from which autoscaling would take a replacement; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pool: String,
}

/// An object of the API, identified by its path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The request path, such as `/api/v1/nodes/node-a-0`.
    pub path: String,
    /// Its UID when the plan was made, or when its earlier state was read.
    #[serde(default)]
    pub uid: String,
}

impl ObjectRef {
    /// A workload by its name, without a UID.
    pub fn of_workload(namespace: &str, workload: &WorkloadRef) -> Self {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/{}/{}", workload.plural(), workload.name);
        Self { path, uid: String::new() }
    }

    /// The workload that the path leads to.
    pub fn workload(&self) -> Option<ScopedWorkload> {
        let mut parts = self.path.strip_prefix("/apis/apps/v1/namespaces/")?.split('/');
        let (namespace, plural, name) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, _) = WorkloadRef::KINDS.iter().find(|(_, p)| *p == plural).filter(|_| parts.next().is_none())?;
        Some(ScopedWorkload { namespace: namespace.to_owned(), workload: WorkloadRef { kind, name: name.to_owned() } })
    }
}

/// A workload as a scenario names it: `deployment/web`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadRef {
    /// `deployment`, `statefulset` or `daemonset`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

impl WorkloadRef {
    /// The kinds that can be named, with the API's plural.
    pub const KINDS: [(&'static str, &'static str); 3] =
        [("deployment", "deployments"), ("statefulset", "statefulsets"), ("daemonset", "daemonsets")];

    /// The reference to a workload of an API kind such as `Deployment`.
    pub fn of(kind: &str, name: &str) -> Option<Self> {
        Self::KINDS
            .iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(kind))
            .map(|(k, _)| Self { kind: k, name: name.to_owned() })
    }

    /// The API's plural resource name.
    pub fn plural(&self) -> &'static str {
        Self::KINDS.iter().find(|(k, _)| *k == self.kind).map_or("", |(_, plural)| plural)
    }
}

impl fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for WorkloadRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/').and_then(|(kind, name)| Self::of(kind, name)).filter(|w| !w.name.is_empty()).ok_or_else(
            || format!("`{text}` is not a workload: write deployment/NAME, statefulset/NAME or daemonset/NAME"),
        )
    }
}

impl Serialize for WorkloadRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkloadRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A workload with its namespace, written `namespace/kind/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScopedWorkload {
    /// Its namespace.
    pub namespace: String,
    /// The workload.
    pub workload: WorkloadRef,
}

impl fmt::Display for ScopedWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.workload)
    }
}

impl Serialize for ScopedWorkload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopedWorkload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (namespace, workload) = text
            .split_once('/')
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not namespace/kind/name")))?;
        Ok(Self { namespace: namespace.to_owned(), workload: workload.parse().map_err(serde::de::Error::custom)? })
    }
}

impl schemars::JsonSchema for WorkloadRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Workload".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "workload",
            "description": "deployment/NAME, statefulset/NAME or daemonset/NAME.",
        })
    }
}
