//! Workloads: replicas, controllers, health, autoscalers, rollouts and shutdown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::stateful::{is_disk, is_for_one_node};
use crate::{
    model::{Class, Severity, Subject},
    readiness::{
        check::{Check, DRAIN, NODE, Needs, REGION, Say, ZONE},
        picture::{Picture, Work},
        scope::is_hook,
        values::{list, share, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "WRK-001",
        name: "replicas-min",
        title: "Every workload has enough replicas to lose one",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE, ZONE],
        needs: Needs::Manifests,
        rule: "Each Deployment, StatefulSet, Rollout, ReplicaSet, ReplicationController and DeploymentConfig has at least 2 replicas, and at least 3 if it is critical. A critical StatefulSet has an odd number. With an autoscaler, its minimum counts (a ScaledObject of KEDA has the minimum 0 by default). Workloads scaled to 0 and those of the parameter singletons are skipped.",
        fix: "Set replicas, or the minimum of the autoscaler, to 2 or more (3 for a critical workload)",
        why: "A workload with a single replica is down whenever its node is down.",
        run: replicas,
    },
    Check {
        id: "WRK-002",
        name: "no-naked-pods",
        title: "Every pod has a controller",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE, ZONE],
        needs: Needs::Manifests,
        rule: "Each pod has a controller among its owners. Static pods of a kubelet, pods that have finished and pods that Helm or Argo CD runs as a hook are skipped.",
        fix: "Create the pod through a Deployment, StatefulSet or Job",
        why: "If its node is lost, nothing creates such a pod again; and a drain refuses to evict it.",
        run: naked,
    },
    Check {
        id: "WRK-003",
        name: "workload-healthy-now",
        title: "Every workload is healthy now",
        severity: Severity::Critical,
        class: Class::Blocks,
        gates: &[],
        needs: Needs::Cluster,
        rule: "For each Deployment, StatefulSet and DaemonSet, the controller has observed the newest generation and all wanted pods are ready. All pods of a Deployment are also updated and available, and Progressing is not False. No rollout of a StatefulSet is in progress. No container waits in CrashLoopBackOff, ImagePullBackOff, ErrImagePull or CreateContainerConfigError. No container has restarted more than 3 times, the last time within the hour. No pod older than 5 minutes is Pending.",
        fix: "Repair the workload before the drill; do not waive this check lightly",
        why: "If a workload is broken before the drill, nobody can tell whether it recovered.",
        run: healthy,
    },
    Check {
        id: "WRK-004",
        name: "live-node-concentration",
        title: "Replicas run on different nodes",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[DRAIN, NODE],
        needs: Needs::Cluster,
        rule: "Workloads with at least 2 running pods are examined. At least two nodes can run the pods, and the pods run on at least two nodes. With n running pods, no node runs more than n divided by the smaller of n and the number of nodes that can run them, rounded up.",
        fix: "Add a topology spread over hosts; delete the surplus pod, or let a descheduler rebalance",
        why: "All pods on one node are lost with it, whatever the number of replicas.",
        run: concentration,
    },
    Check {
        id: "WRK-005",
        name: "hpa-sane",
        title: "Autoscalers can scale up in a failover",
        severity: Severity::High,
        class: Class::Gate,
        gates: &[ZONE, REGION],
        needs: Needs::Manifests,
        rule: "For each HorizontalPodAutoscaler, minReplicas is at least 2 and maxReplicas is larger. No second one, and no ScaledObject of KEDA, scales the same workload. If it scales by the usage of a resource (without metrics: of CPU), every container whose usage counts, or the whole pod, requests this resource; a limit counts as a request, and so does the default, minimum or maximum of a LimitRange. On a cluster, AbleToScale and ScalingActive are not False, and it is not at its maximum (currentReplicas, or ScalingLimited with TooManyReplicas). In manifests, a workload that also sets spec.replicas is low. A critical Deployment without an autoscaler (HPA or KEDA) is low.",
        fix: "Set minReplicas to 2 or more, leave headroom in maxReplicas, set requests, keep one autoscaler for each workload",
        why: "After the loss of a zone, the remaining pods must carry its load.",
        run: super::scaling::autoscalers,
    },
    Check {
        id: "WRK-006",
        name: "rollout-strategy",
        title: "A rollout does not take a service down",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "A Deployment behind a Service does not have the strategy Recreate, unless it mounts a claim or a disk that only one node at a time can mount: its next pod cannot start before the last one has ended. The maxUnavailable of a Deployment, rounded down, is below its replicas (or the minimum of its autoscaler). A StatefulSet with updateStrategy OnDelete is low.",
        fix: "Use RollingUpdate with maxUnavailable below the number of replicas",
        why: "A fix that is rolled out in an outage must not take the service down itself.",
        run: strategy,
    },
    Check {
        id: "WRK-007",
        name: "graceful-shutdown",
        title: "Evicted pods shut down gracefully",
        severity: Severity::Medium,
        class: Class::Gate,
        gates: &[DRAIN],
        needs: Needs::Manifests,
        rule: "The terminationGracePeriodSeconds of a StatefulSet is not 0. A workload behind a Service has a preStop hook, or a grace period of at least 30 s (the default). A sleep in preStop, also by a command such as `sleep 10`, is shorter than the grace period. A critical workload has a priorityClassName that does not begin with system-. DaemonSets, Jobs and CronJobs are not examined.",
        fix: "Add a preStop sleep at least as long as the propagation of endpoints, a longer grace period, or a priorityClassName",
        why: "Otherwise the requests that a pod is serving are lost when it is evicted.",
        run: graceful,
    },
];

pub(super) const HPA: &str = "HorizontalPodAutoscaler.autoscaling";

fn replicas(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let path = format!("{}/{}/{}", work.namespace(), work.kind.to_lowercase(), work.name());
        if p.settings.parameters.singletons.contains(&path) {
            say.skip(work, "the readiness file declares it a singleton");
            continue;
        }
        let n = work.replicas.unwrap_or(1);
        let quorum = work.critical && work.kind == "StatefulSet";
        let least = if work.critical { 3 } else { 2 };
        let by = work.scaled.map_or(String::new(), |s| format!(" (minimum of {} {})", s.kind, s.metadata.name));
        if n == 0 {
            say.skip(work, "scaled to 0");
        } else if n < least {
            say.fail(
                work,
                "/spec/replicas",
                format!("{n} replica{}{by}; at least {least} are needed", if n == 1 { "" } else { "s" }),
            );
        } else if quorum && n % 2 == 0 {
            say.fail(work, "/spec/replicas", format!("{n} replicas: a quorum needs an odd number"));
        } else {
            say.pass(work);
        }
    }
}

fn naked(p: &Picture<'_>, say: &mut Say) {
    for work in &p.works {
        if work.kind != "Pod" {
            continue;
        }
        if matches!(work.object.text("/status/phase"), "Succeeded" | "Failed") {
            say.skip(work, "it has finished");
        } else if is_hook(work.object) {
            say.skip(work, "Helm or Argo CD runs it once, as a hook");
        } else {
            say.fail(work, "/metadata/ownerReferences", "no controller creates it again");
        }
    }
    // Pods with a controller pass. They are in a list of their own.
    let mut seen = BTreeSet::new();
    for pod in &p.object_set.pods {
        if p.in_scope(&pod.metadata.namespace) && seen.insert((&pod.metadata.namespace, &pod.metadata.name)) {
            say.pass(Subject::named("Pod", &pod.metadata.namespace, &pod.metadata.name));
        }
    }
}

/// Problems of a workload, according to its status.
fn unwell(work: &Work<'_>) -> Vec<String> {
    let number = |field: &str| work.object.at(&format!("/status/{field}")).as_u64().unwrap_or(0);
    let wanted = work.object.at("/spec/replicas").as_u64().unwrap_or(1);
    let mut wrong = vec![];
    if work.object.metadata.generation > work.object.at("/status/observedGeneration").as_i64().unwrap_or(0) {
        wrong.push("its controller has not observed its newest generation".to_owned());
    }
    let mut short = |what: &str, have: u64, of: u64| {
        if have != of {
            wrong.push(format!("{have} of {of} {what}"));
        }
    };
    match work.kind {
        "Deployment" => {
            short("ready", number("readyReplicas"), wanted);
            short("updated", number("updatedReplicas"), wanted);
            short("available", number("availableReplicas"), wanted);
        }
        "StatefulSet" => {
            short("ready", number("readyReplicas"), wanted);
            let (current, update) =
                (work.object.text("/status/currentRevision"), work.object.text("/status/updateRevision"));
            if current != update {
                wrong.push("a rollout is in progress".into());
            }
        }
        _ => short("ready", number("numberReady"), number("desiredNumberScheduled")),
    }
    if work.kind == "Deployment" && work.object.condition("Progressing") == "False" {
        wrong.push("its rollout is stuck (Progressing=False)".into());
    }
    wrong
}

const WAITING: [&str; 4] = ["CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"];

const PENDING_SECONDS: i64 = 300;

const RESTARTS: u32 = 3;
const HOUR: i64 = 3600;

fn healthy(p: &Picture<'_>, say: &mut Say) {
    for key in ["Deployment.apps", "StatefulSet.apps", "DaemonSet.apps", "Pod"] {
        if let Err(gap) = p.object_set.all(key) {
            return say.gap(gap);
        }
    }
    for work in p.works.iter().filter(|w| matches!(w.kind, "Deployment" | "StatefulSet" | "DaemonSet")) {
        let mut wrong = unwell(work);
        for pod in p.pods(work) {
            for status in &pod.status.container_statuses {
                let reason = text(&status.state, "/waiting/reason");
                if WAITING.contains(&reason) {
                    wrong.push(format!("{} waits in {reason}", pod.metadata.name));
                }
                let died = p.age(text(&status.last_state, "/terminated/finishedAt"));
                if let Some(age) = died.filter(|age| status.restart_count > RESTARTS && *age < HOUR) {
                    let (name, times) = (&pod.metadata.name, status.restart_count);
                    wrong.push(format!("{name} restarted {times} times, the last time {} min ago", age / 60));
                }
            }
            let age = pod.metadata.creation_timestamp.as_deref().and_then(|t| p.age(t)).unwrap_or(0);
            if pod.status.phase == "Pending" && age > PENDING_SECONDS {
                wrong.push(format!("{} has been Pending for {} min", pod.metadata.name, age / 60));
            }
        }
        say.judge(work, "/status", &wrong);
    }
}

fn concentration(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("Pod").and(p.object_set.all("Node")) {
        return say.gap(gap);
    }
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let mut on: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in p.pods(work).iter().filter(|pod| pod.status.phase == "Running") {
            *on.entry(&pod.spec.node_name).or_default() += 1;
        }
        let running: usize = on.values().sum();
        if running < 2 {
            say.skip(work, "fewer than 2 of its pods run");
            continue;
        }
        let could = p.eligible(work).nodes.len().max(1);
        let fair = running.div_ceil(running.min(could));
        let (node, most) = on.iter().max_by_key(|(_, n)| **n).map_or(("", 0), |(node, n)| (*node, *n));
        if could < 2 {
            say.fail(work, "", format!("all {running} pods run on {node}, the only node that can run them"));
        } else if most == running {
            say.fail(work, "", format!("all {running} pods run on {node}"));
        } else if most > fair {
            say.fail(work, "", format!("{most} of {running} pods run on {node}; at most {fair} should"));
        } else {
            say.pass(work);
        }
    }
}

fn strategy(p: &Picture<'_>, say: &mut Say) {
    for work in &p.works {
        match work.kind {
            "Deployment" => {
                let behind = !p.services(work).is_empty();
                let n = work.replicas.unwrap_or(1);
                let most = work.object.at("/spec/strategy/rollingUpdate/maxUnavailable");
                if behind && work.object.text("/spec/strategy/type") == "Recreate" && !has_to_stop(p, work) {
                    say.fail(
                        work,
                        "/spec/strategy/type",
                        "strategy Recreate behind a Service: each rollout is an outage",
                    );
                } else if n > 0 && share(most, n, false).is_some_and(|m| m >= n) {
                    say.fail(
                        work,
                        "/spec/strategy/rollingUpdate/maxUnavailable",
                        format!("maxUnavailable is all {n} replicas"),
                    );
                } else {
                    say.pass(work);
                }
            }
            "StatefulSet" if work.object.text("/spec/updateStrategy/type") == "OnDelete" => {
                say.fail_as(
                    Severity::Low,
                    work,
                    "/spec/updateStrategy/type",
                    "OnDelete: a new version starts only when somebody deletes the pods",
                );
            }
            "StatefulSet" => say.pass(work),
            _ => {}
        }
    }
}

/// Whether the pods of a workload mount a claim or a disk that two pods cannot mount at the same time. A claim that the
/// input does not contain may be such a claim.
fn has_to_stop(p: &Picture<'_>, work: &Work<'_>) -> bool {
    let alone = |name: &&str| {
        let claim = p.object_set.find("PersistentVolumeClaim", work.namespace(), name);
        claim.is_none_or(|claim| is_for_one_node(&claim.body))
    };
    work.claims().iter().any(alone) || list(work.spec(), "/volumes").iter().any(is_disk)
}

fn graceful(p: &Picture<'_>, say: &mut Say) {
    for work in p.works.iter().filter(|w| w.is_replicated_kind()) {
        let grace = work.spec()["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
        let mut wrong = vec![];
        if work.kind == "StatefulSet" && grace == 0 {
            wrong.push("terminationGracePeriodSeconds is 0: its pods are killed at once".to_owned());
        }
        let containers: Vec<_> = work.containers().collect();
        let hook = |c: &&crate::readiness::picture::Cont<'_>| c.value["lifecycle"]["preStop"].is_object();
        if !p.services(work).is_empty() && grace < 30 && !containers.iter().any(hook) {
            wrong.push(format!("it is behind a Service, with a grace period of {grace} s and no preStop hook"));
        }
        for container in &containers {
            if let Some(sleep) = sleeps(container.value).filter(|sleep| *sleep >= grace) {
                let name = container.name;
                wrong.push(format!("{name} sleeps {sleep} s in preStop, but its grace period is {grace} s"));
            }
        }
        let class = text(work.spec(), "/priorityClassName");
        if work.critical && (class.is_empty() || class.starts_with("system-")) {
            wrong.push("it is critical and has no priority class of its own".into());
        }
        say.judge(work, work.pointer, &wrong);
    }
}

/// The seconds that a container sleeps before it stops: by the action `sleep`, or by a command such as `sleep 10` or
/// `sh -c "sleep 10; nginx -s quit"`.
fn sleeps(container: &Value) -> Option<u64> {
    if let Some(seconds) = container.pointer("/lifecycle/preStop/sleep/seconds").and_then(Value::as_u64) {
        return Some(seconds);
    }
    let command = words(container, "/lifecycle/preStop/exec/command").join(" ");
    let parts: Vec<&str> =
        command.split([' ', ';', '&', '\n', '\'', '"', '(', ')']).filter(|part| !part.is_empty()).collect();
    let is_sleep = |part: &str| part == "sleep" || part.ends_with("/sleep");
    let times = parts.windows(2).filter(|pair| is_sleep(pair[0])).filter_map(|pair| slept(pair[1]));
    times.reduce(u64::saturating_add)
}

/// The argument of the command `sleep`, in whole seconds.
fn slept(text: &str) -> Option<u64> {
    let (number, factor) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) if text.ends_with('h') => (number, 3600),
        Some(number) => (number, 1),
        None => (text, 1),
    };
    let whole: u64 = number.split('.').next()?.parse().ok()?;
    whole.checked_mul(factor)
}
