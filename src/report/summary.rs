//! The end of a run, for a terminal.

use std::fmt::Write;

use super::{Story, line::colour};
use crate::{
    files::{cut, fold},
    model::{Judgement, Outcome, printable},
};

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
    let mut page = Page { out: "\n".to_owned(), shape, wide: widest(story, shape) };
    // A rehearsal needs no identity of its cluster: the seed gives it.
    let cluster = if shape.brief && story.is_rehearsal() { &story.context } else { &story.cluster };
    page.plain(&format!("{} on {cluster}", story.title));
    for j in &story.judgements {
        page.judged(j, story.other_rules.is_none());
    }
    for r in story.recoveries.iter().filter(|_| !shape.brief) {
        let phases: Vec<String> =
            r.phases.iter().map(|p| format!("{} {:.1} s", p.name, p.at_us as f64 / 1e6)).collect();
        page.plain(&format!("  {} after `{}`: {}", r.probe, r.of, phases.join(" → ")));
    }
    if let Some(words) = &story.other_rules {
        page.labelled("verdict", words);
    }
    let open: Vec<_> = story.undo_log.iter().filter(|u| u.is_open).collect();
    let (settled, all) = (story.undo_log.len() - open.len(), story.undo_log.len());
    page.labelled("undo", &format!("{settled} of {all} faults put back or settled"));
    for u in &open {
        page.labelled("OPEN", &format!("{} ({}): {}", u.fault, u.target, u.evidence));
        u.commands.iter().for_each(|command| page.command(command));
    }
    for c in &story.changed_outside {
        let remains = if c.remains { " (still changed)" } else { "" };
        page.labelled(OUTSIDE, &format!("{:.1} s: {}{remains}", c.at, c.said));
    }
    for l in &story.leftovers {
        page.labelled(LEFT, &format!("{} (expires {}): {}", l.what, l.expires, l.remove_with));
    }
    for c in &story.caveats {
        page.labelled("note", c);
    }
    match story.exit {
        Some(exit) => page.plain(&format!("exit {}: {} ({:.0} s)", exit.code(), story.ending, story.seconds)),
        None => page.plain(&format!("not ended: the journal has no end of this run ({:.0} s)", story.seconds)),
    }
    // A rehearsal is not evidence.
    if let Some(head) = story.head.as_ref().filter(|_| !story.is_rehearsal()) {
        page.plain(&format!("head {head}"));
    }
    page.out
}

/// The longest labels.
const OUTSIDE: &str = "from outside";
const LEFT: &str = "left behind";

/// The width of the column of labels: that of the longest possible one, or on a terminal, where room is short, that of
/// the longest one there is.
fn widest(story: &Story, shape: Shape) -> usize {
    if !shape.brief || shape.width.is_none() {
        return OUTSIDE.len();
    }
    let outcomes = story.judgements.iter().map(|j| j.outcome.to_string().len());
    let others = [
        Some("undo"),
        story.other_rules.as_ref().map(|_| "verdict"),
        story.changed_outside.first().map(|_| OUTSIDE),
        story.leftovers.first().map(|_| LEFT),
    ];
    outcomes.chain(others.into_iter().flatten().map(str::len)).max().unwrap_or(OUTSIDE.len())
}

/// The lines so far. No name in them can drive the terminal.
struct Page {
    out: String,
    shape: Shape,
    /// The width of the column of labels.
    wide: usize,
}

impl Page {
    /// Where the text beside a label begins.
    fn indent(&self) -> usize {
        self.wide + 3
    }

    fn plain(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", fold(&printable(line), self.shape.width, self.indent()));
    }

    fn labelled(&mut self, label: &str, text: &str) {
        let wide = self.wide;
        self.plain(&format!("  {label:<wide$} {text}"));
    }

    /// A command is never broken, so that it can be copied.
    fn command(&mut self, command: &str) {
        let indent = self.indent();
        let _ = writeln!(self.out, "{:indent$}{}", "", printable(command));
    }

    /// An expectation and what became of it.
    fn judged(&mut self, j: &Judgement, colours: bool) {
        let (wide, indent) = (self.wide, self.indent());
        let (on, off) = if self.shape.colours && colours { (colour(j.outcome), "\u{1b}[0m") } else { ("", "") };
        let of = j.of.as_ref().map(|o| format!(" [{o}]")).unwrap_or_default();
        let (expectation, because) = (printable(&format!("{}{of}", j.expectation)), printable(&j.because));
        let width = self.shape.width.map(|width| width.saturating_sub(indent).max(20));
        // The report has the whole text of what passed.
        let short = self.shape.brief && j.outcome == Outcome::Pass;
        let lines: Vec<String> = glued(&expectation, &because, width)
            .iter()
            .map(|text| if short { cut(text, width, 2) } else { fold(text, width, 2) })
            .collect();
        for (i, line) in lines.iter().flat_map(|text| text.lines()).enumerate() {
            let _ = match i {
                0 => writeln!(self.out, "  {on}{:<wide$}{off} {line}", j.outcome.to_string()),
                _ => writeln!(self.out, "{:indent$}{line}", ""),
            };
        }
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
    fn a_terminal_has_short_lines() {
        let judgement = |outcome, because: &str| {
            let value = serde_json::json!({"expectation": "deployment/web has 3 ready within 7m, never below 1",
                "outcome": outcome, "because": because, "evidence": []});
            serde_json::from_value::<Judgement>(value).expect("a judgement")
        };
        let long = "deployment/web: 3 ready 70.6 s after the fault, and never below 1 in the whole time (lowest 2)";
        let said = |outcome, width| {
            let story = Story { judgements: vec![judgement(outcome, long)], ..Story::default() };
            let said = summary_in(&story, Shape { width: Some(width), brief: true, ..Shape::default() });
            assert!(said.lines().all(|line| line.chars().count() <= width), "{said}");
            said
        };
        // What passes is cut, unless that would leave too little of it.
        assert_eq!(said(Outcome::Pass, 80).matches('…').count(), 1);
        for whole in [said(Outcome::Fail, 80), said(Outcome::Pass, 40), said(Outcome::Fail, 40)] {
            assert!(!whole.contains('…'), "{whole}");
        }
    }

    #[test]
    fn only_what_is_open_is_not_put_back() {
        let line = |is_open: bool, commands: &[&str]| UndoLine {
            fault: "f".into(),
            target: "namespace x".into(),
            state: String::new(),
            is_open,
            at: None,
            evidence: String::new(),
            commands: commands.iter().map(|&command| command.to_owned()).collect(),
        };
        // Not every undo has a command that a person could type.
        let undo_log = vec![line(false, &[]), line(true, &["do this"]), line(true, &[])];
        let said = summary(&Story { undo_log, ..Story::default() }, false);
        assert!(said.contains("1 of 3 faults put back") && said.matches("OPEN").count() == 2, "{said}");
    }
}
