//! What the lines of an exercise's journal contain beside times and names. [`super::what::What`] has the lines.

use serde::{Deserialize, Serialize};

use super::{people::PersonId, playbook::Role};
use crate::model::{Outcome, Readiness, Told};

/// Where the drills of an exercise run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "on")]
pub enum ClusterAccess {
    /// The exercise has no drills.
    #[default]
    Nowhere,
    /// On simulated clusters.
    Simulated {
        /// The cluster; empty for the one that suits each scenario.
        cluster: String,
        /// The random seed.
        seed: u64,
        /// The multiple of real time; none for as fast as possible.
        pace: Option<f64>,
    },
    /// On a real cluster: the arguments of `run` that name it.
    Real {
        /// `--context`, `--kubeconfig`, `--bindings` and so on, as they were given.
        arguments: Vec<String>,
    },
}

/// A file that was given as evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attached {
    /// Its SHA-256, which is its name in `attachments/`.
    pub sha256: String,
    /// The name under which it was given.
    pub name: Told,
    /// Its size.
    pub bytes: u64,
    /// The verdict, if it is the JSON of a readiness review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Readiness>,
}

/// An answer that keeps a drill waiting. The decision stays open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptHolding {
    /// The decision.
    pub item: String,
    /// The option that was chosen.
    pub option: String,
}

/// The roles of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// The person.
    pub person: PersonId,
    /// The roles.
    pub roles: Vec<Role>,
    /// The function in which the person is absent; empty if the person takes part.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub absent: String,
}

/// An action that was carried over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// Its id.
    pub id: String,
    /// What is to be done.
    pub text: Told,
    /// Its owner.
    pub owner: Told,
    /// Its due date.
    pub due: String,
    /// What shows that it is done.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub proven_when: Told,
    /// The exercise from which it comes.
    pub from: String,
}

/// The result of one expectation of a drill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its id.
    pub id: String,
    /// Its result.
    pub outcome: Outcome,
    /// Why.
    pub because: Told,
    /// The time that was measured, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_us: Option<u64>,
}
