//! The hash of a plan, which an approval refers to. It covers targets, acts, limits, expectations, bindings, the
//! identity of the cluster and the rules of the verdict. It does not cover predictions, findings and the time when the
//! cluster was read. It is computed from the plan as it is written, so that plans of earlier versions can still be
//! compared with their hash.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{Bindings, Plan, sha256};

/// Replaces the run's id in names of objects, because an approval is given before the run has an id.
const RUN: &str = "{run}";

/// SHA-256 of the canonical JSON of everything that an approval covers.
pub fn hash(plan: &Plan) -> String {
    hash_of_written(&serde_json::to_value(plan).unwrap_or_default())
}

/// The hash of a plan in a file, computed in the way of the version that wrote it.
pub fn hash_of_written(plan: &Value) -> String {
    let major = plan["format"].as_str().and_then(|f| f.split('.').next());
    if major == Some("1") { digest(&covered_in_format_1(plan)) } else { digest(&covered(plan)) }
}

fn covered(plan: &Value) -> Value {
    let run = plan["run"].as_str().unwrap_or_default();
    let plain = |text: &Value| {
        let text = text.as_str().unwrap_or_default();
        if run.is_empty() { text.to_owned() } else { text.replace(run, RUN) }
    };
    let step = |s: &Value| {
        // They contain the commands of the node host, as in the bindings.
        let acts: Vec<_> = items(&s["acts"]).map(|a| (plain(&a["does"]), plain(&a["undo"]))).collect();
        json!({"name": s["name"], "step": s["step"], "class": s["class"], "nodes": list(&s["nodes"]),
            "objects": list(&s["objects"]), "acts": acts, "onStop": s["on_stop"]})
    };
    let steps: Vec<Value> = items(&plan["steps"]).map(step).collect();
    let mut covered = json!({
        "scenario": plan["scenario"], "scenarioHash": plan["scenario_hash"], "bindings": plan["bindings"],
        "cluster": plan["cluster"]["uid"], "recovery": plan["recovery"]["uid"],
        "namespaces": plan["namespaces"], "collateral": list(&plan["collateral"]), "steps": steps,
        "probes": plan["probes"], "data": list(&plan["data"]), "expect": plan["expect"], "limits": plan["limits"],
    });
    // It changes the cluster, and cannot be undone. Most plans do not have it.
    if let Some(rebalance) = plan.get("rebalance") {
        covered["rebalance"] = rebalance.clone();
    }
    // Before the rules had a version, neither the rules nor the kind of cluster was covered.
    if let Some(rules) = plan.get("rules") {
        covered["rules"] = rules.clone();
        covered["flavour"] = plan["cluster"]["flavour"].clone();
    }
    covered
}

fn covered_in_format_1(plan: &Value) -> Value {
    let step = |s: &Value| {
        json!({"name": s["name"], "verb": s["verb"], "class": s["class"], "nodes": list(&s["nodes"]),
            "objects": list(&s["objects"]), "spec": s["spec"]})
    };
    let steps: Vec<Value> = items(&plan["steps"]).map(step).collect();
    json!({
        "scenario": plan["scenario"], "scenarioHash": plan["scenario_hash"], "cluster": plan["cluster"]["uid"],
        "namespaces": plan["namespaces"], "steps": steps, "probes": plan["probes"], "data": list(&plan["data"]),
        "expect": plan["expect"], "limits": plan["limits"],
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// An empty list is left out of a file.
fn list(list: &Value) -> Value {
    if list.is_null() { json!([]) } else { list.clone() }
}

/// The hash of the bindings: where a drill reads, what takes its nodes away, and whom it notifies.
pub fn of_bindings(bindings: &Bindings) -> String {
    digest(bindings)
}

fn digest(what: &impl Serialize) -> String {
    // The maps of serde_json are sorted, so the text is canonical.
    let text = serde_json::to_value(what).unwrap_or_default().to_string();
    sha256(text)
}
