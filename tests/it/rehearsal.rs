//! Runs drills on the simulated cluster for the tests: to their end, or cut off at any line and then recovered.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use drillmaster::{
    engine::{self, Begun, ClusterAccess, Control, Moment, Moments, Options, Overrides, begin, prepare_in, recover_in},
    event::{Actor, Event, Kind},
    journal::{JournalError, RunDir, RunState, read},
    kubernetes::compare,
    model::{Exit, OUT_OF_SERVICE, Revert, Secret},
    scenario::{Loaded, Sources, load, load_str},
    sim::{Description, Fate, Plug, Simulation, Trouble},
    world::{ApiCall, World},
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::audited::AuditLog;

/// A shipped cluster.
pub fn cluster(name: &str) -> Description {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/clusters/{name}.yaml"));
    Description::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A shipped scenario for a cluster.
pub fn scenario(name: &str, description: &Description) -> Loaded {
    scenario_with(name, description, &[])
}

/// A shipped scenario for a cluster, with variables.
pub fn scenario_with(name: &str, description: &Description, set: &[String]) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"));
    let set = set.iter().map(|v| v.split_once('=').unwrap()).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let sources = Sources { bindings: description.bindings(), set, ..Sources::default() };
    load(&path, &sources).unwrap_or_else(|p| panic!("{name}: {p}"))
}

/// A scenario from the text of a test, for a cluster.
pub fn scenario_text(text: &str, description: &Description) -> Loaded {
    let sources = Sources { bindings: description.bindings(), ..Sources::default() };
    load_str("test.yaml", text, &sources).unwrap_or_else(|p| panic!("{p}\n{text}"))
}

/// The result of a rehearsal.
pub struct Ended {
    /// None if the machine of the runner lost its power.
    pub exit: Option<Exit>,
    pub events: Vec<Event>,
    pub journal: Vec<u8>,
}

/// When a runner freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// Right after this line.
    After(u64),
    /// When it is about to send the act with this number, after all its checks of the fence.
    Sending(u64),
}

/// Whether an application could notice what was done. The short-lived pods of the drill itself do not count.
pub fn acted(event: &Event) -> bool {
    let short_lived = |id: &str| id.contains("/readers in ") || id.contains("/test pods in ");
    matches!(&event.event, Kind::FaultApplied { fault, .. } if !short_lived(&fault.0))
}

/// Whether a request changes something of the application or the cluster, and not only of the drill itself.
pub fn is_act(method: &http::Method, uri: &http::Uri) -> bool {
    let path = uri.path();
    let asks_only = uri.query().is_some_and(|query| query.contains("dryRun"));
    let own = path.contains("/namespaces/drillmaster/") || path.ends_with("selfsubjectaccessreviews");
    let asks = path.contains("/downloadrequests") || path.contains("/serverstatusrequests");
    *method != http::Method::GET && !own && !asks && !asks_only
}

/// When a frozen runner wakes up, and what happens then.
#[derive(Clone, Copy, Debug)]
pub struct Thaw {
    /// The moment of the take-over at which it wakes up.
    pub at: Moment,
    /// How long the successor is delayed at this moment.
    pub then: Duration,
    /// The difference between the successor's wall clock and the runner's.
    pub step: SignedDuration,
    /// How many checks of the fence it had already made when it froze. As many checks see no fence after it wakes up.
    pub overlooks: u32,
}

/// A simulated cluster and everything that a test needs to drill it.
pub struct Rehearsal {
    pub simulation: Simulation,
    pub dir: tempfile::TempDir,
    /// The secrets of all sessions.
    pub secrets: Vec<Secret>,
    /// The log that the drill reads as its audit log, if it has one.
    pub audit_log: Option<AuditLog>,
    before: Vec<Value>,
    lies: Arc<Mutex<Vec<String>>>,
}

/// Runs some work on a new runtime whose clock is paused.
pub fn on_paused_time<T>(work: impl Future<Output = T>) -> T {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

impl Rehearsal {
    pub async fn set(description: &Description, seed: u64) -> Self {
        Self::of(Simulation::start(description, seed).await.unwrap_or_else(|w| panic!("{w:?}")))
    }

    /// Creates a stage with an existing cluster.
    pub fn of(simulation: Simulation) -> Self {
        // Uses memory instead of a disk if possible.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let before = picture(&simulation);
        Self { simulation, dir, secrets: vec![], audit_log: None, before, lies: Arc::default() }
    }

    pub fn run_dir(&self) -> RunDir {
        RunDir(self.dir.path().join("run"))
    }

    /// Runs a drill. If a line is given, the machine of the runner loses its power right after that line.
    pub async fn drill(&self, loaded: &Loaded, cut_after: Option<u64>) -> Ended {
        let plug = Plug::default();
        let own = plug.clone();
        let tap = move |event: &Event| {
            if cut_after == Some(event.seq) {
                own.pull();
            }
        };
        let exit = self.run(loaded, &plug, tap).await;
        if let (None, Some(last)) = (exit, cut_after) {
            self.cut(last);
        }
        self.ended(exit)
    }

    /// Runs a drill and calls a function for each event at the instant in which it is written.
    pub async fn drill_heard(&self, loaded: &Loaded, tap: impl Fn(&Event) + Send + Sync + 'static) -> Ended {
        let exit = self.run(loaded, &Plug::default(), tap).await;
        self.ended(exit)
    }

    /// Runs a drill, and does something when it has written a certain event for the first time.
    pub async fn drill_when(
        &self,
        loaded: &Loaded,
        is_it: impl Fn(&Event) -> bool + Send + Sync + 'static,
        then: impl AsyncFnOnce(&Begun),
    ) -> Ended {
        let told = Arc::new(Notify::new());
        let tell = Arc::clone(&told);
        let tap = move |event: &Event| {
            if is_it(event) {
                tell.notify_one();
            }
        };
        let Some((begun, options)) = self.begin(loaded, &Plug::default(), tap).await else {
            return self.ended(Some(Exit::Refused));
        };
        let beside = async {
            told.notified().await;
            then(&begun).await;
        };
        let mut run = std::pin::pin!(engine::run(&begun, loaded, &options));
        let exit = tokio::select! {
            biased;
            // The run may end before it writes that event.
            exit = &mut run => exit,
            () = beside => run.await,
        };
        self.ended(Some(exit))
    }

    /// Runs a drill whose process freezes right after a line, or when it is about to send a request. Another session
    /// takes over, and the frozen process wakes up meanwhile.
    pub async fn drill_frozen(&self, loaded: &Loaded, freeze: Freeze, thaw: Thaw) -> (Option<Exit>, Ended) {
        let plug = Plug::default();
        let own = plug.clone();
        let tap = move |event: &Event| {
            if freeze == Freeze::After(event.seq) && event.epoch == 1 {
                own.pull();
            }
        };
        if let Freeze::Sending(number) = freeze {
            let (own, count) = (plug.clone(), AtomicU64::new(0));
            self.simulation.overhear(move |method, uri| {
                if is_act(method, uri) && count.fetch_add(1, Ordering::SeqCst) == number {
                    own.pull();
                }
            });
        }
        let Some((begun, options)) = self.begin(loaded, &plug, tap).await else {
            return (None, self.ended(Some(Exit::Refused)));
        };
        let over = Notify::new();
        let recorder = Arc::downgrade(&begun.recorder);
        let runner = async {
            let exit = engine::run(&begun, loaded, &options).await;
            // The process ends and releases the lock.
            drop(begun);
            over.notify_one();
            exit
        };
        let reaper = async {
            tokio::select! {
                biased;
                () = plug.pulled() => {}
                () = over.notified() => return None,
            }
            let hook = plug.clone();
            let moments = Moments::heard(move |moment| {
                let (plug, recorder, wakes) = (hook.clone(), recorder.clone(), moment == thaw.at);
                Box::pin(async move {
                    if wakes {
                        if let Some(recorder) = recorder.upgrade() {
                            recorder.overlook(thaw.overlooks);
                        }
                        plug.push();
                        tokio::time::sleep(thaw.then).await;
                    }
                })
            });
            let overrides = Overrides { moments, ..Overrides::default() };
            let mut world = self.keeping_secrets(self.simulation.world());
            world.clock = world.clock.set_by(thaw.step);
            let taken = recover_in(world, &self.run_dir(), Actor::Reaper, Some(Control::Held(None)), &overrides).await;
            Some(taken.unwrap_or_else(|e| panic!("the reaper cannot take over: {e}")))
        };
        let both = async { tokio::join!(runner, reaper) };
        let (exit, taken) = tokio::time::timeout(Duration::from_secs(7200), both).await.expect("it never ends");
        (taken, self.ended(Some(exit)))
    }

    /// Law I6: when the journal says that something is put back, it must be so in the cluster at that instant.
    /// Violations are collected and reported when the drill is over.
    fn soundness(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let (here, lies) = (self.simulation.eye(), Arc::clone(&self.lies));
        let there = self.simulation.second().map(Simulation::eye);
        let eye = move |revert: &Revert| match (revert, &there) {
            (Revert::OwnNamespace { recovery: true, .. } | Revert::OwnPods { recovery: true, .. }, Some(eye)) => eye(),
            _ => here(),
        };
        let undos = Mutex::new(BTreeMap::new());
        move |event| match &event.event {
            Kind::FaultIntended { fault, revert, .. } => {
                undos.lock().unwrap().insert(fault.clone(), revert.clone());
            }
            Kind::FaultReverted { fault, .. } => {
                let undos = undos.lock().unwrap();
                if let Some(revert) = undos.get(fault).filter(|revert| !is_undone(revert, &eye(revert))) {
                    lies.lock().unwrap().push(format!("{fault} is said to be undone, and is not: {revert:?}"));
                }
            }
            _ => {}
        }
    }

    fn keeping_secrets(&self, world: World) -> World {
        self.secrets.iter().for_each(|secret| world.redactor.remember(secret.clone()));
        world
    }

    async fn begin(
        &self,
        loaded: &Loaded,
        plug: &Plug,
        tap: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Option<(Begun, Options)> {
        let mut world = self.keeping_secrets(self.simulation.world_on(plug));
        if let Some(log) = &self.audit_log {
            log.serve(&mut world);
        }
        let prepared = prepare_in(world, &Default::default(), None, loaded, "run".into(), false).await.ok()?;
        let options = Options::rehearsal(self.dir.path(), &[]);
        let (soundness, steps) = (self.soundness(), self.simulation.steps());
        let tap = move |event: &Event| {
            soundness(event);
            match &event.event {
                Kind::StepStarted { step, .. } => steps.begins(step),
                Kind::StepFinished { step, .. } => steps.ends(step),
                _ => {}
            }
            tap(event);
        };
        let begun =
            begin(prepared, loaded, &ClusterAccess::default(), &options, |recorder, _| recorder.tap(tap)).unwrap();
        Some((begun, options))
    }

    async fn run(&self, loaded: &Loaded, plug: &Plug, tap: impl Fn(&Event) + Send + Sync + 'static) -> Option<Exit> {
        let Some((begun, options)) = self.begin(loaded, plug, tap).await else { return Some(Exit::Refused) };
        let exit = tokio::select! {
            biased;
            () = plug.pulled() => None,
            exit = engine::run(&begun, loaded, &options) => Some(exit),
        };
        drop(begun);
        // Dropped tasks end when they are next polled.
        tokio::time::sleep(Duration::from_millis(5)).await;
        exit
    }

    /// Requests a stop of the run, as anybody with kubectl can.
    pub async fn annotate_stop(&self) {
        let body = json!({"metadata": {"annotations": {"drillmaster.dev/stop": "unwind"}}}).to_string();
        // While the control plane is away, the request is repeated.
        for _ in 0..600 {
            let request = http::Request::patch("/apis/coordination.k8s.io/v1/namespaces/drillmaster/leases/drill")
                .header("content-type", "application/merge-patch+json")
                .body(kube::client::Body::from(body.clone().into_bytes()))
                .unwrap();
            if let Ok(answer) = self.simulation.client().send(request).await {
                assert!(answer.status().is_success(), "{answer:?}");
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("the API server does not answer");
    }

    /// Removes what the machine wrote in its last instant, because it never reached the disk.
    fn cut(&self, last: u64) {
        let path = self.run_dir().journal();
        let text = std::fs::read_to_string(&path).unwrap();
        let kept: String = text.split_inclusive('\n').take(last as usize + 1).collect();
        std::fs::write(path, kept).unwrap();
    }

    fn ended(&self, exit: Option<Exit>) -> Ended {
        let path = self.run_dir().journal();
        let events = match read(&self.run_dir()) {
            Ok(journal) => journal.events,
            Err(JournalError::Io { .. } | JournalError::Empty(_)) => vec![],
            Err(error) => panic!("a journal of ours cannot be read: {error}"),
        };
        assert!(self.lies.lock().unwrap().is_empty(), "{:?}", self.lies);
        // Laws of every run: its journal folds (I3), and exit 0 leaves nothing open (I5).
        let state = RunState::of(&events).unwrap_or_else(|e| panic!("a journal of ours does not fold: {e}"));
        assert!(
            exit != Some(Exit::Passed) || state.open().is_empty(),
            "the run ended with exit 0, but something is open"
        );
        Ended { exit, events, journal: std::fs::read(path).unwrap_or_default() }
    }

    /// Recovers the run, as `recover` does.
    pub async fn recover(&self) -> Exit {
        recover_in(
            self.keeping_secrets(self.simulation.world()),
            &self.run_dir(),
            Actor::Recover,
            None,
            &Overrides::default(),
        )
        .await
        .unwrap_or_else(|e| panic!("the run cannot be recovered: {e}"))
    }

    /// Creates a run directory from the record in the cluster.
    pub async fn recovered_from_cluster(&self) -> Result<RunDir, String> {
        let kube = self.simulation.world().kube;
        let place = engine::ClusterAccess { bindings_file: Some("bindings.yaml".into()), ..Default::default() };
        engine::from_cluster(&kube, self.dir.path(), &place).await.map_err(|e| e.to_string())
    }

    /// Recovers the run of another directory.
    pub async fn recover_from(&self, dir: &RunDir) -> Exit {
        recover_in(self.simulation.world(), dir, Actor::Recover, None, &Overrides::default())
            .await
            .unwrap_or_else(|e| panic!("{e}"))
    }

    /// Edits an undo in the record so that it cannot be read any more.
    pub async fn damage_record(&self) {
        let kube = self.simulation.world().kube;
        let base = "/api/v1/namespaces/drillmaster/configmaps";
        let map = kube.list(base).await.unwrap().0.into_iter().find(|m| m["data"]["run.json"].is_string()).unwrap();
        let text = map["data"]["run.json"].as_str().unwrap().replacen("NodePower", "NodePowder", 1);
        let text = text.replacen("nodePower", "nodePowder", 1);
        assert_ne!(text, map["data"]["run.json"], "the record contains no undo to damage");
        let path = format!("{base}/{}", map["metadata"]["name"].as_str().unwrap());
        kube.send(&ApiCall::merge(path, json!({"data": {"run.json": text}}))).await.unwrap();
    }

    /// Tries to recover the run on another cluster.
    pub async fn recover_elsewhere(&self, other: &Simulation) -> String {
        let tried = recover_in(other.world(), &self.run_dir(), Actor::Recover, None, &Overrides::default()).await;
        tried.map_or_else(|e| e.to_string(), |exit| format!("{exit:?}"))
    }

    /// Tries to recover this rehearsal as if it were a real run.
    pub async fn recover_for_real(&self) -> String {
        let tried = engine::recover(&self.run_dir(), Actor::Recover, None, &Default::default(), |_, _| {}).await;
        tried.map_or_else(|e| e.to_string(), |exit| format!("{exit:?}"))
    }

    /// Gives one request, counted from now on, this fate.
    pub fn trouble_at(&self, number: u64, fate: Fate) {
        self.simulation.make_trouble(Trouble { once_in: 0, picked: Some((number, fate)) });
    }

    pub fn trouble(&self, once_in: u64) {
        self.simulation.make_trouble(Trouble { once_in, picked: None });
    }

    /// A drill must not leave the queue of Velero blocked: the nightly backup must be taken.
    async fn velero_takes_backups(&self) -> Result<(), String> {
        let world = self.simulation.world();
        if !self.before.iter().any(|o| o["kind"] == "BackupStorageLocation") {
            return Ok(());
        }
        let name = format!("nightly-{}", self.backups(|_| true).len());
        let spec = json!({"includedNamespaces": ["shop", "default"], "ttl": "1h"});
        let call = world.velero.creation("Backup", &name, &json!({}), spec);
        world.kube.send(&call).await.map_err(|e| e.to_string())?;
        let mut phase = String::new();
        for _ in 0..300 {
            let found = world.velero.find("backups", &name).await.map_err(|e| e.to_string())?;
            phase = found.unwrap_or_default()["status"]["phase"].as_str().unwrap_or_default().to_owned();
            if phase == "Completed" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(format!("Velero takes no backups any more: {name} is {phase}"))
    }

    /// Ends the process of the Velero server. Its Deployment starts another.
    pub async fn replace_velero(&self) {
        let kube = self.simulation.world().kube;
        let pods = "/api/v1/namespaces/velero/pods";
        for pod in kube.list(pods).await.unwrap().0 {
            let path = format!("{pods}/{}", pod["metadata"]["name"].as_str().unwrap());
            kube.send(&ApiCall::delete(path, "", Some(0))).await.unwrap();
        }
    }

    /// The Backups that match, as they are now.
    pub fn backups(&self, which: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.simulation.picture().into_iter().filter(|o| o["kind"] == "Backup" && which(o)).collect()
    }

    /// Waits until the cluster is as it was before and works as well. Otherwise, says what differs.
    pub async fn as_before(&self) -> Result<(), String> {
        let mut said = String::new();
        for _ in 0..600 {
            let now = picture(&self.simulation);
            said = differences(&self.before, &now);
            if said.is_empty() {
                return self.velero_takes_backups().await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(said)
    }
}

/// The picture of both clusters, if there are two.
fn picture(simulation: &Simulation) -> Vec<Value> {
    let second = simulation.second().into_iter().flat_map(Simulation::picture);
    simulation.picture().into_iter().chain(second).collect()
}

/// Whether the cluster is as an undo should leave it.
fn is_undone(revert: &Revert, now: &[Value]) -> bool {
    let find = |kind: &str, name: &str| now.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name);
    match revert {
        Revert::NodePower { node, .. } | Revert::Impairment { node, .. } => {
            find("Node", &node.name).is_some_and(|node| {
                let conditions = node["status"]["conditions"].as_array().unwrap();
                let ready = conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
                // The undo of a fence removes the taint of that fence.
                let mut taints = node["spec"]["taints"].as_array().into_iter().flatten();
                ready
                    && taints.all(|t| {
                        let key = t["key"].as_str().unwrap_or("");
                        !key.starts_with("node.kubernetes.io/") || key == OUT_OF_SERVICE
                    })
            })
        }
        Revert::Fence { node } => {
            find("Node", &node.name).is_some_and(|node| !node["spec"]["taints"].to_string().contains("out-of-service"))
        }
        Revert::Cordon { node, before } => {
            find("Node", &node.name).is_some_and(|node| (node["spec"]["unschedulable"] == true) == *before)
        }
        Revert::Scale { object, before, .. } => {
            let name = object.path.rsplit('/').next().unwrap();
            now.iter().any(|o| o["metadata"]["name"] == name && o["spec"]["replicas"] == *before)
        }
        Revert::Restore { namespace, .. } => {
            find("Namespace", namespace).is_some_and(|ns| ns["metadata"]["deletionTimestamp"].is_null())
        }
        Revert::OwnNamespace { namespace, .. } => find("Namespace", namespace).is_none(),
        Revert::OwnPods { pods, .. } => pods.iter().all(|pod| find("Pod", pod).is_none()),
        Revert::PodsReplaced { .. } | Revert::ExecUndo { .. } => true,
    }
}

/// Compares nodes and namespaces one by one, and everything else by the rules of the product for "as before".
fn differences(before: &[Value], now: &[Value]) -> String {
    let ours = |v: &&Value| v["metadata"]["name"] != "drillmaster" && v["metadata"]["namespace"] != "velero";
    let short = |v: &Value| match v["kind"].as_str() {
        Some("Node") => Some(format!(
            "{} ready={} unschedulable={} taints={}",
            v["metadata"]["name"],
            v["status"]["conditions"][0]["status"],
            v["spec"]["unschedulable"],
            v["spec"]["taints"]
        )),
        Some("Namespace") => Some(v["metadata"]["name"].to_string()),
        _ => None,
    };
    let wide = |all: &[Value]| all.iter().filter(ours).filter_map(short).collect::<Vec<_>>();
    let (was, is) = (wide(before), wide(now));
    if was != is {
        return format!("{was:?} is now {is:?}");
    }
    let rest = |all: &[Value]| all.iter().filter(ours).filter(|v| short(v).is_none()).cloned().collect::<Vec<_>>();
    let found = compare(&rest(before), &rest(now), str::to_owned);
    if !found.is_empty() {
        return format!("{found:?}");
    }
    let ready = |all: &[Value]| {
        all.iter()
            .filter(|v| v["kind"] == "Deployment" || v["kind"] == "StatefulSet")
            .map(|v| format!("{} {}", v["metadata"]["name"], v["status"]["readyReplicas"]))
            .collect::<Vec<_>>()
    };
    if ready(before) == ready(now) {
        String::new()
    } else {
        format!("{:?} ready, were {:?}", ready(now), ready(before))
    }
}
