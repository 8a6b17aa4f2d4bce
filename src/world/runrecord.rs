//! The record of a run in the cluster, next to the Lease: a ConfigMap with everything that is still to be undone, so
//! that it can be undone without the run directory. Its namespace is never a target, and is excluded from Velero's
//! backups. Start with [`RunRecord`].

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    ApiCall, ApiError, Heads, Kube,
    heads::{MAPS, NAMESPACE},
};
use crate::model::{ClusterIdentity, FaultId, RUN_LABEL, Revert, StepName};

const OPEN: &str = "drillmaster.dev/open";
const KEY: &str = "run.json";
/// How often a write is repeated when others have written in between.
const TRIES: u32 = 5;

/// The identity of a session, as the Lease and the record contain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The run.
    pub run: String,
    /// The session's number.
    pub epoch: u64,
    /// Distinguishes sessions with the same number, because numbers are unique only within a run directory.
    pub session: String,
}

/// Everything that is still to be undone, as the cluster keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The run.
    pub run: String,
    /// The session that last wrote it.
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
    /// The open faults, in the order in which they were intended.
    pub open: Vec<OpenFault>,
    /// Faults that were undone, but may have been made once more, because nobody could confirm the end of the session
    /// that was to make them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unconfirmed: Vec<OpenFault>,
}

impl Record {
    /// Whether nothing in it needs to be undone or checked any more.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty() && self.unconfirmed.is_empty()
    }
}

/// A fault that has not been undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenFault {
    /// Its id.
    pub fault: FaultId,
    /// The step that made the fault.
    pub step: StepName,
    /// What the step acted on.
    pub target: String,
    /// Its undo.
    pub revert: Revert,
    /// Whether the act was acknowledged. If not, it may still be on its way.
    #[serde(default)]
    pub acknowledged: bool,
}

/// A record. One that cannot be read is assumed to be open.
#[derive(Clone, Debug)]
pub enum FoundRecord {
    /// The record was read.
    Record(Box<Record>),
    /// The record could not be read.
    Damaged {
        /// The ConfigMap.
        name: String,
        /// The reason.
        why: String,
    },
}

/// How many undos a run left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenUndos {
    /// This many.
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

/// What a session knows from its own journal.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// The open faults.
    pub open: &'a [OpenFault],
    /// The faults that it has closed.
    pub closed: &'a [FaultId],
}

/// Reads and writes the record of a run in the cluster.
#[derive(Clone, Debug)]
pub struct RunRecord {
    kube: Kube,
    claim: Claim,
}

impl RunRecord {
    /// The record of a run, for one session.
    pub fn new(kube: Kube, claim: Claim) -> Self {
        Self { kube, claim }
    }

    /// Creates the namespace, if it does not exist.
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

    /// Writes what is still to be undone, with this session's number, if the record has not changed since it was read.
    /// `whole` is the record according to this session's journal. What another session wrote stays, except what this
    /// journal has closed. Returns false if a later session writes the record now; the record is then left unchanged.
    pub async fn mirror(&self, whole: &Record, chain: Chain<'_>) -> Result<bool, ApiError> {
        let path = self.path();
        for _ in 0..TRIES {
            let found = self.kube.find(&path).await?;
            let mut record = whole.clone();
            if let Some(FoundRecord::Record(before)) = found.as_ref().and_then(read) {
                if before.epoch > self.claim.epoch {
                    return Ok(false);
                }
                merge(&mut record, *before, chain);
            }
            if found.is_none() && Heads::hold(&self.kube, &self.claim.run).await.unwrap_or(false) {
                // The record was removed because another session has ended the run.
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
        Err(ApiError::Strange { path, why: "it was changed by others at every attempt to write it".into() })
    }

    /// Removes the record of a run that has ended, if it contains nothing open or unconfirmed and has not changed since
    /// it was read.
    pub async fn remove(kube: &Kube, run: &str) -> Result<(), ApiError> {
        let path = format!("{MAPS}/run-{run}");
        let Some(map) = kube.find(&path).await? else { return Ok(()) };
        let Some(FoundRecord::Record(record)) = read(&map) else { return Ok(()) };
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

    /// Removes the unconfirmed faults from a record, after they were checked.
    pub async fn confirm(kube: &Kube, run: &str) -> Result<(), ApiError> {
        let path = format!("{MAPS}/run-{run}");
        let Some(map) = kube.find(&path).await? else { return Ok(()) };
        let Some(FoundRecord::Record(mut record)) = read(&map) else { return Ok(()) };
        record.unconfirmed.clear();
        let body = json!({"metadata": {"resourceVersion": map["metadata"]["resourceVersion"]},
            "data": {KEY: serde_json::to_string(&record).unwrap_or_default()}});
        kube.send(&ApiCall::merge(path, body)).await.map(drop)
    }

    /// All run records in a cluster, the newest first.
    pub async fn all(kube: &Kube) -> Result<Vec<FoundRecord>, ApiError> {
        let maps = kube.list(&format!("{MAPS}?labelSelector={RUN_LABEL}")).await?.0;
        let mut found: Vec<(String, FoundRecord)> =
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

/// Combines two records. A writer removes only what its own journal has closed.
fn merge(record: &mut Record, before: Record, chain: Chain<'_>) {
    // A zone may have a thousand nodes, and each has its fault.
    let own: BTreeSet<&FaultId> = chain.closed.iter().chain(chain.open.iter().map(|f| &f.fault)).collect();
    let mut open: Vec<OpenFault> = before.open.into_iter().filter(|f| !own.contains(&f.fault)).collect();
    open.append(&mut record.open);
    record.open = open;
    let known = |fault: &FaultId, list: &[OpenFault]| list.iter().any(|f| f.fault == *fault);
    let kept: Vec<OpenFault> =
        before.unconfirmed.into_iter().filter(|f| !known(&f.fault, &record.unconfirmed)).collect();
    record.unconfirmed.extend(kept);
}

/// How many undos a run left, according to its record.
pub(super) async fn open_undos(kube: &Kube, run: &str) -> Result<OpenUndos, ApiError> {
    let found = kube.find(&format!("{MAPS}/run-{run}")).await?;
    Ok(match found.as_ref().map(read) {
        None => OpenUndos::Known(0),
        Some(Some(FoundRecord::Record(record))) => OpenUndos::Known(record.open.len()),
        Some(_) => OpenUndos::Unknown,
    })
}

fn name_of(map: &Value) -> &str {
    map.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("")
}

/// A record from its ConfigMap; none if the ConfigMap is not a run record. The content may have been written by
/// anybody, so it is checked: it must be about the run in its own name, and that must be a valid name for a run.
fn read(map: &Value) -> Option<FoundRecord> {
    let name = name_of(map);
    let run = name.strip_prefix("run-")?;
    let damaged = |why: &str| Some(FoundRecord::Damaged { name: name.to_owned(), why: why.to_owned() });
    let Some(text) = map.get("data").and_then(|d| d.get(KEY)).and_then(Value::as_str) else {
        return damaged(&format!("it does not contain {KEY}"));
    };
    match serde_json::from_str::<Record>(text) {
        Ok(record) if record.run != run => damaged("its content is about another run than its name"),
        Ok(record) if !crate::model::is_run_name(&record.run) => damaged("it contains an invalid name of a run"),
        Ok(record) => match record.open.iter().chain(&record.unconfirmed).find_map(|f| f.revert.is_plausible().err()) {
            Some(why) => damaged(&why),
            None => Some(FoundRecord::Record(Box::new(record))),
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
        assert_eq!(left, ["late", "b"], "faults that this chain does not contain belong to another session");
    }

    #[test]
    fn a_record_that_does_not_fit_its_name_is_damaged() {
        let map = |name: &str, data: &str| json!({"metadata": {"name": name}, "data": {KEY: data}});
        let whole = serde_json::to_string(&record(vec![])).expect("JSON");
        assert!(matches!(read(&map("run-r", &whole)), Some(FoundRecord::Record(_))));
        for (name, data) in [
            ("run-x", whole.as_str()),
            ("run-r", r#"{"run":"r","epoch":1,"open":[{"fault":"f""#),
            ("run-../../evil", &whole.replace(r#""run":"r""#, r#""run":"../../evil""#)),
        ] {
            assert!(matches!(read(&map(name, data)), Some(FoundRecord::Damaged { .. })), "{name}");
        }
        assert!(read(&map("other", &whole)).is_none());
    }
}
