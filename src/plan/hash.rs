//! The plan's hash: what an approval covers. Predictions, findings and gather
//! time are left out; targets, acts, limits, expectations and identity are in.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::Plan;

/// SHA-256 over the canonical JSON of what is approved.
pub fn hash(plan: &Plan) -> String {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|s| json!({"name": s.name, "step": s.step, "class": s.class, "nodes": s.nodes, "objects": s.objects}))
        .collect();
    // serde_json's maps are sorted: the text is canonical.
    let approved = json!({
        "scenario": plan.scenario, "scenarioHash": plan.scenario_hash, "cluster": plan.cluster.uid,
        "namespaces": plan.namespaces, "steps": steps, "probes": plan.probes, "data": plan.data,
        "expect": plan.expect, "limits": plan.limits,
    });
    Sha256::digest(approved.to_string().as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
