//! Whether workloads are scraped. The Prometheus operator ignores monitors that no Prometheus
//! selects or that it rejects, and reports no error.

use std::collections::BTreeSet;

use serde_json::Value;

use super::metrics::{AGENT, PROMETHEUS, everything};
use crate::{
    inventory::Object,
    kubernetes::Selector,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, Needs, Say},
        picture::{Picture, Work},
        values::{is_everything, list, seconds, selector, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "MET-002",
        name: "workload-scraped",
        title: "Workloads are scraped",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "At least 80 % of the workloads in scope are scraped: a ServiceMonitor, a PodMonitor or a PodMonitoring of Google selects them, their pods or Services have the annotation prometheus.io/scrape, their pods have one of Datadog (ad.datadoghq.com/CONTAINER.checks), or Prometheus has a target that is up in their namespace. Jobs and CronJobs are not examined.",
        fix: "Add a ServiceMonitor, a PodMonitor or the annotation",
        why: "Without metrics, nobody can tell afterwards what happened to the workload.",
        run: scraped,
    },
    Check {
        id: "MET-003",
        name: "monitor-ignored",
        title: "Every monitor is used and selects a target",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "Each ServiceMonitor selects a Service that has the port of each of its endpoints, and each PodMonitor selects a workload with such a port (in files, one that selects nothing is low, because its target may come from elsewhere). If the cluster has a Prometheus or PrometheusAgent of the operator, the selectors of one of them for monitors and namespaces select the monitor (a missing selector selects none, {} all), and the operator does not leave it out: its Secrets and ConfigMaps exist (their keys are not read), no scrapeTimeout is longer than its interval, its scrapeClass is known, a ServiceMonitor reads no files if arbitraryFSAccessThroughSMs denies that, and its status does not say that it was not accepted. If Secrets or ConfigMaps that it names cannot be seen, the result is unknown.",
        fix: "Add the label that the Prometheus selects by; correct the name of the port, or what the operator rejects",
        why: "A monitor that is silently ignored looks exactly like one that works.",
        run: monitors,
    },
];

pub(in crate::readiness) const SERVICE_MONITOR: &str = "ServiceMonitor.monitoring.coreos.com";

pub(in crate::readiness) const POD_MONITOR: &str = "PodMonitor.monitoring.coreos.com";

/// Whether the namespaceSelector of a monitor selects a namespace.
pub(in crate::readiness) fn takes(monitor: &Object, namespace: &str) -> bool {
    let any = monitor.at("/spec/namespaceSelector/any") == true;
    let named = words(&monitor.body, "/spec/namespaceSelector/matchNames");
    any || named.contains(&namespace) || named.is_empty() && monitor.metadata.namespace == namespace
}

/// Namespaces in which Prometheus has targets that are up.
fn scraped_namespaces<'a>(p: &Picture<'a>) -> BTreeSet<&'a str> {
    let samples = p.object_set.readings.prometheus.as_ref().and_then(|r| r.answer("up-by namespace").ok());
    let up = samples.unwrap_or_default().iter().filter(|s| s.value > 0.0);
    up.filter_map(|s| s.labels.get("namespace")).map(String::as_str).filter(|n| !n.is_empty()).collect()
}

fn scraped(p: &Picture<'_>, say: &mut Say) {
    for key in [SERVICE_MONITOR, POD_MONITOR] {
        if let Err(gap) = p.object_set.all(key) {
            return say.gap(gap);
        }
    }
    let works: Vec<&Work<'_>> = p.works.iter().filter(|w| !w.is_batch()).collect();
    if works.is_empty() {
        return;
    }
    let monitors: Vec<(&Object, Selector)> = p
        .object_set
        .any(SERVICE_MONITOR)
        .iter()
        .chain(p.object_set.any(POD_MONITOR))
        .chain(p.object_set.any("PodMonitoring.monitoring.googleapis.com"))
        .map(|m| (m, selector(&m.body, "/spec/selector").unwrap_or_default()))
        .collect();
    let seen = scraped_namespaces(p);
    let is = |work: &Work<'_>| {
        let noted = work.pod_annotation("prometheus.io/scrape") == Some("true")
            || work.containers().any(|c| work.pod_annotation(&format!("ad.datadoghq.com/{}.checks", c.name)).is_some());
        let services = p.services(work);
        let annotated =
            services.iter().any(|s| s.metadata.annotations.get("prometheus.io/scrape").is_some_and(|v| v == "true"));
        let selected = monitors.iter().any(|(monitor, chosen)| {
            let by_service =
                *monitor.kind == *"ServiceMonitor" && services.iter().any(|s| chosen.matches(&s.metadata.labels));
            let by_pod = *monitor.kind != *"ServiceMonitor" && chosen.matches(&work.labels);
            takes(monitor, work.namespace()) && (by_service || by_pod)
        });
        noted || annotated || selected || seen.contains(work.namespace())
    };
    let missed: Vec<String> =
        works.iter().filter(|w| !is(w)).map(|w| format!("{}/{}", w.namespace(), w.name())).collect();
    let share = (works.len() - missed.len()) * 100 / works.len();
    if share >= 80 {
        say.pass(Subject::default());
    } else {
        let shown = missed.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if missed.len() > 5 { " …" } else { "" };
        say.fail(
            Subject::default(),
            "",
            format!("{share} % of {} workloads are scraped; not scraped: {shown}{more}", works.len()),
        );
    }
}

/// The Prometheus instances whose selectors for a kind select an object.
pub(in crate::readiness) fn pickers<'a>(p: &Picture<'a>, object: &Object, kind: &str) -> Vec<&'a Object> {
    let labels = p.labels_of_namespace(&object.metadata.namespace);
    let picks = |prometheus: &&Object| {
        // A missing selector selects nothing, {} everything; a missing namespace selector means the
        // own namespace.
        let chosen = selector(&prometheus.body, &format!("/spec/{kind}Selector"));
        let here = match selector(&prometheus.body, &format!("/spec/{kind}NamespaceSelector")) {
            None => prometheus.metadata.namespace == object.metadata.namespace,
            Some(spaces) => spaces.matches(&labels),
        };
        here && chosen.is_some_and(|s| s.matches(&object.metadata.labels))
    };
    p.object_set.any(PROMETHEUS).iter().chain(p.object_set.any(AGENT)).filter(picks).collect()
}

/// Whether a ThanosRuler selects a rule.
pub(super) fn by_ruler(p: &Picture<'_>, rule: &Object) -> bool {
    p.object_set.any("ThanosRuler.monitoring.coreos.com").iter().any(|ruler| {
        let spaces = selector(&ruler.body, "/spec/ruleNamespaceSelector");
        let here = match spaces {
            None => ruler.metadata.namespace == rule.metadata.namespace,
            Some(s) => s.matches(&p.labels_of_namespace(&rule.metadata.namespace)),
        };
        here && selector(&ruler.body, "/spec/ruleSelector").is_some_and(|s| s.matches(&rule.metadata.labels))
    })
}

/// Whether a Prometheus selects rules by labels of their namespace that these files do not have.
pub(super) fn by_labels_of_namespace(p: &Picture<'_>, rule: &Object) -> bool {
    let asks = |o: &Object| {
        selector(&o.body, "/spec/ruleNamespaceSelector").is_some_and(|s| !is_everything(&s))
            && selector(&o.body, "/spec/ruleSelector").is_some_and(|s| s.matches(&rule.metadata.labels))
    };
    !p.knows_labels_of(&rule.metadata.namespace) && p.object_set.any(PROMETHEUS).iter().any(asks)
}

fn monitors(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all(PROMETHEUS).and(p.object_set.all("Service")) {
        return say.gap(gap);
    }
    for monitor in p.all(SERVICE_MONITOR, say) {
        let chosen = selector(&monitor.body, "/spec/selector").unwrap_or_default();
        let services: Vec<&Object> = p
            .object_set
            .any("Service")
            .iter()
            .filter(|s| takes(monitor, &s.metadata.namespace) && chosen.matches(&s.metadata.labels))
            .collect();
        let mut wrong = vec![];
        if services.is_empty() {
            if !p.is_cluster() {
                say.fail_as(Severity::Low, monitor, "/spec/selector", "it selects no Service of these files");
                continue;
            }
            wrong.push("it selects no Service".to_owned());
        }
        let endpoints = monitor.list("/spec/endpoints");
        for endpoint in endpoints {
            let port = text(endpoint, "/port");
            let has = |s: &&Object| s.list("/spec/ports").iter().any(|q| q["name"] == port);
            if !port.is_empty() && !services.is_empty() && !services.iter().any(has) {
                wrong.push(format!("no selected Service has a port named {port}"));
            }
        }
        wrong.extend(ignored(p, monitor, endpoints, "serviceMonitor"));
        told(p, monitor, endpoints, &wrong, say);
    }
    for monitor in p.all(POD_MONITOR, say) {
        let chosen = selector(&monitor.body, "/spec/selector").unwrap_or_default();
        let works: Vec<&Work<'_>> =
            everything(p).filter(|w| takes(monitor, w.namespace()) && chosen.matches(&w.labels)).collect();
        let mut wrong = vec![];
        if works.is_empty() && !reaches(p, monitor, &chosen) {
            if !p.is_cluster() {
                say.fail_as(Severity::Low, monitor, "/spec/selector", "it selects no pod of these files");
                continue;
            }
            wrong.push("it selects no workload".to_owned());
        }
        let endpoints = monitor.list("/spec/podMetricsEndpoints");
        for endpoint in endpoints {
            let port = text(endpoint, "/port");
            let has = |w: &&Work<'_>| w.containers().any(|c| list(c.value, "/ports").iter().any(|q| q["name"] == port));
            if !port.is_empty() && !works.is_empty() && !works.iter().any(has) {
                wrong.push(format!("no selected pod has a port named {port}"));
            }
        }
        wrong.extend(ignored(p, monitor, endpoints, "podMonitor"));
        told(p, monitor, endpoints, &wrong, say);
    }
}

/// Whether a PodMonitor selects a pod that is not one of a workload, for example one that an operator creates.
fn reaches(p: &Picture<'_>, monitor: &Object, chosen: &Selector) -> bool {
    let named = words(&monitor.body, "/spec/namespaceSelector/matchNames");
    let own = [monitor.metadata.namespace.as_str()];
    let all = p.namespaces();
    let any = monitor.at("/spec/namespaceSelector/any") == true;
    let spaces: Vec<&str> = if any {
        all.into_iter().chain(own).collect()
    } else if named.is_empty() {
        own.into()
    } else {
        named
    };
    spaces.into_iter().any(|namespace| p.reaches(namespace, chosen))
}

/// Reports a monitor; unknown if the Secrets and ConfigMaps that it names could not be read.
fn told(p: &Picture<'_>, monitor: &Object, endpoints: &[Value], wrong: &[String], say: &mut Say) {
    let unseen = endpoints.iter().flat_map(named).find_map(|(kind, _)| p.object_set.all(kind).err());
    match unseen.filter(|_| wrong.is_empty() && p.is_cluster()) {
        Some(gap) => say.unknown(monitor, gap.why, "the Secrets and ConfigMaps that it names cannot be seen"),
        None => say.judge(monitor, "/spec", wrong),
    }
}

/// Why no Prometheus of the operator uses a monitor; none if one does, or if the cluster has none.
fn ignored(p: &Picture<'_>, monitor: &Object, endpoints: &[Value], kind: &str) -> Option<String> {
    if p.object_set.any(PROMETHEUS).is_empty() && p.object_set.any(AGENT).is_empty() {
        return None;
    }
    let mut why = "no Prometheus selects it".to_owned();
    for prometheus in pickers(p, monitor, kind) {
        why = rejected(p, monitor, endpoints, prometheus)?;
    }
    Some(format!("{why}: it is silently ignored"))
}

/// Why the operator rejects a monitor that a Prometheus selects. One wrong endpoint is enough to
/// reject the whole monitor.
fn rejected(p: &Picture<'_>, monitor: &Object, endpoints: &[Value], prometheus: &Object) -> Option<String> {
    let class = monitor.text("/spec/scrapeClass");
    if !class.is_empty() && !prometheus.list("/spec/scrapeClasses").iter().any(|c| c["name"] == class) {
        return Some(format!("Prometheus {} has no scrapeClass {class}", prometheus.metadata.name));
    }
    let denied = prometheus.at("/spec/arbitraryFSAccessThroughSMs/deny") == true;
    let usual = prometheus.text("/spec/scrapeInterval");
    for endpoint in endpoints {
        let (timeout, own) = (text(endpoint, "/scrapeTimeout"), text(endpoint, "/interval"));
        let every = if own.is_empty() { usual } else { own };
        if seconds(timeout).is_some_and(|t| t > seconds(every).unwrap_or(30.0)) {
            return Some(format!("its scrapeTimeout of {timeout} is longer than the interval"));
        }
        let files = ["/bearerTokenFile", "/tlsConfig/caFile", "/tlsConfig/certFile", "/tlsConfig/keyFile"];
        if denied && *monitor.kind == *"ServiceMonitor" && files.iter().any(|f| !text(endpoint, f).is_empty()) {
            return Some(format!("it reads a file, which Prometheus {} denies", prometheus.metadata.name));
        }
        for (kind, name) in named(endpoint) {
            let seen = p.is_cluster() && p.object_set.all(kind).is_ok();
            if seen && p.object_set.find(kind, &monitor.metadata.namespace, name).is_none() {
                return Some(format!("the {kind} {name} that it names does not exist"));
            }
        }
    }
    refused(monitor, prometheus).map(|why| format!("the operator did not accept it ({why})"))
}

/// Why the operator did not accept an object for a Prometheus, according to the status of the
/// object. It writes this status only with the feature StatusForConfigurationResources.
pub(super) fn refused<'a>(object: &'a Object, prometheus: &Object) -> Option<&'a str> {
    let to = &prometheus.metadata;
    let bound = object.list("/status/bindings").iter();
    let mut said = bound
        .filter(|b| b["name"] == to.name.as_str() && b["namespace"] == to.namespace.as_str())
        .flat_map(|b| list(b, "/conditions"));
    said.find(|c| c["type"] == "Accepted" && c["status"] == "False").map(|c| text(c, "/message"))
}

/// The Secrets and ConfigMaps that an endpoint names.
fn named(endpoint: &Value) -> Vec<(&'static str, &str)> {
    let secrets = [
        "bearerTokenSecret",
        "basicAuth/username",
        "basicAuth/password",
        "authorization/credentials",
        "oauth2/clientSecret",
        "tlsConfig/keySecret",
        "oauth2/tlsConfig/keySecret",
    ];
    let either = ["oauth2/clientId", "tlsConfig/ca", "tlsConfig/cert", "oauth2/tlsConfig/ca", "oauth2/tlsConfig/cert"];
    let of = |kind, pointer: String| {
        let optional = endpoint.pointer(pointer.trim_end_matches("/name")).is_some_and(|r| r["optional"] == true);
        (kind, if optional { "" } else { text(endpoint, &pointer) })
    };
    let plain = secrets.iter().map(|at| of("Secret", format!("/{at}/name")));
    let chosen = either
        .iter()
        .flat_map(|at| [of("Secret", format!("/{at}/secret/name")), of("ConfigMap", format!("/{at}/configMap/name"))]);
    plain.chain(chosen).filter(|(_, name)| !name.is_empty()).collect()
}
