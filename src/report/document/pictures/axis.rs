//! The run on one time axis. Rows that changed come first; the others are counted. Start with [`time_axis`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows;
use crate::report::{
    document::{
        Row, Table,
        context::{Context, clock, some_of},
    },
    words::{Word, Words, head, pictures as w, say},
};

/// The picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeAxis {
    /// The end of the axis, in microseconds.
    pub end_us: u64,
    /// Groups of rows.
    pub groups: Vec<Group>,
    /// Times in which the API server could not be reached.
    pub blind: Vec<(u64, u64)>,
}

/// A group of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// Its heading.
    pub title: String,
    /// Its rows.
    pub rows: Vec<AxisRow>,
    /// What is not shown, and why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// One row: bars, or a number over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AxisRow {
    /// What it is about.
    pub label: String,
    /// The bars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
    /// A number, from its time on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(u64, i64)>,
}

/// A state from one time to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bar {
    /// From.
    pub from_us: u64,
    /// To.
    pub to_us: u64,
    /// The state.
    pub state: State,
}

/// What a bar shows. The order is from the least to the most important, for bars that are too short to be drawn apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Ready, or answering.
    Up,
    /// A step that was done.
    Done,
    /// Silenced or inhibited.
    Suppressed,
    /// It could not be tested from this machine.
    NotTested,
    /// An alert that is not firing yet.
    Pending,
    /// A fault, until it was put back.
    Fault,
    /// An alert that fires.
    Firing,
    /// Not Ready, or failing.
    Down,
    /// A step that failed or did not end, or a fault that is not put back.
    Failed,
}

impl State {
    /// The state in words.
    pub(in crate::report) fn said(self, words: &Words) -> String {
        let word: Word = match self {
            Self::Up => w::UP,
            Self::Done => w::DONE,
            Self::Suppressed => w::SUPPRESSED,
            Self::NotTested => w::NOT_TESTED,
            Self::Pending => w::PENDING,
            Self::Fault => w::FAULT,
            Self::Firing => w::FIRING,
            Self::Down => w::DOWN,
            Self::Failed => w::FAILED,
        };
        say!(words, word)
    }
}

/// The picture has room for this many bars beside each other. Shorter ones are joined.
const BARS: u64 = 300;
/// A row of the table names this many changes.
const CHANGES: usize = 6;

/// The picture, and its table.
pub(in crate::report::document) fn time_axis(c: &Context<'_>) -> (TimeAxis, Table) {
    let end_us = c.history.end_us.max(1_000_000);
    let mut groups = rows::groups(c, end_us);
    for row in groups.iter_mut().flat_map(|g| &mut g.rows) {
        row.bars = joined(std::mem::take(&mut row.bars), end_us / BARS);
        row.values = thinned(std::mem::take(&mut row.values), end_us / BARS);
    }
    let blind = c.history.blind().filter(|(from, to)| to.saturating_sub(*from) > 1_500_000);
    let mut blind: Vec<(u64, u64)> = blind.collect();
    blind.sort_unstable();
    // Several watches have gaps at the same time. Overlapping shades would hide what probes observed.
    blind.dedup_by(|next, kept| {
        let joined = next.0 <= kept.1;
        kept.1 = if joined { kept.1.max(next.1) } else { kept.1 };
        joined
    });
    let table = table(c.words, &groups, &blind);
    (TimeAxis { end_us, groups, blind }, table)
}

/// Joins bars that are too short to be seen apart; what is worse wins.
fn joined(bars: Vec<Bar>, shortest: u64) -> Vec<Bar> {
    let mut all: Vec<Bar> = vec![];
    for bar in bars {
        match all.last_mut() {
            Some(last) if last.state == bar.state && last.to_us >= bar.from_us => {
                last.to_us = last.to_us.max(bar.to_us)
            }
            Some(last) if bar.to_us.saturating_sub(last.from_us) < shortest => {
                last.to_us = last.to_us.max(bar.to_us);
                last.state = last.state.max(bar.state);
            }
            _ => all.push(bar),
        }
    }
    all
}

/// Of values that are too close to be seen apart, keeps the lowest, the highest and the last.
fn thinned(values: Vec<(u64, i64)>, closest: u64) -> Vec<(u64, i64)> {
    if values.len() as u64 <= BARS {
        return values;
    }
    let mut all: Vec<(u64, i64)> = vec![];
    let column = |at: u64| at / closest.max(1);
    for near in values.chunk_by(|a, b| column(a.0) == column(b.0)) {
        let (first, last) = (near[0].0, near[near.len() - 1]);
        let values = || near.iter().map(|(_, value)| *value);
        all.extend(values().min().map(|value| (first, value)));
        all.extend(values().max().map(|value| (first, value)));
        all.push(last);
    }
    all.dedup_by_key(|(_, value)| *value);
    all
}

fn table(words: &Words, groups: &[Group], blind: &[(u64, u64)]) -> Table {
    let mut rows: Vec<Row> = vec![];
    for group in groups {
        for row in &group.rows {
            rows.push(Row::new([group.title.clone(), row.label.clone(), said(words, row)]));
        }
        if !group.note.is_empty() {
            rows.push(Row::new([group.title.clone(), say!(words, w::OTHERS), group.note.clone()]));
        }
    }
    for (from, to) in blind {
        let said = say!(words, crate::report::words::results::FROM_TO, clock(*from), clock(*to));
        rows.push(Row::new([say!(words, w::UNSEEN), say!(words, w::API_SERVER), said]));
    }
    let head = head!(words, w::GROUP, w::ROW, w::WHAT);
    Table::new("", head, rows).or(say!(words, w::NOTHING)).bounded(words, 400)
}

fn said(words: &Words, row: &AxisRow) -> String {
    let bars = row.bars.iter().map(|b| say!(words, w::BAR, b.state.said(words), clock(b.from_us), clock(b.to_us)));
    let values = row.values.iter().map(|(at, value)| say!(words, w::VALUE, value, clock(*at)));
    let all: Vec<String> = bars.chain(values).collect();
    if all.is_empty() { say!(words, w::NOTHING_SEEN) } else { some_of(words, &all, CHANGES) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_very_many_changes_keeps_the_lowest_and_the_highest() {
        let few: Vec<(u64, i64)> = (0..BARS).map(|t| (t, i64::from(t % 2 == 0))).collect();
        assert_eq!(thinned(few.clone(), 10), few);
        let mut many: Vec<(u64, i64)> = (0..100_000_u64).map(|t| (t * 10_000, 5 + (t % 3) as i64)).collect();
        (many[40_001].1, many[70_000].1) = (0, 9);
        let drawn = thinned(many.clone(), 1_000_000_000 / BARS);
        assert!(drawn.len() as u64 <= 3 * (BARS + 1), "{}", drawn.len());
        assert!(drawn.iter().any(|(_, v)| *v == 0) && drawn.iter().any(|(_, v)| *v == 9));
        assert_eq!((drawn[0].0, drawn.last().map(|l| l.1)), (0, many.last().map(|l| l.1)));
        assert!(drawn.is_sorted_by_key(|(t, _)| *t));
    }

    #[test]
    fn short_bars_are_joined_and_the_worst_is_kept() {
        let bar = |from_us, to_us, state| Bar { from_us, to_us, state };
        let all = vec![
            bar(0, 100, State::Up),
            bar(100, 101, State::Down),
            bar(101, 102, State::Up),
            bar(102, 200, State::Up),
        ];
        assert_eq!(joined(all, 10), [bar(0, 100, State::Up), bar(100, 102, State::Down), bar(102, 200, State::Up)]);
    }
}
