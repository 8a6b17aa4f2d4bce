//! The phases of a recovery, one below the other, against the objective.

use super::{AXIS, Canvas, LEFT, ROW, grid, seconds};
use crate::report::document::Waterfall;

/// An objective that is further away than this, compared with the recovery, is only named.
const FAR: u64 = 3;

pub(super) fn draw(w: &Waterfall, title: &str) -> String {
    let last = w.phases.iter().map(|(_, _, to)| *to).max().unwrap_or(0).max(1_000_000);
    let near = w.objective_us.filter(|o| *o <= last.saturating_mul(FAR));
    let end_us = last.max(near.unwrap_or(0));
    let end_us = end_us + end_us / 12;
    let x = |us: u64| LEFT + us.min(end_us) as f64 * AXIS / end_us as f64;
    let mut canvas = Canvas { height: 24.0 + (w.phases.len() + 1) as f64 * ROW + 10.0, ..Canvas::default() };
    let bottom = canvas.height;
    grid(&mut canvas, end_us, x, bottom);
    let mut y = 22.0;
    for (i, (name, from, to)) in w.phases.iter().enumerate() {
        canvas.label(y, name);
        let class = if i % 2 == 0 { "phase" } else { "phase odd" };
        let took = seconds(to.saturating_sub(*from));
        canvas.rect(class, (x(*from), y + 2.0), (x(*to) - x(*from), 13.0), &format!("until {name}: {took}"));
        if i + 1 < w.phases.len() {
            canvas.line("base", (x(*to), y + 2.0), (x(*to), y + ROW + 2.0));
        }
        let (at, class) = if x(*to) > LEFT + AXIS * 0.85 { (x(*from) - 4.0, "value") } else { (x(*to) + 4.0, "aside") };
        canvas.text(class, at, y + 12.0, &format!("+{took}"));
        y += ROW;
    }
    match (near, w.objective_us) {
        (Some(objective), _) => {
            canvas.line("objective", (x(objective), 16.0), (x(objective), bottom));
            canvas.text("value", x(objective) - 4.0, y + 12.0, &format!("objective {}", seconds(objective)));
        }
        (None, Some(objective)) => {
            canvas.text(
                "value",
                LEFT + AXIS,
                y + 12.0,
                &format!("objective {}, beyond this picture →", seconds(objective)),
            );
        }
        (None, None) => canvas.text("aside", LEFT, y + 12.0, "no objective set"),
    }
    canvas.finish(title)
}
