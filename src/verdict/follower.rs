//! The judge of a running drill. It takes each event when it is written, and keeps what the verdict needs of it, so
//! that nobody reads the journal again: not the steps that wait, not the verdict, not the end. Start with [`Follower`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Answer, History, alerts, answer, replicas, return_to_normal, service};
use crate::{
    event::Event,
    model::{After, Expectation, Outcome, StepName},
};

/// What a step waits for.
#[derive(Clone, Copy, Debug)]
pub enum Waited<'a> {
    /// The recovery of these probes and workloads.
    Recovered(&'a [String]),
    /// The alerts of the faults so far.
    Alerted,
}

/// The journal of a running drill, arranged by time. Several tasks share it.
#[derive(Debug, Default)]
pub struct Follower {
    history: Mutex<History>,
    /// The events that are not in the history yet. An answer about a large cluster takes a while, and nothing that is
    /// observed has to wait for it.
    next: Mutex<Vec<Arc<Event>>>,
}

impl Follower {
    /// Adds the next event.
    pub fn take(&self, event: &Arc<Event>) {
        lock(&self.next).push(Arc::clone(event));
        if let Ok(mut history) = self.history.try_lock() {
            self.arrange(&mut history);
        }
    }

    /// Reads the history of all events so far.
    pub fn with<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        let mut history = lock(&self.history);
        self.arrange(&mut history);
        look(&history)
    }

    /// Adds the events that wait. Whoever calls it has locked the history, so their order is kept.
    fn arrange(&self, history: &mut History) {
        let next = std::mem::take(&mut *lock(&self.next));
        for event in next {
            let _ = history.add(&event);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl History {
    /// What is undecided, and may be decided by observing longer.
    pub fn undecided(&self, now_us: u64) -> Vec<String> {
        let Some(plan) = &self.state.plan else { return vec![] };
        plan.expectations()
            .filter_map(|expectation| {
                let answer = answer(expectation, self, now_us);
                answer.outcome.is_none().then_some(answer.because)
            })
            .chain(self.not_returned(now_us))
            .collect()
    }

    /// The workloads that do not have all their pods again, while that may still be expected.
    pub fn not_returned(&self, now_us: u64) -> Vec<String> {
        return_to_normal::waiting(self, now_us)
    }

    /// What the judge has not decided yet of what a step waits for: the objectives of these probes and workloads that
    /// count from a fault, or the delivery of alerts. Because the step asks the judge, it cannot report success where
    /// the verdict would not.
    pub fn waited_for(&self, now_us: u64, what: Waited<'_>) -> Vec<String> {
        let Some(plan) = &self.state.plan else { return vec![] };
        let open = |expectation: &Expectation| match (what, expectation) {
            (Waited::Recovered(of), Expectation::Service(e)) if of.contains(&e.probe) => {
                let asked = e.rto.is_some() && e.after == After::Fault;
                asked.then(|| service::answer(e, self, now_us)).filter(Answer::is_open).map(|a| a.because)
            }
            (Waited::Recovered(of), Expectation::Replicas(e)) if of.contains(&e.workload.to_string()) => {
                let asked = e.ready.is_some() && e.after == After::Fault;
                asked.then(|| replicas::answer(e, self, now_us)).filter(Answer::is_open).map(|a| a.because)
            }
            (Waited::Alerted, Expectation::Alert(e)) => alerts::undelivered(e, self, now_us),
            _ => None,
        };
        plan.expectations().filter(|e| self.window(e.of()).is_some()).filter_map(open).collect()
    }

    /// Whether every expectation of a restore was met so far. If not, its scratch namespace is worth inspecting.
    pub fn restore_is_met(&self, step: &StepName) -> bool {
        let Some(plan) = &self.state.plan else { return false };
        let of_it = |e: &&Expectation| e.of() == Some(step);
        self.state.results.get(step).is_some_and(|r| r.restored().is_some())
            && plan.expectations().filter(of_it).all(|e| {
                let outcome = answer(e, self, self.end_us).outcome;
                matches!(outcome, Some(Outcome::Pass | Outcome::Skipped | Outcome::Waived))
            })
    }

    /// The outcome of everything that is expected of a restore so far; none if nothing is expected.
    pub fn restore_outcome(&self, step: &StepName) -> Option<Outcome> {
        let plan = self.state.plan.as_ref()?;
        let of_it = plan.expectations().filter(|e| matches!(e, Expectation::Restore(r) if r.of == *step));
        let answers: Vec<Answer> = of_it.map(|e| answer(e, self, self.end_us)).collect();
        if answers.is_empty() { None } else { Some(Answer::all(answers).outcome.unwrap_or(Outcome::Inconclusive)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Kind;

    fn seen(at: u64, wanted: u32) -> Arc<Event> {
        let (namespace, workload) = ("shop".to_owned(), "deployment/web".to_owned());
        Arc::new(Event {
            seq: at,
            at: jiff::Timestamp::UNIX_EPOCH,
            t_us: at,
            epoch: 1,
            prev: String::new(),
            must: false,
            event: Kind::WorkloadSeen { namespace, workload, wanted, ready: wanted },
        })
    }

    proptest! {
        /// Events may come one by one, or while somebody asks about the history. Then they wait, and nothing is lost.
        #[test]
        fn what_comes_while_somebody_asks_is_added_in_order(
            rounds in prop::collection::vec((prop::collection::vec(0_u32..4, 0..5), any::<bool>()), 0..20),
        ) {
            let (follower, mut all) = (Follower::default(), vec![]);
            for (wanted, asked) in rounds {
                let next: Vec<_> = wanted.iter().zip(all.len() as u64..).map(|(wanted, at)| seen(at, *wanted)).collect();
                let take = || next.iter().for_each(|event| follower.take(event));
                if asked { follower.with(|_| take()) } else { take() }
                all.extend(next.iter().map(|event| (**event).clone()));
            }
            let series = |history: &History| -> Vec<_> { history.wanted.values().map(|s| s.0.clone()).collect() };
            prop_assert_eq!(follower.with(series), series(&History::of(&all)));
        }
    }
}
