//! Facts that lists of objects do not contain: permissions, Velero's server and storage, monitoring, credentials. Each
//! answer can also be the reason why it is missing. Start with [`Facts`].

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    BackedUp, OtherRun, ReadersSeen, Reply,
    addresses::said,
    backed_up::backed_up,
    everything::{kinds, live_of},
    other_runs::other_runs,
    readers::readers_seen,
};
use crate::{
    model::{Kin, Loss, Permission, Plan, PowerState, Verb},
    world::{ActiveAlert, Kube, RuleInfo, Silence, World},
};

/// What the pre-flight needs in addition to the inventory.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the facts were collected.
    pub at: Timestamp,
    /// Each permission that is needed, and whether drillmaster has it.
    pub permissions: Reply<Vec<(Permission, bool)>>,
    /// Whether drillmaster has every permission on everything.
    pub all_rights: Reply<bool>,
    /// The last sign of life of Velero's server; none if no step needs Velero.
    pub velero_server: Option<Reply<Option<String>>>,
    /// Its storage locations.
    pub storage: Option<Reply<Vec<Value>>>,
    /// Its backups.
    pub backups: Option<Reply<Vec<Value>>>,
    /// Whether Velero's downloads can be reached from here; none if there is no backup to try.
    pub download: Option<Reply<String>>,
    /// For each namespace that a step deletes: what it contains, and what no backup would bring back.
    pub deleted: BTreeMap<String, Reply<Census>>,
    /// Alerts in Prometheus.
    pub firing: Option<Reply<Vec<ActiveAlert>>>,
    /// Alerting rules.
    pub rules: Option<Reply<Vec<RuleInfo>>>,
    /// Silences of each Alertmanager.
    pub silences: Vec<Reply<Vec<Silence>>>,
    /// Configuration of each Alertmanager.
    pub alertmanager: Vec<Reply<String>>,
    /// Undos that other runs left open, according to their records in the cluster.
    pub other_runs: Reply<Vec<OtherRun>>,
    /// When the credentials of drillmaster expire, if that is known.
    pub credentials_end: Option<Timestamp>,
    /// The state of each machine that a step takes away.
    pub machines: Vec<(String, Reply<PowerState>)>,
    /// The name of the pod in which drillmaster runs, if it runs in one.
    pub own_pod: Option<String>,
    /// The second cluster, if there is one.
    pub recovery: Option<SecondCluster>,
    /// The readers of volumes that steps will run; none if no step reads volumes.
    pub readers: Option<Reply<ReadersSeen>>,
}

/// A namespace that will be deleted, before a backup of it exists.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// How many objects it has, without those that the cluster creates from others.
    pub objects: usize,
    /// Objects that no backup would bring back in their current state.
    pub losses: Vec<Loss>,
    /// Objects outside the namespace that belong to it.
    pub kin: Vec<Kin>,
}

/// What is known about the second cluster of a drill.
#[derive(Clone, Debug)]
pub struct SecondCluster {
    /// Its context.
    pub context: String,
    /// What is missing there, and what must not exist there.
    pub wrong: Vec<String>,
    /// Each permission that is needed there, and whether drillmaster has it.
    pub permissions: Reply<Vec<(Permission, bool)>>,
    /// The newest backup, compared with what this cluster serves; none if there is no such backup, or if no step needs
    /// Velero.
    pub backed_up: Option<Reply<BackedUp>>,
}

/// Collects all facts.
pub async fn facts(world: &World, plan: &Plan, run: &str, credentials_end: Option<Timestamp>) -> Facts {
    let needs_velero = plan
        .steps
        .iter()
        .any(|s| matches!(s.verb(), Some(Verb::Backup(_) | Verb::Restore(_) | Verb::DeleteNamespace(_))));
    let (permissions, velero, monitoring, other_runs, recovery, deleted, readers) = tokio::join!(
        rights(&world.kube, &plan.permissions),
        velero(world, needs_velero, run),
        monitoring(world),
        other_runs(world, run),
        second_cluster(world, plan, needs_velero, run),
        deleted(world, plan),
        readers_seen(world, plan, run)
    );
    let (velero_server, storage, backups, download) = velero;
    let (firing, rules, silences, alertmanager) = monitoring;
    let mut machines = vec![];
    if let Some(host) = &world.host {
        for node in plan.steps.iter().filter(|s| s.how().is_some()).flat_map(|s| &s.nodes) {
            let state = host.machine(&node.name).await;
            machines.push((node.name.clone(), state.map(|m| m.state).map_err(|e| e.to_string())));
        }
    }
    // A simulated cluster needs no protection.
    let all_rights = match world.simulated() {
        Some(_) => Ok(false),
        None => world.kube.may(&everything()).await.map_err(|e| e.to_string()),
    };
    Facts {
        all_rights,
        at: world.clock.wall(),
        permissions,
        velero_server,
        storage,
        backups,
        download,
        deleted,
        firing,
        rules,
        silences,
        alertmanager,
        other_runs,
        credentials_end,
        machines,
        own_pod: std::env::var("KUBERNETES_SERVICE_HOST").ok().and_then(|_| std::env::var("HOSTNAME").ok()),
        recovery,
        readers,
    }
}

/// Reads each namespace that a step deletes.
async fn deleted(world: &World, plan: &Plan) -> BTreeMap<String, Reply<Census>> {
    let mut all = BTreeMap::new();
    let mut deletions = plan.deletions().peekable();
    if deletions.peek().is_none() {
        return all;
    }
    let kinds = kinds(&world.kube).await;
    for spec in deletions {
        let census = match &kinds {
            Ok(kinds) => live_of(&world.kube, kinds, &spec.name, |_| false).await.map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let census = census.map(|l| Census { objects: l.objects.len(), losses: l.hazards, kin: l.kin });
        all.insert(spec.name.clone(), census);
    }
    all
}

/// Whether the second cluster can receive what will be restored into it.
async fn second_cluster(world: &World, plan: &Plan, needs_velero: bool, run: &str) -> Option<SecondCluster> {
    let there = world.recovery.as_ref()?;
    let name = format!("drill-{}-{}", run.to_lowercase(), there.clock.now_us());
    let mut wrong = vec![];
    match there.velero.server_version(&name, Duration::from_secs(15)).await {
        Ok(Some(_)) => {}
        Ok(None) => wrong.push("Velero in this cluster does not answer within 15 s".to_owned()),
        Err(error) => wrong.push(format!("cannot check Velero in this cluster: {error}")),
    }
    match there.velero.list("backupstoragelocations", "").await {
        Ok(all) if all.iter().any(|l| l.pointer("/status/phase") == Some(&"Available".into())) => {}
        Ok(_) => wrong.push("no Velero storage location is Available".to_owned()),
        Err(error) => wrong.push(format!("cannot read the Velero storage locations: {error}")),
    }
    for namespace in &plan.namespaces {
        match there.kube.find(&format!("/api/v1/namespaces/{namespace}")).await {
            Ok(None) => {}
            Ok(Some(_)) => wrong.push(format!("namespace {namespace} already exists there")),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    let permissions = rights(&there.kube, &plan.recovery_permissions).await;
    let backed_up = if needs_velero { backed_up(world, &there.kube, &plan.namespaces).await } else { None };
    Some(SecondCluster { context: there.identity.context.clone(), wrong, permissions, backed_up })
}

/// Every permission on everything.
fn everything() -> Permission {
    let any = || "*".to_owned();
    let purpose = "to find out whether drillmaster has more permissions than it needs".to_owned();
    Permission { verb: any(), group: any(), resource: any(), namespace: String::new(), purpose }
}

/// Which of these permissions drillmaster has.
pub async fn rights(kube: &Kube, needed: &[Permission]) -> Reply<Vec<(Permission, bool)>> {
    let mut answers = vec![];
    for chunk in needed.chunks(8) {
        let asked = chunk.iter().map(|p| kube.may(p));
        for (permission, answer) in chunk.iter().zip(futures_util::future::join_all(asked).await) {
            answers.push((permission.clone(), answer.map_err(|e| e.to_string())?));
        }
    }
    Ok(answers)
}

type VeleroFacts =
    (Option<Reply<Option<String>>>, Option<Reply<Vec<Value>>>, Option<Reply<Vec<Value>>>, Option<Reply<String>>);

async fn velero(world: &World, needed: bool, run: &str) -> VeleroFacts {
    if !needed {
        return (None, None, None, None);
    }
    let velero = &world.velero;
    let name = format!("drill-{}-{}", run.to_lowercase(), world.clock.now_us());
    let server = velero.server_version(&name, Duration::from_secs(15)).await.map_err(|e| e.to_string());
    let storage = velero.list("backupstoragelocations", "").await.map_err(|e| e.to_string());
    let backups = velero.list("backups", "").await.map_err(|e| e.to_string());
    let text = |b: &Value, p: &str| b.pointer(p).and_then(Value::as_str).unwrap_or("").to_owned();
    let newest = backups
        .iter()
        .flatten()
        .filter(|b| text(b, "/status/phase") == "Completed")
        .max_by_key(|b| text(b, "/status/completionTimestamp"))
        .map(|b| text(b, "/metadata/name"));
    let download = match newest {
        Some(name) if matches!(server, Ok(Some(_))) => {
            Some(velero.download("BackupResourceList", &name).await.map(|_| name).map_err(|e| e.to_string()))
        }
        _ => None,
    };
    (Some(server), Some(storage), Some(backups), download)
}

type MonitoringFacts =
    (Option<Reply<Vec<ActiveAlert>>>, Option<Reply<Vec<RuleInfo>>>, Vec<Reply<Vec<Silence>>>, Vec<Reply<String>>);

async fn monitoring(world: &World) -> MonitoringFacts {
    let monitoring = &world.monitoring;
    let firing = monitoring.firing().await.map(|r| r.map_err(|e| said(&e)));
    let rules = monitoring.rules().await.map(|r| r.map_err(|e| said(&e)));
    let mut silences = vec![];
    let mut configuration = vec![];
    for base in &monitoring.alertmanagers {
        silences.push(monitoring.silences(base).await.map_err(|e| said(&e)));
        configuration.push(monitoring.configuration(base).await.map_err(|e| said(&e)));
    }
    (firing, rules, silences, configuration)
}
