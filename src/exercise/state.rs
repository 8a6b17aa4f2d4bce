//! What an exercise has come to: the fold of its journal. Only lines change it, so every command that reads the same
//! lines knows the same. Start with [`State::of`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

pub use super::parts::{
    Action, Added, DrillEnd, Dropped, ItemEnd, ItemState, Note, Resumption, ReviewEnd, ReviewState, Seen, StageState,
};
use super::{
    people::PersonId,
    playbook::Role,
    what::{By, ClusterAccess, DrillMoment, KeptHolding, Line, Rating, Seat, StopFor, What},
};
use crate::model::Told;

/// How far an exercise is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExercisePhase {
    /// Nobody authorised it yet.
    #[default]
    Prepared,
    /// It may start.
    Authorised,
    /// It goes on.
    Running,
    /// It is paused.
    Paused,
    /// It was stopped early; the hotwash is still to come.
    Stopped,
    /// The hotwash is done.
    Reviewed,
    /// It is closed, and nothing is added.
    Closed,
}

impl ExercisePhase {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Prepared => "prepared: it waits for `exercise authorise`",
            Self::Authorised => "authorised: it waits for `exercise start`",
            Self::Running => "running",
            Self::Paused => "paused: `exercise resume` continues it",
            Self::Stopped => "stopped",
            Self::Reviewed => "reviewed: it waits for signatures and `exercise close`",
            Self::Closed => "closed",
        }
    }
}

/// What an exercise has come to.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the kinds of lines say what each is")]
pub struct State {
    pub exercise: String,
    pub tool: String,
    pub playbook_hash: String,
    pub set: BTreeMap<String, String>,
    pub scenarios: BTreeMap<String, String>,
    pub papers: BTreeMap<String, String>,
    pub seats: Vec<Seat>,
    pub place: ClusterAccess,
    pub planned: Option<Timestamp>,
    pub phase: ExercisePhase,
    pub authorised: Option<(Timestamp, By, String)>,
    pub started: Option<(Timestamp, By)>,
    pub unattended: bool,
    /// The context, and the UID of the cluster that was behind it when the exercise began.
    pub cluster: Option<(String, String)>,
    pub stages: BTreeMap<String, StageState>,
    pub items: BTreeMap<String, ItemState>,
    pub seen: Vec<Seen>,
    pub notes: Vec<Note>,
    pub ratings: BTreeMap<String, (Rating, By, Told)>,
    pub dropped: BTreeMap<String, Dropped>,
    pub said: Vec<(String, Told, By)>,
    pub absent: Vec<(Role, Told)>,
    pub added: Vec<Added>,
    pub pauses: Vec<(Timestamp, Option<Timestamp>, Told)>,
    pub resumptions: Vec<Resumption>,
    pub stopped: Option<(Timestamp, StopFor, Told, Option<By>)>,
    pub actions: BTreeMap<String, Action>,
    pub signed: Vec<(Timestamp, By, String, String)>,
    pub erased: Vec<PersonId>,
    pub ended: Option<Timestamp>,
    pub sessions: u64,
}

impl State {
    /// Folds lines.
    pub fn of(lines: &[Line]) -> Self {
        let mut state = Self::default();
        lines.iter().for_each(|line| state.take(line.at, &line.event));
        state
    }

    /// Adds what happened.
    pub fn take(&mut self, at: Timestamp, event: &What) {
        match event {
            What::ExercisePrepared { .. } => self.prepared(event),
            What::SessionOpened { .. } => self.sessions += 1,
            What::Authorised { by, hash } => {
                self.authorised = Some((at, by.clone(), hash.clone()));
                self.phase = ExercisePhase::Authorised;
            }
            What::Started { by, unattended } => {
                self.started = Some((at, by.clone()));
                self.unattended = *unattended;
                self.phase = ExercisePhase::Running;
            }
            What::ClusterIdentified { context, uid } => self.cluster = Some((context.clone(), uid.clone())),
            What::CheckLaunched { .. } | What::CheckEnded { .. } => self.review(at, event),
            What::StageOpened { .. }
            | What::StageClosed { .. }
            | What::DrillLaunched { .. }
            | What::DrillEnded { .. } => {
                self.stage(at, event);
            }
            What::DrillSeen { stage, step, moment, happened } => {
                let seen = Seen { stage: stage.clone(), step: step.clone(), moment: *moment, at: *happened };
                self.seen.push(seen);
            }
            What::ItemDue { .. }
            | What::InjectGiven { .. }
            | What::Answered { .. }
            | What::Missed { .. }
            | What::Defaulted { .. }
            | What::Skipped { .. } => self.item(at, event),
            What::InjectAdded { item, text, why, .. } => {
                self.added.push(Added { id: item.clone(), text: text.clone(), why: why.clone(), at });
                self.items.insert(item.clone(), ItemState { due: Some(at), given: Some(at), ..ItemState::default() });
            }
            What::Noted { by, on, text, kept } => {
                self.notes.push(Note { at, by: by.clone(), on: *on, text: text.clone() });
                if let Some(KeptHolding { item, option }) = kept {
                    self.items.entry(item.clone()).or_default().kept = Some(option.clone());
                }
            }
            What::Rated { objective, rating, by, why } => {
                self.ratings.insert(objective.clone(), (*rating, by.clone(), why.clone()));
            }
            What::ObjectiveDropped { objective, by, why } => {
                let dropped = Dropped { at, by: by.clone(), why: why.clone() };
                self.dropped.entry(objective.clone()).or_insert(dropped);
            }
            What::Said { question, text, by } => self.said.push((question.clone(), text.clone(), by.clone())),
            What::RoleAbsent { role, why, .. } => self.absent.push((*role, why.clone())),
            What::Paused { why, .. } => {
                self.pauses.push((at, None, why.clone()));
                self.phase = ExercisePhase::Paused;
            }
            What::Resumed { checked, unchecked, .. } => {
                let resumption = Resumption { at, checked: checked.clone(), unchecked: unchecked.clone() };
                self.resumptions.push(resumption);
                if let Some((_, to, _)) = self.pauses.last_mut() {
                    *to = Some(at);
                }
                self.phase = ExercisePhase::Running;
            }
            What::Stopped { by, how, why, .. } => {
                self.stopped = Some((at, *how, why.clone(), by.clone()));
                self.phase = ExercisePhase::Stopped;
            }
            What::Reviewed { .. } => self.phase = ExercisePhase::Reviewed,
            What::ActionAdded { .. } | What::ActionChanged { .. } => self.action(event),
            What::Signed { by, head, report } => self.signed.push((at, by.clone(), head.clone(), report.clone())),
            What::Closed { .. } => {
                self.phase = ExercisePhase::Closed;
                self.ended = Some(at);
            }
            What::Erased { person } => self.erased.push(person.clone()),
        }
    }

    fn prepared(&mut self, event: &What) {
        let What::ExercisePrepared {
            exercise,
            tool,
            playbook_hash,
            set,
            scenarios,
            papers,
            seats,
            place,
            planned,
            carried,
            ..
        } = event
        else {
            return;
        };
        self.exercise.clone_from(exercise);
        self.tool.clone_from(tool);
        self.playbook_hash.clone_from(playbook_hash);
        self.set.clone_from(set);
        self.scenarios.clone_from(scenarios);
        self.papers.clone_from(papers);
        self.seats.clone_from(seats);
        self.place.clone_from(place);
        self.planned = *planned;
        for action in carried {
            let (text, owner) = (action.text.clone(), action.owner.clone());
            let carried = Action {
                id: action.id.clone(),
                text,
                owner,
                due: action.due.clone(),
                proven_when: action.proven_when.clone(),
                from: action.from.clone(),
                ..Action::default()
            };
            self.actions.insert(action.id.clone(), carried);
        }
    }

    fn stage(&mut self, at: Timestamp, event: &What) {
        match event {
            What::StageOpened { stage, .. } => {
                self.stages.insert(stage.clone(), StageState { opened: Some(at), ..StageState::default() });
            }
            What::StageClosed { stage, end, ended, detail, evidence, .. } => {
                let state = self.stages.entry(stage.clone()).or_default();
                state.end = Some(*end);
                state.ended = Some(*ended);
                state.detail = detail.clone();
                state.evidence = evidence.as_ref().map(|e| e.sha256.clone());
            }
            What::DrillLaunched { stage, folder } => {
                let state = self.stages.entry(stage.clone()).or_default();
                state.folder = Some(folder.clone());
                state.launched = Some(at);
            }
            What::DrillEnded { stage, run, head, exit, happened, judged } => {
                self.stages.entry(stage.clone()).or_default().drill = Some(DrillEnd {
                    run: run.clone(),
                    head: head.clone(),
                    exit: *exit,
                    at: *happened,
                    judged: judged.clone(),
                });
            }
            _ => {}
        }
    }

    fn review(&mut self, at: Timestamp, event: &What) {
        match event {
            What::CheckLaunched { stage } => {
                self.stages.entry(stage.clone()).or_default().review = Some(ReviewState { launched: at, end: None });
            }
            What::CheckEnded { stage, happened, exit, readiness, why, evidence } => {
                let own = self.stages.entry(stage.clone()).or_default();
                let review = own.review.get_or_insert(ReviewState { launched: at, end: None });
                review.end = Some(ReviewEnd {
                    at: *happened,
                    exit: *exit,
                    readiness: *readiness,
                    why: why.clone(),
                    evidence: evidence.clone(),
                });
            }
            _ => {}
        }
    }

    fn item(&mut self, at: Timestamp, event: &What) {
        match event {
            What::ItemDue { item, due } => self.items.entry(item.clone()).or_default().due = Some(*due),
            What::InjectGiven { item, .. } => {
                let state = self.items.entry(item.clone()).or_default();
                state.given = Some(at);
                state.due.get_or_insert(at);
            }
            What::Answered { item, option, answer, by, late, evidence } => {
                let end = if *late { ItemEnd::Late } else { ItemEnd::Answered };
                let state = self.end(item, at, end);
                state.option.clone_from(option);
                state.answer = answer.clone();
                state.by = Some(by.clone());
                state.evidence = evidence.as_ref().map(|e| e.sha256.clone());
            }
            What::Missed { item, due } => {
                self.end(item, *due, ItemEnd::Missed);
            }
            What::Defaulted { item, option, due } => {
                self.end(item, *due, ItemEnd::Defaulted).option.clone_from(option);
            }
            What::Skipped { item, why, .. } => self.end(item, at, ItemEnd::Skipped).answer = why.clone(),
            _ => {}
        }
    }

    fn end(&mut self, item: &str, at: Timestamp, end: ItemEnd) -> &mut ItemState {
        let state = self.items.entry(item.to_owned()).or_default();
        state.end = Some(end);
        state.ended = Some(at);
        state
    }

    fn action(&mut self, event: &What) {
        match event {
            What::ActionAdded { id, text, owner, due, proven_when, .. } => {
                let action = Action {
                    id: id.clone(),
                    text: text.clone(),
                    owner: owner.clone(),
                    due: due.clone(),
                    proven_when: proven_when.clone(),
                    ..Action::default()
                };
                self.actions.insert(id.clone(), action);
            }
            What::ActionChanged { id, status, owner, due, ticket, .. } => {
                let Some(action) = self.actions.get_mut(id) else { return };
                action.status = status.unwrap_or(action.status);
                action.owner = owner.clone().unwrap_or_else(|| action.owner.clone());
                action.due = due.clone().unwrap_or_else(|| action.due.clone());
                action.ticket = ticket.clone().unwrap_or_else(|| action.ticket.clone());
            }
            _ => {}
        }
    }

    /// Whether it shows nothing about real people and clusters.
    pub fn is_rehearsal(&self) -> bool {
        self.unattended || matches!(self.place, ClusterAccess::Simulated { .. })
    }

    /// A stage.
    pub fn stage_of(&self, id: &str) -> StageState {
        self.stages.get(id).cloned().unwrap_or_default()
    }

    /// An item.
    pub fn item_of(&self, id: &str) -> ItemState {
        self.items.get(id).cloned().unwrap_or_default()
    }

    /// When a moment of a drill was first seen.
    pub fn seen_at(&self, stage: &str, step: &str, moment: DrillMoment) -> Option<Timestamp> {
        let found = self.seen.iter().find(|s| s.stage == stage && s.step == step && s.moment == moment);
        found.map(|seen| seen.at)
    }
}
