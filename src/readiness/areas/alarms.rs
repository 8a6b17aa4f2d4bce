//! Whether alerts would fire and reach somebody, by what Prometheus and Alertmanager say.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::{
    inventory::{PrometheusReading, asked},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ALERTS, Check, Needs, REGION, Say, ZONE},
        look::{list, seconds, text},
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
        id: "ALR-004",
        name: "alert-routing",
        title: "Critical alerts reach somebody",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ALERTS],
        needs: Needs::Cluster,
        rule: "Prometheus sends to one Alertmanager or more; in the configuration of each, alerts with severity=critical end in a receiver with an integration, and so do alerts that no route names.",
        fix: "Give the receiver an integration (webhook, pager, mail, chat), and route severity=critical to it",
        why: "An alert without a receiver pages no one.",
        run: routing,
    },
    Check {
        id: "ALR-005",
        name: "dead-mans-switch",
        title: "An alert that always fires leaves the cluster",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE, REGION],
        needs: Needs::Cluster,
        rule: "A rule whose expression is vector(1) is loaded and fires, and Alertmanager sends it at least once an hour (repeat_interval) to a webhook, PagerDuty or Opsgenie.",
        fix: "Load a rule Watchdog with expr: vector(1); route it to a service outside that alarms when it stays away",
        why: "When the monitoring dies with the zone, silence is the only sign.",
        run: dead_man,
    },
    Check {
        id: "ALR-006",
        name: "alerts-firing",
        title: "No critical alert fires before the drill",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Prometheus has no alert with severity=critical firing in scope (of a namespace in scope, or of none), but for those whose rule is vector(1) and InfoInhibitor.",
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
        rule: "No silence in force or to come may match a critical alert of a namespace in scope.",
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

/// An Alertmanager's configuration.
struct Routes {
    url: String,
    config: Value,
}

fn routes(p: &Picture<'_>, say: &mut Say) -> Vec<Routes> {
    let peers = &p.shelf.readings.alertmanagers;
    if peers.is_empty() {
        no_data(say, "no Alertmanager was named (--alertmanager URL, or `alertmanager` in the bindings)");
    }
    let mut found = vec![];
    for peer in peers {
        let read = peer.configuration.clone().and_then(|text| {
            serde_saphyr::from_str::<Value>(&text).map_err(|e| format!("its configuration cannot be read: {e}"))
        });
        match read {
            Ok(config) => found.push(Routes { url: peer.url.clone(), config }),
            Err(why) => no_data(say, why),
        }
    }
    found
}

/// Where an alert goes: each receiver, and how often it is told again.
fn taken<'a>(
    route: &'a Value,
    labels: &BTreeMap<&str, &str>,
    from: (&'a str, &'a str),
    out: &mut Vec<(&'a str, &'a str)>,
) {
    let own = |field: &str, inherited| Some(text(route, field)).filter(|t| !t.is_empty()).unwrap_or(inherited);
    let here = (own("/receiver", from.0), own("/repeat_interval", from.1));
    let mut met = false;
    for child in list(route, "/routes").iter().filter(|child| meets(child, labels)) {
        met = true;
        taken(child, labels, here, out);
        if child["continue"] != true {
            break;
        }
    }
    if !met {
        out.push(here);
    }
}

/// Whether an alert with these labels meets a route's matchers.
fn meets(route: &Value, labels: &BTreeMap<&str, &str>) -> bool {
    let has = |name: &str| labels.get(name).copied().unwrap_or("");
    let each = |field: &str| route[field].as_object().cloned().unwrap_or_default();
    each("match").iter().all(|(name, value)| Some(has(name)) == value.as_str())
        && each("match_re").iter().all(|(name, value)| fits(value.as_str().unwrap_or(""), has(name)))
        && list(route, "/matchers").iter().all(|m| matcher(m.as_str().unwrap_or(""), labels))
}

/// One matcher: `severity=~"critical|page"`.
fn matcher(text: &str, labels: &BTreeMap<&str, &str>) -> bool {
    let Some(at) = text.find(['=', '!']) else { return false };
    let (name, rest) = text.split_at(at);
    let has = labels.get(name.trim()).copied().unwrap_or("");
    let value = |rest: &str| rest.trim().trim_matches('"').to_owned();
    match rest.get(..2) {
        Some("=~") => fits(&value(&rest[2..]), has),
        Some("!~") => !fits(&value(&rest[2..]), has),
        Some("!=") => value(&rest[2..]) != has,
        _ => value(&rest[1..]) == has,
    }
}

/// Whether an anchored expression fits; what is no expression fits nothing.
fn fits(expression: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{expression})$")).is_ok_and(|e| e.is_match(text))
}

/// The kinds of integration that a receiver has.
fn integrations<'a>(config: &'a Value, receiver: &str) -> Vec<&'a str> {
    let found = list(config, "/receivers").iter().find(|r| text(r, "/name") == receiver);
    let all = found.and_then(Value::as_object).into_iter().flatten();
    all.filter(|(_, v)| v.as_array().is_some_and(|a| !a.is_empty()))
        .filter_map(|(key, _)| key.strip_suffix("_configs"))
        .collect()
}

/// What Alertmanager does where nothing is said.
const REPEAT: &str = "4h";

fn routing(p: &Picture<'_>, say: &mut Say) {
    if let Some(prometheus) = prometheus(p, say) {
        let subject = Subject::named("Prometheus", "", "alerting");
        match &prometheus.receivers {
            Ok(0) => say.fail(subject, "", "Prometheus sends to no Alertmanager"),
            Ok(_) => say.pass(subject),
            Err(why) => no_data(say, why),
        }
    }
    for Routes { url, config } in routes(p, say) {
        let mut wrong = vec![];
        for (what, labels) in [
            ("an alert that no route names", BTreeMap::new()),
            ("a critical alert", BTreeMap::from([("severity", "critical")])),
        ] {
            let mut ends = vec![];
            taken(&config["route"], &labels, ("", REPEAT), &mut ends);
            if ends.iter().all(|(receiver, _)| integrations(&config, receiver).is_empty()) {
                let names: Vec<&str> = ends.iter().map(|(receiver, _)| *receiver).collect();
                wrong.push(format!("{what} ends in receiver {}, which tells nobody", names.join(", ")));
            }
        }
        say.judge(Subject::named("Alertmanager", "", &url), "", &wrong);
    }
}

/// Integrations that can notice that nothing comes any more.
const OUTSIDE: [&str; 4] = ["webhook", "pagerduty", "opsgenie", "victorops"];

fn dead_man(p: &Picture<'_>, say: &mut Say) {
    let Some(prometheus) = prometheus(p, say) else { return };
    let (rules, alerts) = match (&prometheus.rules, &prometheus.alerts) {
        (Ok(rules), Ok(alerts)) => (rules, alerts),
        (Err(why), _) | (_, Err(why)) => return no_data(say, why),
    };
    let Some(rule) = rules.iter().find(|r| is_constant(&r.query)) else {
        return say.fail(Subject::default(), "", "no alert has the expression vector(1)");
    };
    let subject = Subject::named("Alert", "", &rule.name);
    if !alerts.iter().any(|a| a.name == rule.name && a.state == "firing") {
        return say.fail(subject, "", "it does not fire, as it always should");
    }
    let mut labels: BTreeMap<&str, &str> = rule.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    labels.insert("alertname", &rule.name);
    for Routes { url, config } in routes(p, say) {
        let mut ends = vec![];
        taken(&config["route"], &labels, ("", REPEAT), &mut ends);
        let heard = |(receiver, repeat): &(&str, &str)| {
            let often = seconds(repeat).is_some_and(|s| s <= 3600.0);
            often && integrations(&config, receiver).iter().any(|i| OUTSIDE.contains(i))
        };
        let told: Vec<String> = ends.iter().map(|(receiver, repeat)| format!("{receiver} every {repeat}")).collect();
        let subject = subject.clone().part(url);
        if ends.iter().any(heard) {
            say.pass(subject);
        } else {
            say.fail(subject, "", format!("it goes to {}: no service outside hears it once an hour", told.join(", ")));
        }
    }
}

fn is_constant(query: &str) -> bool {
    query.split_whitespace().collect::<String>().starts_with("vector(1)")
}

fn firing(p: &Picture<'_>, say: &mut Say) {
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
