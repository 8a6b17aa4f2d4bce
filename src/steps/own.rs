//! Objects that the drill creates for itself: the labels that identify them, and the cluster that they are in. An
//! object without the run's label is never deleted.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::StepContext;
use crate::{model::RUN_LABEL, world::ApiCall};

/// The labels of the drill's own objects.
pub(super) fn labels(run: &str) -> Map<String, Value> {
    let own = [("app.kubernetes.io/managed-by", "drillmaster"), (RUN_LABEL, run)];
    own.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

/// The request that creates a namespace of the drill; `also` contains more labels.
pub(super) fn namespace(run: &str, name: &str, also: Map<String, Value>) -> ApiCall {
    let labels: Map<String, Value> = labels(run).into_iter().chain(also).collect();
    ApiCall::create(
        "/api/v1/namespaces",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}),
    )
}

/// The context of the same step for the second cluster.
pub(super) fn recovery_cluster(context: &StepContext) -> Result<StepContext, String> {
    let world = context.world.recovery.as_ref().ok_or("a second cluster is needed: give --context recovery=NAME")?;
    Ok(StepContext { world: Arc::clone(world), ..context.clone() })
}

/// The context of the same step for the cluster in which something was created: the first or the second.
pub(super) fn place(context: &StepContext, recovery: bool) -> Result<StepContext, String> {
    if recovery { recovery_cluster(context) } else { Ok(context.clone()) }
}

/// Whether this context is for the second cluster.
pub(super) fn is_there(context: &StepContext) -> bool {
    context.plan.recovery.as_ref().is_some_and(|second| second.uid == context.world.identity.uid)
}
