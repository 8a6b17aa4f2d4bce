//! The step deleteNamespace: deletes a namespace on purpose. It refuses to, unless a backup contains all of the
//! namespace, which is checked once more directly before the deletion.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::{
    PlanInput, Progress, StepContext, StepError, backup, heal, losses,
    planning::{Draft, act, draft},
    pods, restore_namespace,
};
use crate::{
    kubernetes::{
        Uncopied,
        objects::{Claim, Named, Volume, Workload},
    },
    model::{
        BackupStep, Capture, DeadPods, DeleteNamespaceStep, FaultId, NamespaceLost, NodeHow, ObjectRef, PlannedStep,
        Revert, StepClass, StepResult, WorkloadRef,
    },
    world::ApiCall,
};

pub(super) fn plan(spec: &DeleteNamespaceStep, input: &PlanInput<'_>, so_far: &[PlannedStep]) -> Result<Draft, String> {
    let uid =
        input.inventory.scope.get(&spec.name).ok_or_else(|| format!("namespace `{}` does not exist", spec.name))?;
    let covering = so_far
        .iter()
        .find(|s| s.name.0 == spec.covered_by)
        .and_then(backup::spec_of)
        .ok_or_else(|| format!("`{}` is not the name of an earlier backup step", spec.covered_by))?;
    covers(spec, covering, input)?;
    let path = format!("/api/v1/namespaces/{}", spec.name);
    let mut planned = draft(
        StepClass::Destructive,
        "after the first delete, the deletion cannot be stopped: it is completed, and then the backup is restored",
    );
    planned.acts.push(act(
        ApiCall::delete(&path, uid, None).to_string(),
        format!("restore backup of step `{}` into namespace {}", spec.covered_by, spec.name),
    ));
    planned.objects.push(ObjectRef { path, uid: uid.clone() });
    planned.notes = blockers(spec, input, so_far)?;
    planned.notes.extend(spec.may_be_lost.iter().map(|entry| format!("may be lost: {entry}")));
    Ok(planned)
}

/// `volumes: none` is accepted only if no claim is in scope, except claims that may be lost.
fn covers(spec: &DeleteNamespaceStep, covering: &BackupStep, input: &PlanInput<'_>) -> Result<(), String> {
    if !covering.namespaces.contains(&spec.name) {
        return Err(format!("backup step `{}` does not include namespace `{}`", spec.covered_by, spec.name));
    }
    let claims = input.inventory.claims.get().map_err(|w| format!("cannot list the claims: {w}"))?;
    let claims: Vec<&Claim> =
        claims.iter().filter(|c| c.metadata.namespace == spec.name && !spec.may_lose(&c.object_name())).collect();
    if covering.volumes == Capture::None && !claims.is_empty() {
        let names: Vec<&str> = claims.iter().map(|c| c.metadata.name.as_str()).collect();
        return Err(format!(
            "backup step `{}` does not capture volumes, but namespace `{}` has claims ({}): their content would be lost",
            spec.covered_by,
            spec.name,
            names.join(", ")
        ));
    }
    let uncovered = input.inventory.uncovered(std::slice::from_ref(&spec.name), covering.volumes)?;
    let host_path =
        uncovered.iter().find(|(claim, u)| u.why == Uncopied::HostPath && !spec.may_lose(&claim.object_name()));
    if let Some((claim, _)) = host_path.filter(|_| covering.volumes == Capture::FileSystem) {
        return Err(format!(
            "claim {} of namespace `{}` is a hostPath volume: Velero's file-system backup skips it without an error, and a restore would bring it back EMPTY",
            claim.metadata.name, spec.name
        ));
    }
    Ok(())
}

/// Pods that will hang on dead nodes and keep the namespace from being deleted.
fn blockers(spec: &DeleteNamespaceStep, input: &PlanInput<'_>, so_far: &[PlannedStep]) -> Result<Vec<String>, String> {
    let nodes_away: Vec<&PlannedStep> = so_far.iter().filter(|s| s.takes_nodes()).collect();
    let mut notes = vec![];
    for step in nodes_away {
        for pod in input.scope_pods_on(&step.nodes).into_iter().filter(|p| p.metadata.namespace == spec.name) {
            let (name, node) = (&pod.metadata.name, &pod.spec.node_name);
            match spec.dead_pods {
                DeadPods::Fail => {
                    return Err(format!("pod {name} will hang on node {node}, which step `{}` takes away: the namespace could never be deleted. Choose what to do: deadPods: force | healFirst", step.name));
                }
                DeadPods::Force if step.how().is_none_or(NodeHow::leaves_alive) => {
                    return Err(format!("pod {name} is on node {node}, which step `{}` leaves running: the pod may keep writing, so it must not be force-deleted", step.name));
                }
                DeadPods::Force => notes.push(format!("pod {name} will hang on node {node}: it is force-deleted when the node host reports the node as off")),
                DeadPods::HealFirst => notes.push(format!("pod {name} is on node {node}: the node is powered on first")),
            }
        }
    }
    Ok(notes)
}

pub(super) async fn apply(
    context: &StepContext,
    planned: &PlannedStep,
    spec: &DeleteNamespaceStep,
) -> Result<String, StepError> {
    if spec.dead_pods == DeadPods::HealFirst {
        let open = context
            .recorder
            .with(|s| s.open().into_iter().filter(|f| f.revert.takes_away().is_some()).collect::<Vec<_>>());
        heal::undo_all(context, &open).await?;
    }
    let backup = covering(context, spec).await?;
    let name = backup.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let held = losses::held(context, &backup, &spec.name).await?;
    let target =
        planned.objects.first().ok_or_else(|| StepError::Failed("the plan names no namespace".into()))?.clone();
    let volumes = volumes_of(context, &spec.name).await?;
    let ready = ready_now(context, &spec.name).await?;
    // This is the last check, so that as little time as possible passes between it and the delete.
    let looked = losses::check_deletion(context, spec, &name, &held).await?;
    let revert = Revert::Restore {
        namespace: spec.name.clone(),
        uid: target.uid.clone(),
        backup: name.clone(),
        velero: context.world.velero.namespace.clone(),
        force_dead_pods: spec.dead_pods == DeadPods::Force,
        ready,
        lost: looked.allowed(&spec.may_be_lost),
    };
    let fault = context.intend(&spec.name, revert).await?;
    let sent_us = delete(context, &fault, &target, &spec.name).await?;
    gone(context, &spec.name, spec.dead_pods == DeadPods::Force, spec.at_most.0).await?;
    let lost = NamespaceLost {
        namespace: spec.name.clone(),
        backup: name,
        volumes: fate_of(context, &volumes).await?,
        compared: Some(looked.compared),
        unseen_us: Some(sent_us.saturating_sub(looked.began_us)),
        lost: looked.lost,
    };
    context.result(StepResult::Deletion(lost.clone()))?;
    Ok(lost.to_string())
}

/// Deletes exactly the namespace of the plan. Returns when the request was sent.
async fn delete(context: &StepContext, fault: &FaultId, target: &ObjectRef, namespace: &str) -> Result<u64, StepError> {
    let sent_us = AtomicU64::new(0);
    let delete = context.change(&target.path, |found| {
        if found["metadata"]["uid"] != target.uid.as_str() {
            return Err(format!("namespace {namespace} is not the one in the plan: its UID has changed"));
        }
        sent_us.store(context.recorder.now_us(), Ordering::Relaxed);
        let version = found["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        Ok(ApiCall::delete(&target.path, &target.uid, None).at_version(version))
    });
    context.act(fault, delete).await?;
    Ok(sent_us.into_inner())
}

/// The backup that contains the namespace: it must still exist, be Completed, and not expire during the drill.
async fn covering(context: &StepContext, spec: &DeleteNamespaceStep) -> Result<Value, StepError> {
    let name = context
        .backup_of(&spec.covered_by)
        .ok_or_else(|| StepError::Failed(format!("step `{}` did not make a backup", spec.covered_by)))?
        .backup;
    restore_namespace::usable(context, &name).await.map_err(StepError::Failed)
}

/// Waits until the namespace is gone. If allowed, it force-deletes pods that hang on dead nodes.
pub(super) async fn gone(
    context: &StepContext,
    namespace: &str,
    force: bool,
    limit: std::time::Duration,
) -> Result<(), StepError> {
    let path = format!("/api/v1/namespaces/{namespace}");
    context
        .until(limit, &format!("namespace {namespace} to be gone"), async || {
            if force && let Err(error) = pods::force_dead(context, namespace, None).await {
                return Progress::NotYet(error.to_string());
            }
            match context.world.kube.find_as::<Named>(&path).await {
                Ok(None) => Progress::Done(()),
                Ok(Some(found)) => Progress::NotYet(remaining(&found)),
                Err(error) => Progress::NotYet(error.to_string()),
            }
        })
        .await
}

fn remaining(namespace: &Named) -> String {
    namespace
        .status
        .conditions
        .iter()
        .filter(|c| {
            c.status == "True"
                && matches!(c.type_.as_str(), "NamespaceContentRemaining" | "NamespaceFinalizersRemaining")
        })
        .map(|c| c.message.clone())
        .next()
        .unwrap_or_else(|| namespace.status.phase.clone())
}

pub(super) async fn ready_now(context: &StepContext, namespace: &str) -> Result<Vec<(WorkloadRef, u32)>, StepError> {
    let mut all = vec![];
    for resource in ["deployments", "statefulsets"] {
        let kind = if resource == "deployments" { "Deployment" } else { "StatefulSet" };
        let found: Vec<Workload> = context
            .world
            .kube
            .list_as(&format!("/apis/apps/v1/namespaces/{namespace}/{resource}"))
            .await
            .map_err(StepError::failed)?;
        all.extend(found.iter().filter_map(|w| Some((WorkloadRef::of(kind, &w.metadata.name)?, w.wanted()))));
    }
    Ok(all)
}

async fn volumes_of(context: &StepContext, namespace: &str) -> Result<Vec<Volume>, StepError> {
    let volumes: Vec<Volume> =
        context.world.kube.list_as("/api/v1/persistentvolumes").await.map_err(StepError::failed)?;
    Ok(volumes
        .into_iter()
        .filter(|v| v.spec.claim_ref.as_ref().and_then(|c| c["namespace"].as_str()) == Some(namespace))
        .collect())
}

/// The evidence of the loss: the state of each volume.
async fn fate_of(context: &StepContext, lost: &[Volume]) -> Result<Vec<String>, StepError> {
    let mut said = vec![];
    for volume in lost {
        let name = &volume.metadata.name;
        let now: Option<Value> =
            context.world.kube.find(&format!("/api/v1/persistentvolumes/{name}")).await.map_err(StepError::failed)?;
        let phase =
            now.as_ref().map_or("deleted", |v| v.pointer("/status/phase").and_then(Value::as_str).unwrap_or("?"));
        said.push(format!("{name} {phase}"));
    }
    Ok(said)
}
