//! Whether the alerts that the drill expects can fire, reach somebody, and be
//! told from what fires already (correctness 58–62).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Case;
use crate::{
    kubernetes::{Clocks, detection},
    model::{AlertExpectation, Expectation, Finding, ForEach, Plan},
    world::{ActiveAlert, RuleInfo, Silence},
};

pub(super) fn all(case: &Case<'_>) -> Vec<Finding> {
    let expected: Vec<AlertExpectation> = case
        .plan
        .expect
        .iter()
        .filter_map(|v| match serde_json::from_value(v.clone()) {
            Ok(Expectation::Alert(alert)) => Some(alert),
            _ => None,
        })
        .collect();
    if expected.is_empty() {
        return vec![Finding::skip("alerts", "no alert is expected")];
    }
    vec![
        quiet(case, &expected),
        rules(case, &expected),
        silenced(case, &expected),
        inhibited(case, &expected),
        watchdog(case),
    ]
}

/// The labels that an expected alert is known to carry.
fn label_sets(alert: &AlertExpectation, plan: &Plan) -> Vec<BTreeMap<String, String>> {
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

fn quiet(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
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
            if others.is_empty() { String::new() } else { format!("; others firing already: {}", others.join(", ")) };
        Finding::pass("alerts-quiet", format!("none of the expected alerts fires yet{tail}"))
    } else {
        Finding::fail(
            "alerts-quiet",
            format!("firing before the fault: {}", already.join("; ")),
            "an alert that fires already proves nothing: resolve it first",
        )
    }
}

fn carries(alert: &ActiveAlert, labels: &BTreeMap<String, String>) -> bool {
    labels.iter().all(|(k, v)| alert.labels.get(k) == Some(v))
}

/// The rule is there, works, and can fire within the window.
fn rules(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let rules = match &case.facts.rules {
        None => return Finding::unknown("alert-rules", "the bindings name no Prometheus", "name one: prometheus: URL"),
        Some(Err(why)) => {
            return Finding::unknown("alert-rules", why.clone(), "Prometheus must be reachable from here");
        }
        Some(Ok(rules)) => rules,
    };
    let wrong: Vec<String> = expected.iter().filter_map(|alert| wrong_rule(case, alert, rules)).collect();
    if wrong.is_empty() {
        Finding::pass("alert-rules", "the rules are there, healthy, and can fire within the time that is expected")
    } else {
        Finding::fail(
            "alert-rules",
            wrong.join("; "),
            "load the rule, shorten its `for`, or allow more time (firesWithin)",
        )
    }
}

fn wrong_rule(case: &Case<'_>, alert: &AlertExpectation, rules: &[RuleInfo]) -> Option<String> {
    let Some(rule) = rules.iter().find(|r| r.name == alert.name) else {
        return Some(format!("Prometheus has no rule {}", alert.name));
    };
    if !rule.healthy {
        return Some(format!("rule {} fails: {}", rule.name, rule.last_error));
    }
    let clocks = Clocks::of(case.bindings.clocks, &case.plan.cluster.version);
    let nodes = alert.for_each == Some(ForEach::TargetNode);
    let detected = if nodes { detection(&clocks).0.as_secs_f64() } else { 0.0 };
    let soonest = detected + rule.for_seconds;
    let allowed = alert.fires_within.0.as_secs_f64();
    (soonest > allowed).then(|| {
        format!("{} cannot fire within {}: `for` {} s after the earliest detection at {detected} s. Not testable in this window", rule.name, alert.fires_within, rule.for_seconds)
    })
}

fn silenced(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let mut hits = vec![];
    for answer in &case.facts.silences {
        let silences = match answer {
            Ok(silences) => silences,
            Err(why) => {
                return Finding::unknown(
                    "alerts-not-silenced",
                    why.clone(),
                    "Alertmanager must be reachable from here",
                );
            }
        };
        for alert in expected.iter().filter(|a| !a.suppressed) {
            for labels in label_sets(alert, case.plan) {
                hits.extend(
                    silences
                        .iter()
                        .filter(|s| may_match(s, &labels))
                        .map(|s| format!("silence {} of {} may swallow {}", s.id, s.by, alert.name)),
                );
            }
        }
    }
    hits.sort();
    hits.dedup();
    if hits.is_empty() {
        Finding::pass("alerts-not-silenced", "no silence would swallow the expected alerts")
    } else {
        Finding::fail("alerts-not-silenced", hits.join("; "), "expire the silence, or expect `suppressed: true`")
    }
}

/// Labels that are not known beforehand may be anything: only a known label can
/// rule a match out.
fn may_match(silence: &Silence, labels: &BTreeMap<String, String>) -> bool {
    silence.matchers.iter().all(|(name, value, regex, equal)| match labels.get(name) {
        None => name != "alertname",
        Some(known) if *regex => anchored(value, known).is_none_or(|m| m == *equal),
        Some(known) => (known == value) == *equal,
    })
}

/// Whether a simple alternation matches; none where the expression is more than that.
fn anchored(expression: &str, text: &str) -> Option<bool> {
    if expression == ".*" || expression == ".+" {
        return Some(true);
    }
    let plain = expression.chars().all(|c| c.is_ascii_alphanumeric() || "_-|".contains(c));
    plain.then(|| expression.split('|').any(|word| word == text))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AlertmanagerConfig {
    inhibit_rules: Vec<InhibitRule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InhibitRule {
    source_match: BTreeMap<String, String>,
    source_matchers: Vec<String>,
    target_match: BTreeMap<String, String>,
    target_matchers: Vec<String>,
}

/// An inhibition can be foreseen when its source fires already.
fn inhibited(case: &Case<'_>, expected: &[AlertExpectation]) -> Finding {
    let mut hits = vec![];
    for answer in &case.facts.alertmanager {
        let text = match answer {
            Ok(text) => text,
            Err(why) => {
                return Finding::unknown(
                    "alerts-not-inhibited",
                    why.clone(),
                    "Alertmanager must be reachable from here",
                );
            }
        };
        let config: AlertmanagerConfig = match serde_saphyr::from_str(text) {
            Ok(config) => config,
            Err(error) => {
                return Finding::unknown(
                    "alerts-not-inhibited",
                    format!("Alertmanager's configuration cannot be read: {error}"),
                    "",
                )
                .advisory();
            }
        };
        let firing = case.facts.firing.iter().flatten().flatten();
        for source in firing {
            for rule in &config.inhibit_rules {
                let is_source = matches_all(&rule.source_match, &rule.source_matchers, &source.labels);
                for alert in expected.iter().filter(|a| !a.suppressed) {
                    let target = label_sets(alert, case.plan)
                        .into_iter()
                        .any(|l| matches_all(&rule.target_match, &rule.target_matchers, &l));
                    if is_source && target {
                        hits.push(format!("{} fires and inhibits {}", source.name, alert.name));
                    }
                }
            }
        }
    }
    if hits.is_empty() {
        Finding::pass("alerts-not-inhibited", "no alert that fires now inhibits the expected ones")
    } else {
        Finding::fail(
            "alerts-not-inhibited",
            hits.join("; "),
            "resolve the inhibiting alert, or expect `suppressed: true`",
        )
    }
}

fn matches_all(map: &BTreeMap<String, String>, matchers: &[String], labels: &BTreeMap<String, String>) -> bool {
    map.iter().all(|(k, v)| labels.get(k) == Some(v))
        && matchers.iter().all(|m| match m.split_once('=') {
            Some((name, value)) if !name.ends_with(['!', '~']) && !value.starts_with('~') => {
                labels.get(name.trim()).is_some_and(|l| l == value.trim().trim_matches('"'))
            }
            // More than plain equality may match: it is not ruled out.
            _ => true,
        })
        && (!map.is_empty() || !matchers.is_empty())
}

fn watchdog(case: &Case<'_>) -> Finding {
    let Some(name) = &case.bindings.watchdog else {
        return Finding::unknown(
            "watchdog",
            "the bindings name no alert that always fires",
            "without one, an absent alert cannot be told from dead monitoring (watchdog: NAME)",
        )
        .advisory();
    };
    match &case.facts.firing {
        Some(Ok(firing)) if firing.iter().any(|f| f.name == *name && f.state == "firing") => {
            Finding::pass("watchdog", format!("{name} fires, as it always should"))
        }
        Some(Ok(_)) => Finding::fail(
            "watchdog",
            format!("{name} does not fire: the monitoring cannot be trusted"),
            "repair it first",
        ),
        Some(Err(why)) => Finding::unknown("watchdog", why.clone(), "Prometheus must be reachable from here"),
        None => Finding::unknown("watchdog", "the bindings name no Prometheus", ""),
    }
}
