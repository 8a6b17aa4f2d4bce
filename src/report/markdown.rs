//! The after-action report as Markdown.

use std::fmt::Write;

use super::{
    Story,
    story::{OutsideLine, of_outside},
};
use crate::{
    event::StepEnd,
    model::{FindingState, Head, Reviewed, is_printable, printable, printable_lines},
};

/// The report.
pub fn markdown(story: &Story) -> String {
    let mut out = String::new();
    let w = &mut out;
    let verdict = match (&story.other_rules, story.outcome) {
        (Some(words), _) => text(words),
        (None, Some(outcome)) => outcome.to_string(),
        (None, None) => "NOT JUDGED".to_owned(),
    };
    let _ = writeln!(w, "# After-action report: {}\n", text(&story.title));
    let code = story.exit.map_or_else(|| "not ended".into(), |e| e.code().to_string());
    let _ = writeln!(w, "**{verdict}** (exit {code}): {}\n", text(&story.ending));
    let _ = writeln!(w, "> {}\n", text(&story.hypothesis.replace('\n', " ")));
    let _ = writeln!(w, "| | |\n|---|---|");
    for (key, value) in identification(story) {
        let _ = writeln!(w, "| {key} | {} |", text(&value));
    }
    list(w, "Limits of this result", &story.caveats);
    let _ = writeln!(w, "\n## Verdict by expectation\n\n| result | expectation | fault | because |\n|---|---|---|---|");
    for j in &story.judgements {
        let _ = writeln!(
            w,
            "| **{}** | {} | {} | {} |",
            j.outcome,
            text(&j.expectation),
            text(j.of.as_deref().unwrap_or("")),
            text(&j.because)
        );
    }
    proofs(w, story);
    let _ = writeln!(w, "\n## Recovery times\n");
    for r in &story.recoveries {
        let phases: Vec<String> =
            r.phases.iter().map(|p| format!("{} {:.1} s", p.name, p.at_us as f64 / 1e6)).collect();
        let _ = writeln!(w, "- **{}** after *{}*: {}", text(&r.probe), text(&r.of), phases.join(" → "));
    }
    list(w, "Predicted and measured", &story.predictions);
    timeline(w, story);
    let _ = writeln!(w, "\n## Return to normal\n\n| fault | target | state | evidence |\n|---|---|---|---|");
    for u in &story.undo_log {
        let _ = writeln!(w, "| {} | {} | {} | {} |", text(&u.fault), text(&u.target), u.state, text(&u.evidence));
    }
    for u in story.undo_log.iter().filter(|u| !u.commands.is_empty()) {
        let _ =
            writeln!(w, "\nBy hand, for {}:\n\n```sh\n{}\n```", text(&u.fault), block_of_code(&u.commands.join("\n")));
    }
    let outside: Vec<String> = story.changed_outside.iter().map(told).collect();
    list(w, "Changed from outside", &outside);
    let _ = writeln!(w, "\n{}", text(&of_outside(story)));
    let _ = writeln!(w, "\n## Left behind\n");
    for l in &story.leftovers {
        let _ = writeln!(
            w,
            "- {} (expires {}): `{}`",
            text(&l.what),
            text(&l.expires),
            printable(&l.remove_with).replace('`', "'")
        );
    }
    let _ = writeln!(w, "\n## Pre-flight\n\n| result | check | observed |\n|---|---|---|");
    for f in &story.findings {
        let state = match f.state {
            FindingState::Pass => "pass",
            FindingState::Fail => "**FAIL**",
            FindingState::Unknown => "**UNKNOWN**",
            FindingState::Skip => "skip",
        };
        let _ = writeln!(w, "| {state} | {} | {} |", f.check, text(&f.observed));
    }
    if let Some(review) = &story.review {
        readiness(w, review);
    }
    list(w, "Deviations", &story.deviations);
    list(w, "Observation gaps", &story.blind);
    list(w, "Unexpected alerts", &story.unexpected_alerts);
    out
}

/// Steps, with the changes from outside between them.
fn timeline(w: &mut String, story: &Story) {
    let _ = writeln!(w, "\n## Timeline\n\n| at | step | took | result |\n|---|---|---|---|");
    let mut others = story.changed_outside.iter().peekable();
    let row = |w: &mut String, line: &OutsideLine| {
        let _ = writeln!(w, "| {:.1} s | *changed from outside* | – | {} |", line.at, text(&line.said));
    };
    for s in &story.steps {
        while let Some(line) = others.next_if(|line| line.at < s.at) {
            row(w, line);
        }
        let took = s.seconds.map_or("–".into(), |t| format!("{t:.1} s"));
        let mark = match s.end {
            Some(StepEnd::Done) => "ok",
            Some(StepEnd::NotRun) => "not run",
            Some(StepEnd::Refused) => "REFUSED",
            Some(StepEnd::Interrupted) => "interrupted",
            Some(StepEnd::Failed | StepEnd::Panicked) => "FAILED",
            None => "did not end",
        };
        let (name, detail) = (text(&s.name), text(&s.detail));
        let _ = writeln!(w, "| {:.1} s | {name} ({}) | {took} | {mark}: {detail} |", s.at, s.verb);
    }
    others.for_each(|line| row(w, line));
}

/// A change from outside, and whether it is still in effect.
fn told(line: &OutsideLine) -> String {
    let remains = if line.remains { " (still changed)" } else { "" };
    format!("{:.1} s: {}{remains}", line.at, line.said)
}

/// The parts of each proof, folded where Markdown is displayed as HTML.
fn proofs(w: &mut String, story: &Story) {
    for j in story.judgements.iter().filter(|j| !j.parts.is_empty()) {
        let _ = writeln!(w, "\n<details><summary>What {} rests on: {}</summary>\n", j.outcome, text(&j.expectation));
        let several = j.parts.iter().filter(|p| p.part == "baseline").count() > 1;
        for part in &j.parts {
            let mark = match part.shown {
                Some(true) => "shown",
                Some(false) => "**not shown**",
                None => "not asked",
            };
            let whose = if several { format!("{}, ", text(&part.subject)) } else { String::new() };
            let _ = writeln!(w, "- {whose}{}: {mark}: {}", part.part, text(&part.said));
        }
        let _ = writeln!(w, "\n</details>");
    }
}

fn identification(story: &Story) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("Run", story.run.clone()),
        ("Scenario", format!("{} (sha256 {})", story.scenario, story.scenario_hash)),
        ("Plan hash", story.plan_hash.clone()),
        ("Cluster", story.cluster.clone()),
        ("Operator", story.operator.clone()),
        ("Tool", story.tool.clone()),
        ("Started (UTC)", story.started.clone()),
        ("Ended (UTC)", format!("{} ({:.0} s)", story.ended, story.seconds)),
    ];
    rows.extend(story.head.clone().map(|head| ("Head of the journal", head)));
    if let Some(Head { run, head, exit }) = &story.previous {
        rows.push(("Previous run", format!("{run}, exit {}, head {head}", exit.code())));
    }
    rows
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    let _ = writeln!(out, "\n## {title}\n");
    if lines.is_empty() {
        let _ = writeln!(out, "None.");
    }
    for line in lines {
        let _ = writeln!(out, "- {}", text(line));
    }
}

/// Text from a cluster as plain text: it cannot become a table cell, link, image, mention or HTML.
pub(super) fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for (i, c) in raw.char_indices() {
        // Some sites turn a bare address into a link, and notify a user whose name follows an @.
        let links = c == ':' && raw[i..].starts_with("://") || c == '.' && raw[..i].ends_with("www");
        match c {
            '|' | '`' | '*' | '~' | '[' | ']' | '\\' | '!' | '#' | '@' => {
                out.push('\\');
                out.push(c);
            }
            _ if links => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\t' => out.push(' '),
            c if !is_printable(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Commands inside a code block, which they cannot end.
fn block_of_code(commands: &str) -> String {
    printable_lines(commands).replace("```", "` ` `")
}

fn readiness(w: &mut String, review: &Reviewed) {
    let t = &review.tally;
    let _ = writeln!(
        w,
        "\n## Readiness review\n\n{}, judged as {} at {}: {} pass, {} fail, {} unknown, {} waived, {} error.\n\n| result | severity | check | objects | observed |\n|---|---|---|---|---|",
        review.verdict, review.environment, review.at, t.pass, t.fail, t.unknown, t.waived, t.error
    );
    for c in &review.concerns {
        let way = if c.blocking { " **blocking**" } else { "" };
        let aside = if c.waiver.is_empty() { String::new() } else { format!(" (waived: {})", text(&c.waiver)) };
        let _ = writeln!(
            w,
            "| {}{way} | {} | {} {} | {} | {}{aside} |",
            c.state,
            c.severity,
            c.check,
            text(&c.title),
            c.objects,
            text(&c.observed)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_inert() {
        assert_eq!(text("<img src=x>|[a](b)\n# h"), r"&lt;img src=x&gt;\|\[a\](b) \# h");
        assert_eq!(text("http://evil www.evil @team ~~x~~"), r"http\://evil www\.evil \@team \~\~x\~\~");
        assert_eq!(text(r"a\|b"), r"a\\\|b");
        assert_eq!(text("\u{1b}[31m\u{202e}x"), "\u{fffd}\\[31m\u{fffd}x");
        assert_eq!(block_of_code("a\n```\n<b>"), "a\n` ` `\n<b>");
    }
}
