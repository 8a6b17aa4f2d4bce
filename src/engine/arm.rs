//! Before anything is touched, every secret that the drill will need is read once. A missing secret would end the
//! drill in the middle, and a secret that is also a name in the drill would be written to its journal.

use crate::{
    model::{ExecStep, Verb},
    observe::Ready,
    steps::StepContext,
};

/// Reads all secrets, and fills in those that the observers need.
///
/// # Errors
/// Why some secrets cannot be used, each with the name of its variable.
pub(super) async fn armed(context: &StepContext) -> Result<Ready, String> {
    let (secret_reader, plan) = (&context.secret_reader, &context.plan);
    let verbs = || plan.steps.iter().filter_map(|step| step.verb());
    secret_reader.check(verbs().flat_map(texts)).await.map_err(|wrong| wrong.join("; "))?;
    let mut ready = Ready { probes: vec![], logs: vec![] };
    for spec in &plan.probes {
        ready.probes.push(secret_reader.probe(spec).await.map_err(|why| format!("probe `{}`: {why}", spec.name))?);
    }
    for spec in &plan.data {
        ready.logs.push(secret_reader.log(spec).await.map_err(|why| format!("data `{}`: {why}", spec.name))?);
    }
    Ok(ready)
}

/// The texts of a step that may contain a placeholder for a secret.
fn texts(verb: &Verb) -> Vec<&str> {
    match verb {
        Verb::Exec(ExecStep { argv, undo, env, .. }) => {
            argv.iter().chain(undo).chain(env.values()).map(String::as_str).collect()
        }
        Verb::Notify(spec) => vec![spec.url.reveal()],
        _ => vec![],
    }
}
