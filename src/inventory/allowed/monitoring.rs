//! What a capture may contain of the answers of the monitoring.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{
        LEFT_OUT,
        addresses::without_logins,
        readings::{AlertmanagerReading, PrometheusReading, Readings},
        yaml_mistake,
    },
    fields::Fields,
    keep::Keep::{Host, There, Value as Plain},
};

/// Labels of an alert that show where it fires. All other labels of rules or targets are left out.
const LABELS: [&str; 14] = [
    "alertname",
    "severity",
    "namespace",
    "pod",
    "container",
    "node",
    "instance",
    "job",
    "service",
    "deployment",
    "statefulset",
    "daemonset",
    "persistentvolumeclaim",
    "zone",
];

/// The answers in the form in which they are kept.
pub(in super::super) fn said(readings: &Readings) -> Readings {
    let mut kept = readings.clone();
    kept.prometheus.iter_mut().for_each(prometheus);
    kept.alertmanagers.iter_mut().for_each(alertmanager);
    if let Some(Err(why)) = &mut kept.datadog {
        *why = without_logins(why).into_owned();
    }
    kept
}

fn prometheus(said: &mut PrometheusReading) {
    for rule in said.rules.iter_mut().flatten() {
        if !rule.last_error.is_empty() {
            rule.last_error = LEFT_OUT.into();
        }
    }
    for alert in said.alerts.iter_mut().flatten() {
        alert.labels.retain(|name, _| LABELS.contains(&name.as_str()));
    }
    let samples = said.samples.values_mut().filter_map(|answer| answer.as_mut().err());
    let errors = [said.rules.as_mut().err(), said.alerts.as_mut().err(), said.receivers.as_mut().err()];
    for why in errors.into_iter().flatten().chain(said.selectors.as_mut().err()).chain(samples) {
        *why = without_logins(why).into_owned();
    }
}

fn alertmanager(said: &mut AlertmanagerReading) {
    said.url = without_logins(&said.url).into_owned();
    if let Err(why) = &mut said.silences {
        *why = without_logins(why).into_owned();
    }
    said.configuration = match &said.configuration {
        Ok(text) => configuration(text),
        Err(why) => Err(without_logins(why).into_owned()),
    };
}

/// The routes, and the types of integrations of each receiver. Alertmanager itself hides most secrets in its answer,
/// but not all of them in every version.
fn configuration(text: &str) -> Result<String, String> {
    let whole: Value =
        serde_saphyr::from_str(text).map_err(|e| format!("cannot read its configuration: {}", yaml_mistake(&e)))?;
    let mut receivers = Fields::default();
    receivers.list("", &[(Plain, "/*", "name"), (There, "/*", "*"), (Host, "/*", "webhook_configs/*/url")]);
    let receivers = receivers.of(&whole["receivers"]).unwrap_or_default();
    Ok(json!({"route": route(&whole["route"]), "receivers": receivers}).to_string())
}

/// A route and its child routes.
fn route(whole: &Value) -> Value {
    let mut kept = BTreeMap::new();
    for name in ["receiver", "repeat_interval", "group_wait", "continue", "match", "match_re", "matchers"] {
        if !whole[name].is_null() {
            kept.insert(name, whole[name].clone());
        }
    }
    if let Some(below) = whole["routes"].as_array() {
        kept.insert("routes", below.iter().map(route).collect());
    }
    json!(kept)
}
