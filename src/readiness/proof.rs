//! Makes sure that the proposed changes do no harm by the review's own measure: applies them to the objects, reviews
//! again, and adds changes for what they cause, or holds them back. Start with [`prove`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{diff::against_base, review::review, settings::ReviewSettings};
use crate::{
    inventory::{ObjectSet, Origin, ReviewSource},
    model::{Change, Review, Ruling, State, Subject},
};

/// After this many rounds, all changes are held back.
const ROUNDS: usize = 8;

/// Changes by their text, with the reason why each is held back.
type Held = BTreeMap<String, String>;

/// Holds back the changes of a review that would cause other findings. Returns findings that the changes cause and that
/// have changes of their own: those belong to the plan.
pub fn prove(
    object_set: &ObjectSet,
    settings: &ReviewSettings,
    now: jiff::Timestamp,
    reviewed: &mut Review,
) -> Vec<Ruling> {
    let asked: BTreeSet<&str> = reviewed.checks.iter().map(|c| c.id.as_str()).collect();
    // A change may cause findings of any check, also of one that this review did not run.
    let settings = ReviewSettings { only: vec![], skip: vec![], keep_passes: false, ..settings.clone() };
    let again = |object_set: &ObjectSet| review(object_set, &settings, "", "full", now);
    let desired = desired(object_set);
    let before = again(&desired);
    let (mut held, mut more) = (taken(reviewed, object_set), vec![]);
    for round in 0..=ROUNDS {
        let live = live(reviewed, &more, &held);
        if live.is_empty() {
            break;
        }
        let mut after = again(&changed(&desired, live.values()));
        against_base(&mut after, &before, "", &desired, &settings);
        let caused = |r: &Ruling| matches!(r.state, State::Fail | State::Error | State::Unknown) && !r.known;
        let caused: Vec<Ruling> = after.results.into_iter().filter(caused).collect();
        let Some(worst) = caused.first() else { break };
        if round == ROUNDS {
            let why = why(worst);
            held.extend(live.into_keys().map(|change| (change, why.clone())));
            more.clear();
            break;
        }
        let is_mendable = |r: &Ruling| {
            let new = |change: &Change| !live.contains_key(&text(change)) && !held.contains_key(&text(change));
            asked.contains(r.check.as_ref()) && r.remedy.as_ref().is_some_and(|m| m.held.is_empty() && new(&m.change))
        };
        let mendable: Vec<Ruling> = caused.iter().filter(|r| is_mendable(r)).cloned().collect();
        if mendable.is_empty() {
            for result in &caused {
                // The worst finding comes first, and gives the reason.
                for change in culprits(&live, &result.subject) {
                    held.entry(change).or_insert_with(|| why(result));
                }
            }
            more.clear();
        } else {
            more.extend(mendable);
        }
    }
    for remedy in reviewed.results.iter_mut().filter_map(|r| r.remedy.as_mut()) {
        if let Some(why) = held.get(&text(&remedy.change)) {
            remedy.held.clone_from(why);
        }
    }
    more
}

/// Objects to make whose name is taken: the API server refuses them.
fn taken(review: &Review, object_set: &ObjectSet) -> Held {
    let mut held = Held::new();
    for change in review.results.iter().filter_map(|r| Some(&r.remedy.as_ref()?.change)) {
        let Change::Create(object) = change else { continue };
        let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        let (kind, namespace, name) = (word("/kind"), word("/metadata/namespace"), word("/metadata/name"));
        let mut keys = object_set.objects.keys().filter(|key| key.split('.').next() == Some(kind));
        if keys.any(|key| object_set.find(key, namespace, name).is_some()) {
            held.insert(text(change), format!("another {kind} has the name {name}"));
        }
    }
    held
}

fn why(caused: &Ruling) -> String {
    format!("it would cause {} for {}: {}", caused.check, caused.subject, caused.observed)
}

fn text(change: &Change) -> String {
    serde_json::to_string(change).unwrap_or_default()
}

/// The changes that are not held back.
fn live(review: &Review, more: &[Ruling], held: &Held) -> BTreeMap<String, Change> {
    let failed = review.results.iter().filter(|r| r.state == State::Fail);
    let remedies = failed.chain(more).filter_map(|r| r.remedy.as_ref()).filter(|m| m.held.is_empty());
    let all = remedies.map(|m| (text(&m.change), m.change.clone()));
    all.filter(|(text, _)| !held.contains_key(text)).collect()
}

/// The changes that are nearest to the object of a finding: those of the object itself, of one with its name, of its
/// namespace, or all of them.
fn culprits(live: &BTreeMap<String, Change>, of: &Subject) -> Vec<String> {
    let far = |change: &Change| {
        let (kind, namespace, name) = match change {
            Change::Patch { kind, namespace, name, .. } => (kind.as_str(), namespace.as_str(), name.as_str()),
            Change::Create(object) => {
                let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
                (word("/kind"), word("/metadata/namespace"), word("/metadata/name"))
            }
        };
        match (namespace == of.namespace, name == of.name, kind == of.kind) {
            (true, true, true) => 0,
            (true, true, false) => 1,
            (true, false, _) => 2,
            (false, ..) => 3,
        }
    };
    let nearest = live.values().map(far).min();
    live.iter().filter(|(_, change)| Some(far(change)) == nearest).map(|(text, _)| text.clone()).collect()
}

/// The objects as files would have them. What runs now says nothing about the time after a change.
fn desired(object_set: &ObjectSet) -> ObjectSet {
    ObjectSet {
        source: ReviewSource::Manifests,
        pods: vec![],
        standing: vec![],
        nodes: vec![],
        readings: crate::inventory::Readings::default(),
        target: None,
        ..object_set.clone()
    }
}

/// The objects after the changes.
fn changed<'a>(object_set: &ObjectSet, changes: impl Iterator<Item = &'a Change>) -> ObjectSet {
    let mut object_set = object_set.clone();
    let mut created = vec![];
    for change in changes {
        match change {
            // Patches come first, because they find their objects by the order of the lists.
            Change::Create(object) => created.push(object),
            Change::Patch { kind, namespace, name, strategic, body } => {
                let of_kind = |key: &str| key == kind || key.split('.').next() == Some(kind.as_str());
                for (_, objects) in object_set.objects.iter_mut().filter(|(key, _)| of_kind(key)) {
                    let wanted = (namespace.as_str(), name.as_str());
                    let place = |o: &crate::inventory::Object| {
                        (o.metadata.namespace.as_str(), o.metadata.name.as_str()).cmp(&wanted)
                    };
                    let Ok(at) = objects.binary_search_by(place) else { continue };
                    let Some(object) = objects.get_mut(at) else { continue };
                    if *strategic {
                        join(&mut object.body, body);
                    } else {
                        json_patch::merge(&mut object.body, body);
                    }
                }
            }
        }
    }
    for object in created {
        // An object that cannot be read changes nothing.
        let _ = object_set.put(object.clone(), Origin::default());
    }
    object_set.settle();
    object_set
}

/// A strategic merge patch, as far as remedies use it: topology spread constraints are joined by their key.
fn join(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                join(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(target), Value::Array(patch)) => {
            target.retain(|old| !patch.iter().any(|new| new["topologyKey"] == old["topologyKey"]));
            target.extend(patch.iter().cloned());
        }
        (target, patch) => *target = patch.clone(),
    }
}
