//! The bindings file: what a scenario needs to know about one cluster, such as monitoring URLs, the node host and how
//! volumes are captured. `${env.NAME}` is replaced from the environment. This file holds the shape only; `scenario`
//! reads it. Start with [`Bindings`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WebhookUrl;
use super::{Dur, Environment, SecretRef};

/// What a scenario needs to know about one cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Bindings {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// Bindings
    pub kind: String,
    /// Values for ${bind.NAME} in a scenario.
    pub values: BTreeMap<String, Value>,
    /// Secrets for ${bind.NAME}: where each is read from.
    pub secrets: BTreeMap<String, SecretRef>,
    /// How nodes are powered off and on. Without it, steps on nodes are refused.
    pub node_host: Option<NodeHostSpec>,
    /// Base URL of Prometheus.
    pub prometheus: Option<String>,
    /// Base URLs of all Alertmanager replicas.
    pub alertmanager: Vec<String>,
    /// Datadog, whose monitors the readiness review reads.
    pub datadog: Option<DatadogSpec>,
    /// An alert that always fires. While it does not fire, verdicts about alerts are inconclusive.
    pub watchdog: Option<String>,
    /// The namespace of Velero. Default velero.
    pub velero: Option<String>,
    /// How volumes are captured, and how their files are read.
    pub volumes: VolumeMethod,
    /// The timing of the node lifecycle controller, if it differs from the defaults of Kubernetes.
    pub clocks: Option<ClocksSpec>,
    /// The API server's audit log in JSON lines, which shows who deleted what: a file on this machine (a relative path
    /// starts at the directory of this file), or an http(s) address that returns the lines.
    pub audit_log: Option<String>,
    /// A webhook that is called before the first act, and again if the drill leaves something broken. Required for
    /// clusters other than kind.
    pub announce: Option<WebhookUrl>,
    /// UID of the namespace kube-system of the one cluster on which destructive steps are allowed. Not needed for kind.
    pub allow_destruction: Option<String>,
    /// How strictly the pre-flight judges: own-kind, staging or production. Default: own-kind on a kind cluster,
    /// production on any other.
    pub environment: Option<Environment>,
    /// A Readiness file (objectives, attestations, waivers); a relative path starts at the directory of this file.
    pub readiness: Option<String>,
}

/// Whether a text that may be a file or an address is an address.
pub fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// The Datadog API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DatadogSpec {
    /// `https://api.datadoghq.com`, or the address of another Datadog site.
    pub url: String,
    /// The API key. Default: the environment variable DD_API_KEY.
    #[serde(default = "api_key")]
    pub api_key: SecretRef,
    /// The application key, which needs the permission to read monitors. Default: the environment variable DD_APP_KEY.
    #[serde(default = "application_key")]
    pub application_key: SecretRef,
}

impl DatadogSpec {
    /// The API at this address, with the keys of the environment.
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), api_key: api_key(), application_key: application_key() }
    }
}

fn api_key() -> SecretRef {
    SecretRef::Env("DD_API_KEY".into())
}

fn application_key() -> SecretRef {
    SecretRef::Env("DD_APP_KEY".into())
}

/// The timing of the node lifecycle controller.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClocksSpec {
    /// --node-monitor-grace-period
    pub grace: Dur,
    /// --node-monitor-period
    pub period: Dur,
    /// How often a kubelet renews its lease.
    pub renew: Dur,
    /// 1 / --node-eviction-rate
    pub eviction_interval: Dur,
}

/// How nodes are powered off and on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NodeHostSpec {
    /// Nodes are containers of a kind cluster on this machine.
    Kind(KindHost),
    /// Your own programs act on the nodes.
    Exec(Box<ExecHost>),
}

/// A kind cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KindHost {
    /// The name given to `kind create cluster --name`.
    pub cluster: String,
    /// The container engine's program. Default docker.
    #[serde(default = "docker")]
    pub engine: String,
}

/// Programs that act on a node. `{node}` in an argument is replaced by the node's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecHost {
    /// Prints the state of the node.
    pub state: Vec<String>,
    /// What `state` prints for a running node.
    pub running: String,
    /// What `state` prints for a node without power.
    pub off: String,
    /// What `state` prints for a paused node.
    #[serde(default)]
    pub paused: Option<String>,
    /// Cuts the power.
    #[serde(default)]
    pub kill: Vec<String>,
    /// Shuts the node down in an orderly way.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Freezes the node.
    #[serde(default)]
    pub pause: Vec<String>,
    /// Starts a node that was killed or stopped.
    pub start: Vec<String>,
    /// Resumes a paused node.
    #[serde(default)]
    pub unpause: Vec<String>,
    /// Cuts the node off from the network.
    #[serde(default)]
    pub partition: Vec<String>,
    /// Connects the node to the network again.
    #[serde(default)]
    pub rejoin: Vec<String>,
    /// What `state` prints for a node without network, if it can tell.
    #[serde(default)]
    pub isolated: Option<String>,
    /// Environment variables for these programs. `${env.NAME}` is replaced when the run begins, because the process
    /// that later undoes a run has another environment. The values are written to disk: keep secrets in files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl ExecHost {
    /// All programs with their arguments. A program that the bindings do not name is empty.
    pub fn programs_mut(&mut self) -> [&mut Vec<String>; 8] {
        [
            &mut self.state,
            &mut self.kill,
            &mut self.stop,
            &mut self.pause,
            &mut self.start,
            &mut self.unpause,
            &mut self.partition,
            &mut self.rejoin,
        ]
    }
}

fn docker() -> String {
    "docker".into()
}

/// How Velero captures volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Capture {
    /// File-system backup by the node agents.
    FileSystem,
    /// Snapshots.
    Snapshot,
    /// Not at all. Allowed only if no claim is in scope.
    #[default]
    None,
}

/// How volumes are captured, and how their files are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct VolumeMethod {
    /// An image with sh, find and sha256sum, and nc and timeout for tests of isolation. A short-lived pod of this image
    /// reads the checksums of each volume.
    pub reader_image: Option<String>,
    /// Why the files of volumes cannot be read on this cluster. Expectations on volumes are skipped for this reason.
    pub unreadable_because: Option<String>,
}
