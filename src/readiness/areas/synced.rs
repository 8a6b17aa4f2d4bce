//! Whether the secrets that come from outside came, and when: what External Secrets,
//! the Vault operator and the CSI driver say of themselves.

use serde_json::Value;

use crate::{
    inventory::Object,
    model::{Class, Severity, Unseen},
    readiness::{
        check::{Check, DEPOUT, Needs, REGION, RESTORE, Say},
        look::{ago, seconds, text},
        picture::Picture,
    },
};

pub(crate) const CHECKS: &[Check] = &[Check {
    id: "SEC-006",
    name: "secret-sync-healthy",
    title: "What comes from outside came just now",
    severity: Severity::High,
    class: Class::Blocks,
    gates: &[RESTORE, REGION, DEPOUT],
    needs: Needs::Cluster,
    rule: "Each ExternalSecret is Ready and was refreshed within twice its refreshInterval (1 h by default), each SecretStore and ClusterSecretStore is Ready, each SecretProviderClassPodStatus is mounted. Of the Vault operator: no condition of a resource is False, its newest specification was synced, no VaultConnection or VaultAuth is invalid, the lease of a VaultDynamicSecret and the certificate of a VaultPKISecret have not ended. A VaultStaticSecret without conditions (operator 0.10) is unknown: its status stays as it was while Vault is away.",
    fix: "Mend the store's credentials or its network; force a sync; alert on Ready=False",
    why: "A store that answers late keeps pods waiting: External Secrets tries again with up to 7 min in between.",
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
    say.unknown(object, Unseen::NoData, "nobody has looked at it yet");
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
            format!("refreshed {} ago, and that is to be every {}", ago(age), ago(every)),
        ),
        None if periodic => say.unknown(secret, Unseen::NoData, "it does not say when it was refreshed"),
        _ => say.pass(secret),
    }
}

fn invalid(object: &Object) -> String {
    match object.text("/status/error") {
        "" => "the operator says that it is not valid".to_owned(),
        why => format!("the operator says that it is not valid: {why}"),
    }
}

/// Whether a condition of the Vault operator is False, which is told.
fn has_broken(object: &Object, say: &mut Say) -> bool {
    let broken = condition(object, |c| c["status"] == "False");
    if let Some(c) = broken {
        let said = format!("{} is False: {}", text(c, "/type"), text(c, "/message"));
        say.fail(object, "/status/conditions", said);
    }
    broken.is_some()
}

/// Whether the operator has not taken in what is asked for now, which is told. Up to
/// 0.10 it writes a status only after it succeeded.
fn is_behind(secret: &Object, say: &mut Say) -> bool {
    let Some(seen) = secret.at("/status/lastGeneration").as_i64() else {
        say.unknown(secret, Unseen::NoData, "no status: the operator has not synced it, and its events tell why");
        return true;
    };
    let behind = seen < secret.metadata.generation;
    if behind {
        let text = format!("generation {} of it was not synced, only {seen}", secret.metadata.generation);
        say.fail(secret, "/status/lastGeneration", text);
    }
    behind
}

/// A VaultStaticSecret.
fn fixed(_: &Picture<'_>, secret: &Object, say: &mut Say) {
    if secret.list("/status/conditions").is_empty() {
        let text = "its status tells of no failure and of no time: look at its events, and attest";
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

/// A VaultDynamicSecret: its lease, or the rotation of credentials that Vault keeps.
fn leased(p: &Picture<'_>, secret: &Object, say: &mut Say) {
    let number = |pointer: &str| secret.at(pointer).as_i64().unwrap_or(0);
    let since = |pointer: &str| p.now.as_second() - number(pointer);
    let (lease, period) =
        (number("/status/secretLease/duration"), number("/status/staticCredsMetaData/rotationPeriod"));
    let (renewed, rotated) = ("/status/lastRenewalTime", "/status/staticCredsMetaData/lastVaultRotation");
    if period > 0 && since(rotated) > 2 * period {
        let text = format!("rotated {} ago, and that is to be every {}", ago(since(rotated)), ago(period));
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
            say.fail(secret, "/status/expiration", format!("its certificate ended {} ago", ago(-left)));
        }
        (Some(true), Some(_)) => conditions_hold(secret, say),
        _ => unseen(secret, say),
    }
}
