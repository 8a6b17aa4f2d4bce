//! Detects changes from outside the drill in all objects that are watched. The observers pass their objects to it; of
//! each object only a few fields and a hash are stored. The author comes from `metadata.managedFields`. Changes by the
//! drill, and changes that follow from it, are left out, so that every change in the journal was made by
//! others. Start with [`Outside`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::{
    authors::{By, Key, Observed, author, deletion_follows, is_deleted, named},
    deletions::{self, Keeper, Pending, Went},
    facets::{Facets, Sort, writer},
    known::Known,
};
use crate::{
    event::{Kind, PodView},
    journal::{Recorder, SAME_US},
    kubernetes::Writing,
    model::{Author, OutsideChange, OutsideWhat},
};

/// The state of all watched objects.
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
    /// The number of pods of each workload that exist and are not Terminating.
    active: BTreeMap<(String, String), i64>,
    pending: Vec<Pending>,
    /// Pods that disappeared and were already classified, for the audit log; the oldest first.
    went: VecDeque<Went>,
    /// Pods that were created after the drill had deleted their namespace.
    later: BTreeSet<String>,
    /// When the template of a workload was last changed, by anybody.
    rolled: BTreeMap<(String, String), u64>,
}

/// How many disappeared pods are remembered. The audit log reports them within seconds.
const WENT: usize = 10_000;

/// A difference in one object, and the owner of the field.
type Difference = (OutsideWhat, Option<Writing>);

impl Outside {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the current state of an object. `first`: it is part of the first list, before which nothing is known.
    pub(super) fn here(&self, recorder: &Recorder, sort: Sort, object: &Value, first: bool) {
        let now = Facets::of(sort, object);
        // Kubernetes creates this one in every namespace, and updates it.
        if sort == Sort::ConfigMap && now.name == "kube-root-ca.crt" {
            return;
        }
        let key = (sort, now.namespace.clone(), now.name.clone());
        let changes = self.lock().update(recorder, &key, now, object, first);
        record(recorder, changes);
    }

    /// Records that an object is gone.
    pub(super) fn gone(&self, recorder: &Recorder, sort: Sort, object: &Value) {
        let last = Facets::of(sort, object);
        let key = (sort, last.namespace, last.name);
        let mut inner = self.lock();
        let changes = inner.gone(recorder, &key);
        inner.forget(&key);
        drop(inner);
        record(recorder, changes);
    }

    /// Records that a pod was created, changed or deleted.
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
        // A pod that has finished still exists.
        let went = now.filter(|p| p.terminating).or_else(|| before.filter(|_| now.is_none()));
        if let Some(pod) = went.filter(|_| leaves) {
            let left = inner.active.get(&(pod.namespace.clone(), pod.owner.clone())).copied().unwrap_or(0);
            let later = inner.later.remove(&pod.uid);
            inner.pending.push(Pending { pod: pod.clone(), keeper, later, left, seen_us: recorder.now_us() });
        }
    }

    /// Classifies pods that disappeared some time ago: by now, the other watches have delivered what happened at that
    /// moment. `all`: nothing more will come.
    pub(super) fn decide(&self, recorder: &Recorder, all: bool) {
        let now = recorder.now_us();
        let mut inner = self.lock();
        let (due, later) = std::mem::take(&mut inner.pending).into_iter().partition(|p| all || p.is_due(now));
        inner.pending = later;
        let due: Vec<Pending> = due;
        if due.is_empty() {
            return;
        }
        let went: Vec<Went> = recorder.with(|state| {
            let decided = due.into_iter().map(|pending| {
                let owner = (pending.pod.namespace.clone(), pending.pod.owner.clone());
                let rolled = inner.rolled.get(&owner).copied();
                let cause = deletions::cause(state, &pending, rolled, inner.is_gone(&owner));
                Went { pending, cause }
            });
            decided.collect()
        });
        let changes: Vec<Kind> = went.iter().filter_map(Went::change).map(changed).collect();
        inner.remember(went);
        drop(inner);
        record(recorder, changes);
    }

    /// The result for a pod that disappeared near this time, found by its UID, or by its name if the UID is unknown.
    pub(super) fn with_pod<T>(
        &self,
        (namespace, name, uid): (&str, &str, &str),
        at_us: u64,
        look: impl FnOnce(&Went) -> T,
    ) -> Option<T> {
        let inner = self.lock();
        let same = |went: &&Went| {
            let Pending { pod, seen_us, .. } = &went.pending;
            let named = pod.namespace == namespace && pod.name == name;
            named && if uid.is_empty() { seen_us.abs_diff(at_us) <= SAME_US } else { pod.uid == uid }
        };
        inner.went.iter().rfind(same).map(look)
    }
}

fn is_active(pod: &PodView) -> bool {
    !pod.terminating && !pod.is_finished()
}

fn changed(change: OutsideChange) -> Kind {
    Kind::ChangedOutside { change: Box::new(change) }
}

fn record(recorder: &Recorder, told: impl IntoIterator<Item = Kind>) {
    told.into_iter().for_each(|kind| recorder.observe(kind));
}

impl Inner {
    fn update(&mut self, recorder: &Recorder, key: &Key, now: Facets, object: &Value, first: bool) -> Vec<Kind> {
        let Some(known) = self.objects.get_mut(key) else {
            let before = first.then(|| now.clone());
            let created = (OutsideWhat::Created, writer(object));
            let known = Known { before, now: Some(now), touched: false, edited: None };
            self.objects.insert(key.clone(), known);
            return if first { vec![] } else { self.told(recorder, key, vec![created]) };
        };
        let differences = match known.now.replace(now.clone()) {
            Some(old) if old.uid == now.uid => old.differences(&now, object),
            _ => vec![(OutsideWhat::Created, writer(object))],
        };
        let rolls = |(what, _): &Difference| matches!(what, OutsideWhat::Restarted | OutsideWhat::Edited);
        if key.0 == Sort::Workload && differences.iter().any(rolls) {
            self.rolled.insert((key.1.clone(), key.2.clone()), recorder.now_us());
        }
        self.told(recorder, key, differences)
    }

    fn gone(&mut self, recorder: &Recorder, key: &Key) -> Vec<Kind> {
        let Some(known) = self.objects.get_mut(key) else { return vec![] };
        let Some(old) = known.now.take() else { return vec![] };
        if old.has_owner {
            return vec![];
        }
        // A later object with the same name was not deleted by the drill's deletion.
        let original = known.before.as_ref().is_some_and(|before| before.uid == old.uid);
        let now = recorder.now_us();
        if recorder.with(|state| deletion_follows(state, key, original, now)) {
            return vec![];
        }
        known.touched = true;
        vec![changed(self.change(recorder, key, OutsideWhat::Deleted, Author::Unknown, old.uid))]
    }

    /// Forgets objects that were created and deleted during the drill, because an application may create any number of
    /// them. Workloads are kept: there are few of them, and their pods disappear after them.
    fn forget(&mut self, key: &Key) {
        let passed = |known: &Known| known.before.is_none() && known.now.is_none();
        if key.0 != Sort::Workload && self.objects.get(key).is_some_and(passed) {
            self.objects.remove(key);
        }
    }

    fn remember(&mut self, went: Vec<Went>) {
        self.went.extend(went);
        let surplus = self.went.len().saturating_sub(WENT);
        self.went.drain(..surplus);
    }

    /// Whether a workload existed and does not exist any more.
    fn is_gone(&self, (namespace, workload): &(String, String)) -> bool {
        let key = (Sort::Workload, namespace.clone(), workload.clone());
        self.objects.get(&key).is_some_and(|known| known.now.is_none())
    }

    /// Returns the differences that were caused outside the drill, and those that are undone.
    fn told(&mut self, recorder: &Recorder, key: &Key, differences: Vec<Difference>) -> Vec<Kind> {
        let mut told = vec![];
        for (what, writing) in differences {
            let Some(known) = self.objects.get(key) else { continue };
            let now = known.now.clone().unwrap_or_default();
            let look = Observed {
                key,
                what: &what,
                writing: writing.as_ref(),
                now: &now,
                restored: known.is_restored(),
                seen_us: recorder.now_us(),
            };
            match recorder.with(|state| author(state, &look)) {
                By::Outside(role) => {
                    let by = named(recorder, writing.as_ref(), role);
                    let change = self.change(recorder, key, what, by, now.uid);
                    let Some(known) = self.objects.get_mut(key) else { continue };
                    known.touched = true;
                    if !known.is_more_of(&change) {
                        told.push(changed(change));
                    }
                }
                By::Follows => told.extend(self.undone(key, &what)),
            }
        }
        told
    }

    /// Notes that a part that was changed outside the drill has its earlier state again.
    fn undone(&mut self, key: &Key, what: &OutsideWhat) -> Option<Kind> {
        let known = self.objects.get_mut(key).filter(|known| known.touched && known.is_as_before(what))?;
        // A later edit is reported again.
        known.edited = None;
        let (namespace, object) = (key.1.clone(), key.0.named(&key.2));
        Some(Kind::OutsideUndone { namespace, object, part: what.part() })
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
