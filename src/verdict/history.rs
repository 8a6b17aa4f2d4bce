//! The journal, arranged by time: series of observed values, and the intervals without observation. Start with
//! [`History`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Log, Series,
    loss::Reading,
    pods::{Key, PodPoint, Pods},
};
use crate::{
    event::{Actor, Event, Kind, ProbeRun, StepEnd, Wake},
    journal::{IllegalTransition, RunState},
    model::{FaultId, Outcome, Revert, StepName, Verb},
};

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
    pub ready: BTreeMap<(String, String), Series>,
    /// Each change of a pod.
    pub pods: Pods,
    /// Machines that were powered on outside the drill: the earliest possible time, and the node.
    pub returned: Vec<(u64, String)>,
    /// Effects that were read from a node: time, node, description.
    pub effects: Vec<(u64, String, String)>,
    /// When each undo began.
    pub reverts: Vec<(u64, FaultId)>,
    /// The number of pods that each workload in the scope should have.
    pub wanted: BTreeMap<(String, String), Series>,
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
    gaps: Vec<(u64, u64)>,
    /// The zone in which each node was last seen; empty if it has none.
    pub zones: BTreeMap<String, String>,
    /// The version of the program, according to the header.
    pub tool: String,
    /// Who opened the current session.
    pub actor: Option<Actor>,
    /// Whether a session took over.
    pub recovered: bool,
    /// Why the forward part ended, if it did.
    pub woken: Option<Wake>,
    /// Whether the process received a signal.
    pub signalled: bool,
    /// The last written verdict.
    pub written: Option<Outcome>,
    /// The first event that cannot have happened after the events before it.
    pub illegal: Option<IllegalTransition>,
    /// The session of the last event.
    session: u64,
    /// Intervals without contact to other sources.
    pub source_blind: BTreeMap<String, Vec<(u64, u64)>>,
    /// Steps, by name.
    pub steps: BTreeMap<StepName, StepSpan>,
    /// The answers to dry-run evictions, with their time.
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
    /// Time of the last event, except those after the last observation.
    pub end_us: u64,
    /// The session that has stopped observing before its end, if there is one.
    observed: Option<u64>,
    /// Nodes that the drill keeps away.
    dark: BTreeSet<String>,
    /// The current number of ready pods by namespace and workload; and for which workload each pod counts.
    counts: BTreeMap<(String, String), i64>,
    counted: BTreeMap<String, (String, String)>,
}

impl History {
    /// Arranges a journal by time.
    pub fn of(events: &[Event]) -> Self {
        let mut history = Self::default();
        history.follow(events);
        history
    }

    /// Adds the next events.
    pub(super) fn follow(&mut self, events: &[Event]) {
        for event in events {
            let _ = self.add(event);
        }
    }

    /// Adds the next event. An event that cannot have happened is an error, and everything else in it counts.
    pub fn add(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        if event.epoch != self.session && self.session != 0 {
            // Nobody observed anything between two sessions, and a session that only undoes has no observers. So the
            // last observations are outdated.
            self.gaps.push((self.end_us, u64::MAX));
        }
        self.session = event.epoch;
        let legal = self.state.take(event);
        if let Err(illegal) = &legal {
            self.illegal.get_or_insert_with(|| illegal.clone());
        }
        if matches!(event.event, Kind::SpreadAgain { .. }) {
            self.observed = Some(event.epoch);
        }
        // What this session does after its last observation is not part of what is judged.
        if self.observed != Some(event.epoch) {
            self.take(event);
            // Time must not run backwards after a wall clock was set back.
            self.end_us = self.end_us.max(event.t_us);
        }
        legal
    }

    /// Intervals without contact to the API server, up to the last event.
    pub fn blind(&self) -> impl Iterator<Item = (u64, u64)> {
        let open = self.state.blind_since.map(|since| (since, self.end_us));
        self.gaps.iter().copied().chain(open).map(|(from, to)| (from, to.min(self.end_us)))
    }

    fn take(&mut self, event: &Event) {
        let t = event.t_us;
        match &event.event {
            Kind::RunStarted { tool, .. } => {
                if self.tool.is_empty() {
                    self.tool.clone_from(tool);
                }
                self.zero = event.at.checked_sub(jiff::SignedDuration::from_micros(i64::try_from(t).unwrap_or(0))).ok();
            }
            Kind::SessionOpened { actor, .. } => {
                self.actor = Some(*actor);
                self.recovered |= *actor != Actor::Runner;
            }
            Kind::SignalCaught { .. } => self.signalled = true,
            Kind::Judged { outcome, .. } => self.written = Some(*outcome),
            Kind::Armed { .. } => self.armed_us = Some(t),
            Kind::RunWoken { why, .. } => {
                self.woken.get_or_insert(*why);
                self.over_us.get_or_insert(t);
                if *why != Wake::Finished && self.interrupted_us.is_none() {
                    self.interrupted_us = Some(t);
                }
            }
            Kind::StepStarted { step, .. } => {
                self.steps.insert(step.clone(), StepSpan { from: t, ended: None });
            }
            Kind::StepFinished { step, end, .. } => {
                if let Some(span) = self.steps.get_mut(step) {
                    span.ended = Some((t, *end));
                }
            }
            Kind::WorkloadSeen { namespace, workload, wanted, .. } => {
                self.wanted.entry((namespace.clone(), workload.clone())).or_default().push(t, i64::from(*wanted));
            }
            Kind::NodeSeen { node, zone, ready, taints, .. } => {
                self.zones.insert(node.clone(), zone.clone());
                let reserved = taints.iter().any(|taint| reserves(taint));
                self.reserved.entry(node.clone()).or_default().push(t, i64::from(reserved));
                self.nodes.entry(node.clone()).or_default().push(t, i64::from(ready == "True"));
            }
            Kind::NodeGone { node, .. } => self.nodes.entry(node.clone()).or_default().push(t, 0),
            Kind::MachineReturned { node, since_us } => self.returned.push((*since_us, node.clone())),
            Kind::EffectSeen { node, how } => self.effects.push((t, node.clone(), how.to_string())),
            Kind::RevertStarted { fault, .. } => self.reverts.push((t, fault.clone())),
            Kind::PodSeen { pod, .. } => {
                self.pods.seen(t, pod);
                let (namespace, owner) = (pod.namespace.clone(), pod.owner.clone());
                let counts = pod.ready && !pod.terminating && !self.dark.contains(&pod.node);
                self.one(t, &pod.uid, (!owner.is_empty()).then_some((namespace, owner)), counts);
            }
            Kind::PodGone { uid, .. } => {
                self.pods.gone(t, uid);
                self.one(t, uid, None, false);
            }
            Kind::FaultApplied { .. } | Kind::FaultReverted { .. } | Kind::FaultReplaced { .. } => self.count(t),
            Kind::BudgetSeen { namespace, name, healthy, desired, current: true, .. } => {
                let entry = self.budgets.entry((namespace.clone(), name.clone())).or_default();
                entry.0.push(t, *healthy);
                entry.1.push(t, *desired);
            }
            Kind::EvictionsSampled { step, of, .. } => *self.sampled.entry(step.clone()).or_default() += of,
            Kind::EvictionAnswered { .. } => self.evictions.push((t, event.event.clone())),
            Kind::ProbeSegment { probe, runs, .. } => {
                self.probes.entry(probe.clone()).or_default().extend(runs.iter().cloned())
            }
            Kind::LinesWritten { data, runs } => {
                self.logs.entry(data.clone()).or_default().written.extend(runs.iter().cloned());
            }
            Kind::LinesRead { data, missing, damaged, error, more } => {
                let read = Reading { at_us: t, missing: missing.clone(), damaged: *damaged, error: error.to_string() };
                self.logs.entry(data.clone()).or_default().take(read, *more);
            }
            Kind::AlertSeen { source, name, labels, state, since, receivers, suppressed_by } => {
                self.alerts.push(AlertPoint {
                    at: t,
                    source: source.clone(),
                    name: name.clone(),
                    labels: labels.clone(),
                    state: state.clone(),
                    since: *since,
                    receivers: receivers.clone(),
                    suppressed_by: suppressed_by.clone(),
                })
            }
            Kind::AlertGone { source, name, labels } => self.alerts.push(AlertPoint {
                at: t,
                source: source.clone(),
                name: name.clone(),
                labels: labels.clone(),
                state: String::new(),
                since: None,
                receivers: vec![],
                suppressed_by: vec![],
            }),
            Kind::ContactRegained { blind_from_us, .. } => self.gaps.push((*blind_from_us, t)),
            Kind::WatchGap { from_us, .. } => self.gaps.push((*from_us, t)),
            Kind::SourceRegained { source, blind_from_us } => {
                self.source_blind.entry(source.clone()).or_default().push((*blind_from_us, t));
            }
            Kind::SourceLost { source, blind_from_us, .. } => {
                // Until the source is regained, which replaces this entry.
                self.source_blind.entry(source.clone()).or_default().push((blind_from_us.unwrap_or(t), u64::MAX));
            }
            _ => {}
        }
        if let Kind::SourceRegained { source, .. } = &event.event
            && let Some(list) = self.source_blind.get_mut(source)
        {
            list.retain(|(_, to)| *to != u64::MAX);
        }
    }

    /// Records a change of one pod. It changes the count of its workload by at most one.
    fn one(&mut self, t: u64, uid: &str, owner: Option<Key>, counts: bool) {
        let now = owner.as_ref().filter(|_| counts);
        let known = owner.as_ref().is_none_or(|owner| self.ready.contains_key(owner));
        // Most changes of a pod do not change whether it counts.
        if known && self.counted.get(uid) == now {
            return;
        }
        let before = self.tally(uid.to_owned(), owner.clone().filter(|_| counts));
        self.push(t, before.into_iter().chain(owner));
    }

    /// Counts pods again after nodes were taken away or came back.
    fn count(&mut self, t: u64) {
        let away = self.away();
        // Usually only one node, because a drill acts on one node after another.
        let turned: Vec<&String> = self.dark.symmetric_difference(&away).collect();
        let pods = self.state.pods.values().filter(|p| !p.owner.is_empty() && turned.contains(&&p.node));
        let pods: Vec<_> = pods
            .map(|p| {
                let counts = p.ready && !p.terminating && !away.contains(&p.node);
                (p.uid.clone(), (p.namespace.clone(), p.owner.clone()), counts)
            })
            .collect();
        self.dark = away;
        let mut turned = BTreeSet::new();
        for (uid, key, counts) in pods {
            self.tally(uid, Some(key.clone()).filter(|_| counts));
            turned.insert(key);
        }
        self.push(t, turned.into_iter());
    }

    /// Changes for which workload a pod counts. Returns the workload for which it counted before.
    fn tally(&mut self, uid: String, now: Option<(String, String)>) -> Option<(String, String)> {
        let before = self.counted.remove(&uid);
        if let Some(key) = &before {
            *self.counts.entry(key.clone()).or_default() -= 1;
        }
        if let Some(key) = now {
            *self.counts.entry(key.clone()).or_default() += 1;
            self.counted.insert(uid, key);
        }
        before
    }

    fn push(&mut self, t: u64, keys: impl Iterator<Item = (String, String)>) {
        for key in keys {
            let count = self.counts.get(&key).copied().unwrap_or(0);
            self.ready.entry(key).or_default().push(t, count);
        }
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

    /// Whether the drill kept a node away at an instant.
    pub fn is_dark(&self, node: &str, at: u64) -> bool {
        self.state.faults.iter().any(|f| {
            let gone = matches!(&f.revert, Revert::NodePower { node: n, .. } if n.name == node);
            gone && f.sent_us.is_some_and(|sent| sent <= at) && f.closed.as_ref().is_none_or(|(t, _)| *t > at)
        })
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

    /// Nodes that the drill keeps away.
    fn away(&self) -> BTreeSet<String> {
        self.state
            .faults
            .iter()
            .filter(|f| f.sent_us.is_some() && f.state.is_open())
            // An impaired node keeps running, so its pods count as Kubernetes reports them.
            .filter_map(|f| match &f.revert {
                Revert::NodePower { node, .. } => Some(node.name.clone()),
                _ => None,
            })
            .collect()
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
        let hit = self.blind().find(|(b, e)| *b < to && *e > from && e.saturating_sub(*b) > 1_500_000)?;
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

/// Whether a taint (`key:effect`) keeps pods away for another reason than the node's health.
fn reserves(taint: &str) -> bool {
    let (key, effect) = taint.rsplit_once(':').unwrap_or((taint, ""));
    effect != "PreferNoSchedule" && !key.starts_with("node.kubernetes.io/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_kept_for_others_while_a_taint_keeps_pods_away() {
        let seen = |t_us: u64, taints: &[&str]| Event {
            seq: t_us,
            at: Timestamp::UNIX_EPOCH,
            t_us,
            epoch: 1,
            prev: String::new(),
            must: false,
            event: Kind::NodeSeen {
                node: "a".into(),
                uid: "u".into(),
                zone: String::new(),
                ready: "True".into(),
                unschedulable: false,
                taints: taints.iter().map(|&taint| taint.to_owned()).collect(),
                resource_version: String::new(),
            },
        };
        let history = History::of(&[
            seen(1, &["spot:PreferNoSchedule", "node.kubernetes.io/unreachable:NoExecute"]),
            seen(5, &["database:NoSchedule"]),
            seen(9, &[]),
        ]);
        let reserved = [1, 5, 8, 9].map(|at| history.is_reserved("a", at));
        assert_eq!(reserved, [false, true, true, false], "a preference keeps no pod away, nor a taint that is gone");
    }
}
