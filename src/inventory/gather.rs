//! Reads the inventory: one paged list for each kind. If a list is refused, only this kind becomes unknown.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{Inventory, Listed, alike::Alike, trim::slim};
use crate::{
    kubernetes::objects::{Pod, Workload},
    model::ClusterIdentity,
    world::{ApiError, Kube},
};

/// Reads a cluster.
pub async fn gather(kube: &Kube, identity: &ClusterIdentity, scope: &[String]) -> Inventory {
    let (nodes, pods, volumes, namespaces) = tokio::join!(
        read(kube, vec!["/api/v1/nodes".into()]),
        pods(kube),
        read(kube, vec!["/api/v1/persistentvolumes".into()]),
        read::<crate::kubernetes::objects::Named>(kube, vec!["/api/v1/namespaces".into()]),
    );
    let each = |group: &str, resource: &str| -> Vec<String> {
        scope.iter().map(|ns| format!("{group}/namespaces/{ns}/{resource}")).collect()
    };
    let (budgets, claims, workloads) = tokio::join!(
        read(kube, each("/apis/policy/v1", "poddisruptionbudgets")),
        read(kube, each("/api/v1", "persistentvolumeclaims")),
        read_workloads(kube, scope),
    );
    let scope = namespaces
        .get()
        .unwrap_or_default()
        .iter()
        .filter(|n| scope.contains(&n.metadata.name))
        .map(|n| (n.metadata.name.clone(), n.metadata.uid.clone()))
        .collect::<BTreeMap<_, _>>();
    Inventory { identity: identity.clone(), nodes, pods, workloads, budgets, claims, volumes, namespaces, scope }
}

async fn pods(kube: &Kube) -> Listed<Pod> {
    let mut alike = Alike::default();
    match kube.list_plain_map("/api/v1/pods", |pod| alike.share(slim(pod))).await {
        Ok(pods) => Listed::Seen(pods),
        Err(error) => Listed::Unknown(error.to_string()),
    }
}

async fn read_workloads(kube: &Kube, scope: &[String]) -> Listed<Workload> {
    let paths = scope
        .iter()
        .flat_map(|ns| {
            ["deployments", "statefulsets", "daemonsets"].map(|r| format!("/apis/apps/v1/namespaces/{ns}/{r}"))
        })
        .collect();
    // The items of a list do not contain their kind, so it comes from the path.
    read_by(paths, async |path: &str| kube.list_as(path).await).await
}

async fn read<T: DeserializeOwned>(kube: &Kube, paths: Vec<String>) -> Listed<T> {
    read_by(paths, async |path: &str| kube.list_plain(path).await).await
}

async fn read_by<T>(paths: Vec<String>, list: impl AsyncFn(&str) -> Result<Vec<T>, ApiError>) -> Listed<T> {
    let mut all = vec![];
    for path in paths {
        match list(&path).await {
            Ok(items) => all.extend(items),
            Err(error) => return Listed::Unknown(error.to_string()),
        }
    }
    Listed::Seen(all)
}
