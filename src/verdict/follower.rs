//! The judge of a drill that goes on. Whoever waits asks every second; what was laid out of
//! the journal before is not laid out again.

use super::{Answer, History, alerts, answer, replicas, return_to_normal, service};
use crate::{
    event::Event,
    model::{After, Expectation},
};

/// What a step waits for.
#[derive(Clone, Copy, Debug)]
pub enum Waited<'a> {
    /// These probes and workloads.
    Recovered(&'a [String]),
    /// The alerts of the faults so far.
    Alerted,
}

/// A journal as far as it was followed.
#[derive(Debug, Default)]
pub struct Follower {
    history: History,
    taken: usize,
}

impl Follower {
    /// How many events it knows: it is to be given those after them.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Takes the next events.
    pub fn follow(&mut self, next: &[Event]) {
        self.history.follow(next);
        self.taken += next.len();
    }

    /// What is still open and may be decided by going on looking.
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

    /// What the judge has not decided yet of what a step waits for: the objectives of these
    /// probes and workloads that count from a fault, or the delivery of alerts. A step that
    /// waits asks the judge, so that it cannot tick what the verdict denies.
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
