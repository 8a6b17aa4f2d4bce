//! Before and after: what held before the first act, and what was put back.

use super::{
    Block, Commands, Figure, Key, List, Ref, Row, Section, Table, Text, Tone,
    context::{Context, clock},
    gaps,
    pictures::{Picture, zones},
};
use crate::{
    event::is_alertmanager,
    model::{FindingState, StepResult, some},
    report::{UndoLine, of_outside},
};

/// Section 5.
pub(super) fn preconditions(c: &Context<'_>) -> Section {
    let count = |state| c.story.findings.iter().filter(|f| f.state == state).count();
    let all = c.story.findings.len();
    let checks = if all == 0 {
        "no pre-flight was made".to_owned()
    } else {
        let (pass, fail) = (count(FindingState::Pass), count(FindingState::Fail));
        let (unknown, skip) = (count(FindingState::Unknown), count(FindingState::Skip));
        format!("{pass} of {all} checks passed, {fail} failed, {unknown} unknown, {skip} skipped: list in the annex")
    };
    let review = c.story.review.as_ref().map_or("no readiness review was made".to_owned(), |r| {
        let t = &r.tally;
        format!(
            "{}, judged as {} at {}: {} pass, {} fail, {} unknown, {} waived, {} error: list in the annex",
            r.verdict, r.environment, r.at, t.pass, t.fail, t.unknown, t.waived, t.error
        )
    });
    let armed = c.history.armed_us;
    let rows = vec![
        ("Pre-flight", checks),
        ("Readiness", review),
        ("Baseline", armed.map_or("the drill was never armed".into(), |at| format!("complete at {}", clock(at)))),
        ("Alerts before the first act", alerts_at(c, armed)),
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
        blocks.push(Block::List(List::new("Checks that did not pass", failed, "")));
    }
    blocks.push(Block::Table(backups(c)));
    Section::new(Key::Preconditions, "Before: preconditions", blocks)
}

/// The alerts that Alertmanager had at an instant.
fn alerts_at(c: &Context<'_>, at: Option<u64>) -> String {
    let Some(at) = at else { return "unknown".into() };
    let mut last = std::collections::BTreeMap::new();
    for point in c.history.alerts.iter().filter(|a| a.at <= at && is_alertmanager(&a.source)) {
        last.insert((&point.name, &point.labels), &point.state);
    }
    let on = last.into_iter().filter(|(_, state)| !state.is_empty());
    let mut names: Vec<String> = on.map(|((name, _), state)| format!("{name} ({state})")).collect();
    names.dedup();
    if names.is_empty() { "none seen in Alertmanager".into() } else { some(&names) }
}

fn backups(c: &Context<'_>) -> Table {
    let rows = c.history.state.results.iter().filter_map(|(step, result)| {
        let StepResult::Backup(made) = result else { return None };
        let held = made.volumes.iter().filter(|v| v.is_captured()).count();
        let unknown = || "unknown".to_owned();
        Some(Row::new([
            format!("{} (step {step})", made.backup),
            some(&made.namespaces),
            made.items.map_or_else(unknown, |n| n.to_string()),
            format!("{held} of {} captured", made.volumes.len()),
            made.completed.map_or_else(unknown, |at| at.to_string()),
            made.expires.map_or_else(unknown, |at| at.to_string()),
        ]))
    });
    let head = ["Backup", "Namespaces", "Objects", "Volumes", "Completed", "Expires"];
    Table::new("Backups of the drill", &head, rows.collect()).or("The drill made no backup.").bounded(20)
}

/// Section 10.
pub(super) fn back(c: &Context<'_>) -> Section {
    let undo = c.story.undo_log.iter().enumerate().map(|(i, u)| {
        Row::new([
            Text::new(Ref::back(i).0),
            u.fault.clone().into(),
            u.target.clone().into(),
            Text::new(u.state.clone()).tone(if is_open(u) { Tone::Bad } else { Tone::Plain }),
            u.at.map_or("–".to_owned(), |at| format!("{at:.1} s")).into(),
            u.evidence.clone().into(),
        ])
        .id(Ref::back(i))
    });
    let head = ["Id", "Fault", "Target", "State", "Observed at", "Evidence"];
    let mut blocks: Vec<Block> = vec![];
    if let Some((picture, table)) = zones(c) {
        let title = "Zones before, during and after".into();
        blocks.push(Block::Figure(Figure { title, picture: Picture::Zones(picture), table }));
    }
    blocks.push(Block::Table(sides(c)));
    blocks.push(Block::Table(
        Table::new("Undo log", &head, undo.collect()).or("Nothing was changed.").bounded(Table::MOST),
    ));
    let open = c.story.undo_log.iter().filter(|u| is_open(u)).take(Table::MOST);
    blocks.extend(open.map(|u| {
        Block::Commands(Commands {
            title: format!("By hand, for {} ({})", u.fault, u.target),
            lines: u.commands.iter().flat_map(|c| c.lines()).map(str::to_owned).collect(),
        })
    }));
    let outside = c.story.changed_outside.iter().map(|l| {
        let remains = if l.remains { " (still changed)" } else { "" };
        Text::new(format!("{:.1} s: {}{remains}", l.at, l.said)).tone(Tone::Warn)
    });
    blocks.push(Block::List(List::new("Changed from outside", outside, "Nothing.")));
    blocks.push(Block::Paragraph(of_outside(c.story).into()));
    let left = c.story.leftovers.iter();
    let left = left.map(|l| format!("{} (expires {}); to remove it: {}", l.what, l.expires, l.remove_with));
    blocks.push(Block::List(List::new("Left behind on purpose", left, "Nothing.")));
    Section::new(Key::ReturnToNormal, "After: return to normal", blocks)
}

fn is_open(u: &UndoLine) -> bool {
    !u.commands.is_empty() || u.state == "OPEN"
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
    let (armed, end) = (c.history.armed_us, c.history.end_us);
    let ready = |at: u64| {
        let of = c.history.nodes.values();
        let on = of.clone().filter(|s| s.at(at) == Some(1)).count();
        format!("{on} of {} Ready", of.len())
    };
    let pods = |at: u64| {
        let of_scope = |ns: &String| c.plan().is_none_or(|p| p.namespaces.contains(ns));
        let all = c.history.ready.iter().filter(|((ns, _), _)| of_scope(ns));
        let sum: i64 = all.filter_map(|(_, s)| s.at(at)).sum();
        format!("{sum} ready")
    };
    let before = |said: &dyn Fn(u64) -> String| armed.map_or("unknown".to_owned(), said);
    let mut rows = vec![
        Row::new(["Nodes".to_owned(), before(&ready), ready(end)]),
        Row::new(["Pods of the scope".to_owned(), before(&pods), pods(end)]),
        Row::new(["Alerts in Alertmanager".to_owned(), alerts_at(c, armed), alerts_at(c, Some(end))]),
    ];
    if let (Some(said), Some(id)) = (gaps::protected(c), reprotection_row(c)) {
        rows.push(Row::new(["Re-protection".to_owned(), "–".into(), said.to_owned()]).id(id));
    }
    Table::new("Before and after", &["Item", "Before the first act", "At the end"], rows)
}
