//! `drillmaster exercise status`: the open stage, its items, and the next step.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{Done, args::Output, exercise_args::StatusArgs, print, shown},
    failed, now,
};
use crate::{
    exercise::{
        Act, Check, DrillStage, ExercisePhase, Item, Judgement, KnownExercise, Measured, Rating,
        ReviewStanding as Standing, Stage, State, Watched, authorised_hash, between, clock, date_time, deadline, judge,
        long, next_commands, next_due, open_stage, review_result, suffices,
    },
    files,
    model::{Exit, printable},
};

pub(super) fn status(args: &StatusArgs) -> Done {
    let dir = &args.dir.dir;
    if args.output.format == Output::Human {
        return show(dir, now());
    }
    let (known, watched) = KnownExercise::read(dir, now()).map_err(|e| failed(&e))?;
    let state = &known.state;
    let open = open_stage(&known.loaded.playbook, state).map(|(_, stage)| stage.id.clone());
    let items: Vec<_> = state
        .items
        .iter()
        .filter(|(_, item)| item.is_open())
        .map(|(id, item)| json!({"id": id, "due": item.due}))
        .collect();
    let objectives: Vec<_> = judged(&known)
        .into_iter()
        .map(|(id, result)| json!({"id": id, "result": result.words(), "because": result.because}))
        .collect();
    let drill = watched.map(|w| json!({"run": w.drill.run, "dir": w.drill.dir, "waitsFor": w.drill.waits.map(|w| w.name), "openFaults": w.drill.open_faults}));
    let value = json!({"exercise": state.exercise, "phase": state.phase.words(), "stage": open, "open": items, "objectives": objectives, "drill": drill,
        "hash": authorised_hash(state), "head": known.head, "strayLines": known.stray});
    files::print_json(&format!("{value}\n"));
    Ok(Exit::Passed)
}

/// Prints where the exercise is.
pub(super) fn show(dir: &Path, now: Timestamp) -> Done {
    let (known, watched) = KnownExercise::read(dir, now).map_err(|e| failed(&e))?;
    let state = &known.state;
    let mut text = format!("{}: {}\n", state.exercise, state.phase.words());
    match state.phase {
        ExercisePhase::Prepared => text += &format!("hash           {}\n", authorised_hash(state)),
        ExercisePhase::Closed => text += &results(&known),
        _ => {
            for stage in &known.loaded.playbook.stages {
                text += &stage_line(&known, stage, now);
            }
        }
    }
    if let Some((_, stage)) = open_stage(&known.loaded.playbook, state) {
        text += &items(&known, stage, watched.as_ref(), now);
        text += &drill(dir, stage.scenario.as_ref(), watched.as_ref());
        text += &format!("next           {}\n", next(state, stage));
    } else if let Some(next) = next_commands(&known.loaded.playbook, state) {
        text += &format!("next           {next}\n");
    }
    if let Some(due) = next_due(&known.loaded.playbook, state, watched.as_ref()).filter(|due| *due > now) {
        text += &format!("due next       {} (in {})\n", clock(due), long(between(now, due)));
    }
    if known.stray > 0 {
        text += &format!(
            "note           {} line(s) that another machine wrote after it had lost the exercise do not count\n",
            known.stray
        );
    }
    print(&text);
    Ok(Exit::Passed)
}

fn stage_line(known: &KnownExercise, stage: &Stage, now: Timestamp) -> String {
    let own = known.state.stage_of(&stage.id);
    let mark = if own.is_open() { ">" } else { " " };
    let said = match (own.opened, own.end, own.ended) {
        (None, None, _) => format!("by plan {}", long(stage.planned())),
        (Some(opened), None, _) => format!("open for {} of {}", long(between(opened, now)), long(stage.planned())),
        (opened, Some(end), Some(ended)) => {
            let took = opened.map(|opened| format!(" after {}", long(between(opened, ended)))).unwrap_or_default();
            let detail = known.people.named(&own.detail);
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            format!("{}{took}{detail}", end.words())
        }
        _ => String::new(),
    };
    format!("{mark} {:<14} {}\n", stage.id, printable(&said))
}

fn items(known: &KnownExercise, stage: &Stage, watched: Option<&Watched>, now: Timestamp) -> String {
    let mut text = String::new();
    for item in &stage.during {
        let own = known.state.item_of(&item.id);
        let said = match (own.end, own.due) {
            (Some(end), _) => format!("{} {} {}", end.words(), own.option, known.people.named(&own.answer)),
            (None, None) => format!("waits: {}", item.after.words()),
            (None, Some(due)) if item.inject.is_some() && own.given.is_none() => {
                format!("DUE since {}: exercise inject {}", long(between(due, now)), item.id)
            }
            (None, Some(due)) => {
                let over = item.within().and_then(|within| deadline(&known.state, own.given.unwrap_or(due), within));
                let left = left(&known.state, over, watched.and_then(|watched| held_until(watched, item)), now);
                let verb = if item.decide.is_some() {
                    format!("decide {} OPTION", item.id)
                } else {
                    format!("done {}", item.id)
                };
                format!("OPEN, {left}: exercise {verb}")
            }
        };
        text += &format!("    {:<12} {}\n", item.id, printable(said.trim_end()));
    }
    text
}

/// Until when the drill waits for a decision.
fn held_until(watched: &Watched, item: &Item) -> Option<Timestamp> {
    let waits = watched.drill.waits.as_ref().filter(|waits| waits.name == item.id)?;
    Some(watched.timing.of(waits.until))
}

/// How much time is left for an answer. A drill that a pace makes faster does not wait as long as the decision may take.
fn left(state: &State, over: Option<Timestamp>, held: Option<Timestamp>, now: Timestamp) -> String {
    match (over, held) {
        (Some(over), Some(held)) if held < over => format!("the drill continues in {}", long(between(now, held))),
        (Some(over), _) => format!("{} left", long(between(now, over))),
        (None, _) if state.phase == ExercisePhase::Paused => "its clock is stopped".into(),
        (None, _) => "no limit".into(),
    }
}

fn drill(dir: &Path, stage: Option<&DrillStage>, watched: Option<&Watched>) -> String {
    let (Some(_), Some(watched)) = (stage, watched) else { return String::new() };
    let drill = &watched.drill;
    let Some(run) = &drill.dir else {
        return format!("drill          has not begun; its messages are in {}\n", shown(dir.join("drills")));
    };
    let mut text = format!("drill          {} ({})\n", printable(&drill.run), shown(run));
    if let Some(waits) = &drill.waits {
        let until = clock(watched.timing.of(waits.until));
        let (name, prompt) = (printable(&waits.name), printable(&waits.prompt));
        text += &format!("               it waits for {name} until {until}: {prompt}\n");
    }
    if drill.open_faults > 0 {
        text += &format!("               {} fault(s) are open\n", drill.open_faults);
    }
    if drill.alive == Some(false) && drill.end.is_none() {
        text += &format!(
            "               ITS RUNNER IS DEAD: drillmaster recover {} (its reaper may work on it already)\n",
            shown(run)
        );
    }
    text
}

/// What a check stage waits for.
fn review(state: &State, stage: &Stage, check: &Check) -> String {
    let id = &stage.id;
    let done = format!("exercise done {id} --text RESULT");
    match Standing::of(&state.place, stage, &state.stage_of(id)) {
        Standing::ByPeople => format!("drillmaster check …, then {done}"),
        Standing::Planned => "exercise next starts the review".into(),
        Standing::Runs(until) => format!("the review goes on, until {} at most", clock(until)),
        Standing::Ended(end) if suffices(check, end) => "the review lets the exercise continue".into(),
        Standing::Ended(end) => {
            format!("{}. exercise next makes another review, or {done}", printable(&review_result(end)))
        }
    }
}

fn next(state: &State, stage: &Stage) -> String {
    let id = &stage.id;
    match stage.act() {
        Some(Act::Manual(manual)) => format!("{} does: {}; then exercise done {id}", manual.role, manual.task),
        Some(Act::Check(check)) => review(state, stage, check),
        Some(Act::Gate(gate)) => format!("{} answers: {} exercise answer {id} yes|no", gate.ask, gate.question),
        Some(Act::Scenario(_)) => "the stage ends when its drill has ended and no item is open".into(),
        Some(Act::Review(_)) => "exercise hotwash, exercise rate, then exercise next".into(),
        Some(Act::SignOff(_)) => "exercise sign, then exercise close".into(),
        Some(Act::Brief(_) | Act::Discuss(_)) | None => "exercise next".into(),
    }
}

fn judged(known: &KnownExercise) -> Vec<(String, Judgement)> {
    let p = &known.loaded.playbook;
    p.objectives.iter().map(|o| (o.id.clone(), judge(p, &known.state, o))).collect()
}

/// The objectives with their results.
pub(super) fn results(known: &KnownExercise) -> String {
    let mut text = match known.state.started.as_ref().zip(known.state.ended) {
        Some(((from, _), to)) => format!("{} to {}\n", date_time(*from), date_time(to)),
        None => String::new(),
    };
    for (id, result) in judged(known) {
        text += &format!("  {:<6} {:<10} {}\n", printable(&id), result.words(), printable(&result.because));
    }
    text
}

/// The exit code of an exercise without people: that of its worst objective, or of a drill that left something open.
pub(super) fn exit(known: &KnownExercise) -> Exit {
    let drills = known.state.stages.values().filter_map(|stage| stage.drill.as_ref()).map(|drill| match drill.exit {
        Exit::Passed | Exit::Residue | Exit::Left | Exit::Internal => drill.exit,
        // Whether an objective was missed, the objectives say. Without them, nothing is proven.
        _ => Exit::Inconclusive,
    });
    let stopped = known.state.stopped.is_some().then_some(Exit::Aborted);
    let results = judged(known).into_iter().map(|(_, result)| match (result.measured, result.rating) {
        (Measured::Dropped, _) => Exit::Inconclusive,
        (Measured::Missed, _) | (_, Some(Rating::M | Rating::U)) => Exit::Failed,
        (Measured::Met | Measured::Rated, _) => Exit::Passed,
        (Measured::Unproven | Measured::Unrated, _) => Exit::Inconclusive,
    });
    drills.chain(stopped).chain(results).fold(Exit::Passed, Exit::worse)
}
