//! Changes from outside, of everything that is watched. Each observer hands its objects on;
//! of each only a few fields and a hash are kept. Who wrote is asked of the API server's own
//! book. What follows from the drill, or is the drill's, is left out here, so that whatever
//! stands in the journal is somebody else's. Start with [`Outside`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::{
    authors::{By, author, deletion_follows, is_deleted, named},
    deletions::{self, Keeper, Pending},
    facets::{Facets, Sort},
};
use crate::{
    event::{Kind, PodView},
    journal::Recorder,
    kubernetes::Writing,
    model::{Author, OutsideChange, OutsideWhat, Role},
};

/// What is known of everything that is watched.
#[derive(Default)]
pub(super) struct Outside {
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outside")
    }
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<Key, Known>,
    /// Pods of each workload that are there and not on their way out.
    active: BTreeMap<(String, String), i64>,
    pending: Vec<Pending>,
    /// Pods that came after the drill had deleted their namespace.
    later: BTreeSet<String>,
    /// When the template of a workload was changed last, by whomever.
    rolled: BTreeMap<(String, String), u64>,
}

/// Sort, namespace, name.
pub(super) type Key = (Sort, String, String);

/// One object.
struct Known {
    /// As it was when the drill began to look; none where it was not there.
    before: Option<Facets>,
    /// As it is; none where it is gone.
    now: Option<Facets>,
    /// Whether somebody else changed it.
    touched: bool,
    /// By whom it was last told to be edited, and when.
    edited: Option<(Author, u64)>,
}

/// An application may write to its ConfigMap each second: edits by one author are told once in
/// this time.
const EDITS_US: u64 = 60_000_000;

/// A difference of one object, and who owns the field that differs.
type Difference = (OutsideWhat, Option<Writing>);

impl Outside {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object as it is now. `first`: of the first list, before which nothing is known.
    pub(super) fn here(&self, recorder: &Recorder, sort: Sort, object: &Value, first: bool) {
        let now = Facets::of(sort, object);
        // Kubernetes makes it in every namespace, and renews it.
        if sort == Sort::ConfigMap && now.name == "kube-root-ca.crt" {
            return;
        }
        let key = (sort, now.namespace.clone(), now.name.clone());
        let changes = self.lock().take(recorder, &key, now, object, first);
        tell(recorder, changes);
    }

    /// An object is gone.
    pub(super) fn gone(&self, recorder: &Recorder, sort: Sort, object: &Value) {
        let last = Facets::of(sort, object);
        let key = (sort, last.namespace, last.name);
        let changes = self.lock().gone(recorder, &key);
        tell(recorder, changes);
    }

    /// A pod changed, came or went.
    pub(super) fn pod(&self, recorder: &Recorder, before: Option<&PodView>, now: Option<&PodView>, keeper: Keeper) {
        let mut inner = self.lock();
        if let Some(pod) = before.filter(|p| is_active(p)) {
            *inner.active.entry((pod.namespace.clone(), pod.owner.clone())).or_default() -= 1;
        }
        if let Some(pod) = now.filter(|p| is_active(p)) {
            *inner.active.entry((pod.namespace.clone(), pod.owner.clone())).or_default() += 1;
            if before.is_none() && recorder.with(|state| is_deleted(state, &pod.namespace)) {
                inner.later.insert(pod.uid.clone());
            }
        }
        let leaves = before.is_some_and(is_active) && !now.is_some_and(is_active);
        // One that ended by itself is still there.
        let went = now.filter(|p| p.terminating).or_else(|| before.filter(|_| now.is_none()));
        if let Some(pod) = went.filter(|_| leaves) {
            let left = inner.active.get(&(pod.namespace.clone(), pod.owner.clone())).copied().unwrap_or(0);
            let later = inner.later.contains(&pod.uid);
            inner.pending.push(Pending { pod: pod.clone(), keeper, later, left, seen_us: recorder.now_us() });
        }
    }

    /// Decides about pods that went some time ago: what other watches tell of the same moment
    /// has arrived by then. `all`: nothing more will come.
    pub(super) fn decide(&self, recorder: &Recorder, all: bool) {
        let now = recorder.now_us();
        let mut inner = self.lock();
        let (due, later) = std::mem::take(&mut inner.pending).into_iter().partition(|p| all || p.is_due(now));
        inner.pending = later;
        let due: Vec<Pending> = due;
        if due.is_empty() {
            return;
        }
        let changes = recorder.with(|state| {
            let told = due.iter().filter_map(|pending| {
                let owner = (pending.pod.namespace.clone(), pending.pod.owner.clone());
                let rolled = inner.rolled.get(&owner).copied();
                deletions::change(state, pending, rolled, inner.is_gone(&owner))
            });
            told.collect()
        });
        drop(inner);
        tell(recorder, changes);
    }
}

fn is_active(pod: &PodView) -> bool {
    !pod.terminating && !matches!(pod.phase.as_str(), "Succeeded" | "Failed")
}

fn tell(recorder: &Recorder, changes: Vec<OutsideChange>) {
    for change in changes {
        recorder.observe(Kind::ChangedOutside { change: Box::new(change) });
    }
}

impl Inner {
    fn take(&mut self, recorder: &Recorder, key: &Key, now: Facets, object: &Value, first: bool) -> Vec<OutsideChange> {
        let Some(known) = self.objects.get_mut(key) else {
            let before = first.then(|| now.clone());
            let created = (OutsideWhat::Created, now.writer(object));
            let known = Known { before, now: Some(now), touched: false, edited: None };
            self.objects.insert(key.clone(), known);
            return if first { vec![] } else { self.told(recorder, key, vec![created]) };
        };
        let differences = match known.now.replace(now.clone()) {
            Some(old) if old.uid == now.uid => old.differences(&now, object),
            _ => vec![(OutsideWhat::Created, now.writer(object))],
        };
        let rolls = |(what, _): &Difference| matches!(what, OutsideWhat::Restarted | OutsideWhat::Edited);
        if key.0 == Sort::Workload && differences.iter().any(rolls) {
            self.rolled.insert((key.1.clone(), key.2.clone()), recorder.now_us());
        }
        self.told(recorder, key, differences)
    }

    fn gone(&mut self, recorder: &Recorder, key: &Key) -> Vec<OutsideChange> {
        let Some(known) = self.objects.get_mut(key) else { return vec![] };
        let Some(old) = known.now.take() else { return vec![] };
        if old.has_owner {
            return vec![];
        }
        // What came later than the drill's own deletion does not go by it.
        let original = known.before.as_ref().is_some_and(|before| before.uid == old.uid);
        if recorder.with(|state| deletion_follows(state, key, original)) {
            return vec![];
        }
        let change = self.change(recorder, key, OutsideWhat::Deleted, Author::Unknown, old.uid);
        if let Some(known) = self.objects.get_mut(key) {
            known.touched = true;
        }
        vec![change]
    }

    /// Whether a workload was there and is not any more.
    fn is_gone(&self, (namespace, workload): &(String, String)) -> bool {
        let key = (Sort::Workload, namespace.clone(), workload.clone());
        self.objects.get(&key).is_some_and(|known| known.now.is_none())
    }

    /// Those differences that are somebody else's; and the drill's own where they undo one.
    fn told(&mut self, recorder: &Recorder, key: &Key, differences: Vec<Difference>) -> Vec<OutsideChange> {
        let mut changes = vec![];
        for (what, writing) in differences {
            let Some(known) = self.objects.get(key) else { continue };
            let (facets, touched) = (known.now.clone().unwrap_or_default(), known.touched);
            let restored = known.is_restored();
            let by = recorder.with(|state| author(state, key, &what, writing.as_ref(), (&facets, restored)));
            let by = match by {
                By::Outside(role) => named(recorder, writing.as_ref(), role),
                By::Follows if touched => Author::Manager { name: "drillmaster".into(), role: Role::Drill },
                By::Follows => continue,
            };
            let change = self.change(recorder, key, what, by, facets.uid);
            if change.by.role() == Role::Drill && !change.as_before {
                continue;
            }
            if let Some(known) = self.objects.get_mut(key) {
                known.touched = true;
                if known.is_more_of(&change) {
                    continue;
                }
            }
            changes.push(change);
        }
        changes
    }

    fn change(&self, recorder: &Recorder, key: &Key, what: OutsideWhat, by: Author, uid: String) -> OutsideChange {
        let as_before = self.objects.get(key).is_some_and(|known| known.is_as_before(&what));
        OutsideChange {
            seen_us: recorder.now_us(),
            namespace: key.1.clone(),
            object: key.0.named(&key.2),
            uid,
            workloads: self.users(key),
            what,
            by,
            as_before,
        }
    }

    /// The workloads that use an object.
    fn users(&self, key: &Key) -> Vec<String> {
        if key.0 == Sort::Workload {
            return vec![key.2.clone()];
        }
        let word = key.0.named(&key.2);
        let uses = |facets: &Facets| facets.namespace == key.1 && facets.uses.contains(&word);
        let all = self.objects.iter().filter(|(k, known)| {
            k.0 == Sort::Workload && known.now.as_ref().or(known.before.as_ref()).is_some_and(uses)
        });
        all.map(|(k, _)| k.2.clone()).collect()
    }
}

impl Known {
    /// A restore made it, since the drill began to look.
    fn is_restored(&self) -> bool {
        let of = |facets: &Option<Facets>| facets.as_ref().map(|f| f.restored_by.clone()).unwrap_or_default();
        let now = of(&self.now);
        !now.is_empty() && now != of(&self.before)
    }

    /// Whether a change is one more edit of a row by one author.
    fn is_more_of(&mut self, change: &OutsideChange) -> bool {
        let more = self.edited.as_ref().is_some_and(|(by, at)| *by == change.by && change.seen_us < at + EDITS_US);
        if change.what != OutsideWhat::Edited || change.as_before {
            // What comes after it is told again.
            self.edited = None;
            return false;
        }
        if !more {
            self.edited = Some((change.by.clone(), change.seen_us));
        }
        more
    }

    fn is_as_before(&self, what: &OutsideWhat) -> bool {
        match (&self.before, &self.now) {
            (None, None) => true,
            (Some(before), Some(now)) => before.agrees(now, what),
            _ => false,
        }
    }
}
