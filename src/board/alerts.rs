//! The alerts of a drill: how far each came, for each of its targets. Start with [`Alerts::take`].

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde::Serialize;

use crate::{
    event::{Event, Kind, is_alertmanager},
    model::{Expectation, Plan},
};

/// More alerts are only counted.
pub(super) const SHOWN: usize = 60;
/// More alerts are not kept.
const MOST: usize = 10_000;
/// The labels that name the target of an alert, the most exact first.
const TARGETS: [&str; 8] = ["pod", "node", "instance", "service", "deployment", "namespace", "zone", "job"];

/// An alert for a target, from pending until it is gone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct AlertChain {
    pub name: String,
    pub target: String,
    pub expected: bool,
    #[serde(flatten)]
    pub times: AlertTimes,
}

/// When an alert got how far for one target, in microseconds of the drill.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct AlertTimes {
    pub pending_us: Option<u64>,
    pub firing_us: Option<u64>,
    pub received_us: Option<u64>,
    pub suppressed: bool,
    pub gone_us: Option<u64>,
}

/// All alerts of a drill so far.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    /// By name and target.
    times: BTreeMap<(String, String), AlertTimes>,
    /// Events about alerts that are not kept.
    more: usize,
}

impl Alerts {
    /// Adds an event about an alert.
    pub(super) fn take(&mut self, event: &Event) {
        let (Kind::AlertSeen { source, name, labels, .. } | Kind::AlertGone { source, name, labels }) = &event.event
        else {
            return;
        };
        let target = TARGETS.iter().find_map(|label| labels.get(*label)).cloned().unwrap_or_default();
        let key = (name.clone(), target);
        if !self.times.contains_key(&key) && self.times.len() >= MOST {
            self.more += 1;
            return;
        }
        let times = self.times.entry(key).or_default();
        match &event.event {
            Kind::AlertSeen { state, .. } => times.seen(is_alertmanager(source), state, event.t_us),
            _ => times.gone_us = Some(event.t_us),
        }
    }

    /// The alerts that are shown, and how many more there are. Those that the plan expects come first, also if nobody
    /// has seen them yet; then the newest others.
    pub(super) fn shown(&self, plan: Option<&Plan>) -> (Vec<AlertChain>, usize) {
        let expectations = plan.into_iter().flat_map(|plan| plan.expectations());
        let names = expectations.filter_map(|expected| match expected {
            Expectation::Alert(alert) => Some(alert.name.as_str()),
            _ => None,
        });
        let expected: BTreeSet<&str> = names.collect();
        let none = AlertTimes::default();
        let unseen = expected.iter().filter(|name| !self.times.keys().any(|(seen, _)| seen == *name));
        let unseen = unseen.map(|name| none.chain(name, "", true));
        let seen = self.times.iter().map(|((name, target), t)| t.chain(name, target, expected.contains(name.as_str())));
        let mut all: Vec<AlertChain> = unseen.chain(seen).collect();
        let newest = |t: &AlertTimes| t.pending_us.max(t.firing_us).max(t.received_us);
        all.sort_by_key(|c| (!c.expected, Reverse(newest(&c.times))));
        let hidden = all.len().saturating_sub(SHOWN);
        all.truncate(SHOWN);
        (all, hidden + self.more)
    }
}

impl AlertTimes {
    /// Prometheus or an Alertmanager (`received`) has the alert in this state.
    fn seen(&mut self, received: bool, state: &str, us: u64) {
        // Alertmanager still has it for some minutes after Prometheus has forgotten it.
        if self.gone_us.is_some() && !received {
            *self = Self::default();
        }
        // An alert that Alertmanager shows as suppressed has arrived, and reaches nobody.
        if received {
            self.suppressed = state == "suppressed";
        }
        let at = match (received, state) {
            (true, _) => &mut self.received_us,
            (false, "pending") => &mut self.pending_us,
            (false, _) => &mut self.firing_us,
        };
        at.get_or_insert(us);
    }

    fn chain(&self, name: &str, target: &str, expected: bool) -> AlertChain {
        AlertChain { name: name.to_owned(), target: target.to_owned(), expected, times: self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_alert_goes_from_pending_to_people_and_away() {
        let mut alerts = Alerts::default();
        let labels: BTreeMap<_, _> = [("node".to_owned(), "n1".to_owned())].into();
        let seen = |source: &str, state: &str| Kind::AlertSeen {
            source: source.into(),
            name: "NodeNotReady".into(),
            labels: labels.clone(),
            state: state.into(),
            since: None,
            receivers: vec![],
            suppressed_by: vec![],
        };
        let gone = |source: &str| Kind::AlertGone {
            source: source.into(),
            name: "NodeNotReady".into(),
            labels: labels.clone(),
        };
        let add = |alerts: &mut Alerts, t_us: u64, event: Kind| {
            let (at, prev) = (Timestamp::UNIX_EPOCH, String::new());
            alerts.take(&Event { seq: 0, at, t_us, epoch: 1, prev, must: false, event });
        };
        add(&mut alerts, 1, seen("prometheus", "pending"));
        add(&mut alerts, 2, seen("prometheus", "firing"));
        add(&mut alerts, 3, seen("alertmanager-0", "active"));
        add(&mut alerts, 4, seen("alertmanager-0", "suppressed"));
        add(&mut alerts, 5, gone("prometheus"));
        let first = |alerts: &Alerts| alerts.shown(None).0[0].clone();
        let chain = first(&alerts);
        let times = chain.times;
        assert_eq!((times.pending_us, times.firing_us, times.received_us), (Some(1), Some(2), Some(3)));
        assert_eq!((chain.target.as_str(), times.suppressed, times.gone_us), ("n1", true, Some(5)));
        add(&mut alerts, 6, seen("prometheus", "pending"));
        let times = first(&alerts).times;
        assert_eq!((times.pending_us, times.firing_us, times.gone_us), (Some(6), None, None), "it began again");
    }
}
