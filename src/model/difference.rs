//! What is other than before: an object, and in which way.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An object by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectName {
    /// Its namespace; empty where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The API group of its kind; empty for the core group, and in journals of earlier versions.
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

    /// Whether its kind is one of Kubernetes itself: their groups have no dot, or end in k8s.io.
    pub fn is_built_in(&self) -> bool {
        !self.group.contains('.') || self.group.ends_with(".k8s.io")
    }

    /// As `mayBeLost` names it: the group is said only of kinds that somebody added to the cluster.
    pub fn in_namespace(&self) -> String {
        if self.is_built_in() {
            format!("{}/{}", self.kind, self.name)
        } else {
            format!("{}.{}/{}", self.kind, self.group, self.name)
        }
    }
}

/// In which way an object is other than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Differs {
    /// It is not there.
    Missing,
    /// These fields are other than before (JSON pointers).
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
    /// In which way it is other than before.
    pub what: Differs,
}

impl Difference {
    /// Whether the object is not there at all.
    pub fn is_missing(&self) -> bool {
        self.what == Differs::Missing
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.what)
    }
}
