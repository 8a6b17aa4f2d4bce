//! The exercises of a history as text for a terminal. Start with [`exercises`].

use super::{
    Exercise, History, Tracked, Year,
    human::{short, table, table_with},
};

/// The exercises, their actions, and the programme; empty without exercises.
pub(super) fn exercises(history: &History) -> String {
    if history.exercises.is_empty() && history.rehearsed_exercises.is_empty() && history.exercises_left_out == 0 {
        return String::new();
    }
    held(history) + &rehearsed(history) + &actions(history) + &programme(history)
}

fn rows(exercises: &[Exercise]) -> String {
    let row = |e: &Exercise| {
        vec![
            e.date(),
            e.playbook.clone(),
            e.result.word().to_owned(),
            e.objectives_said(),
            e.people_said(),
            e.dir.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = exercises.iter().map(row).collect();
    let reason = |i: usize| -> Vec<String> {
        let why = &exercises[i].why;
        if why.is_empty() { vec![] } else { vec![short(why)] }
    };
    table_with(&["began (UTC)", "playbook", "result", "objectives", "people", "directory"], &rows, reason)
}

fn held(history: &History) -> String {
    let left_out = match history.exercises_left_out {
        0 => String::new(),
        n => format!("{n} more outside this time\n"),
    };
    if history.exercises.is_empty() {
        return format!("\nExercises\nno exercise with people\n{left_out}");
    }
    format!("\nExercises\n{}{left_out}", rows(&history.exercises))
}

fn rehearsed(history: &History) -> String {
    if history.rehearsed_exercises.is_empty() {
        return String::new();
    }
    let title = "Exercises without people, or on simulated clusters (they prove nothing)";
    format!("\n{title}\n{}", rows(&history.rehearsed_exercises))
}

fn actions(history: &History) -> String {
    if history.actions.is_empty() {
        return "\nActions\nno action was recorded\n".into();
    }
    let row = |a: &Tracked| {
        let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
        vec![a.id.clone(), a.status_said(), or(&a.due, "no due date"), or(&a.owner, "no owner yet"), short(&a.text)]
    };
    let rows: Vec<Vec<String>> = history.actions.iter().map(row).collect();
    let text =
        table_with(&["id", "status", "due", "owner", "action"], &rows, |i| vec![short(&history.actions[i].said())]);
    let (open, overdue) = history.open_actions();
    format!("\nActions\n{text}{open} open, {overdue} of them overdue\n")
}

fn programme(history: &History) -> String {
    if history.programme.is_empty() {
        return String::new();
    }
    let row = |y: &Year| {
        let results = if y.results.is_empty() { "no exercise".to_owned() } else { y.results.join(", ") };
        let playbook = if y.playbook.is_empty() { "unknown".to_owned() } else { y.playbook.clone() };
        vec![y.year.to_string(), playbook, results, y.met.to_string(), y.not_met.to_string(), y.not_proven.to_string()]
    };
    let rows: Vec<Vec<String>> = history.programme.iter().map(row).collect();
    let head = ["year", "playbook", "exercises", "objectives met", "not met", "not proven or dropped"];
    format!("\nProgramme\n{}", table(&head, &rows))
}
