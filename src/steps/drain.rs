//! drain: cordon nodes and evict their pods, one node after another.

use std::time::Duration;

use serde_json::json;

use super::{
    Closing, Look, PlanInput, SendError, StepContext, StepError,
    context::as_read,
    planning::{Draft, act, draft},
};
use crate::{
    event::Kind,
    kubernetes::objects::{Node, Pod},
    model::{DrainStep, FaultId, NodeTarget, PlannedStep, Revert, StepClass, Told},
    world::{ApiCall, ApiError},
};

pub(super) fn plan(spec: &DrainStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let nodes = input.nodes(&spec.nodes, spec.zone.as_ref(), None, false)?;
    let mut planned = draft(StepClass::Fault, "stops evicting and puts each node's cordon back as it was");
    for node in nodes {
        let name = &node.metadata.name;
        planned.acts.push(act(
            cordon(name, &node.metadata.uid, true).to_string(),
            cordon(name, &node.metadata.uid, node.spec.unschedulable).to_string(),
        ));
        for pod in input.inventory.pods_on(name) {
            match skip(pod, spec) {
                Some(Skip::Because(why)) => {
                    planned.notes.push(format!("{}/{} stays: {why}", pod.metadata.namespace, pod.metadata.name))
                }
                Some(Skip::Refuse(why)) => {
                    return Err(format!("{}/{} on node {name}: {why}", pod.metadata.namespace, pod.metadata.name));
                }
                None => planned.acts.push(act(
                    format!("POST /api/v1/namespaces/{}/pods/{}/eviction", pod.metadata.namespace, pod.metadata.name),
                    "its controller makes it again",
                )),
            }
        }
        planned.nodes.push(PlanInput::target(node));
    }
    planned.notes.push(
        "pods are resolved again when the step begins; pods of other namespaces on these nodes are evicted too".into(),
    );
    Ok(planned)
}

enum Skip {
    Because(&'static str),
    Refuse(&'static str),
}

/// Drain is not evict-all (correctness 9).
fn skip(pod: &Pod, spec: &DrainStep) -> Option<Skip> {
    let owner = pod.controller().map(|o| o.kind.as_str());
    let empty_dir = pod.spec.volumes.iter().any(|v| v.get("emptyDir").is_some());
    if owner == Some("DaemonSet") {
        Some(Skip::Because("a DaemonSet's pod"))
    } else if pod.is_mirror() || owner == Some("Node") {
        Some(Skip::Because("a static pod"))
    } else if pod.is_finished() {
        Some(Skip::Because("it has ended"))
    } else if owner.is_none() && !spec.unmanaged {
        Some(Skip::Refuse("no controller would make it again: say `unmanaged: true` to evict it all the same"))
    } else if empty_dir && !spec.empty_dir {
        Some(Skip::Refuse("it has an emptyDir volume, whose content an eviction loses"))
    } else {
        None
    }
}

/// Writes over what the node was, on the node as it is now and on no other.
async fn write(context: &StepContext, target: &NodeTarget, (from, to): (bool, bool)) -> Result<(), String> {
    let path = format!("/api/v1/nodes/{}", target.name);
    context
        .change(&path, |found| {
            if found["metadata"]["uid"] != target.uid.as_str() {
                return Err(format!("node {} is another one than was planned (its UID changed)", target.name));
            }
            if (found["spec"]["unschedulable"] == true) != from {
                return Err(format!(
                    "node {} was {}cordoned by somebody else",
                    target.name,
                    if from { "un" } else { "" }
                ));
            }
            let value = to.then_some(true);
            Ok(ApiCall::merge(&path, json!({"metadata": as_read(found), "spec": {"unschedulable": value}})))
        })
        .await
}

/// What a plan shows: the version that it is written over is not known yet.
fn cordon(name: &str, uid: &str, unschedulable: bool) -> ApiCall {
    ApiCall::merge(
        format!("/api/v1/nodes/{name}"),
        json!({"metadata": {"uid": uid}, "spec": {"unschedulable": if unschedulable { Some(true) } else { None }}}),
    )
}

pub(super) async fn apply(context: &StepContext, planned: &PlannedStep, spec: &DrainStep) -> Result<String, StepError> {
    let mut evicted = 0;
    let mut refused = 0;
    for target in &planned.nodes {
        let path = format!("/api/v1/nodes/{}", target.name);
        let node: Node = context
            .world
            .kube
            .find_as(&path)
            .await
            .map_err(StepError::failed)?
            .ok_or_else(|| StepError::Failed(format!("node {} is gone: plan again", target.name)))?;
        let before = node.spec.unschedulable;
        let revert = Revert::Cordon { node: target.clone(), before };
        let fault = context.intend(&target.name, revert).await?;
        context.act(&fault, write(context, target, (before, true))).await?;
        let (gone, blocked) = empty(context, spec, target).await?;
        evicted += gone;
        refused += blocked;
        if spec.uncordon {
            uncordon(context, &fault, target, before).await?;
        }
    }
    let nodes = planned.nodes.len();
    Ok(format!(
        "drained {nodes} node(s): {evicted} pods evicted, {refused} evictions refused by budgets and tried again"
    ))
}

async fn uncordon(context: &StepContext, fault: &FaultId, target: &NodeTarget, before: bool) -> Result<(), StepError> {
    context.recorder.record(Kind::RevertStarted { fault: fault.clone(), attempt: 1 })?;
    let closing = revert(context, target, before).await.map_err(StepError::Failed)?;
    context.close(fault, closing).await
}

/// Evicts until the node is empty. A budget's refusal is normal: it is written
/// down, and asked again.
async fn empty(context: &StepContext, spec: &DrainStep, target: &NodeTarget) -> Result<(u32, u32), StepError> {
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", target.name);
    let mut evicted = 0;
    let mut refused = 0;
    let what = format!("node {} to be empty", target.name);
    context
        .until(spec.at_most.0, &what, async || {
            let pods: Vec<Pod> = match context.world.kube.list_as(&path).await {
                Ok(pods) => pods,
                Err(error) => return Look::NotYet(error.to_string()),
            };
            let mut left = vec![];
            for pod in pods.iter().filter(|p| skip(p, spec).is_none()) {
                if !pod.is_terminating() {
                    match evict(context, pod).await {
                        Ok(true) => evicted += 1,
                        Ok(false) => refused += 1,
                        Err(error) => return Look::NotYet(error),
                    }
                }
                left.push(format!("{}/{}", pod.metadata.namespace, pod.metadata.name));
            }
            if left.is_empty() {
                return Look::Done(());
            }
            // Refused evictions are asked again a few times a second, not in a hot loop.
            tokio::time::sleep(Duration::from_millis(400)).await;
            Look::NotYet(format!("still there: {}", left.join(", ")))
        })
        .await?;
    Ok((evicted, refused))
}

/// True when the API let the pod go. A pod whose controller is unable to make it
/// again is the drill's business; one that is gone already is not.
async fn evict(context: &StepContext, pod: &Pod) -> Result<bool, String> {
    let meta = &pod.metadata;
    let answer = context.send(&ApiCall::evict(&meta.namespace, &meta.name, &meta.uid, false)).await;
    let (code, reason, message, causes) = match answer {
        Ok(_) => (201, String::new(), Told::default(), vec![]),
        Err(SendError::Api(ApiError::Status { code, reason, message, causes, .. })) => (code, reason, message, causes),
        Err(error) => return Err(error.to_string()),
    };
    let budget = causes.iter().any(|c| c == "DisruptionBudget");
    context.recorder.observe(Kind::EvictionAnswered {
        step: context.step.0.clone(),
        namespace: meta.namespace.clone(),
        pod: meta.name.clone(),
        owner: pod.workload().map(|w| w.to_string()).unwrap_or_default(),
        dry_run: false,
        code,
        reason: if budget { "DisruptionBudget".into() } else { reason },
        message: message.clone(),
        expected: String::new(),
        budget: String::new(),
    });
    match code {
        200..=299 => Ok(true),
        404 | 409 => Ok(false),
        429 => Ok(false),
        _ => Err(format!("eviction of {}/{}: {code} {message}", meta.namespace, meta.name)),
    }
}

pub(super) async fn revert(context: &StepContext, target: &NodeTarget, before: bool) -> Result<Closing, String> {
    let path = format!("/api/v1/nodes/{}", target.name);
    let found: Option<Node> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
    match found {
        None => return Ok(Closing::Left(format!("node {} is gone", target.name))),
        Some(node) if node.metadata.uid != target.uid => {
            return Ok(Closing::Replaced(format!("node {} was replaced", target.name)));
        }
        Some(node) if node.spec.unschedulable == before => {
            return Ok(Closing::Reverted(format!("node {}: unschedulable={before}, as before", target.name)));
        }
        // The drill cordons only: a node that was cordoned before and is not any more was
        // released by somebody.
        Some(_) if before => {
            return Ok(Closing::Left(format!("node {}: left uncordoned, as changed by somebody else", target.name)));
        }
        Some(_) => {}
    }
    write(context, target, (!before, before)).await?;
    let after: Option<Node> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
    if after.is_some_and(|n| n.spec.unschedulable == before) {
        Ok(Closing::Reverted(format!("node {}: unschedulable={before}, as before", target.name)))
    } else {
        Err(format!("node {} does not keep unschedulable={before}", target.name))
    }
}
