//! What was predicted, as a frame, and what was measured, as a bar in it.

use super::{AXIS, Canvas, LEFT, ROW, grid, seconds};
use crate::report::{
    document::{Predicted, Predictions},
    words::{Words, pictures as w, say},
};

/// A part of the picture has at most this many rows.
const ROWS: usize = 30;

pub(super) fn draw(words: &Words, predictions: &Predictions, title: &str) -> Vec<String> {
    predictions.rows.chunks(ROWS).map(|rows| part(words, rows, title)).collect()
}

fn part(words: &Words, rows: &[Predicted], title: &str) -> String {
    let last = rows.iter().map(|r| r.to_us.max(r.measured_us.map_or(0, |(_, to)| to))).max().unwrap_or(0);
    let end_us = last.max(1_000_000);
    let end_us = end_us + end_us / 12;
    let x = |us: u64| LEFT + us.min(end_us) as f64 * AXIS / end_us as f64;
    let mut canvas = Canvas { height: 24.0 + (rows.len() + 1) as f64 * ROW + 10.0, ..Canvas::default() };
    let bottom = canvas.height - ROW;
    grid(&mut canvas, end_us, x, bottom);
    let mut y = 22.0;
    for row in rows {
        canvas.label(y, &row.name);
        let said = say!(words, w::PREDICTED, seconds(row.from_us), seconds(row.to_us));
        canvas.rect("predicted", (x(row.from_us), y + 2.0), (x(row.to_us) - x(row.from_us), 13.0), &said);
        match row.measured_us {
            Some((from, to)) => {
                let said = say!(words, w::MEASURED, seconds(from), seconds(to));
                canvas.rect("measured", (x(from) - 1.0, y + 5.0), ((x(to) - x(from)).max(3.0), 7.0), &said);
            }
            None if x(row.to_us) > LEFT + AXIS * 0.85 => {
                canvas.text("value", x(row.from_us) - 4.0, y + 12.0, &say!(words, w::NOT_MEASURED));
            }
            None => canvas.text("aside", x(row.to_us) + 4.0, y + 12.0, &say!(words, w::NOT_MEASURED)),
        }
        y += ROW;
    }
    canvas.text("aside", LEFT, y + 14.0, &say!(words, w::FRAME));
    canvas.finish(title)
}
