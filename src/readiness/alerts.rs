//! Whether the alerts that the drill expects can fire in time, and whether one of them
//! fires already: then its firing would prove nothing.

use std::collections::BTreeMap;

use super::Case;
use crate::{
    kubernetes::{Clocks, detection},
    model::{AlertExpectation, Expectation, Finding, ForEach, Plan, some},
    scenario::meant,
    world::{ActiveAlert, RuleInfo},
};

/// The alerts that the drill expects.
pub(super) fn expected(plan: &Plan) -> Vec<AlertExpectation> {
    let each = plan.expectations().filter_map(|e| match e {
        Expectation::Alert(alert) => Some(alert.clone()),
        _ => None,
    });
    each.collect()
}

/// The labels that an expected alert will certainly have.
pub(super) fn label_sets(alert: &AlertExpectation, plan: &Plan) -> Vec<BTreeMap<String, String>> {
    let mut labels = alert.labels.clone();
    labels.insert("alertname".into(), alert.name.clone());
    if alert.for_each != Some(ForEach::TargetNode) {
        return vec![labels];
    }
    plan.steps
        .iter()
        .filter(|s| alert.of.as_ref().is_none_or(|of| s.name == *of))
        .flat_map(|s| &s.nodes)
        .map(|node| {
            let mut labels = labels.clone();
            labels.insert("node".into(), node.name.clone());
            labels
        })
        .collect()
}

pub(super) fn quiet(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let firing = match &case.facts.firing {
        None => {
            return Finding::unknown("alerts-quiet", "the bindings name no Prometheus", "name one: prometheus: URL");
        }
        Some(Err(why)) => {
            return Finding::unknown("alerts-quiet", why.clone(), "Prometheus must be reachable from here");
        }
        Some(Ok(firing)) => firing,
    };
    let already: Vec<String> = expected
        .iter()
        .flat_map(|a| label_sets(a, case.plan))
        .filter(|labels| firing.iter().any(|f| carries(f, labels)))
        .map(|labels| format!("{labels:?}"))
        .collect();
    if already.is_empty() {
        let others: Vec<&str> = firing
            .iter()
            .filter(|f| Some(&f.name) != case.bindings.watchdog.as_ref())
            .map(|f| f.name.as_str())
            .collect();
        let tail =
            if others.is_empty() { String::new() } else { format!("; other alerts that are: {}", others.join(", ")) };
        Finding::pass("alerts-quiet", format!("none of the expected alerts is pending or firing yet{tail}"))
    } else {
        Finding::fail(
            "alerts-quiet",
            format!("pending or firing before the fault: {}", already.join("; ")),
            "resolve the alert first: an alert that fires already proves nothing",
        )
    }
}

fn carries(alert: &ActiveAlert, labels: &BTreeMap<String, String>) -> bool {
    labels.iter().all(|(k, v)| alert.labels.get(k) == Some(v))
}

/// The rule exists, works, and can fire within the window.
pub(super) fn rules(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let rules = match &case.facts.rules {
        None => return Finding::unknown("alert-rules", "the bindings name no Prometheus", "name one: prometheus: URL"),
        Some(Err(why)) => {
            return Finding::unknown("alert-rules", why.clone(), "Prometheus must be reachable from here");
        }
        Some(Ok(rules)) => rules,
    };
    let wrong: Vec<String> = expected.iter().filter_map(|alert| wrong_rule(case, alert, rules)).collect();
    if wrong.is_empty() {
        Finding::pass("alert-rules", "the rules exist, are healthy, and can fire within firesWithin")
    } else {
        Finding::fail(
            "alert-rules",
            wrong.join("; "),
            "correct the name of the alert, load the rule, shorten its `for`, or allow more time (firesWithin)",
        )
    }
}

fn wrong_rule(case: &Case<'_>, alert: &AlertExpectation, rules: &[RuleInfo]) -> Option<String> {
    let Some(rule) = rules.iter().find(|r| r.name == alert.name) else {
        let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
        let known = if names.is_empty() { "no rule at all".to_owned() } else { some(&names) };
        let near = meant(&alert.name, names.iter().copied());
        return Some(format!("Prometheus has no rule {}; {near}it has {known}", alert.name));
    };
    if !rule.healthy {
        return Some(format!("rule {} fails: {}", rule.name, rule.last_error));
    }
    let (detected, soonest) = soonest(case, alert, rule);
    let allowed = alert.fires_within.0.as_secs_f64();
    (soonest > allowed).then(|| {
        format!(
            "{} cannot fire within {}: the earliest detection is after {detected} s, and `for` adds {} s",
            rule.name, alert.fires_within, rule.for_seconds
        )
    })
}

/// The earliest time at which the fault is detected, and at which the alert fires, in seconds.
pub(super) fn soonest(case: &Case<'_>, alert: &AlertExpectation, rule: &RuleInfo) -> (f64, f64) {
    let clocks = Clocks::of(case.bindings.clocks, &case.plan.cluster.version);
    let nodes = alert.for_each == Some(ForEach::TargetNode);
    let detected = if nodes { detection(&clocks).0.as_secs_f64() } else { 0.0 };
    (detected, detected + rule.for_seconds)
}

pub(super) fn watchdog(case: &Case<'_>, _: &[AlertExpectation]) -> Finding {
    let Some(name) = &case.bindings.watchdog else {
        return Finding::unknown(
            "watchdog",
            "the bindings name no alert that always fires",
            "name one (watchdog: NAME): without it, a missing alert can also mean that the monitoring is down",
        )
        .advisory();
    };
    match &case.facts.firing {
        Some(Ok(firing)) if firing.iter().any(|f| f.name == *name && f.state == "firing") => {
            Finding::pass("watchdog", format!("{name} fires, as it should at all times"))
        }
        Some(Ok(_)) => Finding::fail(
            "watchdog",
            format!("{name} does not fire: the monitoring cannot be trusted"),
            "repair the monitoring first",
        ),
        Some(Err(why)) => Finding::unknown("watchdog", why.clone(), "Prometheus must be reachable from here"),
        None => Finding::unknown("watchdog", "the bindings name no Prometheus", ""),
    }
}
