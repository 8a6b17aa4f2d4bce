//! What a review is told beside the objects: the drill file and the flags.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    model::{Dur, Environment, Severity},
    scenario::{Attestation, DrillFile, Objective, Parameters, PlanFacts, Waiver},
};

/// Everything that a review is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Namespaces in scope; empty for all but the platform's.
    pub namespaces: Vec<String>,
    /// Namespaces that are left out when none is named.
    pub platform: Vec<String>,
    /// `namespace/kind/name` of what matters most.
    pub critical: BTreeSet<String>,
    /// Where this is.
    pub environment: Environment,
    /// The drills that are to come; empty for a review without one.
    pub drills: BTreeSet<String>,
    /// What applications are promised.
    pub objectives: Vec<Objective>,
    /// The DR plan.
    pub plan: Option<PlanFacts>,
    /// What people state.
    pub attest: Vec<Attestation>,
    /// What people set aside.
    pub waive: Vec<Waiver>,
    /// Checks to ask; empty for all.
    pub only: Vec<String>,
    /// Checks to leave out.
    pub skip: Vec<String>,
    /// Severities of the house.
    pub severity: BTreeMap<String, Severity>,
    /// Parameters of the house.
    pub parameters: Parameters,
    /// Whether a drill file was given.
    pub has_drill_file: bool,
    /// Whether waivers count.
    pub no_waivers: bool,
    /// Whether an unknown blocks.
    pub allow_unknown: bool,
    /// Whether what passed is listed object by object.
    pub keep_passes: bool,
}

impl Settings {
    /// What is promised for a workload: of itself, else of its namespace; the tightest
    /// of all where neither is named.
    pub fn objective(&self, namespace: &str, kind: &str, name: &str) -> Option<&Objective> {
        let own = format!("{namespace}/{}/{name}", kind.to_lowercase());
        self.objectives.iter().find(|o| o.of == own).or_else(|| self.objectives.iter().find(|o| o.of == namespace))
    }

    /// The shortest RTO of all.
    pub fn shortest_rto(&self) -> Option<Dur> {
        self.objectives.iter().filter_map(|o| o.rto).min_by_key(|d| d.0)
    }

    /// Adds what a drill file says.
    pub fn read(&mut self, file: DrillFile) {
        self.has_drill_file = true;
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
