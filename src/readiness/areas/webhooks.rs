//! Admission webhooks: whether one that fails closed can keep the cluster from recovering.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    inventory::Object,
    model::{Severity, Subject},
    readiness::{
        check::Say,
        picture::{Picture, Work},
        values::{is_everything, list, selector, text, words},
    },
};

const CONFIGURATIONS: [&str; 2] = [
    "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
    "MutatingWebhookConfiguration.admissionregistration.k8s.io",
];

pub(super) fn webhooks(p: &Picture<'_>, say: &mut Say) {
    for key in CONFIGURATIONS {
        for configuration in p.all(key, say) {
            for (i, webhook) in configuration.list("/webhooks").iter().enumerate() {
                let subject = Subject::from(configuration).part(text(webhook, "/name"));
                if text(webhook, "/failurePolicy") == "Ignore" {
                    say.pass(subject);
                    continue;
                }
                let pointer = format!("/webhooks/{i}");
                let wrong = unsafe_webhook(p, webhook);
                let of = |field: &str| text(webhook, &format!("/clientConfig/service/{field}"));
                let (namespace, name) = (of("namespace"), of("name"));
                let missing = !name.is_empty() && p.object_set.find("Service", namespace, name).is_none();
                if wrong.is_empty() && missing {
                    let text = format!("not in these files: its Service {namespace}/{name}");
                    say.unresolved(subject, pointer, text);
                } else if wrong.is_empty() || is_about_kubernetes(webhook) {
                    say.judge(subject, &pointer, &wrong);
                } else {
                    say.fail_as(Severity::Medium, subject, pointer, wrong.join("; "));
                }
            }
        }
    }
}

/// Whether a webhook concerns objects of Kubernetes itself. Others refuse only the custom resources of an operator.
fn is_about_kubernetes(webhook: &Value) -> bool {
    let own = |group: &&str| !group.contains('.') || group.ends_with(".k8s.io");
    let rules = list(webhook, "/rules");
    // An older capture does not hold the groups and operations of a rule.
    let meets = |groups: &[&str]| groups.is_empty() || groups.iter().any(own);
    rules.is_empty() || rules.iter().any(|rule| meets(&words(rule, "/apiGroups")))
}

fn unsafe_webhook(p: &Picture<'_>, webhook: &Value) -> Vec<String> {
    let mut wrong = vec![];
    let (namespace, name) =
        (text(webhook, "/clientConfig/service/namespace"), text(webhook, "/clientConfig/service/name"));
    let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(10);
    if seconds > 10 {
        wrong.push(format!("each request can wait {seconds} s for it"));
    }
    if name.is_empty() {
        return wrong;
    }
    let Some(service) = p.object_set.find("Service", namespace, name) else {
        if p.is_cluster() {
            wrong.push(format!("its Service {namespace}/{name} is missing: every request is refused"));
        }
        return wrong;
    };
    if p.is_cluster() && p.object_set.all(SLICES).is_ok() {
        wrong.extend(endpoints(p, service));
        return [wrong, judges_itself(p, webhook, namespace)].concat();
    }
    let behind = |w: &&Work<'_>| {
        let chosen = service.map("/spec/selector").filter(|m| !m.is_empty());
        w.namespace() == namespace
            && chosen.is_some_and(|m| m.iter().all(|(k, v)| w.labels.get(k).map(String::as_str) == v.as_str()))
    };
    let pods: u64 = p.works.iter().chain(&p.platform).filter(behind).map(|w| w.replicas.unwrap_or(2)).sum();
    if pods < 2 {
        wrong.push(format!("{pods} pod serves it: if its node is lost, every request is refused"));
    }
    [wrong, judges_itself(p, webhook, namespace)].concat()
}

const SLICES: &str = "EndpointSlice.discovery.k8s.io";

/// What is wrong with the ready endpoints of a Service.
fn endpoints(p: &Picture<'_>, service: &Object) -> Option<String> {
    let own = |s: &&Object| {
        let of = s.metadata.labels.get("kubernetes.io/service-name");
        s.metadata.namespace == service.metadata.namespace && of == Some(&service.metadata.name)
    };
    let all = p.object_set.any(SLICES).iter().filter(own).flat_map(|s| s.list("/endpoints"));
    let ready: Vec<&str> =
        all.filter(|e| e.pointer("/conditions/ready") != Some(&false.into())).map(|e| text(e, "/nodeName")).collect();
    let nodes: BTreeSet<&str> = ready.iter().copied().collect();
    match (ready.len(), nodes.len()) {
        (0, _) => Some("its Service has no ready endpoint: every request is refused now".into()),
        (1, _) => Some("its Service has one endpoint: if its node is lost, every request is refused".into()),
        (n, 1) => Some(format!("all {n} endpoints of its Service are on one node")),
        _ => None,
    }
}

/// Whether a webhook applies to pods that are needed to recover the webhook itself.
fn judges_itself(p: &Picture<'_>, webhook: &Value, namespace: &str) -> Vec<String> {
    let meets = |rule: &Value| {
        let (groups, verbs) = (words(rule, "/apiGroups"), words(rule, "/operations"));
        words(rule, "/resources").iter().any(|w| matches!(*w, "*" | "pods" | "*/*"))
            && (groups.is_empty() || groups.iter().any(|w| matches!(*w, "*" | "")))
            && (verbs.is_empty() || verbs.iter().any(|verb| matches!(*verb, "*" | "CREATE")))
    };
    let exempt = selector(webhook, "/namespaceSelector");
    let takes = |name: &str| exempt.as_ref().is_none_or(|s| s.matches(&p.labels_of_namespace(name)));
    let objects = selector(webhook, "/objectSelector").filter(|s| !is_everything(s));
    let own = || {
        let all = p.works.iter().chain(&p.platform).filter(|w| w.namespace() == namespace);
        objects.as_ref().is_none_or(|s| all.into_iter().any(|w| s.matches(&w.labels)))
    };
    let told = |name: &str| vec![format!("it applies to pods of {name}: it can block its own recovery")];
    if !list(webhook, "/rules").iter().any(meets) {
        vec![]
    } else if takes(namespace) && own() {
        told(namespace)
    } else if takes("kube-system") && objects.is_none() {
        told("kube-system")
    } else {
        vec![]
    }
}
