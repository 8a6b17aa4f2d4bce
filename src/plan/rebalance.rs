//! Which workloads are spread again at the end of a drill: those of the scope, on a cluster that `cluster up` made.
//! Start with [`of`].

use super::build::Request;
use crate::{
    kubernetes::{UnevenAround, is_bound},
    model::{Permission, Plan, ScopedWorkload, WorkloadRef},
    world::own_name,
};

/// The workloads that ask for a spread, and whose pods are not all bound to nodes.
pub(super) fn of(request: &Request<'_>) -> Vec<ScopedWorkload> {
    let inventory = request.inventory;
    let namespaces = inventory.namespaces.get().unwrap_or_default();
    let own =
        namespaces.iter().find(|n| n.metadata.name == "kube-system").and_then(|n| own_name(&n.metadata.annotations));
    // The mark alone is not enough: anybody can write it.
    if own.is_none() || !inventory.identity.is_expendable() {
        return vec![];
    }
    let (Ok(pods), Ok(claims), Ok(volumes)) = (inventory.pods.get(), inventory.claims.get(), inventory.volumes.get())
    else {
        return vec![];
    };
    let around = UnevenAround { pods, nodes: &[], claims, volumes };
    let movable = |of: &ScopedWorkload| {
        let mut own =
            pods.iter().filter(|p| p.metadata.namespace == of.namespace && p.workload().as_ref() == Some(&of.workload));
        own.any(|pod| !is_bound(pod, around))
    };
    let all = inventory.workloads.get().unwrap_or_default().iter();
    let spread = all
        .filter(|w| request.loaded.scenario.scope.namespaces.contains(&w.metadata.namespace) && w.kind != "DaemonSet");
    spread
        .filter(|w| !w.spec.template.spec.topology_spread_constraints.is_empty())
        .filter_map(|w| Some((w.metadata.namespace.clone(), w.reference()?)))
        .map(|(namespace, workload): (String, WorkloadRef)| ScopedWorkload { namespace, workload })
        .filter(movable)
        .collect()
}

/// The permissions for the evictions that the plan does not have yet.
pub(super) fn permissions(plan: &Plan) -> Vec<Permission> {
    let mut wanted: Vec<Permission> = vec![];
    for workload in &plan.rebalance {
        let permission = Permission {
            group: String::new(),
            resource: "pods/eviction".into(),
            verb: "create".into(),
            namespace: workload.namespace.clone(),
            purpose: "spread the pods again at the end".into(),
        };
        let same = |p: &Permission| p.resource == permission.resource && p.namespace == permission.namespace;
        if !plan.permissions.iter().chain(&wanted).any(same) {
            wanted.push(permission);
        }
    }
    wanted
}
