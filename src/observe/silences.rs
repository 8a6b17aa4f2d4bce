//! Silences of every Alertmanager, every few seconds: whoever silences an alert in the middle
//! of a drill changes what the drill can see of it, or has been paged and says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use crate::{
    event::Kind,
    journal::Recorder,
    model::{Author, Dur, OutsideChange, OutsideWhat, Role},
    told,
    world::{Silence, World},
};

const EVERY: Duration = Duration::from_secs(2);
/// Alertmanager's own `group_wait`, where no route says another.
const GROUP_WAIT_US: u64 = 30_000_000;

/// What is known of silences.
#[derive(Default)]
struct Known {
    /// Ids of those that each Alertmanager has. Peers tell each other of their silences: one
    /// that two of them have is one.
    active: BTreeMap<usize, BTreeSet<String>>,
    /// Ids of those that stood when the drill began to look.
    before: BTreeSet<String>,
}

/// What came of an answer: ids of silences.
#[derive(Debug, Default, PartialEq)]
struct News {
    began: Vec<String>,
    /// With whether each stood when the drill began to look.
    ended: Vec<(String, bool)>,
}

impl Known {
    /// Takes in the active silences of an Alertmanager.
    fn take(&mut self, manager: usize, now: BTreeSet<String>) -> News {
        let everywhere = |active: &BTreeMap<usize, BTreeSet<String>>| active.values().flatten().cloned().collect();
        let known: BTreeSet<String> = everywhere(&self.active);
        let last = self.active.insert(manager, now.clone());
        let left: BTreeSet<String> = everywhere(&self.active);
        let new = now.difference(&known).cloned();
        let mut began = vec![];
        match &last {
            // Its first answer.
            None => self.before.extend(new),
            Some(_) => began.extend(new),
        }
        let gone = last.unwrap_or_default().into_iter().filter(|id| !left.contains(id));
        let stood = |id: String| {
            let before = self.before.remove(&id);
            (id, before)
        };
        News { began, ended: gone.map(stood).collect() }
    }
}

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>) {
    let bases = world.monitoring.alertmanagers.clone();
    let mut known = Known::default();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for (at, base) in bases.iter().enumerate() {
            // That it does not answer is told by who asks it for alerts.
            let Ok(silences) = world.monitoring.silences(base).await else { continue };
            let active: BTreeMap<String, Silence> =
                silences.into_iter().filter(|s| s.active).map(|s| (s.id.clone(), s)).collect();
            let news = known.take(at, active.keys().cloned().collect());
            for silence in news.began.iter().filter_map(|id| active.get(id)) {
                let waits = group_wait(&world, base).await;
                tell(&recorder, began(&recorder, silence, waits));
            }
            for (id, before) in news.ended {
                tell(&recorder, ended_now(&recorder, &id, before));
            }
        }
    }
}

fn tell(recorder: &Recorder, change: OutsideChange) {
    recorder.observe(Kind::ChangedOutside { change: Box::new(change) });
}

fn began(recorder: &Recorder, silence: &Silence, group_wait_us: Option<u64>) -> OutsideChange {
    let matcher = |(name, value, regex, equal): &(String, String, bool, bool)| {
        let sign = match (regex, equal) {
            (false, true) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (true, false) => "!~",
        };
        format!("{name}{sign}\"{value}\"")
    };
    let matchers: Vec<String> = silence.matchers.iter().map(matcher).collect();
    let matchers = format!("{{{}}}", matchers.join(","));
    OutsideChange {
        seen_us: recorder.now_us(),
        namespace: String::new(),
        object: format!("silence/{}", silence.id),
        uid: silence.id.clone(),
        workloads: vec![],
        what: OutsideWhat::Silenced {
            matchers: told!(recorder, "{matchers}"),
            comment: told!(recorder, "{}", silence.comment),
            until: silence.ends_at.clone(),
            group_wait_us,
        },
        by: author(recorder, &silence.by),
        as_before: false,
    }
}

fn author(recorder: &Recorder, by: &str) -> Author {
    if by.is_empty() {
        return Author::Unknown;
    }
    Author::User { name: told!(recorder, "{by}"), agent: "".into(), role: Role::Person }
}

/// One that was there before the drill, and is not any more, is a change that remains.
fn ended_now(recorder: &Recorder, id: &str, before: bool) -> OutsideChange {
    OutsideChange {
        seen_us: recorder.now_us(),
        namespace: String::new(),
        object: format!("silence/{id}"),
        uid: id.to_owned(),
        workloads: vec![],
        what: OutsideWhat::SilenceEnded,
        by: Author::Unknown,
        as_before: !before,
    }
}

/// The longest time for which any route waits before people are told.
async fn group_wait(world: &World, base: &str) -> Option<u64> {
    let text = world.monitoring.configuration(base).await.ok()?;
    longest_wait(&text)
}

fn longest_wait(configuration: &str) -> Option<u64> {
    fn route(value: &Value, inherited: u64) -> Option<u64> {
        let own = match value.get("group_wait") {
            None => inherited,
            Some(text) => text.as_str()?.parse::<Dur>().ok()?.micros(),
        };
        let inner = value.get("routes").and_then(Value::as_array).into_iter().flatten();
        inner.map(|r| route(r, own)).try_fold(own, |longest, wait| Some(longest.max(wait?)))
    }
    let configuration: Value = serde_saphyr::from_str(configuration).ok()?;
    route(configuration.get("route")?, GROUP_WAIT_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_that_stood_before_the_drill_is_known_as_such_until_it_ends() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let began = |id: &str| News { began: vec![id.to_owned()], ended: vec![] };
        let ended = |id: &str, before| News { began: vec![], ended: vec![(id.to_owned(), before)] };
        let mut known = Known::default();
        assert_eq!(known.take(0, ids(&["old"])), News::default());
        assert_eq!(known.take(0, ids(&["old"])), News::default());
        assert_eq!(known.take(0, ids(&["new", "old"])), began("new"));
        // Of two peers the later one tells nothing new, and one of them still has it.
        assert_eq!(known.take(1, ids(&["new"])), News::default());
        assert_eq!(known.take(1, ids(&["new", "old"])), News::default());
        assert_eq!(known.take(0, ids(&["new"])), News::default());
        assert_eq!(known.take(1, ids(&["new"])), ended("old", true));
        assert_eq!(known.take(0, ids(&[])), News::default());
        assert_eq!(known.take(1, ids(&[])), ended("new", false));
    }

    #[test]
    fn people_are_told_after_the_longest_wait_of_any_route() {
        let wait = |text: &str| longest_wait(text).map(|us| us / 1_000_000);
        assert_eq!(wait("route: {receiver: a}"), Some(30));
        assert_eq!(wait("route: {receiver: a, group_wait: 1s, routes: [{receiver: b}]}"), Some(1));
        assert_eq!(wait("route: {group_wait: 1s, routes: [{group_wait: 1m, routes: [{receiver: c}]}]}"), Some(60));
        // What cannot be read says nothing.
        for strange in ["", "receivers: []", "route: {group_wait: soon}", "{{{"] {
            assert_eq!(wait(strange), None, "{strange}");
        }
    }
}
