//! Judges whether each critical pod has exactly one budget.

use std::collections::BTreeSet;

use super::{
    Answer, History,
    outside::Others,
    proof::{Bound, Own, Part, Proof, Sight},
};
use crate::model::{CoveredPod, Evidence, Told, clauses};

pub(super) fn answer(history: &History) -> Answer {
    let listed = history.state.plan.as_ref().and_then(|p| p.coverage.as_ref());
    let pods = listed.map_or(&[][..], Vec::as_slice);
    let critical = history.state.plan.iter().flat_map(|p| &p.critical);
    let without = critical.filter(|w| !pods.iter().any(|p| p.owner == w.to_string()));
    let without = without.map(|w| format!("critical workload {w} has no pod that a budget could cover"));
    let wrong: Vec<String> = pods.iter().filter_map(uncovered).chain(without).collect();
    let empty = without_effect(history, pods);
    let proof = Proof {
        baseline: Part::NotAsked("this is about the state before the fault"),
        reach: Part::NotAsked("this does not depend on a fault"),
        sight: match listed {
            Some(_) => Sight::Shown("pods and budgets were listed when the plan was made".into()),
            None => Sight::Missing("pods or budgets could not be listed".into()),
        },
        denominator: if pods.is_empty() && wrong.is_empty() {
            Part::Missing("no critical pod was found".into())
        } else if wrong.is_empty() && !empty.is_empty() {
            Part::Missing(clauses(&empty))
        } else {
            Part::Shown(format!("{} pods of critical workloads", pods.len()))
        },
        bound: if wrong.is_empty() {
            Bound::Met(format!("each of the {} critical pods has exactly one budget", pods.len()))
        } else {
            Bound::Refuted(clauses(&wrong))
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

/// Budgets of critical pods that never required a healthy pod, such as with `minAvailable: 0` or `maxUnavailable: 100%`:
/// every pod may be evicted at once, so such a budget covers nothing.
fn without_effect(history: &History, pods: &[CoveredPod]) -> Vec<String> {
    let named: BTreeSet<(&str, &String)> =
        pods.iter().flat_map(|p| p.budgets.iter().map(move |b| (p.namespace(), b))).collect();
    let requires_none = |(namespace, name): &(&str, &String)| {
        let seen = history.budgets.get(&((*namespace).to_owned(), (*name).clone()));
        seen.is_some_and(|(_, desired)| desired.0.iter().all(|(_, wanted)| *wanted <= 0))
    };
    let said = |(namespace, name): (&str, &String)| {
        format!("budget {namespace}/{name} requires no healthy pod, so it protects no pod from an eviction")
    };
    named.into_iter().filter(requires_none).map(said).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::small_journal::{SmallJournal, budget};
    use crate::model::Outcome;

    #[test]
    fn a_budget_that_lets_every_pod_go_covers_none() {
        let of = |budgets: &[&str], desired: i64| {
            SmallJournal::killed("a")
                .plans("critical", json!(["deployment/web"]))
                .plans("coverage", json!([{"pod": "shop/w1", "owner": "deployment/web", "budgets": budgets}]))
                .expects(json!({"budgets": {"everyCriticalPodCovered": true}}))
                .at(5, budget("web", 3, desired))
                .judged(60)
        };
        assert_eq!(of(&["web"], 2).0, Outcome::Pass);
        let vacuous = of(&["web"], 0);
        assert_eq!(vacuous.0, Outcome::Inconclusive);
        assert!(vacuous.1.contains("budget shop/web requires no healthy pod"), "{}", vacuous.1);
        assert_eq!(of(&[], 2).0, Outcome::Fail);
        assert_eq!(of(&["web", "other"], 0).0, Outcome::Fail);
    }
}
