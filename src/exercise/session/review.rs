//! The review of a check stage: starts the process that makes it, and writes down its result.

use jiff::Timestamp;

use super::{ExerciseError, KnownExercise, Session};
use crate::{
    exercise::{
        check_stage::Standing,
        launch::{reviewer, spawn},
        order::open_stage,
        playbook::Role,
        stage::Stage,
        state::{ExercisePhase, ReviewEnd},
        time::date_time,
        what::What,
        who::{Claim, who},
    },
    model::Redactor,
    told,
};

impl Session {
    /// The same for the review of a check stage. A review that lets the exercise continue ended its stage already.
    pub(super) fn reviews_again(&self, claim: &Claim, stage: &Stage) -> Option<Result<(), ExerciseError>> {
        let KnownExercise { loaded, people, state, .. } = &self.known;
        let own = state.stage_of(&stage.id);
        let standing = Standing::of(&state.place, stage, &own);
        if standing == Standing::ByPeople {
            return None;
        }
        if let Err(why) = who(&loaded.playbook, state, people, claim, &[Role::Director]) {
            return Some(Err(ExerciseError::Refused(why)));
        }
        if let Standing::Runs(until) = standing {
            let text = format!(
                "the review of stage `{}` goes on, until {} at most; its messages are in {}",
                stage.id,
                date_time(until),
                self.dir.join(format!("drills/{}.log", stage.id)).display()
            );
            return Some(Err(ExerciseError::Refused(text)));
        }
        Some(Ok(()))
    }

    /// Whether the open stage has a review that no command has started yet.
    pub(super) fn waits_for_review(&self) -> bool {
        let state = &self.known.state;
        let open = open_stage(&self.known.loaded.playbook, state).filter(|_| state.phase == ExercisePhase::Running);
        open.is_some_and(|(_, stage)| {
            stage.check.is_some() && Standing::of(&state.place, stage, &state.stage_of(&stage.id)) == Standing::Planned
        })
    }

    /// Writes that the review of the open stage begins, and starts it.
    pub(super) fn review(&mut self, now: Timestamp) -> Result<(), ExerciseError> {
        let Some((_, stage)) = open_stage(&self.known.loaded.playbook, &self.known.state) else { return Ok(()) };
        let stage = stage.clone();
        self.append(vec![(now, What::CheckLaunched { stage: stage.id.clone() })])?;
        match spawn(&self.dir, &stage.id, &reviewer(&self.dir, &stage)) {
            Ok(_) => self.said.push(format!("started: the readiness review of stage {}", stage.id)),
            Err(error) => {
                let why = told!(Redactor::default(), "it could not be started: {error}");
                self.said.push(format!("ATTENTION: the review could not be started ({error})"));
                let ended = What::CheckEnded {
                    stage: stage.id,
                    happened: now,
                    exit: None,
                    readiness: None,
                    why,
                    evidence: None,
                };
                self.append(vec![(now, ended)])?;
            }
        }
        Ok(())
    }

    /// Writes the result of the review that was started at a time. A review that was given up, or whose stage was ended
    /// otherwise, changes nothing any more: then this returns false.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn reviewed(
        &mut self,
        id: &str,
        launched: Timestamp,
        end: ReviewEnd,
        now: Timestamp,
    ) -> Result<bool, ExerciseError> {
        self.tick(now)?;
        let Some((_, stage)) = open_stage(&self.known.loaded.playbook, &self.known.state) else { return Ok(false) };
        let own = self.known.state.stage_of(&stage.id);
        let waited = own.review.as_ref().is_some_and(|review| review.end.is_none() && review.launched == launched);
        if stage.id != id || !waited {
            return Ok(false);
        }
        let ReviewEnd { at, exit, readiness, why, evidence } = end;
        let ended = What::CheckEnded { stage: id.to_owned(), happened: at, exit, readiness, why, evidence };
        self.append(vec![(now, ended)])?;
        self.tick(now)?;
        Ok(true)
    }
}
