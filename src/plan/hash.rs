//! The plan's hash: what an approval covers. Predictions, findings and gather
//! time are left out; targets, acts, limits, expectations, bindings, identity and the
//! rules of the verdict are in. It is made of the plan as it is written, so that the
//! plans of earlier versions can still be held against theirs.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::{Bindings, Plan};

/// Stands for the run's id in the names that its acts give to objects: an approval is for
/// a run that has none yet.
const RUN: &str = "{run}";

/// SHA-256 over the canonical JSON of what is approved.
pub fn hash(plan: &Plan) -> String {
    hash_of_written(&serde_json::to_value(plan).unwrap_or_default())
}

/// The same of a plan as it stands in a file, by the way of the version that wrote it.
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
        // Commands of the node host among them, as the bindings write them.
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
    // Before the rules had a number, neither they nor what kind of cluster it is were covered.
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

/// The same over bindings: where a drill reads, what takes its nodes away, whom it tells.
pub fn of_bindings(bindings: &Bindings) -> String {
    digest(bindings)
}

fn digest(what: &impl Serialize) -> String {
    // serde_json's maps are sorted: the text is canonical.
    let text = serde_json::to_value(what).unwrap_or_default().to_string();
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
