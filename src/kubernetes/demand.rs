//! The resources that a pod requests, and the resources that a node has left.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cpu_millis, memory_bytes,
    objects::{Container, Node, PodSpec},
};

/// Resource name for the volumes of a CSI driver: `attachable/DRIVER`. A node without a limit for a driver can attach
/// any number.
pub const ATTACHABLE: &str = "attachable/";

/// What one pod requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Everything else that it requests, by its name.
    pub more: BTreeMap<String, i64>,
    /// Host ports: `TCP/8080`.
    pub ports: BTreeSet<String>,
}

impl Demand {
    /// The demand of a pod, as the scheduler calculates it: either the larger one of what its containers request
    /// together, and what any init container requests together with the sidecars before it; or the request of the pod
    /// as a whole. The overhead is added. A missing request is replaced by the limit.
    pub fn of(spec: &PodSpec) -> Self {
        let mut demand = Self::default();
        let mut peak = Self::default();
        let mut sidecars = Self::default();
        for container in spec.init_containers.iter() {
            let mut step = Self::of_container(container);
            if container.restart_policy == "Always" {
                sidecars.add(&step);
                step = Self::default();
            }
            step.add(&sidecars);
            peak.raise(&step);
        }
        spec.containers.iter().for_each(|c| demand.add(&Self::of_container(c)));
        demand.add(&sidecars);
        demand.raise(&peak);
        let whole = amounts(&spec.resources.requests, &spec.resources.limits);
        for (name, amount) in whole {
            demand.set(&name, amount);
        }
        for (name, amount) in amounts(&spec.overhead, &BTreeMap::new()) {
            demand.more(&name, amount);
        }
        let ports = spec.containers.iter().flat_map(|c| &c.ports).filter(|p| p.host_port > 0);
        let protocol = |p: &str| if p.is_empty() { "TCP".to_owned() } else { p.to_owned() };
        demand.ports = ports.map(|p| format!("{}/{}", protocol(&p.protocol), p.host_port)).collect();
        demand
    }

    fn of_container(container: &Container) -> Self {
        let mut demand = Self::default();
        for (name, amount) in amounts(&container.resources.requests, &container.resources.limits) {
            demand.more(&name, amount);
        }
        demand
    }

    fn slot(&mut self, name: &str) -> &mut i64 {
        match name {
            "cpu" => &mut self.cpu,
            "memory" => &mut self.memory,
            _ => self.more.entry(name.to_owned()).or_default(),
        }
    }

    fn set(&mut self, name: &str, amount: i64) {
        *self.slot(name) = amount;
    }

    /// Adds to the demand for a resource.
    pub fn more(&mut self, name: &str, amount: i64) {
        *self.slot(name) += amount;
    }

    fn add(&mut self, other: &Self) {
        self.cpu += other.cpu;
        self.memory += other.memory;
        other.more.iter().for_each(|(name, amount)| self.more(name, *amount));
    }

    fn raise(&mut self, other: &Self) {
        self.cpu = self.cpu.max(other.cpu);
        self.memory = self.memory.max(other.memory);
        for (name, amount) in &other.more {
            let slot = self.slot(name);
            *slot = (*slot).max(*amount);
        }
    }
}

/// Requests; a missing request is replaced by the limit.
fn amounts(requests: &BTreeMap<String, String>, limits: &BTreeMap<String, String>) -> Vec<(String, i64)> {
    let missing = limits.iter().filter(|(name, _)| !requests.contains_key(*name));
    requests.iter().chain(missing).filter_map(|(name, text)| Some((name.clone(), amount(name, text)?))).collect()
}

fn amount(name: &str, text: &str) -> Option<i64> {
    let amount = if name == "cpu" { cpu_millis(text) } else { memory_bytes(text) };
    amount.map(|a| i64::try_from(a).unwrap_or(i64::MAX))
}

/// The free resources of a node. Negative if more is requested than the node has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FreeCapacity {
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Pods.
    pub pods: i64,
    /// Everything else, by its name.
    pub more: BTreeMap<String, i64>,
    /// Host ports that are in use.
    pub ports: BTreeSet<String>,
}

impl FreeCapacity {
    /// All resources of a node without pods.
    pub fn of(node: &Node) -> Self {
        let mut free = Self::default();
        for (name, text) in &node.status.allocatable {
            let Some(amount) = amount(name, text) else { continue };
            match name.as_str() {
                "cpu" => free.cpu = amount,
                "memory" => free.memory = amount,
                "pods" => free.pods = amount,
                _ => drop(free.more.insert(name.clone(), amount)),
            }
        }
        free
    }

    /// Whether a pod fits.
    pub fn holds(&self, demand: &Demand) -> bool {
        // A pod that requests none of a resource may run even if that resource is overcommitted.
        let enough = |left: i64, asked: i64| asked == 0 || left >= asked;
        self.pods > 0
            && enough(self.cpu, demand.cpu)
            && enough(self.memory, demand.memory)
            && demand.more.iter().all(|(name, asked)| match self.more.get(name) {
                Some(left) => enough(*left, *asked),
                None => *asked == 0 || name.starts_with(ATTACHABLE),
            })
            && demand.ports.iter().all(|port| !self.ports.contains(port))
    }

    /// Subtracts the resources of a pod that is placed here.
    pub fn reserve(&mut self, demand: &Demand) {
        self.change(demand, -1);
        self.ports.extend(demand.ports.iter().cloned());
    }

    /// Adds the resources of a pod that leaves.
    pub fn release(&mut self, demand: &Demand) {
        self.change(demand, 1);
        self.ports.retain(|port| !demand.ports.contains(port));
    }

    fn change(&mut self, demand: &Demand, sign: i64) {
        self.cpu += sign * demand.cpu;
        self.memory += sign * demand.memory;
        self.pods += sign;
        for (name, amount) in &demand.more {
            if let Some(left) = self.more.get_mut(name) {
                *left += sign * amount;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn demand(spec: serde_json::Value) -> Demand {
        Demand::of(&serde_json::from_value(spec).expect("a spec"))
    }

    #[test]
    fn a_pod_asks_as_the_scheduler_reckons() {
        let asks = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
        let sidecar = json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}});
        let small = demand(json!({"containers": [asks("100m"), asks("200m")]}));
        assert_eq!(small.cpu, 300);
        let init = demand(json!({"containers": [asks("100m")], "initContainers": [sidecar, asks("400m")]}));
        assert_eq!(init.cpu, 450, "the init container beside the side-car");
        let overhead = demand(json!({"containers": [asks("100m")], "overhead": {"cpu": "10m", "memory": "1Mi"}}));
        assert_eq!((overhead.cpu, overhead.memory), (110, 1 << 20));
        let whole = demand(json!({"containers": [asks("100m")], "resources": {"requests": {"cpu": "1"}}}));
        assert_eq!(whole.cpu, 1000);
        let limit = demand(json!({"containers": [{"resources": {"limits": {"memory": "1Ki", "example.com/gpu": 2}}}]}));
        assert_eq!((limit.memory, limit.more.get("example.com/gpu")), (1024, Some(&2)));
    }

    #[test]
    fn room_is_counted_down_to_ports_and_volumes() {
        let node: Node =
            serde_json::from_value(json!({"status": {"allocatable": {"cpu": "1", "memory": "1Gi", "pods": "3"}}}))
                .expect("a node");
        let mut free = FreeCapacity::of(&node);
        let mut web =
            demand(json!({"containers": [{"ports": [{"hostPort": 80}], "resources": {"requests": {"cpu": "600m"}}}]}));
        assert!(free.holds(&web));
        free.reserve(&web);
        assert!(!free.holds(&web));
        web.cpu = 0;
        assert!(!free.holds(&web), "its port is taken");
        web.ports.clear();
        web.more("attachable/csi.example.com", 1);
        assert!(free.holds(&web), "no limit is named");
        free.more.insert("attachable/csi.example.com".into(), 0);
        assert!(!free.holds(&web));
        web.more.clear();
        web.more("example.com/gpu", 1);
        assert!(!free.holds(&web), "the node has no GPU");
    }
}
