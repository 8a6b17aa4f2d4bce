//! Whether workloads have their pods again: as many as before, or as many as they should have now if an autoscaler or
//! a person scaled them in the meantime. The drill neither reverts changes from outside nor waits for them to be
//! reverted.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{Closing, Progress, StepContext, StepError, pods::pods_of};
use crate::{
    journal::RunState,
    kubernetes::{
        objects::{Pod, Workload},
        writer,
    },
    model::{ObjectRef, Revert, WorkloadRef, some},
    world::rest_after,
};

/// The result for workloads that have their pods.
pub(super) struct Whole {
    /// The numbers of ready pods, as text.
    pub said: String,
    /// Workloads that should have fewer pods than before, or were deleted, and who changed them.
    pub scaled: Vec<String>,
}

impl Whole {
    /// How the undo ends: workloads that were scaled outside the drill are left.
    pub(super) fn closing(self) -> Closing {
        if self.scaled.is_empty() {
            Closing::Reverted(self.said)
        } else {
            Closing::Left(left(&self.said, &self.scaled))
        }
    }
}

/// The text for a namespace of which something was left.
pub(super) fn left(said: &str, scaled: &[String]) -> String {
    format!("{said}; left as changed outside the drill: {}", scaled.join(", "))
}

/// The state of one workload.
enum Now {
    /// It has as many pods as before, or as many as it should have now.
    Enough(String),
    /// The same, and it was scaled or deleted outside the drill.
    Scaled(String, String),
    /// Pods are missing.
    Short(String),
}

/// Waits until all workloads have their pods.
pub(super) async fn whole(
    context: &StepContext,
    namespace: &str,
    ready: &[(WorkloadRef, u32)],
    limit: Duration,
) -> Result<Whole, StepError> {
    let what = format!("the workloads of namespace {namespace} to have all their pods");
    // The pods of a large namespace are not listed ten times a second. Until the watch has seen all of them Ready, or
    // if there is no watch, they are listed only from time to time.
    let (mut rests_until_us, mut last) = (0, String::new());
    // One last look comes at the end of the time.
    let deadline_us = context.recorder.now_us().saturating_add(limit.as_micros() as u64);
    context
        .until(limit, &what, async || {
            if context.recorder.now_us() < rests_until_us && !is_seen_whole(context, namespace, ready) {
                return Progress::NotYet(last.clone());
            }
            let have = match pods_of(context, namespace).await {
                Ok(pods) => {
                    let rest = rest_after(pods.len()).min(limit / 4);
                    rests_until_us = (context.recorder.now_us() + rest.as_micros() as u64).min(deadline_us);
                    counts(&pods)
                }
                Err(error) => return Progress::NotYet(error.to_string()),
            };
            let (mut said, mut scaled, mut short) = (vec![], vec![], vec![]);
            for (workload, had) in ready {
                match read_workloads(context, &have, namespace, workload, *had).await {
                    Ok(Now::Enough(text)) => said.push(text),
                    Ok(Now::Scaled(text, by)) => {
                        said.push(text);
                        scaled.push(by);
                    }
                    Ok(Now::Short(text)) | Err(text) => short.push(text),
                }
            }
            if short.is_empty() {
                Progress::Done(Whole { said: format!("ready pods: {}", some(&said)), scaled })
            } else {
                last = format!("ready pods: {}", some(&short));
                Progress::NotYet(last.clone())
            }
        })
        .await
}

/// Whether the drill's watch has seen at least as many Ready pods as each workload had.
fn is_seen_whole(context: &StepContext, namespace: &str, ready: &[(WorkloadRef, u32)]) -> bool {
    let is_whole =
        |state: &RunState| ready.iter().all(|(workload, had)| state.ready(namespace, &workload.to_string()) >= *had);
    context.recorder.with(is_whole)
}

/// The number of Ready pods of each workload.
fn counts(pods: &[Pod]) -> BTreeMap<WorkloadRef, u32> {
    let mut counts = BTreeMap::new();
    for workload in pods.iter().filter(|p| p.counts()).filter_map(Pod::workload) {
        *counts.entry(workload).or_default() += 1;
    }
    counts
}

async fn read_workloads(
    context: &StepContext,
    have: &BTreeMap<WorkloadRef, u32>,
    namespace: &str,
    workload: &WorkloadRef,
    had: u32,
) -> Result<Now, String> {
    let have = have.get(workload).copied().unwrap_or(0);
    if have >= had {
        return Ok(Now::Enough(format!("{workload} {have}/{had}")));
    }
    // If pods are missing, find out whether that is intended.
    let path = ObjectRef::of_workload(namespace, workload).path;
    let Some(found) = context.world.kube.find(&path).await.map_err(|e| e.to_string())? else {
        let missing = format!("{workload} does not exist");
        // It was deleted outside the drill and does not come back by itself, so it is not waited for.
        let deleted = context.recorder.with(|state| state.outside.is_deleted(namespace, &workload.to_string()));
        return Ok(if deleted { Now::Scaled(missing, format!("{workload} was deleted")) } else { Now::Short(missing) });
    };
    let wants = serde_json::from_value::<Workload>(found.clone()).map_err(|e| format!("{path}: {e}"))?.wanted();
    if wants >= had || have < wants || is_scaled_by_us(context, &path) {
        return Ok(Now::Short(format!("{workload} {have}/{had}")));
    }
    let by = who(&found);
    Ok(Now::Scaled(
        format!("{workload} {have}/{wants}"),
        format!("{workload} should have {wants} pods now ({had} were ready before){by}"),
    ))
}

/// The number of pods of a DaemonSet follows from its nodes; no field contains it.
fn who(workload: &Value) -> String {
    if workload["kind"] == "DaemonSet" {
        " because of the number of its nodes".into()
    } else {
        format!(", changed by {}", writer(workload, &["spec", "replicas"]))
    }
}

/// While a `scale` step of this drill is not undone, the drill itself set the number.
pub(super) fn is_scaled_by_us(context: &StepContext, path: &str) -> bool {
    let ours = |revert: &Revert| matches!(revert, Revert::Scale { object, .. } if object.path == path);
    context.recorder.with(|state: &RunState| state.still_open().any(|f| ours(&f.revert)))
}

/// The undo of deleted pods: waits until their owners have all their pods.
pub(super) async fn revert(
    context: &StepContext,
    namespace: &str,
    ready: &[(WorkloadRef, u32)],
) -> Result<Closing, String> {
    if ready.is_empty() {
        return Ok(Closing::Reverted("nothing to wait for: the undo of the namespace covers it".into()));
    }
    let mut there = vec![];
    let mut gone = vec![];
    for (workload, had) in ready {
        let path = ObjectRef::of_workload(namespace, workload).path;
        if is_scaled_by_us(context, &path) {
            return Err(format!("{workload} is still scaled by this drill, which must be undone first"));
        }
        match context.world.kube.find(&path).await.map_err(|e| e.to_string())? {
            Some(_) => there.push((workload.clone(), *had)),
            None => gone.push(format!("{workload} was deleted")),
        }
    }
    let mut whole = whole(context, namespace, &there, Duration::from_secs(60)).await.map_err(|e| e.to_string())?;
    whole.scaled.extend(gone);
    Ok(whole.closing())
}
