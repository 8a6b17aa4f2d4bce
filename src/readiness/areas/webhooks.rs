//! Admission webhooks: whether one that fails closed can keep the cluster from recovering.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    inventory::Object,
    kubernetes::Selector,
    model::{Severity, Subject},
    readiness::{
        check::Say,
        picture::{Picture, Work},
        values::{is_everything, list, selector, text, words},
        versions::is_own,
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
                let Answer { wrong, open } = unsafe_webhook(p, webhook);
                if wrong.is_empty() && !open.is_empty() {
                    say.unresolved(subject, pointer, open.join("; "));
                } else if wrong.is_empty() || is_about_kubernetes(webhook) {
                    say.judge(subject, &pointer, &wrong);
                } else {
                    say.fail_as(Severity::Medium, subject, pointer, wrong.join("; "));
                }
            }
        }
    }
}

/// What is wrong with a webhook, and what the input cannot answer.
#[derive(Default)]
struct Answer {
    wrong: Vec<String>,
    open: Vec<String>,
}

/// Whether a webhook concerns objects of Kubernetes itself. Others refuse only the custom resources of an operator.
fn is_about_kubernetes(webhook: &Value) -> bool {
    let own = |group: &&str| is_own(group);
    let rules = list(webhook, "/rules");
    // An older capture does not hold the groups and operations of a rule.
    let meets = |groups: &[&str]| groups.is_empty() || groups.iter().any(own);
    rules.is_empty() || rules.iter().any(|rule| meets(&words(rule, "/apiGroups")))
}

fn unsafe_webhook(p: &Picture<'_>, webhook: &Value) -> Answer {
    let mut answer = Answer::default();
    let (namespace, name) =
        (text(webhook, "/clientConfig/service/namespace"), text(webhook, "/clientConfig/service/name"));
    let seconds = webhook["timeoutSeconds"].as_u64().unwrap_or(10);
    if seconds > 10 {
        answer.wrong.push(format!("each request can wait {seconds} s for it"));
    }
    if name.is_empty() {
        return answer;
    }
    let Some(service) = p.object_set.find("Service", namespace, name) else {
        if p.is_cluster() {
            answer.wrong.push(format!("its Service {namespace}/{name} is missing: every request is refused"));
        } else {
            answer.open.push(format!("not in these files: its Service {namespace}/{name}"));
        }
        return answer;
    };
    if p.is_cluster() && p.object_set.all(SLICES).is_ok() {
        answer.wrong.extend(endpoints(p, service));
    } else {
        behind(p, service, &mut answer);
    }
    judges_itself(p, webhook, namespace, &mut answer);
    answer
}

/// Whether enough pods serve a webhook. Files may have the Service and not its pods.
fn behind(p: &Picture<'_>, service: &Object, answer: &mut Answer) {
    let chosen = service.map("/spec/selector").filter(|m| !m.is_empty());
    let serves = |w: &&Work<'_>| {
        w.namespace() == service.metadata.namespace
            && chosen.is_some_and(|m| m.iter().all(|(k, v)| w.labels.get(k).map(String::as_str) == v.as_str()))
    };
    let works: Vec<&Work<'_>> = p.works.iter().chain(&p.platform).filter(serves).collect();
    let pods: u64 = works.iter().map(|w| w.replicas.unwrap_or(2)).sum();
    if works.is_empty() && !p.is_cluster() {
        answer.open.push(format!("not in these files: the pods of its Service {}", service.metadata.name));
    } else if pods < 2 {
        answer.wrong.push(format!("{pods} pod serves it: if its node is lost, every request is refused"));
    }
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

/// Whether a webhook applies to pods that are needed to recover the webhook itself. Its conditions (matchConditions) are
/// not evaluated, and files do not always have the labels of the namespaces: then this is open.
fn judges_itself(p: &Picture<'_>, webhook: &Value, namespace: &str, answer: &mut Answer) {
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
    if !list(webhook, "/rules").iter().any(meets) {
        return;
    }
    let name = if takes(namespace) && own() {
        namespace
    } else if takes("kube-system") && objects.is_none() {
        "kube-system"
    } else {
        return;
    };
    let conditions = &webhook["matchConditions"];
    if conditions.is_string() || conditions.as_array().is_some_and(|all| !all.is_empty()) {
        answer.open.push(format!("its matchConditions decide whether it applies to pods of {name}"));
    } else if !p.knows_labels_of(name) && exempt.as_ref().is_some_and(asks_for_labels) {
        answer.open.push(format!("not in these files: the labels of namespace {name}, which it may exempt"));
    } else {
        answer.wrong.push(format!("it applies to pods of {name}: it can block its own recovery"));
    }
}

/// Whether a selector of namespaces asks for more than their names, which every namespace has as a label.
fn asks_for_labels(chosen: &Selector) -> bool {
    const NAME: &str = "kubernetes.io/metadata.name";
    chosen.match_labels.keys().any(|key| key != NAME) || chosen.match_expressions.iter().any(|e| e.key != NAME)
}
