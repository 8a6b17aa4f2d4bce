//! The result of a readiness review: one result for each object that does not pass a check, and counts for all. Start
//! with [`Review`]; `ruling` has one result.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{Class, Compared, Environment, Exit, Remedy, Ruling, Severity, State, Subject, Tally};

/// A summary of a review, for the journal and the reports of a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reviewed {
    /// The verdict.
    pub verdict: Readiness,
    /// How strict it was.
    pub environment: Environment,
    /// When the cluster was read.
    pub at: String,
    /// How many results of each state.
    pub tally: Tally,
    /// Checks that failed, could not be made, or were waived; the most serious first.
    pub concerns: Vec<Concern>,
}

/// A summary of a check that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Concern {
    /// The check.
    pub check: String,
    /// What it requires.
    pub title: String,
    /// Its state.
    pub state: State,
    /// How serious that is.
    pub severity: Severity,
    /// Whether it blocks.
    pub blocking: bool,
    /// The number of objects with this result.
    pub objects: usize,
    /// The first of these objects, and what was observed.
    pub observed: String,
    /// Who waived it and why; empty if nobody did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waiver: String,
    /// The first changes that would correct it, if they can be expressed as changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
}

/// At most this many changes of a check are kept.
const REMEDIES: usize = 3;

impl Review {
    /// The exit code: a comparison counts new findings only.
    pub fn exit(&self) -> Exit {
        self.compared.as_ref().map_or_else(|| self.verdict.exit(), |compared| compared.outcome.exit())
    }

    /// The summary of the review: one line for each check and state.
    pub fn in_short(&self, environment: Environment) -> Reviewed {
        let mut concerns: Vec<Concern> = vec![];
        for r in self.results.iter().filter(|r| r.state.is_finding()) {
            match concerns.iter_mut().find(|c| c.check == r.check && c.state == r.state && c.blocking == r.blocking) {
                Some(known) => {
                    known.objects += 1;
                    if known.remedies.len() < REMEDIES {
                        known.remedies.extend(r.remedy.clone());
                    }
                }
                None => concerns.push(Concern {
                    check: r.check.to_string(),
                    title: r.expected.to_string(),
                    state: r.state,
                    severity: r.severity,
                    blocking: r.blocking,
                    objects: 1,
                    observed: format!("{}: {}", r.subject, r.observed),
                    waiver: r.waiver.clone().unwrap_or_default(),
                    remedies: r.remedy.iter().cloned().collect(),
                }),
            }
        }
        Reviewed { verdict: self.verdict, environment, at: self.at.clone(), tally: self.tally, concerns }
    }
}

/// The verdict of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Every check holds.
    Ready,
    /// Nothing blocks, but something should be fixed.
    ReadyWithWarnings,
    /// Something blocks.
    NotReady,
    /// Something that would block could not be checked.
    CannotDetermine,
}

impl Readiness {
    /// The exit code of `check`.
    pub fn exit(self) -> Exit {
        match self {
            Self::Ready | Self::ReadyWithWarnings => Exit::Passed,
            Self::NotReady => Exit::Refused,
            Self::CannotDetermine => Exit::Inconclusive,
        }
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "READY",
            Self::ReadyWithWarnings => "READY WITH WARNINGS",
            Self::NotReady => "NOT READY",
            Self::CannotDetermine => "CANNOT DETERMINE",
        })
    }
}

/// The description of a check, with its counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckSummary {
    /// Its id.
    pub id: String,
    /// Its short name.
    pub name: String,
    /// What it requires, in one line.
    pub title: String,
    /// The area of a review that it belongs to.
    pub area: String,
    /// Its own severity.
    pub severity: Severity,
    /// What it means for a drill.
    pub class: Class,
    /// The drills that it gates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<String>,
    /// The rule, in words.
    pub rule: String,
    /// How to fix a finding.
    pub fix: String,
    /// Whether it is about security.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub security: bool,
    /// Whether it was not yet proven with a real object that fails and one that passes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub experimental: bool,
    /// Its counts.
    pub tally: Tally,
    /// Why it judged nothing; none if it judged something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<Unjudged>,
}

/// Why a check judged nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unjudged {
    /// Files do not show it: a cluster or a capture does.
    NeedsCluster,
    /// It needs a planned drill.
    NeedsDrill,
    /// It needs a readiness file.
    NeedsReadinessFile,
    /// The input has no object that it applies to.
    NoObject,
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeedsCluster => "need a cluster",
            Self::NeedsDrill => "need a planned drill",
            Self::NeedsReadinessFile => "need a readiness file",
            Self::NoObject => "apply to no object here",
        })
    }
}

/// Objects that no check judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeftOut {
    /// The namespace, or what else they have in common.
    pub what: String,
    /// How many there are.
    pub objects: usize,
    /// Why they were left out, and how to have them judged.
    pub why: String,
}

/// The checks and objects that a review judged, and those that it left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// The number of checks that judged something.
    pub judged: usize,
    /// The number of checks that judged nothing, by reason.
    #[serde(default)]
    pub unjudged: BTreeMap<Unjudged, usize>,
    /// Objects that no check judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Why the review cannot say that the input is ready, although nothing blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<String>,
}

/// A whole review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The version of this format.
    pub schema_version: String,
    /// The input: a context, a capture or files.
    pub target: String,
    /// When the input was read; empty for manifest files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// The verdict.
    pub verdict: Readiness,
    /// Which checks were run.
    pub profile: String,
    /// The number of objects, by kind.
    pub objects: BTreeMap<String, usize>,
    /// The counts of all checks.
    pub tally: Tally,
    /// Which checks judged something, and which objects were left out.
    #[serde(default)]
    pub coverage: Coverage,
    /// Every check that was run, in the order of the catalogue.
    pub checks: Vec<CheckSummary>,
    /// Every result that is not a pass, the most serious first.
    pub results: Vec<Ruling>,
    /// The objects that passed, with the check; kept only if a format lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<(String, Subject)>,
    /// Findings of an earlier review that are gone; none if there was no earlier review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Vec<Ruling>>,
    /// How it differs from the review of an earlier state of the same files (`--diff`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
    /// Other information for readers: kinds that could not be read, damaged input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
