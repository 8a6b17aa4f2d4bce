//! The review as tables in Markdown, for a comment or a job summary. For a comparison, only the findings that are new
//! or gone.

use std::fmt::Write;

use super::{areas, counted, counts_of, covered, is_shown, mark, of_the_past, place, shown_observed};
use crate::{
    model::{Review, Ruling, State},
    report::markdown::text,
};

/// The review in Markdown.
pub fn markdown(review: &Review) -> String {
    let mut out = match &review.compared {
        Some(c) => format!(
            "# {}\n\n{}, compared with {}: {}\n\nAll of it: {}, {}\n",
            c.outcome,
            text(&review.target),
            text(&c.base),
            counts_of(c),
            review.verdict,
            counted(review)
        ),
        None => format!("# {}\n\n{}: {}\n", review.verdict, text(&review.target), counted(review)),
    };
    for line in covered(review) {
        let _ = write!(out, "\n{}\n", text(&line));
    }
    for note in &review.notes {
        let _ = write!(out, "\n> {}\n", text(note));
    }
    if review.compared.is_some() {
        comparison(review, &mut out);
        return out;
    }
    for area in areas(review) {
        head(&text(area), &mut out);
        for check in review.checks.iter().filter(|c| c.area == area) {
            for r in review.results.iter().filter(|r| r.check == check.id && is_shown(r)) {
                row(r, &mut out);
            }
        }
    }
    out
}

fn comparison(review: &Review, out: &mut String) {
    let new = |r: &&Ruling| is_shown(r) && !r.known && r.state != State::Waived;
    let new: Vec<&Ruling> = review.results.iter().filter(new).collect();
    let gone = of_the_past(review);
    for (title, found) in [("New", new), ("Gone", gone.iter().collect())] {
        if !found.is_empty() {
            head(title, out);
            found.into_iter().for_each(|r| row(r, out));
        }
    }
}

fn head(title: &str, out: &mut String) {
    let _ = write!(out, "\n## {title}\n\n| | check | object | observed | fix |\n|---|---|---|---|---|\n");
}

fn row(r: &Ruling, out: &mut String) {
    let at = place(&r.subject);
    let at = if at.is_empty() { String::new() } else { format!(" ({})", text(&at)) };
    let (subject, seen) = (text(&r.subject.to_string()), text(&shown_observed(r)));
    let (expected, fix) = (text(&r.expected), text(&r.fix));
    let _ = writeln!(out, "| {} | {} {expected} | {subject}{at} | {seen} | {fix} |", mark(r), r.check);
}
