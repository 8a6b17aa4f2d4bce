//! The part of the board that shows a drill. Nodes and pods are counts for each zone: a cluster may have 50,000 pods.
//! Start with [`DrillView`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    alerts::AlertChain,
    clocks::{Stopwatch, stopwatches},
    fold::{DrillFold, DrillWaits},
};
use crate::{event::StepEnd, exercise::Timing, model::unmarked};

/// A drill.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct DrillView {
    pub run: String,
    pub title: String,
    pub rehearsal: bool,
    pub standing: Standing,
    /// How it ended, in words.
    pub ended: String,
    pub clock: DrillClock,
    /// The gate or hold that waits for an answer.
    pub waits: Option<DrillWaits>,
    pub open_faults: usize,
    /// The API server cannot be reached.
    pub blind: bool,
    pub watches: Vec<Stopwatch>,
    pub zones: Vec<ZoneView>,
    pub probes: Vec<ProbeStrip>,
    pub alerts: Vec<AlertChain>,
    pub more_alerts: usize,
    pub steps: Vec<StepView>,
}

/// How far a drill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Its runner is alive.
    Running,
    /// It was told to stop, and puts everything back.
    Stopping,
    /// It ended.
    Ended,
    /// Its runner is dead, and it did not end.
    Dead,
    /// Nobody can tell whether its runner is alive.
    Unknown,
}

/// The time of a drill. A page counts on from it by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillClock {
    /// Microseconds since the drill began …
    pub now_us: u64,
    /// … at this time, in milliseconds since 1970.
    pub at_ms: i64,
    /// How many times as fast as the wall clock it goes; 0 if it stands still.
    pub pace: f64,
}

/// A zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "counts")]
pub struct ZoneView {
    pub zone: String,
    pub nodes: usize,
    pub nodes_ready: usize,
    pub cordoned: usize,
    pub pods: usize,
    pub pods_ready: usize,
}

/// A probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct ProbeStrip {
    pub name: String,
    pub up: Option<bool>,
    /// Since when it is up or down.
    pub since_us: Option<u64>,
    pub samples: u64,
    pub failures: u64,
    /// One letter for each cell: `u` up, `d` down, `?` not observed, `.` no sample.
    pub cells: String,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct StepView {
    pub name: String,
    pub verb: String,
    pub from_us: Option<u64>,
    pub to_us: Option<u64>,
    /// How it ended, if it did.
    pub end: Option<StepEnd>,
    pub waiting: String,
}

impl DrillView {
    /// What a board shows of a drill. `alive` tells whether its runner holds the lock.
    pub(super) fn of(fold: &DrillFold, alive: Option<bool>, now: Timestamp) -> Self {
        let standing = match (fold.ended_us, alive) {
            (Some(_), _) => Standing::Ended,
            (None, Some(false)) => Standing::Dead,
            (None, None) => Standing::Unknown,
            (None, Some(true)) if fold.stopping => Standing::Stopping,
            (None, Some(true)) => Standing::Running,
        };
        let clock = clock(fold, standing, now);
        let (alerts, more_alerts) = fold.alerts.shown(fold.state.plan.as_deref());
        Self {
            run: fold.run.clone(),
            title: unmarked(&fold.title).to_owned(),
            rehearsal: fold.rehearsal,
            standing,
            ended: fold.state.ended.map(|exit| exit.meaning().to_owned()).unwrap_or_default(),
            clock,
            waits: fold.waits.clone(),
            open_faults: fold.state.still_open().count(),
            blind: fold.state.blind_since.is_some(),
            watches: stopwatches(fold),
            zones: zones(fold),
            probes: probes(fold, clock.now_us),
            alerts,
            more_alerts,
            steps: steps(fold),
        }
    }
}

fn clock(fold: &DrillFold, standing: Standing, now: Timestamp) -> DrillClock {
    let since = |began: Timestamp| u64::try_from(now.duration_since(began).as_micros()).unwrap_or(0);
    let lives = matches!(standing, Standing::Running | Standing::Stopping);
    let last_us = fold.state.last_us;
    let (now_us, pace) = match (fold.time.timing, fold.began) {
        _ if !lives => (fold.ended_us.unwrap_or(last_us), 0.0),
        _ if fold.time.jumps => (last_us, 0.0),
        (Timing::Simulated(began, pace), _) => (((since(began) as f64 * pace) as u64).max(last_us), pace),
        (Timing::Wall, Some(began)) => (since(began).max(last_us), 1.0),
        (Timing::Wall, None) => (last_us, 0.0),
    };
    DrillClock { now_us, at_ms: now.as_millisecond(), pace }
}

fn zones(fold: &DrillFold) -> Vec<ZoneView> {
    let nodes = &fold.state.nodes;
    let mut zones: BTreeMap<&str, ZoneView> = BTreeMap::new();
    for node in nodes.values() {
        let view = zones.entry(&node.zone).or_default();
        view.nodes += 1;
        view.nodes_ready += usize::from(node.ready == "True");
        view.cordoned += usize::from(node.unschedulable);
    }
    // A job that has ended is not a pod that is missing.
    let mut unplaced = ZoneView { zone: "on no node".into(), ..ZoneView::default() };
    for pod in fold.state.pods.values().filter(|pod| !pod.is_finished()) {
        let view = match nodes.get(&pod.node) {
            Some(node) => zones.entry(&node.zone).or_default(),
            None => &mut unplaced,
        };
        view.pods += 1;
        view.pods_ready += usize::from(pod.ready && !pod.terminating);
    }
    let named = |(zone, view): (&str, ZoneView)| {
        let zone = if zone.is_empty() { "without a zone".to_owned() } else { zone.to_owned() };
        ZoneView { zone, ..view }
    };
    let mut all: Vec<ZoneView> = zones.into_iter().map(named).collect();
    if unplaced.pods > 0 {
        all.push(unplaced);
    }
    all
}

fn probes(fold: &DrillFold, now_us: u64) -> Vec<ProbeStrip> {
    let strip = |(name, strip): (&String, &super::strip::Strip)| {
        let state = &strip.state;
        let (up, since_us) = match (state.up_since, state.down_since) {
            (_, Some(down)) => (Some(false), Some(down)),
            (Some(up), None) => (Some(true), Some(up)),
            (None, None) => (None, None),
        };
        ProbeStrip {
            name: name.clone(),
            up,
            since_us,
            samples: state.samples,
            failures: state.failures,
            cells: strip.cells(now_us),
        }
    };
    fold.strips.iter().map(strip).collect()
}

fn steps(fold: &DrillFold) -> Vec<StepView> {
    let plan = fold.state.plan.iter().flat_map(|plan| &plan.steps);
    let view = |step: &crate::model::PlannedStep| {
        let times = fold.steps.get(&step.name).cloned().unwrap_or_default();
        StepView {
            name: step.name.0.clone(),
            verb: step.word().to_owned(),
            from_us: times.from_us,
            to_us: times.end.map(|(at, _)| at),
            end: times.end.map(|(_, end)| end),
            waiting: times.waiting,
        }
    };
    plan.map(view).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        board::alerts::SHOWN,
        event::{Event, Kind, PodView},
    };

    fn add(fold: &mut DrillFold, t_us: u64, kind: Kind) {
        let (at, prev) = (Timestamp::UNIX_EPOCH, String::new());
        fold.take(&Event { seq: 0, at, t_us, epoch: 1, prev, must: false, event: kind });
    }

    fn node(node: String, zone: usize, ready: bool) -> Kind {
        Kind::NodeSeen {
            uid: node.clone(),
            node,
            zone: format!("zone-{zone}"),
            ready: if ready { "True" } else { "Unknown" }.into(),
            unschedulable: false,
            taints: vec![],
            resource_version: String::new(),
        }
    }

    /// A page that listed them could not be shown, and a message with them could not be sent twice a second.
    #[test]
    fn a_large_cluster_is_a_few_numbers() {
        let mut fold = DrillFold::default();
        for i in 0..5_000 {
            add(&mut fold, 0, node(format!("node-{i}"), i % 3, i % 3 != 0));
        }
        for i in 0..50_000 {
            let pod = PodView::ready_in_shop(&format!("web-{i}"), "deployment/web", &format!("node-{}", i % 5_000));
            let pod = PodView { ready: i % 3 != 0, ..pod };
            add(&mut fold, 0, Kind::PodSeen { pod: Arc::new(pod), resource_version: String::new() });
        }
        for i in 0..3_000 {
            let kind = Kind::AlertSeen {
                source: "prometheus".into(),
                name: "NodeNotReady".into(),
                labels: [("node".to_owned(), format!("node-{i}"))].into(),
                state: "pending".into(),
                since: None,
                receivers: vec![],
                suppressed_by: vec![],
            };
            add(&mut fold, 1, kind);
        }
        let view = DrillView::of(&fold, Some(true), Timestamp::UNIX_EPOCH);
        let zone = &view.zones[0];
        assert_eq!((view.zones.len(), zone.nodes, zone.nodes_ready), (3, 1_667, 0));
        assert_eq!(view.zones.iter().map(|zone| zone.pods).sum::<usize>(), 50_000);
        assert_eq!((view.alerts.len(), view.more_alerts), (SHOWN, 3_000 - SHOWN));
        assert!(serde_json::to_string(&view).expect("json").len() < 32 << 10);
    }
}
