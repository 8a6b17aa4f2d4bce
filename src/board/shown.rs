//! What players see of the stages, and when: a scene when its stage begins, an inject when it is given, a task or a
//! decision when it is due, a gate when it is open. This is the only place in which the board of players reads stages,
//! and it takes single fields of them. Start with [`shown`].

use jiff::Timestamp;
use serde::Serialize;

use super::{
    items::{answer_words, item_until},
    stages::{ItemRef, stage_until},
};
use crate::exercise::{Act, Does, ItemEnd, ItemState, KnownExercise, Role, Stage};

/// Something that players see.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// What it is.
    pub sort: Sort,
    /// With which word the page answers it.
    pub item: ItemRef,
    /// The words.
    pub text: String,
    /// Who says it, of an inject.
    pub played: String,
    /// What must be true for a yes, of a gate.
    pub go_if: Vec<String>,
    /// The options of a decision.
    pub options: Vec<String>,
    /// When it became known, in milliseconds since 1970.
    pub at_ms: i64,
    /// Until when an answer counts; none without a limit.
    pub until_ms: Option<i64>,
    /// Whether an answer is expected now.
    pub open: bool,
    /// How it ended, in words; empty if it did not.
    pub ended: &'static str,
    /// The answer.
    pub answer: String,
}

/// What players see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The situation of a discussion.
    Scene,
    /// Something that they are told.
    Inject,
    /// Something that they do.
    Task,
    /// Something that they decide.
    Decision,
    /// A gate that they answer.
    Gate,
}

/// Everything that players know now, in the order in which they learned it.
pub(super) fn shown(known: &KnownExercise) -> Vec<Shown> {
    let mut all = vec![];
    for stage in &known.loaded.playbook.stages {
        all.extend(of_stage(known, stage));
        all.extend(stage.during.iter().filter_map(|item| of_item(known, &item.id, item.does()?)));
    }
    for added in &known.state.added {
        let own = known.state.item_of(&added.id);
        let text = known.people.named(&added.text);
        let inject = Shown { text, ..empty(known, Sort::Inject, &added.id, added.at) };
        all.push(ended(known, inject, &own));
    }
    all.sort_by_key(|shown| shown.at_ms);
    all
}

fn empty(known: &KnownExercise, sort: Sort, id: &str, at: Timestamp) -> Shown {
    Shown {
        sort,
        item: ItemRef::of(&known.state, id),
        text: String::new(),
        played: String::new(),
        go_if: vec![],
        options: vec![],
        at_ms: at.as_millisecond(),
        until_ms: None,
        open: false,
        ended: "",
        answer: String::new(),
    }
}

/// What a stage itself shows, from its beginning.
fn of_stage(known: &KnownExercise, stage: &Stage) -> Option<Shown> {
    let own = known.state.stage_of(&stage.id);
    let opened = own.opened?;
    let until_ms = stage_until(&known.state, stage);
    let open = own.is_open();
    Some(match stage.act()? {
        Act::Discuss(discuss) if discuss.whom.contains(&Role::Player) => {
            Shown { text: discuss.scene.clone(), ..empty(known, Sort::Scene, &stage.id, opened) }
        }
        Act::Gate(gate) if gate.ask == Role::Player => Shown {
            text: gate.question.clone(),
            go_if: gate.go_if.clone(),
            until_ms,
            open,
            ended: own.end.map_or("", |end| end.words()),
            ..empty(known, Sort::Gate, &stage.id, opened)
        },
        Act::Manual(task) if task.role == Role::Player => Shown {
            text: task.task.clone(),
            until_ms,
            open,
            ended: own.end.map_or("", |end| end.words()),
            ..empty(known, Sort::Task, &stage.id, opened)
        },
        _ => return None,
    })
}

/// What an item shows, once it is due.
fn of_item(known: &KnownExercise, id: &str, does: Does<'_>) -> Option<Shown> {
    let own = known.state.item_of(id);
    let shown = match does {
        Does::Inject(inject) if inject.to == Role::Player => Shown {
            text: inject.text.clone(),
            played: inject.played.clone(),
            ..empty(known, Sort::Inject, id, own.given?)
        },
        Does::Manual(task) if task.role == Role::Player => {
            Shown { text: task.task.clone(), ..empty(known, Sort::Task, id, own.due?) }
        }
        Does::Decide(decide) if decide.role == Role::Player => Shown {
            text: decide.question.clone(),
            options: decide.options.keys().cloned().collect(),
            ..empty(known, Sort::Decision, id, own.due?)
        },
        _ => return None,
    };
    Some(ended(known, Shown { until_ms: item_until(&known.state, &own, does), ..shown }, &own))
}

fn ended(known: &KnownExercise, shown: Shown, own: &ItemState) -> Shown {
    let by_player = own.by.as_ref().is_some_and(|by| by.role == Role::Player);
    let answer = match own.end {
        // Nobody said this: it is the default, which players did not know.
        Some(ItemEnd::Defaulted) => own.option.clone(),
        // What controllers and evaluators write about a response is not for players.
        Some(_) if by_player => answer_words(known, &own.option, &own.answer),
        Some(_) | None => String::new(),
    };
    Shown { open: own.is_open(), ended: own.end.map_or("", ItemEnd::words), answer, ..shown }
}
