//! Picks up a run that died, from its run directory or from its record in the
//! cluster, and undoes what is open: with the very functions that the run would
//! have used.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::{
    OpenError, Place, Wakes,
    dark::open_again,
    guard,
    run::{end, tell},
    unwind::{Left, unwind},
};
use crate::{
    event::{Actor, Kind, Wake},
    journal::{Journal, JournalError, Lock, LockError, ReadJournal, Recorder, RunDir, RunState, WriteError, read},
    model::{Exit, Outcome, Plan, SecretRef, StepName},
    scenario::{Sources, load_bindings, load_str},
    steps::{Approvals, StepContext},
    verdict,
    world::{Clock, LeaseError, Reach, RunRecord, World},
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
        "the record of run {0} in the cluster cannot be read, so what it left open is not known: nothing was changed"
    )]
    Record(String, #[source] serde_json::Error),
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
}

/// Undoes what a run left open. `lock` is given by the reaper when it has it
/// already, or knows its holder frozen and fenced (`Some(None)`).
pub async fn recover(
    dir: &RunDir,
    actor: Actor,
    lock: Option<Option<Lock>>,
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
    let lock = match lock {
        Some(lock) => lock,
        None => Some(Lock::take(&dir.file("lock"))?),
    };
    let place = place_of(&left.reach, overrides)?;
    let world = open_again(&place, Clock::start().since(left.began), &left.journal).await?;
    left.put_back(world, dir, actor, lock, overrides.unwind_within, show).await
}

/// The same in a world that is open already; its clock is set to the run's. The
/// runner is dead, or frozen with the lock in its hand.
pub async fn recover_in(mut world: World, dir: &RunDir, actor: Actor, frozen: bool) -> Result<Exit, RecoverError> {
    let left = match LeftOpen::read(dir)? {
        Ok(left) => left,
        Err(exit) => return Ok(exit),
    };
    let lock = if frozen { None } else { Some(Lock::take(&dir.file("lock"))?) };
    world.clock = world.clock.since(left.began);
    left.put_back(world, dir, actor, lock, None, |_, _| {}).await
}

/// What the journal of an unfinished run says.
struct LeftOpen {
    journal: ReadJournal,
    plan: Plan,
    run_id: String,
    operator: String,
    reach: BTreeMap<String, String>,
    /// The run's zero, by the wall clock: it lies before its first line.
    began: Timestamp,
}

impl LeftOpen {
    /// Reads it; a run that left nothing open says how it ended.
    fn read(dir: &RunDir) -> Result<Result<Self, Exit>, RecoverError> {
        let path = dir.journal();
        let journal = read(&path)?;
        let state = RunState::of(&journal.events).map_err(|e| RecoverError::Illegal(path.display().to_string(), e))?;
        let plan = state.plan.clone().map(|p| *p);
        let (Some(plan), Some(first)) = (plan, journal.events.first()) else {
            return Ok(Err(Exit::Passed));
        };
        if state.open().is_empty()
            && let Some(exit) = state.ended
        {
            return Ok(Err(exit));
        }
        let Kind::RunStarted { run_id, reach, operator, .. } = first.event.clone() else {
            return Ok(Err(Exit::Passed));
        };
        let since = jiff::SignedDuration::from_micros(i64::try_from(first.t_us).unwrap_or(0));
        let began = first.at.checked_sub(since).unwrap_or(first.at);
        Ok(Ok(Self { journal, plan, run_id, operator, reach, began }))
    }

    async fn put_back(
        self,
        world: World,
        dir: &RunDir,
        actor: Actor,
        lock: Option<Lock>,
        unwind_within: Option<Duration>,
        show: impl FnOnce(&Arc<Recorder>, &Plan),
    ) -> Result<Exit, RecoverError> {
        if world.identity.uid != self.plan.cluster.uid {
            return Err(RecoverError::WrongCluster {
                context: world.identity.context,
                found: world.identity.uid,
                wanted: self.plan.cluster.uid,
            });
        }
        let second = |of: Option<&crate::model::ClusterIdentity>| of.map(|c| c.uid.clone()).unwrap_or_default();
        let (wanted, found) =
            (second(self.plan.recovery.as_ref()), second(world.recovery.as_ref().map(|w| &w.identity)));
        if wanted != found {
            let context = self.reach.get("recovery").cloned().unwrap_or_default();
            return Err(RecoverError::WrongCluster { context, found, wanted });
        }
        let clock = world.clock;
        let mut writer = Journal::resume(dir, &self.journal, lock)?;
        if world.stage.is_some() {
            writer.survive_nothing();
        }
        let stray = self.journal.stray;
        let recorder = Arc::new(Recorder::new(writer, self.journal.events, Arc::clone(&world.redactor), move || {
            (clock.now_us(), clock.wall())
        }));
        show(&recorder, &self.plan);
        let why = match actor {
            Actor::Reaper => "the runner is dead or frozen",
            _ => "asked by a person",
        };
        recorder.record(Kind::SessionOpened {
            epoch: recorder.epoch(),
            actor,
            pid: if world.stage.is_some() { 0 } else { std::process::id() },
            why: why.into(),
        })?;
        if stray > 0 {
            recorder.observe(Kind::StrayLines { count: stray, epoch: recorder.epoch() });
        }
        let secrets = secrets_of(dir, &world.bindings);
        let context = context(world, recorder, self.plan, &self.run_id, self.operator, secrets);
        Ok(take_over(&context, dir, unwind_within.unwrap_or(Duration::from_secs(1800))).await)
    }
}

fn place_of(reach: &BTreeMap<String, String>, overrides: &Overrides) -> Result<Place, RecoverError> {
    let bindings_file = overrides.bindings.clone().or_else(|| reach.get("bindings").map(PathBuf::from));
    let bindings = match &bindings_file {
        Some(path) => load_bindings(path).map_err(RecoverError::Bindings)?,
        None => crate::model::Bindings::default(),
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

/// References to secrets are read again from the run's own copy of the scenario.
fn secrets_of(dir: &RunDir, bindings: &crate::model::Bindings) -> BTreeMap<String, SecretRef> {
    let text = std::fs::read_to_string(dir.file("scenario.yaml")).unwrap_or_default();
    let sources = Sources { bindings: bindings.clone(), lenient: true, ..Sources::default() };
    load_str("scenario.yaml", &text, &sources).map(|l| l.secrets).unwrap_or_default()
}

fn context(
    world: crate::world::World,
    recorder: Arc<Recorder>,
    plan: Plan,
    run: &str,
    operator: String,
    secrets: BTreeMap<String, SecretRef>,
) -> StepContext {
    let record = RunRecord::new(world.kube.clone(), run);
    let step = StepName::from("recover");
    StepContext {
        world: Arc::new(world),
        recorder,
        step,
        plan: Arc::new(plan),
        run: run.to_owned(),
        record,
        secrets: Arc::new(secrets),
        approvals: Arc::new(Approvals { operator, ..Approvals::default() }),
        mirroring: Arc::default(),
    }
}

/// Takes the Lease, unwinds, judges what can be judged, ends the journal.
async fn take_over(context: &StepContext, dir: &RunDir, limit: Duration) -> Exit {
    let recorder = &context.recorder;
    let wakes = Wakes::default();
    let mut tasks = JoinSet::new();
    if context.world.stage.is_none() {
        let _ = wakes.listen(&mut tasks, recorder);
    }
    if let Err(error) = context.record.acquire(recorder.epoch(), context.world.clock.wall()).await {
        recorder.observe(Kind::LeaseTrouble { why: error.to_string() });
        if matches!(error, LeaseError::Fenced { .. }) {
            return Exit::Left;
        }
    }
    guard::heartbeat(&mut tasks, &context.world, recorder, dir, &wakes);
    guard::lease(&mut tasks, &context.world, recorder, &context.record, &wakes);
    recorder.observe(Kind::RunWoken { why: Wake::Recovered, detail: "picked up by another session".into() });
    let left = unwind(context, &wakes, limit).await;
    tasks.shutdown().await;
    let verdict = verdict::judge(&recorder.events());
    // A run that was interrupted proves nothing that it had not proven before.
    let outcome = if verdict.outcome == Outcome::Pass { Outcome::Inconclusive } else { verdict.outcome };
    recorder.observe(Kind::Judged { outcome, judgements: verdict.judgements });
    if left == Left::Fenced {
        return Exit::Left;
    }
    if left != Left::Nothing {
        tell(context, "A DRILL COULD NOT BE RECOVERED: a human is needed; see its report").await;
        // A person was asked for, and must not find a stand-by at work against them.
        if matches!(left, Left::Stuck | Left::InAHurry) {
            let _ = context.record.leave().await;
        }
    } else {
        let _ = context.record.release().await;
    }
    end(recorder, "")
}
