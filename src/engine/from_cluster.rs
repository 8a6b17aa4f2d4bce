//! Creates a run directory from the run record in a cluster, for when the machine that ran the drill is gone together
//! with its files.

use std::{path::Path, sync::Arc};

use super::{ClusterAccess, RecoverError, open::host, way_back::from_record};
use crate::{
    event::{FORMAT, Kind},
    journal::{Journal, Recorder, RunDir, RunState},
    model::{Dur, Limits, Plan},
    steps::by_hand,
    verdict::{RULES, TOOL},
    world::{Clock, FoundRecord, Kube, Record, RunRecord},
};

/// What the records in a cluster show about open faults.
pub struct InCluster {
    /// The newest record with something open.
    pub open: Option<Box<Record>>,
    /// Records that cannot be read: it is unknown what their runs left open.
    pub damaged: Vec<(String, String)>,
}

/// Reads all run records of a cluster.
pub async fn in_cluster(kube: &Kube) -> Result<InCluster, RecoverError> {
    let mut found = InCluster { open: None, damaged: vec![] };
    for record in RunRecord::all(kube).await? {
        match record {
            FoundRecord::Damaged { name, why } => found.damaged.push((name, why)),
            FoundRecord::Record(record) if !record.open.is_empty() && found.open.is_none() => found.open = Some(record),
            FoundRecord::Record(_) => {}
        }
    }
    Ok(found)
}

/// Creates a run directory from the newest run record with open faults. A record that cannot be read is reported, but
/// another record is still used.
pub async fn from_cluster(kube: &Kube, runs: &Path, place: &ClusterAccess) -> Result<RunDir, RecoverError> {
    let found = in_cluster(kube).await?;
    let Some(record) = found.open else {
        return Err(match found.damaged.into_iter().next() {
            Some((name, why)) => RecoverError::Record(name, why),
            None => RecoverError::NothingInCluster,
        });
    };
    if place.bindings_file.is_none() && !place.built_in {
        let open: Vec<&str> = record.open.iter().map(|fault| fault.target.as_str()).collect();
        return Err(RecoverError::NeedsBindings { run: record.run.clone(), open: open.join(", ") });
    }
    let name = format!("{}-from-cluster", record.run);
    let dir_error = |source| RecoverError::Dir { path: runs.join(&name).display().to_string(), source };
    // An earlier attempt that did not finish is continued.
    let earlier = RunDir(runs.join(&name));
    if earlier.journal().is_file() {
        return Ok(earlier);
    }
    let dir = RunDir::create(runs, &name).map_err(dir_error)?;
    let clock = Clock::start();
    // The new session gets a higher number than the one in the record, so a runner that is still alive loses control of
    // the run.
    let journal = Journal::create_as(&dir, record.epoch.max(1))?;
    let recorder = Recorder::new(journal, RunState::default(), Arc::default(), move || (clock.now_us(), clock.wall()));
    recorder.record(Kind::RunStarted {
        format: FORMAT.into(),
        run_id: record.run.clone(),
        tool: TOOL.into(),
        scenario: record.scenario.clone(),
        title: TITLE.into(),
        scenario_hash: record.scenario_hash.clone(),
        plan_hash: record.plan_hash.clone(),
        clusters: vec![record.cluster.clone()],
        operator: String::new(),
        host: String::new(),
        way_back: Box::new(from_record(place, record.recovery.as_ref().map(|c| c.context.as_str()))),
        clock: clock.mark(),
        previous: None,
        variables: Default::default(),
        from_cluster: true,
    })?;
    recorder.record(Kind::PlanFrozen { plan: Box::new(stand_in(&record)) })?;
    let host = host(place);
    for fault in record.open {
        let id = fault.fault.clone();
        recorder.record(Kind::FaultIntended {
            fault: fault.fault,
            step: fault.step,
            target: fault.target,
            revert: by_hand(host.as_ref(), fault.revert),
        })?;
        if fault.acknowledged {
            recorder.record(Kind::FaultApplied { fault: id, sent_us: 0, acknowledged_us: 0 })?;
        }
    }
    Ok(dir)
}

const TITLE: &str = "recovered from the run record in the cluster";

/// The parts of a plan that the record contains: enough to undo, but not to judge.
fn stand_in(record: &Record) -> Plan {
    Plan {
        format: FORMAT.into(),
        scenario: record.scenario.clone(),
        title: TITLE.into(),
        hypothesis: String::new(),
        scenario_hash: record.scenario_hash.clone(),
        cluster: record.cluster.clone(),
        recovery: record.recovery.clone(),
        namespaces: vec![],
        collateral: vec![],
        steps: vec![],
        probes: vec![],
        data: vec![],
        expect: vec![],
        limits: Limits { nodes_percent: 0, zones: 0, namespaces: 0, duration: Dur::secs(0) },
        permissions: vec![],
        recovery_permissions: vec![],
        blast_radius: vec![],
        coverage: None,
        predictions: vec![],
        findings: vec![],
        critical: vec![],
        rebalance: vec![],
        watchdog: None,
        about: crate::model::About::default(),
        run: record.run.clone(),
        bindings: String::new(),
        rules: RULES,
        hash: record.plan_hash.clone(),
    }
}
