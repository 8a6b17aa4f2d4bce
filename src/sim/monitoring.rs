//! Prometheus and Alertmanager of the simulated cluster: rules with `for`,
//! silences, inhibitions, a receiver. group_wait is in its configuration, which the
//! pre-flight reads; nobody is told, as a drill judges by what Alertmanager shows. What
//! this evaluator of PromQL does not know is refused by name when the cluster is made,
//! never taken for silence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    describe::Inhibition,
    fields,
    promql::{self, Labels},
    state::{State, Timer},
};
use crate::model::Dur;

/// An alerting rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub alert: String,
    pub text: String,
    pub expr: promql_parser::parser::Expr,
    pub for_: Dur,
    pub labels: BTreeMap<String, String>,
}

/// An alert that is pending or fires.
#[derive(Clone, Debug)]
pub(super) struct Active {
    labels: Labels,
    since_us: u64,
    /// When it began to fire and was sent.
    fired_us: Option<u64>,
}

/// Both programs.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    pub rules: Vec<Rule>,
    pub every: Dur,
    pub receiver: String,
    pub group_wait: Option<Dur>,
    /// Matchers of each silence.
    pub silences: Vec<BTreeMap<String, String>>,
    pub inhibit: Vec<Inhibition>,
    pub active: BTreeMap<(usize, String), Active>,
}

/// One scrape and one evaluation of every rule.
pub(super) fn evaluate(state: &mut State) {
    let every = state.monitor.every.0;
    state.schedule(every, Timer::Evaluate);
    if !state.monitoring_lives("prometheus") {
        return;
    }
    let now = state.now_us;
    let rules = std::mem::take(&mut state.monitor.rules);
    let mut seen = BTreeSet::new();
    for (at, rule) in rules.iter().enumerate() {
        // Checked when the cluster was made: it cannot fail for what it does not know.
        for (labels, _) in promql::evaluate(&rule.expr, state).unwrap_or_default() {
            let mut labels = labels;
            labels.remove("__name__");
            labels.insert("alertname".into(), rule.alert.clone());
            labels.extend(rule.labels.clone());
            let key = (at, format!("{labels:?}"));
            let active =
                state.monitor.active.entry(key.clone()).or_insert(Active { labels, since_us: now, fired_us: None });
            if active.fired_us.is_none() && now - active.since_us >= rule.for_.micros() {
                active.fired_us = Some(now);
            }
            seen.insert(key);
        }
    }
    state.monitor.rules = rules;
    state.monitor.active.retain(|key, _| seen.contains(key));
}

fn time(state: &State, us: u64) -> String {
    state.at(us).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `/api/v1/…` of Prometheus.
pub(super) fn prometheus(state: &State, path: &str) -> Option<Value> {
    let data = match path {
        "/api/v1/alerts" => {
            let alerts: Vec<Value> = state
                .monitor
                .active
                .values()
                .map(|a| {
                    json!({"labels": a.labels, "annotations": {}, "activeAt": time(state, a.since_us),
                        "state": if a.fired_us.is_some() { "firing" } else { "pending" }, "value": "1e+00"})
                })
                .collect();
            json!({"alerts": alerts})
        }
        "/api/v1/rules" => {
            let rules: Vec<Value> = state
                .monitor
                .rules
                .iter()
                .map(|r| {
                    json!({"name": r.alert, "query": r.text, "duration": r.for_.0.as_secs_f64(), "labels": r.labels,
                        "health": "ok", "type": "alerting", "lastError": ""})
                })
                .collect();
            json!({"groups": [{"name": "simulated", "interval": state.monitor.every.0.as_secs_f64(), "rules": rules}]})
        }
        "/api/v1/query" => {
            let now = state.wall().as_millisecond() as f64 / 1000.0;
            json!({"resultType": "scalar", "result": [now, format!("{now:.3}")]})
        }
        _ => return None,
    };
    Some(json!({"status": "success", "data": data}))
}

/// `/api/v2/…` of Alertmanager.
pub(super) fn alertmanager(state: &State, path: &str) -> Option<Value> {
    let monitor = &state.monitor;
    match path {
        "/api/v2/alerts" => Some(monitor.active.values().filter_map(|a| received(state, a)).collect()),
        "/api/v2/silences" => Some(
            monitor
                .silences
                .iter()
                .enumerate()
                .map(|(i, matchers)| {
                    let matchers: Vec<Value> = matchers
                        .iter()
                        .map(|(n, v)| json!({"name": n, "value": v, "isRegex": false, "isEqual": true}))
                        .collect();
                    json!({"id": format!("silence-{i}"), "createdBy": "the description", "comment": "",
                        "status": {"state": "active"}, "matchers": matchers})
                })
                .collect(),
        ),
        "/api/v2/status" => Some(json!({"config": {"original": configuration(monitor)}})),
        _ => None,
    }
}

/// An alert as Alertmanager shows it; none that only is pending in Prometheus.
fn received(state: &State, alert: &Active) -> Option<Value> {
    let monitor = &state.monitor;
    let fired = alert.fired_us?;
    let silences = monitor.silences.iter().enumerate().filter(|(_, matchers)| carries(&alert.labels, matchers));
    let silenced: Vec<String> = silences.map(|(i, _)| format!("silence-{i}")).collect();
    let inhibited: Vec<String> = monitor.inhibit.iter().filter_map(|rule| inhibitor(monitor, rule, alert)).collect();
    let word = if silenced.is_empty() && inhibited.is_empty() { "active" } else { "suppressed" };
    Some(json!({"labels": alert.labels, "annotations": {}, "startsAt": time(state, fired),
        "receivers": [{"name": monitor.receiver}],
        "status": {"state": word, "silencedBy": silenced, "inhibitedBy": inhibited, "mutedBy": []}}))
}

/// The firing alert that keeps another quiet by a rule. As in Alertmanager, one
/// that is on both sides of a rule does not inhibit itself or its like.
fn inhibitor(monitor: &Monitor, rule: &Inhibition, alert: &Active) -> Option<String> {
    if !carries(&alert.labels, &rule.target) || carries(&alert.labels, &rule.source) {
        return None;
    }
    let same = |other: &Active| rule.equal.iter().all(|l| other.labels.get(l) == alert.labels.get(l));
    let source = monitor
        .active
        .iter()
        .find(|(_, other)| other.fired_us.is_some() && carries(&other.labels, &rule.source) && same(other));
    source.map(|((rule, _), other)| format!("{}-{rule}", other.labels.get("alertname").map_or("", String::as_str)))
}

fn carries(labels: &Labels, matchers: &BTreeMap<String, String>) -> bool {
    matchers.iter().all(|(k, v)| labels.get(k) == Some(v))
}

fn configuration(monitor: &Monitor) -> String {
    let rules: Vec<Value> = monitor
        .inhibit
        .iter()
        .map(|r| json!({"source_match": r.source, "target_match": r.target, "equal": r.equal}))
        .collect();
    // JSON is YAML, in which the real one answers.
    let receiver = &monitor.receiver;
    let mut route = json!({"receiver": receiver});
    if let Some(wait) = monitor.group_wait {
        route["group_wait"] = wait.to_string().into();
    }
    json!({"route": route, "receivers": [{"name": receiver}], "inhibit_rules": rules}).to_string()
}

impl State {
    /// Whether a monitoring program can run: outside of the cluster it always does.
    pub(super) fn monitoring_lives(&self, name: &str) -> bool {
        let pods = self.store.pods_labelled("app.kubernetes.io/name", name);
        pods.is_empty()
            || pods
                .iter()
                .any(|p| fields::condition(p, "Ready") == "True" && self.lives(fields::text(p, "/spec/nodeName")))
    }
}
