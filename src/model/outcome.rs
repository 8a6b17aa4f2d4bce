//! Results: judgements, verdicts and the exit codes of the program.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Told;

/// The program's exit codes. The table in the README lists them all (tests/it/documents.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Exit {
    /// Every expectation was met; the cluster is in the same state as before.
    Passed = 0,
    /// An expectation was not met; the cluster is in the same state as before.
    Failed = 1,
    /// Usage, scenario, plan or input is invalid; the cluster was not touched.
    Invalid = 2,
    /// The pre-flight refused; the cluster was not touched.
    Refused = 3,
    /// Nothing failed, but something required could not be proven.
    Inconclusive = 4,
    /// Aborted or interrupted, and everything was reverted.
    Aborted = 5,
    /// Something could not be reverted: the commands are printed and the journal stays open.
    Residue = 6,
    /// The run stopped before the undo was complete: the journal is open, and `recover` completes it.
    Left = 7,
    /// A bug in drillmaster.
    Internal = 70,
}

impl Exit {
    /// If two exit codes apply, the one to report.
    pub fn worse(self, other: Self) -> Self {
        let rank = |e: Self| match e {
            Self::Internal => 0,
            Self::Residue => 1,
            Self::Left => 2,
            Self::Invalid | Self::Refused => 3,
            Self::Aborted => 4,
            Self::Failed => 5,
            Self::Inconclusive => 6,
            Self::Passed => 7,
        };
        if rank(self) <= rank(other) { self } else { other }
    }

    /// The code as the shell sees it.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// One line for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "passed; the cluster is as before",
            Self::Failed => "an expectation was not met; the cluster is as before",
            Self::Invalid => "usage, scenario, plan or input is invalid; the cluster was not touched",
            Self::Refused => "the pre-flight refused; the cluster was not touched",
            Self::Inconclusive => {
                "inconclusive: nothing failed, but something required could not be proven; the cluster is as before"
            }
            Self::Aborted => "aborted or interrupted; everything was reverted",
            Self::Residue => "something could not be reverted: run the printed commands; the journal stays open",
            Self::Left => "stopped before the undo was complete; the journal is open: run `drillmaster recover`",
            Self::Internal => "internal error; the journal shows the state of the cluster",
        }
    }
}

/// The result of one expectation. Unknown is never a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Observed as expected, during the whole interval.
    Pass,
    /// Observed to be different.
    Fail,
    /// Could not be observed well enough to decide.
    Inconclusive,
    /// Does not apply here, for a reason that is given.
    Skipped,
    /// Set aside by a person who gave a reason.
    Waived,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Skipped => "SKIPPED",
            Self::Waived => "WAIVED",
        })
    }
}

/// An observation: what was seen, by which source, and how exact it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Evidence {
    /// Where the observation comes from, such as `watch pods`.
    pub source: String,
    /// What was seen.
    pub observed: Told,
    /// Start of the observed interval, in microseconds since the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_us: Option<u64>,
    /// End of the observed interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_us: Option<u64>,
    /// The largest possible error of a time in it, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty_us: Option<u64>,
}

/// One of the six parts of a proof (docs/design/verdicts.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProofPart {
    /// The workload, the probe or the alert that this part is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// baseline, reach, sight, denominator, bound, own recovery.
    pub part: String,
    /// Whether it was shown. None if the question does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<bool>,
    /// How it was shown, or why not.
    pub said: Told,
}

impl ProofPart {
    /// A part with its text, which contains only what is in the journal.
    pub fn new(subject: &str, part: &str, shown: Option<bool>, said: &str) -> Self {
        Self { subject: subject.to_owned(), part: part.to_owned(), shown, said: Told::of_journal(said) }
    }
}

/// The judgement of one expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Judgement {
    /// The name of the expectation. Empty in runs of version 0.1.0.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What was expected, in one line.
    pub expectation: String,
    /// The fault that it refers to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The result.
    pub outcome: Outcome,
    /// Why, in one line.
    pub because: Told,
    /// The parts of the proof. Empty in runs of version 0.1.0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ProofPart>,
    /// The time that was compared with the objective, if one was measured. Runs before 0.2.0 do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measure>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// What a measured time is the time of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Measured {
    /// From the fault, or its undo, until a service was stable again.
    Recovery,
    /// Until a workload had its ready pods.
    Ready,
    /// Until Alertmanager had received an alert.
    Alert,
    /// Until a new backup of the restored namespace was Completed.
    Protection,
    /// The age of the newest acknowledged data that is left after the loss.
    Loss,
}

/// A measured time with both ends of its error bar, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// What was measured.
    pub of: Measured,
    /// The smallest possible value.
    pub least_us: u64,
    /// The largest possible value: the worst case.
    pub most_us: u64,
    /// The objective.
    pub objective_us: u64,
}

impl Measure {
    /// What is left of the objective in the worst case; negative if the objective was missed.
    pub fn margin_us(&self) -> i64 {
        let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
        signed(self.objective_us).saturating_sub(signed(self.most_us))
    }

    /// The largest of several measurements, as a share of their objectives.
    pub fn worst(all: impl Iterator<Item = Self>) -> Option<Self> {
        let used = |m: &Self| u128::from(m.most_us) * 1_000_000 / u128::from(m.objective_us.max(1));
        all.max_by_key(used)
    }
}

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunVerdict {
    /// Pass only if every expectation passed or was set aside with a reason.
    pub outcome: Outcome,
    /// One judgement per expectation, in the scenario's order.
    pub judgements: Vec<Judgement>,
}

impl RunVerdict {
    /// Combines judgements: one failure makes the run fail, else one inconclusive judgement makes it inconclusive.
    pub fn of(judgements: Vec<Judgement>) -> Self {
        let has = |o: Outcome| judgements.iter().any(|j| j.outcome == o);
        let outcome = if has(Outcome::Fail) {
            Outcome::Fail
        } else if has(Outcome::Inconclusive) || !has(Outcome::Pass) {
            // If nothing was proven, the run does not pass, even though nothing failed.
            Outcome::Inconclusive
        } else {
            Outcome::Pass
        };
        Self { outcome, judgements }
    }

    /// The exit code for this verdict, without anything else that happened.
    pub fn exit(&self) -> Exit {
        match self.outcome {
            Outcome::Fail => Exit::Failed,
            Outcome::Inconclusive => Exit::Inconclusive,
            Outcome::Pass | Outcome::Skipped | Outcome::Waived => Exit::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(outcome: Outcome) -> Judgement {
        Judgement {
            id: String::new(),
            expectation: String::new(),
            of: None,
            outcome,
            because: Told::default(),
            parts: vec![],
            measured: None,
            evidence: vec![],
        }
    }

    #[test]
    fn a_run_passes_only_on_proof() {
        use Outcome::*;
        for (given, verdict) in [
            (vec![Pass, Pass], Pass),
            (vec![Pass, Skipped], Pass),
            (vec![Pass, Inconclusive], Inconclusive),
            (vec![Inconclusive, Fail], Fail),
            (vec![Skipped], Inconclusive),
            (vec![], Inconclusive),
        ] {
            let verdict_given = RunVerdict::of(given.iter().map(|o| judged(*o)).collect());
            assert_eq!(verdict_given.outcome, verdict, "{given:?}");
        }
    }

    #[test]
    fn what_needs_a_human_beats_a_verdict() {
        assert_eq!(Exit::Residue.worse(Exit::Failed), Exit::Residue);
        assert_eq!(Exit::Passed.worse(Exit::Aborted), Exit::Aborted);
        assert_eq!(Exit::Failed.worse(Exit::Aborted), Exit::Aborted);
        assert_eq!(Exit::Internal.worse(Exit::Residue), Exit::Internal);
    }
}
