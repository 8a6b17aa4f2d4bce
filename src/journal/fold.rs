//! Turns events into the state of a run: what was done, and what is still to be undone. The live run, `recover` and
//! the reports use the same function. Start with [`RunState`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{FaultState, IllegalTransition, OutsideChanges, ProbeState, Programs};
use crate::{
    event::{Event, Kind, PodView, StepEnd, lines_in},
    model::{Exit, FaultId, LeftBecause, Plan, Revert, StepName, StepResult, Told, UpRule, Verb},
};

/// A node in its last observed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// UID.
    pub uid: String,
    /// Its zone.
    pub zone: String,
    /// True, False or Unknown.
    pub ready: String,
    /// Whether it is cordoned.
    pub unschedulable: bool,
}

/// A budget in its last observed state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetView {
    /// Number of healthy pods.
    pub healthy: i64,
    /// Number of healthy pods that it requires.
    pub desired: i64,
    /// Number of evictions that it would allow.
    pub allowed: i64,
    /// Whether its controller has processed the newest generation.
    pub current: bool,
}

/// Source, alertname and labels.
pub type AlertKey = (String, String, BTreeMap<String, String>);

/// One fault and its state.
#[derive(Clone, Debug)]
pub struct FaultRecord {
    /// Its id.
    pub id: FaultId,
    /// The step that made the fault.
    pub step: StepName,
    /// What the step acted on.
    pub target: String,
    /// Its undo.
    pub revert: Revert,
    /// Its state.
    pub state: FaultState,
    /// When the first act was sent.
    pub sent_us: Option<u64>,
    /// When it was acknowledged.
    pub acknowledged_us: Option<u64>,
    /// When the undo ended, and how.
    pub closed: Option<(u64, Told)>,
    /// The reasons why it was left, if it was.
    pub left: Vec<LeftBecause>,
}

/// The state of a run. It is a function of the events so far.
#[derive(Clone, Debug, Default)]
pub struct RunState {
    /// Faults in the order in which they were intended.
    pub faults: Vec<FaultRecord>,
    /// The step that is running.
    pub running: Option<StepName>,
    /// When programs of the drill were running.
    pub programs: Programs,
    /// Steps that ended, in order, with their results.
    pub finished: Vec<(StepName, StepEnd)>,
    /// How the run ended, if it did.
    pub ended: Option<Exit>,
    /// A process of a session that lost control of the run and may still act.
    pub holder_lives: Option<(Option<u32>, String)>,
    /// Time of the last event.
    pub last_us: u64,
    /// Whether the run was armed. Nothing is touched before that.
    pub armed: bool,
    /// How long the undo may take.
    pub unwind_within: Duration,
    /// The plan.
    pub plan: Option<Box<Plan>>,
    /// The results of the steps.
    pub results: BTreeMap<StepName, StepResult>,
    /// Nodes by name.
    pub nodes: BTreeMap<String, NodeView>,
    /// Pods by UID.
    pub pods: BTreeMap<String, Arc<PodView>>,
    /// The UIDs of the pods on each node.
    on: BTreeMap<String, BTreeSet<String>>,
    /// Ready pods by namespace and workload.
    ready: BTreeMap<(String, String), u32>,
    /// Budgets by namespace and name.
    pub budgets: BTreeMap<(String, String), BudgetView>,
    /// Wanted replicas by namespace and workload.
    pub wanted: BTreeMap<(String, String), u32>,
    /// Probes by name.
    pub probes: BTreeMap<String, ProbeState>,
    /// For each append log, how many acknowledged lines were missing when it was last read.
    pub short: BTreeMap<String, u64>,
    /// Logs whose list of missing lines continues in the next event, with the number of lines so far.
    listing: BTreeMap<String, u64>,
    /// For each append log, why the last attempt to read it failed; empty if it succeeded.
    pub logs: BTreeMap<String, Told>,
    /// The state of each alert.
    pub alerts: BTreeMap<AlertKey, String>,
    /// UIDs of the pods that the drill deleted.
    pub taken: BTreeSet<String>,
    /// Changes from outside the drill.
    pub outside: OutsideChanges,
    /// What was left behind and is not gone yet.
    pub left_behind: BTreeSet<String>,
    /// The addresses of the watches whose first list has arrived.
    pub watching: BTreeSet<String>,
    /// When the API server became unreachable, if it still is.
    pub blind_since: Option<u64>,
}

impl RunState {
    /// Folds a complete journal.
    pub fn of(events: &[Event]) -> Result<Self, IllegalTransition> {
        let mut state = Self::default();
        for event in events {
            state.add(event)?;
        }
        Ok(state)
    }

    /// Adds one event.
    pub fn add(&mut self, event: &Event) -> Result<(), IllegalTransition> {
        self.last_us = self.last_us.max(event.t_us);
        self.programs.step(&event.event, self.plan.as_deref(), event.t_us);
        match &event.event {
            Kind::FaultIntended { fault, step, target, revert } => {
                let before = self.fault(fault).map(|f| f.state);
                let state = FaultState::after(before, &event.event)?;
                self.faults.push(FaultRecord {
                    id: fault.clone(),
                    step: step.clone(),
                    target: target.clone(),
                    revert: revert.clone(),
                    state,
                    sent_us: None,
                    acknowledged_us: None,
                    closed: None,
                    left: vec![],
                });
            }
            Kind::FaultApplied { fault, .. }
            | Kind::FaultFailed { fault, .. }
            | Kind::RevertStarted { fault, .. }
            | Kind::FaultReverted { fault, .. }
            | Kind::FaultReplaced { fault, .. }
            | Kind::FaultLeft { fault, .. }
            | Kind::FaultKept { fault, .. }
            | Kind::FaultStuck { fault, .. }
            | Kind::FaultReopened { fault, .. } => self.step_fault(&fault.clone(), event)?,
            Kind::StepStarted { step, .. } => self.running = Some(step.clone()),
            Kind::StepFinished { step, end, .. } => {
                self.running = None;
                self.finished.push((step.clone(), *end));
            }
            Kind::RunEnded { exit, .. } => self.ended = Some(*exit),
            Kind::SessionOpened { .. } => (self.ended, self.holder_lives) = (None, None),
            Kind::HolderLives { pid, host } => self.holder_lives = Some((*pid, host.clone())),
            Kind::Armed { unwind_deadline_us } => {
                self.armed = true;
                self.unwind_within = Duration::from_micros(*unwind_deadline_us);
            }
            Kind::PlanFrozen { plan } => self.plan = Some(plan.clone()),
            Kind::StepResult { step, result } => {
                self.results.insert(step.clone(), (**result).clone());
            }
            observation => self.observe(observation),
        }
        Ok(())
    }

    fn observe(&mut self, kind: &Kind) {
        self.outside.add(kind);
        match kind {
            Kind::PodTaken { uid, .. } => {
                self.taken.insert(uid.clone());
            }
            Kind::LeftBehind { what, .. } => {
                self.left_behind.insert(what.clone());
            }
            Kind::LeftoverGone { what, .. } => {
                self.left_behind.remove(what);
            }
            Kind::Watching { what, .. } => {
                self.watching.insert(what.clone());
            }
            Kind::NodeSeen { node, uid, zone, ready, unschedulable, .. } => {
                let view = NodeView {
                    uid: uid.clone(),
                    zone: zone.clone(),
                    ready: ready.clone(),
                    unschedulable: *unschedulable,
                };
                self.nodes.insert(node.clone(), view);
            }
            Kind::NodeGone { node, .. } => {
                self.nodes.remove(node);
            }
            Kind::PodSeen { pod, .. } => {
                // Most of them are known, and then the name need not be copied.
                let before = match self.pods.get_mut(&pod.uid) {
                    Some(known) => Some(std::mem::replace(known, Arc::clone(pod))),
                    None => self.pods.insert(pod.uid.clone(), Arc::clone(pod)),
                };
                self.moved(before.as_deref(), Some(pod));
                self.count(before.as_deref(), Some(pod));
            }
            Kind::PodGone { uid, .. } => {
                let before = self.pods.remove(uid);
                self.moved(before.as_deref(), None);
                self.count(before.as_deref(), None);
            }
            Kind::BudgetSeen { namespace, name, healthy, desired, allowed, current, .. } => {
                let view = BudgetView { healthy: *healthy, desired: *desired, allowed: *allowed, current: *current };
                self.budgets.insert((namespace.clone(), name.clone()), view);
            }
            Kind::WorkloadSeen { namespace, workload, wanted, .. } => {
                self.wanted.insert((namespace.clone(), workload.clone()), *wanted);
            }
            Kind::AlertSeen { source, name, labels, state, .. } => {
                self.alerts.insert((source.clone(), name.clone(), labels.clone()), state.clone());
            }
            Kind::AlertGone { source, name, labels } => {
                self.alerts.remove(&(source.clone(), name.clone(), labels.clone()));
            }
            Kind::ProbeSegment { probe, runs, .. } => {
                let rule = self.up_rule(probe);
                let state = self.probes.entry(probe.clone()).or_default();
                for run in runs {
                    state.add(run, &rule);
                }
            }
            Kind::LinesRead { data, error, missing, more, .. } => {
                let before = self.listing.remove(data).unwrap_or(0);
                let lines = before.saturating_add(lines_in(missing));
                if *more {
                    self.listing.insert(data.clone(), lines);
                } else {
                    self.short.insert(data.clone(), lines);
                    self.logs.insert(data.clone(), error.clone());
                }
            }
            Kind::ContactLost { last_proof_us, .. } => self.blind_since = Some(*last_proof_us),
            Kind::ContactRegained { .. } => self.blind_since = None,
            _ => {}
        }
    }

    /// The rule by which the service of a probe counts as up.
    pub fn up_rule(&self, probe: &str) -> UpRule {
        self.plan
            .as_ref()
            .and_then(|plan| plan.probes.iter().find(|p| p.name == probe))
            .map_or_else(UpRule::default, |p| p.up)
    }

    /// Pods of a workload that are Ready and not Terminating.
    pub fn ready(&self, namespace: &str, workload: &str) -> u32 {
        self.ready.get(&(namespace.to_owned(), workload.to_owned())).copied().unwrap_or(0)
    }

    /// The pods on a node, in the order of their UIDs.
    pub fn pods_on(&self, node: &str) -> impl Iterator<Item = &PodView> {
        self.on.get(node).into_iter().flatten().filter_map(|uid| self.pods.get(uid).map(|pod| &**pod))
    }

    /// Updates the pods of a node when the view of a pod changes.
    fn moved(&mut self, before: Option<&PodView>, now: Option<&PodView>) {
        if before.map(|pod| &pod.node) == now.map(|pod| &pod.node) {
            return;
        }
        if let Some(pod) = before
            && let Some(uids) = self.on.get_mut(&pod.node)
        {
            uids.remove(&pod.uid);
        }
        if let Some(pod) = now.filter(|pod| !pod.node.is_empty()) {
            match self.on.get_mut(&pod.node) {
                Some(uids) => drop(uids.insert(pod.uid.clone())),
                None => drop(self.on.insert(pod.node.clone(), BTreeSet::from([pod.uid.clone()]))),
            }
        }
    }

    /// Updates the count when the view of a pod changes. A wait reads the count ten times a second, and a large cluster
    /// has ten thousand pods.
    fn count(&mut self, before: Option<&PodView>, now: Option<&PodView>) {
        let counts = |pod: &&PodView| pod.ready && !pod.terminating;
        let (before, now) = (before.filter(counts), now.filter(counts));
        let of = |pod: &PodView| (pod.namespace.clone(), pod.owner.clone());
        if before.map(|pod| (&pod.namespace, &pod.owner)) == now.map(|pod| (&pod.namespace, &pod.owner)) {
            return;
        }
        if let Some(pod) = before
            && let Some(count) = self.ready.get_mut(&of(pod))
        {
            *count -= 1;
        }
        if let Some(pod) = now {
            *self.ready.entry(of(pod)).or_default() += 1;
        }
    }

    fn step_fault(&mut self, id: &FaultId, event: &Event) -> Result<(), IllegalTransition> {
        let Some(record) = self.faults.iter_mut().rev().find(|f| f.id == *id) else {
            return Err(IllegalTransition { state: None, event: event.event.name() });
        };
        record.state = FaultState::after(Some(record.state), &event.event)?;
        match &event.event {
            Kind::FaultApplied { sent_us, acknowledged_us, .. } => {
                record.sent_us = Some(*sent_us);
                record.acknowledged_us = Some(*acknowledged_us);
            }
            Kind::FaultReverted { evidence, .. } | Kind::FaultReplaced { evidence, .. } => {
                record.closed = Some((event.t_us, evidence.clone()));
            }
            Kind::FaultLeft { why, because, .. } => {
                record.closed = Some((event.t_us, why.clone()));
                record.left = if because.is_empty() { vec![LeftBecause::Others] } else { because.clone() };
            }
            Kind::FaultKept { why, .. } | Kind::FaultStuck { why, .. } => {
                record.closed = Some((event.t_us, why.clone()));
            }
            Kind::FaultReopened { .. } => (record.closed, record.left) = (None, vec![]),
            _ => {}
        }
        self.programs.fault(record, event.t_us);
        Ok(())
    }

    /// The verb of the running step.
    pub fn running_verb(&self) -> Option<&Verb> {
        self.plan.as_ref()?.step(self.running.as_ref()?)?.verb()
    }

    /// The newest fault with this id.
    pub fn fault(&self, id: &FaultId) -> Option<&FaultRecord> {
        self.faults.iter().rev().find(|f| f.id == *id)
    }

    /// The faults that still need an undo, newest first: the order of the unwind.
    pub fn open(&self) -> Vec<FaultRecord> {
        self.faults.iter().rev().filter(|f| f.state.is_open()).cloned().collect()
    }

    /// The same, without a copy. Observers ask several times a second, and a zone has hundreds of nodes.
    pub fn still_open(&self) -> impl Iterator<Item = &FaultRecord> {
        self.faults.iter().rev().filter(|f| f.state.is_open())
    }

    /// Whether this journal shows that a fault was undone.
    pub fn is_undone(&self, fault: &FaultRecord) -> bool {
        fault.state == FaultState::Reverted
    }

    /// Open faults of one step, newest first.
    pub fn open_of(&self, step: &StepName) -> Vec<FaultRecord> {
        self.still_open().filter(|f| f.step == *step).cloned().collect()
    }

    /// When the first act of a step's faults was sent. The time limits of its expectations count from here.
    pub fn t0(&self, step: &StepName) -> Option<u64> {
        self.faults_of(step).filter_map(|f| f.sent_us).min()
    }

    /// The last acknowledgement of a step's faults.
    pub fn acknowledged(&self, step: &StepName) -> Option<u64> {
        self.faults_of(step).filter_map(|f| f.acknowledged_us).max()
    }

    /// The faults of a step that could affect an application.
    pub fn faults_of(&self, step: &StepName) -> impl Iterator<Item = &FaultRecord> {
        self.faults.iter().filter(move |f| f.step == *step && f.revert.disturbs())
    }

    /// Whether data is missing until a restore is verified.
    pub fn past_no_return(&self) -> bool {
        self.faults.iter().any(|f| f.state.is_open() && f.revert.is_destructive())
    }
}
