//! The step notify: sends a message to a webhook.

use serde_json::json;

use super::{
    StepContext, StepError,
    planning::{Draft, act, draft},
};
use crate::{
    event::Kind,
    model::{NotifyStep, StepClass, WebhookUrl},
    told,
};

pub(super) fn plan(spec: &NotifyStep) -> Draft {
    let mut planned = draft(StepClass::Observe, "does not send the message again");
    planned.acts.push(act(format!("POST {} {{\"text\": \"THIS IS A DRILL: {}\", …}}", spec.url, spec.message), ""));
    planned
}

pub(super) async fn apply(context: &StepContext, spec: &NotifyStep) -> Result<String, StepError> {
    let world = &context.world;
    let url = context.secret_reader.fill(spec.url.reveal()).await.map_err(StepError::Failed)?;
    let body = json!({
        "text": format!("THIS IS A DRILL: {}", spec.message),
        "run": context.run,
        "scenario": context.plan.scenario,
        "cluster": context.plan.cluster.context,
    });
    let sent = world.http.post(&WebhookUrl::new(url.reveal()), &body).await;
    context.recorder.record(Kind::Notified {
        to: spec.url.to_string(),
        what: told!(context.recorder, "{}", spec.message),
        ok: sent.is_ok(),
        detail: sent.as_ref().err().map(|e| told!(context.recorder, "{e}")).unwrap_or_default(),
    })?;
    sent.map(|()| "message sent".into()).map_err(StepError::failed)
}
