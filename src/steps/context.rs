//! What a step gets: the world, the recorder, and the functions that write an intent down before the act. Start with
//! [`StepContext`].

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    Approvals,
    returned::FEW,
    wheel::{Direction, Lost, Wheel},
};
use crate::{
    event::Kind,
    journal::{FaultRecord, Recorder, RunState, WriteError},
    model::{BackupMade, FaultId, LeftBecause, LeftObject, Plan, Revert, StepName, StepResult},
    told,
    verdict::Follower,
    world::{ApiCall, ApiError, Chain, LEASE_DURATION, Lease, OpenFault, Record, RunRecord, SecretReader, World},
};

/// How long one attempt of an undo may take before the next fault gets its turn. An undo that waits stops earlier, so
/// that it can report what it last observed.
pub const ATTEMPT: Duration = Duration::from_secs(180);

/// Why a step ended without success.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It failed.
    #[error("{0}")]
    Failed(String),
    /// A person refused, or the default of a gate did.
    #[error("{0}")]
    Refused(String),
    /// It is not certain that this run holds the Lease of the cluster.
    #[error("{0}; the drill does nothing more")]
    NoLease(String),
    /// The journal cannot be written, or another session has taken over.
    #[error(transparent)]
    Journal(#[from] WriteError),
}

impl StepError {
    /// A failure, from any error text.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a step ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was successful. The text describes the result.
    Well(String),
    /// A rehearsal cannot run it. The text is the reason.
    NotRun(String),
}

/// How an undo ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The earlier state was observed again.
    Reverted(String),
    /// The target is gone and was replaced by a new one.
    Replaced(String),
    /// The target was changed outside the drill in the meantime, and was left in that state.
    Left(String),
    /// The target was restored, but differs from before, for these reasons.
    NotAsBefore(String, Vec<LeftBecause>),
    /// Kept, because the scenario asks for it; with the commands to remove it.
    Kept(String, Vec<String>),
}

/// The result of looking at something.
#[derive(Clone, Debug)]
pub enum Progress<T> {
    /// It is in the expected state.
    Done(T),
    /// Not yet: what was observed instead.
    NotYet(String),
}

/// Why a request that changes something was not sent, or why it failed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// This session must not act.
    #[error(transparent)]
    NotOurs(#[from] StepError),
    /// The API server returned an error, or did not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl SendError {
    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_not_found())
    }

    /// Whether a precondition does not hold.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_conflict())
    }
}

impl From<SendError> for StepError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NotOurs(error) => error,
            SendError::Api(error) => Self::failed(error),
        }
    }
}

/// What a step gets.
#[derive(Clone)]
pub struct StepContext {
    /// The cluster and what is around it.
    pub world: Arc<World>,
    /// Writes all events.
    pub recorder: Arc<Recorder>,
    /// The judge, which follows the journal while it is written.
    pub judge: Arc<Follower>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The step that acts, or whose fault is undone.
    pub step: StepName,
    /// Whether it acts or undoes something.
    pub direction: Direction,
    /// The run's id.
    pub run: String,
    /// The run's record in the cluster.
    pub record: RunRecord,
    /// The Lease of the cluster.
    pub lease: Lease,
    /// Whether this session may act.
    pub wheel: Arc<Wheel>,
    /// The scenario's secrets.
    pub secret_reader: SecretReader,
    /// Gates that were approved in advance, and who answers the others.
    pub approvals: Arc<Approvals>,
    /// Only one mirror is written at a time, so that an older state cannot replace a newer one. Contains the faults
    /// that the last mirror knew to be closed.
    pub mirroring: Arc<tokio::sync::Mutex<BTreeSet<FaultId>>>,
}

impl StepContext {
    /// Writes the intent to disk and to the cluster, before anything is done.
    pub async fn intend(&self, target: &str, revert: Revert) -> Result<FaultId, StepError> {
        let fault = self.intend_on_disk(target, revert)?;
        self.mirror().await;
        Ok(fault)
    }

    /// Writes the intent to disk only. Before anything is done, [`StepContext::mirror`] must write it to the cluster,
    /// together with the other intents of the step.
    pub fn intend_on_disk(&self, target: &str, revert: Revert) -> Result<FaultId, StepError> {
        let fault = FaultId::new(&self.step, target);
        self.recorder.check_fence()?;
        self.recorder.record(Kind::FaultIntended {
            fault: fault.clone(),
            step: self.step.clone(),
            target: revert.target(),
            revert,
        })?;
        Ok(fault)
    }

    /// Does what was intended, and records the result. It checks as late as possible whether this session may still
    /// act.
    pub async fn act<E: std::fmt::Display>(
        &self,
        fault: &FaultId,
        act: impl Future<Output = Result<(), E>>,
    ) -> Result<(), StepError> {
        self.may_act().await?;
        let sent_us = self.recorder.now_us();
        match act.await {
            Ok(()) => {
                let acknowledged_us = self.recorder.now_us();
                self.recorder.record(Kind::FaultApplied { fault: fault.clone(), sent_us, acknowledged_us })?;
                Ok(())
            }
            Err(error) => {
                let error = error.to_string();
                self.recorder
                    .record(Kind::FaultFailed { fault: fault.clone(), error: told!(self.recorder, "{error}") })?;
                Err(StepError::Failed(error))
            }
        }
    }

    /// Fails if this session must not act any more.
    pub async fn may_act(&self) -> Result<(), StepError> {
        self.wheel.may_act(self.direction).await
    }

    /// Sends a request that changes something, if this session may still act.
    pub async fn send(&self, call: &ApiCall) -> Result<Value, SendError> {
        self.may_act().await?;
        Ok(self.world.kube.send(call).await?)
    }

    /// Changes an object, but only in the state in which it was read: `call` creates the request from what was read,
    /// with UID and version. If others changed the object in between, it is read again. A request that a frozen
    /// session sends later has an outdated version and is refused.
    pub async fn change(&self, path: &str, call: impl Fn(&Value) -> Result<ApiCall, String>) -> Result<(), String> {
        for _ in 0..TRIES {
            let found = self.world.kube.find(path).await.map_err(|e| e.to_string())?;
            let found = found.ok_or_else(|| format!("{path} is gone"))?;
            match self.send(&call(&found)?).await {
                Err(error) if error.is_conflict() => {}
                other => return other.map(drop).map_err(|e| e.to_string()),
            }
        }
        Err(format!("{path} was changed by others at each of {TRIES} attempts"))
    }

    /// Records that a fault is undone, and updates the record in the cluster.
    pub async fn close(&self, fault: &FaultId, closing: Closing) -> Result<(), StepError> {
        let (id, fault) = (fault, fault.clone());
        self.recorder.record(match closing {
            Closing::Reverted(seen) => Kind::FaultReverted { fault, evidence: told!(self.recorder, "{seen}") },
            Closing::Replaced(seen) => Kind::FaultReplaced { fault, evidence: told!(self.recorder, "{seen}") },
            Closing::Left(why) => {
                Kind::FaultLeft { fault, why: told!(self.recorder, "{why}"), because: vec![LeftBecause::Others] }
            }
            Closing::NotAsBefore(why, because) => {
                Kind::FaultLeft { fault, why: told!(self.recorder, "{why}"), because }
            }
            Closing::Kept(why, commands) => Kind::FaultKept { fault, why: told!(self.recorder, "{why}"), commands },
        })?;
        self.mirror_with(&[], Some(id)).await;
        Ok(())
    }

    /// Writes what is open to the record in the cluster. The journal on disk is authoritative: if writing the record
    /// fails, that is recorded, and the run continues.
    pub async fn mirror(&self) {
        self.mirror_with(&[], None).await;
    }

    /// The same, including faults that could not be confirmed. `closed`: why it is written. If many faults are closed
    /// at the same time, the first record after that knows them all, and is not written again for the others.
    pub async fn mirror_with(&self, unconfirmed: &[FaultRecord], closed: Option<&FaultId>) {
        let mut mirrored = self.mirroring.lock().await;
        let many = self.recorder.with(|state| state.faults.len() > FEW);
        if many && closed.is_some_and(|fault| mirrored.contains(fault)) {
            return;
        }
        let (open, closed_before) = self.recorder.with(|state| {
            let open: Vec<OpenFault> = state.open().iter().rev().map(open_fault).collect();
            let closed: Vec<FaultId> =
                state.faults.iter().filter(|f| !f.state.is_open()).map(|f| f.id.clone()).collect();
            (open, closed)
        });
        let record = Record {
            run: self.run.clone(),
            epoch: self.recorder.epoch(),
            scenario: self.plan.scenario.clone(),
            scenario_hash: self.plan.scenario_hash.clone(),
            plan_hash: self.plan.hash.clone(),
            cluster: self.plan.cluster.clone(),
            recovery: self.plan.recovery.clone(),
            open: open.clone(),
            unconfirmed: unconfirmed.iter().map(open_fault).collect(),
        };
        let writing = self.record.mirror(&record, Chain { open: &open, closed: &closed_before });
        let why = match tokio::time::timeout(Duration::from_secs(3), writing).await {
            Ok(Ok(true)) => {
                *mirrored = closed_before.into_iter().collect();
                return;
            }
            Ok(Ok(false)) => "a later session writes the record now".into(),
            Ok(Err(error)) => told!(self.recorder, "{error}"),
            Err(_) => "no answer within 3 s".into(),
        };
        self.recorder.observe(Kind::MirrorFailed { why });
    }

    /// Renews the Lease for as long as the open faults need, and waits for the answer. It must happen before the
    /// control plane is taken away, because nobody can renew the Lease after that.
    pub async fn hold_lease(&self) -> Result<(), StepError> {
        let lasts = self.lease_lasts();
        let asked_us = self.recorder.now_us();
        let world = Arc::clone(&self.world);
        match self.lease.renew(move || world.clock.wall(), lasts).await {
            Ok(_) => {
                self.wheel.confirmed(asked_us, lasts);
                Ok(())
            }
            Err(error) => {
                if let Some(to) = Lost::by(&error) {
                    self.wheel.lost(to);
                }
                Err(StepError::NoLease(format!("the Lease could not be extended to {} s: {error}", lasts.as_secs())))
            }
        }
    }

    /// How long the Lease must last: while the drill keeps the control plane away, as long as the steps and the undo
    /// may take.
    pub fn lease_lasts(&self) -> Duration {
        let away = |state: &RunState| {
            let takes = |step: &StepName| self.plan.step(step).is_some_and(|s| s.takes_control_plane());
            state.still_open().any(|f| takes(&f.step)).then_some(state.unwind_within)
        };
        match self.recorder.with(away) {
            Some(undo) => self.plan.limits.duration.0 + undo,
            None => LEASE_DURATION,
        }
    }

    /// Looks again and again until the expected state is there. If the time is over, the error contains what was last
    /// observed.
    pub async fn until<T>(
        &self,
        limit: Duration,
        waiting_for: &str,
        mut look: impl AsyncFnMut() -> Progress<T>,
    ) -> Result<T, StepError> {
        let began = self.recorder.now_us();
        let mut said = (String::new(), 0);
        loop {
            let seen = match look().await {
                Progress::Done(found) => return Ok(found),
                Progress::NotYet(seen) => seen,
            };
            let now = self.recorder.now_us();
            if Duration::from_micros(now - began) > limit {
                return Err(StepError::Failed(format!(
                    "timed out after {} waiting for {waiting_for}; last seen: {seen}",
                    crate::model::Dur(limit)
                )));
            }
            if said.0 != seen && now - said.1 > 1_000_000 {
                self.recorder.observe(Kind::StepProgress {
                    step: self.step.clone(),
                    waiting_for: told!(self.recorder, "{waiting_for}"),
                    last_seen: told!(self.recorder, "{seen}"),
                });
                said = (seen, now);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Records the result of a step, for later steps and the verdict.
    pub fn result(&self, result: StepResult) -> Result<(), StepError> {
        self.recorder.record(Kind::StepResult { step: self.step.clone(), result: Box::new(result) })?;
        Ok(())
    }

    /// The backup that an earlier step made.
    pub fn backup_of(&self, step: &str) -> Option<BackupMade> {
        self.recorder.with(|s| s.results.get(&StepName::from(step)).and_then(StepResult::backup).cloned())
    }

    /// Records that something will be left behind, before it is created. An undo that is repeated, by this session or
    /// another, records it only once.
    pub fn leaves(&self, object: &LeftObject, remove_with: String, expires: &str) -> Result<(), StepError> {
        let what = object.to_string();
        if self.recorder.with(|state| state.left_behind.contains(&what)) {
            return Ok(());
        }
        self.recorder.record(Kind::LeftBehind { what, remove_with, expires: expires.to_owned() })?;
        Ok(())
    }

    /// The same context, for the undo of a fault.
    pub fn for_undo(&self, fault: &FaultRecord) -> Self {
        Self { step: fault.step.clone(), direction: Direction::Undo, ..self.clone() }
    }
}

/// How often a change is tried again when others have changed the object in between.
const TRIES: u32 = 6;

fn open_fault(fault: &FaultRecord) -> OpenFault {
    OpenFault {
        fault: fault.id.clone(),
        step: fault.step.clone(),
        target: fault.target.clone(),
        revert: fault.revert.clone().without_command(),
        acknowledged: fault.acknowledged_us.is_some(),
    }
}

/// UID and version of an object as it was read, for a merge patch. The API server refuses the patch for another object
/// of the same name, and for this object if it was changed since.
pub(super) fn as_read(object: &Value) -> Value {
    json!({"uid": object["metadata"]["uid"], "resourceVersion": object["metadata"]["resourceVersion"]})
}
