//! A restore beside production: into a scratch namespace that is isolated before its first pod starts. Afterwards it
//! is deleted with everything that belongs to it, or kept if the scenario asks for that.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    ATTEMPT, Closing, PlanInput, Progress, StepContext, StepError, isolation,
    losses::{is_of, restored_as},
    namespace, own, reach,
    restore_namespace::{self, Order},
};
use crate::{
    journal::FaultRecord,
    kubernetes::{
        objects::{Named, Volume, Workload},
        policy_enforcers,
    },
    model::{
        CleanUp, Isolation, LeftObject, ObjectRef, RUN_LABEL, RestoreStep, Revert, StepResult, WorkloadRef,
        backup_name, sha256,
    },
    world::{ApiCall, Archived},
};

/// How long the namespace, and then its volumes, may take to disappear in one attempt of the undo.
const GONE: Duration = Duration::from_secs(110);
const VOLUMES_GONE: Duration = Duration::from_secs(45);
const _: () = assert!(GONE.as_secs() + VOLUMES_GONE.as_secs() < ATTEMPT.as_secs(), "an attempt sees its end");

/// The name of the namespace for a step of a run. It is unique for each run and step.
pub(super) fn name(run: &str, step: &str) -> String {
    format!("drill-scratch-{}", &sha256(format!("{run} {step}"))[..10])
}

/// What people should know in advance.
pub(super) fn notes(spec: &RestoreStep, input: &PlanInput<'_>) -> Vec<String> {
    let mut notes = vec![
        "not restored: NetworkPolicies, Ingresses, and all custom resources (routes, monitors, DNS records, certificates), \
         whose controllers act outside the namespace; Jobs and CronJobs are suspended; annotations of Services are removed"
            .to_owned(),
    ];
    notes.push(isolation_note(input));
    if spec.clean_up == CleanUp::OnSuccess {
        notes.push("the namespace is kept if an expectation of the restore is not met (cleanUp: onSuccess)".into());
    }
    let ours = |n: &&Named| n.metadata.labels.contains_key(RUN_LABEL) && n.metadata.name.starts_with("drill-scratch-");
    notes.extend(input.inventory.namespaces.get().unwrap_or_default().iter().filter(ours).map(|n| {
        let run = n.metadata.labels.get(RUN_LABEL).map_or("", String::as_str);
        format!(
            "namespace {0} of run {run} still exists; this drill does not touch it. Delete it with: kubectl delete namespace {0}",
            n.metadata.name
        )
    }));
    notes
}

fn isolation_note(input: &PlanInput<'_>) -> String {
    if input.bindings.volumes.reader_image.is_none() {
        return "isolation unproven: the bindings name no volumes.readerImage, which the test needs".into();
    }
    let pods = input.inventory.pods.get().unwrap_or_default();
    let known = policy_enforcers(pods);
    let tested = "the drill tests from inside whether the namespace can reach production and the API server, and reports \
                  the isolation as proven or unproven";
    if known.is_empty() {
        format!("nothing in this cluster is known to enforce NetworkPolicies: {tested}")
    } else {
        format!("{} enforces NetworkPolicies: {tested}", known.join(", "))
    }
}

pub(super) async fn restore(
    context: &StepContext,
    spec: &RestoreStep,
    backup: &str,
    from: &str,
    name: &str,
) -> Result<String, StepError> {
    let velero = &context.world.velero;
    restore_namespace::usable(context, backup).await.map_err(StepError::Failed)?;
    let scratch = self::name(&context.run, &context.step.0);
    refuse_taken(context, &scratch, name).await?;
    let revert = own_namespace(context, spec, &scratch, name);
    let mut held = vec![];
    let each = |archived: Archived| {
        if is_of(&archived.object, from) {
            held.push(archived);
        }
    };
    velero.each_object(backup, each).await.map_err(StepError::failed)?;
    let plan = isolation::plan(&held, from);
    let held: Vec<Value> = held.into_iter().map(|h| h.object).collect();
    let fault = context.intend(&scratch, revert).await?;
    let mut test = Err("it was not tested".to_owned());
    let made = async {
        context.send(&own::namespace(&context.run, &scratch, levels(&held, from))).await?;
        test = reach::begin(context, &scratch, from).await;
        for call in isolating(context, &scratch, name, &plan) {
            context.send(&call).await?;
        }
        context.send(&restoring(context, (backup, name), from, &scratch, &plan)).await.map(drop)
    };
    context.act(&fault, made).await?;
    let sent_us = context.recorder.now_us();
    let ready = wanted(&held, from);
    let order = Order { namespace: from, backup, restore: name.to_owned(), ready: &ready, limit: spec.at_most.0 };
    let held = held.into_iter().filter_map(|o| restored_as(o, from, &scratch)).collect();
    let meant = |difference: &_| plan.is_meant(difference, &scratch);
    let mut done = restore_namespace::see_through(context, &order, &scratch, (sent_us, Some(held)), meant).await?;
    let isolation = match test {
        Ok(test) => reach::finish(context, &scratch, &test, &plan.beyond).await,
        Err(why) => Isolation::Unproven { why },
    };
    let said = format!("{backup} restored into {scratch}: {}; {isolation}", done.ready);
    done.into = Some(scratch.clone());
    done.left_out = plan.told();
    done.isolation = Some(cleaned(context, isolation));
    context.result(StepResult::Restore(done))?;
    Ok(said)
}

/// The text about the isolation may quote the API server, so secrets are removed from it.
fn cleaned(context: &StepContext, isolation: Isolation) -> Isolation {
    let clean = |text: String| crate::told!(context.recorder, "{text}").to_string();
    match isolation {
        Isolation::Proven { tried } => Isolation::Proven { tried: clean(tried) },
        Isolation::Unproven { why } => Isolation::Unproven { why: clean(why) },
    }
}

/// Refuses to begin if an object already has a name that this run would use.
async fn refuse_taken(context: &StepContext, scratch: &str, name: &str) -> Result<(), StepError> {
    let velero = &context.world.velero;
    let paths = [
        format!("/api/v1/namespaces/{scratch}"),
        format!("/api/v1/namespaces/{}/configmaps/{name}", velero.namespace),
        velero.path("restores", name),
    ];
    for path in paths {
        if context.world.kube.find(&path).await.map_err(StepError::failed)?.is_some() {
            return Err(StepError::Failed(format!("{path} already exists and was not created by this run: delete it")));
        }
    }
    Ok(())
}

fn own_namespace(context: &StepContext, spec: &RestoreStep, scratch: &str, name: &str) -> Revert {
    let velero = &context.world.velero;
    let modifier = format!("/api/v1/namespaces/{}/configmaps/{name}", velero.namespace);
    let also = [modifier, velero.path("restores", name)];
    Revert::OwnNamespace {
        namespace: scratch.to_owned(),
        also: also.map(|path| ObjectRef { path, uid: String::new() }).to_vec(),
        recovery: false,
        clean_up: spec.clean_up,
    }
}

/// The replicas of the workloads in the backup.
pub(super) fn wanted(held: &[Value], namespace: &str) -> Vec<(WorkloadRef, u32)> {
    held.iter()
        .filter(|o| o.pointer("/metadata/namespace").and_then(Value::as_str) == Some(namespace))
        .filter(|o| matches!(o["kind"].as_str(), Some("Deployment" | "StatefulSet")))
        .filter_map(|o| serde_json::from_value::<Workload>(o.clone()).ok())
        .filter_map(|w| Some((w.reference()?, w.wanted())))
        .collect()
}

/// The pod security levels of the namespace in the backup, so that the same pods are admitted.
fn levels(held: &[Value], from: &str) -> Map<String, Value> {
    let of_it =
        |o: &&Value| o["kind"] == "Namespace" && o.pointer("/metadata/name").and_then(Value::as_str) == Some(from);
    let labels = held.iter().find(of_it).and_then(|o| o.pointer("/metadata/labels")?.as_object());
    let security = |(key, _): &(&String, &Value)| key.starts_with("pod-security.kubernetes.io/");
    labels.into_iter().flatten().filter(security).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The policy and Velero's modifiers, which must exist before the first pod of the application.
fn isolating(context: &StepContext, scratch: &str, name: &str, plan: &isolation::Plan) -> [ApiCall; 2] {
    let labels = own::labels(&context.run);
    // JSON is valid YAML, and Velero reads the file as YAML.
    let modifiers = json!({"version": "v1", "resourceModifierRules": plan.rules}).to_string();
    [
        ApiCall::create(
            format!("/apis/networking.k8s.io/v1/namespaces/{scratch}/networkpolicies"),
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                   "metadata": {"name": "drillmaster-isolation", "labels": labels},
                   "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}),
        ),
        ApiCall::create(
            format!("/api/v1/namespaces/{}/configmaps", context.world.velero.namespace),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels},
                   "data": {"modifiers.yaml": modifiers}}),
        ),
    ]
}

fn restoring(
    context: &StepContext,
    (backup, name): (&str, &str),
    from: &str,
    scratch: &str,
    plan: &isolation::Plan,
) -> ApiCall {
    let spec = json!({
        "backupName": backup, "includedNamespaces": [from], "namespaceMapping": {from: scratch},
        "excludedResources": plan.excluded,
        "labelSelector": {"matchExpressions": [{"key": isolation::OF_A_JOB, "operator": "DoesNotExist"}]},
        "includeClusterResources": null, "restorePVs": true,
        "resourceModifier": {"kind": "ConfigMap", "name": name},
    });
    context.world.velero.creation("Restore", name, &json!({RUN_LABEL: context.run}), spec)
}

/// The undo: keeps the namespace if the scenario asks for that; otherwise deletes it.
pub(super) async fn revert(context: &StepContext, fault: &FaultRecord) -> Result<Closing, String> {
    let Revert::OwnNamespace { namespace: scratch, also, clean_up, .. } = &fault.revert else {
        return Err("not a namespace of the drill".into());
    };
    let path = format!("/api/v1/namespaces/{scratch}");
    let found: Option<Named> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
    // Deletes only what this run created: the label shows that, the name does not.
    if found.as_ref().is_some_and(|n| !n.is_of_run(&context.run)) {
        return Ok(Closing::Left(format!("namespace {scratch} does not have this run's label, so it was not deleted")));
    }
    let there = found.as_ref().is_some_and(|n| n.metadata.deletion_timestamp.is_none());
    if there && *clean_up == CleanUp::OnSuccess && was_begun(context).await? && !is_met(context) {
        let commands = fault.revert.commands();
        let object = LeftObject::Namespace(scratch.clone());
        context.leaves(&object, commands.join("; "), "never").map_err(|e| e.to_string())?;
        return Ok(Closing::Kept(
            format!(
                "namespace {scratch} is kept, because an expectation of the restore was not met (cleanUp: onSuccess)"
            ),
            commands,
        ));
    }
    remove(context, scratch, found.as_ref(), also).await
}

/// Whether the restore into the namespace was started. Before that, there is nothing in it to inspect.
async fn was_begun(context: &StepContext) -> Result<bool, String> {
    if context.recorder.with(|s| s.results.contains_key(&context.step)) {
        return Ok(true);
    }
    let velero = &context.world.velero;
    let path = velero.path("restores", &backup_name(&context.run, &context.step.0));
    let found: Option<Named> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
    Ok(found.is_some_and(|n| n.is_of_run(&context.run)))
}

fn is_met(context: &StepContext) -> bool {
    context.judge.with(|history| history.restore_is_met(&context.step))
}

async fn remove(
    context: &StepContext,
    scratch: &str,
    found: Option<&Named>,
    also: &[ObjectRef],
) -> Result<Closing, String> {
    let kube = &context.world.kube;
    // A namespace that is already being deleted is only waited for.
    if let Some(found) = found.filter(|n| n.metadata.deletion_timestamp.is_none()) {
        let path = format!("/api/v1/namespaces/{scratch}");
        context.send(&ApiCall::delete(&path, &found.metadata.uid, None)).await.map_err(|e| e.to_string())?;
    }
    namespace::gone(context, scratch, false, GONE).await.map_err(|e| e.to_string())?;
    for object in also {
        let found: Option<Named> = kube.find_as(&object.path).await.map_err(|e| e.to_string())?;
        let Some(found) = found.filter(|n| n.is_of_run(&context.run)) else { continue };
        match context.send(&ApiCall::delete(&object.path, &found.metadata.uid, None)).await {
            Err(error) if !error.is_not_found() => return Err(error.to_string()),
            _ => {}
        }
    }
    let gone = format!("namespace {scratch} and what belonged to it are gone");
    Ok(Closing::Reverted(match volumes_left(context, scratch).await {
        Ok(()) => gone,
        Err(why) => {
            let object = LeftObject::VolumesOf(scratch.to_owned());
            let kubectl = format!("kubectl --context {}", context.world.identity.context);
            let command = format!("{kubectl} get pv | grep {scratch}; {kubectl} delete pv NAME");
            context.leaves(&object, command, "never").map_err(|e| e.to_string())?;
            format!("{gone}, except its volumes: {why}")
        }
    }))
}

/// Volumes that the restore created must not stay, because they cost money. Returns why they are not confirmed to be
/// gone.
async fn volumes_left(context: &StepContext, scratch: &str) -> Result<(), String> {
    let seen = context.until(VOLUMES_GONE, "the volumes of the drill's namespace to be gone", async || {
        match context.world.kube.list_as::<Volume>("/api/v1/persistentvolumes").await {
            Err(error) => Progress::NotYet(error.to_string()),
            Ok(volumes) => {
                let of_it =
                    |v: &Volume| v.spec.claim_ref.as_ref().and_then(|c| c["namespace"].as_str()) == Some(scratch);
                let left: Vec<String> = volumes.into_iter().filter(of_it).map(|v| v.metadata.name).collect();
                if left.is_empty() { Progress::Done(()) } else { Progress::NotYet(left.join(", ")) }
            }
        }
    });
    seen.await.map_err(|e| e.to_string())
}
