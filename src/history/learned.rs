//! How far predictions were off, by phase, and what a cluster's own drills teach about its times. A phase is compared
//! with what the default model says about it *after the phase before it*, so that a late detection is not learned again
//! as a late eviction. Start with [`learn`].
//!
//! A difference is learned only if all drills agree on its direction. Where they do not, the model is right on average,
//! and a median of few drills would be noise.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    model::{self, Phase},
    report::Compared,
};

/// From how many drills of a cluster times are learned.
pub const LEAST: usize = 3;

/// A phase, without its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are the phases of `model::Phase`")]
pub enum PhaseKind {
    Detected,
    Evicted,
    Rescheduled,
    Ready,
    Serving,
}

impl PhaseKind {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Detected => "nodes not Ready",
            Self::Evicted => "pods evicted",
            Self::Rescheduled => "replacements scheduled",
            Self::Ready => "replacements Ready",
            Self::Serving => "service stable",
        }
    }

    /// The phase that it follows.
    fn before(self) -> Option<Self> {
        match self {
            Self::Detected => None,
            Self::Evicted | Self::Serving => Some(Self::Detected),
            Self::Rescheduled | Self::Ready => Some(Self::Evicted),
        }
    }
}

/// A prediction with its measured times. Times are seconds after the fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// The step that made the fault.
    pub step: String,
    /// The phase.
    pub phase: PhaseKind,
    /// The workload or probe; empty for nodes.
    pub subject: String,
    /// Earliest and latest time by the default model.
    pub predicted: (f64, f64),
    /// First and last measurement.
    pub measured: Option<(f64, f64)>,
}

fn middle((from, to): (f64, f64)) -> f64 {
    f64::midpoint(from, to)
}

impl Prediction {
    /// A prediction of a plan; none if there is nothing to compare it with.
    pub fn of(prediction: &model::Prediction, measured: Option<(f64, f64)>) -> Option<Self> {
        let (phase, subject) = match prediction.phase.as_ref()? {
            Phase::Detected => (PhaseKind::Detected, String::new()),
            Phase::Evicted(w) => (PhaseKind::Evicted, w.to_string()),
            Phase::Rescheduled(w) => (PhaseKind::Rescheduled, w.to_string()),
            Phase::Ready(w) => (PhaseKind::Ready, w.to_string()),
            Phase::Serving(probe) => (PhaseKind::Serving, probe.clone()),
        };
        let predicted = (prediction.from.0.as_secs_f64(), prediction.to.0.as_secs_f64());
        Some(Self { step: prediction.of.to_string(), phase, subject, predicted, measured })
    }
}

/// The predictions of a run that can be compared with a measurement.
pub(super) fn predictions(compared: &[Compared]) -> Vec<Prediction> {
    compared.iter().filter_map(|c| Prediction::of(&c.prediction, c.measured)).collect()
}

/// The prediction of the phase before, in the same drill.
fn base<'a>(of: &Prediction, all: &'a [Prediction]) -> Option<&'a Prediction> {
    let before = of.phase.before()?;
    all.iter()
        .find(|p| p.step == of.step && p.phase == before && (before == PhaseKind::Detected || p.subject == of.subject))
}

/// How much later each phase came after the phase before it than the model says.
type Late = BTreeMap<PhaseKind, f64>;

/// What one drill teaches; the median where it measured a phase several times.
fn lessons(drill: &[Prediction]) -> Late {
    let mut found: BTreeMap<PhaseKind, Vec<f64>> = BTreeMap::new();
    for prediction in drill {
        let (Some(measured), base) = (prediction.measured, base(prediction, drill)) else { continue };
        let (base_predicted, base_measured) = match (base, prediction.phase.before()) {
            (_, None) => (0.0, 0.0),
            (Some(base), _) => match base.measured {
                Some(measured) => (middle(base.predicted), middle(measured)),
                None => continue,
            },
            (None, Some(_)) => continue,
        };
        let late = (middle(measured) - base_measured) - (middle(prediction.predicted) - base_predicted);
        found.entry(prediction.phase).or_default().push(late);
    }
    found.into_iter().filter_map(|(phase, late)| Some((phase, median(late)?))).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(f64::midpoint(values[last / 2], values[last.div_ceil(2)]))
}

/// What was learned about one phase.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shift {
    /// In how many drills it was measured.
    drills: usize,
    /// How much later it comes than the model says; negative if it comes earlier.
    median: f64,
    /// The smallest and the largest value.
    range: (f64, f64),
}

impl Shift {
    /// By how much the model's time is moved: not at all if some drills were earlier than the model and others later.
    fn applied(&self) -> f64 {
        if self.range.0 > 0.0 || self.range.1 < 0.0 { self.median } else { 0.0 }
    }
}

/// What the drills of a cluster teach about its times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lessons {
    by_phase: BTreeMap<PhaseKind, Shift>,
}

impl Lessons {
    /// Learns from at least three drills of one cluster.
    pub fn from<'a>(drills: impl Iterator<Item = &'a [Prediction]>) -> Self {
        All::of(drills.map(lessons).collect::<Vec<_>>().iter()).without(None)
    }

    /// The learned time of a phase: the model's, moved by what was learned about it and about the phases before it.
    /// None if one of them was not learned.
    pub fn predict(&self, prediction: &Prediction) -> Option<(f64, f64)> {
        let (mut at, mut least, mut most) = (middle(prediction.predicted), 0.0, 0.0);
        let mut phase = Some(prediction.phase);
        while let Some(this) = phase {
            let shift = self.by_phase.get(&this)?;
            at += shift.applied();
            least += shift.range.0 - shift.applied();
            most += shift.range.1 - shift.applied();
            phase = this.before();
        }
        Some(((at + least).max(0.0), (at + most).max(0.0)))
    }

    /// From how many drills a phase was learned.
    pub fn drills(&self, phase: PhaseKind) -> usize {
        self.by_phase.get(&phase).map_or(0, |shift| shift.drills)
    }

    fn error(&self, prediction: &Prediction) -> Option<f64> {
        let mut at = middle(prediction.predicted);
        let mut phase = Some(prediction.phase);
        while let Some(this) = phase {
            at += self.by_phase.get(&this)?.applied();
            phase = this.before();
        }
        Some((middle(prediction.measured?) - at).abs())
    }
}

/// The values of each phase in all drills, in ascending order. What the others teach about one drill follows from them
/// without looking at each of the others again.
#[derive(Debug, Default)]
struct All(BTreeMap<PhaseKind, Vec<f64>>);

impl All {
    fn of<'a>(drills: impl Iterator<Item = &'a Late>) -> Self {
        let mut all: BTreeMap<PhaseKind, Vec<f64>> = BTreeMap::new();
        for (phase, late) in drills.flatten() {
            all.entry(*phase).or_default().push(*late);
        }
        all.values_mut().for_each(|values| values.sort_by(f64::total_cmp));
        Self(all)
    }

    /// What all drills teach without one of them. A phase that too few drills measured is not learned.
    fn without(&self, one: Option<&Late>) -> Lessons {
        let shift = |(phase, values): (&PhaseKind, &Vec<f64>)| {
            let own = one.and_then(|late| late.get(phase));
            let left_out = own.and_then(|own| values.binary_search_by(|value| value.total_cmp(own)).ok());
            let drills = values.len() - usize::from(left_out.is_some());
            // The value at a place among the others.
            let at = |place: usize| values[place + usize::from(left_out.is_some_and(|out| out <= place))];
            (drills >= LEAST).then(|| {
                let last = drills - 1;
                let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
                (*phase, Shift { drills, median, range: (at(0), at(last)) })
            })
        };
        Lessons { by_phase: self.0.iter().filter_map(shift).collect() }
    }
}

/// How good the predictions of one phase were on one cluster. Errors are the mean distance, in seconds, between the
/// middle of what was predicted and the middle of what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Learned {
    /// The context of the cluster.
    pub cluster: String,
    /// Its UID.
    pub cluster_uid: String,
    /// The phase.
    pub phase: PhaseKind,
    /// How many drills measured it.
    pub drills: usize,
    /// The error of the default model.
    pub model_error: f64,
    /// How much later the phase comes after the phase before it than the model says; none with fewer than three drills.
    pub later: Option<f64>,
    /// The error of learned times, each drill predicted from the others; none with fewer than four drills.
    pub learned_error: Option<f64>,
}

impl Learned {
    /// What the comparison shows.
    pub fn said(&self) -> &'static str {
        match (self.later, self.learned_error) {
            (None, _) => "not learned yet: fewer than 3 drills",
            (Some(later), Some(learned)) if later == 0.0 && learned >= self.model_error => {
                "the model is kept: it was too early in some drills, and too late in others"
            }
            (Some(_), None) => "learned, not tested yet: that needs a fourth drill",
            (Some(_), Some(learned)) if learned < self.model_error => "learned times are better",
            (Some(_), Some(_)) => "learned times are not better here",
        }
    }
}

/// The errors of a cluster's drills, and what can be learned from them.
pub fn learn(cluster: &str, uid: &str, drills: &[&[Prediction]]) -> Vec<Learned> {
    let late: Vec<Late> = drills.iter().map(|drill| lessons(drill)).collect();
    let all = All::of(late.iter());
    let lessons = all.without(None);
    let mut model: BTreeMap<PhaseKind, (usize, Vec<f64>)> = BTreeMap::new();
    let mut tested: BTreeMap<PhaseKind, Vec<f64>> = BTreeMap::new();
    for (drill, own) in drills.iter().zip(&late) {
        let others = all.without(Some(own));
        let measured: Vec<&Prediction> = drill.iter().filter(|p| p.measured.is_some()).collect();
        for phase in measured.iter().map(|p| p.phase).collect::<std::collections::BTreeSet<_>>() {
            model.entry(phase).or_default().0 += 1;
        }
        for prediction in measured {
            let Some(seen) = prediction.measured else { continue };
            let error = (middle(seen) - middle(prediction.predicted)).abs();
            model.entry(prediction.phase).or_default().1.push(error);
            tested.entry(prediction.phase).or_default().extend(others.error(prediction));
        }
    }
    let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let row = |(phase, (count, errors)): (PhaseKind, (usize, Vec<f64>))| {
        Some(Learned {
            cluster: cluster.to_owned(),
            cluster_uid: uid.to_owned(),
            phase,
            drills: count,
            model_error: mean(&errors)?,
            later: lessons.by_phase.get(&phase).map(Shift::applied),
            // An error over only some of the predictions could not be compared with that of the model.
            learned_error: tested.get(&phase).filter(|t| t.len() == errors.len()).and_then(|t| mean(t)),
        })
    };
    model.into_iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drill(detected: f64, evicted: f64) -> Vec<Prediction> {
        let one = |phase, subject: &str, predicted, at| Prediction {
            step: "outage".into(),
            phase,
            subject: subject.into(),
            predicted,
            measured: Some((at, at)),
        };
        vec![
            one(PhaseKind::Detected, "", (40.0, 50.0), detected),
            one(PhaseKind::Evicted, "shop deployment/web", (50.0, 60.0), evicted),
        ]
    }

    #[test]
    fn a_late_detection_is_not_learned_twice() {
        let late = lessons(&drill(65.0, 75.0));
        assert_eq!((late[&PhaseKind::Detected], late[&PhaseKind::Evicted]), (20.0, 0.0));
    }

    #[test]
    fn times_are_learned_from_three_drills_and_tested_on_a_fourth() {
        let drills = [drill(47.0, 58.0), drill(48.0, 59.0), drill(47.5, 58.5), drill(48.5, 59.5)];
        let views = |n: usize| drills[..n].iter().map(Vec::as_slice).collect::<Vec<_>>();
        let two = learn("c", "u", &views(2));
        assert!(two.iter().all(|row| row.later.is_none() && row.learned_error.is_none()), "{two:?}");
        let three = learn("c", "u", &views(3));
        assert!(three.iter().all(|row| row.later.is_some() && row.learned_error.is_none()), "{three:?}");
        for row in learn("c", "u", &views(4)) {
            assert!(row.learned_error.expect("tested") < row.model_error, "{row:?}");
        }
        let (from, to) = Lessons::from(views(3).into_iter()).predict(&drills[3][1]).expect("learned");
        assert!(from <= to && (57.0..60.0).contains(&from), "{from} {to}");
    }

    proptest! {
        /// Leaving one drill out gives what is learned from the others alone.
        #[test]
        fn one_drill_left_out_is_as_if_it_had_never_been(
            times in prop::collection::vec((0_u8..9, 0_u8..9, 0_u8..3), 0..12),
        ) {
            let unmeasured = |(detected, evicted, part): (u8, u8, u8)| {
                let mut drill = drill(44.0 + f64::from(detected), 54.0 + f64::from(evicted));
                if let Some(prediction) = drill.get_mut(usize::from(part)) {
                    prediction.measured = None;
                }
                drill
            };
            let drills: Vec<_> = times.into_iter().map(unmeasured).collect();
            let late: Vec<Late> = drills.iter().map(|drill| lessons(drill)).collect();
            let all = All::of(late.iter());
            for (i, own) in late.iter().enumerate() {
                let others = drills.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other.as_slice());
                prop_assert_eq!(all.without(Some(own)), Lessons::from(others));
            }
        }
    }

    #[test]
    fn what_was_not_measured_teaches_nothing() {
        let mut unmeasured = drill(47.0, 58.0);
        unmeasured[0].measured = None;
        assert!(lessons(&unmeasured).is_empty(), "the eviction cannot be compared without the detection");
    }
}
