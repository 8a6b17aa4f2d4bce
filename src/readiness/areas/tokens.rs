//! Service accounts: tokens that a pod does not need, and tokens that never expire.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rbac::escalates;
use crate::{
    inventory::Object,
    model::{Class, Severity},
    readiness::{
        check::{Check, Needs, Say},
        picture::Picture,
        rights::{Caller, GROUP, Subject, is_everything},
        values::{list, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "RBAC-007",
        name: "sa-automount-unneeded",
        title: "No pod mounts a token that it does not need",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "automountServiceAccountToken is false on the pod or, if the pod does not set it, on its service account; or a binding names the service account. Without the field, Kubernetes mounts the token.",
        fix: "Set automountServiceAccountToken: false on the service account or the pod",
        why: "An attacker who enters a pod can use every token that is mounted there.",
        run: automount,
    },
    Check {
        id: "RBAC-008",
        name: "sa-long-lived-token",
        title: "Service account tokens expire",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No Secret in scope has the type kubernetes.io/service-account-token or the annotation kubernetes.io/service-account.name (on a live cluster only metadata of Secrets is read). Such a Secret is critical if its account is bound to cluster-admin, to a role with all rights, or to a role that RBAC-004 reports. No projected token has expirationSeconds above 86400 (medium). No bootstrap token is past its expiration (low).",
        fix: "Delete the token Secret; use TokenRequest or a projected token of at most 24 h",
        why: "A token that never expires is still valid in last year's backup, where others can find it.",
        run: tokens,
    },
];

fn automount(p: &Picture<'_>, say: &mut Say) {
    for kind in ["ClusterRoleBinding", "RoleBinding"] {
        if let Err(gap) = p.object_set.all(&format!("{kind}.{GROUP}")) {
            return say.gap(gap);
        }
    }
    let has: BTreeSet<Subject<'_>> =
        p.rights().bindings.iter().flat_map(|b| b.subjects().map(|(_, subject)| subject)).collect();
    for work in &p.works {
        let account = work.account();
        let own = work.spec()["automountServiceAccountToken"].as_bool();
        let found = p.object_set.find("ServiceAccount", work.namespace(), account);
        let of_account = found.and_then(|a| a.body["automountServiceAccountToken"].as_bool());
        let subject = Subject { kind: "ServiceAccount", namespace: work.namespace(), name: account };
        if !own.or(of_account).unwrap_or(true) || has.contains(&subject) {
            say.pass(work);
        } else {
            say.fail(
                work,
                work.pointer,
                format!("it mounts a token of service account {account}, which no binding names"),
            );
        }
    }
}

const DAY: u64 = 86_400;

/// Subjects that have all rights or can give them to themselves.
fn mighty<'a>(p: &Picture<'a>) -> BTreeSet<Subject<'a>> {
    let powerful = |b: &&crate::readiness::rights::Binding<'a>| {
        let role = p.rights().role(b);
        role.is_some_and(|role| is_everything(role.rules.iter()) || role.rules.iter().any(|r| escalates(r).is_some()))
    };
    p.rights().bindings.iter().filter(powerful).flat_map(|b| b.subjects().map(|(_, subject)| subject)).collect()
}

const UNUSED: i64 = 90 * 86_400;

/// Whether a token can be deleted, by the labels of Kubernetes on unused tokens.
fn leftover(p: &Picture<'_>, secret: &Object) -> String {
    let label = |name: &str| secret.metadata.labels.get(&format!("kubernetes.io/legacy-token-{name}"));
    if label("invalid-since").is_some() {
        return "; Kubernetes has marked it as unused: delete it".into();
    }
    match label("last-used").and_then(|day| p.age(&format!("{day}T00:00:00Z"))) {
        Some(age) if age > UNUSED => format!("; last used {} days ago: delete it", age / 86_400),
        _ => String::new(),
    }
}

fn tokens(p: &Picture<'_>, say: &mut Say) {
    for secret in p.all("Secret", say).iter().filter(|s| s.body["type"] == "bootstrap.kubernetes.io/token") {
        let end = secret.text("/data/expiration");
        if p.age(end).is_some_and(|age| age > 0) {
            say.fail_as(Severity::Low, secret, "/data/expiration", format!("a bootstrap token that expired on {end}"));
        }
    }
    let mighty = mighty(p);
    for secret in p.each("Secret", say) {
        let token = secret.body["type"] == "kubernetes.io/service-account-token"
            || secret.metadata.annotations.contains_key("kubernetes.io/service-account.name");
        if token {
            let account = secret.metadata.annotations.get("kubernetes.io/service-account.name");
            let account = Subject {
                kind: "ServiceAccount",
                namespace: &secret.metadata.namespace,
                name: account.map_or("", String::as_str),
            };
            let caller = Caller::of(&account);
            let (severity, may) = if mighty.iter().any(|subject| caller.is(subject)) {
                (Severity::Critical, ", which has all rights or can give them to itself")
            } else {
                (Severity::High, "")
            };
            let more = leftover(p, secret);
            say.fail_as(severity, secret, "/type", format!("a token without an expiry of {account}{may}{more}"));
        }
    }
    for work in &p.works {
        let mut long = vec![];
        for volume in list(work.spec(), "/volumes") {
            for source in list(volume, "/projected/sources") {
                let seconds =
                    source.pointer("/serviceAccountToken/expirationSeconds").and_then(Value::as_u64).unwrap_or(0);
                if seconds > DAY {
                    long.push(format!(
                        "volume {} holds a token that is valid for {} h",
                        text(volume, "/name"),
                        seconds / 3600
                    ));
                }
            }
        }
        if long.is_empty() {
            say.pass(work);
        } else {
            say.fail_as(Severity::Medium, work, format!("{}/volumes", work.pointer), long.join("; "));
        }
    }
}
