//! Nodes that autoscaling replaced while they were powered off: another name and another UID, but the same pool and
//! zone.

use jiff::Timestamp;

use super::StepContext;
use crate::{
    kubernetes::objects::Node,
    model::{NodeTarget, Revert},
};

/// Whether the Node object is certainly gone.
pub(super) async fn is_gone(context: &StepContext, node: &NodeTarget) -> bool {
    matches!(context.world.kube.find(&format!("/api/v1/nodes/{}", node.name)).await, Ok(None))
}

/// The Ready node that replaced one that is gone. Each new node counts as the replacement of only one node.
pub(super) async fn successor(context: &StepContext, node: &NodeTarget) -> Option<String> {
    if node.pool.is_empty() {
        return None;
    }
    let nodes: Vec<Node> = context.world.kube.list_as("/api/v1/nodes").await.ok()?;
    let (taken, since_us) = taken(context, node);
    let since_us = since_us?;
    let mut gone: Vec<String> =
        taken.into_iter().filter(|name| nodes.iter().all(|n| n.metadata.name != *name)).collect();
    // A node that was taken away twice has only one replacement.
    gone.sort();
    gone.dedup();
    let mut newcomers: Vec<&str> = nodes
        .iter()
        .filter(|n| n.pool() == node.pool && n.zone() == node.zone && n.ready() == "True")
        .filter(|n| created_us(context, n).is_some_and(|at| at >= since_us))
        .map(|n| n.metadata.name.as_str())
        .collect();
    newcomers.sort_unstable();
    let turn = gone.iter().position(|name| *name == node.name)?;
    newcomers.get(turn).map(|name| (*name).to_owned())
}

/// All nodes of this pool and zone that this run took away, and since when.
fn taken(context: &StepContext, node: &NodeTarget) -> (Vec<String>, Option<u64>) {
    context.recorder.with(|state| {
        let mut names = vec![];
        let mut since = None;
        for fault in &state.faults {
            if let Revert::NodePower { node: other, .. } = &fault.revert
                && other.pool == node.pool
                && other.zone == node.zone
            {
                names.push(other.name.clone());
                since = [since, fault.sent_us].into_iter().flatten().min();
            }
        }
        (names, since)
    })
}

fn created_us(context: &StepContext, node: &Node) -> Option<u64> {
    let created: Timestamp = node.metadata.creation_timestamp.as_ref()?.parse().ok()?;
    // The timestamps of the API have whole seconds.
    Some(context.world.clock.at_wall(created) + 1_000_000)
}
