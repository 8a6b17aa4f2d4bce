//! Checks the scenario: it must be the one with which the run began.

use serde::Serialize;

use super::{directory::RunFiles, found::Differences};
use crate::{
    event::Kind,
    model::{OrNewer, Plan, sha256},
    scenario::{Sources, load_str},
};

pub(super) fn check(looked: &RunFiles<'_>, found: &mut Differences) {
    let header = looked.first().map(|e| &e.event);
    let Some(Kind::RunStarted { scenario_hash, from_cluster: false, .. }) = header else { return };
    found.check(format!("scenario.yaml: its hash, {scenario_hash}"), |found| {
        let text = match looked.dir.text("scenario.yaml") {
            Ok(text) => text,
            Err(error) => {
                return found.differs(looked.path("scenario.yaml"), format!("cannot read this file: {error}"));
            }
        };
        let (now, place) = (sha256(text.as_bytes()), looked.about.place(0));
        if now != *scenario_hash {
            let what = format!("its hash is {now}, but {place} contains {scenario_hash}: the file was changed");
            found.differs(format!("{}:1", looked.path("scenario.yaml")), what);
        }
        if let Some(plan) = looked.plan() {
            agrees(looked, plan, scenario_hash, &text, found);
        }
    });
}

/// A plan has the same expectations and the same steps as its scenario.
fn agrees(looked: &RunFiles<'_>, plan: &Plan, scenario_hash: &str, text: &str, found: &mut Differences) {
    if plan.scenario_hash != scenario_hash {
        found.differs(looked.plan_place(), "the plan was made from another scenario than the one in the header");
    }
    let header = looked.first().map(|e| &e.event);
    let Some(Kind::RunStarted { variables, .. }) = header.filter(|_| looked.numbered) else { return };
    let Ok(loaded) = load_str("scenario.yaml", text, &Sources::of_given(variables)) else { return };
    let asked: Vec<_> = loaded.scenario.expect.into_iter().map(OrNewer::Known).collect();
    if asked != plan.expect && !is_open(&asked) {
        found.differs(looked.plan_place(), "the expectations in the plan differ from scenario.yaml");
    }
    let steps = loaded.scenario.steps.iter().filter_map(|s| Some((s.name.clone(), OrNewer::Known(s.verb()?))));
    let steps: Vec<_> = steps.collect();
    if !steps.iter().cloned().eq(plan.steps.iter().map(|s| (s.name.clone(), s.step.clone()))) && !is_open(&steps) {
        found.differs(looked.plan_place(), "the steps in the plan differ from scenario.yaml");
    }
}

/// Whether it still contains a variable: a secret of the bindings, whose value is never in a journal.
fn is_open(part: &impl Serialize) -> bool {
    serde_json::to_string(part).is_ok_and(|text| text.contains("${"))
}
