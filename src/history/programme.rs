//! The exercise programme: what each playbook came to in each year, and the actions of all exercises. An action that was
//! carried over is one action, however many exercises name it. Start with [`programme`] and [`actions`].

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

use super::{Ended, Exercise};
use crate::exercise::{Action, ActionStatus, Came};

/// A playbook in a year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Year {
    /// The year.
    pub year: i16,
    /// The playbook; empty for exercises whose playbook cannot be read.
    pub playbook: String,
    /// The exercises, whatever they came to.
    pub exercises: usize,
    /// Those that passed.
    pub passed: usize,
    /// Their results, in the order of their dates.
    pub results: Vec<&'static str>,
    /// Objectives that were met.
    pub met: usize,
    /// Objectives that were not met.
    pub not_met: usize,
    /// Objectives that nothing shows, and dropped ones.
    pub not_proven: usize,
}

/// The programme over the years, from the first exercise to a day. A year without an exercise of a playbook that was
/// exercised before is a row too.
pub fn programme(exercises: &[Exercise], now: Timestamp) -> Vec<Year> {
    let year = |at: Timestamp| at.to_zoned(TimeZone::UTC).year();
    let mut rows: BTreeMap<(i16, String), Year> = BTreeMap::new();
    let mut first: BTreeMap<&str, i16> = BTreeMap::new();
    for exercise in exercises {
        let Some(began) = exercise.began else { continue };
        let key = (year(began), exercise.playbook.clone());
        let row = rows.entry(key).or_default();
        row.exercises += 1;
        row.passed += usize::from(exercise.result == Ended::Passed);
        row.results.push(exercise.result.word());
        // What a damaged exercise says does not count.
        if exercise.result != Ended::Damaged {
            row.met += exercise.met;
            row.not_met += exercise.not_met;
            row.not_proven += exercise.not_proven + exercise.dropped;
        }
        let known = first.entry(&exercise.playbook).or_insert(year(began));
        *known = (*known).min(year(began));
    }
    for (playbook, from) in first.into_iter().filter(|(playbook, _)| !playbook.is_empty()) {
        for year in from..=year(now) {
            rows.entry((year, playbook.to_owned())).or_default();
        }
    }
    rows.into_iter().map(|((year, playbook), row)| Year { year, playbook, ..row }).collect()
}

/// Whether an action was tested again in an exercise after the one that it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retest {
    /// The exercise.
    pub exercise: String,
    /// The objective that shows it, by `proven when`.
    pub objective: String,
    /// What came of it.
    pub result: &'static str,
}

/// An action, as the newest exercise that names it knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tracked {
    /// Its id.
    pub id: String,
    /// What is to be done.
    pub text: String,
    /// Who does it.
    pub owner: String,
    /// Until when.
    pub due: String,
    /// What shows that it is done.
    pub proven_when: String,
    /// Its status.
    pub status: &'static str,
    /// Whether it is still to be done.
    pub open: bool,
    /// Whether it is open after its due date.
    pub overdue: bool,
    /// The exercise that it comes from.
    pub from: String,
    /// The exercises to which it was carried over.
    pub carried_to: Vec<String>,
    /// The newest test of it in an exercise to which it was carried over.
    pub retest: Option<Retest>,
}

impl Tracked {
    /// Where it comes from and what became of it, for tables.
    pub fn said(&self) -> String {
        let mut said = format!("from {}", self.from);
        if !self.carried_to.is_empty() {
            said += &format!(", carried over to {}", self.carried_to.join(", "));
            said += &match &self.retest {
                Some(Retest { exercise, objective, result }) => {
                    format!(", re-tested in {exercise}: {objective} {result}")
                }
                None => ", not re-tested".to_owned(),
            };
        }
        said
    }

    /// Its status, for tables.
    pub fn status_said(&self) -> String {
        if self.overdue { format!("{}, OVERDUE", self.status) } else { self.status.to_owned() }
    }
}

/// The actions of all exercises, the open ones first. `exercises` are in the order of their dates.
pub fn actions(exercises: &[Exercise], today: Date) -> Vec<Tracked> {
    // Ids contain a hash of exercise and text, so two actions with one id are one action.
    let mut found: BTreeMap<&str, Vec<(&Exercise, &Action)>> = BTreeMap::new();
    for exercise in exercises.iter().filter(|exercise| exercise.result != Ended::Damaged) {
        for action in &exercise.actions {
            found.entry(&action.id).or_default().push((exercise, action));
        }
    }
    let mut all: Vec<Tracked> = found.into_values().filter_map(|named| tracked(&named, today)).collect();
    all.sort_by(|a, b| (!a.open, !a.overdue, &a.due, &a.id).cmp(&(!b.open, !b.overdue, &b.due, &b.id)));
    all
}

fn tracked(named: &[(&Exercise, &Action)], today: Date) -> Option<Tracked> {
    let (_, last) = named.last()?;
    let (first, origin) = named.first()?;
    let carried: Vec<&(&Exercise, &Action)> = named.iter().filter(|(_, action)| !action.from.is_empty()).collect();
    // The newest exercise decides: an action that was carried over is closed there.
    Some(Tracked {
        id: last.id.clone(),
        text: last.text.to_string(),
        owner: last.owner.to_string(),
        due: last.due.clone(),
        proven_when: last.proven_when.to_string(),
        status: last.status.words(),
        open: last.status == ActionStatus::Open,
        overdue: last.is_overdue(today),
        from: if origin.from.is_empty() { first.exercise.clone() } else { origin.from.clone() },
        carried_to: carried.iter().map(|(exercise, _)| exercise.exercise.clone()).collect(),
        retest: carried.iter().rev().find_map(|(exercise, action)| retest(exercise, action)),
    })
}

/// An objective of a later exercise shows whether an action helped, if `proven when` names it.
fn retest(exercise: &Exercise, action: &Action) -> Option<Retest> {
    let is_id = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words: Vec<&str> = action.proven_when.split(|c| !is_id(c)).map(|word| word.trim_matches('.')).collect();
    let objective = exercise.objectives.iter().find(|objective| words.contains(&objective.id.as_str()))?;
    // An objective without a result was not tested, and a rehearsal tests nothing.
    let tested = matches!(objective.came, Came::Met | Came::Missed) && !exercise.rehearsal;
    tested.then(|| Retest {
        exercise: exercise.exercise.clone(),
        objective: objective.id.clone(),
        result: objective.result,
    })
}
