//! Whether alerts would fire, and whether it is quiet now, by what Prometheus and
//! Alertmanager say.

use super::datadog;
use crate::{
    inventory::{PrometheusReading, asked},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ALERTS, Check, Needs, Say},
        look::fits,
        picture::Picture,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "ALR-003",
        name: "alert-dead",
        title: "Alerts ask for series that there are",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Each selector of each alert that Prometheus has loaded had a series within the last day (those below absent(), beside `or vector(…)` and right of `unless` may have none), and the expression compares, filters or asks for absence.",
        fix: "Correct the selector, or take the alert away; add the comparison that is missing",
        why: "An alert on a series that was renamed is as quiet as a healthy system.",
        run: dead,
    },
    Check {
        id: "ALR-006",
        name: "alerts-firing",
        title: "No critical alert fires before the drill",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Prometheus has no alert with severity=critical firing in scope (of a namespace in scope, or of none), but for those whose rule is vector(1) and InfoInhibitor; no monitor of Datadog is in state Alert that is tagged for a namespace in scope (kube_namespace), or for none.",
        fix: "Resolve what the alert tells of, and drill then",
        why: "What is broken already would be taken for the drill's doing.",
        run: firing,
    },
    Check {
        id: "ALR-007",
        name: "silences",
        title: "No silence hides what a drill does",
        severity: Severity::Medium,
        class: Class::Blocks,
        gates: &[ALERTS],
        needs: Needs::Cluster,
        rule: "No silence in force or to come may match a critical alert of a namespace in scope; no such monitor of Datadog is muted.",
        fix: "Expire the silence, or give it a matcher that the drill's alerts do not meet",
        why: "A silenced alert proves nothing about who would have been told.",
        run: silences,
    },
];

/// Prometheus, or word that none was named.
pub(super) fn prometheus<'a>(p: &Picture<'a>, say: &mut Say) -> Option<&'a PrometheusReading> {
    let found = p.shelf.readings.prometheus.as_ref();
    if found.is_none() {
        no_data(say, "no Prometheus was named (--prometheus URL, or `prometheus` in the bindings)");
    }
    found
}

/// Nothing to look at.
pub(super) fn no_data(say: &mut Say, why: impl Into<String>) {
    say.unknown(Subject::default(), Unseen::NoData, why);
}

fn dead(p: &Picture<'_>, say: &mut Say) {
    let Some(prometheus) = prometheus(p, say) else { return };
    let (rules, alive) = match (&prometheus.rules, &prometheus.selectors) {
        (Ok(rules), Ok(alive)) => (rules, alive),
        (Err(why), _) | (_, Err(why)) => return no_data(say, why),
    };
    for rule in rules {
        let subject = Subject::named("Alert", "", &rule.name);
        let Ok(asks) = asked(&rule.query) else {
            say.unknown(subject, Unseen::NoData, "its expression is more than what is understood here");
            continue;
        };
        let none: Vec<&str> =
            asks.selectors.iter().filter(|s| alive.get(*s) == Some(&false)).map(String::as_str).collect();
        if !none.is_empty() {
            say.fail(subject, "", format!("no series within a day: {}", none.join(", ")));
        } else if !asks.decides {
            say.fail_as(Severity::Low, subject, "", "it compares nothing: it fires as long as there is a series");
        } else {
            say.pass(subject);
        }
    }
}

pub(super) fn is_constant(query: &str) -> bool {
    query.split_whitespace().collect::<String>().starts_with("vector(1)")
}

fn firing(p: &Picture<'_>, say: &mut Say) {
    datadog::firing(p, say);
    if datadog::instead(p) {
        return;
    }
    let Some(prometheus) = prometheus(p, say) else { return };
    let (rules, alerts) = match (&prometheus.rules, &prometheus.alerts) {
        (Ok(rules), Ok(alerts)) => (rules, alerts),
        (Err(why), _) | (_, Err(why)) => return no_data(say, why),
    };
    let always = |name: &str| {
        name == "InfoInhibitor" || name == "Watchdog" || rules.iter().any(|r| r.name == name && is_constant(&r.query))
    };
    let mut quiet = true;
    for alert in alerts {
        let label = |name: &str| alert.labels.get(name).map_or("", String::as_str);
        let ours = label("namespace").is_empty() || p.in_scope(label("namespace"));
        if alert.state == "firing" && label("severity") == "critical" && ours && !always(&alert.name) {
            quiet = false;
            let named: Vec<String> = alert.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
            say.fail(
                Subject::named("Alert", label("namespace"), &alert.name),
                "",
                format!("it fires: {}", named.join(" ")),
            );
        }
    }
    if quiet {
        say.pass(Subject::named("Prometheus", "", "alerts"));
    }
}

fn silences(p: &Picture<'_>, say: &mut Say) {
    datadog::muted(p, say);
    if datadog::instead(p) && p.shelf.readings.alertmanagers.is_empty() {
        return;
    }
    let peers = &p.shelf.readings.alertmanagers;
    if peers.is_empty() {
        no_data(say, "no Alertmanager was named (--alertmanager URL, or `alertmanager` in the bindings)");
    }
    for peer in peers {
        let silences = match &peer.silences {
            Ok(silences) => silences,
            Err(why) => {
                no_data(say, why);
                continue;
            }
        };
        let mut wrong = vec![];
        for silence in silences {
            // What is not known of an alert yet may be anything.
            let may = silence.matchers.iter().all(|(name, value, regex, equal)| {
                let meets = |has: &str| (if *regex { fits(value, has) } else { value == has }) == *equal;
                match name.as_str() {
                    "severity" => meets("critical"),
                    "namespace" => p.namespaces().iter().any(|ns| meets(ns)),
                    _ => true,
                }
            });
            if may {
                wrong.push(format!("silence {} of {} may match alerts of the scope", silence.id, silence.by));
            }
        }
        say.judge(Subject::named("Alertmanager", "", &peer.url), "", &wrong);
    }
}
