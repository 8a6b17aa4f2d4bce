//! Governance: whether changes are audited, rights reviewed, and untrusted images refused.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{images::parse, plan::days};
use crate::{
    inventory::Object,
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, Needs, Say},
        picture::Picture,
        values::{flag, is_withheld, list, no_data, text, words},
    },
};

pub(crate) const NETWORK: &[Check] = &[Check {
    id: "NET-AUDIT",
    name: "network-policy-audited",
    title: "Changes to network policies are audited",
    severity: Severity::Medium,
    class: Class::Advisory,
    gates: &[],
    needs: Needs::Manifests,
    rule: "In each audit policy (audit.k8s.io, as a manifest or in a ConfigMap), the first rule that covers all writes to networkpolicies of networking.k8s.io by all users has a level other than None. If a cluster shows no audit policy, a kube-apiserver pod without --audit-policy-file fails; otherwise the result is unknown until it is attested.",
    fix: "Add a rule {level: Metadata, resources: [{group: networking.k8s.io}]} before the rules with level None",
    why: "Without this rule, nobody can tell after an incident who changed a network policy.",
    run: audited,
}];

pub(crate) const RIGHTS: &[Check] = &[Check {
    id: "RBAC-REVIEW",
    name: "rbac-reviewed",
    title: "Bindings were reviewed, and name existing accounts",
    severity: Severity::Medium,
    class: Class::Advisory,
    gates: &[],
    needs: Needs::Cluster,
    rule: "Each service account that a binding names exists, if its namespace is in scope; bindings named system:* are not examined. The readiness file names a review of the bindings within the last 180 days (plan.rbacReviewed). Without a readiness file the review is unknown.",
    fix: "Delete bindings to missing accounts; review the other bindings and write the date into plan.rbacReviewed",
    why: "If a binding names a deleted account, whoever creates an account of that name gets its rights.",
    run: reviewed,
}];

pub(crate) const IMAGES: &[Check] = &[
    Check {
        id: "IMG-ACCESS",
        name: "registry-access",
        title: "The readiness file says who may push and pull for each registry",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "For each registry of an image in scope, the readiness file (checks.parameters.registryAccess) names who may push, who may pull, and a review within the last 365 days. A cluster does not show this: without any entry the result is unknown.",
        fix: "Write down who may push and pull: registryAccess: [{registry: HOST, push: [ci], pull: [nodes], reviewed: 2026-11-01}]",
        why: "Whoever can push to a tag can change what a restore starts.",
        run: access,
    },
    Check {
        id: "IMG-GATE",
        name: "image-gate",
        title: "Admission refuses unscanned or untrusted images",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "At least one of these exists: a Kyverno ClusterPolicy that verifies or validates images with Enforce; a ValidatingAdmissionPolicy on images with a binding that has Deny; a ValidatingWebhookConfiguration of a known image checker (sigstore, cosign, connaisseur, portieris, kritis, image-policy or trivy in its name) with a failurePolicy other than Ignore; a pod in kube-system that uses the plugin ImagePolicyWebhook. A gate in CI cannot be seen: attest it.",
        fix: "Enforce an image policy at admission, or attest the gate in CI",
        why: "After a disaster, images are pulled from any source that works. Without a gate, the cluster also runs untrusted ones.",
        run: gate,
    },
];

/// Audit policies, from manifests and from ConfigMaps.
fn policies<'a>(p: &Picture<'a>) -> Vec<(&'a Object, Value)> {
    let own = p.object_set.any("Policy.audit.k8s.io").iter().map(|o| (o, o.at("/rules").clone()));
    let held = p.object_set.any("ConfigMap").iter().flat_map(|config| {
        let texts = config.map("/data").into_iter().flatten().filter_map(|(_, v)| v.as_str());
        let policies = texts.filter(|t| t.contains("audit.k8s.io/") && t.contains("kind: Policy"));
        policies.filter_map(|t| serde_saphyr::from_str::<Value>(t).ok()).map(move |v| (config, v["rules"].clone()))
    });
    own.chain(held).collect()
}

fn audited(p: &Picture<'_>, say: &mut Say) {
    let found = policies(p);
    for (object, rules) in &found {
        match rules.as_array().and_then(|rules| rules.iter().find(|rule| meets_policy_writes(rule))) {
            None => say.fail(*object, "/rules", "no rule covers writes to network policies: they are not audited"),
            Some(rule) if rule["level"] == "None" => {
                say.fail(*object, "/rules", "the first rule that covers writes to network policies has level None");
            }
            Some(_) => say.pass(*object),
        }
    }
    if !found.is_empty() || !p.is_cluster() {
        return;
    }
    // The name suggests an audit policy, which would have to be examined.
    let audit = |config: &Object, key: &str| config.metadata.name.contains("audit") || key.contains("audit");
    if p.object_set.any("ConfigMap").iter().any(|config| is_withheld(config, |key| audit(config, key))) {
        return no_data(say, "the capture leaves out values of ConfigMaps, which may hold an audit policy");
    }
    let server = |o: &&Object| o.metadata.namespace == "kube-system" && o.metadata.name.starts_with("kube-apiserver-");
    match p.object_set.any("Pod").iter().find(server) {
        Some(server) if flag(server, "--audit-policy-file").is_none() => {
            say.fail(server, "/spec/containers/0/command", "no --audit-policy-file")
        }
        _ => no_data(say, "the audit policy cannot be seen from here: attest that it covers networking.k8s.io"),
    }
}

/// Whether a rule of an audit policy covers every write to network policies.
fn meets_policy_writes(rule: &Value) -> bool {
    let narrow = ["users", "userGroups", "namespaces"].iter().any(|f| !list(rule, &format!("/{f}")).is_empty());
    let verbs = words(rule, "/verbs");
    let writes = verbs.is_empty() || ["create", "update", "patch", "delete"].iter().all(|v| verbs.contains(v));
    let resources = list(rule, "/resources");
    let meets = resources.is_empty()
        || resources.iter().any(|group| {
            let names = words(group, "/resources");
            text(group, "/group") == "networking.k8s.io"
                && (names.is_empty() || names.iter().any(|n| *n == "*" || *n == "networkpolicies"))
        });
    // A rule on non-resource URLs covers no objects.
    !narrow && writes && meets && list(rule, "/nonResourceURLs").is_empty()
}

const REVIEW_DAYS: i64 = 180;
const ACCESS_DAYS: i64 = 365;

fn reviewed(p: &Picture<'_>, say: &mut Say) {
    for key in ["RoleBinding.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io"] {
        if let Err(gap) = p.object_set.all("ServiceAccount").and(p.object_set.all(key)) {
            return say.gap(gap);
        }
        for binding in p.object_set.any(key).iter().filter(|b| !b.metadata.name.starts_with("system:")) {
            let gone: Vec<String> = list(&binding.body, "/subjects")
                .iter()
                .filter(|s| text(s, "/kind") == "ServiceAccount")
                .map(|s| {
                    (
                        Some(text(s, "/namespace")).filter(|n| !n.is_empty()).unwrap_or(&binding.metadata.namespace),
                        text(s, "/name"),
                    )
                })
                .filter(|(namespace, _)| p.in_scope(namespace))
                .filter(|(namespace, name)| p.object_set.find("ServiceAccount", namespace, name).is_none())
                .map(|(namespace, name)| format!("ServiceAccount {namespace}/{name} does not exist"))
                .collect();
            say.judge(binding, "/subjects", &gone);
        }
    }
    let subject = Subject::named("Review", "", "bindings");
    let dated = p.settings.plan.as_ref().and_then(|plan| plan.rbac_reviewed.as_ref());
    match days(p, dated) {
        None if !p.settings.has_readiness_file => {
            no_data(say, "no readiness file names the last review of rights (plan.rbacReviewed)")
        }
        None => say.fail(subject, "", "the readiness file names no review of rights (plan.rbacReviewed)"),
        Some(n) if n > REVIEW_DAYS => say.fail(subject, "", format!("rights were reviewed {n} days ago")),
        Some(_) => say.pass(subject),
    }
}

fn access(p: &Picture<'_>, say: &mut Say) {
    let images = p.works.iter().flat_map(|w| w.all_containers()).map(|c| text(c.value, "/image"));
    let hosts: BTreeSet<String> = images.filter(|i| !i.is_empty()).map(|i| parse(i).host.to_owned()).collect();
    let known = &p.settings.parameters.registry_access;
    if known.is_empty() && !hosts.is_empty() {
        let all = hosts.into_iter().collect::<Vec<_>>().join(", ");
        return no_data(say, format!("images come from {all}: the readiness file does not say who may push there"));
    }
    for host in hosts {
        let subject = Subject::named("Registry", "", &host);
        let Some(entry) = known.iter().find(|k| k.registry == host) else {
            say.fail(subject, "", "the readiness file does not say who may push and pull (registryAccess)");
            continue;
        };
        let mut wrong = vec![];
        if entry.push.is_empty() || entry.pull.is_empty() {
            wrong.push("the entry does not name who may push, or who may pull".to_owned());
        }
        match days(p, Some(&entry.reviewed)) {
            None => wrong.push(format!("reviewed `{}` is not a date", entry.reviewed)),
            Some(n) if n > ACCESS_DAYS => wrong.push(format!("the last review was {n} days ago")),
            Some(_) => {}
        }
        say.judge(subject, "", &wrong);
    }
}

/// Parts of the names of webhooks that check images.
const CHECKERS: [&str; 7] = ["sigstore", "cosign", "connaisseur", "portieris", "kritis", "image-policy", "trivy"];

fn gate(p: &Picture<'_>, say: &mut Say) {
    const KYVERNO: &str = "ClusterPolicy.kyverno.io";
    const POLICY: &str = "ValidatingAdmissionPolicy.admissionregistration.k8s.io";
    const BINDING: &str = "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io";
    const WEBHOOK: &str = "ValidatingWebhookConfiguration.admissionregistration.k8s.io";
    let mut idle = vec![];
    let mut held = false;
    for policy in p.all(KYVERNO, say).iter().filter(|o| about_images(o.at("/spec/rules"))) {
        let rules = policy.list("/spec/rules");
        let enforced = policy.text("/spec/validationFailureAction").eq_ignore_ascii_case("enforce")
            || rules.iter().any(|r| {
                text(r, "/validate/failureAction") == "Enforce"
                    || list(r, "/verifyImages").iter().any(|v| text(v, "/failureAction") == "Enforce")
            });
        if enforced {
            held = true;
            say.pass(policy)
        } else {
            idle.push(format!("policy {} does not enforce", policy.metadata.name))
        }
    }
    for policy in p.all(POLICY, say).iter().filter(|o| o.at("/spec/validations").to_string().contains("image")) {
        let denies = p.object_set.any(BINDING).iter().any(|b| {
            b.text("/spec/policyName") == policy.metadata.name
                && words(&b.body, "/spec/validationActions").contains(&"Deny")
        });
        if denies {
            held = true;
            say.pass(policy)
        } else {
            idle.push(format!("no binding of policy {} has Deny", policy.metadata.name))
        }
    }
    for hook in p.all(WEBHOOK, say).iter().filter(|o| CHECKERS.iter().any(|c| o.metadata.name.contains(c))) {
        let fails = hook.list("/webhooks").iter().any(|w| w["failurePolicy"] != "Ignore");
        if fails {
            held = true;
            say.pass(hook)
        } else {
            idle.push(format!("webhook {} admits every image if it does not answer", hook.metadata.name))
        }
    }
    let plugin = |o: &Object| o.at("/spec/containers").to_string().contains("ImagePolicyWebhook");
    if let Some(server) = p.object_set.any("Pod").iter().find(|o| o.metadata.namespace == "kube-system" && plugin(o)) {
        held = true;
        say.pass(server);
    }
    if !held && idle.is_empty() {
        idle.push("no admission policy or webhook checks images".into());
    }
    if !held {
        say.fail(Subject::default(), "", idle.join("; "));
    }
}

/// Whether rules of Kyverno concern images.
fn about_images(rules: &Value) -> bool {
    let rules = rules.as_array().map_or(&[][..], Vec::as_slice);
    rules.iter().any(|r| !r["verifyImages"].is_null() || r["validate"].to_string().contains("\"image\""))
}
