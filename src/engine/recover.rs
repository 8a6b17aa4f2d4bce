//! Picks up a run that died or froze, and undoes what is open: with the very functions
//! that the run would have used. It takes the wheel first and connects then; whatever
//! fails meanwhile, it goes on until the undo's deadline.

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

/// What the cluster's record says is believed as far as *what* is open goes. How it is undone
/// comes from the person who recovers: who can write a ConfigMap must not choose what runs.
pub const NEEDS_BINDINGS: &str = "To recover from the cluster's record, name the bindings (--bind FILE): the record says what is open, and names neither a program nor a path. The bindings say how nodes get their power back, where Velero is and whom to page";

/// Why a run could not be picked up. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nothing was broken.
    #[error("{0} is a rehearsal: nothing real was touched, and there is nothing to recover")]
    Rehearsal(String),
    /// It holds something that cannot be.
    #[error("{0}: {1}; nothing was changed")]
    Illegal(String, crate::journal::IllegalTransition),
    /// The run is alive.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It cannot be appended to.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// No cluster, no host.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The bindings cannot be read.
    #[error("{0}")]
    Bindings(crate::scenario::Problems),
    /// Not the cluster of the run.
    #[error(
        "context `{context}` leads to another cluster (kube-system {found}) than the one this run broke ({wanted}): nothing was changed"
    )]
    WrongCluster {
        /// Context.
        context: String,
        /// UID found.
        found: String,
        /// UID of the journal.
        wanted: String,
    },
    /// What the cluster keeps of the run is not what we wrote.
    #[error(
        "ConfigMap drillmaster/{0} should hold the record of a run, and cannot be read: {1}. What that run left open is not known, and nothing was changed"
    )]
    Record(String, String),
    /// The cluster holds no open record.
    #[error("the cluster holds no run record with anything open: there is nothing to recover")]
    NothingInCluster,
    /// What is open is known, and not how it is undone.
    #[error("run {run} left {open} open. {NEEDS_BINDINGS}")]
    NeedsBindings {
        /// Whose record it is.
        run: String,
        /// What, in words.
        open: String,
    },
    /// The cluster said no.
    #[error(transparent)]
    Api(#[from] crate::world::ApiError),
    /// The directory cannot be written.
    #[error("cannot write {path}")]
    Dir {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// How a recovery is told apart and reached.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another context for the same cluster.
    pub context: Option<String>,
    /// Another kubeconfig.
    pub kubeconfigs: Vec<PathBuf>,
    /// Another bindings file.
    pub bindings: Option<PathBuf>,
    /// The unwind gives up after.
    pub unwind_within: Option<Duration>,
    /// What happens meanwhile, in a test.
    pub moments: Moments,
}

/// Undoes what a run left open. `hand` is given by the reaper, which has the wheel
/// already.
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

/// The same in a world that is open already; its clock is set to the run's.
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
