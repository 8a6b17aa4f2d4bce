//! Prepares a run: reads the cluster, makes the plan, runs the pre-flight. Nothing is touched.

use std::collections::BTreeMap;

use super::{
    ClusterAccess, OpenError, open,
    preflight::{Catalogue, settings},
};
use crate::{
    inventory::{Inventory, facts, gather},
    model::{Head, Names, Plan, REHEARSAL, RestsOn},
    plan::{Request, build},
    readiness::evaluate,
    scenario::{Loaded, Problems},
    world::{Clock, Heads, Machine, World, credentials_expire},
};

/// A plan with its findings. Nothing was touched.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// The world for which the plan was made.
    pub world: World,
    /// The run's id.
    pub run: String,
    /// Names, UIDs and labels of the cluster's objects.
    pub names: Names,
    /// The readiness review; none if it was not requested.
    pub catalogue: Option<Catalogue>,
    /// The end of the previous run on this cluster, if it is known; or why it cannot be read.
    pub previous: Result<Option<Head>, String>,
}

/// Why the preparation failed.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The world could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The Readiness file of the bindings is not valid.
    #[error(transparent)]
    Readiness(#[from] Problems),
    /// The scenario is not possible on this cluster.
    #[error("this scenario is not possible on this cluster:\n{0}")]
    Plan(Problems),
}

/// Reads the cluster, plans and checks. It only reads (except for Velero's own request objects).
pub async fn prepare(loaded: &Loaded, place: &ClusterAccess) -> Result<Prepared, PrepareError> {
    let (world, machines) = open(place, Clock::start()).await?;
    let run = run_id(&world.clock, &loaded.scenario.metadata.name);
    let (prepared, inventory) = read_cluster(world, &machines, credentials_expire(&place.reach), loaded, run).await?;
    reviewed(prepared, inventory).await
}

/// The same in a world that is already open, and with the readiness review if it is requested. A simulated cluster has
/// little of what the checks read; the rest is unknown.
pub async fn prepare_in(
    world: World,
    machines: &BTreeMap<String, Machine>,
    credentials_end: Option<jiff::Timestamp>,
    loaded: &Loaded,
    run: String,
    catalogue: bool,
) -> Result<Prepared, PrepareError> {
    let (prepared, inventory) = read_cluster(world, machines, credentials_end, loaded, run).await?;
    if catalogue { reviewed(prepared, inventory).await } else { Ok(prepared) }
}

/// Makes the readiness review, as part of the pre-flight. It reads the cluster again, and more of it, so the inventory is
/// dropped before.
async fn reviewed(mut prepared: Prepared, inventory: Inventory) -> Result<Prepared, PrepareError> {
    let settings = settings(&prepared.world, &prepared.plan, &inventory)?;
    drop(inventory);
    let (catalogue, found) = Catalogue::first(&prepared.world, settings, RestsOn::of(&prepared.plan)).await;
    prepared.plan.findings.extend(found);
    prepared.catalogue = Some(catalogue);
    Ok(prepared)
}

async fn read_cluster(
    world: World,
    machines: &BTreeMap<String, Machine>,
    credentials_end: Option<jiff::Timestamp>,
    loaded: &Loaded,
    run: String,
) -> Result<(Prepared, Inventory), PrepareError> {
    let inventory = gather(&world.kube, &world.identity, &loaded.scenario.scope.namespaces).await;
    let bindings = world.bindings.clone();
    let request = Request {
        loaded,
        inventory: &inventory,
        bindings: &bindings,
        machines,
        host: world.host.as_ref(),
        run: &run,
        recovery: world.recovery.as_ref().map(|w| &w.identity),
    };
    let mut plan = build(&request).map_err(|mistakes| PrepareError::Plan(loaded.placed(mistakes)))?;
    if plan.cluster.is_simulated() {
        plan.title = format!("{REHEARSAL}: {}", plan.title);
    }
    let facts = facts(&world, &plan, &run, credentials_end).await;
    plan.findings = evaluate(&plan, &inventory, &facts, &bindings);
    let previous = Heads::last(&world.kube).await.map_err(|e| e.to_string());
    Ok((Prepared { plan, world, run, names: inventory.names(), catalogue: None, previous }, inventory))
}

fn run_id(clock: &Clock, scenario: &str) -> String {
    let wall = clock.wall();
    let fraction = wall.subsec_nanosecond() / 1_000_000;
    format!("{}{fraction:03}-{scenario}", wall.strftime("%Y%m%dt%H%M%S"))
}
