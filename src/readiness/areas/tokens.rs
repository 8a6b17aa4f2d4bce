//! Service accounts: tokens that nobody needs, and tokens without an end.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rbac::{bindings, bound, escalates, is_everything, subject_name};
use crate::{
    inventory::Object,
    model::{Class, Severity},
    readiness::{
        check::{Check, Needs, Say},
        look::{list, text},
        picture::Picture,
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "RBAC-007",
        name: "sa-automount-unneeded",
        title: "No pod has a token that it does not need",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "Where a service account has no binding, automountServiceAccountToken is false on the pod or the account.",
        fix: "Set automountServiceAccountToken: false on the service account or the pod",
        why: "A token in every pod is a token to lose.",
        run: automount,
    },
    Check {
        id: "RBAC-008",
        name: "sa-long-lived-token",
        title: "Tokens end",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No Secret of type kubernetes.io/service-account-token in scope (critical where its account is bound to cluster-admin or to a role that can give itself more); no projected token that lasts longer than a day (medium); no bootstrap token past its end (low). Live, Secrets are read by metadata only: such a Secret is known by its annotation kubernetes.io/service-account.name.",
        fix: "Delete the token Secret; use TokenRequest or a projected token of 24 h or less",
        why: "A token without an end is found again in the backup of last year.",
        run: tokens,
    },
];

fn automount(p: &Picture<'_>, say: &mut Say) {
    let mut has = BTreeSet::new();
    for (binding, _) in bindings(p, say) {
        has.extend(binding.list("/subjects").iter().map(|s| subject_name(s, &binding.metadata.namespace)));
    }
    for work in &p.works {
        let account = match text(work.spec(), "/serviceAccountName") {
            "" => "default",
            name => name,
        };
        let own = work.spec()["automountServiceAccountToken"].as_bool();
        let found = p.shelf.find("ServiceAccount", work.namespace(), account);
        let of_account = found.and_then(|a| a.body["automountServiceAccountToken"].as_bool());
        if !own.or(of_account).unwrap_or(true)
            || has.contains(&format!("ServiceAccount {}/{account}", work.namespace()))
        {
            say.pass(work);
        } else {
            say.fail(work, work.pointer, format!("it gets a token of service account {account}, which has no rights"));
        }
    }
}

const DAY: u64 = 86_400;

/// Service accounts that have all rights, or can give them to themselves.
fn mighty(p: &Picture<'_>) -> BTreeSet<String> {
    let mut unsaid = Say::default();
    let mut all = BTreeSet::new();
    for (binding, _) in bindings(p, &mut unsaid) {
        if binding.text("/roleRef/name") == "cluster-admin" {
            all.extend(binding.list("/subjects").iter().map(|s| subject_name(s, &binding.metadata.namespace)));
        }
    }
    for bound in bound(p, &mut unsaid) {
        if is_everything(bound.role) || bound.role.list("/rules").iter().any(|rule| escalates(rule).is_some()) {
            all.extend(bound.subjects);
        }
    }
    all
}

const UNUSED: i64 = 90 * 86_400;

/// What becomes of tokens that were made by hand.
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
            say.fail_as(Severity::Low, secret, "/data/expiration", format!("a bootstrap token that ended on {end}"));
        }
    }
    let mighty = mighty(p);
    for secret in p.each("Secret", say) {
        let token = secret.body["type"] == "kubernetes.io/service-account-token"
            || secret.metadata.annotations.contains_key("kubernetes.io/service-account.name");
        if token {
            let account = secret.metadata.annotations.get("kubernetes.io/service-account.name");
            let account =
                format!("ServiceAccount {}/{}", secret.metadata.namespace, account.map_or("", String::as_str));
            let (severity, may) = if mighty.contains(&account) {
                (Severity::Critical, ", which may do everything or give itself the right to")
            } else {
                (Severity::High, "")
            };
            let more = leftover(p, secret);
            say.fail_as(severity, secret, "/type", format!("a token without an end of {account}{may}{more}"));
        }
    }
    for work in &p.works {
        let mut long = vec![];
        for volume in list(work.spec(), "/volumes") {
            for source in list(volume, "/projected/sources") {
                let seconds =
                    source.pointer("/serviceAccountToken/expirationSeconds").and_then(Value::as_u64).unwrap_or(0);
                if seconds > DAY {
                    long.push(format!("volume {} holds a token for {} h", text(volume, "/name"), seconds / 3600));
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
