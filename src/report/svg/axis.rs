//! The run on one time axis.

use super::{AXIS, Canvas, LEFT, ROW, WIDE, grid, seconds};
use crate::report::{
    document::{AxisRow, TimeAxis},
    words::{Words, pictures as w, say},
};

/// A part of the picture has at most this many rows, so that it fits on a printed page.
const ROWS: usize = 40;
/// The height of a row with a number over time.
const TALL: f64 = 34.0;

/// A line of the picture: a heading, a row, or a note.
enum Line<'a> {
    Heading(String),
    Row(&'a AxisRow),
    Note(&'a str),
}

pub(super) fn draw(words: &Words, axis: &TimeAxis, title: &str) -> Vec<String> {
    let mut parts: Vec<Vec<Line<'_>>> = vec![vec![]];
    for group in &axis.groups {
        let mut lines = vec![Line::Heading(group.title.clone())];
        lines.extend(group.rows.iter().map(Line::Row));
        lines.extend((!group.note.is_empty()).then_some(Line::Note(&group.note)));
        for line in lines {
            let full = parts.last().is_none_or(|part| part.len() >= ROWS);
            if full {
                // A heading alone at the end of a part would say nothing.
                let heading = matches!(line, Line::Heading(_));
                parts.push(if heading { vec![] } else { vec![Line::Heading(say!(words, w::CONTINUED, group.title))] });
            }
            if let Some(part) = parts.last_mut() {
                part.push(line);
            }
        }
    }
    let count = parts.len();
    let title = |i: usize| if count > 1 { say!(words, w::PART, title, i + 1, count) } else { title.to_owned() };
    parts.iter().enumerate().map(|(i, lines)| part(words, axis, lines, &title(i))).collect()
}

fn part(words: &Words, axis: &TimeAxis, lines: &[Line<'_>], title: &str) -> String {
    let x = |us: u64| LEFT + us.min(axis.end_us) as f64 * AXIS / axis.end_us.max(1) as f64;
    let high = |line: &Line<'_>| match line {
        Line::Heading(_) => ROW + 6.0,
        Line::Row(row) if !row.values.is_empty() => TALL,
        Line::Row(_) | Line::Note(_) => ROW,
    };
    let mut canvas = Canvas { height: 24.0 + lines.iter().map(high).sum::<f64>() + 6.0, ..Canvas::default() };
    let bottom = canvas.height;
    grid(&mut canvas, axis.end_us, x, bottom);
    let mut y = 22.0;
    for line in lines {
        match line {
            Line::Heading(text) => canvas.text("head", 4.0, y + 18.0, text),
            Line::Note(text) => canvas.text("aside", 4.0, y + 12.0, text),
            Line::Row(row) if !row.values.is_empty() => numbers(&mut canvas, axis, row, y, &x),
            Line::Row(row) => bars(words, &mut canvas, row, y, &x),
        }
        y += high(line);
    }
    for (from, to) in &axis.blind {
        let said = say!(words, w::BLIND, seconds(*from), seconds(*to));
        canvas.rect("blind", (x(*from), 16.0), (x(*to) - x(*from), bottom - 16.0), &said);
    }
    canvas.finish(title)
}

fn bars(words: &Words, canvas: &mut Canvas, row: &AxisRow, y: f64, x: &impl Fn(u64) -> f64) {
    canvas.label(y, &row.label);
    for bar in &row.bars {
        let (from, to) = (x(bar.from_us), x(bar.to_us));
        let said = say!(words, w::BAR, bar.state.said(words), seconds(bar.from_us), seconds(bar.to_us));
        canvas.bar(bar.state, (from, y), to - from, &said);
    }
}

fn numbers(canvas: &mut Canvas, axis: &TimeAxis, row: &AxisRow, y: f64, x: &impl Fn(u64) -> f64) {
    use std::fmt::Write;
    let most = row.values.iter().map(|(_, v)| *v).max().unwrap_or(0).max(1);
    canvas.label(y + 8.0, &row.label);
    let (base, top) = (y + 28.0, y + 4.0);
    let at = |v: i64| base - v.clamp(0, most) as f64 * (base - top) / most as f64;
    canvas.line("base", (LEFT, base), (WIDE - 16.0, base));
    canvas.text("value", LEFT - 6.0, top + 6.0, &most.to_string());
    canvas.text("value", LEFT - 6.0, base + 2.0, "0");
    let mut path = String::new();
    for (i, (t, value)) in row.values.iter().enumerate() {
        let (x, y) = (x(*t), at(*value));
        let _ = if i == 0 { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
    }
    let _ = write!(path, "H{:.1}", x(axis.end_us));
    let _ = write!(canvas.body, "<path class=\"curve\" d=\"{path}\"/>");
}
