//! The differences between an object before and after a drill.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectName {
    /// The namespace; empty for a cluster-scoped object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The API group; empty for the core group, and in journals of earlier versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.in_namespace())
    }
}

impl ObjectName {
    /// A PersistentVolumeClaim.
    pub fn claim(namespace: &str, name: &str) -> Self {
        let kind = "PersistentVolumeClaim".to_owned();
        Self { namespace: namespace.to_owned(), group: String::new(), kind, name: name.to_owned() }
    }

    /// Whether Kubernetes itself defines the kind: its groups have no dot, or end in k8s.io.
    pub fn is_built_in(&self) -> bool {
        !self.group.contains('.') || self.group.ends_with(".k8s.io")
    }

    /// The name as `mayBeLost` writes it. The group is part of it only for kinds of custom resources.
    pub fn in_namespace(&self) -> String {
        if self.is_built_in() {
            format!("{}/{}", self.kind, self.name)
        } else {
            format!("{}.{}/{}", self.kind, self.group, self.name)
        }
    }
}

/// How an object differs from its state before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Differs {
    /// The object does not exist.
    Missing,
    /// These fields have other values (JSON pointers).
    ChangedAt(Vec<String>),
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::ChangedAt(fields) => write!(f, "changed at {}", fields.join(", ")),
        }
    }
}

/// A difference between before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The object.
    pub object: ObjectName,
    /// How it differs.
    pub what: Differs,
}

impl Difference {
    /// Whether the object does not exist at all.
    pub fn is_missing(&self) -> bool {
        self.what == Differs::Missing
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.what)
    }
}
