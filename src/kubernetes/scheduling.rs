//! Whether the survivors can take what a fault displaces: first fit, largest
//! first, over requests, taints, node selectors and required node labels. It
//! does not model preemption, pod affinity or extended resources, and says so
//! wherever its answer is shown.

use super::{
    cpu_millis, memory_bytes,
    objects::{Node, Pod, PodSpec},
    taints::tolerates,
};

/// What one pod asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// For messages.
    pub name: String,
    /// Thousandths of a core.
    pub cpu: u64,
    /// Bytes.
    pub memory: u64,
    /// Its spec, for the filters.
    pub spec: PodSpec,
}

impl Demand {
    /// The demand of a pod: requests, or limits where requests are missing.
    pub fn of(name: &str, spec: &PodSpec) -> Self {
        let sum = |resource: &str, parse: fn(&str) -> Option<u64>| {
            spec.containers
                .iter()
                .filter_map(|c| {
                    c.resources
                        .requests
                        .get(resource)
                        .or_else(|| c.resources.limits.get(resource))
                        .and_then(|q| parse(q))
                })
                .sum()
        };
        Self {
            name: name.to_owned(),
            cpu: sum("cpu", cpu_millis),
            memory: sum("memory", memory_bytes),
            spec: spec.clone(),
        }
    }
}

/// What a node has left.
#[derive(Clone, Debug)]
pub struct NodeRoom {
    /// The node.
    pub node: Node,
    /// Thousandths of a core.
    pub cpu: u64,
    /// Bytes.
    pub memory: u64,
    /// Pods.
    pub pods: u64,
}

/// What a node has left beside the pods that are on it.
pub fn room_of(node: &Node, pods: &[&Pod]) -> NodeRoom {
    let total = |key: &str, parse: fn(&str) -> Option<u64>| {
        node.status.allocatable.get(key).and_then(|q| parse(q)).unwrap_or(0)
    };
    let mut room = NodeRoom {
        node: node.clone(),
        cpu: total("cpu", cpu_millis),
        memory: total("memory", memory_bytes),
        pods: total("pods", memory_bytes),
    };
    for pod in pods.iter().filter(|p| !p.is_finished()) {
        let demand = Demand::of(&pod.metadata.name, &pod.spec);
        room.cpu = room.cpu.saturating_sub(demand.cpu);
        room.memory = room.memory.saturating_sub(demand.memory);
        room.pods = room.pods.saturating_sub(1);
    }
    room
}

/// Places all demands; returns the names of those that fit nowhere.
pub fn place(mut rooms: Vec<NodeRoom>, mut demands: Vec<Demand>) -> Vec<String> {
    demands.sort_by(|a, b| (b.memory, b.cpu, &a.name).cmp(&(a.memory, a.cpu, &b.name)));
    let mut homeless = vec![];
    for demand in demands {
        let home = rooms.iter_mut().find(|room| {
            room.pods > 0 && room.cpu >= demand.cpu && room.memory >= demand.memory && may_run(&demand.spec, &room.node)
        });
        match home {
            Some(room) => {
                room.cpu -= demand.cpu;
                room.memory -= demand.memory;
                room.pods -= 1;
            }
            None => homeless.push(demand.name),
        }
    }
    homeless
}

/// Whether a node may run a pod: taints, selectors, affinity, readiness.
pub fn may_run(spec: &PodSpec, node: &Node) -> bool {
    let tainted = node
        .spec
        .taints
        .iter()
        .any(|taint| taint.effect != "PreferNoSchedule" && !spec.tolerations.iter().any(|t| tolerates(t, taint)));
    let selected = spec.node_selector.iter().all(|(key, value)| node.metadata.labels.get(key) == Some(value));
    !node.spec.unschedulable && node.ready() == "True" && !tainted && selected && required_affinity(spec, node)
}

fn required_affinity(spec: &PodSpec, node: &Node) -> bool {
    let Some(terms) = spec
        .affinity
        .pointer("/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms")
        .and_then(|t| t.as_array())
    else {
        return true;
    };
    terms.iter().any(|term| {
        let wanted =
            serde_json::json!({ "matchExpressions": term.get("matchExpressions").cloned().unwrap_or_default() });
        serde_json::from_value::<super::Selector>(wanted).is_ok_and(|selector| selector.matches(&node.metadata.labels))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, cpu: &str) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"},
                       "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .expect("a node")
    }

    fn demand(name: &str, cpu: &str) -> Demand {
        let spec: PodSpec = serde_json::from_value(json!({
            "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]
        }))
        .expect("a spec");
        Demand::of(name, &spec)
    }

    #[test]
    fn what_fits_nowhere_is_named() {
        let rooms = vec![room_of(&node("a", "1"), &[]), room_of(&node("b", "2"), &[])];
        let homeless = place(rooms, vec![demand("x", "1500m"), demand("y", "1"), demand("z", "600m")]);
        assert_eq!(homeless, ["z"]);
    }

    #[test]
    fn a_taint_keeps_out_who_does_not_tolerate_it() {
        let mut tainted = node("a", "4");
        tainted.spec.taints = serde_json::from_value(json!([{"key": "x", "effect": "NoSchedule"}])).expect("taints");
        assert_eq!(place(vec![room_of(&tainted, &[])], vec![demand("p", "1")]), ["p"]);
    }
}
