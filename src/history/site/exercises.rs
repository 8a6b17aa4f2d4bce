//! The exercises on the index of the site: what was held, the open actions, the programme over the years.

use super::{
    index_page::result,
    page::{Cell, Sheet},
};
use crate::{
    history::{Exercise, History, Tracked, Year},
    report::Tone,
};

/// The tables of the section.
pub(super) fn exercises_sheets(history: &History) -> Vec<Sheet> {
    let mut sheets = vec![held(&history.exercises, history.exercises_left_out)];
    sheets.push(actions(history));
    sheets.push(programme(&history.programme));
    if !history.rehearsed_exercises.is_empty() {
        let title = "Without people, or on simulated clusters";
        let note = "These exercises prove nothing.".to_owned();
        sheets.push(held(&history.rehearsed_exercises, 0).titled(title).notes([note]));
    }
    sheets
}

fn held(exercises: &[Exercise], left_out: usize) -> Sheet {
    let row = |e: &Exercise| {
        let tone = if e.not_met > 0 { Tone::Bad } else { Tone::Plain };
        vec![
            Cell::text(e.date()),
            Cell::text(if e.playbook.is_empty() { "unknown" } else { &e.playbook }),
            Cell::text(e.kind),
            result(e.result),
            Cell::text(e.objectives_said()).tone(tone),
            Cell::text(e.people_said()),
            Cell::text(&e.dir),
            Cell::text(&e.why).tone(Tone::Soft),
        ]
    };
    let head = ["Began (UTC)", "Playbook", "Type", "Result", "Objectives", "People", "Directory", "Note"];
    let mut notes = vec![];
    if exercises.is_empty() {
        notes.push("No exercise with people.".to_owned());
    }
    if left_out > 0 {
        notes.push(format!("{left_out} more exercises are outside this time."));
    }
    // The newest first: that is what a reader looks for.
    Sheet::new(&head, exercises.iter().rev().map(row).collect()).notes(notes)
}

fn actions(history: &History) -> Sheet {
    let row = |a: &Tracked| {
        let tone = match (a.overdue, a.open) {
            (true, _) => Tone::Bad,
            (false, true) => Tone::Warn,
            (false, false) => Tone::Plain,
        };
        vec![
            Cell::text(&a.id),
            Cell::text(&a.text),
            Cell::text(if a.owner.is_empty() { "no owner yet" } else { &a.owner }),
            Cell::text(if a.due.is_empty() { "none yet" } else { &a.due }),
            Cell::text(a.status_said()).tone(tone),
            Cell::text(if a.proven_when.is_empty() { "not recorded" } else { &a.proven_when }),
            Cell::text(a.said()),
        ]
    };
    let (open, overdue) = history.open_actions();
    let head = ["Id", "Action", "Owner", "Due", "Status", "Proven when", "From"];
    Sheet::new(&head, history.actions.iter().map(row).collect())
        .titled("Actions")
        .notes([format!("{open} open, {overdue} of them overdue.")])
}

fn programme(years: &[Year]) -> Sheet {
    let row = |y: &Year| {
        let results = if y.results.is_empty() { "no exercise".to_owned() } else { y.results.join(", ") };
        let tone = if y.results.is_empty() { Tone::Warn } else { Tone::Plain };
        vec![
            Cell::text(y.year.to_string()),
            Cell::text(if y.playbook.is_empty() { "unknown" } else { &y.playbook }),
            Cell::text(results).tone(tone),
            Cell::text(y.met.to_string()),
            Cell::text(y.not_met.to_string()),
            Cell::text(y.not_proven.to_string()),
        ]
    };
    let head = ["Year", "Playbook", "Exercises", "Objectives met", "Not met", "Not proven or dropped"];
    Sheet::new(&head, years.iter().map(row).collect()).titled("Programme")
}
