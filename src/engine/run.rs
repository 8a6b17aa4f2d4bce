//! A run from beginning to end: prepare, ask, arm, forward, backward, look on,
//! judge. Nothing is touched before `Armed` stands in the journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    Place, Prepared, Wakes,
    baseline::baseline,
    forward::forward,
    guard,
    preflight::Catalogue,
    reaper::spawn_reaper,
    standby::reaper_dies_with,
    unwind::{Left, unwind},
};
use crate::{
    event::{Actor, FORMAT, Kind, Wake},
    journal::{Journal, Recorder, RunDir, WriteError},
    model::{Exit, Finding, Outcome, Plan, StepClass, StepName},
    observe::Observers,
    scenario::Loaded,
    steps::{Approvals, StepContext},
    verdict,
    world::RunRecord,
};

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where run directories are.
    pub runs_dir: PathBuf,
    /// Gates approved beforehand.
    pub approve: BTreeSet<String>,
    /// `--confirm CONTEXT`: the typed confirmation, for where nobody types.
    pub confirm: Option<String>,
    /// Start the detached reaper.
    pub reaper: bool,
    /// A frozen runner is taken over after this long.
    pub frozen_after: Duration,
    /// The unwind gives up after this long.
    pub unwind_within: Duration,
    /// The readiness catalogue is asked again before the first act when its answers are older.
    pub preflight_max_age: Duration,
    /// A plan that was approved: the hash that must come out again.
    pub approved: Option<String>,
    /// Who runs this.
    pub operator: String,
}

impl Options {
    /// For a rehearsal: nobody to confirm to, and nothing that a reaper could save.
    pub fn rehearsal(runs: &Path, approve: &[String]) -> Self {
        Self {
            runs_dir: runs.to_owned(),
            approve: approve.iter().cloned().collect(),
            confirm: None,
            reaper: false,
            frozen_after: Duration::from_secs(30),
            unwind_within: Duration::from_secs(1800),
            preflight_max_age: Duration::from_secs(900),
            approved: None,
            operator: "rehearsal".into(),
        }
    }
}

/// Why a run could not begin. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run directory cannot be made.
    #[error("cannot make a run directory in {path}")]
    Dir {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] WriteError),
    /// Another plan than the approved one.
    #[error(
        "the plan is not the one that was approved: its hash is {now}, approved was {approved}. The cluster or the scenario changed: look at the plan again"
    )]
    Drift {
        /// Hash now.
        now: String,
        /// Hash approved.
        approved: String,
    },
    /// Not confirmed.
    #[error(
        "not confirmed: this is no kind cluster. Run at a terminal and type the context's name, or give --confirm {0}"
    )]
    Unconfirmed(String),
}

/// A run directory with a recorder, before anything else.
pub struct Begun {
    /// The directory.
    pub dir: RunDir,
    /// The recorder.
    pub recorder: Arc<Recorder>,
    context: StepContext,
    catalogue: Option<Catalogue>,
    wakes: Wakes,
}

impl Begun {
    /// As if its process had caught a signal.
    pub fn signal(&self, name: &str) {
        self.wakes.caught(&self.recorder, name);
    }
}

/// Makes the run directory and writes the header. `show` is called with the
/// recorder before its first line, so that a display misses nothing.
pub fn begin(
    prepared: Prepared,
    loaded: &Loaded,
    place: &Place,
    options: &Options,
    show: impl FnOnce(&Arc<Recorder>, &Plan),
) -> Result<Begun, RunError> {
    let Prepared { mut plan, world, run, catalogue } = prepared;
    if let Some(approved) = options.approved.as_ref().filter(|a| **a != plan.hash) {
        return Err(RunError::Drift { now: plan.hash, approved: approved.clone() });
    }
    confirm(&plan, options)?;
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
    let recorder =
        Arc::new(Recorder::new(journal, vec![], Arc::clone(&world.redactor), move || (clock.now_us(), clock.wall())));
    show(&recorder, &plan);
    recorder.record(header(&run, &plan, loaded, place, options))?;
    recorder.record(Kind::SessionOpened {
        epoch: recorder.epoch(),
        actor: Actor::Runner,
        pid: if plan.cluster.is_simulated() { 0 } else { std::process::id() },
        why: "a new run".into(),
    })?;
    recorder.record(Kind::PlanFrozen { plan: Box::new(plan.clone()) })?;
    let record = RunRecord::new(world.kube.clone(), &run);
    let step = plan.steps[0].clone();
    let context = StepContext {
        world: Arc::new(world),
        recorder: Arc::clone(&recorder),
        plan: Arc::new(plan),
        step,
        run,
        record,
        secrets: Arc::new(loaded.secrets.clone()),
        approvals: Arc::new(Approvals { beforehand: options.approve.clone(), operator: options.operator.clone() }),
        mirroring: Arc::default(),
    };
    Ok(Begun { dir, recorder, context, catalogue, wakes: Wakes::default() })
}

fn header(run: &str, plan: &Plan, loaded: &Loaded, place: &Place, options: &Options) -> Kind {
    let full = |path: &PathBuf| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()).display().to_string();
    let mut reach = BTreeMap::from([("context".to_owned(), place.reach.context.clone())]);
    if let Some(path) = &place.reach.kubeconfig {
        reach.insert("kubeconfig".into(), full(path));
    }
    if let Some(recovery) = &place.recovery {
        reach.insert("recovery".into(), recovery.context.clone());
    }
    if let Some(path) = &place.bindings_file {
        reach.insert("bindings".into(), full(path));
    }
    if !loaded.file.is_empty() {
        reach.insert("scenario".into(), loaded.file.clone());
    }
    if place.reach.in_cluster {
        reach.insert("inCluster".into(), "true".into());
    }
    Kind::RunStarted {
        format: FORMAT.into(),
        run_id: run.to_owned(),
        tool: format!("drillmaster {}", env!("CARGO_PKG_VERSION")),
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
        reach,
    }
}

fn confirm(plan: &Plan, options: &Options) -> Result<(), RunError> {
    let acts = plan.steps.iter().any(|s| s.class != StepClass::Observe);
    if plan.cluster.is_expendable() || !acts || options.confirm.as_ref() == Some(&plan.cluster.context) {
        return Ok(());
    }
    Err(RunError::Unconfirmed(plan.cluster.context.clone()))
}

/// Runs it, to the end. Whatever happens in between, the cluster is put back, or
/// the exit code says that it is not.
pub async fn run(begun: &Begun, loaded: &Loaded, options: &Options) -> Exit {
    let (recorder, context, wakes) = (&begun.recorder, &begun.context, &begun.wakes);
    let findings = context.plan.findings.clone();
    let review = begun.catalogue.as_ref().map(|c| c.said.clone());
    recorder.observe(Kind::PreflightDone { findings: findings.clone(), review });
    if let Some(exit) = refused(recorder, &findings) {
        return end(recorder, exit, "the pre-flight refused");
    }
    let mut tasks = JoinSet::new();
    // Signals end a rehearsal as they end any program.
    if context.world.stage.is_none()
        && let Err(error) = wakes.listen(&mut tasks, recorder)
    {
        return end(recorder, Exit::Internal, &error.to_string());
    }
    if let Err(why) = take_lease(context).await {
        return end(recorder, Exit::Refused, &why);
    }
    guard::lease(&mut tasks, &context.world, recorder, &context.record, wakes);
    guard::heartbeat(&mut tasks, &context.world, recorder, &begun.dir, wakes);
    let observers = Observers::start(&context.world, recorder, &context.plan, &context.run, &begun.dir.file("samples"));
    let exit = guarded(begun, loaded, options, &mut tasks).await;
    observers.stop().await;
    tasks.shutdown().await;
    if exit != Exit::Left {
        let _ = context.record.release().await;
    } else if wakes.signals() > 1 {
        let _ = context.record.leave().await;
    }
    exit
}

async fn take_lease(context: &StepContext) -> Result<(), String> {
    context.record.prepare().await.map_err(|e| e.to_string())?;
    context.record.acquire(context.recorder.epoch(), context.world.clock.wall()).await.map_err(|e| e.to_string())
}

fn refused(recorder: &Recorder, findings: &[Finding]) -> Option<Exit> {
    if !findings.iter().any(Finding::refuses) {
        return None;
    }
    for finding in findings.iter().filter(|f| f.refuses()) {
        recorder.observe(Kind::Noted { text: format!("refused by {}: {}", finding.check, finding.observed) });
    }
    Some(Exit::Refused)
}

async fn guarded(begun: &Begun, loaded: &Loaded, options: &Options, tasks: &mut JoinSet<()>) -> Exit {
    let (recorder, context, wakes) = (&begun.recorder, &begun.context, &begun.wakes);
    let based = tokio::select! {
        biased;
        (_, why) = wakes.woken() => return end(recorder, Exit::Aborted, &format!("stopped before anything was touched: {why}")),
        findings = baseline(recorder, &context.plan) => findings,
    };
    recorder.observe(Kind::PreflightDone { findings: based.clone(), review: None });
    if let Some(exit) = refused(recorder, &based) {
        return end(recorder, exit, "there is no baseline");
    }
    if let Err(why) = announce(context).await {
        return end(recorder, Exit::Refused, &why);
    }
    let armed = Kind::Armed { unwind_deadline_us: options.unwind_within.as_micros() as u64 };
    if let Err(error) = recorder.record(armed) {
        return end(recorder, Exit::Refused, &format!("the journal cannot be written: {error}"));
    }
    if options.reaper
        && let Err(error) = spawn_reaper(&begun.dir, options.frozen_after)
    {
        return end(recorder, Exit::Refused, &format!("the reaper cannot be started: {error}"));
    }
    if let Some(place) = reaper_dies_with().filter(|_| options.reaper) {
        let text = format!(
            "this is {place}: the detached reaper ends with it. To be safe from that, stand by elsewhere with \
             `drillmaster recover --watch --context NAME`, or in the cluster with `drillmaster rbac SCENARIO --reaper IMAGE`"
        );
        recorder.observe(Kind::Noted { text });
    }
    guard::deadline(tasks, &context.plan, wakes);
    guard::aborts(tasks, recorder, &loaded.scenario.abort, wakes);
    let stale = begun.catalogue.as_ref().map(|c| (c, options.preflight_max_age));
    forward(context, stale, wakes).await;
    let (why, detail) = wakes.reason().unwrap_or((Wake::Finished, String::new()));
    recorder.observe(Kind::RunWoken { why, detail: detail.clone() });
    if why == Wake::Fenced {
        // Another session has the wheel: whatever we did now would be against it.
        return Exit::Left;
    }
    hold(begun, why, options).await;
    let left = unwind(context, wakes, options.unwind_within).await;
    if why == Wake::Finished && left == Left::Nothing {
        look_on(context, wakes).await;
    }
    conclude(context, wakes, why, &detail, left).await
}

/// `--hold`: stand still, change nothing, until somebody says how to go on.
async fn hold(begun: &Begun, why: Wake, options: &Options) {
    if why != Wake::StopRequested {
        return;
    }
    let until = begun.recorder.now_us() + options.unwind_within.as_micros() as u64;
    while begun.wakes.stop_how() == "hold" && begun.wakes.signals() == 0 && begun.recorder.now_us() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    if begun.wakes.stop_how() == "real-incident" {
        tell(&begun.context, "THE DRILL WAS STOPPED FOR A REAL INCIDENT; it is putting the cluster back").await;
    }
}

/// Observation goes on until every expectation is decided or its time is over; the
/// drill's own time limit is the last resort.
async fn look_on(context: &StepContext, wakes: &Wakes) {
    let waiting = async {
        let mut told = String::new();
        loop {
            let now = context.recorder.now_us();
            let open = verdict::undecided(&context.recorder.events(), now);
            // The last look is in the journal too: a verdict reaches up to its last event.
            let done = open.is_empty();
            let open = if done { "all are".to_owned() } else { open.join("; ") };
            if open != told && !(done && told.is_empty()) {
                context.recorder.observe(Kind::StepProgress {
                    step: StepName::from("looking on"),
                    waiting_for: "expectations to be decided".into(),
                    last_seen: open.clone(),
                });
                told = open;
            }
            if done {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = wakes.signalled(1) => {}
        () = waiting => {}
        () = tokio::time::sleep(context.plan.limits.duration.0) => {}
    }
}

async fn conclude(context: &StepContext, wakes: &Wakes, why: Wake, detail: &str, left: Left) -> Exit {
    let recorder = &context.recorder;
    let verdict = verdict::judge(&recorder.events());
    recorder.observe(Kind::Judged { outcome: verdict.outcome, judgements: verdict.judgements.clone() });
    let mut exit = verdict.exit();
    exit = match why {
        Wake::Finished => exit,
        Wake::StepFailed if verdict.outcome == Outcome::Fail => exit,
        // A step that cannot be done is a finding too, whatever else holds.
        Wake::StepFailed => exit.worse(Exit::Failed),
        Wake::Panicked | Wake::JournalFailed => Exit::Internal,
        _ => Exit::Aborted,
    };
    if wakes.signals() > 0 {
        exit = exit.worse(Exit::Aborted);
    }
    exit = match left {
        Left::Nothing => exit,
        Left::Stuck => exit.worse(Exit::Residue),
        Left::InAHurry => exit.worse(Exit::Left),
        Left::Fenced => return Exit::Left,
    };
    if matches!(exit, Exit::Residue | Exit::Left) {
        tell(context, "THE DRILL LEFT SOMETHING BROKEN: a human is needed; see its report").await;
    }
    let said = if why == Wake::Finished { exit.meaning().to_owned() } else { format!("{}: {detail}", exit.meaning()) };
    end(recorder, exit, &said)
}

fn end(recorder: &Recorder, exit: Exit, detail: &str) -> Exit {
    match recorder.record(Kind::RunEnded { exit, detail: detail.to_owned() }) {
        Ok(_) => exit,
        Err(WriteError::Fenced { .. }) => Exit::Left,
        Err(_) => exit.worse(Exit::Internal),
    }
}

/// Tells the place's webhook. A failure blocks the start, never the undo.
async fn announce(context: &StepContext) -> Result<(), String> {
    let Some(url) = &context.world.bindings.announce else { return Ok(()) };
    let stop = "kubectl --namespace drillmaster annotate lease drill drillmaster.dev/stop=unwind";
    let body = serde_json::json!({
        "text": format!("THIS IS A DRILL. {} on {} begins now. Run {}. To stop it: {stop}", context.plan.title, context.plan.cluster.context, context.run),
        "run": context.run, "operator": context.approvals.operator, "stop": stop,
    });
    let sent = context.world.http.post(url, &body).await;
    context.recorder.observe(Kind::Notified {
        to: "announce".into(),
        what: "the drill begins".into(),
        ok: sent.is_ok(),
        detail: sent.as_ref().err().map(ToString::to_string).unwrap_or_default(),
    });
    sent.map_err(|e| format!("the announcement could not be delivered, so nothing was begun: {e}"))
}

pub(super) async fn tell(context: &StepContext, text: &str) {
    let Some(url) = &context.world.bindings.announce else { return };
    let body = serde_json::json!({"text": format!("{text}. Run {} on {}", context.run, context.plan.cluster.context), "run": context.run});
    let sent = context.world.http.post(url, &body).await;
    context.recorder.observe(Kind::Notified {
        to: "announce".into(),
        what: text.to_owned(),
        ok: sent.is_ok(),
        detail: sent.err().map(|e| e.to_string()).unwrap_or_default(),
    });
}
