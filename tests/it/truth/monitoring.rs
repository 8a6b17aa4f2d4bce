//! Looks at Prometheus and Alertmanager three times a second. An answer with another shape than expected counts as no
//! answer.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use drillmaster::world::World;
use serde_json::Value;

use super::{Moments, alerts::Asked};

const PROMETHEUS: &str = "http://prometheus.sim/api/v1/alerts";
const MANAGER: &str = "http://alertmanager.sim/api/v2/alerts";
const BETWEEN: Duration = Duration::from_millis(330);
/// They must answer within this time. An answer usually takes milliseconds.
const LIMIT: Duration = Duration::from_millis(100);
/// The longest time from one successful look to the next. After a longer time, something may have been missed.
const GAP_US: i64 = 1_000_000;

/// The longest uninterrupted time in which the state was as given.
pub fn spell(states: &[(i64, bool)], is_it: impl Fn(bool) -> bool) -> i64 {
    let (mut longest, mut since) = (0, None);
    for (at, active) in states {
        since = is_it(*active).then_some(since.unwrap_or(*at));
        longest = longest.max(since.map_or(0, |from| at - from));
    }
    longest
}

/// Whether the looks cover the time between two moments without a gap.
pub fn is_whole(from: i64, times: impl Iterator<Item = i64>, to: i64) -> bool {
    let mut last = from;
    for at in times.chain([to]) {
        if at - last > GAP_US {
            return false;
        }
        last = at.max(last);
    }
    true
}

#[derive(Clone, Copy)]
pub struct Alert {
    pub active: bool,
}

pub struct Look {
    at: i64,
    /// By target. None if there was no answer, or an answer with another shape.
    manager: Option<BTreeMap<String, Alert>>,
    /// By target, whether the alert is firing already.
    prometheus: Option<BTreeMap<String, bool>>,
}

#[derive(Default)]
pub struct Looks(RefCell<Vec<Look>>);

impl Looks {
    pub fn all(&self) -> Ref<'_, Vec<Look>> {
        self.0.borrow()
    }

    pub async fn look(&self, world: &World, asked: &Asked) {
        let ask = |url: &'static str| async move {
            let answer = tokio::time::timeout(LIMIT, world.http.bytes(url)).await;
            serde_json::from_slice::<Value>(&answer.ok()?.ok()?).ok()
        };
        let label = asked.label();
        let mine = |alert: &Value| {
            let labels = &alert["labels"];
            (labels["alertname"] == asked.name()).then(|| labels[label].as_str().unwrap_or_default().to_owned())
        };
        loop {
            let at = world.clock.wall().as_microsecond();
            let (manager, prometheus) = tokio::join!(ask(MANAGER), ask(PROMETHEUS));
            let manager = manager.as_ref().and_then(Value::as_array).map(|list| {
                let active = |alert: &Value| Alert { active: alert["status"]["state"] == "active" };
                list.iter().filter_map(|alert| Some((mine(alert)?, active(alert)))).collect()
            });
            let prometheus = prometheus.as_ref().and_then(|p| p["data"]["alerts"].as_array());
            let fires = |alert: &Value| alert["state"] == "firing";
            let prometheus =
                prometheus.map(|list| list.iter().filter_map(|alert| Some((mine(alert)?, fires(alert)))).collect());
            self.0.borrow_mut().push(Look { at, manager, prometheus });
            tokio::time::sleep(BETWEEN).await;
        }
    }
}

/// What was seen of one alert.
pub struct Seen<'a> {
    pub looks: &'a [Look],
    pub target: &'a str,
    /// Whether every alert from Prometheus reaches Alertmanager, so that both have the same alerts.
    pub linked: bool,
}

impl<'a> Seen<'a> {
    fn during(&self, when: &Moments) -> impl Iterator<Item = &'a Look> + use<'a> {
        let (from, to) = (when.t0, when.end);
        self.looks.iter().filter(move |look| look.at >= from && look.at <= to)
    }

    /// The alert in Alertmanager at each look. While Alertmanager is away, the alert in Prometheus is used.
    pub fn manager(&self, when: &Moments) -> impl Iterator<Item = (i64, Option<Alert>)> + use<'_, 'a> {
        self.during(when).filter_map(move |look| {
            let sent = || {
                let fires = look.prometheus.as_ref().filter(|_| self.linked)?.get(self.target).copied();
                Some((fires == Some(true)).then_some(Alert { active: true }))
            };
            let held = look.manager.as_ref().map(|all| all.get(self.target).copied());
            Some((look.at, held.or_else(sent)?))
        })
    }

    fn prometheus(&self, when: &Moments) -> impl Iterator<Item = (i64, bool)> + use<'_, 'a> {
        self.during(when).filter_map(move |look| {
            // An alert that Alertmanager has is active in Prometheus. An alert that it does not have may be pending
            // there.
            let sent = || look.manager.as_ref().filter(|_| self.linked)?.contains_key(self.target).then_some(true);
            let known = look.prometheus.as_ref().map(|all| all.contains_key(self.target));
            Some((look.at, known.or_else(sent)?))
        })
    }

    /// The two moments between which the alert disappeared from a source for good. The error says when it was last
    /// seen.
    pub fn gone(&self, from_manager: bool, when: &Moments) -> Result<(i64, i64), i64> {
        let seen: Vec<(i64, bool)> = if from_manager {
            self.manager(when).map(|(at, alert)| (at, alert.is_some())).collect()
        } else {
            self.prometheus(when).collect()
        };
        match seen.iter().rposition(|(_, there)| *there) {
            None => Ok((when.t0, when.t0)),
            Some(last) => seen.get(last + 1).map(|(at, _)| (seen[last].0, *at)).ok_or(seen[last].0),
        }
    }
}
