//! The plan's hash: what an approval covers. Predictions, findings and gather
//! time are left out; targets, acts, limits, expectations, bindings and identity are in.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::{Bindings, Plan};

/// Stands for the run's id in the names that its acts give to objects: an approval is for
/// a run that has none yet.
const RUN: &str = "{run}";

/// SHA-256 over the canonical JSON of what is approved.
pub fn hash(plan: &Plan) -> String {
    let plain = |text: &str| if plan.run.is_empty() { text.to_owned() } else { text.replace(&plan.run, RUN) };
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|s| {
            // Commands of the node host among them, as the bindings write them.
            let acts: Vec<_> = s.acts.iter().map(|a| (plain(&a.does), plain(&a.undo))).collect();
            json!({"name": s.name, "step": s.step, "class": s.class, "nodes": s.nodes, "objects": s.objects,
                "acts": acts, "onStop": s.on_stop})
        })
        .collect();
    digest(&json!({
        "scenario": plan.scenario, "scenarioHash": plan.scenario_hash, "bindings": plan.bindings,
        "cluster": plan.cluster.uid, "recovery": plan.recovery.as_ref().map(|c| &c.uid),
        "namespaces": plan.namespaces, "collateral": plan.collateral, "steps": steps, "probes": plan.probes,
        "data": plan.data, "expect": plan.expect, "limits": plan.limits,
    }))
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
