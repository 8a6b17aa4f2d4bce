//! Before a run: look, plan, check. Nothing is touched here.

use std::collections::BTreeMap;

use super::{OpenError, Place, open, preflight::Catalogue};
use crate::{
    inventory::{Inventory, facts, gather, rights},
    model::{Bindings, Finding, Plan, REHEARSAL, StepClass},
    plan::{Request, build},
    readiness::{evaluate, missing},
    scenario::{Loaded, Problems},
    world::{Clock, Machine, World, credentials_expire},
};

/// A plan made, with its findings; nothing touched.
#[derive(Debug)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// The world it was made for.
    pub world: World,
    /// The run's id.
    pub run: String,
    /// The readiness catalogue as it was asked; none on a simulated cluster.
    pub catalogue: Option<Catalogue>,
}

/// Why nothing could be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The world could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The Readiness file that the bindings name is wrong.
    #[error(transparent)]
    Readiness(#[from] Problems),
    /// The plan is impossible here.
    #[error("this scenario cannot be planned here:\n  {}", .0.join("\n  "))]
    Plan(Vec<String>),
}

/// Looks, plans, checks. Reads only (but for Velero's own request objects).
pub async fn prepare(loaded: &Loaded, place: &Place) -> Result<Prepared, PrepareError> {
    let (world, machines) = open(place, Clock::start()).await?;
    let run = run_id(&world.clock, &loaded.scenario.metadata.name);
    let (mut prepared, inventory) = look(world, &machines, credentials_expire(&place.reach), loaded, run).await?;
    let (catalogue, found) = Catalogue::first(&prepared.world, &prepared.plan, &inventory).await?;
    prepared.plan.findings.extend(found);
    prepared.catalogue = Some(catalogue);
    Ok(prepared)
}

/// The same in a world that is open already, without the readiness catalogue: a
/// simulated cluster has nothing that most of its checks look at.
pub async fn prepare_in(
    world: World,
    machines: &BTreeMap<String, Machine>,
    credentials_end: Option<jiff::Timestamp>,
    loaded: &Loaded,
    run: String,
) -> Result<Prepared, PrepareError> {
    look(world, machines, credentials_end, loaded, run).await.map(|(prepared, _)| prepared)
}

async fn look(
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
    let mut plan = build(&request).map_err(PrepareError::Plan)?;
    if plan.cluster.is_simulated() {
        plan.title = format!("{REHEARSAL}: {}", plan.title);
    }
    let facts = facts(&world, &plan, &run, credentials_end).await;
    plan.findings = evaluate(&plan, &inventory, &facts, &bindings);
    plan.findings.push(destruction(&plan, &bindings));
    plan.findings.push(second_cluster(&world, &plan, &run).await);
    Ok((Prepared { plan, world, run, catalogue: None }, inventory))
}

/// A destructive step needs a kind cluster, or a rule pinned to this very cluster.
fn destruction(plan: &Plan, bindings: &Bindings) -> Finding {
    let check = "destruction-allowed";
    if !plan.steps.iter().any(|s| s.class == StepClass::Destructive) {
        return Finding::skip(check, "no step is destructive");
    }
    if plan.cluster.is_simulated() {
        return Finding::pass(check, "a simulated cluster");
    }
    if plan.cluster.flavour == "kind" {
        return Finding::pass(check, "a kind cluster, by its containers' labels");
    }
    match &bindings.allow_destruction {
        Some(uid) if *uid == plan.cluster.uid => {
            Finding::pass(check, "the bindings allow it for this cluster, by its UID")
        }
        Some(_) => Finding::fail(
            check,
            "the bindings allow it for another cluster",
            format!("this one is {}", plan.cluster.uid),
        ),
        None => Finding::fail(
            check,
            "a namespace would be deleted on a cluster that is no kind cluster",
            format!(
                "restore `into: scratch` instead; or allow it for this very cluster in the bindings: allowDestruction: {}",
                plan.cluster.uid
            ),
        ),
    }
}

/// Whether the second cluster can take what is to be restored into it.
async fn second_cluster(world: &World, plan: &Plan, run: &str) -> Finding {
    let check = "recovery-cluster";
    let Some(there) = &world.recovery else { return Finding::skip(check, "no second cluster is named") };
    let name = format!("drill-{}-{}", run.to_lowercase(), there.clock.now_us());
    let mut wrong = vec![];
    match there.velero.server_version(&name, std::time::Duration::from_secs(15)).await {
        Ok(Some(_)) => {}
        Ok(None) => wrong.push("its Velero does not answer within 15 s".to_owned()),
        Err(error) => wrong.push(format!("its Velero: {error}")),
    }
    match there.velero.list("backupstoragelocations", "").await {
        Ok(all) if all.iter().any(|l| l.pointer("/status/phase") == Some(&"Available".into())) => {}
        Ok(_) => wrong.push("none of its storage locations is Available".to_owned()),
        Err(error) => wrong.push(format!("its storage locations: {error}")),
    }
    match rights(&there.kube, &plan.recovery_permissions).await {
        Ok(answers) => wrong.extend(missing(&answers).into_iter().map(|right| format!("missing right: {right}"))),
        Err(why) => wrong.push(format!("its rights cannot be asked: {why}")),
    }
    for namespace in &plan.namespaces {
        match there.kube.find(&format!("/api/v1/namespaces/{namespace}")).await {
            Ok(None) => {}
            Ok(Some(_)) => wrong.push(format!("it has a namespace {namespace} already")),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() {
        Finding::pass(check, format!("{} has Velero and the store, and none of the namespaces", there.identity.context))
    } else {
        Finding::fail(
            check,
            wrong.join("; "),
            "prepare the second cluster: Velero with the same store, room for the namespaces, and the rights that `drillmaster rbac --recovery` prints",
        )
    }
}

fn run_id(clock: &Clock, scenario: &str) -> String {
    let wall = clock.wall();
    let fraction = wall.subsec_nanosecond() / 1_000_000;
    format!("{}{fraction:03}-{scenario}", wall.strftime("%Y%m%dt%H%M%S"))
}
