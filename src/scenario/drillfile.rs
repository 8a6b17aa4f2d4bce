//! The drill file: what a readiness review cannot see in a cluster. Objectives, what
//! people attest, what they set aside, the policies of the house.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    Problems, Vocabulary, drill_sense,
    load::{LARGEST, parse_as},
    schema::schema_of,
    vars::Values,
};
use crate::{
    files,
    model::{Dur, Environment, Severity},
};

/// What one application is promised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objective {
    /// `namespace`, or `namespace/kind/name`.
    pub of: String,
    /// How long it may be away (recovery time objective).
    pub rto: Option<Dur>,
    /// How much may be lost (recovery point objective).
    pub rpo: Option<Dur>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What must hold for it to be recovered.
    pub criteria: Option<String>,
}

/// What a person states where nothing can be observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attestation {
    /// The check.
    pub check: String,
    /// What is so.
    pub statement: String,
    /// Who says so.
    pub by: String,
    /// Until when, as a date: 2026-12-31.
    pub until: String,
}

/// A finding that a person sets aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waiver {
    /// The check.
    pub check: String,
    /// `namespace/kind/name`, with `*` for anything; everything when left out.
    #[serde(default)]
    pub object: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when, as a date: at most 90 days ahead.
    pub until: String,
    /// The second person, whom a check that blocks every drill demands.
    #[serde(default)]
    pub approved_by: Option<String>,
    /// A ticket.
    #[serde(default)]
    pub ticket: Option<String>,
}

/// Where the plan for the disaster itself is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlanFacts {
    /// The runbook's URL.
    pub runbook: Option<String>,
    /// Who is on call.
    pub owner: Option<String>,
    /// When it was reviewed last, as a date.
    pub reviewed: Option<String>,
    /// When it was drilled last, as a date.
    pub last_drill: Option<String>,
    /// How often it must be drilled.
    pub drill_every: Option<Dur>,
    /// When all bindings of rights were reviewed last, as a date.
    pub rbac_reviewed: Option<String>,
}

/// How a policy of the house differs from the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parameters {
    /// Registries that images may come from: `registry.example.com/team`. Empty: any.
    pub registries: Vec<String>,
    /// Tags that move, beside `latest`.
    pub floating_tags: Vec<String>,
    /// The widest range of ports that a network policy may open.
    pub max_port_range: u64,
    /// Whether a CPU limit is demanded.
    pub cpu_limits: bool,
    /// The share of namespaces' Secrets that a manager outside must make, in percent.
    pub managed_secrets: u64,
    /// Singletons by intent: `namespace/kind/name`.
    pub singletons: Vec<String>,
    /// Subjects that may have all rights: `Group/system:masters`.
    pub break_glass: Vec<String>,
    /// Who may push to and pull from each registry in use.
    pub registry_access: Vec<RegistryAccess>,
    /// How the other environment may differ.
    pub allowed_differences: Vec<AllowedDifference>,
}

/// Who may use a registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistryAccess {
    /// Its host: `registry.example.com`.
    pub registry: String,
    /// Who may push.
    pub push: Vec<String>,
    /// Who may pull.
    pub pull: Vec<String>,
    /// When that was reviewed last, as a date.
    pub reviewed: String,
}

/// A difference between environments that is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowedDifference {
    /// `namespace/kind/name`, with `*` for anything.
    pub object: String,
    /// Why.
    pub reason: String,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            registries: vec![],
            floating_tags: vec![],
            max_port_range: 1024,
            cpu_limits: false,
            managed_secrets: 80,
            singletons: vec![],
            break_glass: vec![],
            registry_access: vec![],
            allowed_differences: vec![],
        }
    }
}

/// What is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReviewScope {
    /// Namespaces; all but the platform's when left out.
    pub namespaces: Vec<String>,
    /// Namespaces of the platform, beside kube-system, kube-public, kube-node-lease, velero,
    /// local-path-storage and drillmaster.
    pub platform: Vec<String>,
    /// `namespace/kind/name` of what matters most.
    pub critical: Vec<String>,
}

/// Which checks, and how strict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CheckRules {
    /// Checks to leave out; `*` for any part: `PRF-*`.
    pub disable: Vec<String>,
    /// Other severities than the catalogue's.
    pub severity: BTreeMap<String, Severity>,
    /// Other limits than the defaults.
    pub parameters: Parameters,
}

/// The version that this program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DrillFileVersion {
    /// The first.
    #[serde(rename = "drillmaster.dev/v1")]
    V1,
}

/// The kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DrillFileKind {
    /// A drill file.
    Readiness,
}

/// A drill file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrillFile {
    /// `drillmaster.dev/v1`.
    pub api_version: DrillFileVersion,
    /// `Readiness`.
    pub kind: DrillFileKind,
    /// Where this is: it decides which findings stand in the way.
    #[serde(default)]
    pub environment: Environment,
    /// What is judged.
    #[serde(default)]
    pub scope: ReviewScope,
    /// The drills that are to come: drain, node, zone, region, restore, netpart, depout, alerts.
    #[serde(default)]
    pub drills: Vec<String>,
    /// What applications are promised.
    #[serde(default)]
    pub objectives: Vec<Objective>,
    /// The DR plan.
    #[serde(default)]
    pub plan: Option<PlanFacts>,
    /// What people state where nothing can be observed.
    #[serde(default)]
    pub attest: Vec<Attestation>,
    /// What people set aside.
    #[serde(default)]
    pub waive: Vec<Waiver>,
    /// Which checks, and how strict.
    #[serde(default)]
    pub checks: CheckRules,
}

/// The schema of a drill file.
pub fn drill_file_schema() -> serde_json::Value {
    schema_of::<DrillFile>("https://drillmaster.dev/schema/readiness-v1.json")
}

/// Loads a drill file.
///
/// # Errors
/// Every mistake in it at once, with its place.
pub fn load_drill_file(path: &Path, words: &Vocabulary) -> Result<DrillFile, Problems> {
    let file = path.display().to_string();
    let text = files::text(path, LARGEST).map_err(|e| {
        Problems::bare(
            format!("cannot read the drill file {file}: {e}"),
            "`drillmaster schema readiness` tells its shape",
        )
    })?;
    parse_drill_file(&file, &text, words)
}

/// Reads a drill file from its text.
///
/// # Errors
/// As [`load_drill_file`].
pub fn parse_drill_file(file: &str, text: &str, words: &Vocabulary) -> Result<DrillFile, Problems> {
    let (parsed, root) = parse_as::<DrillFile>(file, text, &drill_file_schema(), &Values::default())?;
    let list = drill_sense::lint(file, &root, &parsed, words);
    if list.is_empty() { Ok(parsed) } else { Err(Problems { list, text: text.to_owned() }) }
}
