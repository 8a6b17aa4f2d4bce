//! Draws pictures as SVG. States differ in shape and lightness, and have words, so that a picture can be read in grey.
//! Start with [`svg`].

mod axis;
mod predictions;
mod trend;
mod waterfall;
mod zones;

use std::fmt::Write;

use super::{
    document::{Picture, State},
    words::Words,
};

/// The width of every picture, in its own units.
const WIDE: f64 = 820.0;
/// The width of the labels at the left.
const LEFT: f64 = 200.0;
/// The width of the axis.
const AXIS: f64 = WIDE - LEFT - 16.0;
/// The height of a row.
const ROW: f64 = 18.0;

/// The picture, in as many parts as a printed page needs.
pub(super) fn svg(words: &Words, picture: &Picture, title: &str) -> Vec<String> {
    match picture {
        Picture::TimeAxis(axis) => axis::draw(words, axis, title),
        Picture::Waterfall(waterfall) => vec![waterfall::draw(words, waterfall, title)],
        Picture::Zones(zones) => vec![zones::draw(words, zones, title)],
        Picture::Predictions(predictions) => predictions::draw(words, predictions, title),
        Picture::Trend(trend) => vec![trend::draw(words, trend, title)],
    }
}

/// A drawing in progress.
#[derive(Default)]
struct Canvas {
    body: String,
    height: f64,
}

impl Canvas {
    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let _ = write!(self.body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text));
    }

    /// A label at the left, cut to its column.
    fn label(&mut self, y: f64, text: &str) {
        let short: String = text.chars().take(32).collect();
        let cut = if text.chars().count() > 32 { format!("{short}…") } else { short };
        let _ = write!(
            self.body,
            "<text class=\"label\" x=\"4\" y=\"{:.1}\">{}<title>{}</title></text>",
            y + 12.0,
            escape(&cut),
            escape(text)
        );
    }

    fn rect(&mut self, class: &str, (x, y): (f64, f64), (wide, high): (f64, f64), title: &str) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{high:.1}\"><title>{}</title></rect>",
            wide.max(1.0),
            escape(title)
        );
    }

    fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ =
            write!(self.body, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
    }

    /// A bar of a state. Each state has a height and a fill of its own.
    fn bar(&mut self, state: State, (x, y): (f64, f64), wide: f64, title: &str) {
        let (class, down, high) = match state {
            State::Up => ("up", 6.0, 4.0),
            State::Done => ("done", 3.0, 10.0),
            State::Suppressed => ("suppressed", 6.0, 5.0),
            State::NotTested => ("untested", 4.0, 8.0),
            State::Pending => ("pending", 4.0, 8.0),
            State::Fault => ("fault", 2.0, 12.0),
            State::Firing => ("firing", 2.0, 12.0),
            State::Down => ("down", 2.0, 12.0),
            State::Failed => ("failed", 1.0, 14.0),
        };
        self.rect(class, (x, y + down), (wide, high), title);
    }

    fn finish(self, title: &str) -> String {
        let height = self.height;
        format!(
            "<svg viewBox=\"0 0 {WIDE:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">{}</svg>",
            escape(title),
            self.body
        )
    }
}

/// Lines of a grid with whole numbers of seconds, from the first to the last.
fn ticks(end_us: u64) -> Vec<u64> {
    let seconds = end_us as f64 / 1e6;
    let step = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0]
        .into_iter()
        .find(|s| seconds / s <= 10.0)
        // However long the run was, there are not more lines than one can distinguish.
        .unwrap_or_else(|| (seconds / 10.0 / 3600.0).ceil().max(1.0) * 3600.0);
    let step_us = (step * 1e6) as u64;
    (0..=end_us / step_us).map(|i| i * step_us).collect()
}

/// The grid behind the rows, with the times above it.
fn grid(canvas: &mut Canvas, end_us: u64, x: impl Fn(u64) -> f64, bottom: f64) {
    for at in ticks(end_us) {
        canvas.line("grid", (x(at), 16.0), (x(at), bottom));
        canvas.text("tick", x(at), 12.0, &format!("{} s", at / 1_000_000));
    }
}

fn seconds(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1e6)
}

/// Text from a cluster, inert in HTML and XML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if !crate::model::is_printable(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_few_lines_however_long_the_run() {
        for seconds in [1, 7, 89, 146, 3600, 86_400, 10_000_000] {
            let count = ticks(seconds * 1_000_000).len();
            assert!((1..=12).contains(&count), "{seconds} s: {count}");
        }
    }

    #[test]
    fn text_is_inert() {
        assert_eq!(escape("<a href='x'>\u{1b}&\""), "&lt;a href=&#39;x&#39;&gt;\u{fffd}&amp;&quot;");
    }
}
