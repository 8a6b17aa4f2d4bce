//! The fix plan: every change that can be expressed as a command, to read and run, and what remains for people. It is
//! a shell script that can be run unchanged, in which no object name can become a command.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::model::{Change, Remedy, Review, Ruling, State, is_printable, printable, shell};

/// The plan as a script for sh. `more` are findings that other changes of the plan cause, with changes of their own.
pub fn fix_plan(review: &Review, more: &[Ruling]) -> String {
    let failed: Vec<&Ruling> = review.results.iter().filter(|r| r.state == State::Fail).collect();
    let mut changes: Vec<(&Remedy, Vec<&Ruling>)> = vec![];
    // Changes are looked up by their text, because there may be ten thousand.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for ruling in failed.iter().copied().chain(more) {
        let Some(remedy) = remedy(ruling) else { continue };
        let at = *known.entry(serde_json::to_string(remedy).unwrap_or_default()).or_insert(changes.len());
        match changes.get_mut(at) {
            Some((_, of)) => of.push(ruling),
            None => changes.push((remedy, vec![ruling])),
        }
    }
    let (held, changes): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(remedy, _)| !remedy.held.is_empty());
    let caused: BTreeSet<&str> = more.iter().map(|r| r.fingerprint.as_str()).collect();
    let of_review = |of: &Vec<&Ruling>| of.iter().filter(|r| !caused.contains(r.fingerprint.as_str())).count();
    let mended: usize = changes.iter().map(|(_, of)| of_review(of)).sum();
    let live = failed.first().is_some_and(|r| r.source != "manifests");
    let context = if live {
        format!("CONTEXT={}", shell(&[printable(&review.target)]))
    } else {
        ": \"${CONTEXT:?set CONTEXT to the cluster to change}\"".to_owned()
    };
    let mut out = format!(
        "#!/bin/sh\n# Fix plan for {}: {} changes, for {mended} of {} findings.\n\
         # Nothing was applied yet. Read each change, delete the ones that you do not want, then run this script.\nset -eu\n{context}\n{}",
        printable(&review.target),
        changes.len(),
        failed.len(),
        beside(&changes, live),
    );
    for (remedy, of) in &changes {
        change(remedy, of, &mut out);
    }
    if !held.is_empty() {
        let _ =
            writeln!(out, "\n# Held back ({}): a person has to decide first. These lines are comments.", held.len());
    }
    for (remedy, of) in &held {
        let mut text = String::new();
        change(remedy, of, &mut text);
        out.push_str(&commented(&text));
    }
    by_hand(&failed, &mut out);
    out
}

/// What the script needs and says beside its context.
fn beside(changes: &[(&Remedy, Vec<&Ruling>)], live: bool) -> String {
    let mut out = String::new();
    if changes.iter().any(|(remedy, _)| namespace_of(&remedy.change).is_empty()) {
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

fn namespace_of(change: &Change) -> &str {
    match change {
        Change::Create(object) => object["metadata"]["namespace"].as_str().unwrap_or(""),
        Change::Patch { namespace, .. } => namespace,
    }
}

/// The change that fixes a finding. A change whose text could drive a terminal is left to a person.
fn remedy(ruling: &Ruling) -> Option<&Remedy> {
    ruling.remedy.as_ref().filter(|remedy| shows(remedy))
}

fn shows(remedy: &Remedy) -> bool {
    // A line break is harmless, because it stays inside its quotes.
    let shows = |text: &str| text.chars().all(|c| c == '\n' || is_printable(c));
    match &remedy.change {
        Change::Create(object) => shows(&object.to_string()),
        Change::Patch { kind, namespace, name, body, .. } => {
            [kind, namespace, name].into_iter().all(|word| shows(word)) && shows(&body.to_string())
        }
    }
}

/// A change as lines to read and run, with its caution; none if its text could drive a terminal. A change that is held
/// back is a comment.
pub(in crate::report) fn lines(remedy: &Remedy) -> Option<Vec<String>> {
    let command = shows(remedy).then(|| command(&remedy.change))?;
    let command = if remedy.held.is_empty() { command } else { commented(&command) };
    Some(cautions(remedy).into_iter().chain(command.lines().map(str::to_owned)).collect())
}

fn cautions(remedy: &Remedy) -> Vec<String> {
    let both = [("CAUTION", &remedy.caution), ("HELD BACK", &remedy.held)];
    both.iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(word, text)| format!("# {word}: {}", printable(text)))
        .collect()
}

fn change(remedy: &Remedy, of: &[&Ruling], out: &mut String) {
    out.push('\n');
    for ruling in of {
        let what = format!("{} {} {}: {}", ruling.check, ruling.severity, ruling.subject, ruling.observed);
        let _ = writeln!(out, "# {}", printable(&what));
    }
    for line in cautions(remedy) {
        let _ = writeln!(out, "{line}");
    }
    out.push_str(&command(&remedy.change));
}

/// The command that makes a change. No name in it can become a command. It always names a namespace, because every
/// object that a remedy changes is in one.
fn command(change: &Change) -> String {
    let unnamed = if namespace_of(change).is_empty() { " --namespace \"$NAMESPACE\"" } else { "" };
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
fn by_hand(failed: &[&Ruling], out: &mut String) {
    let mut left: Vec<(&Ruling, usize)> = vec![];
    for ruling in failed.iter().filter(|r| remedy(r).is_none()) {
        match left.iter_mut().find(|(first, _)| first.check == ruling.check) {
            Some((_, count)) => *count += 1,
            None => left.push((ruling, 1)),
        }
    }
    if !left.is_empty() {
        out.push_str("\n# By hand:\n");
    }
    for (ruling, count) in left {
        let text = format!("{} {} ({count}): {}", ruling.check, ruling.severity, ruling.fix);
        let _ = writeln!(out, "# {}", printable(&text));
    }
}
