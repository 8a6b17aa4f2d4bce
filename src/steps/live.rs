//! Every object of a namespace, of every kind that the API server knows.

use serde_json::{Value, json};

use super::{StepContext, StepError};

/// Lists a namespace whole. A kind that cannot be listed is an error: what is
/// not known cannot be called covered.
pub(super) async fn objects(context: &StepContext, namespace: &str) -> Result<Vec<Value>, StepError> {
    let kube = &context.world.kube;
    let mut all = vec![];
    let object = kube.find(&format!("/api/v1/namespaces/{namespace}")).await.map_err(StepError::failed)?;
    if let Some(mut object) = object {
        object["kind"] = "Namespace".into();
        all.push(object);
    }
    let mut lists = vec![];
    for base in bases(context).await? {
        let resources = kube.get(&base).await.map_err(StepError::failed)?;
        for resource in resources["resources"].as_array().into_iter().flatten() {
            let name = resource["name"].as_str().unwrap_or("");
            let listable = resource["verbs"].as_array().is_some_and(|v| v.contains(&json!("list")));
            if resource["namespaced"] == true && listable && !name.contains('/') && !is_view(&base, name) {
                lists.push(format!("{base}/namespaces/{namespace}/{name}"));
            }
        }
    }
    for chunk in lists.chunks(8) {
        let answers = chunk.iter().map(|path| kube.list(path));
        for answer in futures_util::future::join_all(answers).await {
            all.extend(answer.map_err(StepError::failed)?.0);
        }
    }
    Ok(all)
}

/// `/api/v1` and the preferred version of every group.
async fn bases(context: &StepContext) -> Result<Vec<String>, StepError> {
    let groups = context.world.kube.get("/apis").await.map_err(StepError::failed)?;
    let mut bases = vec!["/api/v1".to_owned()];
    for group in groups["groups"].as_array().into_iter().flatten() {
        if let Some(version) = group.pointer("/preferredVersion/groupVersion").and_then(Value::as_str) {
            bases.push(format!("/apis/{version}"));
        }
    }
    Ok(bases)
}

/// Other views of what is listed elsewhere, and what nobody backs up.
fn is_view(base: &str, name: &str) -> bool {
    base.starts_with("/apis/metrics.k8s.io")
        || matches!(name, "events" | "endpoints" | "endpointslices" | "leases" | "controllerrevisions" | "bindings")
}
