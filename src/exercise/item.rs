//! What happens beside a stage of a playbook: injects, tasks and decisions. Start with [`Item`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{playbook::Role, stage::Manual};
use crate::model::Dur;

/// What happens beside a stage. Exactly one of inject, manual and decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Lower-case words with dashes: verbs such as `exercise decide` use it.
    pub id: String,
    /// When it is due.
    pub after: After,
    /// Something that the players are told.
    #[serde(default)]
    pub inject: Option<Inject>,
    /// Something that somebody does.
    #[serde(default)]
    pub manual: Option<Manual>,
    /// Something that somebody decides.
    #[serde(default)]
    pub decide: Option<Decide>,
}

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields of Item say it")]
pub enum Does<'a> {
    Inject(&'a Inject),
    Manual(&'a Manual),
    Decide(&'a Decide),
}

impl Item {
    /// Everything that it says to do: exactly one in a playbook without mistakes.
    pub fn all(&self) -> Vec<Does<'_>> {
        let all = [
            self.inject.as_ref().map(Does::Inject),
            self.manual.as_ref().map(Does::Manual),
            self.decide.as_ref().map(Does::Decide),
        ];
        all.into_iter().flatten().collect()
    }

    /// What it does.
    pub fn does(&self) -> Option<Does<'_>> {
        self.all().first().copied()
    }

    /// The role that answers.
    pub fn role(&self) -> Option<Role> {
        self.does().map(|does| match does {
            Does::Inject(inject) => inject.to,
            Does::Manual(manual) => manual.role,
            Does::Decide(decide) => decide.role,
        })
    }

    /// How long the answer may take.
    pub fn within(&self) -> Option<Dur> {
        self.does().and_then(|does| match does {
            Does::Inject(inject) => inject.within,
            Does::Manual(manual) => manual.within,
            Does::Decide(decide) => Some(decide.within),
        })
    }
}

/// When an item is due: after one of step, alertReceived, item or start, and `plus` later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct After {
    /// When this step of the stage's scenario is done.
    pub step: Option<String>,
    /// When Alertmanager has the first alert of this step's fault.
    pub alert_received: Option<String>,
    /// When this item was answered, or its time is over.
    pub item: Option<String>,
    /// When the stage begins. Write `start: true`.
    pub start: Option<bool>,
    /// How much later. Default 0s.
    pub plus: Option<Dur>,
}

/// A moment from which an item is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment<'a> {
    /// A step is done.
    Step(&'a str),
    /// The first alert of a step's fault was received.
    Alert(&'a str),
    /// An item was answered.
    Item(&'a str),
    /// The stage begins.
    Start,
}

impl After {
    /// The moment; none unless exactly one is given.
    pub fn moment(&self) -> Option<Moment<'_>> {
        match (&self.step, &self.alert_received, &self.item, self.start) {
            (Some(step), None, None, None | Some(false)) => Some(Moment::Step(step)),
            (None, Some(step), None, None | Some(false)) => Some(Moment::Alert(step)),
            (None, None, Some(item), None | Some(false)) => Some(Moment::Item(item)),
            (None, None, None, Some(true)) => Some(Moment::Start),
            _ => None,
        }
    }

    /// In words, for the papers.
    pub fn words(&self) -> String {
        let what = match self.moment() {
            Some(Moment::Step(step)) => format!("step `{step}` is done"),
            Some(Moment::Alert(step)) => format!("the first alert of `{step}` is received"),
            Some(Moment::Item(item)) => format!("`{item}` is answered"),
            Some(Moment::Start) => "the stage begins".into(),
            None => "an unknown moment".into(),
        };
        match self.plus {
            Some(plus) if !plus.0.is_zero() => format!("{plus} after {what}"),
            _ => format!("as soon as {what}"),
        }
    }
}

/// Something that the players are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Inject {
    /// Whom the controller tells it.
    pub to: Role,
    /// Whom the controller plays, such as `Press office`.
    #[serde(rename = "as")]
    pub played: String,
    /// The words. Players hear them when the inject is given, not before.
    pub text: String,
    /// What a good response is. Players do not see it. Default: no response is expected.
    #[serde(default)]
    pub expect: String,
    /// How soon the response is expected. Default: no limit.
    #[serde(default)]
    pub within: Option<Dur>,
}

/// Something that somebody decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Who.
    pub role: Role,
    /// The question.
    pub question: String,
    /// The answers, and what each does to a drill that holds for this decision: release, keepHolding or nothing.
    pub options: BTreeMap<String, Effect>,
    /// How long the decision may take.
    pub within: Dur,
    /// The answer that counts when nobody decides in time. Every decision needs one.
    #[serde(default)]
    pub default: Option<String>,
}

/// What an answer does to a drill that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The held step begins.
    Release,
    /// The drill goes on waiting, until another decision or the time limit.
    KeepHolding,
    /// Nothing.
    Nothing,
}
