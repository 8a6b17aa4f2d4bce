//! Predicts what will happen, and when: grace period, tolerations, eviction rate. Times count from the fault. Start-up
//! times depend on the application, so they are not guessed, but taken from the running pods.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    kubernetes::{Clocks, UNREACHABLE, ZoneState, detection, toleration_seconds, zone_state},
    model::{
        Basis, Direction, Dur, Expectation, NetworkFault, NodeHow, NodeService, Phase, PlannedStep, Prediction,
        ScopedWorkload, Verb,
    },
    scenario::Scenario,
    steps::PlanInput,
};

/// Predictions for every step that takes nodes away.
pub(super) fn predict(steps: &[PlannedStep], input: &PlanInput<'_>) -> Vec<Prediction> {
    let clocks = Clocks::of(input.bindings.clocks, &input.inventory.identity.version);
    let fenced = |step: &PlannedStep| steps.iter().any(|s| s.fences() == Some(&step.name.0));
    steps.iter().filter(|s| silences(s)).flat_map(|step| power(step, input, &clocks, fenced(step))).collect()
}

/// How often the pod garbage collector runs.
const COLLECTS: Duration = Duration::from_secs(20);

/// Whether the control plane stops receiving anything from the nodes.
fn silences(step: &PlannedStep) -> bool {
    match step.verb() {
        Some(Verb::ImpairNodes(impair)) => {
            let all_out = |n: &NetworkFault| {
                matches!(n.drop, Some(Direction::Out | Direction::Both)) && n.zone.is_none() && n.loss.is_none()
            };
            impair.stop == Some(NodeService::Kubelet) || impair.network.as_ref().is_some_and(all_out)
        }
        // Without a control plane, nothing notices that the nodes are gone.
        _ => step.takes_nodes() && !step.takes_control_plane(),
    }
}

fn power(step: &PlannedStep, input: &PlanInput<'_>, clocks: &Clocks, fenced: bool) -> Vec<Prediction> {
    let (from, to) = detection(clocks);
    let basis = if input.bindings.clocks.is_some() { Basis::Bindings } else { Basis::Defaults };
    let source = match basis {
        Basis::Bindings => "timing from the bindings",
        Basis::Defaults => "Kubernetes' defaults for this version",
    };
    let graceful = step.how() == Some(NodeHow::Stop);
    let because = if graceful {
        format!(
            "a node that shuts down in an orderly way may report it immediately; otherwise grace period {}, {source}",
            Dur(clocks.grace)
        )
    } else {
        format!(
            "grace period {} less up to {} since the last heartbeat, plus up to {} until the controller checks; {source}",
            Dur(clocks.grace),
            Dur(clocks.renew),
            Dur(clocks.period)
        )
    };
    let from = if graceful { Duration::ZERO } else { from };
    let mut all = vec![Prediction {
        of: step.name.clone(),
        what: "nodes reported as not Ready; their pods are removed from Services".into(),
        from: Dur(from),
        to: Dur(to),
        because,
        phase: Some(Phase::Detected),
        basis,
    }];
    let spread = clocks.eviction_interval * u32::try_from(step.nodes.len().saturating_sub(1)).unwrap_or(0);
    all.extend(halted(step, input));
    for (workload, tolerated) in tolerations(step, input) {
        let name = step.name.clone();
        if fenced {
            all.push(Prediction {
                of: name,
                what: format!("pods of {workload} force-deleted; replacements are created immediately"),
                from: Dur(from),
                to: Dur(to + COLLECTS),
                because: "because of the out-of-service taint, the pod garbage collector, which runs every 20 s, deletes Terminating pods on nodes that are not Ready".into(),
                phase: None,
                basis: Basis::default(),
            });
            continue;
        }
        let by = format!("toleration of {UNREACHABLE}, one node every {}", Dur(clocks.eviction_interval));
        let Some(seconds) = tolerated else {
            all.push(Prediction {
                of: name,
                what: format!("pods of {workload} are never evicted"),
                from: Dur::default(),
                to: Dur::default(),
                because: "they tolerate an unreachable node forever".into(),
                phase: None,
                basis: Basis::default(),
            });
            continue;
        };
        let (from, to) = (from + Duration::from_secs(seconds), to + Duration::from_secs(seconds) + spread);
        all.push(Prediction {
            of: name,
            what: if workload.workload.kind == "statefulset" {
                format!("pods of {workload} evicted; not replaced before their nodes are back")
            } else {
                format!("pods of {workload} evicted; replacements are created immediately")
            },
            from: Dur(from),
            to: Dur(to),
            because: format!("{by}: {}", Dur::secs(seconds)),
            phase: Some(Phase::Evicted(workload.clone())),
            basis: Basis::default(),
        });
        all.extend(replaced(step, input, &workload, (from, to)));
    }
    all
}

/// When each service that is expected to recover is stable: its Service drops dead endpoints as soon as their nodes
/// are reported as not Ready.
pub(super) fn serving(so_far: &[Prediction], scenario: &Scenario) -> Vec<Prediction> {
    let expected = scenario.expect.iter().filter_map(|e| match e {
        Expectation::Service(service) => Some(service),
        _ => None,
    });
    let mut all = vec![];
    for service in expected {
        let probe = scenario.probes.iter().find(|p| p.name == service.probe);
        let noticed = so_far
            .iter()
            .find(|p| p.phase == Some(Phase::Detected) && service.of.as_ref().is_none_or(|of| *of == p.of));
        if let (Some(probe), Some(noticed)) = (probe, noticed) {
            all.push(Prediction {
                of: noticed.of.clone(),
                what: format!("{} is stable again", probe.name),
                from: Dur::default(),
                to: Dur(noticed.to.0 + PLACED + probe.up.over.0),
                because:
                    "dead endpoints are removed from the Service when their nodes are reported as not Ready; other pods must remain"
                        .into(),
                phase: Some(Phase::Serving(probe.name.clone())),
                basis: Basis::default(),
            });
        }
    }
    all
}

/// How long the scheduler may take for a pod that fits.
const PLACED: Duration = Duration::from_secs(2);

/// The replacements of a Deployment: scheduled, and Ready after the same time that the running pods needed.
fn replaced(
    step: &PlannedStep,
    input: &PlanInput<'_>,
    workload: &ScopedWorkload,
    (from, to): (Duration, Duration),
) -> Vec<Prediction> {
    if workload.workload.kind != "deployment" {
        return vec![];
    }
    let mut all = vec![Prediction {
        of: step.name.clone(),
        what: format!("replacements of {workload} are scheduled to nodes"),
        from: Dur(from),
        to: Dur(to + PLACED),
        because: "if the remaining nodes have enough free resources (survivor-capacity)".into(),
        phase: Some(Phase::Rescheduled(workload.clone())),
        basis: Basis::default(),
    }];
    let starts: Vec<u64> = input
        .inventory
        .pods
        .get()
        .unwrap_or_default()
        .iter()
        .filter(|p| p.metadata.namespace == workload.namespace && p.workload().as_ref() == Some(&workload.workload))
        .filter_map(crate::kubernetes::objects::Pod::start_seconds)
        .collect();
    if let (Some(least), Some(most)) = (starts.iter().min(), starts.iter().max()) {
        all.push(Prediction {
            of: step.name.clone(),
            what: format!("{workload} has as many ready pods as before"),
            from: Dur(from + Duration::from_secs(*least)),
            // The timestamps of the API have whole seconds.
            to: Dur(to + PLACED + Duration::from_secs(most + 1)),
            because: format!(
                "the {} running pods took {} to {} to become Ready",
                starts.len(),
                Dur::secs(*least),
                Dur::secs(*most)
            ),
            phase: Some(Phase::Ready(workload.clone())),
            basis: Basis::default(),
        });
    }
    all
}

/// A zone that loses most of its nodes, but not all, stops evicting.
fn halted(step: &PlannedStep, input: &PlanInput<'_>) -> Vec<Prediction> {
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for node in &step.nodes {
        *zones.entry(node.zone.as_str()).or_default() += 1;
    }
    zones
        .into_iter()
        .filter_map(|(zone, lost)| {
            let all = input.inventory.zone(zone).len();
            let partial = zone_state(all - lost.min(all), lost) == ZoneState::Partial && all <= 50;
            partial.then(|| Prediction {
                of: step.name.clone(),
                what: format!("zone {zone}: evictions stop completely"),
                from: Dur::default(),
                to: Dur::default(),
                because: format!("{lost} of {all} nodes of a small zone are lost: more than 2, and at least 55 %"),
                phase: None,
                basis: Basis::default(),
            })
        })
        .collect()
}

fn tolerations(step: &PlannedStep, input: &PlanInput<'_>) -> BTreeMap<ScopedWorkload, Option<u64>> {
    let mut found = BTreeMap::new();
    for pod in input.scope_pods_on(&step.nodes) {
        if let Some(workload) = pod.workload().filter(|w| w.kind != "daemonset") {
            let seconds = toleration_seconds(&pod.spec.tolerations, UNREACHABLE);
            found.insert(ScopedWorkload { namespace: pod.metadata.namespace.clone(), workload }, seconds);
        }
    }
    found
}
