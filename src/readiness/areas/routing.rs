//! Whether alerts reach a receiver. The routes come from Alertmanager itself, from the Secret of
//! an Alertmanager of the operator, and from AlertmanagerConfigs.

use std::{collections::BTreeMap, io::Read};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    alarms::{is_constant, prometheus},
    datadog,
    metrics::MANAGER,
};
use crate::{
    inventory::{LEFT_OUT, Object, yaml_mistake},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ALERTS, Check, Needs, REGION, Say, ZONE},
        picture::Picture,
        values::{fits, host, is_everything, list, no_data, seconds, selector, text},
    },
};

/// The largest size to which a compressed configuration may expand. A Secret holds at most 1 MiB.
const UNPACKED: u64 = 16 << 20;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "ALR-004",
        name: "alert-routing",
        title: "Critical alerts reach a receiver",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ALERTS],
        needs: Needs::Manifests,
        rule: "Prometheus sends to at least one Alertmanager (unknown if only spec.additionalAlertManagerConfigs names them). In the configuration of each Alertmanager, alerts with severity=critical, and alerts that match no route, end in a receiver with an integration. The configuration comes from Alertmanager itself or, if none was named, from the Secret of the operator's Alertmanager, if files contain it or it may be read (--read-secrets NAMESPACE/NAME). Files without an Alertmanager, an AlertmanagerConfig or a Prometheus are not examined. An Alertmanager selects each AlertmanagerConfig, and the receiver of its route has an integration. At least one monitor of Datadog names a recipient in its message; a monitor that names none is medium, because Datadog's notification rules cannot be seen.",
        fix: "Add an integration (webhook, pager, mail, chat) to the receiver, and route severity=critical to it",
        why: "Nobody is paged for an alert without a receiver.",
        run: routing,
    },
    Check {
        id: "ALR-005",
        name: "dead-mans-switch",
        title: "An alert that always fires is sent out of the cluster",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE, REGION],
        needs: Needs::Cluster,
        rule: "A rule with the expression vector(1) is loaded and its alert fires. Each Alertmanager sends this alert at least once an hour (repeat_interval) to a webhook outside the cluster, PagerDuty, Opsgenie or VictorOps. With Datadog instead of Prometheus, a monitor that names a recipient reports missing data (notify_no_data).",
        fix: "Load a rule Watchdog with expr: vector(1); route it to an external service that raises an alarm when the alert stops",
        why: "If the monitoring is lost with the zone, the end of this alert is the only sign.",
        run: dead_man,
    },
];

/// The configuration of an Alertmanager.
struct Routes {
    url: String,
    config: Value,
}

fn routes(p: &Picture<'_>, say: &mut Say) -> Vec<Routes> {
    let parse = |text: &str| {
        serde_saphyr::from_str::<Value>(text)
            .map_err(|e| format!("its configuration cannot be read: {}", yaml_mistake(&e)))
    };
    let mut found = vec![];
    let peers = &p.object_set.readings.alertmanagers;
    for peer in peers {
        match peer.configuration.clone().and_then(|text| parse(&text)) {
            Ok(config) => found.push(Routes { url: peer.url.clone(), config }),
            Err(why) => no_data(say, why),
        }
    }
    let operated = if peers.is_empty() { p.object_set.any(MANAGER) } else { &[] };
    for manager in operated {
        let secret = secret_of(manager);
        match held(p, &manager.metadata.namespace, &secret).and_then(|text| parse(&text)) {
            Ok(config) => found.push(Routes { url: format!("Secret {}/{secret}", manager.metadata.namespace), config }),
            Err(why) if p.is_cluster() => say.unknown(manager, Unseen::NoData, why),
            Err(_) => {
                let namespace = &manager.metadata.namespace;
                let text = format!("not in these files: Secret {namespace}/{secret} with its configuration");
                say.unresolved(manager, "/spec/configSecret", text);
            }
        }
    }
    if peers.is_empty() && operated.is_empty() && p.is_cluster() {
        no_data(say, "no Alertmanager was named (--alertmanager URL, or `alertmanager` in the bindings)");
    }
    found
}

/// The Secret with the configuration of an Alertmanager of the operator.
fn secret_of(manager: &Object) -> String {
    match manager.text("/spec/configSecret") {
        "" => format!("alertmanager-{}", manager.metadata.name),
        name => name.to_owned(),
    }
}

/// The configuration of Alertmanager in a Secret, plain or compressed.
fn held(p: &Picture<'_>, namespace: &str, name: &str) -> Result<String, String> {
    let allow = || {
        format!(
            "its configuration is in Secret {namespace}/{name}: name the Alertmanager (--alertmanager URL), or let the Secret be read (--read-secrets {namespace}/{name})"
        )
    };
    let secret = p.object_set.find("Secret", namespace, name).ok_or_else(allow)?;
    if let Some(text) = secret.body["stringData"]["alertmanager.yaml"].as_str() {
        return Ok(text.to_owned());
    }
    let part = |key: &str| secret.body["data"][key].as_str().filter(|t| *t != LEFT_OUT);
    let (text, packed) = match (part("alertmanager.yaml"), part("alertmanager.yaml.gz")) {
        (Some(text), _) => (text, false),
        (None, Some(text)) => (text, true),
        (None, None) => return Err(allow()),
    };
    // The errors of the decoders may contain a part of the Secret, so they are not shown.
    let wrong = |what: &str| format!("Secret {namespace}/{name} cannot be read: its configuration is not {what}");
    let bytes = STANDARD.decode(text).map_err(|_| wrong("Base64"))?;
    let mut config = String::new();
    if packed {
        flate2::read::GzDecoder::new(&bytes[..])
            .take(UNPACKED + 1)
            .read_to_string(&mut config)
            .map_err(|_| wrong("gzip of UTF-8"))?;
        if config.len() as u64 > UNPACKED {
            return Err(wrong(&format!("gzip of at most {} MiB", UNPACKED >> 20)));
        }
    } else {
        config = String::from_utf8(bytes).map_err(|_| wrong("UTF-8"))?;
    }
    Ok(config)
}

/// Where an alert goes: each receiver, and its repeat_interval.
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

/// Whether the matchers of a route match an alert with these labels.
fn meets(route: &Value, labels: &BTreeMap<&str, &str>) -> bool {
    let has = |name: &str| labels.get(name).copied().unwrap_or("");
    let each = |field: &str| route[field].as_object().cloned().unwrap_or_default();
    each("match").iter().all(|(name, value)| Some(has(name)) == value.as_str())
        && each("match_re").iter().all(|(name, value)| fits(value.as_str().unwrap_or(""), has(name)))
        && list(route, "/matchers").iter().all(|m| matcher(m.as_str().unwrap_or(""), labels))
}

/// Whether one or several matchers match: `severity=~"critical|page"`, `{a="b", c!="d"}`.
fn matcher(text: &str, labels: &BTreeMap<&str, &str>) -> bool {
    let inner = text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let mut quoted = false;
    let parts = inner.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.filter(|part| !part.trim().is_empty()).all(|part| one_matcher(part, labels))
}

fn one_matcher(text: &str, labels: &BTreeMap<&str, &str>) -> bool {
    let Some(at) = text.find(['=', '!']) else { return false };
    let (name, rest) = text.split_at(at);
    let has = labels.get(name.trim().trim_matches('"')).copied().unwrap_or("");
    let value = |rest: &str| rest.trim().trim_matches('"').to_owned();
    match rest.get(..2) {
        Some("=~") => fits(&value(&rest[2..]), has),
        Some("!~") => !fits(&value(&rest[2..]), has),
        Some("!=") => value(&rest[2..]) != has,
        _ => value(&rest[1..]) == has,
    }
}

/// The kinds of integration that a receiver has.
fn integrations<'a>(config: &'a Value, receiver: &str) -> Vec<&'a str> {
    let found = list(config, "/receivers").iter().find(|r| text(r, "/name") == receiver);
    let all = found.and_then(Value::as_object).into_iter().flatten();
    all.filter(|(_, v)| v.as_array().is_some_and(|a| !a.is_empty()))
        .filter_map(|(key, _)| key.strip_suffix("_configs"))
        .collect()
}

/// The default of repeat_interval in Alertmanager.
const REPEAT: &str = "4h";

fn routing(p: &Picture<'_>, say: &mut Say) {
    datadog::routing(p, say);
    if datadog::instead(p) && p.object_set.readings.alertmanagers.is_empty() && p.object_set.any(MANAGER).is_empty() {
        return;
    }
    let named = p.is_cluster() && (p.object_set.readings.prometheus.is_some() || p.object_set.any(MANAGER).is_empty());
    // If the operator runs Alertmanager, its objects show which Prometheus sends to it.
    if let Some(prometheus) = named.then(|| prometheus(p, say)).flatten() {
        let subject = Subject::named("Prometheus", "", "alerting");
        match &prometheus.receivers {
            Ok(0) => say.fail(subject, "", "Prometheus sends to no Alertmanager"),
            Ok(_) => say.pass(subject),
            Err(why) => no_data(say, why),
        }
    }
    for prometheus in p.object_set.any(super::metrics::PROMETHEUS).iter().filter(|_| !named) {
        let told = !prometheus.list("/spec/alerting/alertmanagers").is_empty();
        if told {
            say.pass(prometheus);
        } else if !prometheus.at("/spec/additionalAlertManagerConfigs").is_null() {
            let text = "its Alertmanagers are in a Secret (spec.additionalAlertManagerConfigs), which is not read";
            say.unresolved(prometheus, "/spec/additionalAlertManagerConfigs", text);
        } else {
            say.fail(prometheus, "/spec/alerting", "it sends to no Alertmanager (spec.alerting)");
        }
    }
    configurations(p, say);
    for Routes { url, config } in routes(p, say) {
        let mut wrong = vec![];
        for (what, labels) in [
            ("an alert that matches no route", BTreeMap::new()),
            ("a critical alert", BTreeMap::from([("severity", "critical")])),
        ] {
            let mut ends = vec![];
            taken(&config["route"], &labels, ("", REPEAT), &mut ends);
            if ends.iter().all(|(receiver, _)| integrations(&config, receiver).is_empty()) {
                let names: Vec<&str> = ends.iter().map(|(receiver, _)| *receiver).collect();
                wrong.push(format!("{what} ends in receiver {}, which has no integration", names.join(", ")));
            }
        }
        say.judge(Subject::named("Alertmanager", "", &url), "", &wrong);
    }
}

const CONFIG: &str = "AlertmanagerConfig.monitoring.coreos.com";

/// AlertmanagerConfigs: whether an Alertmanager selects them, and whether their receivers have an
/// integration.
fn configurations(p: &Picture<'_>, say: &mut Say) {
    let picked = |o: &Object| {
        p.object_set.any(MANAGER).iter().any(|manager| {
            let chosen = selector(&manager.body, "/spec/alertmanagerConfigSelector");
            let spaces = selector(&manager.body, "/spec/alertmanagerConfigNamespaceSelector");
            let here = match spaces {
                None => manager.metadata.namespace == o.metadata.namespace,
                Some(s) => is_everything(&s) || s.matches(&p.labels_of_namespace(&o.metadata.namespace)),
            };
            let global = manager.text("/spec/alertmanagerConfiguration/name") == o.metadata.name;
            global || here && chosen.is_some_and(|s| s.matches(&o.metadata.labels))
        })
    };
    for config in p.all(CONFIG, say) {
        let mut wrong = vec![];
        if !picked(config) && (p.is_cluster() || !p.object_set.any(MANAGER).is_empty()) {
            wrong.push("no Alertmanager selects it: it is silently ignored".to_owned());
        }
        let receiver = config.text("/spec/route/receiver");
        let own = config.list("/spec/receivers").iter().find(|r| text(r, "/name") == receiver);
        let tells = own
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .any(|(key, all)| key.ends_with("Configs") && all.as_array().is_some_and(|a| !a.is_empty()));
        if !receiver.is_empty() && !tells {
            wrong.push(format!("its receiver {receiver} has no integration"));
        }
        say.judge(config, "/spec", &wrong);
    }
}

/// Integrations that can notice that an alert stopped.
const OUTSIDE: [&str; 4] = ["webhook", "pagerduty", "opsgenie", "victorops"];

/// Whether a receiver only calls Services of the cluster.
fn stays_inside(config: &Value, receiver: &str) -> bool {
    let found = list(config, "/receivers").iter().find(|r| text(r, "/name") == receiver);
    let hooks = found.map_or(&[][..], |r| list(r, "/webhook_configs"));
    let inside = |hook: &Value| {
        let host = host(text(hook, "/url"));
        host.ends_with(".svc") || host.ends_with(".svc.cluster.local")
    };
    !hooks.is_empty() && hooks.iter().all(inside) && integrations(config, receiver).len() == 1
}

fn dead_man(p: &Picture<'_>, say: &mut Say) {
    datadog::dead_man(p, say);
    if datadog::instead(p) {
        return;
    }
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
        return say.fail(subject, "", "it does not fire, although it always should");
    }
    let mut labels: BTreeMap<&str, &str> = rule.labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    labels.insert("alertname", &rule.name);
    for Routes { url, config } in routes(p, say) {
        let mut ends = vec![];
        taken(&config["route"], &labels, ("", REPEAT), &mut ends);
        let heard = |(receiver, repeat): &(&str, &str)| {
            let often = seconds(repeat).is_some_and(|s| s <= 3600.0);
            let outside = integrations(&config, receiver).iter().any(|i| OUTSIDE.contains(i));
            often && outside && !stays_inside(&config, receiver)
        };
        let told: Vec<String> = ends.iter().map(|(receiver, repeat)| format!("{receiver} every {repeat}")).collect();
        let subject = subject.clone().part(url);
        if ends.iter().any(heard) {
            say.pass(subject);
        } else {
            say.fail(
                subject,
                "",
                format!("it goes to {}: no external service receives it once an hour", told.join(", ")),
            );
        }
    }
}
