//! The phases of a recovery: what was observed during an outage, in chronological order.

use serde::{Deserialize, Serialize};

use super::{History, alerts, outage::is_failed};
use crate::model::{NodeTarget, StepName, StepResult};

/// A phase of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecoveryPhase {
    /// The event that ends it.
    pub name: Milestone,
    /// When it ended, in microseconds after the fault.
    pub at_us: u64,
}

/// An event that is observed during an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Milestone {
    /// The first sample after the fault that failed.
    #[serde(rename = "first failed sample")]
    FirstFailure,
    /// The nodes of the fault are not Ready any more.
    #[serde(rename = "nodes seen as not Ready")]
    NodesNotReady,
    /// Alertmanager received an alert that is expected of this fault.
    #[serde(rename = "first alert received")]
    Alerted,
    /// The undo of the fault began. What recovers later has not recovered from the fault.
    #[serde(rename = "undo began")]
    UndoBegan,
    /// Velero reported a restore as Completed.
    #[serde(rename = "restore Completed")]
    RestoreCompleted,
    /// The pods of the restored workloads are Ready.
    #[serde(rename = "restored pods Ready")]
    RestoredReady,
    /// The first success of the row that lasted.
    #[serde(rename = "first success of the streak that lasted")]
    Recovered,
}

impl std::fmt::Display for Milestone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// The phases of a recovery in order, as far as they were observed.
pub fn phases(probe: &str, of: Option<&StepName>, history: &History) -> Vec<RecoveryPhase> {
    let (Some((t0, end)), Some(step)) = (history.window(of), history.fault_step(of)) else { return vec![] };
    let runs = history.probes.get(probe).map_or(&[][..], Vec::as_slice);
    let inside = |t: u64| t >= t0 && t <= end;
    let mut found: Vec<(Milestone, Option<u64>)> = vec![];
    found.push((Milestone::FirstFailure, runs.iter().find(|r| is_failed(r) && inside(r.from_us)).map(|r| r.from_us)));
    let targets = history.state.plan.iter().flat_map(|p| &p.steps).filter(|s| s.name == step).flat_map(|s| &s.nodes);
    let not_ready =
        |node: &NodeTarget| history.nodes.get(&node.name)?.0.iter().find(|(t, ready)| inside(*t) && *ready == 0);
    found.push((Milestone::NodesNotReady, targets.filter_map(not_ready).map(|(t, _)| *t).min()));
    let alerted = alerts::first_received(history, &step);
    found.push((Milestone::Alerted, alerted.filter(|t| inside(*t))));
    let undone = history.heal_began(&step);
    found.push((Milestone::UndoBegan, undone.filter(|t| inside(*t))));
    let restored = || history.state.results.values().filter_map(StepResult::restored);
    found.push((Milestone::RestoreCompleted, restored().map(|r| r.completed_us).find(|t| inside(*t))));
    found.push((Milestone::RestoredReady, restored().map(|r| r.ready_us).find(|t| inside(*t))));
    let last_failed = runs.iter().rev().find(|r| is_failed(r) && inside(r.from_us)).map(|r| r.to_us);
    if let Some(last) = last_failed {
        let success = runs.iter().find(|r| r.ok && r.from_us > last && inside(r.from_us));
        found.push((Milestone::Recovered, success.map(|r| r.from_us)));
    }
    let mut phases: Vec<RecoveryPhase> = found
        .into_iter()
        .filter_map(|(name, at)| Some(RecoveryPhase { name, at_us: at?.saturating_sub(t0) }))
        .collect();
    phases.sort_by_key(|p| p.at_us);
    phases
}
