//! The step fenceNode: tells Kubernetes that nodes are permanently off, so that it replaces pods on other nodes that
//! it would otherwise keep for them (StatefulSets, volumes). Two writers on one volume are worse than an outage, so a
//! node is fenced only if the node host reports it as off.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Closing, Progress, StepContext, StepError,
    planning::{Draft, act, draft},
    pods::dead,
    power::{host, same_node},
};
use crate::{
    kubernetes::{objects::Node, writer},
    model::{FenceNodeStep, NodeTarget, OUT_OF_SERVICE, PlannedStep, PowerState, Revert, StepClass, some},
    world::ApiCall,
};

/// The value by which the drill recognises its own taint.
const VALUE: &str = "nodeshutdown";

pub(super) fn plan(spec: &FenceNodeStep, so_far: &[PlannedStep]) -> Result<Draft, String> {
    let mut planned = draft(StepClass::Fault, "removes the taint");
    planned.nodes = dead(&spec.fault, so_far, "given up by a taint")?;
    for node in &planned.nodes {
        planned.acts.push(act(
            format!(
                "taint node {} with {OUT_OF_SERVICE}=nodeshutdown:NoExecute, when the node host reports it as off",
                node.name
            ),
            format!("kubectl taint node {} {OUT_OF_SERVICE}-", node.name),
        ));
    }
    planned.notes.push(
        "pods on these nodes are force-deleted; a volume that is local to its node cannot move with its pod".into(),
    );
    Ok(planned)
}

pub(super) async fn apply(context: &StepContext, planned: &PlannedStep) -> Result<String, StepError> {
    let host = host(context).map_err(StepError::Failed)?;
    let mut fenced = vec![];
    for target in &planned.nodes {
        same_node(context, target).await?;
        let state = host.machine(&target.name).await.map_err(StepError::failed)?.state;
        if state != PowerState::Off {
            return Err(StepError::Failed(format!(
                "node {} is {state:?}, not off: it was not fenced, because its containers may be writing",
                target.name
            )));
        }
        let found = read(context, target).await.map_err(StepError::Failed)?;
        if found.as_ref().is_some_and(is_fenced) {
            return Err(StepError::Failed(format!("node {} was already fenced outside the drill", target.name)));
        }
        let fault = context.intend(&target.name, Revert::Fence { node: target.clone() }).await?;
        context.act(&fault, write(context, target, true)).await?;
        fenced.push(target.name.clone());
    }
    Ok(format!("fenced {}", some(&fenced)))
}

pub(super) async fn revert(context: &StepContext, node: &NodeTarget) -> Result<Closing, String> {
    match read(context, node).await? {
        None => return Ok(Closing::Left(format!("node {} is gone, and its taint with it", node.name))),
        Some(found) if found["metadata"]["uid"] != node.uid.as_str() => {
            return Ok(Closing::Replaced(format!("node {} was replaced", node.name)));
        }
        Some(found) if !is_fenced(&found) => {}
        Some(found) if !is_ours(&found) => return Ok(theirs(&found, node)),
        Some(_) => write(context, node, false).await?,
    }
    match read(context, node).await? {
        Some(found) if is_ours(&found) => Err(format!("node {} is still fenced", node.name)),
        Some(found) if is_fenced(&found) => Ok(theirs(&found, node)),
        _ => Ok(Closing::Reverted(format!("node {} is no longer fenced", node.name))),
    }
}

fn theirs(found: &Value, node: &NodeTarget) -> Closing {
    let by = writer(found, &["spec", "taints"]);
    Closing::Left(format!("node {}: left fenced, because the taint was set by {by}, not by the drill", node.name))
}

async fn read(context: &StepContext, node: &NodeTarget) -> Result<Option<Value>, String> {
    context.world.kube.find(&format!("/api/v1/nodes/{}", node.name)).await.map_err(|e| e.to_string())
}

fn is_fenced(node: &Value) -> bool {
    serde_json::from_value::<Node>(node.clone()).is_ok_and(|n| n.taints().iter().any(|t| t.starts_with(OUT_OF_SERVICE)))
}

/// Whether the taint has the form that the drill writes.
pub(super) fn is_ours(node: &Value) -> bool {
    node["spec"]["taints"].as_array().into_iter().flatten().any(is_taint)
}

/// A controller may add the time to the taint.
fn is_taint(taint: &Value) -> bool {
    taint["key"] == OUT_OF_SERVICE && taint["value"] == VALUE && taint["effect"] == "NoExecute"
}

/// The list of taints is written as a whole. Others write it too, so each attempt starts from the current list.
async fn write(context: &StepContext, target: &NodeTarget, fence: bool) -> Result<(), String> {
    let what = format!("the taint of node {}", target.name);
    let written = context.until(Duration::from_secs(30), &what, async || {
        let node = match read(context, target).await {
            Ok(Some(node)) => node,
            Ok(None) => return Progress::NotYet("the node does not exist".into()),
            Err(why) => return Progress::NotYet(why),
        };
        let mut taints: Vec<Value> = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
        taints.retain(|t| !is_taint(t));
        if fence {
            taints.push(json!({"key": OUT_OF_SERVICE, "value": VALUE, "effect": "NoExecute"}));
        }
        // An empty list is the same as no list.
        let taints = if taints.is_empty() { Value::Null } else { taints.into() };
        let patch = json!({
            "metadata": {"uid": target.uid, "resourceVersion": node["metadata"]["resourceVersion"]},
            "spec": {"taints": taints},
        });
        match context.send(&ApiCall::merge(format!("/api/v1/nodes/{}", target.name), patch)).await {
            Ok(_) => Progress::Done(()),
            Err(error) => Progress::NotYet(error.to_string()),
        }
    });
    written.await.map_err(|e| e.to_string())
}
