//! The timeline: planned, predicted, actual and not executed, on the clock of the drill and on the wall; and what
//! deviated from the plan.

use jiff::{SignedDuration, Timestamp};

use super::{
    Block, Figure, Key, List, Row, Section, Table, Text, Tone,
    context::{Context, clock, short},
    pictures::{Picture, time_axis},
};
use crate::{event::StepEnd, report::StepLine, verdict::own_time};

/// One row, before it is sorted.
struct Entry {
    at_us: Option<u64>,
    sort: Sort,
    what: String,
    result: Text,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Step,
    NotExecuted,
    Measured,
    Predicted,
    Outside,
    Undo,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::NotExecuted => "not executed",
            Self::Measured => "measured",
            Self::Predicted => "predicted",
            Self::Outside => "from outside",
            Self::Undo => "undo",
        }
    }
}

/// Section 7.
pub(super) fn section(c: &Context<'_>) -> Section {
    let (axis, _) = time_axis(c);
    let mut all = entries(c);
    all.sort_by_key(|e| (e.at_us.is_none(), e.at_us));
    let rows = all.into_iter().map(|e| {
        Row::new([
            e.at_us.map_or("–".into(), clock).into(),
            wall(c, e.at_us).into(),
            Text::new(e.sort.word()),
            Text::new(e.what),
            e.result,
        ])
    });
    let head = ["At", "UTC", "Kind", "What", "Result"];
    let events = Table::new("Events in order", &head, rows.collect()).or("Nothing happened.").bounded(Table::MOST);
    // The numbers of the picture are long: they stand in the annex.
    let table = Table { note: "The numbers of this picture are in the annex.".into(), ..Table::default() };
    let figure = Figure { title: "The run on one time axis".into(), picture: Picture::TimeAxis(axis), table };
    Section::new(Key::Timeline, "Timeline", vec![Block::Table(events), Block::Figure(figure)])
}

fn wall(c: &Context<'_>, at_us: Option<u64>) -> String {
    let wall = || -> Option<Timestamp> {
        c.history.zero?.checked_add(SignedDuration::from_micros(i64::try_from(at_us?).ok()?)).ok()
    };
    wall().map_or_else(|| "–".into(), |at| at.strftime("%H:%M:%S").to_string())
}

fn entries(c: &Context<'_>) -> Vec<Entry> {
    let mut all: Vec<Entry> = c.story.steps.iter().map(step).collect();
    let planned = c.plan().map(|p| p.steps.as_slice()).unwrap_or_default();
    let started = |name: &str| c.story.steps.iter().any(|s| s.name == name);
    all.extend(planned.iter().filter(|s| !started(&s.name.0)).map(|s| Entry {
        at_us: None,
        sort: Sort::NotExecuted,
        what: format!("{} ({})", short(&s.name.0, 80), s.word()),
        result: Text::new("planned, not executed").tone(Tone::Warn),
    }));
    for r in &c.story.recoveries {
        let of = crate::model::StepName::from(r.of.as_str());
        let Some(t0) = c.history.state.t0(&of) else { continue };
        all.extend(r.phases.iter().map(|p| Entry {
            at_us: Some(t0 + p.at_us),
            sort: Sort::Measured,
            what: format!("{}: {}", r.probe, p.name),
            result: Text::new(format!("{} after {}", clock(p.at_us), r.of)),
        }));
    }
    for p in &c.story.compared {
        let Some((t0, _)) = own_time(c.history, &p.prediction.of) else { continue };
        let (from, to) = (p.prediction.from, p.prediction.to);
        all.push(Entry {
            at_us: Some(t0 + from.micros()),
            sort: Sort::Predicted,
            what: p.prediction.what.clone(),
            result: Text::new(format!("predicted {from} to {to} after {}", p.prediction.of)).tone(Tone::Soft),
        });
    }
    all.extend(c.story.changed_outside.iter().map(|l| Entry {
        at_us: Some(l.change.seen_us),
        sort: Sort::Outside,
        what: l.said.clone(),
        result: Text::new(if l.remains { "still changed" } else { "has its earlier state again" }).tone(Tone::Warn),
    }));
    all.extend(undone(c));
    all
}

fn step(s: &StepLine) -> Entry {
    let took = s.seconds.map_or_else(String::new, |t| format!(" in {t:.1} s"));
    let (word, tone) = match s.end {
        Some(StepEnd::Done) => ("done", Tone::Plain),
        Some(StepEnd::NotRun) => ("not run", Tone::Soft),
        Some(StepEnd::Refused) => ("REFUSED", Tone::Bad),
        Some(StepEnd::Interrupted) => ("interrupted", Tone::Warn),
        Some(StepEnd::Failed | StepEnd::Panicked) => ("FAILED", Tone::Bad),
        None => ("did not end", Tone::Bad),
    };
    let sort = if s.end == Some(StepEnd::NotRun) { Sort::NotExecuted } else { Sort::Step };
    Entry {
        at_us: Some((s.at * 1e6) as u64),
        sort,
        what: format!("{} ({})", s.name, s.verb),
        result: Text::new(format!("{word}{took}: {}", short(&s.detail, 200))).tone(tone),
    }
}

/// The first and the last undo. The section Return to normal has all of them.
fn undone(c: &Context<'_>) -> Vec<Entry> {
    let closed = c.history.state.faults.iter().filter_map(|f| Some((f.closed.as_ref()?.0, f.target.as_str())));
    let began = c.history.reverts.iter().min_by_key(|(at, _)| *at);
    let last = closed.max_by_key(|(at, _)| *at);
    let first = began.map(|(at, fault)| Entry {
        at_us: Some(*at),
        sort: Sort::Undo,
        what: "the first undo began".into(),
        result: Text::new(fault.0.clone()),
    });
    let last = last.map(|(at, target)| Entry {
        at_us: Some(at),
        sort: Sort::Undo,
        what: "the last undo was confirmed".into(),
        result: Text::new(target.to_owned()),
    });
    first.into_iter().chain(last).collect()
}

/// Section 11.
pub(super) fn deviations(c: &Context<'_>) -> Section {
    let s = c.story;
    let blocks = vec![
        Block::List(List::new("Deviations", s.deviations.iter().cloned(), "None.")),
        Block::List(List::new("Times without observation", s.blind.iter().cloned(), "None.")),
        Block::List(List::new("Unexpected alerts", s.unexpected_alerts.iter().cloned(), "None.")),
    ];
    Section::new(Key::Deviations, "Deviations and incidents", blocks)
}
