//! What a board follows: the lines of an exercise, and the journal of a drill. Start with [`FollowedExercise`].

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;

use super::{
    fold::{DrillFold, DrillTime},
    log::Log,
    players, team,
};
use crate::{
    exercise::{ExerciseError, KnownExercise, Line, PEOPLE, Timing, next_due, open_stage, plus, read},
    journal::{Followed, Following, JournalError, Lock, RunDir},
    model::Dur,
};

/// How often it is checked whether the runner of a drill is alive.
const CHECK_ALIVE_EVERY: Dur = Dur::secs(5);
/// What was due and led to nothing is tried again after this time.
const RETRY_AFTER: Dur = Dur::secs(10);
/// The exercise writes down an event of its drill at once. What becomes due because of it is written down after this time.
const TICK_AGAIN_AFTER: Dur = Dur::secs(2);

/// An exercise, and what the boards say about it.
pub(super) struct FollowedExercise {
    pub known: KnownExercise,
    /// The files as they were when they were read.
    files: Vec<FileMark>,
    /// How many lines of the journal are in the logs.
    logged: usize,
    /// The last one of them.
    last: Option<Line>,
    pub team: Log,
    pub players: Log,
    ticked_at: Option<Timestamp>,
    tick_again_at: Option<Timestamp>,
}

/// How a file shows that it changed: its name, its size, its time.
type FileMark = (String, u64, Option<SystemTime>);

impl FollowedExercise {
    /// Reads the directory of an exercise. The logs are empty until the first `refresh`.
    pub(super) fn open(dir: &Path) -> Result<Self, ExerciseError> {
        let (known, _) = read_all(dir)?;
        let (files, team, players) = (vec![], Log::default(), Log::default());
        Ok(Self { known, files, logged: 0, last: None, team, players, ticked_at: None, tick_again_at: None })
    }

    /// Reads the directory again if a file has changed. Returns whether it did.
    pub(super) fn refresh(&mut self, dir: &Path) -> Result<bool, ExerciseError> {
        let files = marks(dir);
        if files == self.files {
            return Ok(false);
        }
        let (known, lines) = read_all(dir)?;
        self.known = known;
        self.log(&lines, files);
        Ok(true)
    }

    /// Adds the new lines to the logs.
    fn log(&mut self, lines: &[Line], files: Vec<FileMark>) {
        // After an erasure, a person has another name in all lines; after a takeover, some lines do not count any more.
        let people = |marks: &[FileMark]| marks.iter().find(|(name, ..)| name == PEOPLE).cloned();
        let same = self.logged.checked_sub(1).and_then(|last| lines.get(last)) == self.last.as_ref();
        if !same || people(&files) != people(&self.files) {
            self.logged = 0;
            self.team.clear();
            self.players.clear();
        }
        let new = &lines[self.logged.min(lines.len())..];
        self.team.add(new.iter().filter_map(|line| team::line(&self.known, line)));
        self.players.add(new.iter().filter_map(|line| players::line(&self.known, line)));
        (self.logged, self.last, self.files) = (lines.len(), lines.last().cloned(), files);
    }

    /// The folder of the drill that the board shows, and the timing of the drill: that of the open stage, or the last
    /// one.
    pub(super) fn drill(&self) -> Option<(String, Timing)> {
        let state = &self.known.state;
        let mut stages = self.known.loaded.playbook.stages.iter().rev();
        stages.find_map(|stage| {
            let own = state.stage_of(&stage.id);
            let timing = own.opened.map_or(Timing::Wall, |opened| Timing::of_stage(state, opened));
            Some((own.folder?, timing))
        })
    }

    /// Whether the exercise has something to write down now. `news` is true if its drill has an event to write down.
    pub(super) fn must_tick(&mut self, news: bool, now: Timestamp) -> bool {
        let (state, playbook) = (&self.known.state, &self.known.loaded.playbook);
        // An exercise without people has a time of its own, and a process that writes.
        if state.unattended || open_stage(playbook, state).is_none() {
            return false;
        }
        let recent = self.ticked_at.is_some_and(|at| plus(at, RETRY_AFTER) > now);
        let due = next_due(playbook, state, None).is_some_and(|due| due <= now);
        let must = news || self.tick_again_at.is_some_and(|at| at <= now) || due && !recent;
        if must {
            self.ticked_at = Some(now);
            self.tick_again_at = news.then(|| plus(now, TICK_AGAIN_AFTER));
        }
        must
    }
}

/// Everything in the directory of an exercise, and the lines of its journal.
fn read_all(dir: &Path) -> Result<(KnownExercise, Vec<Line>), ExerciseError> {
    let lines = read(&RunDir(dir.to_owned()))?;
    Ok((KnownExercise::of(dir, &lines)?, lines.lines))
}

/// The marks of the files that an exercise is read from.
fn marks(dir: &Path) -> Vec<FileMark> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut all: Vec<FileMark> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let journal = name.starts_with("journal.") && name.ends_with(".jsonl");
            let about = (journal || name == PEOPLE).then(|| entry.metadata().ok())??;
            Some((name, about.len(), about.modified().ok()))
        })
        .collect();
    all.sort();
    all
}

/// A drill that is followed.
pub(super) struct FollowedDrill {
    pub dir: PathBuf,
    following: Following,
    pub fold: DrillFold,
    /// Whether its runner is alive; none if that cannot be determined.
    pub alive: Option<bool>,
    checked_at: Option<Timestamp>,
}

impl FollowedDrill {
    /// A drill of which nothing was read yet, with the log that it goes on with.
    pub(super) fn new(dir: PathBuf, time: DrillTime, log: Log) -> Self {
        let following = Following::new(RunDir(dir.clone()));
        let fold = DrillFold { time, log, ..DrillFold::default() };
        Self { dir, following, fold, alive: None, checked_at: None }
    }

    /// Reads the new events. Returns whether the board has to change.
    pub(super) fn refresh(&mut self, now: Timestamp) -> Result<bool, JournalError> {
        let (mut new, fold) = (false, &mut self.fold);
        self.following.take_new(&mut |followed| match followed {
            Followed::Again => fold.again(),
            Followed::Event(event) => {
                new = true;
                fold.take(&event);
            }
        })?;
        // Who writes is alive. The check takes the lock for a moment, which could refuse it to a runner that begins.
        if new {
            self.alive = Some(true);
        } else if self.checked_at.is_none_or(|at| plus(at, CHECK_ALIVE_EVERY) <= now) {
            let alive = Lock::is_held(&RunDir(self.dir.clone()));
            self.checked_at = Some(now);
            new |= alive != self.alive;
            self.alive = alive;
        }
        Ok(new)
    }
}
