//! What a run keeps in the cluster itself: a Lease, so that there is one drill
//! at a time and anybody with kubectl can stop it, and a ConfigMap with what is
//! still to be undone, so that it can be undone without the run directory. The
//! namespace is never a target and is left out of Velero's backups.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ApiCall, ApiError, Kube};

/// Where the run record lives.
pub const NAMESPACE: &str = "drillmaster";
/// The annotation that stops a run: `unwind`, `hold` or `real-incident`.
pub const STOP: &str = "drillmaster.dev/stop";
/// The annotation of a run that was told to leave in a hurry.
const LEFT: &str = "drillmaster.dev/left";
const EPOCH: &str = "drillmaster.dev/epoch";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/drillmaster/leases";
/// A Lease that was not renewed for this long is free (unless its run left something open).
const DURATION: Duration = Duration::from_secs(15);

/// Why the Lease is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another run holds it.
    #[error(
        "run {0} holds the cluster's Lease drillmaster/drill: one drill at a time. `kubectl --namespace drillmaster annotate lease drill drillmaster.dev/stop=unwind` stops it"
    )]
    Held(String),
    /// An earlier run left something to be undone.
    #[error(
        "run {0} left {1} undo(s) open: finish it with `drillmaster recover --from-cluster` (or `recover DIR`) first"
    )]
    LeftOpen(String, usize),
    /// Another session of this run took over.
    #[error("session {theirs} has taken over this run from session {mine}")]
    Fenced {
        /// Our epoch.
        mine: u64,
        /// Theirs.
        theirs: u64,
    },
    /// The API server said no.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// The run's objects in the cluster.
#[derive(Clone, Debug)]
pub struct RunRecord {
    kube: Kube,
    run: String,
}

impl RunRecord {
    /// The record of a run.
    pub fn new(kube: Kube, run: &str) -> Self {
        Self { kube, run: run.to_owned() }
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
        ignore_conflict(self.kube.send(&ApiCall::create("/api/v1/namespaces", namespace)).await)
    }

    /// Takes the Lease, or says who has it.
    pub async fn acquire(&self, epoch: u64, now: Timestamp) -> Result<(), LeaseError> {
        let Some(lease) = self.lease().await? else {
            let mut body = self.body(epoch, now);
            body["apiVersion"] = "coordination.k8s.io/v1".into();
            body["kind"] = "Lease".into();
            body["metadata"]["name"] = "drill".into();
            // A null in a new object would become an empty annotation.
            body["metadata"]["annotations"] = json!({ EPOCH: epoch.to_string() });
            return match self.kube.send(&ApiCall::create(LEASE, body)).await {
                Err(error) if error.code() == Some(409) => Err(LeaseError::Held("another".into())),
                other => Ok(other.map(drop)?),
            };
        };
        let holder = text(&lease, "/spec/holderIdentity");
        if !holder.is_empty() && holder != self.run {
            if !expired(&lease, now) {
                return Err(LeaseError::Held(holder));
            }
            let open = Self::new(self.kube.clone(), &holder).open().await?;
            if open > 0 {
                return Err(LeaseError::LeftOpen(holder, open));
            }
        }
        let theirs = epoch_of(&lease);
        if holder == self.run && theirs > epoch {
            return Err(LeaseError::Fenced { mine: epoch, theirs });
        }
        self.write(&lease, self.body(epoch, now)).await
    }

    /// Renews the Lease. Returns what its stop annotation asks for, if anything.
    pub async fn renew(&self, epoch: u64, now: Timestamp) -> Result<Option<String>, LeaseError> {
        let Some(lease) = self.lease().await? else {
            // Somebody deleted it: put it back, rather than run without a brake.
            self.acquire(epoch, now).await?;
            return Ok(None);
        };
        let holder = text(&lease, "/spec/holderIdentity");
        let theirs = epoch_of(&lease);
        if holder != self.run {
            return Err(LeaseError::Held(holder));
        }
        if theirs > epoch {
            return Err(LeaseError::Fenced { mine: epoch, theirs });
        }
        let stop = text(&lease, &format!("/metadata/annotations/{}", STOP.replace('/', "~1")));
        let mut body = self.body(epoch, now);
        // The annotation is the operator's: only take it away when the run is over.
        if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove(STOP);
        }
        self.write(&lease, body).await?;
        Ok(Some(stop).filter(|s| !s.is_empty()))
    }

    /// Gives the Lease back.
    pub async fn release(&self) -> Result<(), ApiError> {
        let body = json!({"metadata": {"annotations": {STOP: null}}, "spec": {"holderIdentity": ""}});
        match self.lease().await? {
            Some(lease) if text(&lease, "/spec/holderIdentity") == self.run => {
                self.kube.send(&ApiCall::merge(format!("{LEASE}/drill"), body)).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Leaves the Lease as it is and says so: a person sent the runner away, and a
    /// person decides what becomes of what it left.
    pub async fn leave(&self) -> Result<(), ApiError> {
        let body = json!({"metadata": {"annotations": {LEFT: "true"}}});
        self.kube.send(&ApiCall::merge(format!("{LEASE}/drill"), body)).await.map(drop)
    }

    /// Who holds the Lease and when it was last renewed, as one text that changes
    /// as long as the runner lives; none where no run is under way, or one was left.
    pub async fn pulse(kube: &Kube) -> Result<Option<String>, ApiError> {
        let Some(lease) = kube.find(&format!("{LEASE}/drill")).await? else { return Ok(None) };
        let holder = text(&lease, "/spec/holderIdentity");
        let left = text(&lease, &format!("/metadata/annotations/{}", LEFT.replace('/', "~1")));
        let beat = text(&lease, "/spec/renewTime");
        Ok((!holder.is_empty() && left.is_empty()).then(|| format!("{holder} {beat}")))
    }

    /// Asks the run to stop, as anybody with kubectl could.
    pub async fn ask_to_stop(&self, how: &str) -> Result<(), ApiError> {
        let body = json!({"metadata": {"annotations": {STOP: how}}});
        self.kube.send(&ApiCall::merge(format!("{LEASE}/drill"), body)).await.map(drop)
    }

    /// Writes what is still to be undone.
    pub async fn mirror(&self, record: &Value) -> Result<(), ApiError> {
        let name = format!("run-{}", self.run);
        let base = format!("/api/v1/namespaces/{NAMESPACE}/configmaps");
        let open = record["open"].as_array().map_or(0, Vec::len).to_string();
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"drillmaster.dev/run": self.run, "drillmaster.dev/open": open}},
            "data": {"run.json": record.to_string()}});
        match self.kube.send(&ApiCall::merge(format!("{base}/{name}"), body.clone())).await {
            Err(error) if error.is_not_found() => self.kube.send(&ApiCall::create(base, body)).await.map(drop),
            other => other.map(drop),
        }
    }

    /// All run records of a cluster, newest first.
    pub async fn all(kube: &Kube) -> Result<Vec<Value>, ApiError> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector=drillmaster.dev/run");
        let mut records: Vec<Value> = kube
            .list(&path)
            .await?
            .0
            .iter()
            .filter_map(|map| serde_json::from_str(map.pointer("/data/run.json")?.as_str()?).ok())
            .collect();
        records.sort_by_key(|r: &Value| std::cmp::Reverse(r["run"].as_str().unwrap_or("").to_owned()));
        Ok(records)
    }

    async fn open(&self) -> Result<usize, ApiError> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/run-{}", self.run);
        let record = self.kube.find(&path).await?;
        Ok(record
            .and_then(|r| r.pointer("/metadata/labels/drillmaster.dev~1open")?.as_str()?.parse().ok())
            .unwrap_or(0))
    }

    async fn lease(&self) -> Result<Option<Value>, ApiError> {
        let path = format!("{LEASE}/drill");
        match self.kube.get_once(&path, Duration::from_secs(3)).await {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn body(&self, epoch: u64, now: Timestamp) -> Value {
        let stamp = format!("{now:.6}");
        json!({"metadata": {"annotations": {EPOCH: epoch.to_string(), STOP: null, LEFT: null}},
            "spec": {"holderIdentity": self.run, "leaseDurationSeconds": DURATION.as_secs(), "renewTime": stamp}})
    }

    /// Only over the version that was looked at: two sessions cannot both win.
    async fn write(&self, lease: &Value, mut body: Value) -> Result<(), LeaseError> {
        body["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"].clone();
        match self.kube.send(&ApiCall::merge(format!("{LEASE}/drill"), body)).await {
            // Somebody wrote in between: the annotation, say. The next renewal sees it.
            Err(error) if error.code() == Some(409) => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}

fn expired(lease: &Value, now: Timestamp) -> bool {
    let renewed: Option<Timestamp> = text(lease, "/spec/renewTime").parse().ok();
    renewed.is_none_or(|t| now.duration_since(t).unsigned_abs() > DURATION && now > t)
}

fn epoch_of(lease: &Value) -> u64 {
    text(lease, &format!("/metadata/annotations/{}", EPOCH.replace('/', "~1"))).parse().unwrap_or(0)
}

fn ignore_conflict(result: Result<Value, ApiError>) -> Result<(), ApiError> {
    match result {
        Err(error) if error.code() == Some(409) => Ok(()),
        other => other.map(drop),
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned()
}
