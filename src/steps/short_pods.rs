//! Short-lived pods of the drill: each is written to the journal before it is created, then waited for, read and
//! deleted. If the drill is interrupted meanwhile, an open undo remains, which deletes the pods.

use std::time::Duration;

use serde_json::Value;

use super::{ATTEMPT, Closing, Progress, SendError, StepContext, StepError, own};
use crate::{
    kubernetes::objects::{Named, Pod},
    model::{FaultId, Revert},
    world::{ApiCall, ApiError},
};

/// How long a pod with nothing to shut down may take to disappear. An undo waits for all of them together.
const GONE: Duration = Duration::from_secs(60);
const _: () = assert!(GONE.as_secs() * 2 < ATTEMPT.as_secs(), "an attempt of an undo sees its end");

/// A pod to run.
pub(super) struct Task {
    /// Its name.
    pub name: String,
    /// Its forms, in the order in which to try them: the next one is used if a form is refused or fails.
    pub forms: Vec<Value>,
}

/// The purpose of short-lived pods. The fault is named after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// They read volumes.
    Reading,
    /// They try to reach something.
    Reaching,
}

/// Runs all pods at the same time. Returns the log of each pod that succeeded, or why there is none.
pub(super) async fn run(
    context: &StepContext,
    namespace: &str,
    what_for: For,
    tasks: &[Task],
    limit: Duration,
) -> Result<Vec<Result<String, String>>, StepError> {
    if tasks.is_empty() {
        return Ok(vec![]);
    }
    let revert = Revert::OwnPods {
        namespace: namespace.to_owned(),
        pods: tasks.iter().map(|t| t.name.clone()).collect(),
        recovery: own::is_there(context),
    };
    let fault = context.intend(&free_target(context, namespace, what_for), revert).await?;
    let mut logs = vec![];
    let all = async {
        logs = futures_util::future::join_all(tasks.iter().map(|t| run_pod(context, namespace, t, limit))).await;
        Ok::<_, String>(())
    };
    context.act(&fault, all).await?;
    let names: Vec<&str> = tasks.iter().map(|t| t.name.as_str()).collect();
    remove_all(context, namespace, &names).await.map_err(StepError::Failed)?;
    context.close(&fault, Closing::Reverted(gone_in(namespace, tasks.len()))).await?;
    Ok(logs)
}

/// Runs one pod, in one form after another, until one succeeds.
async fn run_pod(context: &StepContext, namespace: &str, task: &Task, limit: Duration) -> Result<String, String> {
    let base = format!("/api/v1/namespaces/{namespace}/pods");
    let path = format!("{base}/{}", task.name);
    let mut why = "it has no manifest".to_owned();
    for form in &task.forms {
        remove(context, namespace, &task.name).await?;
        match context.send(&ApiCall::create(&base, form.clone())).await {
            Ok(_) => {}
            Err(SendError::Api(error)) if error.is_refused_form() => {
                why = error.to_string();
                continue;
            }
            Err(error) => return Err(error.to_string()),
        }
        let what = format!("pod {} to finish", task.name);
        let ended = context.until(limit, &what, async || pod_progress(context, &path).await);
        let ended = ended.await.map_err(|e| e.to_string());
        let log = context.world.kube.text(&format!("{path}/log"), Duration::from_secs(30)).await;
        match (ended, log) {
            (Ok(phase), Ok(log)) if phase == "Succeeded" && is_whole(&log) => {
                remove(context, namespace, &task.name).await?;
                return Ok(log);
            }
            (Ok(phase), log) => {
                let log = log.map_or_else(|e| e.to_string(), |text| tail(&text));
                why = format!("the pod ended as {phase}: {log}");
            }
            (Err(error), _) => {
                let _ = remove(context, namespace, &task.name).await;
                return Err(error);
            }
        }
    }
    remove(context, namespace, &task.name).await?;
    Err(why)
}

async fn pod_progress(context: &StepContext, path: &str) -> Progress<String> {
    match context.world.kube.find_as::<Pod>(path).await {
        Ok(Some(pod)) if pod.is_finished() => Progress::Done(pod.status.phase),
        Ok(Some(pod)) => Progress::NotYet(format!("it is {}{}", pod.status.phase, waits(&pod))),
        Ok(None) => Progress::NotYet("it is gone".into()),
        Err(error) => Progress::NotYet(error.to_string()),
    }
}

/// Why the scheduler leaves the pod Pending.
fn waits(pod: &Pod) -> String {
    let refused = pod.status.conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False");
    refused.map_or_else(String::new, |c| format!(" ({} {})", c.reason, c.message))
}

/// Whether the log is complete. A kubelet that rotates a log removes its beginning.
fn is_whole(log: &str) -> bool {
    log.starts_with("begin\n") && log.ends_with("\nend\n")
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

/// The undo: deletes the pods with this run's label, and waits until they are gone.
pub(super) async fn revert(context: &StepContext, namespace: &str, pods: &[String]) -> Result<Closing, String> {
    let names: Vec<&str> = pods.iter().map(String::as_str).collect();
    remove_all(context, namespace, &names).await?;
    Ok(Closing::Reverted(gone_in(namespace, pods.len())))
}

fn gone_in(namespace: &str, count: usize) -> String {
    format!("{count} short-lived pods of the drill in namespace {namespace} are gone")
}

/// Which of the pods exist and belong to this run.
pub(super) async fn existing(context: &StepContext, namespace: &str, pods: &[String]) -> Result<Vec<String>, String> {
    let mut there = vec![];
    for pod in pods {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
        let found: Option<Named> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
        there.extend(found.filter(|n| n.is_of_run(&context.run)).map(|n| n.metadata.name));
    }
    Ok(there)
}

/// Deletes all of them at the same time. Returns the first problem.
async fn remove_all(context: &StepContext, namespace: &str, pods: &[&str]) -> Result<(), String> {
    let all = pods.iter().map(|pod| remove(context, namespace, pod));
    futures_util::future::join_all(all).await.into_iter().collect()
}

/// Deletes a pod of this run, and waits until it is gone. A pod with this name that others created is left
/// alone; creating ours will then fail with a clear error.
async fn remove(context: &StepContext, namespace: &str, pod: &str) -> Result<(), String> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}");
    let kube = &context.world.kube;
    let found: Option<Named> = kube.find_as(&path).await.map_err(|e| e.to_string())?;
    let Some(found) = found.filter(|n| n.is_of_run(&context.run)) else { return Ok(()) };
    match context.send(&ApiCall::delete(&path, &found.metadata.uid, Some(0))).await {
        Err(SendError::Api(ApiError::Status { code: 404 | 409, .. })) | Ok(_) => {}
        Err(error) => return Err(error.to_string()),
    }
    let what = format!("pod {namespace}/{pod} to be gone");
    let gone = context.until(GONE, &what, async || match kube.find_as::<Named>(&path).await {
        Ok(Some(now)) if now.metadata.uid == found.metadata.uid => Progress::NotYet("it still exists".into()),
        Ok(_) => Progress::Done(()),
        Err(error) => Progress::NotYet(error.to_string()),
    });
    gone.await.map_err(|e| e.to_string())
}

/// A target name that no fault of this step has used yet, because a step may read volumes more than once.
fn free_target(context: &StepContext, namespace: &str, what_for: For) -> String {
    let taken = |target: &str| context.recorder.with(|s| s.fault(&FaultId::new(&context.step, target)).is_some());
    let base = match what_for {
        For::Reading => format!("readers in {namespace}"),
        For::Reaching => format!("test pods in {namespace}"),
    };
    let mut target = base.clone();
    for number in 2_u32.. {
        if !taken(&target) {
            break;
        }
        target = format!("{base} {number}");
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_lost_its_beginning_or_its_end_is_no_log() {
        assert!(is_whole("begin\nend\n") && is_whole("begin\nx  ./a\nend\n"));
        for cut in ["", "end\n", "x  ./a\nend\n", "begin\nx  ./a\n", "begin\nx  ./send\n"] {
            assert!(!is_whole(cut), "{cut:?}");
        }
        assert_eq!(tail("1\n2\n3\n4\n5\n6\n"), "2; 3; 4; 5; 6");
    }
}
