//! Indices of the pods of the simulated cluster: by controller, node and label. The controllers count pods after every
//! change. What they count by is therefore read only once, when a pod is written. Start with [`Pods`].

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use super::{
    fields::{self, text},
    store::Key,
    value::Value,
};
use crate::kubernetes::Selector;

/// A pod with the properties that are needed most often.
#[derive(Clone)]
pub(super) struct Pod {
    pub object: Arc<Value>,
    pub ready: bool,
    pub terminating: bool,
    /// Succeeded or Failed.
    pub finished: bool,
    /// The kind and name of its controller.
    pub owner: Option<Arc<(String, String)>>,
}

impl Pod {
    pub(super) fn of(object: &Arc<Value>) -> Self {
        Self {
            ready: fields::condition(object, "Ready") == "True",
            terminating: fields::is_terminating(object),
            finished: fields::is_finished(object),
            owner: fields::controller(object).map(|(kind, name, _)| Arc::new((kind.to_owned(), name.to_owned()))),
            object: Arc::clone(object),
        }
    }
}

impl Deref for Pod {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.object
    }
}

/// Namespace and name, in one allocation that all indices share.
type Id = Arc<(String, String)>;
type Index = BTreeMap<String, BTreeMap<Id, Pod>>;

/// All indices.
#[derive(Clone, Default)]
pub(super) struct Pods {
    /// By the UID of the controller.
    owner: Index,
    /// By node. The empty name is for pods without a node.
    node: Index,
    /// By each label.
    label: Index,
    /// Pods with a required anti-affinity.
    refusing: BTreeMap<Id, Pod>,
    /// How many pods of a controller are on each node, by the UID of the controller.
    spread: BTreeMap<String, Arc<Spread>>,
}

/// The number of pods by the name of the node.
pub(super) type Spread = BTreeMap<String, usize>;

/// The UID of a pod's controller and the pod's node, unless the pod has none or is Terminating.
fn stands(pod: &Value) -> Option<(&str, &str)> {
    let (_, _, owner) = fields::controller(pod)?;
    let node = text(pod, "/spec/nodeName");
    (!node.is_empty() && !fields::is_terminating(pod)).then_some((owner, node))
}

fn id(key: &Key) -> Id {
    Arc::new((key.1.clone(), key.2.clone()))
}

fn tag(label: &str, value: &str) -> String {
    format!("{label}={value}")
}

fn refuses(pod: &Value) -> bool {
    let terms = pod.pointer("/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    terms.and_then(Value::as_array).is_some_and(|terms| !terms.is_empty())
}

fn drop_from(index: &mut Index, key: &str, id: &Id) {
    if let Some(pods) = index.get_mut(key) {
        pods.remove(id);
        if pods.is_empty() {
            index.remove(key);
        }
    }
}

fn found(index: &Index, key: &str) -> Vec<Pod> {
    index.get(key).into_iter().flat_map(BTreeMap::values).cloned().collect()
}

impl Pods {
    /// Adds an object that was written. Objects other than pods are ignored.
    pub(super) fn enter(&mut self, key: &Key, object: &Arc<Value>) {
        if key.0 != "pods" {
            return;
        }
        let (id, pod) = (id(key), Pod::of(object));
        let put = |index: &mut Index, key: String| {
            index.entry(key).or_default().insert(id.clone(), pod.clone());
        };
        if let Some((_, _, uid)) = fields::controller(object) {
            put(&mut self.owner, uid.to_owned());
        }
        if let Some((owner, node)) = stands(object) {
            let spread = Arc::make_mut(self.spread.entry(owner.to_owned()).or_default());
            *spread.entry(node.to_owned()).or_default() += 1;
        }
        put(&mut self.node, text(object, "/spec/nodeName").to_owned());
        if refuses(object) {
            self.refusing.insert(id.clone(), pod.clone());
        }
        for (label, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
            put(&mut self.label, tag(label, value.as_str().unwrap_or("")));
        }
    }

    /// How many pods of a controller are on each node, without those that are Terminating.
    pub(super) fn spread(&self, owner_uid: &str) -> Arc<Spread> {
        self.spread.get(owner_uid).cloned().unwrap_or_default()
    }

    /// Reduces the count of pods on a node by one.
    fn goes(&mut self, owner: &str, node: &str) {
        let Some(spread) = self.spread.get_mut(owner).map(Arc::make_mut) else { return };
        match spread.get_mut(node) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(spread.remove(node)),
        }
        if spread.is_empty() {
            self.spread.remove(owner);
        }
    }

    /// Removes the former version of an object.
    pub(super) fn leave(&mut self, key: &Key, object: &Value) {
        if key.0 != "pods" {
            return;
        }
        let id = id(key);
        if let Some((_, _, uid)) = fields::controller(object) {
            drop_from(&mut self.owner, uid, &id);
        }
        if let Some((owner, node)) = stands(object) {
            self.goes(owner, node);
        }
        drop_from(&mut self.node, text(object, "/spec/nodeName"), &id);
        self.refusing.remove(&id);
        for (label, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
            drop_from(&mut self.label, &tag(label, value.as_str().unwrap_or("")), &id);
        }
    }

    pub(super) fn of(&self, owner_uid: &str) -> Vec<Pod> {
        found(&self.owner, owner_uid)
    }

    pub(super) fn on(&self, node: &str) -> Vec<Pod> {
        found(&self.node, node)
    }

    pub(super) fn refusing(&self) -> Vec<Pod> {
        self.refusing.values().cloned().collect()
    }

    pub(super) fn labelled(&self, label: &str, value: &str) -> Vec<Pod> {
        found(&self.label, &tag(label, value))
    }

    /// Calls a function for the pods that a selector selects. The selector must contain labels: the search starts from
    /// the rarest of them.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector, mut each: impl FnMut(&Pod)) {
        let tags = selector.match_labels.iter().map(|(label, value)| self.label.get(&tag(label, value)));
        let Some(Some(rarest)) = tags.min_by_key(|pods| pods.map_or(0, BTreeMap::len)) else { return };
        let label_says_it = selector.match_labels.len() == 1 && selector.match_expressions.is_empty();
        let chosen = |(id, pod): &(&Id, &Pod)| id.0 == namespace && (label_says_it || fields::selects(selector, pod));
        rarest.iter().filter(chosen).for_each(|(_, pod)| each(pod));
    }
}
