//! The step wait: waits for a time, or until something holds. It uses the same fold of the journal that the verdict
//! uses later, and asks the judge before it says that it is done.

use std::collections::BTreeSet;

use super::{
    PlanInput, Progress, StepContext, StepError,
    planning::{Draft, act, draft},
};
use crate::{
    event::is_alertmanager,
    journal::RunState,
    kubernetes::objects::Pod,
    model::{
        AlertExpectation, Expectation, ForEach, PlannedStep, PowerState, Revert, StepClass, WaitStep, WaitUntil,
        WorkloadRef, some,
    },
    verdict::Waited,
};

/// A watch normally delivers within milliseconds, so a second is enough.
const SETTLE_US: u64 = 1_000_000;
/// How often to ask the node host whether a node that was taken away is still away.
const POWER_LOOK_US: u64 = 5_000_000;

pub(super) fn plan(spec: &WaitStep, input: &PlanInput<'_>, so_far: &[PlannedStep]) -> Result<Draft, String> {
    let mut planned = draft(StepClass::Observe, "stops waiting");
    let what = match (spec.for_, spec.until) {
        (Some(time), _) => format!("wait {time}"),
        (None, Some(WaitUntil::Alerted)) => "wait until every alert of the faults so far was received".into(),
        (None, _) => format!("wait until {} recovered", spec.of.join(", ")),
    };
    let limit = spec.at_most.map(|d| format!(", at most {d}")).unwrap_or_default();
    planned.acts.push(act(format!("{what}{limit}"), ""));
    for workload in spec.of.iter().filter_map(|w| w.parse::<WorkloadRef>().ok()) {
        let namespace = input.namespace(None)?;
        if input.inventory.workload(&namespace, &workload)?.is_none() {
            return Err(input.inventory.lacks(&namespace, &workload));
        }
        if so_far.iter().any(PlannedStep::takes_control_plane) && !healed(so_far) {
            return Err(format!(
                "{workload} cannot be observed while the control plane is away: heal the fault first, or wait only for probes"
            ));
        }
        // Waiting for a workload that cannot recover before its nodes are back would only waste time.
        if let Some(why) = stuck(&workload, &namespace, input, so_far).filter(|_| !healed(so_far)) {
            return Err(format!(
                "{workload} cannot recover before its nodes are back ({why}): heal the fault first, or remove it from the wait"
            ));
        }
    }
    Ok(planned)
}

/// Why the pods of a StatefulSet stay on nodes that were taken away. They are not replaced unless the nodes are
/// fenced, and a volume on the node prevents it even then.
fn stuck(
    workload: &WorkloadRef,
    namespace: &str,
    input: &PlanInput<'_>,
    so_far: &[PlannedStep],
) -> Option<&'static str> {
    if workload.kind != "statefulset" {
        return None;
    }
    let on = |verb: fn(&PlannedStep) -> bool, node: &str| {
        so_far.iter().filter(|s| verb(s)).any(|s| s.nodes.iter().any(|n| n.name == node))
    };
    let own = |p: &&Pod| p.metadata.namespace == namespace && p.workload().as_ref() == Some(workload);
    let gone = |p: &&Pod| on(PlannedStep::takes_nodes, &p.spec.node_name);
    input.inventory.pods.get().unwrap_or_default().iter().filter(own).filter(gone).find_map(|pod| {
        if !on(|s| s.fences().is_some(), &pod.spec.node_name) {
            Some("a StatefulSet does not replace a pod on a dead node")
        } else {
            input.keeps_to_its_node(pod).then_some("its volume is on the lost node")
        }
    })
}

fn healed(so_far: &[PlannedStep]) -> bool {
    so_far.iter().any(|s| s.heals().is_some())
}

pub(super) async fn apply(context: &StepContext, spec: &WaitStep) -> Result<String, StepError> {
    if let Some(time) = spec.for_ {
        tokio::time::sleep(time.0).await;
        return Ok(format!("waited {time}"));
    }
    let limit = spec.at_most.unwrap_or_default().0;
    let began = context.recorder.now_us();
    let what = match spec.until {
        Some(WaitUntil::Alerted) => "the alerts".to_owned(),
        _ => format!("{} to recover", spec.of.join(", ")),
    };
    let mut power = Power::default();
    let found = context
        .until(limit, &what, async || {
            if let Some(why) = power.returned(context).await {
                return Progress::Done(Err(why));
            }
            // Read the time before locking the state: the recorder has only one lock.
            let now = context.recorder.now_us();
            let missing = context.recorder.with(|state| match spec.until {
                Some(WaitUntil::Alerted) => missing_alerts(context, state),
                _ => missing_recovery(context, state, spec, (began, now)),
            });
            if !missing.is_empty() {
                return Progress::NotYet(some(&missing));
            }
            let asked = match spec.until {
                Some(WaitUntil::Alerted) => Waited::Alerted,
                _ => Waited::Recovered(&spec.of),
            };
            let open = context.judge.with(|history| history.waited_for(now, asked));
            if open.is_empty() { Progress::Done(Ok(())) } else { Progress::NotYet(some(&open)) }
        })
        .await?;
    found.map_err(StepError::Failed)?;
    Ok(format!("waited {:.1} s for {what}", (context.recorder.now_us() - began) as f64 / 1e6))
}

/// Detects nodes that were powered on outside the drill, for example because a restarted container engine also starts
/// its containers. Waiting for their outage to be noticed would never end, and the outage was not the one that the
/// scenario describes.
#[derive(Default)]
struct Power {
    looked_us: u64,
    running: Vec<String>,
}

impl Power {
    /// Two consecutive answers must agree: a node host may need a moment until it shows what it did.
    async fn returned(&mut self, context: &StepContext) -> Option<String> {
        let now = context.recorder.now_us();
        if now < self.looked_us + POWER_LOOK_US {
            return None;
        }
        let host = context.world.host.as_ref()?;
        let first = self.looked_us == 0;
        self.looked_us = now;
        let mut running = vec![];
        for node in context.recorder.with(|state| believed(state, |r| matches!(r, Revert::NodePower { .. }))) {
            if host.machine(&node).await.is_ok_and(|m| m.state == PowerState::Running) {
                running.push(node);
            }
        }
        let before = std::mem::replace(&mut self.running, running);
        let again: Vec<&String> = self.running.iter().filter(|node| before.contains(node)).collect();
        (!first && !again.is_empty()).then(|| {
            format!(
                "the outage ended too early: the machine of {} is running again, and the drill did not power it on",
                some(&again)
            )
        })
    }
}

fn missing_recovery(context: &StepContext, state: &RunState, spec: &WaitStep, (began, now): (u64, u64)) -> Vec<String> {
    let mut missing = vec![];
    // An observation from before this wait may be older than the last step.
    if now < began + SETTLE_US {
        missing.push("looking".to_owned());
    }
    // Without a control plane, only probes can notice anything.
    let only_probes = spec.of.iter().all(|of| of.parse::<WorkloadRef>().is_err());
    if !(only_probes && control_plane_away(context, state)) {
        if state.blind_since.is_some() {
            missing.push("the API server cannot be reached".to_owned());
        }
        // A fault must be noticed before recovery can count. A Deployment whose dead pods still count as Ready has not
        // recovered; Kubernetes has not noticed the fault yet.
        missing.extend(unnoticed(state));
    }
    for of in &spec.of {
        if let Ok(workload) = of.parse::<WorkloadRef>() {
            let namespace = context.plan.namespaces.first().cloned().unwrap_or_default();
            // A workload that was deleted outside the drill does not come back by itself.
            if state.outside.is_deleted(&namespace, of) {
                continue;
            }
            let ready = state.ready(&namespace, of);
            let wanted = state.wanted.get(&(namespace, of.clone())).copied();
            match wanted {
                Some(wanted) if ready >= wanted => {}
                Some(wanted) => missing.push(format!("{workload} {ready}/{wanted} ready")),
                None => missing.push(format!("{workload} not observed yet")),
            }
        } else {
            let up = state.probes.get(of).and_then(|p| p.up_since.filter(|_| p.last_us + 5_000_000 >= began));
            if up.is_none() {
                missing.push(format!("{of} is not up"));
            }
        }
    }
    missing
}

/// Whether a step that takes the control plane away is still not undone.
fn control_plane_away(context: &StepContext, state: &RunState) -> bool {
    context.plan.steps.iter().filter(|s| s.takes_control_plane()).any(|s| state.still_open().any(|f| f.step == s.name))
}

/// Nodes that were taken away and that the API server still reports as Ready.
fn unnoticed(state: &RunState) -> Vec<String> {
    let nodes = believed(state, |_| true);
    if nodes.len() > 3 {
        return vec![format!("{} nodes are still reported as Ready", nodes.len())];
    }
    nodes.into_iter().map(|name| format!("node {name} is still reported as Ready")).collect()
}

/// Nodes with an open fault of some kind that the API server reports as Ready.
fn believed(state: &RunState, kind: fn(&Revert) -> bool) -> Vec<String> {
    state
        .faults
        .iter()
        .filter(|f| f.state.is_open() && kind(&f.revert))
        .filter_map(|f| f.revert.takes_away().map(|node| &node.name))
        .filter(|name| state.nodes.get(*name).is_some_and(|n| n.ready == "True"))
        .cloned()
        .collect()
}

fn missing_alerts(context: &StepContext, state: &RunState) -> Vec<String> {
    let mut missing = vec![];
    for expectation in context.plan.expectations() {
        let Expectation::Alert(alert) = expectation else { continue };
        let own = state.alerts.keys().filter(|(source, name, labels)| {
            is_alertmanager(source) && *name == alert.name && alert.labels.iter().all(|(k, v)| labels.get(k) == Some(v))
        });
        // For each node, because a zone has hundreds of nodes and as many alerts.
        let received: BTreeSet<Option<&str>> = own.map(|(.., labels)| labels.get("node").map(String::as_str)).collect();
        for node in nodes_of(context, state, alert) {
            let is_received = match &node {
                Some(node) => received.contains(&Some(node.as_str())),
                None => !received.is_empty(),
            };
            if !is_received {
                missing.push(format!(
                    "{}{} not received",
                    alert.name,
                    node.map(|n| format!(" for {n}")).unwrap_or_default()
                ));
            }
        }
    }
    missing
}

/// The nodes for which an alert is expected, from faults that have begun.
fn nodes_of(context: &StepContext, state: &RunState, alert: &AlertExpectation) -> Vec<Option<String>> {
    let begun = context
        .plan
        .steps
        .iter()
        .filter(|s| state.t0(&s.name).is_some() && alert.of.as_ref().is_none_or(|of| *of == s.name));
    match alert.for_each {
        Some(ForEach::TargetNode) => begun.flat_map(|s| s.nodes.iter().map(|n| Some(n.name.clone()))).collect(),
        None => begun.take(1).map(|_| None).collect(),
    }
}
