//! Velero: its server, its storage location, the download from there, and the volumes.

use serde_json::Value;

use super::{
    Case,
    versions::{Known, known},
};
use crate::{
    inventory::ApiKind,
    model::{Finding, Verb, accepted, few},
    world::{BACKUP_READY, is_queued, is_terminal, nudge_command},
};

const NOT_NEEDED: &str = "no step needs Velero";

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned()
}

pub(super) fn server(case: &Case<'_>) -> Finding {
    match &case.facts.velero_server {
        None => Finding::skip("velero-server", NOT_NEEDED),
        Some(Ok(Some(version))) => Finding::pass("velero-server", format!("Velero {version} answers")),
        Some(Ok(None)) => Finding::fail(
            "velero-server",
            "Velero did not answer a ServerStatusRequest within 15 s",
            "check that the Velero server runs",
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
            let default =
                locations.iter().find(|l| l.pointer("/spec/default") == Some(&Value::Bool(true))).or(locations.first());
            let Some(default) = default else {
                return Finding::fail("velero-storage", "Velero has no storage location", "create one");
            };
            let (name, phase) = (text(default, "/metadata/name"), text(default, "/status/phase"));
            let read_only = text(default, "/spec/accessMode") == "ReadOnly";
            let writes = case.plan.steps.iter().any(|s| s.backs_up());
            if phase != "Available" {
                let message = text(default, "/status/message");
                Finding::fail(
                    "velero-storage",
                    format!("storage location {name} is {phase}: {message}"),
                    "repair the credentials, the bucket or the network of the storage location",
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

/// How old a ReadyToStart backup may be, in seconds; Velero starts it within a second.
const READY_SECONDS: i64 = 60;
/// How old a queued backup may be while none runs, in seconds; Velero looks at its queue every minute.
const QUEUE_SECONDS: i64 = 150;

/// Velero runs one backup at a time. A backup that it never started (because Velero was
/// killed just then), or that was deleted just before its start, blocks all others:
/// the drill's and the nightly ones.
pub(super) fn queue(case: &Case<'_>) -> Finding {
    const CHECK: &str = "velero-queue";
    let backups = match (&case.facts.backups, case.plan.steps.iter().any(|s| s.backs_up())) {
        (_, false) | (None, _) => return Finding::skip(CHECK, "no step takes a backup"),
        (Some(Err(why)), _) => return Finding::unknown(CHECK, why.clone(), "grant list on backups"),
        (Some(Ok(backups)), _) => backups,
    };
    let waiting: Vec<Waiting> = backups.iter().filter_map(|b| Waiting::of(b, case.facts.at)).collect();
    let Some(first) = waiting.first() else {
        return Finding::pass(CHECK, "no other backup is unfinished");
    };
    let ready: Vec<&Waiting> = waiting.iter().filter(|w| w.phase == BACKUP_READY).collect();
    let running = waiting.iter().any(|w| w.phase != BACKUP_READY && !is_queued(&w.phase));
    if !running && !ready.is_empty() && ready.iter().all(|w| w.seconds > READY_SECONDS) {
        return Finding::fail(
            CHECK,
            format!("Velero never started {}: no later backup starts either", named(&ready)),
            ready.iter().map(|w| nudge_command(&w.namespace, &w.name)).collect::<Vec<_>>().join("; "),
        );
    }
    if !running && ready.is_empty() && waiting.iter().any(|w| w.seconds > QUEUE_SECONDS) {
        return Finding::fail(
            CHECK,
            format!("no backup runs, but Velero does not start {}", named(&waiting.iter().collect::<Vec<_>>())),
            format!(
                "restart the Velero server, which counts a deleted backup as running: kubectl --namespace {} rollout restart deployment velero",
                first.namespace
            ),
        );
    }
    Finding::fail(
        CHECK,
        format!("the backup of the drill has to wait for {}", named(&waiting.iter().collect::<Vec<_>>())),
        "start the drill at another hour than the other backups",
    )
    .advisory()
}

/// A backup that is not finished.
struct Waiting {
    namespace: String,
    name: String,
    phase: String,
    seconds: i64,
}

impl Waiting {
    fn of(backup: &Value, now: jiff::Timestamp) -> Option<Self> {
        let phase = text(backup, "/status/phase");
        if is_terminal(&phase) || phase == "Deleting" {
            return None;
        }
        let made: Option<jiff::Timestamp> = text(backup, "/metadata/creationTimestamp").parse().ok();
        let seconds = made.map_or(0, |t| now.as_second() - t.as_second());
        Some(Self {
            namespace: text(backup, "/metadata/namespace"),
            name: text(backup, "/metadata/name"),
            phase,
            seconds,
        })
    }
}

fn named(found: &[&Waiting]) -> String {
    let one = |w: &&Waiting| format!("{} ({})", w.name, if w.phase.is_empty() { "no phase" } else { &w.phase });
    found.iter().map(one).collect::<Vec<_>>().join(", ")
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
            "Velero has no Completed backup to try a download with",
            "the drill's own backup will be the first: its step tries the download before anything is deleted",
        )
        .advisory(),
    }
}

/// Volumes whose content the backup of the plan will not hold.
pub(super) fn volumes(case: &Case<'_>) -> Finding {
    const CHECK: &str = "volume-coverage";
    if case.facts.velero_server.is_none() {
        return Finding::skip(CHECK, NOT_NEEDED);
    }
    let claims = match case.inventory.claims.get() {
        Ok(claims) => claims.len(),
        Err(why) => return Finding::unknown(CHECK, why, "grant list on persistentvolumeclaims"),
    };
    let mut lost = vec![];
    for step in &case.plan.steps {
        let Some(Verb::Backup(spec)) = step.verb() else { continue };
        match case.inventory.uncovered(&spec.namespaces, spec.volumes) {
            Ok(found) => lost.extend(
                found.into_iter().filter(|(c, _)| !case.plan.may_lose(&c.object_name())).map(|(_, u)| u.to_string()),
            ),
            Err(why) => return Finding::unknown(CHECK, why, "grant list on persistentvolumeclaims and pods"),
        }
    }
    if lost.is_empty() {
        let all = "none would lose its content; the drill also checks the backup itself before it deletes anything";
        return Finding::pass(CHECK, format!("{claims} claims in scope, {all}"));
    }
    let fix = "use volumes that Velero can copy, or capture them by another method";
    let finding = Finding::fail(CHECK, lost.join("; "), fix);
    if case.plan.deletions().next().is_some() { finding } else { finding.advisory() }
}

/// Objects of a namespace that no backup would bring back. The step compares the whole namespace
/// with the backup just before it deletes.
pub(super) fn comes_back(case: &Case<'_>) -> Finding {
    const CHECK: &str = "comes-back";
    let (mut refused, mut told) = (vec![], vec![]);
    for spec in case.plan.deletions() {
        let census = match case.facts.deleted.get(&spec.name) {
            Some(Ok(census)) => census,
            Some(Err(why)) => return Finding::unknown(CHECK, why.clone(), "grant list on every kind in the namespace"),
            None => {
                return Finding::unknown(
                    CHECK,
                    format!("namespace {} was not examined", spec.name),
                    "run the command again",
                );
            }
        };
        let (lost, others) = accepted(census.losses.clone(), &spec.may_be_lost);
        refused.extend(others.iter().map(ToString::to_string));
        told.push(format!("{} objects of namespace {}", census.objects, spec.name));
        told.extend(lost.iter().map(ToString::to_string));
        told.extend(census.kin.iter().map(ToString::to_string));
    }
    if told.is_empty() {
        return Finding::skip(CHECK, "no step deletes a namespace");
    }
    if refused.is_empty() {
        return Finding::pass(CHECK, some(&told));
    }
    Finding::fail(
        CHECK,
        some(&refused),
        "correct these objects, or list them under mayBeLost of the deleteNamespace step, with a reason",
    )
}

/// The most objects that a finding names.
const NAMED: usize = 40;

fn some(all: &[String]) -> String {
    few(all.iter(), NAMED, ("; ", "; and"))
}

/// The backup store must not go away with the nodes whose data it holds.
pub(super) fn store_outside(case: &Case<'_>) -> Finding {
    let Some(Ok(locations)) = &case.facts.storage else {
        return Finding::skip("store-outside", NOT_NEEDED);
    };
    let nodes_away: Vec<&str> = case
        .plan
        .steps
        .iter()
        .filter(|s| s.takes_nodes())
        .flat_map(|s| s.nodes.iter().map(|n| n.name.as_str()))
        .collect();
    let urls = locations.iter().filter_map(|l| l.pointer("/spec/config/s3Url").and_then(Value::as_str));
    let mut inside = vec![];
    for url in urls {
        // `http://service.namespace.svc…` is a store inside this cluster.
        let host = url.split("://").nth(1).unwrap_or(url).split([':', '/']).next().unwrap_or("");
        let mut parts = host.split('.');
        if let (Some(service), Some(namespace), Some("svc")) = (parts.next(), parts.next(), parts.next()) {
            let pods = case.inventory.pods.get().unwrap_or_default();
            let lost = pods
                .iter()
                .any(|p| p.metadata.namespace == namespace && nodes_away.contains(&p.spec.node_name.as_str()));
            let stays = pods.iter().any(|p| {
                p.metadata.namespace == namespace && !nodes_away.contains(&p.spec.node_name.as_str()) && p.counts()
            });
            if lost && !stays {
                inside.push(format!("{service} of namespace {namespace}"));
            }
        }
    }
    if inside.is_empty() {
        Finding::pass("store-outside", "no backup store is only on nodes that go away")
    } else {
        Finding::fail(
            "store-outside",
            format!("the backup store goes away with the nodes: {}", inside.join(", ")),
            "keep the backups outside the failure domain",
        )
    }
}

/// Objects of the newest backup whose API version the recovery cluster does not serve.
pub(super) fn backup_served(case: &Case<'_>) -> Finding {
    const CHECK: &str = "backup-served";
    let Some(there) = &case.facts.recovery else { return Finding::skip(CHECK, "no recovery cluster is named") };
    if case.facts.velero_server.is_none() {
        return Finding::skip(CHECK, NOT_NEEDED);
    }
    let context = &there.context;
    match &there.backed_up {
        None => Finding::unknown(
            CHECK,
            "no Completed backup holds the namespaces of the plan, so nothing can be compared",
            "plan the drill again after the first backup",
        )
        .advisory(),
        Some(Err(why)) => Finding::unknown(
            CHECK,
            why.clone(),
            "make the storage location reachable from here, and the discovery of the recovery cluster readable",
        ),
        Some(Ok(seen)) if seen.unserved.is_empty() => Finding::pass(
            CHECK,
            format!("{context} serves all {} kinds that backup {} holds of the plan", seen.kinds, seen.backup),
        ),
        Some(Ok(seen)) => {
            let lost: Vec<String> = seen.unserved.iter().map(unserved).collect();
            Finding::fail(
                CHECK,
                format!("{context} does not serve what backup {} holds: {}", seen.backup, some(&lost)),
                "write the objects in a version that both clusters serve and take a new backup, or install the missing CustomResourceDefinitions there",
            )
        }
    }
}

/// A kind with what Kubernetes knows about it.
fn unserved(kind: &ApiKind) -> String {
    match known(&kind.group, &kind.version, &kind.kind) {
        Known::Version(life) => {
            let removed = life.removed.map_or(String::new(), |at| format!(" (removed in 1.{at})"));
            let instead = if life.instead.is_empty() { String::new() } else { format!(", use {}", life.instead) };
            format!("{kind}{removed}{instead}")
        }
        Known::Foreign => format!("{kind} (a custom resource)"),
        _ => kind.to_string(),
    }
}

/// Whether the pods that read volumes can run.
pub(super) fn readers(case: &Case<'_>) -> Finding {
    const CHECK: &str = "readers";
    match &case.facts.readers {
        None => Finding::skip(CHECK, "no step reads the files of a volume in this cluster"),
        Some(Err(why)) => Finding::unknown(CHECK, why.clone(), "grant the rights that `drillmaster rbac` prints"),
        Some(Ok(seen)) if seen.wrong.is_empty() => Finding::pass(
            CHECK,
            format!("the API server would admit all {} reader pods, and their nodes are Ready", seen.count),
        ),
        Some(Ok(seen)) => Finding::fail(
            CHECK,
            seen.wrong.join("; "),
            "admit the pod, or remove volumes.readerImage from the bindings: volumes are then not compared",
        ),
    }
}
