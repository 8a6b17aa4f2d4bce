//! The run on one time axis. Rows that changed come first; the others are counted. Start with [`time_axis`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows;
use crate::{
    model::few,
    report::document::{
        Row, Table,
        context::{Context, clock},
    },
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
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Done => "done",
            Self::Suppressed => "suppressed",
            Self::NotTested => "not tested",
            Self::Pending => "pending",
            Self::Fault => "fault",
            Self::Firing => "firing",
            Self::Down => "down",
            Self::Failed => "FAILED or open",
        }
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
    let blind = c.history.blind.iter().copied().filter(|(from, to)| to.saturating_sub(*from) > 1_500_000);
    let mut blind: Vec<(u64, u64)> = blind.collect();
    blind.sort_unstable();
    // Several watches have gaps at the same time. Overlapping shades would hide what probes observed.
    blind.dedup_by(|next, kept| {
        let joined = next.0 <= kept.1;
        kept.1 = if joined { kept.1.max(next.1) } else { kept.1 };
        joined
    });
    let table = table(&groups, &blind);
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

/// Keeps the lowest of values that are too close to be seen apart.
fn thinned(values: Vec<(u64, i64)>, closest: u64) -> Vec<(u64, i64)> {
    if values.len() as u64 <= BARS {
        return values;
    }
    let mut all: Vec<(u64, i64)> = vec![];
    for (at, value) in values {
        match all.last_mut() {
            Some((last, low)) if at.saturating_sub(*last) < closest => *low = (*low).min(value),
            _ => all.push((at, value)),
        }
    }
    all
}

fn table(groups: &[Group], blind: &[(u64, u64)]) -> Table {
    let mut rows: Vec<Row> = vec![];
    for group in groups {
        for row in &group.rows {
            rows.push(Row::new([group.title.clone(), row.label.clone(), said(row)]));
        }
        if !group.note.is_empty() {
            rows.push(Row::new([group.title.clone(), "others".into(), group.note.clone()]));
        }
    }
    for (from, to) in blind {
        let said = format!("{} to {}", clock(*from), clock(*to));
        rows.push(Row::new(["Not observed".to_owned(), "API server".into(), said]));
    }
    Table::new("", &["Group", "Row", "What happened"], rows).or("Nothing was observed.").bounded(400)
}

fn said(row: &AxisRow) -> String {
    let bars = row.bars.iter().map(|b| format!("{} {} to {}", b.state.word(), clock(b.from_us), clock(b.to_us)));
    let values = row.values.iter().map(|(at, value)| format!("{value} from {}", clock(*at)));
    let all: Vec<String> = bars.chain(values).collect();
    if all.is_empty() { "nothing observed".into() } else { few(all.iter(), CHANGES, ("; ", "; and")) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
