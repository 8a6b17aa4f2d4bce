//! The scenario file as a type. Comments here become the descriptions of its
//! JSON Schema: they are what an editor shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{BodyRule, DataSpec, Dur, Expectation, Percent, Step, UpRule, WorkloadRef};

/// One drill: what is broken, how it is put back, and what must hold meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scenario {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// Scenario
    pub kind: String,
    /// Name and title.
    pub metadata: Metadata,
    /// What the drill tries to show, in prose. The report begins with it.
    pub hypothesis: String,
    /// Variables: a default value, or {type, default}, or {secret: {env | file | exec}}. Used as ${name}.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// What the drill is about.
    pub scope: Scope,
    /// Probes that run from before the first fault to the end.
    #[serde(default)]
    pub probes: Vec<ProbeEntry>,
    /// Append logs that are written to from before the first fault to the end, and read back.
    #[serde(default)]
    pub data: Vec<DataSpec>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What must hold.
    pub expect: Vec<Expectation>,
    /// When to stop early and put everything back.
    #[serde(default)]
    pub abort: Vec<AbortSpec>,
    /// Caps on what may be touched.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Platform namespaces that may have pods in the blast radius.
    #[serde(default)]
    pub collateral: Vec<String>,
    /// Controls that this drill is evidence for, by framework.
    #[serde(default)]
    pub controls: BTreeMap<String, Vec<String>>,
}

/// Name and title.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Lower-case words with dashes.
    pub name: String,
    /// One sentence.
    pub title: String,
}

/// What the drill is about.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Namespaces of the application.
    pub namespaces: Vec<String>,
    /// Workloads that must survive.
    #[serde(default)]
    pub critical: Vec<WorkloadRef>,
}

/// One probe. Exactly one of http, tcp and exec.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProbeEntry {
    /// Its name, for expectations and waits.
    pub name: String,
    /// A GET on a new connection each time.
    #[serde(default)]
    pub http: Option<HttpProbe>,
    /// HOST:PORT that must accept a connection.
    #[serde(default)]
    pub tcp: Option<String>,
    /// A program that must exit with 0; no shell.
    #[serde(default)]
    pub exec: Option<Vec<String>>,
    /// Time between two sends, however long an answer takes. Default 250ms.
    #[serde(default = "quarter_second")]
    pub every: Dur,
    /// No answer for this long is a failure. Default 1s.
    #[serde(default = "second")]
    pub timeout: Dur,
    /// When the service counts as up. Default 8 successes over 4s.
    #[serde(default)]
    pub up: UpRule,
    /// The service is not there before the fault (in a second cluster, say) and must come up after it.
    #[serde(default)]
    pub starts_down: bool,
    /// Workloads whose pods answer it, such as deployment/web: the fault reached the service when it hit one of these.
    #[serde(default)]
    pub backed_by: Vec<WorkloadRef>,
    /// HOST:PORT beside the service (a gateway, say) that is asked when a sample fails. If that
    /// does not answer either, the sample says nothing: the probe has lost its vantage point.
    #[serde(default)]
    pub vantage: Option<String>,
}

/// An HTTP probe.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Where.
    pub url: String,
    /// Expected status. Default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// What the body must be: the whole of it (white space at its ends aside), or one of prefix,
    /// regex, json. Without it a load balancer's default page would pass.
    #[serde(default)]
    pub body: BodyRule,
}

/// A reason to stop early and put everything back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AbortSpec {
    /// The probe.
    pub probe: String,
    /// Down, or not to be evaluated, for longer than this.
    pub down_for: Dur,
}

/// Caps on what may be touched.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Share of the workers that may be away at once. Default 34%.
    pub nodes: Percent,
    /// Zones that may be away at once. Default 1.
    pub zones: u32,
    /// Namespaces that may be deleted. Default 1.
    pub namespaces: u32,
    /// Time for all steps together. Default 40m.
    pub duration: Dur,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self { nodes: Percent(34), zones: 1, namespaces: 1, duration: Dur::secs(40 * 60) }
    }
}

fn quarter_second() -> Dur {
    Dur(std::time::Duration::from_millis(250))
}

fn second() -> Dur {
    Dur::secs(1)
}

fn ok() -> u16 {
    200
}
