//! The recovery time of a service as its users see it, in phases (correctness
//! 47–50): from the fault until it is stable, not until something says Completed.

use serde::{Deserialize, Serialize};

use super::{Answer, History};
use crate::{
    event::ProbeRun,
    journal::{ProbeState, Stretch},
    model::{Evidence, Outcome, ProbeSpec, ServiceExpectation, StepName, StepResult, Told},
};

/// A part of the recovery time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Phase {
    /// What it is.
    pub name: Milestone,
    /// When it ended, in microseconds after the fault.
    pub at_us: u64,
}

/// What is seen in the course of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Milestone {
    /// The first sample after the fault that failed.
    #[serde(rename = "first failed sample")]
    FirstFailure,
    /// The fault's nodes are not Ready any more.
    #[serde(rename = "nodes seen as not Ready")]
    NodesNotReady,
    /// Alertmanager has an alert.
    #[serde(rename = "first alert received")]
    Alerted,
    /// Velero says that a restore is Completed.
    #[serde(rename = "restore Completed")]
    RestoreCompleted,
    /// The pods of the restored workloads are Ready.
    #[serde(rename = "restored pods Ready")]
    RestoredReady,
    /// The first success of the streak that lasted.
    #[serde(rename = "first success of the streak that lasted")]
    Recovered,
}

impl std::fmt::Display for Milestone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

struct Outage {
    /// Times that the service was not up, in the window.
    stretches: Vec<Stretch>,
    failed: u64,
    samples: u64,
    errors: Vec<Told>,
    gap: Option<(u64, u64)>,
    /// Why the probe could not ask, if so.
    lost: Option<String>,
}

pub(super) fn answer(expected: &ServiceExpectation, history: &History, now_us: u64) -> Answer {
    let Some((t0, end)) = history.window(expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, format!("{}: its fault never happened", expected.probe));
    };
    let plan = history.state.plan.as_ref();
    let Some(spec) = plan.and_then(|p| p.probes.iter().find(|p| p.name == expected.probe)) else {
        return Answer::new(Outcome::Inconclusive, format!("there is no probe {}", expected.probe));
    };
    // What the drill itself takes away again at its end is no outage.
    let end = if spec.starts_down { history.over_us.map_or(end, |over| over.min(end)) } else { end };
    let runs = history.probes.get(&expected.probe).map_or(&[][..], Vec::as_slice);
    if runs.iter().all(|r| r.from_us >= t0) {
        return Answer::new(
            Outcome::Inconclusive,
            format!("{}: no sample before the fault, so no baseline", expected.probe),
        );
    }
    let outage = outage(spec, runs, t0, end);
    let deadline = t0 + expected.rto.micros();
    let error_us = spec.every.micros() + spec.timeout.micros();
    let evidence = Evidence {
        source: format!("probe {} every {}, timeout {}", spec.name, spec.every, spec.timeout),
        observed: Told::of_journal(format!(
            "{} of {} samples failed ({}){}",
            outage.failed,
            outage.samples,
            if outage.errors.is_empty() {
                "none".into()
            } else {
                outage.errors.iter().map(|e| &**e).collect::<Vec<_>>().join(", ")
            },
            phases(&expected.probe, expected.of.as_ref(), history)
                .iter()
                .map(|p| format!("; {} {:.1} s", p.name, p.at_us as f64 / 1e6))
                .collect::<String>()
        )),
        from_us: Some(t0),
        to_us: Some(end),
        uncertainty_us: Some(error_us),
    };
    if let Some(cut) = history.cut_short(expected.of.as_ref()).filter(|_| outage.stretches.is_empty()) {
        let said = format!("{} had not failed, but {cut}", expected.probe);
        return Answer::new(Outcome::Inconclusive, said).with(evidence);
    }
    decide(expected, &outage, (t0, end), deadline, now_us).with(evidence)
}

fn decide(expected: &ServiceExpectation, outage: &Outage, (t0, end): (u64, u64), deadline: u64, now_us: u64) -> Answer {
    let probe = &expected.probe;
    if let Some((from, to)) = outage.gap {
        return Answer::new(
            Outcome::Inconclusive,
            format!(
                "{probe}: {} from {:.1} s to {:.1} s",
                outage.lost.as_ref().map_or("no samples".into(), |why| format!("its vantage point was lost ({why})")),
                from as f64 / 1e6,
                to as f64 / 1e6
            ),
        );
    }
    let Some(last) = outage.stretches.last() else {
        return Answer::new(Outcome::Pass, format!("{probe} never failed ({} samples)", outage.samples));
    };
    match last.to_us {
        Some(stable) => {
            let rto = stable.saturating_sub(t0) as f64 / 1e6;
            let down: u64 =
                outage.stretches.iter().filter_map(|s| Some(s.to_us?.saturating_sub(s.from_us.max(t0)))).sum();
            let said = format!(
                "{probe}: RTO {rto:.1} s ({:.1} s of it down, {} failed samples)",
                down as f64 / 1e6,
                outage.failed
            );
            if stable <= deadline {
                Answer::new(Outcome::Pass, said)
            } else {
                Answer::new(Outcome::Fail, format!("{said}, objective {}", expected.rto))
            }
        }
        None if now_us < deadline => Answer::open(format!("{probe} is down since {:.1} s", last.from_us as f64 / 1e6)),
        // The next fault, or an interruption, came before its time was over.
        None if end < deadline => Answer::new(
            Outcome::Inconclusive,
            format!(
                "{probe} was down for the {:.1} s that could be seen, objective {}",
                (end - t0) as f64 / 1e6,
                expected.rto
            ),
        ),
        None => Answer::new(
            Outcome::Fail,
            format!("{probe} was still down when this fault's time was over, objective {}", expected.rto),
        ),
    }
}

fn outage(spec: &ProbeSpec, runs: &[ProbeRun], t0: u64, end: u64) -> Outage {
    let mut state = ProbeState::default();
    let mut outage = Outage { stretches: vec![], failed: 0, samples: 0, errors: vec![], gap: None, lost: None };
    let patience = spec.every.micros() * 4 + spec.timeout.micros() + 2_000_000;
    let mut last = None;
    for run in runs.iter().filter(|r| r.from_us <= end) {
        if run.lost {
            outage.lost = Some(run.error.to_string());
            state.take(run, &spec.up);
            continue;
        }
        if let Some(previous) = last
            && run.from_us > t0
            && run.from_us.saturating_sub(previous) > patience
        {
            outage.gap.get_or_insert((previous, run.from_us));
        }
        last = Some(run.to_us);
        let ended = state.take(run, &spec.up);
        if run.to_us < t0 {
            continue;
        }
        outage.samples += u64::from(run.n);
        if !run.ok {
            outage.failed += u64::from(run.n);
            if !outage.errors.contains(&run.error) {
                outage.errors.push(run.error.clone());
            }
        }
        outage.stretches.extend(ended.filter(|s| s.to_us.is_some_and(|t| t > t0)));
    }
    if let Some(last) = last.filter(|l| end.saturating_sub(*l) > patience) {
        outage.gap.get_or_insert((last, end));
    }
    if let Some(from_us) = state.down_since {
        outage.stretches.push(Stretch { from_us, to_us: None });
    }
    outage
}

fn failed(run: &ProbeRun) -> bool {
    !run.ok && !run.lost
}

/// The phases of a recovery, in order, as far as they were observed.
pub fn phases(probe: &str, of: Option<&StepName>, history: &History) -> Vec<Phase> {
    let Some((t0, end)) = history.window(of) else { return vec![] };
    let runs = history.probes.get(probe).map_or(&[][..], Vec::as_slice);
    let inside = |t: u64| t >= t0 && t <= end;
    let mut found: Vec<(Milestone, Option<u64>)> = vec![];
    found.push((Milestone::FirstFailure, runs.iter().find(|r| failed(r) && inside(r.from_us)).map(|r| r.from_us)));
    let nodes = history
        .fault_step(of)
        .map(|s| {
            history
                .state
                .plan
                .iter()
                .flat_map(|p| &p.steps)
                .filter(|x| x.name == s)
                .flat_map(|x| x.nodes.clone())
                .collect::<Vec<_>>()
        })
        .unwrap_or_default();
    let unready = nodes
        .iter()
        .filter_map(|n| history.nodes.get(&n.name)?.0.iter().find(|(t, v)| inside(*t) && *v == 0))
        .map(|(t, _)| *t)
        .min();
    found.push((Milestone::NodesNotReady, unready));
    let alerted = history
        .alerts
        .iter()
        .find(|a| inside(a.at) && a.source.starts_with("alertmanager") && !a.state.is_empty())
        .map(|a| a.at);
    found.push((Milestone::Alerted, alerted));
    let restored = || history.state.results.values().filter_map(StepResult::restored);
    found.push((Milestone::RestoreCompleted, restored().map(|r| r.completed_us).find(|t| inside(*t))));
    found.push((Milestone::RestoredReady, restored().map(|r| r.ready_us).find(|t| inside(*t))));
    let last_failed = runs.iter().rev().find(|r| failed(r) && inside(r.from_us)).map(|r| r.to_us);
    if let Some(last) = last_failed {
        let success = runs.iter().find(|r| r.ok && r.from_us > last && inside(r.from_us));
        found.push((Milestone::Recovered, success.map(|r| r.from_us)));
    }
    let mut phases: Vec<Phase> =
        found.into_iter().filter_map(|(name, at)| Some(Phase { name, at_us: at?.saturating_sub(t0) })).collect();
    phases.sort_by_key(|p| p.at_us);
    phases
}
