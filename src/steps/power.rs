//! The steps killNodes, killZone and loseCluster: power nodes off, freeze them, or cut them off from the network.

use std::collections::BTreeSet;

use super::{
    Closing, PlanInput, StepContext, StepError,
    planning::{Draft, act, draft},
    replaced,
    returned::{self, FEW},
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

/// Every machine of the cluster. The part of the application that must survive runs on the second cluster.
pub(super) fn plan_cluster(spec: &LoseClusterStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    if input.recovery.is_none() {
        return Err(
            "a second cluster is needed (--context recovery=NAME): without one, the drill could only show the loss"
                .into(),
        );
    }
    if spec.how.leaves_alive() {
        return Err(
            "loseCluster needs `how: kill` or `how: stop`: a frozen or partitioned cluster could keep writing".into()
        );
    }
    let all = input.inventory.nodes.get().map_err(|why| format!("cannot list the nodes: {why}"))?;
    // The control plane is taken away last and brought back first, because the undo needs it.
    let mut nodes: Vec<&Node> = all.iter().collect();
    nodes.sort_by_key(|n| (n.is_control_plane(), n.metadata.name.clone()));
    plan(&nodes, spec.how, input)
}

fn plan(nodes: &[&Node], how: NodeHow, input: &PlanInput<'_>) -> Result<Draft, String> {
    let host = input.host.ok_or(
        "the bindings name no node host: add one to the bindings file (nodeHost: {kind: {cluster: …}} or {exec: …})",
    )?;
    let mut planned = draft(StepClass::Fault, "brings the nodes back and waits until they are Ready");
    for node in nodes {
        let name = &node.metadata.name;
        let machine = input.machine(host, name)?;
        if how == NodeHow::Partition && node.is_control_plane() && host.name() == "simulated" {
            return Err(format!(
                "node `{name}` runs the control plane: a rehearsal cannot run this step, because the simulation does not model what a control plane does that is cut off (use kill, stop or pause)"
            ));
        }
        let does = host.removal_command(&machine, how).map_err(|e| e.to_string())?;
        let undo = host.return_command(name, how).map_err(|e| e.to_string())?;
        planned.acts.push(act(shell(&does), shell(&undo)));
        planned.nodes.push(PlanInput::target(node));
    }
    planned.notes = notes(&planned.nodes, how, input);
    if nodes.iter().any(|n| n.is_control_plane()) {
        planned.notes.push("BLIND INTERVAL: while the control plane is away, only probes keep running; alerts, pods and budgets cannot be judged during this time".into());
    }
    Ok(planned)
}

/// What cannot recover before the nodes are back.
fn notes(targets: &[NodeTarget], how: NodeHow, input: &PlanInput<'_>) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for pod in input.scope_pods_on(targets) {
        let name = format!("{}/{}", pod.metadata.namespace, pod.metadata.name);
        let owner = pod.workload();
        if owner.as_ref().is_some_and(|w| w.kind == "statefulset") {
            notes.insert(format!(
                "{name} will stay Terminating, and its StatefulSet does not replace it until its node is back or fenced"
            ));
        }
        if pod.controller().is_none() {
            notes.insert(format!("{name} has no controller, so nothing creates it again"));
        }
        if pod
            .spec
            .topology_spread_constraints
            .iter()
            .any(|c| c.when_unsatisfiable == "DoNotSchedule" && c.node_taints_policy.as_deref() != Some("Honor"))
        {
            notes.insert(format!(
                "the replacement of {name} may stay Pending: its topology spread constraint (DoNotSchedule) still counts the lost zone"
            ));
        }
    }
    if how == NodeHow::Pause {
        notes.insert("connections to frozen nodes hang instead of failing: clients wait for their timeouts".into());
    }
    if how == NodeHow::Partition {
        notes.insert("containers on partitioned nodes keep running and may keep writing, while their pods are replaced on other nodes".into());
    }
    notes.into_iter().collect()
}

pub(super) async fn apply(context: &StepContext, planned: &PlannedStep, how: NodeHow) -> Result<String, StepError> {
    let host = host(context).map_err(StepError::Failed)?;
    let mut intended = vec![];
    for target in &planned.nodes {
        intended.push((target.clone(), running(context, target).await?));
    }
    // Docker assigns the lowest free address. The undo goes in reverse order, so the node with the highest address is
    // written down first, and each node gets its address back.
    intended.sort_by_key(|(_, machine)| std::cmp::Reverse(octets(&machine.addresses)));
    let many = intended.len() > FEW;
    let mut faults = vec![];
    for (target, machine) in &intended {
        let command = host.return_command(&target.name, how).map_err(StepError::failed)?;
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
        if many {
            faults.push((context.intend_on_disk(&target.name, revert)?, target.name.clone()));
        } else {
            faults.push((context.intend(&target.name, revert).await?, target.name.clone()));
        }
    }
    if many {
        context.mirror().await;
    }
    if planned.takes_control_plane() {
        context.hold_lease().await?;
    }
    let acts = faults.iter().zip(&intended).map(|((fault, _), (_, machine))| async {
        let argv = host.removal_command(machine, how).map_err(StepError::failed)?;
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

/// Checks that the node is still the one in the plan.
pub(super) async fn same_node(context: &StepContext, target: &NodeTarget) -> Result<(), StepError> {
    let path = format!("/api/v1/nodes/{}", target.name);
    let node: Option<Node> = context.world.kube.find_as(&path).await.map_err(StepError::failed)?;
    match node {
        Some(node) if node.metadata.uid == target.uid => Ok(()),
        Some(_) => Err(StepError::Failed(format!(
            "node {} is not the one in the plan (its UID has changed): make a new plan",
            target.name
        ))),
        None => Err(StepError::Failed(format!("node {} is gone: make a new plan", target.name))),
    }
}

/// The machine of a node, if it is the one in the plan and is running. A fault acts on no other machine.
pub(super) async fn running(context: &StepContext, target: &NodeTarget) -> Result<Machine, StepError> {
    same_node(context, target).await?;
    let host = host(context).map_err(StepError::Failed)?;
    let machine = host.machine(&target.name).await.map_err(StepError::failed)?;
    match machine.state {
        PowerState::Running => Ok(machine),
        state => Err(StepError::Failed(format!("node {} is {state:?}, so it was not touched", target.name))),
    }
}

pub(super) fn host(context: &StepContext) -> Result<&NodeHost, String> {
    context.world.host.as_ref().ok_or_else(|| "the bindings name no node host".to_owned())
}

/// Restores power and network, whatever the state of the machine.
pub(super) async fn begin_revert(context: &StepContext, revert: &Revert) -> Result<(), String> {
    let Revert::NodePower { node, machine, .. } = revert else { return Ok(()) };
    let host = host(context)?;
    context.may_act().await.map_err(|e| e.to_string())?;
    match host.give_back(&node.name, machine).await {
        Ok(_) => Ok(()),
        // Autoscaling removed node and machine, so there is nothing to power on.
        Err(_) if replaced::is_gone(context, node).await => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits for power, then for Ready, then until no taint of the outage is left; or until another node of the same pool
/// has replaced it.
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
            "{evidence}; its address is {:?} and was {addresses:?}; the node has adopted the new address",
            machine.addresses
        );
    }
    Ok(Closing::Reverted(evidence))
}
