//! The review for people: the verdict, what to do next, and all findings with the worst first. For a comparison, only
//! the findings that are new or gone.

use std::fmt::Write;

use super::{GroupBy, counted, covered, groups::groups, is_shown, told::told};
use crate::model::{Compared, Review, Ruling, State, printable};

/// The number of next steps that are shown.
const NEXT: usize = 3;

/// The whole review as text. `all` names every object.
pub fn human(review: &Review, all: bool, by: GroupBy) -> String {
    let mut out = String::new();
    match &review.compared {
        Some(compared) => head_of_comparison(review, compared, &mut out),
        None => head(review, &mut out),
    }
    for line in covered(review) {
        let _ = writeln!(out, "{}", printable(&line));
    }
    for note in &review.notes {
        let _ = writeln!(out, "note: {}", printable(note));
    }
    next(review, &mut out);
    let found: Vec<&Ruling> = review.results.iter().filter(|r| is_shown(r)).collect();
    if review.compared.is_some() {
        comparison(review, &found, all, by, &mut out);
        return out;
    }
    if !found.is_empty() {
        out.push('\n');
        groups(&found, by, all, &mut out);
    }
    let quiet = review.checks.iter().filter(|c| c.tally.fail + c.tally.unknown + c.tally.error + c.tally.waived == 0);
    let (passed, skipped): (Vec<_>, Vec<_>) = quiet.partition(|c| c.tally.pass > 0);
    let _ = writeln!(
        out,
        "\n{} checks passed, {} judged nothing (see above). `drillmaster explain ID` explains a check.",
        passed.len(),
        skipped.len()
    );
    out
}

fn head(review: &Review, out: &mut String) {
    let objects: usize = review.objects.values().sum();
    let noun = if objects == 1 { "object" } else { "objects" };
    let _ = writeln!(out, "{}  {}", review.verdict, printable(&review.target));
    let _ = writeln!(out, "{objects} {noun}, {} checks: {}", review.checks.len(), counted(review));
}

fn head_of_comparison(review: &Review, compared: &Compared, out: &mut String) {
    let (target, base) = (printable(&review.target), printable(&compared.base));
    let _ = writeln!(out, "{}  {target}, compared with {base}", compared.outcome);
    let _ = writeln!(out, "{}", super::counts_of(compared));
    let _ = writeln!(out, "all of {target}: {}, {}", review.verdict, counted(review));
}

/// The findings that are new, then those that are gone.
fn comparison(review: &Review, found: &[&Ruling], all: bool, by: GroupBy, out: &mut String) {
    // A finding that was set aside is not news.
    let new: Vec<&Ruling> = found.iter().copied().filter(|r| !r.known && r.state != State::Waived).collect();
    let gone: Vec<Ruling> = super::of_the_past(review);
    let gone: Vec<&Ruling> = gone.iter().collect();
    for (title, found) in [("new", new), ("gone", gone)] {
        if !found.is_empty() {
            let _ = writeln!(out, "\n{title}");
            groups(&found, by, all, out);
        }
    }
}

/// The checks to fix first: those that block, then the most serious ones.
fn next(review: &Review, out: &mut String) {
    let mut seen: Vec<&str> = vec![];
    let open = review.results.iter().filter(|r| matches!(r.state, State::Fail | State::Unknown) && !r.known);
    for one in told(open) {
        if !seen.contains(&one.ruling.check.as_ref()) {
            seen.push(&one.ruling.check);
        }
        if seen.len() == NEXT {
            break;
        }
    }
    if seen.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nnext:");
    for (i, id) in seen.iter().enumerate() {
        let of = |r: &&Ruling| r.check == *id && is_shown(r) && !r.known && !r.fix.is_empty();
        let of: Vec<&Ruling> = review.results.iter().filter(of).collect();
        let fix = of.first().map_or("", |r| r.fix.as_ref());
        let noun = if of.len() == 1 { "object" } else { "objects" };
        let _ = writeln!(out, "  {}. {} ({id}, {} {noun})", i + 1, printable(fix), of.len());
    }
}
