//! What an exercise without people answers. Start with [`Policy`].

use std::{collections::BTreeMap, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    playbook::Playbook,
    stage::{Does, Item},
    what::Rating,
};
use crate::{
    files,
    model::Dur,
    scenario::{LARGEST, Mistake, Problems, document, meant, schema_of},
};

/// The address that the schema of a policy has as its `$id`.
const SCHEMA: &str = "https://drillmaster.dev/schema/policy-v1.json";

/// What an exercise without people answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// drillmaster.dev/v1
    pub api_version: String,
    /// Policy
    pub kind: String,
    /// How long everybody needs for an answer. Default 1m.
    #[serde(default = "minute")]
    pub after: Dur,
    /// The answer of items without an own one: defaults (the default of each decision, `go` at each gate), or silent (nobody
    /// answers anything). Default: defaults.
    #[serde(default)]
    pub otherwise: Otherwise,
    /// Own answers, by the id of an item or of a gate. Default: none.
    #[serde(default)]
    pub answers: BTreeMap<String, PolicyAnswer>,
    /// Ratings, by objective. Default P.
    #[serde(default)]
    pub ratings: BTreeMap<String, Rate>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyAnswer {
    /// An option of a decision; yes or no at a gate. Default: the default of the item.
    pub choose: Option<String>,
    /// How long the answer takes. Default: that of the policy.
    pub after: Option<Dur>,
    /// Nobody answers. Default false.
    pub never: bool,
}

/// The answer of items without an own one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// The default of each decision, and `go` at each gate.
    #[default]
    Defaults,
    /// Nobody answers.
    Silent,
}

/// A rating: P (without challenges), S (some challenges), M (major challenges), U (unable).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "HSEEP's letters")]
pub enum Rate {
    P,
    S,
    M,
    U,
}

impl From<Rate> for Rating {
    fn from(rate: Rate) -> Self {
        match rate {
            Rate::P => Self::P,
            Rate::S => Self::S,
            Rate::M => Self::M,
            Rate::U => Self::U,
        }
    }
}

/// The policies that are part of the program, by their names.
pub const POLICIES: [&str; 2] = ["defaults", "silent"];

/// The schema of policies.
pub fn policy_schema() -> serde_json::Value {
    schema_of::<Policy>(SCHEMA)
}

impl Policy {
    /// A policy of the program.
    fn shipped(name: &str) -> Option<Self> {
        let otherwise = match name {
            "defaults" => Otherwise::Defaults,
            "silent" => Otherwise::Silent,
            _ => return None,
        };
        Some(Self {
            api_version: "drillmaster.dev/v1".into(),
            kind: "Policy".into(),
            after: minute(),
            otherwise,
            answers: BTreeMap::new(),
            ratings: BTreeMap::new(),
        })
    }

    /// Reads a policy: one of the program by its name, or a file. It must fit the playbook.
    ///
    /// # Errors
    /// All mistakes in it, such as the name of an item that the playbook does not have.
    pub fn load(given: &str, playbook: &Playbook) -> Result<Self, Problems> {
        if let Some(policy) = Self::shipped(given).filter(|_| !Path::new(given).exists()) {
            return Ok(policy);
        }
        let text = files::text(Path::new(given), LARGEST).map_err(|e| {
            let help = format!("{}the policies of the program are {}", meant(given, POLICIES), POLICIES.join(", "));
            Problems::bare(format!("cannot read the policy {given}: {e}"), help)
        })?;
        load_policy_str(given, &text, Some(playbook))
    }

    /// The answer to an item: what, and how long after it is due. None if nobody answers.
    pub fn to(&self, item: &Item) -> Option<(Option<String>, Dur)> {
        let own = self.answers.get(&item.id);
        if own.map_or(self.otherwise == Otherwise::Silent, |own| own.never) {
            return None;
        }
        let default = match item.does() {
            Some(Does::Decide(decide)) => decide.default.clone(),
            _ => None,
        };
        let after = own.and_then(|own| own.after).unwrap_or(self.after);
        Some((own.and_then(|own| own.choose.clone()).or(default), after))
    }

    /// The answer to a gate: whether to go, and how long after it was opened. None if nobody answers.
    pub fn at_gate(&self, id: &str) -> Option<(bool, Dur)> {
        let own = self.answers.get(id);
        if own.map_or(self.otherwise == Otherwise::Silent, |own| own.never) {
            return None;
        }
        let go = own.and_then(|own| own.choose.as_deref()).is_none_or(|word| word == "yes");
        Some((go, own.and_then(|own| own.after).unwrap_or(self.after)))
    }

    /// How long a task of a stage takes; none if nobody does it.
    pub fn at_task(&self, id: &str) -> Option<Dur> {
        self.at_gate(id).map(|(_, after)| after)
    }

    /// The rating of an objective.
    pub fn rates(&self, objective: &str) -> Rating {
        self.ratings.get(objective).map_or(Rating::P, |rate| (*rate).into())
    }
}

/// Reads a policy from a text.
///
/// # Errors
/// All mistakes in it, with their places; also those that only show beside the playbook.
pub fn load_policy_str(file: &str, text: &str, playbook: Option<&Playbook>) -> Result<Policy, Problems> {
    document(file, text, &policy_schema(), |policy: &Policy| lint(policy, playbook)).map(|(policy, _)| policy)
}

fn lint(policy: &Policy, playbook: Option<&Playbook>) -> Vec<Mistake> {
    let mut found = vec![];
    let mut say = |path: &[&str], what: String, help: String| {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        found.push(Mistake { path, what, help, warning: false, needs: &[] });
    };
    if policy.api_version != "drillmaster.dev/v1" {
        say(&["apiVersion"], format!("unknown apiVersion `{}`", policy.api_version), "write drillmaster.dev/v1".into());
    }
    if policy.kind != "Policy" {
        say(&["kind"], format!("unknown kind `{}`", policy.kind), "write Policy".into());
    }
    let Some(playbook) = playbook else { return found };
    let items = || playbook.stages.iter().flat_map(|stage| &stage.during);
    let stages = playbook.stages.iter().filter(|stage| stage.gate.is_some() || stage.manual.is_some());
    let known: Vec<&str> = stages.map(|stage| stage.id.as_str()).chain(items().map(|item| item.id.as_str())).collect();
    for (id, answer) in &policy.answers {
        if !known.contains(&id.as_str()) {
            let help = format!("{}known: {}", meant(id, known.iter().copied()), known.join(", "));
            say(&["answers", id], format!("the playbook has no item, gate or task `{id}`"), help);
            continue;
        }
        let options: Vec<&str> = match items().find(|item| item.id == *id).and_then(Item::does) {
            Some(Does::Decide(decide)) => decide.options.keys().map(String::as_str).collect(),
            Some(_) => vec![],
            None => vec!["yes", "no"],
        };
        if let Some(choose) = answer.choose.as_deref().filter(|choose| !options.contains(choose)) {
            let known = if options.is_empty() {
                "it has no options".into()
            } else {
                format!("write one of {}", options.join(", "))
            };
            say(
                &["answers", id, "choose"],
                format!("`{choose}` is not an answer to `{id}`"),
                format!("{}{known}", meant(choose, options.iter().copied())),
            );
        }
    }
    let objectives: Vec<&str> = playbook.objectives.iter().map(|o| o.id.as_str()).collect();
    for id in policy.ratings.keys().filter(|id| !objectives.contains(&id.as_str())) {
        let help = format!("{}objectives: {}", meant(id, objectives.iter().copied()), objectives.join(", "));
        say(&["ratings", id], format!("the playbook has no objective `{id}`"), help);
    }
    found
}

fn minute() -> Dur {
    Dur::secs(60)
}
