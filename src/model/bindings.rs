//! Bindings: what a scenario needs to know of one place. URLs, the node host,
//! how volumes are captured. `${env.NAME}` is filled in from the environment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WebhookUrl;
use super::{Dur, Environment, SecretRef};

/// What a scenario needs to know of one place.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Bindings {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// Bindings
    pub kind: String,
    /// Values for ${bind.NAME} in a scenario.
    pub values: BTreeMap<String, Value>,
    /// Secrets for ${bind.NAME}, by reference.
    pub secrets: BTreeMap<String, SecretRef>,
    /// How nodes are taken away and brought back. Without it, steps on nodes are refused.
    pub node_host: Option<NodeHostSpec>,
    /// Base URL of Prometheus.
    pub prometheus: Option<String>,
    /// Base URLs of every Alertmanager.
    pub alertmanager: Vec<String>,
    /// Datadog, whose monitors the readiness catalogue looks at.
    pub datadog: Option<DatadogSpec>,
    /// An alert that always fires: while it does not, alert verdicts are inconclusive.
    pub watchdog: Option<String>,
    /// Velero's namespace. Default velero.
    pub velero: Option<String>,
    /// How volumes are captured and read here.
    pub volumes: VolumeMethod,
    /// The node lifecycle controller's clocks, where they are not Kubernetes' defaults.
    pub clocks: Option<ClocksSpec>,
    /// The API server's audit log in JSON lines, which says who deleted what: a file on this machine, beside this one
    /// where it is not absolute, or an http(s) address that answers with the lines.
    pub audit_log: Option<String>,
    /// Told before the first act, and paged when something is left broken. Required off kind.
    pub announce: Option<WebhookUrl>,
    /// UID of namespace kube-system of the one cluster, off kind, on which destructive steps are allowed.
    pub allow_destruction: Option<String>,
    /// How strict the readiness catalogue is in the pre-flight: own-kind, staging, production.
    /// Default: own-kind on a kind cluster, production anywhere else.
    pub environment: Option<Environment>,
    /// A Readiness file (objectives, attestations, waivers), beside this one.
    pub readiness: Option<String>,
}

/// Whether what may be a file or an address is an address.
pub fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Datadog's API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DatadogSpec {
    /// `https://api.datadoghq.com`, or that of another site.
    pub url: String,
    /// The API key. Default: the environment's DD_API_KEY.
    #[serde(default = "api_key")]
    pub api_key: SecretRef,
    /// The application key, which must be allowed to read monitors. Default: the environment's DD_APP_KEY.
    #[serde(default = "application_key")]
    pub application_key: SecretRef,
}

impl DatadogSpec {
    /// With the keys that the environment has.
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

/// The node lifecycle controller's clocks.
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

/// How nodes are taken away and brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NodeHostSpec {
    /// Nodes are containers of a kind cluster on this machine.
    Kind(KindHost),
    /// Nodes are reached by programs of yours.
    Exec(Box<ExecHost>),
}

/// A kind cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KindHost {
    /// The name given to `kind create cluster --name`.
    pub cluster: String,
    /// The engine's program. Default docker.
    #[serde(default = "docker")]
    pub engine: String,
}

/// Programs that act on a node. `{node}` in an argument is its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecHost {
    /// Prints the state of a node.
    pub state: Vec<String>,
    /// What `state` prints for a node that runs.
    pub running: String,
    /// What `state` prints for a node that is off.
    pub off: String,
    /// What `state` prints for a node that is paused.
    #[serde(default)]
    pub paused: Option<String>,
    /// Takes the power away.
    #[serde(default)]
    pub kill: Vec<String>,
    /// Shuts down in order.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Freezes.
    #[serde(default)]
    pub pause: Vec<String>,
    /// Brings back what was killed or stopped.
    pub start: Vec<String>,
    /// Brings back what was paused.
    #[serde(default)]
    pub unpause: Vec<String>,
    /// Cuts off from the network.
    #[serde(default)]
    pub partition: Vec<String>,
    /// Brings back what was cut off.
    #[serde(default)]
    pub rejoin: Vec<String>,
    /// What `state` prints for a node that is cut off, where it can tell.
    #[serde(default)]
    pub isolated: Option<String>,
    /// Variables that these programs are given, `${env.NAME}` filled in when the run begins: whoever puts a
    /// node back later has another environment. They are written down: keep secrets in files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl ExecHost {
    /// Every program with its arguments; empty where the bindings name none.
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
    /// Not at all: only where no claim is in scope.
    #[default]
    None,
}

/// How volumes are captured and read in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct VolumeMethod {
    /// Image with sh, find and sha256sum (nc and timeout too, to test isolation): a short-lived pod of it reads each volume's checksums.
    pub reader_image: Option<String>,
    /// Why volumes cannot be read here: expectations on them are skipped for this reason.
    pub unreadable_because: Option<String>,
}
