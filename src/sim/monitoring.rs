//! Prometheus and Alertmanager of the simulated cluster: rules with `for`,
//! silences, inhibitions, a receiver. group_wait is in its configuration, which the
//! pre-flight reads; nobody is told, as a drill judges by what Alertmanager shows. What
//! this evaluator of PromQL does not know is refused by name when the cluster is made,
//! never taken for silence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    describe::{AlertmanagerSpec, Inhibition},
    fields,
    happens::RuleDoes,
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

impl Active {
    /// Whether it fires, by this name.
    pub(super) fn fires_as(&self, alert: &str) -> bool {
        self.fired_us.is_some() && self.labels.get("alertname").is_some_and(|name| name == alert)
    }
}

/// By rule and labels.
type Actives = BTreeMap<(usize, String), Active>;

/// A silence in force.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    pub id: String,
    pub by: String,
    pub comment: String,
    pub matchers: BTreeMap<String, String>,
}

/// One Alertmanager.
#[derive(Debug, Default)]
pub(super) struct Alertmanager {
    pub receiver: String,
    pub group_wait: Option<Dur>,
    pub silences: Vec<Silence>,
    pub inhibit: Vec<Inhibition>,
    /// Since when nothing reaches it, and what it holds since then.
    pub cut: Option<(u64, Actives)>,
}

/// How long Alertmanager holds an alert that is not sent again: Prometheus says so, four
/// times the minute after which it sends an alert again.
const HOLDS_US: u64 = 240_000_000;

/// What an Alertmanager says where none is asked to say more.
static NOTHING: Actives = Actives::new();

impl Alertmanager {
    pub(super) fn of(spec: &AlertmanagerSpec) -> Self {
        let silence = |(i, matchers): (usize, &BTreeMap<String, String>)| Silence {
            id: format!("silence-{i}"),
            by: "the description".into(),
            comment: String::new(),
            matchers: matchers.clone(),
        };
        Self {
            receiver: if spec.receiver.is_empty() { "oncall".into() } else { spec.receiver.clone() },
            group_wait: spec.group_wait,
            silences: spec.silences.iter().enumerate().map(silence).collect(),
            inhibit: spec.inhibit.clone(),
            cut: None,
        }
    }

    /// The alerts that it was sent.
    fn holds<'a>(&'a self, monitor: &'a Monitor, now_us: u64) -> &'a Actives {
        match &self.cut {
            None => &monitor.active,
            Some((since, held)) if now_us < since + HOLDS_US => held,
            Some(_) => &NOTHING,
        }
    }
}

/// All programs of the monitoring.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    pub rules: Vec<Rule>,
    pub every: Dur,
    pub alertmanagers: BTreeMap<String, Alertmanager>,
    pub active: Actives,
    /// When each rule was evaluated last, in order.
    pub evaluated_us: BTreeMap<usize, u64>,
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
        if let Some(does) = state.rule_lie(&rule.alert) {
            // What was active stays so, as nothing says that it is over.
            seen.extend(state.monitor.active.keys().filter(|(of, _)| *of == at).cloned());
            if does == RuleDoes::Fails {
                state.monitor.evaluated_us.insert(at, now);
            }
            continue;
        }
        state.monitor.evaluated_us.insert(at, now);
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

/// Prometheus stamps an alert, and Alertmanager takes its word.
fn time(state: &State, us: u64) -> String {
    state.by_clock_of("prometheus", us).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
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
            let rules: Vec<Value> = state.monitor.rules.iter().enumerate().map(|(at, r)| rule(state, at, r)).collect();
            json!({"groups": [{"name": "simulated", "interval": state.monitor.every.0.as_secs_f64(), "rules": rules}]})
        }
        "/api/v1/query" => {
            let now = state.by_clock_of("prometheus", state.now_us).as_millisecond() as f64 / 1000.0;
            json!({"resultType": "scalar", "result": [now, format!("{now:.3}")]})
        }
        _ => return None,
    };
    Some(json!({"status": "success", "data": data}))
}

/// A rule as Prometheus shows it.
fn rule(state: &State, at: usize, rule: &Rule) -> Value {
    let fails = state.rule_lie(&rule.alert) == Some(RuleDoes::Fails);
    let evaluated = state.monitor.evaluated_us.get(&at).map(|us| time(state, *us));
    json!({"name": rule.alert, "query": rule.text, "duration": rule.for_.0.as_secs_f64(), "labels": rule.labels,
        "health": if fails { "err" } else { "ok" }, "type": "alerting", "lastEvaluation": evaluated,
        "lastError": if fails { "query processing would load too many samples into memory in query execution" } else { "" }})
}

/// `/api/v2/…` of an Alertmanager.
pub(super) fn alertmanager(state: &State, name: &str, path: &str) -> Option<Value> {
    let manager = state.monitor.alertmanagers.get(name)?;
    match path {
        "/api/v2/alerts" => {
            let held = manager.holds(&state.monitor, state.now_us);
            Some(held.values().filter_map(|a| received(state, manager, held, a)).collect())
        }
        "/api/v2/silences" => Some(
            manager
                .silences
                .iter()
                .map(|silence| {
                    let matchers: Vec<Value> = silence
                        .matchers
                        .iter()
                        .map(|(n, v)| json!({"name": n, "value": v, "isRegex": false, "isEqual": true}))
                        .collect();
                    json!({"id": silence.id, "createdBy": silence.by, "comment": silence.comment,
                        "status": {"state": "active"}, "matchers": matchers})
                })
                .collect(),
        ),
        "/api/v2/status" => Some(json!({"config": {"original": configuration(manager)}})),
        _ => None,
    }
}

/// An alert as Alertmanager shows it; none that only is pending in Prometheus.
fn received(state: &State, manager: &Alertmanager, held: &Actives, alert: &Active) -> Option<Value> {
    let fired = alert.fired_us?;
    let silences = manager.silences.iter().filter(|silence| carries(&alert.labels, &silence.matchers));
    let silenced: Vec<String> = silences.map(|silence| silence.id.clone()).collect();
    let inhibited: Vec<String> = manager.inhibit.iter().filter_map(|rule| inhibitor(held, rule, alert)).collect();
    let word = if silenced.is_empty() && inhibited.is_empty() { "active" } else { "suppressed" };
    Some(json!({"labels": alert.labels, "annotations": {}, "startsAt": time(state, fired),
        "receivers": [{"name": manager.receiver}],
        "status": {"state": word, "silencedBy": silenced, "inhibitedBy": inhibited, "mutedBy": []}}))
}

/// The firing alert that keeps another quiet by a rule. As in Alertmanager, one
/// that is on both sides of a rule does not inhibit itself or its like.
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
    // JSON is YAML, in which the real one answers.
    let receiver = &manager.receiver;
    let mut route = json!({"receiver": receiver, "group_by": ["alertname"]});
    if let Some(wait) = manager.group_wait {
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
