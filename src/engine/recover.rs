//! Picks up a run that died or froze, and undoes what is open: with the very functions
//! that the run would have used. It takes the wheel first and connects then; whatever
//! fails meanwhile, it goes on until the undo's deadline.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use super::{
    OpenError, Place,
    connect::Connecting,
    hand::Hand,
    left_open::LeftOpen,
    moment::{Moment, Moments},
    session::Session,
};
use crate::{
    event::Actor,
    journal::{JournalError, LockError, Recorder, RunDir, WriteError},
    model::{Bindings, Exit, Plan},
    scenario::load_bindings,
    world::{Clock, Reach, World},
};

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
    pub kubeconfig: Option<PathBuf>,
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
    let place = place_of(&left.reach, overrides)?;
    let hand = match hand {
        Some(hand) => hand,
        None => Hand::get(dir).await?,
    };
    let clock = left.clock(Clock::start());
    let session = match Session::open(dir, actor, hand, left, clock, overrides).await? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    show(&session.recorder, &session.plan);
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
    let session = match Session::open(dir, actor, hand, left, world.clock, overrides).await? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    session.fits(&world)?;
    Ok(session.put_back(world).await)
}

fn place_of(reach: &BTreeMap<String, String>, overrides: &Overrides) -> Result<Place, RecoverError> {
    let bindings_file = overrides.bindings.clone().or_else(|| reach.get("bindings").map(PathBuf::from));
    let bindings = match &bindings_file {
        Some(path) => load_bindings(path).map_err(RecoverError::Bindings)?,
        None => Bindings::default(),
    };
    let kubeconfig = overrides.kubeconfig.clone().or_else(|| reach.get("kubeconfig").map(PathBuf::from));
    Ok(Place {
        recovery: reach.get("recovery").map(|context| Reach {
            context: context.clone(),
            kubeconfig: kubeconfig.clone(),
            in_cluster: false,
        }),
        reach: Reach {
            context: overrides.context.clone().or_else(|| reach.get("context").cloned()).unwrap_or_default(),
            kubeconfig,
            in_cluster: reach.contains_key("inCluster"),
        },
        bindings,
        bindings_file,
    })
}
