//! Judges how many acknowledged lines an application lost in a disaster: the lines that are gone, and the age of the
//! newest line before them.

use super::{
    Answer, History, StepSpan,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
    window::{EndedBy, Window},
};
use crate::{
    event::{LineRun, lines_in},
    model::{Evidence, LossExpectation, Measure, Measured, Outcome, StepResult, Told},
};

/// How long to wait for a log after the last step.
const PATIENCE_US: u64 = 60_000_000;

/// What happened to one log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The lines, with the answers to them.
    pub written: Vec<LineRun>,
    /// The results of reading it.
    pub read: Vec<Reading>,
    /// A result whose list of missing lines continues in the next event.
    listing: Option<Reading>,
}

/// A log that was read back.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// When.
    pub at_us: u64,
    /// Acknowledged lines that were missing: the first and the last number of each gap.
    pub missing: Vec<(u64, u64)>,
    /// The number of lines that differ from what was written.
    pub damaged: u64,
    /// Why it could not be read; empty if it could.
    pub error: String,
}

impl Log {
    /// Adds a result, or a part of one; `more`: the rest is in the next event.
    pub(super) fn add(&mut self, part: Reading, more: bool) {
        let missing = self.listing.take().map(|begun| begun.missing).unwrap_or_default();
        let reading = Reading { missing: [missing, part.missing].concat(), ..part };
        if more {
            self.listing = Some(reading);
        } else {
            self.read.push(reading);
        }
    }

    /// The acknowledged lines, oldest first.
    fn acknowledged(&self) -> impl DoubleEndedIterator<Item = &LineRun> {
        self.written.iter().filter(|r| r.error.is_empty())
    }

    /// Whether a line was acknowledged that was sent in a time.
    fn accepted_between(&self, (from, to): (u64, u64)) -> bool {
        let sent = |r: &LineRun| (r.from..=r.to).any(|n| (from..to).contains(&sent_us(r, n)));
        self.acknowledged().any(|r| r.from_us < to && r.to_us >= from && sent(r))
    }

    /// The longest time without an acknowledged line before the fault.
    fn longest_gap_before(&self, t0: u64) -> u64 {
        let mut times: Vec<u64> = self.acknowledged().flat_map(|r| (r.from..=r.to).map(|n| sent_us(r, n))).collect();
        times.retain(|at| *at < t0);
        times.push(t0);
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0)
    }

    /// The newest acknowledged line that satisfies a condition, and when it was sent.
    fn newest(&self, keep: impl Fn(u64, u64) -> bool) -> Option<(u64, u64)> {
        let lines = self.acknowledged().rev().flat_map(|r| (r.from..=r.to).rev().map(|n| (n, sent_us(r, n))));
        lines.into_iter().find(|(n, at)| keep(*n, *at))
    }
}

/// When each acknowledged line was sent. A drill may have written millions of lines, in thousands of runs.
struct Sent<'h> {
    runs: Vec<&'h LineRun>,
    /// Whether the runs follow each other, as a writer makes them. A journal may say something else.
    ordered: bool,
}

impl<'h> Sent<'h> {
    fn of(log: &'h Log) -> Self {
        let runs: Vec<&LineRun> = log.acknowledged().collect();
        let ordered = runs.iter().all(|r| r.from <= r.to) && runs.is_sorted_by(|a, b| a.to < b.from);
        Self { runs, ordered }
    }

    /// When a line was sent; of several lines with this number, the first.
    fn at(&self, number: u64) -> Option<u64> {
        let has = |r: &&&LineRun| (r.from..=r.to).contains(&number);
        let run = if self.ordered {
            self.runs.get(self.runs.partition_point(|r| r.to < number)).filter(has)
        } else {
            self.runs.iter().find(has)
        };
        run.map(|r| sent_us(r, number))
    }
}

/// The numbers of lost lines, as ranges that do not overlap.
struct Lost(Vec<(u64, u64)>);

impl Lost {
    fn of(missing: &[(u64, u64)]) -> Self {
        let mut ranges: Vec<(u64, u64)> = missing.iter().copied().filter(|(from, to)| from <= to).collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, kept| {
            let overlaps = next.0 <= kept.1;
            kept.1 = if overlaps { kept.1.max(next.1) } else { kept.1 };
            overlaps
        });
        Self(ranges)
    }

    fn has(&self, number: u64) -> bool {
        self.0.get(self.0.partition_point(|(_, to)| *to < number)).is_some_and(|(from, _)| *from <= number)
    }
}

impl Reading {
    fn lost(&self) -> u64 {
        lines_in(&self.missing)
    }
}

/// The lines of a run are evenly spaced.
fn sent_us(run: &LineRun, number: u64) -> u64 {
    let lines = run.to.saturating_sub(run.from).max(1);
    let (took, nth) = (run.to_us.saturating_sub(run.from_us), number.saturating_sub(run.from));
    let part = u128::from(took) * u128::from(nth) / u128::from(lines);
    run.from_us + u64::try_from(part).unwrap_or(took)
}

pub(super) fn answer(expected: &LossExpectation, history: &History, now_us: u64) -> Answer {
    let data = &expected.data;
    let Some(window) = Window::of(history, expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, format!("{data}: the fault of this expectation did not happen"));
    };
    let empty = Log::default();
    let log = history.logs.get(data).unwrap_or(&empty);
    let over = history.steps.values().filter_map(StepSpan::to).max().unwrap_or(window.t0).max(window.t0);
    // The lost store accepted lines until the restore began, also after the fault.
    let restore = history.state.results.values().filter_map(StepResult::restored).map(|r| r.sent_us).min();
    let read = log.read.iter().rev().find(|r| r.at_us >= over && r.error.is_empty());
    let mut proof = Proof {
        baseline: baseline(log, window.t0),
        reach: reach(log, history, &window),
        sight: cut(&window),
        denominator: Part::Shown(format!(
            "{} acknowledged lines",
            log.acknowledged().map(|r| (r.to + 1).saturating_sub(r.from)).sum::<u64>()
        )),
        bound: Bound::Open(String::new()),
        own: Own::NotAsked("lost lines do not recover"),
        // Lost lines do not come back except by a restore, so changes from outside do not matter.
        others: Others::NotAsked,
    };
    let Some(read) = read else {
        proof.bound = unread(log, over, history.end_us, now_us);
        return proof.conclude(data);
    };
    if read.lost() > 0 {
        proof.reach = Part::Shown(format!("{} acknowledged lines are gone", read.lost()));
    }
    proof.bound = decide(expected, log, (window.t0, restore), read);
    let observed = format!("{} acknowledged lines are gone {:?}, {} damaged", read.lost(), read.missing, read.damaged);
    let bar = age(log, read);
    let measured = bar.map(|(least_us, most_us)| Measure {
        of: Measured::Loss,
        least_us,
        most_us,
        objective_us: expected.rpo.micros(),
    });
    proof.conclude(data).measuring(measured).with(Evidence {
        source: format!("numbered lines appended to `{data}`, and the log as it was read back"),
        observed: Told::of_journal(observed),
        from_us: Some(window.t0),
        to_us: Some(read.at_us),
        uncertainty_us: history.state.plan.as_ref().and_then(|p| {
            let spec = p.data.iter().find(|d| d.name == *data)?;
            Some(spec.every.micros() + spec.timeout.micros())
        }),
    })
}

/// A log that was not read after the last step. That is a failure only if the drill tried for long enough.
fn unread(log: &Log, over: u64, end_us: u64, now_us: u64) -> Bound {
    let last = log.read.last();
    let failed = last.is_some_and(|r| r.at_us >= over && !r.error.is_empty());
    let why = match last {
        None => "it was never read".to_owned(),
        Some(r) if r.error.is_empty() => "it was read only before that".to_owned(),
        Some(r) => r.error.clone(),
    };
    if now_us < over.saturating_add(PATIENCE_US) {
        Bound::Open(format!("it has not been read since the last step ({why})"))
    } else if failed && end_us >= over.saturating_add(PATIENCE_US) {
        Bound::Refuted(format!("it could not be read after the last step: {why}"))
    } else {
        Bound::Between(format!("it was not read after the last step: {why}"))
    }
}

/// Whether lines were read back before the fault, which shows that the log returns what was written.
fn baseline(log: &Log, t0: u64) -> Part {
    let acknowledged = log.acknowledged().any(|r| r.from_us < t0);
    let read = log.read.iter().rev().find(|r| r.at_us <= t0 && r.error.is_empty());
    match read {
        _ if !acknowledged => Part::Missing("no line was acknowledged before the fault".into()),
        None => Part::Missing("no line was read back before the fault".into()),
        Some(read) if read.lost() > 0 => Part::Missing(format!("{} lines were missing before the fault", read.lost())),
        Some(_) => Part::Shown("its lines were read back before the fault".into()),
    }
}

/// Whether a line was not acknowledged, or the store was replaced.
fn reach(log: &Log, history: &History, window: &Window) -> Part {
    let refused = log.written.iter().any(|r| !r.error.is_empty() && r.to_us >= window.t0);
    let deleted = matches!(history.state.results.get(&window.step), Some(StepResult::Deletion(_)));
    let elsewhere = deleted && log.accepted_between(deletion(history, window));
    if refused {
        Part::Shown("lines were not acknowledged".into())
    } else if elsewhere {
        Part::Missing("lines were acknowledged while the namespace was gone, so their store was not in it".into())
    } else if deleted {
        Part::Shown("its store was deleted".into())
    } else {
        Part::Missing("every line was acknowledged, and no deletion of its store was observed".into())
    }
}

/// The time in which a namespace was gone: from the end of the step that deleted it until the next restore is sent.
fn deletion(history: &History, window: &Window) -> (u64, u64) {
    let gone = history.steps.get(&window.step).and_then(StepSpan::to).unwrap_or(window.t0);
    let restored = history.state.results.values().filter_map(StepResult::restored).map(|r| r.sent_us);
    (gone, restored.filter(|sent| *sent >= gone).min().unwrap_or(history.end_us))
}

fn cut(window: &Window) -> Sight {
    match window.by {
        EndedBy::Interruption => Sight::Missing(window.how()),
        _ => Sight::Shown("it was read after the last step".into()),
    }
}

/// The smallest and the largest possible time between the newest lost line and the recovery point: no line before that
/// point is missing. None if every line is lost, or none is.
fn age(log: &Log, read: &Reading) -> Option<(u64, u64)> {
    let lost = Lost::of(&read.missing);
    let (first, _) = *read.missing.first()?;
    let (_, newest) = log.newest(|n, _| lost.has(n))?;
    let (point, at) = log.newest(|n, _| n < first)?;
    let next = Sent::of(log).at(point + 1).unwrap_or(newest).min(newest);
    Some((newest.saturating_sub(next), newest.saturating_sub(at)))
}

fn decide(expected: &LossExpectation, log: &Log, (t0, restore): (u64, Option<u64>), read: &Reading) -> Bound {
    let objective = expected.rpo;
    let (missing, damaged, lost) = (&read.missing, read.damaged, read.lost());
    if damaged > 0 {
        return Bound::Refuted(format!("{damaged} lines are damaged, duplicated or out of order"));
    }
    if missing.is_empty() {
        // If no lines were written for a time, it is unknown how much would have been lost in it.
        let gap = log.longest_gap_before(t0);
        return if gap > objective.micros() {
            Bound::Between(format!(
                "no line is lost, but lines were up to {:.1} s apart, so an objective of {objective} cannot be shown",
                gap as f64 / 1e6
            ))
        } else {
            Bound::Met("no acknowledged line is lost".into())
        };
    }
    let numbers = || missing.iter().flat_map(|(from, to)| *from..=*to);
    let sent = Sent::of(log);
    let late =
        numbers().filter(|n| sent.at(*n).is_some_and(|at| restore.is_some_and(|restored| at >= restored))).count();
    if late > 0 {
        return Bound::Refuted(format!("{late} lines were acknowledged after the restore began, and are gone"));
    }
    // The newest line that the lost store accepted. Later lines are in another store.
    let gone = Lost::of(missing);
    if log.newest(|n, _| gone.has(n)).is_none() {
        return Bound::Between("it is unknown when the lost lines were acknowledged".into());
    }
    let Some((least, most)) = age(log, read) else {
        return Bound::Refuted(format!("all {lost} acknowledged lines are lost"));
    };
    let after = numbers().filter(|n| sent.at(*n).is_some_and(|at| at >= t0)).count();
    let later = if after > 0 { format!(", {after} of them acknowledged after the fault") } else { String::new() };
    let said = format!("RPO {:.1} s, {lost} acknowledged lines lost{later}", most as f64 / 1e6);
    if most <= objective.micros() {
        Bound::Met(said)
    } else if least > objective.micros() {
        Bound::Refuted(format!("{said}, objective {objective}"))
    } else {
        Bound::Between(format!(
            "{said}: the lines were too far apart, so it is unknown whether the objective of {objective} is met"
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::small_journal::SmallJournal, *};
    use crate::event::Kind;

    const SECOND: u64 = 1_000_000;

    /// One line each second; the fault comes at 5.5 s, the restore at 6.5 s, and these lines are missing. The objective
    /// of one hour allows each of these losses by its length.
    fn without(missing: &[(u64, u64)]) -> Bound {
        let lines = LineRun { from: 1, to: 10, from_us: SECOND, to_us: 10 * SECOND, error: Told::default() };
        let log = Log { written: vec![lines], ..Log::default() };
        let expected =
            LossExpectation { id: None, data: "ledger".into(), rpo: "1h".parse().expect("a length"), of: None };
        let read = Reading { missing: missing.to_vec(), ..Reading::default() };
        decide(&expected, &log, (5 * SECOND + SECOND / 2, Some(6 * SECOND + SECOND / 2)), &read)
    }

    #[test]
    fn what_was_acknowledged_after_the_restore_must_be_there_whatever_the_objective() {
        assert!(matches!(without(&[]), Bound::Met(_)));
        // Lines of the lost store: from before the fault, and from until the restore began.
        let Bound::Met(said) = without(&[(5, 6)]) else { panic!("{:?}", without(&[(5, 6)])) };
        assert_eq!(said, "RPO 2.0 s, 2 acknowledged lines lost, 1 of them acknowledged after the fault");
        for late in [&[(8, 8)][..], &[(5, 5), (10, 10)], &[(5, 7)]] {
            let bound = without(late);
            assert!(matches!(&bound, Bound::Refuted(why) if why.contains("after the restore")), "{late:?}: {bound:?}");
        }
    }

    /// A namespace is deleted at 10 s and gone from 15 s on. Lines are written all the time, and read before it.
    fn deleted() -> SmallJournal {
        let lost = serde_json::json!({"of": "deletion", "namespace": "shop", "backup": "b", "volumes": []});
        let revert = serde_json::json!({"type": "restore", "namespace": "shop", "uid": "u", "backup": "b",
            "velero": "velero", "ready": [], "force_dead_pods": false});
        let verb = serde_json::json!({"deleteNamespace": {"name": "shop", "coveredBy": "b"}});
        SmallJournal::new(&verb, &[])
            .expects(serde_json::json!({"loss": {"data": "ledger", "rpo": "1h"}}))
            .at(9, written(1, 9, ""))
            .at(9, read(""))
            .step(10, 15)
            .fault(10, &revert)
            .result(15, "fault", serde_json::from_value(lost).expect("a result"))
    }

    fn written(from: u64, to: u64, error: &'static str) -> Kind {
        let runs = vec![LineRun { from, to, from_us: from * SECOND, to_us: to * SECOND, error: error.into() }];
        Kind::LinesWritten { data: "ledger".into(), runs }
    }

    fn read(error: &'static str) -> Kind {
        Kind::LinesRead { data: "ledger".into(), missing: vec![], damaged: 0, error: error.into(), more: false }
    }

    #[test]
    fn a_log_that_takes_lines_while_the_namespace_is_gone_is_not_in_it() {
        let of = |lines: Kind| deleted().at(30, lines).at(40, read("")).judged(120).0;
        assert_eq!(of(written(10, 30, "")), Outcome::Inconclusive);
        assert_eq!(of(written(10, 30, "connection refused")), Outcome::Pass);
        assert_eq!(of(written(10, 11, "")), Outcome::Pass, "it was still there");
    }

    #[test]
    fn a_log_that_nobody_tried_to_read_has_not_failed() {
        let of = |until: u64, tried: &[(u64, &'static str)]| {
            let journal = deleted().at(30, written(10, 30, "connection refused"));
            let journal = tried.iter().fold(journal, |j, (at, error)| j.at(*at, read(error)));
            journal.judged(until).0
        };
        assert_eq!(of(30, &[]), Outcome::Inconclusive, "the drill ended at once");
        assert_eq!(of(120, &[]), Outcome::Inconclusive);
        assert_eq!(of(40, &[(38, "status 500")]), Outcome::Inconclusive, "it had no time");
        assert_eq!(of(120, &[(38, "status 500"), (110, "status 500")]), Outcome::Fail);
    }

    proptest! {
        /// Whatever the journal says, each line is found where a look at every run finds it.
        #[test]
        fn lines_are_found_as_by_looking_at_every_run(
            runs in prop::collection::vec((0_u64..30, 0_u64..6), 0..8),
            missing in prop::collection::vec((0_u64..30, 0_u64..6), 0..8),
            sorted: bool,
        ) {
            let range = |(from, length): (u64, u64)| (from, (from + length).saturating_sub(1));
            let (mut runs, missing): (Vec<_>, Vec<_>) =
                (runs.into_iter().map(range).collect(), missing.into_iter().map(range).collect());
            if sorted {
                runs.sort_unstable();
                runs.dedup_by(|next, kept| next.0 <= kept.1);
            }
            let run = |(i, (from, to)): (usize, (u64, u64))| {
                LineRun { from, to, from_us: i as u64 * 100, to_us: i as u64 * 100 + 9, error: Told::default() }
            };
            let log = Log { written: runs.into_iter().enumerate().map(run).collect(), ..Log::default() };
            let (sent, lost) = (Sent::of(&log), Lost::of(&missing));
            for number in 0..40 {
                let found = log.written.iter().find(|r| (r.from..=r.to).contains(&number)).map(|r| sent_us(r, number));
                prop_assert_eq!(sent.at(number), found);
                prop_assert_eq!(lost.has(number), missing.iter().any(|(from, to)| (*from..=*to).contains(&number)));
            }
        }
    }
}
