//! Probes of containers.

use serde_json::Value;

use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, Say, ZONE},
        picture::{Cont, Picture, Work},
        values::list,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "PRB-001",
        name: "readiness",
        title: "Every container that serves traffic has a readiness probe",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE, ZONE],
        needs: Needs::Manifests,
        rule: "Each container that declares the target port of a Service has a readinessProbe (medium if another container of the pod has one). If no container declares it, at least one container of the workload has one. A Service with publishNotReadyAddresses does not count, because it sends traffic to pods that are not ready on purpose, and neither does one whose ports are named metrics or prom. The same applies to every container of a StatefulSet without a Service that a PodDisruptionBudget selects. Jobs, CronJobs and init containers that end are not examined.",
        fix: "Add a readinessProbe to the container",
        why: "Without a probe, traffic goes to pods that are not ready yet, and a budget counts them as healthy.",
        run: readiness,
    },
    Check {
        id: "PRB-002",
        name: "liveness-sane",
        title: "Liveness probes do not restart working containers",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A livenessProbe allows more time than the readinessProbe (failureThreshold times periodSeconds) if both make the same request, and at least the same time otherwise. Its timeoutSeconds is below its periodSeconds. initialDelaySeconds above 60 without a startupProbe is low. Containers without a livenessProbe are skipped. Jobs and CronJobs are not examined.",
        fix: "Use another endpoint for the livenessProbe, add a startupProbe, or raise its thresholds",
        why: "Under the load of a failover, a strict liveness probe restarts containers that still work.",
        run: liveness,
    },
    Check {
        id: "PRB-003",
        name: "probe-port",
        title: "The port of every probe exists",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A port name in a readiness, liveness or startup probe is the name of a port of the container. A port number is among the ports of the container (else low). The port is not one of UDP or SCTP only, because probes use TCP. Jobs and CronJobs are not examined.",
        fix: "Use a named port of the container",
        why: "A probe of a port that does not exist always fails, and the pod never becomes ready.",
        run: ports,
    },
    Check {
        id: "PRB-004",
        name: "probe-vs-rto",
        title: "Readiness probes notice a failure soon enough for the RTO",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[NODE, ZONE],
        needs: Needs::Manifests,
        rule: "For each readinessProbe, periodSeconds times failureThreshold plus timeoutSeconds is at most a quarter of the RTO of the workload in the readiness file. Workloads without an RTO are not examined.",
        fix: "Lower periodSeconds or failureThreshold",
        why: "The time until a failure is noticed is part of the outage.",
        run: against_rto,
    },
];

/// A number of a probe, or the default of the API.
fn number(probe: &Value, field: &str, default: u64) -> u64 {
    probe[field].as_u64().unwrap_or(default)
}

/// Whether a Service has ports for metrics only, by their names. Whoever reads them wants those of unready pods, too.
fn is_for_metrics(service: &Object) -> bool {
    let named = |port: &Value| {
        let name = port["name"].as_str().unwrap_or("");
        name.ends_with("metrics") || name.starts_with("metrics") || name.starts_with("prom")
    };
    let ports = service.list("/spec/ports");
    !ports.is_empty() && ports.iter().all(named)
}

/// Containers of a workload that declare a target port of its Services.
fn serving<'a>(p: &Picture<'a>, work: &Work<'a>) -> Vec<Cont<'a>> {
    let containers: Vec<Cont<'a>> = work.containers().cloned().collect();
    // Such a Service sends traffic to pods that are not ready, on purpose: its clients are the other members of a cluster.
    let waits = |s: &&Object| s.at("/spec/publishNotReadyAddresses") != true && !is_for_metrics(s);
    let services: Vec<&Object> = p.services(work).into_iter().filter(waits).collect();
    if services.is_empty() {
        return vec![];
    }
    let targets: Vec<&Value> = services
        .iter()
        .flat_map(|s| s.list("/spec/ports"))
        .map(|port| if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] })
        .collect();
    let holds = |c: &Cont<'_>| {
        list(c.value, "/ports")
            .iter()
            .any(|port| targets.iter().any(|t| port["containerPort"] == **t || port["name"] == **t))
    };
    let named: Vec<Cont<'a>> = containers.iter().filter(|c| holds(c)).cloned().collect();
    if !named.is_empty() {
        return named;
    }
    // Containers need not declare their ports. A pod is ready only when all its readiness probes succeed, so one that
    // has such a probe does not get traffic too early.
    let probed: Vec<Cont<'a>> = containers.iter().filter(|c| c.value["readinessProbe"].is_object()).cloned().collect();
    if probed.is_empty() { containers } else { probed }
}

fn readiness(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        let mut serving = serving(p, work);
        let budgeted = work.kind == "StatefulSet"
            && p.object_set.any("PodDisruptionBudget.policy").iter().any(|b| {
                b.metadata.namespace == work.namespace()
                    && crate::readiness::values::selector(&b.body, "/spec/selector")
                        .is_some_and(|s| s.matches(&work.labels))
            });
        if serving.is_empty() && budgeted {
            serving = work.containers().cloned().collect();
        }
        if serving.is_empty() {
            say.skip(work, "no Service selects its pods");
            continue;
        }
        for container in serving {
            let subject = Subject::from(work).part(container.name);
            let probed = |c: &&Cont<'_>| c.value["readinessProbe"].is_object();
            if probed(&&container) {
                say.pass(subject);
            } else if let Some(other) = work.containers().find(probed) {
                // The pod is not ready before the other container is, whose probe may ask for this one, too.
                let text = format!("it serves traffic, and only {} of its pod has a readinessProbe", other.name);
                say.fail_as(Severity::Medium, subject, container.pointer.clone(), text);
            } else {
                say.fail(subject, container.pointer.clone(), "it serves traffic and has no readinessProbe");
            }
        }
    }
}

/// The request of a probe, without its numbers.
fn handler(probe: &Value) -> Value {
    let mut bare = probe.clone();
    if let Some(fields) = bare.as_object_mut() {
        fields.retain(|field, _| matches!(field.as_str(), "httpGet" | "tcpSocket" | "exec" | "grpc"));
    }
    bare
}

fn liveness(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        for container in work.containers() {
            let (live, ready) = (&container.value["livenessProbe"], &container.value["readinessProbe"]);
            let subject = Subject::from(work).part(container.name);
            if !live.is_object() {
                say.skip(subject, "it has no livenessProbe");
                continue;
            }
            let budget = |probe: &Value| number(probe, "failureThreshold", 3) * number(probe, "periodSeconds", 10);
            let mut wrong = vec![];
            if ready.is_object() && handler(live) == handler(ready) && budget(live) <= budget(ready) {
                wrong.push(
                    "it makes the same request as the readinessProbe and gives up no later: a busy container is killed"
                        .to_owned(),
                );
            }
            if number(live, "timeoutSeconds", 1) >= number(live, "periodSeconds", 10) {
                wrong.push("its timeout is not shorter than its period".to_owned());
            }
            if ready.is_object() && budget(live) < budget(ready) {
                wrong.push(format!(
                    "it gives up after {} s, the readinessProbe after {} s",
                    budget(live),
                    budget(ready)
                ));
            }
            let late = number(live, "initialDelaySeconds", 0) > 60 && !container.value["startupProbe"].is_object();
            let pointer = format!("{}/livenessProbe", container.pointer);
            if wrong.is_empty() && late {
                say.fail_as(
                    Severity::Low,
                    subject,
                    pointer,
                    "initialDelaySeconds is above 60, and the container has no startupProbe",
                );
            } else {
                say.judge(subject, &pointer, &wrong);
            }
        }
    }
}

fn ports(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        for container in work.containers() {
            let known = list(container.value, "/ports");
            for kind in ["readinessProbe", "livenessProbe", "startupProbe"] {
                let probe = &container.value[kind];
                let port = ["httpGet", "tcpSocket", "grpc"].iter().map(|h| &probe[*h]["port"]).find(|v| !v.is_null());
                let Some(port) = port else { continue };
                let subject = Subject::from(work).part(format!("{} {kind}", container.name));
                let pointer = format!("{}/{kind}", container.pointer);
                let is = |k: &&Value| k["name"] == *port || k["containerPort"] == *port;
                let tcp = |k: &Value| matches!(k["protocol"].as_str(), None | Some("TCP"));
                let found: Vec<&Value> = known.iter().filter(is).collect();
                if !found.is_empty() && !found.iter().any(|k| tcp(k)) {
                    let proto = found[0]["protocol"].as_str().unwrap_or("UDP").to_owned();
                    let text = format!("it uses port {port} over TCP, but the container listens there with {proto}");
                    say.fail(subject, pointer, text);
                } else if !found.is_empty() {
                    say.pass(subject);
                } else if let Some(name) = port.as_str().filter(|n| n.parse::<u64>().is_err()) {
                    say.fail(
                        subject,
                        pointer,
                        format!("it uses port {name}, but the container has no port of this name"),
                    );
                } else {
                    say.fail_as(
                        Severity::Low,
                        subject,
                        pointer,
                        format!("it uses port {port}, which the container does not list"),
                    );
                }
            }
        }
    }
}

fn against_rto(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| !w.is_batch()) {
        let Some(rto) = p.settings.objective(work.namespace(), work.kind, work.name()).and_then(|o| o.rto) else {
            continue;
        };
        for container in work.containers() {
            let probe = &container.value["readinessProbe"];
            if !probe.is_object() {
                continue;
            }
            let seconds = number(probe, "periodSeconds", 10) * number(probe, "failureThreshold", 3)
                + number(probe, "timeoutSeconds", 1);
            let subject = Subject::from(work).part(container.name);
            if seconds * 4 > rto.0.as_secs() {
                let text = format!("a failure is noticed after {seconds} s, more than a quarter of the RTO of {rto}");
                say.fail(subject, format!("{}/readinessProbe", container.pointer), text);
            } else {
                say.pass(subject);
            }
        }
    }
}
