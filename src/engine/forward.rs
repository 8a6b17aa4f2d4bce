//! Forward: one step after another. An interruption drops a step at its next
//! await (what it had intended is in the journal), and a panic stays in it.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use crate::{
    event::{Kind, Wake},
    model::{Phase, PlannedStep, Prediction, StepClass},
    steps::{self, StepContext, StepError},
};

use super::{Wakes, preflight::Catalogue};

/// Runs the steps until the end or the first reason to stop.
pub(super) async fn forward(context: &StepContext, mut stale: Option<(&Catalogue, Duration)>, wakes: &Wakes) {
    for planned in &context.plan.steps {
        if planned.class != StepClass::Observe
            && let Some((catalogue, most)) = stale.take()
            && !still_ready(context, catalogue, most, wakes).await
        {
            return;
        }
        let mut own = context.clone();
        own.step = planned.clone();
        let started = context.recorder.record(Kind::StepStarted {
            step: planned.name.clone(),
            verb: planned.verb.clone(),
            does: planned.acts.iter().map(|a| a.does.as_str()).collect::<Vec<_>>().join("; "),
            expected_us: expected(&context.plan.predictions, planned),
        });
        if let Err(error) = started {
            wakes.wake(Wake::JournalFailed, error.to_string());
            return;
        }
        let mut step = Box::pin(AssertUnwindSafe(steps::apply(&own)).catch_unwind());
        let ended = tokio::select! {
            biased;
            (_, why) = wakes.woken() => {
                drop(step);
                finish(context, &planned.name, false, format!("interrupted: {why}"));
                return;
            }
            ended = &mut step => ended,
        };
        match ended {
            Ok(Ok(detail)) => finish(context, &planned.name, true, detail),
            Ok(Err(error)) => {
                finish(context, &planned.name, false, error.to_string());
                let why = match error {
                    StepError::Failed(_) => Wake::StepFailed,
                    StepError::Journal(crate::journal::WriteError::Fenced { .. }) => Wake::Fenced,
                    StepError::Journal(_) => Wake::JournalFailed,
                };
                wakes.wake(why, format!("step `{}`: {error}", planned.name));
                return;
            }
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                let text = text.unwrap_or("no message");
                finish(context, &planned.name, false, format!("panicked: {text}"));
                wakes.wake(Wake::Panicked, format!("step `{}`: {text}", planned.name));
                return;
            }
        }
    }
    wakes.wake(Wake::Finished, "all steps done");
}

fn finish(context: &StepContext, step: &crate::model::StepName, ok: bool, detail: String) {
    context.recorder.observe(Kind::StepFinished { step: step.clone(), ok, detail });
}

/// Whether nothing stands in the way of the first act: the answers of the pre-flight
/// are young enough, or are the same when it is made again.
async fn still_ready(context: &StepContext, catalogue: &Catalogue, most: Duration, wakes: &Wakes) -> bool {
    if catalogue.age(&context.world) < most {
        return true;
    }
    let (review, findings) = tokio::select! {
        biased;
        (_, _) = wakes.woken() => return false,
        said = catalogue.ask(&context.world) => said,
    };
    context.recorder.observe(Kind::PreflightDone { findings: findings.clone(), review: Some(review) });
    let refused: Vec<&str> = findings.iter().filter(|f| f.refuses()).map(|f| f.check.as_str()).collect();
    if !refused.is_empty() {
        wakes.wake(
            Wake::StepFailed,
            format!("the pre-flight, made again before the first act, refuses: {}", refused.join(", ")),
        );
    }
    refused.is_empty()
}

/// When a wait for recovery is expected to be over, after its fault.
fn expected(predictions: &[Prediction], step: &PlannedStep) -> Option<u64> {
    let of: Vec<&str> = step.spec.pointer("/wait/of")?.as_array()?.iter().filter_map(|v| v.as_str()).collect();
    let about = |prediction: &&Prediction| match &prediction.phase {
        Some(Phase::Ready(workload)) => of.iter().any(|o| workload.ends_with(o)),
        Some(Phase::Serving(probe)) => of.contains(&probe.as_str()),
        _ => false,
    };
    predictions.iter().filter(about).map(|p| p.to.micros()).max().filter(|t| *t > 0)
}
