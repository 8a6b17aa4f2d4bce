//! How much of what an application had acknowledged a disaster cost (correctness
//! 51, 52): lines that are gone, and the age of the newest one before them.

use super::{Answer, History, StepSpan};
use crate::{
    event::LineRun,
    model::{Evidence, LossExpectation, Outcome, Told},
};

/// After the last step, a log is waited for this long.
const PATIENCE_US: u64 = 60_000_000;

/// What one log went through.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Lines as they were answered.
    pub written: Vec<LineRun>,
    /// What was found when it was read.
    pub read: Vec<Reading>,
}

/// A log as it was read back.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// When.
    pub at_us: u64,
    /// Acknowledged lines that were not there, first and last of each row.
    pub missing: Vec<(u64, u64)>,
    /// Lines that were not as written.
    pub damaged: u64,
    /// Why it could not be read; empty where it could.
    pub error: String,
}

impl Log {
    /// The runs of acknowledged lines, oldest first.
    fn acknowledged(&self) -> impl DoubleEndedIterator<Item = &LineRun> {
        self.written.iter().filter(|r| r.error.is_empty())
    }

    /// When an acknowledged line was sent.
    fn sent_us(&self, number: u64) -> Option<u64> {
        self.acknowledged().find(|r| (r.from..=r.to).contains(&number)).map(|r| sent_us(r, number))
    }

    /// The newest acknowledged line that satisfies a condition, and when it was sent.
    fn newest(&self, keep: impl Fn(u64, u64) -> bool) -> Option<(u64, u64)> {
        let lines = self.acknowledged().rev().flat_map(|r| (r.from..=r.to).rev().map(|n| (n, sent_us(r, n))));
        lines.into_iter().find(|(n, at)| keep(*n, *at))
    }
}

impl Reading {
    fn lost(&self) -> u64 {
        self.missing.iter().map(|(from, to)| to - from + 1).sum()
    }
}

/// Lines of a run are evenly apart.
fn sent_us(run: &LineRun, number: u64) -> u64 {
    let lines = (run.to - run.from).max(1);
    run.from_us + (run.to_us - run.from_us) * (number - run.from) / lines
}

pub(super) fn answer(expected: &LossExpectation, history: &History, now_us: u64) -> Answer {
    let data = &expected.data;
    let Some((t0, _)) = history.window(expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, format!("{data}: its fault never happened"));
    };
    let empty = Log::default();
    let log = history.logs.get(data).unwrap_or(&empty);
    let Some((_, before_us)) = log.newest(|_, at| at < t0) else {
        return Answer::new(Outcome::Inconclusive, format!("{data}: no line was acknowledged before the fault"));
    };
    let over = history.steps.values().filter_map(StepSpan::to).max().unwrap_or(t0).max(t0);
    if let Some(cut) = history.cut_short(expected.of.as_ref()) {
        return Answer::new(Outcome::Inconclusive, format!("{data}: {cut}"));
    }
    let read = log.read.iter().rev().find(|r| r.at_us >= over && r.error.is_empty());
    let Some(read) = read else {
        let why = log.read.last().map_or("it was never read".to_owned(), |r| r.error.clone());
        return if now_us < over + PATIENCE_US {
            Answer::open(format!("{data} has not been read since the last step ({why})"))
        } else {
            Answer::new(Outcome::Fail, format!("{data} cannot be read since the last step: {why}"))
        };
    };
    let evidence = |observed: String| Evidence {
        source: format!("numbered lines appended to `{data}`, and the log as it was read back"),
        observed: Told::of_journal(observed),
        from_us: Some(t0),
        to_us: Some(read.at_us),
        uncertainty_us: history.state.plan.as_ref().and_then(|p| {
            let spec = p.data.iter().find(|d| d.name == *data)?;
            Some(spec.every.micros() + spec.timeout.micros())
        }),
    };
    let observed = format!("{} acknowledged lines are gone {:?}, {} damaged", read.lost(), read.missing, read.damaged);
    decide(expected, log, (t0, before_us), read).with(evidence(observed))
}

fn decide(expected: &LossExpectation, log: &Log, (t0, before_us): (u64, u64), read: &Reading) -> Answer {
    let (data, objective) = (&expected.data, expected.rpo);
    let (missing, damaged, lost) = (&read.missing, read.damaged, read.lost());
    if damaged > 0 {
        return Answer::new(Outcome::Fail, format!("{data}: {damaged} lines came back damaged, twice or out of order"));
    }
    let Some((first, _)) = missing.first() else {
        let age = (t0 - before_us) as f64 / 1e6;
        return Answer::new(Outcome::Pass, format!("{data}: nothing acknowledged is lost (last line {age:.1} s old)"));
    };
    let after: u64 = missing
        .iter()
        .flat_map(|(from, to)| *from..=*to)
        .filter(|n| log.sent_us(*n).is_some_and(|at| at >= t0))
        .count() as u64;
    // The recovery point: up to here nothing is missing.
    let point = log.newest(|n, _| n < *first).map(|(_, at)| at);
    let Some(point) = point else {
        return Answer::new(Outcome::Fail, format!("{data}: all {lost} acknowledged lines are lost"));
    };
    let rpo = t0.saturating_sub(point);
    let later = if after > 0 { format!(", {after} of them acknowledged after the fault") } else { String::new() };
    let said = format!("{data}: RPO {:.1} s, {lost} acknowledged lines lost{later}", rpo as f64 / 1e6);
    if rpo <= objective.micros() {
        Answer::new(Outcome::Pass, said)
    } else {
        Answer::new(Outcome::Fail, format!("{said}, objective {objective}"))
    }
}
