//! Whether the objects that other objects refer to exist.

use std::collections::{BTreeMap, BTreeSet};

use super::workloads::HPA;
use crate::{
    model::{Class, Severity},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say},
        picture::{Picture, Work},
        values::{list, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[Check {
    id: "WRK-008",
    name: "references-resolve",
    title: "Every reference points to an existing object",
    severity: Severity::High,
    class: Class::Blocks,
    gates: &[RESTORE, REGION],
    needs: Needs::Manifests,
    rule: "For each workload these exist: its service account, ConfigMaps (with the keys that env names), Secrets, claims, priority class and runtime class, and the headless Service of a StatefulSet. Its selector matches its pod labels. A Service with a selector selects a workload. The Services and ports of an Ingress and an HTTPRoute exist, and so does the workload of a HorizontalPodAutoscaler. The workload of a VerticalPodAutoscaler and the role and service accounts of a RoleBinding exist (else medium). References marked optional are not examined. In manifests, a missing service account, ConfigMap, Secret, claim, class or role is not reported, because the cluster may have it.",
    fix: "Create the missing object, or mark the reference optional; create it in the recovery cluster, too",
    why: "A restored workload does not start if an object that it refers to is missing.",
    run: references,
}];

/// Looks up names. A name that manifests do not contain may exist in the cluster.
struct Names<'p, 'a> {
    p: &'p Picture<'a>,
    known: BTreeMap<&'static str, BTreeSet<(&'a str, &'a str)>>,
}

/// Kinds that are looked up.
const NAMED: [&str; 8] = [
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "PriorityClass.scheduling.k8s.io",
    "RuntimeClass.node.k8s.io",
    "Role.rbac.authorization.k8s.io",
    "ClusterRole.rbac.authorization.k8s.io",
];

impl<'p, 'a> Names<'p, 'a> {
    fn new(p: &'p Picture<'a>) -> Self {
        let of = |key: &'static str| {
            let all = p.object_set.any(key).iter();
            (key, all.map(|o| (o.metadata.namespace.as_str(), o.metadata.name.as_str())).collect())
        };
        Self { p, known: NAMED.iter().map(|key| of(key)).collect() }
    }

    /// Whether an object is certainly missing.
    fn missing(&self, key: &str, namespace: &str, name: &str) -> bool {
        let Some(known) = self.known.get(key) else { return false };
        !name.is_empty()
            && self.p.is_cluster()
            && self.p.object_set.all(key).is_ok()
            && self.p.object_set.serves(key)
            && !known.contains(&(namespace, name))
    }
}

fn references(p: &Picture<'_>, say: &mut Say) {
    let names = Names::new(p);
    for key in NAMED {
        if let Err(gap) = p.object_set.all(key) {
            say.gap(gap);
        }
    }
    for work in &p.works {
        let mut wrong = pod_references(work, &names);
        wrong.extend(own_references(p, work));
        say.judge(work, "", &wrong);
    }
    for service in p.each("Service", say) {
        let selects = service.map("/spec/selector").is_some_and(|m| !m.is_empty());
        let found = p.selecting_services().find(|(s, _)| std::ptr::eq(*s, service));
        let nobody = found.is_some_and(|(s, chosen)| p.select(&s.metadata.namespace, chosen).is_empty());
        if selects && nobody {
            say.fail(service, "/spec/selector", "its selector selects no workload");
        } else if selects {
            say.pass(service);
        }
    }
    ingresses(p, say);
    for scaler in p.each(HPA, say) {
        let target = scaler.text("/spec/scaleTargetRef/name");
        let there = p.in_namespace(&scaler.metadata.namespace).iter().any(|w| w.name() == target);
        if there {
            say.pass(scaler)
        } else {
            say.fail(scaler, "/spec/scaleTargetRef", format!("its target {target} does not exist"))
        }
    }
    for scaler in p.each("VerticalPodAutoscaler.autoscaling.k8s.io", say) {
        let target = scaler.text("/spec/targetRef/name");
        if p.in_namespace(&scaler.metadata.namespace).iter().any(|w| w.name() == target) {
            say.pass(scaler)
        } else {
            say.fail_as(Severity::Medium, scaler, "/spec/targetRef", format!("its target {target} does not exist"))
        }
    }
    routes(p, say);
    bindings(p, &names, say);
}

/// HTTPRoutes: backends that are Services.
fn routes(p: &Picture<'_>, say: &mut Say) {
    for route in p.each("HTTPRoute.gateway.networking.k8s.io", say) {
        let mut wrong = vec![];
        for backend in route.list("/spec/rules").iter().flat_map(|r| list(r, "/backendRefs")) {
            if !matches!(text(backend, "/kind"), "" | "Service") || !text(backend, "/group").is_empty() {
                continue;
            }
            let (name, space) = (text(backend, "/name"), text(backend, "/namespace"));
            let space = if space.is_empty() { &route.metadata.namespace } else { space };
            match p.object_set.find("Service", space, name) {
                None => wrong.push(format!("its Service {space}/{name} is missing")),
                Some(service) if !service.list("/spec/ports").iter().any(|q| q["port"] == backend["port"]) => {
                    wrong.push(format!("Service {name} has no port {}", backend["port"]));
                }
                Some(_) => {}
            }
        }
        say.judge(route, "/spec", &wrong);
    }
}

fn pod_references(work: &Work<'_>, names: &Names<'_, '_>) -> Vec<String> {
    let (spec, namespace) = (work.spec(), work.namespace());
    let mut wrong = vec![];
    let mut look = |key: &str, namespace: &str, name: &str, optional: bool| {
        if !optional && names.missing(key, namespace, name) {
            let kind = key.split('.').next().unwrap_or(key);
            wrong.push(format!("{kind} {name} is missing"));
        }
    };
    look("ServiceAccount", namespace, text(spec, "/serviceAccountName"), false);
    look("RuntimeClass.node.k8s.io", "", text(spec, "/runtimeClassName"), false);
    let priority = text(spec, "/priorityClassName");
    look("PriorityClass.scheduling.k8s.io", "", priority, priority.starts_with("system-"));
    for secret in list(spec, "/imagePullSecrets") {
        look("Secret", namespace, text(secret, "/name"), false);
    }
    for claim in work.claims() {
        look("PersistentVolumeClaim", namespace, claim, false);
    }
    for volume in list(spec, "/volumes") {
        look("ConfigMap", namespace, text(volume, "/configMap/name"), volume["configMap"]["optional"] == true);
        look("Secret", namespace, text(volume, "/secret/secretName"), volume["secret"]["optional"] == true);
        for source in list(volume, "/projected/sources") {
            look("ConfigMap", namespace, text(source, "/configMap/name"), source["configMap"]["optional"] == true);
            look("Secret", namespace, text(source, "/secret/name"), source["secret"]["optional"] == true);
        }
    }
    for container in work.all_containers() {
        for (list_of, fields) in [
            ("/env", ["/valueFrom/configMapKeyRef", "/valueFrom/secretKeyRef"]),
            ("/envFrom", ["/configMapRef", "/secretRef"]),
        ] {
            for entry in list(container.value, list_of) {
                for (field, key) in fields.iter().zip(["ConfigMap", "Secret"]) {
                    let Some(reference) = entry.pointer(field) else { continue };
                    let (name, optional) = (text(reference, "/name"), reference["optional"] == true);
                    look(key, namespace, name, optional);
                }
            }
        }
    }
    wrong.extend(keys(work, names));
    wrong.sort();
    wrong.dedup();
    wrong
}

/// Keys that env entries name and that an existing ConfigMap does not have.
fn keys(work: &Work<'_>, names: &Names<'_, '_>) -> Vec<String> {
    let mut wrong = vec![];
    for entry in work.all_containers().iter().flat_map(|c| list(c.value, "/env")) {
        let Some(reference) = entry.pointer("/valueFrom/configMapKeyRef") else { continue };
        let (name, key) = (text(reference, "/name"), text(reference, "/key"));
        let Some(found) = names.p.object_set.find("ConfigMap", work.namespace(), name) else { continue };
        let has = |part: &str| found.map(part).is_some_and(|m| m.contains_key(key));
        if !has("/data") && !has("/binaryData") && reference["optional"] != true {
            wrong.push(format!("ConfigMap {name} has no key {key}"));
        }
    }
    wrong
}

fn own_references(p: &Picture<'_>, work: &Work<'_>) -> Vec<String> {
    let mut wrong = vec![];
    if let Some(chosen) = crate::readiness::values::selector(&work.object.body, "/spec/selector")
        && !work.is_batch()
        && work.kind != "ReplicationController"
        && !work.labels.is_empty()
        && !chosen.matches(&work.labels)
    {
        wrong.push("its selector does not match its own pods".to_owned());
    }
    let service = work.object.text("/spec/serviceName");
    if work.kind == "StatefulSet" && !service.is_empty() {
        match p.object_set.find("Service", work.namespace(), service) {
            None => wrong.push(format!("its Service {service} is missing")),
            Some(found) if found.text("/spec/clusterIP") != "None" => {
                wrong.push(format!("its Service {service} is not headless: its pods have no DNS names of their own"));
            }
            Some(_) => {}
        }
    }
    wrong
}

fn ingresses(p: &Picture<'_>, say: &mut Say) {
    for ingress in p.each("Ingress.networking.k8s.io", say) {
        let paths =
            ingress.list("/spec/rules").iter().flat_map(|r| list(r, "/http/paths")).map(|path| &path["backend"]);
        let mut wrong = vec![];
        for backend in paths.chain(Some(ingress.at("/spec/defaultBackend"))).filter(|b| b["service"].is_object()) {
            let name = text(backend, "/service/name");
            let Some(service) = p.object_set.find("Service", &ingress.metadata.namespace, name) else {
                wrong.push(format!("its Service {name} is missing"));
                continue;
            };
            let (number, word) = (&backend["service"]["port"]["number"], &backend["service"]["port"]["name"]);
            let has = service
                .list("/spec/ports")
                .iter()
                .any(|port| !number.is_null() && port["port"] == *number || !word.is_null() && port["name"] == *word);
            if !has {
                let port = if number.is_null() { word } else { number };
                wrong.push(format!("Service {name} has no port {port}"));
            }
        }
        say.judge(ingress, "/spec", &wrong);
    }
}

fn bindings(p: &Picture<'_>, names: &Names<'_, '_>, say: &mut Say) {
    for binding in p.each("RoleBinding.rbac.authorization.k8s.io", say) {
        let (kind, name) = (binding.text("/roleRef/kind"), binding.text("/roleRef/name"));
        let missing = if kind == "ClusterRole" {
            names.missing("ClusterRole.rbac.authorization.k8s.io", "", name)
        } else {
            names.missing("Role.rbac.authorization.k8s.io", &binding.metadata.namespace, name)
        };
        let gone = list(&binding.body, "/subjects").iter().find(|s| {
            let space = text(s, "/namespace");
            let space = if space.is_empty() { &binding.metadata.namespace } else { space };
            text(s, "/kind") == "ServiceAccount" && names.missing("ServiceAccount", space, text(s, "/name"))
        });
        if missing {
            say.fail_as(Severity::Medium, binding, "/roleRef", format!("{kind} {name} is missing"));
        } else if let Some(gone) = gone {
            let text = format!("ServiceAccount {} is missing", text(gone, "/name"));
            say.fail_as(Severity::Medium, binding, "/subjects", text);
        } else {
            say.pass(binding);
        }
    }
}
