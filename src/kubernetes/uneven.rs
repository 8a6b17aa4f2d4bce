//! Whether the pods of a workload are spread as the workload asks, and which pod to move if not. Start with
//! [`uneven`].

use std::collections::BTreeMap;

use super::{
    may_run,
    objects::{Claim, Node, Pod, Volume, Workload},
};

/// A workload whose pods are not spread as it asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Uneven<'a> {
    /// How many more pods the fullest domain has than the emptiest.
    pub skew: u32,
    /// The pod to move. None: no pod of the fullest domain may be moved.
    pub pod: Option<&'a Pod>,
    /// The pods in each domain: `a 2, b 1, c 0`.
    pub seen: String,
}

/// The objects of a cluster that decide.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The pods of the namespace.
    pub pods: &'a [Pod],
    /// All nodes.
    pub nodes: &'a [Node],
    /// The claims of the namespace.
    pub claims: &'a [Claim],
    /// All volumes.
    pub volumes: &'a [Volume],
}

/// The first of the workload's spread constraints that its pods do not keep. Constraints are only kept when a pod is
/// scheduled: after the loss of a zone, nothing moves the pods back.
pub fn uneven<'a>(workload: &Workload, around: Around<'a>) -> Option<Uneven<'a>> {
    let template = &workload.spec.template.spec;
    let reference = workload.reference()?;
    let own: Vec<&Pod> = around
        .pods
        .iter()
        .filter(|p| p.metadata.namespace == workload.metadata.namespace && p.workload().as_ref() == Some(&reference))
        .filter(|p| p.counts() && p.is_ready())
        .collect();
    template.topology_spread_constraints.iter().find_map(|constraint| {
        let domain = |node: &Node| node.metadata.labels.get(&constraint.topology_key).cloned();
        let usable = |node: &&Node| node.ready() == "True" && !node.spec.unschedulable && may_run(template, node);
        let mut counts: BTreeMap<String, Vec<&Pod>> =
            around.nodes.iter().filter(usable).filter_map(|n| Some((domain(n)?, vec![]))).collect();
        for pod in &own {
            let node = around.nodes.iter().find(|n| n.metadata.name == pod.spec.node_name);
            if let Some(pods) = node.and_then(domain).and_then(|d| counts.get_mut(&d)) {
                pods.push(pod);
            }
        }
        let most = counts.values().map(Vec::len).max()?;
        let least = counts.values().map(Vec::len).min()?;
        let skew = u32::try_from(most - least).unwrap_or(u32::MAX);
        (skew > constraint.max_skew.max(1)).then(|| {
            let fullest = counts.values().filter(|pods| pods.len() == most).flatten();
            let movable = fullest.copied().filter(|pod| !is_bound(pod, around));
            let listed = counts.iter().map(|(domain, pods)| format!("{domain} {}", pods.len())).collect::<Vec<_>>();
            Uneven { skew, pod: movable.max_by_key(|p| p.metadata.name.clone()), seen: listed.join(", ") }
        })
    })
}

/// Whether a pod can only run on the nodes that have its volumes. A volume that is not known counts as bound.
pub fn is_bound(pod: &Pod, around: Around<'_>) -> bool {
    pod.claims().iter().any(|name| {
        let claim =
            around.claims.iter().find(|c| c.metadata.namespace == pod.metadata.namespace && c.metadata.name == *name);
        let volume = claim.and_then(|c| around.volumes.iter().find(|v| v.metadata.name == c.spec.volume_name));
        volume.is_none_or(|v| v.spec.local.is_some() || v.spec.host_path.is_some() || v.spec.node_affinity.is_some())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, zone: &str, ready: &str) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    fn pod(name: &str, node: &str, claim: Option<&str>) -> Pod {
        let volumes = claim.map(|claim| json!([{"persistentVolumeClaim": {"claimName": claim}}]));
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "ownerReferences": [{"kind": "StatefulSet", "name": "web", "controller": true}]},
            "spec": {"nodeName": node, "volumes": volumes.unwrap_or(json!([]))},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap()
    }

    fn workload() -> Workload {
        let spread = json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}]);
        serde_json::from_value(json!({"kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 3, "template": {"spec": {"topologySpreadConstraints": spread}}}}))
        .unwrap()
    }

    #[test]
    fn the_fullest_zone_gives_a_pod_away() {
        let mut nodes = vec![node("a0", "a", "True"), node("b0", "b", "True"), node("c0", "c", "True")];
        let pods = vec![pod("web-0", "b0", None), pod("web-1", "b0", None), pod("web-2", "c0", None)];
        let found = |pods: &[Pod], nodes: &[Node]| {
            let around = Around { pods, nodes, claims: &[], volumes: &[] };
            uneven(&workload(), around).map(|u| (u.skew, u.pod.map(|p| p.metadata.name.clone()), u.seen))
        };
        let seen = Some((2, Some("web-1".to_owned()), "a 0, b 2, c 1".to_owned()));
        assert_eq!(found(&pods, &nodes), seen);
        // A zone that is still away is not one to move to.
        nodes[0] = node("a0", "a", "Unknown");
        assert_eq!(found(&pods, &nodes), None);
        nodes[0] = node("a0", "a", "True");
        nodes[0].spec.unschedulable = true;
        assert_eq!(found(&pods, &nodes), None);
        // The pods of another workload count for nothing.
        let mut other = pods.clone();
        other[1].metadata.owner_references[0].name = "other".into();
        nodes[0].spec.unschedulable = false;
        assert_eq!(found(&other, &nodes), None);
    }

    #[test]
    fn a_pod_with_a_volume_of_its_node_stays() {
        let nodes = vec![node("a0", "a", "True"), node("b0", "b", "True")];
        let pods = vec![pod("web-0", "b0", Some("data-0")), pod("web-1", "b0", Some("data-1"))];
        let claims: Vec<Claim> = ["data-0", "data-1"]
            .map(|name| {
                serde_json::from_value(
                    json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"volumeName": name}}),
                )
                .unwrap()
            })
            .to_vec();
        let volume = |name: &str, spec: serde_json::Value| -> Volume {
            serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec})).unwrap()
        };
        let moved = |volumes: &[Volume]| {
            let around = Around { pods: &pods, nodes: &nodes, claims: &claims, volumes };
            uneven(&workload(), around).map(|u| u.pod.map(|p| p.metadata.name.clone()))
        };
        let (csi, local) = (json!({}), json!({"local": {"path": "/x"}, "nodeAffinity": {}}));
        assert_eq!(
            moved(&[volume("data-0", csi.clone()), volume("data-1", local.clone())]),
            Some(Some("web-0".into()))
        );
        assert_eq!(moved(&[volume("data-0", local.clone()), volume("data-1", local)]), Some(None));
        assert_eq!(moved(&[volume("data-0", csi.clone())]), Some(Some("web-0".into())), "data-1 is not known");
        assert_eq!(moved(&[]), Some(None), "nothing is known");
    }
}
