//! killNodes, killZone: take the power of nodes, freeze them, or cut them off.

use std::collections::BTreeSet;

use super::{
    Closing, PlanInput, StepContext, StepError,
    planning::{Draft, act, draft},
    replaced, returned,
};
use crate::{
    journal::FaultRecord,
    kubernetes::objects::Node,
    model::{
        KillNodesStep, KillZoneStep, LoseClusterStep, NodeHow, NodeTarget, PlannedStep, PowerState, Revert, StepClass,
        shell, some,
    },
    world::{Machine, NodeHost},
};

pub(super) fn plan_nodes(spec: &KillNodesStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let nodes = input.chosen(spec.choice(), spec.control_plane)?;
    plan(&nodes, spec.how, input)
}

pub(super) fn plan_zone(spec: &KillZoneStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let nodes = input.nodes(&[], Some(&spec.zone), None, false)?;
    plan(&nodes, spec.how, input)
}

/// Every machine of the cluster; that something of the application is left is the
/// second cluster's business.
pub(super) fn plan_cluster(spec: &LoseClusterStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    if input.recovery.is_none() {
        return Err("no second cluster is named (--context recovery=NAME): nothing could be shown but the loss".into());
    }
    if spec.how.leaves_alive() {
        return Err("a lost cluster is killed or stopped: what is frozen or cut off would go on writing".into());
    }
    let all = input.inventory.nodes.get().map_err(|why| format!("the nodes cannot be listed: {why}"))?;
    // The control plane last in, so that it is the first out: the undo needs it.
    let mut nodes: Vec<&Node> = all.iter().collect();
    nodes.sort_by_key(|n| (n.is_control_plane(), n.metadata.name.clone()));
    plan(&nodes, spec.how, input)
}

fn plan(nodes: &[&Node], how: NodeHow, input: &PlanInput<'_>) -> Result<Draft, String> {
    let host = input
        .host
        .ok_or("no node host: name one in the bindings file (nodeHost: {kind: {cluster: …}} or {exec: …})")?;
    let mut planned = draft(StepClass::Fault, "brings the nodes back and waits until they are Ready");
    for node in nodes {
        let name = &node.metadata.name;
        let machine = input.machine(host, name)?;
        if how == NodeHow::Partition && node.is_control_plane() && host.name() == "simulated" {
            return Err(format!(
                "node `{name}` carries the control plane: what one that is cut off does of its own no rehearsal can show (kill, stop or pause it)"
            ));
        }
        let does = host.take_away(&machine, how).map_err(|e| e.to_string())?;
        let undo = host.bring_back(name, how).map_err(|e| e.to_string())?;
        planned.acts.push(act(shell(&does), shell(&undo)));
        planned.nodes.push(PlanInput::target(node));
    }
    planned.notes = notes(&planned.nodes, how, input);
    if nodes.iter().any(|n| n.is_control_plane()) {
        planned.notes.push("the control plane is away meanwhile: BLIND INTERVAL, only probes go on; alerts, pods and budgets cannot be judged over it".into());
    }
    Ok(planned)
}

/// What cannot recover before the nodes are back (correctness 17, 18, 24).
fn notes(targets: &[NodeTarget], how: NodeHow, input: &PlanInput<'_>) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for pod in input.scope_pods_on(targets) {
        let name = format!("{}/{}", pod.metadata.namespace, pod.metadata.name);
        let owner = pod.workload();
        if owner.as_ref().is_some_and(|w| w.kind == "statefulset") {
            notes.insert(format!(
                "{name} will stay Terminating and is not replaced until its node is back or fenced (StatefulSet)"
            ));
        }
        if pod.controller().is_none() {
            notes.insert(format!("{name} has no controller: nothing makes it again"));
        }
        if pod
            .spec
            .topology_spread_constraints
            .iter()
            .any(|c| c.when_unsatisfiable == "DoNotSchedule" && c.node_taints_policy.as_deref() != Some("Honor"))
        {
            notes.insert(format!(
                "the replacement of {name} may stay Pending: its spread is DoNotSchedule and still counts the dark zone"
            ));
        }
    }
    if how == NodeHow::Pause {
        notes.insert("connections to frozen nodes hang and do not fail: clients wait for their timeouts".into());
    }
    if how == NodeHow::Partition {
        notes.insert("what runs on nodes that are cut off goes on, and may go on writing: their pods are replaced elsewhere all the same".into());
    }
    notes.into_iter().collect()
}

pub(super) async fn apply(context: &StepContext, planned: &PlannedStep, how: NodeHow) -> Result<String, StepError> {
    let host = host(context).map_err(StepError::Failed)?;
    let mut intended = vec![];
    for target in &planned.nodes {
        intended.push((target.clone(), running(context, target).await?));
    }
    // Docker hands out the lowest free address: the undo runs last in, first out,
    // so the highest address is written down first (correctness 27).
    intended.sort_by_key(|(_, machine)| std::cmp::Reverse(octets(&machine.addresses)));
    let mut faults = vec![];
    for (target, machine) in &intended {
        let command = host.bring_back(&target.name, how).map_err(StepError::failed)?;
        let routes = match how {
            NodeHow::Partition => {
                host.can_be_cut(&target.name).await.map_err(StepError::failed)?;
                host.routes(&target.name).await.map_err(StepError::failed)?
            }
            _ => vec![],
        };
        let revert = Revert::NodePower {
            node: target.clone(),
            host: host.name().to_owned(),
            machine: machine.id.clone(),
            how,
            addresses: machine.addresses.clone(),
            routes,
            command,
        };
        faults.push((context.intend(&target.name, revert).await?, target.name.clone()));
    }
    if planned.takes_control_plane() {
        context.hold_lease().await?;
    }
    let acts = faults.iter().zip(&intended).map(|((fault, _), (_, machine))| async {
        let argv = host.take_away(machine, how).map_err(StepError::failed)?;
        context.act(fault, host.run(&argv)).await
    });
    for done in futures_util::future::join_all(acts).await {
        done?;
    }
    let names: Vec<String> = faults.into_iter().map(|(_, n)| n).collect();
    Ok(format!("{} {}", past(how), some(&names)))
}

fn past(how: NodeHow) -> &'static str {
    match how {
        NodeHow::Kill => "killed",
        NodeHow::Stop => "stopped",
        NodeHow::Pause => "paused",
        NodeHow::Partition => "cut off",
    }
}

fn octets(addresses: &std::collections::BTreeMap<String, String>) -> Vec<u8> {
    addresses.values().next().map(|a| a.split('.').filter_map(|o| o.parse().ok()).collect()).unwrap_or_default()
}

/// The node is still the one that was planned.
pub(super) async fn same_node(context: &StepContext, target: &NodeTarget) -> Result<(), StepError> {
    let path = format!("/api/v1/nodes/{}", target.name);
    let node: Option<Node> = context.world.kube.find_as(&path).await.map_err(StepError::failed)?;
    match node {
        Some(node) if node.metadata.uid == target.uid => Ok(()),
        Some(_) => Err(StepError::Failed(format!(
            "node {} is another one than was planned (its UID changed): plan again",
            target.name
        ))),
        None => Err(StepError::Failed(format!("node {} is gone: plan again", target.name))),
    }
}

/// The machine of a node that is the planned one and runs: a fault acts on nothing else.
pub(super) async fn running(context: &StepContext, target: &NodeTarget) -> Result<Machine, StepError> {
    same_node(context, target).await?;
    let host = host(context).map_err(StepError::Failed)?;
    let machine = host.machine(&target.name).await.map_err(StepError::failed)?;
    match machine.state {
        PowerState::Running => Ok(machine),
        state => Err(StepError::Failed(format!("node {} is {state:?}: nothing was done to it", target.name))),
    }
}

pub(super) fn host(context: &StepContext) -> Result<&NodeHost, String> {
    context.world.host.as_ref().ok_or_else(|| "the bindings name no node host".to_owned())
}

/// Gives the power back, and the network, whatever the machine's state.
pub(super) async fn begin_revert(context: &StepContext, revert: &Revert) -> Result<(), String> {
    let Revert::NodePower { node, machine, .. } = revert else { return Ok(()) };
    let host = host(context)?;
    context.may_act().await.map_err(|e| e.to_string())?;
    match host.give_back(&node.name, machine).await {
        Ok(_) => Ok(()),
        // Autoscaling took node and machine away: there is nothing to give power to.
        Err(_) if replaced::is_gone(context, node).await => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Power, then Ready, then no taint of the outage left; or another node of the
/// same pool in its place.
pub(super) async fn revert(context: &StepContext, fault: &FaultRecord) -> Result<Closing, String> {
    let Revert::NodePower { node, addresses, routes, .. } = &fault.revert else { return Err("not a node".into()) };
    begin_revert(context, &fault.revert).await?;
    let found = match returned::wait(context, node).await? {
        Ok(found) => found,
        Err(replaced) => return Ok(replaced),
    };
    let mut evidence = format!("node {} is Ready without an outage taint", node.name);
    if found.metadata.uid != node.uid {
        return Ok(Closing::Replaced(format!("{evidence}; the Node object was replaced (UID {})", found.metadata.uid)));
    }
    if !routes.is_empty() {
        evidence = format!("{evidence}; {}", returned::routes(context, &node.name, routes).await?);
    }
    if let Ok(machine) = host(context)?.machine(&node.name).await
        && machine.addresses != *addresses
    {
        evidence = format!(
            "{evidence}; its address is {:?}, it was {addresses:?}: the node took it over by itself",
            machine.addresses
        );
    }
    Ok(Closing::Reverted(evidence))
}
