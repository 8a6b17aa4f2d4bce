//! The objects of a drill's scope, as evidence of the state before and after. The rights of a drill suffice to read
//! them. Start with [`scope_objects`].

use serde_json::Value;

use super::allowed;
use crate::world::Kube;

/// What is read in each namespace of the scope: path and plural.
const IN_SCOPE: [(&str, &str); 8] = [
    ("/api/v1", "persistentvolumeclaims"),
    ("/api/v1", "services"),
    ("/api/v1", "configmaps"),
    ("/api/v1", "pods"),
    ("/apis/apps/v1", "deployments"),
    ("/apis/apps/v1", "statefulsets"),
    ("/apis/apps/v1", "daemonsets"),
    ("/apis/policy/v1", "poddisruptionbudgets"),
];
/// What is read of the whole cluster.
const OF_CLUSTER: [&str; 3] = ["/api/v1/nodes", "/api/v1/namespaces", "/api/v1/persistentvolumes"];

/// Nodes, namespaces and volumes of the cluster, and the objects of these namespaces, with the fields that a capture may
/// contain: none of them can hold a secret. Also what could not be read, and why.
pub async fn scope_objects(kube: &Kube, namespaces: &[String]) -> (Vec<Value>, Vec<String>) {
    let (mut objects, mut missing) = (vec![], vec![]);
    let own = namespaces
        .iter()
        .flat_map(|namespace| IN_SCOPE.map(|(base, plural)| format!("{base}/namespaces/{namespace}/{plural}")));
    for path in OF_CLUSTER.map(str::to_owned).into_iter().chain(own) {
        match kube.list_map(&path, |item| Some(allowed::reduced(&item))).await {
            Ok((items, _)) => objects.extend(items),
            Err(error) => missing.push(error.to_string()),
        }
    }
    (objects, missing)
}
