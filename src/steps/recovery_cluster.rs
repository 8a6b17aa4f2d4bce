//! A restore into the second cluster, as after the loss of a region. The backups are in a store that both clusters can
//! reach. In the second cluster, the namespace belongs to the drill.

use serde_json::{Map, json};

use super::{
    Progress, StepContext, StepError,
    losses::is_of,
    own,
    restore_namespace::{self, Order},
    scratch,
};
use crate::{
    kubernetes::{Reduced, objects::Named},
    model::{CleanUp, ObjectRef, RUN_LABEL, RestoreStep, Revert, StepResult},
    world::Archived,
};

pub(super) async fn restore(
    context: &StepContext,
    spec: &RestoreStep,
    backup: &str,
    namespace: &str,
    name: &str,
) -> Result<String, StepError> {
    let recovery = own::recovery_cluster(context).map_err(StepError::Failed)?;
    let (velero, kube) = (&recovery.world.velero, &recovery.world.kube);
    let path = format!("/api/v1/namespaces/{namespace}");
    if kube.find_as::<Named>(&path).await.map_err(StepError::failed)?.is_some() {
        return Err(StepError::Failed(format!(
            "namespace {namespace} already exists in the second cluster: the drill did not create it, and Velero would skip existing objects"
        )));
    }
    // Velero in the second cluster reads the store once a minute.
    let what = format!("the second cluster's Velero to see backup {backup}");
    recovery
        .until(spec.at_most.0, &what, async || match restore_namespace::usable(&recovery, backup).await {
            Ok(_) => Progress::Done(()),
            Err(why) => Progress::NotYet(why),
        })
        .await?;
    let also = vec![ObjectRef { path: velero.path("restores", name), uid: String::new() }];
    let revert =
        Revert::OwnNamespace { namespace: namespace.to_owned(), also, recovery: true, clean_up: CleanUp::Always };
    let fault = context.intend(&format!("recovery/{namespace}"), revert).await?;
    context
        .act(&fault, async {
            // With the drill's label, so that the undo recognises the namespace.
            recovery.send(&own::namespace(&context.run, namespace, Map::new())).await?;
            let spec = json!({
                "backupName": backup, "includedNamespaces": [namespace], "restorePVs": true, "preserveNodePorts": true,
                "excludedResources": ["events", "events.events.k8s.io"], "includeClusterResources": null,
            });
            let restore = velero.creation("Restore", name, &json!({RUN_LABEL: context.run}), spec);
            recovery.send(&restore).await.map(drop)
        })
        .await?;
    let sent_us = context.recorder.now_us();
    let mut held = vec![];
    let each = |archived: Archived| {
        if is_of(&archived.object, namespace) {
            held.push(archived.object);
        }
    };
    velero.each_object(backup, each).await.map_err(StepError::failed)?;
    let ready = scratch::wanted(&held, namespace);
    let held = held.into_iter().filter_map(Reduced::of).collect();
    let order = Order { namespace, backup, restore: name.to_owned(), ready: &ready, limit: spec.at_most.0 };
    // The drill created the namespace, so differences in its labels come from the drill.
    let mut done = restore_namespace::see_through(&recovery, &order, namespace, (sent_us, Some(held)), |d| {
        d.object.kind == "Namespace"
    })
    .await?;
    let place = &recovery.world.identity.context;
    done.into = Some(place.clone());
    let said = format!("{backup} restored into {place}: {}", done.ready);
    context.result(StepResult::Restore(done))?;
    Ok(said)
}
