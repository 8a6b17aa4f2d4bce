//! Results: the objectives with their ratings, and the times of people.

use super::{Context, summary::tone_of};
use crate::{
    exercise::{
        judge::times_of_people,
        state::ItemEnd,
        time::{between, clock, long},
    },
    report::{Block, Key, Row, Section, Table, Text, Tone},
};

/// Section 9.
pub(super) fn objectives(c: &Context<'_>) -> Section {
    let rows = c.judged.iter().map(|(o, result)| {
        let rating = c.state().ratings.get(&o.id).map_or_else(
            || Text::new("not rated"),
            |(rating, by, why)| {
                let why = if why.is_empty() { String::new() } else { format!(": {}", c.named(why)) };
                let marked = if result.is_better(*rating) { " BETTER THAN THE MEASUREMENT." } else { "" };
                let said = format!("{rating:?}, {}, by {}{why}{marked}", rating.words(), c.who(by));
                Text::new(said).tone(if marked.is_empty() { Tone::Plain } else { Tone::Warn })
            },
        );
        Row::new([
            Text::new(&*o.id),
            Text::new(&*o.text),
            Text::new(result.words()).tone(tone_of(c, o, result)),
            Text::new(&*result.because),
            rating,
        ])
    });
    let head = ["Id", "Objective", "Result", "Evidence", "Rating"];
    Section::new(Key::Verdicts, "Verdicts", vec![Block::Table(Table::new("", head, rows.collect()))])
}

/// Section 8.
pub(super) fn measurements(c: &Context<'_>) -> Section {
    let times = times_of_people(c.playbook(), c.state());
    let paged = times.iter().find_map(|(_, at, _)| *at);
    let rows = times.iter().map(|(name, at, how)| {
        let time = at.map_or_else(|| "not recorded".to_owned(), clock);
        let since = match (paged, at) {
            (Some(paged), Some(at)) if paged <= *at => long(between(paged, *at)),
            (Some(paged), Some(at)) => format!("{} before", long(between(*at, paged))),
            _ => "–".into(),
        };
        Row::new([(*name).to_owned(), time, since, how.clone()])
    });
    let people = Table::new(
        "Times of people",
        ["Moment", "Time (UTC)", "Since the first of them", "How it is known"],
        rows.collect(),
    );
    let items = c.playbook().stages.iter().flat_map(|stage| &stage.during);
    let rows = items.filter_map(|item| {
        let known = c.state().item_of(&item.id);
        let end = known.end?;
        let due = known.due.map_or_else(|| "–".to_owned(), clock);
        let took = known
            .given
            .or(known.due)
            .zip(known.ended)
            .map_or_else(|| "–".to_owned(), |(from, to)| long(between(from, to)));
        let tone = match end {
            ItemEnd::Answered => Tone::Plain,
            ItemEnd::Skipped => Tone::Soft,
            ItemEnd::Late | ItemEnd::Missed | ItemEnd::Defaulted => Tone::Bad,
        };
        let answer = [known.option.as_str(), &c.named(&known.answer)]
            .into_iter()
            .filter(|t| !t.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        Some(Row::new([
            Text::new(&*item.id),
            Text::new(due),
            Text::new(took),
            Text::new(item.within().map_or_else(|| "no limit".to_owned(), |w| w.to_string())),
            Text::new(end.words()).tone(tone),
            Text::new(answer),
            Text::new(known.by.as_ref().map_or_else(|| "nobody".to_owned(), |by| c.who(by))),
        ]))
    });
    let items = Table::new(
        "Injects, tasks and decisions",
        ["Id", "Due (UTC)", "Took", "Limit", "End", "Answer", "By"],
        rows.collect(),
    );
    Section::new(
        Key::Measurements,
        "Measured results",
        vec![Block::Table(people), Block::Table(items.or("The playbook has none."))],
    )
}
