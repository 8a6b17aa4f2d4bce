//! Prometheus and Alertmanager of the simulated cluster: rules with `for`, silences, inhibitions, a receiver. The
//! configuration contains group_wait because the pre-flight reads it. No notifications are sent: a drill judges by what
//! Alertmanager shows. PromQL that the evaluator does not support is refused when the cluster is created, and the
//! refusal names it; it never counts as an alert that does not fire. Start with [`Monitor`].

mod answers;

use std::collections::{BTreeMap, BTreeSet};

use answers::{alertmanager, prometheus};

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

/// An alert that is pending or firing.
#[derive(Clone, Debug)]
pub(super) struct Active {
    labels: Labels,
    since_us: u64,
    /// When it began to fire and was sent to Alertmanager.
    fired_us: Option<u64>,
}

impl Active {
    /// Whether it is firing and has this name.
    pub(super) fn fires_as(&self, alert: &str) -> bool {
        self.fired_us.is_some() && self.labels.get("alertname").is_some_and(|name| name == alert)
    }
}

/// Alerts by the number of their rule and by their labels.
type Actives = BTreeMap<(usize, String), Active>;

/// An active silence.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    pub id: String,
    pub by: String,
    pub comment: String,
    pub matchers: BTreeMap<String, String>,
}

/// One Alertmanager.
#[derive(Clone, Debug, Default)]
pub(super) struct Alertmanager {
    pub receiver: String,
    pub group_wait: Option<Dur>,
    pub silences: Vec<Silence>,
    pub inhibit: Vec<Inhibition>,
    /// Since when it receives nothing, and which alerts it had then.
    pub cut: Option<(u64, Actives)>,
}

/// How long Alertmanager keeps an alert that is not sent again. Prometheus sets this time: four times the minute after
/// which it sends an alert again.
const HOLDS_US: u64 = 240_000_000;

/// The alerts of an Alertmanager that has received none for too long.
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

    /// The alerts that it received and still keeps.
    fn holds<'a>(&'a self, monitor: &'a Monitor, now_us: u64) -> &'a Actives {
        match &self.cut {
            None => &monitor.active,
            Some((since, held)) if now_us < since + HOLDS_US => held,
            Some(_) => &NOTHING,
        }
    }
}

/// Prometheus and all Alertmanagers.
#[derive(Clone, Debug, Default)]
pub(super) struct Monitor {
    pub rules: Vec<Rule>,
    pub every: Dur,
    pub alertmanagers: BTreeMap<String, Alertmanager>,
    pub active: Actives,
    /// When each rule was last evaluated, by its number.
    pub evaluated_us: BTreeMap<usize, u64>,
    /// The lists of alerts that were asked for since they last changed, by host and path.
    pub kept: BTreeMap<(String, String), Vec<u8>>,
}

/// Scrapes the metrics and evaluates every rule once.
pub(super) fn evaluate(state: &mut State) {
    let every = state.monitor.every.0;
    state.schedule(every, Timer::Evaluate);
    if !state.monitoring_lives("prometheus") {
        return;
    }
    let now = state.now_us;
    let rules = std::mem::take(&mut state.monitor.rules);
    let (mut seen, mut changed) = (BTreeSet::new(), false);
    for (at, rule) in rules.iter().enumerate() {
        if let Some(does) = state.rule_lie(&rule.alert) {
            // Active alerts stay active, because no evaluation says that they are over.
            seen.extend(state.monitor.active.keys().filter(|(of, _)| *of == at).cloned());
            if does == RuleDoes::Fails {
                state.monitor.evaluated_us.insert(at, now);
            }
            continue;
        }
        state.monitor.evaluated_us.insert(at, now);
        // The expression was checked when the cluster was created, so it contains nothing that cannot be evaluated.
        for (labels, _) in promql::evaluate(&rule.expr, state).unwrap_or_default() {
            let mut labels = labels;
            labels.remove("__name__");
            labels.insert("alertname".into(), rule.alert.clone());
            labels.extend(rule.labels.clone());
            let key = (at, format!("{labels:?}"));
            let active = state.monitor.active.entry(key.clone()).or_insert_with(|| {
                changed = true;
                Active { labels, since_us: now, fired_us: None }
            });
            if active.fired_us.is_none() && now - active.since_us >= rule.for_.micros() {
                active.fired_us = Some(now);
                changed = true;
            }
            seen.insert(key);
        }
    }
    state.monitor.rules = rules;
    let before = state.monitor.active.len();
    state.monitor.active.retain(|key, _| seen.contains(key));
    if changed || state.monitor.active.len() != before {
        state.monitor.kept.clear();
    }
}

/// The answer of Prometheus or of an Alertmanager to a request. The drill asks for the alerts every second, and they
/// change seldom. Entries of `happens:` may change them at any time, so with such entries nothing is kept.
pub(super) fn answer(state: &mut State, host: &str, path: &str) -> Option<Vec<u8>> {
    let lists_alerts = matches!(path, "/api/v1/alerts" | "/api/v2/alerts") && state.script.is_empty();
    let key = (host.to_owned(), path.to_owned());
    if let Some(kept) = state.monitor.kept.get(&key).filter(|_| lists_alerts) {
        return Some(kept.clone());
    }
    let answer = if host == "prometheus" { prometheus(state, path) } else { alertmanager(state, host, path) };
    if let Some(answer) = answer.as_ref().filter(|_| lists_alerts) {
        state.monitor.kept.insert(key, answer.clone());
    }
    answer
}

impl State {
    /// Whether a monitoring program can run. A program outside the cluster always can.
    pub(super) fn monitoring_lives(&self, name: &str) -> bool {
        let pods = self.store.pods_labelled("app.kubernetes.io/name", name);
        pods.is_empty()
            || pods
                .iter()
                .any(|p| fields::condition(p, "Ready") == "True" && self.lives(fields::text(p, "/spec/nodeName")))
    }
}
