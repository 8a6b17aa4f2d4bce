//! A number over time, as the judges ask for it.

/// Values over time, each from its instant on.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<(u64, i64)>);

impl Series {
    pub(super) fn push(&mut self, at: u64, value: i64) {
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((at, value));
        }
    }

    /// The value at an instant.
    pub fn at(&self, us: u64) -> Option<i64> {
        self.0.iter().rev().find(|(t, _)| *t <= us).map(|(_, v)| *v)
    }

    /// The least value in an interval.
    pub fn min(&self, from: u64, to: u64) -> Option<i64> {
        let inside = self.0.iter().filter(|(t, _)| *t > from && *t <= to).map(|(_, v)| *v);
        inside.chain(self.at(from)).min()
    }

    /// Since when the value is at least `wanted`, up to `to`; none where it is not, then.
    /// What fell again had not recovered.
    pub fn settles(&self, wanted: i64, from: u64, to: u64) -> Option<u64> {
        let mut since = self.at(from).filter(|v| *v >= wanted).map(|_| from);
        for (t, value) in self.0.iter().filter(|(t, _)| *t > from && *t <= to) {
            since = (*value >= wanted).then_some(since.unwrap_or(*t));
        }
        since
    }

    /// The first instant from `from` on at which the value is at least `wanted`
    /// and stays so for `hold`, or up to `to`.
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
    fn a_value_must_hold_to_count_as_reached() {
        let series = Series(vec![(0, 3), (10, 1), (20, 3), (22, 1), (30, 3)]);
        assert_eq!(series.reaches(3, 10, 100, 5), Some(30));
        assert_eq!(series.reaches(3, 0, 100, 5), Some(0));
        assert_eq!(series.min(10, 100), Some(1));
        assert_eq!(series.min(0, 5), Some(3));
        assert_eq!(series.reaches(4, 0, 100, 5), None);
        assert_eq!(
            (series.settles(3, 10, 100), series.settles(3, 10, 25), series.settles(1, 5, 100)),
            (Some(30), None, Some(5))
        );
    }
}
