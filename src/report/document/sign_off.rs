//! Distribution and sign-off: what only people can fill in.

use super::{Block, Key, Row, Section, Table, Text, context::Context};
use crate::report::Field;

/// Section 16.
pub(super) fn section(c: &Context<'_>) -> Section {
    let fields = [
        (Field::Distribution, "Distribution", "none yet"),
        (Field::SignOff, "Signed off by", "none yet"),
        (Field::Retention, "Evidence is kept until", "none yet"),
        (Field::NextExercise, "Next exercise", "none yet"),
        (Field::Observation, "Observations of people", "none recorded"),
    ];
    let mut rows = vec![];
    for (field, name, none) in fields {
        let notes = c.notes(field);
        if notes.is_empty() {
            let none = match (field, c.about().every) {
                (Field::NextExercise, Some(every)) => format!("no date yet; the scenario asks for one every {every}"),
                _ => none.to_owned(),
            };
            rows.push(Row::new([name.to_owned(), none]));
        }
        rows.extend(notes.into_iter().map(|note| Row::new([Text::new(name), note])));
    }
    let table = Table { rows, ..Table::default() };
    Section::new(Key::SignOff, "Distribution and sign-off", vec![Block::Table(table.bounded(Table::MOST))])
}
