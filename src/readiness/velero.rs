//! Velero: its server, its store, the way back from there, and the volumes.

use serde_json::Value;

use super::Case;
use crate::{
    model::Finding,
    world::{is_terminal, is_unbegun},
};

const NOT_NEEDED: &str = "no step needs Velero";

pub(super) fn server(case: &Case<'_>) -> Finding {
    match &case.facts.velero_server {
        None => Finding::skip("velero-server", NOT_NEEDED),
        Some(Ok(Some(version))) => Finding::pass("velero-server", format!("Velero {version} answers")),
        Some(Ok(None)) => Finding::fail(
            "velero-server",
            "Velero did not answer a ServerStatusRequest within 15 s",
            "see that its server runs",
        ),
        Some(Err(why)) => Finding::fail(
            "velero-server",
            why.clone(),
            "install Velero, or name its namespace in the bindings (velero: …)",
        ),
    }
}

pub(super) fn storage(case: &Case<'_>) -> Finding {
    match &case.facts.storage {
        None => Finding::skip("velero-storage", NOT_NEEDED),
        Some(Err(why)) => Finding::unknown("velero-storage", why.clone(), "grant list on backupstoragelocations"),
        Some(Ok(locations)) => {
            let text = |v: &Value, p: &str| v.pointer(p).and_then(Value::as_str).unwrap_or("").to_owned();
            let default =
                locations.iter().find(|l| l.pointer("/spec/default") == Some(&Value::Bool(true))).or(locations.first());
            let Some(default) = default else {
                return Finding::fail("velero-storage", "there is no storage location", "create one");
            };
            let (name, phase) = (text(default, "/metadata/name"), text(default, "/status/phase"));
            let read_only = text(default, "/spec/accessMode") == "ReadOnly";
            let writes = case.plan.steps.iter().any(|s| s.verb == "backup");
            if phase != "Available" {
                let message = text(default, "/status/message");
                Finding::fail(
                    "velero-storage",
                    format!("storage location {name} is {phase}: {message}"),
                    "repair credentials, bucket or network",
                )
            } else if read_only && writes {
                Finding::fail(
                    "velero-storage",
                    format!("storage location {name} is ReadOnly"),
                    "set accessMode ReadWrite",
                )
            } else {
                Finding::pass(
                    "velero-storage",
                    format!(
                        "storage location {name} is Available, last validated {}",
                        text(default, "/status/lastValidationTime")
                    ),
                )
            }
        }
    }
}

/// How long a backup may have been ReadyToStart; Velero begins it within a second.
const READY_SECONDS: i64 = 60;

/// Velero takes one backup at a time. One that it never began (it was killed just
/// then) keeps all others waiting for ever, ours and the nightly ones.
pub(super) fn queue(case: &Case<'_>) -> Finding {
    const CHECK: &str = "velero-queue";
    let backups = match (&case.facts.backups, case.plan.steps.iter().any(|s| s.verb == "backup")) {
        (_, false) | (None, _) => return Finding::skip(CHECK, "no step takes a backup"),
        (Some(Err(why)), _) => return Finding::unknown(CHECK, why.clone(), "grant list on backups"),
        (Some(Ok(backups)), _) => backups,
    };
    let text = |b: &Value, p: &str| b.pointer(p).and_then(Value::as_str).unwrap_or("").to_owned();
    let phase = |b: &Value| text(b, "/status/phase");
    let age = |b: &Value| {
        let made: Option<jiff::Timestamp> = text(b, "/metadata/creationTimestamp").parse().ok();
        made.map_or(0, |t| case.facts.at.as_second() - t.as_second())
    };
    let named = |found: Vec<&Value>| {
        let named: Vec<String> =
            found.iter().map(|b| format!("{} ({})", text(b, "/metadata/name"), phase(b))).collect();
        named.join(", ")
    };
    let waiting: Vec<&Value> = backups.iter().filter(|b| !is_terminal(&phase(b)) && phase(b) != "Deleting").collect();
    let moving = waiting.iter().any(|b| !is_unbegun(&phase(b)));
    let stuck: Vec<&Value> =
        waiting.iter().copied().filter(|b| phase(b) == "ReadyToStart" && age(b) > READY_SECONDS).collect();
    if !stuck.is_empty() && !moving {
        let remove: Vec<String> = stuck.iter().map(|b| text(b, "/metadata/name")).collect();
        return Finding::fail(
            CHECK,
            format!("Velero never began {}: nothing behind it is taken", named(stuck)),
            format!(
                "kubectl --namespace {} delete backups.velero.io {}",
                text(&backups[0], "/metadata/namespace"),
                remove.join(" ")
            ),
        );
    }
    if waiting.is_empty() {
        return Finding::pass(CHECK, "no backup is ahead of the drill's");
    }
    Finding::fail(
        CHECK,
        format!("the drill's backup waits for {}", named(waiting)),
        "drill at another hour than the backups",
    )
    .advisory()
}

pub(super) fn download(case: &Case<'_>) -> Finding {
    match (&case.facts.velero_server, &case.facts.download) {
        (None, _) => Finding::skip("velero-download", NOT_NEEDED),
        (_, Some(Ok(name))) => {
            Finding::pass("velero-download", format!("the resource list of backup {name} was downloaded from here"))
        }
        (_, Some(Err(why))) => Finding::fail(
            "velero-download",
            why.clone(),
            "give the storage location a publicUrl that is reachable from here",
        ),
        (_, None) => Finding::unknown(
            "velero-download",
            "there is no Completed backup yet to try a download with",
            "the drill's own backup is the first: its step proves the download before anything is lost",
        )
        .advisory(),
    }
}

/// What the plan already knows of volumes that would not come back.
pub(super) fn volumes(case: &Case<'_>) -> Finding {
    if case.facts.velero_server.is_none() {
        return Finding::skip("volume-coverage", NOT_NEEDED);
    }
    if let Err(why) = case.inventory.claims.get() {
        return Finding::unknown("volume-coverage", why, "grant list on persistentvolumeclaims");
    }
    let lost: Vec<&str> = case
        .plan
        .steps
        .iter()
        .filter(|s| s.verb == "backup")
        .flat_map(|s| &s.notes)
        .filter(|n| n.starts_with("claim "))
        .map(String::as_str)
        .collect();
    let deletes = case.plan.steps.iter().any(|s| s.verb == "deleteNamespace");
    if lost.is_empty() {
        let captured = case.inventory.claims.get().map_or(0, <[_]>::len);
        Finding::pass(
            "volume-coverage",
            format!(
                "{captured} claims in scope, none that a restore would lose; asked of the backup itself before anything is deleted"
            ),
        )
    } else {
        let finding = Finding::fail(
            "volume-coverage",
            lost.join("; "),
            "use volumes that Velero can copy, or capture them by another method",
        );
        if deletes { finding } else { finding.advisory() }
    }
}

/// The store must not die with what it is to bring back (correctness 29).
pub(super) fn store_outside(case: &Case<'_>) -> Finding {
    let Some(Ok(locations)) = &case.facts.storage else {
        return Finding::skip("store-outside", NOT_NEEDED);
    };
    let dark: Vec<&str> = case
        .plan
        .steps
        .iter()
        .filter(|s| s.verb.starts_with("kill"))
        .flat_map(|s| s.nodes.iter().map(|n| n.name.as_str()))
        .collect();
    let urls = locations.iter().filter_map(|l| l.pointer("/spec/config/s3Url").and_then(Value::as_str));
    let mut inside = vec![];
    for url in urls {
        // http://service.namespace.svc…: a store inside this cluster.
        let host = url.split("://").nth(1).unwrap_or(url).split([':', '/']).next().unwrap_or("");
        let mut parts = host.split('.');
        if let (Some(service), Some(namespace), Some("svc")) = (parts.next(), parts.next(), parts.next()) {
            let pods = case.inventory.pods.get().unwrap_or_default();
            let lost =
                pods.iter().any(|p| p.metadata.namespace == namespace && dark.contains(&p.spec.node_name.as_str()));
            let stays = pods
                .iter()
                .any(|p| p.metadata.namespace == namespace && !dark.contains(&p.spec.node_name.as_str()) && p.counts());
            if lost && !stays {
                inside.push(format!("{service} of namespace {namespace}"));
            }
        }
    }
    if inside.is_empty() {
        Finding::pass("store-outside", "the backup's store is on no node that goes away")
    } else {
        Finding::fail(
            "store-outside",
            format!("the backup's store goes away with the nodes: {}", inside.join(", ")),
            "keep backups outside the failure domain",
        )
    }
}
