//! The judge of a running drill. Waiting steps ask it every second, so it adds only new events to what it already
//! knows.

use super::{Answer, History, alerts, answer, replicas, return_to_normal, service};
use crate::{
    event::Event,
    model::{After, Expectation},
};

/// What a step waits for.
#[derive(Clone, Copy, Debug)]
pub enum Waited<'a> {
    /// The recovery of these probes and workloads.
    Recovered(&'a [String]),
    /// The alerts of the faults so far.
    Alerted,
}

/// A journal, as far as it was read.
#[derive(Debug, Default)]
pub struct Follower {
    history: History,
    taken: usize,
}

impl Follower {
    /// How many events it knows. The caller must pass the events after them.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Adds the next events.
    pub fn follow(&mut self, next: &[Event]) {
        self.history.follow(next);
        self.taken += next.len();
    }

    /// What is undecided, and may be decided by observing longer.
    pub fn undecided(&self, now_us: u64) -> Vec<String> {
        let Some(plan) = &self.history.state.plan else { return vec![] };
        plan.expectations()
            .filter_map(|expectation| {
                let answer = answer(expectation, &self.history, now_us);
                answer.outcome.is_none().then_some(answer.because)
            })
            .chain(return_to_normal::waiting(&self.history, now_us))
            .collect()
    }

    /// What the judge has not decided yet of what a step waits for: the objectives of these probes and workloads that
    /// count from a fault, or the delivery of alerts. Because the step asks the judge, it cannot report success where
    /// the verdict would not.
    pub fn waited_for(&self, now_us: u64, what: Waited<'_>) -> Vec<String> {
        let history = &self.history;
        let Some(plan) = &history.state.plan else { return vec![] };
        let open = |expectation: &Expectation| match (what, expectation) {
            (Waited::Recovered(of), Expectation::Service(e)) if of.contains(&e.probe) => {
                let asked = e.rto.is_some() && e.after == After::Fault;
                asked.then(|| service::answer(e, history, now_us)).filter(Answer::is_open).map(|a| a.because)
            }
            (Waited::Recovered(of), Expectation::Replicas(e)) if of.contains(&e.workload.to_string()) => {
                let asked = e.ready.is_some() && e.after == After::Fault;
                asked.then(|| replicas::answer(e, history, now_us)).filter(Answer::is_open).map(|a| a.because)
            }
            (Waited::Alerted, Expectation::Alert(e)) => alerts::undelivered(e, history, now_us),
            _ => None,
        };
        plan.expectations().filter(|e| history.window(e.of()).is_some()).filter_map(open).collect()
    }
}
