//! The judge: a pure function of the journal, with one file for each question. A question is decided only by what was
//! observed. If something was not observed during the whole interval, the result is inconclusive, never a pass. Start
//! with [`judge`].

mod again;
mod alerts;
mod arrange;
mod behind;
mod budgets;
mod coverage;
mod degraded;
mod effect;
mod ending;
mod follower;
mod history;
mod loss;
mod outage;
mod outside;
mod phases;
mod placement;
mod pods;
mod proof;
mod read_run;
mod replicas;
mod reprotected;
mod restore;
mod return_to_normal;
mod sent;
mod series;
mod service;
mod silenced;
#[cfg(test)]
mod small_journal;
mod standing;
mod steps;
mod window;
mod written;

pub use again::{Again, Wrong, again};
pub use ending::{Ending, How, Left, Remaining, exit_of};
pub use follower::{Follower, Waited};
pub use history::{History, StepSpan};
pub use loss::{Log, Reading};
pub use phases::{Milestone, RecoveryPhase, phases};
pub use pods::{PodPoint, Pods};
pub use read_run::ReadRun;
pub use series::Series;
pub use standing::{Standing, standing};
pub use window::own_time;

use crate::{
    event::{Actor, Event},
    model::{After, Evidence, Expectation, Judgement, Measure, OrNewer, Outcome, ProofPart, RunVerdict, Told, few},
};

/// The version of the current rules. It must be increased with the first change since a release that can change the
/// outcome or the exit code of a journal; tests/it/rules.rs contains the results for the journals that are kept for
/// this test. A verdict is compared only with the rules that made it.
pub const RULES: u32 = 2;

/// This version, as journals name it.
pub const TOOL: &str = concat!("drillmaster ", env!("CARGO_PKG_VERSION"));

/// How long pods must stay ready to count: in a baseline, as a recovery, as a spread, and at the end. A container
/// without a readiness probe is Ready as soon as it runs. If it crashes at once, the kubelet notices that about a second
/// later, and the watch reports it a moment after that. So a pod that crashes again and again is Ready for one or two
/// seconds each time, and 3 s are longer than that. The texts of the verdict and docs/verdicts.md name this time.
pub const HOLD_US: u64 = 3_000_000;

/// An answer to one expectation. It may still be open.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// None while it is undecided.
    outcome: Option<Outcome>,
    because: String,
    parts: Vec<ProofPart>,
    measured: Option<Measure>,
    evidence: Vec<Evidence>,
}

impl Answer {
    fn new(outcome: Outcome, because: impl Into<String>) -> Self {
        Self { outcome: Some(outcome), because: because.into(), parts: vec![], measured: None, evidence: vec![] }
    }

    /// The result of a proof.
    fn proven(outcome: Option<Outcome>, because: String, parts: Vec<ProofPart>) -> Self {
        Self { outcome, because, parts, measured: None, evidence: vec![] }
    }

    fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    fn with(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    fn measuring(mut self, measured: Option<Measure>) -> Self {
        self.measured = measured;
        self
    }

    /// Combines several answers to one expectation.
    fn all(answers: Vec<Self>) -> Self {
        let worst = |wanted: Option<Outcome>| answers.iter().any(|a| a.outcome == wanted);
        let outcome = if worst(Some(Outcome::Fail)) {
            Some(Outcome::Fail)
        } else if worst(None) {
            None
        } else if worst(Some(Outcome::Inconclusive)) {
            Some(Outcome::Inconclusive)
        } else if worst(Some(Outcome::Pass)) {
            Some(Outcome::Pass)
        } else {
            Some(Outcome::Skipped)
        };
        let told = answers.iter().filter(|a| a.outcome == outcome || outcome == Some(Outcome::Pass));
        let said = once_each(told.map(|a| a.because.as_str()));
        let parts = answers.iter().flat_map(|a| a.parts.clone()).collect();
        Self {
            outcome,
            because: few(said.iter(), TOLD, ("; ", "; and")),
            parts,
            measured: Measure::worst(answers.iter().filter_map(|a| a.measured)),
            evidence: answers.iter().flat_map(|a| a.evidence.clone()).collect(),
        }
    }
}

/// How many sentences give the reason. A zone of a large cluster has hundreds of nodes; the parts of the proof and the
/// evidence contain all of them.
const TOLD: usize = 12;

/// If several sentences are about the same subject, only the first one names it.
fn once_each<'a>(sentences: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut last = "";
    let mut said = vec![];
    for sentence in sentences {
        let subject = sentence.split_once(": ").map_or("", |(subject, _)| subject);
        let again = !subject.is_empty() && subject == last;
        said.push(if again { &sentence[subject.len() + 2..] } else { sentence });
        last = subject;
    }
    said
}

/// A time, as text.
fn seconds(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1e6)
}

/// The verdict on a journal.
pub fn judge(events: &[Event]) -> RunVerdict {
    History::of(events).judge()
}

/// The verdict that the current session writes.
pub fn conclude(events: &[Event]) -> RunVerdict {
    History::of(events).conclude()
}

impl History {
    /// The verdict on the events so far.
    pub fn judge(&self) -> RunVerdict {
        let Some(plan) = &self.state.plan else { return RunVerdict::of(vec![]) };
        let ids = Expectation::ids(plan.expect.iter().map(OrNewer::known));
        let judgements = plan
            .expect
            .iter()
            .zip(ids)
            .map(|(written, id)| self.judgement(written, id))
            .chain(return_to_normal::judgement(self))
            .chain(steps::judgement(self))
            .collect();
        RunVerdict::of(judgements)
    }

    fn judgement(&self, written: &OrNewer<Expectation>, id: String) -> Judgement {
        match written {
            OrNewer::Known(expectation) => {
                let answer = answer(expectation, self, u64::MAX);
                Judgement {
                    id,
                    expectation: describe(expectation),
                    of: expectation.of().map(ToString::to_string),
                    outcome: answer.outcome.unwrap_or(Outcome::Inconclusive),
                    because: Told::of_journal(answer.because),
                    parts: answer.parts,
                    measured: answer.measured,
                    evidence: answer.evidence,
                }
            }
            OrNewer::Newer(newer) => Judgement {
                id,
                expectation: newer.value.to_string(),
                of: None,
                outcome: Outcome::Inconclusive,
                because: Told::of_journal(format!("this version cannot read the expectation: {}", newer.why)),
                parts: vec![],
                measured: None,
                evidence: vec![],
            },
        }
    }

    /// The verdict that the current session writes. A session that took over proves nothing that the run had not proven
    /// before it was interrupted.
    pub fn conclude(&self) -> RunVerdict {
        let mut verdict = self.judge();
        let taken_over = self.actor.is_some_and(|actor| actor != Actor::Runner);
        if taken_over && verdict.outcome == Outcome::Pass {
            verdict.outcome = Outcome::Inconclusive;
        }
        verdict
    }
}

/// `now_us` is the largest possible time for a finished run.
fn answer(expectation: &Expectation, history: &History, now_us: u64) -> Answer {
    match expectation {
        Expectation::Replicas(e) => replicas::answer(e, history, now_us),
        Expectation::Budgets(e) => budgets::answer(e, history),
        Expectation::Service(e) => service::answer(e, history, now_us),
        Expectation::Alert(e) => alerts::answer(e, history, now_us),
        Expectation::Restore(e) => restore::answer(e, history),
        Expectation::Reprotected(e) => reprotected::answer(e, history),
        Expectation::Loss(e) => loss::answer(e, history, now_us),
        Expectation::Placement(e) => placement::answer(e, history, now_us),
    }
}

/// An expectation in one line.
fn describe(expectation: &Expectation) -> String {
    match expectation {
        Expectation::Replicas(e) => {
            let floor = e.never_below.map(|n| format!(", never below {n}")).unwrap_or_default();
            match (e.ready, e.within) {
                (Some(ready), Some(within)) => {
                    let clock = if e.after == After::Heal { " of the heal" } else { "" };
                    format!("{} has {ready} ready within {within}{clock}{floor}", e.workload)
                }
                _ => format!("{} is unharmed{floor}", e.workload),
            }
        }
        Expectation::Budgets(e) => {
            let mut parts = vec![];
            if e.every_critical_pod_covered {
                parts.push("every critical pod has exactly one budget");
            }
            if e.while_degraded.is_some() {
                parts.push("evictions during the fault get the answer that the budgets require");
            }
            if e.during_drain.is_some() {
                parts.push("budgets are kept during the drain");
            }
            parts.join(", ")
        }
        Expectation::Service(e) => match (e.rto, e.longest) {
            (Some(rto), _) if e.after == After::Heal => format!("{} recovers within {rto} of the heal", e.probe),
            (Some(rto), _) => format!("{} recovers within {rto}", e.probe),
            (None, Some(longest)) => format!("{} is unharmed, no outage longer than {longest}", e.probe),
            (None, None) => format!("{} is unharmed", e.probe),
        },
        Expectation::Alert(e) => {
            let resolved = e.resolves_within.map(|d| format!(", resolves within {d}")).unwrap_or_default();
            let each = if e.for_each.is_some() { " for each node" } else { "" };
            format!("alert {} reaches Alertmanager{each} within {}{resolved}", e.name, e.fires_within)
        }
        Expectation::Restore(e) => {
            let mut parts = vec![];
            if e.objects.is_some() {
                parts.push("objects complete".to_owned());
            }
            if let Some(volumes) = e.volumes {
                parts.push(format!("volumes {}", format!("{volumes:?}").to_lowercase()));
            }
            format!("restore `{}`: {}", e.of, parts.join(", "))
        }
        Expectation::Reprotected(e) => {
            let within = e.within.map(|d| format!(" within {d}")).unwrap_or_default();
            format!("a new backup protects the restored namespace{within}")
        }
        Expectation::Loss(e) => format!("{} loses at most the last {} of acknowledged lines", e.data, e.rpo),
        Expectation::Placement(e) => {
            format!("{} is spread by {:?} with a skew of at most {}", e.workload, e.by, e.max_skew).to_lowercase()
        }
    }
}
