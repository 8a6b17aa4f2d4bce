//! The input and the result of the planning half of a step.

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

/// The input of planning.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The bindings.
    pub bindings: &'a Bindings,
    /// The machines, if the host can list them.
    pub machines: &'a BTreeMap<String, Machine>,
    /// Namespaces in scope.
    pub namespaces: &'a [String],
    /// Workloads that must survive.
    pub critical: &'a [WorkloadRef],
    /// The node host.
    pub host: Option<&'a NodeHost>,
    /// The run's id, for names. In a plan it is a placeholder.
    pub run: &'a str,
    /// The second cluster, if one is given.
    pub recovery: Option<&'a ClusterIdentity>,
}

/// What the planning half of a step returns.
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

    /// Replaces the description of what a stop during this step does.
    pub(super) fn stopped(mut self, on_stop: &str) -> Self {
        on_stop.clone_into(&mut self.on_stop);
        self
    }
}

impl PlanInput<'_> {
    /// The namespace of a workload: the given one, or the only one in the scope.
    pub fn namespace(&self, written: Option<&String>) -> Result<String, String> {
        match (written, self.namespaces) {
            (Some(namespace), _) => Ok(namespace.clone()),
            (None, [only]) => Ok(only.clone()),
            (None, many) => {
                Err(format!("the scope contains the namespaces {}: choose one with `namespace`", many.join(", ")))
            }
        }
    }

    /// A node as a target, with its UID.
    pub fn target(node: &Node) -> NodeTarget {
        NodeTarget {
            name: node.metadata.name.clone(),
            uid: node.metadata.uid.clone(),
            provider_id: node.spec.provider_id.clone(),
            zone: node.zone().to_owned(),
            pool: node.pool(),
        }
    }

    /// The nodes that a step selects. With `hosting`, the default is one node.
    pub fn chosen(&self, choice: NodeChoice<'_>, control_plane: bool) -> Result<Vec<&Node>, String> {
        match choice.hosting {
            Some(workload) => {
                let names = self.hosting(workload, choice.count.unwrap_or(1))?;
                self.nodes(&names, None, None, control_plane)
            }
            None => self.nodes(choice.nodes, choice.zone, choice.count, control_plane),
        }
    }

    /// Nodes with ready pods of a workload, sorted by name.
    fn hosting(&self, workload: &WorkloadRef, count: usize) -> Result<Vec<String>, String> {
        let pods = self.inventory.pods.get().map_err(|why| format!("cannot list the pods: {why}"))?;
        let nodes: BTreeSet<String> = pods
            .iter()
            .filter(|p| {
                self.namespaces.contains(&p.metadata.namespace) && p.counts() && p.workload().as_ref() == Some(workload)
            })
            .map(|p| p.spec.node_name.clone())
            .collect();
        if nodes.len() < count || count == 0 {
            return Err(format!(
                "{} node(s) host a ready pod of {workload}, but the step asks for {count}",
                nodes.len()
            ));
        }
        Ok(nodes.into_iter().take(count).collect())
    }

    /// Nodes by name or zone. If no node matches, that is an error, not an empty success. Nodes of the control plane
    /// are included only if that is allowed.
    pub fn nodes(
        &self,
        names: &[String],
        zone: Option<&String>,
        count: Option<usize>,
        control_plane: bool,
    ) -> Result<Vec<&Node>, String> {
        let all = self.inventory.nodes.get().map_err(|why| format!("cannot list the nodes: {why}"))?;
        let mut found: Vec<&Node> = vec![];
        if let Some(zone) = zone {
            found = self.inventory.zone(zone).into_iter().filter(|n| !n.is_control_plane()).collect();
            found.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
            if found.is_empty() {
                return Err(format!(
                    "zone `{zone}` has no worker nodes; zones with nodes: {}",
                    self.inventory.zones().join(", ")
                ));
            }
        }
        for name in names {
            let node = all.iter().find(|n| n.metadata.name == *name).ok_or_else(|| {
                let known: Vec<&str> = all.iter().map(|n| n.metadata.name.as_str()).collect();
                format!("node `{name}` does not exist; the nodes are: {}", known.join(", "))
            })?;
            if node.is_control_plane() && !control_plane {
                return Err(format!(
                    "node `{name}` runs the control plane: while it is away, the drill cannot observe the cluster. If this is intended, use a killNodes step with `controlPlane: true`"
                ));
            }
            found.push(node);
        }
        if let Some(count) = count {
            if count == 0 || count > found.len() {
                let here = zone.map_or("the step names".to_owned(), |zone| format!("zone `{zone}` has"));
                return Err(format!("{here} {} nodes, but the step asks for {count}", found.len()));
            }
            found.truncate(count);
        }
        Ok(found)
    }

    /// The machine of a node. On kind, it must be a container of exactly this cluster.
    pub fn machine(&self, host: &NodeHost, node: &str) -> Result<Machine, String> {
        match self.machines.get(node) {
            Some(machine) => Ok(machine.clone()),
            None if host.name() == "kind" => Err(format!(
                "node `{node}` is not a container of the kind cluster in the bindings: the kubeconfig and the containers belong to different clusters"
            )),
            None => Ok(Machine::named(node)),
        }
    }

    /// Whether a pod has a volume that is local to its node.
    pub fn keeps_to_its_node(&self, pod: &Pod) -> bool {
        let (claims, volumes) =
            (self.inventory.claims.get().unwrap_or_default(), self.inventory.volumes.get().unwrap_or_default());
        let own = claims.iter().filter(|c| {
            c.metadata.namespace == pod.metadata.namespace && pod.claims().contains(&c.metadata.name.as_str())
        });
        let mut named = own.filter_map(|c| volumes.iter().find(|v| v.metadata.name == c.spec.volume_name));
        named.any(|v| v.spec.local.is_some() || v.spec.host_path.is_some())
    }

    /// Pods on these nodes, only those in the scope.
    pub fn scope_pods_on(&self, nodes: &[NodeTarget]) -> Vec<&Pod> {
        nodes
            .iter()
            .flat_map(|n| self.inventory.pods_on(&n.name))
            .filter(|p| self.namespaces.contains(&p.metadata.namespace))
            .collect()
    }
}

/// An empty draft. What a stop during the step does must be given at the start.
pub(super) fn draft(class: StepClass, on_stop: &str) -> Draft {
    Draft { class, on_stop: on_stop.to_owned(), nodes: vec![], objects: vec![], acts: vec![], notes: vec![] }
}

/// An act and its undo.
pub(super) fn act(does: impl Into<String>, undo: impl Into<String>) -> PlannedAct {
    PlannedAct { does: does.into(), undo: undo.into() }
}
