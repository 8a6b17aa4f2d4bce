//! Whether anybody measures, and would still do so when the target is gone.

use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{ANY, Check, DRAIN, NODE, Needs, REGION, Say, ZONE},
        look::{host, seconds, selector, text},
        picture::{Picture, Work},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "MET-001",
        name: "metrics-collector-healthy",
        title: "A collector of metrics runs",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "A Prometheus or PrometheusAgent of the operator is Available and Reconciled, a DatadogAgent or Google's managed collection runs, or a workload with the image of a known collector (Prometheus, VictoriaMetrics, Grafana Alloy or Agent, OpenTelemetry collector, Datadog agent) has all its pods ready. Without metrics.k8s.io autoscalers and `kubectl top` see nothing (low). None is unknown where the collector may run outside: attest it.",
        fix: "Deploy or repair Prometheus, its like, or Datadog",
        why: "A drill without measurement proves nothing.",
        run: collector,
    },
    Check {
        id: "MET-005",
        name: "measurement-quality",
        title: "Measurements are fine enough and last",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[ANY],
        needs: Needs::Cluster,
        rule: "Each Prometheus of the operator scrapes at least ten times within the shortest RTO of the drill file (30 s by default), keeps data for 15 days or writes it elsewhere, and has a volume of its own. The API server's clock is within 2 s of the clock of this program (its Date header, in whole seconds), and Prometheus tells of no node whose clock is not synchronised.",
        fix: "Scrape the drilled jobs more often; longer retention or remote_write; a volume",
        why: "An outage of a minute is two samples at thirty seconds.",
        run: quality,
    },
    Check {
        id: "MHA-001",
        name: "monitoring-replicated",
        title: "Monitoring survives what it is to watch",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[NODE, ZONE, DRAIN],
        needs: Needs::Manifests,
        rule: "Each Prometheus and Alertmanager of the operator has 2 replicas or more; so has a StatefulSet or Deployment with the image of either. Of a workload with several its pods are on different nodes, it has a budget and, as a StatefulSet, volumes (medium). One Grafana is low.",
        fix: "Run 2 Prometheus and 3 Alertmanagers, spread, with budgets and volumes",
        why: "The evidence dies with the node otherwise.",
        run: replicated,
    },
    Check {
        id: "MHA-002",
        name: "monitoring-outside-domain",
        title: "An observer outlives the target",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[ZONE, REGION],
        needs: Needs::Cluster,
        rule: "A Prometheus or PrometheusAgent of the operator writes to an address outside this cluster (remoteWrite, or Thanos with an object store). The drill's own prober does not count. A plain Prometheus does not show its configuration: unknown until it is attested.",
        fix: "Add remote_write, Thanos, or a prober outside the failure domain",
        why: "What watched from within saw nothing of the end.",
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
        if let Err(gap) = p.shelf.all(key) {
            return say.gap(gap);
        }
    }
    metrics_api(p, say);
    let operated = || p.shelf.any(PROMETHEUS).iter().chain(p.shelf.any(AGENT));
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
    let managed = p.shelf.any("PodMonitoring.monitoring.googleapis.com");
    managed.iter().for_each(|m| say.pass(m));
    if found.is_empty() && managed.is_empty() && p.shelf.any("DatadogAgent.datadoghq.com").is_empty() {
        say.unknown(Subject::default(), Unseen::NoData, "no collector that is known here runs in the cluster");
    }
    for work in found {
        if is_ready(work) { say.pass(work) } else { say.fail(work, "/status", "not all of its pods are ready") }
    }
    for agent in p.shelf.any("DatadogAgent.datadoghq.com") {
        say.pass(agent);
    }
}

/// Whether metrics.k8s.io answers.
fn metrics_api(p: &Picture<'_>, say: &mut Say) {
    const API: &str = "APIService.apiregistration.k8s.io";
    if p.shelf.all(API).is_err() || p.shelf.any(API).is_empty() {
        return;
    }
    match p.shelf.find(API, "", "v1beta1.metrics.k8s.io") {
        Some(api) if api.condition("Available") == "True" => say.pass(api),
        Some(api) => say.fail(api, "/status/conditions", "metrics.k8s.io is not Available"),
        None => {
            let subject = Subject::named("APIService", "", "v1beta1.metrics.k8s.io");
            say.fail_as(Severity::Low, subject, "", "metrics.k8s.io is not served: no metrics-server");
        }
    }
}

fn quality(p: &Picture<'_>, say: &mut Say) {
    clocks(p, say);
    for prometheus in p.all(PROMETHEUS, say) {
        let mut wrong = vec![];
        let every = seconds(prometheus.text("/spec/scrapeInterval")).unwrap_or(30.0);
        if let Some(rto) = p.settings.shortest_rto().filter(|rto| every * 10.0 > rto.0.as_secs_f64()) {
            wrong.push(format!("it scrapes every {every} s, less than ten times within the RTO of {rto}"));
        }
        let kept = seconds(prometheus.text("/spec/retention")).unwrap_or(86_400.0);
        let elsewhere = !prometheus.list("/spec/remoteWrite").is_empty() || prometheus.at("/spec/thanos").is_object();
        if kept < 15.0 * 86_400.0 && !elsewhere {
            wrong.push(format!("it keeps data for {:.0} h and writes nothing elsewhere", kept / 3600.0));
        }
        if !prometheus.at("/spec/storage/volumeClaimTemplate").is_object() {
            wrong.push("its data is in an emptyDir, gone with its pod".into());
        }
        say.judge(prometheus, "/spec", &wrong);
    }
}

/// What a clock may be off by, and what whole seconds add.
const SKEW_SECONDS: i64 = 2;

fn clocks(p: &Picture<'_>, say: &mut Say) {
    let subject = Subject::named("Clock", "", "API server");
    match p.shelf.skew_seconds {
        Some(skew) if skew.abs() > SKEW_SECONDS => {
            say.fail(subject, "", format!("it is {skew} s from the clock of this program: times cannot be compared"));
        }
        Some(_) => say.pass(subject),
        None => {}
    }
    let alerts = p.shelf.readings.prometheus.as_ref().and_then(|r| r.alerts.as_ref().ok());
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
            if n < 2 { say.fail(object, "/spec/replicas", format!("{n} replica")) } else { say.pass(object) }
        }
    }
    if operated {
        return;
    }
    let own =
        |w: &&Work<'_>| w.is_replicated_kind() && has_image(w, &["/prometheus:", "/alertmanager:", "victoria-metrics"]);
    for work in everything(p).filter(own) {
        let n = work.replicas.unwrap_or(1);
        if n < 2 { say.fail(work, "/spec/replicas", format!("{n} replica")) } else { survives(p, work, say) }
    }
    for work in everything(p).filter(|w| w.is_replicated_kind() && has_image(w, &["grafana/grafana"])) {
        if work.replicas.unwrap_or(1) < 2 {
            say.fail_as(Severity::Low, work, "/spec/replicas", "one Grafana: nobody sees anything without it");
        }
    }
}

/// Whether several pods of the monitoring would not go together.
fn survives(p: &Picture<'_>, work: &Work<'_>, say: &mut Say) {
    let mut wrong = vec![];
    let pods = p.pods(work);
    let nodes: std::collections::BTreeSet<&str> =
        pods.iter().map(|pod| pod.spec.node_name.as_str()).filter(|n| !n.is_empty()).collect();
    if pods.len() > 1 && nodes.len() == 1 {
        wrong.push("all of its pods are on one node".to_owned());
    }
    let budgeted = p.shelf.any("PodDisruptionBudget.policy").iter().any(|b| {
        b.metadata.namespace == work.namespace()
            && selector(&b.body, "/spec/selector").is_some_and(|s| s.matches(&work.labels))
    });
    if !budgeted {
        wrong.push("no budget protects it".into());
    }
    if work.kind == "StatefulSet" && work.object.list("/spec/volumeClaimTemplates").is_empty() {
        wrong.push("its data is gone with its pods".into());
    }
    if wrong.is_empty() { say.pass(work) } else { say.fail_as(Severity::Medium, work, "/spec", wrong.join("; ")) }
}

fn is_outside(url: &str) -> bool {
    let host = host(url);
    host.contains('.') && !host.ends_with(".svc") && !host.ends_with(".svc.cluster.local") && host != "127.0.0.1"
}

fn outside(p: &Picture<'_>, say: &mut Say) {
    let all = p.all(PROMETHEUS, say);
    if p.shelf.all(PROMETHEUS).is_err() {
        return;
    }
    let writes = |o: &&Object| {
        let remote = o.list("/spec/remoteWrite").iter().any(|w| is_outside(text(w, "/url")));
        remote || o.at("/spec/thanos/objectStorageConfig").is_object()
    };
    let agents = p.shelf.any(AGENT);
    match all.iter().chain(agents).find(writes) {
        Some(prometheus) => say.pass(prometheus),
        None if all.is_empty() && agents.is_empty() => {
            say.unknown(
                Subject::default(),
                Unseen::NoData,
                "nothing in the cluster shows an observer outside: attest it",
            );
        }
        None if all.iter().chain(agents).flat_map(|o| o.list("/spec/remoteWrite")).any(|w| w["url"] == LEFT_OUT) => {
            say.unknown(Subject::default(), Unseen::NoData, "the capture leaves out where a Prometheus writes to");
        }
        None => say.fail(Subject::default(), "", "no Prometheus writes to anywhere outside this cluster"),
    }
}
