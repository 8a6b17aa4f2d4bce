//! Picks up a run that died, from its run directory or from its record in the
//! cluster, and undoes what is open: with the very functions that the run would
//! have used.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::{
    OpenError, Place, Wakes, guard, open,
    run::tell,
    unwind::{Left, unwind},
};
use crate::{
    event::{Actor, FORMAT, Kind, Wake},
    journal::{
        FaultRecord, FaultState, Journal, JournalError, Lock, LockError, ReadJournal, Recorder, RunDir, RunState,
        WriteError, read,
    },
    model::{ClusterIdentity, Exit, Limits, Outcome, Plan, PlannedStep, Revert, SecretRef, StepClass},
    scenario::{Sources, load_bindings, load_str},
    steps::{Approvals, StepContext},
    verdict,
    world::{Clock, Kube, LeaseError, Reach, RunRecord, World},
};

/// Why a run could not be picked up. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
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
    let lock = match lock {
        Some(lock) => lock,
        None => Some(Lock::take(&dir.file("lock"))?),
    };
    let place = place_of(&left.reach, overrides)?;
    let (world, _) = open(&place, Clock::start().since(left.began)).await?;
    left.put_back(world, dir, actor, lock, overrides.unwind_within, show).await
}

/// The same in a world that is open already; its clock is set to the run's.
pub async fn recover_in(mut world: World, dir: &RunDir, actor: Actor) -> Result<Exit, RecoverError> {
    let left = match LeftOpen::read(dir)? {
        Ok(left) => left,
        Err(exit) => return Ok(exit),
    };
    let lock = Lock::take(&dir.file("lock"))?;
    world.clock = world.clock.since(left.began);
    left.put_back(world, dir, actor, Some(lock), None, |_, _| {}).await
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
    Ok(Place {
        reach: Reach {
            context: overrides.context.clone().or_else(|| reach.get("context").cloned()).unwrap_or_default(),
            kubeconfig: overrides.kubeconfig.clone().or_else(|| reach.get("kubeconfig").map(PathBuf::from)),
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
    let step = plan.steps.first().cloned().unwrap_or_else(|| empty_step("recover"));
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
    let exit = match left {
        Left::Nothing => Exit::Aborted,
        Left::Stuck => Exit::Residue,
        Left::InAHurry | Left::Fenced => Exit::Left,
    };
    if exit != Exit::Aborted {
        tell(context, "A DRILL COULD NOT BE RECOVERED: a human is needed; see its report").await;
    } else {
        let _ = context.record.release().await;
    }
    let detail = format!("the run was interrupted; recovered by another session: {}", exit.meaning());
    match recorder.record(Kind::RunEnded { exit, detail }) {
        Ok(_) => exit,
        Err(_) => exit.worse(Exit::Left),
    }
}

/// Makes a run directory out of the newest open run record of a cluster.
pub async fn from_cluster(
    kube: &Kube,
    runs: &std::path::Path,
    reach: &Reach,
    bindings: Option<&PathBuf>,
) -> Result<RunDir, RecoverError> {
    let record = RunRecord::all(kube)
        .await?
        .into_iter()
        .find(|r| r["open"].as_array().is_some_and(|o| !o.is_empty()))
        .ok_or(RecoverError::NothingInCluster)?;
    let text = |key: &str| record[key].as_str().unwrap_or("").to_owned();
    let run = text("run");
    let name = format!("{run}-from-cluster");
    let dir_error = |source| RecoverError::Dir { path: runs.join(&name).display().to_string(), source };
    let dir = RunDir::create(runs, &name).map_err(dir_error)?;
    let cluster: ClusterIdentity =
        serde_json::from_value(record["cluster"].clone()).map_err(|e| dir_error(e.into()))?;
    let open: Vec<FaultRecord> = record["open"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|f| {
            Some(FaultRecord {
                id: serde_json::from_value(f["fault"].clone()).ok()?,
                step: serde_json::from_value(f["step"].clone()).ok()?,
                target: f["target"].as_str()?.to_owned(),
                revert: serde_json::from_value::<Revert>(f["revert"].clone()).ok()?,
                state: FaultState::Intended,
                sent_us: None,
                acknowledged_us: None,
                closed: None,
            })
        })
        .collect();
    let plan = stand_in(&record, cluster.clone(), &open);
    let clock = Clock::start();
    // The record's epoch is the one to beat: a runner that still lives is fenced by it.
    let epoch = record["epoch"].as_u64().unwrap_or(1);
    let recorder =
        Recorder::new(Journal::create(&dir)?, vec![], Arc::default(), move || (clock.now_us(), clock.wall()));
    let mut how = BTreeMap::from([("context".to_owned(), reach.context.clone())]);
    if let Some(path) = &reach.kubeconfig {
        how.insert("kubeconfig".into(), path.display().to_string());
    }
    if let Some(path) = bindings {
        how.insert("bindings".into(), path.display().to_string());
    }
    if reach.in_cluster {
        how.insert("inCluster".into(), "true".into());
    }
    recorder.record(Kind::RunStarted {
        format: FORMAT.into(),
        run_id: run,
        tool: format!("drillmaster {}", env!("CARGO_PKG_VERSION")),
        scenario: text("scenario"),
        title: "recovered from the cluster's run record".into(),
        scenario_hash: text("scenarioHash"),
        plan_hash: text("planHash"),
        clusters: vec![cluster],
        operator: String::new(),
        host: String::new(),
        reach: how,
    })?;
    recorder.record(Kind::PlanFrozen { plan: Box::new(plan) })?;
    for fault in open {
        recorder.record(Kind::FaultIntended {
            fault: fault.id,
            step: fault.step,
            target: fault.target,
            revert: fault.revert,
        })?;
    }
    drop(recorder);
    dir.set_epoch(epoch).map_err(|source| RecoverError::Dir { path: dir.0.display().to_string(), source })?;
    Ok(dir)
}

/// As much of a plan as the record knows: enough to undo, nothing to judge.
fn stand_in(record: &serde_json::Value, cluster: ClusterIdentity, open: &[FaultRecord]) -> Plan {
    let mut steps: Vec<PlannedStep> = open.iter().map(|f| empty_step(&f.step.0)).collect();
    steps.dedup_by(|a, b| a.name == b.name);
    Plan {
        format: "1.0".into(),
        scenario: record["scenario"].as_str().unwrap_or("").to_owned(),
        title: "recovered from the cluster's run record".into(),
        hypothesis: String::new(),
        scenario_hash: record["scenarioHash"].as_str().unwrap_or("").to_owned(),
        cluster,
        namespaces: vec![],
        steps,
        probes: vec![],
        expect: vec![],
        limits: Limits { nodes_percent: 0, zones: 0, namespaces: 0, duration: crate::model::Dur::secs(0) },
        permissions: vec![],
        blast_radius: vec![],
        coverage: None,
        predictions: vec![],
        findings: vec![],
        hash: record["planHash"].as_str().unwrap_or("").to_owned(),
    }
}

fn empty_step(name: &str) -> PlannedStep {
    PlannedStep {
        name: name.into(),
        verb: String::new(),
        class: StepClass::Observe,
        nodes: vec![],
        objects: vec![],
        acts: vec![],
        on_stop: String::new(),
        notes: vec![],
        spec: serde_json::Value::Null,
    }
}
