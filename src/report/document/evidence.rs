//! What proves the report, how to check it, and what it does not prove.

use super::{
    Block, Commands, Key, List, Row, Section, Table,
    context::{Context, Signature},
};
use crate::{
    event::Keepsake,
    report::{
        AUDIT_LOG,
        words::{Word, evidence as w, head, say},
    },
};

/// Section 17.
pub(super) fn section(c: &Context<'_>) -> Section {
    let (s, words) = (c.story, c.words);
    let signature = match &c.beside.signature {
        Signature::Unsigned => say!(words, w::UNSIGNED),
        Signature::By(key) => say!(words, w::SIGNED, key),
    };
    let samples: u64 = c.history.probes.values().flatten().map(|r| u64::from(r.n)).sum();
    let mut rows = vec![
        (say!(words, w::JOURNAL), say!(words, w::JOURNAL_IS)),
        (say!(words, w::SAMPLES), say!(words, w::SAMPLES_ARE, samples)),
        (say!(words, w::PLAN), say!(words, w::PLAN_IS)),
        (say!(words, w::SIGNATURE), signature),
        (say!(words, w::REDACTION), say!(words, w::REDACTED)),
    ];
    let named = [("journal events", w::EVENTS), (AUDIT_LOG, w::AUDIT_LOG)];
    rows.extend(named.iter().filter_map(|(key, name)| Some((say!(words, *name), s.evidence.get(*key)?.clone()))));
    let mut missing = vec![];
    if !s.evidence.contains_key(AUDIT_LOG) {
        missing.push(say!(words, w::NO_AUDIT_LOG));
    }
    if s.head.is_none() {
        missing.push(say!(words, w::NO_END));
    }
    if s.review.is_none() {
        missing.push(say!(words, w::NO_REVIEW));
    }
    if c.plan().is_none() {
        missing.push(say!(words, w::NO_PLAN));
    }
    if !s.is_rehearsal() {
        missing.extend(not_kept(c));
    }
    let blocks = vec![
        Block::Table(Table::facts(rows)),
        Block::Table(kept(c)),
        Block::List(List::new(words, say!(words, w::MISSING), missing, say!(words, w::NONE_KNOWN))),
        Block::Commands(Commands {
            title: say!(words, w::CHECK),
            lines: vec![format!("drillmaster verify runs/{}", s.run)],
        }),
    ];
    Section::new(Key::Evidence, say!(words, w::EVIDENCE), blocks)
}

fn name(what: Keepsake) -> Word {
    match what {
        Keepsake::Bindings => w::BINDINGS,
        Keepsake::ReadinessReview => w::REVIEW,
        Keepsake::Rules => w::RULES,
        Keepsake::Alertmanager => w::ALERTMANAGER,
        Keepsake::InventoryBefore => w::INVENTORY_BEFORE,
        Keepsake::InventoryAfter => w::INVENTORY_AFTER,
        Keepsake::Velero => w::VELERO,
    }
}

/// The files that the run kept beside its journal.
fn kept(c: &Context<'_>) -> Table {
    let words = c.words;
    let rows = c.places.kept.iter().map(|(what, file, size, sha256)| {
        Row::new([say!(words, name(*what)), format!("kept/{file}"), say!(words, w::BYTES, size), sha256.clone()])
    });
    let head = head!(words, w::WHAT, w::FILE, w::SIZE, w::SHA256);
    let none = if c.story.is_rehearsal() { w::KEPT_NONE_REHEARSAL } else { w::KEPT_NONE };
    Table::new(say!(words, w::KEPT), head, rows.collect()).or(say!(words, none)).bounded(words, 60)
}

/// What the run did not keep, and why.
fn not_kept(c: &Context<'_>) -> Vec<String> {
    let words = c.words;
    let mut all = vec![];
    for what in Keepsake::ALL {
        let said = c.places.not_kept.iter().filter(|(named, _)| *named == what);
        let said: Vec<String> =
            said.map(|(_, why)| say!(words, w::NOT_KEPT_BECAUSE, say!(words, name(what)), why)).collect();
        if said.is_empty() && !c.places.kept.iter().any(|(named, ..)| *named == what) {
            all.push(say!(words, w::NOT_KEPT, say!(words, name(what))));
        }
        all.extend(said);
    }
    all
}
