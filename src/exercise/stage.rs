//! The stages of a playbook. What happens beside them is in `item`. Start with [`Stage`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use super::item::{After, Decide, Does, Effect, Inject, Item, Moment};
use super::playbook::Role;
use crate::model::Dur;

/// A stage. Exactly one of brief, discuss, manual, check, gate, scenario, review and signOff.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Stage {
    /// Lower-case words with dashes: verbs such as `exercise done` use it.
    pub id: String,
    /// The role that is responsible for the stage.
    pub owner: Role,
    /// How long it takes by plan. The run sheet and the calendar are made from this. Default: the time limit of a gate,
    /// otherwise 10m.
    #[serde(default)]
    pub takes: Option<Dur>,
    /// Tell people what happens, with the players' hand-out.
    #[serde(default)]
    pub brief: Option<Brief>,
    /// Talk through a situation.
    #[serde(default)]
    pub discuss: Option<Discuss>,
    /// Somebody does something and says what came of it.
    #[serde(default)]
    pub manual: Option<Manual>,
    /// A readiness review of the cluster, by `drillmaster check`.
    #[serde(default)]
    pub check: Option<Check>,
    /// A decision about whether the exercise continues.
    #[serde(default)]
    pub gate: Option<Gate>,
    /// A drill.
    #[serde(default)]
    pub scenario: Option<Drill>,
    /// The hotwash: rate the objectives and ask everybody.
    #[serde(default)]
    pub review: Option<Review>,
    /// Sign the report, and distribute it.
    #[serde(default)]
    pub sign_off: Option<SignOff>,
    /// What happens beside the stage. Default: nothing.
    #[serde(default)]
    pub during: Vec<Item>,
}

/// What a stage does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields of Stage say it")]
pub enum Act<'a> {
    Brief(&'a Brief),
    Discuss(&'a Discuss),
    Manual(&'a Manual),
    Check(&'a Check),
    Gate(&'a Gate),
    Scenario(&'a Drill),
    Review(&'a Review),
    SignOff(&'a SignOff),
}

impl Stage {
    /// The keys of the acts.
    pub const ACTS: [&'static str; 8] =
        ["brief", "discuss", "manual", "check", "gate", "scenario", "review", "signOff"];

    /// Everything that it says to do: exactly one in a playbook without mistakes.
    pub fn acts(&self) -> Vec<Act<'_>> {
        let all = [
            self.brief.as_ref().map(Act::Brief),
            self.discuss.as_ref().map(Act::Discuss),
            self.manual.as_ref().map(Act::Manual),
            self.check.as_ref().map(Act::Check),
            self.gate.as_ref().map(Act::Gate),
            self.scenario.as_ref().map(Act::Scenario),
            self.review.as_ref().map(Act::Review),
            self.sign_off.as_ref().map(Act::SignOff),
        ];
        all.into_iter().flatten().collect()
    }

    /// What it does.
    pub fn act(&self) -> Option<Act<'_>> {
        self.acts().first().copied()
    }

    /// How long it takes by plan.
    pub fn planned(&self) -> Dur {
        self.takes.or_else(|| self.gate.as_ref().map(|gate| gate.within)).unwrap_or(TEN_MINUTES)
    }
}

const TEN_MINUTES: Dur = Dur::secs(600);

/// Tell people what happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Brief {
    /// Whom.
    #[serde(rename = "for")]
    pub whom: Vec<Role>,
    /// What else is said to them, beyond the hand-out. Default: nothing.
    #[serde(default)]
    pub text: String,
}

/// Talk through a situation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discuss {
    /// Who talks.
    #[serde(rename = "for")]
    pub whom: Vec<Role>,
    /// The situation, as it is read out. Players see it when the stage begins, not before.
    pub scene: String,
    /// Questions that the controller asks. Players do not see them before.
    #[serde(default)]
    pub ask: Vec<String>,
}

/// Somebody does something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// Who.
    pub role: Role,
    /// What.
    pub task: String,
    /// How soon after it is due. Later is late, and recorded as that. Default: no limit.
    #[serde(default)]
    pub within: Option<Dur>,
    /// What must be given as evidence: none, text (a sentence), or output (what a command printed). Default none.
    #[serde(default)]
    pub evidence: Evidence,
}

/// What must be given as evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Nothing.
    #[default]
    None,
    /// A sentence.
    Text,
    /// What a command printed.
    Output,
}

impl Evidence {
    /// What is asked for.
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Text => "a sentence",
            Self::Output => "what a command printed",
        }
    }
}

/// A readiness review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The kinds of drill that the cluster must be ready for: drain, node, zone, region, restore, netpart, depout,
    /// alerts.
    #[serde(rename = "for")]
    pub drills: Vec<DrillKind>,
    /// The least result with which the exercise continues. Default ready.
    #[serde(default)]
    pub require: Require,
}

impl Check {
    /// What is reviewed, in words.
    pub fn words(&self) -> String {
        format!("readiness review for {}", self.drills.iter().map(|d| d.word()).collect::<Vec<_>>().join(", "))
    }
}

/// A kind of drill, as `drillmaster check --for` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names of `drillmaster check`")]
pub enum DrillKind {
    Drain,
    Node,
    Zone,
    Region,
    Restore,
    Netpart,
    Depout,
    Alerts,
}

impl DrillKind {
    /// The word of `drillmaster check`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Node => "node",
            Self::Zone => "zone",
            Self::Region => "region",
            Self::Restore => "restore",
            Self::Netpart => "netpart",
            Self::Depout => "depout",
            Self::Alerts => "alerts",
        }
    }
}

/// The least result of a review.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Require {
    /// Nothing blocks the drills.
    #[default]
    Ready,
    /// The result is recorded, and the exercise continues whatever it is.
    Recorded,
}

/// A decision about whether the exercise continues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Gate {
    /// The role that decides.
    pub ask: Role,
    /// The question.
    pub question: String,
    /// What must be true for a yes. Default: nothing.
    #[serde(default)]
    pub go_if: Vec<String>,
    /// How long the decision may take.
    pub within: Dur,
    /// What happens without an answer: go, or refuse (the exercise stops). Every gate needs one.
    #[serde(default)]
    pub default: Option<GateDefault>,
}

impl Gate {
    /// The question, and what must be true for a yes.
    pub fn words(&self) -> String {
        if self.go_if.is_empty() {
            return self.question.clone();
        }
        format!("{} Go if: {}.", self.question, self.go_if.join("; "))
    }
}

/// What happens without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateDefault {
    /// The exercise continues.
    Go,
    /// The exercise stops.
    Refuse,
}

/// A drill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// The scenario: the name of a shipped one, or a file beside the playbook.
    #[serde(rename = "use")]
    pub scenario: String,
    /// Values for the scenario's variables. Default: none.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    /// Steps before which the drill waits for a decision of the exercise. Default: none.
    #[serde(default)]
    pub hold: Vec<Hold>,
}

/// The drill waits for a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The step that does not begin before.
    pub before: String,
    /// The decision (an item of `during`) that releases it. Without a decision, its time limit does.
    pub until: String,
}

/// The hotwash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Objectives that are rated or confirmed. Default: none.
    #[serde(default)]
    pub rate: Vec<String>,
    /// Questions to everybody. Default: none.
    #[serde(default)]
    pub ask: Vec<String>,
}

/// Sign the report, and distribute it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOff {
    /// Roles that sign.
    pub roles: Vec<Role>,
    /// Who gets the report. Default: nobody.
    #[serde(default)]
    pub tell: Vec<String>,
    /// How long the evidence is kept: a number with d or y, such as 5y. Default: not decided.
    #[serde(default)]
    pub keep: String,
}
