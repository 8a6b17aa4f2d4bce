//! Which pods the faults of a drill hit. A fault that hits no critical pod tests nothing.

use super::Case;
use crate::model::{Expectation, Finding, OrNewer, PlannedStep, StepClass, Verb, WorkloadRef};

const CHECK: &str = "fault-matters";

pub(super) fn fault_matters(case: &Case<'_>) -> Finding {
    let Some(coverage) = &case.plan.coverage else {
        return Finding::unknown(CHECK, "the pods cannot be listed", "grant list on pods");
    };
    let mut idle = vec![];
    let mut hit = 0;
    for step in case.plan.steps.iter().filter(|s| takes_pods(s)) {
        let on: usize = step
            .nodes
            .iter()
            .flat_map(|n| case.inventory.pods_on(&n.name))
            .filter(|p| coverage.iter().any(|c| c.pod == format!("{}/{}", p.metadata.namespace, p.metadata.name)))
            .count();
        hit += on;
        if on == 0 {
            idle.push(format!("no critical pod runs on the nodes of step `{}`", step.name));
        }
    }
    if coverage.is_empty() || (hit == 0 && idle.is_empty()) {
        return Finding::skip(CHECK, "no step takes away nodes that run workloads, or no workload is critical");
    }
    if idle.is_empty() {
        idle = missed(case);
    }
    if idle.is_empty() {
        return Finding::pass(CHECK, format!("{hit} critical pods are on the nodes that go away"));
    }
    Finding::fail(
        CHECK,
        idle.join("; "),
        "choose other nodes, or spread the workload first (kubectl rollout restart): this drill cannot show what it is run for",
    )
}

/// Whether a step takes pods away with its nodes. The loss of the control plane hits no
/// running pod: such a drill shows exactly that.
fn takes_pods(step: &PlannedStep) -> bool {
    let control_plane = matches!(step.verb(), Some(Verb::KillNodes(k)) if k.control_plane);
    (step.takes_nodes() || step.drains()) && !control_plane
}

/// Workloads that must be ready again after the first fault but have no pod on its nodes.
/// Later faults are not examined: pods may have moved by then.
fn missed(case: &Case<'_>) -> Vec<String> {
    let first = case.plan.steps.iter().find(|s| s.class != StepClass::Observe);
    let Some(step) = first.filter(|s| takes_pods(s)) else { return vec![] };
    let expected = case.plan.expect.iter().filter_map(OrNewer::known).filter(|e| e.of() == Some(&step.name));
    let workloads = expected.filter_map(|e| match e {
        Expectation::Replicas(r) if r.within.is_some() => {
            let only = case.plan.namespaces.first().filter(|_| case.plan.namespaces.len() == 1);
            Some((r.namespace.as_ref().or(only)?, &r.workload))
        }
        _ => None,
    });
    let mut missed: Vec<String> = workloads
        .filter(|(namespace, workload)| !has_pod(case, step, namespace, workload))
        .map(|(namespace, workload)| {
            format!(
                "no pod of {namespace}/{workload} runs on the nodes of step `{}`, after which it is to be ready again",
                step.name
            )
        })
        .collect();
    missed.dedup();
    missed
}

fn has_pod(case: &Case<'_>, step: &PlannedStep, namespace: &str, workload: &WorkloadRef) -> bool {
    let mut there = step.nodes.iter().flat_map(|n| case.inventory.pods_on(&n.name));
    there.any(|p| p.metadata.namespace == namespace && p.workload().as_ref() == Some(workload))
}
