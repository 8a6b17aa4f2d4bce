//! A history and a comparison as text for a terminal. Start with [`history`].

use std::fmt::Write;

use super::{
    Chain, Compared, Drilled, Ended, History, Run, Status,
    differs::{objective, seconds, worst},
    human_exercises::exercises as programme_text,
    verified::NOTHING_COMPARED,
};
use crate::model::{Exit, Measure, Measured, printable};

/// The longest reason below a row.
const LONGEST: usize = 240;

/// A table with columns as wide as their longest cell. The last column is not padded.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |row: &[String]| row.iter().map(|cell| printable(cell)).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(row)).collect();
    let widest = |i: usize| {
        let own = rows.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count());
        own.chain(head.get(i).map(|h| h.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(widest).collect();
    let line = |row: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = row.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut out = line(&mut head.iter().copied());
    for row in &rows {
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out
}

/// A table with lines below its rows. `below` gives those of a row, by its number; they must be safe to show.
pub(super) fn table_with(head: &[&str], rows: &[Vec<String>], below: impl Fn(usize) -> Vec<String>) -> String {
    let mut out = String::new();
    for (i, line) in table(head, rows).lines().enumerate() {
        let _ = writeln!(out, "{line}");
        // The first line is the head.
        for text in i.checked_sub(1).map(&below).into_iter().flatten() {
            let _ = writeln!(out, "  {text}");
        }
    }
    out
}

/// The history, for people.
pub fn history(history: &History) -> String {
    let mut out = String::new();
    let of = history.period.as_ref().map_or_else(String::new, |period| format!("period {period}, "));
    let _ =
        writeln!(out, "Drills in {} ({of}as of {})", printable(&history.folder), history.as_of.strftime("%Y-%m-%d"));
    out.push_str(&drills(history));
    out.push_str(&programme_text(history));
    out.push_str(&rehearsals(history));
    out.push_str(&scenarios(history));
    out.push_str(&completeness(history));
    out.push_str(&verification(history));
    out.push_str(&predictions(history));
    out
}

fn drills(history: &History) -> String {
    if history.drills.is_empty() {
        return "no drill\n".into();
    }
    let row = |run: &Run| {
        vec![
            run.date(),
            run.scenario.clone(),
            run.cluster.clone(),
            run.result.word().to_owned(),
            measured(run, Measured::Recovery),
            measured(run, Measured::Loss),
            run.dir.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = history.drills.iter().map(row).collect();
    let reason = |i: usize| -> Vec<String> {
        let run = &history.drills[i];
        if run.result.is_conclusive() || run.why.is_empty() { vec![] } else { vec![short(&run.why)] }
    };
    let head = ["began (UTC)", "scenario", "cluster", "result", "RTO", "RPO", "run"];
    let mut out = table_with(&head, &rows, reason);
    let counts: Vec<String> = Ended::ALL
        .iter()
        .filter_map(|result| Some(format!("{} {}", history.counts.get(result.label())?, result.label())))
        .collect();
    let total: usize = history.counts.values().sum();
    let left_out =
        if history.left_out > 0 { format!("; {} more outside this time", history.left_out) } else { String::new() };
    let _ = writeln!(out, "{total} drills: {}{left_out}", counts.join(", "));
    out
}

pub(super) fn short(text: &str) -> String {
    let text = printable(text);
    let cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { text }
}

/// The worst case of the measurements of one sort, with its objective.
pub(super) fn measured(run: &Run, of: Measured) -> String {
    let all = run.judgements.iter().filter_map(|j| j.measured).filter(|m| m.of == of);
    Measure::worst(all).map_or_else(|| "–".to_owned(), |m| format!("{} of {}", seconds(worst(m)), objective(m)))
}

fn rehearsals(history: &History) -> String {
    if history.rehearsals.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = history
        .rehearsals
        .iter()
        .map(|run| vec![run.scenario.clone(), run.cluster.clone(), run.result.word().to_owned(), run.dir.clone()])
        .collect();
    format!("\nRehearsals (simulated: they prove nothing)\n{}", table(&["scenario", "cluster", "result", "run"], &rows))
}

fn scenarios(history: &History) -> String {
    let last = |last: &Option<super::drills::Last>| {
        let said = last.as_ref().and_then(|l| Some(l.at?.strftime("%Y-%m-%d").to_string()));
        said.unwrap_or_else(|| "never".to_owned())
    };
    let row = |row: &Drilled| {
        vec![
            row.standing.word().to_owned(),
            row.scenario.clone(),
            if row.cluster.is_empty() { "–".to_owned() } else { row.cluster.clone() },
            last(&row.last),
            last(&row.last_pass),
            row.every.clone().unwrap_or_else(|| "not set".to_owned()),
            row.due.map_or_else(|| "–".to_owned(), |at| at.strftime("%Y-%m-%d").to_string()),
        ]
    };
    let rows: Vec<Vec<String>> = history.scenarios.iter().map(row).collect();
    let mut out = String::from("\nScenarios\n");
    if rows.is_empty() && history.scenarios_given {
        out.push_str("the folder has no scenario, and no run has one\n");
    } else if !rows.is_empty() {
        out.push_str(&table(&["standing", "scenario", "cluster", "last drill", "last pass", "every", "due"], &rows));
    }
    for unread in &history.unread_scenarios {
        let _ = writeln!(out, "not counted: {}: {}", printable(&unread.file), short(&unread.why));
    }
    if !history.scenarios_given {
        out.push_str("Scenarios that were never run are not known: give their folder with --scenarios.\n");
    }
    out
}

fn completeness(history: &History) -> String {
    let mut out = String::from("\nCompleteness\n");
    if history.completeness.is_empty() {
        return match &history.period {
            Some(period) => format!("{out}not shown that no run is missing: no drill in {period} is known\n"),
            None => String::new(),
        };
    }
    for chain in &history.completeness {
        let cluster = if chain.cluster.is_empty() { "unknown cluster" } else { &chain.cluster };
        let _ = writeln!(out, "{}: {}", printable(cluster), chain.said());
        for line in chain_lines(chain) {
            let _ = writeln!(out, "  {}", short(&line));
        }
    }
    out
}

/// What a chain shows, line by line.
pub(super) fn chain_lines(chain: &Chain) -> Vec<String> {
    let mut lines: Vec<String> = chain
        .missing
        .iter()
        .map(|link| format!("missing: {} (exit {}), named by {}", link.run, link.exit, link.named_by))
        .collect();
    lines.extend(chain.differs.iter().map(|what| format!("differs: {what}")));
    lines.extend(chain.unproven.iter().map(|what| format!("not shown: {what}")));
    if !chain.unnamed.is_empty() {
        lines.push(format!(
            "no later run names {}: a run that is refused before it begins, or that cannot reach the cluster at its end, leaves no trace elsewhere",
            chain.unnamed.join(", ")
        ));
    }
    if chain.exit() == Exit::Passed && !chain.compared_with_cluster {
        lines.push(
            "a run after the newest one would not be noticed: --context compares with the list of heads in the cluster"
                .into(),
        );
    }
    lines
}

fn verification(history: &History) -> String {
    let Some(all) = &history.verification else { return String::new() };
    if all.is_empty() {
        return format!("\nVerification\n{NOTHING_COMPARED}\n");
    }
    let row = |v: &super::Verification| {
        let passed = v.passed_at.map_or_else(|| "–".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
        vec![v.status.word().to_owned(), v.scenario.clone(), v.cluster.clone(), passed]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let reasons =
        |i: usize| -> Vec<String> { all[i].because.iter().map(|b| format!("because {}", short(&b.said))).collect() };
    let text = table_with(&["status", "scenario", "cluster", "last pass"], &rows, reasons);
    let count = |status: Status| all.iter().filter(|v| v.status == status).count();
    let counts: Vec<String> = Status::ALL.iter().map(|s| format!("{} {}", count(*s), s.word())).collect();
    format!("\nVerification\n{text}{}\n", counts.join(", "))
}

fn predictions(history: &History) -> String {
    if history.predictions.is_empty() {
        return String::new();
    }
    let error = |error: Option<f64>| error.map_or_else(|| "–".to_owned(), |s| format!("{s:.1} s"));
    let rows: Vec<Vec<String>> = history
        .predictions
        .iter()
        .map(|p| {
            vec![
                p.cluster.clone(),
                p.phase.word().to_owned(),
                p.drills.to_string(),
                error(Some(p.model_error)),
                error(p.learned_error),
                p.later.map_or_else(|| "–".to_owned(), |s| format!("{s:+.1} s")),
                p.said().to_owned(),
            ]
        })
        .collect();
    let head = ["cluster", "phase", "drills", "error of the model", "error when learned", "later than the model", ""];
    format!("\nPredictions\n{}", table(&head, &rows))
}

/// A comparison, for people.
pub fn compared(compared: &Compared) -> String {
    let side =
        |name: &str, run: &super::Side| format!("{name}  {}  {}  {}\n", printable(&run.dir), run.began, run.result);
    let mut out = side("A", &compared.a) + &side("B", &compared.b);
    for note in &compared.notes {
        let _ = writeln!(out, "note: {}", printable(note));
    }
    let rows: Vec<Vec<String>> = compared
        .rows
        .iter()
        .map(|r| vec![r.what.clone(), r.a.clone(), r.b.clone(), r.change.clone(), r.said.clone()])
        .collect();
    out.push('\n');
    out.push_str(&table(&["", "A", "B", "change", ""], &rows));
    out
}
