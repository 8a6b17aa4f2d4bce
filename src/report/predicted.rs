//! Compares predictions with measurements, and names the phase that explains a difference.

use std::collections::BTreeSet;

use crate::{
    model::{Phase, Prediction, ScopedWorkload, StepName},
    verdict::{History, Milestone, PodPoint, own_time, phases},
};

/// The API's times have whole seconds, and a watch has a delay.
const TOLERANCE_S: f64 = 1.0;

/// A prediction, compared with what was measured.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The prediction.
    pub prediction: Prediction,
    /// The first and the last measurement, in seconds after the fault.
    pub measured: Option<(f64, f64)>,
    /// How late it was, in seconds; negative if it was early, 0 if it was as predicted, none if it was not measured.
    pub late: Option<f64>,
    /// The comparison, in words.
    pub said: String,
}

impl Compared {
    /// Prediction and measurement in one line.
    pub(super) fn line(&self) -> String {
        let Prediction { of, what, from, to, because, .. } = &self.prediction;
        format!("{of}: {what} — predicted {from} to {to} after the fault ({because}){}", self.said)
    }
}

/// Every prediction that says something.
pub(super) fn compared(history: &History) -> Vec<Compared> {
    let Some(plan) = &history.state.plan else { return vec![] };
    let mut late_before = (None, 0.0);
    let mut all = vec![];
    for prediction in plan.predictions.iter().filter(|p| !p.to.0.is_zero()) {
        let measured = measured(prediction, history);
        let (said, late) = match own_time(history, &prediction.of) {
            Some((t0, end)) if measured.is_none() && end < t0 + prediction.to.micros() => {
                (format!("; not measured: the fault ended after {:.1} s", (end - t0) as f64 / 1e6), None)
            }
            _ => compare(prediction, measured, &late_before),
        };
        if let (Some(phase), Some(late)) = (&prediction.phase, late) {
            late_before = (Some(word(phase)), late);
        }
        all.push(Compared { prediction: prediction.clone(), measured, late, said });
    }
    all
}

fn word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Detected => "detection",
        Phase::Evicted(_) => "eviction",
        Phase::Rescheduled(_) => "scheduling",
        Phase::Ready(_) => "starting",
        Phase::Serving(_) => "serving",
    }
}

/// The comparison as text, and how late it was (negative if it was early).
fn compare(
    prediction: &Prediction,
    measured: Option<(f64, f64)>,
    (before, late_before): &(Option<&'static str>, f64),
) -> (String, Option<f64>) {
    let Some(phase) = &prediction.phase else { return (String::new(), None) };
    let Some((first, last)) = measured else { return ("; not measured".into(), None) };
    let (from, to) = (prediction.from.0.as_secs_f64(), prediction.to.0.as_secs_f64());
    let said = if (last - first).abs() < 0.05 { format!("{last:.1} s") } else { format!("{first:.1} to {last:.1} s") };
    let late = if last > to + TOLERANCE_S {
        last - to
    } else if first < from - TOLERANCE_S {
        first - from
    } else {
        return (format!("; measured {said}, as predicted"), Some(0.0));
    };
    let why = match before {
        Some(phase) if late * late_before > 0.0 && (late - late_before).abs() <= 0.2 * late.abs() + TOLERANCE_S => {
            format!("this is explained by the earlier phase {phase}")
        }
        _ => format!("the difference is in this phase ({})", word(phase)),
    };
    let how = if late > 0.0 { "later" } else { "earlier" };
    (format!("; measured {said}, {:.1} s {how}: {why}", late.abs()), Some(late))
}

/// The first and the last measurement, in seconds after the fault.
fn measured(prediction: &Prediction, history: &History) -> Option<(f64, f64)> {
    let (t0, end) = own_time(history, &prediction.of)?;
    let times: Vec<u64> = match prediction.phase.as_ref()? {
        Phase::Detected => unready(history, &prediction.of, t0, end),
        Phase::Evicted(workload) => first_times(history, workload, (t0, end), |pod| pod.evicted),
        Phase::Rescheduled(workload) => first_times(history, workload, (t0, end), |pod| !pod.node.is_empty()),
        Phase::Ready(workload) => {
            let series = history.ready.get(&(workload.namespace.clone(), workload.workload.to_string()))?;
            let before = series.at(t0)?;
            let fell = series.0.iter().find(|(t, v)| *t >= t0 && *t <= end && *v < before)?.0;
            series.reaches(before, fell, end, 0).into_iter().collect()
        }
        Phase::Serving(probe) => phases(probe, Some(&prediction.of), history)
            .iter()
            .find(|p| p.name == Milestone::Recovered)
            .map(|p| t0 + p.at_us)
            .filter(|t| *t <= end)
            .into_iter()
            .collect(),
    };
    let seconds = |t: &u64| t.saturating_sub(t0) as f64 / 1e6;
    Some((seconds(times.iter().min()?), seconds(times.iter().max()?)))
}

fn unready(history: &History, step: &StepName, t0: u64, end: u64) -> Vec<u64> {
    let plan = history.state.plan.iter();
    let nodes = plan.flat_map(|p| &p.steps).filter(|s| s.name == *step).flat_map(|s| &s.nodes);
    nodes
        .filter_map(|n| history.nodes.get(&n.name)?.0.iter().find(|(t, v)| *t >= t0 && *t <= end && *v == 0))
        .map(|(t, _)| *t)
        .collect()
}

/// When each pod of a workload was first seen like this, if that was in the time.
fn first_times(
    history: &History,
    workload: &ScopedWorkload,
    (from, to): (u64, u64),
    is_so: impl Fn(&PodPoint) -> bool,
) -> Vec<u64> {
    let key = (workload.namespace.clone(), workload.workload.to_string());
    let mut known = BTreeSet::new();
    let points = history.pods.of(&key).iter().filter(|p| p.own && is_so(p));
    points.filter(|p| known.insert(&p.uid)).map(|p| p.at).filter(|at| (from..=to).contains(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Basis, Dur};

    #[test]
    fn a_difference_is_explained_by_the_phase_that_made_it() {
        let predicted = |phase| Prediction {
            of: StepName::from("outage"),
            what: String::new(),
            from: Dur::secs(40),
            to: Dur::secs(55),
            because: String::new(),
            phase: Some(phase),
            basis: Basis::default(),
        };
        let detected = predicted(Phase::Detected);
        let (said, late) = compare(&detected, Some((42.0, 47.0)), &(None, 0.0));
        assert_eq!((said.as_str(), late), ("; measured 42.0 to 47.0 s, as predicted", Some(0.0)));
        let (said, late) = compare(&detected, Some((80.0, 80.0)), &(None, 0.0));
        assert_eq!(
            (said.as_str(), late),
            ("; measured 80.0 s, 25.0 s later: the difference is in this phase (detection)", Some(25.0))
        );
        let evicted = predicted(Phase::Evicted(ScopedWorkload {
            namespace: "shop".into(),
            workload: "deployment/web".parse().expect("a workload"),
        }));
        let (said, _) = compare(&evicted, Some((79.0, 79.0)), &(Some("detection"), 25.0));
        assert_eq!(said, "; measured 79.0 s, 24.0 s later: this is explained by the earlier phase detection");
        assert_eq!(compare(&evicted, None, &(None, 0.0)).0, "; not measured");
    }
}
