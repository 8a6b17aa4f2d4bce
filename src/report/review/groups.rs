//! The findings in groups, by check, by object or by owner. In each of them the worst comes first, across all areas,
//! and findings that one change mends are one entry. Start with [`groups`].

use std::fmt::Write;

use super::{gathered::gathered, mark, place, shown_observed};
use crate::model::{Ruling, Subject, printable};

/// What the groups of the text for people stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// A group for each check, with its objects.
    #[default]
    Check,
    /// A group for each object, with its findings.
    Object,
    /// A group for each owner, with the checks in it.
    Owner,
}

/// At most this many entries of one check are shown; the others are counted.
const NAMED: usize = 5;
/// At most this many objects of one entry are named.
const TOGETHER: usize = 3;
/// At most this many objects get a group of their own.
const OBJECTS: usize = 20;

/// Findings that one change mends, or a single finding.
type Entry<'a> = Vec<&'a Ruling>;

/// Writes all findings. `all` leaves nothing out.
pub(super) fn groups(found: &[&Ruling], by: GroupBy, all: bool, out: &mut String) {
    let mut found = found.to_vec();
    found.sort_by_key(|r| (!r.blocking || r.known, r.state, r.severity));
    let entries = entries(&found);
    match by {
        GroupBy::Check => by_check(entries, "  ", all, out),
        GroupBy::Object => by_object(entries, all, out),
        GroupBy::Owner => {
            let owner = |entry: &Entry<'_>| entry.first().map(|r| r.owner.clone());
            for entries in gathered(entries, owner) {
                let owner = entries.first().and_then(owner).unwrap_or_default();
                let owner = if owner.is_empty() { "no owner is named" } else { owner.as_str() };
                let _ = writeln!(out, "  {}: {}", printable(owner), findings(count(&entries)));
                by_check(entries, "    ", all, out);
            }
        }
    }
}

/// The findings with those of one change together, in the order of the first of each.
fn entries<'a>(found: &[&'a Ruling]) -> Vec<Entry<'a>> {
    gathered(found.iter().copied(), |&r| {
        let change = r.remedy.as_ref()?.change.text();
        Some((&*r.check, r.owner.as_str(), mark(r), change))
    })
}

fn by_check(entries: Vec<Entry<'_>>, indent: &str, all: bool, out: &mut String) {
    let heading = |entry: &Entry<'_>| entry.first().map(|r| head(r, &r.expected));
    for members in gathered(entries, heading) {
        let heading = members.first().and_then(heading).unwrap_or_default();
        let _ = writeln!(out, "{indent}{}", printable(&heading));
        let shown = if all { members.len() } else { NAMED };
        for entry in members.iter().take(shown) {
            write_entry(entry, indent, all, out);
        }
        let more = count(members.get(shown..).unwrap_or_default());
        if more > 0 {
            let _ = writeln!(out, "{indent}    and {more} more (--all lists them)");
        }
        if let Some(fix) = members.iter().flatten().map(|r| &r.fix).find(|f| !f.is_empty()) {
            let _ = writeln!(out, "{indent}    fix: {}", printable(fix));
        }
    }
}

/// `high BLOCKS drain: PDB-003` and a text.
fn head(result: &Ruling, text: &str) -> String {
    let colon = if result.blocking && !result.known { ":" } else { "" };
    format!("{:<9} {} {text}", mark(result) + colon, result.check)
}

/// One finding on a line, or the objects of one change and what was seen of the first.
fn write_entry(entry: &Entry<'_>, indent: &str, all: bool, out: &mut String) {
    let Some(first) = entry.first() else { return };
    let seen = shown_observed(first) + &in_brackets(&place(&first.subject));
    if entry.len() == 1 {
        let _ = writeln!(out, "{indent}    {}", printable(&format!("{}: {seen}", first.subject)));
        return;
    }
    let named = if all { entry.len() } else { TOGETHER };
    let mut names: Vec<String> = entry.iter().take(named).map(|r| r.subject.to_string()).collect();
    if entry.len() > named {
        names.push(format!("{} more", entry.len() - named));
    }
    let text = format!("{} objects, one change: {}: {seen}", entry.len(), names.join(", "));
    let _ = writeln!(out, "{indent}    {}", printable(&text));
}

fn by_object(entries: Vec<Entry<'_>>, all: bool, out: &mut String) {
    let heading = |entry: &Entry<'_>| match entry.as_slice() {
        [] => None,
        [one] => Some(object(&one.subject)),
        [first, ..] => Some(together(&first.subject)),
    };
    let groups = gathered(entries, heading);
    let shown = if all { groups.len() } else { OBJECTS };
    for entries in groups.iter().take(shown) {
        let heading = entries.first().and_then(heading).unwrap_or_default();
        let _ = writeln!(out, "  {}: {}", printable(&heading), findings(count(entries)));
        for entry in entries {
            let Some(first) = entry.first() else { continue };
            let text = match entry.as_slice() {
                [one] => {
                    let part =
                        if one.subject.part.is_empty() { String::new() } else { format!("[{}] ", one.subject.part) };
                    let line =
                        if one.subject.file.is_empty() { String::new() } else { format!("line {}", one.subject.line) };
                    format!("{part}{}{}", shown_observed(one), in_brackets(&line))
                }
                several => format!("{} objects: {}", several.len(), shown_observed(first)),
            };
            let _ = writeln!(out, "      {}", printable(&head(first, &text)));
            if !first.fix.is_empty() {
                let _ = writeln!(out, "          fix: {}", printable(&first.fix));
            }
        }
    }
    let rest = groups.get(shown..).unwrap_or_default();
    if !rest.is_empty() {
        let _ = writeln!(out, "  and {} more objects (--all lists them)", rest.len());
    }
}

/// The object without its part, and its file.
fn object(subject: &Subject) -> String {
    let whole = Subject { part: String::new(), ..subject.clone() };
    format!("{whole}{}", in_brackets(&subject.file))
}

/// The heading for findings that one change of a namespace mends.
fn together(subject: &Subject) -> String {
    if subject.namespace.is_empty() {
        "several objects, one change each".to_owned()
    } else {
        format!("several objects of namespace {}, one change each", subject.namespace)
    }
}

fn in_brackets(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

fn count(entries: &[Entry<'_>]) -> usize {
    entries.iter().map(Vec::len).sum()
}

fn findings(count: usize) -> String {
    format!("{count} {}", if count == 1 { "finding" } else { "findings" })
}
