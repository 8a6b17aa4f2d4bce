//! Compares a playbook with the scenarios that it calls: steps and expectations that it names, and holds. Start with
//! [`lint`].

use super::{
    lint::{Lint, releases, way},
    stage::{Item, Moment},
    use_of::Use,
};
use crate::{
    model::Verb,
    scenario::{Scenario, meant},
};

/// Adds all mistakes.
pub(super) fn lint(lint: &mut Lint<'_>) {
    for (i, stage) in lint.playbook.stages.iter().enumerate() {
        let (Some(drill), Some(used)) = (&stage.scenario, lint.uses.get(&i)) else { continue };
        let scenario = match &used.scenario {
            Ok(loaded) => &loaded.scenario,
            Err(why) => {
                let at = way!["stages", i, "scenario", "use"];
                lint.say(at, format!("the scenario of stage `{}` cannot be used: {why}", stage.id), "");
                continue;
            }
        };
        for (j, item) in stage.during.iter().enumerate() {
            after(lint, (i, j), item, scenario);
        }
        for (j, hold) in drill.hold.iter().enumerate() {
            let at = |key: &str| way!["stages", i, "scenario", "hold", j, key];
            step(lint, at("before"), &hold.before, scenario);
            let ids: Vec<&str> = stage.during.iter().map(|item| item.id.as_str()).collect();
            match stage.during.iter().find(|item| item.id == hold.until) {
                None => {
                    let help = format!("{}write the id of a decision of this stage", meant(&hold.until, ids));
                    lint.say(at("until"), format!("there is no item `{}` in this stage", hold.until), help);
                }
                Some(item) if !releases(item) => {
                    let help = "write `release` as the effect of an option, as in options: {restore: release, look: keepHolding}";
                    lint.say(at("until"), format!("no answer of `{}` releases the drill", item.id), help);
                }
                Some(item) => before_it_holds(lint, at("until"), item, &hold.before, scenario),
            }
        }
    }
}

/// A decision that is due only after the held step would wait for itself.
fn before_it_holds(lint: &mut Lint<'_>, at: Vec<String>, item: &Item, held: &str, scenario: &Scenario) {
    let Some(Moment::Step(after) | Moment::Alert(after)) = item.after.moment() else { return };
    let index = |name: &str| scenario.steps.iter().position(|step| step.name.0 == name);
    if let (Some(after), Some(held_at)) = (index(after), index(held))
        && after >= held_at
    {
        let what = format!(
            "`{}` is due after step `{}`, which does not begin before `{held}`",
            item.id, scenario.steps[after].name
        );
        lint.say(at, what, "let the decision be due after an earlier step");
    }
}

/// When an item is due, the scenario must be able to reach.
fn after(lint: &mut Lint<'_>, (i, j): (usize, usize), item: &Item, scenario: &Scenario) {
    let at = way!["stages", i, "during", j, "after"];
    match item.after.moment() {
        Some(Moment::Step(name)) => step(lint, at, name, scenario),
        Some(Moment::Alert(name)) => {
            step(lint, at.clone(), name, scenario);
            let verb = scenario.steps.iter().find(|step| step.name.0 == name).and_then(|step| step.verb());
            if verb.as_ref().is_some_and(|verb| !Verb::is_fault(verb)) {
                let help = "name a step that breaks something";
                lint.say(at, format!("step `{name}` breaks nothing, so no alert follows from it"), help);
            }
        }
        _ => {}
    }
}

fn step(lint: &mut Lint<'_>, at: Vec<String>, name: &str, scenario: &Scenario) {
    let steps: Vec<&str> = scenario.steps.iter().map(|step| step.name.0.as_str()).collect();
    if !steps.contains(&name) {
        let help = format!(
            "{}the steps of {} are: {}",
            meant(name, steps.iter().copied()),
            scenario.metadata.name,
            steps.join(", ")
        );
        lint.say(at, format!("the scenario has no step `{name}`"), help);
    }
}

/// Expectations that judge an objective.
pub(super) fn expectations(lint: &mut Lint<'_>, objective: usize, ids: &[String]) {
    if lint.uses.values().any(|used| used.scenario.is_err()) {
        return;
    }
    let known: Vec<String> = lint.uses.values().flat_map(Use::expectations).collect();
    for (j, id) in ids.iter().enumerate().filter(|(_, id)| !known.contains(id)) {
        let near = meant(id, known.iter().map(String::as_str));
        let list = if known.is_empty() {
            "the playbook calls no scenario".into()
        } else {
            format!("expectations: {}", known.join(", "))
        };
        lint.say(
            way!["objectives", objective, "judge", "expect", j],
            format!("there is no expectation `{id}`"),
            format!("{near}{list}"),
        );
    }
}
