//! Finds critical workloads that the drill does not judge while its faults last. It would pass although such a workload
//! came back only after the undo.

use super::{
    Problem, Scenario,
    tree::{Node, problem},
};
use crate::model::{Expectation, Step, Verb, WorkloadRef};

/// Returns a warning for each of them.
pub(super) fn lint(file: &str, root: &Node, scenario: &Scenario) -> Vec<Problem> {
    let critical = scenario.scope.critical.iter().enumerate();
    let unjudged = critical.filter(|(_, workload)| {
        !scenario.expect.iter().any(|e| judges(e, workload, scenario)) && !is_waited_for(workload, scenario)
    });
    unjudged
        .map(|(i, workload)| {
            let path = ["scope".to_owned(), "critical".to_owned(), i.to_string()];
            let what = format!(
                "no expectation is about the critical workload {workload}: the drill judges only that it is back after the undo"
            );
            let help = format!(
                "add an expectation, for example `replicas: {{workload: {workload}, ready: 1, within: 5m}}`; or list the workload under `backedBy` of a probe that a `service` expectation uses; or remove it from `critical`"
            );
            Problem { warning: true, ..problem(file, root.locate(&path), what, help) }
        })
        .collect()
}

/// A step that waits for the workload fails if it does not recover. A wait for a name that nothing has is a mistake of its
/// own, and may be meant for the workload.
fn is_waited_for(workload: &WorkloadRef, scenario: &Scenario) -> bool {
    let name = workload.to_string();
    let is_probe = |of: &String| scenario.probes.iter().any(|probe| probe.name == *of);
    let may_mean = |of: &String| *of == name || !is_probe(of) && of.parse::<WorkloadRef>().is_err();
    let waits = |verb: Verb| matches!(verb, Verb::Wait(wait) if wait.of.iter().any(may_mean));
    scenario.steps.iter().filter_map(Step::verb).any(waits)
}

fn judges(expectation: &Expectation, workload: &WorkloadRef, scenario: &Scenario) -> bool {
    match expectation {
        Expectation::Replicas(e) => e.workload == *workload,
        Expectation::Placement(e) => e.workload == *workload,
        Expectation::Service(e) => {
            scenario.probes.iter().any(|probe| probe.name == e.probe && probe.backed_by.contains(workload))
        }
        // They judge all critical workloads, or everything that was in the backup.
        Expectation::Budgets(e) => e.while_degraded.is_some() || e.during_drain.is_some(),
        Expectation::Restore(e) => e.objects.is_some(),
        Expectation::Alert(_) | Expectation::Loss(_) | Expectation::Reprotected(_) => false,
    }
}
