//! The beginning of a run: its options, its directory, the header of its journal, and the confirmation by the
//! operator.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{ClusterAccess, Interrupts, Prepared, RunError, preflight::Catalogue, way_back::resolved};
use crate::{
    event::{Actor, FORMAT, Kind},
    journal::{Journal, Recorder, RunDir, RunState},
    model::{ClockMark, Dur, Head, Plan, RunVerdict, StepClass, Verb, WayBack, sha256},
    scenario::Loaded,
    steps::{Approvals, Asking, Direction, StepContext, Wheel, asking},
    told,
    verdict::{Follower, History, TOOL},
    world::{Claim, Here, Lease, NodeHost, Outside, RunRecord, SecretReader},
};

/// The options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that contains run directories.
    pub runs_dir: PathBuf,
    /// Gates that were approved in advance.
    pub approve: BTreeSet<String>,
    /// `--confirm CONTEXT`: the confirmation, where nobody can type it.
    pub confirm: Option<String>,
    /// Whether to start the detached reaper.
    pub reaper: bool,
    /// How long a runner may be silent before it counts as frozen.
    pub frozen_after: Duration,
    /// The time limit of the unwind.
    pub unwind_within: Duration,
    /// The readiness review is made again before the first act if its result is older than this.
    pub preflight_max_age: Duration,
    /// Whether a rehearsal continues although the pre-flight refuses it. A real run never does.
    pub despite_preflight: bool,
    /// The hash of an approved plan. The plan must have this hash again.
    pub approved: Option<String>,
    /// Who runs this.
    pub operator: String,
    /// Who answers gates besides the operator, and waits before steps.
    pub asking: Asking,
}

impl Options {
    /// The options of a rehearsal: no confirmation and no reaper.
    pub fn rehearsal(runs: &Path, approve: &[String]) -> Self {
        Self {
            runs_dir: runs.to_owned(),
            approve: approve.iter().cloned().collect(),
            confirm: None,
            reaper: false,
            frozen_after: Duration::from_secs(30),
            unwind_within: Duration::from_secs(1800),
            preflight_max_age: Duration::from_secs(900),
            despite_preflight: false,
            approved: None,
            operator: "rehearsal".into(),
            asking: Asking::default(),
        }
    }
}

/// A run directory with a recorder, before anything else happened.
pub struct Begun {
    /// The directory.
    pub dir: RunDir,
    /// The recorder.
    pub recorder: Arc<Recorder>,
    pub(super) context: StepContext,
    pub(super) catalogue: Option<Catalogue>,
    pub(super) interrupts: Interrupts,
}

impl Begun {
    /// Behaves as if the process had received a signal.
    pub fn signal(&self, name: &str) {
        self.interrupts.caught(&self.recorder, name);
    }

    /// The verdict on everything that was recorded so far.
    pub fn verdict(&self) -> RunVerdict {
        self.context.judge.with(History::judge)
    }

    /// A function that behaves as if the process had received a signal, for a task that hears of them.
    pub fn signals(&self) -> impl Fn(&str) + Send + 'static {
        let (interrupts, recorder) = (self.interrupts.clone(), Arc::clone(&self.recorder));
        move |name| interrupts.caught(&recorder, name)
    }
}

/// Creates the run directory and writes the header. `show` is called with the recorder before its first line, so that
/// a display misses nothing.
pub fn begin(
    prepared: Prepared,
    loaded: &Loaded,
    place: &ClusterAccess,
    options: &Options,
    show: impl FnOnce(&Arc<Recorder>, &Plan),
) -> Result<Begun, RunError> {
    let Prepared { mut plan, mut world, run, catalogue, mut names, previous } = prepared;
    if let Some(approved) = options.approved.as_ref().filter(|a| **a != plan.hash) {
        return Err(RunError::Drift { now: plan.hash, approved: approved.clone() });
    }
    confirm(&plan, options)?;
    lasts(&plan, options)?;
    let way_back = resolved(place, &plan, loaded)?;
    if let Some(needs) = &way_back.needs {
        // From here on, programs are run in the way in which the undo will find them.
        let here = Here::as_then(needs, &world.redactor);
        world.host = place.bindings.node_host.as_ref().map(|spec| NodeHost::new(spec, &here));
        world.outside = Outside::Here(here);
    }
    let path = options.runs_dir.display().to_string();
    let dir_error = |source| RunError::Dir { path: path.clone(), source };
    let dir = RunDir::create(&options.runs_dir, &run).map_err(dir_error)?;
    dir.write("scenario.yaml", loaded.text.as_bytes()).map_err(dir_error)?;
    plan.findings.retain(|f| !f.check.is_empty());
    dir.write("plan.json", &serde_json::to_vec_pretty(&plan).unwrap_or_default()).map_err(dir_error)?;
    let clock = world.clock;
    let mut journal = Journal::create(&dir)?;
    if plan.cluster.is_simulated() {
        journal.survive_nothing();
    }
    let now = move || (clock.now_us(), clock.wall());
    let judge = Arc::new(Follower::default());
    let follower = Arc::clone(&judge);
    let recorder = Recorder::new(journal, RunState::default(), Arc::clone(&world.redactor), now)
        .followed_by(move |event| follower.take(event));
    let recorder = Arc::new(recorder);
    show(&recorder, &plan);
    let (previous, unread) = match previous {
        Ok(previous) => (previous, None),
        Err(why) => (None, Some(why)),
    };
    recorder.record(header(&run, &plan, loaded, way_back, options, clock.mark(), previous))?;
    recorder.record(Kind::SessionOpened {
        epoch: recorder.epoch(),
        actor: Actor::Runner,
        pid: if plan.cluster.is_simulated() { 0 } else { std::process::id() },
        why: "a new run".into(),
        continues: None,
    })?;
    recorder.record(Kind::PlanFrozen { plan: Box::new(plan.clone()) })?;
    if let Some(why) = unread {
        recorder.observe(Kind::Noted {
            text: told!(recorder, "it is unknown which run ended last on this cluster: {why}"),
        });
    }
    let claim = claim(&dir, &run, recorder.epoch());
    names.add_document(&serde_json::to_value(&plan).unwrap_or_default());
    let secret_reader =
        SecretReader::new(loaded.secrets.clone(), world.outside.clone(), Arc::clone(&world.redactor), names);
    let context = StepContext {
        lease: Lease::new(world.kube.clone(), claim.clone()),
        record: RunRecord::new(world.kube.clone(), claim),
        wheel: Arc::new(Wheel::new(Arc::clone(&recorder))),
        world: Arc::new(world),
        recorder: Arc::clone(&recorder),
        judge,
        step: plan.steps[0].name.clone(),
        direction: Direction::Forward,
        plan: Arc::new(plan),
        run,
        secret_reader,
        approvals: Arc::new(Approvals {
            beforehand: options.approve.clone(),
            operator: options.operator.clone(),
            asking: options.asking.clone(),
            dir: asking::place(&options.asking, &dir),
        }),
        mirroring: Arc::default(),
    };
    Ok(Begun { dir, recorder, context, catalogue, interrupts: Interrupts::default() })
}

/// A deleted namespace is restored from a backup, which must exist until the time limit of the undo.
fn lasts(plan: &Plan, options: &Options) -> Result<(), RunError> {
    let needed = Dur(plan.limits.duration.0 + options.unwind_within);
    for step in &plan.steps {
        if let Some(Verb::Backup(backup)) = step.verb()
            && backup.ttl.0 < needed.0
        {
            return Err(RunError::Expires { step: step.name.clone(), ttl: backup.ttl, needed });
        }
    }
    Ok(())
}

/// The identity of a session. Its number is unique only within its run directory; the path and the machine distinguish
/// it from sessions with the same number elsewhere.
pub(super) fn claim(dir: &RunDir, run: &str, epoch: u64) -> Claim {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let place = format!("{} {}", host.to_string_lossy(), dir.0.display());
    let session = sha256(place)[..16].to_owned();
    Claim { run: run.to_owned(), epoch, session }
}

fn header(
    run: &str,
    plan: &Plan,
    loaded: &Loaded,
    way_back: WayBack,
    options: &Options,
    clock: Option<ClockMark>,
    previous: Option<Head>,
) -> Kind {
    Kind::RunStarted {
        format: FORMAT.into(),
        run_id: run.to_owned(),
        tool: TOOL.into(),
        scenario: plan.scenario.clone(),
        title: plan.title.clone(),
        scenario_hash: loaded.hash.clone(),
        plan_hash: plan.hash.clone(),
        clusters: std::iter::once(plan.cluster.clone()).chain(plan.recovery.clone()).collect(),
        operator: options.operator.clone(),
        host: if plan.cluster.is_simulated() {
            "a rehearsal".into()
        } else {
            nix::unistd::gethostname().ok().and_then(|h| h.into_string().ok()).unwrap_or_default()
        },
        way_back: Box::new(way_back),
        clock,
        previous,
        variables: loaded.variables.clone(),
        from_cluster: false,
    }
}

fn confirm(plan: &Plan, options: &Options) -> Result<(), RunError> {
    let acts = plan.steps.iter().any(|s| s.class != StepClass::Observe);
    if plan.cluster.is_expendable() || !acts || options.confirm.as_ref() == Some(&plan.cluster.context) {
        return Ok(());
    }
    Err(RunError::Unconfirmed(plan.cluster.context.clone()))
}
