//! notify: tell somebody, by webhook.

use serde_json::json;

use super::{
    StepContext, StepError,
    planning::{Draft, act, draft},
};
use crate::{
    event::Kind,
    model::{NotifyStep, StepClass},
    world::resolve,
};

pub(super) fn plan(spec: &NotifyStep) -> Draft {
    let mut planned = draft(StepClass::Observe, "is not told again");
    planned.acts.push(act(format!("POST {} {{\"text\": \"THIS IS A DRILL: {}\", …}}", spec.url, spec.message), ""));
    planned
}

pub(super) async fn apply(context: &StepContext, spec: &NotifyStep) -> Result<String, StepError> {
    let url = resolve(&spec.url, &context.secrets, &context.world.redactor).await.map_err(StepError::Failed)?;
    let body = json!({
        "text": format!("THIS IS A DRILL: {}", spec.message),
        "run": context.run,
        "scenario": context.plan.scenario,
        "cluster": context.plan.cluster.context,
    });
    let sent = context.world.http.post(&url, &body).await;
    context.recorder.record(Kind::Notified {
        to: spec.url.clone(),
        what: spec.message.clone(),
        ok: sent.is_ok(),
        detail: sent.as_ref().err().map(ToString::to_string).unwrap_or_default(),
    })?;
    sent.map(|()| "told".into()).map_err(StepError::failed)
}
