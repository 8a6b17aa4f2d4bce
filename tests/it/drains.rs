//! Drains of pods whose budgets never allow an eviction, on the simulated cluster.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use drillmaster::{
    event::{Event, Kind},
    model::{Drained, Exit, StepResult},
    sim::Description,
};
use serde_json::{Value, json};

use super::rehearsal::{Ended, Rehearsal, cluster, on_paused_time, scenario_text};

const DRAIN: &str = include_str!("../shared/maintenance.yaml");

fn budget(name: &str, app: &str, min: u32) -> Value {
    json!({"kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"minAvailable": min, "selector": {"matchLabels": {"app": app}}}})
}

/// Runs the drill, and counts how many times the eviction of each pod was requested.
fn drill(shop: &Description) -> (Ended, BTreeMap<String, u32>) {
    let loaded = scenario_text(DRAIN, shop);
    let asked = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let ear = Arc::clone(&asked);
    let ended = on_paused_time(async {
        let stage = Rehearsal::set(shop, 1).await;
        stage.simulation.overhear(move |_, uri| {
            if let Some(pod) = uri.path().strip_suffix("/eviction").and_then(|p| p.rsplit('/').next()) {
                *ear.lock().unwrap().entry(pod.to_owned()).or_default() += 1;
            }
        });
        stage.drill(&loaded, None).await
    });
    let asked = asked.lock().unwrap().clone();
    (ended, asked)
}

fn drained(events: &[Event]) -> Drained {
    let found = events.iter().find_map(|e| match &e.event {
        Kind::StepResult { result, .. } => match &**result {
            StepResult::Drain(drained) => Some(drained.clone()),
            _ => None,
        },
        _ => None,
    });
    found.expect("the drain has no result")
}

fn answers(events: &[Event], wanted: u16) -> usize {
    let is = |k: &Kind| matches!(k, Kind::EvictionAnswered { dry_run: false, code, .. } if *code == wanted);
    events.iter().filter(|e| is(&e.event)).count()
}

#[test]
fn a_pod_of_two_budgets_is_asked_about_once_and_the_others_go() {
    let mut shop = cluster("small-shop");
    shop.objects.push(budget("web-too", "web", 1));
    let (ended, asked) = drill(&shop);
    let web: Vec<u32> = asked.iter().filter(|(pod, _)| pod.starts_with("web")).map(|(_, n)| *n).collect();
    assert!(!web.is_empty() && web.iter().all(|n| *n == 1), "{asked:?}");
    let done = drained(&ended.events);
    assert_eq!(done.nodes.len(), 2, "the drain must go on to the next node: {done:?}");
    assert!(done.nodes.iter().map(|n| n.evicted).sum::<u32>() > 0, "the other pods must be evicted: {done:?}");
    let left: Vec<String> = done.nodes.iter().flat_map(|n| &n.left).map(ToString::to_string).collect();
    assert!(left.iter().any(|l| l.contains("shop/web") && l.contains("web, web-too")), "{left:?}");
    assert_eq!(answers(&ended.events, 500), web.len());
    assert_eq!(ended.exit, Some(Exit::Failed), "{:?}", ended.events.last());
    let plan = ended.events.iter().find_map(|e| match &e.event {
        Kind::PlanFrozen { plan } => Some(plan.steps[0].notes.join("\n")),
        _ => None,
    });
    assert!(plan.unwrap().contains("the Eviction API answers 500"), "the plan must announce it");
}

#[test]
fn refusals_are_asked_again_with_pauses_and_told_when_they_change() {
    let mut shop = cluster("small-shop");
    for workload in &mut shop.workloads {
        if workload.name == "deployment/web" {
            workload.budget = [("minAvailable".to_owned(), json!(3))].into();
        }
    }
    let (ended, asked) = drill(&shop);
    let web: Vec<u32> = asked.iter().filter(|(pod, _)| pod.starts_with("web")).map(|(_, n)| *n).collect();
    assert!(
        web.iter().all(|n| (3..=15).contains(n)),
        "the drain must try again, but not several times a second: {asked:?}"
    );
    assert_eq!(answers(&ended.events, 429), web.len(), "the journal must have one line for each pod, not for each try");
    let left: Vec<String> =
        drained(&ended.events).nodes.iter().flat_map(|n| &n.left).map(ToString::to_string).collect();
    assert!(left.iter().all(|l| l.contains("429")) && left.len() == web.len(), "{left:?}");
    assert_eq!(ended.exit, Some(Exit::Failed));
}
