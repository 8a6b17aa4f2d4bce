//! Reads the files for all browsers, every half second, and writes down what is due, as each command does. Start with
//! [`Source::open`].

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::{
    drill_view::DrillView,
    fold::{DrillFold, DrillTime},
    log::Log,
    players::{self, PlayersBoard},
    stream::Feed,
    team::{self, ExerciseView, TeamView},
};
use crate::{
    exercise::{
        ClusterAccess, ExerciseError, KnownExercise, Line, Session, next_due, only_run, open_stage, plus, read,
    },
    journal::{Followed, Following, Lock, RunDir, header},
    model::Dur,
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is asked whether the runner of a drill lives.
const ALIVE: Dur = Dur::secs(5);
/// What was due and led to nothing is tried again after this time.
const AGAIN: Dur = Dur::secs(10);
/// A drill's event is written down at once, and what it makes due soon afterwards.
const SOON: Dur = Dur::secs(2);

/// Why a board cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The directory is not that of an exercise, or it is damaged.
    #[error(transparent)]
    Exercise(#[from] ExerciseError),
}

/// Where the files are, and what was read of them.
pub struct Source {
    dir: PathBuf,
    now: fn() -> Timestamp,
    exercise: Option<Exercise>,
    drill: Option<Drill>,
    trouble: String,
    team: watch::Sender<Feed<TeamView>>,
    players: watch::Sender<Feed<PlayersBoard>>,
}

/// An exercise, and what the boards say about it.
struct Exercise {
    known: KnownExercise,
    files: Vec<FileMark>,
    read: usize,
    last: Option<Line>,
    team: Log,
    players: Log,
    ticked: Option<Timestamp>,
    again: Option<Timestamp>,
}

/// A drill that is followed.
struct Drill {
    dir: PathBuf,
    following: Following,
    fold: DrillFold,
    alive: Option<bool>,
    asked: Option<Timestamp>,
}

/// How a file shows that it changed: its name, its size, its time.
type FileMark = (String, u64, Option<std::time::SystemTime>);

impl Source {
    /// Reads a directory: of an exercise, or of the run of a drill.
    ///
    /// # Errors
    /// It is neither, or it is damaged.
    pub fn open(dir: &Path, now: fn() -> Timestamp) -> Result<Self, SourceError> {
        let is_run = header(&RunDir(dir.to_owned())).is_some();
        let exercise = if is_run {
            None
        } else {
            let lines = read(&RunDir(dir.to_owned())).map_err(ExerciseError::from)?;
            let known = KnownExercise::of(dir, &lines)?;
            Some(Exercise {
                known,
                files: vec![],
                read: 0,
                last: None,
                team: Log::default(),
                players: Log::default(),
                ticked: None,
                again: None,
            })
        };
        let (team, players) = (watch::Sender::new(Feed::default()), watch::Sender::new(Feed::default()));
        let mut source =
            Self { dir: dir.to_owned(), now, exercise, drill: None, trouble: String::new(), team, players };
        source.look();
        Ok(source)
    }

    /// Whether it is an exercise.
    pub fn is_exercise(&self) -> bool {
        self.exercise.is_some()
    }

    /// What the team sees.
    pub fn team(&self) -> watch::Receiver<Feed<TeamView>> {
        self.team.subscribe()
    }

    /// What players see.
    pub fn players(&self) -> watch::Receiver<Feed<PlayersBoard>> {
        self.players.subscribe()
    }

    /// Looks at the files again and again. `wake` lets it look at once. It ends only if reading panics.
    pub async fn keep_looking(mut self, wake: Arc<Notify>) {
        loop {
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            let Ok(source) = looked.await else { return };
            self = source;
            let _ = tokio::time::timeout(LOOK, wake.notified()).await;
        }
    }

    /// Looks at the files once, and tells all browsers what is new.
    pub fn look(&mut self) {
        let now = (self.now)();
        let before = std::mem::take(&mut self.trouble);
        let mut changed = self.read_exercise();
        changed |= self.follow_drill(now);
        if self.tick(now) {
            changed |= self.read_exercise();
        }
        if changed || before != self.trouble {
            self.tell(now);
        }
    }

    fn wrong<T>(&mut self, done: Result<T, impl std::fmt::Display>) -> Option<T> {
        done.map_err(|error| self.trouble = error.to_string()).ok()
    }

    fn read_exercise(&mut self) -> bool {
        let files = marks(&self.dir);
        let Some(exercise) = &self.exercise else { return false };
        if exercise.files == files {
            return false;
        }
        let lines = read(&RunDir(self.dir.clone())).map_err(ExerciseError::from);
        let known = lines.and_then(|lines| Ok((KnownExercise::of(&self.dir, &lines)?, lines.lines)));
        let Some((known, lines)) = self.wrong(known) else { return false };
        if let Some(exercise) = &mut self.exercise {
            exercise.take(known, &lines, files);
        }
        true
    }

    /// Where the drill is that the board shows: that of the open stage, or the last one.
    fn place(&self) -> Option<(PathBuf, DrillTime)> {
        let Some(exercise) = &self.exercise else { return Some((self.dir.clone(), DrillTime::Wall)) };
        let state = &exercise.known.state;
        let stages = exercise.known.loaded.playbook.stages.iter().rev();
        let own = stages.map(|stage| state.stage_of(&stage.id)).find(|own| own.folder.is_some())?;
        let time = match (&state.place, own.opened) {
            (ClusterAccess::Simulated { .. }, _) if state.unattended => DrillTime::Events,
            (ClusterAccess::Simulated { pace, .. }, Some(opened)) => DrillTime::Paced(opened, pace.unwrap_or(1.0)),
            _ => DrillTime::Wall,
        };
        Some((self.dir.join(own.folder?), time))
    }

    fn follow_drill(&mut self, now: Timestamp) -> bool {
        let Some((folder, time)) = self.place() else { return false };
        let dir = if self.exercise.is_some() {
            match self.wrong(only_run(&folder)) {
                Some(Some(dir)) => dir,
                _ => return false,
            }
        } else {
            folder
        };
        if self.drill.as_ref().is_none_or(|drill| drill.dir != dir) {
            self.next_drill(dir, time);
        }
        let Some(drill) = &mut self.drill else { return false };
        let looked = drill.look(now);
        self.wrong(looked).unwrap_or(false)
    }

    /// The lines of the last drill stay in the log.
    fn next_drill(&mut self, dir: PathBuf, time: DrillTime) {
        if let (Some(last), Some(exercise)) = (self.drill.take(), &mut self.exercise) {
            exercise.team.lines.extend(last.fold.log.lines);
        }
        let time = if header_is_simulated(&dir) && self.exercise.is_none() { DrillTime::Events } else { time };
        let fold = DrillFold { time, ..DrillFold::default() };
        self.drill =
            Some(Drill { following: Following::new(RunDir(dir.clone())), dir, fold, alive: None, asked: None });
    }

    /// Writes down what is due. Returns whether something may have been written.
    fn tick(&mut self, now: Timestamp) -> bool {
        let news = self.drill.as_mut().is_some_and(|drill| std::mem::take(&mut drill.fold.news));
        let Some(exercise) = &mut self.exercise else { return false };
        if !exercise.must_tick(news, now) {
            return false;
        }
        let ticked = Session::open(&self.dir).and_then(|mut session| {
            session.tick(now)?;
            // The command that decided may have been killed before it told the drill.
            session.release();
            Ok(())
        });
        self.wrong(ticked).is_some()
    }

    fn tell(&mut self, now: Timestamp) {
        let drill = self.drill.as_ref().map(|drill| DrillView::of(&drill.fold, drill.alive, now));
        let view = TeamView {
            exercise: self.exercise.as_ref().map(|exercise| ExerciseView::of(&exercise.known)),
            drill,
            trouble: self.trouble.clone(),
        };
        let logs = self.exercise.iter().map(|exercise| &exercise.team);
        let logs = logs.chain(self.drill.as_ref().map(|drill| &drill.fold.log)).cloned().collect();
        self.team.send_replace(Feed::of(&view, logs));
        if let Some(exercise) = &self.exercise {
            let view = PlayersBoard::of(&exercise.known, !self.trouble.is_empty());
            self.players.send_replace(Feed::of(&view, vec![exercise.players.clone()]));
        }
    }
}

impl Exercise {
    fn take(&mut self, known: KnownExercise, lines: &[Line], files: Vec<FileMark>) {
        // After an erasure, the lines have another name; after a takeover, some of them do not count.
        let people = |marks: &[FileMark]| marks.iter().find(|(name, ..)| name == crate::exercise::PEOPLE).cloned();
        let same = self.read.checked_sub(1).and_then(|last| lines.get(last)) == self.last.as_ref();
        if !same || people(&files) != people(&self.files) {
            self.read = 0;
            self.team.again();
            self.players.again();
        }
        let new = &lines[self.read.min(lines.len())..];
        self.team.add(new.iter().filter_map(|line| team::line(&known, line)));
        self.players.add(new.iter().filter_map(|line| players::line(&known, line)));
        (self.read, self.last) = (lines.len(), lines.last().cloned());
        (self.known, self.files) = (known, files);
    }

    fn must_tick(&mut self, news: bool, now: Timestamp) -> bool {
        let Self { known, ticked, again, .. } = self;
        // An exercise without people has a time of its own, and a process that writes.
        if known.state.unattended || open_stage(&known.loaded.playbook, &known.state).is_none() {
            return false;
        }
        let recent = ticked.is_some_and(|at| plus(at, AGAIN) > now);
        let due = next_due(&known.loaded.playbook, &known.state, None).is_some_and(|due| due <= now);
        let must = news || again.is_some_and(|at| at <= now) || due && !recent;
        if must {
            *ticked = Some(now);
            *again = news.then(|| plus(now, SOON));
        }
        must
    }
}

impl Drill {
    /// Reads what is new. Returns whether something is.
    fn look(&mut self, now: Timestamp) -> Result<bool, crate::journal::JournalError> {
        let (mut new, fold) = (false, &mut self.fold);
        let read = self.following.take_new(&mut |followed| match followed {
            Followed::Again => fold.again(),
            Followed::Event(event) => {
                new = true;
                fold.take(&event);
            }
        });
        read?;
        // Who writes is alive. Asking takes the lock for a moment, which a runner that begins could meet.
        if new {
            self.alive = Some(true);
        } else if self.asked.is_none_or(|at| plus(at, ALIVE) <= now) {
            let alive = Lock::is_held(&RunDir(self.dir.clone()));
            self.asked = Some(now);
            new |= alive != self.alive;
            self.alive = alive;
        }
        Ok(new)
    }
}

fn header_is_simulated(dir: &Path) -> bool {
    crate::journal::is_rehearsal(&RunDir(dir.to_owned()))
}

/// The marks of the files that an exercise is read from.
fn marks(dir: &Path) -> Vec<FileMark> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut all: Vec<FileMark> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let journal = name.starts_with("journal.") && name.ends_with(".jsonl");
            let about = (journal || name == crate::exercise::PEOPLE).then(|| entry.metadata().ok())??;
            Some((name, about.len(), about.modified().ok()))
        })
        .collect();
    all.sort();
    all
}
