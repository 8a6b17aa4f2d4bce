//! The changes of pods, arranged by the workload that they belong to. A large cluster has a million of them, so each is
//! kept once and names are shared. Start with [`Pods`].

#![expect(clippy::disallowed_types, reason = "a million changes are looked up, and the order is never read")]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use crate::event::PodView;

/// The namespace and the name of a workload.
pub type Key = (String, String);

/// A pod at an instant.
#[derive(Clone, Debug)]
pub struct PodPoint {
    /// When.
    pub at: u64,
    /// Its UID.
    pub uid: Arc<str>,
    /// Its node; empty if it was not scheduled, or gone.
    pub node: Arc<str>,
    /// Whether it was there and belonged to the workload.
    pub own: bool,
    /// Whether it was Ready and not Terminating.
    pub ready: bool,
    /// Whether it was being deleted because of a taint of its node.
    pub evicted: bool,
}

/// The changes of all pods, in the order in which they were observed.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    /// The place of a workload in `points`.
    places: BTreeMap<Key, usize>,
    /// For each workload, its name and the changes of its pods.
    points: Vec<(Key, Vec<PodPoint>)>,
    /// Which pods disappeared, and when.
    gone: Vec<(u64, Arc<str>)>,
    known: HashMap<Arc<str>, Known>,
    names: HashSet<Arc<str>>,
}

/// What is known about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    /// The place of its workload.
    of: usize,
    /// When it was first seen on a node.
    bound: Option<u64>,
}

fn is_of(pod: &PodView, (namespace, owner): &Key) -> bool {
    pod.namespace == *namespace && pod.owner == *owner
}

impl Pods {
    /// A pod was seen.
    pub(super) fn seen(&mut self, at: u64, pod: &PodView) {
        let before = self.known.get_key_value(pod.uid.as_str()).map(|(uid, known)| (Arc::clone(uid), *known));
        // Hardly any pod changes its workload.
        let of = match &before {
            Some((_, known)) if is_of(pod, &self.points[known.of].0) => known.of,
            _ => self.place(pod),
        };
        let (uid, before) = match before {
            Some((uid, known)) => (uid, Some(known)),
            None => (self.name(&pod.uid), None),
        };
        let point = PodPoint {
            at,
            uid: Arc::clone(&uid),
            node: self.name(&pod.node),
            own: true,
            ready: pod.ready && !pod.terminating,
            evicted: pod.terminating && pod.disruption == "DeletionByTaintManager",
        };
        let bound = (!pod.node.is_empty()).then_some(at);
        let now = Known { of, bound: before.and_then(|known| known.bound).or(bound) };
        if before != Some(now) {
            self.known.insert(uid, now);
        }
        if let Some(other) = before.map(|known| known.of).filter(|other| *other != of) {
            self.points[other].1.push(PodPoint { own: false, ..point.clone() });
        }
        self.points[of].1.push(point);
    }

    /// A pod disappeared.
    pub(super) fn gone(&mut self, at: u64, uid: &str) {
        let (uid, node) = (self.name(uid), self.name(""));
        if let Some(known) = self.known.get(&uid) {
            let uid = Arc::clone(&uid);
            self.points[known.of].1.push(PodPoint { at, uid, node, own: false, ready: false, evicted: false });
        }
        self.gone.push((at, uid));
    }

    /// The place of the workload of a pod.
    fn place(&mut self, pod: &PodView) -> usize {
        let key = (pod.namespace.clone(), pod.owner.clone());
        let next = self.points.len();
        let place = *self.places.entry(key.clone()).or_insert(next);
        if place == next {
            self.points.push((key, vec![]));
        }
        place
    }

    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = text.into();
        self.names.insert(Arc::clone(&name));
        name
    }

    /// The changes of the pods of a workload, with those by which a pod stopped to be one of them.
    pub fn of(&self, key: &Key) -> &[PodPoint] {
        self.places.get(key).map_or(&[], |place| &self.points[*place].1)
    }

    /// The changes of the pods of every workload, as [`Pods::of`] gives them.
    pub fn workloads(&self) -> impl Iterator<Item = (&Key, &[PodPoint])> {
        self.places.iter().map(|(key, place)| (key, self.points[*place].1.as_slice()))
    }

    /// Which pods disappeared, and when.
    pub fn disappeared(&self) -> &[(u64, Arc<str>)] {
        &self.gone
    }

    /// When a pod was first seen on a node.
    pub fn bound(&self, uid: &str) -> Option<u64> {
        self.known.get(uid)?.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_changes_its_workload_is_no_longer_one_of_the_first() {
        let (web, db) = (("shop".to_owned(), "deployment/web".to_owned()), ("shop".to_owned(), String::new()));
        let mut pods = Pods::default();
        pods.seen(1, &PodView::ready_in_shop("a", "deployment/web", ""));
        pods.seen(2, &PodView::ready_in_shop("a", "deployment/web", "node-1"));
        pods.seen(3, &PodView::ready_in_shop("a", "", "node-1"));
        pods.gone(4, "a");
        pods.gone(5, "never seen");
        let own = |key| pods.of(key).iter().map(|p| (p.at, p.own)).collect::<Vec<_>>();
        assert_eq!(own(&web), [(1, true), (2, true), (3, false)]);
        assert_eq!(own(&db), [(3, true), (4, false)]);
        assert_eq!((pods.bound("a"), pods.bound("never seen")), (Some(2), None));
        assert_eq!(pods.disappeared().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [4, 5]);
    }
}
