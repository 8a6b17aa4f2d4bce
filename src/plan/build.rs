//! Builds a plan, or returns everything that prevents it at once.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    hash::{hash, of_bindings},
    limits, permissions, predict, radius, rebalance,
};
use crate::{
    inventory::Inventory,
    kubernetes::budgets_of,
    model::{
        Bindings, ClusterIdentity, CoveredPod, Expectation, Limits, OrNewer, Plan, PlannedStep, Prediction, ProbeKind,
        ProbeSpec, Step, Verb,
    },
    scenario::{Loaded, ProbeEntry, Scenario},
    steps::{self, PlanInput},
    verdict::RULES,
    world::{Machine, NodeHost},
};

/// The input of a plan.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The scenario.
    pub loaded: &'a Loaded,
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The bindings.
    pub bindings: &'a Bindings,
    /// The machines, if the host can list them.
    pub machines: &'a BTreeMap<String, Machine>,
    /// The node host.
    pub host: Option<&'a NodeHost>,
    /// The run's id, for names.
    pub run: &'a str,
    /// The second cluster, if one is given.
    pub recovery: Option<&'a ClusterIdentity>,
}

/// Builds the plan, or returns everything that prevents it.
pub fn build(request: &Request<'_>) -> Result<Plan, Vec<String>> {
    let scenario = &request.loaded.scenario;
    let input = PlanInput {
        inventory: request.inventory,
        bindings: request.bindings,
        machines: request.machines,
        namespaces: &scenario.scope.namespaces,
        critical: &scenario.scope.critical,
        host: request.host,
        run: request.run,
        recovery: request.recovery,
    };
    // Steps and expectations would only repeat that a namespace or workload of the scope does not exist.
    let wrong = scope(request);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut wrong = expectations(request, &input);
    let mut planned = vec![];
    let mut failed = BTreeSet::new();
    let mut lost = false;
    for step in &scenario.steps {
        match steps::plan(step, &input, &planned) {
            Ok(step) => planned.push(step),
            Err(why) => {
                // If the deletion of a namespace was refused, the restore would only report that the namespace still
                // exists.
                let follows =
                    rests_on(step).is_some_and(|name| failed.contains(&name)) || lost && step.restore.is_some();
                if !follows {
                    wrong.push(format!("step `{}`: {why}", step.name));
                }
                lost |= step.delete_namespace.is_some();
                failed.insert(step.name.0.clone());
            }
        }
    }
    let limits = Limits {
        nodes_percent: scenario.limits.nodes.0,
        zones: scenario.limits.zones,
        namespaces: scenario.limits.namespaces,
        duration: scenario.limits.duration,
    };
    wrong.extend(limits::exceeded(&planned, &limits, request.inventory));
    let (blast_radius, undeclared) = radius::of(&planned, request);
    wrong.extend(undeclared);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut plan = Plan {
        format: "2.1".into(),
        scenario: scenario.metadata.name.clone(),
        title: scenario.metadata.title.clone(),
        hypothesis: scenario.hypothesis.trim().to_owned(),
        scenario_hash: request.loaded.hash.clone(),
        cluster: request.inventory.identity.clone(),
        recovery: request.recovery.cloned(),
        namespaces: scenario.scope.namespaces.clone(),
        collateral: scenario.collateral.iter().filter(|c| !scenario.scope.namespaces.contains(c)).cloned().collect(),
        probes: scenario.probes.iter().map(probe).collect(),
        data: scenario.data.clone(),
        expect: scenario.expect.iter().cloned().map(OrNewer::Known).collect(),
        permissions: permissions::needed(&planned, scenario, request.bindings),
        recovery_permissions: permissions::needed_there(&planned, scenario, request.bindings),
        predictions: predictions(&planned, &input, scenario),
        steps: planned,
        limits,
        blast_radius,
        coverage: coverage(request),
        findings: vec![],
        critical: scenario.scope.critical.clone(),
        watchdog: request.bindings.watchdog.clone(),
        about: scenario.about(),
        run: request.run.to_owned(),
        bindings: of_bindings(request.bindings),
        rules: RULES,
        rebalance: rebalance::of(request),
        hash: String::new(),
    };
    plan.permissions.extend(rebalance::permissions(&plan));
    plan.hash = hash(&plan);
    Ok(plan)
}

/// The earlier step that a step names. Without that one it cannot be planned, which is not a mistake of its own.
fn rests_on(step: &Step) -> Option<String> {
    match step.verb()? {
        Verb::Heal(heal) => Some(heal.fault),
        Verb::FenceNode(fence) => Some(fence.fault),
        Verb::ForceDeletePods(forced) => Some(forced.fault),
        Verb::DeleteNamespace(delete) => Some(delete.covered_by),
        Verb::Restore(restore) => restore.backup,
        _ => None,
    }
}

fn predictions(planned: &[PlannedStep], input: &PlanInput<'_>, scenario: &Scenario) -> Vec<Prediction> {
    let mut all = predict::predict(planned, input);
    all.extend(predict::serving(&all, scenario));
    all
}

fn scope(request: &Request<'_>) -> Vec<String> {
    let scope = &request.loaded.scenario.scope;
    let mut wrong = vec![];
    for namespace in &scope.namespaces {
        if !request.inventory.scope.contains_key(namespace) {
            wrong.push(match request.inventory.namespaces.get() {
                Ok(_) => format!("scope: namespace `{namespace}` does not exist"),
                Err(why) => format!("scope: cannot list the namespaces: {why}"),
            });
        }
    }
    // A workload of a namespace that does not exist is not a second mistake.
    let missing = !wrong.is_empty();
    for workload in scope.critical.iter().filter(|_| !missing) {
        let found = scope.namespaces.iter().map(|ns| request.inventory.workload(ns, workload));
        match found.collect::<Result<Vec<_>, _>>() {
            Err(why) => wrong.push(format!("scope: {workload}: {why}")),
            Ok(found) if found.iter().all(Option::is_none) => {
                wrong.push(format!("scope: no namespace in the scope has {workload}"));
            }
            Ok(_) => {}
        }
    }
    wrong
}

fn expectations(request: &Request<'_>, input: &PlanInput<'_>) -> Vec<String> {
    let mut wrong = vec![];
    for expectation in &request.loaded.scenario.expect {
        let (workload, namespace) = match expectation {
            Expectation::Replicas(e) => (&e.workload, &e.namespace),
            Expectation::Placement(e) => (&e.workload, &e.namespace),
            Expectation::Alert(_) if request.bindings.prometheus.is_none() => {
                wrong.push("expect alert: the bindings name no `prometheus`".into());
                continue;
            }
            Expectation::Alert(_) if request.bindings.alertmanager.is_empty() => {
                wrong.push("expect alert: the bindings name no `alertmanager`".into());
                continue;
            }
            _ => continue,
        };
        match input.namespace(namespace.as_ref()) {
            Err(why) => wrong.push(format!("expect {workload}: {why}")),
            Ok(ns) => match request.inventory.workload(&ns, workload) {
                Err(why) => wrong.push(format!("expect {workload}: {why}")),
                Ok(None) => wrong.push(format!("expect: namespace {ns} has no {workload}")),
                Ok(Some(_)) => {}
            },
        }
    }
    wrong
}

/// Critical pods and the budgets that apply to them, by the budgets' selectors.
fn coverage(request: &Request<'_>) -> Option<Vec<CoveredPod>> {
    let pods = request.inventory.pods.get().ok()?;
    let budgets = request.inventory.budgets.get().ok()?;
    let scope = &request.loaded.scenario.scope;
    Some(
        pods.iter()
            .filter(|p| scope.namespaces.contains(&p.metadata.namespace) && !p.is_finished())
            .filter(|p| p.workload().is_some_and(|w| scope.critical.contains(&w)))
            .map(|p| CoveredPod {
                pod: format!("{}/{}", p.metadata.namespace, p.metadata.name),
                owner: p.workload().map(|w| w.to_string()).unwrap_or_default(),
                budgets: budgets_of(p, budgets).into_iter().map(|b| b.metadata.name.clone()).collect(),
            })
            .collect(),
    )
}

fn probe(entry: &ProbeEntry) -> ProbeSpec {
    let kind = if let Some(http) = &entry.http {
        ProbeKind::Http { url: http.url.clone(), status: http.status, body: http.body.clone() }
    } else if let Some(address) = &entry.tcp {
        ProbeKind::Tcp { address: address.clone() }
    } else {
        ProbeKind::Exec { argv: entry.exec.clone().unwrap_or_default() }
    };
    ProbeSpec {
        name: entry.name.clone(),
        kind,
        every: entry.every,
        timeout: entry.timeout,
        up: entry.up,
        vantage: entry.vantage.clone(),
        starts_down: entry.starts_down,
        backed_by: entry.backed_by.clone(),
    }
}
