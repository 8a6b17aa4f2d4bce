//! A readiness review in every format. All formats show the same [`Review`], so all of them contain the same counts.

mod fixplan;
mod html;
mod human;
mod junit;
mod prometheus;
mod sarif;

pub use fixplan::fix_plan;
pub(in crate::report) use fixplan::lines as fix_lines;
pub use html::html;
pub use human::{human, markdown};
pub use junit::{junit as review_junit, junit_by_check as review_junit_by_check};
pub use prometheus::prometheus;
pub use sarif::sarif as review_sarif;

use crate::model::Review;

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
