//! Compares the times of a playbook with what a rehearsal of its scenarios predicts: stages that cannot be met, holds
//! that the drill would not survive, injects after events that do not happen. Start with [`lint`].

use super::{
    forecast::Forecast,
    lint::{Lint, way},
    schedule::drill_time,
    stage::{Drill, Item, Moment, Stage},
};
use crate::{model::Dur, scenario::Scenario};

/// Adds all mistakes.
pub(super) fn lint(lint: &mut Lint<'_>) {
    for (i, stage) in lint.playbook.stages.iter().enumerate() {
        let used = lint.uses.get(&i);
        if let (Some(drill), Some(scenario)) = (&stage.scenario, used.and_then(super::use_of::Use::scenario)) {
            let forecast = used.and_then(|used| used.forecast.as_ref());
            holds(lint, i, stage, drill, scenario, forecast);
            if let Some(forecast) = forecast {
                fits(lint, i, stage, drill, forecast);
                happens(lint, i, stage, forecast);
            }
        }
        within(lint, i, stage, used.and_then(|used| used.forecast.as_ref()));
    }
}

/// The longest time that the decision of a hold takes.
pub(super) fn longest(stage: &Stage, until: &str) -> Option<Dur> {
    stage.during.iter().find(|item| item.id == until).and_then(Item::within)
}

/// Aborts and the time limit of the scenario count the time in which the drill waits for people.
fn holds(
    lint: &mut Lint<'_>,
    i: usize,
    stage: &Stage,
    drill: &Drill,
    scenario: &Scenario,
    forecast: Option<&Forecast>,
) {
    let all: Dur = Dur(drill.hold.iter().filter_map(|hold| longest(stage, &hold.until)).map(|d| d.0).sum());
    let total = forecast.map_or(Dur::default(), |f| f.total);
    let needed = Dur(total.0 + all.0);
    if !drill.hold.is_empty() && needed.0 > scenario.limits.duration.0 {
        let predicted =
            if forecast.is_some() { format!(", and the drill takes {total} by prediction") } else { String::new() };
        let what = format!(
            "the holds take up to {all}{predicted}: that is more than `limits.duration: {}` of the scenario, which would stop the drill",
            scenario.limits.duration
        );
        lint.say(
            way!["stages", i, "scenario", "hold"],
            what,
            "shorten `within` of the decisions, or raise the limit in the scenario",
        );
    }
    for (j, hold) in drill.hold.iter().enumerate() {
        let Some(most) = longest(stage, &hold.until) else { continue };
        for abort in &scenario.abort {
            let at = forecast.and_then(|f| f.begins(&hold.before));
            let down = match (forecast, at) {
                (Some(forecast), Some(at)) => forecast.down_at(&abort.probe, at),
                // Without a rehearsal, nobody knows whether the service is down then. The hold alone may be too long.
                _ => Some(Dur::default()),
            };
            let Some(down) = down else { continue };
            let together = Dur(down.0 + most.0);
            if together.0 > abort.down_for.0 {
                let what = format!(
                    "`abort: downFor: {}` of probe `{}` would stop the drill: the hold takes up to {most}, and by prediction the service is down for {down} in addition",
                    abort.down_for, abort.probe
                );
                let help = "shorten `within` of the decision, or raise `downFor` in the scenario";
                lint.say(way!["stages", i, "scenario", "hold", j], what, help);
            }
        }
    }
}

/// A stage must be long enough for its drill and for the people that the drill waits for.
fn fits(lint: &mut Lint<'_>, i: usize, stage: &Stage, drill: &Drill, forecast: &Forecast) {
    let holds: Dur = Dur(drill.hold.iter().filter_map(|hold| longest(stage, &hold.until)).map(|d| d.0).sum());
    let needed = Dur(forecast.total.0 + holds.0);
    if needed.0 > stage.planned().0 {
        let what = format!(
            "stage `{}` takes {} by plan, and its drill needs {needed}: {} by prediction and up to {holds} of holds",
            stage.id,
            stage.planned(),
            forecast.total
        );
        lint.say(way!["stages", i], what, "raise `takes`, or shorten the holds");
    }
}

/// An item after an event that the rehearsal does not have would never be due.
fn happens(lint: &mut Lint<'_>, i: usize, stage: &Stage, forecast: &Forecast) {
    for (j, item) in stage.during.iter().enumerate() {
        let at = way!["stages", i, "during", j, "after"];
        match item.after.moment() {
            Some(Moment::Alert(step)) if forecast.begins(step).is_some() && forecast.alert_after(step).is_none() => {
                let what = format!(
                    "item `{}` waits for an alert after `{step}`, but no alert fires in the rehearsal",
                    item.id
                );
                lint.warn(at, what, "make sure that an alert fires in this drill, or let the item be due after a step");
            }
            Some(Moment::Step(step)) if forecast.done(step).is_none() => {
                let what = format!("item `{}` waits for step `{step}`, which the rehearsal does not reach", item.id);
                lint.warn(at, what, "rehearse the scenario alone to see why it ends earlier");
            }
            _ => {}
        }
    }
}

/// Each item must be due, and answered, within its stage.
fn within(lint: &mut Lint<'_>, i: usize, stage: &Stage, forecast: Option<&Forecast>) {
    for (j, item) in stage.during.iter().enumerate() {
        let Some(due) = drill_time(stage, item, forecast) else { continue };
        let needs = Dur(due.0 + item.within().unwrap_or_default().0);
        if needs.0 > stage.planned().0 {
            let what = format!(
                "item `{}` is due {due} after the stage begins and may take {}, but the stage takes {} by plan",
                item.id,
                item.within().unwrap_or_default(),
                stage.planned()
            );
            lint.warn(way!["stages", i, "during", j], what, "raise `takes` of the stage");
        }
    }
    if let Some(manual) = &stage.manual
        && manual.within.is_some_and(|within| within.0 > stage.planned().0)
    {
        let what = format!(
            "the task may take {}, but stage `{}` takes {} by plan",
            manual.within.unwrap_or_default(),
            stage.id,
            stage.planned()
        );
        lint.say(way!["stages", i], what, "raise `takes`, or shorten `within`");
    }
}
