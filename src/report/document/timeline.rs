//! The timeline: planned, predicted, actual and not executed, on the clock of the drill and on the wall; and what
//! deviated from the plan.

use jiff::{SignedDuration, Timestamp};

use super::{
    Block, Figure, Key, List, Row, Section, Table, Text, Tone,
    context::{Context, clock, milestone, short},
    pictures::{Picture, time_axis},
};
use crate::{
    event::StepEnd,
    report::{
        StepLine,
        words::{Word, Words, head, say, timeline as w},
    },
    verdict::own_time,
};

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
    fn word(self) -> Word {
        match self {
            Self::Step => w::STEP,
            Self::NotExecuted => w::NOT_EXECUTED,
            Self::Measured => w::MEASURED,
            Self::Predicted => w::PREDICTED,
            Self::Outside => w::OUTSIDE,
            Self::Undo => w::UNDO,
        }
    }
}

/// Section 7.
pub(super) fn section(c: &Context<'_>) -> Section {
    let words = c.words;
    let (axis, _) = time_axis(c);
    let mut all = entries(c);
    all.sort_by_key(|e| (e.at_us.is_none(), e.at_us));
    let rows = all.into_iter().map(|e| {
        Row::new([
            e.at_us.map_or("–".into(), clock).into(),
            wall(c, e.at_us).into(),
            Text::new(say!(words, e.sort.word())),
            Text::new(e.what),
            e.result,
        ])
    });
    let head = head!(words, w::AT, w::UTC, w::KIND, w::WHAT, w::RESULT);
    let events = Table::new(say!(words, w::EVENTS), head, rows.collect());
    let events = events.or(say!(words, w::NOTHING)).bounded(words, Table::MOST);
    // The numbers of the picture are long: they stand in the annex.
    let table = Table { note: say!(words, w::NUMBERS_IN_ANNEX), ..Table::default() };
    let figure = Figure { title: say!(words, w::AXIS), picture: Picture::TimeAxis(axis), table };
    Section::new(Key::Timeline, say!(words, w::TIMELINE), vec![Block::Table(events), Block::Figure(figure)])
}

fn wall(c: &Context<'_>, at_us: Option<u64>) -> String {
    let wall = || -> Option<Timestamp> {
        c.history.zero?.checked_add(SignedDuration::from_micros(i64::try_from(at_us?).ok()?)).ok()
    };
    wall().map_or_else(|| "–".into(), |at| at.strftime("%H:%M:%S").to_string())
}

fn entries(c: &Context<'_>) -> Vec<Entry> {
    let words = c.words;
    let mut all: Vec<Entry> = c.story.steps.iter().map(|s| step(words, s)).collect();
    let planned = c.plan().map(|p| p.steps.as_slice()).unwrap_or_default();
    let started = |name: &str| c.story.steps.iter().any(|s| s.name == name);
    all.extend(planned.iter().filter(|s| !started(&s.name.0)).map(|s| Entry {
        at_us: None,
        sort: Sort::NotExecuted,
        what: format!("{} ({})", short(&s.name.0, 80), s.word()),
        result: Text::new(say!(words, w::PLANNED_NOT_EXECUTED)).tone(Tone::Warn),
    }));
    for r in &c.story.recoveries {
        let of = crate::model::StepName::from(r.of.as_str());
        let Some(t0) = c.history.state.t0(&of) else { continue };
        all.extend(r.phases.iter().map(|p| Entry {
            at_us: Some(t0 + p.at_us),
            sort: Sort::Measured,
            what: format!("{}: {}", r.probe, milestone(words, p.name)),
            result: Text::new(say!(words, w::AFTER, clock(p.at_us), r.of)),
        }));
    }
    for p in &c.story.compared {
        let Some((t0, _)) = own_time(c.history, &p.prediction.of) else { continue };
        let (from, to) = (p.prediction.from, p.prediction.to);
        all.push(Entry {
            at_us: Some(t0 + from.micros()),
            sort: Sort::Predicted,
            what: p.prediction.what.clone(),
            result: Text::new(say!(words, w::PREDICTED_AFTER, from, to, p.prediction.of)).tone(Tone::Soft),
        });
    }
    all.extend(c.story.changed_outside.iter().map(|l| Entry {
        at_us: Some(l.change.seen_us),
        sort: Sort::Outside,
        what: l.said.clone(),
        result: Text::new(say!(words, if l.remains { w::STILL_CHANGED } else { w::AS_BEFORE })).tone(Tone::Warn),
    }));
    all.extend(undone(c));
    all
}

fn step(words: &Words, s: &StepLine) -> Entry {
    let took = s.seconds.map_or_else(String::new, |t| say!(words, w::TOOK, format!("{t:.1}")));
    let (word, tone) = match s.end {
        Some(StepEnd::Done) => (w::DONE, Tone::Plain),
        Some(StepEnd::NotRun) => (w::NOT_RUN, Tone::Soft),
        Some(StepEnd::Refused) => (w::REFUSED, Tone::Bad),
        Some(StepEnd::Interrupted) => (w::INTERRUPTED, Tone::Warn),
        Some(StepEnd::Failed | StepEnd::Panicked) => (w::FAILED, Tone::Bad),
        None => (w::NO_END, Tone::Bad),
    };
    let sort = if s.end == Some(StepEnd::NotRun) { Sort::NotExecuted } else { Sort::Step };
    Entry {
        at_us: Some((s.at * 1e6) as u64),
        sort,
        what: format!("{} ({})", s.name, s.verb),
        result: Text::new(say!(words, word, took, short(&s.detail, 200))).tone(tone),
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
        what: say!(c.words, w::FIRST_UNDO),
        result: Text::new(fault.0.clone()),
    });
    let last = last.map(|(at, target)| Entry {
        at_us: Some(at),
        sort: Sort::Undo,
        what: say!(c.words, w::LAST_UNDO),
        result: Text::new(target.to_owned()),
    });
    first.into_iter().chain(last).collect()
}

/// Section 11.
pub(super) fn deviations(c: &Context<'_>) -> Section {
    let (s, words) = (c.story, c.words);
    let list = |title: Word, items: &[String]| {
        Block::List(List::new(words, say!(words, title), items.iter().cloned(), say!(words, w::NONE)))
    };
    let blocks =
        vec![list(w::DEVIATIONS, &s.deviations), list(w::UNSEEN, &s.blind), list(w::UNEXPECTED, &s.unexpected_alerts)];
    Section::new(Key::Deviations, say!(words, w::DEVIATIONS_SECTION), blocks)
}
