//! Whether the last pass of a scenario still says something about a cluster: VERIFIED, NEEDS VERIFICATION because a
//! part changed or is unknown, or NEVER. Start with [`Verification`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Drilled, Ended, Known, Run, Standing};
use crate::{
    inventory::{ObjectSet, fingerprint, uid_of},
    model::{Exit, Fingerprint, Head, RestsOn},
};

/// A cluster, as it was read now or earlier.
#[derive(Debug)]
pub struct Cluster {
    /// Where it was read from, for messages.
    pub from: String,
    /// Its context.
    pub context: String,
    /// Its UID.
    pub uid: String,
    /// The heads that it keeps; none if they were not read.
    pub heads: Option<Vec<Head>>,
    object_set: ObjectSet,
}

impl Cluster {
    /// What was read of a cluster.
    ///
    /// # Errors
    /// The cluster cannot be identified.
    pub fn of(object_set: ObjectSet, context: String, from: String, heads: Option<Vec<Head>>) -> Result<Self, String> {
        let uid = uid_of(&object_set).map(str::to_owned);
        let uid = uid.ok_or_else(|| {
            format!("{from}: the namespace kube-system was not read, so it is not known which cluster it is")
        })?;
        Ok(Self { from, context, uid, heads, object_set })
    }

    /// When it was read.
    fn at(&self) -> Option<Timestamp> {
        self.object_set.at
    }
}

/// Whether the last pass still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It passed, and nothing that the pass rested on has changed.
    Verified,
    /// Something changed since the last pass, or is unknown.
    Needs,
    /// It never passed.
    Never,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Verified, Self::Needs, Self::Never];

    /// The words in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "VERIFIED",
            Self::Needs => "NEEDS VERIFICATION",
            Self::Never => "NEVER",
        }
    }

    /// The word in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Needs => "needs-verification",
            Self::Never => "never",
        }
    }
}

/// A reason why the last pass does not count any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// Whether something is unknown. If not, it is known to have changed.
    pub unknown: bool,
    /// The reason.
    pub said: String,
}

impl Because {
    fn changed(said: impl Into<String>) -> Self {
        Self { unknown: false, said: said.into() }
    }

    fn unknown(said: impl Into<String>) -> Self {
        Self { unknown: true, said: said.into() }
    }
}

/// The status of a scenario on a cluster.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The scenario.
    pub scenario: String,
    /// The context of the cluster.
    pub cluster: String,
    /// Its UID.
    pub cluster_uid: String,
    /// The status.
    pub status: Status,
    /// The directory of the run that passed last.
    pub passed: Option<String>,
    /// When that run began.
    pub passed_at: Option<Timestamp>,
    /// Why it is not VERIFIED.
    pub because: Vec<Because>,
}

/// Said where a cluster was given, and nothing could be compared with it.
pub(super) const NOTHING_COMPARED: &str =
    "no drill was found to compare; --scenarios also shows scenarios that were never run";

/// The exit code for all of them: 1 if something changed or never passed, 4 if something is only unknown, or if nothing
/// was compared.
pub(super) fn exit_of(all: &[Verification]) -> Exit {
    let changed = |v: &Verification| match v.status {
        Status::Verified => false,
        Status::Never => true,
        Status::Needs => v.because.iter().any(|b| !b.unknown),
    };
    if all.iter().any(changed) {
        Exit::Failed
    } else if !all.is_empty() && all.iter().all(|v| v.status == Status::Verified) {
        Exit::Passed
    } else {
        Exit::Inconclusive
    }
}

/// What the status of every pair is judged by.
pub(super) struct Judge<'a> {
    pub runs: &'a [&'a Run],
    pub known: Option<&'a [Known]>,
    pub clusters: &'a [Cluster],
    prints: BTreeMap<(&'a str, &'a RestsOn), Fingerprint>,
}

impl<'a> Judge<'a> {
    pub fn new(runs: &'a [&'a Run], known: Option<&'a [Known]>, clusters: &'a [Cluster]) -> Self {
        Self { runs, known, clusters, prints: BTreeMap::new() }
    }

    /// Every pair of the rows, and every scenario of the files on each cluster that was read.
    pub fn all(&mut self, rows: &[Drilled]) -> Vec<Verification> {
        let mut pairs: Vec<(String, String, String)> = vec![];
        for row in rows.iter().filter(|row| row.standing != Standing::NeverRun) {
            pairs.push((row.scenario.clone(), row.cluster_uid.clone(), row.cluster.clone()));
        }
        for cluster in self.clusters {
            for name in self.known.unwrap_or_default().iter().map(|k| &k.name) {
                if !pairs.iter().any(|(scenario, uid, _)| scenario == name && *uid == cluster.uid) {
                    pairs.push((name.clone(), cluster.uid.clone(), cluster.context.clone()));
                }
            }
        }
        pairs.sort();
        pairs.into_iter().map(|(scenario, uid, cluster)| self.one(scenario, uid, cluster, rows)).collect()
    }

    fn one(&mut self, scenario: String, uid: String, cluster: String, rows: &[Drilled]) -> Verification {
        let (runs, known) = (self.runs, self.known);
        let own: Vec<&'a Run> = runs.iter().filter(|run| run.subject() == (&scenario, &uid)).copied().collect();
        let row = rows.iter().find(|row| row.scenario == scenario && row.cluster_uid == uid);
        let found = known.and_then(|all| all.iter().find(|k| k.name == scenario));
        let Some(at) = own.iter().rposition(|run| run.result == Ended::Passed) else {
            let said = |run: &&Run| format!("it never passed; the last run, {}, is {}", run.dir, run.result);
            let because = own.last().map(said).map(Because::changed).into_iter().collect();
            let (status, passed, passed_at) = (Status::Never, None, None);
            return Verification { scenario, cluster, cluster_uid: uid, status, passed, passed_at, because };
        };
        let pass = own[at];
        let mut because = since(&own[at + 1..]);
        because.extend(scenario_of(pass, found, known.is_some()));
        if let Some(every) = row.filter(|row| row.standing == Standing::Overdue).and_then(|row| row.every.as_deref()) {
            because.push(Because::changed(format!(
                "the drill is due every {every}, and the last conclusive one is older"
            )));
        }
        because.extend(self.parts(pass, &uid));
        let status = if because.is_empty() { Status::Verified } else { Status::Needs };
        let (passed, passed_at) = (Some(pass.dir.clone()), pass.started);
        Verification { scenario, cluster, cluster_uid: uid, status, passed, passed_at, because }
    }

    /// What the pass rested on, compared with the cluster.
    fn parts(&mut self, pass: &'a Run, uid: &str) -> Vec<Because> {
        let Some(then) = &pass.fingerprint else {
            return vec![Because::unknown(
                "the run did not record what it rests on (it was made by an earlier version)",
            )];
        };
        // The same cluster may be given several times. Only its newest state counts.
        let Some(cluster) = self.clusters.iter().filter(|c| c.uid == uid).max_by_key(|c| c.at()) else {
            return vec![Because::unknown(
                "this cluster was not compared: give it with --context, or a capture of it with --capture",
            )];
        };
        if cluster.at().is_none() || cluster.at() < pass.ended {
            return vec![Because::unknown(format!("{} is older than the drill", cluster.from))];
        }
        let now = self
            .prints
            .entry((&cluster.uid, &pass.rests_on))
            .or_insert_with(|| fingerprint(&cluster.object_set, &pass.rests_on));
        then.changes(now).into_iter().map(|c| Because { unknown: c.unknown, said: c.to_string() }).collect()
    }
}

/// What the runs after the last pass say about it.
fn since(later: &[&Run]) -> Vec<Because> {
    let newest = |is: fn(Ended) -> bool| later.iter().rev().find(|run| is(run.result));
    let said = |run: &&Run| format!("a later run, {}, is {}", run.dir, run.result);
    let failed = newest(|result| matches!(result, Ended::Failed | Ended::NotProven | Ended::NotRestored));
    // Its result is not known, and may have been a failure.
    let unknown = newest(|result| matches!(result, Ended::Damaged | Ended::Open));
    failed.map(said).map(Because::changed).into_iter().chain(unknown.map(said).map(Because::unknown)).collect()
}

/// Whether the scenario is still the one that passed.
fn scenario_of(pass: &Run, known: Option<&Known>, given: bool) -> Option<Because> {
    match known {
        Some(known) if known.hash == pass.scenario_hash => None,
        Some(_) => Some(Because::changed("the scenario file changed")),
        None if Known::shipped(&pass.scenario).is_some_and(|shipped| shipped.hash == pass.scenario_hash) => None,
        None if given => Some(Because::unknown("no scenario of this name is in the folder of --scenarios")),
        None => Some(Because::unknown("the scenario file was not compared: give its folder with --scenarios")),
    }
}
