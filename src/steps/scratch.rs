//! A restore beside production: into a namespace of the drill's own, isolated before
//! its first pod, removed with everything that belongs to it.

use serde_json::{Value, json};

use super::{
    Closing, Look, StepContext, StepError,
    bring_back::{self, Order},
    namespace,
};
use crate::{
    kubernetes::objects::{Named, Workload},
    model::{Difference, Differs, ObjectRef, RestoreStep, Revert, StepResult, WorkloadRef},
    world::ApiCall,
};

/// The namespace of a run.
pub(super) fn name(run: &str) -> String {
    let tail: String = run.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
    format!("drill-scratch-{}", tail.to_lowercase())
}

pub(super) async fn restore(
    context: &StepContext,
    spec: &RestoreStep,
    backup: &str,
    from: &str,
    name: &str,
) -> Result<String, StepError> {
    let velero = &context.world.velero;
    bring_back::usable(context, backup).await.map_err(StepError::Failed)?;
    let scratch = self::name(&context.run);
    let modifier =
        ObjectRef { path: format!("/api/v1/namespaces/{}/configmaps/{name}", velero.namespace), uid: String::new() };
    let revert = Revert::OwnNamespace {
        namespace: scratch.clone(),
        also: vec![modifier, ObjectRef { path: velero.path("restores", name), uid: String::new() }],
        recovery: false,
    };
    let fault = context.intend(&scratch, revert).await?;
    let held = velero.contents(backup).await.map_err(StepError::failed)?;
    context
        .act(&fault, async {
            for call in isolation(context, &scratch, name, from, &held) {
                context.send(&call).await?;
            }
            let spec = json!({
                "backupName": backup, "includedNamespaces": [from], "namespaceMapping": {from: scratch},
                "excludedResources": ["ingresses.networking.k8s.io", "events", "events.events.k8s.io", "dnsendpoints.externaldns.k8s.io"],
                "includeClusterResources": null, "restorePVs": true,
                "resourceModifier": {"kind": "ConfigMap", "name": name},
            });
            context.send(&velero.creation("Restore", name, &json!({"drillmaster.dev/run": context.run}), spec)).await.map(drop)
        })
        .await?;
    let sent_us = context.recorder.now_us();
    let ready = wanted(&held, from);
    let order = Order { namespace: from, backup, restore: name.to_owned(), ready: &ready, limit: spec.at_most.0 };
    let mut done = bring_back::see_through(context, &order, &scratch, sent_us, isolated).await?;
    done.into = Some(scratch.clone());
    let said = format!("{backup} restored into {scratch}: {}", done.ready);
    context.result(StepResult::Restore(done))?;
    Ok(said)
}

/// What the workloads in the backup ask for.
pub(super) fn wanted(held: &[Value], namespace: &str) -> Vec<(WorkloadRef, u32)> {
    held.iter()
        .filter(|o| o.pointer("/metadata/namespace").and_then(Value::as_str) == Some(namespace))
        .filter(|o| matches!(o["kind"].as_str(), Some("Deployment" | "StatefulSet")))
        .filter_map(|o| serde_json::from_value::<Workload>(o.clone()).ok())
        .filter_map(|w| Some((w.reference()?, w.wanted())))
        .collect()
}

/// Namespace, policy and Velero's modifiers, all before the first pod.
fn isolation(context: &StepContext, scratch: &str, name: &str, from: &str, held: &[Value]) -> Vec<ApiCall> {
    let labels = json!({"app.kubernetes.io/managed-by": "drillmaster", "drillmaster.dev/run": context.run});
    let mut rules = vec![json!({
        "conditions": {"groupResource": "cronjobs.batch", "namespaces": [from]},
        "mergePatches": [{"patchData": "{\"spec\":{\"suspend\":true}}"}]})];
    for service in held
        .iter()
        .filter(|o| o["kind"] == "Service" && o.pointer("/metadata/namespace").and_then(Value::as_str) == Some(from))
    {
        let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
        if matches!(kind, "NodePort" | "LoadBalancer") {
            let mut ports = service.pointer("/spec/ports").cloned().unwrap_or_default();
            for port in ports.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                port.remove("nodePort");
            }
            let patch = json!({"spec": {"type": "ClusterIP", "ports": ports, "externalTrafficPolicy": null, "healthCheckNodePort": null, "loadBalancerIP": null}});
            let name = service.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
            rules.push(json!({
                "conditions": {"groupResource": "services", "namespaces": [from], "resourceNameRegex": format!("^{}$", name.replace('.', "\\."))},
                "mergePatches": [{"patchData": patch.to_string()}]}));
        }
    }
    // JSON is YAML: Velero reads the file as YAML.
    let modifiers = json!({"version": "v1", "resourceModifierRules": rules}).to_string();
    vec![
        ApiCall::create(
            "/api/v1/namespaces",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scratch, "labels": labels}}),
        ),
        ApiCall::create(
            format!("/apis/networking.k8s.io/v1/namespaces/{scratch}/networkpolicies"),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "drillmaster-isolation", "labels": labels},
                   "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}),
        ),
        ApiCall::create(
            format!("/api/v1/namespaces/{}/configmaps", context.world.velero.namespace),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"modifiers.yaml": modifiers}}),
        ),
    ]
}

/// Differences that the isolation itself makes.
fn isolated(difference: &Difference) -> bool {
    match (difference.object.kind.as_str(), &difference.what) {
        ("Namespace", _) | ("Ingress", Differs::Missing) => true,
        ("CronJob", Differs::ChangedAt(fields)) => fields.iter().all(|f| f == "/spec/suspend"),
        ("Service", Differs::ChangedAt(fields)) => fields.iter().all(|f| f.starts_with("/spec/")),
        _ => false,
    }
}

pub(super) async fn revert(context: &StepContext, scratch: &str, also: &[ObjectRef]) -> Result<Closing, String> {
    let kube = &context.world.kube;
    let path = format!("/api/v1/namespaces/{scratch}");
    if let Some(found) = kube.find_as::<Named>(&path).await.map_err(|e| e.to_string())? {
        // Only what this run made: the label is ours, the name could be anybody's.
        if found.metadata.labels.get("drillmaster.dev/run") != Some(&context.run) {
            return Ok(Closing::Left(format!(
                "namespace {scratch} does not carry this run's label: not ours to delete"
            )));
        }
        context.send(&ApiCall::delete(&path, &found.metadata.uid, None)).await.map_err(|e| e.to_string())?;
    }
    namespace::gone(context, scratch, false, std::time::Duration::from_secs(300)).await.map_err(|e| e.to_string())?;
    for object in also {
        let found: Option<Named> = kube.find_as(&object.path).await.map_err(|e| e.to_string())?;
        let ours = |n: &Named| n.metadata.labels.get("drillmaster.dev/run") == Some(&context.run);
        let Some(found) = found.filter(ours) else { continue };
        match context.send(&ApiCall::delete(&object.path, &found.metadata.uid, None)).await {
            Err(error) if !error.is_not_found() => return Err(error.to_string()),
            _ => {}
        }
    }
    volumes_gone(context, scratch).await?;
    Ok(Closing::Reverted(format!("namespace {scratch} and what belonged to it are gone")))
}

/// Volumes that the restore made must not stay and be paid for.
async fn volumes_gone(context: &StepContext, scratch: &str) -> Result<(), String> {
    let limit = std::time::Duration::from_secs(60);
    let seen = context.until(limit, "the volumes of the drill's own namespace to be gone", async || {
        match context.world.kube.list_as::<crate::kubernetes::objects::Volume>("/api/v1/persistentvolumes").await {
            Err(error) => Look::NotYet(error.to_string()),
            Ok(volumes) => {
                let left: Vec<String> = volumes
                    .into_iter()
                    .filter(|v| v.spec.claim_ref.as_ref().and_then(|c| c["namespace"].as_str()) == Some(scratch))
                    .map(|v| v.metadata.name)
                    .collect();
                if left.is_empty() { Look::Done(()) } else { Look::NotYet(left.join(", ")) }
            }
        }
    });
    let Err(error) = seen.await else { return Ok(()) };
    context
        .leaves(
            &format!("volumes of namespace {scratch} ({error})"),
            format!(
                "kubectl --context {0} get pv | grep {scratch}; kubectl --context {0} delete pv NAME",
                context.world.identity.context
            ),
            "never",
        )
        .map_err(|e| e.to_string())
}
