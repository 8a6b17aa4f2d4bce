//! The journal, arranged by time: series of observed values, and the intervals without observation. Start with
//! [`History`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Log, Series,
    pods::{Key, PodPoint, Pods},
};
use crate::{
    event::{Actor, EndReason, Event, Kind, ProbeRun, StepEnd},
    journal::{IllegalTransition, RunState},
    model::{FaultId, Outcome, Revert, StepName, Verb},
};

/// The API server counts as out of sight only if it did not answer for longer: one request may be slow.
pub(super) const SLOW_US: u64 = 1_500_000;

/// An alert at an instant. `state` is empty if it was gone.
#[derive(Clone, Debug, Default)]
pub struct AlertPoint {
    /// When.
    pub at: u64,
    /// prometheus, alertmanager-0 …
    pub source: String,
    /// alertname
    pub name: String,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// The state; empty if it was gone.
    pub state: String,
    /// Since when, according to its source.
    pub since: Option<Timestamp>,
    /// Receivers.
    pub receivers: Vec<String>,
    /// Silences and inhibitions.
    pub suppressed_by: Vec<String>,
}

/// When a step began, and when and how it ended.
#[derive(Clone, Copy, Debug)]
pub struct StepSpan {
    /// When it began.
    pub from: u64,
    /// When and how it ended, if it did.
    pub ended: Option<(u64, StepEnd)>,
}

impl StepSpan {
    /// When it ended.
    pub fn to(&self) -> Option<u64> {
        self.ended.map(|(t, _)| t)
    }
}

/// The journal, arranged by time.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The fold of all events.
    pub state: RunState,
    /// Ready pods by namespace and workload. Pods on nodes that the drill took away do not count, even while the API
    /// server still reports them as Ready.
    pub ready: BTreeMap<Key, Series>,
    /// Each change of a pod.
    pub pods: Pods,
    /// Machines that were powered on outside the drill: the earliest possible time, and the node.
    pub returned: Vec<(u64, String)>,
    /// Effects that were read from a node: time, node, description.
    pub effects: Vec<(u64, String, String)>,
    /// When each undo began.
    pub reverts: Vec<(u64, FaultId)>,
    /// The number of pods that each workload in the scope should have.
    pub wanted: BTreeMap<Key, Series>,
    /// Nodes: 1 is Ready, 0 is not Ready.
    pub nodes: BTreeMap<String, Series>,
    /// Nodes: 1 while a taint reserves them for pods that tolerate it, such as on a control plane; otherwise 0.
    pub reserved: BTreeMap<String, Series>,
    /// Probe samples.
    pub probes: BTreeMap<String, Vec<ProbeRun>>,
    /// Append logs.
    pub logs: BTreeMap<String, Log>,
    /// Alerts.
    pub alerts: Vec<AlertPoint>,
    /// Budgets: healthy and desired.
    pub budgets: BTreeMap<(String, String), (Series, Series)>,
    /// Intervals without contact to the API server, as recorded. One of them may extend into the future.
    pub(super) gaps: Vec<(u64, u64)>,
    /// Those of them in which the API server did not answer at all, and not only a watch was interrupted.
    pub(super) contact_lost: Vec<(u64, u64)>,
    /// The zone in which each node was last seen; empty if it has none.
    pub zones: BTreeMap<String, String>,
    /// The version of the program, according to the header.
    pub tool: String,
    /// Who opened the current session.
    pub actor: Option<Actor>,
    /// Whether a session took over.
    pub recovered: bool,
    /// Why the forward part ended, if it did.
    pub end_reason: Option<EndReason>,
    /// Whether the process received a signal.
    pub signalled: bool,
    /// The last written verdict.
    pub written: Option<Outcome>,
    /// The first event that cannot have happened after the events before it.
    pub illegal: Option<IllegalTransition>,
    /// The session of the last event.
    pub(super) session: u64,
    /// Intervals without contact to other sources.
    pub source_blind: BTreeMap<String, Vec<(u64, u64)>>,
    /// Steps, by name.
    pub steps: BTreeMap<StepName, StepSpan>,
    /// The answers to evictions, those of a drain and those of a dry run, with their time.
    pub evictions: Vec<(u64, Kind)>,
    /// Steps in which only some critical pods were tried: how many pods there were.
    pub sampled: BTreeMap<String, usize>,
    /// The wall time of t = 0.
    pub zero: Option<Timestamp>,
    /// When the drill was armed.
    pub armed_us: Option<u64>,
    /// When the drill was interrupted, if it was: then some steps were not done.
    pub interrupted_us: Option<u64>,
    /// When the steps ended, and the undo of everything else began.
    pub over_us: Option<u64>,
    /// Time of the last event that is judged: in each session, those after its observers have stopped are not.
    pub end_us: u64,
    /// The last session whose observers have stopped.
    pub(super) observers_stopped_in: Option<u64>,
    /// Nodes that the drill keeps away.
    pub(super) nodes_away: BTreeSet<String>,
    /// The current number of ready pods by namespace and workload; and for which workload each pod counts.
    pub(super) counts: BTreeMap<Key, i64>,
    pub(super) counted: BTreeMap<String, Key>,
}

impl History {
    /// Arranges a journal by time.
    pub fn of(events: &[Event]) -> Self {
        let mut history = Self::default();
        history.follow(events);
        history
    }

    /// Intervals without contact to the API server, up to the last event.
    pub fn blind(&self) -> impl Iterator<Item = (u64, u64)> {
        let open = self.state.blind_since.map(|since| (since, self.end_us));
        self.gaps.iter().copied().chain(open).map(|(from, to)| (from, to.min(self.end_us)))
    }

    /// Ready pods of a workload according to Kubernetes, counting those that `keep` selects. Pods on nodes that the
    /// drill took away are included here.
    pub fn believed(&self, key: &Key, keep: impl Fn(&PodPoint) -> bool) -> Series {
        let mut ready: BTreeSet<&str> = BTreeSet::new();
        let mut series = Series::default();
        for point in self.pods.of(key) {
            let counts = point.own && point.ready && keep(point);
            let changed = if counts { ready.insert(&point.uid) } else { ready.remove(&*point.uid) };
            if changed || counts && series.0.is_empty() {
                series.push(point.at, ready.len() as i64);
            }
        }
        series
    }

    /// The nodes that the drill kept away at an instant.
    pub fn nodes_away_at(&self, at: u64) -> BTreeSet<&str> {
        let faults = self.state.faults.iter();
        let away = faults.filter(|f| f.sent_us.is_some_and(|sent| sent <= at));
        let away = away.filter(|f| f.closed.as_ref().is_none_or(|(t, _)| *t > at));
        away.filter_map(|f| match &f.revert {
            Revert::NodePower { node, .. } => Some(node.name.as_str()),
            _ => None,
        })
        .collect()
    }

    /// Whether a taint reserved a node for pods that tolerate it, at an instant.
    pub fn is_reserved(&self, node: &str, at: u64) -> bool {
        self.reserved.get(node).and_then(|series| series.at(at)) == Some(1)
    }

    /// When the undo of a step's fault began, by `heal` or by the unwind of a drill that ran all its steps. An undo by
    /// the reaper or by `recover` does not count as a measurement.
    pub fn heal_began(&self, step: &StepName) -> Option<u64> {
        let own = |id: &FaultId| self.state.faults_of(step).any(|f| f.id == *id);
        let began = self.reverts.iter().find(|(_, id)| own(id)).map(|(at, _)| *at)?;
        self.interrupted_us.is_none_or(|cut| began < cut).then_some(began)
    }

    /// Why nothing can be measured from the heal.
    pub fn unhealed(&self) -> &'static str {
        match self.interrupted_us {
            Some(_) => "the drill was interrupted before the fault was healed",
            None => "the fault is not healed yet",
        }
    }

    /// Whether a `restore` step of the drill is running. That is what the drill tests, and not an undo.
    pub fn is_restoring(&self, at: u64) -> bool {
        let restores = |name: &StepName| {
            let plan = self.state.plan.iter().flat_map(|p| &p.steps);
            plan.into_iter().any(|s| s.name == *name && matches!(s.verb(), Some(Verb::Restore(_))))
        };
        self.steps.iter().any(|(name, span)| span.from <= at && span.to().is_none_or(|to| at <= to) && restores(name))
    }

    /// The step to which an expectation refers: the given one, or the only fault.
    pub fn fault_step(&self, of: Option<&StepName>) -> Option<StepName> {
        of.cloned().or_else(|| self.state.faults.iter().find(|f| f.revert.disturbs()).map(|f| f.step.clone()))
    }

    /// The start of a step's fault, and the end of the time that is attributed to it: the next fault of another step,
    /// or the end of the journal.
    pub fn window(&self, of: Option<&StepName>) -> Option<(u64, u64)> {
        let step = self.fault_step(of)?;
        let t0 = self.state.t0(&step)?;
        Some((t0, self.next_fault(&step, t0).unwrap_or(self.end_us)))
    }

    /// When the next fault of another step came.
    pub fn next_fault(&self, step: &StepName, after: u64) -> Option<u64> {
        self.state
            .faults
            .iter()
            // Fences and restores into a scratch namespace react to a fault; they are not faults.
            .filter(|f| f.step != *step && f.revert.disturbs())
            .filter(|f| !matches!(f.revert, Revert::Fence { .. } | Revert::OwnNamespace { .. }))
            .filter_map(|f| f.sent_us)
            .filter(|t| *t > after)
            .filter(|t| !self.within_step(step, *t))
            .min()
    }

    fn within_step(&self, step: &StepName, t: u64) -> bool {
        self.steps.get(step).is_some_and(|span| span.from <= t && span.to().is_none_or(|to| t <= to))
    }

    /// When the last fault of a step was confirmed to be undone.
    pub fn healed(&self, step: &StepName) -> Option<u64> {
        let faults: Vec<_> = self.state.faults_of(step).collect();
        if faults.is_empty() || faults.iter().any(|f| f.closed.is_none()) {
            return None;
        }
        faults.iter().filter_map(|f| f.closed.as_ref().map(|(t, _)| *t)).max()
    }

    /// An interval without contact to the API server within a time, as text.
    pub fn blind_in(&self, from: u64, to: u64) -> Option<String> {
        let hit = self.blind().find(|(b, e)| *b < to && *e > from && e.saturating_sub(*b) > SLOW_US)?;
        Some(format!(
            "the API server could not be observed from {:.1} s to {:.1} s",
            hit.0 as f64 / 1e6,
            hit.1 as f64 / 1e6
        ))
    }

    /// Whether another source had such an interval.
    pub fn source_blind_in(&self, source: &str, from: u64, to: u64) -> bool {
        self.source_blind
            .iter()
            .any(|(s, list)| s.starts_with(source) && list.iter().any(|(b, e)| *b < to && *e > from))
    }

    /// The given namespace, or the only one of the plan.
    pub fn namespace(&self, written: Option<&String>) -> String {
        written.cloned().or_else(|| self.state.plan.as_ref()?.namespaces.first().cloned()).unwrap_or_default()
    }
}
