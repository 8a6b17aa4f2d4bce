//! When things happen by plan: stages one after another, items after the moments that a rehearsal predicts. Start with
//! [`schedule`].

use std::collections::BTreeMap;

use super::{
    forecast::Forecast,
    lint_time::longest,
    playbook::Playbook,
    stage::{Item, Moment, Stage},
    use_of::Use,
};
use crate::model::Dur;

/// The plan of one stage. Times count from the start of the exercise.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// When it begins.
    pub from: Dur,
    /// When it ends.
    pub to: Dur,
    /// When each item is due; none if that cannot be predicted.
    pub items: Vec<Option<Dur>>,
}

/// The plan of all stages, in order.
pub fn schedule(playbook: &Playbook, uses: &BTreeMap<usize, Use>) -> Vec<Slot> {
    let mut from = Dur::default();
    let slot = |(i, stage): (usize, &Stage)| {
        let forecast = uses.get(&i).and_then(|used| used.forecast.as_ref());
        let to = Dur(from.0 + stage.planned().0);
        let due = |item: &Item| drill_time(stage, item, forecast).map(|due| Dur(from.0 + due.0));
        let slot = Slot { from, to, items: stage.during.iter().map(due).collect() };
        from = to;
        slot
    };
    playbook.stages.iter().enumerate().map(slot).collect()
}

/// When an item is due, counted from the begin of its stage; none if that cannot be predicted. Each hold before it
/// counts with its whole time limit.
pub(super) fn drill_time(stage: &Stage, item: &Item, forecast: Option<&Forecast>) -> Option<Dur> {
    let plus = item.after.plus.unwrap_or_default();
    let base = match item.after.moment()? {
        Moment::Start => Dur::default(),
        Moment::Step(step) => held(stage, forecast?, forecast?.done(step)?),
        Moment::Alert(step) => held(stage, forecast?, forecast?.alert_after(step)?),
        Moment::Item(before) => {
            let before = stage.during.iter().find(|other| other.id == before && other.id != item.id)?;
            let due = match before.after.moment()? {
                // Items refer only to earlier ones, so this ends.
                Moment::Item(_) if !is_earlier(stage, before, item) => return None,
                _ => drill_time(stage, before, forecast)?,
            };
            Dur(due.0 + before.within().unwrap_or_default().0)
        }
    };
    Some(Dur(base.0 + plus.0))
}

fn is_earlier(stage: &Stage, before: &Item, item: &Item) -> bool {
    let index = |id: &str| stage.during.iter().position(|other| other.id == id);
    index(&before.id) < index(&item.id)
}

/// A predicted time, with the holds that come before it.
fn held(stage: &Stage, forecast: &Forecast, at: Dur) -> Dur {
    let holds = stage.scenario.iter().flat_map(|drill| &drill.hold);
    let before = holds.filter(|hold| forecast.begins(&hold.before).is_some_and(|begin| begin < at));
    Dur(at.0 + before.filter_map(|hold| longest(stage, &hold.until)).map(|d| d.0).sum::<std::time::Duration>())
}
