//! The review as tables in Markdown, for a comment or a job summary, the worst first. For a comparison, only the
//! findings that are new or gone.

use std::fmt::Write;

use super::{
    counted, counts_of, covered, is_shown, mark, of_the_past, place, sections,
    told::{Told, told},
    worst_first,
};
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
    for (title, found) in sections(told(worst_first(review)), |one| one.ruling) {
        head(title, &mut out);
        found.iter().for_each(|one| row(one, &mut out));
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
            told(found).iter().for_each(|one| row(one, out));
        }
    }
}

fn head(title: &str, out: &mut String) {
    let _ = write!(out, "\n## {title}\n\n| | check | object | observed | fix |\n|---|---|---|---|---|\n");
}

fn row(one: &Told<'_>, out: &mut String) {
    let r = one.ruling;
    let at = place(&r.subject);
    let at = if at.is_empty() { String::new() } else { format!(" ({})", text(&at)) };
    let (subject, seen) = (text(&r.subject.to_string()), text(&one.seen()));
    let others = one.also.iter().filter(|other| !other.fix.is_empty());
    let fix = others.fold(r.fix.to_string(), |fix, other| format!("{fix}; {} ({})", other.fix, other.check));
    let (expected, fix) = (text(&r.expected), text(&fix));
    let _ = writeln!(out, "| {} | {} {expected} | {subject}{at} | {seen} | {fix} |", mark(r), r.check);
}
