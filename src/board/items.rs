//! What happens beside a stage, and what comes next. Start with [`items`].

use jiff::Timestamp;
use serde::Serialize;

use super::stages::{ItemRef, who_acts};
use crate::exercise::{Does, Item, ItemState, KnownExercise, Role, Stage, State, deadline, due_at};

/// An item beside the open stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the page shows each field under its name")]
pub struct ItemView {
    pub item: ItemRef,
    pub id: String,
    pub sort: &'static str,
    pub role: Role,
    /// The roles that can answer it now.
    pub answers: Vec<Role>,
    pub text: String,
    pub played: String,
    pub expect: String,
    pub options: Vec<String>,
    pub default: String,
    /// When it is due, in words.
    pub when: String,
    pub due_ms: Option<i64>,
    pub given: bool,
    pub until_ms: Option<i64>,
    pub open: bool,
    pub ended: &'static str,
    pub answer: String,
}

/// What comes next.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Next {
    pub gate: Option<(String, String)>,
    pub inject: Option<NextInject>,
}

/// The next inject that nobody gave yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub struct NextInject {
    pub id: String,
    pub played: String,
    pub text: String,
    pub when: String,
    /// When it is due; none if its moment has not come.
    pub due_ms: Option<i64>,
}

/// What happens beside the open stage, and the injects that were added on the day.
pub(super) fn items(known: &KnownExercise, open: Option<&Stage>) -> Vec<ItemView> {
    let own = open.into_iter().flat_map(|stage| &stage.during).filter_map(|item| view(known, item));
    let added = known.state.added.iter().map(|added| {
        let text = known.people.named(&added.text);
        let view = empty(known, &added.id, "inject", Role::Player, &text);
        let roles: &[Role] = if view.open { &[Role::Player, Role::Controller] } else { &[] };
        ItemView { when: "added".into(), answers: who_acts(known, roles), ..view }
    });
    own.chain(added).collect()
}

fn view(known: &KnownExercise, item: &Item) -> Option<ItemView> {
    let does = item.does()?;
    let view = match does {
        Does::Inject(inject) => ItemView {
            played: inject.played.clone(),
            expect: inject.expect.clone(),
            ..empty(known, &item.id, "inject", inject.to, &inject.text)
        },
        Does::Manual(task) => empty(known, &item.id, "task", task.role, &task.task),
        Does::Decide(decide) => ItemView {
            options: decide.options.keys().cloned().collect(),
            default: decide.default.clone().unwrap_or_default(),
            ..empty(known, &item.id, "decision", decide.role, &decide.question)
        },
    };
    let own = known.state.item_of(&item.id);
    let roles: &[Role] = match does {
        _ if !own.is_open() => &[],
        // An inject is given before it can be answered.
        Does::Inject(_) if own.given.is_none() => &[Role::Controller, Role::Director],
        Does::Inject(_) => &[view.role, Role::Controller, Role::Evaluator],
        Does::Manual(_) | Does::Decide(_) => &[view.role],
    };
    let answers = who_acts(known, roles);
    Some(ItemView { when: item.after.words(), until_ms: item_until(&known.state, &own, does), answers, ..view })
}

/// An item as far as all kinds of items are the same.
fn empty(known: &KnownExercise, id: &str, sort: &'static str, role: Role, text: &str) -> ItemView {
    let own = known.state.item_of(id);
    ItemView {
        item: ItemRef::of(&known.state, id),
        id: id.to_owned(),
        sort,
        role,
        answers: vec![],
        text: text.to_owned(),
        played: String::new(),
        expect: String::new(),
        options: vec![],
        default: String::new(),
        when: String::new(),
        due_ms: own.due.map(Timestamp::as_millisecond),
        given: own.given.is_some(),
        until_ms: None,
        open: own.is_open(),
        ended: own.end.map_or("", |end| end.words()),
        answer: answer_words(known, &own.option, &own.answer),
    }
}

/// Until when an open item can be answered in time.
pub(super) fn item_until(state: &State, own: &ItemState, does: Does<'_>) -> Option<i64> {
    let (began, within) = match does {
        Does::Inject(inject) => (own.given, inject.within),
        Does::Manual(task) => (own.due, task.within),
        Does::Decide(decide) => (own.due, Some(decide.within)),
    };
    deadline(state, began.filter(|_| own.is_open())?, within?).map(Timestamp::as_millisecond)
}

/// An answer: the option that was chosen, and what was said with it.
pub(super) fn answer_words(known: &KnownExercise, option: &str, said: &str) -> String {
    [option, &known.people.named(said)].join(" ").trim().to_owned()
}

/// The next gate and the next inject.
pub(super) fn next(known: &KnownExercise) -> Next {
    let state = &known.state;
    let left = || known.loaded.playbook.stages.iter().filter(move |stage| state.stage_of(&stage.id).end.is_none());
    let gate = left().find_map(|stage| Some((stage.id.clone(), stage.gate.as_ref()?.question.clone())));
    let inject = left().find_map(|stage| {
        let own = state.stage_of(&stage.id);
        stage.during.iter().find_map(|item| {
            let known = state.item_of(&item.id);
            let inject = item.inject.as_ref().filter(|_| known.given.is_none() && known.end.is_none())?;
            let due = known.due.or_else(|| due_at(state, stage, &own, item));
            Some(NextInject {
                id: item.id.clone(),
                played: inject.played.clone(),
                text: inject.text.clone(),
                when: item.after.words(),
                due_ms: due.map(Timestamp::as_millisecond),
            })
        })
    });
    Next { gate, inject }
}
