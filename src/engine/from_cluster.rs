//! A run directory made out of the run record that a cluster keeps: for when the
//! machine that ran the drill is gone, and its files with it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::recover::RecoverError;
use crate::{
    event::{FORMAT, Kind},
    journal::{FaultRecord, FaultState, Journal, Recorder, RunDir},
    model::{ClusterIdentity, Limits, Plan},
    world::{Clock, Kube, Reach, RunRecord},
};

/// Makes a run directory out of the newest open run record of a cluster.
pub async fn from_cluster(
    kube: &Kube,
    runs: &std::path::Path,
    reach: &Reach,
    bindings: Option<&PathBuf>,
) -> Result<RunDir, RecoverError> {
    let record = RunRecord::all(kube)
        .await?
        .into_iter()
        .find(|r| r["open"].as_array().is_some_and(|o| !o.is_empty()))
        .ok_or(RecoverError::NothingInCluster)?;
    let text = |key: &str| record[key].as_str().unwrap_or("").to_owned();
    let run = text("run");
    let name = format!("{run}-from-cluster");
    let dir_error = |source| RecoverError::Dir { path: runs.join(&name).display().to_string(), source };
    // An earlier attempt that did not come to its end is gone on with.
    let earlier = RunDir(runs.join(&name));
    if earlier.journal().is_file() {
        return Ok(earlier);
    }
    let strange = |error: serde_json::Error| RecoverError::Record(run.clone(), error);
    let cluster: ClusterIdentity = serde_json::from_value(record["cluster"].clone()).map_err(strange)?;
    // One undo that cannot be read is an undo that would be forgotten.
    let open: Vec<FaultRecord> =
        record["open"].as_array().into_iter().flatten().map(|f| fault(f).map_err(strange)).collect::<Result<_, _>>()?;
    let dir = RunDir::create(runs, &name).map_err(dir_error)?;
    let plan = stand_in(&record, cluster.clone());
    let clock = Clock::start();
    // The record's epoch is the one to beat: a runner that still lives is fenced by it.
    let epoch = record["epoch"].as_u64().unwrap_or(1);
    let recorder =
        Recorder::new(Journal::create(&dir)?, vec![], Arc::default(), move || (clock.now_us(), clock.wall()));
    let mut how = BTreeMap::from([("context".to_owned(), reach.context.clone())]);
    if let Some(path) = &reach.kubeconfig {
        how.insert("kubeconfig".into(), path.display().to_string());
    }
    if let Some(path) = bindings {
        how.insert("bindings".into(), path.display().to_string());
    }
    if let Some(second) = record.pointer("/recovery/context").and_then(serde_json::Value::as_str) {
        how.insert("recovery".into(), second.to_owned());
    }
    if reach.in_cluster {
        how.insert("inCluster".into(), "true".into());
    }
    recorder.record(Kind::RunStarted {
        format: FORMAT.into(),
        run_id: run.clone(),
        tool: format!("drillmaster {}", env!("CARGO_PKG_VERSION")),
        scenario: text("scenario"),
        title: "recovered from the cluster's run record".into(),
        scenario_hash: text("scenarioHash"),
        plan_hash: text("planHash"),
        clusters: vec![cluster],
        operator: String::new(),
        host: String::new(),
        reach: how,
    })?;
    recorder.record(Kind::PlanFrozen { plan: Box::new(plan) })?;
    for fault in open {
        recorder.record(Kind::FaultIntended {
            fault: fault.id,
            step: fault.step,
            target: fault.target,
            revert: fault.revert,
        })?;
    }
    drop(recorder);
    dir.set_epoch(epoch).map_err(|source| RecoverError::Dir { path: dir.0.display().to_string(), source })?;
    Ok(dir)
}

fn fault(open: &serde_json::Value) -> Result<FaultRecord, serde_json::Error> {
    Ok(FaultRecord {
        id: serde_json::from_value(open["fault"].clone())?,
        step: serde_json::from_value(open["step"].clone())?,
        target: serde_json::from_value(open["target"].clone())?,
        revert: serde_json::from_value(open["revert"].clone())?,
        state: FaultState::Intended,
        sent_us: None,
        acknowledged_us: None,
        closed: None,
    })
}

/// As much of a plan as the record knows: enough to undo, nothing to judge.
fn stand_in(record: &serde_json::Value, cluster: ClusterIdentity) -> Plan {
    Plan {
        format: "1.0".into(),
        scenario: record["scenario"].as_str().unwrap_or("").to_owned(),
        title: "recovered from the cluster's run record".into(),
        hypothesis: String::new(),
        scenario_hash: record["scenarioHash"].as_str().unwrap_or("").to_owned(),
        cluster,
        recovery: serde_json::from_value(record["recovery"].clone()).ok(),
        namespaces: vec![],
        collateral: vec![],
        steps: vec![],
        probes: vec![],
        data: vec![],
        expect: vec![],
        limits: Limits { nodes_percent: 0, zones: 0, namespaces: 0, duration: crate::model::Dur::secs(0) },
        permissions: vec![],
        recovery_permissions: vec![],
        blast_radius: vec![],
        coverage: None,
        predictions: vec![],
        findings: vec![],
        hash: record["planHash"].as_str().unwrap_or("").to_owned(),
    }
}
