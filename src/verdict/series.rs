//! A number over time, with the queries that the judges need.

use std::collections::BTreeSet;

/// Values over time. Each applies from its instant on.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<(u64, i64)>);

impl Series {
    pub(super) fn push(&mut self, at: u64, value: i64) {
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((at, value));
        }
    }

    /// The value at an instant: the last one that was pushed with an earlier time. This looks at one after another and
    /// not at the middle first, because times can run backwards: a session on another machine has another clock.
    pub fn at(&self, us: u64) -> Option<i64> {
        self.0.iter().rev().find(|(t, _)| *t <= us).map(|(_, v)| *v)
    }

    /// The smallest value in an interval.
    pub fn min(&self, from: u64, to: u64) -> Option<i64> {
        let inside = self.0.iter().filter(|(t, _)| *t > from && *t <= to).map(|(_, v)| *v);
        inside.chain(self.at(from)).min()
    }

    /// The largest value in an interval.
    pub fn max(&self, from: u64, to: u64) -> Option<i64> {
        let inside = self.0.iter().filter(|(t, _)| *t > from && *t <= to).map(|(_, v)| *v);
        inside.chain(self.at(from)).max()
    }

    /// The sum of two numbers over time.
    pub(super) fn and(&self, other: &Self) -> Self {
        let times: BTreeSet<u64> = self.0.iter().chain(&other.0).map(|(t, _)| *t).collect();
        let mut sum = Self::default();
        for t in times {
            sum.push(t, self.at(t).unwrap_or(0) + other.at(t).unwrap_or(0));
        }
        sum
    }

    /// Since when the value has been at least `wanted`, up to `to`; none if it is not at `to`. A value that fell again
    /// had not recovered.
    pub fn settles(&self, wanted: i64, from: u64, to: u64) -> Option<u64> {
        let mut since = self.at(from).filter(|v| *v >= wanted).map(|_| from);
        for (t, value) in self.0.iter().filter(|(t, _)| *t > from && *t <= to) {
            since = (*value >= wanted).then_some(since.unwrap_or(*t));
        }
        since
    }

    /// When an objective was missed: at its deadline; or later, if the value was reached at the deadline and fell
    /// again.
    pub fn missed(&self, wanted: i64, deadline: u64, to: u64) -> u64 {
        let is_there = self.at(deadline).is_some_and(|value| value >= wanted);
        let falls = |(t, value): &&(u64, i64)| *t > deadline && *t <= to && *value < wanted;
        self.0.iter().find(falls).filter(|_| is_there).map_or(deadline, |(t, _)| *t)
    }

    /// The first instant from `from` at which the value is at least `wanted` and stays so for `hold`, or until `to`.
    pub fn reaches(&self, wanted: i64, from: u64, to: u64, hold: u64) -> Option<u64> {
        let mut since = self.at(from).filter(|v| *v >= wanted).map(|_| from);
        for (t, value) in self.0.iter().filter(|(t, _)| *t > from && *t <= to) {
            match (since, *value >= wanted) {
                (Some(start), false) if t - start >= hold => return Some(start),
                (_, false) => since = None,
                (None, true) => since = Some(*t),
                (Some(_), true) => {}
            }
        }
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_in_time_was_missed_when_it_fell_again() {
        let series = Series(vec![(0, 3), (10, 1), (20, 3), (30, 2), (40, 3)]);
        assert_eq!(series.missed(3, 15, 100), 15, "it was not there in time");
        assert_eq!(series.missed(3, 25, 100), 30);
        assert_eq!(series.missed(3, 25, 29), 25, "nobody saw more");
        assert_eq!(series.missed(3, 45, 100), 45);
    }

    #[test]
    fn a_value_must_hold_to_count_as_reached() {
        let series = Series(vec![(0, 3), (10, 1), (20, 3), (22, 1), (30, 3)]);
        assert_eq!(series.reaches(3, 10, 100, 5), Some(30));
        assert_eq!(series.reaches(3, 0, 100, 5), Some(0));
        assert_eq!(series.min(10, 100), Some(1));
        assert_eq!((series.min(0, 5), series.max(10, 21), series.max(21, 25)), (Some(3), Some(3), Some(3)));
        assert_eq!(series.and(&Series(vec![(5, 1), (22, 0)])).0, [(0, 3), (5, 4), (10, 2), (20, 4), (22, 1), (30, 3)]);
        assert_eq!(series.reaches(4, 0, 100, 5), None);
        assert_eq!(
            (series.settles(3, 10, 100), series.settles(3, 10, 25), series.settles(1, 5, 100)),
            (Some(30), None, Some(5))
        );
    }
}
