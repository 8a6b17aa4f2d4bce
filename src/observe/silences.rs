//! Observes the silences of every Alertmanager every few seconds. A silence that somebody creates during a drill
//! changes what the drill can observe of alerts, or shows that somebody was paged and reacted.

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
/// Alertmanager's defaults for `group_wait` and, below, `group_interval`.
const GROUP_WAIT_US: u64 = 30_000_000;
const GROUP_INTERVAL_US: u64 = 300_000_000;

/// The silences that are known.
#[derive(Default)]
struct Known {
    /// The ids that each Alertmanager has. Peers exchange their silences, so one that two of them have is the same.
    active: BTreeMap<usize, BTreeSet<String>>,
    /// The ids that existed when the drill began to observe.
    before: BTreeSet<String>,
}

/// The result of an answer: ids of silences.
#[derive(Debug, Default, PartialEq)]
struct News {
    began: Vec<String>,
    /// Each with whether it existed when the drill began to observe.
    ended: Vec<(String, bool)>,
}

impl Known {
    /// Records the active silences of an Alertmanager.
    fn update(&mut self, manager: usize, now: BTreeSet<String>) -> News {
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
            // The observer of alerts already reports that an Alertmanager does not answer.
            let Ok(silences) = world.monitoring.silences(base).await else { continue };
            let active: BTreeMap<String, Silence> =
                silences.into_iter().filter(|s| s.active).map(|s| (s.id.clone(), s)).collect();
            let news = known.update(at, active.keys().cloned().collect());
            for silence in news.began.iter().filter_map(|id| active.get(id)) {
                let grouping = grouping(&world, base).await;
                record(&recorder, began(&recorder, silence, grouping));
            }
            for (id, before) in news.ended {
                record(&recorder, ended_now(&recorder, &id, before));
            }
        }
    }
}

fn record(recorder: &Recorder, change: OutsideChange) {
    recorder.observe(Kind::ChangedOutside { change: Box::new(change) });
}

fn began(recorder: &Recorder, silence: &Silence, grouping: Option<Grouping>) -> OutsideChange {
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
            group_wait_us: grouping.map(|g| g.wait_us),
            group_interval_us: grouping.map(|g| g.interval_us),
            grouped_by_name: grouping.is_some_and(|g| g.by_name),
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

/// A silence that existed before the drill and has ended is a change that stays.
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

/// How an Alertmanager groups alerts before it notifies people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grouping {
    /// The longest time that any route waits with a new group.
    wait_us: u64,
    /// The longest time that any route waits with an alert that joins a group.
    interval_us: u64,
    /// Whether each route groups by the name of the alert.
    by_name: bool,
}

async fn grouping(world: &World, base: &str) -> Option<Grouping> {
    let text = world.monitoring.configuration(base).await.ok()?;
    of_routes(&text)
}

fn of_routes(configuration: &str) -> Option<Grouping> {
    fn of(value: &Value, key: &str, inherited: u64) -> Option<u64> {
        value.get(key).map_or(Some(inherited), |text| text.as_str()?.parse::<Dur>().ok().map(|d| d.micros()))
    }
    fn route(value: &Value, inherited: Grouping) -> Option<Grouping> {
        let by = value.get("group_by").and_then(Value::as_array);
        let names = |by: &Vec<Value>| by.iter().any(|label| label == "alertname" || label == "...");
        let own = Grouping {
            wait_us: of(value, "group_wait", inherited.wait_us)?,
            interval_us: of(value, "group_interval", inherited.interval_us)?,
            by_name: by.map_or(inherited.by_name, names),
        };
        let inner = value.get("routes").and_then(Value::as_array).into_iter().flatten();
        inner.map(|r| route(r, own)).try_fold(own, |all, one| {
            let one = one?;
            Some(Grouping {
                wait_us: all.wait_us.max(one.wait_us),
                interval_us: all.interval_us.max(one.interval_us),
                by_name: all.by_name && one.by_name,
            })
        })
    }
    let configuration: Value = serde_saphyr::from_str(configuration).ok()?;
    let unsaid = Grouping { wait_us: GROUP_WAIT_US, interval_us: GROUP_INTERVAL_US, by_name: false };
    route(configuration.get("route")?, unsaid)
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
        assert_eq!(known.update(0, ids(&["old"])), News::default());
        assert_eq!(known.update(0, ids(&["old"])), News::default());
        assert_eq!(known.update(0, ids(&["new", "old"])), began("new"));
        // The second of two peers adds nothing new, and the silence is still there in one of them.
        assert_eq!(known.update(1, ids(&["new"])), News::default());
        assert_eq!(known.update(1, ids(&["new", "old"])), News::default());
        assert_eq!(known.update(0, ids(&["new"])), News::default());
        assert_eq!(known.update(1, ids(&["new"])), ended("old", true));
        assert_eq!(known.update(0, ids(&[])), News::default());
        assert_eq!(known.update(1, ids(&[])), ended("new", false));
    }

    #[test]
    fn people_are_told_after_the_longest_wait_of_any_route() {
        let wait = |text: &str| of_routes(text).map(|g| g.wait_us / 1_000_000);
        assert_eq!(wait("route: {receiver: a}"), Some(30));
        assert_eq!(wait("route: {receiver: a, group_wait: 1s, routes: [{receiver: b}]}"), Some(1));
        assert_eq!(wait("route: {group_wait: 1s, routes: [{group_wait: 1m, routes: [{receiver: c}]}]}"), Some(60));
        // A configuration that cannot be read gives no result.
        for strange in ["", "receivers: []", "route: {group_wait: soon}", "{{{"] {
            assert_eq!(wait(strange), None, "{strange}");
        }
    }

    #[test]
    fn an_alert_that_joins_others_waits_for_the_interval_of_their_group() {
        let grouping = |text: &str| of_routes(text).map(|g| (g.interval_us / 1_000_000, g.by_name));
        assert_eq!(grouping("route: {receiver: a}"), Some((300, false)));
        assert_eq!(grouping("route: {group_by: [alertname, node], group_interval: 1m}"), Some((60, true)));
        assert_eq!(grouping("route: {group_by: ['...']}"), Some((300, true)));
        // A child route inherits settings that it does not set itself.
        let inner = "route: {group_by: [alertname], routes: [{receiver: b}, {group_by: [team], group_interval: 10m}]}";
        assert_eq!(grouping(inner), Some((600, false)));
    }
}
