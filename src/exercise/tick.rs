//! What has become due since the last line: items, missed deadlines, moments and ends of drills. A deadline is a fact of
//! the clock; whoever opens the journal next writes it down, with the time at which it was due. Start with [`tick`].

use jiff::Timestamp;

use super::{
    check_stage::{Standing, result, suffices},
    drill::{Drill, Timing},
    order::open_stage,
    playbook::Playbook,
    stage::{Does, GateDefault, Item, Moment, Stage},
    state::{ExercisePhase, StageState, State},
    time::{deadline, plus},
    what::{DrillMoment, StageEnd, StopFor, What},
};
use crate::{
    model::{Exit, Redactor, Told},
    told,
};

/// What is known of the drill of the open stage.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The drill.
    pub drill: Drill,
    /// How its time becomes the time of the exercise.
    pub timing: Timing,
}

/// Everything that has become due until now, each with the time at which it is written.
pub fn tick(playbook: &Playbook, state: &State, watched: Option<&Watched>, now: Timestamp) -> Vec<(Timestamp, What)> {
    let (mut state, mut all) = (state.clone(), vec![]);
    // One thing makes another due. Every round adds a line or ends, and there are finitely many lines.
    while let Some(event) = next(playbook, &state, watched, now) {
        state.take(now, &event);
        all.push((now, event));
    }
    all
}

fn next(playbook: &Playbook, state: &State, watched: Option<&Watched>, now: Timestamp) -> Option<What> {
    let (_, stage) = open_stage(playbook, state)?;
    let own = state.stage_of(&stage.id);
    if state.phase == ExercisePhase::Stopped && stage.review.is_none() && stage.sign_off.is_none() {
        return cut(state, stage, watched, now);
    }
    if state.phase == ExercisePhase::Paused {
        return None;
    }
    moment(state, stage, watched, now)
        .or_else(|| stage.during.iter().find_map(|item| due(state, stage, &own, item, now)))
        .or_else(|| stage.during.iter().find_map(|item| overdue(state, item, now)))
        .or_else(|| overdue_task(state, stage, now))
        .or_else(|| review(state, stage, &own, now))
        .or_else(|| gate(state, stage, &own, now))
        .or_else(|| ended(state, stage, &own, now))
}

/// The next moment of the drill that is not in the journal yet.
fn moment(state: &State, stage: &Stage, watched: Option<&Watched>, now: Timestamp) -> Option<What> {
    let Watched { drill, timing } = watched?;
    for (step, moment, at) in &drill.moments {
        let happened = timing.of(*at);
        if happened <= now && state.seen_at(&stage.id, step, *moment).is_none() {
            return Some(What::DrillSeen { stage: stage.id.clone(), step: step.clone(), moment: *moment, happened });
        }
    }
    let end = drill.end.as_ref().filter(|end| timing.of(end.at) <= now)?;
    state.stage_of(&stage.id).drill.is_none().then(|| What::DrillEnded {
        stage: stage.id.clone(),
        run: drill.run.clone(),
        head: end.head.clone(),
        exit: end.exit,
        happened: timing.of(end.at),
        judged: end.judged.clone(),
    })
}

/// When an item is due; none if its moment has not come.
pub fn due_at(state: &State, stage: &Stage, own: &StageState, item: &Item) -> Option<Timestamp> {
    let base = match item.after.moment()? {
        Moment::Start => own.opened?,
        Moment::Step(step) => state.seen_at(&stage.id, step, DrillMoment::Done)?,
        Moment::Alert(step) => state.seen_at(&stage.id, step, DrillMoment::Alert)?,
        Moment::Item(before) => state.items.get(before)?.ended?,
    };
    Some(plus(base, item.after.plus.unwrap_or_default()))
}

fn due(state: &State, stage: &Stage, own: &StageState, item: &Item, now: Timestamp) -> Option<What> {
    let known = state.item_of(&item.id);
    if known.due.is_some() || known.end.is_some() {
        return None;
    }
    let due = due_at(state, stage, own, item).filter(|due| *due <= now)?;
    Some(What::ItemDue { item: item.id.clone(), due })
}

/// An item whose time is over.
fn overdue(state: &State, item: &Item, now: Timestamp) -> Option<What> {
    let known = state.item_of(&item.id);
    if !known.is_open() {
        return None;
    }
    let began = match item.does()? {
        // An inject that nobody gave cannot be answered.
        Does::Inject(_) => known.given?,
        Does::Manual(_) | Does::Decide(_) => known.due?,
    };
    let over = deadline(state, began, item.within()?).filter(|over| *over <= now)?;
    Some(match item.does()? {
        Does::Decide(decide) => {
            What::Defaulted { item: item.id.clone(), option: decide.default.clone().unwrap_or_default(), due: over }
        }
        Does::Inject(_) | Does::Manual(_) => What::Missed { item: item.id.clone(), due: over },
    })
}

/// The task of a stage whose time is over. It may still be done, and is late then.
fn overdue_task(state: &State, stage: &Stage, now: Timestamp) -> Option<What> {
    let within = stage.manual.as_ref()?.within?;
    let opened = state.stage_of(&stage.id).opened?;
    let over = deadline(state, opened, within).filter(|over| *over <= now)?;
    state.item_of(&stage.id).end.is_none().then(|| What::Missed { item: stage.id.clone(), due: over })
}

/// A review that did not end in time, or that lets the exercise continue.
fn review(state: &State, stage: &Stage, own: &StageState, now: Timestamp) -> Option<What> {
    let check = stage.check.as_ref()?;
    match Standing::of(&state.place, stage, own) {
        Standing::Runs(until) if until <= now => Some(What::CheckEnded {
            stage: stage.id.clone(),
            happened: until,
            exit: None,
            readiness: None,
            why: "it did not end in the time of the stage".into(),
            evidence: None,
        }),
        Standing::Ended(end) if suffices(check, end) => Some(What::StageClosed {
            stage: stage.id.clone(),
            end: StageEnd::Done,
            ended: end.at,
            by: None,
            detail: result(end),
            evidence: end.evidence.clone(),
        }),
        Standing::ByPeople | Standing::Planned | Standing::Runs(_) | Standing::Ended(_) => None,
    }
}

/// A gate that nobody answered.
fn gate(state: &State, stage: &Stage, own: &StageState, now: Timestamp) -> Option<What> {
    let gate = stage.gate.as_ref()?;
    let over = deadline(state, own.opened?, gate.within).filter(|over| *over <= now)?;
    let go = gate.default == Some(GateDefault::Go);
    if go {
        let detail = "nobody answered in time, and the default is to go";
        return Some(closed(stage, StageEnd::Defaulted, over, detail.into()));
    }
    (state.phase != ExercisePhase::Stopped).then(|| What::Stopped {
        by: None,
        how: StopFor::Gate,
        why: told!(Redactor::default(), "nobody answered gate {} in time, and the default is to refuse", stage.id),
        phrase: false,
    })
}

/// A drill that ended, if nothing beside it is open.
fn ended(state: &State, stage: &Stage, own: &StageState, now: Timestamp) -> Option<What> {
    let drill = own.drill.as_ref()?;
    let mut ended = drill.at;
    for item in &stage.during {
        let known = state.item_of(&item.id);
        match known.ended {
            Some(at) => ended = ended.max(at),
            None if known.due.is_some() => return None,
            // It may still become due with time.
            None if due_at(state, stage, own, item).is_some() => return None,
            None => {
                return Some(What::Skipped {
                    item: item.id.clone(),
                    by: None,
                    why: "what it waits for did not happen".into(),
                });
            }
        }
    }
    let end = if drill.exit == Exit::Passed { StageEnd::Done } else { StageEnd::Failed };
    let detail = told!(Redactor::default(), "run {}: {}", drill.run, drill.exit.meaning());
    Some(closed(stage, end, ended.min(now), detail))
}

/// After a stop, everything that is open ends. The drill puts everything back first.
fn cut(state: &State, stage: &Stage, watched: Option<&Watched>, now: Timestamp) -> Option<What> {
    if let Some(watched) = watched.filter(|w| w.drill.dir.is_some()) {
        if let Some(event) = moment(state, stage, Some(watched), now) {
            return Some(event);
        }
        if state.stage_of(&stage.id).drill.is_none() && watched.drill.alive == Some(true) {
            return None;
        }
    }
    if let Some(item) = stage.during.iter().find(|item| state.item_of(&item.id).end.is_none()) {
        return Some(What::Skipped { item: item.id.clone(), by: None, why: "the exercise was stopped".into() });
    }
    Some(closed(stage, StageEnd::Cut, now, "the exercise was stopped".into()))
}

/// A stage that ended without anybody's word.
fn closed(stage: &Stage, end: StageEnd, ended: Timestamp, detail: Told) -> What {
    What::StageClosed { stage: stage.id.clone(), end, ended, by: None, detail, evidence: None }
}

/// When something becomes due next, for a client that waits. None if nothing is expected.
pub fn next_due(playbook: &Playbook, state: &State, watched: Option<&Watched>) -> Option<Timestamp> {
    let (_, stage) = open_stage(playbook, state)?;
    let own = state.stage_of(&stage.id);
    let mut times = vec![];
    for item in &stage.during {
        let known = state.item_of(&item.id);
        match known.due {
            None if known.end.is_none() => times.extend(due_at(state, stage, &own, item)),
            Some(due) if known.end.is_none() => {
                let began = if item.inject.is_some() { known.given } else { Some(due) };
                times.extend(began.zip(item.within()).and_then(|(began, within)| deadline(state, began, within)));
            }
            _ => {}
        }
    }
    let limit = stage.gate.as_ref().map(|gate| gate.within).or_else(|| stage.manual.as_ref().and_then(|m| m.within));
    times.extend(own.opened.zip(limit).and_then(|(opened, limit)| deadline(state, opened, limit)));
    if let (Some(_), Standing::Runs(until)) = (&stage.check, Standing::of(&state.place, stage, &own)) {
        times.push(until);
    }
    if let Some(Watched { drill, timing }) = watched {
        let unseen = |(step, moment, _): &&(String, DrillMoment, _)| state.seen_at(&stage.id, step, *moment).is_none();
        times.extend(drill.moments.iter().filter(unseen).map(|(_, _, at)| timing.of(*at)));
        if own.drill.is_none() {
            times.extend(drill.end.as_ref().map(|end| timing.of(end.at)));
        }
    }
    times.into_iter().min()
}
