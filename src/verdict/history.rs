//! The journal laid out by time: series of what was seen, and the intervals in
//! which nothing was.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Log, Series, loss::Reading};
use crate::{
    event::{Event, Kind, PodView, ProbeRun, StepEnd, Wake},
    journal::RunState,
    model::{FaultId, Revert, StepName, Verb},
};

/// An alert as seen at an instant; `state` is empty when it was gone.
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
    /// State, empty when gone.
    pub state: String,
    /// Since when, by its source.
    pub since: Option<Timestamp>,
    /// Receivers.
    pub receivers: Vec<String>,
    /// Silences and inhibitions.
    pub suppressed_by: Vec<String>,
}

/// A pod as it was seen at an instant.
#[derive(Clone, Debug)]
pub struct PodPoint {
    /// When.
    pub at: u64,
    /// Its UID.
    pub uid: String,
    /// Namespace and owner; empty when it was gone.
    pub of: (String, String),
    /// Its node; empty while it is not bound, or gone.
    pub node: String,
    /// Ready, and not on its way out.
    pub ready: bool,
}

impl PodPoint {
    fn seen(at: u64, pod: &PodView) -> Self {
        let of = (pod.namespace.clone(), pod.owner.clone());
        Self { at, uid: pod.uid.clone(), of, node: pod.node.clone(), ready: pod.ready && !pod.terminating }
    }

    fn gone(at: u64, uid: &str) -> Self {
        Self { at, uid: uid.to_owned(), of: Default::default(), node: String::new(), ready: false }
    }
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

/// The journal by time.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The fold of all events.
    pub state: RunState,
    /// Ready pods by namespace and workload; pods on nodes that the drill took
    /// away do not count, whatever the API still believes (correctness 21).
    pub ready: BTreeMap<(String, String), Series>,
    /// Each change of a pod, in the order in which it was seen.
    pub pods: Vec<PodPoint>,
    /// Machines that came back by another hand: since when at the earliest.
    pub returned: Vec<(u64, String)>,
    /// Effects that were read off a node: when, which, how.
    pub effects: Vec<(u64, String, String)>,
    /// When each undo began.
    pub reverts: Vec<(u64, FaultId)>,
    /// Pods that each workload of the scope wants.
    pub wanted: BTreeMap<(String, String), Series>,
    /// Nodes: 1 Ready, 0 not.
    pub nodes: BTreeMap<String, Series>,
    /// Nodes: 1 while they are kept for pods which tolerate their taints, such as a control
    /// plane's, and 0 while they are not.
    pub reserved: BTreeMap<String, Series>,
    /// Probe samples.
    pub probes: BTreeMap<String, Vec<ProbeRun>>,
    /// Append logs.
    pub logs: BTreeMap<String, Log>,
    /// Alerts.
    pub alerts: Vec<AlertPoint>,
    /// Budgets: healthy and desired.
    pub budgets: BTreeMap<(String, String), (Series, Series)>,
    /// Intervals without contact to the API server, up to the last event.
    pub blind: Vec<(u64, u64)>,
    /// The same as they were told; one may reach into the future.
    gaps: Vec<(u64, u64)>,
    /// The session of the last event.
    session: u64,
    /// The same of other sources.
    pub source_blind: BTreeMap<String, Vec<(u64, u64)>>,
    /// Steps, by name.
    pub steps: BTreeMap<StepName, StepSpan>,
    /// Eviction answers, with their time.
    pub evictions: Vec<(u64, Kind)>,
    /// Steps in which not each critical pod was asked about: how many pods there were.
    pub sampled: BTreeMap<String, usize>,
    /// Wall time of t = 0.
    pub zero: Option<Timestamp>,
    /// When the drill armed itself.
    pub armed_us: Option<u64>,
    /// When it was interrupted, if it was: what it was asked for had not all been done.
    pub interrupted_us: Option<u64>,
    /// When the steps were over, and the undo of all that is left began.
    pub over_us: Option<u64>,
    /// Time of the last event.
    pub end_us: u64,
    /// Nodes that are away because the drill took them.
    dark: BTreeSet<String>,
    /// Ready pods by namespace and workload, now; and which pod counts for which.
    counts: BTreeMap<(String, String), i64>,
    counted: BTreeMap<String, (String, String)>,
}

impl History {
    /// Lays out a journal.
    pub fn of(events: &[Event]) -> Self {
        let mut history = Self::default();
        history.follow(events);
        history
    }

    /// Lays out what came after.
    pub(super) fn follow(&mut self, events: &[Event]) {
        for event in events {
            let before = self.end_us;
            if event.epoch != self.session && self.session != 0 {
                // Nobody was looking between the two sessions, and a session that only
                // picks up the pieces has no observers: what was seen last is old.
                self.gaps.push((before, u64::MAX));
            }
            self.session = event.epoch;
            let _ = self.state.take(event);
            self.take(event);
            // A wall clock that was set back must not turn time around.
            self.end_us = self.end_us.max(event.t_us);
        }
        let open = self.state.blind_since.map(|since| (since, self.end_us));
        let gaps = self.gaps.iter().copied().chain(open);
        self.blind = gaps.map(|(from, to)| (from, to.min(self.end_us))).collect();
    }

    fn take(&mut self, event: &Event) {
        let t = event.t_us;
        match &event.event {
            Kind::RunStarted { .. } => {
                self.zero = event.at.checked_sub(jiff::SignedDuration::from_micros(i64::try_from(t).unwrap_or(0))).ok();
            }
            Kind::Armed { .. } => self.armed_us = Some(t),
            Kind::RunWoken { why, .. } => {
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
            Kind::NodeSeen { node, ready, taints, .. } => {
                let reserved = taints.iter().any(|taint| reserves(taint));
                self.reserved.entry(node.clone()).or_default().push(t, i64::from(reserved));
                self.nodes.entry(node.clone()).or_default().push(t, i64::from(ready == "True"));
            }
            Kind::NodeGone { node, .. } => self.nodes.entry(node.clone()).or_default().push(t, 0),
            Kind::MachineReturned { node, since_us } => self.returned.push((*since_us, node.clone())),
            Kind::EffectSeen { node, how } => self.effects.push((t, node.clone(), how.to_string())),
            Kind::RevertStarted { fault, .. } => self.reverts.push((t, fault.clone())),
            Kind::PodSeen { pod, .. } => {
                self.pods.push(PodPoint::seen(t, pod));
                let (namespace, owner) = (pod.namespace.clone(), pod.owner.clone());
                let counts = pod.ready && !pod.terminating && !self.dark.contains(&pod.node);
                self.one(t, pod.uid.clone(), (!owner.is_empty()).then_some((namespace, owner)), counts);
            }
            Kind::PodGone { uid, .. } => {
                self.pods.push(PodPoint::gone(t, uid));
                self.one(t, uid.clone(), None, false);
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
                // Until it is regained, which replaces this.
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

    /// One pod changed: its workload's count moves by one at most.
    fn one(&mut self, t: u64, uid: String, owner: Option<(String, String)>, counts: bool) {
        let before = self.tally(uid, owner.clone().filter(|_| counts));
        self.push(t, before.into_iter().chain(owner));
    }

    /// Nodes went dark or came back: their pods are counted again.
    fn count(&mut self, t: u64) {
        let away = self.away();
        // One at a time as a rule: a drill acts on one node after another.
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

    /// A pod counts for a workload from now on, or for none; says for which it did.
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

    /// Ready pods of a workload as Kubernetes has them, counting those that `keep` says.
    /// "Dark because the drill says so" is left out of account here.
    pub fn believed(&self, key: &(String, String), keep: impl Fn(&PodPoint) -> bool) -> Series {
        let mut ready: BTreeSet<&str> = BTreeSet::new();
        let mut series = Series::default();
        for point in &self.pods {
            let counts = point.of == *key && point.ready && keep(point);
            let changed = if counts { ready.insert(&point.uid) } else { ready.remove(point.uid.as_str()) };
            if changed || counts && series.0.is_empty() {
                series.push(point.at, ready.len() as i64);
            }
        }
        series
    }

    /// Whether the drill had taken a node away at an instant.
    pub fn is_dark(&self, node: &str, at: u64) -> bool {
        self.state.faults.iter().any(|f| {
            let gone = matches!(&f.revert, Revert::NodePower { node: n, .. } if n.name == node);
            gone && f.sent_us.is_some_and(|sent| sent <= at) && f.closed.as_ref().is_none_or(|(t, _)| *t > at)
        })
    }

    /// Whether a node was kept for pods that tolerate its taints at an instant.
    pub fn is_reserved(&self, node: &str, at: u64) -> bool {
        self.reserved.get(node).and_then(|series| series.at(at)) == Some(1)
    }

    /// When the undo of a step's fault began, by `heal` or by the unwind of a drill that did all
    /// its steps. That of a reaper or of `recover` is no measure of anything.
    pub fn heal_began(&self, step: &StepName) -> Option<u64> {
        let own = |id: &FaultId| self.state.faults_of(step).any(|f| f.id == *id);
        let began = self.reverts.iter().find(|(_, id)| own(id)).map(|(at, _)| *at)?;
        self.interrupted_us.is_none_or(|cut| began < cut).then_some(began)
    }

    /// Why nothing can be measured from the heal: there was none that counts.
    pub fn unhealed(&self) -> &'static str {
        match self.interrupted_us {
            Some(_) => "the drill was interrupted before the fault was healed",
            None => "the fault is not healed yet",
        }
    }

    /// Whether a restore that is a step of the drill is under way: what a drill tests is no undo.
    pub fn is_restoring(&self, at: u64) -> bool {
        let restores = |name: &StepName| {
            let plan = self.state.plan.iter().flat_map(|p| &p.steps);
            plan.into_iter().any(|s| s.name == *name && matches!(s.verb(), Some(Verb::Restore(_))))
        };
        self.steps.iter().any(|(name, span)| span.from <= at && span.to().is_none_or(|to| at <= to) && restores(name))
    }

    /// Nodes that are away because the drill took them.
    fn away(&self) -> BTreeSet<String> {
        self.state
            .faults
            .iter()
            .filter(|f| f.sent_us.is_some() && f.state.is_open())
            // What is only impaired goes on: its pods are believed as Kubernetes has them.
            .filter_map(|f| match &f.revert {
                Revert::NodePower { node, .. } => Some(node.name.clone()),
                _ => None,
            })
            .collect()
    }

    /// The step that an expectation is about: as written, or the only fault.
    pub fn fault_step(&self, of: Option<&StepName>) -> Option<StepName> {
        of.cloned().or_else(|| self.state.faults.iter().find(|f| f.revert.disturbs()).map(|f| f.step.clone()))
    }

    /// t0 of a step's fault, and the end of the time that is attributed to it:
    /// the next fault of another step, or the end.
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
            // Fences and restores beside the application answer a fault; they are none.
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

    /// When the last fault of a step was seen undone.
    pub fn healed(&self, step: &StepName) -> Option<u64> {
        let faults: Vec<_> = self.state.faults_of(step).collect();
        if faults.is_empty() || faults.iter().any(|f| f.closed.is_none()) {
            return None;
        }
        faults.iter().filter_map(|f| f.closed.as_ref().map(|(t, _)| *t)).max()
    }

    /// Time without sight in an interval, for messages.
    pub fn blind_in(&self, from: u64, to: u64) -> Option<String> {
        let hit = self.blind.iter().find(|(b, e)| *b < to && *e > from && e.saturating_sub(*b) > 1_500_000)?;
        Some(format!("the API server was out of sight from {:.1} s to {:.1} s", hit.0 as f64 / 1e6, hit.1 as f64 / 1e6))
    }

    /// The same of another source.
    pub fn source_blind_in(&self, source: &str, from: u64, to: u64) -> bool {
        self.source_blind
            .iter()
            .any(|(s, list)| s.starts_with(source) && list.iter().any(|(b, e)| *b < to && *e > from))
    }

    /// The plan's only namespace, or the written one.
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
