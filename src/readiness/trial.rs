//! Tries the changes that a review proposes on a copy of the objects, so that the fix plan does no harm that a review can
//! see. A change that causes findings takes the changes for those findings along, or is held back. Start with
//! [`try_changes`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    allowances::propose_allowances, diff::against_base, picture::Picture, review::review, settings::ReviewSettings,
};
use crate::{
    inventory::{Object, ObjectSet, Origin, Readings, ReviewSource, kind_of},
    model::{Change, Review, Ruling, State, Subject},
};

/// After this many rounds, all changes are held back.
const ROUNDS: usize = 8;

/// The reason why each change is held back, by [`Change::text`].
type HeldBack = BTreeMap<String, String>;

/// Changes by [`Change::text`].
type Live = BTreeMap<String, Change>;

/// Holds back the changes of a review that would cause other findings. Returns findings that the changes cause and that
/// have changes of their own: those belong to the plan.
pub fn try_changes(
    object_set: &ObjectSet,
    settings: &ReviewSettings,
    now: jiff::Timestamp,
    reviewed: &mut Review,
) -> Vec<Ruling> {
    let asked: BTreeSet<&str> = reviewed.checks.iter().map(|c| c.id.as_str()).collect();
    let trial = Trial::new(object_set, settings, now);
    let (mut held_back, mut more) = (HeldBack::new(), vec![]);
    for round in 0..=ROUNDS {
        let live = live(reviewed, &more, &held_back);
        if live.is_empty() {
            break;
        }
        let caused = trial.caused(&live);
        let Some(worst) = caused.first() else { break };
        if round == ROUNDS {
            let why = why(worst);
            held_back.extend(live.into_keys().map(|change| (change, why.clone())));
            more.clear();
            break;
        }
        let is_new = |text: &str| !live.contains_key(text) && !held_back.contains_key(text);
        let is_mendable = |r: &&Ruling| {
            let remedy = r.remedy.as_ref().filter(|remedy| !remedy.is_held_back());
            asked.contains(&*r.check) && remedy.is_some_and(|remedy| is_new(&remedy.change.text()))
        };
        let mendable: Vec<Ruling> = caused.iter().filter(is_mendable).cloned().collect();
        if mendable.is_empty() {
            for result in &caused {
                // The worst finding comes first, and gives the reason.
                for change in culprits(&live, &result.subject) {
                    held_back.entry(change).or_insert_with(|| why(result));
                }
            }
            // The next round collects them again: a change that is held back now causes none of them any more.
            more.clear();
        } else {
            more.extend(mendable);
        }
    }
    for remedy in reviewed.results.iter_mut().filter_map(|r| r.remedy.as_mut()) {
        if let Some(why) = held_back.get(&remedy.change.text()) {
            remedy.held_back.clone_from(why);
        }
    }
    propose_allowances(&Picture::new(object_set, settings, now), &mut reviewed.results);
    more
}

/// What the rounds have in common.
struct Trial {
    settings: ReviewSettings,
    now: jiff::Timestamp,
    objects: ObjectSet,
    /// The review of the objects without any change.
    before: Review,
}

impl Trial {
    fn new(object_set: &ObjectSet, settings: &ReviewSettings, now: jiff::Timestamp) -> Self {
        // A change may cause findings of any check, also of one that this review did not run.
        let settings = ReviewSettings { only: vec![], skip: vec![], keep_passes: false, ..settings.clone() };
        let objects = desired(object_set);
        let before = review(&objects, &settings, "", "full", now);
        Self { settings, now, objects, before }
    }

    /// The findings that these changes cause together, the worst first.
    fn caused(&self, live: &Live) -> Vec<Ruling> {
        let mut after = review(&changed(&self.objects, live.values()), &self.settings, "", "full", self.now);
        against_base(&mut after, &self.before, "", &self.objects, &self.settings);
        after.results.into_iter().filter(|r| r.state.is_active() && !r.known).collect()
    }
}

/// The objects as files would have them. What runs now says nothing about the time after a change.
fn desired(object_set: &ObjectSet) -> ObjectSet {
    ObjectSet {
        source: ReviewSource::Manifests,
        pods: vec![],
        standing: vec![],
        nodes: vec![],
        readings: Readings::default(),
        target: None,
        ..object_set.clone()
    }
}

fn why(caused: &Ruling) -> String {
    format!("it would cause {} for {}: {}", caused.check, caused.subject, caused.observed)
}

/// The changes that are not held back.
fn live(review: &Review, more: &[Ruling], held_back: &HeldBack) -> Live {
    let failed = review.results.iter().filter(|r| r.state == State::Fail);
    let remedies = failed.chain(more).filter_map(|r| r.remedy.as_ref()).filter(|remedy| !remedy.is_held_back());
    let all = remedies.map(|remedy| (remedy.change.text(), remedy.change.clone()));
    all.filter(|(text, _)| !held_back.contains_key(text)).collect()
}

/// The changes that are nearest to the object of a finding: those of the object itself, of one with its name, of its
/// namespace, or all of them.
fn culprits(live: &Live, of: &Subject) -> Vec<String> {
    let distance = |change: &Change| match (
        change.namespace() == of.namespace,
        change.name() == of.name,
        change.kind() == of.kind,
    ) {
        (true, true, true) => 0,
        (true, true, false) => 1,
        (true, false, _) => 2,
        (false, ..) => 3,
    };
    let nearest = live.values().map(distance).min();
    live.iter().filter(|(_, change)| Some(distance(change)) == nearest).map(|(text, _)| text.clone()).collect()
}

/// The objects after the changes.
pub(super) fn changed<'a>(object_set: &ObjectSet, changes: impl Iterator<Item = &'a Change>) -> ObjectSet {
    let mut after = object_set.clone();
    let mut created = vec![];
    for change in changes {
        match change {
            // Patches come first, because they find their objects by the order of the lists.
            Change::Create(object) => created.push(object),
            Change::Patch { strategic, body, .. } => patch(&mut after, change, *strategic, body),
        }
    }
    for object in created {
        // An object that cannot be read changes nothing.
        let _ = after.put(object.clone(), Origin::default());
    }
    after.settle();
    after
}

/// Changes the object of a patch; nothing if it is not there.
fn patch(object_set: &mut ObjectSet, change: &Change, strategic: bool, body: &Value) {
    for key in kinds(object_set, change) {
        let Some(object) = object_set.find_mut(&key, change.namespace(), change.name()) else { continue };
        if strategic {
            join(&mut object.body, body);
        } else {
            json_patch::merge(&mut object.body, body);
        }
    }
}

/// The objects of a patch: none if the object is not there.
pub(super) fn patched<'a>(object_set: &'a ObjectSet, change: &Change) -> Vec<&'a Object> {
    let keys = kinds(object_set, change);
    keys.iter().filter_map(|key| object_set.find(key, change.namespace(), change.name())).collect()
}

/// The kinds that a patch may mean.
fn kinds(object_set: &ObjectSet, change: &Change) -> Vec<String> {
    let is_kind = |key: &&String| *key == change.kind() || kind_of(key) == change.kind();
    object_set.objects.keys().filter(is_kind).cloned().collect()
}

/// A strategic merge patch, as far as remedies use it: topology spread constraints are joined by their key, the new ones
/// first, as Kustomize puts them.
pub(super) fn join(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                join(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(target), Value::Array(patch)) => {
            let replaced = |old: &Value| patch.iter().any(|new| new["topologyKey"] == old["topologyKey"]);
            let kept = target.drain(..).filter(|old| !replaced(old));
            let all: Vec<Value> = patch.iter().cloned().chain(kept).collect();
            *target = all;
        }
        (target, patch) => *target = patch.clone(),
    }
}
