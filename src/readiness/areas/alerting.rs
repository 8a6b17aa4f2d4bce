//! Alerting rules and dashboards.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    datadog,
    metrics::{MANAGER, PROMETHEUS, everything, has_image, is_ready},
    monitors::{by_labels_of_namespace, by_ruler, pickers, refused},
};
use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ALERTS, Check, Needs, Say},
        picture::{Picture, Work},
        values::{is_withheld, list, seconds, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "ALR-001",
        name: "alert-families",
        title: "Alerts of all core families exist",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[ALERTS],
        needs: Needs::Manifests,
        rule: "The PrometheusRules, the rules that Prometheus has loaded and the monitors of Datadog together have an alert for each of these families: nodes not ready, pods in trouble, rollouts, capacity, budgets, volumes filling up, the API server, certificates, the monitoring itself, and backups. An alert belongs to a family by a usual name, or by a series in its expression. For backups, velero_backup_last_status alone does not count, because Velero sets it back to 1 every minute. Without any rules or monitors the result is unknown on a cluster. Files are examined only if they contain a Prometheus or Alertmanager: the rules of one application are not those of the cluster.",
        fix: "Install the rules of kubernetes-mixin, and rules for backups",
        why: "Without a rule, no alert can fire.",
        run: families,
    },
    Check {
        id: "ALR-002",
        name: "alert-rules-loaded",
        title: "Alerting rules are loaded and healthy",
        severity: Severity::High,
        class: Class::Blocks,
        gates: &[ALERTS],
        needs: Needs::Manifests,
        rule: "Each PrometheusRule is selected by the ruleSelector and ruleNamespaceSelector of a Prometheus or ThanosRuler (a missing selector selects none, {} all), and its status does not say that the operator rejected it for all of them. A rule with an expression that drillmaster cannot parse is unknown (in files, it does not block), because the operator leaves out a whole object if one of its expressions is wrong; so is one that a Prometheus may select by labels of a Namespace which files do not have. Each alerting rule that Prometheus has loaded is healthy and was evaluated within three of its intervals. PrometheusRules are skipped if the cluster has no Prometheus of the operator.",
        fix: "Correct the labels or the namespace; correct the syntax of the rule",
        why: "A rule that is not loaded never fires.",
        run: loaded,
    },
    Check {
        id: "ALR-008",
        name: "detect-latency",
        title: "Critical alerts fire within half of the RTO",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[],
        needs: Needs::Manifests,
        rule: "For each critical alert of the core families (see ALR-001) in a PrometheusRule, `for` plus 90 s (scrape, evaluation and grouping) is at most half of the shortest RTO of the readiness file. Without an RTO nothing is examined.",
        fix: "Shorten the `for` of the alerts that matter to the drill",
        why: "An alert that fires after the RTO comes too late.",
        run: latency,
    },
    Check {
        id: "DSH-001",
        name: "dashboard-available",
        title: "Dashboards exist as code",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "At least one of these exists: a ConfigMap with the label grafana_dashboard, a ConfigMap with a dashboard that a Grafana mounts as a volume, or a GrafanaDashboard. The JSON of each ConfigMap with the label has panels. Each Grafana that runs in the cluster has all its pods ready. Files without Grafana and without dashboards are not examined.",
        fix: "Provision Grafana with dashboards as code",
        why: "In an outage, nobody has time to build a dashboard.",
        run: dashboards,
    },
    Check {
        id: "DSH-002",
        name: "dashboard-covers-scope",
        title: "Dashboards show every namespace in scope",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "For each namespace in scope, an expression in a panel of a provisioned dashboard names it in quotes, or an expression uses a variable of the dashboard whose query lists namespaces. Whether the metrics exist is not examined. Without a readable dashboard the check is skipped.",
        fix: "Add a dashboard for the namespace, or one with a variable for the namespace",
        why: "Without a dashboard, nobody can watch the recovery.",
        run: covered,
    },
];

const RULE: &str = "PrometheusRule.monitoring.coreos.com";

/// The core families: usual names of alerts, and series in their expressions.
const FAMILIES: [(&str, &[&str], &[&str]); 10] = [
    (
        "nodes",
        &["KubeNodeNotReady", "KubeNodeUnreachable", "KubeletDown", "NodeNotReady"],
        &["kube_node_status_condition"],
    ),
    (
        "pods",
        &["KubePodCrashLooping", "KubePodNotReady", "KubeContainerWaiting"],
        &["kube_pod_container_status_waiting_reason", "kube_pod_status_phase"],
    ),
    (
        "rollouts",
        &["KubeDeploymentReplicasMismatch", "KubeStatefulSetReplicasMismatch", "KubeDaemonSetRolloutStuck"],
        &["kube_deployment_status_replicas_available", "kube_deployment_spec_replicas"],
    ),
    (
        "capacity",
        &["KubeCPUOvercommit", "KubeMemoryOvercommit", "KubeHpaMaxedOut"],
        &["kube_node_status_allocatable", "namespace_cpu"],
    ),
    ("budgets", &["KubePdbNotEnoughHealthyPods"], &["kube_poddisruptionbudget_status"]),
    (
        "volumes",
        &["KubePersistentVolumeFillingUp", "KubePersistentVolumeErrors"],
        &["kubelet_volume_stats_available_bytes"],
    ),
    ("API server", &["KubeAPIErrorBudgetBurn", "KubeAPIDown"], &["apiserver_request"]),
    (
        "certificates",
        &[
            "KubeClientCertificateExpiration",
            "KubeletClientCertificateExpiration",
            "KubeletServerCertificateExpiration",
        ],
        &["certificate_expiration", "certmanager_certificate_expiration"],
    ),
    ("monitoring", &["Watchdog", "TargetDown", "PrometheusTargetMissing"], &["vector(1)"]),
    (
        "backups",
        &[],
        &[
            "velero_backup_last_successful_timestamp",
            "velero_backup_failure_total",
            "velero_backup_partial_failure_total",
            "velero_backup_location_status_gauge",
        ],
    ),
];

/// The alerts of all PrometheusRules.
fn alerts<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<(&'a Object, &'a Value)> {
    let rules = p
        .all(RULE, say)
        .iter()
        .flat_map(|o| o.list("/spec/groups").iter().flat_map(|g| list(g, "/rules")).map(move |r| (o, r)));
    rules.filter(|(_, r)| !text(r, "/alert").is_empty()).collect()
}

/// Whether the input contains the monitoring of a cluster.
fn has_monitoring(p: &Picture<'_>) -> bool {
    let operated = [PROMETHEUS, MANAGER, "ThanosRuler.monitoring.coreos.com"];
    operated.iter().any(|key| !p.object_set.any(key).is_empty())
        || everything(p).any(|w| has_image(w, &["prom/prometheus", "prometheus/prometheus", "alertmanager"]))
}

fn families(p: &Picture<'_>, say: &mut Say) {
    let alerts = alerts(p, say);
    if p.object_set.all(RULE).is_err() {
        return;
    }
    if !p.is_cluster() && !has_monitoring(p) {
        return say.skip(Subject::default(), "these files contain no Prometheus and no Alertmanager");
    }
    let told = p.object_set.readings.prometheus.as_ref().and_then(|r| r.rules.as_ref().ok());
    let monitors = datadog::monitors(p, say);
    if p.object_set.any(RULE).is_empty() && told.is_none() && monitors.is_none() {
        if p.is_cluster() {
            say.unknown(
                Subject::default(),
                Unseen::NoData,
                "no PrometheusRule exists, and rules that are loaded in another way cannot be seen",
            );
        }
        return;
    }
    for (family, names, series) in FAMILIES {
        let is = |name: &str, expression: &str| names.contains(&name) || series.iter().any(|s| expression.contains(s));
        let there = alerts.iter().any(|(_, r)| is(text(r, "/alert"), r["expr"].as_str().unwrap_or("")))
            || told.is_some_and(|rules| rules.iter().any(|r| is(&r.name, &r.query)))
            || monitors.is_some_and(|all| datadog::covers(all, family));
        let subject = Subject::named("AlertFamily", "", family);
        if there { say.pass(subject) } else { say.fail(subject, "", "no alert of this family exists") }
    }
}

/// An expression that the parser does not understand, because it is wrong or newer than the parser.
fn not_understood(rule: &Object) -> Option<String> {
    let rules = rule.list("/spec/groups").iter().flat_map(|group| list(group, "/rules"));
    rules.into_iter().find_map(|r| {
        let why = promql_parser::parser::parse(r["expr"].as_str()?).err()?;
        let name = [text(r, "/alert"), text(r, "/record")].concat();
        Some(format!(
            "drillmaster cannot parse the expression of {name} ({why}): if it is wrong, none of these rules is loaded"
        ))
    })
}

fn loaded(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all(PROMETHEUS) {
        return say.gap(gap);
    }
    let operated = !p.object_set.any(PROMETHEUS).is_empty();
    for rule in p.all(RULE, say) {
        let pickers = pickers(p, rule, "rule");
        let refusals: Vec<&str> = pickers.iter().filter_map(|by| refused(rule, by)).collect();
        let (refusal, refused_by_all) = (refusals.first(), refusals.len() == pickers.len());
        if !operated {
            say.skip(rule, "the cluster has no Prometheus of the operator");
        } else if let Some(why) = refusal.filter(|_| refused_by_all && !by_ruler(p, rule)) {
            say.fail(rule, "/status/bindings", format!("the operator did not accept it ({why}): it never fires"));
        } else if let Some(why) = not_understood(rule) {
            // The operator leaves out the whole object if one of its expressions is wrong.
            if p.is_cluster() {
                say.unknown(rule, Unseen::NoData, why);
            } else {
                say.unresolved(rule, "/spec/groups", why);
            }
        } else if !pickers.is_empty() || by_ruler(p, rule) {
            say.pass(rule);
        } else if by_labels_of_namespace(p, rule) {
            let namespace = &rule.metadata.namespace;
            let text =
                format!("not in these files: the labels of namespace {namespace}, by which a Prometheus selects");
            say.unresolved(rule, "/metadata/namespace", text);
        } else {
            say.fail(rule, "/metadata/labels", "no Prometheus selects it: it never fires");
        }
    }
    let told = p.object_set.readings.prometheus.as_ref().and_then(|r| r.rules.as_ref().ok());
    for rule in told.into_iter().flatten() {
        let subject = Subject::named("Alert", "", &rule.name);
        let age = p.age(&rule.last_evaluation);
        if !rule.healthy || !rule.last_error.is_empty() {
            say.fail(subject, "", format!("its evaluation fails: {}", rule.last_error));
        } else if let Some(age) =
            age.filter(|age| rule.interval_seconds > 0.0 && *age as f64 > 3.0 * rule.interval_seconds + 5.0)
        {
            let every = rule.interval_seconds;
            say.fail(subject, "", format!("it was evaluated {age} s ago, but is due every {every} s"));
        } else {
            say.pass(subject);
        }
    }
}

/// The default times of scrape, evaluation and grouping together, 30 s each.
const PIPELINE: f64 = 90.0;

fn latency(p: &Picture<'_>, say: &mut Say) {
    let Some(rto) = p.settings.shortest_rto() else { return };
    for (object, rule) in alerts(p, say) {
        let expression = rule["expr"].as_str().unwrap_or("");
        let core = FAMILIES.iter().any(|(_, names, series)| {
            names.contains(&text(rule, "/alert")) || series.iter().any(|s| expression.contains(s))
        });
        if text(rule, "/labels/severity") != "critical" || !core {
            continue;
        }
        let after = seconds(text(rule, "/for")).unwrap_or(0.0) + PIPELINE;
        let subject = Subject::from(object).part(text(rule, "/alert"));
        if after * 2.0 > rto.0.as_secs_f64() {
            say.fail(subject, "", format!("it fires after {after:.0} s, more than half of the RTO of {rto}"));
        } else {
            say.pass(subject);
        }
    }
}

/// The provisioned dashboards that can be read.
fn provisioned(p: &Picture<'_>) -> Vec<Value> {
    let configs = p.object_set.any("ConfigMap").iter().filter(|c| c.metadata.labels.contains_key("grafana_dashboard"));
    let held = configs.flat_map(|c| c.map("/data").into_iter().flatten().filter_map(|(_, v)| v.as_str()));
    let own = p.object_set.any("GrafanaDashboard.grafana.integreatly.org").iter().map(|d| d.text("/spec/json"));
    held.chain(own).filter_map(|text| serde_json::from_str::<Value>(text).ok()).collect()
}

/// Whether a capture left out the content of dashboards.
fn withholds_dashboards(p: &Picture<'_>) -> bool {
    let is_dashboard = |c: &&Object| c.metadata.labels.contains_key("grafana_dashboard");
    let own = p.object_set.any("GrafanaDashboard.grafana.integreatly.org");
    p.object_set.any("ConfigMap").iter().filter(is_dashboard).any(|c| is_withheld(c, |_| true))
        || own.iter().any(|d| d.text("/spec/json") == LEFT_OUT)
}

/// All expressions of the panels of a dashboard, including those in rows.
fn expressions<'a>(panel: &'a Value, out: &mut Vec<&'a str>) {
    out.extend(list(panel, "/targets").iter().filter_map(|t| t["expr"].as_str()));
    list(panel, "/panels").iter().for_each(|inner| expressions(inner, out));
}

fn covered(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("ConfigMap") {
        return say.gap(gap);
    }
    let dashboards = provisioned(p);
    if dashboards.is_empty() && withholds_dashboards(p) {
        return say.unknown(Subject::default(), Unseen::NoData, "the capture leaves out the content of dashboards");
    }
    if dashboards.is_empty() {
        return say.skip(Subject::default(), "no provisioned dashboard can be read");
    }
    let (mut asked, mut by_variable) = (vec![], false);
    for dashboard in &dashboards {
        let mut own = vec![];
        expressions(dashboard, &mut own);
        let variables = list(dashboard, "/templating/list")
            .iter()
            .filter(|v| v["query"].to_string().contains("namespace") || text(v, "/definition").contains("namespace"));
        by_variable |= variables.map(|v| format!("${}", text(v, "/name"))).any(|v| own.iter().any(|e| e.contains(&v)));
        asked.extend(own);
    }
    for namespace in p.namespaces() {
        let subject = Subject::named("Namespace", "", namespace);
        if by_variable || asked.iter().any(|e| e.contains(&format!("\"{namespace}\""))) {
            say.pass(subject);
        } else {
            say.fail(subject, "", format!("none of the {} dashboards shows it", dashboards.len()));
        }
    }
}

/// The ConfigMaps that a Grafana mounts as volumes.
fn mounted_configs<'a>(p: &Picture<'a>) -> BTreeSet<(&'a str, &'a str)> {
    let grafana = p.works.iter().chain(&p.platform).filter(|w| has_image(w, &["grafana/grafana"]));
    let named = |w: &Work<'a>| -> Vec<(&'a str, &'a str)> {
        let volumes = list(w.spec(), "/volumes").iter();
        let own = volumes.clone().map(|v| text(v, "/configMap/name"));
        let parts = volumes.flat_map(|v| list(v, "/projected/sources")).map(|s| text(s, "/configMap/name"));
        own.chain(parts).filter(|name| !name.is_empty()).map(|name| (w.namespace(), name)).collect()
    };
    grafana.flat_map(named).collect()
}

/// Whether a ConfigMap holds a dashboard with panels.
fn has_panels(config: &Object) -> bool {
    let panels = |text: &str| {
        let parsed = serde_json::from_str::<Value>(text);
        parsed.is_ok_and(|d| d["panels"].as_array().is_some_and(|panels| !panels.is_empty()))
    };
    config.map("/data").into_iter().flatten().any(|(_, v)| v.as_str().is_some_and(panels))
}

fn dashboards(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("ConfigMap") {
        return say.gap(gap);
    }
    let mounted = mounted_configs(p);
    let labelled = |c: &Object| c.metadata.labels.contains_key("grafana_dashboard");
    let mut found: BTreeSet<bool> = BTreeSet::new();
    for config in p.object_set.any("ConfigMap") {
        let by_volume = mounted.contains(&(config.metadata.namespace.as_str(), config.metadata.name.as_str()));
        let whole = (labelled(config) || by_volume) && has_panels(config);
        if by_volume && whole && !labelled(config) {
            found.insert(true);
            say.pass(config);
        }
        if !labelled(config) {
            continue;
        }
        found.insert(whole);
        if is_withheld(config, |_| true) {
            say.unknown(config, Unseen::NoData, "the capture leaves values out");
        } else if whole {
            say.pass(config)
        } else {
            say.fail(config, "/data", "it has no dashboard with panels")
        }
    }
    for dashboard in p.object_set.any("GrafanaDashboard.grafana.integreatly.org") {
        found.insert(true);
        say.pass(dashboard);
    }
    let grafana = everything(p).any(|w| has_image(w, &["grafana/grafana"]));
    let operated = !p.object_set.any("Grafana.grafana.integreatly.org").is_empty();
    if found.is_empty() && (p.is_cluster() || grafana || operated) {
        say.fail(Subject::default(), "", "no dashboard is provisioned as code");
    }
    for grafana in everything(p).filter(|w| p.is_cluster() && has_image(w, &["grafana/grafana"])) {
        if is_ready(grafana) { say.pass(grafana) } else { say.fail(grafana, "/status", "Grafana is not ready") }
    }
}
