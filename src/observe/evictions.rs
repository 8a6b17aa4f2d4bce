//! While nodes are dark, asks the Eviction API with dryRun what it would do with
//! each critical pod. The API checks the budget and changes nothing (correctness 4).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    event::Kind,
    journal::Recorder,
    kubernetes::{
        budgets_of,
        objects::{Budget, Pod},
    },
    model::{Expectation, Plan, StepName, Told},
    world::{ApiCall, ApiError, World},
};

/// As long a budget may need until its status counts what there is.
const PATIENCE_US: u64 = 30_000_000;
const AGAIN: Duration = Duration::from_secs(1);
/// The API answers pods of one sort alike: of a workload with thousands, so many of each sort are
/// asked about, and the journal says of how many.
const OF_A_SORT: usize = 25;
/// A list of more pods is not read again within a moment for the next question.
const LONG: usize = 500;
const MOMENT_US: u64 = 1_000_000;
/// No answer can be held against such a status.
const UNSETTLED: &str = "unsettled";

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>, plan: Arc<Plan>) {
    let mut asked: BTreeSet<StepName> = BTreeSet::new();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        for step in wanted(&plan) {
            if !asked.contains(&step) && degraded(&recorder, &step) {
                // The disruption controller follows the pods' readiness within moments.
                tokio::time::sleep(Duration::from_millis(700)).await;
                ask(&world, &recorder, &plan, &step).await;
                asked.insert(step);
            }
        }
    }
}

/// The faults whose expectations ask for it.
fn wanted(plan: &Plan) -> Vec<StepName> {
    let faults: Vec<StepName> = plan.steps.iter().filter(|s| !s.nodes.is_empty()).map(|s| s.name.clone()).collect();
    plan.expectations()
        .filter_map(|e| match e {
            Expectation::Budgets(b) if b.while_degraded.is_some() => Some(b.of.clone()),
            _ => None,
        })
        .flat_map(|of| of.map_or_else(|| faults.clone(), |of| vec![of]))
        .collect()
}

/// Every node of the step is seen as not Ready.
fn degraded(recorder: &Recorder, step: &StepName) -> bool {
    recorder.with(|state| {
        let nodes: Vec<String> =
            state.open_of(step).iter().filter_map(|f| f.revert.takes_away().map(|node| node.name.clone())).collect();
        !nodes.is_empty() && nodes.iter().all(|n| state.nodes.get(n).is_some_and(|v| v.ready != "True"))
    })
}

/// One question: the answer, and what the budget says.
struct Asked {
    code: u16,
    reason: String,
    message: Told,
    expected: (String, String),
}

async fn ask(world: &World, recorder: &Recorder, plan: &Plan, step: &StepName) {
    let until = recorder.now_us() + PATIENCE_US;
    for namespace in &plan.namespaces {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let mut pods: Result<Vec<Pod>, _> = world.kube.list_plain(&path).await;
        while pods.is_err() && recorder.now_us() < until {
            tokio::time::sleep(AGAIN).await;
            pods = world.kube.list_plain(&path).await;
        }
        let critical: BTreeSet<&str> = plan.coverage.iter().flatten().map(|c| c.owner.as_str()).collect();
        let asked = |p: &Pod| p.workload().is_some_and(|w| critical.contains(w.to_string().as_str()));
        let mut pods: Vec<Pod> = pods.into_iter().flatten().collect();
        pods.retain(|p| !p.is_finished() && !p.is_terminating() && asked(p));
        let of = pods.len();
        let pods = some_of_each_sort(pods);
        if pods.len() < of {
            let (step, namespace) = (step.0.clone(), namespace.clone());
            recorder.observe(Kind::EvictionsSampled { step, namespace, asked: pods.len(), of });
        }
        let mut around = Around { world, recorder, namespace, pods: vec![], read_us: None };
        for pod in pods {
            // One that is not settled is asked again.
            let mut last = around.once(&pod).await;
            while is_unsettled(&last) && recorder.now_us() < until {
                tokio::time::sleep(AGAIN).await;
                last = around.once(&pod).await.or(last);
            }
            // That nothing could be learned of a pod is told, too.
            let Asked { code, reason, message, expected } = last.unwrap_or_else(|error| Asked {
                code: 0,
                reason: String::new(),
                message: world.redactor.clean(&error.to_string()),
                expected: (UNSETTLED.to_owned(), String::new()),
            });
            recorder.observe(event(step, &pod, code, reason, message, expected));
        }
    }
}

fn is_unsettled(asked: &Result<Asked, ApiError>) -> bool {
    asked.as_ref().map_or(true, |asked| asked.expected.0 == UNSETTLED)
}

/// What the Eviction API looks at in a pod, and in what its budgets select it by.
type Sort = (String, bool, bool, BTreeMap<String, String>);

fn some_of_each_sort(mut pods: Vec<Pod>) -> Vec<Pod> {
    let mut seen: BTreeMap<Sort, usize> = BTreeMap::new();
    pods.retain(|pod| {
        let mut labels = (*pod.metadata.labels).clone();
        // Labels by which every pod of a StatefulSet differs from the others.
        for own in ["statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"] {
            labels.remove(own);
        }
        let workload = pod.workload().map(|w| w.to_string()).unwrap_or_default();
        let count = seen.entry((workload, pod.is_ready(), pod.status.phase == "Pending", labels)).or_default();
        *count += 1;
        *count <= OF_A_SORT
    });
    pods
}

/// What there is around a pod that is asked about.
struct Around<'a> {
    world: &'a World,
    recorder: &'a Recorder,
    namespace: &'a str,
    pods: Vec<Pod>,
    read_us: Option<u64>,
}

impl Around<'_> {
    /// The budget is read before and after: an answer between two states proves nothing. Nor
    /// does one that rests on a status which does not count the pods that are there.
    async fn once(&mut self, pod: &Pod) -> Result<Asked, ApiError> {
        let (world, namespace) = (self.world, self.namespace);
        let budgets = format!("/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets");
        let before = world.kube.list_plain::<Budget>(&budgets).await?;
        let (code, reason, message) = answer(world, pod).await;
        let after = world.kube.list_plain::<Budget>(&budgets).await?;
        self.look().await?;
        let mut expected = expect(pod, &before);
        if expected != expect(pod, &after) || !counts(pod, &after, &self.pods) {
            UNSETTLED.clone_into(&mut expected.0);
            self.read_us = None;
        }
        Ok(Asked { code, reason, message, expected })
    }

    async fn look(&mut self) -> Result<(), ApiError> {
        let now = self.recorder.now_us();
        if self.pods.len() > LONG && self.read_us.is_some_and(|at| now < at + MOMENT_US) {
            return Ok(());
        }
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace);
        self.pods = self.world.kube.list_plain(&pods).await?;
        self.read_us = Some(now);
        Ok(())
    }
}

/// Whether the status of a pod's budgets has the right number of healthy pods, and of pods in
/// all. A pod that is finished or being deleted may be counted or not.
fn counts(pod: &Pod, budgets: &[Budget], pods: &[Pod]) -> bool {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    budgets_of(pod, budgets).into_iter().all(|budget| {
        let mine = || pods.iter().filter(|p| budget.selects(p));
        let healthy = mine().filter(|p| p.is_ready() && !p.is_terminating()).count();
        let (stay, all) = (mine().filter(|p| !p.is_terminating() && !p.is_finished()).count(), mine().count());
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

/// What the Eviction API must answer, by its own rules (correctness 3, 5; measured A2).
fn expect(pod: &Pod, budgets: &[Budget]) -> (String, String) {
    let mine = budgets_of(pod, budgets);
    let names = mine.iter().map(|b| b.metadata.name.as_str()).collect::<Vec<_>>().join(", ");
    let word = match mine[..] {
        [] => "uncovered",
        _ if matches!(pod.status.phase.as_str(), "Pending" | "Succeeded" | "Failed") => "allowed",
        [budget] => {
            let s = &budget.status;
            if s.observed_generation < budget.metadata.generation {
                UNSETTLED
            } else if pod.is_ready() {
                if s.disruptions_allowed > 0 { "allowed" } else { "refused" }
            } else if budget.spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow")
                || (s.current_healthy >= s.desired_healthy && s.desired_healthy > 0)
                || s.disruptions_allowed > 0
            {
                "allowed"
            } else {
                "refused"
            }
        }
        _ => "ambiguous",
    };
    (word.to_owned(), names)
}

fn event(
    step: &StepName,
    pod: &Pod,
    code: u16,
    reason: String,
    message: Told,
    (expected, budget): (String, String),
) -> Kind {
    Kind::EvictionAnswered {
        step: step.0.clone(),
        namespace: pod.metadata.namespace.clone(),
        pod: pod.metadata.name.clone(),
        owner: pod.workload().map(|w| w.to_string()).unwrap_or_default(),
        dry_run: true,
        code,
        reason,
        message,
        expected,
        budget,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(ready: bool, leaves: bool) -> Pod {
        let ready = if ready { "True" } else { "False" };
        let gone = if leaves { json!("2026-01-01T00:00:00Z") } else { json!(null) };
        serde_json::from_value(json!({
            "metadata": {"name": "web", "labels": {"app": "web"}, "deletionTimestamp": gone},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
        }))
        .unwrap()
    }

    #[test]
    fn of_thousands_of_pods_some_of_each_sort_are_asked_about() {
        let mut pods = vec![pod(true, false); 3000];
        pods.extend(vec![pod(false, false); 7]);
        let mut other = pod(true, false);
        other.metadata.labels =
            std::sync::Arc::new(BTreeMap::from([("app".into(), "web".into()), ("own".into(), "1".into())]));
        pods.insert(2000, other);
        let asked = some_of_each_sort(pods);
        assert_eq!(asked.len(), OF_A_SORT + 7 + 1);
        assert_eq!(asked.iter().filter(|p| !p.is_ready()).count(), 7);
        assert_eq!(some_of_each_sort(asked.clone()).len(), asked.len(), "few are all asked about");
    }

    #[test]
    fn a_status_that_counts_other_pods_than_there_are_is_not_settled() {
        let says = |healthy: u32, expected: u32| -> Vec<Budget> {
            let status = json!({"currentHealthy": healthy, "expectedPods": expected});
            let selector = json!({"matchLabels": {"app": "web"}});
            vec![serde_json::from_value(json!({"spec": {"selector": selector}, "status": status})).unwrap()]
        };
        let pods = [pod(true, false), pod(true, false), pod(false, false)];
        assert!(counts(&pods[0], &says(2, 3), &pods));
        assert!(!counts(&pods[0], &says(3, 3), &pods), "one of them fell");
        // Somebody scaled it to 4, and as many are healthy as before.
        let scaled = [pod(true, false), pod(true, false), pod(true, false), pod(false, false)];
        assert!(!counts(&scaled[0], &says(3, 3), &scaled), "half of 4 is another number than half of 3");
        // What is on its way out may be counted, or its replacement.
        let replaced = [pod(true, false), pod(true, false), pod(false, true), pod(false, false)];
        assert!(counts(&replaced[0], &says(2, 3), &replaced) && counts(&replaced[0], &says(2, 4), &replaced));
    }
}
