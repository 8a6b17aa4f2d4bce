//! The Lease drillmaster/drill. It allows one drill at a time in a cluster and one session of a run in control, and
//! with an annotation on it anybody with kubectl can stop the run. Every write requires that the Lease has not changed
//! since it was read: if two processes write, one wins and the other reads again. Start with [`Lease`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ApiCall, ApiError, Kube,
    heads::NAMESPACE,
    runrecord::{Claim, OpenUndos, open_undos},
};
use crate::model::StopHow;

/// The annotation that stops a run.
pub const STOP: &str = "drillmaster.dev/stop";
/// The annotation that marks a run which was told to leave immediately, without an undo.
const LEFT: &str = "drillmaster.dev/left";
const EPOCH: &str = "drillmaster.dev/epoch";
const SESSION: &str = "drillmaster.dev/session";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/drillmaster/leases";
/// A Lease that was not renewed for this long is free, unless its run left something open.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// How often an apparently abandoned Lease is read again until its time is over.
const EVERY: Duration = Duration::from_secs(1);
/// How often a write is repeated when others have written in between.
const TRIES: u32 = 8;

/// Why this session does not have the Lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another run holds it.
    #[error(
        "run {0} holds the Lease drillmaster/drill of this cluster, and only one drill can run at a time. To stop that run: `kubectl --namespace drillmaster annotate lease drill drillmaster.dev/stop=unwind`"
    )]
    Held(String),
    /// An earlier run left something that must be undone.
    #[error("run {0} left {1} open: complete them first with `drillmaster recover --from-cluster` (or `recover DIR`)")]
    LeftOpen(String, OpenUndos),
    /// Another session of this run took over.
    #[error("session {theirs} has taken over this run from session {mine}")]
    Fenced {
        /// The number of this session.
        mine: u64,
        /// The number of the other session.
        theirs: u64,
    },
    /// The run that was asked to stop does not hold the Lease.
    #[error(
        "run {run} does not hold the Lease drillmaster/drill of this cluster ({now}): it has ended, or runs on another cluster"
    )]
    Other {
        /// The run.
        run: String,
        /// Who holds it.
        now: String,
    },
    /// Others write the Lease all the time.
    #[error("the Lease drillmaster/drill was changed by others at each of {TRIES} attempts to write it")]
    Unsettled,
    /// The API server returned an error.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// The Lease, from the view of one session.
#[derive(Clone, Debug)]
pub struct Lease {
    kube: Kube,
    claim: Claim,
}

impl Lease {
    /// The Lease, for one session.
    pub fn new(kube: Kube, claim: Claim) -> Self {
        Self { kube, claim }
    }

    /// Takes the Lease, or returns who has it. If the holder shows no sign of life, this waits for the duration of the
    /// Lease, measured with the own clock, because the clocks of two machines differ.
    pub async fn acquire(&self, now: impl Fn() -> Timestamp) -> Result<(), LeaseError> {
        for _ in 0..TRIES {
            let Some(mut lease) = self.read().await? else {
                match self.create(now()).await {
                    Err(error) if error.is_conflict() => continue,
                    other => return Ok(other?),
                }
            };
            let holder = text(&lease, "/spec/holderIdentity");
            if holder == self.claim.run {
                self.unfenced(&lease)?;
            } else if !holder.is_empty() {
                lease = self.abandoned(lease, &holder).await?;
            }
            match self.write(&lease, self.body(now(), LEASE_DURATION)).await {
                Err(error) if error.is_conflict() => {}
                other => return Ok(other?),
            }
        }
        Err(LeaseError::Unsettled)
    }

    /// Renews the Lease. Returns what its stop annotation asks for, if there is one.
    pub async fn renew(&self, now: impl Fn() -> Timestamp, duration: Duration) -> Result<Option<StopHow>, LeaseError> {
        for _ in 0..TRIES {
            let Some(lease) = self.read().await? else {
                // If somebody deleted the Lease, create it again: without it, nobody could stop the run.
                self.acquire(&now).await?;
                return Ok(None);
            };
            let holder = text(&lease, "/spec/holderIdentity");
            if holder != self.claim.run {
                return Err(LeaseError::Held(holder));
            }
            self.unfenced(&lease)?;
            let stop = text(&lease, &annotation(STOP));
            let mut body = self.body(now(), duration);
            // The annotation belongs to the operator, so it is removed only when the run is over.
            if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
                annotations.remove(STOP);
            }
            match self.write(&lease, body).await {
                Err(error) if error.is_conflict() => {}
                other => {
                    other?;
                    return Ok((!stop.is_empty()).then(|| StopHow::of(&stop)));
                }
            }
        }
        Err(LeaseError::Unsettled)
    }

    /// Releases the Lease.
    pub async fn release(&self) -> Result<(), ApiError> {
        let body = json!({"metadata": {"annotations": {STOP: null}}, "spec": {"holderIdentity": ""}});
        match self.read().await? {
            Some(lease) if self.is_ours(&lease) => self.write(&lease, body).await,
            _ => Ok(()),
        }
    }

    /// Keeps the Lease, and marks that the runner has left: a person told it to leave, and a person must decide what
    /// happens with what it left open.
    pub async fn leave(&self) -> Result<(), ApiError> {
        let body = json!({"metadata": {"annotations": {LEFT: "true"}}});
        match self.read().await? {
            Some(lease) if self.is_ours(&lease) => self.write(&lease, body).await,
            _ => Ok(()),
        }
    }

    /// Asks a run to stop, as anybody with kubectl could.
    ///
    /// # Errors
    /// Another run holds the Lease, or no run does. That run is not stopped instead.
    pub async fn ask_to_stop(kube: &Kube, run: &str, how: StopHow) -> Result<(), LeaseError> {
        let path = format!("{LEASES}/drill");
        let holder = kube.find(&path).await?.map(|l| text(&l, "/spec/holderIdentity")).unwrap_or_default();
        if holder != run {
            let now = if holder.is_empty() { "no run holds it".to_owned() } else { format!("run {holder} holds it") };
            return Err(LeaseError::Other { run: run.to_owned(), now });
        }
        let body = json!({"metadata": {"annotations": {STOP: how}}});
        Ok(kube.send(&ApiCall::merge(path, body)).await.map(drop)?)
    }

    /// Whether nobody renews the Lease for its whole duration. If the API server cannot be reached, the answer is no.
    pub async fn is_silent(&self) -> bool {
        let Ok(Some(lease)) = self.read().await else { return false };
        self.unchanged(&lease).await.unwrap_or(false)
    }

    /// The sign of life that a stand-by watches; none if no run is in progress, or if the run was left open on purpose.
    pub async fn pulse(kube: &Kube) -> Result<Option<LeasePulse>, ApiError> {
        let Some(lease) = kube.find(&format!("{LEASES}/drill")).await? else { return Ok(None) };
        let holder = text(&lease, "/spec/holderIdentity");
        let left = text(&lease, &annotation(LEFT));
        let beat = text(&lease, "/spec/renewTime");
        Ok((!holder.is_empty() && left.is_empty()).then(|| LeasePulse { holder, beat, lasts: lasts(&lease) }))
    }

    /// Fails if another session of this run has taken over.
    fn unfenced(&self, lease: &Value) -> Result<(), LeaseError> {
        let (mine, theirs) = (self.claim.epoch, epoch_of(lease));
        // Two sessions can have the same number: one from the run directory, and one from a directory that was made
        // from the record in the cluster.
        let twin = theirs == mine && text(lease, &annotation(SESSION)) != self.claim.session;
        if theirs > mine || twin { Err(LeaseError::Fenced { mine, theirs }) } else { Ok(()) }
    }

    fn is_ours(&self, lease: &Value) -> bool {
        text(lease, "/spec/holderIdentity") == self.claim.run && self.unfenced(lease).is_ok()
    }

    /// Waits for the duration of the Lease, to confirm that its holder shows no sign of life and left nothing open.
    async fn abandoned(&self, lease: Value, holder: &str) -> Result<Value, LeaseError> {
        if !self.unchanged(&lease).await? {
            return Err(LeaseError::Held(holder.to_owned()));
        }
        match open_undos(&self.kube, holder).await? {
            OpenUndos::Known(0) => Ok(lease),
            open => Err(LeaseError::LeftOpen(holder.to_owned(), open)),
        }
    }

    async fn unchanged(&self, lease: &Value) -> Result<bool, ApiError> {
        let version = text(lease, "/metadata/resourceVersion");
        let began = tokio::time::Instant::now();
        while began.elapsed() < lasts(lease) {
            tokio::time::sleep(EVERY).await;
            let now = self.read().await?;
            if now.is_none_or(|l| text(&l, "/metadata/resourceVersion") != version) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn read(&self) -> Result<Option<Value>, ApiError> {
        match self.kube.get_once(&format!("{LEASES}/drill"), Duration::from_secs(3)).await {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, now: Timestamp) -> Result<(), ApiError> {
        let mut body = self.body(now, LEASE_DURATION);
        body["apiVersion"] = "coordination.k8s.io/v1".into();
        body["kind"] = "Lease".into();
        body["metadata"]["name"] = "drill".into();
        body["metadata"]["namespace"] = NAMESPACE.into();
        // A null in a new object would become an empty annotation.
        if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.retain(|_, value| !value.is_null());
        }
        self.kube.send(&ApiCall::create(LEASES, body)).await.map(drop)
    }

    fn body(&self, now: Timestamp, duration: Duration) -> Value {
        let Claim { run, epoch, session } = &self.claim;
        json!({"metadata": {"annotations": {EPOCH: epoch.to_string(), SESSION: session, STOP: null, LEFT: null}},
            "spec": {"holderIdentity": run, "leaseDurationSeconds": duration.as_secs(), "renewTime": format!("{now:.6}")}})
    }

    /// Writes only if the Lease has not changed since it was read.
    async fn write(&self, lease: &Value, mut body: Value) -> Result<(), ApiError> {
        body["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"].clone();
        self.kube.send(&ApiCall::merge(format!("{LEASES}/drill"), body)).await.map(drop)
    }
}

/// The sign of life in a Lease: it changes as long as the holder is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasePulse {
    holder: String,
    beat: String,
    /// How long the holder may go without renewing the Lease.
    pub lasts: Duration,
}

fn lasts(lease: &Value) -> Duration {
    let seconds = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64);
    seconds.map_or(LEASE_DURATION, Duration::from_secs)
}

fn epoch_of(lease: &Value) -> u64 {
    text(lease, &annotation(EPOCH)).parse().unwrap_or(0)
}

fn annotation(name: &str) -> String {
    format!("/metadata/annotations/{}", name.replace('/', "~1"))
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned()
}
