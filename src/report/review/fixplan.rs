//! The fix plan: every change that can be expressed as a command, to read and run, and what remains for people. It is
//! a shell script that can be run unchanged, in which no object name can become a command.

use std::{collections::BTreeSet, fmt::Write};

use super::gathered::gathered;
use crate::model::{Change, Remedy, Review, Ruling, State, is_printable, printable, shell};

/// A change of the plan, with the findings that it would fix.
pub(super) struct Proposal<'a> {
    pub remedy: &'a Remedy,
    pub of: Vec<&'a Ruling>,
}

/// The plan as a script for sh. `more` are findings that other changes of the plan cause, with changes of their own.
pub fn fix_plan(review: &Review, more: &[Ruling]) -> String {
    let failed: Vec<&Ruling> = review.results.iter().filter(|r| r.state == State::Fail).collect();
    let (held_back, changes): (Vec<Proposal<'_>>, Vec<Proposal<'_>>) =
        proposals(&failed, more).into_iter().partition(|proposal| proposal.remedy.is_held_back());
    let fixed = fixed(&changes, more);
    let live = failed.first().is_some_and(|r| r.source != "manifests");
    let context = if live {
        format!("CONTEXT={}", shell(&[printable(&review.target)]))
    } else {
        ": \"${CONTEXT:?set CONTEXT to the cluster to change}\"".to_owned()
    };
    let mut out = format!(
        "#!/bin/sh\n# Fix plan for {}: {} changes, for {fixed} of {} findings.\n\
         # Nothing was applied yet. Read each change, delete the ones that you do not want, then run this script.\nset -eu\n{context}\n{}",
        printable(&review.target),
        changes.len(),
        failed.len(),
        beside(&changes, live),
    );
    for proposal in &changes {
        out.push_str(&change(proposal));
    }
    if !held_back.is_empty() {
        let count = held_back.len();
        let _ = writeln!(out, "\n# Held back ({count}): a person has to decide first. These lines are comments.");
    }
    for proposal in &held_back {
        out.push_str(&commented(&change(proposal)));
    }
    by_hand(&failed, &mut out);
    out
}

/// How many findings of the review the changes fix. Others are caused by changes of the plan.
pub(super) fn fixed(changes: &[Proposal<'_>], more: &[Ruling]) -> usize {
    let caused: BTreeSet<&str> = more.iter().map(|r| r.fingerprint.as_str()).collect();
    changes.iter().flat_map(|proposal| &proposal.of).filter(|r| !caused.contains(r.fingerprint.as_str())).count()
}

/// The changes, each with all its findings.
pub(super) fn proposals<'a>(failed: &[&'a Ruling], more: &'a [Ruling]) -> Vec<Proposal<'a>> {
    let all = failed.iter().copied().chain(more).filter_map(|ruling| Some((remedy(ruling)?, ruling)));
    let groups = gathered(all, |(remedy, _)| Some(remedy.change.text()));
    let proposal = |group: Vec<(&'a Remedy, &'a Ruling)>| {
        let (remedy, _) = *group.first()?;
        Some(Proposal { remedy, of: group.into_iter().map(|(_, ruling)| ruling).collect() })
    };
    groups.into_iter().filter_map(proposal).collect()
}

/// What the script needs and says beside its context.
fn beside(changes: &[Proposal<'_>], live: bool) -> String {
    let mut out = String::new();
    if changes.iter().any(|proposal| proposal.remedy.change.namespace().is_empty()) {
        out.push_str(": \"${NAMESPACE:?set NAMESPACE to the namespace of the objects that name none}\"\n");
    }
    if !live {
        out.push_str(
            "# The objects come from files: make the same changes there. A GitOps controller takes back what is changed in the \
             cluster only.\n",
        );
    }
    out
}

/// Lines that the shell does not run, whatever is in them.
fn commented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() || line.starts_with('#') { format!("{line}\n") } else { format!("# {line}\n") })
        .collect()
}

/// The change that fixes a finding. A change whose text could drive a terminal is left to a person.
fn remedy(ruling: &Ruling) -> Option<&Remedy> {
    ruling.remedy.as_ref().filter(|remedy| shows(remedy))
}

fn shows(remedy: &Remedy) -> bool {
    // A line break is harmless, because it stays inside its quotes.
    let shows = |text: &str| text.chars().all(|c| c == '\n' || is_printable(c));
    if !remedy.first.iter().all(|object| shows(&object.to_string())) {
        return false;
    }
    match &remedy.change {
        Change::Create(object) => shows(&object.to_string()),
        Change::Patch { kind, namespace, name, body, .. } => {
            [kind, namespace, name].into_iter().all(|word| shows(word)) && shows(&body.to_string())
        }
    }
}

/// A change as lines to read and run, with what to consider before; none if its text could drive a terminal. The command
/// of a change that is held back is a comment.
pub(in crate::report) fn lines(remedy: &Remedy) -> Option<Vec<String>> {
    let command = shows(remedy).then(|| commands(remedy))?;
    let command = if remedy.is_held_back() { commented(&command) } else { command };
    Some(cautions(remedy).into_iter().chain(command.lines().map(str::to_owned)).collect())
}

/// What to consider before the change, and why it is held back, as comments.
fn cautions(remedy: &Remedy) -> Vec<String> {
    let both = [("CAUTION", &remedy.caution), ("HELD BACK", &remedy.held_back)];
    let unsettled = remedy.unsettled.iter().map(|text| ("NOT KNOWN", text));
    both.into_iter()
        .filter(|(_, text)| !text.is_empty())
        .chain(unsettled)
        .map(|(word, text)| format!("# {word}: {}", printable(text)))
        .collect()
}

/// A change with its findings and its command.
fn change(proposal: &Proposal<'_>) -> String {
    introduction(proposal) + &commands(proposal.remedy)
}

/// The findings of a change, and what to consider before it, as comments.
pub(super) fn introduction(proposal: &Proposal<'_>) -> String {
    let mut out = "\n".to_owned();
    for ruling in &proposal.of {
        let what = format!("{} {} {}: {}", ruling.check, ruling.severity, ruling.subject, ruling.observed);
        let _ = writeln!(out, "# {}", printable(&what));
    }
    for line in cautions(proposal.remedy) {
        let _ = writeln!(out, "{line}");
    }
    out
}

/// The commands for a change, after those for the objects without which it would do harm.
fn commands(remedy: &Remedy) -> String {
    let first = remedy.first.iter().map(|object| command(&Change::Create(object.clone())));
    first.chain([command(&remedy.change)]).collect()
}

/// The command that makes a change. No name in it can become a command. It always names a namespace, because every
/// object that a remedy changes is in one.
fn command(change: &Change) -> String {
    let unnamed = if change.namespace().is_empty() { " --namespace \"$NAMESPACE\"" } else { "" };
    match change {
        Change::Create(object) => {
            let text = serde_json::to_string_pretty(object).unwrap_or_default();
            format!("kubectl --context \"$CONTEXT\"{unnamed} create --filename - <<'EOF'\n{text}\nEOF\n")
        }
        Change::Patch { kind, namespace, name, strategic, body } => {
            let mut words = vec!["patch".to_owned(), format!("{}/{name}", kind.to_lowercase())];
            if !namespace.is_empty() {
                words.extend(["--namespace".to_owned(), namespace.clone()]);
            }
            let sort = if *strategic { "strategic" } else { "merge" };
            words.extend(["--type".to_owned(), sort.to_owned(), "--patch".to_owned(), body.to_string()]);
            format!("kubectl --context \"$CONTEXT\"{unnamed} {}\n", shell(&words))
        }
    }
}

/// One line for each check whose findings need a person.
pub(super) fn by_hand(failed: &[&Ruling], out: &mut String) {
    let left = failed.iter().copied().filter(|r| remedy(r).is_none());
    let checks = gathered(left, |&r| Some(&*r.check));
    if !checks.is_empty() {
        out.push_str("\n# By hand:\n");
    }
    for findings in checks {
        let Some(first) = findings.first() else { continue };
        let text = format!("{} {} ({}): {}", first.check, first.severity, findings.len(), first.fix);
        let _ = writeln!(out, "# {}", printable(&text));
    }
}
