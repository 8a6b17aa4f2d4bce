//! The Lease drillmaster/drill: one drill at a time in a cluster, one session of a run
//! at the wheel, and an annotation by which anybody with kubectl stops it. Every write is
//! over the version that was looked at: of two that want it, one wins, and the other
//! looks again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ApiCall, ApiError, Kube,
    runrecord::{Claim, NAMESPACE, OpenUndos, open_undos},
};
use crate::model::StopHow;

/// The annotation that stops a run.
pub const STOP: &str = "drillmaster.dev/stop";
/// The annotation of a run that was told to leave in a hurry.
const LEFT: &str = "drillmaster.dev/left";
const EPOCH: &str = "drillmaster.dev/epoch";
const SESSION: &str = "drillmaster.dev/session";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/drillmaster/leases";
/// A Lease that was not renewed for this long is free (unless its run left something open).
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// How often a Lease that looks abandoned is looked at again, until its time is over.
const EVERY: Duration = Duration::from_secs(1);
/// As often somebody else may write in between.
const TRIES: u32 = 8;

/// Why the Lease is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another run holds it.
    #[error(
        "run {0} holds the cluster's Lease drillmaster/drill: one drill at a time. `kubectl --namespace drillmaster annotate lease drill drillmaster.dev/stop=unwind` stops it"
    )]
    Held(String),
    /// An earlier run left something to be undone.
    #[error("run {0} left {1} open: finish it with `drillmaster recover --from-cluster` (or `recover DIR`) first")]
    LeftOpen(String, OpenUndos),
    /// Another session of this run took over.
    #[error("session {theirs} has taken over this run from session {mine}")]
    Fenced {
        /// Our epoch.
        mine: u64,
        /// Theirs.
        theirs: u64,
    },
    /// It is asked of a run that does not hold the Lease.
    #[error("run {run} does not hold the cluster's Lease drillmaster/drill ({now}): it is over, or runs elsewhere")]
    Other {
        /// The run.
        run: String,
        /// Who holds it.
        now: String,
    },
    /// Somebody else writes it again and again.
    #[error("the Lease drillmaster/drill changed at each of {TRIES} tries to write it")]
    Unsettled,
    /// The API server said no.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// The Lease, as one session sees it.
#[derive(Clone, Debug)]
pub struct Lease {
    kube: Kube,
    claim: Claim,
}

impl Lease {
    /// The Lease for a session.
    pub fn new(kube: Kube, claim: Claim) -> Self {
        Self { kube, claim }
    }

    /// Takes the Lease, or says who has it. A holder that gives no sign of life is watched
    /// for as long as the Lease says, by our own clock: the clocks of two machines differ.
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

    /// Renews the Lease for a time. Returns what its stop annotation asks for, if anything.
    pub async fn renew(&self, now: impl Fn() -> Timestamp, duration: Duration) -> Result<Option<StopHow>, LeaseError> {
        for _ in 0..TRIES {
            let Some(lease) = self.read().await? else {
                // Somebody deleted it: put it back, rather than run without a brake.
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
            // The annotation is the operator's: it is only taken away when the run is over.
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

    /// Gives the Lease back.
    pub async fn release(&self) -> Result<(), ApiError> {
        let body = json!({"metadata": {"annotations": {STOP: null}}, "spec": {"holderIdentity": ""}});
        match self.read().await? {
            Some(lease) if self.is_ours(&lease) => self.write(&lease, body).await,
            _ => Ok(()),
        }
    }

    /// Leaves the Lease as it is and says so: a person sent the runner away, and a
    /// person decides what becomes of what it left.
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
    /// Another run holds the Lease, or none: it is not stopped in this one's place.
    pub async fn ask_to_stop(kube: &Kube, run: &str, how: StopHow) -> Result<(), LeaseError> {
        let path = format!("{LEASES}/drill");
        let holder = kube.find(&path).await?.map(|l| text(&l, "/spec/holderIdentity")).unwrap_or_default();
        if holder != run {
            let now = if holder.is_empty() { "no run does".to_owned() } else { format!("run {holder} does") };
            return Err(LeaseError::Other { run: run.to_owned(), now });
        }
        let body = json!({"metadata": {"annotations": {STOP: how}}});
        Ok(kube.send(&ApiCall::merge(path, body)).await.map(drop)?)
    }

    /// Whether nobody renews the Lease for as long as it lasts. Out of sight is not silent.
    pub async fn is_silent(&self) -> bool {
        let Ok(Some(lease)) = self.read().await else { return false };
        self.unchanged(&lease).await.unwrap_or(false)
    }

    /// What a stand-by watches; none where no run is under way, or one was left.
    pub async fn pulse(kube: &Kube) -> Result<Option<LeasePulse>, ApiError> {
        let Some(lease) = kube.find(&format!("{LEASES}/drill")).await? else { return Ok(None) };
        let holder = text(&lease, "/spec/holderIdentity");
        let left = text(&lease, &annotation(LEFT));
        let beat = text(&lease, "/spec/renewTime");
        Ok((!holder.is_empty() && left.is_empty()).then(|| LeasePulse { holder, beat, lasts: lasts(&lease) }))
    }

    /// Fails when another session of this run has the wheel.
    fn unfenced(&self, lease: &Value) -> Result<(), LeaseError> {
        let (mine, theirs) = (self.claim.epoch, epoch_of(lease));
        // The same number elsewhere: a run directory, and one made of the cluster's record.
        let twin = theirs == mine && text(lease, &annotation(SESSION)) != self.claim.session;
        if theirs > mine || twin { Err(LeaseError::Fenced { mine, theirs }) } else { Ok(()) }
    }

    fn is_ours(&self, lease: &Value) -> bool {
        text(lease, "/spec/holderIdentity") == self.claim.run && self.unfenced(lease).is_ok()
    }

    /// Sees that the run which holds the Lease gives no sign of life for as long as the
    /// Lease lasts, and left nothing open.
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

    /// Only over the version that was looked at.
    async fn write(&self, lease: &Value, mut body: Value) -> Result<(), ApiError> {
        body["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"].clone();
        self.kube.send(&ApiCall::merge(format!("{LEASES}/drill"), body)).await.map(drop)
    }
}

/// A Lease's sign of life: it changes as long as its holder lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasePulse {
    holder: String,
    beat: String,
    /// How long the holder may go without renewing it.
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
