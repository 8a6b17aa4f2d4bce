//! What was drilled, for each scenario and cluster: by which run, with which result, and whether the next drill is
//! due. Start with [`drilled`].

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Ended, Known, Run};
use crate::model::{About, Dur};

/// How a scenario stands on a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// The last run passed or failed, and the next one is not due yet.
    Drilled,
    /// The last run proved nothing.
    Inconclusive,
    /// The pre-flight refused the last run.
    Refused,
    /// The last run was stopped, or has not ended.
    Stopped,
    /// The last conclusive run is older than `every:` allows.
    Overdue,
    /// No drill of it is in the folder.
    NeverRun,
}

impl Standing {
    /// The words in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Drilled => "drilled",
            Self::Inconclusive => "inconclusive",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::Overdue => "OVERDUE",
            Self::NeverRun => "NEVER RUN",
        }
    }
}

/// The newest run of some sort.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Last {
    /// The name of its directory.
    pub dir: String,
    /// When it began.
    pub at: Option<Timestamp>,
    /// Its result.
    pub result: Ended,
}

impl Last {
    fn of(run: &Run) -> Self {
        Self { dir: run.dir.clone(), at: run.started, result: run.result }
    }
}

/// A scenario on a cluster.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drilled {
    /// The scenario.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// Its file; none if no file of it was given.
    pub file: Option<String>,
    /// The context of the cluster; empty if it was never run.
    pub cluster: String,
    /// The UID of the cluster.
    pub cluster_uid: String,
    /// How it stands.
    pub standing: Standing,
    /// How many drills there were.
    pub drills: usize,
    /// The newest one.
    pub last: Option<Last>,
    /// The newest one that passed or failed.
    pub last_conclusive: Option<Last>,
    /// The newest one that passed.
    pub last_pass: Option<Last>,
    /// How often it is to be run.
    pub every: Option<String>,
    /// When the next drill is due.
    pub due: Option<Timestamp>,
    /// What the scenario says about itself.
    pub about: About,
}

/// Every pair of scenario and cluster that was drilled, and every scenario that never was. `runs` are drills that
/// count, from the oldest to the newest.
pub(super) fn drilled(runs: &[&Run], known: Option<&[Known]>, now: Timestamp) -> Vec<Drilled> {
    let mut pairs: BTreeSet<(&str, &str)> = runs.iter().map(|run| run.subject()).collect();
    for scenario in known.unwrap_or_default() {
        if !runs.iter().any(|run| run.scenario == scenario.name) {
            pairs.insert((&scenario.name, ""));
        }
    }
    // A run whose header cannot be read belongs to no scenario.
    pairs.retain(|(scenario, _)| !scenario.is_empty());
    let one = |(name, uid): (&str, &str)| {
        let own: Vec<&Run> = runs.iter().filter(|run| run.subject() == (name, uid)).copied().collect();
        row(name, uid, &own, known.and_then(|all| all.iter().find(|k| k.name == name)), now)
    };
    let mut all: Vec<Drilled> = pairs.into_iter().map(one).collect();
    all.sort_by(|a, b| (b.standing, &a.scenario, &a.cluster).cmp(&(a.standing, &b.scenario, &b.cluster)));
    all
}

fn row(name: &str, uid: &str, own: &[&Run], known: Option<&Known>, now: Timestamp) -> Drilled {
    let newest = |is: &dyn Fn(Ended) -> bool| own.iter().rev().find(|run| is(run.result)).map(|run| Last::of(run));
    let last = own.last();
    let about = known.map(|k| k.about.clone()).or_else(|| last.map(|run| run.about.clone())).unwrap_or_default();
    let last_conclusive = newest(&Ended::is_conclusive);
    let due = due(about.every, last_conclusive.as_ref());
    Drilled {
        scenario: name.to_owned(),
        title: known.map(|k| k.title.clone()).or_else(|| last.map(|run| run.title.clone())).unwrap_or_default(),
        file: known.map(|k| k.file.clone()),
        cluster: last.map(|run| run.cluster.clone()).unwrap_or_default(),
        cluster_uid: uid.to_owned(),
        standing: standing(last.map(|run| run.result), about.every, due, now),
        drills: own.len(),
        last: last.map(|run| Last::of(run)),
        last_pass: newest(&|result| result == Ended::Passed),
        every: about.every.map(days),
        due,
        last_conclusive,
        about,
    }
}

fn due(every: Option<Dur>, last: Option<&Last>) -> Option<Timestamp> {
    let every = SignedDuration::try_from(every?.0).ok()?;
    last?.at?.checked_add(every).ok()
}

fn standing(last: Option<Ended>, every: Option<Dur>, due: Option<Timestamp>, now: Timestamp) -> Standing {
    let late = every.is_some() && due.is_none_or(|due| due < now);
    match last {
        None => Standing::NeverRun,
        Some(_) if late => Standing::Overdue,
        Some(Ended::Passed | Ended::Failed) => Standing::Drilled,
        Some(Ended::NotProven | Ended::Damaged) => Standing::Inconclusive,
        Some(Ended::Refused) => Standing::Refused,
        Some(Ended::Stopped | Ended::NotRestored | Ended::Open) => Standing::Stopped,
    }
}

/// A long duration in days, if it is a whole number of them.
fn days(every: Dur) -> String {
    let seconds = every.0.as_secs();
    if seconds > 0 && seconds.is_multiple_of(86_400) { format!("{}d", seconds / 86_400) } else { every.exact() }
}
