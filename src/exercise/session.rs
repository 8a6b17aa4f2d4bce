//! One command on an exercise: take the lock, read, fold, decide, append, and then do what follows outside the journal
//! (start a drill, answer a hold, stop a drill). What follows may be repeated: the next command does what a killed one
//! left undone. Start with [`Session::open`].

mod resume;
mod review;

use std::{path::Path, process::Child, time::Duration};

use jiff::Timestamp;

use super::{
    directory::frozen,
    drill::{Drill, Timing},
    journal::{JournalError, Lines, Open, open, read},
    launch::{Script, arguments, folder, spawn, stop},
    load::LoadedPlaybook,
    order::open_stage,
    people::People,
    playbook::Role,
    stage::{Does, Effect, Stage},
    state::{ExercisePhase, ItemEnd, State},
    tick::{Watched, tick},
    time::between,
    verbs::{Day, Verb, decide},
    what::{ClusterAccess, Line, StopFor, What},
    who::{Claim, who},
};
use crate::journal::{Answer, RunDir};

/// A drill that did not begin may be started again after this time.
const AGAIN: Duration = Duration::from_secs(60);
/// A drill writes within this time that it was told to stop.
const HEARS: Duration = Duration::from_secs(5);

/// Why a command cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExerciseError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another file of the directory cannot be used.
    #[error("{0}")]
    File(String),
    /// It is not possible now, or not for this person.
    #[error("{0}")]
    Refused(String),
}

/// What is known of an exercise from its directory.
#[derive(Debug)]
pub struct KnownExercise {
    /// The playbook and its scenarios.
    pub loaded: LoadedPlaybook,
    /// The people.
    pub people: People,
    /// What it has come to.
    pub state: State,
    /// The hash of the last line.
    pub head: String,
    /// Lines that do not count.
    pub stray: usize,
}

impl KnownExercise {
    /// Reads a directory, without changing anything. What is due now is in the state, and not written.
    ///
    /// # Errors
    /// A file is missing or damaged.
    pub fn read(dir: &Path, now: Timestamp) -> Result<(Self, Option<Watched>), ExerciseError> {
        let lines = read(&RunDir(dir.to_owned()))?;
        let mut known = Self::of(dir, &lines)?;
        let watched = watched(dir, &known.loaded, &known.state)?;
        for (at, event) in tick(&known.loaded.playbook, &known.state, watched.as_ref(), now) {
            known.state.take(at, &event);
        }
        Ok((known, watched))
    }

    /// What is known by the lines of the journal. Nothing is read of a drill, and what is due now is not in the state.
    ///
    /// # Errors
    /// A frozen file or the people file is missing or damaged.
    pub fn of(dir: &Path, lines: &Lines) -> Result<Self, ExerciseError> {
        let state = State::of(&lines.lines);
        let loaded = frozen(dir, &state).map_err(ExerciseError::File)?;
        let people = People::read(dir).map_err(ExerciseError::File)?;
        Ok(Self { loaded, people, state, head: lines.head.clone(), stray: lines.stray })
    }
}

/// The drill of the open stage, if it has one.
///
/// # Errors
/// Its journal is damaged.
pub fn watched(dir: &Path, loaded: &LoadedPlaybook, state: &State) -> Result<Option<Watched>, ExerciseError> {
    let Some((_, stage)) = open_stage(&loaded.playbook, state) else { return Ok(None) };
    let own = state.stage_of(&stage.id);
    let (Some(folder), Some(opened)) = (&own.folder, own.opened) else { return Ok(None) };
    let drill = Drill::read(&dir.join(folder)).map_err(|e| ExerciseError::File(e.to_string()))?;
    Ok(Some(Watched { drill, timing: Timing::of_stage(state, opened) }))
}

/// A command on an exercise, which holds its lock.
#[derive(Debug)]
pub struct Session {
    /// What is known.
    pub known: KnownExercise,
    dir: std::path::PathBuf,
    open: Open,
    /// Messages about what followed outside the journal.
    pub said: Vec<String>,
    /// The drill that this command started.
    pub child: Option<Child>,
}

impl Session {
    /// Takes the lock and reads everything.
    ///
    /// # Errors
    /// Another command works on the exercise, or a file is missing or damaged.
    pub fn open(dir: &Path) -> Result<Self, ExerciseError> {
        let open = open(&RunDir(dir.to_owned()))?;
        let known = KnownExercise::of(dir, &open.read)?;
        Ok(Self { known, dir: dir.to_owned(), open, said: vec![], child: None })
    }

    /// Writes everything that is due.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn tick(&mut self, now: Timestamp) -> Result<Option<Watched>, ExerciseError> {
        let watched = watched(&self.dir, &self.known.loaded, &self.known.state)?;
        let due = tick(&self.known.loaded.playbook, &self.known.state, watched.as_ref(), now);
        self.append(due)?;
        Ok(watched)
    }

    /// All lines.
    pub fn lines(&self) -> &[Line] {
        &self.open.read.lines
    }

    /// Writes lines, and folds them.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn append(&mut self, lines: Vec<(Timestamp, What)>) -> Result<(), ExerciseError> {
        self.open.append(lines.clone())?;
        lines.iter().for_each(|(at, event)| self.known.state.take(*at, event));
        self.known.head.clone_from(&self.open.read.head);
        Ok(())
    }

    /// Carries out a command of somebody.
    ///
    /// # Errors
    /// It is not possible now, or not for this person.
    pub fn act(&mut self, claim: &Claim, verb: &Verb, now: Timestamp) -> Result<Vec<What>, ExerciseError> {
        self.act_with(claim, verb, now, &|_, _| vec![])
    }

    /// The same, with a script for the holds of a drill that begins.
    ///
    /// # Errors
    /// As [`Session::act`].
    pub fn act_with(
        &mut self,
        claim: &Claim,
        verb: &Verb,
        now: Timestamp,
        script: &dyn Fn(&LoadedPlaybook, &Stage) -> Script,
    ) -> Result<Vec<What>, ExerciseError> {
        let watched = self.tick(now)?;
        self.stop_again(watched.as_ref(), now);
        let drills = if matches!(verb, Verb::Resume { .. }) { self.drills()? } else { vec![] };
        let known = &self.known;
        let day = Day {
            playbook: &known.loaded.playbook,
            state: &known.state,
            people: &known.people,
            watched: watched.as_ref(),
            drills: &drills,
            now,
        };
        if let Some(again) = self.again(claim, verb, watched.as_ref(), now) {
            again?;
            let open = open_stage(&self.known.loaded.playbook, &self.known.state);
            if open.is_some_and(|(_, stage)| stage.check.is_some()) {
                self.review(now)?;
            } else {
                self.launch(now, script)?;
            }
            return Ok(vec![]);
        }
        let lines = decide(&day, claim, verb).map_err(ExerciseError::Refused)?;
        self.append(lines.iter().map(|line| (now, line.clone())).collect())?;
        // A stop may end stages at once.
        self.tick(now)?;
        self.follow(&lines, watched.as_ref(), now, script)?;
        Ok(lines)
    }

    /// `next` on a stage whose drill did not begin starts it again, and at once if the command that was to start it
    /// was killed before.
    fn again(
        &self,
        claim: &Claim,
        verb: &Verb,
        watched: Option<&Watched>,
        now: Timestamp,
    ) -> Option<Result<(), ExerciseError>> {
        let Verb::Next { skip: None } = verb else { return None };
        let KnownExercise { loaded, people, state, .. } = &self.known;
        let (_, stage) = open_stage(&loaded.playbook, state)?;
        if stage.check.is_some() && state.phase == ExercisePhase::Running {
            return self.reviews_again(claim, stage);
        }
        let waits = self.waits();
        if state.phase != ExercisePhase::Running || !waits && watched.is_none_or(|w| w.drill.dir.is_some()) {
            return None;
        }
        if let Err(why) = who(&loaded.playbook, state, people, claim, &[Role::Director]) {
            return Some(Err(ExerciseError::Refused(why)));
        }
        let log = self.dir.join(format!("drills/{}.log", stage.id));
        let launched = state.stage_of(&stage.id).launched;
        if launched.is_some_and(|launched| between(launched, now).0 < AGAIN) {
            let text = format!(
                "the drill of stage `{}` has not begun yet; its messages are in {}. `next` starts it again after a minute",
                stage.id,
                log.display()
            );
            return Some(Err(ExerciseError::Refused(text)));
        }
        Some(Ok(()))
    }

    /// Whether the open stage has a drill that no command has started yet.
    fn waits(&self) -> bool {
        let state = &self.known.state;
        let open = open_stage(&self.known.loaded.playbook, state).filter(|_| state.phase == ExercisePhase::Running);
        open.is_some_and(|(_, stage)| stage.scenario.is_some() && state.stage_of(&stage.id).folder.is_none())
    }

    /// Stops the drill of a stopped exercise, if the command that stopped the exercise was killed before it did that.
    fn stop_again(&mut self, watched: Option<&Watched>, now: Timestamp) {
        let Some(Watched { drill, .. }) = watched else { return };
        if let (Some(how), Some(run)) = (untold(&self.known.state, drill, now), &drill.dir) {
            self.stop(run, how);
        }
    }

    fn stop(&mut self, run: &Path, how: StopFor) {
        let said = stop(run, &self.known.state.place, how).unwrap_or_else(|why| format!("ATTENTION: {why}"));
        self.said.push(said);
    }

    /// What follows outside the journal.
    fn follow(
        &mut self,
        lines: &[What],
        watched: Option<&Watched>,
        now: Timestamp,
        script: &dyn Fn(&LoadedPlaybook, &Stage) -> Script,
    ) -> Result<(), ExerciseError> {
        if self.waits() {
            self.launch(now, script)?;
        }
        if self.waits_for_review() {
            self.review(now)?;
        }
        for line in lines {
            let What::Stopped { how, .. } = line else { continue };
            if let Some(run) = watched.and_then(|w| w.drill.dir.as_ref().filter(|_| w.drill.end.is_none())) {
                self.stop(run, *how);
            }
        }
        self.release();
        Ok(())
    }

    /// Writes that the drill of the open stage begins, and starts it.
    fn launch(
        &mut self,
        now: Timestamp,
        script: &dyn Fn(&LoadedPlaybook, &Stage) -> Script,
    ) -> Result<(), ExerciseError> {
        let Some((_, stage)) = open_stage(&self.known.loaded.playbook, &self.known.state) else { return Ok(()) };
        let (stage, Some(drill)) = (stage.clone(), stage.scenario.clone()) else { return Ok(()) };
        self.append(vec![(now, What::DrillLaunched { stage: stage.id.clone(), folder: folder(&stage.id) })])?;
        let script = script(&self.known.loaded, &stage);
        let place = match &self.known.state.place {
            // Without people nobody looks on, so the simulated time jumps.
            ClusterAccess::Simulated { cluster, seed, .. } if self.known.state.unattended => {
                ClusterAccess::Simulated { cluster: cluster.clone(), seed: *seed, pace: None }
            }
            place => place.clone(),
        };
        let words = arguments(&self.dir, &stage, &drill, &place, &script);
        match spawn(&self.dir, &stage.id, &words) {
            Ok(child) => {
                self.said.push(format!("started: drillmaster {}", words.join(" ")));
                self.child = Some(child);
            }
            Err(error) => self.said.push(format!(
                "ATTENTION: the drill could not be started ({error}): `exercise next` tries again after a minute"
            )),
        }
        Ok(())
    }

    /// Passes a decision on to a drill that holds for it. The first answer counts, so this may be repeated.
    pub fn release(&mut self) {
        let Ok(Some(Watched { drill, .. })) = watched(&self.dir, &self.known.loaded, &self.known.state) else { return };
        let (Some(run), Some(waits)) = (&drill.dir, &drill.waits) else { return };
        let items = self.known.loaded.playbook.stages.iter().flat_map(|stage| &stage.during);
        let Some(Does::Decide(decide)) =
            items.into_iter().find(|item| item.id == waits.name).and_then(|item| item.does())
        else {
            return;
        };
        let item = self.known.state.item_of(&waits.name);
        let effect = decide.options.get(&item.option);
        if !matches!(item.end, Some(ItemEnd::Answered | ItemEnd::Defaulted)) || effect != Some(&Effect::Release) {
            return;
        }
        let by = item.by.map_or_else(
            || "default, because nobody decided in time".to_owned(),
            |by| format!("{} {}, {}", by.role, by.person.0, by.known.words()),
        );
        let answer = Answer { gate: waits.name.clone(), approve: true, by };
        match answer.give(&RunDir(run.clone())) {
            Ok(()) => self.said.push(format!("the drill was told: {} is decided", waits.name)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => self
                .said
                .push(format!("ATTENTION: the drill could not be told ({error}); it continues after the time limit")),
        }
    }
}

/// How a drill must be stopped that goes on although its exercise was stopped. A drill that knows of the stop is not
/// told again: a second signal would hurry it.
fn untold(state: &State, drill: &Drill, now: Timestamp) -> Option<StopFor> {
    let (stopped, how, ..) = state.stopped.as_ref()?;
    let knows = drill.stopping || drill.end.is_some() || drill.alive == Some(false);
    (!knows && between(*stopped, now).0 >= HEARS).then_some(*how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Told;

    #[test]
    fn a_stop_that_the_drill_did_not_hear_is_repeated() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let stopped = Some((at(0), StopFor::Safety, Told::default(), None));
        let state = State { stopped, ..State::default() };
        let drill = Drill { alive: Some(true), ..Drill::default() };
        assert_eq!(untold(&state, &drill, at(60)), Some(StopFor::Safety));
        assert_eq!(untold(&State::default(), &drill, at(60)), None, "the exercise goes on");
        assert_eq!(untold(&state, &drill, at(1)), None, "the drill has not had the time to write that it heard it");
        for knows in [Drill { stopping: true, ..drill.clone() }, Drill { alive: Some(false), ..drill.clone() }] {
            assert_eq!(untold(&state, &knows, at(60)), None, "{knows:?}");
        }
    }
}
