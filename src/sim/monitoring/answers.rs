//! The answers of Prometheus and Alertmanager in the simulated cluster. What they know is in the parent module. Read
//! [`prometheus`] and [`alertmanager`] first.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Active, Actives, Alertmanager, Rule, Silence};
use crate::sim::{describe::Inhibition, happens::RuleDoes, promql::Labels, state::State};

/// Formats the time of an alert. Prometheus takes it from its own clock, and Alertmanager adopts it.
fn time(state: &State, us: u64) -> String {
    state.by_clock_of("prometheus", us).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// An answer as JSON text. Alerts are serialised directly into it: a large zone that is down has hundreds of alerts,
/// and all of them are requested every second.
type Body = Vec<u8>;

fn body(answer: &impl Serialize) -> Body {
    serde_json::to_vec(answer).unwrap_or_default()
}

/// An alert in the format of Prometheus.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    active_at: String,
    annotations: Nothing,
    labels: &'a Labels,
    state: &'static str,
    value: &'static str,
}

/// An empty object: `{}`.
#[derive(Serialize)]
struct Nothing {}

/// Answers `/api/v1/…` of Prometheus.
pub(in crate::sim) fn prometheus(state: &State, path: &str) -> Option<Body> {
    #[derive(Serialize)]
    struct ApiAnswer<T> {
        data: T,
        status: &'static str,
    }
    #[derive(Serialize)]
    struct Alerts<'a> {
        alerts: Vec<Shown<'a>>,
    }
    let data = match path {
        "/api/v1/alerts" => {
            let alerts = state.monitor.active.values().map(|alert| Shown {
                active_at: time(state, alert.since_us),
                annotations: Nothing {},
                labels: &alert.labels,
                state: if alert.fired_us.is_some() { "firing" } else { "pending" },
                value: "1e+00",
            });
            let alerts = alerts.collect();
            return Some(body(&ApiAnswer { data: Alerts { alerts }, status: "success" }));
        }
        "/api/v1/rules" => {
            let rules: Vec<Value> = state.monitor.rules.iter().enumerate().map(|(at, r)| rule(state, at, r)).collect();
            json!({"groups": [{"name": "simulated", "interval": state.monitor.every.0.as_secs_f64(), "rules": rules}]})
        }
        "/api/v1/query" => {
            let now = state.by_clock_of("prometheus", state.now_us).as_millisecond() as f64 / 1000.0;
            json!({"resultType": "scalar", "result": [now, format!("{now:.3}")]})
        }
        _ => return None,
    };
    Some(body(&ApiAnswer { data, status: "success" }))
}

/// A rule in the format of Prometheus.
fn rule(state: &State, at: usize, rule: &Rule) -> Value {
    let fails = state.rule_lie(&rule.alert) == Some(RuleDoes::Fails);
    let evaluated = state.monitor.evaluated_us.get(&at).map(|us| time(state, *us));
    json!({"name": rule.alert, "query": rule.text, "duration": rule.for_.0.as_secs_f64(), "labels": rule.labels,
        "health": if fails { "err" } else { "ok" }, "type": "alerting", "lastEvaluation": evaluated,
        "lastError": if fails { "query processing would load too many samples into memory in query execution" } else { "" }})
}

/// Answers `/api/v2/…` of an Alertmanager.
pub(in crate::sim) fn alertmanager(state: &State, name: &str, path: &str) -> Option<Body> {
    let manager = state.monitor.alertmanagers.get(name)?;
    match path {
        "/api/v2/alerts" => {
            let held = manager.holds(&state.monitor, state.now_us);
            let received: Vec<Received<'_>> = held.values().filter_map(|a| received(state, manager, held, a)).collect();
            Some(body(&received))
        }
        "/api/v2/silences" => Some(body(&manager.silences.iter().map(silence).collect::<Vec<_>>())),
        "/api/v2/status" => Some(body(&json!({"config": {"original": configuration(manager)}}))),
        _ => None,
    }
}

/// A silence in the format of Alertmanager.
fn silence(silence: &Silence) -> Value {
    let matcher = |(n, v)| json!({"name": n, "value": v, "isRegex": false, "isEqual": true});
    let matchers: Vec<Value> = silence.matchers.iter().map(matcher).collect();
    json!({"id": silence.id, "createdBy": silence.by, "comment": silence.comment,
        "status": {"state": "active"}, "matchers": matchers})
}

/// An alert in the format of Alertmanager.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Received<'a> {
    annotations: Nothing,
    labels: &'a Labels,
    receivers: [Receiver<'a>; 1],
    starts_at: String,
    status: Status,
}

#[derive(Serialize)]
struct Receiver<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    inhibited_by: Vec<String>,
    muted_by: [(); 0],
    silenced_by: Vec<String>,
    state: &'static str,
}

/// Shows an alert as Alertmanager does. An alert that is only pending in Prometheus is not shown.
fn received<'a>(state: &State, manager: &'a Alertmanager, held: &Actives, alert: &'a Active) -> Option<Received<'a>> {
    let fired = alert.fired_us?;
    let silences = manager.silences.iter().filter(|silence| carries(&alert.labels, &silence.matchers));
    let silenced: Vec<String> = silences.map(|silence| silence.id.clone()).collect();
    let inhibited: Vec<String> = manager.inhibit.iter().filter_map(|rule| inhibitor(held, rule, alert)).collect();
    let word = if silenced.is_empty() && inhibited.is_empty() { "active" } else { "suppressed" };
    Some(Received {
        annotations: Nothing {},
        labels: &alert.labels,
        receivers: [Receiver { name: &manager.receiver }],
        starts_at: time(state, fired),
        status: Status { inhibited_by: inhibited, muted_by: [], silenced_by: silenced, state: word },
    })
}

/// Finds the firing alert that inhibits another alert by a rule. As in Alertmanager, a rule does not inhibit an alert
/// that matches both of its sides.
fn inhibitor(held: &Actives, rule: &Inhibition, alert: &Active) -> Option<String> {
    if !carries(&alert.labels, &rule.target) || carries(&alert.labels, &rule.source) {
        return None;
    }
    let same = |other: &Active| rule.equal.iter().all(|l| other.labels.get(l) == alert.labels.get(l));
    let source =
        held.iter().find(|(_, other)| other.fired_us.is_some() && carries(&other.labels, &rule.source) && same(other));
    source.map(|((rule, _), other)| format!("{}-{rule}", other.labels.get("alertname").map_or("", String::as_str)))
}

fn carries(labels: &Labels, matchers: &BTreeMap<String, String>) -> bool {
    matchers.iter().all(|(k, v)| labels.get(k) == Some(v))
}

fn configuration(manager: &Alertmanager) -> String {
    let rules: Vec<Value> = manager
        .inhibit
        .iter()
        .map(|r| json!({"source_match": r.source, "target_match": r.target, "equal": r.equal}))
        .collect();
    // The real answer is YAML, and JSON is valid YAML.
    let receiver = &manager.receiver;
    let mut route = json!({"receiver": receiver, "group_by": ["alertname"]});
    if let Some(wait) = manager.group_wait {
        route["group_wait"] = wait.to_string().into();
    }
    json!({"route": route, "receivers": [{"name": receiver}], "inhibit_rules": rules}).to_string()
}
