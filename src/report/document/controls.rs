//! Control mapping: for which controls the drill is evidence. Whether a control was exercised and whether it was
//! effective are two questions: a failed drill shows that a test took place, and not that recovery works.

use super::{Block, Key, Ref, Row, Section, Table, Text, Tone, context::Context, page_one::Badge};
use crate::{
    model::Framework,
    report::words::{controls as w, head, say},
};

/// Section 15.
pub(super) fn section(c: &Context<'_>) -> Section {
    let block = if c.story.is_rehearsal() {
        Block::Paragraph(say!(c.words, w::REHEARSAL).into())
    } else {
        Block::Table(table(c))
    };
    Section::new(Key::Controls, say!(c.words, w::CONTROLS), vec![block])
}

fn table(c: &Context<'_>) -> Table {
    let words = c.words;
    let controls = c.about().controls.iter().flat_map(|(framework, ids)| ids.iter().map(move |id| (framework, id)));
    let exercised = if c.has_acted() {
        Text::new(say!(words, w::YES)).see(c.judged.iter().take(1).map(super::context::Judged::id))
    } else {
        Text::new(say!(words, w::NOT_EXERCISED)).tone(Tone::Warn)
    };
    let effective = match Badge::of(c) {
        _ if !c.has_acted() => Text::new(say!(words, w::NOT_SHOWN)),
        Badge::Passed => Text::new(say!(words, w::SHOWN)).tone(Tone::Good),
        Badge::Failed | Badge::NotRestored => Text::new(say!(words, w::NOT_EFFECTIVE)).tone(Tone::Bad),
        Badge::NotProven | Badge::Stopped => Text::new(say!(words, w::NOT_SHOWN_SEE)).tone(Tone::Warn),
    };
    let rows = controls.enumerate().map(|(i, (key, id))| {
        let framework = Framework::of(key);
        let asks = framework.and_then(|f| f.asks(id)).map_or_else(|| say!(words, w::NO_DESCRIPTION), str::to_owned);
        Row::new([
            Text::new(framework.map_or(key.as_str(), |f| f.name)),
            Text::new(id.clone()),
            Text::new(asks),
            exercised.clone(),
            effective.clone(),
        ])
        .id(Ref::control(i))
    });
    let head = head!(words, w::FRAMEWORK, w::CONTROL, w::ASKS, w::EXERCISED, w::EFFECTIVE);
    Table::new("", head, rows.collect()).or(say!(words, w::NONE)).bounded(words, 60)
}
