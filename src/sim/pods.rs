//! The pods of the simulated cluster by what is asked of them: who controls them,
//! where they are, what labels they carry. Controllers count pods with every
//! change; what they count by is read once, when a pod is written.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use super::{
    fields::{self, text},
    store::Key,
    value::Value,
};
use crate::kubernetes::Selector;

/// A pod, and what is most often asked of one.
#[derive(Clone)]
pub(super) struct Pod {
    pub object: Arc<Value>,
    pub ready: bool,
    pub terminating: bool,
    /// Succeeded or Failed.
    pub finished: bool,
    /// Kind and name of what controls it.
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

/// Namespace and name; one text for all indices.
type Id = Arc<(String, String)>;
type Index = BTreeMap<String, BTreeMap<Id, Pod>>;

/// The indices.
#[derive(Clone, Default)]
pub(super) struct Pods {
    /// By the UID of what controls them.
    owner: Index,
    /// By node; the empty name: not scheduled.
    node: Index,
    /// By each label.
    label: Index,
    /// Those that refuse company: with a required anti-affinity.
    refusing: BTreeMap<Id, Pod>,
    /// By the UID of what controls them, how many stay on each node.
    spread: BTreeMap<String, Arc<Spread>>,
}

/// By the name of the node.
pub(super) type Spread = BTreeMap<String, usize>;

/// What controls a pod, and where it is, unless it leaves.
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
    /// Something was written; what is no pod is none of ours.
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

    /// How many pods that an object controls stay on each node.
    pub(super) fn spread(&self, owner_uid: &str) -> Arc<Spread> {
        self.spread.get(owner_uid).cloned().unwrap_or_default()
    }

    /// One less is on a node.
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

    /// It was as this, and is so no more.
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

    /// Of a selector with labels: the rarest of them says where to look.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector, mut each: impl FnMut(&Pod)) {
        let tags = selector.match_labels.iter().map(|(label, value)| self.label.get(&tag(label, value)));
        let Some(Some(rarest)) = tags.min_by_key(|pods| pods.map_or(0, BTreeMap::len)) else { return };
        let label_says_it = selector.match_labels.len() == 1 && selector.match_expressions.is_empty();
        let chosen = |(id, pod): &(&Id, &Pod)| id.0 == namespace && (label_says_it || fields::selects(selector, pod));
        rarest.iter().filter(chosen).for_each(|(_, pod)| each(pod));
    }
}
