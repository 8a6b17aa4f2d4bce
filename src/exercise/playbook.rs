//! The playbook file as a type: the purpose of an exercise, its roles and its stages. The comments here become the
//! descriptions in its JSON Schema, which editors show. Stages are in `stage`. Start with [`Playbook`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::stage::Stage;
use crate::model::Dur;

/// One exercise: its purpose, its roles, and its stages in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Playbook {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// Playbook
    pub kind: String,
    /// Name, title, type and marking.
    pub metadata: Metadata,
    /// What the exercise is to show, in one or two sentences.
    pub purpose: String,
    /// The recovery plan or runbook that is tested.
    #[serde(default)]
    pub plan_under_test: Option<TestedPlan>,
    /// The controls for which this exercise is evidence, by framework: soc2, iso22301, iso27001, nist80034, nist80053,
    /// nist80084, dora, doraRts, or one of your own.
    #[serde(default)]
    pub controls: BTreeMap<String, Vec<String>>,
    /// Variables: name and value. Used as ${name}.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// The scope of the exercise.
    #[serde(default)]
    pub scope: Scope,
    /// How anybody stops the exercise.
    pub stop: Stop,
    /// The roles that the exercise needs. The file contains no names: `exercise prepare --people` gives them.
    pub roles: Roles,
    /// What is judged.
    pub objectives: Vec<Objective>,
    /// The stages, one after another. What happens beside a stage is in its `during`.
    pub stages: Vec<Stage>,
}

/// Name, title, type and marking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Lower-case words with dashes, at most 40 characters. It becomes part of the name of the directory.
    pub name: String,
    /// One sentence.
    pub title: String,
    /// Version of the playbook. Default: none.
    #[serde(default)]
    pub version: String,
    /// discussion: people talk, and nothing is touched. functional: a real or simulated drill with some of the people.
    /// fullScale: with everybody.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What stands on every page, such as INTERNAL, EXERCISE. Default EXERCISE.
    #[serde(default = "exercise")]
    pub marking: String,
}

/// The type of an exercise, as HSEEP and NIST SP 800-84 divide them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// People talk, and nothing is touched.
    Discussion,
    /// A drill, with some of the people.
    Functional,
    /// A drill, with everybody.
    FullScale,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Discussion => "discussion-based (tabletop)",
            Self::Functional => "functional",
            Self::FullScale => "full scale",
        }
    }
}

/// The plan that is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestedPlan {
    /// Its title.
    pub title: String,
    /// Its version. Default: not recorded.
    #[serde(default)]
    pub version: String,
    /// Where it is. Players get this, so that they can open it. Default: none.
    #[serde(default)]
    pub file: String,
}

/// What the exercise covers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// What is tested. Default: none.
    #[serde(rename = "in")]
    pub inside: Vec<String>,
    /// What is not tested. Default: none.
    pub out: Vec<String>,
    /// What the exercise takes for granted. Default: none.
    pub assumptions: Vec<String>,
}

/// How anybody stops the exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The words that anybody says when something real happens: `exercise stop --phrase` takes them from everybody.
    pub phrase: String,
    /// Where they are said, such as a chat channel.
    pub channel: String,
}

/// The part that a person has in an exercise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Wants the exercise, authorises it, and accepts its report.
    Sponsor,
    /// Leads it.
    Director,
    /// Gives the injects.
    Controller,
    /// Judges the objectives, and never people.
    Evaluator,
    /// Watches that nothing real is harmed, and may stop at any time.
    Safety,
    /// Writes down what happens.
    Scribe,
    /// Is exercised: recovers the service.
    Player,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Sponsor, Self::Director, Self::Controller, Self::Evaluator, Self::Safety, Self::Scribe, Self::Player];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sponsor => "sponsor",
            Self::Director => "director",
            Self::Controller => "controller",
            Self::Evaluator => "evaluator",
            Self::Safety => "safety",
            Self::Scribe => "scribe",
            Self::Player => "player",
        }
    }

    /// Reads the word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// What the role does, for the papers.
    pub fn duty(self) -> &'static str {
        match self {
            Self::Sponsor => "asks for the exercise, authorises it, and accepts its report",
            Self::Director => "leads the exercise and starts each stage",
            Self::Controller => "gives the injects, and keeps the players inside the scenario",
            Self::Evaluator => "observes and rates the objectives; people are never rated",
            Self::Safety => "makes sure that nothing real is harmed, and may stop at any time",
            Self::Scribe => "writes down what happens and when",
            Self::Player => "responds to what happens, with the plan that is tested",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// The roles that an exercise needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// Wants the exercise, authorises it, and accepts its report.
    pub sponsor: Option<RoleSpec>,
    /// Leads it. Every playbook has one.
    pub director: Option<RoleSpec>,
    /// Gives the injects.
    pub controller: Option<RoleSpec>,
    /// Judges the objectives, and never people.
    pub evaluator: Option<RoleSpec>,
    /// Watches that nothing real is harmed, and may stop at any time.
    pub safety: Option<RoleSpec>,
    /// Writes down what happens.
    pub scribe: Option<RoleSpec>,
    /// Is exercised: recovers the service.
    pub player: Option<RoleSpec>,
}

impl Roles {
    /// What the playbook says about a role; none if it has no such role.
    pub fn get(&self, role: Role) -> Option<&RoleSpec> {
        match role {
            Role::Sponsor => &self.sponsor,
            Role::Director => &self.director,
            Role::Controller => &self.controller,
            Role::Evaluator => &self.evaluator,
            Role::Safety => &self.safety,
            Role::Scribe => &self.scribe,
            Role::Player => &self.player,
        }
        .as_ref()
    }

    /// The roles of the playbook, in order.
    pub fn each(&self) -> impl Iterator<Item = (Role, &RoleSpec)> {
        Role::ALL.into_iter().filter_map(|role| Some((role, self.get(role)?)))
    }
}

/// What the playbook says about a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct RoleSpec {
    /// The role that takes over when this one is recorded as absent. Default: none.
    pub deputy: Option<Role>,
    /// Roles that the same person must not have. Default: none.
    pub not_also: Vec<Role>,
    /// How many people must have the role. Default 1.
    pub min: Option<u32>,
    /// Key people who are kept out on purpose, by their function and not by name, such as `Shop tech lead`. Default:
    /// none. Players do not see it: it is part of the test.
    pub absent: Vec<String>,
}

impl RoleSpec {
    /// How many people must have the role.
    pub fn least(&self) -> usize {
        self.min.unwrap_or(1) as usize
    }
}

/// What is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// A name that stays the same from year to year, such as O1.
    pub id: String,
    /// One sentence.
    pub text: String,
    /// The tier of the business function, from 1 (most critical) to 9. Default: none.
    #[serde(default)]
    #[schemars(range(min = 1, max = 9))]
    pub tier: Option<u8>,
    /// The recovery time objective that your organisation has set. Default: none.
    #[serde(default)]
    pub rto: Option<Dur>,
    /// The recovery point objective that your organisation has set. Default: none.
    #[serde(default)]
    pub rpo: Option<Dur>,
    /// What decides: expectations of the scenario, a time between two moments, or a rating by a role.
    pub judge: Judge,
}

/// What decides about an objective. Exactly one of `expect`, `rating`, and `from` with `to` and `within`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Judge {
    /// Expectations of the playbook's scenarios, by their ids (`drillmaster plan` and the report show them).
    pub expect: Vec<String>,
    /// The moment from which the time counts: a step of a scenario (its fault was applied), an item (it was opened) or
    /// a stage (it was opened).
    pub from: Option<String>,
    /// The moment at which the time ends: an item (it was answered), a stage (it was done) or a step (it was done).
    pub to: Option<String>,
    /// The longest time between the two.
    pub within: Option<Dur>,
    /// The role that rates the objective.
    pub rating: Option<Role>,
}

/// What decides about an objective, with nothing that contradicts it.
#[derive(Clone, Debug, PartialEq)]
pub enum JudgedBy<'a> {
    /// Expectations of the scenarios.
    Expect(&'a [String]),
    /// A time between two moments.
    Time {
        /// Where it begins.
        from: &'a str,
        /// Where it ends.
        to: &'a str,
        /// The limit.
        within: Dur,
    },
    /// A rating by a role.
    Rating(Role),
}

impl Judge {
    /// What decides; none if nothing does, or if several things do.
    pub fn one(&self) -> Option<JudgedBy<'_>> {
        match (&self.expect[..], &self.from, &self.to, self.within, self.rating) {
            (all @ [_, ..], None, None, None, None) => Some(JudgedBy::Expect(all)),
            ([], Some(from), Some(to), Some(within), None) => Some(JudgedBy::Time { from, to, within }),
            ([], None, None, None, Some(role)) => Some(JudgedBy::Rating(role)),
            _ => None,
        }
    }
}

fn exercise() -> String {
    "EXERCISE".into()
}
