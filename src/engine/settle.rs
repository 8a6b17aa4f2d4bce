//! After the undo of a run that was taken over: an act of the session before may still
//! arrive. As long as it can, what was undone is looked at again, and undone again where
//! it has to be.

use std::time::Duration;

use tokio::time::Instant;

use super::{Wakes, unwind};
use crate::{
    event::Kind,
    journal::{FaultRecord, Holder, Lock, RunDir},
    model::{OrNewer, Revert, StepName, Verb},
    steps::{self, StepContext},
    told,
};

/// A request to the API server is over within this time, one way or the other.
const API: Duration = Duration::from_secs(10);
/// The same of an act on a machine.
const MACHINE: Duration = Duration::from_secs(90);
/// How often what was undone is looked at while somebody may still act.
const EVERY: Duration = Duration::from_secs(5);

/// What is known of the session before.
pub(super) struct Before {
    /// It is proven dead, and its programs with it.
    pub dead: bool,
    /// It holds the lock still.
    pub holds: bool,
    /// Who that is.
    pub holder: Option<Holder>,
    /// When the wheel was taken.
    pub taken: Instant,
}

/// What came of it.
pub(super) enum Settled {
    /// Nothing can arrive any more.
    Surely,
    /// These may have been done after the last look.
    Unconfirmed(Vec<FaultRecord>),
    /// The deadline is over, and a process may still act.
    HolderLives,
}

/// Sees to it that nothing arrives late.
pub(super) async fn settle(
    context: &StepContext,
    wakes: &Wakes,
    dir: &RunDir,
    mut before: Before,
    deadline: Instant,
) -> Settled {
    while before.holds {
        if Lock::is_held(dir) == Some(false) {
            // Its acts may have been sent in its last moment.
            (before.holds, before.dead, before.taken) = (false, true, Instant::now());
        } else if Instant::now() > deadline {
            return Settled::HolderLives;
        } else {
            again(context, wakes, deadline).await;
            tokio::time::sleep(EVERY).await;
        }
    }
    let doubtful = doubtful(context);
    let longest = doubtful.iter().map(|f| limit(context, f, before.dead)).max().unwrap_or_default();
    let until = (before.taken + longest).min(deadline);
    while Instant::now() < until {
        if !before.dead {
            again(context, wakes, deadline).await;
        }
        tokio::time::sleep_until(until.min(Instant::now() + EVERY)).await;
    }
    if !doubtful.is_empty() {
        again(context, wakes, deadline).await;
    }
    let machines: Vec<FaultRecord> = doubtful.into_iter().filter(|f| is_machine(&f.revert)).collect();
    if before.dead || machines.is_empty() { Settled::Surely } else { Settled::Unconfirmed(machines) }
}

/// Faults whose act was never acknowledged: it may still be on its way.
fn doubtful(context: &StepContext) -> Vec<FaultRecord> {
    context.recorder.with(|s| s.faults.iter().filter(|f| f.acknowledged_us.is_none()).cloned().collect())
}

/// How long the act of a fault may take. The programs of a session that was ended ended
/// with it; what they asked an engine for takes as long as a request.
fn limit(context: &StepContext, fault: &FaultRecord, dead: bool) -> Duration {
    match &fault.revert {
        _ if dead => API,
        revert if is_machine(revert) => MACHINE,
        Revert::ExecUndo { step } => match context.plan.step(&StepName::from(step.as_str())).map(|s| &s.step) {
            Some(OrNewer::Known(Verb::Exec(spec))) => spec.at_most.0,
            _ => MACHINE,
        },
        _ => API,
    }
}

fn is_machine(revert: &Revert) -> bool {
    revert.takes_away().is_some()
}

/// Looks at all that was undone, and undoes once more what is not as it was left.
async fn again(context: &StepContext, wakes: &Wakes, deadline: Instant) {
    unwind::adopt(context).await;
    let closed: Vec<FaultRecord> =
        context.recorder.with(|s| s.faults.iter().filter(|f| s.is_undone(f)).cloned().collect());
    for fault in closed {
        if let Ok(Some(why)) = steps::recheck(&context.for_undo(&fault), &fault).await {
            context
                .recorder
                .observe(Kind::FaultReopened { fault: fault.id.clone(), why: told!(context.recorder, "{why}") });
        }
    }
    if !context.recorder.with(|s| s.open().is_empty()) {
        let left = deadline.saturating_duration_since(Instant::now());
        unwind::unwind(context, wakes, left).await;
    }
}
