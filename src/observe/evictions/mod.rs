//! While the drill's nodes are not Ready, tries to evict each critical pod in a dry run: the Eviction API checks the
//! budget and changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    event::Kind,
    journal::Recorder,
    kubernetes::objects::Pod,
    model::{Expectation, Plan, StepName},
    world::World,
};

mod around;

use around::{Around, DryRun, Turn};

/// How long to wait until the status of a budget counts the current pods.
const PATIENCE_US: u64 = 30_000_000;
const AGAIN: Duration = Duration::from_secs(1);
/// The API gives the same answer for all pods of one sort. For a workload with thousands of pods, only this many of
/// each sort are tried, and the journal contains how many there are.
const OF_A_SORT: usize = 25;

pub(super) async fn watch(world: Arc<World>, recorder: Arc<Recorder>, plan: Arc<Plan>) {
    let mut asked: BTreeSet<StepName> = BTreeSet::new();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        for step in wanted(&plan) {
            if !asked.contains(&step) && degraded(&recorder, &step) {
                // The disruption controller follows the readiness of pods within moments.
                tokio::time::sleep(Duration::from_millis(700)).await;
                try_evictions(&world, &recorder, &plan, &step).await;
                asked.insert(step);
            }
        }
    }
}

/// The faults whose expectations need this.
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

/// Whether every node of the step is reported as not Ready.
fn degraded(recorder: &Recorder, step: &StepName) -> bool {
    recorder.with(|state| {
        let own = state.still_open().filter(|f| f.step == *step);
        let mut nodes = own.filter_map(|f| f.revert.takes_away()).peekable();
        nodes.peek().is_some() && nodes.all(|n| state.nodes.get(&n.name).is_some_and(|v| v.ready != "True"))
    })
}

async fn try_evictions(world: &World, recorder: &Recorder, plan: &Plan, step: &StepName) {
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
        let mut around = Around::of(world, recorder, namespace);
        ask_all(&mut around, pods, step, until).await;
    }
}

/// Tries each pod, and tries again if an answer cannot be compared with a budget, until the nodes are back or the time
/// is over. A budget that does not settle does not delay the other pods. If nothing could be learned about a pod, that
/// is recorded too.
async fn ask_all(around: &mut Around<'_>, pods: Vec<Pod>, step: &StepName, until: u64) {
    let mut waiting: Vec<(Pod, Option<DryRun>)> = pods.into_iter().map(|pod| (pod, None)).collect();
    loop {
        let mut again = vec![];
        for (pod, last) in waiting {
            match around.once(&pod).await {
                Ok(Turn::Left) => {}
                Ok(Turn::Settled(asked)) => around.recorder.observe(event(step, &pod, asked)),
                Ok(Turn::Unsettled(asked, now)) => again.push((*now, asked)),
                Err(error) => {
                    let nothing = || DryRun::nothing(around.world.redactor.clean(&error.to_string()));
                    again.push((pod, last.unwrap_or_else(nothing)));
                }
            }
        }
        if again.is_empty() || around.recorder.now_us() >= until || !degraded(around.recorder, step) {
            return again.into_iter().for_each(|(pod, asked)| around.recorder.observe(event(step, &pod, asked)));
        }
        waiting = again.into_iter().map(|(pod, asked)| (pod, Some(asked))).collect();
        tokio::time::sleep(AGAIN).await;
    }
}

/// Everything in a pod that the Eviction API and the selectors of budgets depend on.
type Sort = (String, bool, bool, BTreeMap<String, String>);

fn some_of_each_sort(mut pods: Vec<Pod>) -> Vec<Pod> {
    let mut seen: BTreeMap<Sort, usize> = BTreeMap::new();
    pods.retain(|pod| {
        let mut labels = (*pod.metadata.labels).clone();
        // Labels in which every pod of a StatefulSet differs from the others.
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

fn event(step: &StepName, pod: &Pod, asked: DryRun) -> Kind {
    let DryRun { code, reason, message, expected, budget } = asked;
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
    use super::{around::tests::pod, *};

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
}
