//! What observers saw, as it stands in an event.

use serde::{Deserialize, Serialize};

use crate::model::Told;

/// No event has more rows of lines or of samples: a longer list goes on in the next event.
pub const MOST_ROWS: usize = 4_000;

/// A pod as the watch saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodView {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// The top owner, `deployment/web`; empty for a bare pod.
    pub owner: String,
    /// Node, empty while it is not bound.
    pub node: String,
    /// Phase.
    pub phase: String,
    /// Condition Ready.
    pub ready: bool,
    /// Has a deletion timestamp.
    pub terminating: bool,
    /// Reason of condition DisruptionTarget: who took it away (correctness 8).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub disruption: String,
    /// Of the collateral, not of the scope: it is watched to see it whole again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
}

/// What a pod's budget says of an eviction, in the moment in which it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BudgetSays {
    /// It lets the pod go.
    Allowed,
    /// It keeps the pod.
    Refused,
    /// More than one budget selects the pod: the API refuses it with an error.
    Ambiguous,
    /// No budget selects the pod.
    Uncovered,
    /// It changed meanwhile, or does not count the pods that are there.
    Unsettled,
    /// Nobody asked it: a drain tries, and the API checks.
    #[default]
    #[serde(rename = "", other)]
    NotAsked,
}

impl BudgetSays {
    /// Whether an eviction that is answered with this code was answered as it says; none where it
    /// says nothing.
    pub fn is_met_by(self, code: u16) -> Option<bool> {
        match self {
            Self::Allowed | Self::Uncovered => Some((200..300).contains(&code)),
            Self::Refused => Some(code == 429),
            Self::Ambiguous => Some(code == 500),
            Self::Unsettled | Self::NotAsked => None,
        }
    }

    /// As a sentence has it: "its budget says refused".
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Ambiguous => "ambiguous",
            Self::Uncovered => "uncovered",
            Self::Unsettled => "unsettled",
            Self::NotAsked => "",
        }
    }
}

/// Services or ConfigMaps of a namespace that cannot be watched: what others change there is not
/// known until they can be again, and then only how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// `services`, `configmaps`.
    pub resource: String,
    /// Their namespace.
    pub namespace: String,
    /// Since when.
    pub from_us: u64,
    /// Why; none where they can be watched again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Told>,
}

/// Samples of a probe with the same answer, in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRun {
    /// When the first of them was sent.
    pub from_us: u64,
    /// When the last of them was sent.
    pub to_us: u64,
    /// How many.
    pub n: u32,
    /// Answered as expected.
    pub ok: bool,
    /// Could not be asked from here: says nothing of the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// How long the first of them took.
    #[serde(default)]
    pub first_took_us: u64,
    /// How long the last of them took.
    #[serde(default)]
    pub last_took_us: u64,
    /// The longest time between a send and the end of the next sample: an outage between two
    /// samples was no longer.
    #[serde(default)]
    pub longest_unseen_us: u64,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub error: Told,
}

/// One sample of a probe, as it stands in the samples file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSample {
    /// When it was sent.
    pub sent_us: u64,
    /// How long the answer took.
    pub took_us: u64,
    /// Answered as expected.
    pub ok: bool,
    /// Could not be asked from here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub error: Told,
}

impl ProbeSample {
    /// Adds it to the rows of samples with the same answer.
    pub fn join(self, runs: &mut Vec<ProbeRun>) {
        let Self { sent_us, took_us, ok, lost, error } = self;
        match runs.last_mut() {
            Some(last) if last.ok == ok && last.lost == lost && last.error == error => {
                let unseen = (sent_us + took_us).saturating_sub(last.to_us);
                last.longest_unseen_us = last.longest_unseen_us.max(unseen);
                last.to_us = sent_us;
                last.last_took_us = took_us;
                last.n += 1;
            }
            _ => runs.push(ProbeRun {
                from_us: sent_us,
                to_us: sent_us,
                n: 1,
                ok,
                lost,
                first_took_us: took_us,
                last_took_us: took_us,
                longest_unseen_us: 0,
                error,
            }),
        }
    }
}

/// Lines of an append log that were answered in the same way, in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRun {
    /// Number of the first.
    pub from: u64,
    /// Number of the last.
    pub to: u64,
    /// When the first was sent.
    pub from_us: u64,
    /// When the last was sent.
    pub to_us: u64,
    /// Why they were not acknowledged; empty where they were.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub error: Told,
}
