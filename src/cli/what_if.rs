//! `rehearse --what-if`: rehearses the same drill on variants of a cluster and shows what differs.

use serde_json::json;

use super::{
    Done, Failure,
    args::{Output, RehearseArgs},
    interrupt::Interrupts,
    note, print,
    simulated::{rehearsal, settled},
};
use crate::{
    files::{self, fold, print_json},
    model::{Exit, Outcome, REHEARSAL, RunVerdict, printable},
    scenario::Loaded,
    sim::{Change, Description},
};

/// The name of the cluster without any change. It is the first row.
const UNCHANGED: &str = "unchanged";
/// No line is longer, unless one word is.
const WIDTH: usize = 100;

/// A variant of the cluster, and the result of its rehearsal.
struct Row {
    name: String,
    exit: Exit,
    verdict: String,
    cells: Vec<Cell>,
}

/// What became of one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    expectation: String,
    outcome: Outcome,
    because: String,
}

pub(super) fn what_if(
    args: &RehearseArgs,
    changes: &str,
    description: &Description,
    loaded: &Loaded,
    interrupts: &Interrupts,
) -> Done {
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--what-if: {why}"));
    let changes = Change::parse(changes).map_err(wrong)?;
    let mut variants = vec![(UNCHANGED.to_owned(), description.clone())];
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
        note(&format!("rehearsing: {name}"));
        let rehearsed = settled(&variant, args.seed)
            .and_then(|s| rehearsal(&s, &variant.happens, loaded, &args.approve_gate, interrupts));
        rows.push(match rehearsed {
            Ok(rehearsed) => row(name, rehearsed.exit, &rehearsed.verdict),
            // These end the command: a bug of drillmaster, and an interruption. They show nothing about the variant.
            Err(failure) if matches!(failure.exit, Exit::Internal | Exit::Aborted) => return Err(failure),
            Err(failure) => {
                let verdict = format!("cannot be drilled: {}", failure.text);
                Row { name, exit: failure.exit, verdict, cells: vec![] }
            }
        });
    }
    match args.output.format {
        Output::Human => print(&human(&rows, files::columns_out().map_or(WIDTH, |columns| columns.min(WIDTH)))),
        Output::Json => print_json(&as_json(&rows)),
    }
    Ok(exit(&rows[1..]))
}

fn row(name: String, exit: Exit, verdict: &RunVerdict) -> Row {
    let word = if exit == Exit::Refused { "refused by the pre-flight".to_owned() } else { verdict.outcome.to_string() };
    let cells = verdict.judgements.iter().map(|j| {
        let of = j.of.as_ref().map(|of| format!(" [{of}]")).unwrap_or_default();
        Cell { expectation: format!("{}{of}", j.expectation), outcome: j.outcome, because: j.because.to_string() }
    });
    Row { name, exit, verdict: word, cells: cells.collect() }
}

/// Whether the changed clusters meet every objective. A missed one counts most.
fn exit(variants: &[Row]) -> Exit {
    if variants.iter().any(|row| row.exit == Exit::Failed) {
        return Exit::Failed;
    }
    variants.iter().fold(Exit::Passed, |exit, row| exit.worse(row.exit))
}

/// A table of the verdicts, and one for each expectation that differs, or that no variant meets.
fn human(rows: &[Row], width: usize) -> String {
    let wide = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let line =
        |name: &str, text: &str| fold(&printable(&format!("  {name:<wide$}  {text}")), Some(width), wide + 4) + "\n";
    let mut out = format!("{REHEARSAL}\n\nVerdicts\n");
    rows.iter().for_each(|row| out.push_str(&line(&row.name, &row.verdict)));
    let Some((unchanged, variants)) = rows.split_first() else { return out };
    let mut same = 0;
    for expectation in expectations(rows) {
        let of = |row: &Row| row.cells.iter().find(|cell| cell.expectation == expectation).cloned();
        let told = |cell: Option<Cell>| {
            cell.map_or("–".to_owned(), |c| {
                format!("{:<12}  {}", c.outcome.to_string(), short(expectation, &c.because))
            })
        };
        let before = of(unchanged);
        let differing: Vec<&Row> = variants.iter().filter(|row| of(row) != before).collect();
        if differing.is_empty() && before.as_ref().is_some_and(|cell| cell.outcome == Outcome::Pass) {
            same += 1;
            continue;
        }
        out.push_str(&format!("\n{}\n", fold(&printable(expectation), Some(width), 0)));
        if differing.is_empty() {
            out.push_str(&line("every one", &told(before)));
            continue;
        }
        for row in std::iter::once(unchanged).chain(differing) {
            out.push_str(&line(&row.name, &told(of(row))));
        }
    }
    if same > 0 {
        let word = if same == 1 { "expectation passes" } else { "expectations pass" };
        out.push_str(&format!("\n{same} {word} in the same way in every variant.\n"));
    }
    out
}

/// The reason without the subject that both begin with.
fn short<'a>(expectation: &str, because: &'a str) -> &'a str {
    match because.split_once(": ") {
        Some((subject, rest)) if expectation.starts_with(subject) => rest,
        _ => because,
    }
}

/// All expectations, in the order of the scenario.
fn expectations(rows: &[Row]) -> Vec<&str> {
    let mut all: Vec<&str> = vec![];
    for cell in rows.iter().flat_map(|row| &row.cells) {
        if !all.contains(&cell.expectation.as_str()) {
            all.push(&cell.expectation);
        }
    }
    all
}

fn as_json(rows: &[Row]) -> String {
    let cell = |c: &Cell| json!({"expectation": c.expectation, "outcome": c.outcome, "because": c.because});
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let cells: Vec<_> = row.cells.iter().map(cell).collect();
            json!({"name": row.name, "exit": row.exit.code(), "verdict": row.verdict, "expectations": cells})
        })
        .collect();
    format!("{:#}\n", json!({"rehearsal": REHEARSAL, "variants": rows}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, exit: Exit, cells: &[(&str, Outcome, &str)]) -> Row {
        let cell = |(expectation, outcome, because): &(&str, Outcome, &str)| Cell {
            expectation: (*expectation).to_owned(),
            outcome: *outcome,
            because: (*because).to_owned(),
        };
        Row { name: name.into(), exit, verdict: "PASS".into(), cells: cells.iter().map(cell).collect() }
    }

    #[test]
    fn only_differences_are_shown_and_lines_are_short() {
        let long = format!("web: 3 ready {}", "after the fault ".repeat(20));
        let rows = [
            row(UNCHANGED, Exit::Passed, &[("web has 3 ready", Outcome::Pass, &long), ("same", Outcome::Pass, "x")]),
            row("like it", Exit::Passed, &[("web has 3 ready", Outcome::Pass, &long), ("same", Outcome::Pass, "x")]),
            row("web=1", Exit::Failed, &[("web has 3 ready", Outcome::Fail, "web: 1"), ("same", Outcome::Pass, "x")]),
        ];
        let text = human(&rows, WIDTH);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.matches("like it").count(), 1, "{text}");
        let missed = |name| row(name, Exit::Failed, &[("budget", Outcome::Inconclusive, "nobody asked")]);
        let same = human(&[missed(UNCHANGED), missed("more")], WIDTH);
        assert!(same.contains("every one  INCONCLUSIVE  nobody asked"), "{same}");
        assert!(text.contains("FAIL          1") && text.contains("1 expectation passes in the same way"), "{text}");
    }

    #[test]
    fn a_variant_that_misses_an_objective_fails() {
        let (missed, refused, met) =
            (row("a", Exit::Failed, &[]), row("b", Exit::Refused, &[]), row("c", Exit::Passed, &[]));
        assert_eq!(exit(&[]), Exit::Passed);
        assert_eq!(exit(std::slice::from_ref(&met)), Exit::Passed);
        assert_eq!(exit(&[met, refused]), Exit::Refused);
        assert_eq!(exit(&[missed, row("b", Exit::Refused, &[])]), Exit::Failed);
    }
}
