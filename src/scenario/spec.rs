//! The scenario file as a type. The comments here become the descriptions in its JSON Schema, which editors show.
//! Start with [`Scenario`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{
    About, BodyRule, DataSpec, Dur, Expectation, ObjectiveRefs, Percent, PlanUnderTest, Step, UpRule, WorkloadRef,
};

/// One drill: what is broken, how it is put back, and what must hold during it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scenario {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// Scenario
    pub kind: String,
    /// Name and title, and what the reports tell about the drill.
    pub metadata: Metadata,
    /// What the drill is meant to show, as prose. The report begins with it.
    pub hypothesis: String,
    /// Variables: a default value, or {type, default}, or {secret: {env | file | exec}}. Used as ${name}.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// The application that the drill tests.
    pub scope: Scope,
    /// Probes. They run from before the first fault to the end.
    #[serde(default)]
    pub probes: Vec<ProbeEntry>,
    /// Append logs. The drill writes to them from before the first fault to the end, and reads them back.
    #[serde(default)]
    pub data: Vec<DataSpec>,
    /// What the drill does, in this order.
    pub steps: Vec<Step>,
    /// What must hold.
    pub expect: Vec<Expectation>,
    /// When to stop early and put everything back.
    #[serde(default)]
    pub abort: Vec<AbortSpec>,
    /// Limits for what the drill may touch.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Platform namespaces whose pods may be affected.
    #[serde(default)]
    pub collateral: Vec<String>,
    /// The controls for which this drill is evidence, by framework: soc2, iso22301, iso27001, nist80034, nist80053,
    /// nist80084, dora, doraRts, or one of your own.
    #[serde(default)]
    pub controls: BTreeMap<String, Vec<String>>,
}

/// Name and title, and what the reports tell their readers about the drill.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// Lower-case words with dashes.
    pub name: String,
    /// One sentence.
    pub title: String,
    /// Version of the scenario.
    #[serde(default)]
    pub version: String,
    /// Who maintains the scenario. Reports propose this owner for actions, and never assign one.
    #[serde(default)]
    pub owner: String,
    /// Labels of your organisation, such as `team: payments`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The business function that the application serves.
    #[serde(default)]
    pub business_function: String,
    /// The tier of this function, from 1 (most critical) to 9.
    #[serde(default)]
    #[schemars(range(min = 1, max = 9))]
    pub tier: Option<u8>,
    /// The objectives that your organisation has set, and where they are written. The expectations decide the verdict.
    #[serde(default)]
    pub objectives: ObjectiveRefs,
    /// The recovery plan or runbook that the drill tests.
    #[serde(default)]
    pub plan_under_test: Option<PlanUnderTest>,
    /// What the drill does not cover.
    #[serde(default)]
    pub out_of_scope: Vec<String>,
    /// What the drill takes for granted.
    #[serde(default)]
    pub assumptions: Vec<String>,
    /// How often the drill is to be run, such as 365d.
    #[serde(default)]
    pub every: Option<Dur>,
    /// Whether a new container image of the application makes the last pass outdated (`history --context`). Default
    /// false: images change with every release.
    #[serde(default)]
    pub rests_on_images: bool,
}

impl Scenario {
    /// What the scenario says about itself, for the plan and the reports.
    pub fn about(&self) -> About {
        let m = self.metadata.clone();
        About {
            version: m.version,
            owner: m.owner,
            labels: m.labels,
            business_function: m.business_function,
            tier: m.tier,
            objectives: m.objectives,
            plan_under_test: m.plan_under_test,
            out_of_scope: m.out_of_scope,
            assumptions: m.assumptions,
            every: m.every,
            rests_on_images: m.rests_on_images,
            controls: self.controls.clone(),
        }
    }
}

/// The application that the drill tests.
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
    /// The name that expectations and waits use.
    pub name: String,
    /// A GET request, on a new connection each time.
    #[serde(default)]
    pub http: Option<HttpProbe>,
    /// HOST:PORT that must accept a connection.
    #[serde(default)]
    pub tcp: Option<String>,
    /// A program that must exit with 0. It runs without a shell.
    #[serde(default)]
    pub exec: Option<Vec<String>>,
    /// The time between two requests, however long an answer takes. Default 250ms.
    #[serde(default = "quarter_second")]
    pub every: Dur,
    /// A request without an answer for this long has failed. Default 1s.
    #[serde(default = "second")]
    pub timeout: Dur,
    /// When the service counts as up. Default 8 successes over 4s.
    #[serde(default)]
    pub up: UpRule,
    /// Whether the service does not exist before the fault and must come up after it, for example in a second cluster.
    #[serde(default)]
    pub starts_down: bool,
    /// Workloads whose pods answer the probe, such as deployment/web. The fault reached the service if it hit one of
    /// them.
    #[serde(default)]
    pub backed_by: Vec<WorkloadRef>,
    /// HOST:PORT near the service, such as a gateway, that is tested when a sample fails. If it does not answer either,
    /// drillmaster itself lost the network, and the sample does not count.
    #[serde(default)]
    pub vantage: Option<String>,
}

/// An HTTP probe.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// The address to request.
    pub url: String,
    /// Expected status. Default 200.
    #[serde(default = "ok")]
    pub status: u16,
    /// What the body must be: either the whole body (except white space at its ends), or one of
    /// prefix, regex and json. Without this, the default page of a load balancer would pass.
    #[serde(default)]
    pub body: BodyRule,
}

/// A reason to stop early and put everything back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AbortSpec {
    /// The probe.
    pub probe: String,
    /// Down, or impossible to observe, for longer than this.
    pub down_for: Dur,
}

/// Limits for what the drill may touch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// The percentage of workers that may be away at the same time. Default 34%.
    pub nodes: Percent,
    /// Zones that may be away at the same time. Default 1.
    pub zones: u32,
    /// Namespaces that may be deleted. Default 1.
    pub namespaces: u32,
    /// The time limit for all steps together. Default 40m.
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
