//! The results of the defects: a row for each expectation and each defect, as Markdown for people and as JSON; and the
//! exit code.

use std::fmt::Write;

use serde::Serialize;

use super::{Attacks, Defect, Setting};
use crate::{
    model::{Exit, Judgement, Outcome, REHEARSAL, RunVerdict},
    sim::Happening,
    verdict::{RULES, TOOL},
};

/// What happened to an expectation with a defect.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum DefectResult {
    /// It was judged.
    #[serde(rename_all = "camelCase")]
    Judged {
        /// The verdict.
        verdict: Outcome,
        /// Why.
        because: String,
        /// The parts of the proof that were missing.
        missing: Vec<String>,
    },
    /// The defect was not planted, and does not count.
    #[serde(rename_all = "camelCase")]
    NotPlanted {
        /// Why not.
        #[serde(rename = "notPlanted")]
        why: String,
    },
}

impl DefectResult {
    pub(super) fn judged(judged: &Judgement) -> Self {
        let missing = judged.parts.iter().filter(|p| p.shown == Some(false)).map(|p| p.part.clone());
        let mut missing: Vec<String> = missing.collect();
        missing.sort_unstable();
        missing.dedup();
        Self::Judged { verdict: judged.outcome, because: judged.because.to_string(), missing }
    }

    /// Whether the defect was noticed.
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Judged { verdict: Outcome::Fail | Outcome::Inconclusive, .. })
    }

    /// Whether the expectation passed in spite of the defect.
    pub fn is_green(&self) -> bool {
        matches!(self, Self::Judged { verdict: Outcome::Pass, .. })
    }
}

/// One expectation with one defect.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The number of the expectation in the scenario, counted from 0.
    #[serde(skip)]
    number: usize,
    /// The expectation, in one line.
    pub expectation: String,
    /// What goes wrong.
    pub defect: String,
    /// The part of the proof that the defect attacks.
    pub attacks: Attacks,
    /// What happened to the expectation.
    #[serde(flatten)]
    pub found: DefectResult,
    /// What was added to the cluster's `happens:`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub happens: Vec<Happening>,
}

impl Row {
    pub(super) fn new(number: usize, judged: &Judgement, defect: &Defect, found: DefectResult) -> Self {
        let happens = defect.happens.clone().unwrap_or_default();
        Self {
            number,
            expectation: title(judged),
            defect: defect.name.clone(),
            attacks: defect.attacks,
            found,
            happens,
        }
    }
}

fn title(judged: &Judgement) -> String {
    let of = judged.of.as_ref().map(|of| format!(" [{of}]")).unwrap_or_default();
    format!("{}{of}", judged.expectation)
}

/// All rows of a scenario.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    note: &'static str,
    tool: &'static str,
    rules: u32,
    scenario: String,
    scenario_hash: String,
    cluster: String,
    /// The rows, in the order of the expectations.
    pub rows: Vec<Row>,
    /// Expectations that passed under a defect.
    pub green: Vec<String>,
    /// Expectations for which no defect was planted.
    pub unproven: Vec<String>,
}

impl Table {
    pub(super) fn new(setting: &Setting<'_>, base: &RunVerdict, rows: Vec<Row>) -> Self {
        let asked = setting.scenario.expect.len();
        let of =
            |number: usize, is: &dyn Fn(&DefectResult) -> bool| rows.iter().any(|r| r.number == number && is(&r.found));
        let those = |is: &dyn Fn(usize) -> bool| -> Vec<String> {
            base.judgements.iter().take(asked).enumerate().filter(|(n, _)| is(*n)).map(|(_, j)| title(j)).collect()
        };
        let green = those(&|number| of(number, &DefectResult::is_green));
        let unproven = those(&|number| !of(number, &DefectResult::is_green) && !of(number, &DefectResult::is_red));
        Self {
            note: REHEARSAL,
            tool: TOOL,
            rules: RULES,
            scenario: setting.scenario.metadata.name.clone(),
            scenario_hash: setting.hash.to_owned(),
            cluster: setting.description.name().to_owned(),
            rows,
            green,
            unproven,
        }
    }

    /// 1 if an expectation passed with a defect, 4 if no defect could be planted for an expectation.
    pub fn exit(&self) -> Exit {
        if !self.green.is_empty() {
            Exit::Failed
        } else if !self.unproven.is_empty() {
            Exit::Inconclusive
        } else {
            Exit::Passed
        }
    }

    /// The rows as a table.
    pub fn markdown(&self) -> String {
        let mut out = String::from(
            "| expectation | defect | attacks | verdict | missing in the proof |\n|---|---|---|---|---|\n",
        );
        let mut last = None;
        for row in &self.rows {
            // An expectation is named only in its first row.
            let name = if last == Some(row.number) { "" } else { &row.expectation };
            last = Some(row.number);
            let (verdict, missing) = match &row.found {
                DefectResult::Judged { verdict, missing, .. } => (verdict.to_string(), missing.join(", ")),
                DefectResult::NotPlanted { why } => (format!("not planted: {why}"), String::new()),
            };
            let cells = [name, &row.defect, &row.attacks.to_string(), &verdict, &missing].map(cell);
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out
    }

    /// The conclusion in one line.
    pub fn conclusion(&self) -> &'static str {
        match self.exit() {
            Exit::Passed => "proven: every planted defect kept its expectation from passing",
            Exit::Inconclusive => "not proven: for some expectation, no defect could be planted",
            _ => "not proven: an expectation passed with a defect; either its verdict or the scenario is wrong",
        }
    }

    /// What is wrong, one line each, with the reason that the verdict gave.
    pub fn summary(&self) -> Vec<String> {
        let green = self.rows.iter().filter_map(|row| match &row.found {
            DefectResult::Judged { verdict: Outcome::Pass, because, .. } => {
                Some(format!("still green: {}, although {} ({because})", row.expectation, row.defect))
            }
            _ => None,
        });
        let unproven = self.unproven.iter().map(|name| format!("unproven: no defect could be planted for {name}"));
        green.chain(unproven).collect()
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(green: &[&str], unproven: &[&str]) -> Table {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Table {
            note: REHEARSAL,
            tool: TOOL,
            rules: RULES,
            scenario: String::new(),
            scenario_hash: String::new(),
            cluster: String::new(),
            rows: vec![],
            green: owned(green),
            unproven: owned(unproven),
        }
    }

    #[test]
    fn a_green_expectation_is_worse_than_an_untried_one() {
        assert_eq!(table(&[], &[]).exit(), Exit::Passed);
        assert_eq!(table(&[], &["web"]).exit(), Exit::Inconclusive);
        assert_eq!(table(&["web"], &["orders"]).exit(), Exit::Failed);
    }

    #[test]
    fn a_skipped_expectation_is_neither_red_nor_green() {
        let found = |verdict| DefectResult::Judged { verdict, because: String::new(), missing: vec![] };
        for (outcome, red, green) in [
            (Outcome::Pass, false, true),
            (Outcome::Fail, true, false),
            (Outcome::Inconclusive, true, false),
            (Outcome::Skipped, false, false),
            (Outcome::Waived, false, false),
        ] {
            assert_eq!((found(outcome).is_red(), found(outcome).is_green()), (red, green), "{outcome}");
        }
        let untried = DefectResult::NotPlanted { why: "no such name".into() };
        assert!(!untried.is_red() && !untried.is_green());
    }
}
