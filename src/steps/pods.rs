//! The steps deletePods and forceDeletePods.

use super::{
    PlanInput, StepContext, StepError,
    planning::{Draft, act, draft},
};
use crate::{
    event::Kind,
    kubernetes::objects::Pod,
    model::{
        DeletePodsStep, ForceDeletePodsStep, NodeHow, NodeTarget, ObjectRef, PlannedStep, PowerState, Revert,
        StepClass, StepName, some,
    },
    world::ApiCall,
};

pub(super) fn plan(spec: &DeletePodsStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let namespace = input.namespace(spec.namespace.as_ref())?;
    let workload = input
        .inventory
        .workload(&namespace, &spec.workload)?
        .ok_or_else(|| input.inventory.lacks(&namespace, &spec.workload))?;
    let ready = input.inventory.ready(&namespace, &spec.workload);
    let count = count(spec, ready);
    if count == 0 {
        return Err(format!("{} has {ready} ready pods, so nothing would be deleted", spec.workload));
    }
    let mut planned = draft(StepClass::Fault, "waits until the workload has all its pods again");
    planned.objects.push(ObjectRef { path: workload.path(), uid: workload.metadata.uid.clone() });
    planned.acts.push(act(
        format!(
            "DELETE {count} of the ready pods of {} in /api/v1/namespaces/{namespace}/pods, the first by name",
            spec.workload
        ),
        "its controller creates new ones",
    ));
    Ok(planned)
}

fn count(spec: &DeletePodsStep, ready: u32) -> usize {
    let ready = ready as usize;
    match (spec.count, spec.percent) {
        (Some(count), _) => count.min(ready),
        (None, Some(percent)) => (ready * usize::from(percent.0)).div_ceil(100),
        (None, None) => 1.min(ready),
    }
}

pub(super) async fn apply(
    context: &StepContext,
    planned: &PlannedStep,
    spec: &DeletePodsStep,
) -> Result<String, StepError> {
    let namespace = namespace_of(planned)?;
    let pods = pods_of(context, &namespace).await?;
    let mut ready: Vec<&Pod> =
        pods.iter().filter(|p| p.counts() && p.workload().as_ref() == Some(&spec.workload)).collect();
    ready.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let had = u32::try_from(ready.len()).unwrap_or(u32::MAX);
    ready.truncate(count(spec, had));
    if ready.is_empty() {
        return Err(StepError::Failed(format!("{} has no ready pod to delete", spec.workload)));
    }
    let revert = Revert::PodsReplaced { namespace: namespace.clone(), ready: vec![(spec.workload.clone(), had)] };
    let fault = context.intend(&spec.workload.name, revert).await?;
    context
        .act(&fault, async {
            for pod in &ready {
                delete(context, pod, None).await?;
            }
            Ok::<_, String>(())
        })
        .await?;
    let names: Vec<&str> = ready.iter().map(|p| p.metadata.name.as_str()).collect();
    Ok(format!("deleted {}", some(&names)))
}

fn namespace_of(planned: &PlannedStep) -> Result<String, StepError> {
    planned
        .objects
        .first()
        .and_then(|o| Some(o.workload()?.namespace))
        .ok_or_else(|| StepError::Failed("the plan names no workload".into()))
}

pub(super) async fn pods_of(context: &StepContext, namespace: &str) -> Result<Vec<Pod>, StepError> {
    context.world.kube.list_plain(&format!("/api/v1/namespaces/{namespace}/pods")).await.map_err(StepError::failed)
}

/// Deletes exactly this pod: the next pod of a StatefulSet has the same name.
async fn delete(context: &StepContext, pod: &Pod, grace: Option<u32>) -> Result<(), String> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", pod.metadata.namespace, pod.metadata.name);
    // Written before the request is sent, so that an observer that sees the pod go knows that this drill deleted it.
    context.recorder.observe(Kind::PodTaken {
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
    });
    context
        .change(&path, |found| {
            if found["metadata"]["uid"] != pod.metadata.uid.as_str() {
                return Err(format!("{path} is another pod now: its UID has changed"));
            }
            let version = found["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            Ok(ApiCall::delete(&path, &pod.metadata.uid, grace).at_version(version))
        })
        .await
}

pub(super) fn plan_forced(spec: &ForceDeletePodsStep, so_far: &[PlannedStep]) -> Result<Draft, String> {
    let mut planned = draft(StepClass::Fault, "waits until the workloads have all their pods again");
    planned.nodes = dead(&spec.fault, so_far, "force-deleted")?;
    for node in &planned.nodes {
        planned.acts.push(act(
            format!("DELETE with gracePeriodSeconds=0 each Terminating pod of the scope on node {}, when the node host reports the node as off", node.name),
            "its controller creates a new one",
        ));
    }
    Ok(planned)
}

/// The nodes of a fault that leaves no containers running on them. A container that may keep writing must not be given
/// up, or two would write.
pub(super) fn dead(fault: &str, so_far: &[PlannedStep], given_up: &str) -> Result<Vec<NodeTarget>, String> {
    let step = so_far.iter().find(|s| s.name.0 == fault).ok_or_else(|| format!("step `{fault}` does not exist"))?;
    if step.how().is_none_or(NodeHow::leaves_alive) {
        return Err(format!(
            "step `{fault}` leaves its nodes running: their containers may keep writing, so their pods must not be {given_up}"
        ));
    }
    Ok(step.nodes.clone())
}

pub(super) async fn apply_forced(context: &StepContext, spec: &ForceDeletePodsStep) -> Result<String, StepError> {
    let mut deleted = vec![];
    for namespace in context.plan.namespaces.clone() {
        deleted.extend(force_dead(context, &namespace, Some(&StepName::from(spec.fault.as_str()))).await?);
    }
    Ok(if deleted.is_empty() {
        "no Terminating pod hangs on these nodes".into()
    } else {
        format!("force-deleted: {}", some(&deleted))
    })
}

/// Force-deletes the Terminating pods of a namespace whose node is proven to be off by the node host. Each deletion
/// has its own intent. Pods on frozen or partitioned nodes are never touched, because they may still be running.
pub(super) async fn force_dead(
    context: &StepContext,
    namespace: &str,
    of: Option<&StepName>,
) -> Result<Vec<String>, StepError> {
    let nodes_away: Vec<String> = context.recorder.with(|state| {
        state
            .still_open()
            .filter(|f| of.is_none_or(|s| f.step == *s))
            .filter_map(|f| match &f.revert {
                Revert::NodePower { node, how, .. } if !how.leaves_alive() => Some(node.name.clone()),
                _ => None,
            })
            .collect()
    });
    let Some(host) = &context.world.host else { return Ok(vec![]) };
    let mut deleted = vec![];
    for pod in pods_of(context, namespace).await? {
        let node = pod.spec.node_name.clone();
        if !pod.is_terminating() || !nodes_away.contains(&node) {
            continue;
        }
        let off = host.machine(&node).await.map_err(StepError::failed)?.state == PowerState::Off;
        if !off {
            continue;
        }
        let Some(target) = untried(context, &format!("{namespace}/{}", pod.metadata.name)) else { continue };
        let revert = Revert::PodsReplaced { namespace: namespace.to_owned(), ready: vec![] };
        let fault = context.intend(&target, revert).await?;
        context.act(&fault, delete(context, &pod, Some(0))).await?;
        deleted.push(pod.metadata.name.clone());
    }
    Ok(deleted)
}

/// The name of a deletion that is still to be done; none if it was acknowledged. A deletion that was only intended by
/// a session that then died is done again under another name.
fn untried(context: &StepContext, pod: &str) -> Option<String> {
    for attempt in 1_u32.. {
        let target = if attempt == 1 { pod.to_owned() } else { format!("{pod} again {attempt}") };
        let id = crate::model::FaultId::new(&context.step, &target);
        match context.recorder.with(|s| s.fault(&id).map(|f| f.acknowledged_us.is_some())) {
            None => return Some(target),
            Some(true) => return None,
            Some(false) => {}
        }
    }
    None
}
