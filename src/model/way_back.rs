//! Everything that the undo of a run needs from the machine on which the run began. It is collected before anything is
//! broken, so that another process can undo the run from any directory and with an empty environment.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{NodeHostSpec, SecretRef, VolumeMethod};

/// What the undo needs. It contains neither a secret nor the URL of a webhook, only where to read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WayBack {
    /// Context of the cluster.
    #[serde(default)]
    pub context: String,
    /// Context of the second cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<String>,
    /// Whether the run used the service account of the pod in which it ran.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_cluster: bool,
    /// The kubeconfig files, as in $KUBECONFIG.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kubeconfigs: Vec<PathBuf>,
    /// The scenario file, as it was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scenario: String,
    /// The bindings file. The undo reads only the webhook for pages from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bindings: Option<PathBuf>,
    /// What the undo needs from the bindings. None in a run of version 0.1.0, which kept only file names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
}

/// What an undo needs from the machine and the bindings of its run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Needs {
    /// The working directory.
    pub directory: PathBuf,
    /// Environment variables that tell programs where their configuration is.
    pub environment: BTreeMap<String, String>,
    /// Where each program is, by the name that the scenario or the bindings use.
    pub programs: BTreeMap<String, PathBuf>,
    /// How nodes are powered on again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_host: Option<NodeHostSpec>,
    /// Velero's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub velero: Option<String>,
    /// How the files of volumes are read.
    pub volumes: VolumeMethod,
    /// Where to read the secrets that undo commands need.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretRef>,
}
