//! Reads everything that a review needs from a live cluster: one paged list for each kind, at most eight at the same
//! time, without any write. If a list is refused, only this kind becomes unseen.

use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{
    addresses::said,
    kinds::{KINDS, KindOf},
    object::Origin,
    object_set::{Gap, ObjectSet, ReviewSource},
    readings::readings,
};
use crate::{
    model::{ClusterIdentity, Unseen},
    world::{ApiError, Http, Kube, Monitoring, World},
};

/// The largest number of lists at the same time.
const AT_ONCE: usize = 8;
/// How often a list is started again when its continue token expires, or when a page breaks off.
const RESTARTS: usize = 3;
const JSON: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// The time limit for a query: Prometheus needs some time for a week of samples of a large cluster.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The result for one kind.
struct KindListed {
    kind: KindOf,
    /// Its objects.
    part: Result<ObjectSet, Gap>,
    cost: (usize, usize),
}

/// Reads everything that a review can use: the cluster, its monitoring, and the second cluster. Also reads the content
/// of the given Secrets (namespace, name).
pub async fn survey_cluster(world: &World, namespaces: &[String], secrets: &[(String, String)]) -> ObjectSet {
    let at = world.clock.wall();
    let near = &world.monitoring;
    let patient = match world.simulated() {
        Some(_) => near.clone(),
        None => Monitoring::new(
            Http::new(PATIENCE, &std::sync::Arc::default()),
            near.prometheus.as_deref(),
            &near.alertmanagers,
        ),
    };
    let (mut object_set, answers) =
        tokio::join!(survey(&world.kube, &world.identity, at, namespaces), readings(&patient, at));
    object_set.readings = answers;
    if let Some(datadog) = &world.datadog {
        object_set.readings.datadog = Some(datadog.monitors().await.map_err(|why| said(&why)));
    }
    if world.simulated().is_some() {
        object_set.forget_what_is_not_simulated();
    } else {
        object_set.ready = Some(world.kube.ready().await.map_err(|e| gap(&e)));
        let theirs = world.kube.date().await;
        object_set.skew_seconds = theirs.map(|t| t.as_second() - world.clock.wall().as_second());
    }
    for (namespace, name) in secrets {
        open_secret(&world.kube, &mut object_set, namespace, name).await;
    }
    if let Some(there) = &world.recovery {
        object_set.target = Some(Box::new(survey(&there.kube, &there.identity, at, namespaces).await));
    }
    object_set
}

/// Reads the content of one Secret that the user has allowed.
async fn open_secret(kube: &Kube, object_set: &mut ObjectSet, namespace: &str, name: &str) {
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
    let put = match kube.get(&path).await {
        Ok(mut secret) => {
            secret["kind"] = "Secret".into();
            secret["apiVersion"] = "v1".into();
            object_set.replace(secret)
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = put {
        object_set.notes.push(format!("--read-secrets {namespace}/{name}: {why}"));
    }
}

/// Reads a cluster. If a list over all namespaces is refused, the given namespaces are listed one by one.
pub async fn survey(kube: &Kube, identity: &ClusterIdentity, at: jiff::Timestamp, namespaces: &[String]) -> ObjectSet {
    let mut object_set = ObjectSet {
        source: ReviewSource::Live,
        at: Some(at),
        version: identity.version.clone(),
        ..ObjectSet::default()
    };
    let groups = match groups(kube).await {
        Ok(groups) => groups,
        Err(error) => {
            let gap = gap(&error);
            object_set.gaps = KINDS.iter().map(|k| (k.key(), gap.clone())).collect();
            return object_set;
        }
    };
    let mut reads =
        stream::iter(KINDS.iter().map(|kind| read_kind(kube, *kind, &groups, namespaces))).buffered(AT_ONCE);
    while let Some(read) = reads.next().await {
        object_set.cost.0 += read.cost.0;
        object_set.cost.1 += read.cost.1;
        match read.part {
            Err(gap) => drop(object_set.gaps.insert(read.kind.key(), gap)),
            Ok(part) => object_set.absorb(part),
        }
    }
    object_set.settle();
    object_set
}

/// The API groups that the cluster serves, with their versions.
async fn groups(kube: &Kube) -> Result<Vec<(String, Vec<String>)>, ApiError> {
    let answer = kube.get("/apis").await?;
    let groups = answer["groups"].as_array().cloned().unwrap_or_default();
    let versions = |g: &Value| -> Vec<String> {
        let all = g["versions"].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|v| v["version"].as_str().map(str::to_owned)).collect()
    };
    Ok(groups.iter().map(|g| (g["name"].as_str().unwrap_or("").to_owned(), versions(g))).collect())
}

async fn read_kind(kube: &Kube, kind: KindOf, groups: &[(String, Vec<String>)], namespaces: &[String]) -> KindListed {
    let served = groups.iter().find(|(name, _)| *name == kind.group);
    let version = kind
        .versions
        .iter()
        .find(|v| kind.group.is_empty() || served.is_some_and(|(_, all)| all.iter().any(|a| a == *v)));
    let Some(version) = version else {
        let gap = unserved(kube, &kind, served.map(|(_, all)| all.as_slice())).await;
        return KindListed { kind, part: Err(gap), cost: (0, 0) };
    };
    let base =
        if kind.group.is_empty() { format!("/api/{version}") } else { format!("/apis/{}/{version}", kind.group) };
    let mut cost = (0, 0);
    let mut part = list(kube, &format!("{base}/{}", kind.plural), &kind, version, &mut cost).await;
    let refused = matches!(&part, Err(gap) if gap.why == Unseen::Forbidden);
    if refused && !namespaces.is_empty() {
        let mut all = Ok(ObjectSet::default());
        for namespace in namespaces {
            let path = format!("{base}/namespaces/{namespace}/{}", kind.plural);
            match (list(kube, &path, &kind, version, &mut cost).await, &mut all) {
                (Ok(more), Ok(all)) => all.absorb(more),
                (Err(gap), _) => all = Err(gap),
                (Ok(_), Err(_)) => {}
            }
        }
        part = all;
    }
    KindListed { kind, part, cost }
}

/// Why no known version of a kind can be read: the group does not exist, or does not serve this kind, or serves it
/// only in other versions.
async fn unserved(kube: &Kube, kind: &KindOf, versions: Option<&[String]>) -> Gap {
    let Some(versions) = versions else {
        return Gap {
            why: Unseen::NotInstalled,
            text: format!("the cluster does not serve the API group {}", kind.group),
        };
    };
    let mut serving = vec![];
    for version in versions {
        let there = kube.get(&format!("/apis/{}/{version}", kind.group)).await.map(|answer| {
            answer["resources"].as_array().is_none_or(|all| all.iter().any(|r| r["name"] == kind.plural))
        });
        // If the answer does not show it, the kind may exist.
        if there.unwrap_or(true) {
            serving.push(version.as_str());
        }
    }
    if serving.is_empty() {
        let text = format!("the cluster does not serve {} of {}", kind.plural, kind.group);
        return Gap { why: Unseen::NotInstalled, text };
    }
    let text = format!(
        "the cluster serves {} of {} only in {}, which this version of drillmaster cannot read",
        kind.plural,
        kind.group,
        serving.join(", ")
    );
    Gap { why: Unseen::NoData, text }
}

async fn list(
    kube: &Kube,
    path: &str,
    kind: &KindOf,
    version: &str,
    cost: &mut (usize, usize),
) -> Result<ObjectSet, Gap> {
    let accept = if kind.metadata_only { METADATA } else { JSON };
    let api = if kind.group.is_empty() { version.to_owned() } else { format!("{}/{version}", kind.group) };
    let (mut part, mut token, mut restarts) = (ObjectSet::default(), String::new(), 0);
    loop {
        cost.0 += 1;
        let before = part.len();
        // Each item is converted immediately: as JSON, a large cluster needs several times the memory.
        let add = |mut item: Value| {
            if item.is_object() {
                item["kind"] = kind.kind.into();
                item["apiVersion"] = api.clone().into();
                slim(&mut item);
            }
            if let Err(why) = part.put(item, Origin::default()) {
                part.notes.push(format!("{}: {why}", kind.plural));
            }
        };
        let answer = kube.page(path, &token, accept, add).await;
        let (page, size) = match answer {
            Err(error) if restarts < RESTARTS && may_restart(&error, &token, part.len() > before) => {
                restarts += 1;
                part = ObjectSet::default();
                token.clear();
                continue;
            }
            Err(error) => return Err(gap(&error)),
            Ok(page) => page,
        };
        cost.1 += size;
        if page.strange || page.kind.is_empty() {
            return Err(Gap { why: Unseen::NoData, text: format!("the answer of {path} is not a list") });
        }
        token = page.next;
        if token.is_empty() {
            return Ok(part);
        }
    }
}

/// Whether a list is read again from its beginning: its continue token expired, or only part of a page arrived.
fn may_restart(error: &ApiError, token: &str, arrived: bool) -> bool {
    match error {
        ApiError::Status { code: 410, .. } => !token.is_empty(),
        error => error.is_transient() && arrived,
    }
}

/// Removes what no check reads, before the object is stored.
fn slim(item: &mut Value) {
    if let Some(images) = item.pointer_mut("/status/images") {
        *images = Value::Null;
    }
    if item["kind"] == "CustomResourceDefinition"
        && let Some(versions) = item.pointer_mut("/spec/versions").and_then(Value::as_array_mut)
    {
        versions.iter_mut().for_each(|v| v["schema"] = Value::Null);
    }
}

/// The reason for a refusal.
fn gap(error: &ApiError) -> Gap {
    let why = match error {
        ApiError::Status { code: 401 | 403, .. } => Unseen::Forbidden,
        ApiError::Status { code: 404, .. } => Unseen::NotInstalled,
        ApiError::Timeout { .. } | ApiError::Unreachable { .. } => Unseen::Timeout,
        _ => Unseen::NoData,
    };
    Gap { why, text: error.to_string() }
}
