//! The index of the site: overdue and unproven scenarios first, then every run.

use super::{
    exercises::exercises_sheets,
    page::{Cell, Page, Sheet, page_name},
};
use crate::{
    history::{
        Chain, Drilled, Ended, History, Run, Standing, Status, Verification,
        drills::Last,
        human::{chain_lines, measured},
        verified::NOTHING_COMPARED,
    },
    model::{Exit, Measured},
    report::Tone,
};

/// The index.
pub fn index(history: &History) -> Page {
    let as_of = history.as_of.strftime("%Y-%m-%d");
    let mut sections = vec![("scenarios", "Scenarios".to_owned(), scenarios(history))];
    if let Some(all) = &history.verification {
        sections.push(("verification", "Verification".to_owned(), vec![verification(all, history)]));
    }
    sections.push(("drills", "Drills".to_owned(), vec![drills(history)]));
    if !history.exercises.is_empty() || !history.rehearsed_exercises.is_empty() {
        sections.push(("exercises", "Exercises".to_owned(), exercises_sheets(history)));
    }
    if !history.completeness.is_empty() {
        sections.push(("completeness", "Completeness".to_owned(), vec![completeness(&history.completeness)]));
    }
    if !history.predictions.is_empty() {
        sections.push(("predictions", "Predictions".to_owned(), vec![predictions(history)]));
    }
    if !history.rehearsals.is_empty() {
        sections.push(("rehearsals", "Rehearsals".to_owned(), vec![rehearsals(history)]));
    }
    let period = history.period.as_ref().map_or_else(String::new, |period| format!("period {period}, "));
    Page {
        title: "Drills".into(),
        line: format!("{period}as of {as_of} UTC"),
        links: vec![("trends.html", "Trends")],
        sections,
    }
}

/// Every tone is in the words too.
pub(super) fn result(result: Ended) -> Cell {
    let tone = match result {
        Ended::Passed => Tone::Good,
        Ended::Failed | Ended::NotRestored | Ended::Damaged => Tone::Bad,
        Ended::NotProven | Ended::Open => Tone::Warn,
        Ended::Refused | Ended::Stopped => Tone::Soft,
    };
    Cell::text(result.word()).tone(tone)
}

/// The name of a run, with a link to its page if it has one.
pub(super) fn link(run: &Run) -> Cell {
    let cell = Cell::text(&run.dir);
    if run.result == Ended::Damaged { cell } else { cell.to(format!("runs/{}", page_name(&run.dir))) }
}

fn last(last: Option<&Last>, history: &History) -> Cell {
    match last {
        None => Cell::text("never").tone(Tone::Warn),
        Some(last) => {
            let date = last.at.map_or_else(|| "unknown".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
            linked(Cell::text(date), &last.dir, history)
        }
    }
}

/// A link to a run, if the site has a page for it.
fn linked(cell: Cell, dir: &str, history: &History) -> Cell {
    if history.has_page(dir) { cell.to(format!("runs/{}", page_name(dir))) } else { cell }
}

fn scenarios(history: &History) -> Vec<Sheet> {
    let row = |row: &Drilled| {
        let tone = match row.standing {
            Standing::Drilled => Tone::Good,
            Standing::Inconclusive | Standing::Refused | Standing::Stopped => Tone::Warn,
            Standing::Overdue | Standing::NeverRun => Tone::Bad,
        };
        let function = match (row.about.business_function.as_str(), row.about.tier) {
            ("", None) => "not set".to_owned(),
            ("", Some(tier)) => format!("tier {tier}"),
            (function, None) => function.to_owned(),
            (function, Some(tier)) => format!("{function} (tier {tier})"),
        };
        vec![
            Cell::text(row.standing.word()).tone(tone),
            Cell::text(&row.scenario),
            Cell::text(function),
            Cell::text(if row.cluster.is_empty() { "none" } else { &row.cluster }),
            row.last.as_ref().map_or_else(|| Cell::text("never"), |l| result(l.result)),
            last(row.last.as_ref(), history),
            last(row.last_pass.as_ref(), history),
            Cell::text(row.every.as_deref().unwrap_or("not set")),
            Cell::text(row.due.map_or_else(|| "–".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())),
        ]
    };
    let head =
        ["Standing", "Scenario", "Function", "Cluster", "Last result", "Last drill", "Last pass", "Every", "Due"];
    let mut notes: Vec<String> =
        history.unread_scenarios.iter().map(|u| format!("Not counted: {}: {}", u.file, u.why)).collect();
    if !history.scenarios_given {
        notes.push("Scenarios that were never run are not known: no folder of scenarios was given.".into());
    }
    vec![Sheet::new(&head, history.scenarios.iter().map(row).collect()).notes(notes)]
}

fn verification(all: &[Verification], history: &History) -> Sheet {
    let row = |v: &Verification| {
        let tone = match v.status {
            Status::Verified => Tone::Good,
            Status::Needs => Tone::Warn,
            Status::Never => Tone::Bad,
        };
        let passed = match (&v.passed, v.passed_at) {
            (Some(dir), Some(at)) => linked(Cell::text(at.strftime("%Y-%m-%d").to_string()), dir, history),
            _ => Cell::text("never"),
        };
        let because: Vec<&str> = v.because.iter().map(|b| b.said.as_str()).collect();
        vec![
            Cell::text(v.status.word()).tone(tone),
            Cell::text(&v.scenario),
            Cell::text(&v.cluster),
            passed,
            Cell::text(if because.is_empty() { "–".to_owned() } else { because.join(" · ") }),
        ]
    };
    let notes = all.is_empty().then(|| NOTHING_COMPARED.to_owned());
    Sheet::new(&["Status", "Scenario", "Cluster", "Last pass", "Because"], all.iter().map(row).collect()).notes(notes)
}

fn drills(history: &History) -> Sheet {
    let row = |run: &Run| {
        vec![
            Cell::text(run.date()),
            Cell::text(&run.scenario),
            Cell::text(&run.cluster),
            result(run.result),
            Cell::text(measured(run, Measured::Recovery)),
            Cell::text(measured(run, Measured::Loss)),
            link(run),
            if run.result.is_conclusive() { Cell::default() } else { Cell::text(&run.why).tone(Tone::Soft) },
        ]
    };
    let counts: Vec<String> =
        Ended::ALL.iter().filter_map(|r| Some(format!("{} {}", history.counts.get(r.label())?, r.label()))).collect();
    let total: usize = history.counts.values().sum();
    let mut notes =
        vec![format!("{total} drills: {}", if counts.is_empty() { "none".to_owned() } else { counts.join(", ") })];
    if history.left_out > 0 {
        notes.push(format!("{} more drills are outside this time.", history.left_out));
    }
    let head = ["Began (UTC)", "Scenario", "Cluster", "Result", "RTO, worst case", "RPO, worst case", "Run", "Note"];
    // The newest first: that is what a reader looks for.
    Sheet::new(&head, history.drills.iter().rev().map(row).collect()).notes(notes)
}

fn completeness(chains: &[Chain]) -> Sheet {
    let row = |chain: &Chain| {
        let tone = match chain.exit() {
            Exit::Passed => Tone::Good,
            Exit::Failed => Tone::Bad,
            _ => Tone::Warn,
        };
        vec![
            Cell::text(if chain.cluster.is_empty() { "unknown" } else { &chain.cluster }),
            Cell::text(chain.said()).tone(tone),
            Cell::text(chain_lines(chain).join(" · ")),
        ]
    };
    Sheet::new(&["Cluster", "Runs", "Details"], chains.iter().map(row).collect())
}

fn predictions(history: &History) -> Sheet {
    let error = |error: Option<f64>| Cell::text(error.map_or_else(|| "–".to_owned(), |s| format!("{s:.1} s")));
    let rows = history.predictions.iter().map(|p| {
        vec![
            Cell::text(&p.cluster),
            Cell::text(p.phase.word()),
            Cell::text(p.drills.to_string()),
            error(Some(p.model_error)),
            error(p.learned_error),
            Cell::text(p.later.map_or_else(|| "–".to_owned(), |s| format!("{s:+.1} s"))),
            Cell::text(p.said()),
        ]
    });
    let head =
        ["Cluster", "Phase", "Drills", "Error of the model", "Error when learned", "Later than the model", "Result"];
    Sheet::new(&head, rows.collect()).notes(["Errors are mean distances between prediction and measurement. A learned time is tested on drills that it was not learned from.".to_owned()])
}

fn rehearsals(history: &History) -> Sheet {
    let row = |run: &Run| vec![Cell::text(&run.scenario), Cell::text(&run.cluster), result(run.result), link(run)];
    Sheet::new(&["Scenario", "Cluster", "Result", "Run"], history.rehearsals.iter().map(row).collect())
        .notes(["The clusters were simulated. Rehearsals prove nothing.".to_owned()])
}
