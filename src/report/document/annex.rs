//! The annex: the parts of each proof, and the full lists of which the sections show the counts.

use super::{
    Block, Key, Row, Section, Table, Text, Tone,
    context::{Context, Judged},
};
use crate::model::FindingState;

/// The annex.
pub(super) fn section(c: &Context<'_>) -> Section {
    let mut blocks: Vec<Block> = c
        .judged
        .iter()
        .filter(|j| !j.of.parts.is_empty() || !j.of.evidence.is_empty())
        .take(Table::MOST)
        .flat_map(|j| [Block::Table(proof(j)), Block::Table(observed(j))])
        .filter(|block| !matches!(block, Block::Table(table) if table.rows.is_empty()))
        .collect();
    let (_, mut axis) = super::pictures::time_axis(c);
    axis.title = "The numbers of the time axis".into();
    blocks.push(Block::Table(axis));
    blocks.extend(super::results::reasons(c).map(Block::Table));
    blocks.push(Block::Table(checks(c)));
    if let Some(table) = review(c) {
        blocks.push(Block::Table(table));
    }
    Section::new(Key::Annex, "Full lists", blocks)
}

fn proof(j: &Judged<'_>) -> Table {
    let rows = j.of.parts.iter().map(|p| {
        let (word, tone) = match p.shown {
            Some(true) => ("shown", Tone::Good),
            Some(false) => ("not shown", Tone::Bad),
            None => ("not asked", Tone::Soft),
        };
        let cells = [p.subject.clone().into(), p.part.clone().into(), Text::new(word).tone(tone)];
        Row::new(cells.into_iter().chain([Text::new(p.said.to_string())]))
    });
    let title = format!("What {} rests on: {}", j.id().0, j.of.expectation);
    Table::new(&title, &["Subject", "Part of the proof", "Shown", "How"], rows.collect()).bounded(60)
}

fn observed(j: &Judged<'_>) -> Table {
    let rows = j.of.evidence.iter().map(|e| {
        let error = e.uncertainty_us.map_or("–".to_owned(), |us| format!("± {:.2} s", us as f64 / 1e6));
        Row::new([e.source.clone(), e.observed.to_string(), error])
    });
    let title = format!("What was observed for {}", j.id().0);
    Table::new(&title, &["Source", "Observed", "Error"], rows.collect()).bounded(40)
}

fn checks(c: &Context<'_>) -> Table {
    let rows = c.story.findings.iter().map(|f| {
        let (word, tone) = match f.state {
            FindingState::Pass => ("pass", Tone::Plain),
            FindingState::Fail => ("FAIL", Tone::Bad),
            FindingState::Unknown => ("UNKNOWN", Tone::Warn),
            FindingState::Skip => ("skip", Tone::Soft),
        };
        Row::new([Text::new(word).tone(tone), f.check.clone().into(), f.observed.clone().into(), f.fix.clone().into()])
    });
    let table = Table::new("Pre-flight", &["Result", "Check", "Observed", "Fix"], rows.collect());
    table.or("No pre-flight was made.").bounded(Table::MOST)
}

fn review(c: &Context<'_>) -> Option<Table> {
    let review = c.story.review.as_ref()?;
    let rows = review.concerns.iter().map(|w| {
        let blocking = if w.blocking { ", blocking" } else { "" };
        let waiver = if w.waiver.is_empty() { String::new() } else { format!(" (waived: {})", w.waiver) };
        Row::new([
            format!("{}{blocking}", w.state),
            w.severity.to_string(),
            format!("{} {}", w.check, w.title),
            w.objects.to_string(),
            format!("{}{waiver}", w.observed),
        ])
    });
    let head = ["Result", "Severity", "Check", "Objects", "Observed"];
    Some(Table::new("Readiness review", &head, rows.collect()).or("Nothing to correct.").bounded(Table::MOST))
}
