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
    model::{BudgetsExpectation, Evidence, Outcome, OutsideChange, StepName, Told, clauses, some},
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
            for budget in &pod.budgets {
                covered.entry((pod.namespace(), budget.as_str())).or_default().insert(pod.owner.as_str());
            }
        }
        Self(covered)
    }

    /// The workloads that a budget covers.
    fn owners(&self, namespace: &'h str, budget: &'h str) -> impl Iterator<Item = Key> + use<'h, '_> {
        let owners = self.0.get(&(namespace, budget)).into_iter().flatten();
        owners.map(move |owner| (namespace.to_owned(), (*owner).to_owned()))
    }

    /// The ready pods of the workloads that a budget covers.
    fn pods(&self, history: &History, namespace: &'h str, budget: &'h str) -> Option<Series> {
        self.owners(namespace, budget).map(|key| history.believed(&key, |_| true)).reduce(|all, one| all.and(&one))
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
/// if the budget covers only critical workloads: if both numbers agree when the drain begins.
fn fewest(status: &Series, pods: Option<&Series>, t0: u64, end: u64) -> i64 {
    let told = status.min(t0, end).unwrap_or(0);
    let counted = pods.filter(|pods| pods.at(t0) == status.at(t0)).and_then(|pods| pods.min(t0, end));
    counted.map_or(told, |n| n.min(told))
}

/// The budgets from the beginning to the end of a drain.
#[derive(Default)]
struct Kept {
    broken: Vec<String>,
    /// Budgets that were changed from outside, or whose required number changed, so that it is open whether the drain
    /// kept them.
    open: Vec<String>,
    lowest: Vec<String>,
    below_before: Vec<String>,
    unseen: Vec<String>,
    /// Changes from outside that affected budgets which were broken at that time.
    harms: Vec<String>,
}

impl Kept {
    fn of(history: &History, covered: &Covered<'_>, (t0, end): (u64, u64)) -> Self {
        let mut kept = Self { unseen: covered.unseen(history), ..Self::default() };
        for ((namespace, name), (healthy, desired)) in &history.budgets {
            let said = format!("budget {namespace}/{name}");
            let (Some(wanted), Some(before)) = (desired.at(t0), healthy.at(t0)) else {
                kept.below_before.push(format!("{said} was not observed before the drain began"));
                continue;
            };
            let pods = covered.pods(history, namespace, name);
            let low = fewest(healthy, pods.as_ref(), t0, end);
            kept.lowest.push(format!("{namespace}/{name} {low} of {wanted}"));
            let least = desired.min(t0, end).unwrap_or(wanted);
            let most = desired.max(t0, end).unwrap_or(wanted);
            let first = below(healthy, pods.as_ref(), wanted, (t0, end));
            let changed = changed(history, (namespace.as_str(), name.as_str()), (t0, end));
            if before < wanted {
                kept.below_before
                    .push(format!("{said}: {before} healthy when the drain began, but it requires {wanted}"));
            } else if let Some(change) = changed.filter(|c| low >= least.min(wanted) || c.seen_us <= first) {
                kept.open.push(format!("{said}: {}, so it is open whether the drain kept it", change.timed()));
            } else if low < least {
                let harm = covered.owners(namespace, name).find_map(|key| outside::harm(history, &key, t0, first));
                kept.harms.extend(harm.map(OutsideChange::timed));
                kept.broken.push(format!("{said}: {low} healthy, but it requires {wanted}"));
            } else if low < most {
                kept.open.push(format!("{said}: {low} healthy, while it required {least} to {most}"));
            }
        }
        kept
    }

    /// Whether the objective is met. `all`: changes from outside may explain every broken budget.
    fn bound(&self, met: String, all: bool) -> Bound {
        if !self.broken.is_empty() {
            let harms = self.harms.iter().filter(|_| !all);
            Bound::Refuted(clauses(&self.broken.iter().chain(harms).collect::<Vec<_>>()))
        } else if !self.open.is_empty() {
            Bound::Between(clauses(&self.open))
        } else {
            Bound::Met(met)
        }
    }
}

/// The first change of a budget itself from outside.
fn changed<'h>(
    history: &'h History,
    (namespace, name): (&str, &str),
    (from, to): (u64, u64),
) -> Option<&'h OutsideChange> {
    let object = format!("poddisruptionbudget/{name}");
    let mine = |c: &&OutsideChange| c.namespace == namespace && c.object == object && (from..=to).contains(&c.seen_us);
    history.state.outside.iter().find(mine)
}

/// The pods whose eviction tests a budget: their budget required at least one healthy pod during the drain.
enum Tested<'h> {
    /// The pods of these critical workloads, by namespace and name.
    Workloads(BTreeSet<(&'h str, &'h str)>),
    /// All pods of these namespaces. The plan lists the budgets of critical pods only, so without critical pods it is
    /// unknown which pods a budget covers.
    Namespaces(BTreeSet<&'h str>),
}

impl<'h> Tested<'h> {
    fn of(history: &'h History, covered: &Covered<'h>, (t0, end): (u64, u64)) -> Self {
        let requires = |desired: &Series| desired.max(t0, end).is_some_and(|wanted| wanted > 0);
        let required = history.budgets.iter().filter(|(_, (_, desired))| requires(desired));
        let required = required.map(|((namespace, name), _)| (namespace.as_str(), name.as_str()));
        let mut critical = history.state.plan.iter().flat_map(|p| p.coverage.iter().flatten());
        if critical.next().is_none() {
            return Self::Namespaces(required.map(|(namespace, _)| namespace).collect());
        }
        let owners = |budget: (&'h str, &'h str)| {
            covered.0.get(&budget).into_iter().flatten().map(move |owner| (budget.0, *owner))
        };
        Self::Workloads(required.flat_map(owners).collect())
    }

    fn contains(&self, namespace: &str, owner: &str) -> bool {
        match self {
            Self::Workloads(workloads) => workloads.contains(&(namespace, owner)),
            Self::Namespaces(namespaces) => namespaces.contains(namespace),
        }
    }
}

/// The evictions that the drain requested and that tested a budget.
struct Evictions {
    asked: usize,
    refused: usize,
}

impl Evictions {
    fn of(history: &History, tested: &Tested<'_>, step: Option<&StepName>, (t0, end): (u64, u64)) -> Self {
        let mut evictions = Self { asked: 0, refused: 0 };
        for (_, kind) in history.evictions.iter().filter(|(t, _)| *t >= t0 && *t <= end) {
            let Kind::EvictionAnswered { step: of, namespace, owner, dry_run: false, code, .. } = kind else {
                continue;
            };
            if step.is_some_and(|step| step.0 == *of) && tested.contains(namespace, owner) {
                evictions.asked += 1;
                evictions.refused += usize::from(*code == 429);
            }
        }
        evictions
    }
}

fn drained(expected: &BudgetsExpectation, history: &History) -> Answer {
    let Some((t0, _)) = history.window(expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, "the drain did not happen");
    };
    let step = history.fault_step(expected.of.as_ref());
    let end = step.as_ref().and_then(|s| history.steps.get(s)?.to()).unwrap_or(history.end_us);
    let covered = Covered::of(history);
    let kept = Kept::of(history, &covered, (t0, end));
    let Kept { broken, lowest, below_before, unseen, harms, .. } = &kept;
    // If changes from outside may explain every broken budget, the drain is not blamed.
    let all = !broken.is_empty() && harms.len() == broken.len();
    let tested = Tested::of(history, &covered, (t0, end));
    let Evictions { asked, refused } = Evictions::of(history, &tested, step.as_ref(), (t0, end));
    let met = format!(
        "the number of healthy pods never fell below what the budgets require ({asked} evictions, {refused} refused at first)"
    );
    let proof = Proof {
        // A broken budget was broken, whatever happened to the other budgets.
        baseline: if below_before.is_empty() || !broken.is_empty() {
            Part::Shown(match below_before.len() {
                0 => "the budgets were kept when the drain began".to_owned(),
                _ => format!(
                    "the broken budgets were kept when the drain began; the others were not all kept or observed then: {}",
                    clauses(below_before)
                ),
            })
        } else {
            Part::Missing(clauses(below_before))
        },
        reach: if asked == 0 {
            Part::Missing("no pod was evicted whose budget requires healthy pods, so no budget was tested".into())
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
            Part::Missing(clauses(unseen))
        } else {
            let not = if unseen.is_empty() { String::new() } else { format!("; {}", clauses(unseen)) };
            Part::Shown(format!("{} budgets{not}", lowest.len()))
        },
        bound: kept.bound(met, all),
        own: Own::NotAsked("nothing had to recover"),
        others: if all { Others::Seen { helped: None, harmed: Some(some(harms)) } } else { Others::NotAsked },
    };
    proof.conclude("during the drain").with(Evidence {
        source: "watch poddisruptionbudgets, Eviction API".into(),
        observed: Told::of_journal(format!(
            "{asked} evictions, {refused} of them refused with 429; lowest: {}",
            some(lowest)
        )),
        from_us: Some(t0),
        to_us: Some(end),
        uncertainty_us: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::small_journal::{SmallJournal, budget},
        *,
    };
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

    /// Node a is drained from 10 s to 40 s. `deployment/web` and `deployment/db` are critical and under one budget.
    fn rolling(evicted: &str) -> SmallJournal {
        let covered = |pod: &str, owner: &str| json!({"pod": pod, "owner": owner, "budgets": ["both"]});
        let node = json!({"name": "a", "uid": "a", "provider_id": "", "zone": ""});
        let eviction = json!({"kind": "EvictionAnswered", "step": "fault", "namespace": "shop", "pod": "p",
            "owner": evicted, "dry_run": false, "code": 201, "reason": "", "message": ""});
        SmallJournal::new(&json!({"drain": {"nodes": ["a"]}}), &["a"])
            .plans("coverage", json!([covered("shop/w1", "deployment/web"), covered("shop/d1", "deployment/db")]))
            .expects(json!({"budgets": {"duringDrain": "kept"}}))
            .step(10, 40)
            .fault(10, &json!({"type": "cordon", "node": node, "before": false}))
            .at(15, serde_json::from_value(eviction).unwrap())
            .pod(5, "w1", "a", true)
            .pod(5, "w2", "b", true)
            .pod_of(5, "deployment/db", "d1", "a", true)
    }

    #[test]
    fn a_drain_that_tests_no_budget_has_kept_none() {
        let of = |owner: &str, desired: i64| rolling(owner).at(5, budget("both", 3, desired)).judged(60).0;
        assert_eq!(of("deployment/web", 2), Outcome::Pass);
        assert_eq!(of("deployment/other", 2), Outcome::Inconclusive, "no pod with a budget was evicted");
        assert_eq!(of("deployment/web", 0), Outcome::Inconclusive, "minAvailable 0");
    }

    #[test]
    fn a_status_that_lags_hides_nothing_of_a_budget_for_two_workloads() {
        let journal = rolling("deployment/web").at(5, budget("both", 3, 2)).pod_gone(20, "w1").pod_gone(21, "d1");
        assert_eq!(journal.judged(60).0, Outcome::Fail);
        let fewer = rolling("deployment/web").at(5, budget("both", 3, 2)).pod_gone(20, "w1");
        assert_eq!(fewer.judged(60).0, Outcome::Pass);
    }

    #[test]
    fn a_budget_that_others_changed_is_neither_kept_nor_broken_by_the_drain() {
        let edited = json!({"kind": "edited"});
        let of = |seen: u64, fell: bool, then: i64| {
            let journal = rolling("deployment/web").at(5, budget("both", 3, 2));
            let journal = journal.changed(seen, "poddisruptionbudget/both", &edited).at(seen, budget("both", 3, then));
            let journal = if fell { journal.at(30, budget("both", 1, then)) } else { journal };
            journal.judged(60).0
        };
        // Lowered, and then fewer pods; raised above what is there; lowered after it was broken.
        assert_eq!(of(20, true, 0), Outcome::Inconclusive);
        assert_eq!(of(20, false, 5), Outcome::Inconclusive);
        assert_eq!(of(35, true, 2), Outcome::Fail, "it was broken before");
        assert_eq!(of(50, false, 0), Outcome::Pass, "the drain was over");
        // An autoscaler scales up, so half of the pods are more than before.
        let scaled = rolling("deployment/web").at(5, budget("both", 3, 2)).at(20, budget("both", 3, 4));
        assert_eq!(scaled.judged(60).0, Outcome::Inconclusive);
    }
}
