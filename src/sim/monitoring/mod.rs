//! Prometheus and Alertmanager of the simulated cluster: rules with `for`,
//! silences, inhibitions, a receiver. group_wait is in its configuration, which the
//! pre-flight reads; nobody is told, as a drill judges by what Alertmanager shows. What
//! this evaluator of PromQL does not know is refused by name when the cluster is made,
//! never taken for silence.

mod answers;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use answers::{alertmanager, prometheus};

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
#[derive(Clone, Debug, Default)]
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
#[derive(Clone, Debug, Default)]
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
