//! What a step is given: the world, the recorder, and the way to write an intent
//! down before acting on it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::Approvals;
use crate::{
    event::Kind,
    journal::{FaultRecord, Recorder, WriteError},
    model::{BackupMade, FaultId, Plan, Revert, SecretRef, StepName, StepResult},
    world::{RunRecord, World},
};

/// Why a step ended without having done its work.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
    /// A person, or the default in a person's place, said no.
    #[error("{0}")]
    Refused(String),
    /// The journal cannot be written, or another session has the wheel.
    #[error(transparent)]
    Journal(#[from] WriteError),
}

impl StepError {
    /// From anything that explains itself.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a step ended that could be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It did its work: what there is to say of it.
    Well(String),
    /// A rehearsal cannot do it, and says why.
    NotRun(String),
}

/// How an undo ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Seen as it was before.
    Reverted(String),
    /// Gone, and replaced by its like.
    Replaced(String),
    /// Changed by somebody else meanwhile: left.
    Left(String),
}

/// What a look at something said.
#[derive(Clone, Debug)]
pub enum Look<T> {
    /// There it is.
    Done(T),
    /// Not yet: what was seen instead.
    NotYet(String),
}

/// What a step is given.
#[derive(Clone)]
pub struct StepContext {
    /// The cluster and what is around it.
    pub world: Arc<World>,
    /// Where everything is written down.
    pub recorder: Arc<Recorder>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The step that acts, or whose fault is undone.
    pub step: StepName,
    /// The run's id.
    pub run: String,
    /// The run's objects in the cluster.
    pub record: RunRecord,
    /// Secrets of the scenario, unresolved.
    pub secrets: Arc<BTreeMap<String, SecretRef>>,
    /// Gates approved beforehand, and how to ask a person.
    pub approvals: Arc<Approvals>,
    /// One mirror at a time: an older picture must not land on a newer one.
    pub mirroring: Arc<tokio::sync::Mutex<()>>,
}

impl StepContext {
    /// Writes the intent down, on disk and in the cluster, before anything is done.
    pub async fn intend(&self, target: &str, revert: Revert) -> Result<FaultId, StepError> {
        let fault = FaultId::new(&self.step, target);
        self.recorder.check_fence()?;
        self.recorder.record(Kind::FaultIntended {
            fault: fault.clone(),
            step: self.step.clone(),
            target: revert.target(),
            revert,
        })?;
        self.mirror().await;
        Ok(fault)
    }

    /// Does what was intended, and writes down how it went. The fence is asked
    /// once more, as late as can be.
    pub async fn act<E: std::fmt::Display>(
        &self,
        fault: &FaultId,
        act: impl Future<Output = Result<(), E>>,
    ) -> Result<(), StepError> {
        self.recorder.check_fence()?;
        let sent_us = self.recorder.now_us();
        match act.await {
            Ok(()) => {
                let acknowledged_us = self.recorder.now_us();
                self.recorder.record(Kind::FaultApplied { fault: fault.clone(), sent_us, acknowledged_us })?;
                Ok(())
            }
            Err(error) => {
                let error = error.to_string();
                self.recorder.record(Kind::FaultFailed { fault: fault.clone(), error: error.clone() })?;
                Err(StepError::Failed(error))
            }
        }
    }

    /// Writes down that a fault is undone, and tells the cluster.
    pub async fn close(&self, fault: &FaultId, closing: Closing) -> Result<(), StepError> {
        let fault = fault.clone();
        self.recorder.record(match closing {
            Closing::Reverted(evidence) => Kind::FaultReverted { fault, evidence },
            Closing::Replaced(evidence) => Kind::FaultReplaced { fault, evidence },
            Closing::Left(why) => Kind::FaultLeft { fault, why },
        })?;
        self.mirror().await;
        Ok(())
    }

    /// Mirrors what is open into the cluster. The journal on disk is what counts:
    /// a mirror that fails is noted, and stops nothing.
    pub async fn mirror(&self) {
        let _turn = self.mirroring.lock().await;
        let record = self.open_record();
        let written = tokio::time::timeout(Duration::from_secs(3), self.record.mirror(&record)).await;
        let why = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer within 3 s".to_owned(),
        };
        self.recorder.observe(Kind::MirrorFailed { why });
    }

    /// What `recover --from-cluster` needs.
    fn open_record(&self) -> Value {
        let open: Vec<Value> = self.recorder.with(|state| {
            state
                .open()
                .iter()
                .rev()
                .map(|f| json!({"fault": f.id, "step": f.step, "target": f.target, "revert": f.revert}))
                .collect()
        });
        json!({
            "run": self.run,
            "epoch": self.recorder.epoch(),
            "scenario": self.plan.scenario,
            "scenarioHash": self.plan.scenario_hash,
            "planHash": self.plan.hash,
            "cluster": self.plan.cluster,
            "recovery": self.plan.recovery,
            "open": open,
        })
    }

    /// Looks again and again until it is there. What was seen last survives the deadline.
    pub async fn until<T>(
        &self,
        limit: Duration,
        waiting_for: &str,
        mut look: impl AsyncFnMut() -> Look<T>,
    ) -> Result<T, StepError> {
        let began = self.recorder.now_us();
        let mut said = (String::new(), 0);
        loop {
            let seen = match look().await {
                Look::Done(found) => return Ok(found),
                Look::NotYet(seen) => seen,
            };
            let now = self.recorder.now_us();
            if Duration::from_micros(now - began) > limit {
                return Err(StepError::Failed(format!(
                    "gave up after {} waiting for {waiting_for}; last seen: {seen}",
                    crate::model::Dur::secs(limit.as_secs())
                )));
            }
            if said.0 != seen && now - said.1 > 1_000_000 {
                self.recorder.observe(Kind::StepProgress {
                    step: self.step.clone(),
                    waiting_for: waiting_for.to_owned(),
                    last_seen: seen.clone(),
                });
                said = (seen, now);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What a step found out, for later steps and the verdict.
    pub fn result(&self, result: StepResult) -> Result<(), StepError> {
        self.recorder.record(Kind::StepResult { step: self.step.clone(), result: Box::new(result) })?;
        Ok(())
    }

    /// The backup that an earlier step made.
    pub fn backup_of(&self, step: &str) -> Option<BackupMade> {
        self.recorder.with(|s| match s.results.get(&StepName::from(step)) {
            Some(StepResult::Backup(made)) => Some(made.clone()),
            _ => None,
        })
    }

    /// Writes down that something stays behind, before it is made.
    pub fn leaves(&self, what: &str, remove_with: String, expires: &str) -> Result<(), StepError> {
        self.recorder.record(Kind::LeftBehind { what: what.to_owned(), remove_with, expires: expires.to_owned() })?;
        Ok(())
    }

    /// The same context for a fault of another step.
    pub fn for_step(&self, fault: &FaultRecord) -> Self {
        Self { step: fault.step.clone(), ..self.clone() }
    }
}
