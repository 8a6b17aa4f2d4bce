//! The readiness file: what a readiness review cannot see in a cluster. It contains objectives, attestations by people,
//! waivers and your policies. Start with [`ReadinessFile`].

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    Problems, Vocabulary,
    load::{LARGEST, parse_as},
    readiness_sense,
    schema::schema_of,
    vars::Values,
};
use crate::{
    files,
    model::{Dur, Environment, Severity},
};

/// The objectives of one application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objective {
    /// `namespace`, or `namespace/kind/name`.
    pub of: String,
    /// How long it may be unavailable (recovery time objective).
    pub rto: Option<Dur>,
    /// How much data may be lost, as a time (recovery point objective).
    pub rpo: Option<Dur>,
    /// Who is responsible for it.
    pub owner: Option<String>,
    /// What must be true before it counts as recovered.
    pub criteria: Option<String>,
}

/// A statement by a person about something that cannot be observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attestation {
    /// The check.
    pub check: String,
    /// What is true.
    pub statement: String,
    /// Who states it.
    pub by: String,
    /// The date until which it is valid: 2026-12-31.
    pub until: String,
}

/// A finding that a person accepts for a limited time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waiver {
    /// The check.
    pub check: String,
    /// `namespace/kind/name`, where `*` matches anything. Default: every object.
    #[serde(default)]
    pub object: Option<String>,
    /// Why.
    pub reason: String,
    /// Who is responsible for it.
    pub owner: String,
    /// The date until which it is valid, at most 90 days from now.
    pub until: String,
    /// A second person. Required for a check that blocks every drill.
    #[serde(default)]
    pub approved_by: Option<String>,
    /// The ticket in your tracker.
    #[serde(default)]
    pub ticket: Option<String>,
}

/// Facts about the disaster-recovery plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlanFacts {
    /// The runbook's URL.
    pub runbook: Option<String>,
    /// Who is on call.
    pub owner: Option<String>,
    /// The date of its last review.
    pub reviewed: Option<String>,
    /// The date of the last drill.
    pub last_drill: Option<String>,
    /// How often a drill must be made.
    pub drill_every: Option<Dur>,
    /// The date of the last review of all role bindings.
    pub rbac_reviewed: Option<String>,
}

/// Your policies, where they differ from the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parameters {
    /// Registries from which images may come, such as `registry.example.com/team`. Empty: any registry.
    pub registries: Vec<String>,
    /// Tags that are moved to new images, in addition to `latest`.
    pub floating_tags: Vec<String>,
    /// The largest range of ports that a network policy may open.
    pub max_port_range: u64,
    /// Whether a CPU limit is required.
    pub cpu_limits: bool,
    /// The percentage of Secrets in a namespace that an external secret manager must create.
    pub managed_secrets: u64,
    /// Workloads that have one replica on purpose: `namespace/kind/name`.
    pub singletons: Vec<String>,
    /// Subjects that may have all permissions, such as `Group/system:masters`.
    pub break_glass: Vec<String>,
    /// Who may push to and pull from each registry.
    pub registry_access: Vec<RegistryAccess>,
    /// Differences from the other environment that are accepted.
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
    /// The date of the last review.
    pub reviewed: String,
}

/// A difference between environments that is intended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowedDifference {
    /// `namespace/kind/name`, where `*` matches anything.
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

/// What the review judges.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReviewScope {
    /// Namespaces. Default: all except those of the platform.
    pub namespaces: Vec<String>,
    /// Namespaces of the platform, in addition to kube-system, kube-public, kube-node-lease, velero, local-path-storage
    /// and drillmaster.
    pub platform: Vec<String>,
    /// The most important workloads, as `namespace/kind/name`.
    pub critical: Vec<String>,
}

/// Which checks to run, and how strict they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CheckRules {
    /// Checks to skip; `*` matches any part of a name: `PRF-*`.
    pub disable: Vec<String>,
    /// Severities that differ from those of the catalogue.
    pub severity: BTreeMap<String, Severity>,
    /// Limits that differ from the defaults.
    pub parameters: Parameters,
}

/// The version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ReadinessFileVersion {
    /// The first.
    #[serde(rename = "drillmaster.dev/v1")]
    V1,
}

/// The kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ReadinessFileKind {
    /// A readiness file.
    Readiness,
}

/// A readiness file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadinessFile {
    /// `drillmaster.dev/v1`.
    pub api_version: ReadinessFileVersion,
    /// `Readiness`.
    pub kind: ReadinessFileKind,
    /// The kind of cluster, which decides which findings block.
    #[serde(default)]
    pub environment: Environment,
    /// What the review judges.
    #[serde(default)]
    pub scope: ReviewScope,
    /// The drills that you plan: drain, node, zone, region, restore, netpart, depout, alerts.
    #[serde(default)]
    pub drills: Vec<String>,
    /// The objectives of applications.
    #[serde(default)]
    pub objectives: Vec<Objective>,
    /// The disaster-recovery plan.
    #[serde(default)]
    pub plan: Option<PlanFacts>,
    /// Statements by people about what cannot be observed.
    #[serde(default)]
    pub attest: Vec<Attestation>,
    /// Findings that people accept for a limited time.
    #[serde(default)]
    pub waive: Vec<Waiver>,
    /// Which checks to run, and how strict they are.
    #[serde(default)]
    pub checks: CheckRules,
}

/// The schema of a readiness file.
pub fn readiness_file_schema() -> serde_json::Value {
    schema_of::<ReadinessFile>("https://drillmaster.dev/schema/readiness-v1.json")
}

/// Reads a readiness file.
///
/// # Errors
/// All mistakes in it at once, with their places.
pub fn load_readiness_file(path: &Path, words: &Vocabulary) -> Result<ReadinessFile, Problems> {
    let file = path.display().to_string();
    let text = files::text(path, LARGEST).map_err(|e| {
        Problems::bare(
            format!("cannot read the readiness file {file}: {e}"),
            "`drillmaster schema readiness` prints the format of a readiness file",
        )
    })?;
    parse_readiness_file(&file, &text, words)
}

/// Reads a readiness file from a text.
///
/// # Errors
/// As [`load_readiness_file`].
pub fn parse_readiness_file(file: &str, text: &str, words: &Vocabulary) -> Result<ReadinessFile, Problems> {
    parse_as(file, text, &readiness_file_schema(), &Values::default(), |root, parsed: &ReadinessFile| {
        readiness_sense::lint(file, root, parsed, words)
    })
}
