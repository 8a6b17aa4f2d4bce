//! The step exec: runs a program on this machine.

use super::{
    Closing, Done, StepContext, StepError,
    planning::{Draft, act, draft},
};
use crate::{
    model::{ExecStep, OrNewer, Revert, StepClass, StepName, Told, Verb, shell},
    world::WITHHELD,
};

pub(super) fn plan(spec: &ExecStep) -> Result<Draft, String> {
    let class = if spec.undo.is_empty() { StepClass::Observe } else { StepClass::Fault };
    let mut planned =
        draft(class, if spec.undo.is_empty() { "kills the program" } else { "kills the program and runs its undo" });
    planned.acts.push(act(shell(&spec.argv), shell(&spec.undo)));
    if spec.undo.is_empty() {
        planned.notes.push("this step has no undo: drillmaster assumes that it changes nothing".into());
    }
    Ok(planned)
}

/// A rehearsal makes no claims about programs, because it does not run them.
const NOT_RUN: &str = "not run: a rehearsal does not run programs";

pub(super) async fn apply(context: &StepContext, spec: &ExecStep) -> Result<Done, StepError> {
    let program = context.secret_reader.program(&spec.argv, &spec.env).await.map_err(StepError::Failed)?;
    if spec.undo.is_empty() {
        context.may_act().await?;
        let said = program.run_in(&context.world.outside, spec.at_most.0).await.map_err(StepError::failed)?.stdout;
        let said = if program.withheld { Told::fixed(WITHHELD) } else { said.told(&context.world.redactor) };
        return Ok(ended(context, last_line(&said)));
    }
    let revert = Revert::ExecUndo { step: context.step.0.clone() };
    let fault = context.intend("program", revert).await?;
    context.act(&fault, async { program.run_in(&context.world.outside, spec.at_most.0).await.map(drop) }).await?;
    Ok(ended(context, "done".to_owned()))
}

fn ended(context: &StepContext, said: String) -> Done {
    if context.world.simulated().is_some() { Done::NotRun(NOT_RUN.to_owned()) } else { Done::Well(said) }
}

/// The undo comes from the local scenario, by the name of the step. No command line is ever taken from the record in
/// the cluster.
pub(super) async fn revert(context: &StepContext, step: &str) -> Result<Closing, String> {
    let planned = context.plan.step(&StepName::from(step)).ok_or_else(|| {
        format!("the undo of step `{step}` is a program that only the scenario contains, not the record in the cluster: run it by hand")
    })?;
    let spec = match &planned.step {
        OrNewer::Known(Verb::Exec(spec)) => spec,
        OrNewer::Known(_) => return Err(format!("step `{step}` does not run a program, so it has no undo command")),
        OrNewer::Newer(newer) => return Err(format!("this version cannot read step `{step}`: {}", newer.why)),
    };
    let program = context.secret_reader.program(&spec.undo, &spec.env).await?;
    context.may_act().await.map_err(|e| e.to_string())?;
    program.run_in(&context.world.outside, spec.at_most.0).await.map_err(|e| e.to_string())?;
    Ok(Closing::Reverted(match ended(context, "the undo program ended with exit code 0".to_owned()) {
        Done::Well(said) | Done::NotRun(said) => said,
    }))
}

fn last_line(said: &Told) -> String {
    if said.is_empty() { "done".into() } else { said.last_lines(1).cut(200).into_string() }
}
