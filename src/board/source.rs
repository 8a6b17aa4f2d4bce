//! Reads the files for all browsers, every half second, and writes down what is due, as each command does. Start with
//! [`Source::open`].

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::{
    drill_view::DrillView,
    fold::DrillTime,
    followed::{FollowedDrill, FollowedExercise},
    log::Log,
    players::PlayersBoard,
    stream::Feed,
    team::{ExerciseView, TeamView},
};
use crate::{
    exercise::{ExerciseError, Session, Timing, only_run},
    journal::{RunDir, header, is_rehearsal},
};

/// How often the files are read.
const REFRESH_EVERY: Duration = Duration::from_millis(500);

/// Where the files are, and what was read of them.
pub struct Source {
    dir: PathBuf,
    now: fn() -> Timestamp,
    exercise: Option<FollowedExercise>,
    drill: Option<FollowedDrill>,
    trouble: String,
    team: watch::Sender<Feed<TeamView>>,
    players: watch::Sender<Feed<PlayersBoard>>,
}

impl Source {
    /// Reads a directory: of an exercise, or of the run of a drill.
    ///
    /// # Errors
    /// It is neither, or it is damaged.
    pub fn open(dir: &Path, now: fn() -> Timestamp) -> Result<Self, ExerciseError> {
        let is_run = header(&RunDir(dir.to_owned())).is_some();
        let exercise = if is_run { None } else { Some(FollowedExercise::open(dir)?) };
        let (team, players) = (watch::Sender::new(Feed::default()), watch::Sender::new(Feed::default()));
        let mut source =
            Self { dir: dir.to_owned(), now, exercise, drill: None, trouble: String::new(), team, players };
        source.refresh();
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

    /// Reads the files again and again; at once when `wake` is notified. It ends only if reading panics.
    pub async fn keep_refreshing(mut self, wake: Arc<Notify>) {
        loop {
            let refreshed = tokio::task::spawn_blocking(move || {
                self.refresh();
                self
            });
            let Ok(source) = refreshed.await else { return };
            self = source;
            let _ = tokio::time::timeout(REFRESH_EVERY, wake.notified()).await;
        }
    }

    /// Reads the files once, and sends what is new to all browsers.
    pub fn refresh(&mut self) {
        let now = (self.now)();
        let before = std::mem::take(&mut self.trouble);
        let mut changed = self.refresh_exercise();
        changed |= self.refresh_drill(now);
        if self.tick(now) {
            changed |= self.refresh_exercise();
        }
        if changed || before != self.trouble {
            self.publish(now);
        }
    }

    /// The value; or none, and the boards show the error.
    fn or_trouble<T>(&mut self, done: Result<T, impl std::fmt::Display>) -> Option<T> {
        done.map_err(|error| self.trouble = error.to_string()).ok()
    }

    fn refresh_exercise(&mut self) -> bool {
        let Some(exercise) = &mut self.exercise else { return false };
        let changed = exercise.refresh(&self.dir);
        self.or_trouble(changed).unwrap_or(false)
    }

    fn refresh_drill(&mut self, now: Timestamp) -> bool {
        let Some((dir, timing)) = self.shown_run() else { return false };
        if self.drill.as_ref().is_none_or(|drill| drill.dir != dir) {
            self.follow(dir, timing);
        }
        let Some(drill) = &mut self.drill else { return false };
        let changed = drill.refresh(now);
        self.or_trouble(changed).unwrap_or(false)
    }

    /// The run directory of the drill that the board shows; none before its run began.
    fn shown_run(&mut self) -> Option<(PathBuf, Timing)> {
        let Some(exercise) = &self.exercise else { return Some((self.dir.clone(), Timing::Wall)) };
        let (folder, timing) = exercise.drill()?;
        let run = only_run(&self.dir.join(folder));
        Some((self.or_trouble(run)??, timing))
    }

    /// Follows another drill. The lines of the last one stay in the log of the exercise.
    fn follow(&mut self, dir: PathBuf, timing: Timing) {
        let jumps = match &self.exercise {
            Some(exercise) => exercise.known.state.unattended && matches!(timing, Timing::Simulated(..)),
            None => is_rehearsal(&RunDir(dir.clone())),
        };
        let mut log = Log::default();
        if let (Some(last), Some(exercise)) = (self.drill.take(), &mut self.exercise) {
            log = last.fold.log;
            log.move_to(&mut exercise.team);
        }
        self.drill = Some(FollowedDrill::new(dir, DrillTime { timing, jumps }, log));
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
        self.or_trouble(ticked).is_some()
    }

    fn publish(&mut self, now: Timestamp) {
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
