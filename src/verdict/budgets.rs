//! PodDisruptionBudgets, as three different facts (correctness 2): who is
//! covered, whom the Eviction API lets go while degraded, and what a drain left
//! standing. A node that dies violates no budget; nothing here says so.

use std::collections::BTreeSet;

use super::{Answer, History, Series};
use crate::{
    event::Kind,
    model::{BudgetsExpectation, Evidence, Outcome, Told},
};

pub(super) fn answer(expected: &BudgetsExpectation, history: &History) -> Answer {
    let mut answers = vec![];
    if expected.every_critical_pod_covered {
        answers.push(coverage(history));
    }
    if expected.while_degraded.is_some() {
        answers.push(degraded(expected, history));
    }
    if expected.during_drain.is_some() {
        answers.push(drained(expected, history));
    }
    Answer::all(answers)
}

fn coverage(history: &History) -> Answer {
    let Some(pods) = history.state.plan.as_ref().and_then(|p| p.coverage.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, "pods or budgets could not be listed");
    };
    let wrong: Vec<String> = pods
        .iter()
        .filter(|p| p.budgets.len() != 1)
        .map(|p| match p.budgets.len() {
            0 => format!("{} has no budget", p.pod),
            _ => format!(
                "{} has {} budgets ({}): the Eviction API refuses it with 500",
                p.pod,
                p.budgets.len(),
                p.budgets.join(", ")
            ),
        })
        .collect();
    let critical = history.state.plan.iter().flat_map(|p| &p.critical);
    let without = critical.filter(|w| !pods.iter().any(|p| p.owner == w.to_string()));
    let wrong: Vec<String> = wrong
        .into_iter()
        .chain(without.map(|w| format!("critical {w} has no pod that a budget could cover")))
        .collect();
    let evidence = Evidence {
        source: "pods and budgets when the plan was made".into(),
        observed: Told::of_journal(format!("{} critical pods", pods.len())),
        ..Evidence::default()
    };
    if pods.is_empty() && wrong.is_empty() {
        Answer::new(Outcome::Inconclusive, "no critical pod was found").with(evidence)
    } else if wrong.is_empty() {
        Answer::new(Outcome::Pass, format!("all {} critical pods have one budget", pods.len())).with(evidence)
    } else {
        Answer::new(Outcome::Fail, wrong.join("; ")).with(evidence)
    }
}

fn degraded(expected: &BudgetsExpectation, history: &History) -> Answer {
    let step = history.fault_step(expected.of.as_ref()).map(|s| s.0).unwrap_or_default();
    let critical: Vec<String> =
        history.state.plan.iter().flat_map(|p| p.coverage.iter().flatten()).map(|c| c.owner.clone()).collect();
    let mut wrong = vec![];
    let mut unsure = vec![];
    let (mut refused, mut allowed) = (0, 0);
    let mut from_to: Option<(u64, u64)> = None;
    for (t, kind) in &history.evictions {
        let Kind::EvictionAnswered { step: of, pod, owner, dry_run: true, code, reason, expected, .. } = kind else {
            continue;
        };
        if *of != step || (!critical.is_empty() && !critical.contains(owner)) {
            continue;
        }
        from_to = Some((from_to.map_or(*t, |f| f.0), *t));
        let as_expected = match expected.as_str() {
            "allowed" => (200..300).contains(code),
            "refused" => *code == 429 && reason == "DisruptionBudget",
            "ambiguous" => *code == 500,
            "uncovered" => {
                wrong.push(format!("{pod} has no budget: nothing would keep it from being evicted"));
                continue;
            }
            _ => {
                unsure.push(format!("{pod}: its budget was not settled"));
                continue;
            }
        };
        if *code == 0 || (*code >= 500 && expected != "ambiguous") {
            unsure.push(format!("{pod}: no usable answer ({code} {reason})"));
        } else if as_expected {
            if (200..300).contains(code) { allowed += 1 } else { refused += 1 }
        } else {
            wrong.push(format!("eviction of {pod} was answered {code} {reason}, its budget says {expected}"));
        }
    }
    let evidence = Evidence {
        source: "Eviction API with dryRun=All".into(),
        observed: Told::of_journal(format!("{refused} refused, {allowed} allowed, as budgeted")),
        from_us: from_to.map(|f| f.0),
        to_us: from_to.map(|f| f.1),
        uncertainty_us: None,
    };
    if !wrong.is_empty() {
        Answer::new(Outcome::Fail, wrong.join("; ")).with(evidence)
    } else if !unsure.is_empty() {
        Answer::new(Outcome::Inconclusive, unsure.join("; ")).with(evidence)
    } else if refused + allowed == 0 {
        Answer::new(
            Outcome::Inconclusive,
            "no eviction was tried: the nodes were not seen as gone before they came back",
        )
    } else {
        Answer::new(
            Outcome::Pass,
            format!("{refused} dry-run evictions refused and {allowed} allowed, all as budgeted"),
        )
        .with(evidence)
    }
}

/// The ready pods of the one workload that a budget covers.
fn pods_of(history: &History, namespace: &str, budget: &str) -> Option<Series> {
    let covered = history.state.plan.iter().flat_map(|p| p.coverage.iter().flatten());
    let own = covered.filter(|c| c.pod.split('/').next() == Some(namespace) && c.budgets.iter().any(|b| b == budget));
    let owners: BTreeSet<&str> = own.map(|c| c.owner.as_str()).collect();
    let owner = owners.first().filter(|_| owners.len() == 1)?;
    Some(history.believed(&(namespace.to_owned(), (*owner).to_owned()), |_| true))
}

/// The fewest healthy pods of a budget. Its status may lag, so the pods themselves are
/// counted, too, where they are all that it covers: where both agree when the drain begins.
fn fewest(status: &Series, pods: Option<&Series>, t0: u64, end: u64) -> i64 {
    let told = status.min(t0, end).unwrap_or(0);
    let counted = pods.filter(|pods| pods.at(t0) == status.at(t0)).and_then(|pods| pods.min(t0, end));
    counted.map_or(told, |n| n.min(told))
}

fn drained(expected: &BudgetsExpectation, history: &History) -> Answer {
    let Some((t0, _)) = history.window(expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, "the drain never happened");
    };
    let step = history.fault_step(expected.of.as_ref());
    let end = step.and_then(|s| history.steps.get(&s)?.to()).unwrap_or(history.end_us);
    let mut broken = vec![];
    let mut lowest = vec![];
    for ((namespace, name), (healthy, desired)) in &history.budgets {
        let wanted = desired.at(t0).unwrap_or(0);
        let low = fewest(healthy, pods_of(history, namespace, name).as_ref(), t0, end);
        lowest.push(format!("{namespace}/{name} {low} of {wanted}"));
        if low < wanted {
            broken.push(format!("budget {namespace}/{name}: {low} healthy, it asks for {wanted}"));
        }
    }
    let asked = history
        .evictions
        .iter()
        .filter(|(t, k)| *t >= t0 && *t <= end && matches!(k, Kind::EvictionAnswered { dry_run: false, .. }))
        .count();
    let refused = history
        .evictions
        .iter()
        .filter(|(t, k)| *t >= t0 && *t <= end && matches!(k, Kind::EvictionAnswered { dry_run: false, code: 429, .. }))
        .count();
    let evidence = Evidence {
        source: "watch poddisruptionbudgets, Eviction API".into(),
        observed: Told::of_journal(format!(
            "{asked} evictions, {refused} of them refused with 429; lowest: {}",
            lowest.join(", ")
        )),
        from_us: Some(t0),
        to_us: Some(end),
        uncertainty_us: None,
    };
    if !broken.is_empty() {
        Answer::new(Outcome::Fail, broken.join("; ")).with(evidence)
    } else if history.budgets.is_empty() || asked == 0 {
        Answer::new(Outcome::Inconclusive, "no budget was seen, or nothing was evicted: nothing was put to the test")
            .with(evidence)
    } else if let Some(blind) = history.blind_in(t0, end) {
        Answer::new(Outcome::Inconclusive, blind).with(evidence)
    } else {
        Answer::new(
            Outcome::Pass,
            format!("never below what the budgets ask for ({asked} evictions, {refused} refused at first)"),
        )
        .with(evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
