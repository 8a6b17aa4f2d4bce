//! The samples of a probe in an interval, and the periods in which its service was not up. Start with [`Outage::of`].

use crate::{
    event::ProbeRun,
    journal::{ProbeState, Stretch},
    model::{ProbeSpec, Told},
};

/// The samples of an interval.
#[derive(Default)]
pub(super) struct Outage {
    /// The periods in which the service was not up.
    pub stretches: Vec<Stretch>,
    pub failed: u64,
    /// When the first failed sample was sent.
    pub first_failed: Option<u64>,
    pub samples: u64,
    pub lost: u64,
    pub errors: Vec<Told>,
    /// The longest time without an answered sample, and where it began.
    pub unseen: (u64, u64),
}

impl Outage {
    /// The samples of a probe from `t0` to `until`. What failed earlier and was still down then is part of it.
    pub(super) fn of(runs: &[ProbeRun], spec: &ProbeSpec, t0: u64, until: u64) -> Self {
        let mut state = ProbeState::default();
        let mut outage = Self::default();
        let mut last: Option<u64> = None;
        for run in runs.iter().filter(|r| r.from_us <= until) {
            let run = &cut(run, until);
            let own = run.to_us >= t0 || is_failed(run) && is_in_flight(run, t0);
            if run.lost {
                outage.lost += if run.to_us >= t0 { u64::from(run.n) } else { 0 };
                state.add(run, &spec.up);
                continue;
            }
            if let Some(previous) = last.filter(|_| run.to_us >= t0) {
                outage.saw(previous, (run.from_us + run.first_took_us).saturating_sub(previous));
            }
            if run.to_us >= t0 {
                outage.saw(run.from_us, run.longest_unseen_us);
            }
            last = Some(run.to_us);
            let ended = state.add(run, &spec.up);
            if !own {
                continue;
            }
            outage.samples += u64::from(run.n);
            if !run.ok {
                outage.first_failed.get_or_insert(run.from_us.max(t0));
                outage.failed += u64::from(run.n);
                if !outage.errors.contains(&run.error) {
                    outage.errors.push(run.error.clone());
                }
            }
            outage.stretches.extend(ended.filter(|s| s.to_us.is_some_and(|t| t > t0)));
        }
        if let Some(last) = last {
            outage.saw(last, until.saturating_sub(last));
        }
        if let Some(from_us) = state.down_since {
            outage.stretches.push(Stretch { from_us, to_us: None });
        }
        outage
    }

    /// When it was permanently up again, if it is.
    pub(super) fn stable(&self) -> Option<u64> {
        self.stretches.last().and_then(|s| s.to_us)
    }

    /// Whether it is up by its rule at the end of the interval.
    pub(super) fn is_over(&self) -> bool {
        self.stretches.last().is_none_or(|stretch| stretch.to_us.is_some())
    }

    /// When an objective was missed: at its deadline; or later, if the service was up then and failed again.
    pub(super) fn missed(&self, deadline: u64) -> u64 {
        let later = self.stretches.iter().find(|s| s.to_us.is_none_or(|to| to > deadline));
        later.map_or(deadline, |s| s.from_us.max(deadline))
    }

    fn saw(&mut self, from: u64, unseen: u64) {
        if unseen > self.unseen.1 {
            self.unseen = (from, unseen);
        }
    }
}

pub(super) fn is_failed(run: &ProbeRun) -> bool {
    !run.ok && !run.lost
}

/// Whether the first of these samples was sent before an instant and answered after it.
pub(super) fn is_in_flight(run: &ProbeRun, at: u64) -> bool {
    run.from_us < at && run.from_us + run.first_took_us > at
}

/// The samples that were sent up to an instant. They are evenly spaced.
pub(super) fn cut(run: &ProbeRun, until: u64) -> ProbeRun {
    if run.to_us <= until || run.from_us == run.to_us {
        return run.clone();
    }
    let (all, kept) = (run.to_us - run.from_us, until.saturating_sub(run.from_us));
    let gaps = u64::from(run.n.saturating_sub(1)).max(1);
    let more = gaps.saturating_mul(kept) / all;
    let to_us = run.from_us + all.saturating_mul(more) / gaps;
    ProbeRun { to_us, n: u32::try_from(more + 1).unwrap_or(run.n), ..run.clone() }
}
