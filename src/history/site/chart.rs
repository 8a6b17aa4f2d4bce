//! A chart of one measured time over drills. Results differ in shape, so that it can be read in grey.

use std::fmt::Write;

use crate::{
    history::{Ended, differs::seconds},
    model::Measure,
    report::svg_text as escape,
};

const WIDE: f64 = 820.0;
const HIGH: f64 = 210.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 46.0;

/// One drill in a chart.
pub(super) struct Point {
    pub date: String,
    pub run: String,
    pub result: Ended,
    pub measure: Measure,
}

/// The chart: a bar from the least to the most for each drill, with a mark at the worst case, and the objectives as a
/// dashed line.
pub(super) fn chart(points: &[Point], word: &str) -> String {
    let most = points.iter().map(|p| p.measure.most_us.max(p.measure.objective_us)).max().unwrap_or(1).max(1);
    let y = |us: u64| TOP + (HIGH - TOP - BOTTOM) * (1.0 - us as f64 / (most as f64 * 1.08));
    let step = (WIDE - LEFT - RIGHT) / points.len().max(1) as f64;
    let x = |i: usize| LEFT + step * (i as f64 + 0.5);
    let mut out = String::new();
    for part in 0..=4u64 {
        let us = most / 4 * part;
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT:.1}\" y1=\"{0:.1}\" x2=\"{1:.1}\" y2=\"{0:.1}\"/>",
            y(us),
            WIDE - RIGHT
        );
        let _ = write!(
            out,
            "<text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 6.0,
            y(us) + 3.5,
            seconds(us)
        );
    }
    let every = points.len().div_ceil(8).max(1);
    for (i, point) in points.iter().enumerate() {
        let m = point.measure;
        let (from, to) = (x(i) - step / 2.0, x(i) + step / 2.0);
        let _ = write!(
            out,
            "<line class=\"objective\" x1=\"{from:.1}\" y1=\"{0:.1}\" x2=\"{to:.1}\" y2=\"{0:.1}\"/>",
            y(m.objective_us)
        );
        if let Some(next) = points.get(i + 1) {
            let _ = write!(
                out,
                "<line class=\"curve\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
                x(i),
                y(m.most_us),
                x(i + 1),
                y(next.measure.most_us)
            );
        }
        let said = format!(
            "{}, {}: {}, {} to {}, objective {}",
            point.date,
            point.run,
            point.result,
            seconds(m.least_us),
            seconds(m.most_us),
            seconds(m.objective_us)
        );
        let _ = write!(out, "<g><title>{}</title>{}</g>", escape(&said), mark(point.result, x(i), y(m.most_us)));
        if i % every == 0 {
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x(i),
                HIGH - BOTTOM + 16.0,
                escape(&point.date)
            );
        }
    }
    let key = format!(
        "{word}, worst case · filled circle: passed · square: failed · empty circle: not proven or stopped · dashed: objective"
    );
    let _ = write!(out, "<text class=\"aside\" x=\"{LEFT:.1}\" y=\"{:.1}\">{}</text>", HIGH - 8.0, escape(&key));
    let label = format!("{word} of {} drills", points.len());
    format!("<svg viewBox=\"0 0 {WIDE:.0} {HIGH:.0}\" role=\"img\" aria-label=\"{}\">{out}</svg>", escape(&label))
}

fn mark(result: Ended, x: f64, y: f64) -> String {
    match result {
        Ended::Passed => format!("<circle class=\"measured\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"),
        Ended::Failed => {
            format!("<rect class=\"failed\" x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\"/>", x - 5.0, y - 5.0)
        }
        _ => format!("<circle class=\"pending\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"),
    }
}
