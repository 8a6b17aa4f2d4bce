//! Runs the steps, one after another. An interruption stops a step at its next await point (its intents are in the
//! journal), and a panic ends only that step.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use crate::{
    event::{EndReason, Kind, StepEnd},
    model::{Phase, PlannedStep, Prediction, StepClass, StepName, Verb, few, with_causes},
    steps::{self, Done, StepContext, StepError, asking},
    told,
};

use super::{Interrupts, preflight::Catalogue};

/// How many acts are in the line when a step begins. The plan contains all of them.
const ACTS: usize = 8;

/// Runs the steps until the end, or until the first reason to stop.
pub(super) async fn forward(context: &StepContext, mut stale: Option<(&Catalogue, Duration)>, interrupts: &Interrupts) {
    for planned in &context.plan.steps {
        if planned.class != StepClass::Observe
            && let Some((catalogue, most)) = stale.take()
            && !still_ready(context, catalogue, most, interrupts).await
        {
            return;
        }
        let own = StepContext { step: planned.name.clone(), ..context.clone() };
        if let Some(hold) = context.approvals.asking.hold(&planned.name) {
            let held = tokio::select! {
                biased;
                (_, _) = interrupts.raised() => return,
                held = asking::hold(&own, hold) => held,
            };
            if let Err(error) = held {
                interrupts.raise(EndReason::JournalFailed, with_causes(&error));
                return;
            }
        }
        let started = context.recorder.record(Kind::StepStarted {
            step: planned.name.clone(),
            verb: planned.word().to_owned(),
            does: told!(
                context.recorder,
                "{}",
                few(planned.acts.iter().map(|a| a.does.as_str()), ACTS, ("; ", "; and"))
            ),
            expected_us: expected(&context.plan.predictions, planned),
        });
        if let Err(error) = started {
            interrupts.raise(EndReason::JournalFailed, with_causes(&error));
            return;
        }
        let mut step = Box::pin(AssertUnwindSafe(steps::apply(&own, planned)).catch_unwind());
        let ended = tokio::select! {
            biased;
            (_, why) = interrupts.raised() => {
                drop(step);
                finish(context, &planned.name, StepEnd::Interrupted, format!("interrupted: {why}"));
                return;
            }
            ended = &mut step => ended,
        };
        match ended {
            Ok(Ok(Done::Well(detail))) => finish(context, &planned.name, StepEnd::Done, detail),
            Ok(Ok(Done::NotRun(why))) => finish(context, &planned.name, StepEnd::NotRun, why),
            Ok(Err(error)) => {
                let end = if matches!(error, StepError::Refused(_)) { StepEnd::Refused } else { StepEnd::Failed };
                finish(context, &planned.name, end, error.to_string());
                let why = match error {
                    StepError::Failed(_) => EndReason::StepFailed,
                    StepError::Refused(_) => EndReason::GateRefused,
                    StepError::NoLease(_) => EndReason::LeaseLost,
                    StepError::Journal(crate::journal::WriteError::Fenced { .. }) => EndReason::Fenced,
                    StepError::Journal(_) => EndReason::JournalFailed,
                };
                interrupts.raise(why, format!("step `{}`: {error}", planned.name));
                return;
            }
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                let text = text.unwrap_or("no message");
                finish(context, &planned.name, StepEnd::Panicked, format!("panicked: {text}"));
                interrupts.raise(EndReason::Panicked, format!("step `{}`: {text}", planned.name));
                return;
            }
        }
    }
    interrupts.raise(EndReason::Finished, "all steps done");
}

fn finish(context: &StepContext, step: &StepName, end: StepEnd, detail: String) {
    let detail = told!(context.recorder, "{detail}");
    context.recorder.observe(Kind::StepFinished { step: step.clone(), end, detail });
}

/// Whether nothing prevents the first act: the results of the pre-flight are recent enough, or are the same when it is
/// made again.
async fn still_ready(context: &StepContext, catalogue: &Catalogue, most: Duration, interrupts: &Interrupts) -> bool {
    if catalogue.age(&context.world) < most {
        return true;
    }
    let (review, findings) = tokio::select! {
        biased;
        (_, _) = interrupts.raised() => return false,
        said = catalogue.review(&context.world) => said,
    };
    context.recorder.preflight(&findings, Some(review));
    let refused: Vec<&str> = findings.iter().filter(|f| f.refuses()).map(|f| f.check.as_str()).collect();
    if !refused.is_empty() {
        interrupts.raise(
            EndReason::Refused,
            format!("the pre-flight was repeated before the first act and refuses: {}", refused.join(", ")),
        );
    }
    refused.is_empty()
}

/// When a wait for recovery is expected to end, counted from its fault.
fn expected(predictions: &[Prediction], step: &PlannedStep) -> Option<u64> {
    let Some(Verb::Wait(wait)) = step.verb() else { return None };
    let about = |prediction: &&Prediction| match &prediction.phase {
        Some(Phase::Ready(ready)) => wait.of.contains(&ready.workload.to_string()),
        Some(Phase::Serving(probe)) => wait.of.contains(probe),
        _ => false,
    };
    predictions.iter().filter(about).map(|p| p.to.micros()).max().filter(|t| *t > 0)
}
