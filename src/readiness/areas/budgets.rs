//! PodDisruptionBudgets. They apply to the Eviction API only: the failure of a node and a
//! rolling update ignore them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    inventory::Object,
    kubernetes::{Selector, desired_healthy_of},
    model::{Class, Severity, Unseen},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, Say},
        picture::{Picture, Work},
        values::{selector, share},
    },
};

const BUDGET: &str = "PodDisruptionBudget.policy";

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "PDB-001",
        name: "pdb-coverage",
        title: "Every replicated workload has a PodDisruptionBudget",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN],
        needs: Needs::Manifests,
        rule: "For each Deployment, StatefulSet, Rollout and DeploymentConfig with at least 2 replicas (the minimum of its autoscaler, if it has one), a policy/v1 PodDisruptionBudget of the namespace selects the labels of its pods, by matchLabels and matchExpressions. In files in which only one of the two names a namespace, the result is unknown. Budgets do not govern rolling updates: the workload's own strategy does.",
        fix: "Create a policy/v1 PodDisruptionBudget with maxUnavailable 1 that selects the template's labels",
        why: "Without a budget, a drain can evict all replicas at the same time.",
        run: coverage,
    },
    Check {
        id: "PDB-002",
        name: "pdb-overlap",
        title: "No pod is selected by two PodDisruptionBudgets",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[DRAIN],
        needs: Needs::Manifests,
        rule: "At most one PodDisruptionBudget selects the pods of a workload. The Eviction API always refuses to evict a pod that several budgets select.",
        fix: "Merge the budgets into one",
        why: "A drain of a node with such a pod never finishes.",
        run: overlap,
    },
    Check {
        id: "PDB-003",
        name: "pdb-blocks-drain",
        title: "Every PodDisruptionBudget allows a disruption",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[DRAIN, NODE],
        needs: Needs::Manifests,
        rule: "On a cluster, disruptionsAllowed in the status of the budget is above 0; if observedGeneration is behind, the result is unknown. In manifests, and as long as the status is empty, the budget (percentages are rounded up) demands fewer pods than its workloads have replicas (or the minimum of their autoscalers), and maxUnavailable or minAvailable is set. maxUnavailable 0 and minAvailable 100 % fail whatever they select. Any other budget is skipped if it selects nothing, if it sets both fields (see PDB-004), if its workloads are scaled to 0 without an autoscaler, or if they have no number of replicas (DaemonSets).",
        fix: "Allow a disruption (maxUnavailable 1 or more), or run more replicas",
        why: "If a budget allows no disruption, a drain waits for it until its deadline.",
        run: blocks,
    },
    Check {
        id: "PDB-004",
        name: "pdb-ineffective",
        title: "Every PodDisruptionBudget protects pods",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN],
        needs: Needs::Manifests,
        rule: "The budget selects a pod (on a cluster: expectedPods is above 0): one of a workload, one that a known operator creates, or one whose label a controller sets, such as statefulset.kubernetes.io/pod-name. In files, a budget that selects none of these is low, because its pods may come from elsewhere. It does not set both minAvailable and maxUnavailable, which the API server refuses. minAvailable is not 0, and maxUnavailable is neither 100 % nor as large as the number of pods, if that is at least 2. Its condition DisruptionAllowed is not False with reason SyncFailed.",
        fix: "Correct the selector, or delete the budget",
        why: "A budget that selects nothing passes every validation and protects no pod.",
        run: ineffective,
    },
    Check {
        id: "PDB-005",
        name: "pdb-vs-hpa",
        title: "Every budget demands fewer pods than the minimum of the autoscaler",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN],
        needs: Needs::Manifests,
        rule: "For a workload with an autoscaler, minAvailable of its budget (a percentage of the minimum, rounded up) is below the minimum of the autoscaler. An equal number fails, too. A budget without minAvailable passes.",
        fix: "Set minAvailable below minReplicas, or use maxUnavailable",
        why: "When the autoscaler is at its minimum, for example at night, no node can be drained.",
        run: against_autoscaler,
    },
    Check {
        id: "PDB-006",
        name: "pdb-unhealthy-eviction",
        title: "Pods that are not ready may be evicted",
        severity: Severity::Low,
        class: Class::Gate,
        gates: &[DRAIN],
        needs: Needs::Manifests,
        rule: "unhealthyPodEvictionPolicy of the budget is AlwaysAllow (stable since 1.31). The default, IfHealthyBudget, can keep unready pods on a node that is drained.",
        fix: "Set unhealthyPodEvictionPolicy: AlwaysAllow",
        why: "A pod in CrashLoopBackOff can block the drain of its node.",
        run: unhealthy,
    },
];

/// The selector of a budget; none if it has no selector and selects nothing.
fn chosen(budget: &Object) -> Option<Selector> {
    selector(&budget.body, "/spec/selector")
}

/// The budgets of each workload.
fn covering<'a>(p: &Picture<'a>) -> BTreeMap<usize, Vec<&'a Object>> {
    let mut all: BTreeMap<usize, Vec<&Object>> = BTreeMap::new();
    for budget in p.object_set.any(BUDGET) {
        let Some(selector) = chosen(budget) else { continue };
        for work in p.select(&budget.metadata.namespace, &selector) {
            all.entry(work.index).or_default().push(budget);
        }
    }
    all
}

fn coverage(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all(BUDGET) {
        return say.gap(gap);
    }
    let covering = covering(p);
    let kinds = ["Deployment", "StatefulSet", "Rollout", "DeploymentConfig"];
    for work in p.works.iter().filter(|w| kinds.contains(&w.kind)) {
        if work.replicas.is_none_or(|n| n < 2) {
            say.skip(work, "fewer than 2 replicas: a budget could only block a drain");
        } else if covering.contains_key(&work.index) {
            say.pass(work);
        } else if let Some(budget) = perhaps_covering(p, work) {
            let text = format!("budget {budget} selects its pods, if both are created in one namespace");
            say.unresolved(work, "/metadata/namespace", text);
        } else {
            say.fail(work, "", format!("it has {} replicas, and no budget selects them", work.replicas.unwrap_or(0)));
        }
    }
}

/// A budget that selects the pods of a workload in files in which only one of the two names its namespace.
fn perhaps_covering<'a>(p: &Picture<'a>, work: &Work<'_>) -> Option<&'a str> {
    let elsewhere = |budget: &&Object| {
        let own = &*budget.metadata.namespace;
        own != work.namespace() && (own.is_empty() || work.namespace().is_empty())
    };
    let mut budgets = p.object_set.any(BUDGET).iter().filter(|_| !p.is_cluster()).filter(elsewhere);
    let found = budgets.find(|budget| chosen(budget).is_some_and(|s| s.matches(&work.labels)))?;
    Some(&found.metadata.name)
}

fn overlap(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all(BUDGET) {
        return say.gap(gap);
    }
    for (index, budgets) in covering(p) {
        let work = &p.works[index];
        if budgets.len() > 1 {
            let names: Vec<&str> = budgets.iter().map(|b| b.metadata.name.as_str()).collect();
            say.fail(
                work,
                "",
                format!("{} budgets select its pods, so the pods cannot be evicted: {}", names.len(), names.join(", ")),
            );
        } else {
            say.pass(work);
        }
    }
}

/// The minimum number of pods of the workloads that a budget selects; none if one of them has
/// no number of replicas.
fn expected(works: &[&Work<'_>]) -> Option<u64> {
    works.iter().map(|w| w.replicas).sum()
}

fn blocks(p: &Picture<'_>, say: &mut Say) {
    for budget in p.each(BUDGET, say) {
        if p.is_cluster() && budget.at("/status/expectedPods").is_u64() {
            live(budget, say);
            continue;
        }
        let (min, max) = (
            budget.map("/spec").and_then(|s| s.get("minAvailable")),
            budget.map("/spec").and_then(|s| s.get("maxUnavailable")),
        );
        let none = max.is_some_and(|m| *m == 0 || *m == "0%" || *m == "0");
        if none {
            say.fail(budget, "/spec/maxUnavailable", "maxUnavailable is 0: no pod may ever be evicted");
            continue;
        }
        if min.is_some_and(|m| *m == "100%") {
            say.fail(budget, "/spec/minAvailable", "minAvailable is 100 %: no pod may ever be evicted");
            continue;
        }
        if min.is_some() && max.is_some() {
            say.skip(budget, "it sets minAvailable and maxUnavailable (see PDB-004)");
            continue;
        }
        let Some(works) = chosen(budget).map(|s| p.select(&budget.metadata.namespace, &s)).filter(|w| !w.is_empty())
        else {
            say.skip(budget, "it selects no workload (see PDB-004)");
            continue;
        };
        let Some(all) = expected(&works) else {
            say.skip(budget, "its workloads have no number of replicas");
            continue;
        };
        // An autoscaler may start pods later, and the budget then applies to the first of them.
        if all == 0 && works.iter().all(|work| work.scaled.is_none()) {
            say.skip(budget, "its workloads are scaled to 0: there is nothing to evict");
            continue;
        }
        match desired_healthy_of(min, max, all) {
            None => say.fail(budget, "/spec", "its numbers cannot be read"),
            Some(demanded) if demanded >= all => say.fail(
                budget,
                if min.is_some() { "/spec/minAvailable" } else { "/spec" },
                format!("it demands {demanded} of {all} pods: none may be evicted"),
            ),
            Some(_) => say.pass(budget),
        }
    }
}

fn live(budget: &Object, say: &mut Say) {
    let number = |field: &str| budget.at(&format!("/status/{field}")).as_i64().unwrap_or(0);
    if number("observedGeneration") < budget.metadata.generation {
        return say.unknown(budget, Unseen::Stale, "the controller has not observed its newest generation yet");
    }
    let (allowed, healthy, demanded) =
        (number("disruptionsAllowed"), number("currentHealthy"), number("desiredHealthy"));
    if number("expectedPods") == 0 {
        say.skip(budget, "it selects no pod (see PDB-004)");
    } else if allowed > 0 {
        say.pass(budget);
    } else if healthy >= demanded {
        say.fail(
            budget,
            "/spec",
            format!(
                "all {healthy} pods are healthy, but none may be evicted: it demands {demanded} of {}",
                number("expectedPods")
            ),
        );
    } else {
        say.fail(
            budget,
            "/status",
            format!("only {healthy} of {demanded} demanded pods are healthy: none may be evicted (see WRK-003)"),
        );
    }
}

fn ineffective(p: &Picture<'_>, say: &mut Say) {
    for budget in p.each(BUDGET, say) {
        let spec = |field: &str| budget.map("/spec").and_then(|s| s.get(field));
        let is = |value: Option<&Value>, words: [Value; 2]| value.is_some_and(|v| words.contains(v));
        let failed = budget
            .list("/status/conditions")
            .iter()
            .find(|c| c["type"] == "DisruptionAllowed" && c["status"] == "False" && c["reason"] == "SyncFailed");
        let selects = chosen(budget).map(|s| p.select(&budget.metadata.namespace, &s));
        let reached = chosen(budget).is_some_and(|s| p.reaches(&budget.metadata.namespace, &s));
        let nobody = match (&selects, budget.at("/status/expectedPods").as_u64()) {
            (_, Some(n)) if p.is_cluster() => n == 0,
            (Some(works), _) => works.is_empty() && !reached,
            (None, _) => true,
        };
        let all = selects.as_deref().filter(|works| !works.is_empty()).and_then(expected).filter(|n| *n > 1);
        let most =
            spec("maxUnavailable").zip(all).filter(|(most, all)| share(most, *all, true).is_some_and(|n| n >= *all));
        if let Some(condition) = failed {
            say.fail(
                budget,
                "/status",
                format!("the controller cannot process it: {}", condition["message"].as_str().unwrap_or("")),
            );
        } else if spec("minAvailable").is_some() && spec("maxUnavailable").is_some() {
            say.fail(budget, "/spec", "it sets minAvailable and maxUnavailable: the API server refuses it");
        } else if nobody && selects.is_some() && !p.is_cluster() {
            say.fail_as(Severity::Low, budget, "/spec/selector", "it selects no pod of these files");
        } else if nobody {
            say.fail(budget, "/spec/selector", "it selects no pod");
        } else if is(spec("minAvailable"), [0.into(), "0%".into()]) {
            say.fail(budget, "/spec/minAvailable", "minAvailable is 0: it protects nothing");
        } else if is(spec("maxUnavailable"), ["100%".into(), "100%".into()]) {
            say.fail(budget, "/spec/maxUnavailable", "maxUnavailable is 100 %: it protects nothing");
        } else if let Some((most, all)) = most {
            let text = format!("maxUnavailable is {most} of {all} pods: it protects nothing");
            say.fail(budget, "/spec/maxUnavailable", text);
        } else {
            say.pass(budget);
        }
    }
}

fn against_autoscaler(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all(BUDGET) {
        return say.gap(gap);
    }
    for (index, budgets) in covering(p) {
        let work = &p.works[index];
        let (Some(_), Some(least)) = (work.scaled, work.replicas) else { continue };
        for budget in budgets {
            let Some(min) = budget.map("/spec").and_then(|s| s.get("minAvailable")) else {
                say.pass(budget);
                continue;
            };
            match share(min, least, true) {
                Some(demanded) if demanded >= least => say.fail(
                    budget,
                    "/spec/minAvailable",
                    format!(
                        "it demands {demanded} pods, but the autoscaler of {} {} can scale down to {least}",
                        work.kind,
                        work.name()
                    ),
                ),
                Some(_) => say.pass(budget),
                None => say.fail(budget, "/spec/minAvailable", "this number cannot be read"),
            }
        }
    }
}

fn unhealthy(p: &Picture<'_>, say: &mut Say) {
    for budget in p.each(BUDGET, say) {
        if budget.text("/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow" {
            say.pass(budget);
        } else {
            say.fail(budget, "/spec", "IfHealthyBudget (the default): pods that are not ready can block a drain");
        }
    }
}
