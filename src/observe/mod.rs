//! What happens meanwhile. Each observer turns a stream into events and decides
//! nothing; the verdict reads them later. All of them say when they could not see.

mod alerts;
mod asker;
mod contact;
mod evictions;
mod ledger;
mod looks;
mod machines;
mod objects;
mod probes;
mod rules;
mod watch;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    journal::Recorder,
    model::{DataSpec, Expectation, Plan},
    world::{ReadyProbe, World},
};

pub use probes::Probes;

/// Probes and append logs with their secrets: never written down.
pub struct Ready {
    /// The plan's probes.
    pub probes: Vec<ReadyProbe>,
    /// Its append logs.
    pub logs: Vec<DataSpec>,
}

/// Observers that run until they are dropped.
#[derive(Debug)]
pub struct Observers {
    tasks: tokio::task::JoinSet<()>,
    /// They look once more when it ends.
    looks: tokio::task::JoinSet<()>,
    over: tokio::sync::watch::Sender<bool>,
    /// Probes have a thread of their own.
    pub probes: Probes,
}

impl Observers {
    /// Starts watching everything that the plan's expectations may ask about.
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
        let (over, ends) = tokio::sync::watch::channel(false);
        tasks.spawn(contact::watch(Arc::clone(world), Arc::clone(recorder)));
        tasks.spawn(machines::watch(Arc::clone(world), Arc::clone(recorder)));
        tasks.spawn(objects::nodes(Arc::clone(world), Arc::clone(recorder)));
        let targets: BTreeSet<String> = plan.steps.iter().flat_map(|s| &s.nodes).map(|n| n.name.clone()).collect();
        if !targets.is_empty() {
            let targets = looks::Subject::Nodes(targets.into_iter().collect());
            looks.spawn(looks::watch(Arc::clone(world), Arc::clone(recorder), targets, ends.clone()));
        }
        for namespace in &plan.namespaces {
            tasks.spawn(objects::pods(Arc::clone(world), Arc::clone(recorder), namespace.clone(), false));
            let pods = looks::Subject::Namespace(namespace.clone());
            looks.spawn(looks::watch(Arc::clone(world), Arc::clone(recorder), pods, ends.clone()));
            tasks.spawn(objects::budgets(Arc::clone(world), Arc::clone(recorder), namespace.clone()));
            for resource in ["deployments", "statefulsets", "daemonsets"] {
                tasks.spawn(objects::workloads(Arc::clone(world), Arc::clone(recorder), namespace.clone(), resource));
            }
        }
        for namespace in &plan.collateral {
            tasks.spawn(objects::pods(Arc::clone(world), Arc::clone(recorder), namespace.clone(), true));
        }
        for log in ready.logs {
            tasks.spawn(ledger::keep(Arc::clone(world), Arc::clone(recorder), log, run.to_owned()));
        }
        tasks.spawn(alerts::watch(Arc::clone(world), Arc::clone(recorder)));
        if plan.expectations().any(|e| matches!(e, Expectation::Alert(_))) {
            tasks.spawn(rules::watch(Arc::clone(world), Arc::clone(recorder), Arc::clone(plan)));
        }
        if plan.expectations().any(asks_evictions) {
            tasks.spawn(evictions::watch(Arc::clone(world), Arc::clone(recorder), Arc::clone(plan)));
        }
        if world.stage().is_none() {
            tasks.spawn(host_load(Arc::clone(recorder)));
        }
        Self { tasks, looks, over, probes: Probes::start(ready.probes, &world.outside, recorder, samples) }
    }

    /// Stops all of them; probes close their last segments first.
    pub async fn stop(mut self) {
        self.probes.stop().await;
        self.over.send_replace(true);
        let last_looks = async { while self.looks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(looks::LAST, last_looks).await;
        self.looks.shutdown().await;
        self.tasks.shutdown().await;
    }
}

fn asks_evictions(expectation: &Expectation) -> bool {
    matches!(expectation, Expectation::Budgets(b) if b.while_degraded.is_some())
}

/// A busy runner measures itself: its load stands beside the results (correctness 30).
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
