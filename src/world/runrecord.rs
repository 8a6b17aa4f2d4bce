//! What a run keeps in the cluster itself, beside the Lease: a ConfigMap with what is
//! still to be undone, so that it can be undone without the run directory. The namespace
//! is never a target and is left out of Velero's backups.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ApiCall, ApiError, Heads, Kube};
use crate::model::{ClusterIdentity, FaultId, RUN_LABEL, Revert, StepName};

/// Where the run record lives.
pub const NAMESPACE: &str = "drillmaster";
pub(super) const MAPS: &str = "/api/v1/namespaces/drillmaster/configmaps";
const OPEN: &str = "drillmaster.dev/open";
const KEY: &str = "run.json";
/// As often somebody else may write in between.
const TRIES: u32 = 5;

/// Who a session is, as the Lease and the record name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The run.
    pub run: String,
    /// The session's number.
    pub epoch: u64,
    /// Tells sessions with one number apart: a number is given out in a run directory.
    pub session: String,
}

/// What is still to be undone, as the cluster keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The run.
    pub run: String,
    /// The session that wrote it last.
    pub epoch: u64,
    /// The scenario.
    #[serde(default)]
    pub scenario: String,
    /// Hash of the scenario.
    #[serde(default)]
    pub scenario_hash: String,
    /// Hash of the plan.
    #[serde(default)]
    pub plan_hash: String,
    /// The cluster.
    pub cluster: ClusterIdentity,
    /// The second cluster.
    #[serde(default)]
    pub recovery: Option<ClusterIdentity>,
    /// What is open, in the order of the intents.
    pub open: Vec<OpenFault>,
    /// What was undone, but may have been done once more since: nobody could see the end
    /// of the session that was to do it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<OpenFault>,
}

impl Record {
    /// Whether nobody has to do or to look at anything of it any more.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty() && self.unconfirmed.is_empty()
    }
}

/// A fault that is not undone yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenFault {
    /// Its id.
    pub fault: FaultId,
    /// The step that did it.
    pub step: StepName,
    /// What it was done to.
    pub target: String,
    /// Its undo.
    pub revert: Revert,
    /// Whether the act was acknowledged. One that was not may still be on its way.
    #[serde(default)]
    pub acknowledged: bool,
}

/// A record, or one that cannot be read and so must be taken for open.
#[derive(Clone, Debug)]
pub enum Found {
    /// Read.
    Record(Box<Record>),
    /// Not read.
    Damaged {
        /// The ConfigMap.
        name: String,
        /// Why.
        why: String,
    },
}

/// How many undos a run left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenUndos {
    /// So many.
    Known(usize),
    /// Its record cannot be read.
    Unknown,
}

impl fmt::Display for OpenUndos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(n) => write!(f, "{n} undo(s)"),
            Self::Unknown => f.write_str("an unknown number of undos"),
        }
    }
}

/// What a session knows of its own chain.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// What is open in it.
    pub open: &'a [OpenFault],
    /// What it has closed.
    pub closed: &'a [FaultId],
}

/// The run's record in the cluster.
#[derive(Clone, Debug)]
pub struct RunRecord {
    kube: Kube,
    claim: Claim,
}

impl RunRecord {
    /// The record of a run, for a session.
    pub fn new(kube: Kube, claim: Claim) -> Self {
        Self { kube, claim }
    }

    /// Makes sure that there is a place for it.
    pub async fn prepare(&self) -> Result<(), ApiError> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}");
        if self.kube.find(&path).await?.is_some() {
            return Ok(());
        }
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "drillmaster", "velero.io/exclude-from-backup": "true"}}});
        match self.kube.send(&ApiCall::create("/api/v1/namespaces", namespace)).await {
            Err(error) if error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Writes what is still to be undone, over the version that was looked at and under
    /// this session's number: `whole` is the record as its own chain has it. What another
    /// session wrote stays, but for what this chain has closed. False: a later session
    /// writes the record now, and it was left alone.
    pub async fn mirror(&self, whole: &Record, chain: Chain<'_>) -> Result<bool, ApiError> {
        let path = self.path();
        for _ in 0..TRIES {
            let found = self.kube.find(&path).await?;
            let mut record = whole.clone();
            if let Some(Found::Record(before)) = found.as_ref().and_then(read) {
                if before.epoch > self.claim.epoch {
                    return Ok(false);
                }
                merge(&mut record, *before, chain);
            }
            if found.is_none() && Heads::hold(&self.kube, &self.claim.run).await.unwrap_or(false) {
                // It is removed when the run is over: another session has ended it.
                return Ok(false);
            }
            let mut body = self.body(&record);
            let sent = match &found {
                None => self.kube.send(&ApiCall::create(MAPS, body)).await,
                Some(map) => {
                    body["metadata"]["resourceVersion"] = map["metadata"]["resourceVersion"].clone();
                    self.kube.send(&ApiCall::merge(path.clone(), body)).await
                }
            };
            match sent {
                Err(error) if error.is_conflict() => {}
                other => return other.map(|_| true),
            }
        }
        Err(ApiError::Strange { path, why: "it changed at each try to write it".into() })
    }

    /// Removes the record of a run that has ended, if it names nothing that is open or
    /// unconfirmed, as it was read.
    pub async fn remove(kube: &Kube, run: &str) -> Result<(), ApiError> {
        let path = format!("{MAPS}/run-{run}");
        let Some(map) = kube.find(&path).await? else { return Ok(()) };
        let Some(Found::Record(record)) = read(&map) else { return Ok(()) };
        if !record.is_settled() {
            return Ok(());
        }
        let text = |key: &str| map["metadata"][key].as_str().unwrap_or_default().to_owned();
        let call = ApiCall::delete(path, &text("uid"), None).at_version(&text("resourceVersion"));
        match kube.send(&call).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Takes what is unconfirmed out of a record: it was looked at, and is as it should be.
    pub async fn confirm(kube: &Kube, run: &str) -> Result<(), ApiError> {
        let path = format!("{MAPS}/run-{run}");
        let Some(map) = kube.find(&path).await? else { return Ok(()) };
        let Some(Found::Record(mut record)) = read(&map) else { return Ok(()) };
        record.unconfirmed.clear();
        let body = json!({"metadata": {"resourceVersion": map["metadata"]["resourceVersion"]},
            "data": {KEY: serde_json::to_string(&record).unwrap_or_default()}});
        kube.send(&ApiCall::merge(path, body)).await.map(drop)
    }

    /// All run records of a cluster, newest first.
    pub async fn all(kube: &Kube) -> Result<Vec<Found>, ApiError> {
        let maps = kube.list(&format!("{MAPS}?labelSelector={RUN_LABEL}")).await?.0;
        let mut found: Vec<(String, Found)> =
            maps.iter().filter_map(|map| Some((name_of(map).to_owned(), read(map)?))).collect();
        found.sort_by(|a, b| b.0.cmp(&a.0));
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }

    fn path(&self) -> String {
        format!("{MAPS}/run-{}", self.claim.run)
    }

    fn body(&self, record: &Record) -> Value {
        let text = serde_json::to_string(record).unwrap_or_default();
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("run-{}", self.claim.run), "namespace": NAMESPACE,
                "labels": {RUN_LABEL: self.claim.run, OPEN: record.open.len().to_string()}},
            "data": {KEY: text}})
    }
}

/// A writer removes only what its own chain closes.
fn merge(record: &mut Record, before: Record, chain: Chain<'_>) {
    let own = |fault: &FaultId| chain.closed.contains(fault) || chain.open.iter().any(|f| f.fault == *fault);
    let mut open: Vec<OpenFault> = before.open.into_iter().filter(|f| !own(&f.fault)).collect();
    open.append(&mut record.open);
    record.open = open;
    let known = |fault: &FaultId, list: &[OpenFault]| list.iter().any(|f| f.fault == *fault);
    let kept: Vec<OpenFault> =
        before.unconfirmed.into_iter().filter(|f| !known(&f.fault, &record.unconfirmed)).collect();
    record.unconfirmed.extend(kept);
}

/// How many undos a run left in its record.
pub(super) async fn open_undos(kube: &Kube, run: &str) -> Result<OpenUndos, ApiError> {
    let found = kube.find(&format!("{MAPS}/run-{run}")).await?;
    Ok(match found.as_ref().map(read) {
        None => OpenUndos::Known(0),
        Some(Some(Found::Record(record))) => OpenUndos::Known(record.open.len()),
        Some(_) => OpenUndos::Unknown,
    })
}

fn name_of(map: &Value) -> &str {
    map.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("")
}

/// A record from its ConfigMap; none where that is not one of a run. What others may have
/// written is believed only as far as it fits: a record names the run of its own name, by
/// the letters that a run's name has.
fn read(map: &Value) -> Option<Found> {
    let name = name_of(map);
    let run = name.strip_prefix("run-")?;
    let damaged = |why: &str| Some(Found::Damaged { name: name.to_owned(), why: why.to_owned() });
    let Some(text) = map.get("data").and_then(|d| d.get(KEY)).and_then(Value::as_str) else {
        return damaged(&format!("it holds no {KEY}"));
    };
    match serde_json::from_str::<Record>(text) {
        Ok(record) if record.run != run => damaged("it names another run than its own name does"),
        Ok(record) if !crate::model::is_run_name(&record.run) => damaged("its run has a name that no run has"),
        Ok(record) => match record.open.iter().chain(&record.unconfirmed).find_map(|f| f.revert.is_plausible().err()) {
            Some(why) => damaged(&why),
            None => Some(Found::Record(Box::new(record))),
        },
        Err(error) => damaged(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str) -> OpenFault {
        OpenFault {
            fault: FaultId(name.into()),
            step: "s".into(),
            target: "t".into(),
            revert: Revert::ExecUndo { step: "s".into() },
            acknowledged: true,
        }
    }

    fn record(open: Vec<OpenFault>) -> Record {
        let cluster =
            json!({"name": "c", "context": "x", "uid": "u", "server": "s", "version": "v", "flavour": "other"});
        let mut empty: Record =
            serde_json::from_value(json!({"run": "r", "epoch": 1, "cluster": cluster, "open": []})).expect("a record");
        empty.open = open;
        empty
    }

    #[test]
    fn a_writer_removes_only_what_its_own_chain_closes() {
        let before = record(vec![fault("a"), fault("b"), fault("late")]);
        let (open, closed) = ([fault("b")], [FaultId("a".into())]);
        let mut whole = record(open.to_vec());
        merge(&mut whole, before, Chain { open: &open, closed: &closed });
        let left: Vec<&str> = whole.open.iter().map(|f| f.fault.0.as_str()).collect();
        assert_eq!(left, ["late", "b"], "what this chain does not know is somebody else's");
    }

    #[test]
    fn a_record_that_does_not_fit_its_name_is_damaged() {
        let map = |name: &str, data: &str| json!({"metadata": {"name": name}, "data": {KEY: data}});
        let whole = serde_json::to_string(&record(vec![])).expect("JSON");
        assert!(matches!(read(&map("run-r", &whole)), Some(Found::Record(_))));
        for (name, data) in [
            ("run-x", whole.as_str()),
            ("run-r", r#"{"run":"r","epoch":1,"open":[{"fault":"f""#),
            ("run-../../evil", &whole.replace(r#""run":"r""#, r#""run":"../../evil""#)),
        ] {
            assert!(matches!(read(&map(name, data)), Some(Found::Damaged { .. })), "{name}");
        }
        assert!(read(&map("other", &whole)).is_none());
    }
}
