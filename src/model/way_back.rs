//! Everything that the undo of a run needs from the machine on which the run began,
//! resolved while nothing is broken yet: another process finds its way by it from any
//! directory and with an empty environment.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{NodeHostSpec, SecretRef, VolumeMethod};

/// The way back. It holds no secret and no webhook's URL: only where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WayBack {
    /// Context of the cluster.
    #[serde(default)]
    pub context: String,
    /// Context of the second cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<String>,
    /// The service account of the pod that it ran in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_cluster: bool,
    /// The kubeconfig's files, as in $KUBECONFIG.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kubeconfigs: Vec<PathBuf>,
    /// The scenario's file, as it was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scenario: String,
    /// The bindings' file. The undo reads one thing in it: whom to page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bindings: Option<PathBuf>,
    /// What the undo needs of the bindings; none in a run of version 0.1.0, which kept the
    /// names of files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
}

/// What an undo needs of the place in which its run began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Needs {
    /// The working directory.
    pub directory: PathBuf,
    /// Variables that say where programs find their settings.
    pub environment: BTreeMap<String, String>,
    /// Programs by the names that scenario and bindings call them, and where each is.
    pub programs: BTreeMap<String, PathBuf>,
    /// How nodes are given back what they lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_host: Option<NodeHostSpec>,
    /// Velero's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velero: Option<String>,
    /// How volumes are read.
    pub volumes: VolumeMethod,
    /// References to the secrets that undo commands are given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretRef>,
}
