//! The review for people: the verdict, then everything by area with the most serious findings first, and what to do
//! next.

use std::fmt::Write;

use super::{counted, covered, place};
use crate::{
    model::{Review, Ruling, State, printable},
    report::markdown::text,
};

/// At most this many objects of one check are named; the others are counted.
const NAMED: usize = 5;
/// The number of next steps that are shown.
const NEXT: usize = 3;

/// The whole review as text. `all` names every object.
pub fn human(review: &Review, all: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", review.verdict, printable(&review.target));
    let objects: usize = review.objects.values().sum();
    let _ = writeln!(
        out,
        "{objects} {}, {} checks: {}",
        if objects == 1 { "object" } else { "objects" },
        review.checks.len(),
        counted(review)
    );
    for line in covered(review) {
        let _ = writeln!(out, "{}", printable(&line));
    }
    for note in &review.notes {
        let _ = writeln!(out, "note: {}", printable(note));
    }
    next(review, &mut out);
    for area in areas(review) {
        let _ = writeln!(out, "\n{}", printable(area));
        for check in review.checks.iter().filter(|c| c.area == area) {
            let results: Vec<&Ruling> = review.results.iter().filter(|r| r.check == check.id && is_shown(r)).collect();
            group(&results, all, &mut out);
        }
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

pub(super) fn is_shown(r: &Ruling) -> bool {
    !matches!(r.state, State::Skip | State::Pass)
}

/// Areas with findings, the most serious first.
pub(super) fn areas(review: &Review) -> Vec<&str> {
    let mut found: Vec<&str> = vec![];
    for result in review.results.iter().filter(|r| is_shown(r)) {
        if let Some(check) = review.checks.iter().find(|c| c.id == result.check)
            && !found.contains(&check.area.as_str())
        {
            found.push(&check.area);
        }
    }
    found
}

fn mark(r: &Ruling) -> String {
    let way = if r.blocking && !r.known { " BLOCKS" } else { "" };
    let known = if r.known { " known" } else { "" };
    match r.state {
        State::Fail => format!("{}{way}{known}", r.severity),
        state => format!("{state}{way}"),
    }
}

/// The results of one check, with equal ones grouped.
fn group(results: &[&Ruling], all: bool, out: &mut String) {
    let mut heads: Vec<(String, Vec<&Ruling>)> = vec![];
    for result in results {
        let head = format!("{:<9} {} {}", mark(result), result.check, result.expected);
        match heads.iter_mut().find(|(h, _)| *h == head) {
            Some((_, members)) => members.push(result),
            None => heads.push((head, vec![result])),
        }
    }
    for (head, members) in heads {
        let _ = writeln!(out, "  {}", printable(&head));
        let shown = if all { members.len() } else { NAMED };
        for result in members.iter().take(shown) {
            let at = place(&result.subject);
            let at = if at.is_empty() { String::new() } else { format!(" ({at})") };
            let waiver = result.waiver.as_ref().map(|w| format!(" [{w}]")).unwrap_or_default();
            let _ =
                writeln!(out, "      {}", printable(&format!("{}: {}{waiver}{at}", result.subject, result.observed)));
        }
        if members.len() > shown {
            let _ = writeln!(out, "      and {} more (--all lists them)", members.len() - shown);
        }
        if let Some(fix) = members.iter().map(|r| &r.fix).find(|f| !f.is_empty()) {
            let _ = writeln!(out, "      fix: {}", printable(fix));
        }
    }
}

/// The checks to fix first: those that block, then the most serious ones.
fn next(review: &Review, out: &mut String) {
    let mut seen: Vec<&str> = vec![];
    for result in review.results.iter().filter(|r| matches!(r.state, State::Fail | State::Unknown) && !r.known) {
        if !seen.contains(&result.check.as_ref()) {
            seen.push(&result.check);
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
        let of: Vec<&Ruling> =
            review.results.iter().filter(|r| r.check == *id && is_shown(r) && !r.fix.is_empty()).collect();
        let fix = of.first().map_or("", |r| r.fix.as_ref());
        let _ = writeln!(
            out,
            "  {}. {} ({id}, {} object{})",
            i + 1,
            printable(fix),
            of.len(),
            if of.len() == 1 { "" } else { "s" }
        );
    }
}

/// The same as tables in Markdown.
pub fn markdown(review: &Review) -> String {
    let mut out = format!("# {}\n\n{}: {}\n", review.verdict, text(&review.target), counted(review));
    for line in covered(review) {
        let _ = write!(out, "\n{}\n", text(&line));
    }
    for note in &review.notes {
        let _ = write!(out, "\n> {}\n", text(note));
    }
    for area in areas(review) {
        let _ = write!(out, "\n## {}\n\n| | check | object | observed | fix |\n|---|---|---|---|---|\n", text(area));
        for check in review.checks.iter().filter(|c| c.area == area) {
            for r in review.results.iter().filter(|r| r.check == check.id && is_shown(r)) {
                let at = place(&r.subject);
                let _ = writeln!(
                    out,
                    "| {} | {} {} | {}{} | {} | {} |",
                    mark(r),
                    r.check,
                    text(&r.expected),
                    text(&r.subject.to_string()),
                    if at.is_empty() { String::new() } else { format!(" ({})", text(&at)) },
                    text(&r.observed),
                    text(&r.fix)
                );
            }
        }
    }
    out
}
