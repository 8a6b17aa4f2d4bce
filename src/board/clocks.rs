//! The stopwatches of a drill: the recovery time of each service, and the age of the newest backup. They show what is
//! observed now. The verdict at the end decides; then the stopwatch shows what the verdict measured. Start with
//! [`stopwatches`].

use jiff::Timestamp;
use serde::Serialize;

use super::fold::DrillFold;
use crate::{
    journal::Stretch,
    model::{
        After, Expectation, Judgement, LossExpectation, Measure, OrNewer, Outcome, Plan, ServiceExpectation, StepClass,
        StepName,
    },
};

/// What a stopwatch counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counts {
    /// The recovery time of a service, against its RTO.
    Rto,
    /// The age of the newest backup, against the RPO.
    Rpo,
}

/// How far a stopwatch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stand {
    /// What it counts from did not happen yet.
    Waiting,
    /// The fault happened, and nothing has failed so far.
    Steady,
    /// It counts.
    Running,
    /// What it waits for was observed.
    Stopped,
    /// The verdict has measured it.
    Judged,
    /// The drill ended, and the verdict has no time for it.
    Unmeasured,
}

/// A stopwatch. Times are in microseconds of the drill; a backup may be older than the drill.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopwatch {
    /// What it counts.
    pub counts: Counts,
    /// The service, or the data.
    pub name: String,
    /// The objective; none if the scenario has none.
    pub objective_us: Option<u64>,
    /// How far it is.
    pub stand: Stand,
    /// When it began to count.
    pub from_us: Option<i64>,
    /// When it stopped.
    pub to_us: Option<i64>,
    /// The result of the expectation, once it was judged.
    pub outcome: Option<Outcome>,
}

/// All stopwatches of a drill.
pub(super) fn stopwatches(fold: &DrillFold) -> Vec<Stopwatch> {
    let Some(plan) = &fold.state.plan else { return vec![] };
    let ids = Expectation::ids(plan.expect.iter().map(OrNewer::known));
    let judged = |id: &str| fold.judged.iter().find(|judgement| judgement.id == id);
    let each = plan.expect.iter().zip(&ids).filter_map(|(expected, id)| match expected.known()? {
        Expectation::Service(service) => service_watch(fold, plan, service, judged(id)),
        Expectation::Loss(loss) => Some(loss_watch(fold, plan, loss, judged(id))),
        _ => None,
    });
    let mut all: Vec<Stopwatch> = each.collect();
    if !all.iter().any(|watch| watch.counts == Counts::Rpo) {
        all.extend(backup_watch(fold, plan));
    }
    all
}

fn service_watch(
    fold: &DrillFold,
    plan: &Plan,
    expected: &ServiceExpectation,
    judged: Option<&Judgement>,
) -> Option<Stopwatch> {
    let objective = expected.rto?.micros();
    let step = step_of(plan, expected.of.as_ref());
    let from = step.and_then(|step| match expected.after {
        After::Fault => fold.state.t0(step),
        After::Heal => fold.healed_us.get(step).copied(),
    });
    let strip = fold.strips.get(&expected.probe);
    let down = strip.is_some_and(|strip| strip.state.down_since.is_some());
    let ended = from.and_then(|from| strip?.ended_after(from));
    let watch = Stopwatch {
        counts: Counts::Rto,
        name: expected.probe.clone(),
        objective_us: Some(objective),
        stand: Stand::Waiting,
        from_us: from.map(signed),
        to_us: None,
        outcome: None,
    };
    Some(match (judged, from, down, ended) {
        (Some(judgement), ..) => watch.judged(judgement),
        (None, None, ..) => watch,
        (None, Some(_), true, _) => Stopwatch { stand: Stand::Running, ..watch },
        (None, Some(_), false, Some(Stretch { to_us: Some(to), .. })) => {
            Stopwatch { stand: Stand::Stopped, to_us: Some(signed(to)), ..watch }
        }
        (None, Some(_), false, _) => Stopwatch { stand: Stand::Steady, ..watch },
    })
}

fn loss_watch(fold: &DrillFold, plan: &Plan, expected: &LossExpectation, judged: Option<&Judgement>) -> Stopwatch {
    let step = step_of(plan, expected.of.as_ref());
    let watch = backup_age(fold, step, expected.data.clone(), Some(expected.rpo.micros()));
    match judged {
        Some(judgement) => watch.judged(judgement),
        None => watch,
    }
}

/// The age of the newest backup, where no expectation names an RPO.
fn backup_watch(fold: &DrillFold, plan: &Plan) -> Option<Stopwatch> {
    newest_backup(fold)?;
    let step = plan.steps.iter().find(|step| step.class == StepClass::Destructive).map(|step| &step.name);
    Some(backup_age(fold, step.or_else(|| step_of(plan, None)), "newest backup".into(), None))
}

/// It counts from the begin of the newest backup until the loss.
fn backup_age(fold: &DrillFold, step: Option<&StepName>, name: String, objective_us: Option<u64>) -> Stopwatch {
    let lost = step.and_then(|step| fold.state.t0(step));
    let from_us = fold
        .began
        .zip(newest_backup(fold))
        .map(|(began, backup)| i64::try_from(backup.duration_since(began).as_micros()).unwrap_or_default());
    let stand = match (from_us, lost) {
        (None, _) => Stand::Waiting,
        (Some(_), None) => Stand::Running,
        (Some(_), Some(_)) => Stand::Stopped,
    };
    Stopwatch { counts: Counts::Rpo, name, objective_us, stand, from_us, to_us: lost.map(signed), outcome: None }
}

/// When the newest backup that the drill made was begun, and not after the loss.
fn newest_backup(fold: &DrillFold) -> Option<Timestamp> {
    let before = fold.state.results.values().filter(|result| result.reprotected().is_none());
    before.filter_map(|result| result.backup()?.started).max()
}

/// The step of an expectation; without a name, the only fault.
fn step_of<'a>(plan: &'a Plan, of: Option<&'a StepName>) -> Option<&'a StepName> {
    of.or_else(|| plan.steps.iter().find(|step| step.class != StepClass::Observe).map(|step| &step.name))
}

impl Stopwatch {
    fn judged(self, judgement: &Judgement) -> Self {
        let outcome = Some(judgement.outcome);
        match judgement.measured {
            Some(Measure { most_us, .. }) => {
                Self { stand: Stand::Judged, from_us: Some(0), to_us: Some(signed(most_us)), outcome, ..self }
            }
            None => Self { stand: Stand::Unmeasured, outcome, ..self },
        }
    }
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}
