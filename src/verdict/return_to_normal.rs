//! A question that is asked in every drill, without being in the scenario: does the application have all its pods
//! again? A confirmed undo says nothing about the pods that it disturbed. The question includes the collateral: a
//! drill that leaves DNS broken has not ended well.

use super::{
    HOLD_US, History, Series,
    outside::{self, Others},
    proof::{Bound, Own, Part, Proof, Sight},
};
use crate::model::{Evidence, Judgement, Outcome, OutsideChange, Revert, Told, clauses, few};

/// How long the application may take after the last undo.
const PATIENCE_US: u64 = 300_000_000;

/// The end counts as observed if nothing was out of sight in this time before it.
const LAST_US: u64 = 2_000_000;

/// At most this many workloads are named with their numbers.
const NAMED: usize = 10;

/// A workload when the drill was armed, and now.
struct Counts {
    key: (String, String),
    name: String,
    before: i64,
    now: i64,
    /// The smallest number in the last seconds.
    held: i64,
    /// How many pods it should have now, if it was scaled down from outside in the meantime.
    scaled_to: Option<i64>,
    /// Whether it was deleted from outside and does not exist again.
    is_deleted: bool,
}

impl Counts {
    /// A deleted workload wants no pods, but it is not complete.
    fn is_short(&self) -> bool {
        self.is_deleted || self.now < self.wanted()
    }

    /// Whether it has all its pods, and has had them for long enough.
    fn is_whole(&self) -> bool {
        !self.is_short() && !self.is_brief()
    }

    /// Whether it has its pods, but not for long enough.
    fn is_brief(&self) -> bool {
        !self.is_short() && self.held < self.wanted()
    }

    fn wanted(&self) -> i64 {
        self.scaled_to.map_or(self.before, |wants| wants.min(self.before))
    }

    fn words(&self) -> String {
        let Self { name, now, before, .. } = self;
        if self.is_deleted {
            return format!("{name} was deleted outside the drill (it had {before} ready pods)");
        }
        let moment = if self.is_brief() { ", but not for 3 s yet" } else { "" };
        format!("{name} has {now} of {} ready{moment}", self.scaled_to.unwrap_or(*before))
    }
}

/// The workloads at an instant.
fn counts(history: &History, armed: u64, until: u64) -> Vec<Counts> {
    let deleted = history.state.outside.deleted();
    let is_deleted = |key: &(String, String)| deleted.contains(&(key.0.as_str(), key.1.as_str()));
    let collateral = |key: &(String, String)| history.state.plan.iter().any(|p| p.collateral.contains(&key.0));
    // A workload that wanted no pods has none to count, but can still be deleted.
    let idle = history
        .wanted
        .iter()
        .filter(|(key, wanted)| !history.ready.contains_key(*key) && wanted.at(armed).is_some() && is_deleted(key));
    let all = || history.ready.iter();
    let scope = all().filter(|(key, _)| !collateral(key)).map(|(key, ready)| (key, Some(ready)));
    let others = all().filter(|(key, _)| collateral(key)).map(|(key, ready)| (key, Some(ready)));
    let every = scope.chain(idle.map(|(key, _)| (key, None))).chain(others);
    let count = |(key, ready): (&(String, String), Option<&Series>)| {
        let at = |time| ready.and_then(|series| series.at(time)).unwrap_or(0);
        let last = (until.saturating_sub(HOLD_US).max(armed), until);
        let (namespace, workload) = key;
        let was_there = at(armed) > 0 || history.wanted.get(key).is_some_and(|wanted| wanted.at(armed).is_some());
        Counts {
            key: key.clone(),
            name: format!("{namespace}/{workload}"),
            before: at(armed),
            now: at(until),
            held: ready.and_then(|series| series.min(last.0, last.1)).unwrap_or(0),
            scaled_to: scaled_down(history, key, armed),
            is_deleted: was_there && is_deleted(key),
        }
    };
    every.map(count).collect()
}

/// The number to which an autoscaler or a person scaled a workload down. If the drill scaled it and has not put it
/// back, that is not an excuse.
fn scaled_down(history: &History, key: &(String, String), armed: u64) -> Option<i64> {
    let wanted = history.wanted.get(key)?;
    let (before, now) = (wanted.at(armed)?, wanted.at(history.end_us)?);
    if now >= before {
        return None;
    }
    let ours = history.state.faults.iter().filter(|f| f.state.is_open()).any(|f| match &f.revert {
        Revert::Scale { object, .. } => {
            object.workload().is_some_and(|w| w.namespace == key.0 && w.workload.to_string() == key.1)
        }
        _ => false,
    });
    (!ours).then_some(now)
}

/// The numbers on which the judgement is based.
fn numbers(all: &[Counts]) -> String {
    few(all.iter().map(|c| format!("{} {} before, {} now", c.name, c.before, c.now)), NAMED, ("; ", ";"))
}

/// Workloads that were scaled down from outside: they have the pods that they should have now, not those that they
/// had.
fn scaled(all: &[Counts]) -> String {
    let told: Vec<String> = all
        .iter()
        .filter(|c| c.now < c.before)
        .filter_map(|c| Some(format!("{} was scaled to {} outside the drill", c.name, c.scaled_to?)))
        .collect();
    if told.is_empty() { String::new() } else { format!(", or as many as they should have now: {}", clauses(&told)) }
}

/// What is still being waited for.
pub(super) fn waiting(history: &History, now_us: u64) -> Vec<String> {
    let undone = history.state.faults.iter().filter_map(|f| f.closed.as_ref().map(|(t, _)| *t)).max().unwrap_or(0);
    if now_us > undone + PATIENCE_US {
        return vec![];
    }
    let all = history.armed_us.map(|armed| counts(history, armed, now_us)).unwrap_or_default();
    // It is unknown whether a deleted workload will come back.
    let awaited = all.iter().filter(|c| !c.is_whole() && !c.is_deleted);
    let awaited: Vec<String> = awaited.map(Counts::words).collect();
    let mut waiting = if awaited.is_empty() { vec![] } else { vec![clauses(&awaited)] };
    // A source that was regained just now has not been read yet.
    waiting.extend(last_look(history, now_us));
    waiting
}

/// Why the last look at the application may be incomplete.
fn last_look(history: &History, now_us: u64) -> Option<String> {
    history.blind_in(now_us.saturating_sub(LAST_US), now_us)
}

/// The text claims that the collateral recovered only if it was observed.
fn around(history: &History) -> &'static str {
    let looked = |namespace: &String| history.ready.keys().any(|(of, _)| of == namespace);
    if history.state.plan.iter().any(|p| p.collateral.iter().any(looked)) { " and of its collateral" } else { "" }
}

/// Changes from outside to the workloads with too few pods. It does not matter if they helped: either the pods are
/// there, or they are not.
fn others(history: &History, armed: u64, short: &[&Counts]) -> Others {
    let touches = |change: &OutsideChange| short.iter().any(|c| outside::touches(history, change, &c.key));
    match Others::of(history, touches, armed, (0, history.end_us)) {
        Others::Seen { harmed, .. } => Others::Seen { helped: None, harmed },
        other => other,
    }
}

/// The judgement that every drill gets.
pub(super) fn judgement(history: &History) -> Option<Judgement> {
    let armed = history.armed_us?;
    if !history.state.faults.iter().any(|f| f.revert.disturbs()) || history.ready.is_empty() {
        return None;
    }
    let all = counts(history, armed, history.end_us);
    let short: Vec<&Counts> = all.iter().filter(|c| !c.is_whole()).collect();
    let count = history.ready.len();
    let said = clauses(&short.iter().map(|c| c.words()).collect::<Vec<_>>());
    let bound = if short.is_empty() {
        Bound::Met(format!("{count} workloads have as many ready pods as before{}", scaled(&all)))
    } else if short.iter().all(|c| c.is_brief()) {
        Bound::Between(said)
    } else {
        Bound::Refuted(said)
    };
    // An observation before the end says nothing about the end.
    let sight = last_look(history, history.end_us);
    let proof = Proof {
        baseline: Part::Shown("the pods were counted when the drill was armed".into()),
        reach: Part::NotAsked("this is checked whatever the fault hit"),
        sight: sight.map_or_else(|| Sight::Shown("the pods could be watched at the end".into()), Sight::Missing),
        denominator: Part::Shown(format!("{count} workloads of the scope and its collateral")),
        bound,
        own: Own::NotAsked("this is checked after the undo"),
        others: others(history, armed, &short),
    };
    let answer = proof.conclude("afterwards");
    Some(Judgement {
        id: "afterwards".into(),
        expectation: format!("afterwards, every workload of the scope{} has all its pods again", around(history)),
        of: None,
        outcome: answer.outcome.unwrap_or(Outcome::Inconclusive),
        because: Told::of_journal(answer.because),
        parts: answer.parts,
        measured: None,
        evidence: vec![Evidence {
            source: "watch pods, when armed and at the end".into(),
            observed: Told::of_journal(numbers(&all)),
            from_us: Some(armed),
            to_us: Some(history.end_us),
            uncertainty_us: None,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::super::small_journal::SmallJournal;
    use crate::{event::Kind, model::Outcome};

    #[test]
    fn pods_that_are_ready_for_a_moment_are_not_there_again() {
        let of = |back: Option<u64>, until: u64| {
            let journal = SmallJournal::killed("a").pod(5, "w1", "a", true).pod(5, "w2", "b", true);
            let journal = journal.at(9, Kind::Armed { unwind_deadline_us: 1 }).pod(50, "w1", "a", false).healed(60);
            let journal = if let Some(back) = back { journal.pod(back, "w1", "a", true) } else { journal };
            journal.judged(until)
        };
        assert_eq!(of(Some(70), 80).0, Outcome::Pass);
        let (moment, said) = of(Some(78), 80);
        assert_eq!(moment, Outcome::Inconclusive);
        assert!(said.contains("deployment/web has 2 of 2 ready, but not for 3 s yet"), "{said}");
        assert_eq!(of(None, 80).0, Outcome::Fail);
    }
}
