//! Who answers gates and holds, and how long a run waits for them. A hold waits before a step for a decision of an
//! exercise; without one it goes on, because after a destructive step the only way out is the restore. Start with
//! [`Asking`].

use std::{collections::BTreeMap, time::Duration};

use super::{StepContext, StepError};
use crate::{
    event::Kind,
    journal::{Answer, RunDir},
    model::{Dur, StepName},
    told,
};

/// How often the run looks for an answer.
const LOOK: Duration = Duration::from_millis(200);

/// A wait before a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The name of the decision.
    pub name: String,
    /// The step that does not begin before.
    pub before: StepName,
    /// How long it waits at most. Then the step begins.
    pub within: Dur,
}

/// Where answers come from, besides the terminal.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    /// Whether gates wait for `drillmaster answer` where there is no terminal.
    pub waits: bool,
    /// Answers of a rehearsal, with the time that somebody needs for them.
    pub scripted: BTreeMap<String, (bool, Dur)>,
    /// Waits before steps.
    pub holds: Vec<Hold>,
}

impl Asking {
    /// The wait before a step.
    pub fn hold(&self, step: &StepName) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.before == *step)
    }
}

/// Waits for the answer of another process, or of the script. Returns only with an answer.
pub(super) async fn answered(context: &StepContext, gate: &str) -> (bool, String) {
    let approvals = &context.approvals;
    if let Some((approve, after)) = approvals.asking.scripted.get(gate) {
        tokio::time::sleep(after.0).await;
        return (*approve, format!("the script of the rehearsal, after {after}"));
    }
    let Some(dir) = &approvals.dir else { return std::future::pending().await };
    let mut said = String::new();
    loop {
        match Answer::to(dir, gate) {
            Ok(Some(answer)) => return (answer.approve, answer.by),
            Ok(None) => {}
            Err(error) if said != error.to_string() => {
                said = error.to_string();
                let text = told!(context.recorder, "the answer to {gate} cannot be read and does not count: {error}");
                context.recorder.observe(Kind::Noted { text });
            }
            Err(_) => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits before a step, if the run was told to.
///
/// # Errors
/// The journal cannot be written.
pub async fn hold(context: &StepContext, hold: &Hold) -> Result<(), StepError> {
    let Hold { name, before, within } = hold;
    let step = StepName(name.clone());
    context.recorder.record(Kind::GateOpened {
        step: step.clone(),
        prompt: told!(context.recorder, "step `{before}` waits for this decision, at most {within}; then it begins"),
        times_out_us: context.recorder.now_us() + within.micros(),
    })?;
    let released = async {
        // A no keeps the drill waiting, as if nobody had answered.
        match answered(context, name).await {
            (true, by) => by,
            (false, _) => std::future::pending().await,
        }
    };
    let by = tokio::time::timeout(within.0, released).await;
    let by = by.unwrap_or_else(|_| "default, because nobody decided in time".into());
    context.recorder.record(Kind::GateAnswered { step, approved: true, by })?;
    Ok(())
}

/// The run directory, if answers are looked for in it.
pub fn place(asking: &Asking, dir: &RunDir) -> Option<RunDir> {
    (asking.waits || !asking.holds.is_empty()).then(|| dir.clone())
}
