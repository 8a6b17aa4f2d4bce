//! Checks once more what was undone, because a session that lost control of the run may have sent its act late. It
//! also touches the objects, so that a request that is sent even later has an outdated version and is refused.

use serde_json::json;

use super::{StepContext, context::as_read, fence, inside, own, power::host, short_pods};
use crate::{
    journal::FaultRecord,
    kubernetes::objects::{Named, Node, Workload},
    model::{NodeTarget, PowerState, Revert, some},
    world::ApiCall,
};

/// What is not in the state that it had when its undo was confirmed; none if everything is.
///
/// # Errors
/// The state could not be read.
pub async fn recheck(context: &StepContext, fault: &FaultRecord) -> Result<Option<String>, String> {
    match &fault.revert {
        Revert::NodePower { node, machine, .. } => power(context, node, machine).await,
        Revert::Impairment { node, what, .. } => {
            let right = inside::is_right(host(context)?, &node.name, what).await?;
            Ok((!right).then(|| format!("{} of node {} is not in order", inside::name(what), node.name)))
        }
        Revert::Fence { node } => {
            let path = format!("/api/v1/nodes/{}", node.name);
            let found = context.world.kube.find(&path).await.map_err(|e| e.to_string())?;
            let again = found.filter(|n| n["metadata"]["uid"] == node.uid.as_str() && fence::is_ours(n));
            Ok(again.map(|_| format!("node {} is fenced again", node.name)))
        }
        Revert::Cordon { node, before } => {
            // The drill only cordons. If the node was uncordoned since, others did it.
            let again = same(context, node).await?.filter(|n| n.spec.unschedulable && !before);
            Ok(again.map(|n| format!("node {} is cordoned again", n.metadata.name)))
        }
        Revert::Scale { object, written, before } => {
            let found: Option<Workload> = context.world.kube.find_as(&object.path).await.map_err(|e| e.to_string())?;
            let again = found.filter(|w| w.spec.replicas == Some(*written) && written != before);
            Ok(again.map(|_| format!("{} has replicas={written} again", object.path)))
        }
        Revert::Restore { namespace, .. } => {
            let found = named(context, namespace).await?;
            let gone = found.is_none_or(|n| n.metadata.deletion_timestamp.is_some());
            Ok(gone.then(|| format!("namespace {namespace} is being deleted, or gone, again")))
        }
        Revert::OwnNamespace { namespace, recovery, .. } => {
            let place = own::place(context, *recovery)?;
            let found = named(&place, namespace).await?.filter(|n| n.is_of_run(&context.run));
            Ok(found.map(|_| format!("namespace {namespace} exists again")))
        }
        Revert::OwnPods { namespace, pods, recovery } => {
            let place = own::place(context, *recovery)?;
            let there = short_pods::existing(&place, namespace, pods).await?;
            Ok((!there.is_empty()).then(|| format!("pods {} exist again", some(&there))))
        }
        // Pods are brought back by their controllers, and the effect of a program cannot be checked here.
        Revert::PodsReplaced { .. } | Revert::ExecUndo { .. } => Ok(None),
    }
}

async fn power(context: &StepContext, node: &NodeTarget, id: &str) -> Result<Option<String>, String> {
    let machine = match host(context)?.machine(&node.name).await {
        Ok(machine) => machine,
        // Autoscaling removed node and machine.
        Err(_) if super::replaced::is_gone(context, node).await => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let away = machine.id == id && machine.state != PowerState::Running;
    Ok(away.then(|| format!("node {} is {:?} again", node.name, machine.state)))
}

/// The node, if it is still the one in the plan.
async fn same(context: &StepContext, node: &NodeTarget) -> Result<Option<Node>, String> {
    let path = format!("/api/v1/nodes/{}", node.name);
    let found: Option<Node> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
    Ok(found.filter(|n| n.metadata.uid == node.uid))
}

async fn named(context: &StepContext, namespace: &str) -> Result<Option<Named>, String> {
    context.world.kube.find_as(&format!("/api/v1/namespaces/{namespace}")).await.map_err(|e| e.to_string())
}

/// Changes the version of an object, so that a request from a frozen session that arrives later is refused. The mark
/// is removed again, so nothing stays.
///
/// # Errors
/// The object could not be written.
pub async fn touch(context: &StepContext, fault: &FaultRecord) -> Result<(), String> {
    let path = match &fault.revert {
        Revert::Cordon { node, .. } | Revert::Fence { node } => format!("/api/v1/nodes/{}", node.name),
        Revert::Scale { object, .. } => object.path.clone(),
        Revert::Restore { namespace, .. } => format!("/api/v1/namespaces/{namespace}"),
        // Acts on machines have no version, and the drill's own objects are deleted by name.
        _ => return Ok(()),
    };
    if context.world.kube.find(&path).await.map_err(|e| e.to_string())?.is_none() {
        return Ok(());
    }
    for mark in [json!(context.recorder.epoch().to_string()), json!(null)] {
        let touched = context.change(&path, |found| {
            let mut metadata = as_read(found);
            metadata["annotations"] = json!({"drillmaster.dev/taken-over": mark});
            Ok(ApiCall::merge(&path, json!({ "metadata": metadata })))
        });
        touched.await?;
    }
    Ok(())
}
