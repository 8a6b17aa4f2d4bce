//! Defects that must keep an expectation about an append log from passing.

use serde_json::{Value, json};

use super::{
    Attacks, Defect, Setting,
    defects::{Planted, When, just_after},
};
use crate::model::{LossExpectation, RestoreStep, StepName, Verb};

pub(super) fn defects(e: &LossExpectation, setting: &Setting<'_>) -> Vec<Defect> {
    let log = |begins: When, does: &str, one_in: u32| -> Planted {
        let (pod, namespace) = setting.log(&e.data)?;
        let what = json!({"log": {"pod": pod, "namespace": namespace, "does": does, "oneIn": one_in}});
        Ok(vec![begins.on(what)])
    };
    let fault = setting.fault(e.of.as_ref()).map(|step| just_after(&step.name));
    let restored = restore(setting).map(|(step, _)| When::end_of(step));
    let from = |begins: &Result<When, String>, does, one_in| log(begins.clone()?, does, one_in);
    vec![
        Defect::new("it acknowledges lines and loses every fifth", Attacks::Baseline, log(When::start(), "loses", 5)),
        Defect::new("it acknowledges lines and loses them after the fault", Attacks::Bound, from(&fault, "loses", 1)),
        Defect::new("it damages every fifth line after the fault", Attacks::Bound, from(&fault, "damages", 5)),
        Defect::new("every second line is gone after the restore", Attacks::Bound, from(&restored, "forgets", 2)),
        Defect::new("its volume comes back empty", Attacks::Bound, empty(e, setting)),
    ]
}

/// The first restore, and its step.
fn restore<'a>(setting: &Setting<'a>) -> Result<(&'a StepName, RestoreStep), String> {
    let restores = setting.scenario.steps.iter().filter_map(|step| match step.verb() {
        Some(Verb::Restore(restore)) => Some((&step.name, restore)),
        _ => None,
    });
    restores.into_iter().next().ok_or_else(|| "the scenario does not restore anything".into())
}

fn empty(e: &LossExpectation, setting: &Setting<'_>) -> Planted {
    let (step, _) = restore(setting)?;
    let (pod, namespace) = setting.log(&e.data)?;
    let what: Value =
        json!({"volumeData": {"claim": format!("data-{pod}"), "namespace": namespace, "does": "notRestored"}});
    Ok(vec![When::step(step).on(what)])
}
