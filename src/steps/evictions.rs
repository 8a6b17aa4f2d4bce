//! The evictions of a drain on one node. Each pod is handled separately. If a budget refuses its eviction, it is tried
//! again after growing pauses; if the API server can never evict it, it is tried once; and neither delays the other
//! pods. Only changes of the answer are reported.

use std::{collections::BTreeMap, time::Duration};

use sha2::{Digest, Sha256};

use super::{
    Progress, SendError, StepContext, StepError,
    exempt::{Skip, skip},
};
use crate::{
    event::{BudgetSays, Kind},
    kubernetes::{
        budgets_of,
        objects::{Budget, Pod},
    },
    model::{DrainStep, DrainedNode, PodLeft, Told, some},
    told,
    world::{ApiCall, ApiError},
};

/// The pause before the second attempt; below, the longest pause.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
/// How often the pods of the node are listed.
const LOOK: Duration = Duration::from_millis(400);

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq)]
enum EvictionAnswer {
    /// The eviction was granted, or the pod is gone.
    Going,
    /// Try again later: a budget refuses, or the server has a problem. `wait` is the pause in seconds that the server
    /// asks for.
    Later { told: Told, budget: bool, wait: Option<u64> },
    /// The eviction can never succeed: every attempt would get the same answer.
    Never(Told),
}

/// One pod on the node.
#[derive(Clone, Debug)]
struct Turn {
    tries: u32,
    due_us: u64,
    /// The last answer that was recorded: code and reason.
    shown: (u16, String),
    last: Option<EvictionAnswer>,
}

/// What is known about the pods of a node, by UID.
struct Node<'a> {
    context: &'a StepContext,
    spec: &'a DrainStep,
    turns: BTreeMap<String, Turn>,
    /// Why the pods could not be listed last time.
    unseen: Option<Told>,
    done: DrainedNode,
}

/// Evicts pods until only those are left that stay, or the time is over. The result contains every pod that is left,
/// and whether the node was empty in time.
pub(super) async fn empty(
    context: &StepContext,
    spec: &DrainStep,
    name: &str,
) -> Result<(DrainedNode, bool), StepError> {
    let done = DrainedNode { node: name.to_owned(), ..DrainedNode::default() };
    let mut node = Node { context, spec, turns: BTreeMap::new(), unseen: None, done };
    let mut pods = vec![];
    let ended = context
        .until(spec.at_most.0, &format!("node {name} to be empty"), async || node.read_pods(&mut pods).await)
        .await;
    node.done.left = node.left(&pods);
    match ended {
        Ok(Ok(())) => Ok((node.done, true)),
        // Each remaining pod is reported with its own reason.
        Err(StepError::Failed(_)) if !node.done.left.is_empty() => Ok((node.done, false)),
        // This session must not act any more, so no pod is the cause.
        Ok(Err(error)) | Err(error) => Err(error),
    }
}

impl Node<'_> {
    async fn read_pods(&mut self, pods: &mut Vec<Pod>) -> Progress<Result<(), StepError>> {
        let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", self.done.node);
        match self.context.world.kube.list_as(&path).await {
            Ok(found) => *pods = found,
            Err(error) => {
                self.unseen = Some(told!(self.context.recorder, "{error}"));
                tokio::time::sleep(LOOK).await;
                return Progress::NotYet(error.to_string());
            }
        }
        self.unseen = None;
        let spec = self.spec;
        for pod in pods.iter().filter(|p| !p.is_terminating() && skip(p, spec).is_none()) {
            if let Err(error) = self.turn(pod).await {
                return Progress::Done(Err(error));
            }
        }
        let waited: Vec<String> = pods.iter().filter(|p| self.is_waited_for(p)).map(name).collect();
        if waited.is_empty() {
            return Progress::Done(Ok(()));
        }
        tokio::time::sleep(LOOK).await;
        Progress::NotYet(format!("still there: {}", some(&waited)))
    }

    /// Tries to evict one pod, if its pause is over.
    async fn turn(&mut self, pod: &Pod) -> Result<(), StepError> {
        let now = self.context.recorder.now_us();
        let uid = &pod.metadata.uid;
        let before = self.turns.get(uid).cloned();
        let asked = |turn: &Turn| turn.due_us > now || matches!(turn.last, Some(EvictionAnswer::Never(_)));
        if before.as_ref().is_some_and(asked) {
            return Ok(());
        }
        let mut turn = before.unwrap_or(Turn { tries: 0, due_us: 0, shown: (0, String::new()), last: None });
        turn.tries += 1;
        let answer = self.evict(pod, &mut turn).await?;
        match &answer {
            EvictionAnswer::Going if turn.last == Some(EvictionAnswer::Going) => {}
            EvictionAnswer::Going => self.done.evicted += u32::from(turn.shown.0 < 300),
            EvictionAnswer::Later { budget, wait, .. } => {
                self.done.refused += u32::from(*budget);
                turn.due_us = now + pause(uid, turn.tries, *wait).as_micros() as u64;
            }
            EvictionAnswer::Never(_) => {}
        }
        if answer == EvictionAnswer::Going {
            turn.due_us = now + LONGEST.as_micros() as u64;
        }
        turn.last = Some(answer);
        self.turns.insert(uid.clone(), turn);
        Ok(())
    }

    async fn evict(&self, pod: &Pod, turn: &mut Turn) -> Result<EvictionAnswer, StepError> {
        let meta = &pod.metadata;
        let answer = self.context.send(&ApiCall::evict(&meta.namespace, &meta.name, &meta.uid, false)).await;
        let (code, reason, message, causes, retry_after) = match answer {
            Ok(_) => {
                self.show(pod, turn, (201, String::new()), &Told::default());
                return Ok(EvictionAnswer::Going);
            }
            Err(SendError::Api(ApiError::Status { code, reason, message, causes, retry_after, .. })) => {
                (code, reason, message, causes, retry_after)
            }
            Err(SendError::Api(error)) => {
                let told = told!(self.context.recorder, "{error}");
                return Ok(EvictionAnswer::Later { told, budget: false, wait: None });
            }
            Err(SendError::NotOurs(error)) => return Err(error),
        };
        let budget = causes.iter().any(|c| c == "DisruptionBudget");
        let reason = if budget { "DisruptionBudget".to_owned() } else { reason };
        self.show(pod, turn, (code, reason), &message);
        Ok(match code {
            404 => EvictionAnswer::Going,
            500 => match self.ambiguous(pod).await {
                Some(why) => EvictionAnswer::Never(told!(self.context.recorder, "{why}")),
                None => later(code, &message, (false, retry_after), self.context),
            },
            400 | 403 | 405 | 422 => EvictionAnswer::Never(told!(self.context.recorder, "{code}: {message}")),
            _ => later(code, &message, (budget, retry_after), self.context),
        })
    }

    /// Records an answer that differs from the previous one.
    fn show(&self, pod: &Pod, turn: &mut Turn, answer: (u16, String), message: &Told) {
        if turn.shown == answer {
            return;
        }
        self.context.recorder.observe(Kind::EvictionAnswered {
            step: self.context.step.0.clone(),
            namespace: pod.metadata.namespace.clone(),
            pod: pod.metadata.name.clone(),
            owner: pod.workload().map(|w| w.to_string()).unwrap_or_default(),
            dry_run: false,
            code: answer.0,
            reason: answer.1.clone(),
            message: message.clone(),
            expected: BudgetSays::NotAsked,
            budget: String::new(),
        });
        turn.shown = answer;
    }

    /// Whether more than one budget selects a pod. The API server refuses such a pod whatever the budgets allow. This
    /// is found out from the budgets, not from the text of the refusal.
    async fn ambiguous(&self, pod: &Pod) -> Option<String> {
        let path = format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", pod.metadata.namespace);
        let budgets: Vec<Budget> = self.context.world.kube.list_as(&path).await.ok()?;
        let names = names_of(&budgets_of(pod, &budgets));
        (names.len() > 1).then(|| ambiguous(&names))
    }

    fn last(&self, pod: &Pod) -> Option<&EvictionAnswer> {
        self.turns.get(&pod.metadata.uid)?.last.as_ref()
    }

    /// Whether the drain still waits for this pod.
    fn is_waited_for(&self, pod: &Pod) -> bool {
        let never = matches!(self.last(pod), Some(EvictionAnswer::Never(_)));
        match skip(pod, self.spec) {
            Some(Skip::Because(_)) => false,
            Some(Skip::Refuse(_)) => pod.is_terminating(),
            None => pod.is_terminating() || !never,
        }
    }

    /// Pods that are still there, except those that a drain never evicts.
    fn left(&self, pods: &[Pod]) -> Vec<PodLeft> {
        let recorder = &self.context.recorder;
        let why = |pod: &Pod| {
            let why = why_left(pod, skip(pod, self.spec), self.last(pod))?;
            Some(match &self.unseen {
                None => why,
                Some(error) => {
                    told!(recorder, "{why} (last known state; since then the pods could not be listed: {error})")
                }
            })
        };
        let of =
            |pod: &Pod, why| PodLeft { namespace: pod.metadata.namespace.clone(), pod: pod.metadata.name.clone(), why };
        pods.iter().filter_map(|pod| Some(of(pod, why(pod)?))).collect()
    }
}

/// Why a pod is still there, according to the last answer; none for a pod that a drain never evicts.
fn why_left(pod: &Pod, skip: Option<Skip>, last: Option<&EvictionAnswer>) -> Option<Told> {
    match (skip, last) {
        (Some(Skip::Because(_)), _) => None,
        // Whatever the earlier answers were, it is being deleted now.
        _ if pod.is_terminating() => Some("it is still Terminating".into()),
        (Some(Skip::Refuse(why)), _) => Some(Told::from(why)),
        (None, Some(EvictionAnswer::Never(why) | EvictionAnswer::Later { told: why, .. })) => Some(why.clone()),
        (None, Some(EvictionAnswer::Going)) => Some("its eviction was granted, but it is not gone yet".into()),
        (None, None) => Some("its eviction was not requested yet".into()),
    }
}

fn later(code: u16, message: &Told, (budget, wait): (bool, Option<u64>), context: &StepContext) -> EvictionAnswer {
    EvictionAnswer::Later { told: told!(context.recorder, "{code}: {message}"), budget, wait }
}

/// The names of budgets.
pub(super) fn names_of(budgets: &[&Budget]) -> Vec<String> {
    budgets.iter().map(|b| b.metadata.name.clone()).collect()
}

/// Why an eviction of such a pod is never granted.
pub(super) fn ambiguous(budgets: &[String]) -> String {
    format!(
        "it is selected by more than one budget ({}), and the Eviction API answers 500 for such a pod: change the selectors so that only one budget selects it",
        budgets.join(", ")
    )
}

/// A pause that grows with each attempt. It differs between pods, so that they do not all ask at the same moment.
fn pause(uid: &str, tries: u32, wait: Option<u64>) -> Duration {
    let grown = FIRST.saturating_mul(1 << tries.saturating_sub(1).min(5)).min(LONGEST);
    let asked = wait.map_or(Duration::ZERO, Duration::from_secs);
    let part = u32::from(Sha256::digest(format!("{uid} {tries}"))[0]);
    grown.max(asked) + grown * part / 1024
}

fn name(pod: &Pod) -> String {
    format!("{}/{}", pod.metadata.namespace, pod.metadata.name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_are_not_the_same_for_all() {
        let of = |tries| pause("a", tries, None);
        assert!(of(1) >= FIRST && of(2) > of(1) && of(9) >= LONGEST && of(9) <= LONGEST * 5 / 4);
        assert_eq!(of(3), of(3), "one seed, one drill");
        assert!((1..9).any(|tries| pause("a", tries, None) != pause("b", tries, None)));
        assert!(pause("a", 1, Some(10)) >= Duration::from_secs(10), "what the server asks for");
        // In 45 seconds of refusals, there are about a dozen attempts.
        let (mut spent, mut tries) = (Duration::ZERO, 0);
        while spent < Duration::from_secs(45) {
            tries += 1;
            spent += of(tries);
        }
        assert!(tries <= 12, "{tries}");
    }

    #[test]
    fn every_pod_that_is_left_has_its_own_last_reason() {
        let pod = |terminating: bool| -> Pod {
            let at = if terminating { json!("2026-01-01T00:00:00Z") } else { json!(null) };
            serde_json::from_value(json!({"metadata": {"name": "web-1", "deletionTimestamp": at}})).unwrap()
        };
        let said = |terminating, skip, last: Option<EvictionAnswer>| {
            why_left(&pod(terminating), skip, last.as_ref()).map(|why| why.to_string())
        };
        let refused = || Some(EvictionAnswer::Later { told: "429: no".into(), budget: true, wait: None });
        let bare = || Some(Skip::Refuse("no controller"));
        assert_eq!(said(false, None, refused()).unwrap(), "429: no");
        assert_eq!(said(false, None, Some(EvictionAnswer::Never("two budgets".into()))).unwrap(), "two budgets");
        assert!(said(false, None, Some(EvictionAnswer::Going)).unwrap().contains("granted"));
        assert!(said(false, None, None).unwrap().contains("was not requested"), "it came with the last look");
        assert_eq!(said(false, bare(), None).unwrap(), "no controller");
        // It was deleted outside the drill in the meantime.
        for (skip, last) in [(None, refused()), (bare(), None), (None, None)] {
            assert!(said(true, skip, last).unwrap().contains("Terminating"));
        }
        assert_eq!(said(true, Some(Skip::Because("a DaemonSet's pod")), None), None);
    }
}
