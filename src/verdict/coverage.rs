//! Judges whether each critical pod has exactly one budget.

use super::{
    Answer, History,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
};
use crate::model::{CoveredPod, Evidence, Told};

pub(super) fn answer(history: &History) -> Answer {
    let listed = history.state.plan.as_ref().and_then(|p| p.coverage.as_ref());
    let pods = listed.map_or(&[][..], Vec::as_slice);
    let critical = history.state.plan.iter().flat_map(|p| &p.critical);
    let without = critical.filter(|w| !pods.iter().any(|p| p.owner == w.to_string()));
    let without = without.map(|w| format!("critical workload {w} has no pod that a budget could cover"));
    let wrong: Vec<String> = pods.iter().filter_map(uncovered).chain(without).collect();
    let proof = Proof {
        baseline: Part::NotAsked("this is about the state before the fault"),
        reach: Part::NotAsked("this does not depend on a fault"),
        sight: match listed {
            Some(_) => Sight::Shown("pods and budgets were listed when the plan was made".into()),
            None => Sight::Missing("pods or budgets could not be listed".into()),
        },
        denominator: if pods.is_empty() && wrong.is_empty() {
            Part::Missing("no critical pod was found".into())
        } else {
            Part::Shown(format!("{} pods of critical workloads", pods.len()))
        },
        bound: if wrong.is_empty() {
            Bound::Met(format!("each of the {} critical pods has exactly one budget", pods.len()))
        } else {
            Bound::Refuted(wrong.join("; "))
        },
        own: Own::NotAsked("nothing had to recover"),
        others: Others::NotAsked,
    };
    proof.conclude("coverage").with(Evidence {
        source: "pods and budgets when the plan was made".into(),
        observed: Told::of_journal(format!("{} critical pods", pods.len())),
        ..Evidence::default()
    })
}

/// What is wrong with the budgets of a pod; none if it has exactly one.
fn uncovered(pod: &CoveredPod) -> Option<String> {
    match pod.budgets.len() {
        1 => None,
        0 => Some(format!("{} has no budget", pod.pod)),
        n => Some(format!(
            "{} has {n} budgets ({}): the Eviction API answers 500 for such a pod",
            pod.pod,
            pod.budgets.join(", ")
        )),
    }
}
