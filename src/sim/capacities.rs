//! The free capacity of each node, as the scheduler sees it. Start with [`NodeCapacities`].

use crate::kubernetes::{FreeCapacity, objects::Node};

/// A node with its free capacity.
#[derive(Clone, Debug)]
pub(super) struct NodeCapacity {
    pub node: Node,
    /// The zone of the node.
    pub zone: String,
    pub free: FreeCapacity,
}

impl NodeCapacity {
    pub(super) fn name(&self) -> &str {
        &self.node.metadata.name
    }
}

/// All nodes, in the order of their names. The scheduler refers to a node by its position, because it compares thousands
/// of nodes for each set of pods.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeCapacities(Vec<NodeCapacity>);

impl NodeCapacities {
    /// The position of a node.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.find(name).ok()
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|capacity| capacity.name().cmp(name))
    }

    pub(super) fn get(&self, name: &str) -> Option<&NodeCapacity> {
        self.at(self.position(name)?)
    }

    /// The node at a position.
    pub(super) fn at(&self, position: usize) -> Option<&NodeCapacity> {
        self.0.get(position)
    }

    pub(super) fn at_mut(&mut self, position: usize) -> Option<&mut NodeCapacity> {
        self.0.get_mut(position)
    }

    /// Adds a node, or replaces the node with the same name.
    pub(super) fn insert(&mut self, capacity: NodeCapacity) {
        match self.find(capacity.name()) {
            Ok(position) => self.0[position] = capacity,
            Err(position) => self.0.insert(position, capacity),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Ok(position) = self.find(name) {
            self.0.remove(position);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &NodeCapacity> {
        self.0.iter()
    }
}
