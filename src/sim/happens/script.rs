//! Begins and ends the entries of `happens:`, each once, and knows which are in force. What an entry does is in the
//! other files. Start with [`Script`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    super::value::Value, After, Happening, What, Which, alerting, budgets, controllers, lint, logs, nodes, objects,
    readiness, sources, velero, watches,
};
use crate::sim::state::{State, Timer};

/// What is due for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sim) enum Turn {
    Begins,
    /// An entry that acts repeatedly acts again.
    Beats,
    Ends,
}

/// What happened to a step of the drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum StepTurn {
    Begins,
    Ends,
}

/// An entry of `happens:` that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The number of the entry in the list, from 0.
    pub entry: usize,
    /// When it began, since the cluster was created.
    pub from: Duration,
    /// When it ended, if it has ended.
    pub until: Option<Duration>,
    /// Why it had no effect, if it had none.
    pub failed: Option<String>,
}

/// The entries, and their state.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Script {
    pub(super) entries: Vec<Happening>,
    /// Which cluster this is. Entries of the other cluster are ignored.
    here: Which,
    /// Entries that still wait for their event.
    pub(super) waiting: BTreeSet<usize>,
    in_force: BTreeSet<usize>,
    pub(super) happened: Vec<Happened>,
    /// What an entry puts back when it ends.
    pub(super) before: BTreeMap<usize, Value>,
    /// How many times an entry has acted, or was asked about.
    pub(super) count: BTreeMap<usize, u32>,
    /// The UIDs of the objects that were seen so far, so that a new object can be recognised.
    pub(super) known: BTreeSet<String>,
    /// Nodes that were seen not Ready.
    pub(super) unready: BTreeSet<String>,
}

impl Script {
    pub(in crate::sim) fn of(entries: &[Happening], here: Which) -> Self {
        let waits = |i: &usize| entries[*i].after.is_some() && entries[*i].in_ == here;
        let waiting = (0..entries.len()).filter(waits).collect();
        Self { entries: entries.to_vec(), here, waiting, ..Self::default() }
    }

    /// Whether the list is empty.
    pub(in crate::sim) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(in crate::sim) fn happened(&self) -> &[Happened] {
        &self.happened
    }

    /// Entries that cannot have shown anything, each with the reason.
    pub(in crate::sim) fn without_effect(&self) -> Vec<String> {
        let all = self.entries.iter().enumerate().filter(|(_, happening)| happening.in_ == self.here);
        let why = all.filter_map(|(entry, happening)| {
            let at = lint::at(entry, happening);
            match self.happened.iter().find(|h| h.entry == entry) {
                None => Some(format!("{at} did not begin before the end of the drill")),
                Some(happened) => happened.failed.as_ref().map(|why| format!("{at} had no effect: {why}")),
            }
        });
        why.collect()
    }

    /// Adds the UIDs of objects that existed before the list began.
    pub(in crate::sim) fn knows<'a>(&mut self, uids: impl Iterator<Item = &'a str>) {
        self.known.extend(uids.map(str::to_owned));
    }

    /// What happens in an entry.
    pub(in crate::sim) fn what(&self, entry: usize) -> Option<&What> {
        Some(&self.entries.get(entry)?.what)
    }

    /// The entries in force, with their numbers.
    pub(super) fn in_force(&self) -> impl Iterator<Item = (usize, &What)> {
        self.in_force.iter().map(|at| (*at, &self.entries[*at].what))
    }

    /// Counts an entry once more, and returns the count.
    pub(super) fn counted(&mut self, entry: usize) -> u32 {
        let count = self.count.entry(entry).or_default();
        *count += 1;
        *count
    }
}

impl State {
    /// Schedules the entries that begin at a time. This time counts from `zero_us`.
    pub(in crate::sim) fn arm(&mut self, zero_us: u64) {
        for entry in 0..self.script.entries.len() {
            let happening = &self.script.entries[entry];
            if let Some(at) = happening.at.filter(|_| happening.in_ == self.script.here) {
                let due = zero_us + at.micros() + happening.delay.unwrap_or_default().micros();
                self.schedule_at(due, Timer::Happens(entry, Turn::Begins));
            }
        }
    }

    /// Schedules an entry whose event has happened.
    pub(super) fn due(&mut self, entry: usize) {
        if self.script.waiting.remove(&entry) {
            let delay = self.script.entries[entry].delay.unwrap_or_default();
            self.schedule(delay.0, Timer::Happens(entry, Turn::Begins));
        }
    }
}

/// Reacts to the beginning or the end of a step of the drill.
pub(in crate::sim) fn told(state: &mut State, step: &str, turn: StepTurn) {
    let waits = |entry: &usize| match &state.script.entries[*entry].after {
        Some(After::Step(name)) => name == step && turn == StepTurn::Begins,
        Some(After::StepEnds(name)) => name == step && turn == StepTurn::Ends,
        _ => false,
    };
    let due: Vec<usize> = state.script.waiting.iter().copied().filter(waits).collect();
    for entry in due {
        state.due(entry);
    }
}

/// Does what is due for an entry.
pub(in crate::sim) fn turn(state: &mut State, entry: usize, turn: Turn) {
    let Some(happening) = state.script.entries.get(entry).cloned() else { return };
    let now = Duration::from_micros(state.now_us);
    match turn {
        Turn::Begins => {
            state.script.in_force.insert(entry);
            let failed = begin(state, entry, &happening.what).err();
            state.script.happened.push(Happened { entry, from: now, until: None, failed });
            if let Some(for_) = happening.for_ {
                state.schedule(for_.0, Timer::Happens(entry, Turn::Ends));
            }
        }
        Turn::Beats if state.script.in_force.contains(&entry) => beat(state, entry, &happening.what),
        Turn::Beats => return,
        Turn::Ends => {
            state.script.in_force.remove(&entry);
            let mine = state.script.happened.iter_mut().find(|h| h.entry == entry);
            // An entry without effect has nothing to put back.
            if let Some(happened) = mine.filter(|h| h.failed.is_none()) {
                happened.until = Some(now);
                end(state, entry, &happening.what);
            }
            return;
        }
    }
    if let Some(every) = happening.what.every() {
        state.schedule(every, Timer::Happens(entry, Turn::Beats));
    }
}

fn begin(state: &mut State, entry: usize, what: &What) -> Result<(), String> {
    match what {
        What::Patch(patch) => objects::patch(state, entry, patch)?,
        What::Scale(scale) => objects::scale(state, entry, scale)?,
        What::Delete(delete) => objects::delete(state, delete)?,
        What::Label(label) => objects::label(state, entry, label)?,
        What::Silence(silence) => alerting::silence(state, entry, silence, silence.ends)?,
        What::Inhibition(inhibition) => alerting::inhibit(state, inhibition, inhibition.ends)?,
        What::Delivery(delivery) => alerting::cut(state, delivery, true),
        What::Source(source) => sources::begin(state, source),
        What::Watches(watches) => watches::begin(state, entry, watches),
        What::Readiness(readiness) => readiness::begin(state, readiness),
        What::Log(log) => logs::begin(state, log)?,
        What::Velero(lie) => velero::store(state, lie, "Unavailable"),
        What::Backup(backup) => velero::backup(state, backup)?,
        What::NodeReturns(node) => nodes::back(state, &node.node)?,
        What::NodeRestarts(node) => nodes::restart(state, &node.node)?,
        What::Autoscaler(autoscaler) => controllers::autoscale(state, autoscaler),
        What::GitOps(gitops) => controllers::remember(state, entry, gitops),
        // These do nothing by themselves: the simulated servers ask whether they are in force.
        What::Rule(_)
        | What::Skew(_)
        | What::Answers(_)
        | What::VolumeData(_)
        | What::BudgetLags(_)
        | What::NodeHost(_) => {}
    }
    Ok(())
}

fn beat(state: &mut State, entry: usize, what: &What) {
    match what {
        What::Readiness(readiness) => readiness::flap(state, entry, readiness),
        What::Autoscaler(autoscaler) => controllers::autoscale(state, autoscaler),
        What::GitOps(gitops) => controllers::put_back(state, entry, gitops),
        _ => {}
    }
}

fn end(state: &mut State, entry: usize, what: &What) {
    // If the object is gone, there is nothing to put back.
    match what {
        What::Patch(_) | What::Scale(_) | What::Label(_) => objects::put_back(state, entry, what),
        What::Silence(silence) => drop(alerting::silence(state, entry, silence, !silence.ends)),
        What::Inhibition(inhibition) => drop(alerting::inhibit(state, inhibition, !inhibition.ends)),
        What::Delivery(delivery) => alerting::cut(state, delivery, false),
        What::Watches(_) => state.store.listen_again(entry),
        What::Readiness(readiness) => readiness::come_back(state, readiness),
        What::Velero(lie) => velero::store(state, lie, "Available"),
        What::BudgetLags(lag) => budgets::look_again(state, lag),
        What::Rule(_)
        | What::Source(_)
        | What::Skew(_)
        | What::Answers(_)
        | What::Log(_)
        | What::VolumeData(_)
        | What::NodeHost(_)
        | What::Autoscaler(_)
        | What::GitOps(_)
        | What::Delete(_)
        | What::Backup(_)
        | What::NodeReturns(_)
        | What::NodeRestarts(_) => {}
    }
}

impl What {
    /// How often it acts, if it acts repeatedly.
    fn every(&self) -> Option<Duration> {
        let or = |every: Option<crate::model::Dur>, seconds| every.map_or(Duration::from_secs(seconds), |d| d.0);
        match self {
            Self::Readiness(r) if r.does == super::ReadinessDoes::Flaps => Some(or(r.every, 5)),
            Self::Autoscaler(a) => Some(or(a.every, 15)),
            Self::GitOps(g) => Some(or(g.every, 10)),
            _ => None,
        }
    }
}
