//! The run sheet of the board: the stages, with who can answer them until when, and the notes. Start with [`stages`].

use jiff::Timestamp;
use serde::Serialize;

use crate::exercise::{
    Act, KnownExercise, Note, Playbook, Role, Slot, Stage, StageEnd, State, TokenHash, deadline, plus, schedule,
};

/// How many notes are shown. The log has all of them.
const NOTES: usize = 40;

/// How the page names an item or a stage. The ids of a playbook tell what they are about, so players do not get them
/// before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ItemRef(String);

impl ItemRef {
    /// The reference of an id.
    pub(super) fn of(state: &State, id: &str) -> Self {
        Self(TokenHash::of(&format!("{}\0{}\0{id}", state.exercise, state.playbook_hash)).short())
    }

    /// Whether it refers to this id.
    pub(super) fn is(&self, state: &State, id: &str) -> bool {
        *self == Self::of(state, id)
    }

    /// The id that a page means.
    pub(super) fn find(known: &KnownExercise, given: &str) -> Option<String> {
        let stages = &known.loaded.playbook.stages;
        let own = stages.iter().flat_map(|stage| std::iter::once(&stage.id).chain(stage.during.iter().map(|i| &i.id)));
        let added = known.state.added.iter().map(|added| &added.id);
        own.chain(added).find(|id| Self::of(&known.state, id).0 == given).cloned()
    }
}

/// The time of an exercise, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ExerciseClock {
    pub planned_ms: Option<i64>,
    pub started_ms: Option<i64>,
    /// When it was stopped or closed.
    pub ended_ms: Option<i64>,
}

impl ExerciseClock {
    pub(super) fn of(state: &State) -> Self {
        let stopped = state.stopped.as_ref().map(|(at, ..)| *at);
        Self {
            planned_ms: state.planned.map(Timestamp::as_millisecond),
            started_ms: state.started.as_ref().map(|(at, _)| at.as_millisecond()),
            ended_ms: stopped.or(state.ended).map(Timestamp::as_millisecond),
        }
    }
}

/// A stage of the run sheet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct StageView {
    pub item: ItemRef,
    pub id: String,
    pub sort: &'static str,
    pub owner: Role,
    /// The words of the task, the question or the scene.
    pub text: String,
    pub go_if: Vec<String>,
    pub planned_ms: Option<i64>,
    pub takes_s: u64,
    pub opened_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    /// Until when an answer counts.
    pub until_ms: Option<i64>,
    pub end: Option<StageEnd>,
    pub detail: String,
    /// The roles that can answer it now.
    pub answers: Vec<Role>,
}

/// A note.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct NoteView {
    pub at_ms: i64,
    pub who: String,
    pub role: Role,
    pub on: &'static str,
    pub text: String,
}

/// The newest notes, the newest one first.
pub(super) fn notes(known: &KnownExercise, wanted: impl Fn(&Note) -> bool) -> Vec<NoteView> {
    let view = |note: &Note| NoteView {
        at_ms: note.at.as_millisecond(),
        who: known.people.name(&note.by.person),
        role: note.by.role,
        on: note.on.words(),
        text: known.people.named(&note.text),
    };
    known.state.notes.iter().rev().filter(|note| wanted(note)).take(NOTES).map(view).collect()
}

/// All stages, in order.
pub(super) fn stages(known: &KnownExercise) -> Vec<StageView> {
    let p = &known.loaded.playbook;
    let began = known.state.started.as_ref().map(|(at, _)| *at).or(known.state.planned);
    let slots = schedule(p, &known.loaded.uses);
    let view = |(stage, slot): (&Stage, Slot)| {
        let own = known.state.stage_of(&stage.id);
        let (sort, text, go_if, answers) = words(stage);
        StageView {
            item: ItemRef::of(&known.state, &stage.id),
            id: stage.id.clone(),
            sort,
            owner: stage.owner,
            text,
            go_if,
            planned_ms: began.map(|began| plus(began, slot.from).as_millisecond()),
            takes_s: stage.planned().0.as_secs(),
            opened_ms: own.opened.map(Timestamp::as_millisecond),
            ended_ms: own.ended.map(Timestamp::as_millisecond),
            until_ms: stage_until(&known.state, stage),
            end: own.end,
            detail: known.people.named(&own.detail),
            answers: answers.filter(|_| own.is_open()).map(|role| who_acts(known, &[role])).unwrap_or_default(),
        }
    };
    p.stages.iter().zip(slots).map(view).collect()
}

/// What a stage is, its words, what must be true for a yes, and who answers it.
fn words(stage: &Stage) -> (&'static str, String, Vec<String>, Option<Role>) {
    match stage.act() {
        Some(Act::Brief(brief)) => ("briefing", brief.text.clone(), vec![], None),
        Some(Act::Discuss(discuss)) => ("discussion", discuss.scene.clone(), discuss.ask.clone(), None),
        Some(Act::Manual(task)) => ("task", task.task.clone(), vec![], Some(task.role)),
        Some(Act::Check(check)) => ("review", check.words(), vec![], Some(stage.owner)),
        Some(Act::Gate(gate)) => ("gate", gate.question.clone(), gate.go_if.clone(), Some(gate.ask)),
        Some(Act::Scenario(drill)) => ("drill", drill.scenario.clone(), vec![], None),
        Some(Act::Review(_)) => ("hotwash", String::new(), vec![], None),
        Some(Act::SignOff(_)) => ("signatures", String::new(), vec![], None),
        None => ("", String::new(), vec![], None),
    }
}

/// The roles that may act where one of these is asked: a role that the playbook does not have falls to the director, and
/// a deputy acts for a role whose absence is recorded. `who` decides; this is for the buttons of the page.
pub(super) fn who_acts(known: &KnownExercise, roles: &[Role]) -> Vec<Role> {
    let p: &Playbook = &known.loaded.playbook;
    let mut all: Vec<Role> = roles.iter().copied().filter(|role| p.roles.get(*role).is_some()).collect();
    if all.is_empty() && !roles.is_empty() {
        all.push(Role::Director);
    }
    let absent = |role: &&Role| known.state.absent.iter().any(|(absent, _)| absent == *role);
    let deputies: Vec<Role> = all.iter().filter(absent).filter_map(|role| p.roles.get(*role)?.deputy).collect();
    all.extend(deputies);
    all
}

/// Until when an open stage can be answered in time.
pub(super) fn stage_until(state: &State, stage: &Stage) -> Option<i64> {
    let own = state.stage_of(&stage.id);
    let limit = stage.gate.as_ref().map(|g| g.within).or_else(|| stage.manual.as_ref().and_then(|m| m.within));
    deadline(state, own.opened.filter(|_| own.is_open())?, limit?).map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exercise::StageState;

    /// Otherwise the page of a gate that was answered would count how late the answer is.
    #[test]
    fn a_stage_that_ended_has_no_time_limit() {
        let gate = json!({"ask": "player", "question": "x", "within": "15m", "default": "go"});
        let stage = json!({"id": "go", "owner": "director", "gate": gate});
        let stage: Stage = serde_json::from_value(stage).expect("a stage");
        let mut state = State::default();
        let opened = StageState { opened: Some(Timestamp::UNIX_EPOCH), ..StageState::default() };
        state.stages.insert("go".into(), opened.clone());
        assert_eq!(stage_until(&state, &stage), Some(900_000));
        state.stages.insert("go".into(), StageState { end: Some(StageEnd::Done), ..opened });
        assert_eq!(stage_until(&state, &stage), None);
    }
}
