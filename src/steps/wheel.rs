//! Whether this session may act: no other session has opened the next segment of the journal, and this run holds the
//! Lease. A forward act needs a recently confirmed renewal of the Lease. An undo is only forbidden if another session
//! or run is known to have taken over. docs/design/wheel.md explains the rules. Start with [`Wheel`].

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::StepError;
use crate::{
    journal::Recorder,
    world::{LEASE_DURATION, LeaseError},
};

/// A forward act needs a renewal that is at most this old. The age is measured with CLOCK_BOOTTIME, because a
/// suspended machine does not renew the Lease.
const FRESH: Duration = Duration::from_secs(10);
/// How long a forward act waits for a renewal.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);

/// The direction of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It breaks or creates something.
    Forward,
    /// It undoes something.
    Undo,
}

/// Who holds the Lease instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Another session of this run. It undoes what is open.
    ToSession(u64),
    /// Another run. What is open in this run must still be undone by this session.
    ToRun(String),
}

impl Lost {
    /// Who holds the Lease, according to an error about the Lease; none if the error does not show it.
    pub fn by(error: &LeaseError) -> Option<Self> {
        match error {
            LeaseError::Fenced { theirs, .. } => Some(Self::ToSession(*theirs)),
            LeaseError::Held(run) | LeaseError::LeftOpen(run, _) => Some(Self::ToRun(run.clone())),
            _ => None,
        }
    }
}

/// The permission to act. Everything that acts shares it.
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
    /// For the session that writes this recorder's journal.
    pub fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, lease: Mutex::new(View { confirmed_us: None, lasts: LEASE_DURATION, lost: None }) }
    }

    /// Records that the Lease was held at `asked_us`, and for how long it lasts from then.
    pub fn confirmed(&self, asked_us: u64, lasts: Duration) {
        let mut view = self.view();
        (view.confirmed_us, view.lasts) = (Some(asked_us), lasts);
    }

    /// Records that another run holds the Lease.
    pub fn lost(&self, to: Lost) {
        self.view().lost.get_or_insert(to);
    }

    /// Who holds the Lease instead, if that is known.
    pub fn lost_to(&self) -> Option<Lost> {
        self.view().lost.clone()
    }

    /// Whether another session of this run has taken over.
    pub fn is_fenced(&self) -> bool {
        matches!(self.lost_to(), Some(Lost::ToSession(_))) || self.recorder.check_fence().is_err()
    }

    /// Waits until an act is allowed, or returns why it is not.
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
                    return Err(StepError::NoLease(format!("run {run} holds the Lease of this cluster")));
                }
                (_, Direction::Undo) => return Ok(()),
                (None, Direction::Forward) => {}
            }
            if self.is_fresh() {
                return Ok(());
            }
            if Duration::from_micros(self.recorder.now_us().saturating_sub(began)) > PATIENCE {
                return Err(StepError::NoLease(format!(
                    "the Lease could not be renewed within {} s, so another session may have taken over",
                    PATIENCE.as_secs()
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether the last renewal is recent enough. While the drill keeps the control plane away, the Lease was taken for
    /// longer, and lasts for that time.
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
