//! What a cluster's own drills say about the predictions of a plan. Start with [`foresight`].

use super::{Ended, Lessons, Prediction, Run, learn};
use crate::model::Plan;

/// One line for each prediction that can be learned: the model's time, the learned one, and what the test of learned
/// times shows. Empty with fewer than three real drills of the cluster.
pub fn foresight(plan: &Plan, runs: &[Run]) -> Vec<String> {
    let uid = plan.cluster.uid.as_str();
    let own = runs
        .iter()
        .filter(|run| !run.rehearsal && run.cluster_uid == uid && !matches!(run.result, Ended::Damaged | Ended::Open));
    let drills: Vec<&[Prediction]> = own.map(|run| run.predictions.as_slice()).filter(|p| !p.is_empty()).collect();
    let lessons = Lessons::from(drills.iter().copied());
    let tested = learn(&plan.cluster.context, uid, &drills);
    let predictions = plan.predictions.iter().filter_map(|p| Prediction::of(p, None));
    predictions
        .filter_map(|prediction| {
            let (from, to) = lessons.predict(&prediction)?;
            let row = tested.iter().find(|row| row.phase == prediction.phase)?;
            let (least, most) = prediction.predicted;
            let subject =
                if prediction.subject.is_empty() { String::new() } else { format!(" ({})", prediction.subject) };
            Some(format!(
                "{}: {}{subject}: model {least:.0} to {most:.0} s, learned {from:.1} to {to:.1} s from {} drills; {}",
                prediction.step,
                prediction.phase.word(),
                lessons.drills(prediction.phase),
                row.said()
            ))
        })
        .collect()
}
