//! After the undo of a run that was taken over, an act of the earlier session may still arrive. As long as that is
//! possible, what was undone is checked again, and undone again if necessary.

use std::time::Duration;

use tokio::time::Instant;

use super::{Interrupts, unwind};
use crate::{
    event::Kind,
    journal::{FaultRecord, Holder, Lock, RunDir},
    model::{OrNewer, Revert, StepName, Verb},
    steps::{self, StepContext},
    told,
};

/// After this time, a request to the API server has an effect or never will.
const API: Duration = Duration::from_secs(10);
/// The same for an act on a machine.
const MACHINE: Duration = Duration::from_secs(90);
/// How often to check what was undone while the earlier session may still act.
const EVERY: Duration = Duration::from_secs(5);

/// What is known about the earlier session.
pub(super) struct Before {
    /// It is proven to be dead, and its programs too.
    pub dead: bool,
    /// It still holds the lock.
    pub holds: bool,
    /// The process that holds it.
    pub holder: Option<Holder>,
    /// When this session took over.
    pub taken: Instant,
}

/// The result.
pub(super) enum SettleResult {
    /// Nothing can arrive any more.
    Surely,
    /// These faults may have been made after the last check.
    Unconfirmed(Vec<FaultRecord>),
    /// The time limit passed, and a process may still act.
    HolderLives,
}

/// Makes sure that no act arrives after the end.
pub(super) async fn settle(
    context: &StepContext,
    interrupts: &Interrupts,
    dir: &RunDir,
    mut before: Before,
    deadline: Instant,
) -> SettleResult {
    while before.holds {
        if Lock::is_held(dir) == Some(false) {
            // Its last acts may have been sent just before it died.
            (before.holds, before.dead, before.taken) = (false, true, Instant::now());
        } else if Instant::now() > deadline {
            return SettleResult::HolderLives;
        } else {
            again(context, interrupts, deadline).await;
            tokio::time::sleep(EVERY).await;
        }
    }
    let doubtful = doubtful(context);
    let longest = doubtful.iter().map(|f| limit(context, f, before.dead)).max().unwrap_or_default();
    let until = (before.taken + longest).min(deadline);
    while Instant::now() < until {
        if !before.dead {
            again(context, interrupts, deadline).await;
        }
        tokio::time::sleep_until(until.min(Instant::now() + EVERY)).await;
    }
    if !doubtful.is_empty() {
        again(context, interrupts, deadline).await;
    }
    let machines: Vec<FaultRecord> = doubtful.into_iter().filter(|f| is_machine(&f.revert)).collect();
    if before.dead || machines.is_empty() { SettleResult::Surely } else { SettleResult::Unconfirmed(machines) }
}

/// Faults whose act was never acknowledged, so it may still be on its way.
fn doubtful(context: &StepContext) -> Vec<FaultRecord> {
    context.recorder.with(|s| s.faults.iter().filter(|f| f.acknowledged_us.is_none()).cloned().collect())
}

/// How long the act of a fault may take. If a session was killed, its programs were killed too; what they requested
/// from a container engine takes as long as a request.
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

/// Checks everything that was undone, and undoes again what has changed since.
async fn again(context: &StepContext, interrupts: &Interrupts, deadline: Instant) {
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
    if !context.recorder.with(|s| s.still_open().next().is_none()) {
        let left = deadline.saturating_duration_since(Instant::now());
        unwind::unwind(context, interrupts, left).await;
    }
}
