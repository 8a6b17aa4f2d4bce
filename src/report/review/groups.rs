//! The findings in groups, by check, by object or by owner. In each of them the worst comes first, across all areas,
//! and findings that one change mends are one entry. Start with [`groups`].

use std::fmt::Write;

use super::{
    gathered::gathered,
    mark,
    told::{Told, told},
};
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
type Entry<'a> = Vec<Told<'a>>;

/// Writes all findings. `all` leaves nothing out.
pub(super) fn groups(found: &[&Ruling], by: GroupBy, all: bool, out: &mut String) {
    let mut found = found.to_vec();
    found.sort_by_key(|r| (!r.blocking || r.known, r.state, r.severity));
    let entries = entries(&found);
    let mut page = Page { out, all, file: String::new() };
    match by {
        GroupBy::Check => page.by_check(entries, "  "),
        GroupBy::Object => page.by_object(entries),
        GroupBy::Owner => {
            let owner = |entry: &Entry<'_>| entry.first().map(|one| one.ruling.owner.clone());
            for entries in gathered(entries, owner) {
                let owner = entries.first().and_then(owner).unwrap_or_default();
                let owner = if owner.is_empty() { "no owner is named" } else { owner.as_str() };
                let _ = writeln!(page.out, "  {}: {}", printable(owner), findings(count(&entries)));
                page.by_check(entries, "    ");
            }
        }
    }
}

/// The findings with those of one change together, in the order of the first of each.
fn entries<'a>(found: &[&'a Ruling]) -> Vec<Entry<'a>> {
    gathered(told(found.iter().copied()), |one| {
        let r = one.ruling;
        let change = r.remedy.as_ref()?.change.text();
        let also: Vec<&str> = one.also.iter().map(|other| &*other.check).collect();
        Some((&*r.check, r.owner.as_str(), mark(r), change, also))
    })
}

/// The text so far.
struct Page<'o> {
    out: &'o mut String,
    all: bool,
    /// The file that was named last. It is not named again before another one.
    file: String,
}

impl Page<'_> {
    fn by_check(&mut self, entries: Vec<Entry<'_>>, indent: &str) {
        let heading = |entry: &Entry<'_>| entry.first().map(|one| head(one.ruling, &one.ruling.expected));
        for members in gathered(entries, heading) {
            let heading = members.first().and_then(heading).unwrap_or_default();
            let _ = writeln!(self.out, "{indent}{}", printable(&heading));
            let shown = if self.all { members.len() } else { NAMED };
            for entry in members.iter().take(shown) {
                self.entry(entry, indent);
            }
            let more = count(members.get(shown..).unwrap_or_default());
            if more > 0 {
                let _ = writeln!(self.out, "{indent}    and {more} more (--all lists them)");
            }
            for line in fixes(members.iter().flatten()) {
                let _ = writeln!(self.out, "{indent}    {}", printable(&line));
            }
        }
    }

    /// A line for one finding. If one change fixes several objects, the line names them and says what is wrong with the first.
    fn entry(&mut self, entry: &Entry<'_>, indent: &str) {
        let Some(first) = entry.first() else { return };
        let seen = first.seen() + &in_brackets(&self.place(&first.ruling.subject));
        if entry.len() == 1 {
            let _ = writeln!(self.out, "{indent}    {}", printable(&format!("{}: {seen}", first.ruling.subject)));
            return;
        }
        let named = if self.all { entry.len() } else { TOGETHER };
        let mut names: Vec<String> = entry.iter().take(named).map(|one| one.ruling.subject.to_string()).collect();
        if entry.len() > named {
            names.push(format!("{} more", entry.len() - named));
        }
        let text = format!("{} objects, one change: {}: {seen}", entry.len(), names.join(", "));
        let _ = writeln!(self.out, "{indent}    {}", printable(&text));
    }

    fn by_object(&mut self, entries: Vec<Entry<'_>>) {
        let heading = |entry: &Entry<'_>| match entry.as_slice() {
            [] => None,
            [one] => Some((object(&one.ruling.subject), one.ruling.subject.file.clone())),
            [first, ..] => Some((together(&first.ruling.subject), String::new())),
        };
        let groups = gathered(entries, heading);
        let shown = if self.all { groups.len() } else { OBJECTS };
        for entries in groups.iter().take(shown) {
            let (name, file) = entries.first().and_then(heading).unwrap_or_default();
            let file = if file == self.file { String::new() } else { file };
            let _ = writeln!(
                self.out,
                "  {}: {}",
                printable(&format!("{name}{}", in_brackets(&file))),
                findings(count(entries))
            );
            if !file.is_empty() {
                self.file = file;
            }
            entries.iter().for_each(|entry| self.of_object(entry));
        }
        let rest = groups.get(shown..).unwrap_or_default();
        if !rest.is_empty() {
            let _ = writeln!(self.out, "  and {} more objects (--all lists them)", rest.len());
        }
    }

    fn of_object(&mut self, entry: &Entry<'_>) {
        let Some(first) = entry.first() else { return };
        let text = match entry.as_slice() {
            [one] => {
                let subject = &one.ruling.subject;
                let part = if subject.part.is_empty() { String::new() } else { format!("[{}] ", subject.part) };
                let line = if subject.file.is_empty() { String::new() } else { format!("line {}", subject.line) };
                format!("{part}{}{}", one.seen(), in_brackets(&line))
            }
            several => format!("{} objects: {}", several.len(), first.seen()),
        };
        let _ = writeln!(self.out, "      {}", printable(&head(first.ruling, &text)));
        for line in fixes(std::iter::once(first)) {
            let _ = writeln!(self.out, "          {}", printable(&line));
        }
    }

    /// `file:line`, or only the line if the file was named last. Empty if the object does not come from a file.
    fn place(&mut self, subject: &Subject) -> String {
        if subject.file.is_empty() {
            return String::new();
        }
        if subject.file == self.file {
            return format!("line {}", subject.line);
        }
        self.file.clone_from(&subject.file);
        super::place(subject)
    }
}

/// What to do: the first fix, and that of each other check about the same fault.
fn fixes<'t, 'a: 't>(told: impl Iterator<Item = &'t Told<'a>> + Clone) -> Vec<String> {
    let first = told.clone().map(|one| &one.ruling.fix).find(|fix| !fix.is_empty());
    let mut lines: Vec<String> = first.map(|fix| format!("fix: {fix}")).into_iter().collect();
    for other in told.flat_map(|one| &one.also) {
        let line = format!("fix ({}): {}", other.check, other.fix);
        if !other.fix.is_empty() && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// `high BLOCKS drain: PDB-003` and a text.
fn head(result: &Ruling, text: &str) -> String {
    let colon = if result.blocking && !result.known { ":" } else { "" };
    format!("{:<9} {} {text}", mark(result) + colon, result.check)
}

/// The object without its part.
fn object(subject: &Subject) -> String {
    Subject { part: String::new(), ..subject.clone() }.to_string()
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
