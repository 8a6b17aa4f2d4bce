//! The step impairNodes: breaks something inside nodes that keep their power.

use super::{
    Closing, PlanInput, StepContext, StepError, inside,
    planning::{Draft, act, draft},
    power::{host, running},
    returned,
};
use crate::{
    event::Kind,
    journal::FaultRecord,
    kubernetes::objects::Node,
    model::{ImpairNodesStep, NodeService, PlannedStep, PowerState, Revert, StepClass, shell, some},
    told,
};

pub(super) fn plan(spec: &ImpairNodesStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let host = input
        .host
        .ok_or("the bindings name no node host: add one to the bindings file (nodeHost: {kind: {cluster: …}})")?;
    if host.name() == "simulated" {
        simulated(spec)?;
    }
    let nodes = input.chosen(spec.choice(), false)?;
    let all = input.inventory.nodes.get().map_err(|why| format!("cannot list the nodes: {why}"))?;
    let mut planned = draft(StepClass::Fault, "repairs the nodes and waits until they are Ready");
    for node in nodes {
        let name = &node.metadata.name;
        input.machine(host, name)?;
        let trouble = inside::Breakage::of(spec, &peers(spec, all, name)?, input.run)?;
        let whole = |argv: Vec<String>| {
            let words: Vec<&str> = argv.iter().map(String::as_str).collect();
            host.inside(name, &words).map(|a| shell(&a)).map_err(|e| e.to_string())
        };
        planned.acts.push(act(whole(trouble.argv(None))?, whole(inside::undo(&trouble.leaves("")))?));
        planned.nodes.push(PlanInput::target(node));
    }
    planned.notes = notes(spec);
    Ok(planned)
}

/// Refuses what a simulated node does not have.
fn simulated(spec: &ImpairNodesStep) -> Result<(), String> {
    let lacks = match (spec.stop, &spec.disk, &spec.network) {
        (Some(NodeService::Runtime), ..) => "a container runtime",
        (_, Some(_), _) => "a disk",
        (.., Some(network)) if network.loss.is_some_and(|share| share.0 < 100) => {
            "a network that loses a share of its packets"
        }
        _ => return Ok(()),
    };
    Err(format!("a rehearsal cannot run this step: a simulated node does not have {lacks}"))
}

/// The addresses of the machines and pods whose packets are dropped.
fn peers(spec: &ImpairNodesStep, all: &[Node], own: &str) -> Result<Vec<String>, String> {
    let Some(network) = spec.network.as_ref().filter(|n| n.drop.is_some()) else { return Ok(vec![]) };
    let others = all
        .iter()
        .filter(|n| n.metadata.name != own && network.zone.as_ref().is_none_or(|zone| n.zone() == *zone))
        .flat_map(Node::networks)
        .collect::<Vec<_>>();
    if others.is_empty() {
        let place = network.zone.as_ref().map(|zone| format!(" in zone `{zone}`")).unwrap_or_default();
        return Err(format!("there is no node{place} other than {own} whose packets could be dropped"));
    }
    Ok(others)
}

fn notes(spec: &ImpairNodesStep) -> Vec<String> {
    let alive = "containers keep running and may keep writing: a pod that is replaced on another node then runs twice";
    let note = match (spec.stop, &spec.disk, &spec.network) {
        (Some(NodeService::Kubelet), ..) => alive.to_owned(),
        (Some(NodeService::Runtime), ..) => format!("the kubelet itself notices that its runtime is gone; {alive}"),
        (_, Some(_), _) => {
            "programs that write there fail or wait; data that they have not written yet may be lost".to_owned()
        }
        (.., Some(network)) if network.delay.is_some() => {
            "everything that the node sends is delayed, both to pods and to machines".to_owned()
        }
        _ => format!("connections hang instead of failing; {alive}"),
    };
    vec![note]
}

pub(super) async fn apply(
    context: &StepContext,
    planned: &PlannedStep,
    spec: &ImpairNodesStep,
) -> Result<String, StepError> {
    let host = host(context).map_err(StepError::Failed)?;
    let all: Vec<Node> = context.world.kube.list_as("/api/v1/nodes").await.map_err(StepError::failed)?;
    let mut begun = vec![];
    for target in &planned.nodes {
        let machine = running(context, target).await?;
        let peers = peers(spec, &all, &target.name).map_err(StepError::Failed)?;
        let trouble = inside::Breakage::of(spec, &peers, &context.run).map_err(StepError::Failed)?;
        let ready = inside::ready_for(host, &target.name, &trouble).await.map_err(StepError::Failed)?;
        begun.push((target, machine, trouble, ready));
    }
    let (mut acts, mut effects) = (vec![], vec![]);
    for (target, machine, trouble, ready) in begun {
        let what = trouble.leaves(&ready.interface);
        effects.push((target.name.clone(), what.clone()));
        let undo = inside::undo(&what);
        let words: Vec<&str> = undo.iter().map(String::as_str).collect();
        let command = host.inside(&target.name, &words).map_err(StepError::failed)?;
        let revert = Revert::Impairment { node: target.clone(), machine: machine.id, what, command };
        let fault = context.intend(&target.name, revert).await?;
        acts.push((fault, target.name.clone(), trouble.argv(Some(&ready))));
    }
    let done = acts.iter().map(|(fault, node, argv)| {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        async move { context.act(fault, async { host.run_inside(node, &words).await.map(drop) }).await }
    });
    for done in futures_util::future::join_all(done).await {
        done?;
    }
    // The acknowledgement of the act is not evidence for its effect, which is read from the node.
    for (node, what) in &effects {
        if let Some(how) = inside::effect(host, node, what).await {
            context.recorder.observe(Kind::EffectSeen { node: node.clone(), how: told!(context.recorder, "{how}") });
        }
    }
    let names: Vec<String> = acts.into_iter().map(|(_, name, _)| name).collect();
    Ok(format!("{} on {}", inside::past(spec), some(&names)))
}

/// Repairs the node, even if only part of the act happened. A node without power has nothing that could be repaired:
/// its power comes first.
pub(super) async fn begin_revert(context: &StepContext, revert: &Revert) -> Result<(), String> {
    let Revert::Impairment { node, machine, what, .. } = revert else { return Ok(()) };
    inside::is_ours(what)?;
    let host = host(context)?;
    let now = host.machine(&node.name).await.map_err(|e| e.to_string())?;
    if now.id != *machine {
        return Err(format!(
            "the machine of node {} was replaced (it is {} now, and was {machine})",
            node.name, now.id
        ));
    }
    if !matches!(now.state, PowerState::Running | PowerState::Isolated) {
        return Err(format!("node {} is {:?}: it can be repaired only while it is running", node.name, now.state));
    }
    if inside::is_right(host, &node.name, what).await? {
        return Ok(());
    }
    let undo = inside::undo(what);
    let words: Vec<&str> = undo.iter().map(String::as_str).collect();
    context.may_act().await.map_err(|e| e.to_string())?;
    host.run_inside(&node.name, &words).await.map_err(|e| e.to_string())?;
    Ok(())
}

pub(super) async fn revert(context: &StepContext, fault: &FaultRecord) -> Result<Closing, String> {
    let Revert::Impairment { node, what, .. } = &fault.revert else { return Err("not a node".into()) };
    begin_revert(context, &fault.revert).await?;
    if !inside::is_right(host(context)?, &node.name, what).await? {
        return Err(format!("{} of node {} is not repaired yet", inside::name(what), node.name));
    }
    match returned::wait(context, node).await? {
        Ok(_) => Ok(Closing::Reverted(format!(
            "{} is as before, and node {} is Ready without an outage taint",
            inside::name(what),
            node.name
        ))),
        Err(replaced) => Ok(replaced),
    }
}
