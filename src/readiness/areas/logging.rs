//! Logs: collected everywhere, kept, and elsewhere.

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
        look::{is_withheld, list, seconds, text},
        picture::{Picture, Work},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "LOG-001",
        name: "log-collector-everywhere",
        title: "Logs are collected on every node",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "A DaemonSet of fluent-bit, fluentd, vector, alloy, promtail, an OpenTelemetry collector, filebeat or datadog has all pods ready, on as many nodes as there are.",
        fix: "Let it tolerate all taints; restore the DaemonSet",
        why: "The node without a collector is the one whose logs are asked for.",
        run: collectors,
    },
    Check {
        id: "LOG-002",
        name: "log-backend",
        title: "The store of logs survives what it is to tell of",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE, REGION],
        needs: Needs::Cluster,
        rule: "Each LokiStack is Ready; an Elasticsearch of the operator is green or yellow (yellow is medium) and has 2 nodes or more; a Loki configuration has a replication_factor of 2 or more and an object store, not the file system. Without either this is unknown until it is attested.",
        fix: "Replication of 2 or more, and object storage outside the failure domain",
        why: "Logs that were lost with the zone explain nothing.",
        run: backend,
    },
    Check {
        id: "LOG-003",
        name: "log-retention",
        title: "Logs are kept, and the limit is enforced",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A Loki configuration has retention_period of 30 days or more and compactor.retention_enabled: with the first alone it looks configured and does nothing.",
        fix: "Enable the compactor's retention, or a lifecycle policy",
        why: "The audit asks for them after a month.",
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
        rule: "Of the last 50 lines of one pod of each workload 80 % are JSON or logfmt. Only asked with --sample-logs; only the counts are kept.",
        fix: "Log JSON or key=value",
        why: "In an outage logs are searched by fields, not by phrases.",
        run: structured,
    },
    Check {
        id: "LOG-005",
        name: "log-alerting",
        title: "There are alerts on logs",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "There is an AlertingRule of Loki, rules for Loki's ruler in a ConfigMap, a GrafanaAlertRuleGroup, an ElastAlert configuration, or a monitor of Datadog of type `log alert` (a DatadogMonitor, or by its API).",
        fix: "Alert on the lines that precede an outage",
        why: "Some failures are told by a log line alone.",
        run: log_alerts,
    },
];

fn structured(p: &Picture<'_>, say: &mut Say) {
    let Some(logs) = &p.shelf.readings.logs else {
        return say.skip(Subject::default(), "logs are looked at with --sample-logs only");
    };
    for work in &p.works {
        let told = p
            .pods(work)
            .into_iter()
            .find_map(|pod| logs.get(&format!("{}/{}", pod.metadata.namespace, pod.metadata.name)));
        match told {
            None => {}
            Some(Err(why)) => say.unknown(work, Unseen::NoData, why),
            Some(Ok((0, _))) => say.skip(work, "it logged nothing"),
            Some(Ok((lines, good))) if good * 5 < lines * 4 => {
                say.fail(work, "", format!("{good} of {lines} lines are structured"));
            }
            Some(Ok(_)) => say.pass(work),
        }
    }
}

fn log_alerts(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("ConfigMap") {
        return say.gap(gap);
    }
    let rules = p.shelf.any("AlertingRule.loki.grafana.com").iter();
    let grafana = p.shelf.any("GrafanaAlertRuleGroup.grafana.integreatly.org").iter();
    let datadog = p.shelf.any("DatadogMonitor.datadoghq.com").iter().filter(|m| m.text("/spec/type") == "log alert");
    let held = p.shelf.any("ConfigMap").iter().filter(|c| {
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
    if found.is_empty() && p.shelf.any("ConfigMap").iter().any(|c| is_withheld(c, |_| true)) {
        return say.unknown(Subject::default(), Unseen::NoData, WITHHELD);
    }
    if found.is_empty() {
        return say.fail(Subject::default(), "", "nothing alerts on logs");
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
    if let Err(gap) = p.shelf.all("DaemonSet.apps").and(p.shelf.all("Node")) {
        return say.gap(gap);
    }
    let found: Vec<&Work<'_>> = everything(p).filter(|w| w.kind == "DaemonSet" && has_image(w, &LOGGERS)).collect();
    if found.is_empty() {
        return say.fail(Subject::default(), "", "no DaemonSet that is known here collects logs");
    }
    let nodes = u64::try_from(p.shelf.nodes.len()).unwrap_or(0);
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

const WITHHELD: &str = "the capture leaves out what ConfigMaps hold";

/// Configurations of Loki in ConfigMaps; says so where a capture left out what may be one.
fn loki<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<(&'a Object, Value)> {
    let may_be = |key: &str| key == "config.yaml" || key.contains("loki");
    if p.shelf.any("ConfigMap").iter().any(|config| is_withheld(config, may_be)) {
        say.unknown(Subject::default(), Unseen::NoData, format!("{WITHHELD}: a configuration of Loki is not seen"));
    }
    let mut found = vec![];
    for config in p.shelf.any("ConfigMap") {
        for (key, value) in config.map("/data").into_iter().flatten() {
            let value = value.as_str().unwrap_or("");
            let is = may_be(key) && value.contains("schema_config") && value.contains("limits_config");
            if let Some(parsed) = is.then(|| serde_saphyr::from_str::<Value>(value).ok()).flatten() {
                found.push((config, parsed));
            }
        }
    }
    found
}

fn backend(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.shelf.all("ConfigMap") {
        return say.gap(gap);
    }
    let stacks = p.all("LokiStack.loki.grafana.com", say);
    for stack in stacks {
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
            "green" | "yellow" if nodes < 2 => {
                say.fail(cluster, "/spec/nodeSets", format!("{nodes} node: no copy of anything"))
            }
            "green" => say.pass(cluster),
            "yellow" => say.fail_as(Severity::Medium, cluster, "/status/health", "yellow: some copies are missing"),
            "" => say.unknown(cluster, Unseen::NoData, "its operator has not said how it is"),
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
    if stacks.is_empty() && configs.is_empty() && elastic.is_empty() {
        say.unknown(
            Subject::default(),
            Unseen::NoData,
            "no store of logs is seen in the cluster: attest where they are",
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
            wrong.push("no retention_period: logs are kept for ever".into());
        } else if kept < 30.0 * 86_400.0 {
            wrong.push(format!("logs are kept for {:.0} days", kept / 86_400.0));
        }
        say.judge(config, "/data", &wrong);
    }
}
