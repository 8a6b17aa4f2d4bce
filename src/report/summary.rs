//! The end of a run, for a terminal.

use std::fmt::Write;

use super::{Story, line::colour};
use crate::model::printable;

/// The summary, with colours if requested.
pub fn summary(story: &Story, colours: bool) -> String {
    let mut out = String::new();
    let w = &mut out;
    let _ = writeln!(w, "\n{}", printable(&format!("{} on {}", story.title, story.cluster)));
    for j in &story.judgements {
        let (on, off) =
            if colours && story.other_rules.is_none() { (colour(j.outcome), "\u{1b}[0m") } else { ("", "") };
        let of = j.of.as_ref().map(|o| format!(" [{o}]")).unwrap_or_default();
        let (expectation, because) = (printable(&format!("{}{of}", j.expectation)), printable(&j.because));
        let glue = glue(&expectation, &because);
        let _ = writeln!(w, "  {on}{:<12}{off} {expectation}{glue}", j.outcome.to_string());
    }
    for r in &story.recoveries {
        let phases: Vec<String> =
            r.phases.iter().map(|p| format!("{} {:.1} s", p.name, p.at_us as f64 / 1e6)).collect();
        say(w, &format!("  {} after `{}`: {}", r.probe, r.of, phases.join(" → ")));
    }
    if let Some(words) = &story.other_rules {
        say(w, &format!("  verdict      {words}"));
    }
    let open: Vec<_> = story.undo_log.iter().filter(|u| !u.commands.is_empty()).collect();
    let _ = writeln!(
        w,
        "  undo         {} of {} faults put back or settled",
        story.undo_log.len() - open.len(),
        story.undo_log.len()
    );
    for u in &open {
        say(w, &format!("  OPEN         {} ({}): {}", u.fault, u.target, u.evidence));
        for command in &u.commands {
            say(w, &format!("               {command}"));
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
    let _ = writeln!(w, "{}", printable(&format!("{code}: {} ({:.0} s)", story.ending, story.seconds)));
    // A rehearsal is not evidence.
    if let Some(head) = story.head.as_ref().filter(|_| !story.is_rehearsal()) {
        say(w, &format!("head {head}"));
    }
    out
}

/// The reason after its expectation: on the same line, without the subject that both begin with, if that is short.
fn glue(expectation: &str, because: &str) -> String {
    const WIDTH: usize = 85;
    let rest = because.split_once(": ").filter(|(subject, _)| expectation.starts_with(subject));
    match rest {
        Some((_, rest)) if expectation.chars().count() + rest.chars().count() <= WIDTH => format!(": {rest}"),
        _ => format!("\n               {because}"),
    }
}

/// Adds one line, in which no name can drive the terminal.
fn say(out: &mut String, line: &str) {
    let _ = writeln!(out, "{}", printable(line));
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
