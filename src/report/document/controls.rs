//! Control mapping: for which controls the drill is evidence. Whether a control was exercised and whether it was
//! effective are two questions: a failed drill shows that a test took place, and not that recovery works.

use super::{Block, Key, Ref, Row, Section, Table, Text, Tone, context::Context, page_one::Badge};
use crate::model::Framework;

/// Section 15.
pub(super) fn section(c: &Context<'_>) -> Section {
    let block = if c.story.is_rehearsal() {
        Block::Paragraph("None: a rehearsal is evidence for no control.".into())
    } else {
        Block::Table(table(c))
    };
    Section::new(Key::Controls, "Control mapping", vec![block])
}

fn table(c: &Context<'_>) -> Table {
    let controls = c.about().controls.iter().flat_map(|(framework, ids)| ids.iter().map(move |id| (framework, id)));
    let exercised = if c.has_acted() {
        Text::new("yes").see(c.judged.iter().take(1).map(super::context::Judged::id))
    } else {
        Text::new("no: the drill changed nothing").tone(Tone::Warn)
    };
    let effective = match Badge::of(c) {
        _ if !c.has_acted() => Text::new("not shown"),
        Badge::Passed => Text::new("shown by this drill").tone(Tone::Good),
        Badge::Failed | Badge::NotRestored => Text::new("no: see Findings").tone(Tone::Bad),
        Badge::NotProven | Badge::Stopped => Text::new("not shown: see Findings").tone(Tone::Warn),
    };
    let rows = controls.enumerate().map(|(i, (key, id))| {
        let framework = Framework::of(key);
        let asks = framework.and_then(|f| f.asks(id)).unwrap_or("no description is shipped for this control");
        Row::new([
            Text::new(framework.map_or(key.as_str(), |f| f.name)),
            Text::new(id.clone()),
            Text::new(asks),
            exercised.clone(),
            effective.clone(),
        ])
        .id(Ref::control(i))
    });
    let head = ["Framework", "Control", "What it asks for, in our words", "Exercised", "Effective"];
    Table::new("", &head, rows.collect()).or("The scenario names no control.").bounded(60)
}
