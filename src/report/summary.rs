//! The end of a run, for a terminal.

use std::fmt::Write;

use super::{
    Story,
    fold::{cut, fold},
    line::colour,
};
use crate::model::{Judgement, Outcome, printable};

/// How to show a summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Whether to use colours.
    pub colours: bool,
    /// The width of the terminal. Without one, lines are not broken.
    pub width: Option<usize>,
    /// Whether to leave out what the report explains: the end of what passed, and the phases of recoveries.
    pub brief: bool,
}

/// The whole summary, with colours if requested.
pub fn summary(story: &Story, colours: bool) -> String {
    summary_in(story, Shape { colours, ..Shape::default() })
}

/// The summary in a shape.
pub fn summary_in(story: &Story, shape: Shape) -> String {
    let mut out = String::new();
    let w = &mut out;
    let say = |w: &mut String, line: &str| say(w, line, shape);
    // A rehearsal needs no identity of its cluster: the seed gives it.
    let cluster = if shape.brief && story.is_rehearsal() { &story.context } else { &story.cluster };
    let _ = writeln!(w);
    say(w, &format!("{} on {cluster}", story.title));
    for j in &story.judgements {
        judged(w, j, shape, story.other_rules.is_none());
    }
    for r in story.recoveries.iter().filter(|_| !shape.brief) {
        let phases: Vec<String> =
            r.phases.iter().map(|p| format!("{} {:.1} s", p.name, p.at_us as f64 / 1e6)).collect();
        say(w, &format!("  {} after `{}`: {}", r.probe, r.of, phases.join(" → ")));
    }
    if let Some(words) = &story.other_rules {
        say(w, &format!("  verdict      {words}"));
    }
    let open: Vec<_> = story.undo_log.iter().filter(|u| !u.commands.is_empty()).collect();
    let (settled, all) = (story.undo_log.len() - open.len(), story.undo_log.len());
    say(w, &format!("  undo         {settled} of {all} faults put back or settled"));
    for u in &open {
        say(w, &format!("  OPEN         {} ({}): {}", u.fault, u.target, u.evidence));
        for command in &u.commands {
            // Never broken, so that it can be copied.
            let _ = writeln!(w, "               {}", printable(command));
        }
    }
    for c in &story.changed_outside {
        let remains = if c.remains { " (still changed)" } else { "" };
        say(w, &format!("  from outside {:.1} s: {}{remains}", c.at, c.said));
    }
    for l in &story.leftovers {
        say(w, &format!("  left behind  {} (expires {}): {}", l.what, l.expires, l.remove_with));
    }
    for c in &story.caveats {
        say(w, &format!("  note         {c}"));
    }
    let code = story.exit.map_or_else(|| "not ended".to_owned(), |e| format!("exit {}", e.code()));
    say(w, &format!("{code}: {} ({:.0} s)", story.ending, story.seconds));
    // A rehearsal is not evidence.
    if let Some(head) = story.head.as_ref().filter(|_| !story.is_rehearsal()) {
        say(w, &format!("head {head}"));
    }
    out
}

/// Where the text of a line begins.
const INDENT: usize = 15;

/// An expectation and what became of it.
fn judged(w: &mut String, j: &Judgement, shape: Shape, colours: bool) {
    let (on, off) = if shape.colours && colours { (colour(j.outcome), "\u{1b}[0m") } else { ("", "") };
    let of = j.of.as_ref().map(|o| format!(" [{o}]")).unwrap_or_default();
    let (expectation, because) = (printable(&format!("{}{of}", j.expectation)), printable(&j.because));
    let width = shape.width.map(|width| width.saturating_sub(INDENT).max(20));
    // The report has the whole text of what passed.
    let short = shape.brief && j.outcome == Outcome::Pass;
    let lines: Vec<String> = glued(&expectation, &because, width)
        .iter()
        .map(|text| if short { cut(text, width) } else { fold(text, width, 2) })
        .collect();
    for (i, line) in lines.iter().flat_map(|text| text.lines()).enumerate() {
        let _ = match i {
            0 => writeln!(w, "  {on}{:<12}{off} {line}", j.outcome.to_string()),
            _ => writeln!(w, "{:INDENT$}{line}", ""),
        };
    }
}

/// An expectation and its reason. On the same line, without the subject that both begin with, if that is short.
fn glued(expectation: &str, because: &str, width: Option<usize>) -> Vec<String> {
    const WIDTH: usize = 87;
    let rest = because.split_once(": ").filter(|(subject, _)| expectation.starts_with(subject));
    let glued = rest.map(|(_, rest)| format!("{expectation}: {rest}"));
    match glued.filter(|text| text.chars().count() <= width.unwrap_or(WIDTH).min(WIDTH)) {
        Some(text) => vec![text],
        None => vec![expectation.to_owned(), because.to_owned()],
    }
}

/// Adds one line, in which no name can drive the terminal.
fn say(out: &mut String, line: &str, shape: Shape) {
    let _ = writeln!(out, "{}", fold(&printable(line), shape.width, INDENT));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Author, OutsideChange, OutsideWhat},
        report::story::{OutsideLine, UndoLine},
    };

    #[test]
    fn a_name_of_others_drives_no_terminal() {
        let change = OutsideChange {
            seen_us: 0,
            namespace: "shop".into(),
            object: "deployment/web".into(),
            uid: String::new(),
            workloads: vec![],
            what: OutsideWhat::Edited,
            by: Author::Unknown,
            as_before: false,
        };
        let line = OutsideLine { at: 1.0, said: "\u{1b}[2Jsomebody".into(), remains: true, change };
        let said = summary(&Story { changed_outside: vec![line], ..Story::default() }, false);
        assert!(!said.contains('\u{1b}') && said.contains("somebody"), "{said}");
    }

    #[test]
    fn only_what_is_open_has_commands_to_put_it_back() {
        let line = |commands: &[&str]| UndoLine {
            fault: "f".into(),
            target: "namespace x".into(),
            state: String::new(),
            at: None,
            evidence: String::new(),
            commands: commands.iter().map(|&command| command.to_owned()).collect(),
        };
        let said = summary(&Story { undo_log: vec![line(&[]), line(&["do this"])], ..Story::default() }, false);
        assert!(said.contains("1 of 2 faults put back") && said.matches("OPEN").count() == 1, "{said}");
    }
}
