//! What a probe saw, as a strip of cells and as outages. Start with [`Strip`].

use crate::{
    event::ProbeRun,
    journal::{ProbeState, Stretch},
    model::UpRule,
};

/// The number of cells of a strip.
const CELLS: u64 = 120;
/// A cell is not shorter, in microseconds.
const SHORTEST_US: u64 = 2_000_000;
/// More rows are not kept.
const MOST_ROWS: usize = 20_000;

/// What the samples of a time show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// No sample.
    Nothing,
    /// The probe could not observe the service.
    Unseen,
    /// All samples are as expected.
    Up,
    /// A sample failed.
    Down,
}

impl Seen {
    fn of(run: &ProbeRun) -> Self {
        match (run.lost, run.ok) {
            (true, _) => Self::Unseen,
            (false, true) => Self::Up,
            (false, false) => Self::Down,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Nothing => '.',
            Self::Unseen => '?',
            Self::Up => 'u',
            Self::Down => 'd',
        }
    }
}

/// The samples of one probe.
#[derive(Clone, Debug, Default)]
pub(super) struct Strip {
    /// Up or down, by the rule of the probe.
    pub state: ProbeState,
    /// Outages that ended.
    pub outages: Vec<Stretch>,
    rows: Vec<(u64, u64, Seen)>,
}

impl Strip {
    /// Adds samples with the same answer. Returns an outage that has just ended.
    pub(super) fn add(&mut self, run: &ProbeRun, rule: &UpRule) -> Option<Stretch> {
        let seen = Seen::of(run);
        match self.rows.last_mut() {
            Some((_, to, last)) if *last == seen => *to = run.to_us,
            _ => self.rows.push((run.from_us, run.to_us, seen)),
        }
        if self.rows.len() > MOST_ROWS {
            self.rows.drain(..MOST_ROWS / 4);
        }
        let ended = self.state.add(run, rule);
        self.outages.extend(ended);
        ended
    }

    /// One letter for each cell, from the beginning of the drill until now. A cell with one failed sample is down.
    pub(super) fn cells(&self, now_us: u64) -> String {
        let length = now_us.div_ceil(CELLS).max(SHORTEST_US);
        let count = now_us.div_ceil(length).clamp(1, CELLS);
        let mut cells = vec![Seen::Nothing; usize::try_from(count).unwrap_or(0)];
        for (from, to, seen) in &self.rows {
            let (from, to) = (from / length, to / length);
            for cell in cells.iter_mut().take(index(to).saturating_add(1)).skip(index(from)) {
                *cell = (*cell).max(*seen);
            }
        }
        cells.into_iter().map(Seen::letter).collect()
    }

    /// The newest outage that ended after a time.
    pub(super) fn ended_after(&self, us: u64) -> Option<Stretch> {
        self.outages.iter().rev().find(|outage| outage.to_us.is_some_and(|to| to > us)).copied()
    }
}

fn index(cell: u64) -> usize {
    usize::try_from(cell).unwrap_or(usize::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_sample_colours_its_cell() {
        let run = |from: u64, to: u64, ok: bool, lost: bool| ProbeRun {
            from_us: from * 1_000_000,
            to_us: to * 1_000_000,
            n: 1,
            ok,
            lost,
            first_took_us: 0,
            last_took_us: 0,
            longest_unseen_us: 0,
            error: "".into(),
        };
        let mut strip = Strip::default();
        for run in [run(2, 5, true, false), run(5, 5, false, false), run(6, 7, true, false), run(8, 9, false, true)] {
            strip.add(&run, &UpRule::default());
        }
        assert_eq!(strip.cells(12_000_000), ".udu?.");
        assert_eq!(strip.cells(0), ".");
        assert_eq!(strip.cells(240_000_000).len(), 120);
        assert!(strip.cells(86_400_000_000).len() <= 120);
    }
}
