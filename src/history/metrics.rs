//! A history in the OpenMetrics text format, for a textfile collector or a scrape. Start with [`metrics`].

use std::{collections::BTreeSet, fmt::Write};

use super::{Drilled, Ended, History, Judged, Run, Standing, Status};
use crate::model::{Measure, is_printable};

/// Writes one family of gauges.
pub(super) struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

impl<'a> Family<'a> {
    /// The head of a family. A unit is part of the name, as the format demands.
    pub fn new(out: &'a mut String, name: &'static str, unit: &str, help: &str) -> Self {
        let _ = writeln!(out, "# TYPE {name} gauge");
        if !unit.is_empty() {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(out, "# HELP {name} {}", escape(help));
        Self { out, name }
    }

    /// One sample.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.out, "{}{labels} {value}", self.name);
    }
}

/// Text in a label or a help line. Control characters would be legal there, and drive a terminal that shows the file.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if !is_printable(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The history as gauges.
pub fn metrics(history: &History) -> String {
    let mut out = String::new();
    let mut runs = Family::new(&mut out, "drillmaster_drills", "", "Drills in the folder, by result.");
    for result in Ended::ALL {
        let count = history.counts.get(result.label()).copied().unwrap_or_default();
        runs.sample(&[("result", result.label())], count);
    }
    exercises(history, &mut out);
    passes(history, &mut out);
    recoveries(history, &mut out);
    if let Some(all) = &history.verification {
        let mut status = Family::new(
            &mut out,
            "drillmaster_scenario_verification",
            "",
            "Whether the last pass still counts: 1 for the status that applies.",
        );
        for v in all {
            for is in Status::ALL {
                let labels = [
                    ("scenario", v.scenario.as_str()),
                    ("cluster", &v.cluster),
                    ("cluster_uid", &v.cluster_uid),
                    ("status", is.label()),
                ];
                status.sample(&labels, u8::from(is == v.status));
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

/// Without exercises, there is nothing to count.
fn exercises(history: &History, out: &mut String) {
    if history.exercises.is_empty() && history.rehearsed_exercises.is_empty() {
        return;
    }
    let mut held = Family::new(out, "drillmaster_exercises", "", "Exercises in the folder, by result.");
    for result in Ended::ALL {
        let count = history.exercises.iter().filter(|exercise| exercise.result == result).count();
        held.sample(&[("result", result.label())], count);
    }
    let (open, overdue) = history.open_actions();
    let help = "Actions of all exercises that are still to be done. Overdue ones are open too.";
    let mut actions = Family::new(out, "drillmaster_exercise_actions", "", help);
    actions.sample(&[("state", "open")], open);
    actions.sample(&[("state", "overdue")], overdue);
}

fn labels(row: &Drilled) -> [(&'static str, &str); 3] {
    [("scenario", &row.scenario), ("cluster", &row.cluster), ("cluster_uid", &row.cluster_uid)]
}

fn passes(history: &History, out: &mut String) {
    let mut overdue =
        Family::new(out, "drillmaster_scenario_overdue", "", "Whether the next drill is due. Never run counts as due.");
    for row in &history.scenarios {
        let late = matches!(row.standing, Standing::Overdue | Standing::NeverRun);
        overdue.sample(&labels(row), u8::from(late));
    }
    let mut last = Family::new(
        out,
        "drillmaster_scenario_last_pass_timestamp_seconds",
        "seconds",
        "When the drill that passed last began, in Unix time.",
    );
    for row in &history.scenarios {
        if let Some(at) = row.last_pass.as_ref().and_then(|l| l.at) {
            last.sample(&labels(row), at.as_second());
        }
    }
}

/// The newest measurement of each expectation.
fn recoveries(history: &History, out: &mut String) {
    let mut newest: Vec<(&Run, &Judged, Measure)> = vec![];
    let mut known = BTreeSet::new();
    for run in history.drills.iter().rev() {
        for judged in &run.judgements {
            if let Some(measure) = judged.measured
                && known.insert((run.subject(), &judged.id))
            {
                newest.push((run, judged, measure));
            }
        }
    }
    newest.reverse();
    let mut family = Family::new(
        out,
        "drillmaster_measured_seconds",
        "seconds",
        "The newest measured time of each expectation, at both ends of its error bar, and its objective.",
    );
    for (run, judged, m) in newest {
        for (bound, seconds) in bounds(m) {
            let labels = [
                ("scenario", run.scenario.as_str()),
                ("cluster", &run.cluster),
                ("cluster_uid", &run.cluster_uid),
                ("expectation", &judged.id),
                ("bound", bound),
            ];
            family.sample(&labels, seconds);
        }
    }
}

/// Both ends of an error bar, and the objective, in seconds.
pub(super) fn bounds(m: Measure) -> [(&'static str, f64); 3] {
    [("least", m.least_us), ("most", m.most_us), ("objective", m.objective_us)]
        .map(|(bound, us)| (bound, us as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut out = String::new();
        Family::new(&mut out, "m_seconds", "seconds", "two\nlines").sample(&[("a", "x\"} 1\ny\u{1b}[2J\\")], 1);
        assert_eq!(
            out,
            "# TYPE m_seconds gauge\n# UNIT m_seconds seconds\n# HELP m_seconds two\\nlines\nm_seconds{a=\"x\\\"} 1\\ny\u{fffd}[2J\\\\\"} 1\n"
        );
    }
}
