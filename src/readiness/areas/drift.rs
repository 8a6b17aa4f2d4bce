//! Drift from GitOps and Helm sources, access to the monitoring, profiling.

use std::collections::BTreeMap;

use super::plan::{APPLICATION, flux};
use crate::{
    inventory::Object,
    model::{Class, Severity, Unseen},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say},
        picture::{Picture, Work},
        values::{list, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "DRF-001",
        name: "gitops-in-sync",
        title: "The cluster matches its GitOps and Helm sources",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[RESTORE, REGION],
        needs: Needs::Cluster,
        rule: "Each Argo CD Application is Synced and Healthy. Each Flux Kustomization and HelmRelease is Ready, and its last applied revision is its last attempted one. The newest revision of each Helm release in scope has the status deployed (by the labels of its Secrets).",
        fix: "Sync or repair the application or release",
        why: "A restore brings back the drift, and the GitOps controller then undoes it.",
        run: in_sync,
    },
    Check {
        id: "DRF-003",
        name: "manual-edit",
        title: "Workloads are not edited by hand",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "The last manager that changed the spec of a workload is not kubectl-edit or kubectl-patch. It is not kubectl-client-side-apply, either, if a GitOps tool (Argo CD, Flux, Helm) also changed the spec.",
        fix: "Revert the edit, or commit it",
        why: "A change that is written nowhere is lost when the workload is created again.",
        run: edited,
    },
    Check {
        id: "MON-SEC",
        name: "monitoring-access",
        title: "Monitoring and logging are not open to everybody",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No Service of a workload with the image of Prometheus, Alertmanager, Loki or Elasticsearch has type LoadBalancer or NodePort, and no Ingress without an annotation with `auth` in its name leads to such a Service. No Grafana has GF_AUTH_ANONYMOUS_ENABLED=true in its environment.",
        fix: "Put an authenticating proxy in front of it; use ClusterIP; set GF_AUTH_ANONYMOUS_ENABLED=false",
        why: "Whoever can silence an alert can hide an outage.",
        run: open_monitoring,
    },
    Check {
        id: "PRF-001",
        name: "profiling-available",
        title: "Critical workloads can be profiled",
        severity: Severity::Low,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "Each critical workload has a pod annotation profiles.grafana.com/* or the variable DD_PROFILING_ENABLED, or a profiler (the image of Pyroscope or Parca) runs in the cluster. No Service with a port pprof or 6060 has type LoadBalancer or NodePort, and no Ingress leads to such a port (high).",
        fix: "Enable a continuous profiler; do not expose pprof",
        why: "After an outage, people ask why the remaining pods were slow.",
        run: profiling,
    },
];

fn in_sync(p: &Picture<'_>, say: &mut Say) {
    for application in p.all(APPLICATION, say) {
        let (sync, health) = (application.text("/status/sync/status"), application.text("/status/health/status"));
        match (sync, health) {
            ("", "") => say.unknown(application, Unseen::NoData, "Argo CD has not reported its status yet"),
            ("Synced", "Healthy") => say.pass(application),
            _ => say.fail(application, "/status", format!("it is {sync} and {health}")),
        }
    }
    for object in flux(p, say) {
        let (applied, tried) =
            (object.text("/status/lastAppliedRevision"), object.text("/status/lastAttemptedRevision"));
        match object.condition("Ready") {
            "True" if !applied.is_empty() && !tried.is_empty() && applied != tried => {
                say.fail(object, "/status", format!("it applied {applied}, but has attempted {tried} since"));
            }
            "True" => say.pass(object),
            "" => say.unknown(object, Unseen::NoData, "Flux has not reported its status yet"),
            _ => say.fail(object, "/status/conditions", "it is not Ready"),
        }
    }
    releases(p, say);
}

/// Helm keeps each revision of a release in a Secret, with its status in a label.
fn releases(p: &Picture<'_>, say: &mut Say) {
    let mut newest: BTreeMap<(&str, &str), (u64, &Object)> = BTreeMap::new();
    for secret in p.each("Secret", say) {
        let label = |name: &str| secret.metadata.labels.get(name).map_or("", String::as_str);
        if label("owner") != "helm" || !secret.metadata.name.starts_with("sh.helm.release.") {
            continue;
        }
        let version = label("version").parse().unwrap_or(0);
        let of = (secret.metadata.namespace.as_str(), label("name"));
        if newest.get(&of).is_none_or(|(before, _)| *before < version) {
            newest.insert(of, (version, secret));
        }
    }
    for ((_, name), (version, secret)) in newest {
        match secret.metadata.labels.get("status").map_or("", String::as_str) {
            "deployed" => say.pass(secret),
            status => {
                say.fail(secret, "/metadata/labels/status", format!("revision {version} of release {name} is {status}"))
            }
        }
    }
}

/// Whether a field manager belongs to a GitOps tool.
fn is_gitops(manager: &str) -> bool {
    ["argocd", "kustomize-controller", "helm", "flux"].iter().any(|name| manager.starts_with(name))
}

fn edited(p: &Picture<'_>, say: &mut Say) {
    for work in &p.works {
        let editors = work.object.list("/drillmaster.dev~1editors");
        let last = editors.iter().max_by_key(|e| e["time"].as_str().unwrap_or(""));
        match last.map(|e| (text(e, "/manager"), text(e, "/time"))) {
            Some((manager, time))
                if matches!(manager, "kubectl-edit" | "kubectl-patch")
                    || manager == "kubectl-client-side-apply"
                        && editors.iter().any(|e| is_gitops(text(e, "/manager"))) =>
            {
                say.fail(work, "/spec", format!("{manager} changed its spec last, at {time}"));
            }
            Some(_) => say.pass(work),
            None => {}
        }
    }
}

const WATCHED: [&str; 4] = ["prometheus", "alertmanager", "loki", "elasticsearch"];

fn open_monitoring(p: &Picture<'_>, say: &mut Say) {
    let images = |w: &Work<'_>| w.containers().map(|c| text(c.value, "/image").to_owned()).collect::<Vec<_>>();
    let mut services: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for work in &p.works {
        let images = images(work);
        let watched = images
            .iter()
            .any(|i| WATCHED.iter().any(|w| i.contains(w)) && !i.contains("exporter") && !i.contains("operator"));
        for service in p.services(work).into_iter().filter(|_| watched) {
            let open = matches!(service.text("/spec/type"), "LoadBalancer" | "NodePort");
            services.insert((&service.metadata.namespace, &service.metadata.name), open);
            if open {
                say.fail(
                    service,
                    "/spec/type",
                    format!("{} exposes {} to the outside without a login", service.text("/spec/type"), work.name()),
                );
            } else {
                say.pass(service);
            }
        }
        if images.iter().any(|i| i.contains("grafana/grafana")) {
            let anonymous = work.containers().any(|c| {
                list(c.value, "/env")
                    .iter()
                    .any(|e| text(e, "/name") == "GF_AUTH_ANONYMOUS_ENABLED" && text(e, "/value") == "true")
            });
            if anonymous {
                say.fail(work, work.pointer, "Grafana allows anonymous access (GF_AUTH_ANONYMOUS_ENABLED)")
            } else {
                say.pass(work)
            }
        }
    }
    for ingress in p.each("Ingress.networking.k8s.io", say) {
        let guarded = ingress.metadata.annotations.keys().any(|k| k.contains("auth"));
        let leads = |o: &Object| {
            o.list("/spec/rules").iter().flat_map(|r| list(r, "/http/paths")).any(|path| {
                services.contains_key(&(o.metadata.namespace.as_str(), text(path, "/backend/service/name")))
            })
        };
        if leads(ingress) && !guarded {
            say.fail(ingress, "/metadata/annotations", "it leads to the monitoring without a login");
        }
    }
}

/// Ports of pprof that can be reached from outside. A profile contains data from memory.
fn open_profiles(p: &Picture<'_>, say: &mut Say) {
    let is = |port: &serde_json::Value| {
        ["name", "port", "targetPort"].iter().any(|f| port[*f] == "pprof" || port[*f] == 6060)
    };
    let ingresses = p.object_set.any("Ingress.networking.k8s.io");
    for (service, _) in p.selecting_services().filter(|(s, _)| s.list("/spec/ports").iter().any(is)) {
        let meta = &service.metadata;
        let open = matches!(service.text("/spec/type"), "LoadBalancer" | "NodePort");
        let led = ingresses.iter().filter(|i| i.metadata.namespace == meta.namespace).any(|ingress| {
            ingress.list("/spec/rules").iter().flat_map(|r| list(r, "/http/paths")).any(|path| {
                let port = &path["backend"]["service"]["port"];
                text(path, "/backend/service/name") == meta.name && (port["name"] == "pprof" || port["number"] == 6060)
            })
        });
        if open || led {
            say.fail_as(Severity::High, *service, "/spec/ports", "pprof can be reached from outside");
        }
    }
}

fn profiling(p: &Picture<'_>, say: &mut Say) {
    open_profiles(p, say);
    let profiler =
        p.works.iter().chain(&p.platform).find(|w| {
            w.containers().any(|c| ["pyroscope", "parca"].iter().any(|n| text(c.value, "/image").contains(n)))
        });
    for work in p.works.iter().filter(|w| w.critical) {
        let annotated =
            work.object.at(work.pointer.strip_suffix("/spec").unwrap_or("")).pointer("/metadata/annotations");
        let noted = annotated
            .and_then(|a| a.as_object())
            .is_some_and(|a| a.keys().any(|k| k.starts_with("profiles.grafana.com/")));
        let datadog =
            work.containers().any(|c| list(c.value, "/env").iter().any(|e| text(e, "/name") == "DD_PROFILING_ENABLED"));
        if noted || datadog || profiler.is_some() {
            say.pass(work)
        } else {
            say.fail(work, "", "it is critical, and no profiler covers it")
        }
    }
}
