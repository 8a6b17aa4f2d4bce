//! `rate`, `hotwash` and `actions`: what people say about the exercise.

use super::{Day, Verb};
use crate::{
    exercise::{
        judge::judge,
        playbook::{JudgedBy, Objective, Role},
        state::ExercisePhase,
        verdict::Came,
        what::{Rating, What},
        who::Claim,
    },
    model::sha256,
    scenario::meant,
};

impl Day<'_> {
    pub(super) fn rate(&self, claim: &Claim, id: &str, rating: Rating, why: &str) -> Result<Vec<What>, String> {
        self.in_phase(&[ExercisePhase::Running, ExercisePhase::Stopped, ExercisePhase::Reviewed])?;
        let objective = self.objective(id)?;
        if self.state.dropped.contains_key(id) {
            return Err(format!("objective `{id}` was dropped: it is not rated"));
        }
        let role = match objective.judge.one() {
            Some(JudgedBy::Rating(role)) => role,
            _ => Role::Evaluator,
        };
        let by = self.by(claim, &[role])?;
        let measured = judge(self.playbook, self.state, objective);
        if measured.is_better(rating) && why.trim().is_empty() {
            return Err(format!(
                "objective `{id}` was measured as {}: a better rating needs a reason (--because TEXT), and the report marks it",
                measured.words()
            ));
        }
        Ok(vec![What::Rated { objective: id.to_owned(), rating, by, why: self.told(why) }])
    }

    /// An objective counts no longer. It never counts as met, and what was not met stays not met.
    pub(super) fn drop_objective(&self, claim: &Claim, id: &str, why: &str) -> Result<Vec<What>, String> {
        self.in_phase(&[ExercisePhase::Authorised, ExercisePhase::Running, ExercisePhase::Paused])?;
        let by = self.by(claim, &[Role::Director, Role::Sponsor])?;
        let objective = self.objective(id)?;
        let result = judge(self.playbook, self.state, objective);
        match Came::of(objective, &result) {
            Came::Dropped => Err(format!("objective `{id}` was dropped already")),
            Came::Missed => Err(format!(
                "objective `{id}` was not met ({}): it cannot be dropped any more. Write the reason into a note",
                result.because
            )),
            Came::Met | Came::Open => Ok(vec![What::ObjectiveDropped {
                objective: id.to_owned(),
                by,
                why: self.text(why, "the reason (--because TEXT)")?,
            }]),
        }
    }

    fn objective(&self, id: &str) -> Result<&Objective, String> {
        let all = &self.playbook.objectives;
        let found = all.iter().find(|objective| objective.id == id);
        found.ok_or_else(|| unknown("objective", id, all.iter().map(|objective| &objective.id)))
    }

    /// An answer to a question of the hotwash.
    pub(super) fn say(&self, claim: &Claim, question: usize, text: &str) -> Result<Vec<What>, String> {
        let asked: Vec<&String> =
            self.playbook.stages.iter().filter_map(|s| s.review.as_ref()).flat_map(|r| &r.ask).collect();
        let by = self.by(claim, &[])?;
        let Some(question) = question.checked_sub(1).and_then(|i| asked.get(i)) else {
            return Err(format!("the hotwash has {} questions: give a number from 1 to {}", asked.len(), asked.len()));
        };
        Ok(vec![What::Said { question: (*question).clone(), text: self.text(text, "the answer")?, by }])
    }

    pub(super) fn action(&self, claim: &Claim, verb: &Verb) -> Result<Vec<What>, String> {
        // Written in one way, so that dates can be compared and sorted.
        let date = |due: &str| match due.trim() {
            "" => Ok(String::new()),
            due => due
                .parse::<jiff::civil::Date>()
                .map(|date| date.to_string())
                .map_err(|_| format!("`{due}` is not a date: write it as 2027-01-31")),
        };
        match verb {
            Verb::ActionAdd { text, owner, due, proven_when } => {
                let by = self.by(claim, &[Role::Director, Role::Evaluator, Role::Scribe])?;
                let due = date(due)?;
                let text = self.text(text, "the action")?;
                // The id does not depend on how many actions there are: two directors may add at once.
                let id =
                    format!("A-{}-{}", self.now.strftime("%Y"), &sha256(format!("{}{text}", self.state.exercise))[..6]);
                if self.state.actions.contains_key(&id) {
                    return Err(format!("action {id} says this already"));
                }
                Ok(vec![What::ActionAdded {
                    id,
                    text,
                    owner: self.told(owner),
                    due,
                    proven_when: self.told(proven_when),
                    by,
                }])
            }
            Verb::ActionUpdate { id, status, owner, due, ticket } => {
                let by = self.by(claim, &[])?;
                if !self.state.actions.contains_key(id) {
                    return Err(unknown("action", id, self.state.actions.keys()));
                }
                let due = due.as_deref().map(date).transpose()?;
                let told = |text: &Option<String>| text.as_ref().map(|text| self.told(text));
                Ok(vec![What::ActionChanged {
                    id: id.clone(),
                    status: *status,
                    owner: told(owner),
                    due,
                    ticket: told(ticket),
                    by,
                }])
            }
            _ => Ok(vec![]),
        }
    }
}

/// The error for an id that does not exist. `what` says what it should be the id of.
fn unknown<'a>(what: &str, id: &str, all: impl Iterator<Item = &'a String>) -> String {
    let ids: Vec<&str> = all.map(String::as_str).collect();
    format!("there is no {what} `{id}`; {}the {what}s are {}", meant(id, ids.iter().copied()), ids.join(", "))
}
