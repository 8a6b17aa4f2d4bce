//! Tells people by the announcement webhook that a drill begins, stops, or needs a person.

use crate::{event::Kind, steps::StepContext, told};

/// Calls the announcement webhook. If this fails, the run does not start; it never prevents an undo.
pub(super) async fn announce(context: &StepContext) -> Result<(), String> {
    let Some(url) = &context.world.bindings.announce else { return Ok(()) };
    let stop = "kubectl --namespace drillmaster annotate lease drill drillmaster.dev/stop=unwind";
    let body = serde_json::json!({
        "text": format!("THIS IS A DRILL. {} on {} begins now. Run {}. To stop it: {stop}", context.plan.title, context.plan.cluster.context, context.run),
        "run": context.run, "operator": context.approvals.operator, "stop": stop,
    });
    let sent = context.world.http.post(url, &body).await;
    context.recorder.observe(Kind::Notified {
        to: "announce".into(),
        what: "the drill begins".into(),
        ok: sent.is_ok(),
        detail: sent.as_ref().err().map(|e| told!(context.recorder, "{e}")).unwrap_or_default(),
    });
    sent.map_err(|e| format!("the announcement could not be delivered, so the drill did not start: {e}"))
}

/// Sends a message to the same webhook later in the run. If it cannot be delivered, the journal says so.
pub(super) async fn announce_later(context: &StepContext, text: &str) {
    let Some(url) = &context.world.bindings.announce else { return };
    let body = serde_json::json!({"text": format!("{text}. Run {} on {}", context.run, context.plan.cluster.context), "run": context.run});
    let sent = context.world.http.post(url, &body).await;
    context.recorder.observe(Kind::Notified {
        to: "announce".into(),
        what: told!(context.recorder, "{text}"),
        ok: sent.is_ok(),
        detail: sent.err().map(|e| told!(context.recorder, "{e}")).unwrap_or_default(),
    });
}
