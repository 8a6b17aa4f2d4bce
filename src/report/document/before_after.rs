//! Before and after: what held before the first act, and what was put back.

use super::{
    Block, Commands, Figure, Key, List, Ref, Row, Section, Table, Text, Tone,
    context::{Context, clock, names},
    gaps,
    pictures::{Picture, zones},
};
use crate::{
    event::is_alertmanager,
    model::FindingState,
    report::{
        AUDIT_LOG,
        words::{Word, back as w, frame, head, say},
    },
};

/// Section 5.
pub(super) fn preconditions(c: &Context<'_>) -> Section {
    let words = c.words;
    let count = |state| c.story.findings.iter().filter(|f| f.state == state).count();
    let all = c.story.findings.len();
    let checks = if all == 0 {
        say!(words, w::NO_PREFLIGHT)
    } else {
        let (pass, fail) = (count(FindingState::Pass), count(FindingState::Fail));
        let (unknown, skip) = (count(FindingState::Unknown), count(FindingState::Skip));
        say!(words, w::CHECKS, pass, all, fail, unknown, skip)
    };
    let reviewed = |r: &crate::model::Reviewed| {
        let t = &r.tally;
        let counts = (t.pass, t.fail, t.unknown, t.waived, t.error);
        let (pass, fail, unknown, waived, error) = counts;
        say!(words, w::REVIEW, r.verdict, r.environment, r.at, pass, fail, unknown, waived, error)
    };
    let review = c.story.review.as_ref().map_or_else(|| say!(words, w::NO_REVIEW), reviewed);
    let armed = c.history.armed_us;
    let complete = |at| say!(words, w::COMPLETE_AT, clock(at));
    let baseline = armed.map_or_else(|| say!(words, w::NEVER_ARMED), complete);
    let rows = vec![
        (say!(words, w::PREFLIGHT), checks),
        (say!(words, w::READINESS), review),
        (say!(words, w::BASELINE), baseline),
        (say!(words, w::ALERTS_BEFORE), alerts_at(c, armed)),
    ];
    let failed: Vec<Text> = c
        .story
        .findings
        .iter()
        .filter(|f| matches!(f.state, FindingState::Fail | FindingState::Unknown))
        .map(|f| Text::new(format!("{}: {}", f.check, f.observed)).tone(Tone::Warn))
        .collect();
    let mut blocks = vec![Block::Table(Table::facts(rows))];
    if !failed.is_empty() {
        blocks.push(Block::List(List::new(words, say!(words, w::NOT_PASSED), failed, String::new())));
    }
    blocks.push(Block::Table(backups(c)));
    Section::new(Key::Preconditions, say!(words, w::PRECONDITIONS), blocks)
}

/// The alerts that Alertmanager had at an instant.
fn alerts_at(c: &Context<'_>, at: Option<u64>) -> String {
    let words = c.words;
    let Some(at) = at else { return say!(words, frame::UNKNOWN) };
    let mut last = std::collections::BTreeMap::new();
    for point in c.history.alerts.iter().filter(|a| a.at <= at && is_alertmanager(&a.source)) {
        last.insert((&point.name, &point.labels), &point.state);
    }
    let on = last.into_iter().filter(|(_, state)| !state.is_empty());
    let mut seen: Vec<String> = on.map(|((name, _), state)| format!("{name} ({state})")).collect();
    seen.dedup();
    if seen.is_empty() { say!(words, w::NO_ALERTS) } else { names(words, &seen) }
}

fn backups(c: &Context<'_>) -> Table {
    let words = c.words;
    let rows = c.history.state.results.iter().filter_map(|(step, result)| {
        let made = result.backup()?;
        let held = made.volumes.iter().filter(|v| v.is_captured()).count();
        let unknown = || say!(words, frame::UNKNOWN);
        Some(Row::new([
            say!(words, w::OF_STEP, made.backup, step),
            names(words, &made.namespaces),
            made.items.map_or_else(unknown, |n| n.to_string()),
            say!(words, w::CAPTURED, held, made.volumes.len()),
            made.completed.map_or_else(unknown, |at| at.to_string()),
            made.expires.map_or_else(unknown, |at| at.to_string()),
        ]))
    });
    let head = head!(words, w::BACKUP, w::NAMESPACES, w::OBJECTS, w::VOLUMES, w::COMPLETED, w::EXPIRES);
    Table::new(say!(words, w::BACKUPS), head, rows.collect()).or(say!(words, w::NO_BACKUP)).bounded(words, 20)
}

/// Section 10.
pub(super) fn back(c: &Context<'_>) -> Section {
    let words = c.words;
    let undo = c.story.undo_log.iter().enumerate().map(|(i, u)| {
        Row::new([
            Text::new(Ref::back(i).0),
            u.fault.clone().into(),
            u.target.clone().into(),
            Text::new(u.state.clone()).tone(if u.is_open { Tone::Bad } else { Tone::Plain }),
            u.at.map_or("–".to_owned(), |at| format!("{at:.1} s")).into(),
            u.evidence.clone().into(),
        ])
        .id(Ref::back(i))
    });
    let head = head!(words, w::ID, w::FAULT, w::TARGET, w::STATE, w::OBSERVED_AT, w::EVIDENCE);
    let mut blocks: Vec<Block> = vec![];
    if let Some((picture, table)) = zones(c) {
        let title = say!(words, w::ZONES);
        blocks.push(Block::Figure(Figure { title, picture: Picture::Zones(picture), table }));
    }
    blocks.push(Block::Table(sides(c)));
    let undo = Table::new(say!(words, w::UNDO_LOG), head, undo.collect());
    blocks.push(Block::Table(undo.or(say!(words, w::NOTHING_CHANGED)).bounded(words, Table::MOST)));
    let open = c.story.undo_log.iter().filter(|u| u.is_open).take(Table::MOST);
    blocks.extend(open.map(|u| {
        Block::Commands(Commands {
            title: say!(words, w::BY_HAND, u.fault, u.target),
            lines: u.commands.iter().flat_map(|c| c.lines()).map(str::to_owned).collect(),
        })
    }));
    let outside = c.story.changed_outside.iter().map(|l| {
        let word = if l.remains { w::STILL_CHANGED } else { w::CHANGED };
        Text::new(say!(words, word, format!("{:.1}", l.at), l.said)).tone(Tone::Warn)
    });
    let list = |title: Word, items: Vec<Text>| {
        Block::List(List::new(words, say!(words, title), items, say!(words, w::NOTHING)))
    };
    blocks.push(list(w::OUTSIDE, outside.collect()));
    blocks.push(Block::Paragraph(of_outside(c).into()));
    let left = c.story.leftovers.iter();
    let left = left.map(|l| Text::new(say!(words, w::LEFT, l.what, l.expires, l.remove_with)));
    blocks.push(list(w::LEFT_BEHIND, left.collect()));
    Section::new(Key::ReturnToNormal, say!(words, w::RETURN), blocks)
}

/// How complete the list of changes from outside is: without an audit log, or with observation gaps, an empty list
/// shows little.
fn of_outside(c: &Context<'_>) -> String {
    let said = match c.story.evidence.get(AUDIT_LOG) {
        Some(read) => say!(c.words, w::AUDIT_LOG, read),
        None => say!(c.words, w::NO_AUDIT_LOG),
    };
    if c.story.blind.is_empty() { said } else { say!(c.words, w::GAPS, said) }
}

/// The rows of changes that are not undone.
pub(super) fn open_rows(c: &Context<'_>) -> Vec<Ref> {
    let open = c.history.state.faults.iter().enumerate().filter(|(i, f)| f.state.is_open() && *i < Table::MOST);
    open.map(|(i, _)| Ref::back(i)).collect()
}

/// The row about re-protection, which comes after those of the undo log.
pub(super) fn reprotection_row(c: &Context<'_>) -> Option<Ref> {
    gaps::protected(c).map(|_| Ref::back(c.story.undo_log.len()))
}

/// One row an item, before and after.
fn sides(c: &Context<'_>) -> Table {
    let words = c.words;
    let (armed, end) = (c.history.armed_us, c.history.end_us);
    let ready = |at: u64| {
        let of = c.history.nodes.values();
        let on = of.clone().filter(|s| s.at(at) == Some(1)).count();
        say!(words, w::NODES_READY, on, of.len())
    };
    let pods = |at: u64| {
        let of_scope = |ns: &String| c.plan().is_none_or(|p| p.namespaces.contains(ns));
        let all = c.history.ready.iter().filter(|((ns, _), _)| of_scope(ns));
        let sum: i64 = all.filter_map(|(_, s)| s.at(at)).sum();
        say!(words, w::PODS_READY, sum)
    };
    let before = |said: &dyn Fn(u64) -> String| armed.map_or_else(|| say!(words, frame::UNKNOWN), said);
    let mut rows = vec![
        Row::new([say!(words, w::NODES), before(&ready), ready(end)]),
        Row::new([say!(words, w::PODS), before(&pods), pods(end)]),
        Row::new([say!(words, w::ALERTS), alerts_at(c, armed), alerts_at(c, Some(end))]),
    ];
    if let (Some(said), Some(id)) = (gaps::protected(c), reprotection_row(c)) {
        rows.push(Row::new([say!(words, w::REPROTECTION), "–".into(), said]).id(id));
    }
    Table::new(say!(words, w::BEFORE_AFTER), head!(words, w::ITEM, w::BEFORE, w::AFTER), rows)
}
