//! The fix plan of a review of files: unified diffs for `git apply` and `patch`. Everything else in it is a comment, which
//! both programs ignore.

use std::{collections::BTreeMap, fmt::Write};

use super::fixplan::{Proposal, by_hand, fixed, introduction, proposals};
use crate::model::{FileDiff, FilePlan, Remedy, Review, Ruling, State, printable, shell};

/// The plan as a diff. `more` are findings that other changes of the plan cause, with changes of their own.
pub fn fix_diff(review: &Review, more: &[Ruling], plan: &FilePlan) -> String {
    let failed: Vec<&Ruling> = review.results.iter().filter(|r| r.state == State::Fail).collect();
    let (held_back, changes): (Vec<Proposal<'_>>, Vec<Proposal<'_>>) =
        proposals(&failed, more).into_iter().partition(|proposal| proposal.remedy.is_held_back());
    let mut out = head(&changes, (failed.len(), fixed(&changes, more)), review, plan);
    let by_text: ByText<'_, '_> = changes.iter().enumerate().map(|(i, p)| (p.remedy.change.text(), (i, p))).collect();
    for diff in &plan.files {
        out.push_str(&file(diff, &by_text));
    }
    beside(&changes, plan, &mut out);
    if !held_back.is_empty() {
        let _ = writeln!(out, "\n# Held back ({}): a person has to decide first.", held_back.len());
    }
    for proposal in &held_back {
        out.push_str(&introduction(proposal));
        out.push_str(&commented(&manifests(proposal.remedy)));
    }
    by_hand(&failed, &mut out);
    out
}

fn head(changes: &[Proposal<'_>], (failed, fixed): (usize, usize), review: &Review, plan: &FilePlan) -> String {
    let apart = changes.iter().filter(|p| plan.elsewhere.contains_key(&p.remedy.change.text())).count();
    let mut out = format!(
        "# Fix plan for {}: {} changes in {} files, for {fixed} of {failed} findings.\n# Nothing was changed yet.",
        printable(&review.target),
        changes.len() - apart,
        plan.files.len(),
    );
    if plan.files.is_empty() {
        out.push_str(" There is no diff to apply.\n");
    } else {
        let folder = shell(&[printable(&plan.folder)]);
        let _ = write!(
            out,
            " Read the diff, then apply it with one of these commands:\n#   git -C {folder} apply -p1 < FILE\n\
             #   patch -p1 -d {folder} < FILE\n"
        );
    }
    if apart > 0 {
        let _ = writeln!(out, "# {apart} more changes are not in the diff: they are comments below, with the reason.");
    }
    for note in &plan.notes {
        let _ = writeln!(out, "# {}", printable(note));
    }
    out
}

/// The proposals and their order, by the text of their change.
type ByText<'p, 'a> = BTreeMap<String, (usize, &'p Proposal<'a>)>;

/// The diff of a file below the changes that it makes.
fn file(diff: &FileDiff, by_text: &ByText<'_, '_>) -> String {
    let mut made: Vec<&(usize, &Proposal<'_>)> = diff.changes.iter().filter_map(|text| by_text.get(text)).collect();
    made.sort_by_key(|(order, _)| *order);
    let comments: String = made.iter().map(|(_, proposal)| introduction(proposal).trim_start().to_owned()).collect();
    format!("\n{comments}{}", diff.text)
}

/// The changes that no diff contains.
fn beside(changes: &[Proposal<'_>], plan: &FilePlan, out: &mut String) {
    let apart = |p: &&Proposal<'_>| plan.elsewhere.contains_key(&p.remedy.change.text());
    let apart: Vec<&Proposal<'_>> = changes.iter().filter(apart).collect();
    if !apart.is_empty() {
        let _ =
            writeln!(out, "\n# Not in the diff ({}): make these changes together with those of the diff.", apart.len());
    }
    for proposal in apart {
        let Some(elsewhere) = plan.elsewhere.get(&proposal.remedy.change.text()) else { continue };
        out.push_str(&introduction(proposal));
        let _ = writeln!(out, "# NOT IN THE DIFF: {}", printable(&elsewhere.why));
        out.push_str(&commented(&elsewhere.manifest));
    }
}

/// A change that a person decides on, as manifests: first the objects without which it would do harm.
fn manifests(remedy: &Remedy) -> String {
    let change = remedy.change.manifest();
    let all: Vec<String> =
        remedy.first.iter().chain([&change]).filter_map(|object| serde_saphyr::to_string(object).ok()).collect();
    all.join("---\n")
}

/// Lines that neither `git apply` nor `patch` reads.
fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {}\n", printable(line))).collect()
}
