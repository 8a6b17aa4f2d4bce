//! Indices of the pods of the simulated cluster: by controller, node and label. The controllers count pods after every
//! change. What they count by is therefore read only once, when a pod is written. Start with [`Pods`].

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use super::{
    counts::Counts,
    fields::{self, text},
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
    /// Its namespace and name.
    pub id: Id,
}

impl Pod {
    fn of(object: &Arc<Value>, id: Id) -> Self {
        let owner = fields::controller(object).map(|(kind, name, _)| Arc::new((kind.to_owned(), name.to_owned())));
        Self {
            ready: fields::condition(object, "Ready") == "True",
            terminating: fields::is_terminating(object),
            finished: fields::is_finished(object),
            owner,
            id,
            object: Arc::clone(object),
        }
    }

    /// Whether it is Ready and not Terminating.
    pub(super) fn is_healthy(&self) -> bool {
        self.ready && !self.terminating
    }

    /// The next version of the pod.
    fn next(self, object: &Arc<Value>, has_new_owner: bool) -> Self {
        if has_new_owner {
            return Self::of(object, self.id);
        }
        Self {
            ready: fields::condition(object, "Ready") == "True",
            terminating: fields::is_terminating(object),
            finished: fields::is_finished(object),
            object: Arc::clone(object),
            ..self
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
pub(super) type Id = Arc<(String, String)>;
/// The places of pods in [`Pods::all`].
type PodIndices = BTreeMap<Id, PodIndex>;
type Index = BTreeMap<String, PodIndices>;

/// Where a pod is kept. Its place stays the same for as long as the pod exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PodIndex(u32);

/// All pods and their indices. An index is only changed when a pod changes in the field of the index. Most changes of a
/// pod are changes of its status.
#[derive(Clone, Default)]
pub(super) struct Pods {
    all: Vec<Option<Pod>>,
    free: Vec<PodIndex>,
    /// By the UID of the controller.
    owner: Index,
    /// By node. The empty name is for pods without a node.
    node: Index,
    /// By each label.
    label: Index,
    /// Pods with a required anti-affinity.
    refusing: PodIndices,
    pub counts: Counts,
}

pub(super) fn tag(label: &str, value: &str) -> String {
    format!("{label}={value}")
}

pub(super) fn tags(pod: &Value) -> impl Iterator<Item = String> {
    let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
    labels.map(|(label, value)| tag(label, value.as_str().unwrap_or("")))
}

pub(super) fn owner(pod: &Value) -> Option<&str> {
    fields::controller(pod).map(|(_, _, uid)| uid)
}

pub(super) fn node(pod: &Value) -> &str {
    text(pod, "/spec/nodeName")
}

fn refuses(pod: &Value) -> bool {
    let terms = pod.pointer("/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    terms.and_then(Value::as_array).is_some_and(|terms| !terms.is_empty())
}

fn put_into(index: &mut Index, key: &str, id: &Id, place: PodIndex) {
    match index.get_mut(key) {
        Some(places) => drop(places.insert(Arc::clone(id), place)),
        None => drop(index.insert(key.to_owned(), PodIndices::from([(Arc::clone(id), place)]))),
    }
}

fn drop_from(index: &mut Index, key: &str, id: &Id) {
    if let Some(places) = index.get_mut(key) {
        places.remove(id);
        if places.is_empty() {
            index.remove(key);
        }
    }
}

/// Which indices a change of a pod concerns.
struct Differs {
    owner: bool,
    node: bool,
    labels: bool,
}

impl Differs {
    /// Parts that two versions share are equal without a comparison.
    fn between(before: &Value, after: &Value) -> Self {
        let meta = |field: &str| before["metadata"].get(field) != after["metadata"].get(field);
        let node = before.get("spec") != after.get("spec");
        Self { owner: meta("ownerReferences"), node, labels: meta("labels") }
    }
}

impl Pods {
    /// Adds a new pod.
    pub(super) fn enter(&mut self, namespace: &str, name: &str, object: &Arc<Value>) -> PodIndex {
        let place = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            PodIndex(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
        });
        let id = Id::new((namespace.to_owned(), name.to_owned()));
        if let Some(uid) = owner(object) {
            put_into(&mut self.owner, uid, &id, place);
        }
        put_into(&mut self.node, node(object), &id, place);
        if refuses(object) {
            self.refusing.insert(Arc::clone(&id), place);
        }
        for tag in tags(object) {
            put_into(&mut self.label, &tag, &id, place);
        }
        let pod = Pod::of(object, id);
        self.counts.change(None, Some(&pod));
        self.set(place, Some(pod));
        place
    }

    /// Replaces a pod by its next version.
    pub(super) fn change(&mut self, place: PodIndex, object: &Arc<Value>) {
        let Some(before) = self.set(place, None) else { return };
        let (id, differs) = (Arc::clone(&before.id), Differs::between(&before, object));
        if differs.owner {
            owner(&before).into_iter().for_each(|uid| drop_from(&mut self.owner, uid, &id));
            owner(object).into_iter().for_each(|uid| put_into(&mut self.owner, uid, &id, place));
        }
        if differs.node {
            drop_from(&mut self.node, node(&before), &id);
            put_into(&mut self.node, node(object), &id, place);
            if refuses(object) {
                self.refusing.insert(Arc::clone(&id), place);
            } else {
                self.refusing.remove(&id);
            }
        }
        if differs.labels {
            tags(&before).for_each(|tag| drop_from(&mut self.label, &tag, &id));
            tags(object).for_each(|tag| put_into(&mut self.label, &tag, &id, place));
        }
        let after = before.clone().next(object, differs.owner);
        self.counts.change(Some(&before), Some(&after));
        self.set(place, Some(after));
    }

    /// Removes a pod.
    pub(super) fn leave(&mut self, place: PodIndex) {
        let Some(pod) = self.set(place, None) else { return };
        self.counts.change(Some(&pod), None);
        let id = &pod.id;
        owner(&pod).into_iter().for_each(|uid| drop_from(&mut self.owner, uid, id));
        drop_from(&mut self.node, node(&pod), id);
        self.refusing.remove(id);
        tags(&pod).for_each(|tag| drop_from(&mut self.label, &tag, id));
        self.free.push(place);
    }

    fn set(&mut self, place: PodIndex, pod: Option<Pod>) -> Option<Pod> {
        self.all.get_mut(place.0 as usize).and_then(|kept| std::mem::replace(kept, pod))
    }

    /// The pod at a place.
    pub(super) fn at(&self, place: PodIndex) -> Option<&Pod> {
        self.all.get(place.0 as usize)?.as_ref()
    }

    /// The pods that an object controls, by name.
    pub(super) fn of(&self, owner_uid: &str) -> impl Iterator<Item = &Pod> {
        self.found(self.owner.get(owner_uid))
    }

    /// The pods on a node. For an empty name, the pods without a node.
    pub(super) fn on(&self, node: &str) -> impl Iterator<Item = &Pod> {
        self.found(self.node.get(node))
    }

    /// The pods with a required anti-affinity.
    pub(super) fn refusing(&self) -> impl Iterator<Item = &Pod> {
        self.refusing.values().filter_map(|place| self.at(*place))
    }

    /// The pods with a label, in any namespace.
    pub(super) fn labelled(&self, label: &str, value: &str) -> impl Iterator<Item = &Pod> + use<'_> {
        self.found(self.label.get(&tag(label, value)))
    }

    fn found<'a>(&'a self, places: Option<&'a PodIndices>) -> impl Iterator<Item = &'a Pod> {
        places.into_iter().flat_map(PodIndices::values).filter_map(|place| self.at(*place))
    }

    /// Calls a function for the pods that a selector selects. The selector must contain labels: the search starts from
    /// the rarest of them.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector, mut each: impl FnMut(&Pod)) {
        let tags = selector.match_labels.iter().map(|(label, value)| self.label.get(&tag(label, value)));
        let Some(Some(rarest)) = tags.min_by_key(|pods| pods.map_or(0, PodIndices::len)) else { return };
        let label_says_it = selector.match_labels.len() == 1 && selector.match_expressions.is_empty();
        let found = rarest.iter().filter(|(id, _)| id.0 == namespace).filter_map(|(_, place)| self.at(*place));
        found.filter(|pod| label_says_it || fields::selects(selector, pod)).for_each(&mut each);
    }
}
