//! Limits and forbidden targets. They apply to direct targets.

use std::collections::BTreeSet;

use crate::{
    inventory::Inventory,
    model::{Limits, PlannedStep, StepName},
    world::NAMESPACE,
};

/// Namespaces that must not be the target of any step.
const DENIED: [&str; 5] = ["kube-system", "kube-public", "kube-node-lease", "default", NAMESPACE];

/// Everything that exceeds the limits, each with the step that does.
pub(super) fn exceeded(steps: &[PlannedStep], limits: &Limits, inventory: &Inventory) -> Vec<(StepName, String)> {
    let mut wrong = vec![];
    let mut say = |step: &PlannedStep, what: String| wrong.push((step.name.clone(), what));
    let workers = inventory.nodes.get().unwrap_or_default().iter().filter(|n| !n.is_control_plane()).count();
    let mut away: Vec<(&PlannedStep, BTreeSet<&str>)> = vec![];
    let mut deleting = vec![];
    for step in steps {
        // Report only the step that exceeds a limit, not all steps after it.
        let before = away.len();
        // A drain takes away one node at a time.
        let at_once = if step.drains() { 1 } else { usize::MAX };
        if step.takes_nodes() || step.drains() {
            away.push((step, step.nodes.iter().take(at_once).map(|n| n.name.as_str()).collect()));
        } else if let Some(healed) = step.heals() {
            away.retain(|(s, _)| s.name.0 != healed);
        } else if step.deletes().is_some() {
            deleting.push(step);
        }
        let nodes: BTreeSet<&str> = away.iter().flat_map(|(_, n)| n.iter().copied()).collect();
        let percent = (nodes.len() * 100).div_ceil(workers.max(1)).min(100);
        if away.len() > before && percent > usize::from(limits.nodes_percent) {
            say(
                step,
                format!(
                    "step `{}`: {} of {workers} workers would be away at the same time ({percent}%); the limit is {}% (limits.nodes)",
                    step.name,
                    nodes.len(),
                    limits.nodes_percent
                ),
            );
        }
        let zones: BTreeSet<&str> = away
            .iter()
            .flat_map(|(s, n)| s.nodes.iter().filter(|t| n.contains(t.name.as_str())))
            .map(|n| n.zone.as_str())
            .collect();
        if away.len() > before && zones.len() > limits.zones as usize {
            let (zones, most) = (zones.len(), limits.zones);
            say(
                step,
                format!(
                    "step `{}`: {zones} zones would be affected at the same time; the limit is {most} (limits.zones)",
                    step.name
                ),
            );
        }
        denied(step).into_iter().for_each(|what| say(step, what));
        away.retain(|(s, _)| !s.drains());
    }
    if let Some(last) = deleting.last().filter(|_| deleting.len() > limits.namespaces as usize) {
        let (all, most) = (deleting.len(), limits.namespaces);
        say(last, format!("{all} namespaces would be deleted; the limit is {most} (limits.namespaces)"));
    }
    wrong
}

fn denied(step: &PlannedStep) -> Vec<String> {
    step.objects
        .iter()
        .filter_map(|o| o.path.split("/namespaces/").nth(1)?.split('/').next())
        .filter(|ns| DENIED.contains(ns))
        .map(|ns| format!("step `{}`: namespace {ns} must never be a target", step.name))
        .collect()
}
