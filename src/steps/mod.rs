//! The steps of a drill, one file for each (killNodes, killZone and loseCluster share one). Each file contains the
//! whole life of a step: planning it, doing it and undoing it. This file contains only the three matches over the list
//! of steps. Start with [`plan`], [`apply`] and [`revert`].

pub(crate) mod asking;
mod backup;
mod by_hand;
mod cancel_queued_backup;
mod checksums;
mod context;
mod drain;
mod evictions;
mod exec;
mod exempt;
mod fence;
mod gate;
mod heal;
mod impair;
mod inside;
mod isolation;
mod losses;
mod namespace;
mod notify;
mod own;
mod planning;
mod pods;
mod power;
mod reach;
mod recheck;
mod recovery_cluster;
mod replaced;
mod reprotected;
mod restore;
mod restore_namespace;
mod returned;
mod scale;
mod scratch;
mod short_pods;
mod targets;
mod terminal;
mod wait;
mod wheel;
mod whole;

pub use asking::{Asking, Hold};
pub use by_hand::by_hand;
pub use cancel_queued_backup::cancel_queued_backups;
pub use context::{ATTEMPT, Closing, Done, Progress, SendError, StepContext, StepError};
pub use gate::Approvals;
pub use planning::PlanInput;
pub use recheck::{recheck, touch};
pub use wheel::{Direction, Lost, Wheel};

use crate::{
    journal::FaultRecord,
    model::{OrNewer, PlannedStep, Revert, Step, Verb},
};

/// Plans what a step will do on this cluster, without any request.
pub fn plan(step: &Step, input: &PlanInput<'_>, so_far: &[PlannedStep]) -> Result<PlannedStep, String> {
    let verb = step.verb().ok_or_else(|| format!("step `{}` has no verb", step.name))?;
    let draft = match &verb {
        Verb::Backup(spec) => backup::plan(spec, input, &step.name.0),
        Verb::Restore(spec) => restore::plan(spec, input, so_far, &step.name.0),
        Verb::Reprotected(spec) => reprotected::plan(spec, input, so_far, &step.name.0),
        Verb::KillNodes(spec) => power::plan_nodes(spec, input),
        Verb::KillZone(spec) => power::plan_zone(spec, input),
        Verb::LoseCluster(spec) => power::plan_cluster(spec, input),
        Verb::ImpairNodes(spec) => impair::plan(spec, input),
        Verb::FenceNode(spec) => fence::plan(spec, so_far),
        Verb::Drain(spec) => drain::plan(spec, input),
        Verb::DeletePods(spec) => pods::plan(spec, input),
        Verb::ForceDeletePods(spec) => pods::plan_forced(spec, so_far),
        Verb::DeleteNamespace(spec) => namespace::plan(spec, input, so_far),
        Verb::Scale(spec) => scale::plan(spec, input),
        Verb::Exec(spec) => exec::plan(spec),
        Verb::Gate(spec) => Ok(gate::plan(spec)),
        Verb::Wait(spec) => wait::plan(spec, input, so_far),
        Verb::Notify(spec) => Ok(notify::plan(spec)),
        Verb::Heal(spec) => heal::plan(spec, so_far),
    }?;
    Ok(draft.of(step, verb))
}

/// Runs a step. Everything that it changes was written to the journal before.
pub async fn apply(context: &StepContext, planned: &PlannedStep) -> Result<Done, StepError> {
    let verb = match &planned.step {
        OrNewer::Known(verb) => verb,
        OrNewer::Newer(newer) => {
            return Err(StepError::Failed(format!("this version cannot read this step of the plan: {}", newer.why)));
        }
    };
    let said = match verb {
        Verb::Exec(spec) => return exec::apply(context, spec).await,
        Verb::Backup(spec) => backup::apply(context, spec).await,
        Verb::Restore(spec) => restore::apply(context, spec).await,
        Verb::Reprotected(spec) => reprotected::apply(context, spec).await,
        Verb::KillNodes(spec) => power::apply(context, planned, spec.how).await,
        Verb::KillZone(spec) => power::apply(context, planned, spec.how).await,
        Verb::LoseCluster(spec) => power::apply(context, planned, spec.how).await,
        Verb::ImpairNodes(spec) => impair::apply(context, planned, spec).await,
        Verb::FenceNode(_) => fence::apply(context, planned).await,
        Verb::Drain(spec) => drain::apply(context, planned, spec).await,
        Verb::DeletePods(spec) => pods::apply(context, planned, spec).await,
        Verb::ForceDeletePods(spec) => pods::apply_forced(context, spec).await,
        Verb::DeleteNamespace(spec) => namespace::apply(context, planned, spec).await,
        Verb::Scale(spec) => scale::apply(context, planned, spec).await,
        Verb::Gate(spec) => gate::apply(context, spec).await,
        Verb::Wait(spec) => wait::apply(context, spec).await,
        Verb::Notify(spec) => notify::apply(context, spec).await,
        Verb::Heal(spec) => heal::apply(context, spec).await,
    };
    said.map(Done::Well)
}

/// Starts an undo without waiting for its effect, so that several nodes come back at the same time.
pub async fn begin_revert(context: &StepContext, revert: &Revert) -> Result<(), String> {
    match revert {
        Revert::NodePower { .. } => power::begin_revert(context, revert).await,
        Revert::Impairment { .. } => impair::begin_revert(context, revert).await,
        _ => Ok(()),
    }
}

/// Makes one attempt to restore the earlier state of a target, and checks it. Safe to repeat, and safe if the act
/// never happened.
pub async fn revert(context: &StepContext, fault: &FaultRecord) -> Result<Closing, String> {
    match &fault.revert {
        Revert::NodePower { .. } => power::revert(context, fault).await,
        Revert::Impairment { .. } => impair::revert(context, fault).await,
        Revert::Fence { node } => fence::revert(context, node).await,
        Revert::Cordon { node, before } => drain::revert(context, node, *before).await,
        Revert::Scale { object, before, written } => scale::revert(context, object, *before, *written).await,
        Revert::PodsReplaced { namespace, ready } => whole::revert(context, namespace, ready).await,
        Revert::Restore { .. } => restore_namespace::revert(context, fault).await,
        Revert::OwnNamespace { recovery, .. } => scratch::revert(&own::place(context, *recovery)?, fault).await,
        Revert::OwnPods { namespace, pods, recovery } => {
            short_pods::revert(&own::place(context, *recovery)?, namespace, pods).await
        }
        Revert::ExecUndo { step } => exec::revert(context, step).await,
    }
}
