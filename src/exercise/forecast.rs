//! What a rehearsal of a drill on the simulated cluster predicts: when each step begins and ends, when the first alert
//! arrives, how long each service is down. Lint, the run sheet and the calendar use it. Start with [`Forecast::of`].

use std::time::Duration;

use crate::{
    event::{Event, Kind, is_alertmanager},
    journal::ProbeState,
    model::{Dur, UpRule},
    verdict::ReadRun,
};

/// What is predicted for a drill. Times count from its first step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Each step, with its begin and its end.
    pub steps: Vec<(String, Dur, Dur)>,
    /// When Alertmanager has an alert for the first time.
    pub alerts: Vec<Dur>,
    /// How long all steps and the undo take.
    pub total: Dur,
    /// Each time in which a service is down: its probe, from, to.
    pub outages: Vec<(String, Dur, Dur)>,
}

impl Forecast {
    /// Reads the events of a rehearsal.
    pub fn of(events: &[Event]) -> Self {
        let begin = events.iter().find(|e| matches!(e.event, Kind::StepStarted { .. })).map_or(0, |e| e.t_us);
        let at = |us: u64| Dur(Duration::from_micros(us.saturating_sub(begin)));
        let mut forecast = Self::default();
        for event in events {
            match &event.event {
                Kind::StepStarted { step, .. } => {
                    forecast.steps.push((step.0.clone(), at(event.t_us), at(event.t_us)));
                }
                Kind::StepFinished { step, .. } => {
                    let found = forecast.steps.iter_mut().rev().find(|(name, ..)| *name == step.0);
                    if let Some((_, _, to)) = found {
                        *to = at(event.t_us);
                    }
                }
                Kind::AlertSeen { source, state, .. } if is_alertmanager(source) && state == "active" => {
                    forecast.alerts.push(at(event.t_us));
                }
                Kind::RunEnded { .. } => forecast.total = at(event.t_us),
                _ => {}
            }
        }
        forecast.outages = outages(events, &at);
        forecast
    }

    /// When a step is done.
    pub fn done(&self, step: &str) -> Option<Dur> {
        self.steps.iter().find(|(name, ..)| name == step).map(|(_, _, to)| *to)
    }

    /// When a step begins.
    pub fn begins(&self, step: &str) -> Option<Dur> {
        self.steps.iter().find(|(name, ..)| name == step).map(|(_, from, _)| *from)
    }

    /// When the first alert arrives after a step.
    pub fn alert_after(&self, step: &str) -> Option<Dur> {
        let done = self.begins(step)?;
        self.alerts.iter().copied().filter(|at| *at >= done).min()
    }

    /// The time in which a service is down at a moment, of the one that is down longest.
    pub fn down_at(&self, probe: &str, at: Dur) -> Option<Dur> {
        let around = self.outages.iter().filter(|(name, from, to)| name == probe && *from <= at && at <= *to);
        around.map(|(_, from, to)| Dur(to.0.saturating_sub(from.0))).max()
    }
}

/// When each probe of a journal was down.
fn outages(events: &[Event], at: &impl Fn(u64) -> Dur) -> Vec<(String, Dur, Dur)> {
    let reading = ReadRun::of(events);
    let Some(plan) = &reading.history().state.plan else { return vec![] };
    let mut found = vec![];
    for probe in &plan.probes {
        for (from, to) in down(events, &probe.name, &probe.up) {
            found.push((probe.name.clone(), at(from), at(to)));
        }
    }
    found
}

/// The stretches in which a probe was not up by its rule.
fn down(events: &[Event], name: &str, up: &UpRule) -> Vec<(u64, u64)> {
    let mut state = ProbeState::default();
    let (mut found, mut last) = (vec![], 0);
    for event in events {
        let Kind::ProbeSegment { probe, runs, to_us, .. } = &event.event else { continue };
        if probe != name {
            continue;
        }
        last = *to_us;
        for run in runs {
            if let Some(stretch) = state.add(run, up) {
                found.push((stretch.from_us, stretch.to_us.unwrap_or(last)));
            }
        }
    }
    if let Some(from) = state.down_since {
        found.push((from, last));
    }
    found
}
