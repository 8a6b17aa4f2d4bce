//! The verdict on each expectation, and what was measured.

use super::{
    Block, Figure, Key, Rest, Row, Section, Table, Text, Tone,
    context::{Context, at_most, clock, milestone, outcome},
    findings::{FAULTS, every},
    pictures::{Picture, Predictions, Waterfall},
};
use crate::{
    model::Expectation,
    report::{
        Compared, Recovery,
        words::{frame, head, results as w, say},
    },
};

/// At most this many recoveries have a picture.
const PICTURES: usize = 6;

/// Section 9.
pub(super) fn verdicts(c: &Context<'_>) -> Section {
    let words = c.words;
    let rows = c.judged.iter().map(|j| {
        Row::new([
            Text::new(j.id().0),
            outcome(words, j.of.outcome),
            Text::new(j.of.expectation.clone()),
            Text::new(j.of.of.clone().unwrap_or_else(|| "–".into())),
            Text::new(j.of.because.to_string()),
        ])
        .id(j.id())
    });
    let head = head!(words, w::ID, w::RESULT, w::EXPECTATION, w::FAULT, w::BECAUSE);
    let mut blocks = vec![];
    if let Some(said) = &c.story.other_rules {
        blocks.push(Block::Paragraph(Text::new(said.clone()).tone(Tone::Warn)));
    }
    if c.places.judged.is_none() && !c.judged.is_empty() {
        blocks.push(Block::Paragraph(Text::new(say!(words, w::NO_VERDICT)).tone(Tone::Warn)));
    }
    let table = Table::new("", head, rows.collect()).or(say!(words, w::NOTHING_JUDGED)).bounded(words, Table::MOST);
    blocks.push(Block::Table(table));
    Section::new(Key::Verdicts, say!(words, w::VERDICTS), blocks)
}

/// Section 8.
pub(super) fn measurements(c: &Context<'_>) -> Section {
    let words = c.words;
    let mut blocks: Vec<Block> =
        c.story.recoveries.iter().take(PICTURES).map(|r| Block::Figure(waterfall(c, r))).collect();
    if c.story.recoveries.is_empty() {
        blocks.push(Block::Paragraph(say!(words, w::NO_RECOVERY).into()));
    }
    if c.story.recoveries.len() > PICTURES {
        let more = c.story.recoveries.len() - PICTURES;
        blocks.push(Block::Paragraph(say!(words, w::MORE_RECOVERIES, more).into()));
    }
    if !c.story.compared.is_empty() {
        blocks.push(Block::Figure(predictions(c)));
    }
    if let Some((picture, table)) = super::pictures::trend(c) {
        let title = say!(words, w::TREND);
        blocks.push(Block::Figure(Figure { title, picture: Picture::Trend(picture), table }));
    }
    blocks.push(Block::Table(probes(c)));
    blocks.push(Block::Table(workloads(c)));
    Section::new(Key::Measurements, say!(words, w::MEASUREMENTS), blocks)
}

fn waterfall(c: &Context<'_>, r: &Recovery) -> Figure {
    let objective = c.judged.iter().find_map(|j| match j.expectation {
        Some(Expectation::Service(e)) if e.probe == r.probe => {
            let of = c.history.fault_step(e.of.as_ref())?;
            (of.0 == r.of).then_some(e.rto?.micros())
        }
        _ => None,
    });
    let words = c.words;
    let before = std::iter::once(0).chain(r.phases.iter().map(|p| p.at_us));
    let spans: Vec<(String, u64, u64)> =
        before.zip(&r.phases).map(|(from, p)| (milestone(c.words, p.name), from, p.at_us)).collect();
    let mut rows: Vec<Row> = spans
        .iter()
        .map(|(name, from, to)| Row::new([name.clone(), clock(*from), clock(*to), clock(to - from)]))
        .collect();
    if let Some(objective) = objective {
        rows.push(Row::new([say!(words, w::OBJECTIVE), "–".into(), clock(objective), "–".into()]));
    }
    Figure {
        title: say!(words, w::RECOVERY, r.probe, r.of),
        picture: Picture::Waterfall(Waterfall { phases: spans, objective_us: objective }),
        table: Table::new("", head!(words, w::UNTIL, w::FROM, w::TO, w::TOOK), rows),
    }
}

/// The name of a prediction, with the number that the picture has room for.
fn name(i: usize, p: &Compared) -> String {
    format!("{}. {} ({})", i + 1, p.prediction.what, p.prediction.of)
}

fn predictions(c: &Context<'_>) -> Figure {
    let words = c.words;
    let named = || c.story.compared.iter().enumerate().map(|(i, p)| (name(i, p), p));
    let rows = named().map(|(name, p)| {
        let measured = match p.measured {
            Some((first, last)) if (last - first).abs() < 0.05 => format!("{last:.1} s"),
            Some((first, last)) => say!(words, w::FROM_TO, format!("{first:.1} s"), format!("{last:.1} s")),
            None => say!(words, w::NOT_MEASURED),
        };
        // The comparison repeats the measurement before its first comma.
        let said = match (p.late, p.said.trim_start_matches("; ")) {
            (_, "") => say!(words, w::NOTHING_TO_COMPARE),
            (Some(_), said) => said.split_once(", ").map_or(said, |(_, rest)| rest).to_owned(),
            (None, said) => said.to_owned(),
        };
        let predicted = say!(words, w::FROM_TO, p.prediction.from, p.prediction.to);
        Row::new([name, predicted, measured, said])
    });
    let head = head!(words, w::PREDICTION, w::PREDICTED, w::MEASURED, w::COMPARISON);
    Figure {
        title: say!(words, w::PREDICTIONS),
        picture: Picture::Predictions(Predictions {
            rows: named()
                .take(Table::MOST)
                .map(|(name, p)| super::pictures::Predicted {
                    name,
                    from_us: p.prediction.from.micros(),
                    to_us: p.prediction.to.micros(),
                    measured_us: p.measured.map(|(a, b)| ((a.max(0.0) * 1e6) as u64, (b.max(0.0) * 1e6) as u64)),
                })
                .collect(),
        }),
        table: Table::new("", head, rows.collect()).bounded(words, Table::MOST),
    }
}

/// Why each phase was predicted, for the annex.
pub(super) fn reasons(c: &Context<'_>) -> Option<Table> {
    let all = c.story.compared.iter().enumerate();
    let rows: Vec<Row> = all.map(|(i, p)| Row::new([name(i, p), p.prediction.because.clone()])).collect();
    let words = c.words;
    let head = head!(words, w::PREDICTION, w::REASON);
    (!rows.is_empty()).then(|| Table::new(say!(words, w::WHY_PREDICTED), head, rows).bounded(words, Table::MOST))
}

/// A strength, if every predicted phase was measured within its bounds.
pub(super) fn predicted_well(c: &Context<'_>) -> Option<(String, Text)> {
    let compared = c.story.compared.iter().filter(|p| p.prediction.phase.is_some());
    let all: Vec<&Compared> = compared.collect();
    if all.is_empty() || !all.iter().all(|p| p.late == Some(0.0)) {
        return None;
    }
    let said = say!(c.words, crate::report::words::strengths::PREDICTED_WELL, all.len());
    let kinds = ["NodeSeen", "NodeGone", "PodSeen", "PodGone", "ProbeSegment", "MachineReturned", "ChangedOutside"];
    let text = Text::new(said).rests(every(&kinds)).rests(every(&FAULTS)).rests(c.base());
    Some(("predictions".into(), text.rests(c.places.first_act.map(Rest::Event))))
}

fn probes(c: &Context<'_>) -> Table {
    let rows = c.history.probes.iter().map(|(probe, runs)| {
        let count = |keep: &dyn Fn(&crate::event::ProbeRun) -> bool| -> u64 {
            runs.iter().filter(|r| keep(r)).map(|r| u64::from(r.n)).sum()
        };
        let unseen = runs.iter().map(|r| r.longest_unseen_us).max().unwrap_or(0);
        Row::new([
            probe.clone(),
            count(&|_| true).to_string(),
            count(&|r| !r.ok && !r.lost).to_string(),
            count(&|r| r.lost).to_string(),
            at_most(unseen),
        ])
    });
    let words = c.words;
    let head = head!(words, w::PROBE, w::SAMPLES, w::FAILED, w::NOT_COUNTED, w::LONGEST);
    Table::new(say!(words, w::PROBES), head, rows.collect()).or(say!(words, w::NO_PROBES)).bounded(words, 50)
}

fn workloads(c: &Context<'_>) -> Table {
    let words = c.words;
    let armed = c.history.armed_us.unwrap_or(0);
    let in_scope = |namespace: &String| c.plan().is_none_or(|p| p.namespaces.contains(namespace));
    let rows = c.history.ready.iter().filter(|((namespace, _), _)| in_scope(namespace)).map(|((ns, name), series)| {
        let value = |v: Option<i64>| v.map_or_else(|| say!(words, frame::UNKNOWN), |v| v.to_string());
        Row::new([
            format!("{ns}/{name}"),
            value(series.at(armed)),
            value(series.min(armed, c.history.end_us)),
            value(series.at(c.history.end_us)),
        ])
    });
    let head = head!(words, w::WORKLOAD, w::READY_BEFORE, w::FEWEST, w::READY_AFTER);
    Table::new(say!(words, w::READY_PODS), head, rows.collect()).or(say!(words, w::NO_WORKLOAD)).bounded(words, 50)
}
