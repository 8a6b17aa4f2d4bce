//! What observers saw, in the form in which an event contains it.

use serde::{Deserialize, Serialize};

use crate::model::Told;

/// The largest number of rows of lines or samples in one event. A longer list continues in the next event.
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
    /// The topmost owner, such as `deployment/web`; empty for a pod without an owner.
    pub owner: String,
    /// The node; empty while the pod is not scheduled.
    pub node: String,
    /// Phase.
    pub phase: String,
    /// The condition Ready.
    pub ready: bool,
    /// Whether it has a deletion timestamp.
    pub terminating: bool,
    /// The reason of the condition DisruptionTarget, which shows who removed the pod.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub disruption: String,
    /// Whether the pod is outside the scope, and watched only to see it recover.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
}

impl PodView {
    /// Whether its containers have ended and will not start again, such as those of a job. It then cannot be Ready.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }
}

#[cfg(test)]
impl PodView {
    /// A ready pod of the namespace `shop`, for tests.
    pub(crate) fn ready_in_shop(name: &str, owner: &str, node: &str) -> Self {
        Self {
            namespace: "shop".into(),
            name: name.into(),
            uid: name.into(),
            owner: owner.into(),
            node: node.into(),
            phase: "Running".into(),
            ready: true,
            terminating: false,
            disruption: String::new(),
            aside: false,
        }
    }
}

/// What a pod's budget requires for an eviction, at the time of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BudgetSays {
    /// It allows the eviction.
    Allowed,
    /// It refuses the eviction.
    Refused,
    /// More than one budget selects the pod, so the API server answers with an error.
    Ambiguous,
    /// No budget selects the pod.
    Uncovered,
    /// The budget changed in the meantime, or its status does not yet count the current pods.
    Unsettled,
    /// The budget was not read: a drain tries the eviction, and the API server decides.
    #[default]
    #[serde(rename = "", other)]
    NotAsked,
}

impl BudgetSays {
    /// Whether the answer with this code is the one that the budget requires. None if the budget requires no particular
    /// answer.
    pub fn is_met_by(self, code: u16) -> Option<bool> {
        match self {
            Self::Allowed | Self::Uncovered => Some((200..300).contains(&code)),
            Self::Refused => Some(code == 429),
            Self::Ambiguous => Some(code == 500),
            Self::Unsettled | Self::NotAsked => None,
        }
    }

    /// The end of the sentence "its budget requires …".
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "that it is allowed",
            Self::Refused => "that it is refused",
            Self::Ambiguous => "the answer 500, because it is not the only one",
            Self::Uncovered => "nothing, because there is none",
            Self::Unsettled => "nothing yet, because its numbers are changing",
            Self::NotAsked => "",
        }
    }
}

/// Services or ConfigMaps of a namespace that cannot be watched. Changes to them from outside are unknown during that
/// time; afterwards only the result is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// `services`, `configmaps`.
    pub resource: String,
    /// Their namespace.
    pub namespace: String,
    /// When it began.
    pub from_us: u64,
    /// The reason. None if they can be watched again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Told>,
}

/// Consecutive samples of a probe with the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRun {
    /// When the first of them was sent.
    pub from_us: u64,
    /// When the last of them was sent.
    pub to_us: u64,
    /// How many samples there are.
    pub n: u32,
    /// Whether the answers were as expected.
    pub ok: bool,
    /// Whether drillmaster itself could not reach the network. If so, the samples show nothing about the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// How long the first of them took.
    #[serde(default)]
    pub first_took_us: u64,
    /// How long the last of them took.
    #[serde(default)]
    pub last_took_us: u64,
    /// The longest time between sending one sample and the end of the next. An outage between two samples cannot have
    /// been longer.
    #[serde(default)]
    pub longest_unseen_us: u64,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub error: Told,
}

/// One sample of a probe, as the samples file contains it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSample {
    /// When it was sent.
    pub sent_us: u64,
    /// How long the answer took.
    pub took_us: u64,
    /// Whether the answer was as expected.
    pub ok: bool,
    /// Whether drillmaster itself could not reach the network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub error: Told,
}

impl ProbeSample {
    /// Adds the sample to the runs of consecutive samples with the same answer.
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

/// Consecutive lines of an append log with the same answer.
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
    /// Why they were not acknowledged; empty if they were.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub error: Told,
}

/// How many lines are missing from an append log. `gaps` holds the first and the last number of each gap.
pub fn lines_in(gaps: &[(u64, u64)]) -> u64 {
    let lines = gaps.iter().map(|(from, to)| to.saturating_add(1).saturating_sub(*from));
    lines.fold(0, u64::saturating_add)
}
