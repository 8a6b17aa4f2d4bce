//! Logs: collection on every node, the log store, retention, structure and alerts.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    datadog,
    metrics::{everything, has_image, is_ready},
};
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, REGION, Say, ZONE},
        picture::{Picture, Work},
        values::{is_withheld, list, seconds, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "LOG-001",
        name: "log-collector-everywhere",
        title: "A log collector runs on every node",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "A DaemonSet with the image of fluent-bit, fluentd, vector, alloy, promtail, an OpenTelemetry collector, filebeat or the Datadog agent exists. Each such DaemonSet is scheduled on as many nodes as the cluster has, and all its pods are ready.",
        fix: "Let the DaemonSet tolerate all taints; repair its pods",
        why: "In an outage, the logs of the node without a collector may be the ones that are needed.",
        run: collectors,
    },
    Check {
        id: "LOG-002",
        name: "log-backend",
        title: "The log store is healthy and replicated",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE, REGION],
        needs: Needs::Manifests,
        rule: "On a cluster, each LokiStack is Ready. Each Elasticsearch of the operator has at least 2 nodes and, on a cluster, is green (yellow is medium). Each Loki configuration in a ConfigMap (or, in files, in a Secret) has a replication_factor of at least 2 (3 by default) and does not store logs in the file system. Without any of them the result is unknown on a cluster until it is attested.",
        fix: "Use a replication of 2 or more, and object storage outside the failure domain",
        why: "Logs that are lost with the zone cannot explain the outage.",
        run: backend,
    },
    Check {
        id: "LOG-003",
        name: "log-retention",
        title: "Logs are kept for 30 days, and the retention is enforced",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A Loki configuration in a ConfigMap has limits_config.retention_period of at least 30 days, and compactor.retention_enabled is true. Without retention_enabled, retention_period has no effect.",
        fix: "Enable the compactor's retention, or use a lifecycle policy",
        why: "An audit may ask for the logs after a month.",
        run: retention,
    },
    Check {
        id: "LOG-004",
        name: "log-structured",
        title: "Logs are structured",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "At least 80 % of the last 50 lines of one pod of each workload are JSON or logfmt. Log lines are read only with --sample-logs, and only the counts are kept; without this flag the check is skipped.",
        fix: "Log JSON or key=value",
        why: "In an outage, logs are searched by fields and not by phrases.",
        run: structured,
    },
    Check {
        id: "LOG-005",
        name: "log-alerting",
        title: "Alerts on logs exist",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "At least one of these exists: an AlertingRule of Loki, rules for the ruler of Loki or an ElastAlert configuration in a ConfigMap, a GrafanaAlertRuleGroup, or a monitor of Datadog of type `log alert` (as a DatadogMonitor, or in its API).",
        fix: "Add alerts on the log lines that precede an outage",
        why: "Some failures show only in a log line.",
        run: log_alerts,
    },
];

fn structured(p: &Picture<'_>, say: &mut Say) {
    let Some(logs) = &p.object_set.readings.logs else {
        return say.skip(Subject::default(), "log lines are read only with --sample-logs");
    };
    for work in &p.works {
        let told = p
            .pods(work)
            .into_iter()
            .find_map(|pod| logs.get(&format!("{}/{}", pod.metadata.namespace, pod.metadata.name)));
        match told {
            None => {}
            Some(Err(why)) => say.unknown(work, Unseen::NoData, why),
            Some(Ok((0, _))) => say.skip(work, "it has no log lines"),
            Some(Ok((lines, good))) if good * 5 < lines * 4 => {
                say.fail(work, "", format!("{good} of {lines} lines are structured"));
            }
            Some(Ok(_)) => say.pass(work),
        }
    }
}

fn log_alerts(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("ConfigMap") {
        return say.gap(gap);
    }
    let rules = p.object_set.any("AlertingRule.loki.grafana.com").iter();
    let grafana = p.object_set.any("GrafanaAlertRuleGroup.grafana.integreatly.org").iter();
    let datadog =
        p.object_set.any("DatadogMonitor.datadoghq.com").iter().filter(|m| m.text("/spec/type") == "log alert");
    let held = p.object_set.any("ConfigMap").iter().filter(|c| {
        let of_loki = |t: &str| {
            t.contains("groups:")
                && t.contains("alert:")
                && (t.contains("|=") || t.contains("|~") || t.contains("rate({"))
        };
        let elastic = |t: &str| t.contains("es_host:") && t.contains("rules_folder:");
        c.map("/data").into_iter().flatten().filter_map(|(_, v)| v.as_str()).any(|t| of_loki(t) || elastic(t))
    });
    let monitors = datadog::monitors(p, say).unwrap_or_default();
    if let Some(monitor) = monitors.iter().find(|m| m.kind == "log alert") {
        return say.pass(Subject::named("Monitor", "", &monitor.name));
    }
    let found: Vec<&Object> = rules.chain(grafana).chain(datadog).chain(held).collect();
    if found.is_empty() && p.object_set.any("ConfigMap").iter().any(|c| is_withheld(c, |_| true)) {
        return say.unknown(Subject::default(), Unseen::NoData, WITHHELD);
    }
    if found.is_empty() {
        return say.fail(Subject::default(), "", "no alert on logs exists");
    }
    found.into_iter().for_each(|object| say.pass(object));
}

/// DaemonSets that collect logs, by a part of their image.
const LOGGERS: [&str; 9] = [
    "fluent-bit",
    "fluentd",
    "vector",
    "alloy",
    "promtail",
    "opentelemetry-collector",
    "otelcol",
    "filebeat",
    "datadog/agent",
];

fn collectors(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("DaemonSet.apps").and(p.object_set.all("Node")) {
        return say.gap(gap);
    }
    let found: Vec<&Work<'_>> = everything(p).filter(|w| w.kind == "DaemonSet" && has_image(w, &LOGGERS)).collect();
    if found.is_empty() {
        return say.fail(Subject::default(), "", "no DaemonSet of a known log collector exists");
    }
    let nodes = u64::try_from(p.object_set.nodes.len()).unwrap_or(0);
    for work in found {
        let on = work.object.at("/status/desiredNumberScheduled").as_u64().unwrap_or(0);
        if on < nodes {
            say.fail(work, "/spec/template/spec/tolerations", format!("it runs on {on} of {nodes} nodes"));
        } else if is_ready(work) {
            say.pass(work);
        } else {
            say.fail(work, "/status", "not all of its pods are ready");
        }
    }
}

const WITHHELD: &str = "the capture leaves out the values of ConfigMaps";

/// The text of a value: of a Secret, the values in `data` are encoded.
fn plain<'a>(object: &Object, value: &'a str) -> Cow<'a, str> {
    let decoded = || String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok();
    let encoded = *object.kind == *"Secret";
    encoded.then(decoded).flatten().map_or(Cow::Borrowed(value), Cow::Owned)
}

/// Configurations of Loki in ConfigMaps. Reports unknown if a capture left out a value that may be one.
fn loki<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<(&'a Object, Value)> {
    let may_be = |key: &str| key == "config.yaml" || key.contains("loki");
    if p.object_set.any("ConfigMap").iter().any(|config| is_withheld(config, may_be)) {
        say.unknown(
            Subject::default(),
            Unseen::NoData,
            format!("{WITHHELD}, and a configuration of Loki may be among them"),
        );
    }
    let mut found = vec![];
    let secrets = if p.is_cluster() { &[] } else { p.object_set.any("Secret") };
    for config in p.object_set.any("ConfigMap").iter().chain(secrets) {
        for (key, value) in ["/data", "/stringData"].iter().flat_map(|part| config.map(part)).flatten() {
            let value = plain(config, value.as_str().unwrap_or(""));
            let value = value.as_ref();
            let is = may_be(key) && value.contains("schema_config") && value.contains("limits_config");
            if let Some(parsed) = is.then(|| serde_saphyr::from_str::<Value>(value).ok()).flatten() {
                found.push((config, parsed));
            }
        }
    }
    found
}

fn backend(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("ConfigMap") {
        return say.gap(gap);
    }
    let stacks = p.all("LokiStack.loki.grafana.com", say);
    for stack in stacks.iter().filter(|_| p.is_cluster()) {
        if stack.condition("Ready") == "True" {
            say.pass(stack)
        } else {
            say.fail(stack, "/status/conditions", "it is not Ready")
        }
    }
    let elastic = p.all("Elasticsearch.elasticsearch.k8s.elastic.co", say);
    for cluster in elastic {
        let nodes: u64 = cluster.list("/spec/nodeSets").iter().filter_map(|s| s["count"].as_u64()).sum();
        match cluster.text("/status/health") {
            _ if nodes < 2 && (!p.is_cluster() || !cluster.text("/status/health").is_empty()) => {
                say.fail(cluster, "/spec/nodeSets", format!("it has {nodes} node, and so no copies"))
            }
            "" if !p.is_cluster() => say.pass(cluster),
            "green" => say.pass(cluster),
            "yellow" => {
                say.fail_as(Severity::Medium, cluster, "/status/health", "it is yellow: some copies are missing")
            }
            "" => say.unknown(cluster, Unseen::NoData, "its operator has not reported its health"),
            health => say.fail(cluster, "/status/health", format!("it is {health}")),
        }
    }
    let configs = loki(p, say);
    for (config, loki) in &configs {
        let factor =
            loki.pointer("/common/replication_factor").or(loki.pointer("/ingester/lifecycler/ring/replication_factor"));
        let factor = factor.and_then(Value::as_u64).unwrap_or(3);
        let mut wrong = vec![];
        if factor < 2 {
            wrong.push(format!("replication_factor is {factor}"));
        }
        let local = loki.pointer("/common/storage/filesystem").is_some()
            || list(loki, "/schema_config/configs").last().is_some_and(|c| text(c, "/object_store") == "filesystem");
        if local {
            wrong.push("it stores logs in the file system of its pod".into());
        }
        say.judge(*config, "/data", &wrong);
    }
    if p.is_cluster() && stacks.is_empty() && configs.is_empty() && elastic.is_empty() {
        say.unknown(
            Subject::default(),
            Unseen::NoData,
            "no log store can be seen in the cluster: attest where the logs are",
        );
    }
}

fn retention(p: &Picture<'_>, say: &mut Say) {
    for (config, loki) in loki(p, say) {
        let kept = seconds(text(&loki, "/limits_config/retention_period")).unwrap_or(0.0);
        let enforced = loki.pointer("/compactor/retention_enabled") == Some(&Value::Bool(true));
        let mut wrong = vec![];
        if kept > 0.0 && !enforced {
            wrong.push("retention_period without compactor.retention_enabled does nothing".to_owned());
        } else if kept == 0.0 {
            wrong.push("no retention_period: logs are never deleted".into());
        } else if kept < 30.0 * 86_400.0 {
            wrong.push(format!("logs are kept for {:.0} days", kept / 86_400.0));
        }
        say.judge(config, "/data", &wrong);
    }
}
