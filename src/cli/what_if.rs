//! `rehearse --what-if`: runs the same drill on variants of a cluster and prints one table.

use super::{
    Done, Failure, print, say,
    simulated::{rehearsal, settled},
};
use crate::{
    event::Event,
    model::{Exit, Outcome, REHEARSAL},
    scenario::Loaded,
    sim::{Change, Description},
    verdict::judge,
};

/// A variant of the cluster, and the result of its rehearsal.
struct Row {
    name: String,
    verdict: String,
    cells: Vec<(String, String)>,
}

pub(super) fn what_if(changes: &str, description: &Description, loaded: &Loaded, seed: u64) -> Done {
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--what-if: {why}"));
    let changes = Change::parse(changes).map_err(wrong)?;
    let mut variants = vec![("unchanged".to_owned(), description.clone())];
    let mut together = description.clone();
    for (name, change) in &changes {
        variants.push((name.clone(), description.altered(change).map_err(wrong)?));
        together = together.altered(change).map_err(wrong)?;
    }
    if changes.len() > 1 {
        variants.push(("all together".into(), together));
    }
    let mut rows = vec![];
    for (name, variant) in variants {
        say(&format!("rehearsing: {name}"));
        rows.push(match settled(&variant, seed).and_then(|s| rehearsal(&s, &variant.happens, loaded, &[])) {
            Ok(rehearsed) => row(name, rehearsed.exit, &rehearsed.events),
            // An internal error ends the command: it is a bug of drillmaster, and shows nothing about the variant.
            Err(failure) if failure.exit == Exit::Internal => return Err(failure),
            Err(failure) => Row { name, verdict: format!("cannot be drilled: {}", failure.text), cells: vec![] },
        });
    }
    print(&table(&rows));
    Ok(Exit::Passed)
}

fn row(name: String, exit: Exit, events: &[Event]) -> Row {
    let verdict = judge(events);
    let word = if exit == Exit::Refused { "refused".to_owned() } else { verdict.outcome.to_string() };
    let cells = verdict.judgements.iter().map(|j| {
        let of = j.of.as_ref().map(|of| format!(" [{of}]")).unwrap_or_default();
        let mark = if j.outcome == Outcome::Pass { String::new() } else { format!("{}: ", j.outcome) };
        (format!("{}{of}", j.expectation), format!("{mark}{}", j.because))
    });
    Row { name, verdict: word, cells: cells.collect() }
}

/// A table in Markdown: a line for each expectation, a column for each variant.
fn table(rows: &[Row]) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let line = |head: &str, cells: Vec<String>| format!("| {} | {} |\n", cell(head), cells.join(" | "));
    let mut out = format!("{REHEARSAL}\n\n");
    out.push_str(&line("", rows.iter().map(|r| cell(&r.name)).collect()));
    out.push_str(&format!("|---{}|\n", "|---".repeat(rows.len())));
    out.push_str(&line("verdict", rows.iter().map(|r| cell(&r.verdict)).collect()));
    let mut expectations: Vec<&String> = vec![];
    for (expectation, _) in rows.iter().flat_map(|r| &r.cells) {
        if !expectations.contains(&expectation) {
            expectations.push(expectation);
        }
    }
    for expectation in expectations {
        let cells = rows
            .iter()
            .map(|r| r.cells.iter().find(|(e, _)| e == expectation).map_or("–".into(), |(_, said)| cell(said)))
            .collect();
        out.push_str(&line(expectation, cells));
    }
    out
}
