//! The observers of a drill. Each observer turns a stream into events and decides nothing; the verdict reads the
//! events later. All of them record when they could not see. Start with [`Observers`].

mod alerts;
mod append_log;
mod audit;
mod authors;
mod contact;
mod deletions;
mod evictions;
mod facets;
mod known;
mod looks;
mod machines;
mod objects;
mod observed_pod;
mod outside;
mod probe_client;
mod probes;
mod rules;
mod samples;
mod silences;
mod watch;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    journal::Recorder,
    model::{DataSpec, Expectation, Plan},
    told,
    world::{ReadyProbe, World},
};

pub use probes::Probes;

use {facets::Sort, outside::Outside};

/// Probes and append logs with their secrets. They are never written down.
pub struct Ready {
    /// The plan's probes.
    pub probes: Vec<ReadyProbe>,
    /// Its append logs.
    pub logs: Vec<DataSpec>,
}

/// Observers. They run until they are dropped.
#[derive(Debug)]
pub struct Observers {
    tasks: tokio::task::JoinSet<()>,
    /// The looks, which look once more at the end.
    looks: tokio::task::JoinSet<()>,
    over: CancellationToken,
    outside: (Arc<Outside>, Arc<Recorder>),
    /// The reader of the audit log, which reads once more when it is told to stop.
    audit: (tokio::task::JoinSet<()>, Arc<tokio::sync::Notify>),
    /// The probes, which have their own thread.
    pub probes: Probes,
}

impl Observers {
    /// Starts to observe everything that the plan's expectations may need.
    pub fn start(
        world: &Arc<World>,
        recorder: &Arc<Recorder>,
        plan: &Arc<Plan>,
        run: &str,
        ready: Ready,
        samples: &std::path::Path,
    ) -> Self {
        let mut tasks = tokio::task::JoinSet::new();
        let mut looks = tokio::task::JoinSet::new();
        let over = CancellationToken::new();
        tasks.spawn(contact::watch(Arc::clone(world), Arc::clone(recorder)));
        let outside = Arc::new(Outside::default());
        tasks.spawn(machines::watch(Arc::clone(world), Arc::clone(recorder)));
        tasks.spawn(machines::survivors(Arc::clone(world), Arc::clone(recorder)));
        tasks.spawn(objects::nodes(Arc::clone(world), Arc::clone(recorder), Arc::clone(&outside)));
        for subject in looks::Subject::all(plan) {
            looks.spawn(looks::watch(Arc::clone(world), Arc::clone(recorder), subject, over.clone()));
        }
        for namespace in &plan.namespaces {
            scope(&mut tasks, (world, recorder), namespace, &outside);
        }
        for namespace in &plan.collateral {
            tasks.spawn(objects::pods(Arc::clone(world), Arc::clone(recorder), namespace.clone(), None));
        }
        let (mut audit, stop) = (tokio::task::JoinSet::new(), Arc::new(tokio::sync::Notify::new()));
        if let Some(given) = &world.bindings.audit_log {
            let (w, r) = (Arc::clone(world), Arc::clone(recorder));
            let of = (plan.namespaces.clone(), Arc::clone(&outside));
            audit.spawn(audit::watch(w, r, of, given.clone(), Arc::clone(&stop)));
        }
        tasks.spawn(decide(Arc::clone(&outside), Arc::clone(recorder)));
        tasks.spawn(silences::watch(Arc::clone(world), Arc::clone(recorder)));
        for log in ready.logs {
            tasks.spawn(append_log::keep(Arc::clone(world), Arc::clone(recorder), log, run.to_owned()));
        }
        tasks.spawn(alerts::watch(Arc::clone(world), Arc::clone(recorder)));
        if plan.expectations().any(|e| matches!(e, Expectation::Alert(_))) {
            tasks.spawn(rules::watch(Arc::clone(world), Arc::clone(recorder), Arc::clone(plan)));
        }
        if plan.expectations().any(asks_evictions) {
            tasks.spawn(evictions::watch(Arc::clone(world), Arc::clone(recorder), Arc::clone(plan)));
        }
        if world.simulated().is_none() {
            tasks.spawn(host_load(Arc::clone(recorder)));
        }
        let outside = (outside, Arc::clone(recorder));
        Self {
            tasks,
            looks,
            over,
            outside,
            audit: (audit, stop),
            probes: Probes::start(ready.probes, &world.outside, recorder, samples),
        }
    }

    /// Stops all observers. The probes close their last segments first.
    pub async fn stop(mut self) {
        self.probes.stop().await;
        self.over.cancel();
        let last_looks = async { while self.looks.join_next().await.is_some() {} };
        // Each of them records if it was cut off.
        let _ = tokio::time::timeout(looks::END, last_looks).await;
        self.looks.shutdown().await;
        self.tasks.shutdown().await;
        let (outside, recorder) = &self.outside;
        outside.decide(recorder, true);
        let (mut audit, stop) = self.audit;
        stop.notify_one();
        if tokio::time::timeout(audit::END, audit.join_next()).await.is_err() {
            let error = told!(recorder, "it did not answer within {} s", audit::END.as_secs());
            recorder.observe(crate::event::Kind::AuditRead { records: 0, damaged: 0, error });
        }
    }
}

/// The addresses of the watches that verdicts rest on. Before the first list of each, nothing is known about its objects.
pub fn watches(plan: &Plan) -> Vec<String> {
    let scope = plan.namespaces.iter().flat_map(|namespace| {
        let workloads = objects::WORKLOADS.map(|resource| objects::workloads_path(namespace, resource));
        [objects::pods_path(namespace), objects::budgets_path(namespace)].into_iter().chain(workloads)
    });
    let beside = plan.collateral.iter().map(|namespace| objects::pods_path(namespace));
    [objects::NODES.to_owned()].into_iter().chain(scope).chain(beside).collect()
}

/// Observes a namespace of the scope.
fn scope(
    tasks: &mut tokio::task::JoinSet<()>,
    (world, recorder): (&Arc<World>, &Arc<Recorder>),
    namespace: &str,
    outside: &Arc<Outside>,
) {
    let with = || (Arc::clone(world), Arc::clone(recorder), namespace.to_owned());
    let (w, r, n) = with();
    tasks.spawn(objects::pods(w, r, n, Some(Arc::clone(outside))));
    let (w, r, n) = with();
    tasks.spawn(objects::budgets(w, r, n, Arc::clone(outside)));
    for resource in objects::WORKLOADS {
        let (w, r, n) = with();
        tasks.spawn(objects::workloads(w, r, n, resource, Arc::clone(outside)));
    }
    for sort in [Sort::Service, Sort::ConfigMap] {
        let (w, r, n) = with();
        tasks.spawn(objects::contents(w, r, n, sort, Arc::clone(outside)));
    }
}

/// Classifies pods that disappeared, from time to time.
async fn decide(outside: Arc<Outside>, recorder: Arc<Recorder>) {
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        outside.decide(&recorder, false);
    }
}

fn asks_evictions(expectation: &Expectation) -> bool {
    matches!(expectation, Expectation::Budgets(b) if b.while_degraded.is_some())
}

/// A busy runner delays its own measurements, so the reports contain its load.
async fn host_load(recorder: Arc<Recorder>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    loop {
        if let Some(one_minute) =
            std::fs::read_to_string("/proc/loadavg").ok().and_then(|t| t.split(' ').next()?.parse().ok())
        {
            recorder.observe(crate::event::Kind::HostLoad { one_minute, cores });
        }
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    }
}
