//! The settings of a review: the readiness file and the flags.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{Dur, Environment, Severity},
    scenario::{Attestation, Objective, Parameters, PlanFacts, ReadinessFile, Waiver},
};

/// All settings of a review.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReviewSettings {
    /// Namespaces in scope; if empty, all namespaces except those of the platform.
    pub namespaces: Vec<String>,
    /// Namespaces of the platform: not in scope unless `namespaces` names them.
    pub platform: Vec<String>,
    /// `namespace/kind/name` of the critical workloads.
    pub critical: BTreeSet<String>,
    /// The kind of environment.
    pub environment: Environment,
    /// The kinds of drill that are planned; empty for a review without a drill.
    pub drills: BTreeSet<String>,
    /// The objectives (RTO, RPO) of applications.
    pub objectives: Vec<Objective>,
    /// The DR plan.
    pub plan: Option<PlanFacts>,
    /// Attestations: statements about what no check can see.
    pub attest: Vec<Attestation>,
    /// Waivers.
    pub waive: Vec<Waiver>,
    /// Checks to run; empty for all.
    pub only: Vec<String>,
    /// Checks to leave out.
    pub skip: Vec<String>,
    /// Severities that replace those of the catalogue.
    pub severity: BTreeMap<String, Severity>,
    /// Parameters of the checks.
    pub parameters: Parameters,
    /// Whether a readiness file was given.
    pub has_readiness_file: bool,
    /// Whether waivers are ignored.
    pub no_waivers: bool,
    /// Whether an unknown does not block.
    pub allow_unknown: bool,
    /// Whether each object that passed is listed.
    pub keep_passes: bool,
    /// The minor version of Kubernetes that files are meant for; none for the newest that drillmaster knows.
    pub kubernetes: Option<u32>,
}

impl ReviewSettings {
    /// The objective of a workload: its own, otherwise that of its namespace; none if the drill
    /// file names neither.
    pub fn objective(&self, namespace: &str, kind: &str, name: &str) -> Option<&Objective> {
        let own = format!("{namespace}/{}/{name}", kind.to_lowercase());
        self.objectives.iter().find(|o| o.of == own).or_else(|| self.objectives.iter().find(|o| o.of == namespace))
    }

    /// The shortest RTO of all objectives.
    pub fn shortest_rto(&self) -> Option<Dur> {
        self.objectives.iter().filter_map(|o| o.rto).min_by_key(|d| d.0)
    }

    /// Adds the settings of a readiness file.
    pub fn read(&mut self, file: ReadinessFile) {
        self.has_readiness_file = true;
        if self.namespaces.is_empty() {
            self.namespaces = file.scope.namespaces;
        }
        self.platform = file.scope.platform;
        self.critical = file.scope.critical.into_iter().collect();
        self.environment = file.environment;
        self.objectives = file.objectives;
        self.plan = file.plan;
        self.attest = file.attest;
        self.waive = file.waive;
        self.severity = file.checks.severity;
        self.skip.extend(file.checks.disable);
        self.parameters = file.checks.parameters;
        self.drills.extend(file.drills);
    }
}
