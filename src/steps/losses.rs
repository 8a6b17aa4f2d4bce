//! The check directly before a namespace is deleted: every object in it is compared with the content of the backup. If
//! an object would not come back in its current state, it is named and nothing is deleted, unless the scenario lists
//! it under `mayBeLost`. The restore is compared in the same way (`restore_namespace`).

use serde_json::Value;

use super::{StepContext, StepError, whole::is_scaled_by_us};
use crate::{
    inventory::live,
    kubernetes::{Held, Objects, Reduced, filters},
    model::{
        AcceptedLoss, DeleteNamespaceStep, Losing, Loss, MayBeLost, ObjectName, ObjectRef, RUN_LABEL, Revert,
        WorkloadRef, accepted, few,
    },
    world::Archived,
};

/// The refusal names at most this many losses.
const NAMED: usize = 40;

/// The result of a check that refused nothing.
pub(super) struct DeletionCheck {
    /// When the check began, in microseconds since the run began.
    pub began_us: u64,
    /// How many objects were compared.
    pub compared: u64,
    /// What will be lost, with the permission of the scenario.
    pub lost: Vec<AcceptedLoss>,
}

impl DeletionCheck {
    /// The entries of the scenario's list that match an existing object.
    pub(super) fn allowed(&self, list: &[MayBeLost]) -> Vec<MayBeLost> {
        list.iter().filter(|entry| self.lost.iter().any(|l| entry.object.matches(&l.loss.object))).cloned().collect()
    }
}

/// The objects of a namespace in a backup, as they would be after a restore into `to`.
pub(super) async fn objects_held(
    context: &StepContext,
    backup: &str,
    from: &str,
    to: &str,
) -> Result<Objects, StepError> {
    let mut held = Objects::default();
    let each = |archived: Archived| {
        if is_of(&archived.object, from) {
            held.extend(restored_as(archived.object, from, to));
        }
    };
    context.world.velero.each_object(backup, each).await.map_err(StepError::failed)?;
    Ok(held)
}

/// The part of an object that is compared, after a restore from one namespace into another.
pub(super) fn restored_as(object: Value, from: &str, to: &str) -> Option<Reduced> {
    Reduced::moved(object, |namespace| if namespace == from { to.to_owned() } else { namespace.to_owned() })
}

/// Whether an object is the namespace itself, or an object in it.
pub(super) fn is_of(object: &Value, namespace: &str) -> bool {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    match text("/metadata/namespace") {
        "" => text("/kind") == "Namespace" && text("/apiVersion") == "v1" && text("/metadata/name") == namespace,
        other => other == namespace,
    }
}

/// What the backup contains of the namespace, its volumes, and the filters of the backup.
pub(super) async fn held(context: &StepContext, backup: &Value, namespace: &str) -> Result<Held, StepError> {
    let name = backup.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let objects = objects_held(context, name, namespace, namespace).await?;
    let volumes = context.world.velero.volumes(name).await.map_err(StepError::failed)?;
    Ok(Held { objects, volumes, filters: filters(backup) })
}

/// Checks the namespace, and refuses if something would be lost that must not be.
pub(super) async fn check_deletion(
    context: &StepContext,
    spec: &DeleteNamespaceStep,
    backup: &str,
    held: &Held,
) -> Result<DeletionCheck, StepError> {
    let began_us = context.recorder.now_us();
    let live = live(&context.world.kube, &spec.name, |o| is_ours(o, &context.run)).await.map_err(StepError::failed)?;
    let compared = live.objects.len() as u64;
    let losses = live.losses(held).into_iter().filter_map(|l| without_ours(context, l)).collect();
    let (lost, refused) = accepted(losses, &spec.may_be_lost);
    if refused.is_empty() {
        return Ok(DeletionCheck { began_us, compared, lost });
    }
    Err(StepError::Failed(refusal(&spec.name, backup, &refused)))
}

fn refusal(namespace: &str, backup: &str, refused: &[Loss]) -> String {
    let named = few(refused.iter(), NAMED, ("; ", "; and"));
    format!(
        "nothing was deleted: {} object(s) of namespace {namespace} would not come back from backup {backup} in their current state: {named}. Fix that, or list under mayBeLost what may be lost, with the reason",
        refused.len()
    )
}

/// The drill's own reader pods do not belong to the application.
fn is_ours(object: &Value, run: &str) -> bool {
    object["metadata"]["labels"][RUN_LABEL] == run
}

/// Replicas that an earlier step of this drill changed are put back by the undo of that step.
fn without_ours(context: &StepContext, mut loss: Loss) -> Option<Loss> {
    if let Losing::ChangedAt(fields) = &mut loss.how
        && path_of(&loss.object).is_some_and(|path| is_scaled_by_us(context, &path))
    {
        fields.retain(|f| f != "/spec/replicas");
        return (!fields.is_empty()).then_some(loss);
    }
    Some(loss)
}

fn path_of(object: &ObjectName) -> Option<String> {
    let workload = WorkloadRef::of(&object.kind, &object.name).filter(|_| object.group == "apps")?;
    Some(ObjectRef::of_workload(&object.namespace, &workload).path)
}

/// What the scenario allows to be lost with a namespace whose deletion is not undone yet.
pub(super) fn allowed(context: &StepContext, namespace: &str) -> Vec<MayBeLost> {
    let of = |revert: &Revert| match revert {
        Revert::Restore { namespace: deleted, lost, .. } if deleted == namespace => lost.clone(),
        _ => vec![],
    };
    context.recorder.with(|s| s.still_open().flat_map(|f| of(&f.revert)).collect())
}
