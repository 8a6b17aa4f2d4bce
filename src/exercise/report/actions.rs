//! Findings, the improvement plan, and changes to the plan that was tested.

use std::fmt::Write;

use super::{Context, bounded, list, summary::gaps};
use crate::{
    exercise::{
        people::People,
        state::{Action, State},
        what::NoteOn,
    },
    model::printable,
    report::{Block, Key, Ref, Row, Section, Table, Text, Tone},
};

/// Section 12.
pub(super) fn findings(c: &Context<'_>) -> Section {
    Section::new(Key::Findings, "Findings", vec![Block::List(list("", gaps(c), "Nothing was found."))])
}

/// Section 13.
pub(super) fn section(c: &Context<'_>) -> Section {
    let rows = c.state().actions.values().map(|action| {
        let overdue = c.is_overdue(action);
        let from = if action.from.is_empty() {
            "this exercise".to_owned()
        } else {
            format!("carried over from {}", action.from)
        };
        Row::new([
            Text::new(&*action.id),
            Text::new(c.named(&action.text)),
            Text::new(or(&c.named(&action.owner), "no owner yet")),
            Text::new(or(&action.due, "none yet")).tone(if overdue { Tone::Bad } else { Tone::Plain }),
            Text::new(format!("{}{}", action.status.words(), if overdue { ", OVERDUE" } else { "" })),
            Text::new(or(&c.named(&action.proven_when), "not recorded")),
            Text::new(or(&c.named(&action.ticket), "none yet")),
            Text::new(from),
        ])
        .id(Ref(action.id.clone()))
    });
    let head = ["Id", "Action", "Owner", "Due", "Status", "Proven when", "Ticket", "From"];
    let none = "No action was recorded: `drillmaster exercise actions add DIR TEXT`.";
    let table = bounded(Table::new("", head, rows.collect()).or(none));
    Section::new(Key::Actions, "Corrective actions", vec![Block::Table(table)])
}

/// Section 14.
pub(super) fn plan_updates(c: &Context<'_>) -> Section {
    let wrong = c.state().notes.iter().filter(|note| note.on == NoteOn::PlanWrong);
    let wrong = wrong.map(|note| format!("{} ({})", c.named(&note.text), c.who(&note.by)));
    let title =
        c.playbook().plan_under_test.as_ref().map_or_else(|| "no plan is named".to_owned(), |plan| plan.title.clone());
    let places = list(
        format!("Where the plan was wrong ({title})"),
        wrong,
        "Nobody noted a place: `exercise note --on plan-wrong`.",
    );
    Section::new(Key::PlanUpdates, "Plan updates", vec![Block::List(places)])
}

fn or(text: &str, none: &str) -> String {
    if text.trim().is_empty() { none.to_owned() } else { text.to_owned() }
}

/// The columns of an export.
const COLUMNS: [&str; 9] = ["id", "action", "owner", "due", "status", "proven when", "ticket", "from", "exercise"];

fn cells(state: &State, people: &People, action: &Action) -> [String; 9] {
    let named = |text: &str| printable(&people.named(text));
    [
        action.id.clone(),
        named(&action.text),
        named(&action.owner),
        action.due.clone(),
        action.status.words().to_owned(),
        named(&action.proven_when),
        named(&action.ticket),
        action.from.clone(),
        state.exercise.clone(),
    ]
}

/// The actions as CSV. A cell that a spreadsheet would take for a formula begins with an apostrophe.
pub fn actions_csv(state: &State, people: &People) -> String {
    let quoted = |cell: &str| {
        let guard = if cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    };
    let line = |cells: &[String]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    let mut out = COLUMNS.join(",") + "\r\n";
    for action in state.actions.values() {
        let _ = write!(out, "{}\r\n", line(&cells(state, people, action)));
    }
    out
}

/// The actions as JSON.
pub fn actions_json(state: &State, people: &People) -> String {
    let object = |action: &Action| {
        let pairs =
            COLUMNS.iter().zip(cells(state, people, action)).map(|(key, cell)| ((*key).to_owned(), cell.into()));
        serde_json::Value::Object(pairs.collect())
    };
    let all: Vec<_> = state.actions.values().map(object).collect();
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

/// The actions as a Markdown table.
pub fn actions_markdown(state: &State, people: &People) -> String {
    let mut out = format!("| {} |\n|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()));
    for action in state.actions.values() {
        let cells = cells(state, people, action).map(|cell| crate::report::inert_markdown(&cell));
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}
