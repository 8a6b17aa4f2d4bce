//! Arranges the events of a journal into a [`History`], one after another.

use std::collections::BTreeSet;

use super::{History, StepSpan, history::AlertPoint, loss::Reading, pods::Key};
use crate::{
    event::{Actor, EndReason, Event, Kind},
    journal::IllegalTransition,
    model::Revert,
};

impl History {
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
        let legal = self.state.add(event);
        if let Err(illegal) = &legal {
            self.illegal.get_or_insert_with(|| illegal.clone());
        }
        if event.event.follows_the_observers() {
            self.observers_stopped_in = Some(event.epoch);
        }
        // What this session does after its last observation is not part of what is judged.
        if self.observers_stopped_in != Some(event.epoch) {
            self.arrange(event);
            // Time must not run backwards after a wall clock was set back.
            self.end_us = self.end_us.max(event.t_us);
        } else if let Kind::Judged { outcome, .. } = &event.event {
            self.written = Some(*outcome);
        }
        legal
    }

    fn arrange(&mut self, event: &Event) {
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
                self.end_reason.get_or_insert(*why);
                self.over_us.get_or_insert(t);
                if *why != EndReason::Finished && self.interrupted_us.is_none() {
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
                let counts = pod.ready && !pod.terminating && !self.nodes_away.contains(&pod.node);
                let owner = (!pod.owner.is_empty()).then_some((pod.namespace.as_str(), pod.owner.as_str()));
                self.record_pod(t, &pod.uid, owner, counts);
            }
            Kind::PodGone { uid, .. } => {
                self.pods.gone(t, uid);
                self.record_pod(t, uid, None, false);
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
                self.logs.entry(data.clone()).or_default().add(read, *more);
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
            Kind::ContactRegained { blind_from_us, .. } => {
                self.gaps.push((*blind_from_us, t));
                self.contact_lost.push((*blind_from_us, t));
            }
            Kind::WatchGap { from_us, .. } => self.gaps.push((*from_us, t)),
            Kind::SourceRegained { source, blind_from_us } => {
                let blind = self.source_blind.entry(source.clone()).or_default();
                blind.retain(|(_, to)| *to != u64::MAX);
                blind.push((*blind_from_us, t));
            }
            Kind::SourceLost { source, blind_from_us, .. } => {
                // Until the source is regained, which replaces this entry.
                self.source_blind.entry(source.clone()).or_default().push((blind_from_us.unwrap_or(t), u64::MAX));
            }
            _ => {}
        }
    }

    /// Records a change of one pod. It changes the count of its workload by at most one.
    fn record_pod(&mut self, t: u64, uid: &str, owner: Option<(&str, &str)>, counts: bool) {
        let before = self.counted.get(uid).map(|(namespace, owner)| (namespace.as_str(), owner.as_str()));
        let same = before == owner.filter(|_| counts);
        // Most changes of a pod do not change whether it counts. Names are copied only where that is needed.
        if same && (counts || owner.is_none()) {
            return;
        }
        let owner: Option<Key> = owner.map(|(namespace, owner)| (namespace.to_owned(), owner.to_owned()));
        if same && owner.as_ref().is_none_or(|owner| self.ready.contains_key(owner)) {
            return;
        }
        let before = self.tally(uid.to_owned(), owner.clone().filter(|_| counts));
        self.push(t, before.into_iter().chain(owner));
    }

    /// Counts pods again after nodes were taken away or came back.
    fn count(&mut self, t: u64) {
        let away = self.away();
        // Usually only one node, because a drill acts on one node after another.
        let came = self.nodes_away.iter().filter(|node| !away.contains(node.as_str()));
        let went = away.iter().filter(|node| !self.nodes_away.contains(**node));
        let nodes: Vec<(String, bool)> =
            came.map(|node| (node.clone(), false)).chain(went.map(|node| ((*node).to_owned(), true))).collect();
        let pods = nodes.iter().flat_map(|(node, is_away)| self.state.pods_on(node).map(move |pod| (pod, *is_away)));
        let pods: Vec<_> = pods
            .filter(|(pod, _)| !pod.owner.is_empty())
            .map(|(pod, is_away)| {
                let counts = pod.ready && !pod.terminating && !is_away;
                (pod.uid.clone(), (pod.namespace.clone(), pod.owner.clone()), counts)
            })
            .collect();
        for (node, is_away) in nodes {
            if is_away {
                self.nodes_away.insert(node);
            } else {
                self.nodes_away.remove(&node);
            }
        }
        let mut turned = BTreeSet::new();
        for (uid, key, counts) in pods {
            self.tally(uid, Some(key.clone()).filter(|_| counts));
            turned.insert(key);
        }
        self.push(t, turned.into_iter());
    }

    /// Changes for which workload a pod counts. Returns the workload for which it counted before.
    fn tally(&mut self, uid: String, now: Option<Key>) -> Option<Key> {
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

    fn push(&mut self, t: u64, keys: impl Iterator<Item = Key>) {
        for key in keys {
            let count = self.counts.get(&key).copied().unwrap_or(0);
            self.ready.entry(key).or_default().push(t, count);
        }
    }

    /// Nodes that the drill keeps away.
    fn away(&self) -> BTreeSet<&str> {
        self.state
            .faults
            .iter()
            .filter(|f| f.sent_us.is_some() && f.state.is_open())
            // An impaired node keeps running, so its pods count as Kubernetes reports them.
            .filter_map(|f| match &f.revert {
                Revert::NodePower { node, .. } => Some(node.name.as_str()),
                _ => None,
            })
            .collect()
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
            at: jiff::Timestamp::UNIX_EPOCH,
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
