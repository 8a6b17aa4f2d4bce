//! Whether alerts can fire, and whether none fires now, according to Prometheus, Alertmanager
//! and Datadog.

use super::datadog;
use crate::{
    inventory::{PrometheusReading, asked},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ALERTS, Check, Needs, Say},
        picture::Picture,
        values::{fits, no_data},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "ALR-003",
        name: "alert-dead",
        title: "The metrics that alerts use exist",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "For each alerting rule that Prometheus has loaded, each selector of its expression had a series within the last day; selectors below absent(), beside `or vector(…)` and right of `unless` may have none. The expression compares, filters or tests absence (else low). An expression that drillmaster cannot analyse is unknown.",
        fix: "Correct the selector, or remove the alert; add the missing comparison",
        why: "If a series was renamed, its alert never fires and looks like a healthy system.",
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
        rule: "In Prometheus, no alert fires that has severity=critical and a namespace in scope, or severity=critical and no namespace; Watchdog, InfoInhibitor and alerts whose rule is vector(1) do not count. In Datadog, no monitor that is tagged for a namespace in scope (kube_namespace), or for no namespace, is in state Alert.",
        fix: "Resolve the cause of the alert before the drill",
        why: "A problem that exists already would be taken for an effect of the drill.",
        run: firing,
    },
    Check {
        id: "ALR-007",
        name: "silences",
        title: "No silence hides the effects of a drill",
        severity: Severity::Medium,
        class: Class::Blocks,
        gates: &[ALERTS],
        needs: Needs::Cluster,
        rule: "No silence, active or pending, can match an alert with severity=critical and a namespace in scope; every other label counts as a match. In Datadog, no monitor that is tagged for a namespace in scope, or for no namespace, is muted.",
        fix: "Expire the silence, or add a matcher that the alerts of the drill do not meet",
        why: "Nobody is notified of a silenced alert, so the drill cannot show who would have been.",
        run: silences,
    },
];

/// The answers of Prometheus. If none was named, reports unknown.
pub(super) fn prometheus<'a>(p: &Picture<'a>, say: &mut Say) -> Option<&'a PrometheusReading> {
    let found = p.object_set.readings.prometheus.as_ref();
    if found.is_none() {
        no_data(say, "no Prometheus was named (--prometheus URL, or `prometheus` in the bindings)");
    }
    found
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
            say.unknown(subject, Unseen::NoData, "drillmaster cannot analyse its expression");
            continue;
        };
        let none: Vec<&str> =
            asks.selectors.iter().filter(|s| alive.get(*s) == Some(&false)).map(String::as_str).collect();
        if !none.is_empty() {
            say.fail(subject, "", format!("no series in the last day: {}", none.join(", ")));
        } else if !asks.decides {
            say.fail_as(
                Severity::Low,
                subject,
                "",
                "its expression compares nothing: it fires as long as a series exists",
            );
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
    if datadog::instead(p) && p.object_set.readings.alertmanagers.is_empty() {
        return;
    }
    let peers = &p.object_set.readings.alertmanagers;
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
            // Labels that are not known before the drill can have any value.
            let may = silence.matchers.iter().all(|(name, value, regex, equal)| {
                let meets = |has: &str| (if *regex { fits(value, has) } else { value == has }) == *equal;
                match name.as_str() {
                    "severity" => meets("critical"),
                    "namespace" => p.namespaces().iter().any(|ns| meets(ns)),
                    _ => true,
                }
            });
            if may {
                wrong.push(format!("silence {} of {} may match critical alerts in scope", silence.id, silence.by));
            }
        }
        say.judge(Subject::named("Alertmanager", "", &peer.url), "", &wrong);
    }
}
