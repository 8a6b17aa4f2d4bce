//! The objects of the simulated cluster, their versions, and the watches on them. It does not know what the objects
//! mean. Start with [`Store`].

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound::{Included, Unbounded},
    sync::{Arc, OnceLock, atomic::Ordering},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use super::{
    collection::Collection,
    counts::{Group, Spread, Tally},
    fields::{self, text},
    pods::{Pod, PodIndex, Pods},
    resources::{self, Resource},
    value::{Value, json},
    watch::{Mood, Sullen, Watch, Watches, mood_of},
};
use crate::kubernetes::Selector;

/// How many changes a watch or a paged list may lag behind before it gets a 410 and must start again.
pub(super) const WINDOW: u64 = 4096;

/// Resource, namespace (empty for objects of the cluster), name.
pub(super) type Key = (&'static str, SmolStr, SmolStr);

/// One change, kept for watches that start at an earlier version.
#[derive(Clone)]
struct Change {
    version: u64,
    key: Key,
    type_: &'static str,
    kept: StoredObject,
}

/// An object with its JSON. The JSON is built only when it is needed first, and then kept, because an object appears in
/// many lists and watches.
#[derive(Clone)]
pub(super) struct StoredObject {
    pub object: Arc<Value>,
    written: Arc<OnceLock<Bytes>>,
    /// Where the indices keep it, if it is a pod.
    place: Option<PodIndex>,
}

impl StoredObject {
    fn of(object: Arc<Value>, place: Option<PodIndex>) -> Self {
        Self { object, written: Arc::default(), place }
    }

    /// The JSON of the object as an item of a list, without kind and apiVersion.
    pub(super) fn written(&self) -> &Bytes {
        self.written.get_or_init(|| serde_json::to_vec(&Item(&self.object)).unwrap_or_default().into())
    }

    /// The line of a watch event.
    fn line(&self, type_: &str) -> Bytes {
        let (kind, version) = (text(&self.object, "/kind"), text(&self.object, "/apiVersion"));
        let rest = self.written().get(1..).unwrap_or_default();
        let head = format!("{{\"object\":{{\"apiVersion\":\"{version}\",\"kind\":\"{kind}\",");
        let tail = format!(",\"type\":\"{type_}\"}}\n");
        [head.as_bytes(), rest, tail.as_bytes()].concat().into()
    }
}

/// The items of a list have no kind and no apiVersion.
struct Item<'a>(&'a Value);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.as_object().into_iter().flatten();
        serializer.collect_map(fields.filter(|(key, _)| !matches!(key.as_str(), "kind" | "apiVersion")))
    }
}

/// The store.
#[derive(Clone, Default)]
pub(super) struct Store {
    /// By resource and namespace, so that a look-up does not have to build a key.
    objects: BTreeMap<&'static str, BTreeMap<SmolStr, Collection>>,
    version: u64,
    /// Makes the UIDs of this cluster different from those of other clusters.
    family: u32,
    uids: u64,
    changes: VecDeque<Change>,
    watches: Watches,
    /// Watches that receive nothing any more. They stay open until their time is over.
    stalled: Watches,
    sullen: Vec<Sullen>,
    /// What changed since the last call of `take_dirty`: the new object, or the last version of a removed one.
    dirty: BTreeMap<Key, Arc<Value>>,
    pods: Pods,
    /// Whether a pod was added, removed, or changed in a field that matters to the scheduler.
    moved: bool,
}

impl Store {
    /// The UIDs of all objects.
    pub(super) fn uids(&self) -> impl Iterator<Item = &str> {
        self.objects
            .values()
            .flat_map(BTreeMap::values)
            .flat_map(Collection::iter)
            .map(|kept| fields::uid(&kept.object))
    }

    /// Creates an empty store with UIDs of its own.
    pub(super) fn of(family: u32) -> Self {
        Self { family, ..Self::default() }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Takes what changed since the last call.
    pub(super) fn take_dirty(&mut self) -> BTreeMap<Key, Arc<Value>> {
        std::mem::take(&mut self.dirty)
    }

    /// Puts changes back that nobody could process. A newer change of the same object wins.
    pub(super) fn seen_again(&mut self, changes: BTreeMap<Key, Arc<Value>>) {
        for (key, object) in changes {
            self.dirty.entry(key).or_insert(object);
        }
    }

    /// Whether pods changed for the scheduler since the last call.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// A pod with the properties that are needed most often.
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.pods.at(self.objects.get("pods")?.get(namespace)?.get(name)?.place?)
    }

    /// The pods that an object controls.
    pub(super) fn pods_of(&self, owner_uid: &str) -> Vec<Pod> {
        self.pods.of(owner_uid).cloned().collect()
    }

    /// The pods that a selector selects, without those that have finished.
    pub(super) fn group_of(&self, namespace: &str, selector: &Selector) -> Group {
        self.pods.counts.group_of(namespace, selector).unwrap_or_else(|| {
            let mut group = Group::default();
            self.each_selected(namespace, selector, |pod| {
                if !pod.finished {
                    group.add(pod);
                }
            });
            group
        })
    }

    /// How many pods an object controls.
    pub(super) fn tally_of(&self, owner_uid: &str) -> Tally {
        self.pods.counts.tally(owner_uid)
    }

    /// How many pods of an object are on each node, without those that are Terminating.
    pub(super) fn spread_of(&self, owner_uid: &str) -> Arc<Spread> {
        self.pods.counts.spread(owner_uid)
    }

    /// The pods on a node. For an empty name, the pods without a node.
    pub(super) fn pods_on(&self, node: &str) -> Vec<Pod> {
        self.pods.on(node).cloned().collect()
    }

    /// The pods with a label, in any namespace.
    pub(super) fn pods_labelled(&self, label: &str, value: &str) -> Vec<Pod> {
        self.pods.labelled(label, value).cloned().collect()
    }

    /// The pods with a required anti-affinity.
    pub(super) fn refusing(&self) -> Vec<Pod> {
        self.pods.refusing().cloned().collect()
    }

    /// The pods of a namespace that a selector selects, in their order.
    pub(super) fn pods_selected(&self, namespace: &str, selector: &Selector) -> Vec<Pod> {
        let mut all = vec![];
        self.each_selected(namespace, selector, |pod| all.push(pod.clone()));
        all
    }

    /// Calls a function for each of these pods, without copying them.
    pub(super) fn each_selected(&self, namespace: &str, selector: &Selector, each: impl FnMut(&Pod)) {
        if selector.match_labels.is_empty() {
            let all = self.kept("pods", Some(namespace)).filter_map(|kept| self.pods.at(kept.place?));
            all.filter(|pod| fields::selects(selector, pod)).for_each(each);
        } else {
            self.pods.selected(namespace, selector, each);
        }
    }

    pub(super) fn get(&self, resource: &'static str, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        Some(&self.objects.get(resource)?.get(namespace)?.get(name)?.object)
    }

    /// All objects of a resource, sorted by namespace and name.
    pub(super) fn all(&self, resource: &'static str) -> impl Iterator<Item = &Arc<Value>> {
        self.kept(resource, None).map(|kept| &kept.object)
    }

    /// All objects of a resource in one namespace.
    pub(super) fn within(&self, resource: &'static str, namespace: &str) -> impl Iterator<Item = &Arc<Value>> {
        self.kept(resource, Some(namespace)).map(|kept| &kept.object)
    }

    /// The items of a list, in one namespace or in all.
    pub(super) fn kept(&self, resource: &'static str, namespace: Option<&str>) -> impl Iterator<Item = &StoredObject> {
        let of = namespace.map_or(Unbounded, Included);
        let collections = self.objects.get(resource).map(|collections| collections.range::<str, _>((of, of)));
        collections.into_iter().flatten().flat_map(|(_, collection)| collection.iter())
    }

    /// The number of objects of a resource, in one namespace or in all.
    pub(super) fn count(&self, resource: &'static str, namespace: Option<&str>) -> usize {
        let Some(collections) = self.objects.get(resource) else { return 0 };
        match namespace {
            Some(namespace) => collections.get(namespace).map_or(0, Collection::len),
            None => collections.values().map(Collection::len).sum(),
        }
    }

    /// Adds a new object and sets its UID, creation time and generation.
    pub(super) fn create(&mut self, resource: &'static Resource, mut object: Value, now: Timestamp) -> Arc<Value> {
        self.uids += 1;
        let meta = &mut object["metadata"];
        meta["uid"] = format!("{:08x}-0000-4000-8000-{:012x}", self.family, self.uids).into();
        meta["creationTimestamp"] = fields::stamp(now).into();
        meta["generation"] = 1.into();
        object["kind"] = resource.kind.into();
        object["apiVersion"] = resource.api_version().into();
        self.write(resource.plural, "ADDED", object)
    }

    /// Writes a changed object. An object that did not change keeps its version.
    pub(super) fn update(&mut self, resource: &'static str, mut object: Value) -> Arc<Value> {
        let (namespace, name) = (text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        if let Some(before) = self.get(resource, namespace, name) {
            object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
            if **before == object {
                return Arc::clone(before);
            }
            if before.get("spec") != object.get("spec") {
                let generation = fields::number(before, "/metadata/generation");
                object["metadata"]["generation"] = (generation + 1).into();
            }
        }
        self.write(resource, "MODIFIED", object)
    }

    /// Changes an object in place, if it exists.
    pub(super) fn edit(&mut self, resource: &'static str, namespace: &str, name: &str, edit: impl FnOnce(&mut Value)) {
        if let Some(object) = self.get(resource, namespace, name) {
            let mut object = (**object).clone();
            edit(&mut object);
            self.update(resource, object);
        }
    }

    /// Removes an object.
    pub(super) fn remove(&mut self, resource: &'static str, namespace: &str, name: &str) {
        if let Some(kept) = self.take_out(resource, namespace, name) {
            let key = (resource, namespace.into(), name.into());
            self.version += 1;
            if let Some(place) = kept.place {
                self.moved = true;
                self.pods.leave(place);
            }
            let mut last = (*kept.object).clone();
            last["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.publish(Change {
                version: self.version,
                key,
                type_: "DELETED",
                kept: StoredObject::of(Arc::new(last), None),
            });
        }
    }

    fn take_out(&mut self, resource: &'static str, namespace: &str, name: &str) -> Option<StoredObject> {
        let collections = self.objects.get_mut(resource)?;
        let collection = collections.get_mut(namespace)?;
        let kept = collection.remove(name)?;
        if collection.is_empty() {
            collections.remove(namespace);
        }
        Some(kept)
    }

    fn write(&mut self, resource: &'static str, type_: &'static str, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let key = (
            resource,
            SmolStr::new(text(&object, "/metadata/namespace")),
            SmolStr::new(text(&object, "/metadata/name")),
        );
        let object = Arc::new(object);
        let collection = self.objects.entry(resource).or_default().entry(key.1.clone()).or_default();
        let mut kept = StoredObject::of(Arc::clone(&object), None);
        match collection.get_mut(&key.2) {
            Some(before) => {
                if let Some(place) = before.place {
                    self.moved |= moves(&before.object, &object);
                    self.pods.change(place, &object);
                }
                kept.place = before.place;
                *before = kept.clone();
            }
            None => {
                if resource == "pods" {
                    self.moved = true;
                    kept.place = Some(self.pods.enter(&key.1, &key.2, &object));
                }
                collection.add(key.2.clone(), kept.clone());
            }
        }
        self.publish(Change { version: self.version, key, type_, kept });
        object
    }

    fn publish(&mut self, change: Change) {
        self.dirty.insert(change.key.clone(), Arc::clone(&change.kept.object));
        let mut written = None;
        let mood = mood_of(&self.sullen, change.key.0);
        self.watches.0.retain_mut(|watch| {
            if !watch.wants(&change.key, &change.kept.object) {
                return !watch.sink.is_closed();
            }
            let bytes = written.get_or_insert_with(|| change.kept.line(change.type_)).clone();
            watch.hear(mood, bytes)
        });
        self.changes.push_back(change);
        if self.changes.len() as u64 > WINDOW {
            self.changes.pop_front();
        }
    }

    /// Opens a watch from a version on. If the version is too old, the watch gets a 410.
    pub(super) fn watch(&mut self, mut watch: Watch, from: u64) {
        let oldest = self.changes.front().map_or(self.version + 1, |c| c.version);
        if from + 1 < oldest {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
                "reason": "Expired", "message": format!("too old resource version: {from} ({})", oldest)});
            let _ = watch.sink.send(line("ERROR", &status));
            return;
        }
        let mood = mood_of(&self.sullen, watch.resource.plural);
        watch.stalled.store(matches!(mood, Some(Mood::Lags | Mood::Stalls)), Ordering::Relaxed);
        if mood == Some(Mood::Stalls) {
            self.stalled.0.push(watch);
            return;
        }
        for change in self.changes.iter().filter(|c| c.version > from) {
            if watch.wants(&change.key, &change.kept.object) {
                watch.hear(mood, change.kept.line(change.type_));
            }
        }
        self.watches.0.push(watch);
    }

    /// Makes watches misbehave from now on.
    pub(super) fn sulk(&mut self, sullen: Sullen) {
        let (mine, others) = self.watches.0.drain(..).partition(|w| sullen.about(w.resource.plural));
        self.watches.0 = others;
        let mine: Vec<Watch> = mine;
        for watch in &mine {
            watch.stalled.store(matches!(sullen.mood, Mood::Lags | Mood::Stalls), Ordering::Relaxed);
        }
        match sullen.mood {
            Mood::Ends => drop(mine),
            Mood::Stalls => self.stalled.0.extend(mine),
            Mood::Lags | Mood::Rambles => self.watches.0.extend(mine),
        }
        self.sullen.push(sullen);
    }

    /// Ends a misbehaviour. Watches that lagged get what they missed. Watches that stalled stay silent, as on a dead
    /// connection.
    pub(super) fn listen_again(&mut self, entry: usize) {
        self.sullen.retain(|s| s.entry != entry);
        for watch in &mut self.watches.0 {
            if mood_of(&self.sullen, watch.resource.plural).is_none() {
                watch.stalled.store(false, Ordering::Relaxed);
                for line in std::mem::take(&mut watch.held) {
                    let _ = watch.sink.send(line);
                }
            }
        }
    }

    /// The bookmark that a watch gets at its end: it says up to which version the watch has come.
    pub(super) fn bookmark(&self) -> Bytes {
        line("BOOKMARK", &json!({"metadata": {"resourceVersion": self.version.to_string()}}))
    }

    /// Ends all open watches, as a network does that drops connections.
    pub(super) fn drop_watches(&mut self) {
        self.watches.0.clear();
    }

    /// Stalls all open watches without closing them, as a network does that loses packets silently.
    pub(super) fn stall_watches(&mut self) {
        self.stalled.0.retain(|watch| !watch.sink.is_closed());
        for watch in self.watches.0.drain(..) {
            watch.stalled.store(true, Ordering::Relaxed);
            self.stalled.0.push(watch);
        }
    }

    /// All objects of a namespace, each with its resource.
    pub(super) fn content_of(&self, namespace: &str) -> Vec<(&'static Resource, Arc<Value>)> {
        resources::all()
            .filter(|r| r.namespaced)
            .flat_map(|r| self.within(r.plural, namespace).map(move |o| (r, Arc::clone(o))))
            .collect()
    }
}

/// Whether a pod differs in a field that matters to the scheduler, for this pod or for its neighbours.
fn moves(before: &Value, after: &Value) -> bool {
    let is_same = |field: &str| before["metadata"].get(field) == after["metadata"].get(field);
    fields::is_finished(before) != fields::is_finished(after)
        || !["labels", "deletionTimestamp", "ownerReferences"].into_iter().all(is_same)
        || text(before, "/status/nominatedNodeName") != text(after, "/status/nominatedNodeName")
        || before.get("spec") != after.get("spec")
}

/// A line of a watch, with its keys in order.
#[derive(Serialize)]
struct Line<'a> {
    object: &'a Value,
    #[serde(rename = "type")]
    type_: &'a str,
}

fn line(type_: &str, object: &Value) -> Bytes {
    let mut bytes = serde_json::to_vec(&Line { object, type_ }).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}
