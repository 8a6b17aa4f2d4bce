//! Whether the objects that other objects refer to exist. Files may refer to objects that only the cluster has: such a
//! reference is unknown and never blocks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{backends, keys::keys, workloads::HPA};
use crate::{
    inventory::{Object, kind_of},
    model::{Class, Severity},
    readiness::{
        check::{Check, Needs, REGION, RESTORE, Say},
        operators::operated_objects,
        picture::{Picture, WORKLOADS, Work},
        values::{is_everything, list, selector, text},
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
    rule: "For each workload these exist: its service account (also by the old field serviceAccount), ConfigMaps and Secrets (also those that volumes of other types name, which a capture does not show), claims, priority class and runtime class, and the Service of a StatefulSet, which is headless (else medium, because the pods start without it). A ConfigMap, and a Secret in files, has the keys that env and volumes name. A workload of apps/v1 has a selector, and it matches its pod labels. A Service with a selector selects a pod, and its targetPort is one that the API server accepts; if it is a name, such a pod has a port of this name. The Services and ports of an Ingress and of routes (HTTP, GRPC, TCP, TLS, UDP) exist; an Ingress of networking.k8s.io/v1 has no backend with serviceName. The Secrets of its certificates exist (else medium; a capture does not show them), unless cert-manager creates them. The workload of a HorizontalPodAutoscaler and of a ScaledObject of KEDA exists, with the kind that it names. In a cluster, a target of a kind that was not read counts as existing if the condition AbleToScale (for KEDA: Ready) is True, and is unknown otherwise. The workload of a VerticalPodAutoscaler and the role and service accounts of a binding exist (else medium). References marked optional are not examined. What operators and the API server create counts as existing. In files, a name that no object has is unknown and does not block, because the cluster may have the object; a Service that selects no pod of these files is low.",
    fix: "Create the missing object, or mark the reference optional; create it in the recovery cluster, too",
    why: "A restored workload does not start if an object that it refers to is missing.",
    run: references,
}];

/// What a name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// An object.
    There,
    /// Nothing: the whole kind was read.
    Missing,
    /// Nothing in these files.
    Unresolved,
}

/// What is wrong with the references of an object, and what files cannot resolve.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub wrong: Vec<String>,
    /// What is wrong without keeping a pod from starting.
    pub lesser: Vec<String>,
    pub unresolved: Vec<String>,
}

impl Answer {
    /// Adds a reference.
    pub fn add(&mut self, found: Resolution, what: String) {
        match found {
            Resolution::There => {}
            Resolution::Missing => self.wrong.push(format!("{what} is missing")),
            Resolution::Unresolved => self.unresolved.push(what),
        }
    }

    /// Reports the object. A reference that is wrong comes before one that files cannot resolve.
    pub fn tell(mut self, say: &mut Say, object: &Object, pointer: &str) {
        for all in [&mut self.wrong, &mut self.lesser, &mut self.unresolved] {
            all.sort();
            all.dedup();
        }
        if self.wrong.is_empty() && !self.lesser.is_empty() {
            return say.fail_as(Severity::Medium, object, pointer, self.lesser.join("; "));
        }
        self.wrong.append(&mut self.lesser);
        if self.wrong.is_empty() && !self.unresolved.is_empty() {
            let text = format!("not in these files: {}", self.unresolved.join(", "));
            return say.unresolved(object, pointer, text);
        }
        say.judge(object, pointer, &self.wrong);
    }
}

/// Looks up names.
pub(super) struct Names<'p, 'a> {
    p: &'p Picture<'a>,
    known: BTreeMap<&'static str, BTreeSet<(&'a str, &'a str)>>,
    operated: BTreeSet<(&'static str, &'a str, String)>,
}

/// Kinds that are looked up.
const NAMED: [&str; 9] = [
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "Service",
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
        Self { p, known: NAMED.iter().map(|key| of(key)).collect(), operated: operated_objects(p.object_set) }
    }

    /// Whether an object of a kind exists. A name that is empty refers to nothing.
    pub fn find(&self, key: &'static str, namespace: &str, name: &str) -> Resolution {
        let known = self.known.get(key).is_some_and(|known| known.contains(&(namespace, name)));
        if name.is_empty() || known || is_given(key, name) {
            return Resolution::There;
        }
        let object_set = self.p.object_set;
        match self.p.is_cluster() {
            true if object_set.all(key).is_ok() && object_set.serves(key) => Resolution::Missing,
            true => Resolution::There,
            false if self.operated.contains(&(key, namespace, name.to_owned())) => Resolution::There,
            false => Resolution::Unresolved,
        }
    }
}

/// Whether every cluster or namespace has an object of this name.
fn is_given(key: &str, name: &str) -> bool {
    match key {
        "ServiceAccount" => name == "default",
        "ConfigMap" => name == "kube-root-ca.crt",
        "PriorityClass.scheduling.k8s.io" => name.starts_with("system-"),
        "Role.rbac.authorization.k8s.io" => {
            name.starts_with("system:") || name == "extension-apiserver-authentication-reader"
        }
        _ => false,
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
        let mut answer = Answer::default();
        pod_references(work, &names, &mut answer);
        keys(p, work, &mut answer);
        own_references(work, &names, &mut answer);
        answer.tell(say, work.object, "");
    }
    services(p, say);
    backends::ingresses(p, &names, say);
    backends::routes(p, &names, say);
    scalers(p, say);
    bindings(p, &names, say);
}

/// Services: the pods that they select, and the ports of these pods.
fn services(p: &Picture<'_>, say: &mut Say) {
    for (service, chosen) in p.selecting_services() {
        let mut targets = service.list("/spec/ports").iter().enumerate();
        if let Some((i, port)) = targets.find(|(_, port)| !is_port(&port["targetPort"])) {
            let text = format!("{} is neither the number nor the name of a port", port["targetPort"]);
            say.fail(*service, format!("/spec/ports/{i}/targetPort"), text);
            continue;
        }
        let works = p.select(&service.metadata.namespace, chosen);
        if works.is_empty() && p.reaches(&service.metadata.namespace, chosen) {
            say.pass(*service);
        } else if works.is_empty() && p.is_cluster() {
            say.fail(*service, "/spec/selector", "its selector selects no workload");
        } else if works.is_empty() {
            let text = "its selector selects no pod of these files";
            say.fail_as(Severity::Low, *service, "/spec/selector", text);
        } else {
            let ports = service.list("/spec/ports").iter().enumerate();
            let nameless = ports.filter_map(|(i, port)| Some((i, port["targetPort"].as_str()?, port)));
            let lost = nameless.filter(|(_, name, _)| name.parse::<u64>().is_err()).find(|(_, name, port)| {
                let proto = super::network::protocol(port);
                !works.iter().any(|w| super::network::named_ports(w).iter().any(|(n, _, q)| n == name && q == proto))
            });
            match lost {
                None => say.pass(*service),
                Some((i, name, _)) => {
                    let text = format!("no container of its pods has a port named {name}");
                    say.fail(*service, format!("/spec/ports/{i}/targetPort"), text);
                }
            }
        }
    }
}

/// Whether the API server accepts a target port: a number, or a name of at most 15 small letters, digits and hyphens.
fn is_port(target: &Value) -> bool {
    let named = |name: &str| {
        let known = name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
        let letter = name.chars().any(|c| c.is_ascii_lowercase());
        known && letter && (1..=15).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
    };
    match target {
        Value::Null => true,
        Value::Number(number) => number.as_u64().is_some_and(|n| (1..=65_535).contains(&n)),
        Value::String(text) => named(text) && !text.contains("--"),
        _ => false,
    }
}

const KEDA: &str = "ScaledObject.keda.sh";

/// Autoscalers: the workloads that they scale.
fn scalers(p: &Picture<'_>, say: &mut Say) {
    for (key, pointer, severity) in [
        (HPA, "/spec/scaleTargetRef", Severity::High),
        (KEDA, "/spec/scaleTargetRef", Severity::High),
        ("VerticalPodAutoscaler.autoscaling.k8s.io", "/spec/targetRef", Severity::Medium),
    ] {
        for scaler in p.each(key, say) {
            let (kind, name) = (scaler.text(&format!("{pointer}/kind")), scaler.text(&format!("{pointer}/name")));
            // KEDA takes a target without a kind for a Deployment.
            let kind = if kind.is_empty() && key == KEDA { "Deployment" } else { kind };
            let here: Vec<&Work<'_>> =
                p.in_namespace(&scaler.metadata.namespace).into_iter().filter(|w| w.name() == name).collect();
            let of_kind = here.iter().any(|w| w.kind == kind);
            let is_read = |key: &&str| kind_of(key) == kind && p.object_set.all(key).is_ok();
            let known = WORKLOADS.iter().any(is_read);
            let other = p.object_set.find_kind(kind, &scaler.metadata.namespace, name).is_some();
            // Its controller has found the target, although the review has not read its kind.
            let found =
                p.is_cluster() && [scaler.condition("AbleToScale"), scaler.condition("Ready")].contains(&"True");
            if of_kind || other || !known && found {
                say.pass(scaler);
            } else if !known && p.is_cluster() {
                let text = format!("objects of the kind {kind} were not read, so its target {name} may be missing");
                say.unresolved(scaler, pointer, text);
            } else if let Some(twin) = here.first() {
                let text = format!("its target {kind} {name} does not exist: {name} is a {}", twin.kind);
                say.fail_as(severity, scaler, pointer, text);
            } else if p.is_cluster() {
                say.fail_as(severity, scaler, pointer, format!("its target {kind} {name} does not exist"));
            } else {
                say.unresolved(scaler, pointer, format!("not in these files: its target {kind} {name}"));
            }
        }
    }
}

/// Where volumes of other types name a Secret of the namespace.
const SECRETS_OF_VOLUMES: [&str; 9] = [
    "/csi/nodePublishSecretRef/name",
    "/azureFile/secretName",
    "/cephfs/secretRef/name",
    "/cinder/secretRef/name",
    "/flexVolume/secretRef/name",
    "/iscsi/secretRef/name",
    "/rbd/secretRef/name",
    "/scaleIO/secretRef/name",
    "/storageos/secretRef/name",
];

fn pod_references(work: &Work<'_>, names: &Names<'_, '_>, answer: &mut Answer) {
    let (spec, namespace) = (work.spec(), work.namespace());
    let mut look = |key: &'static str, namespace: &str, name: &str, optional: bool| {
        if !optional {
            let kind = kind_of(key);
            answer.add(names.find(key, namespace, name), format!("{kind} {name}"));
        }
    };
    look("ServiceAccount", namespace, work.account(), false);
    look("RuntimeClass.node.k8s.io", "", text(spec, "/runtimeClassName"), false);
    look("PriorityClass.scheduling.k8s.io", "", text(spec, "/priorityClassName"), false);
    for secret in list(spec, "/imagePullSecrets") {
        look("Secret", namespace, text(secret, "/name"), false);
    }
    for claim in work.claims() {
        look("PersistentVolumeClaim", namespace, claim, false);
    }
    for volume in list(spec, "/volumes") {
        look("ConfigMap", namespace, text(volume, "/configMap/name"), volume["configMap"]["optional"] == true);
        look("Secret", namespace, text(volume, "/secret/secretName"), volume["secret"]["optional"] == true);
        for pointer in SECRETS_OF_VOLUMES {
            look("Secret", namespace, text(volume, pointer), false);
        }
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
                    look(key, namespace, text(reference, "/name"), reference["optional"] == true);
                }
            }
        }
    }
}

/// What a StatefulSet lacks without a headless Service. Its pods start all the same.
const NO_NAMES: &str = "its pods have no DNS names of their own";

fn own_references(work: &Work<'_>, names: &Names<'_, '_>, answer: &mut Answer) {
    if !names.p.is_cluster() && lacks_selector(work) {
        answer.wrong.push("it has no spec.selector: the API server refuses it".to_owned());
    } else if !selects_itself(work) {
        answer.wrong.push("its selector does not match its own pods".to_owned());
    }
    let service = work.object.text("/spec/serviceName");
    if work.kind == "StatefulSet" && !service.is_empty() {
        let headless = names.p.object_set.find("Service", work.namespace(), service);
        match headless {
            Some(found) if found.text("/spec/clusterIP") != "None" => {
                answer.lesser.push(format!("its Service {service} is not headless: {NO_NAMES}"));
            }
            Some(_) => {}
            None => match names.find("Service", work.namespace(), service) {
                Resolution::Missing => answer.lesser.push(format!("its Service {service} is missing: {NO_NAMES}")),
                found => answer.add(found, format!("Service {service}")),
            },
        }
    }
}

/// Whether a workload lacks the selector that apps/v1 demands. The versions before it took the labels of the template.
fn lacks_selector(work: &Work<'_>) -> bool {
    *work.object.group == *"apps" && *work.object.version == *"v1" && work.object.map("/spec/selector").is_none()
}

/// Whether the selector of a workload matches the labels of its pods. The API server refuses the others.
fn selects_itself(work: &Work<'_>) -> bool {
    match work.kind {
        // Its selector is a plain map, and without one its pods' labels are the selector.
        "ReplicationController" | "DeploymentConfig" => {
            let chosen = work.object.map("/spec/selector").into_iter().flatten();
            let mut all = chosen.map(|(key, value)| work.labels.get(key).map(String::as_str) == value.as_str());
            all.all(|equal| equal)
        }
        // The API server sets both, unless manualSelector is true.
        "Job" => {
            let manual = work.object.at("/spec/manualSelector") == true;
            !manual || selector(&work.object.body, "/spec/selector").is_none_or(|s| s.matches(&work.labels))
        }
        "CronJob" | "Pod" => true,
        _ => selector(&work.object.body, "/spec/selector")
            .is_none_or(|s| s.matches(&work.labels) && (!work.unlabelled || is_everything(&s))),
    }
}

fn bindings(p: &Picture<'_>, names: &Names<'_, '_>, say: &mut Say) {
    for key in ["RoleBinding.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io"] {
        if let Err(gap) = p.object_set.all(key) {
            say.gap(gap);
        }
    }
    for binding in p.rights().bindings.iter().filter(|b| !b.default && p.in_scope(&b.object.metadata.namespace)) {
        let object = binding.object;
        let mut answer = Answer::default();
        let (kind, name) = (object.text("/roleRef/kind"), object.text("/roleRef/name"));
        if p.rights().role(binding).is_none() {
            let (key, namespace) = match kind {
                "ClusterRole" => ("ClusterRole.rbac.authorization.k8s.io", ""),
                _ => ("Role.rbac.authorization.k8s.io", object.metadata.namespace.as_str()),
            };
            answer.add(names.find(key, namespace, name), format!("{kind} {name}"));
        }
        for (_, subject) in binding.subjects().filter(|(_, s)| s.kind == "ServiceAccount") {
            let found = names.find("ServiceAccount", subject.namespace, subject.name);
            answer.add(found, format!("ServiceAccount {}/{}", subject.namespace, subject.name));
        }
        match answer.wrong.first() {
            Some(_) => say.fail_as(Severity::Medium, object, "/roleRef", answer.wrong.join("; ")),
            None => answer.tell(say, object, "/roleRef"),
        }
    }
}
