//! What the planning half of a step is given, and what it gives.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    inventory::Inventory,
    kubernetes::objects::{Node, Pod},
    model::{
        Bindings, ClusterIdentity, NodeChoice, NodeTarget, ObjectRef, OrNewer, PlannedAct, PlannedStep, Step,
        StepClass, Verb, WorkloadRef,
    },
    world::{Machine, NodeHost},
};

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The place.
    pub bindings: &'a Bindings,
    /// Machines, where the host can list them.
    pub machines: &'a BTreeMap<String, Machine>,
    /// Namespaces in scope.
    pub namespaces: &'a [String],
    /// Workloads that must survive.
    pub critical: &'a [WorkloadRef],
    /// What takes nodes away and brings them back.
    pub host: Option<&'a NodeHost>,
    /// The run's id, for names; a placeholder in a plan.
    pub run: &'a str,
    /// The second cluster, where one is named.
    pub recovery: Option<&'a ClusterIdentity>,
}

/// What the planning half of a step says of it.
pub(super) struct Draft {
    class: StepClass,
    on_stop: String,
    pub nodes: Vec<NodeTarget>,
    pub objects: Vec<ObjectRef>,
    pub acts: Vec<PlannedAct>,
    pub notes: Vec<String>,
}

impl Draft {
    /// The planned step.
    pub(super) fn of(self, step: &Step, verb: Verb) -> PlannedStep {
        PlannedStep {
            name: step.name.clone(),
            step: OrNewer::Known(verb),
            class: self.class,
            nodes: self.nodes,
            objects: self.objects,
            acts: self.acts,
            on_stop: self.on_stop,
            notes: self.notes,
        }
    }

    /// Says otherwise what a stop during this step does.
    pub(super) fn stopped(mut self, on_stop: &str) -> Self {
        on_stop.clone_into(&mut self.on_stop);
        self
    }
}

impl PlanInput<'_> {
    /// A workload's namespace: as written, or the scope's only one.
    pub fn namespace(&self, written: Option<&String>) -> Result<String, String> {
        match (written, self.namespaces) {
            (Some(namespace), _) => Ok(namespace.clone()),
            (None, [only]) => Ok(only.clone()),
            (None, many) => Err(format!("which namespace? the scope has {}: add `namespace`", many.join(", "))),
        }
    }

    /// A node frozen as a target.
    pub fn target(node: &Node) -> NodeTarget {
        NodeTarget {
            name: node.metadata.name.clone(),
            uid: node.metadata.uid.clone(),
            provider_id: node.spec.provider_id.clone(),
            zone: node.zone().to_owned(),
            pool: node.pool(),
        }
    }

    /// The nodes that a step chooses; of those that host a workload one, if it does not say how many.
    pub fn chosen(&self, choice: NodeChoice<'_>, control_plane: bool) -> Result<Vec<&Node>, String> {
        match choice.hosting {
            Some(workload) => {
                let names = self.hosting(workload, choice.count.unwrap_or(1))?;
                self.nodes(&names, None, None, control_plane)
            }
            None => self.nodes(choice.nodes, choice.zone, choice.count, control_plane),
        }
    }

    /// Nodes with ready pods of a workload, by name.
    fn hosting(&self, workload: &WorkloadRef, count: usize) -> Result<Vec<String>, String> {
        let pods = self.inventory.pods.get().map_err(|why| format!("the pods cannot be listed: {why}"))?;
        let nodes: BTreeSet<String> = pods
            .iter()
            .filter(|p| {
                self.namespaces.contains(&p.metadata.namespace) && p.counts() && p.workload().as_ref() == Some(workload)
            })
            .map(|p| p.spec.node_name.clone())
            .collect();
        if nodes.len() < count || count == 0 {
            return Err(format!("{} node(s) host a ready pod of {workload}, not {count}", nodes.len()));
        }
        Ok(nodes.into_iter().take(count).collect())
    }

    /// Nodes by name or zone. Nothing found is an error, not an empty success (correctness 73).
    /// Those that carry the control plane only where that is allowed.
    pub fn nodes(
        &self,
        names: &[String],
        zone: Option<&String>,
        count: Option<usize>,
        control_plane: bool,
    ) -> Result<Vec<&Node>, String> {
        let all = self.inventory.nodes.get().map_err(|why| format!("the nodes cannot be listed: {why}"))?;
        let mut found: Vec<&Node> = vec![];
        if let Some(zone) = zone {
            found = self.inventory.zone(zone).into_iter().filter(|n| !n.is_control_plane()).collect();
            found.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
            if found.is_empty() {
                return Err(format!(
                    "zone `{zone}` has no worker; zones with nodes: {}",
                    self.inventory.zones().join(", ")
                ));
            }
        }
        for name in names {
            let node = all.iter().find(|n| n.metadata.name == *name).ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|n| n.metadata.name.as_str()).collect();
                format!("there is no node `{name}`; there are: {}", known.join(", "))
            })?;
            if node.is_control_plane() && !control_plane {
                return Err(format!(
                    "node `{name}` carries the control plane: while it is away nothing is seen of the cluster. Say `controlPlane: true` in a killNodes step if that is meant"
                ));
            }
            found.push(node);
        }
        if let Some(count) = count {
            if count == 0 || count > found.len() {
                let here = zone.map_or("the step names".to_owned(), |zone| format!("zone `{zone}` has"));
                return Err(format!("{here} {} nodes, not {count}", found.len()));
            }
            found.truncate(count);
        }
        Ok(found)
    }

    /// The machine under a node; on kind only a container of that very cluster will do.
    pub fn machine(&self, host: &NodeHost, node: &str) -> Result<Machine, String> {
        match self.machines.get(node) {
            Some(machine) => Ok(machine.clone()),
            None if host.name() == "kind" => Err(format!(
                "node `{node}` is no container of the kind cluster that the bindings name: the kubeconfig and the containers belong to different clusters"
            )),
            None => Ok(Machine::named(node)),
        }
    }

    /// Whether a pod has a volume that lives on its node.
    pub fn keeps_to_its_node(&self, pod: &Pod) -> bool {
        let (claims, volumes) =
            (self.inventory.claims.get().unwrap_or_default(), self.inventory.volumes.get().unwrap_or_default());
        let own = claims.iter().filter(|c| {
            c.metadata.namespace == pod.metadata.namespace && pod.claims().contains(&c.metadata.name.as_str())
        });
        let mut named = own.filter_map(|c| volumes.iter().find(|v| v.metadata.name == c.spec.volume_name));
        named.any(|v| v.spec.local.is_some() || v.spec.host_path.is_some())
    }

    /// Pods on nodes, of the scope only.
    pub fn scope_pods_on(&self, nodes: &[NodeTarget]) -> Vec<&Pod> {
        nodes
            .iter()
            .flat_map(|n| self.inventory.pods_on(&n.name))
            .filter(|p| self.namespaces.contains(&p.metadata.namespace))
            .collect()
    }
}

/// An empty one: what a stop during it does is known from the start.
pub(super) fn draft(class: StepClass, on_stop: &str) -> Draft {
    Draft { class, on_stop: on_stop.to_owned(), nodes: vec![], objects: vec![], acts: vec![], notes: vec![] }
}

/// An act and its undo.
pub(super) fn act(does: impl Into<String>, undo: impl Into<String>) -> PlannedAct {
    PlannedAct { does: does.into(), undo: undo.into() }
}
