//! The annex: the parts of each proof, and the full lists of which the sections show the counts.

use super::{
    Block, Key, Row, Section, Table, Text, Tone,
    context::{Context, Judged, severity},
};
use crate::{
    model::{FindingState, State},
    report::words::{Words, annex as w, head, say},
};

/// The annex.
pub(super) fn section(c: &Context<'_>) -> Section {
    let words = c.words;
    let mut blocks: Vec<Block> = c
        .judged
        .iter()
        .filter(|j| !j.of.parts.is_empty() || !j.of.evidence.is_empty())
        .take(Table::MOST)
        .flat_map(|j| [Block::Table(proof(words, j)), Block::Table(observed(words, j))])
        .filter(|block| !matches!(block, Block::Table(table) if table.rows.is_empty()))
        .collect();
    let (_, mut axis) = super::pictures::time_axis(c);
    axis.title = say!(words, w::AXIS);
    blocks.push(Block::Table(axis));
    blocks.extend(super::results::reasons(c).map(Block::Table));
    blocks.push(Block::Table(checks(c)));
    if let Some(table) = review(c) {
        blocks.push(Block::Table(table));
    }
    Section::new(Key::Annex, say!(words, w::LISTS), blocks)
}

fn proof(words: &Words, j: &Judged<'_>) -> Table {
    let rows = j.of.parts.iter().map(|p| {
        let (word, tone) = match p.shown {
            Some(true) => (w::SHOWN, Tone::Good),
            Some(false) => (w::NOT_SHOWN, Tone::Bad),
            None => (w::NOT_ASKED, Tone::Soft),
        };
        let cells = [p.subject.clone().into(), p.part.clone().into(), Text::new(say!(words, word)).tone(tone)];
        Row::new(cells.into_iter().chain([Text::new(p.said.to_string())]))
    });
    let title = say!(words, w::RESTS_ON, j.id().0, j.of.expectation);
    let head = head!(words, w::SUBJECT, w::PART, w::SHOWN_HEAD, w::HOW);
    Table::new(title, head, rows.collect()).bounded(words, 60)
}

fn observed(words: &Words, j: &Judged<'_>) -> Table {
    let rows = j.of.evidence.iter().map(|e| {
        let error = e.uncertainty_us.map_or("–".to_owned(), |us| format!("± {:.2} s", us as f64 / 1e6));
        Row::new([e.source.clone(), e.observed.to_string(), error])
    });
    let title = say!(words, w::OBSERVED_FOR, j.id().0);
    Table::new(title, head!(words, w::SOURCE, w::OBSERVED, w::ERROR), rows.collect()).bounded(words, 40)
}

fn checks(c: &Context<'_>) -> Table {
    let words = c.words;
    let rows = c.story.findings.iter().map(|f| {
        let (word, tone) = match f.state {
            FindingState::Pass => (w::PASS, Tone::Plain),
            FindingState::Fail => (w::FAIL, Tone::Bad),
            FindingState::Unknown => (w::UNKNOWN, Tone::Warn),
            FindingState::Skip => (w::SKIP, Tone::Soft),
        };
        Row::new([
            Text::new(say!(words, word)).tone(tone),
            f.check.clone().into(),
            f.observed.clone().into(),
            f.fix.clone().into(),
        ])
    });
    let head = head!(words, w::RESULT, w::CHECK, w::OBSERVED, w::FIX);
    let table = Table::new(say!(words, w::PREFLIGHT), head, rows.collect());
    table.or(say!(words, w::NO_PREFLIGHT)).bounded(words, Table::MOST)
}

fn review(c: &Context<'_>) -> Option<Table> {
    let review = c.story.review.as_ref()?;
    let words = c.words;
    let rows = review.concerns.iter().map(|f| {
        let state = state(words, f.state);
        let observed = f.observed.to_string();
        Row::new([
            if f.blocking { say!(words, w::BLOCKING, state) } else { state },
            severity(words, f.severity),
            format!("{} {}", f.check, f.title),
            f.objects.to_string(),
            if f.waiver.is_empty() { observed } else { say!(words, w::WAIVED_BY, observed, f.waiver) },
        ])
    });
    let head = head!(words, w::RESULT, w::SEVERITY, w::CHECK, w::OBJECTS, w::OBSERVED);
    let table = Table::new(say!(words, w::REVIEW), head, rows.collect());
    Some(table.or(say!(words, w::NOTHING)).bounded(words, Table::MOST))
}

fn state(words: &Words, state: State) -> String {
    match state {
        State::Fail => say!(words, w::STATE_FAIL),
        State::Error => say!(words, w::STATE_ERROR),
        State::Unknown => say!(words, w::STATE_UNKNOWN),
        State::Waived => say!(words, w::STATE_WAIVED),
        State::Skip => say!(words, w::STATE_SKIP),
        State::Pass => say!(words, w::STATE_PASS),
    }
}
