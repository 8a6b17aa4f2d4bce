//! Distribution and sign-off: what only people can fill in.

use super::{Block, Key, Row, Section, Table, Text, context::Context};
use crate::report::{
    Field,
    words::{frame, people as w, say},
};

/// Section 16.
pub(super) fn section(c: &Context<'_>) -> Section {
    let words = c.words;
    let fields = [
        (Field::Distribution, w::DISTRIBUTION, frame::NONE_YET),
        (Field::SignOff, w::SIGNED_OFF, frame::NONE_YET),
        (Field::Retention, w::RETENTION, frame::NONE_YET),
        (Field::NextExercise, w::NEXT, frame::NONE_YET),
        (Field::Observation, w::OBSERVATIONS, w::NONE_RECORDED),
    ];
    let mut rows = vec![];
    for (field, name, none) in fields {
        let notes = c.notes(field);
        if notes.is_empty() {
            let none = match (field, c.about().every) {
                (Field::NextExercise, Some(every)) => say!(words, w::NO_DATE, every),
                _ => say!(words, none),
            };
            rows.push(Row::new([say!(words, name), none]));
        }
        rows.extend(notes.into_iter().map(|note| Row::new([Text::new(say!(words, name)), note])));
    }
    let table = Table { rows, ..Table::default() };
    Section::new(Key::SignOff, say!(words, w::SIGN_OFF_SECTION), vec![Block::Table(table.bounded(words, Table::MOST))])
}
