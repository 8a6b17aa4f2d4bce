//! What is expected, and when: grace period, tolerations, eviction rate. Times
//! count from the fault. Start-up times are the application's: they are not
//! guessed, and stand outside the bounds.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    kubernetes::{Clocks, UNREACHABLE, ZoneState, detection, toleration_seconds, zone_state},
    model::{Dur, NodeHow, PlannedStep, Prediction},
    steps::{PlanInput, how_of},
};

/// Predictions for every step that takes nodes away.
pub(super) fn predict(steps: &[PlannedStep], input: &PlanInput<'_>) -> Vec<Prediction> {
    let clocks = Clocks::of(input.bindings.clocks, &input.inventory.identity.version);
    steps.iter().filter(|s| s.verb.starts_with("kill")).flat_map(|step| power(step, input, &clocks)).collect()
}

fn power(step: &PlannedStep, input: &PlanInput<'_>, clocks: &Clocks) -> Vec<Prediction> {
    let (from, to) = detection(clocks);
    let source = if input.bindings.clocks.is_some() {
        "clocks of the bindings"
    } else {
        "Kubernetes' defaults for this version"
    };
    let graceful = how_of(step) == Some(NodeHow::Stop);
    let because = if graceful {
        format!("an orderly stop may say goodbye at once; else grace period {}, {source}", Dur(clocks.grace))
    } else {
        format!(
            "grace period {} less up to {} since the last heartbeat, plus up to {} until the controller looks; {source}",
            Dur(clocks.grace),
            Dur(clocks.renew),
            Dur(clocks.period)
        )
    };
    let from = if graceful { Duration::ZERO } else { from };
    let mut all = vec![Prediction {
        of: step.name.clone(),
        what: "nodes seen as not Ready; their pods leave the Services".into(),
        from: Dur(from),
        to: Dur(to),
        because,
    }];
    let spread = clocks.eviction_interval * u32::try_from(step.nodes.len().saturating_sub(1)).unwrap_or(0);
    all.extend(halted(step, input));
    for (workload, tolerated) in tolerations(step, input) {
        let name = step.name.clone();
        let by = format!("toleration of {UNREACHABLE}, one node each {}", Dur(clocks.eviction_interval));
        all.push(match tolerated {
            Some(seconds) => Prediction {
                of: name,
                what: format!("pods of {workload} evicted; a Deployment's replacements are created at once"),
                from: Dur(from + Duration::from_secs(seconds)),
                to: Dur(to + Duration::from_secs(seconds) + spread),
                because: format!("{by}: {}", Dur::secs(seconds)),
            },
            None => Prediction {
                of: name,
                what: format!("pods of {workload} are never evicted"),
                from: Dur::default(),
                to: Dur::default(),
                because: "they tolerate an unreachable node for ever".into(),
            },
        });
    }
    all
}

/// A zone that loses most of its nodes, but not all, stops evicting (correctness 13-15).
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
                what: format!("zone {zone}: evictions stop altogether"),
                from: Dur::default(),
                to: Dur::default(),
                because: format!("{lost} of {all} nodes of a small zone are at least 55 % and more than 2"),
            })
        })
        .collect()
}

fn tolerations(step: &PlannedStep, input: &PlanInput<'_>) -> BTreeMap<String, Option<u64>> {
    let mut found = BTreeMap::new();
    for pod in input.scope_pods_on(&step.nodes) {
        if let Some(workload) = pod.workload().filter(|w| w.kind != "daemonset") {
            let seconds = toleration_seconds(&pod.spec.tolerations, UNREACHABLE);
            found.insert(format!("{}/{workload}", pod.metadata.namespace), seconds);
        }
    }
    found
}
