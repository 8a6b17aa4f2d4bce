//! The trends: each measured time of a scenario on a cluster, over its drills.

use std::collections::BTreeMap;

use super::{
    chart::{Point, chart},
    index_page::{link, result},
    page::{Cell, Page, Sheet},
};
use crate::{
    history::{
        History, Run,
        differs::{bar, objective},
    },
    model::{Measure, Measured},
};

/// A chart shows at most this many drills, the newest ones. The table has all of them.
const SHOWN: usize = 60;

/// A measured time of a drill: the drill, the expectation, the time.
type Timed<'a> = (&'a Run, &'a str, Measure);

/// The trends.
pub fn trends(history: &History) -> Page {
    // By scenario, cluster, kind of time and expectation.
    let mut found: BTreeMap<(&str, &str, u8, &str), Vec<Timed<'_>>> = BTreeMap::new();
    for run in &history.drills {
        for judged in &run.judgements {
            let Some(measure) = judged.measured else { continue };
            let key = (run.scenario.as_str(), run.cluster_uid.as_str(), rank(measure.of), judged.id.as_str());
            found.entry(key).or_default().push((run, &judged.expectation, measure));
        }
    }
    let sheets: Vec<Sheet> = found.into_values().map(|points| sheet(&points)).collect();
    let sections = if sheets.is_empty() {
        let none = Sheet::default().notes(["No drill measured a time.".to_owned()]);
        vec![("trends", "Trends".to_owned(), vec![none])]
    } else {
        vec![("trends", "Measured times".to_owned(), sheets)]
    };
    Page {
        title: "Trends".into(),
        line: format!("as of {} UTC", history.as_of.strftime("%Y-%m-%d")),
        links: vec![("index.html", "All drills")],
        sections,
    }
}

/// The objectives of services and data come first.
fn rank(of: Measured) -> u8 {
    match of {
        Measured::Recovery => 0,
        Measured::Loss => 1,
        Measured::Ready => 2,
        Measured::Protection => 3,
        Measured::Alert => 4,
    }
}

fn sheet(points: &[(&Run, &str, Measure)]) -> Sheet {
    let Some((run, expectation, measure)) = points.last() else { return Sheet::default() };
    let word = match measure.of {
        Measured::Recovery => "RTO",
        Measured::Loss => "RPO",
        Measured::Ready => "time until Ready",
        Measured::Protection => "time until a new backup",
        Measured::Alert => "time until the alert",
    };
    let title = format!("{} on {}: {expectation}", run.scenario, run.cluster);
    let rows = points.iter().rev().map(|(run, _, m)| {
        vec![Cell::text(run.date()), Cell::text(bar(*m)), Cell::text(objective(*m)), result(run.result), link(run)]
    });
    let head = ["Began (UTC)", "Measured", "Objective", "Result", "Run"];
    let drawn: Vec<Point> = points[points.len().saturating_sub(SHOWN)..]
        .iter()
        .map(|(run, _, m)| Point {
            date: run.date().split(' ').next().unwrap_or_default().to_owned(),
            run: run.dir.clone(),
            result: run.result,
            measure: *m,
        })
        .collect();
    let mut notes = vec![];
    if points.len() > SHOWN {
        notes.push(format!("The picture shows the newest {SHOWN} of {} drills.", points.len()));
    }
    Sheet::new(&head, rows.collect()).titled(title).picture(chart(&drawn, word)).notes(notes)
}
