//! What was measured in this drill and in the earlier ones of the same scenario. Start with [`trend`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::Measure,
    report::{
        document::{
            Before, Row, Table, Text,
            context::{Context, Judged, at_most, short},
        },
        words::{pictures as w, say},
    },
};

/// At most this many expectations are drawn.
const MOST: usize = 8;

/// The picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// One row for each expectation.
    pub rows: Vec<TrendRow>,
}

/// One expectation in several drills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrendRow {
    /// What it is about.
    pub label: String,
    /// The objective.
    pub objective_us: u64,
    /// The drills, the oldest first; the last one is this drill.
    pub points: Vec<TrendPoint>,
}

/// One measurement, with both ends of its error bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrendPoint {
    /// The date of the drill.
    pub date: String,
    /// The smallest and the largest possible value; none if it was not measured in a way that can be compared.
    pub measured_us: Option<(u64, u64)>,
}

/// The picture and its table; none if no earlier drill can be compared.
pub(in crate::report::document) fn trend(c: &Context<'_>) -> Option<(Trend, Table)> {
    let earlier: Vec<&Before> = c.beside.before.iter().chain(&c.beside.earlier).collect();
    let comparable: Vec<&Before> = earlier.into_iter().filter(|b| b.incomparable(c).is_none()).rev().collect();
    if comparable.is_empty() {
        return None;
    }
    let today = c.story.started.split('T').next().unwrap_or_default();
    let drawn = c.judged.iter().filter_map(|j| Some((j, j.measured?))).take(MOST);
    let rows: Vec<TrendRow> = drawn.map(|(j, now)| row(c, j, now, &comparable, today)).collect();
    let rows: Vec<TrendRow> =
        rows.into_iter().filter(|r| r.points.iter().filter(|p| p.measured_us.is_some()).count() > 1).collect();
    if rows.is_empty() {
        return None;
    }
    let table = table(c, &rows, &comparable, today);
    Some((Trend { rows }, table))
}

fn row(c: &Context<'_>, j: &Judged<'_>, now: Measure, earlier: &[&Before], today: &str) -> TrendRow {
    let bar = |m: &Measure| (m.least_us, m.most_us);
    let then = earlier.iter().map(|before| {
        let change = before.changes(c).into_iter().find(|change| change.index == j.index);
        TrendPoint { date: before.date.clone(), measured_us: change.map(|change| bar(change.then)) }
    });
    let now_point = TrendPoint { date: today.to_owned(), measured_us: Some(bar(&now)) };
    TrendRow {
        label: short(&format!("{} {}", j.id().0, j.subject(c.words)), 60),
        objective_us: now.objective_us,
        points: then.chain([now_point]).collect(),
    }
}

fn table(c: &Context<'_>, rows: &[TrendRow], earlier: &[&Before], today: &str) -> Table {
    let words = c.words;
    let mut head = vec![say!(words, w::TREND_EXPECTATION), say!(words, w::TREND_OBJECTIVE)];
    head.extend(earlier.iter().map(|before| say!(words, w::TREND_RUN, before.date, short(&before.run, 40))));
    head.push(say!(words, w::TREND_THIS, today));
    let rows = rows.iter().map(|row| {
        let measured = row.points.iter().map(|p| match p.measured_us {
            Some((_, most)) => at_most(most),
            None => say!(words, w::TREND_NONE),
        });
        let cells = [row.label.clone(), at_most(row.objective_us)].into_iter().chain(measured);
        Row::new(cells.map(Text::new))
    });
    Table::new("", head, rows.collect())
}
