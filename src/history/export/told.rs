//! The message about a run for a webhook. Start with [`message`].

use serde_json::{Value, json};

use super::otlp::order;
use crate::history::Run;

/// The result of a run as JSON. `text` is one sentence, which chat systems show.
pub fn message(run: &Run) -> Value {
    let mut judgements: Vec<&crate::history::Judged> = run.judgements.iter().collect();
    judgements.sort_by_key(|j| order(j.outcome));
    let kind = if run.rehearsal { "REHEARSAL, NOTHING REAL WAS TESTED: " } else { "" };
    let text = format!("{kind}{} on {}: {} ({})", run.scenario, run.cluster, run.result, run.why);
    json!({"text": text, "run": run.run, "scenario": run.scenario, "title": run.title, "cluster": run.cluster,
        "clusterUid": run.cluster_uid, "rehearsal": run.rehearsal, "result": run.result.label(),
        "exit": run.exit.map(crate::model::Exit::code), "started": run.started, "ended": run.ended, "head": run.head,
        "judgements": judgements})
}
