//! The simulated world of a rehearsal: an API server in memory behind `kube::Client`, the controllers that decide how a
//! disaster unfolds, Velero, monitoring, and services for probes. It runs on the paused clock of tokio, so an hour
//! passes in moments. The engine, the steps, the observers and the reports do not know that their world is simulated.
//!
//! Determinism: all randomness comes from the seed through `dice`, all time from the clock of tokio, and all order from
//! ordered maps. Start with [`Simulation`].

mod admission;
mod alter;
mod api;
mod backend;
mod backup_store;
mod books;
mod capacities;
mod collection;
mod control_plane;
mod controllers;
mod counts;
mod describe;
mod describe_words;
mod dice;
mod discovery;
mod eviction;
mod fields;
mod happens;
mod inside;
mod list;
mod logs;
mod machines;
mod manifests;
mod monitoring;
mod network;
mod patch;
mod pods;
mod policies;
mod promql;
mod resources;
mod security;
mod sense;
mod sense_objects;
mod sense_workloads;
mod service;
mod settled;
mod state;
mod steps;
mod store;
mod trouble;
mod value;
mod velero;
mod watch;
mod web;
mod wellformed;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

pub use alter::Change;
pub use describe::{
    AlertmanagerSpec, ClusterMetadata, Description, Inhibition, NetworkPolicies, RuleSpec, SCHEMA, WorkloadSpec,
};
pub use describe_words::{ClusterKind, ClusterVersion, Reclaim, Spread, VolumeSource};
pub use happens::{After, Happened, Happening, ObjectSeen, Seen, What, Which};
pub use service::Plug;
pub use settled::SettledCluster;
pub use steps::Steps;
pub use trouble::{Fate, Trouble};

use self::{
    dice::Dice,
    monitoring::{Alertmanager, Monitor, Rule},
    service::Shared,
    state::{Settings, State, Timer},
    value::{Value, json},
};
use crate::{
    kubernetes::Clocks,
    model::{Bindings, ClusterIdentity, Redactor},
    world::{Clock, Http, Kube, Monitoring, NodeHost, Outside, SimBackend, Velero, World},
};

/// The version that the simulated API server reports.
const VERSION: &str = "v1.37.2";
/// The time at which every simulation begins.
const ZERO: &str = "2026-01-01T00:00:00Z";
/// How long a new cluster settles before a drill can see it.
const SETTLE: Duration = Duration::from_secs(120);
/// The same in microseconds. `happens:` counts its times from here.
const SETTLED_US: u64 = SETTLE.as_micros() as u64;

/// A running simulated cluster.
pub struct Simulation {
    shared: Arc<Shared>,
    clock: Clock,
    description: Description,
    controllers: tokio::task::JoinHandle<()>,
    /// The recovery cluster, into which a drill can restore.
    second: Option<Box<Simulation>>,
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Simulation")
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.controllers.abort();
    }
}

impl Simulation {
    /// Creates a cluster and lets it settle. Must be called on a runtime whose clock is paused.
    ///
    /// # Errors
    /// Fails if the description cannot be simulated. Each message names the rule or the object, and the reason.
    pub async fn start(description: &Description, seed: u64) -> Result<Self, Vec<String>> {
        let backup_store = backup_store::BackupStore::default();
        let script = |here| happens::Script::of(&description.happens, here);
        let mut simulation = Self::begun(description, seed, backup_store.clone(), script(Which::First))?;
        if let Some(second) = &description.recovery {
            let second = Self::begun(second, seed, backup_store, script(Which::Recovery))?;
            second.shared.state().schedule(SETTLE / 2, Timer::Sync);
            simulation.second = Some(Box::new(second));
        }
        tokio::time::sleep(SETTLE).await;
        simulation.opens();
        Ok(simulation)
    }

    /// Runs what is due `at: 0s`, so that it has taken effect before a drill looks at the cluster.
    fn opens(&self) {
        if !self.description.happens.is_empty() {
            self.clusters().for_each(|cluster| controllers::reconcile(&mut cluster.shared.state()));
        }
    }

    /// Creates one cluster in its first instant.
    fn begun(
        description: &Description,
        seed: u64,
        backup_store: backup_store::BackupStore,
        script: happens::Script,
    ) -> Result<Self, Vec<String>> {
        Ok(Self::of(description, seed, found(description, seed, backup_store, script)?))
    }

    /// Starts one cluster from a given state.
    fn of(description: &Description, seed: u64, state: State) -> Self {
        let clock = Clock::simulated(state.at(state.now_us));
        let shared = Arc::new(Shared::new(state, seed));
        let controllers = tokio::spawn(control(Arc::clone(&shared)));
        Self { shared, clock, description: description.clone(), controllers, second: None }
    }

    /// Returns the world for the engine. Its clock starts now.
    pub fn world(&self) -> World {
        self.world_on(&Plug::default())
    }

    /// Returns the world for a runner whose machine can lose its power.
    pub fn world_on(&self, plug: &Plug) -> World {
        let clock = self.clock.restart();
        let mut world = self.alone(plug, clock);
        if let Some(second) = &self.second {
            let there = second.alone(plug, clock);
            // As on a real recovery cluster, the drill has no node host and no monitoring there.
            let bindings = Bindings { prometheus: None, alertmanager: vec![], ..world.bindings.clone() };
            let monitoring = Monitoring::new(there.http.clone(), None, &[]);
            let identity = ClusterIdentity { name: "recovery".into(), ..there.identity.clone() };
            world.recovery = Some(Arc::new(World { host: None, bindings, monitoring, identity, ..there }));
        }
        world
    }

    fn alone(&self, plug: &Plug, clock: Clock) -> World {
        let kube = Kube::new(service::client(&self.shared, plug));
        let backend: SimBackend =
            Arc::new(backend::Backend::new(&self.shared, self.second.as_ref().map(|s| &s.shared), plug));
        let http = |seconds| Http::simulated(Arc::clone(&backend), Duration::from_secs(seconds));
        let bindings = self.description.bindings();
        World {
            recovery: None,
            velero: Velero::new(kube.clone(), http(60), "velero".into()),
            datadog: None,
            monitoring: Monitoring::new(http(3), bindings.prometheus.as_deref(), &bindings.alertmanager),
            identity: self.identity(),
            host: Some(NodeHost::Simulated(Arc::clone(&backend))),
            http: http(10),
            kube,
            bindings,
            clock,
            outside: Outside::Simulated(backend),
            redactor: Arc::new(Redactor::default()),
        }
    }

    fn identity(&self) -> ClusterIdentity {
        let uid = self.shared.state().store.get("namespaces", "", "kube-system").map(|n| fields::uid(n).to_owned());
        let name = match self.description.metadata.name.as_str() {
            "" => "simulated".to_owned(),
            name => name.to_owned(),
        };
        ClusterIdentity {
            name: "cluster".into(),
            context: name,
            uid: uid.unwrap_or_default(),
            server: "simulated".into(),
            version: VERSION.into(),
            flavour: "simulated".into(),
        }
    }

    /// Sets the trouble that requests meet on the wire. The default [`Trouble`] ends it.
    pub fn make_trouble(&self, trouble: Trouble) {
        self.shared.trouble.make(trouble);
    }

    /// Returns how many requests met each kind of trouble so far.
    pub fn met(&self) -> std::collections::BTreeMap<Fate, u32> {
        self.shared.trouble.met()
    }

    /// Makes one of `once_in` backups and restores of Velero fail partially. 0 turns this off.
    pub fn velero_errs(&self, once_in: u64) {
        self.shared.state().velero_errs(once_in);
    }

    /// Calls `ear` for each request to the API server when it is sent, and for each power act on a machine
    /// (`POST /power/kill/NODE`).
    pub fn overhear(&self, ear: impl Fn(&http::Method, &http::Uri) + Send + Sync + 'static) {
        self.shared.trouble.overhear(ear);
    }

    /// Returns the receiver for the steps of the drill: entries of `happens:` can wait for a step to begin or end. The
    /// tap of the recorder calls it. The drill itself does not know of it.
    pub fn steps(&self) -> Steps {
        Steps::of(self.clusters().map(|cluster| Arc::clone(&cluster.shared)).collect())
    }

    /// Returns the entries of `happens:` that have begun so far, in the order in which they began.
    pub fn happened(&self) -> Vec<Happened> {
        let happened = |cluster: &Self| cluster.shared.state().script.happened().to_vec();
        let mut all: Vec<Happened> = self.clusters().flat_map(happened).collect();
        all.sort_by_key(|happened| happened.from);
        all
    }

    /// Returns the entries of `happens:` that have not begun so far, or had no effect. A drill says nothing about such
    /// an entry.
    pub fn without_effect(&self) -> Vec<String> {
        self.clusters().flat_map(|cluster| cluster.shared.state().script.without_effect()).collect()
    }

    /// This cluster, and the recovery cluster where there is one.
    fn clusters(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.second())
    }

    /// The recovery cluster, if there is one.
    pub fn second(&self) -> Option<&Self> {
        self.second.as_deref()
    }

    /// Returns all nodes and namespaces, and everything in namespaces other than `drillmaster`. Tests compare this
    /// before and after a drill.
    pub fn picture(&self) -> Vec<serde_json::Value> {
        picture(&self.shared)
    }

    /// Returns a function that takes this picture again at a later instant.
    pub fn eye(&self) -> impl Fn() -> Vec<serde_json::Value> + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || picture(&shared)
    }

    /// Whether the controllers have ended. Only a bug in the simulation ends them. The cluster no longer reacts then.
    pub fn is_broken(&self) -> bool {
        self.controllers.is_finished()
    }

    /// Returns a client of the API server, for tests of the API server itself.
    pub fn client(&self) -> kube::Client {
        service::client(&self.shared, &Plug::default())
    }
}

fn picture(shared: &Shared) -> Vec<serde_json::Value> {
    let state = shared.state();
    let wide = ["nodes", "namespaces"].into_iter().flat_map(|r| state.store.all(r).cloned().collect::<Vec<_>>());
    let mut all: Vec<serde_json::Value> = wide.map(|o| (&*o).into()).collect();
    let names: Vec<String> =
        state.store.all("namespaces").map(|n| fields::name(n).to_owned()).filter(|n| n != "drillmaster").collect();
    for name in names {
        all.extend(state.store.content_of(&name).into_iter().map(|(_, o)| (&*o).into()));
    }
    all
}

/// The loop of the controllers. It runs them after every change, and whenever a timer is due.
async fn control(shared: Arc<Shared>) {
    loop {
        let next = {
            let mut state = shared.state();
            controllers::reconcile(&mut state);
            state.next_due()
        };
        let due = async {
            match next {
                Some(us) => tokio::time::sleep_until(shared.instant(us)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shared.changed.notified() => {}
            () = due => {}
        }
    }
}

/// Builds the state of a cluster in its first instant.
fn found(
    description: &Description,
    seed: u64,
    backup_store: backup_store::BackupStore,
    script: happens::Script,
) -> Result<State, Vec<String>> {
    let zero: Timestamp = ZERO.parse().expect("a constant time");
    let mut wrong = description.refused();
    let mut rules = vec![];
    for rule in &description.rules {
        // An expression that cannot be read is one of the mistakes already.
        if let Ok(expr) = promql::parse(&rule.expr) {
            let (alert, text, labels) = (rule.alert.clone(), rule.expr.clone(), rule.labels.clone());
            rules.push(Rule { alert, text, expr, for_: rule.for_, labels });
        }
    }
    let others = description.alertmanagers.iter().map(|(name, spec)| (name.clone(), Alertmanager::of(spec)));
    let first = ("alertmanager".to_owned(), Alertmanager::of(&description.alertmanager));
    let alertmanagers = std::iter::once(first).chain(others).collect();
    let monitor = Monitor { rules, every: description.times.evaluate, alertmanagers, ..Monitor::default() };
    let times = description.times;
    let settings = Settings {
        clocks: Clocks::of(description.clocks, VERSION),
        toleration_seconds: i64::try_from(times.toleration.0.as_secs()).unwrap_or(300),
        boot: times.boot.0,
        thaw: times.thaw.0,
        rejoin: times.rejoin.0,
        kubelet: times.kubelet.0,
        start: times.start.0,
        stop: times.stop.0,
        backup: times.backup.0,
        restore: times.restore.0,
        volume: times.volume.0,
        api_server: times.api_server.0,
        election: times.election.0,
        policies: description.network_policies == NetworkPolicies::Enforced,
    };
    let mut state = State::new(settings, Dice::new(seed, description.name()), zero, monitor, backup_store);
    state.machines.lease_ages = description.leases.iter().map(|(node, age)| (node.clone(), age.micros())).collect();
    state.placement = description.placement.clone();
    state.script = script;
    state.arm(SETTLED_US);
    for object in description.manifests() {
        if let Err(why) = add(&mut state, object.into()) {
            wrong.push(why);
        }
    }
    velero::placed(&mut state);
    if state.machines.by_node.is_empty() {
        wrong.push("the cluster has no nodes: describe zones, for example `zones: {a: 2, b: 2, c: 2}`".into());
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let schedules: Vec<String> =
        state.store.within("schedules", "velero").map(|s| fields::name(s).to_owned()).collect();
    for name in schedules {
        state.schedule(SETTLE / 2, Timer::Velero("schedules", name));
    }
    for (every, timer) in
        [(state.settings.clocks.period, Timer::Monitor), (description.times.evaluate.0, Timer::Evaluate)]
    {
        let phase = state.dice.below((every.as_micros() as u64).max(1));
        state.schedule(Duration::from_micros(phase), timer);
    }
    Ok(state)
}

fn add(state: &mut State, mut object: Value) -> Result<(), String> {
    let kind = fields::text(&object, "/kind").to_owned();
    let resource = resources::of_kind(&kind).ok_or_else(|| format!("the simulation does not support kind `{kind}`"))?;
    if fields::name(&object).is_empty() {
        return Err(format!("an object of kind {kind} has no metadata.name"));
    }
    wellformed::amounts_as_text(&mut object);
    wellformed::check(resource, &object)?;
    if resource.plural == "nodes" {
        let phase = state.dice.below(state.settings.clocks.renew.as_micros() as u64);
        state.machines.add(fields::name(&object), phase);
        control_plane::joins(state, &object);
    }
    if resource.plural == "nodes" && fields::text(&object, "/status/nodeInfo/bootID").is_empty() {
        object["status"]["nodeInfo"]["bootID"] = machines::boot_id(fields::name(&object), 0).into();
    }
    if resource.plural == "backupstoragelocations" {
        object["status"] = json!({"phase": "Available", "lastValidationTime": ZERO});
    }
    if resource.plural == "persistentvolumeclaims" {
        object["status"] = json!({"phase": "Pending"});
    }
    if state.store.get(resource.plural, fields::namespace(&object), fields::name(&object)).is_some() {
        // A capture contains the namespace kube-system, and `manifests` generates it too. The first one is kept.
        return Ok(());
    }
    admission::defaults(resource, &mut object, state);
    let now = state.wall();
    state.store.create(resource, object, now);
    Ok(())
}
