//! Takes over a run whose runner died or froze, and undoes what is open, with the same functions that the run would
//! have used. It first takes control of the run and then connects. Whatever fails, it tries again until the time limit
//! of the undo.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    OpenError,
    connect::Connecting,
    hand::Hand,
    left_open::LeftOpen,
    moment::{Moment, Moments},
    session::Session,
    way_back::place_of,
};
use crate::{
    event::{Actor, Kind},
    journal::{JournalError, LockError, Recorder, RunDir, WriteError},
    model::{Exit, Plan},
    told,
    world::{Clock, World},
};

/// The record in the cluster is trusted only for *what* is open. How it is undone comes from the person who recovers:
/// whoever can write to a ConfigMap must not be able to choose programs to run.
pub const NEEDS_BINDINGS: &str = "To recover from the record in the cluster, give the bindings (--bindings FILE). The record contains what is open, but no programs and no paths. The bindings contain how to power nodes on, where Velero is, and whom to page";

/// Why a run could not be taken over. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run is a rehearsal.
    #[error("{0} is a rehearsal: nothing real was touched, so there is nothing to recover")]
    Rehearsal(String),
    /// The journal contains something impossible.
    #[error("{0}: {1}; nothing was changed")]
    Illegal(String, crate::journal::IllegalTransition),
    /// The runner is alive.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The cluster or the node host cannot be reached.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The bindings cannot be read.
    #[error("{0}")]
    Bindings(crate::scenario::Problems),
    /// The context is for another cluster than that of the run.
    #[error(
        "context `{context}` is for another cluster (kube-system {found}) than the one of this run ({wanted}): nothing was changed"
    )]
    WrongCluster {
        /// Context.
        context: String,
        /// The UID that was found.
        found: String,
        /// The UID in the journal.
        wanted: String,
    },
    /// The record in the cluster is damaged.
    #[error(
        "cannot read the run record in ConfigMap drillmaster/{0}: {1}. It is unknown what that run left open, and nothing was changed"
    )]
    Record(String, String),
    /// The cluster has no record with open faults.
    #[error("no run record in the cluster contains anything open: there is nothing to recover")]
    NothingInCluster,
    /// It is known what is open, but not how to undo it.
    #[error("run {run} left {open} open. {NEEDS_BINDINGS}")]
    NeedsBindings {
        /// The run.
        run: String,
        /// What is open, as text.
        open: String,
    },
    /// The API server returned an error.
    #[error(transparent)]
    Api(#[from] crate::world::ApiError),
    /// The run directory cannot be written.
    #[error("cannot write {path}")]
    Dir {
        /// The path.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// What a person gives for a recovery, in place of what the run recorded.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another context for the same cluster.
    pub context: Option<String>,
    /// Another kubeconfig.
    pub kubeconfigs: Vec<PathBuf>,
    /// Another bindings file.
    pub bindings: Option<PathBuf>,
    /// The time limit of the unwind.
    pub unwind_within: Option<Duration>,
    /// What to call at each moment, in a test.
    pub moments: Moments,
}

/// Undoes what a run left open. The reaper passes `hand`, because it already has control of the run.
pub async fn recover(
    dir: &RunDir,
    actor: Actor,
    hand: Option<Hand>,
    overrides: &Overrides,
    show: impl FnOnce(&Arc<Recorder>, &Plan),
) -> Result<Exit, RecoverError> {
    let left = match LeftOpen::read(dir)? {
        Ok(left) => left,
        Err(exit) => return Ok(exit),
    };
    if left.plan.cluster.is_simulated() {
        return Err(RecoverError::Rehearsal(dir.0.display().to_string()));
    }
    let (place, note) = place_of(&left.way_back, overrides)?;
    let hand = match hand {
        Some(hand) => hand,
        None => Hand::get(dir).await?,
    };
    let clock = left.clock(Clock::start());
    let session = match Session::open(dir, actor, hand, left, clock, place.here.redactor(), overrides).await? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    show(&session.recorder, &session.plan);
    if let Some(text) = note {
        session.recorder.observe(Kind::Noted { text: told!(session.recorder, "{text}") });
    }
    match session.connect(&place).await? {
        Connecting::Done(world) => Ok(session.put_back(*world).await),
        Connecting::OutOfTime(why) => Ok(session.give_up(&place, &why).await),
    }
}

/// The same in a world that is already open. Its clock is set to that of the run.
pub async fn recover_in(
    mut world: World,
    dir: &RunDir,
    actor: Actor,
    hand: Option<Hand>,
    overrides: &Overrides,
) -> Result<Exit, RecoverError> {
    let left = match LeftOpen::read(dir)? {
        Ok(left) => left,
        Err(exit) => return Ok(exit),
    };
    overrides.moments.at(Moment::Seen).await;
    let hand = match hand {
        Some(hand) => hand,
        None => Hand::get(dir).await?,
    };
    world.clock = left.clock(world.clock);
    let session = match Session::open(dir, actor, hand, left, world.clock, &world.redactor, overrides).await? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    session.fits(&world)?;
    Ok(session.put_back(world).await)
}
