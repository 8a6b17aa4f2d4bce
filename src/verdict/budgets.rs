//! Judges PodDisruptionBudgets. These are three different questions: which pods are covered (`coverage`), which
//! evictions the Eviction API allows during a fault (`degraded`), and what a drain left running. A node that loses
//! power does not violate a budget.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Answer, History, Series,
    outside::{self, Others},
    pods::Key,
    proof::{Bound, Own, Part, Proof, Sight},
};
use crate::{
    event::Kind,
    model::{BudgetsExpectation, Evidence, Outcome, OutsideChange, Told},
};

pub(super) fn answer(expected: &BudgetsExpectation, history: &History) -> Answer {
    let mut answers = vec![];
    if expected.every_critical_pod_covered {
        answers.push(super::coverage::answer(history));
    }
    if expected.while_degraded.is_some() {
        answers.push(super::degraded::degraded(expected, history));
    }
    if expected.during_drain.is_some() {
        answers.push(drained(expected, history));
    }
    Answer::all(answers)
}

/// The workloads that each budget covers, by its namespace and name. A large cluster has thousands of both.
struct Covered<'h>(BTreeMap<(&'h str, &'h str), BTreeSet<&'h str>>);

impl<'h> Covered<'h> {
    fn of(history: &'h History) -> Self {
        let mut covered: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for pod in history.state.plan.iter().flat_map(|p| p.coverage.iter().flatten()) {
            let namespace = pod.pod.split('/').next().unwrap_or_default();
            for budget in &pod.budgets {
                covered.entry((namespace, budget.as_str())).or_default().insert(pod.owner.as_str());
            }
        }
        Self(covered)
    }

    /// The only workload that a budget covers.
    fn owner(&self, namespace: &str, budget: &str) -> Option<Key> {
        let owners = self.0.get(&(namespace, budget))?;
        let owner = owners.first().filter(|_| owners.len() == 1)?;
        Some((namespace.to_owned(), (*owner).to_owned()))
    }

    /// The budgets that no watch has reported.
    fn unseen(&self, history: &History) -> Vec<String> {
        let seen = |namespace: &str, name: &str| history.budgets.contains_key(&(namespace.to_owned(), name.to_owned()));
        let unseen = self.0.keys().filter(|(namespace, name)| !seen(namespace, name));
        unseen.map(|(namespace, name)| format!("budget {namespace}/{name} was not observed")).collect()
    }
}

/// When a budget first had too few healthy pods: according to its status, or to its pods.
fn below(status: &Series, pods: Option<&Series>, wanted: i64, (t0, end): (u64, u64)) -> u64 {
    let all = status.0.iter().chain(pods.into_iter().flat_map(|pods| &pods.0));
    all.filter(|(t, n)| *t >= t0 && *t <= end && *n < wanted).map(|(t, _)| *t).min().unwrap_or(t0)
}

/// The smallest number of healthy pods of a budget. Its status may lag behind, so the pods themselves are counted too,
/// if the budget covers nothing else: if both numbers agree when the drain begins.
fn fewest(status: &Series, pods: Option<&Series>, t0: u64, end: u64) -> i64 {
    let told = status.min(t0, end).unwrap_or(0);
    let counted = pods.filter(|pods| pods.at(t0) == status.at(t0)).and_then(|pods| pods.min(t0, end));
    counted.map_or(told, |n| n.min(told))
}

/// The budgets from the beginning to the end of a drain.
#[derive(Default)]
struct Kept {
    broken: Vec<String>,
    lowest: Vec<String>,
    below_before: Vec<String>,
    unseen: Vec<String>,
    /// Changes from outside that affected budgets which were broken at that time.
    harms: Vec<String>,
}

impl Kept {
    fn of(history: &History, t0: u64, end: u64) -> Self {
        let covered = Covered::of(history);
        let mut kept = Self { unseen: covered.unseen(history), ..Self::default() };
        for ((namespace, name), (healthy, desired)) in &history.budgets {
            let (Some(wanted), Some(before)) = (desired.at(t0), healthy.at(t0)) else {
                kept.below_before.push(format!("budget {namespace}/{name} was not observed before the drain began"));
                continue;
            };
            // The ready pods of the only workload that the budget covers.
            let owner = covered.owner(namespace, name);
            let pods = owner.as_ref().map(|owner| history.believed(owner, |_| true));
            let low = fewest(healthy, pods.as_ref(), t0, end);
            kept.lowest.push(format!("{namespace}/{name} {low} of {wanted}"));
            if before < wanted {
                kept.below_before.push(format!(
                    "budget {namespace}/{name}: {before} healthy when the drain began, but it requires {wanted}"
                ));
            } else if low < wanted {
                let first = below(healthy, pods.as_ref(), wanted, (t0, end));
                let harm = owner.and_then(|key| outside::harm(history, &key, t0, first));
                kept.harms.extend(harm.map(OutsideChange::timed));
                kept.broken.push(format!("budget {namespace}/{name}: {low} healthy, but it requires {wanted}"));
            }
        }
        kept
    }
}

fn drained(expected: &BudgetsExpectation, history: &History) -> Answer {
    let Some((t0, _)) = history.window(expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, "the drain did not happen");
    };
    let step = history.fault_step(expected.of.as_ref());
    let end = step.and_then(|s| history.steps.get(&s)?.to()).unwrap_or(history.end_us);
    let Kept { broken, lowest, below_before, unseen, harms } = Kept::of(history, t0, end);
    // If changes from outside may explain every broken budget, the drain is not blamed.
    let all = !broken.is_empty() && harms.len() == broken.len();
    let evicted = |wanted: Option<u16>| {
        let of_it = |t: &u64, k: &Kind| {
            let Kind::EvictionAnswered { dry_run: false, code, .. } = k else { return false };
            *t >= t0 && *t <= end && wanted.is_none_or(|w| w == *code)
        };
        history.evictions.iter().filter(|(t, k)| of_it(t, k)).count()
    };
    let (asked, refused) = (evicted(None), evicted(Some(429)));
    let proof = Proof {
        // A broken budget was broken, whatever happened to the other budgets.
        baseline: if below_before.is_empty() || !broken.is_empty() {
            Part::Shown(match below_before.len() {
                0 => "the budgets were kept when the drain began".to_owned(),
                _ => format!(
                    "the broken budgets were kept when the drain began; the others were not all kept or observed then: {}",
                    below_before.join("; ")
                ),
            })
        } else {
            Part::Missing(below_before.join("; "))
        },
        reach: if asked == 0 {
            Part::Missing("nothing was evicted, so no budget was tested".into())
        } else {
            Part::Shown(format!("{asked} evictions were requested"))
        },
        // A budget that was observed to be broken was broken, whatever else was not observed.
        sight: match history.blind_in(t0, end).filter(|_| broken.is_empty()) {
            Some(blind) => Sight::Missing(blind),
            None => Sight::Shown("pods and budgets were watched".into()),
        },
        denominator: if history.budgets.is_empty() {
            Part::Missing("no budget was observed".into())
        } else if !unseen.is_empty() && broken.is_empty() {
            Part::Missing(unseen.join("; "))
        } else {
            let not = if unseen.is_empty() { String::new() } else { format!("; {}", unseen.join("; ")) };
            Part::Shown(format!("{} budgets{not}", lowest.len()))
        },
        bound: if broken.is_empty() {
            Bound::Met(format!(
                "the number of healthy pods never fell below what the budgets require ({asked} evictions, {refused} refused at first)"
            ))
        } else {
            Bound::Refuted(broken.iter().chain(harms.iter().filter(|_| !all)).cloned().collect::<Vec<_>>().join("; "))
        },
        own: Own::NotAsked("nothing had to recover"),
        others: if all { Others::Seen { helped: None, harmed: Some(harms.join(", ")) } } else { Others::NotAsked },
    };
    proof.conclude("during the drain").with(Evidence {
        source: "watch poddisruptionbudgets, Eviction API".into(),
        observed: Told::of_journal(format!(
            "{asked} evictions, {refused} of them refused with 429; lowest: {}",
            lowest.join(", ")
        )),
        from_us: Some(t0),
        to_us: Some(end),
        uncertainty_us: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        journal::{FaultRecord, FaultState},
        model::{FaultId, Revert, StepName},
    };

    #[test]
    fn pods_are_counted_where_they_are_all_that_a_budget_covers() {
        let stale = Series(vec![(0, 3)]);
        let fell = Series(vec![(0, 3), (20, 1), (30, 3)]);
        assert_eq!(fewest(&stale, Some(&fell), 10, 40), 1, "the status lags");
        assert_eq!(fewest(&fell, None, 10, 40), 1);
        assert_eq!(fewest(&stale, Some(&fell), 31, 40), 3, "another time");
        // Another workload has pods under the same budget.
        let all = Series(vec![(0, 5)]);
        assert_eq!(fewest(&all, Some(&fell), 10, 40), 5);
    }

    /// A drain from 10 to 40 with one requested eviction.
    fn drain(budgets: &[(&str, Series, Series)]) -> Answer {
        let mut history = History { end_us: 40, ..History::default() };
        let node = json!({"name": "a", "uid": "u", "providerId": "", "zone": "", "pool": ""});
        history.state.faults.push(FaultRecord {
            id: FaultId("drain/a".into()),
            step: StepName("drain".into()),
            target: "a".into(),
            revert: Revert::Cordon { node: serde_json::from_value(node).unwrap(), before: false },
            state: FaultState::Applied,
            sent_us: Some(10),
            acknowledged_us: Some(10),
            closed: None,
            left: vec![],
        });
        let (owner, reason, budget, expected) = Default::default();
        let (step, namespace, pod) = ("drain".to_owned(), "shop".to_owned(), "web-1".to_owned());
        let (dry_run, code, message) = (false, 201, Told::default());
        let kind =
            Kind::EvictionAnswered { step, namespace, pod, owner, dry_run, code, reason, message, expected, budget };
        history.evictions.push((15, kind));
        for (name, healthy, desired) in budgets {
            history.budgets.insert(("shop".into(), (*name).to_owned()), (healthy.clone(), desired.clone()));
        }
        drained(&serde_json::from_value(json!({"duringDrain": "kept"})).unwrap(), &history)
    }

    #[test]
    fn a_broken_budget_fails_whatever_became_of_the_others() {
        let two = || Series(vec![(0, 2)]);
        let broken = ("broken", Series(vec![(0, 3), (20, 1)]), two());
        let kept = ("kept", Series(vec![(0, 3)]), two());
        let short = ("short", Series(vec![(0, 1)]), two());
        let late = ("late", Series(vec![(12, 3)]), Series(vec![(12, 2)]));
        let outcome = |budgets: &[(&str, Series, Series)]| drain(budgets).outcome;
        assert_eq!(outcome(std::slice::from_ref(&kept)), Some(Outcome::Pass));
        assert_eq!(outcome(&[kept.clone(), short.clone()]), Some(Outcome::Inconclusive));
        assert_eq!(
            outcome(&[kept.clone(), late.clone()]),
            Some(Outcome::Inconclusive),
            "what it required is not known"
        );
        assert_eq!(outcome(&[kept, broken, short, late]), Some(Outcome::Fail));
    }
}
