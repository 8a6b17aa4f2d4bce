//! The objects of one resource in one namespace: found by name, and listed in the order of their names. Start with
//! [`Collection`].

#![expect(clippy::disallowed_types, reason = "names are looked up by their hash, and its order is never read")]

use std::collections::{BTreeMap, HashMap};

use smol_str::SmolStr;

use super::store::StoredObject;

/// Objects by name. Most accesses look up one name, among thousands that begin alike, so the names are hashed. Only new
/// and removed objects change the order.
#[derive(Clone, Default)]
pub(super) struct Collection {
    all: Vec<Option<StoredObject>>,
    free: Vec<usize>,
    at: HashMap<SmolStr, usize>,
    order: BTreeMap<SmolStr, usize>,
}

impl Collection {
    pub(super) fn get(&self, name: &str) -> Option<&StoredObject> {
        self.all.get(*self.at.get(name)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut StoredObject> {
        self.all.get_mut(*self.at.get(name)?)?.as_mut()
    }

    /// Adds an object whose name is new.
    pub(super) fn add(&mut self, name: SmolStr, kept: StoredObject) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            self.all.len() - 1
        });
        self.all[at] = Some(kept);
        self.at.insert(name.clone(), at);
        self.order.insert(name, at);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<StoredObject> {
        let at = self.at.remove(name)?;
        self.order.remove(name);
        self.free.push(at);
        self.all.get_mut(at)?.take()
    }

    /// The objects in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &StoredObject> {
        self.order.values().filter_map(|at| self.all.get(*at)?.as_ref())
    }

    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}
