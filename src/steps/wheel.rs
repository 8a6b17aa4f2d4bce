//! Whether this session may act: no other session has opened the journal's next segment,
//! and the Lease is ours. What is done forward needs a renewal of the Lease that was
//! confirmed a moment ago; what is undone must only not be known to be somebody else's.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::StepError;
use crate::{
    journal::Recorder,
    world::{LEASE_DURATION, LeaseError},
};

/// A forward act needs a renewal that is not older, by CLOCK_BOOTTIME: a machine that
/// slept has not renewed anything meanwhile.
const FRESH: Duration = Duration::from_secs(10);
/// As long a forward act waits for a renewal.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);

/// Which way an act goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It breaks, or makes, something.
    Forward,
    /// It puts something back.
    Undo,
}

/// Who has the Lease instead of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Another session of this run: it undoes what is open.
    ToSession(u64),
    /// Another run: what is open here is still ours to undo.
    ToRun(String),
}

impl Lost {
    /// What an answer about the Lease says of who has it; none where it says nothing of that.
    pub fn by(error: &LeaseError) -> Option<Self> {
        match error {
            LeaseError::Fenced { theirs, .. } => Some(Self::ToSession(*theirs)),
            LeaseError::Held(run) | LeaseError::LeftOpen(run, _) => Some(Self::ToRun(run.clone())),
            _ => None,
        }
    }
}

/// The right to act, shared by everything that acts.
#[derive(Debug)]
pub struct Wheel {
    recorder: Arc<Recorder>,
    lease: Mutex<View>,
}

#[derive(Debug)]
struct View {
    confirmed_us: Option<u64>,
    lasts: Duration,
    lost: Option<Lost>,
}

impl Wheel {
    /// For the session that this recorder writes.
    pub fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, lease: Mutex::new(View { confirmed_us: None, lasts: LEASE_DURATION, lost: None }) }
    }

    /// The Lease was ours at `asked_us`, and is for as long from then on.
    pub fn confirmed(&self, asked_us: u64, lasts: Duration) {
        let mut view = self.view();
        (view.confirmed_us, view.lasts) = (Some(asked_us), lasts);
    }

    /// The Lease is somebody else's.
    pub fn lost(&self, to: Lost) {
        self.view().lost.get_or_insert(to);
    }

    /// Who has the Lease instead of us, if that is known.
    pub fn lost_to(&self) -> Option<Lost> {
        self.view().lost.clone()
    }

    /// Whether another session of this run has the wheel.
    pub fn is_fenced(&self) -> bool {
        matches!(self.lost_to(), Some(Lost::ToSession(_))) || self.recorder.check_fence().is_err()
    }

    /// Waits until an act is allowed, or says why it is not.
    pub async fn may_act(&self, direction: Direction) -> Result<(), StepError> {
        if self.recorder.overlooks() {
            return Ok(());
        }
        let began = self.recorder.now_us();
        loop {
            self.recorder.check_fence()?;
            match (self.lost_to(), direction) {
                (Some(Lost::ToSession(theirs)), _) => {
                    let mine = self.recorder.epoch();
                    return Err(crate::journal::WriteError::Fenced { mine, theirs }.into());
                }
                (Some(Lost::ToRun(run)), Direction::Forward) => {
                    return Err(StepError::NoLease(format!("run {run} has the cluster's Lease")));
                }
                (_, Direction::Undo) => return Ok(()),
                (None, Direction::Forward) => {}
            }
            if self.is_fresh() {
                return Ok(());
            }
            if Duration::from_micros(self.recorder.now_us().saturating_sub(began)) > PATIENCE {
                return Err(StepError::NoLease(format!(
                    "the Lease could not be renewed within {} s: whether another session has the wheel is not known",
                    PATIENCE.as_secs()
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether the last renewal is young enough. A Lease that was taken for longer, because
    /// the drill takes the control plane away, is ours for as long as it was taken.
    fn is_fresh(&self) -> bool {
        let view = self.view();
        let most = if view.lasts > LEASE_DURATION { view.lasts } else { FRESH };
        let now = self.recorder.now_us();
        view.confirmed_us.is_some_and(|at| Duration::from_micros(now.saturating_sub(at)) < most)
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
