//! `next` and `answer`: how stages end and begin.

use super::Day;
use crate::{
    exercise::{
        check_stage::{Standing, result},
        order::next_stage,
        playbook::{JudgedBy, Role},
        stage::{Act, Stage},
        state::ExercisePhase,
        what::{By, StageEnd, StopFor, What},
        who::Claim,
    },
    model::Told,
};

impl Day<'_> {
    /// Closes the open stage, if nothing in it is missing, and opens the next one.
    pub(super) fn next(&self, claim: &Claim, skip: Option<&str>) -> Result<Vec<What>, String> {
        self.in_phase(&[ExercisePhase::Running, ExercisePhase::Stopped, ExercisePhase::Reviewed])?;
        let by = self.by(claim, &[Role::Director])?;
        let mut lines = vec![];
        if let Some((_, stage)) = self.open() {
            match skip {
                Some(why) => lines.extend(self.skipped(stage, &by, why)?),
                None => lines.extend(self.finished(stage, &by)?),
            }
        }
        match next_stage(self.playbook, self.state) {
            Some(stage) => lines.push(What::StageOpened { stage: stage.id.clone(), by }),
            None if lines.is_empty() => {
                return Err("there are no more stages: use `exercise sign`, then `exercise close`".into());
            }
            None => {}
        }
        Ok(lines)
    }

    fn skipped(&self, stage: &Stage, by: &By, why: &str) -> Result<Vec<What>, String> {
        if stage.scenario.is_some() && self.watched.is_some_and(|w| w.drill.dir.is_some() && w.drill.end.is_none()) {
            return Err(
                "the drill of this stage goes on and cannot be skipped: wait for its end, or use `exercise stop`"
                    .into(),
            );
        }
        if stage.sign_off.is_some() {
            return Err("signatures cannot be skipped".into());
        }
        let why = self.text(why, "the reason")?;
        let mut lines = self.leaves(stage, &why);
        lines.push(What::StageClosed {
            stage: stage.id.clone(),
            end: StageEnd::Skipped,
            ended: self.now,
            by: Some(by.clone()),
            detail: why,
            evidence: None,
        });
        if stage.review.is_some() {
            lines.push(What::Reviewed { by: by.clone() });
        }
        Ok(lines)
    }

    /// The items that the end of a stage cuts off.
    fn leaves(&self, stage: &Stage, why: &Told) -> Vec<What> {
        let open = stage.during.iter().filter(|item| self.state.item_of(&item.id).end.is_none());
        open.map(|item| What::Skipped { item: item.id.clone(), by: None, why: why.clone() }).collect()
    }

    fn finished(&self, stage: &Stage, by: &By) -> Result<Vec<What>, String> {
        let id = &stage.id;
        let done = |mut lines: Vec<What>| {
            lines.push(self.ends(stage, StageEnd::Done, by.clone(), ""));
            Ok(lines)
        };
        match stage.act() {
            Some(Act::Brief(_) | Act::Discuss(_)) => {
                let open = stage.during.iter().filter(|item| self.state.item_of(&item.id).is_open());
                let open: Vec<&str> = open.map(|item| item.id.as_str()).collect();
                if !open.is_empty() {
                    return Err(format!(
                        "still open in stage `{id}`: {}. Answer them, or use `exercise next --skip REASON`",
                        open.join(", ")
                    ));
                }
                done(self.leaves(stage, &"the stage ended before it was due".into()))
            }
            Some(Act::Manual(task)) => Err(format!("stage `{id}` waits for {}: `exercise done {id}`", task.role)),
            Some(Act::Check(_)) => Err(self.review_is_missing(stage)),
            Some(Act::Gate(gate)) => Err(format!("stage `{id}` waits for {}: `exercise answer {id} yes|no`", gate.ask)),
            Some(Act::Scenario(_)) => Err(format!(
                "the drill of stage `{id}` has not ended, or an item beside it is open: `exercise status` shows it"
            )),
            Some(Act::SignOff(_)) => Err("the last stage ends with `exercise sign`, then `exercise close`".into()),
            Some(Act::Review(review)) => {
                let missing: Vec<&str> =
                    review.rate.iter().filter(|id| self.needs_rating(id)).map(String::as_str).collect();
                if !missing.is_empty() {
                    return Err(format!(
                        "objectives without a rating: {}. `exercise rate {} P|S|M|U`",
                        missing.join(", "),
                        missing[0]
                    ));
                }
                let mut lines = vec![self.ends(stage, StageEnd::Done, by.clone(), "")];
                lines.push(What::Reviewed { by: by.clone() });
                Ok(lines)
            }
            None => done(vec![]),
        }
    }

    /// Why the review does not let the exercise continue, and what to do.
    fn review_is_missing(&self, stage: &Stage) -> String {
        let id = &stage.id;
        let own = self.state.stage_of(id);
        let help = format!("`exercise done {id}` records a result, or `exercise next --skip REASON`");
        match Standing::of(&self.state.place, stage, &own) {
            Standing::Ended(end) => {
                format!("the review of stage `{id}` does not let the exercise continue: {}. {help}", result(end))
            }
            _ => format!("stage `{id}` waits for its review: {help}"),
        }
    }

    fn needs_rating(&self, id: &str) -> bool {
        let objective = self.playbook.objectives.iter().find(|o| o.id == id);
        let by_people = objective.is_some_and(|o| matches!(o.judge.one(), Some(JudgedBy::Rating(_))));
        let dropped = self.state.dropped.contains_key(id);
        by_people && !dropped && !self.state.ratings.contains_key(id)
    }

    pub(super) fn answer(&self, claim: &Claim, id: &str, yes: bool, text: &str) -> Result<Vec<What>, String> {
        self.in_phase(&[ExercisePhase::Running])?;
        let open = self.open().filter(|(_, stage)| stage.id == id);
        let Some(gate) = open.and_then(|(_, stage)| stage.gate.as_ref()) else {
            let open = self.open().filter(|(_, stage)| stage.gate.is_some()).map(|(_, stage)| stage.id.as_str());
            let help = open.map_or_else(|| "no gate is open".to_owned(), |open| format!("the open gate is `{open}`"));
            return Err(format!("gate `{id}` is not open; {help}"));
        };
        let by = self.by(claim, &[gate.ask])?;
        let end = if yes { StageEnd::Done } else { StageEnd::Failed };
        let said = format!("{}{}{}", if yes { "go" } else { "no" }, if text.is_empty() { "" } else { ": " }, text);
        let stage = self.open().map(|(_, stage)| stage).expect("it is open");
        let mut lines = vec![self.ends(stage, end, by.clone(), &said)];
        if !yes {
            lines.push(What::Stopped {
                by: Some(by),
                how: StopFor::Gate,
                why: self.told(&format!("gate {id} was answered with no. {text}")),
                phrase: false,
            });
        }
        Ok(lines)
    }
}
