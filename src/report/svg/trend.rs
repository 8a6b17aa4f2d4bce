//! Measurements of several drills beside each other, one row for each expectation.

use super::{AXIS, Canvas, LEFT, seconds};
use crate::report::{
    document::{Trend, TrendRow},
    words::{Words, pictures as w, say},
};

/// The height of a row, and of the part of it that is drawn in.
const TALL: f64 = 74.0;
const FIELD: f64 = 50.0;
/// Points beyond this share of the objective are drawn at the edge.
const BEYOND: f64 = 1.25;

pub(super) fn draw(words: &Words, trend: &Trend, title: &str) -> String {
    let mut canvas = Canvas { height: trend.rows.len() as f64 * TALL + 26.0, ..Canvas::default() };
    for (i, row) in trend.rows.iter().enumerate() {
        draw_row(words, &mut canvas, row, i as f64 * TALL + 4.0);
    }
    let y = canvas.height - 8.0;
    canvas.text("aside", LEFT, y, &say!(words, w::TREND_LEGEND));
    canvas.finish(title)
}

fn draw_row(words: &Words, canvas: &mut Canvas, row: &TrendRow, top: f64) {
    canvas.label(top + 14.0, &row.label);
    let most = row.points.iter().filter_map(|p| p.measured_us).map(|(_, most)| most).max().unwrap_or(0);
    let scale = (most as f64 * 1.1).max(1.0);
    let shows_objective = (row.objective_us as f64) < most as f64 * BEYOND;
    let scale = if shows_objective { scale.max(row.objective_us as f64 * 1.1) } else { scale };
    let y = |us: u64| top + FIELD - (us as f64 / scale).min(1.0) * FIELD;
    canvas.line("base", (LEFT, top + FIELD), (LEFT + AXIS, top + FIELD));
    canvas.text("value", LEFT - 6.0, top + FIELD, "0 s");
    let objective = say!(words, w::OBJECTIVE, seconds(row.objective_us));
    if shows_objective {
        canvas.line("objective", (LEFT, y(row.objective_us)), (LEFT + AXIS, y(row.objective_us)));
        canvas.text("value", LEFT + AXIS, y(row.objective_us) - 3.0, &objective);
    } else {
        canvas.text("value", LEFT + AXIS, top + 10.0, &say!(words, w::OBJECTIVE_FAR, seconds(row.objective_us)));
    }
    let step = AXIS / row.points.len().max(1) as f64;
    for (i, point) in row.points.iter().enumerate() {
        let x = LEFT + step * (i as f64 + 0.5);
        canvas.text("tick", x, top + FIELD + 13.0, &point.date);
        let Some((least, most)) = point.measured_us else { continue };
        let said = say!(words, w::TREND_SAYS, point.date, seconds(least), seconds(most));
        let high = (y(least) - y(most)).max(3.0);
        canvas.rect("measured", (x - 3.0, y(most)), (6.0, high), &said);
        canvas.text("tick", x + 28.0, (y(most) + 4.0).max(top + 9.0), &seconds(most));
    }
}
