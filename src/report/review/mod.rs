//! A readiness review in every format. All formats show the same [`Review`], so all of them contain the same counts.

mod fixdiff;
mod fixplan;
mod gathered;
mod groups;
mod html;
mod human;
mod junit;
mod markdown;
mod painted;
mod prometheus;
mod sarif;
mod told;

pub use fixdiff::fix_diff;
pub use fixplan::fix_plan;
pub(in crate::report) use fixplan::lines as fix_lines;
pub use groups::GroupBy;
pub use html::html;
pub use human::human;
pub use junit::{junit as review_junit, junit_by_check as review_junit_by_check};
pub use markdown::markdown;
pub use painted::painted;
pub use prometheus::prometheus;
pub use sarif::sarif as review_sarif;

use crate::model::{Compared, Review, Ruling, Severity, State};

/// The review itself.
pub fn review_json(review: &Review) -> String {
    serde_json::to_string_pretty(review).unwrap_or_default() + "\n"
}

/// `3 fail, 1 unknown, 40 pass`, without states that have no results.
fn counted(review: &Review) -> String {
    let t = &review.tally;
    let all = [
        (t.fail, "fail"),
        (t.error, "error"),
        (t.unknown, "unknown"),
        (t.waived, "waived"),
        (t.skip, "skip"),
        (t.pass, "pass"),
    ];
    all.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}

/// How many checks judged something, and what was left out, one sentence each.
fn covered(review: &Review) -> Vec<String> {
    let c = &review.coverage;
    let others: Vec<String> = c.unjudged.iter().map(|(why, n)| format!("{n} {why}")).collect();
    let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
    let mut all = vec![format!("{} of {} checks judged something{others}", c.judged, review.checks.len())];
    for left in &c.left_out {
        let word = if left.objects == 1 { "object" } else { "objects" };
        all.push(format!("left out: {} {word} of {}: {}", left.objects, left.what, left.why));
    }
    all.extend(c.undecided.iter().map(|why| format!("cannot be called ready: {why}")));
    all
}

/// `file:line`, if the object comes from a file.
fn place(subject: &crate::model::Subject) -> String {
    if subject.file.is_empty() { String::new() } else { format!("{}:{}", subject.file, subject.line) }
}

/// Whether a result is a finding.
fn is_shown(r: &Ruling) -> bool {
    r.state.is_finding()
}

/// The findings of a review, the worst first whatever their area.
fn worst_first(review: &Review) -> Vec<&Ruling> {
    let mut found: Vec<&Ruling> = review.results.iter().filter(|r| is_shown(r)).collect();
    found.sort_by_key(|r| (!r.blocking || r.known, r.state, r.severity));
    found
}

/// Findings in that order, in sections by how serious they are.
fn sections<T>(found: Vec<T>, ruling: impl Fn(&T) -> &Ruling) -> Vec<(&'static str, Vec<T>)> {
    let all = gathered::gathered(found, |one| Some(section(ruling(one))));
    all.into_iter().filter_map(|found| Some((section(ruling(found.first()?)), found))).collect()
}

fn section(r: &Ruling) -> &'static str {
    match (r.blocking && !r.known, r.state, r.severity) {
        (true, ..) => "Blocks a drill",
        (_, State::Fail, Severity::Critical) => "Critical",
        (_, State::Fail, Severity::High) => "High",
        (_, State::Fail, Severity::Medium) => "Medium",
        (_, State::Fail, Severity::Low) => "Low",
        (_, State::Unknown, _) => "Unknown",
        (_, State::Error, _) => "Error",
        _ => "Set aside",
    }
}

/// How serious a finding is, and the drills that it blocks.
fn mark(r: &Ruling) -> String {
    let way = if r.blocking && !r.known { format!(" {}", blocks(r)) } else { String::new() };
    let known = if r.known { " known" } else { "" };
    match r.state {
        State::Fail => format!("{}{way}{known}", r.severity),
        state => format!("{state}{way}{known}"),
    }
}

/// `BLOCKS drain, node`; only `BLOCKS` for a review of an older version, which names no drill.
fn blocks(r: &Ruling) -> String {
    if r.blocks.iter().any(|drill| drill == "any") {
        return "BLOCKS every drill".to_owned();
    }
    format!("BLOCKS {}", r.blocks.join(", ")).trim_end().to_owned()
}

/// What was seen, and what an outage would leave.
fn seen(r: &Ruling) -> String {
    if r.consequence.is_empty() { r.observed.clone() } else { format!("{}; {}", r.observed, r.consequence) }
}

/// The same, and who set the finding aside.
fn shown_observed(r: &Ruling) -> String {
    match &r.waiver {
        Some(waiver) => format!("{} [{waiver}]", seen(r)),
        None => seen(r),
    }
}

/// `2 new (1 blocks), 1 gone, 17 stayed`
fn counts_of(compared: &Compared) -> String {
    let way = match compared.blocking {
        0 => String::new(),
        1 => " (1 blocks)".to_owned(),
        n => format!(" ({n} block)"),
    };
    format!("{} new{way}, {} gone, {} stayed", compared.new, compared.gone, compared.stayed)
}

/// The findings that are gone. They block nothing any more and need no fix.
fn of_the_past(review: &Review) -> Vec<Ruling> {
    let past = |r: &Ruling| Ruling { blocking: false, blocks: vec![], fix: "".into(), remedy: None, ..r.clone() };
    review.gone.iter().flatten().map(past).collect()
}
