//! A drain of a pod that two budgets select, on the hollow lab: the drain asks once, names the pod, and evicts the
//! other pods.

use drillmaster::{
    event::Kind,
    model::{Drained, StepResult},
};

use super::{
    drill::{admin, events},
    hollow::Hollow,
};

const TWO: &str = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web-too, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
";

const SCENARIO: &str = include_str!("../shared/maintenance.yaml");

#[test]
#[ignore = "needs the hollow lab"]
fn two_budgets_are_asked_once_and_named() {
    let lab = Hollow::up(&["--fast"]);
    lab.spread();
    let (budgets, scenario) = (lab.dir.path().join("two.yaml"), lab.dir.path().join("maintenance.yaml"));
    std::fs::write(&budgets, TWO).unwrap();
    std::fs::write(&scenario, SCENARIO).unwrap();
    lab.kubectl(&["apply", "-f", budgets.to_str().unwrap()]);
    let (drill, scenario) = (admin(&lab), scenario.to_str().unwrap());
    let planned = drill.command("plan", scenario, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert!(said.contains("the Eviction API answers 500"), "{said}");
    let ended = drill.run(scenario, &[]);
    assert_eq!(ended.code, 1, "{}", ended.said);
    let all = events(&ended.dir);
    let refused = |k: &Kind| matches!(k, Kind::EvictionAnswered { dry_run: false, code: 500, .. });
    let asked: Vec<&str> = all
        .iter()
        .filter(|e| refused(&e.event))
        .filter_map(|e| match &e.event {
            Kind::EvictionAnswered { pod, .. } => Some(pod.as_str()),
            _ => None,
        })
        .collect();
    assert!(!asked.is_empty() && asked.iter().all(|pod| asked.iter().filter(|p| p == &pod).count() == 1), "{asked:?}");
    let drained = all.iter().find_map(|e| match &e.event {
        Kind::StepResult { result, .. } => match &**result {
            StepResult::Drain(drained) => Some(drained.clone()),
            _ => None,
        },
        _ => None,
    });
    let Drained { nodes } = drained.unwrap();
    let left: Vec<String> = nodes.iter().flat_map(|n| &n.left).map(ToString::to_string).collect();
    assert!(left.iter().all(|l| l.contains("web, web-too")), "{left:?}");
    assert!(nodes.iter().map(|n| n.evicted).sum::<u32>() > 0, "the drain must evict the other pods: {nodes:?}");
}
