//! The only state machine for up, down and recovered. `wait` and `abort` use it during the run, and the verdict uses
//! it on the journal.

use crate::{
    event::ProbeRun,
    model::{Told, UpRule},
};

/// What is known about the service of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeState {
    /// If the service is up by its rule: when the current row of successes began.
    pub up_since: Option<u64>,
    /// If the service is down: when the first failed sample was sent.
    pub down_since: Option<u64>,
    /// When the last sample was sent.
    pub last_us: u64,
    /// Samples so far.
    pub samples: u64,
    /// Failures so far.
    pub failures: u64,
    /// What went wrong in the last one.
    pub error: Told,
    streak_from: Option<u64>,
    streak: u32,
}

/// A period in which a service was not up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first failed sample.
    pub from_us: u64,
    /// The first success of the row that ended the outage; none while it lasts.
    pub to_us: Option<u64>,
}

impl ProbeState {
    /// Adds samples with the same answer. Returns an outage that has just ended.
    pub fn add(&mut self, run: &ProbeRun, rule: &UpRule) -> Option<Stretch> {
        if run.lost {
            // The probe could not observe the service, so it is neither up nor down, and a row of successes does not
            // continue across this time.
            self.end_streak();
            return None;
        }
        self.last_us = self.last_us.max(run.to_us);
        self.samples += u64::from(run.n);
        if !run.ok {
            self.failures += u64::from(run.n);
            self.error.clone_from(&run.error);
            self.end_streak();
            self.down_since.get_or_insert(run.from_us);
            return None;
        }
        // A forged journal may have any numbers.
        self.streak = self.streak.saturating_add(run.n);
        let from = *self.streak_from.get_or_insert(run.from_us);
        let stable = self.streak >= rule.successes && run.to_us.saturating_sub(from) >= rule.over.micros();
        if stable && self.up_since.is_none() {
            self.up_since = Some(from);
            return self.down_since.take().map(|down| Stretch { from_us: down, to_us: Some(from) });
        }
        None
    }

    /// The row of successes is over.
    fn end_streak(&mut self) {
        (self.streak, self.streak_from, self.up_since) = (0, None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dur;

    fn run(from_s: u64, to_s: u64, n: u32, ok: bool) -> ProbeRun {
        let (from_us, to_us) = (from_s * 1_000_000, to_s * 1_000_000);
        let (first_took_us, last_took_us, longest_unseen_us) = (0, 0, 0);
        let error = "".into();
        ProbeRun { from_us, to_us, n, ok, lost: false, first_took_us, last_took_us, longest_unseen_us, error }
    }

    const RULE: UpRule = UpRule { successes: 4, over: Dur::secs(4) };

    #[test]
    fn one_lucky_answer_is_no_recovery() {
        let mut probe = ProbeState::default();
        probe.add(&run(0, 10, 10, true), &RULE);
        assert_eq!(probe.up_since, Some(0));
        probe.add(&run(11, 20, 10, false), &RULE);
        assert_eq!((probe.up_since, probe.down_since), (None, Some(11_000_000)));
        assert_eq!(probe.add(&run(21, 22, 2, true), &RULE), None);
        probe.add(&run(23, 23, 1, false), &RULE);
        let ended = probe.add(&run(24, 30, 7, true), &RULE);
        // The outage lasts from the first failure to the first success of the row that was long enough.
        assert_eq!(ended, Some(Stretch { from_us: 11_000_000, to_us: Some(24_000_000) }));
    }

    #[test]
    fn a_row_of_any_length_can_be_counted() {
        let mut probe = ProbeState::default();
        probe.add(&run(0, 10, u32::MAX, true), &RULE);
        probe.add(&run(11, 20, u32::MAX, true), &RULE);
        assert_eq!(probe.up_since, Some(0));
    }

    #[test]
    fn a_lost_vantage_point_is_neither_up_nor_down() {
        let mut probe = ProbeState::default();
        probe.add(&run(0, 10, 10, true), &RULE);
        probe.add(&ProbeRun { lost: true, ..run(11, 20, 10, false) }, &RULE);
        assert_eq!((probe.up_since, probe.down_since, probe.failures), (None, None, 0));
        assert_eq!(probe.last_us, 10_000_000, "the last time that anything was known");
        // No failure was observed, so no recovery can be observed.
        assert_eq!(probe.add(&run(21, 30, 10, true), &RULE), None);
        assert_eq!(probe.up_since, Some(21_000_000));
    }

    proptest::proptest! {
        #[test]
        fn splitting_a_run_changes_nothing(n in 2u32..50, at in 1u32..49, ok: bool) {
            let at = at.min(n - 1);
            let mut whole = ProbeState::default();
            let mut parts = ProbeState::default();
            whole.add(&run(0, u64::from(n) - 1, n, ok), &RULE);
            parts.add(&run(0, u64::from(at) - 1, at, ok), &RULE);
            parts.add(&run(u64::from(at), u64::from(n) - 1, n - at, ok), &RULE);
            proptest::prop_assert_eq!(whole, parts);
        }
    }
}
