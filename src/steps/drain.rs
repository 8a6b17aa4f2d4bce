//! The step drain: cordons nodes and evicts their pods, one node after another.

use serde_json::json;

use super::{
    Closing, PlanInput, StepContext, StepError,
    context::as_read,
    evictions,
    exempt::{Skip, skip},
    planning::{Draft, act, draft},
};
use crate::{
    event::Kind,
    kubernetes::{
        budgets_of, last_writing,
        objects::{Node, Pod},
    },
    model::{DrainStep, Drained, DrainedNode, FaultId, NodeTarget, PlannedStep, Revert, Role, StepClass, StepResult},
    world::ApiCall,
};

pub(super) fn plan(spec: &DrainStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let nodes = input.nodes(&spec.nodes, spec.zone.as_ref(), None, false)?;
    let mut planned = draft(StepClass::Fault, "stops evicting and restores the earlier cordon of each node");
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
                None if asked(pod, input).len() > 1 => planned.notes.push(format!(
                    "{}/{} stays, and the step will fail: {}",
                    pod.metadata.namespace,
                    pod.metadata.name,
                    evictions::ambiguous(&asked(pod, input))
                )),
                None => planned.acts.push(act(
                    format!("POST /api/v1/namespaces/{}/pods/{}/eviction", pod.metadata.namespace, pod.metadata.name),
                    "its controller creates a new one",
                )),
            }
        }
        planned.nodes.push(PlanInput::target(node));
    }
    planned.notes.push(
        "the pods are listed again when the step begins; pods of other namespaces on these nodes are evicted too"
            .into(),
    );
    Ok(planned)
}

/// The budgets that the Eviction API will check for a pod, as far as they are known: those in the scope.
fn asked(pod: &Pod, input: &PlanInput<'_>) -> Vec<String> {
    // The Eviction API does not check budgets for a pod that is not running.
    if pod.status.phase == "Pending" {
        return vec![];
    }
    evictions::names_of(&budgets_of(pod, input.inventory.budgets.get().unwrap_or_default()))
}

/// Changes whether the node is cordoned, if it is still the same node in the same state.
async fn write(context: &StepContext, target: &NodeTarget, (from, to): (bool, bool)) -> Result<(), String> {
    let path = format!("/api/v1/nodes/{}", target.name);
    context
        .change(&path, |found| {
            if found["metadata"]["uid"] != target.uid.as_str() {
                return Err(format!("node {} is not the one in the plan: its UID has changed", target.name));
            }
            if (found["spec"]["unschedulable"] == true) != from {
                return Err(format!(
                    "node {} was {}cordoned outside the drill",
                    target.name,
                    if from { "un" } else { "" }
                ));
            }
            let value = to.then_some(true);
            Ok(ApiCall::merge(&path, json!({"metadata": as_read(found), "spec": {"unschedulable": value}})))
        })
        .await
}

/// The request as a plan shows it: the resource version is not known yet.
fn cordon(name: &str, uid: &str, unschedulable: bool) -> ApiCall {
    ApiCall::merge(
        format!("/api/v1/nodes/{name}"),
        json!({"metadata": {"uid": uid}, "spec": {"unschedulable": if unschedulable { Some(true) } else { None }}}),
    )
}

pub(super) async fn apply(context: &StepContext, planned: &PlannedStep, spec: &DrainStep) -> Result<String, StepError> {
    let mut drained = Drained::default();
    for target in &planned.nodes {
        let path = format!("/api/v1/nodes/{}", target.name);
        let node: Node = context
            .world
            .kube
            .find_as(&path)
            .await
            .map_err(StepError::failed)?
            .ok_or_else(|| StepError::Failed(format!("node {} is gone: make a new plan", target.name)))?;
        let before = node.spec.unschedulable;
        let revert = Revert::Cordon { node: target.clone(), before };
        let fault = context.intend(&target.name, revert).await?;
        context.act(&fault, write(context, target, (before, true))).await?;
        let (done, in_time) = evictions::empty(context, spec, &target.name).await?;
        drained.nodes.push(done);
        // If the time for a node is over, budgets are refusing evictions. The next node would take more pods from the
        // same budgets, so the drain ends here.
        if !in_time {
            break;
        }
        if spec.uncordon {
            uncordon(context, &fault, target, before).await?;
        }
    }
    let said = told(&drained);
    let left: Vec<String> = drained.nodes.iter().filter(|n| !n.left.is_empty()).map(left_on).collect();
    context.result(StepResult::Drain(drained))?;
    if left.is_empty() { Ok(said) } else { Err(StepError::Failed(format!("{}; {said}", left.join("; ")))) }
}

fn told(drained: &Drained) -> String {
    let (evicted, refused) =
        drained.nodes.iter().fold((0, 0), |(evicted, refused), n| (evicted + n.evicted, refused + n.refused));
    let whole = drained.nodes.iter().filter(|n| n.left.is_empty()).count();
    format!("drained {whole} node(s): {evicted} pods evicted, {refused} evictions refused by budgets and tried again")
}

/// Every pod that is still on the node, and why.
fn left_on(node: &DrainedNode) -> String {
    let pods: Vec<String> = node.left.iter().map(ToString::to_string).collect();
    format!("node {} is not empty: {}", node.node, pods.join("; "))
}

async fn uncordon(context: &StepContext, fault: &FaultId, target: &NodeTarget, before: bool) -> Result<(), StepError> {
    context.recorder.record(Kind::RevertStarted { fault: fault.clone(), attempt: 1 })?;
    let closing = revert(context, target, before).await.map_err(StepError::Failed)?;
    context.close(fault, closing).await
}

pub(super) async fn revert(context: &StepContext, target: &NodeTarget, before: bool) -> Result<Closing, String> {
    let path = format!("/api/v1/nodes/{}", target.name);
    let found = context.world.kube.find(&path).await.map_err(|e| e.to_string())?;
    let written = found.as_ref().and_then(|node| last_writing(node, &["spec", "unschedulable"]));
    let node: Option<Node> = found.map(serde_json::from_value).transpose().map_err(|e| format!("{path}: {e}"))?;
    match node {
        None => return Ok(Closing::Left(format!("node {} is gone", target.name))),
        Some(node) if node.metadata.uid != target.uid => {
            return Ok(Closing::Replaced(format!("node {} was replaced", target.name)));
        }
        Some(node) if node.spec.unschedulable == before => {
            return Ok(Closing::Reverted(format!("node {}: unschedulable={before}, as before", target.name)));
        }
        // The drill only cordons. So if a node was cordoned before and is not any more, others uncordoned it.
        Some(_) if before => {
            return Ok(Closing::Left(format!(
                "node {}: left uncordoned, because it was changed outside the drill",
                target.name
            )));
        }
        // It may have been cordoned outside the drill between the drill's read and its write, or after an uncordon.
        Some(_) if written.as_ref().is_some_and(|w| w.role() != Role::Drill) => {
            let by = written.map(|w| w.manager).unwrap_or_default();
            return Ok(Closing::Left(format!(
                "node {}: left cordoned, because `{by}` cordoned it, not the drill",
                target.name
            )));
        }
        Some(_) => {}
    }
    write(context, target, (!before, before)).await?;
    let after: Option<Node> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
    if after.is_some_and(|n| n.spec.unschedulable == before) {
        Ok(Closing::Reverted(format!("node {}: unschedulable={before}, as before", target.name)))
    } else {
        Err(format!("node {} does not keep unschedulable={before}: something else changes it", target.name))
    }
}
