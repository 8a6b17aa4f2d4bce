//! The verdict on each expectation, and what was measured.

use super::{
    Block, Figure, Key, Rest, Row, Section, Table, Text, Tone,
    context::{Context, at_most, clock, outcome},
    findings::{FAULTS, every},
    pictures::{Picture, Predictions, Waterfall},
};
use crate::{
    model::Expectation,
    report::{Compared, Recovery},
};

/// At most this many recoveries have a picture.
const PICTURES: usize = 6;

/// Section 9.
pub(super) fn verdicts(c: &Context<'_>) -> Section {
    let rows = c.judged.iter().map(|j| {
        Row::new([
            Text::new(j.id().0),
            outcome(j.of.outcome),
            Text::new(j.of.expectation.clone()),
            Text::new(j.of.of.clone().unwrap_or_else(|| "–".into())),
            Text::new(j.of.because.to_string()),
        ])
        .id(j.id())
    });
    let head = ["Id", "Result", "Expectation", "Fault", "Because"];
    let mut blocks = vec![];
    if let Some(words) = &c.story.other_rules {
        blocks.push(Block::Paragraph(Text::new(words.clone()).tone(Tone::Warn)));
    }
    if c.places.judged.is_none() && !c.judged.is_empty() {
        let said =
            "The journal has no verdict. These are the results of what it shows so far, by the rules of this version.";
        blocks.push(Block::Paragraph(Text::new(said).tone(Tone::Warn)));
    }
    blocks.push(Block::Table(Table::new("", &head, rows.collect()).or("Nothing was judged.").bounded(Table::MOST)));
    Section::new(Key::Verdicts, "Verdict by expectation", blocks)
}

/// Section 8.
pub(super) fn measurements(c: &Context<'_>) -> Section {
    let mut blocks: Vec<Block> =
        c.story.recoveries.iter().take(PICTURES).map(|r| Block::Figure(waterfall(c, r))).collect();
    if c.story.recoveries.is_empty() {
        blocks.push(Block::Paragraph("No recovery of a service was measured.".into()));
    }
    if c.story.recoveries.len() > PICTURES {
        let more = c.story.recoveries.len() - PICTURES;
        blocks.push(Block::Paragraph(format!("{more} more recoveries are in report.json.").into()));
    }
    if !c.story.compared.is_empty() {
        blocks.push(Block::Figure(predictions(c)));
    }
    blocks.push(Block::Table(probes(c)));
    blocks.push(Block::Table(workloads(c)));
    Section::new(Key::Measurements, "Measured results", blocks)
}

fn waterfall(c: &Context<'_>, r: &Recovery) -> Figure {
    let objective = c.judged.iter().find_map(|j| match j.expectation {
        Some(Expectation::Service(e)) if e.probe == r.probe => {
            let of = c.history.fault_step(e.of.as_ref())?;
            (of.0 == r.of).then_some(e.rto?.micros())
        }
        _ => None,
    });
    let before = std::iter::once(0).chain(r.phases.iter().map(|p| p.at_us));
    let spans: Vec<(String, u64, u64)> =
        before.zip(&r.phases).map(|(from, p)| (p.name.to_string(), from, p.at_us)).collect();
    let mut rows: Vec<Row> = spans
        .iter()
        .map(|(name, from, to)| Row::new([name.clone(), clock(*from), clock(*to), clock(to - from)]))
        .collect();
    if let Some(objective) = objective {
        rows.push(Row::new(["objective".to_owned(), "–".into(), clock(objective), "–".into()]));
    }
    Figure {
        title: format!("Recovery of {} after {}", r.probe, r.of),
        picture: Picture::Waterfall(Waterfall { phases: spans, objective_us: objective }),
        table: Table::new("", &["Until", "From", "To", "Took"], rows),
    }
}

/// The name of a prediction, with the number that the picture has room for.
fn name(i: usize, p: &Compared) -> String {
    format!("{}. {} ({})", i + 1, p.prediction.what, p.prediction.of)
}

fn predictions(c: &Context<'_>) -> Figure {
    let named = || c.story.compared.iter().enumerate().map(|(i, p)| (name(i, p), p));
    let rows = named().map(|(name, p)| {
        let measured = match p.measured {
            Some((first, last)) if (last - first).abs() < 0.05 => format!("{last:.1} s"),
            Some((first, last)) => format!("{first:.1} s to {last:.1} s"),
            None => "not measured".into(),
        };
        // The comparison repeats the measurement before its first comma.
        let said = match (p.late, p.said.trim_start_matches("; ")) {
            (_, "") => "nothing to compare it with",
            (Some(_), said) => said.split_once(", ").map_or(said, |(_, rest)| rest),
            (None, said) => said,
        };
        let predicted = format!("{} to {}", p.prediction.from, p.prediction.to);
        Row::new([name, predicted, measured, said.to_owned()])
    });
    let head = ["Prediction", "Predicted, after the fault", "Measured", "Comparison"];
    Figure {
        title: "Prediction and measurement".into(),
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
        table: Table::new("", &head, rows.collect()).bounded(Table::MOST),
    }
}

/// Why each phase was predicted, for the annex.
pub(super) fn reasons(c: &Context<'_>) -> Option<Table> {
    let all = c.story.compared.iter().enumerate();
    let rows: Vec<Row> = all.map(|(i, p)| Row::new([name(i, p), p.prediction.because.clone()])).collect();
    (!rows.is_empty()).then(|| Table::new("Why it was predicted", &["Prediction", "Reason"], rows).bounded(Table::MOST))
}

/// A strength, if every predicted phase was measured within its bounds.
pub(super) fn predicted_well(c: &Context<'_>) -> Option<(String, Text)> {
    let compared = c.story.compared.iter().filter(|p| p.prediction.phase.is_some());
    let all: Vec<&Compared> = compared.collect();
    if all.is_empty() || !all.iter().all(|p| p.late == Some(0.0)) {
        return None;
    }
    let said = format!("All {} predicted phases came within their bounds.", all.len());
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
    let head = ["Probe", "Samples", "Failed", "Not counted (no network here)", "Longest time between samples of a row"];
    Table::new("Probes", &head, rows.collect()).or("The scenario has no probes.").bounded(50)
}

fn workloads(c: &Context<'_>) -> Table {
    let armed = c.history.armed_us.unwrap_or(0);
    let in_scope = |namespace: &String| c.plan().is_none_or(|p| p.namespaces.contains(namespace));
    let rows = c.history.ready.iter().filter(|((namespace, _), _)| in_scope(namespace)).map(|((ns, name), series)| {
        let value = |v: Option<i64>| v.map_or("unknown".to_owned(), |v| v.to_string());
        Row::new([
            format!("{ns}/{name}"),
            value(series.at(armed)),
            value(series.min(armed, c.history.end_us)),
            value(series.at(c.history.end_us)),
        ])
    });
    let head = ["Workload", "Ready before", "Fewest", "Ready at the end"];
    Table::new("Ready pods", &head, rows.collect()).or("No workload of the scope was seen.").bounded(50)
}
