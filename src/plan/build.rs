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
        ProbeSpec, Step, StepName, Verb, WorkloadRef, some,
    },
    scenario::{Loaded, Mistake, ProbeEntry, Scenario},
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

/// Builds the plan, or returns everything that prevents it, with the parts of the scenario that it is about.
pub fn build(request: &Request<'_>) -> Result<Plan, Vec<Mistake>> {
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
    wrong.extend(backed_by(request));
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
                    wrong.push(at_step(scenario, &step.name, format!("step `{}`: {why}", step.name)));
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
    let exceeded = limits::exceeded(&planned, &limits, request.inventory);
    let (blast_radius, undeclared) = radius::of(&planned, request);
    wrong.extend(exceeded.into_iter().chain(undeclared).map(|(step, what)| at_step(scenario, &step, what)));
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

fn mistake(path: &[&str], what: String) -> Mistake {
    Mistake { path: path.iter().map(|part| (*part).to_owned()).collect(), what, ..Mistake::default() }
}

/// A mistake that shows at a step: its place is that of the verb.
fn at_step(scenario: &Scenario, name: &StepName, what: String) -> Mistake {
    let step = scenario.steps.iter().enumerate().find(|(_, step)| step.name == *name);
    let Some((i, step)) = step else { return mistake(&["steps"], what) };
    let verb = step.verb().map_or("name", |verb| verb.name());
    mistake(&["steps", &i.to_string(), verb], what)
}

/// The earlier step that a step names. Without that one it cannot be planned, which is not a mistake of its own.
fn rests_on(step: &Step) -> Option<String> {
    match step.verb()? {
        Verb::Heal(heal) => Some(heal.fault),
        Verb::FenceNode(fence) => Some(fence.fault),
        Verb::ForceDeletePods(forced) => Some(forced.fault),
        Verb::DeleteNamespace(delete) => Some(delete.covered_by),
        Verb::Restore(restore) => restore.backup,
        Verb::Reprotected(reprotected) => Some(reprotected.of.0),
        _ => None,
    }
}

fn predictions(planned: &[PlannedStep], input: &PlanInput<'_>, scenario: &Scenario) -> Vec<Prediction> {
    let mut all = predict::predict(planned, input);
    all.extend(predict::serving(&all, scenario));
    all
}

fn scope(request: &Request<'_>) -> Vec<Mistake> {
    let scope = &request.loaded.scenario.scope;
    let mut wrong = vec![];
    for (i, namespace) in scope.namespaces.iter().enumerate() {
        if !request.inventory.scope.contains_key(namespace) {
            let what = match request.inventory.namespaces.get() {
                Ok(all) => {
                    let names: Vec<&str> = all.iter().map(|one| one.metadata.name.as_str()).collect();
                    format!("scope: namespace `{namespace}` does not exist; the namespaces are {}", some(&names))
                }
                Err(why) => format!("scope: cannot list the namespaces: {why}"),
            };
            wrong.push(mistake(&["scope", "namespaces", &i.to_string()], what));
        }
    }
    // A workload of a namespace that does not exist is not a second mistake.
    let missing = !wrong.is_empty();
    for (i, workload) in scope.critical.iter().enumerate().filter(|_| !missing) {
        let mut say = |what: String| wrong.push(mistake(&["scope", "critical", &i.to_string()], what));
        let found = scope.namespaces.iter().map(|ns| request.inventory.workload(ns, workload));
        match found.collect::<Result<Vec<_>, _>>() {
            Err(why) => say(format!("scope: {workload}: {why}")),
            Ok(found) if found.iter().all(Option::is_none) => {
                say(format!("scope: {}", lacking(request, workload)));
            }
            Ok(_) => {}
        }
    }
    wrong
}

fn expectations(request: &Request<'_>, input: &PlanInput<'_>) -> Vec<Mistake> {
    let mut wrong = vec![];
    for (i, expectation) in request.loaded.scenario.expect.iter().enumerate() {
        let mut say = |part: &str, what: String| {
            wrong.push(mistake(&["expect", &i.to_string(), expectation.name(), part], what));
        };
        let (workload, namespace) = match expectation {
            Expectation::Replicas(e) => (&e.workload, &e.namespace),
            Expectation::Placement(e) => (&e.workload, &e.namespace),
            Expectation::Alert(_) if request.bindings.prometheus.is_none() => {
                say("name", "expect alert: the bindings name no `prometheus`".into());
                continue;
            }
            Expectation::Alert(_) if request.bindings.alertmanager.is_empty() => {
                say("name", "expect alert: the bindings name no `alertmanager`".into());
                continue;
            }
            _ => continue,
        };
        match input.namespace(namespace.as_ref()) {
            Err(why) => say("workload", format!("expect {workload}: {why}")),
            Ok(ns) => match request.inventory.workload(&ns, workload) {
                Err(why) => say("workload", format!("expect {workload}: {why}")),
                Ok(None) => say("workload", format!("expect: {}", request.inventory.lacks(&ns, workload))),
                Ok(Some(_)) => {}
            },
        }
    }
    wrong
}

/// The workloads behind the probes. A name that nothing has would prove nothing about a recovery.
fn backed_by(request: &Request<'_>) -> Vec<Mistake> {
    let Loaded { scenario, .. } = request.loaded;
    let mut wrong = vec![];
    for (i, probe) in scenario.probes.iter().enumerate() {
        for (n, workload) in probe.backed_by.iter().enumerate() {
            let found = scenario.scope.namespaces.iter().map(|ns| request.inventory.workload(ns, workload));
            let what = match found.collect::<Result<Vec<_>, _>>() {
                Err(why) => why,
                Ok(found) if found.iter().all(Option::is_none) => lacking(request, workload),
                Ok(_) => continue,
            };
            let what = format!("probe `{}`: {what}", probe.name);
            wrong.push(mistake(&["probes", &i.to_string(), "backedBy", &n.to_string()], what));
        }
    }
    wrong
}

/// That no namespace in the scope has a workload, and which ones they have.
fn lacking(request: &Request<'_>, workload: &WorkloadRef) -> String {
    let namespaces = &request.loaded.scenario.scope.namespaces;
    let has = namespaces.iter().map(|ns| format!("{ns} has {}", request.inventory.workloads_of(ns)));
    format!("no namespace in the scope has {workload}; {}", has.collect::<Vec<_>>().join("; "))
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
