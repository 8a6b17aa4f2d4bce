//! Whether the stack is ready: nodes, workloads, and Velero's connection to its store.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::ClusterError;
use crate::world::Kube;

/// Waits until every node is Ready. Objects that are applied earlier would all be scheduled to the first node, and a
/// zone that joins late would have nothing worth drilling.
pub(super) async fn wait_for_nodes(kube: &Kube, limit: Duration, say: &dyn Fn(&str)) -> Result<(), ClusterError> {
    until(limit, say, async || nodes(kube).await).await
}

/// Waits until everything is ready.
pub(super) async fn wait(
    kube: &Kube,
    namespaces: &[&str],
    limit: Duration,
    say: &dyn Fn(&str),
) -> Result<(), ClusterError> {
    until(limit, say, async || missing(kube, namespaces).await).await
}

async fn until(
    limit: Duration,
    say: &dyn Fn(&str),
    look: impl AsyncFn() -> Result<Vec<String>, ClusterError>,
) -> Result<(), ClusterError> {
    let began = tokio::time::Instant::now();
    let mut told = String::new();
    loop {
        // A control plane that has just started may not answer every request.
        let waiting = match look().await {
            Ok(missing) if missing.is_empty() => return Ok(()),
            Ok(missing) => missing.join(", "),
            Err(error) => error.to_string(),
        };
        if waiting != told {
            say(&format!("waiting for: {waiting}"));
            told.clone_from(&waiting);
        }
        if began.elapsed() > limit {
            return Err(ClusterError::Late { limit, waiting });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// What is not ready, as lines.
pub(super) async fn missing(kube: &Kube, namespaces: &[&str]) -> Result<Vec<String>, ClusterError> {
    let mut missing = nodes(kube).await?;
    for namespace in namespaces {
        for (resource, wanted, ready) in [
            ("deployments", "/spec/replicas", "/status/readyReplicas"),
            ("statefulsets", "/spec/replicas", "/status/readyReplicas"),
            ("daemonsets", "/status/desiredNumberScheduled", "/status/numberReady"),
        ] {
            let path = format!("/apis/apps/v1/namespaces/{namespace}/{resource}");
            for workload in list(kube, &path).await? {
                let number = |pointer| workload.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
                let seen = number("/status/observedGeneration") >= number("/metadata/generation");
                let (wanted, ready) = (number(wanted), number(ready));
                if !seen || wanted == 0 || ready < wanted {
                    missing.push(format!("{namespace}/{} {ready} of {wanted}", text(&workload, "/metadata/name")));
                }
            }
        }
    }
    let locations = list(kube, "/apis/velero.io/v1/namespaces/velero/backupstoragelocations").await?;
    if !locations.iter().any(|l| text(l, "/status/phase") == "Available") {
        missing.push("Velero's storage location is not Available".into());
    }
    Ok(missing)
}

/// Nodes whose container was removed. The API server may still report them as Ready for a while.
pub(super) async fn without_container(
    kube: &Kube,
    containers: &[(String, String)],
) -> Result<Vec<String>, ClusterError> {
    let known = |node: &str| containers.iter().any(|(name, _)| name == node);
    let all = list(kube, "/api/v1/nodes").await?;
    Ok(all.iter().map(|n| text(n, "/metadata/name").to_owned()).filter(|n| !known(n)).collect())
}

/// The number of workers in each zone.
pub(super) async fn zones(kube: &Kube) -> Result<BTreeMap<String, usize>, ClusterError> {
    let mut zones = BTreeMap::new();
    for node in list(kube, "/api/v1/nodes").await? {
        let labels = &node["metadata"]["labels"];
        if labels.get("node-role.kubernetes.io/control-plane").is_none() {
            let zone = labels["topology.kubernetes.io/zone"].as_str().unwrap_or_default();
            *zones.entry(zone.to_owned()).or_default() += 1;
        }
    }
    Ok(zones)
}

/// Nodes that are not Ready.
async fn nodes(kube: &Kube) -> Result<Vec<String>, ClusterError> {
    let ready = |node: &Value| {
        let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    let all = list(kube, "/api/v1/nodes").await?;
    Ok(all.iter().filter(|n| !ready(n)).map(|n| format!("node {} is not Ready", text(n, "/metadata/name"))).collect())
}

async fn list(kube: &Kube, path: &str) -> Result<Vec<Value>, ClusterError> {
    let found = kube.list(path).await.map(|(items, _)| items);
    found.map_err(|source| ClusterError::Api { what: format!("cannot list {path}"), source })
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}
