//! One dry-run eviction, and the state around it. A pod and its budgets may change during the request; an answer
//! between two states proves nothing.

use crate::{
    event::BudgetSays,
    journal::Recorder,
    kubernetes::{
        budgets_of,
        objects::{Budget, Pod},
    },
    model::Told,
    world::{ApiCall, ApiError, World},
};

/// For a namespace with more pods than this, the list of pods is reused for some time.
const LONG: usize = 500;
const MOMENT_US: u64 = 1_000_000;

/// One dry-run eviction: the answer, and what the budget requires.
pub(super) struct DryRun {
    pub code: u16,
    pub reason: String,
    pub message: Told,
    pub expected: BudgetSays,
    pub budget: String,
}

impl DryRun {
    pub(super) fn nothing(message: Told) -> Self {
        Self { code: 0, reason: String::new(), message, expected: BudgetSays::Unsettled, budget: String::new() }
    }
}

/// The result of one attempt.
pub(super) enum Turn {
    Settled(DryRun),
    /// The answer cannot be compared with a budget: the budget or the pod changed. Contains the pod in its current
    /// state.
    Unsettled(DryRun, Box<Pod>),
    /// The pod is gone or Terminating. The Eviction API allows the eviction of such a pod whatever its budget says, so
    /// the answer shows nothing about the budget.
    Left,
}

/// The state around a pod that is tried.
pub(super) struct Around<'a> {
    pub world: &'a World,
    pub recorder: &'a Recorder,
    namespace: &'a str,
    pods: Vec<Pod>,
    read_us: Option<u64>,
}

impl<'a> Around<'a> {
    pub(super) fn of(world: &'a World, recorder: &'a Recorder, namespace: &'a str) -> Self {
        Self { world, recorder, namespace, pods: vec![], read_us: None }
    }

    /// The budgets are read before and after the request, the pods after it.
    pub(super) async fn once(&mut self, pod: &Pod) -> Result<Turn, ApiError> {
        let (world, namespace) = (self.world, self.namespace);
        let path = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
        let before = world.kube.list_plain::<Budget>(&path).await?;
        let (code, reason, message) = answer(world, pod).await;
        let after = world.kube.list_plain::<Budget>(&path).await?;
        let (expected, budget) = expect(pod, &before);
        let asked = DryRun { code, reason, message, expected, budget };
        // A list from before the request cannot explain an unexpected answer.
        if self.is_old() || asked.expected.is_met_by(asked.code) == Some(false) {
            self.read_state().await?;
        }
        let turn = turn(asked, pod, &after, &self.pods);
        if !matches!(turn, Turn::Settled(_)) {
            self.read_us = None;
        }
        Ok(turn)
    }

    fn is_old(&self) -> bool {
        let now = self.recorder.now_us();
        self.pods.len() <= LONG || self.read_us.is_none_or(|at| now >= at + MOMENT_US)
    }

    async fn read_state(&mut self) -> Result<(), ApiError> {
        let now = self.recorder.now_us();
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        self.pods = self.world.kube.list_plain(&pods).await?;
        self.read_us = Some(now);
        Ok(())
    }
}

/// What an answer shows, given the budgets and pods that were read after it.
fn turn(mut asked: DryRun, pod: &Pod, after: &[Budget], pods: &[Pod]) -> Turn {
    let Some(now) = pods.iter().find(|p| p.metadata.uid == pod.metadata.uid && !p.is_terminating()) else {
        return Turn::Left;
    };
    let (expected, budget) = expect(pod, after);
    let still = is_as_it_was(pod, now) && expected == asked.expected && budget == asked.budget;
    if still && expected != BudgetSays::Unsettled && counts(pod, after, pods) {
        return Turn::Settled(asked);
    }
    asked.expected = BudgetSays::Unsettled;
    Turn::Unsettled(asked, Box::new(now.clone()))
}

/// Whether a pod is unchanged in everything that the Eviction API and the selectors of budgets depend on.
fn is_as_it_was(pod: &Pod, now: &Pod) -> bool {
    pod.is_ready() == now.is_ready()
        && pod.status.phase == now.status.phase
        && pod.metadata.labels == now.metadata.labels
}

/// Whether the status of a pod's budgets has the right number of healthy pods, and of all pods. A pod that has
/// finished or is being deleted may be counted or not.
fn counts(pod: &Pod, budgets: &[Budget], pods: &[Pod]) -> bool {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    budgets_of(pod, budgets).into_iter().all(|budget| {
        let (mut healthy, mut stay, mut all) = (0, 0, 0);
        for pod in pods.iter().filter(|p| budget.selects(p)) {
            all += 1;
            healthy += usize::from(pod.counts());
            stay += usize::from(!pod.is_terminating() && !pod.is_finished());
        }
        number(healthy) == budget.status.current_healthy
            && (number(stay)..=number(all)).contains(&budget.status.expected_pods)
    })
}

async fn answer(world: &World, pod: &Pod) -> (u16, String, Told) {
    let call = ApiCall::evict(&pod.metadata.namespace, &pod.metadata.name, &pod.metadata.uid, true);
    match world.kube.send(&call).await {
        Ok(_) => (201, String::new(), Told::default()),
        Err(ApiError::Status { code, reason, message, causes, .. }) => {
            let budget = causes.iter().any(|c| c == "DisruptionBudget");
            (code, if budget { "DisruptionBudget".into() } else { reason }, message)
        }
        Err(error) => (0, String::new(), world.redactor.clean(&error.to_string())),
    }
}

/// The answer that the Eviction API must give according to its own rules, and the names of the budgets.
fn expect(pod: &Pod, budgets: &[Budget]) -> (BudgetSays, String) {
    let mine = budgets_of(pod, budgets);
    let names = mine.iter().map(|b| b.metadata.name.as_str()).collect::<Vec<_>>().join(", ");
    let says = match mine[..] {
        [] => BudgetSays::Uncovered,
        _ if matches!(pod.status.phase.as_str(), "Pending" | "Succeeded" | "Failed") => BudgetSays::Allowed,
        [budget] if budget.status.observed_generation < budget.metadata.generation => BudgetSays::Unsettled,
        [budget] if lets_go(pod, budget) => BudgetSays::Allowed,
        [_] => BudgetSays::Refused,
        _ => BudgetSays::Ambiguous,
    };
    (says, names)
}

/// Whether the eviction of a pod that is not Ready is allowed: its budget has all the pods that it requires, or has
/// the policy AlwaysAllow.
fn lets_go(pod: &Pod, budget: &Budget) -> bool {
    let status = &budget.status;
    let unhealthy = || {
        budget.spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow")
            || (status.current_healthy >= status.desired_healthy && status.desired_healthy > 0)
    };
    status.disruptions_allowed > 0 || (!pod.is_ready() && unhealthy())
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub fn pod(ready: bool, leaves: bool) -> Pod {
        let ready = if ready { "True" } else { "False" };
        let gone = if leaves { json!("2026-01-01T00:00:00Z") } else { json!(null) };
        serde_json::from_value(json!({
            "metadata": {"name": "web", "labels": {"app": "web"}, "deletionTimestamp": gone},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
        }))
        .unwrap()
    }

    fn says(healthy: u32, expected: u32) -> Vec<Budget> {
        let status = json!({"currentHealthy": healthy, "expectedPods": expected});
        let selector = json!({"matchLabels": {"app": "web"}});
        vec![serde_json::from_value(json!({"spec": {"selector": selector}, "status": status})).unwrap()]
    }

    fn answered(code: u16, pod: &Pod, budgets: &[Budget]) -> DryRun {
        let (expected, budget) = expect(pod, budgets);
        DryRun { code, reason: String::new(), message: Told::default(), expected, budget }
    }

    /// The Eviction API allows the eviction of a Terminating pod, whatever its budget says.
    #[test]
    fn a_pod_that_leaves_while_it_is_asked_about_says_nothing_of_its_budget() {
        let (stays, leaves) = (pod(true, false), pod(true, true));
        let after = |pods: &[Pod]| turn(answered(201, &stays, &says(1, 1)), &stays, &says(1, 1), pods);
        assert!(matches!(after(&[leaves]), Turn::Left));
        assert!(matches!(after(&[]), Turn::Left));
        let mut namesake = pod(true, false);
        namesake.metadata.uid = "another".into();
        assert!(matches!(after(&[namesake]), Turn::Left), "a pod of this name has come since");
        let Turn::Settled(asked) = after(std::slice::from_ref(&stays)) else { panic!("it stayed as it was") };
        assert_eq!(asked.expected.is_met_by(asked.code), Some(false), "this budget lets nobody go");
    }

    #[test]
    fn a_pod_that_changes_while_it_is_asked_about_is_asked_again_as_it_is_now() {
        let (was, now) = (pod(true, false), pod(false, false));
        let budgets = says(0, 1);
        match turn(answered(201, &was, &budgets), &was, &budgets, std::slice::from_ref(&now)) {
            Turn::Unsettled(asked, again) => {
                assert_eq!((asked.expected, *again), (BudgetSays::Unsettled, now));
            }
            _ => panic!("it was not as it had been"),
        }
    }

    #[test]
    fn a_status_that_counts_other_pods_than_there_are_is_not_settled() {
        let pods = [pod(true, false), pod(true, false), pod(false, false)];
        assert!(counts(&pods[0], &says(2, 3), &pods));
        assert!(!counts(&pods[0], &says(3, 3), &pods), "one of them fell");
        // It was scaled to 4 outside the drill, and as many pods are healthy as before.
        let scaled = [pod(true, false), pod(true, false), pod(true, false), pod(false, false)];
        assert!(!counts(&scaled[0], &says(3, 3), &scaled), "half of 4 is another number than half of 3");
        // A Terminating pod may be counted, or its replacement.
        let replaced = [pod(true, false), pod(true, false), pod(false, true), pod(false, false)];
        assert!(counts(&replaced[0], &says(2, 3), &replaced) && counts(&replaced[0], &says(2, 4), &replaced));
    }
}
