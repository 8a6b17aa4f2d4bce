//! `decide`, `done`, `inject`: what people do about items and tasks.

use super::{Day, Verb};
use crate::{
    exercise::{
        check_stage::is_ready,
        playbook::Role,
        stage::{Act, Does, Effect, Evidence, Item, Require, Stage},
        state::{ExercisePhase, ItemEnd},
        what::{Attached, KeptHolding, NoteOn, StageEnd, What},
        who::Claim,
    },
    scenario::meant,
};

impl<'a> Day<'a> {
    /// An item of the open stage.
    fn find(&self, id: &str) -> Result<&'a Item, String> {
        let (_, stage) = self.open().ok_or("no stage is open")?;
        stage.during.iter().find(|item| item.id == id).ok_or_else(|| {
            let ids: Vec<&str> = stage.during.iter().map(|item| item.id.as_str()).collect();
            let known = if ids.is_empty() { "it has none".to_owned() } else { format!("it has {}", ids.join(", ")) };
            format!("stage `{}` has no item `{id}`; {}{known}", stage.id, meant(id, ids.iter().copied()))
        })
    }

    pub(super) fn item(&self, claim: &Claim, verb: &Verb) -> Result<Vec<What>, String> {
        self.in_phase(&[ExercisePhase::Running])?;
        match verb {
            Verb::Decide { item, option, text } => self.choose(claim, item, option, text),
            Verb::Done { id, text, evidence } => self.done(claim, id, text, evidence.as_ref()),
            Verb::Inject { item } => {
                let found = self.find(item)?;
                let Some(Does::Inject(inject)) = found.does() else { return Err(format!("`{item}` is not an inject")) };
                let by = self.by(claim, &[Role::Controller, Role::Director])?;
                let known = self.state.item_of(item);
                if known.given.is_some() || known.end.is_some() {
                    return Err(format!("inject `{item}` was given already, or is over"));
                }
                let mut lines = vec![What::InjectGiven { item: item.clone(), by: by.clone() }];
                if inject.expect.is_empty() {
                    lines.push(What::Answered {
                        item: item.clone(),
                        option: String::new(),
                        answer: "given; no response is expected".into(),
                        by,
                        late: false,
                        evidence: None,
                    });
                }
                Ok(lines)
            }
            Verb::InjectNew { id, text, why } => {
                let by = self.by(claim, &[Role::Controller, Role::Director])?;
                if self.known_id(id) || self.state.items.contains_key(id) {
                    return Err(format!("there is an item or stage `{id}` already: choose another id"));
                }
                Ok(vec![What::InjectAdded {
                    item: id.clone(),
                    text: self.text(text, "the inject")?,
                    by,
                    why: self.text(why, "the reason (--because)")?,
                }])
            }
            Verb::SkipItem { item, why } => {
                self.find(item)?;
                let by = self.by(claim, &[Role::Controller, Role::Director])?;
                if self.state.item_of(item).end.is_some() {
                    return Err(format!("`{item}` is over already"));
                }
                Ok(vec![What::Skipped { item: item.clone(), by: Some(by), why: self.text(why, "the reason")? }])
            }
            _ => Ok(vec![]),
        }
    }

    fn known_id(&self, id: &str) -> bool {
        self.playbook.stages.iter().any(|stage| stage.id == id || stage.during.iter().any(|item| item.id == id))
    }

    fn choose(&self, claim: &Claim, id: &str, option: &str, text: &str) -> Result<Vec<What>, String> {
        let found = self.find(id)?;
        let Some(Does::Decide(decide)) = found.does() else {
            return Err(format!("`{id}` is not a decision: use `exercise done {id}`"));
        };
        let by = self.by(claim, &[decide.role])?;
        let Some(effect) = decide.options.get(option) else {
            let options: Vec<&str> = decide.options.keys().map(String::as_str).collect();
            return Err(format!(
                "`{option}` is not an option of `{id}`; {}write one of {}",
                meant(option, options.iter().copied()),
                options.join(", ")
            ));
        };
        let known = self.state.item_of(id);
        match known.end {
            None if known.due.is_none() => {
                return Err(format!("decision `{id}` is not due yet ({})", found.after.words()));
            }
            Some(ItemEnd::Defaulted) => {
                return Err(format!("nobody decided `{id}` in time, and the default `{}` counts", known.option));
            }
            Some(_) => return Err(format!("`{id}` is decided already: {}", known.option)),
            None => {}
        }
        // The drill goes on waiting, and so does the decision.
        if *effect == Effect::KeepHolding {
            let text = self.told(&format!("{id}: {option}. {text}"));
            let kept = Some(KeptHolding { item: id.to_owned(), option: option.to_owned() });
            return Ok(vec![What::Noted { by, on: NoteOn::Observation, text, kept }]);
        }
        Ok(vec![What::Answered {
            item: id.to_owned(),
            option: option.to_owned(),
            answer: self.told(text),
            by,
            late: false,
            evidence: None,
        }])
    }

    fn done(&self, claim: &Claim, id: &str, text: &str, evidence: Option<&Attached>) -> Result<Vec<What>, String> {
        if let Some((_, stage)) = self.open().filter(|(_, stage)| stage.id == id) {
            return self.stage_done(claim, stage, text, evidence);
        }
        if self.state.added.iter().any(|added| added.id == id) {
            let by = self.by(claim, &[Role::Player, Role::Controller])?;
            return Ok(vec![What::Answered {
                item: id.to_owned(),
                option: String::new(),
                answer: self.told(text),
                by,
                late: false,
                evidence: evidence.cloned(),
            }]);
        }
        let found = self.find(id)?;
        let (role, wanted) = match found.does() {
            Some(Does::Manual(manual)) => (manual.role, manual.evidence),
            Some(Does::Inject(inject)) => (inject.to, Evidence::None),
            _ => return Err(format!("`{id}` is a decision: use `exercise decide {id} OPTION`")),
        };
        let roles = if found.inject.is_some() { vec![role, Role::Controller, Role::Evaluator] } else { vec![role] };
        let by = self.by(claim, &roles)?;
        has(wanted, text, evidence)?;
        let known = self.state.item_of(id);
        match known.end {
            None if known.due.is_none() => return Err(format!("`{id}` is not due yet ({})", found.after.words())),
            None if found.inject.is_some() && known.given.is_none() => {
                return Err(format!("inject `{id}` was not given yet: `exercise inject {id}`"));
            }
            None | Some(ItemEnd::Missed) => {}
            Some(end) => return Err(format!("`{id}` is over already: {}", end.words())),
        }
        let late = known.end == Some(ItemEnd::Missed);
        Ok(vec![What::Answered {
            item: id.to_owned(),
            option: String::new(),
            answer: self.told(text),
            by,
            late,
            evidence: evidence.cloned(),
        }])
    }

    fn stage_done(
        &self,
        claim: &Claim,
        stage: &Stage,
        text: &str,
        evidence: Option<&Attached>,
    ) -> Result<Vec<What>, String> {
        let (role, wanted) = match stage.act() {
            Some(Act::Manual(manual)) => (manual.role, manual.evidence),
            Some(Act::Check(_)) => (stage.owner, Evidence::Text),
            _ => return Err(format!("stage `{}` ends with `exercise next`", stage.id)),
        };
        let by = self.by(claim, &[role])?;
        has(wanted, text, evidence)?;
        self.attached_review(stage, evidence)?;
        Ok(vec![What::StageClosed {
            stage: stage.id.clone(),
            end: StageEnd::Done,
            ended: self.now,
            by: Some(by),
            detail: self.told(text),
            evidence: evidence.cloned(),
        }])
    }
}

impl Day<'_> {
    /// Somebody may give the review instead of the program. A file that says itself that the cluster is not ready does
    /// not make it ready.
    fn attached_review(&self, stage: &Stage, evidence: Option<&Attached>) -> Result<(), String> {
        let Some(Act::Check(check)) = stage.act() else { return Ok(()) };
        match evidence.and_then(|file| file.review) {
            Some(readiness) if check.require == Require::Ready && !is_ready(Some(readiness)) => Err(format!(
                "this review says {readiness}, and the playbook requires ready: attach a newer one, or use `exercise next --skip REASON`"
            )),
            _ => Ok(()),
        }
    }
}

/// Refuses an answer without the evidence that the playbook asks for.
fn has(wanted: Evidence, text: &str, evidence: Option<&Attached>) -> Result<(), String> {
    match wanted {
        Evidence::Text if text.trim().is_empty() && evidence.is_none() => {
            Err("this task needs a sentence as evidence: add --text TEXT".into())
        }
        Evidence::Output if evidence.is_none() => {
            Err("this task needs what a command printed as evidence: add --file FILE".into())
        }
        _ => Ok(()),
    }
}
