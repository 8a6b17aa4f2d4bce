//! Rehearses a scenario without a defect, and then once for each defect. The caller decides how to rehearse; this file
//! chooses the cluster and reads the results.

use std::collections::BTreeMap;

use super::{Defect, DefectResult, Row, Setting, Table, defects};
use crate::{
    model::{Exit, Judgement, Outcome, RunVerdict},
    sim::{Description, Happened, Happening},
};

/// A completed rehearsal.
#[derive(Debug)]
pub struct Rehearsed {
    /// How it ended.
    pub exit: Exit,
    /// The verdict on everything that it recorded.
    pub verdict: RunVerdict,
    /// The entries of the cluster's `happens:` that have begun.
    pub happened: Vec<Happened>,
}

/// Plants each defect of each expectation, and reports which of them were noticed. `rehearse` runs the drill on a
/// cluster; `says` is called with the name of the next rehearsal.
///
/// # Errors
/// The rehearsal without a defect does not pass, so nothing can be proven; and why.
pub fn prove(
    setting: &Setting<'_>,
    rehearse: impl Fn(&Description) -> Result<Rehearsed, String>,
    says: impl Fn(&str),
) -> Result<Table, String> {
    says("the scenario without a defect");
    let base = rehearse(setting.description)?;
    let verdict = passed(&base)?;
    let mut trials = Trials { setting, rehearse, says, done: BTreeMap::new() };
    let mut rows = vec![];
    for (number, (expectation, judged)) in setting.scenario.expect.iter().zip(&verdict.judgements).enumerate() {
        for defect in defects(expectation, setting) {
            let found = trials.found(number, &defect);
            rows.push(Row::new(number, judged, &defect, found));
        }
    }
    Ok(Table::new(setting, &verdict, rows))
}

/// The verdict of a rehearsal that passed.
fn passed(base: &Rehearsed) -> Result<RunVerdict, String> {
    let verdict = &base.verdict;
    if base.exit == Exit::Passed && verdict.outcome == Outcome::Pass {
        return Ok(verdict.clone());
    }
    let red: Vec<String> = verdict.judgements.iter().filter(|j| is_red(j)).map(said).collect();
    let without = || format!("{}; run `drillmaster rehearse` without --prove to see why", base.exit.meaning());
    Err(if red.is_empty() { without() } else { red.join("; ") })
}

fn is_red(judged: &Judgement) -> bool {
    matches!(judged.outcome, Outcome::Fail | Outcome::Inconclusive)
}

fn said(judged: &Judgement) -> String {
    format!("{} {} ({})", judged.outcome, judged.expectation, judged.because)
}

/// The rehearsals so far. If several expectations have the same defect, it is rehearsed only once.
struct Trials<'a, R, S> {
    setting: &'a Setting<'a>,
    rehearse: R,
    says: S,
    done: BTreeMap<String, Result<RunVerdict, String>>,
}

impl<R: Fn(&Description) -> Result<Rehearsed, String>, S: Fn(&str)> Trials<'_, R, S> {
    /// What happened to an expectation with a defect.
    fn found(&mut self, number: usize, defect: &Defect) -> DefectResult {
        let judged = match &defect.happens {
            Ok(happens) => self.verdict(&defect.name, happens).and_then(|v| {
                v.judgements
                    .get(number)
                    .cloned()
                    .ok_or_else(|| "the rehearsal has no verdict on this expectation".into())
            }),
            Err(why) => Err(why.clone()),
        };
        match judged {
            Ok(judged) => DefectResult::judged(&judged),
            Err(why) => DefectResult::NotPlanted { why },
        }
    }

    fn verdict(&mut self, name: &str, happens: &[Happening]) -> Result<RunVerdict, String> {
        let key = serde_json::to_string(happens).map_err(|e| e.to_string())?;
        if let Some(verdict) = self.done.get(&key) {
            return verdict.clone();
        }
        (self.says)(name);
        let verdict = self.rehearsed(happens);
        self.done.insert(key, verdict.clone());
        verdict
    }

    fn rehearsed(&self, happens: &[Happening]) -> Result<RunVerdict, String> {
        let mut planted = self.setting.description.clone();
        let first = planted.happens.len();
        planted.happens.extend_from_slice(happens);
        let steps: Vec<&str> = self.setting.scenario.steps.iter().map(|s| s.name.0.as_str()).collect();
        planted.fits(&steps)?;
        let rehearsed = (self.rehearse)(&planted)?;
        if rehearsed.exit == Exit::Refused {
            return Err("the pre-flight refuses the drill".into());
        }
        for entry in first..planted.happens.len() {
            took_effect(&rehearsed, entry)?;
        }
        Ok(rehearsed.verdict)
    }
}

/// A defect that did not happen in time does not count.
fn took_effect(rehearsed: &Rehearsed, entry: usize) -> Result<(), String> {
    match rehearsed.happened.iter().find(|h| h.entry == entry) {
        None => Err("it would have begun only after the drill had ended".into()),
        Some(happened) => happened.failed.clone().map_or(Ok(()), |why| Err(format!("it had no effect: {why}"))),
    }
}
