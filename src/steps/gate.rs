//! The step gate: asks a person, with a time limit and a default answer.

use std::{collections::BTreeSet, io::IsTerminal};

use super::{
    Asking, StepContext, StepError,
    asking::answered,
    planning::{Draft, act, draft},
    terminal,
};
use crate::{
    event::Kind,
    journal::RunDir,
    model::{GateAnswer, GateStep, StepClass},
    told,
};

/// Who may answer gates.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// `--approve-gate NAME`: gates that were approved before the run.
    pub beforehand: BTreeSet<String>,
    /// Who runs the drill.
    pub operator: String,
    /// Other sources of answers, and waits before steps.
    pub asking: Asking,
    /// Where `drillmaster answer` writes answers; none if the run does not look for them.
    pub dir: Option<RunDir>,
}

pub(super) fn plan(spec: &GateStep) -> Draft {
    let mut planned = draft(StepClass::Observe, "counts as a refusal");
    let default = match spec.default {
        GateAnswer::Approve => "continues",
        GateAnswer::Refuse => "stops and puts everything back",
    };
    planned.acts.push(act(
        format!("ask: {} (without an answer within {}, the drill {default})", spec.prompt, spec.timeout),
        "",
    ));
    planned
}

pub(super) async fn apply(context: &StepContext, spec: &GateStep) -> Result<String, StepError> {
    let name = &context.step;
    let times_out_us = context.recorder.now_us() + spec.timeout.micros();
    context.recorder.record(Kind::GateOpened {
        step: name.clone(),
        prompt: told!(context.recorder, "{}", spec.prompt),
        times_out_us,
    })?;
    let (approved, by) = if context.approvals.beforehand.contains(&name.0) {
        (true, format!("{}, in advance with --approve-gate", context.approvals.operator))
    } else if let Some(asked) = asked(context) {
        match tokio::time::timeout(spec.timeout.0, asked).await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => {
                (spec.default == GateAnswer::Approve, "default, because nobody answered in time".into())
            }
        }
    } else {
        // Nobody can answer without a terminal, so the default applies immediately.
        (spec.default == GateAnswer::Approve, "default, because there is no terminal to ask at".into())
    };
    context.recorder.record(Kind::GateAnswered { step: name.clone(), approved, by: by.clone() })?;
    if approved { Ok(format!("approved by {by}")) } else { Err(StepError::Refused(format!("refused by {by}"))) }
}

/// Waits for an answer from the terminal or from another process, whichever comes first. None if nobody can answer.
fn asked(context: &StepContext) -> Option<impl Future<Output = Option<(bool, String)>>> {
    let approvals = &context.approvals;
    let terminal = context.world.simulated().is_none() && std::io::stdin().is_terminal();
    let elsewhere = approvals.dir.is_some() || approvals.asking.scripted.contains_key(&context.step.0);
    let at_terminal = async move {
        match ask_person().await {
            Some(approved) => Some((approved, format!("{}, at the terminal", approvals.operator))),
            None if elsewhere => std::future::pending().await,
            None => None,
        }
    };
    let written = async move {
        if elsewhere { Some(answered(context, &context.step.0).await) } else { std::future::pending().await }
    };
    (terminal || elsewhere).then_some(async move {
        tokio::select! {
            biased;
            answer = written => answer,
            answer = at_terminal, if terminal => answer,
        }
    })
}

/// The answer of a person at the terminal; none if the terminal is closed.
async fn ask_person() -> Option<bool> {
    terminal::line().await.map(|line| matches!(line.trim(), "y" | "yes" | "approve"))
}
