//! Whether metrics are collected, how good they are, and whether the collection survives a loss.

use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ANY, Check, DRAIN, NODE, Needs, REGION, Say, ZONE},
        picture::{Picture, Work},
        values::{host, seconds, selector, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "MET-001",
        name: "metrics-collector-healthy",
        title: "A metrics collector runs",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Each Prometheus and PrometheusAgent of the operator is Available and Reconciled. Without any of them, one of these is enough: a PodMonitoring of Google's managed collection, a DatadogAgent, or a workload with the image of a known collector (Prometheus, VictoriaMetrics, Grafana Alloy or Agent, OpenTelemetry Collector, Datadog Agent). Each such workload has all its pods ready. If none is found, the result is unknown, because the collector may run outside the cluster: attest it. metrics.k8s.io is Available; if it is not served, autoscalers and `kubectl top` do not work (low).",
        fix: "Install or repair Prometheus, a comparable collector, or Datadog",
        why: "Without measurements, a drill proves nothing.",
        run: collector,
    },
    Check {
        id: "MET-005",
        name: "measurement-quality",
        title: "Measurements are frequent enough and are kept",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[ANY],
        needs: Needs::Manifests,
        rule: "Each Prometheus of the operator scrapes at least ten times within the shortest RTO of the readiness file (every 30 s by default), keeps data for 15 days (24 h by default) or has remoteWrite or Thanos, and has a volumeClaimTemplate. On a cluster, the clock of the API server (its Date header, in whole seconds) differs from the clock of drillmaster by at most 2 s. In Prometheus, no alert NodeClock* fires.",
        fix: "Scrape the drilled jobs more often; set a longer retention or remote_write; add a volume",
        why: "With a scrape every 30 s, an outage of one minute shows in two samples only.",
        run: quality,
    },
    Check {
        id: "MHA-001",
        name: "monitoring-replicated",
        title: "Monitoring survives the failure that it must observe",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE, DRAIN],
        needs: Needs::Manifests,
        rule: "Each Prometheus and Alertmanager of the operator has at least 2 replicas. Without any of them, each workload with an image named prometheus or alertmanager, or one of VictoriaMetrics, has at least 2 replicas; its pods are not all on one node, a PodDisruptionBudget selects them, and a StatefulSet has volumeClaimTemplates (else medium). Grafana, too, is examined only without the operator; a single replica is low.",
        fix: "Run 2 Prometheus and 3 Alertmanagers, spread over nodes, with budgets and volumes",
        why: "Otherwise the evidence is lost with the node.",
        run: replicated,
    },
    Check {
        id: "MHA-002",
        name: "monitoring-outside-domain",
        title: "An observer outside the cluster survives its loss",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[ZONE, REGION],
        needs: Needs::Cluster,
        rule: "At least one Prometheus or PrometheusAgent of the operator writes to an address outside this cluster (remoteWrite), or has Thanos with an object store. The prober of the drill does not count. If the cluster has neither, the result is unknown until it is attested, because a plain Prometheus does not show its configuration.",
        fix: "Add remote_write, Thanos, or a prober outside the failure domain",
        why: "Monitoring inside the cluster cannot record how the cluster failed.",
        run: outside,
    },
];

pub(super) const PROMETHEUS: &str = "Prometheus.monitoring.coreos.com";

pub(super) const MANAGER: &str = "Alertmanager.monitoring.coreos.com";

pub(super) const AGENT: &str = "PrometheusAgent.monitoring.coreos.com";

/// Images of collectors, by a part of their name.
const COLLECTORS: [&str; 8] = [
    "prometheus",
    "victoria-metrics",
    "vmagent",
    "alloy",
    "grafana/agent",
    "opentelemetry-collector",
    "otelcol",
    "datadog/agent",
];

pub(super) fn has_image(work: &Work<'_>, parts: &[&str]) -> bool {
    work.containers().any(|c| {
        let image = text(c.value, "/image").split(['@']).next().unwrap_or("");
        let helper = ["operator", "reloader", "exporter", "adapter", "pushgateway"].iter().any(|h| image.contains(h));
        !helper && parts.iter().any(|part| image.contains(part))
    })
}

/// Whether an image of a workload has one of these names, whatever its registry, tag and digest.
fn is_named(work: &Work<'_>, names: &[&str]) -> bool {
    work.containers().any(|c| {
        let path = super::images::parse(text(c.value, "/image")).path;
        names.contains(&path.rsplit('/').next().unwrap_or(""))
    })
}

pub(super) fn is_ready(work: &Work<'_>) -> bool {
    let number = |field: &str| work.object.at(&format!("/status/{field}")).as_u64().unwrap_or(0);
    if work.kind == "DaemonSet" {
        number("numberReady") > 0 && number("numberReady") == number("desiredNumberScheduled")
    } else {
        number("readyReplicas") > 0 && number("readyReplicas") >= work.object.at("/spec/replicas").as_u64().unwrap_or(1)
    }
}

pub(super) fn everything<'p, 'a>(p: &'p Picture<'a>) -> impl Iterator<Item = &'p Work<'a>> {
    p.works.iter().chain(&p.platform)
}

fn collector(p: &Picture<'_>, say: &mut Say) {
    for key in [PROMETHEUS, "Deployment.apps", "StatefulSet.apps", "DaemonSet.apps"] {
        if let Err(gap) = p.object_set.all(key) {
            return say.gap(gap);
        }
    }
    metrics_api(p, say);
    let operated = || p.object_set.any(PROMETHEUS).iter().chain(p.object_set.any(AGENT));
    for prometheus in operated() {
        if prometheus.condition("Available") == "True" && prometheus.condition("Reconciled") == "True" {
            say.pass(prometheus);
        } else {
            say.fail(prometheus, "/status/conditions", "it is not Available and Reconciled");
        }
    }
    if operated().next().is_some() {
        return;
    }
    let found: Vec<&Work<'_>> = everything(p).filter(|w| has_image(w, &COLLECTORS)).collect();
    let managed = p.object_set.any("PodMonitoring.monitoring.googleapis.com");
    managed.iter().for_each(|m| say.pass(m));
    if found.is_empty() && managed.is_empty() && p.object_set.any("DatadogAgent.datadoghq.com").is_empty() {
        say.unknown(Subject::default(), Unseen::NoData, "no known collector runs in the cluster");
    }
    for work in found {
        if is_ready(work) { say.pass(work) } else { say.fail(work, "/status", "not all of its pods are ready") }
    }
    for agent in p.object_set.any("DatadogAgent.datadoghq.com") {
        say.pass(agent);
    }
}

/// Whether metrics.k8s.io is available.
fn metrics_api(p: &Picture<'_>, say: &mut Say) {
    const API: &str = "APIService.apiregistration.k8s.io";
    if p.object_set.all(API).is_err() || p.object_set.any(API).is_empty() {
        return;
    }
    match p.object_set.find(API, "", "v1beta1.metrics.k8s.io") {
        Some(api) if api.condition("Available") == "True" => say.pass(api),
        Some(api) => say.fail(api, "/status/conditions", "metrics.k8s.io is not Available"),
        None => {
            let subject = Subject::named("APIService", "", "v1beta1.metrics.k8s.io");
            say.fail_as(Severity::Low, subject, "", "metrics.k8s.io is not served: no metrics-server");
        }
    }
}

fn quality(p: &Picture<'_>, say: &mut Say) {
    if p.is_cluster() {
        clocks(p, say);
    }
    for prometheus in p.all(PROMETHEUS, say) {
        let mut wrong = vec![];
        let every = seconds(prometheus.text("/spec/scrapeInterval")).unwrap_or(30.0);
        if let Some(rto) = p.settings.shortest_rto().filter(|rto| every * 10.0 > rto.0.as_secs_f64()) {
            wrong.push(format!("it scrapes every {every} s, less than ten times within the RTO of {rto}"));
        }
        let kept = seconds(prometheus.text("/spec/retention")).unwrap_or(86_400.0);
        let elsewhere = !prometheus.list("/spec/remoteWrite").is_empty() || prometheus.at("/spec/thanos").is_object();
        if kept < 15.0 * 86_400.0 && !elsewhere {
            wrong.push(format!("it keeps data for {:.0} h and has no copy elsewhere", kept / 3600.0));
        }
        if !prometheus.at("/spec/storage/volumeClaimTemplate").is_object() {
            wrong.push("its data is in an emptyDir and is lost with its pod".into());
        }
        say.judge(prometheus, "/spec", &wrong);
    }
}

/// The greatest allowed difference of a clock, including the rounding to whole seconds.
const SKEW_SECONDS: i64 = 2;

fn clocks(p: &Picture<'_>, say: &mut Say) {
    let subject = Subject::named("Clock", "", "API server");
    match p.object_set.skew_seconds {
        Some(skew) if skew.abs() > SKEW_SECONDS => {
            say.fail(
                subject,
                "",
                format!("it differs by {skew} s from the clock of drillmaster: times cannot be compared"),
            );
        }
        Some(_) => say.pass(subject),
        None => {}
    }
    let alerts = p.object_set.readings.prometheus.as_ref().and_then(|r| r.alerts.as_ref().ok());
    for alert in alerts.into_iter().flatten().filter(|a| a.name.starts_with("NodeClock") && a.state == "firing") {
        let node = alert.labels.get("instance").map_or("", String::as_str);
        say.fail(Subject::named("Alert", "", &alert.name), "", format!("the clock of {node} cannot be trusted"));
    }
}

fn replicated(p: &Picture<'_>, say: &mut Say) {
    let mut operated = false;
    for key in [PROMETHEUS, MANAGER] {
        for object in p.all(key, say) {
            operated = true;
            let n = object.at("/spec/replicas").as_u64().unwrap_or(1);
            if n < 2 { say.fail(object, "/spec/replicas", format!("it has {n} replica")) } else { say.pass(object) }
        }
    }
    if operated {
        return;
    }
    let own = |w: &&Work<'_>| {
        w.is_replicated_kind() && (is_named(w, &["prometheus", "alertmanager"]) || has_image(w, &["victoria-metrics"]))
    };
    for work in everything(p).filter(own) {
        let n = work.replicas.unwrap_or(1);
        if n < 2 { say.fail(work, "/spec/replicas", format!("it has {n} replica")) } else { survives(p, work, say) }
    }
    for work in everything(p).filter(|w| w.is_replicated_kind() && has_image(w, &["grafana/grafana"])) {
        if work.replicas.unwrap_or(1) < 2 {
            say.fail_as(
                Severity::Low,
                work,
                "/spec/replicas",
                "Grafana has one replica: without it, nobody sees the dashboards",
            );
        }
    }
}

/// Whether the pods of the monitoring are not all lost together.
fn survives(p: &Picture<'_>, work: &Work<'_>, say: &mut Say) {
    let mut wrong = vec![];
    let pods = p.pods(work);
    let nodes: std::collections::BTreeSet<&str> =
        pods.iter().map(|pod| pod.spec.node_name.as_str()).filter(|n| !n.is_empty()).collect();
    if pods.len() > 1 && nodes.len() == 1 {
        wrong.push("all of its pods are on one node".to_owned());
    }
    let budgeted = p.object_set.any("PodDisruptionBudget.policy").iter().any(|b| {
        b.metadata.namespace == work.namespace()
            && selector(&b.body, "/spec/selector").is_some_and(|s| s.matches(&work.labels))
    });
    if !budgeted {
        wrong.push("no budget protects it".into());
    }
    if work.kind == "StatefulSet" && work.object.list("/spec/volumeClaimTemplates").is_empty() {
        wrong.push("its data is lost with its pods".into());
    }
    if wrong.is_empty() { say.pass(work) } else { say.fail_as(Severity::Medium, work, "/spec", wrong.join("; ")) }
}

fn is_outside(url: &str) -> bool {
    let host = host(url);
    host.contains('.') && !host.ends_with(".svc") && !host.ends_with(".svc.cluster.local") && host != "127.0.0.1"
}

fn outside(p: &Picture<'_>, say: &mut Say) {
    let all = p.all(PROMETHEUS, say);
    if p.object_set.all(PROMETHEUS).is_err() {
        return;
    }
    let writes = |o: &&Object| {
        let remote = o.list("/spec/remoteWrite").iter().any(|w| is_outside(text(w, "/url")));
        remote || o.at("/spec/thanos/objectStorageConfig").is_object()
    };
    let agents = p.object_set.any(AGENT);
    match all.iter().chain(agents).find(writes) {
        Some(prometheus) => say.pass(prometheus),
        None if all.is_empty() && agents.is_empty() => {
            say.unknown(Subject::default(), Unseen::NoData, "no observer outside the cluster can be seen: attest it");
        }
        None if all.iter().chain(agents).flat_map(|o| o.list("/spec/remoteWrite")).any(|w| w["url"] == LEFT_OUT) => {
            say.unknown(Subject::default(), Unseen::NoData, "the capture leaves out where a Prometheus writes to");
        }
        None => say.fail(Subject::default(), "", "no Prometheus writes to an address outside this cluster"),
    }
}
