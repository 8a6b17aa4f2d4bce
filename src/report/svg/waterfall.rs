//! The phases of a recovery, one below the other, against the objective.

use super::{AXIS, Canvas, LEFT, ROW, grid, seconds};
use crate::report::{
    document::Waterfall as Picture,
    words::{Words, pictures as w, say},
};

/// An objective that is further away than this, compared with the recovery, is only named.
const FAR: u64 = 3;

pub(super) fn draw(words: &Words, picture: &Picture, title: &str) -> String {
    let last = picture.phases.iter().map(|(_, _, to)| *to).max().unwrap_or(0).max(1_000_000);
    let near = picture.objective_us.filter(|o| *o <= last.saturating_mul(FAR));
    let end_us = last.max(near.unwrap_or(0));
    let end_us = end_us + end_us / 12;
    let x = |us: u64| LEFT + us.min(end_us) as f64 * AXIS / end_us as f64;
    let mut canvas = Canvas { height: 24.0 + (picture.phases.len() + 1) as f64 * ROW + 10.0, ..Canvas::default() };
    let bottom = canvas.height;
    grid(&mut canvas, end_us, x, bottom);
    let mut y = 22.0;
    for (i, (name, from, to)) in picture.phases.iter().enumerate() {
        canvas.label(y, name);
        let class = if i % 2 == 0 { "phase" } else { "phase odd" };
        let took = seconds(to.saturating_sub(*from));
        canvas.rect(class, (x(*from), y + 2.0), (x(*to) - x(*from), 13.0), &say!(words, w::UNTIL, name, took));
        if i + 1 < picture.phases.len() {
            canvas.line("base", (x(*to), y + 2.0), (x(*to), y + ROW + 2.0));
        }
        let (at, class) = if x(*to) > LEFT + AXIS * 0.85 { (x(*from) - 4.0, "value") } else { (x(*to) + 4.0, "aside") };
        canvas.text(class, at, y + 12.0, &format!("+{took}"));
        y += ROW;
    }
    match (near, picture.objective_us) {
        (Some(objective), _) => {
            canvas.line("objective", (x(objective), 16.0), (x(objective), bottom));
            canvas.text("value", x(objective) - 4.0, y + 12.0, &say!(words, w::OBJECTIVE, seconds(objective)));
        }
        (None, Some(objective)) => {
            canvas.text("value", LEFT + AXIS, y + 12.0, &say!(words, w::OBJECTIVE_FAR, seconds(objective)));
        }
        (None, None) => canvas.text("aside", LEFT, y + 12.0, &say!(words, w::NO_OBJECTIVE)),
    }
    canvas.finish(title)
}
