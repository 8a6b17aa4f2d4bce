//! Whether external secrets are synced, according to the status that External Secrets, the Vault
//! operator and the CSI driver report.

use serde_json::Value;

use crate::{
    inventory::Object,
    model::{Class, Severity, Unseen},
    readiness::{
        check::{Check, DEPOUT, Needs, REGION, RESTORE, Say},
        picture::Picture,
        values::{ago, seconds, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[Check {
    id: "SEC-006",
    name: "secret-sync-healthy",
    title: "External secrets are synced and up to date",
    severity: Severity::High,
    class: Class::Blocks,
    gates: &[RESTORE, REGION, DEPOUT],
    needs: Needs::Cluster,
    rule: "Each ExternalSecret is Ready and, with a periodic refresh, was refreshed within twice its refreshInterval (1 h by default). Each SecretStore and ClusterSecretStore is Ready. Each SecretProviderClassPodStatus is mounted. For resources of the Vault operator: no condition is False, the newest generation was synced, no VaultConnection or VaultAuth is invalid, the lease of a VaultDynamicSecret has not ended and its static credentials were rotated within twice their period, and the certificate of a VaultPKISecret is valid and has not expired. A resource without a status is unknown. A VaultStaticSecret without conditions (operator 0.10) is unknown, too: its status does not change while Vault is down.",
    fix: "Correct the credentials or the network of the store; force a sync; alert on Ready=False",
    why: "If the store answers late, pods wait for their Secrets: External Secrets retries with pauses of up to 7 min.",
    run: synced,
}];

fn synced(p: &Picture<'_>, say: &mut Say) {
    for secret in p.each("ExternalSecret.external-secrets.io", say) {
        external(p, secret, say);
    }
    for key in ["SecretStore.external-secrets.io", "ClusterSecretStore.external-secrets.io"] {
        for store in p.each(key, say) {
            match condition(store, |c| c["type"] == "Ready") {
                Some(ready) if ready["status"] == "True" => say.pass(store),
                Some(ready) => not_ready(store, ready, say),
                None => unseen(store, say),
            }
        }
    }
    for key in ["VaultConnection.secrets.hashicorp.com", "VaultAuth.secrets.hashicorp.com"] {
        for part in p.each(key, say) {
            match part.at("/status/valid").as_bool() {
                _ if has_broken(part, say) => {}
                Some(true) => say.pass(part),
                Some(false) => say.fail(part, "/status/valid", invalid(part)),
                None => unseen(part, say),
            }
        }
    }
    type Rule = fn(&Picture<'_>, &Object, &mut Say);
    let kinds: [(&str, Rule); 3] =
        [("VaultStaticSecret", fixed), ("VaultDynamicSecret", leased), ("VaultPKISecret", issued)];
    for (kind, rule) in kinds {
        for secret in p.each(&format!("{kind}.secrets.hashicorp.com"), say) {
            if !has_broken(secret, say) && !is_behind(secret, say) {
                rule(p, secret, say);
            }
        }
    }
    for status in p.each("SecretProviderClassPodStatus.secrets-store.csi.x-k8s.io", say) {
        if status.at("/status/mounted") == true {
            say.pass(status)
        } else {
            say.fail(status, "/status/mounted", "its volume is not mounted")
        }
    }
}

fn condition(object: &Object, is: impl Fn(&Value) -> bool) -> Option<&Value> {
    object.list("/status/conditions").iter().find(|c| is(c))
}

fn not_ready(object: &Object, ready: &Value, say: &mut Say) {
    say.fail(object, "/status/conditions", format!("it is not Ready: {}", text(ready, "/message")));
}

fn unseen(object: &Object, say: &mut Say) {
    say.unknown(object, Unseen::NoData, "no controller has reported its status yet");
}

/// An ExternalSecret.
fn external(p: &Picture<'_>, secret: &Object, say: &mut Say) {
    let every = seconds(secret.text("/spec/refreshInterval")).unwrap_or(3600.0) as i64;
    let periodic = matches!(secret.text("/spec/refreshPolicy"), "" | "Periodic") && every > 0;
    let Some(ready) = condition(secret, |c| c["type"] == "Ready") else { return unseen(secret, say) };
    if ready["status"] != "True" {
        return not_ready(secret, ready, say);
    }
    match p.age(secret.text("/status/refreshTime")) {
        Some(age) if periodic && age > 2 * every => say.fail(
            secret,
            "/status/refreshTime",
            format!("it was refreshed {} ago, but should be refreshed every {}", ago(age), ago(every)),
        ),
        None if periodic => say.unknown(secret, Unseen::NoData, "its status has no refreshTime"),
        _ => say.pass(secret),
    }
}

fn invalid(object: &Object) -> String {
    match object.text("/status/error") {
        "" => "the operator reports that it is not valid".to_owned(),
        why => format!("the operator reports that it is not valid: {why}"),
    }
}

/// Whether a condition of the Vault operator is False. If so, reports it.
fn has_broken(object: &Object, say: &mut Say) -> bool {
    let broken = condition(object, |c| c["status"] == "False");
    if let Some(c) = broken {
        let said = format!("{} is False: {}", text(c, "/type"), text(c, "/message"));
        say.fail(object, "/status/conditions", said);
    }
    broken.is_some()
}

/// Whether the operator has not synced the newest generation. If so, reports it. Up to version
/// 0.10 the operator writes a status only after a success.
fn is_behind(secret: &Object, say: &mut Say) -> bool {
    let Some(seen) = secret.at("/status/lastGeneration").as_i64() else {
        say.unknown(secret, Unseen::NoData, "no status: the operator has not synced it, and its events show why");
        return true;
    };
    let behind = seen < secret.metadata.generation;
    if behind {
        let text = format!("generation {} was not synced, only generation {seen}", secret.metadata.generation);
        say.fail(secret, "/status/lastGeneration", text);
    }
    behind
}

/// A VaultStaticSecret.
fn fixed(_: &Picture<'_>, secret: &Object, say: &mut Say) {
    if secret.list("/status/conditions").is_empty() {
        let text = "its status shows neither failures nor times: check its events, and attest the result";
        say.unknown(secret, Unseen::NoData, text);
    } else {
        conditions_hold(secret, say);
    }
}

fn conditions_hold(secret: &Object, say: &mut Say) {
    match condition(secret, |c| c["status"] != "True") {
        None => say.pass(secret),
        Some(c) => say.unknown(secret, Unseen::NoData, format!("{} is {}", text(c, "/type"), text(c, "/status"))),
    }
}

/// A VaultDynamicSecret: its lease, or the rotation of its static credentials.
fn leased(p: &Picture<'_>, secret: &Object, say: &mut Say) {
    let number = |pointer: &str| secret.at(pointer).as_i64().unwrap_or(0);
    let since = |pointer: &str| p.now.as_second() - number(pointer);
    let (lease, period) =
        (number("/status/secretLease/duration"), number("/status/staticCredsMetaData/rotationPeriod"));
    let (renewed, rotated) = ("/status/lastRenewalTime", "/status/staticCredsMetaData/lastVaultRotation");
    if period > 0 && since(rotated) > 2 * period {
        let text = format!("it was rotated {} ago, but should be rotated every {}", ago(since(rotated)), ago(period));
        say.fail(secret, rotated, text);
    } else if lease > 0 && since(renewed) > lease {
        let text = format!("its lease of {} was renewed {} ago: it has ended", ago(lease), ago(since(renewed)));
        say.fail(secret, renewed, text);
    } else if period > 0 || lease > 0 {
        conditions_hold(secret, say);
    } else {
        fixed(p, secret, say);
    }
}

/// A VaultPKISecret.
fn issued(p: &Picture<'_>, secret: &Object, say: &mut Say) {
    let left = secret.at("/status/expiration").as_i64().map(|end| end - p.now.as_second());
    match (secret.at("/status/valid").as_bool(), left) {
        (Some(false), _) => say.fail(secret, "/status/valid", invalid(secret)),
        (_, Some(left)) if left < 0 => {
            say.fail(secret, "/status/expiration", format!("its certificate expired {} ago", ago(-left)));
        }
        (Some(true), Some(_)) => conditions_hold(secret, say),
        _ => unseen(secret, say),
    }
}
