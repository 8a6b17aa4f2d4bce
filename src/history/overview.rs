//! Everything that a history says, made from the runs of a folder. Every format is a view of it. Start with
//! [`History::of`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    Chain, Cluster, Drilled, Ended, Exercise, Known, Learned, Period, Run, Tracked, Unread, Verification, Year,
    chain::chains,
    drills::drilled,
    learn,
    programme::{actions, programme},
    verified::{Judge, exit_of},
};
use crate::model::Exit;

/// What is asked of a history.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The folder, as it was given.
    pub folder: String,
    /// The time for which it is made. Later runs are left out.
    pub now: Timestamp,
    /// The period that it covers.
    pub period: Option<Period>,
    /// The scenarios of the organisation, and the files that could not be read.
    pub scenarios: Option<(Vec<Known>, Vec<Unread>)>,
    /// The exercises.
    pub exercises: Vec<Exercise>,
    /// Clusters to compare with.
    pub clusters: &'a [Cluster],
}

/// A history.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Version of this format.
    pub schema_version: &'static str,
    /// The folder.
    pub folder: String,
    /// The time for which it is made.
    pub as_of: Timestamp,
    /// The period, if one was given.
    pub period: Option<String>,
    /// Drills on clusters, from the oldest to the newest.
    pub drills: Vec<Run>,
    /// Rehearsals, by name. They prove nothing.
    pub rehearsals: Vec<Run>,
    /// Exercises with people on real clusters or on paper, from the oldest to the newest.
    pub exercises: Vec<Exercise>,
    /// Exercises without people, or on simulated clusters. They prove nothing.
    pub rehearsed_exercises: Vec<Exercise>,
    /// How many exercises are outside the period, or later than the time.
    pub exercises_left_out: usize,
    /// The actions of all exercises until now, the open ones first.
    pub actions: Vec<Tracked>,
    /// Each playbook in each year.
    pub programme: Vec<Year>,
    /// How many drills are outside the period, or later than the time.
    pub left_out: usize,
    /// How many drills had each result.
    pub counts: BTreeMap<&'static str, usize>,
    /// Each scenario on each cluster.
    pub scenarios: Vec<Drilled>,
    /// Whether the scenarios of the organisation were given. If not, scenarios that were never run are unknown.
    pub scenarios_given: bool,
    /// Files that should be scenarios, and are not counted.
    pub unread_scenarios: Vec<Unread>,
    /// Whether runs are missing, for each cluster.
    pub completeness: Vec<Chain>,
    /// Whether the last passes still count; none if no cluster was given.
    pub verification: Option<Vec<Verification>>,
    /// How good the predictions were.
    pub predictions: Vec<Learned>,
}

impl History {
    /// The history that these runs show.
    pub fn of(mut runs: Vec<Run>, asked: &Asked<'_>) -> Self {
        runs.sort_by(|a, b| (a.started, &a.dir).cmp(&(b.started, &b.dir)));
        recovered(&mut runs);
        let (rehearsals, all): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|run| run.rehearsal);
        let count = all.len();
        let all: Vec<Run> = all.into_iter().filter(|run| run.started.is_none_or(|at| at <= asked.now)).collect();
        let inside = |run: &Run| run.started.is_none_or(|at| asked.period.as_ref().is_none_or(|p| p.has(at)));
        let views: Vec<&Run> = all.iter().collect();
        let counted: Vec<&Run> = all.iter().filter(|run| counts(run, &all)).collect();
        let known = asked.scenarios.as_ref().map(|(known, _)| known.as_slice());
        let scenarios = drilled(&counted, known, asked.now);
        let compared = !asked.clusters.is_empty();
        let verification = compared.then(|| Judge::new(&counted, known, asked.clusters).all(&scenarios));
        let completeness = chains(&views, asked.period.as_ref(), asked.clusters);
        let predictions = predictions(&counted);
        let mut numbers: BTreeMap<&'static str, usize> = BTreeMap::new();
        for run in counted.iter().filter(|run| inside(run)) {
            *numbers.entry(run.result.label()).or_default() += 1;
        }
        let of_exercises = exercises(asked);
        let drills: Vec<Run> = all.iter().filter(|run| inside(run)).cloned().collect();
        Self {
            schema_version: "1.0",
            folder: asked.folder.clone(),
            as_of: asked.now,
            period: asked.period.as_ref().map(ToString::to_string),
            left_out: count - drills.len(),
            drills,
            rehearsals: if asked.period.is_some() { vec![] } else { rehearsals },
            counts: numbers,
            exercises: of_exercises.real,
            rehearsed_exercises: of_exercises.rehearsed,
            exercises_left_out: of_exercises.left_out,
            actions: of_exercises.actions,
            programme: of_exercises.programme,
            scenarios,
            scenarios_given: known.is_some(),
            unread_scenarios: asked.scenarios.as_ref().map(|(_, unread)| unread.clone()).unwrap_or_default(),
            completeness,
            verification,
            predictions,
        }
    }

    /// How many actions are open, and how many of them are overdue.
    pub fn open_actions(&self) -> (usize, usize) {
        let open = self.actions.iter().filter(|action| action.open);
        (open.count(), self.actions.iter().filter(|action| action.overdue).count())
    }

    /// Whether the site has a page for a run.
    pub fn has_page(&self, dir: &str) -> bool {
        let all = self.drills.iter().chain(&self.rehearsals);
        all.filter(|run| run.result != Ended::Damaged).any(|run| run.dir == dir)
    }

    /// The exit code: that of the verification if a cluster was given, that of the completeness if a period was given,
    /// and the more serious one if both were.
    pub fn exit(&self) -> Exit {
        let verified = self.verification.as_deref().map_or(Exit::Passed, exit_of);
        if self.period.is_none() {
            return verified;
        }
        // If no run of the period is known, nothing shows that none is missing.
        let complete = self.completeness.iter().map(Chain::exit).reduce(Exit::worse);
        complete.unwrap_or(Exit::Inconclusive).worse(verified)
    }
}

/// What a history says about exercises.
struct OfExercises {
    real: Vec<Exercise>,
    rehearsed: Vec<Exercise>,
    left_out: usize,
    actions: Vec<Tracked>,
    programme: Vec<Year>,
}

/// An exercise whose date is not known is never left out.
fn exercises(asked: &Asked<'_>) -> OfExercises {
    // The date of a rehearsal is simulated.
    let is_past = |exercise: &&Exercise| exercise.rehearsal || exercise.began.is_none_or(|at| at <= asked.now);
    let until = asked.exercises.iter().filter(is_past);
    let until: Vec<Exercise> = until.cloned().collect();
    let (rehearsed, real): (Vec<Exercise>, Vec<Exercise>) =
        until.iter().cloned().partition(|exercise| exercise.rehearsal);
    let inside =
        |exercise: &Exercise| exercise.began.is_none_or(|at| asked.period.as_ref().is_none_or(|period| period.has(at)));
    let programme = programme(&real, asked.now);
    let shown: Vec<Exercise> = real.into_iter().filter(inside).collect();
    let count = asked.exercises.iter().filter(|exercise| !exercise.rehearsal).count();
    OfExercises {
        left_out: count - shown.len(),
        real: shown,
        rehearsed: if asked.period.is_some() { vec![] } else { rehearsed },
        actions: actions(&until, asked.now.to_zoned(TimeZone::UTC).date()),
        programme,
    }
}

/// Whether a run counts. The record of a run in the cluster is a second directory of the same run.
fn counts(run: &Run, all: &[Run]) -> bool {
    !run.from_cluster || !all.iter().any(|other| !other.from_cluster && other.run == run.run)
}

/// A run whose directory has no end ended in another directory, if somebody recovered it from the record in the
/// cluster.
fn recovered(runs: &mut [Run]) {
    let ends: Vec<(String, String, Ended)> =
        runs.iter().filter(|run| run.from_cluster).map(|run| (run.run.clone(), run.dir.clone(), run.result)).collect();
    for run in runs.iter_mut().filter(|run| run.result == Ended::Open && !run.from_cluster) {
        if let Some((_, dir, result)) = ends.iter().find(|(name, ..)| *name == run.run) {
            run.result = *result;
            run.why = format!("its runner died; it was recovered from the record in the cluster ({dir})");
        }
    }
}

/// Each cluster's drills. Only what counts can be learned from.
fn predictions(drills: &[&Run]) -> Vec<Learned> {
    let of_use = |run: &&&Run| !matches!(run.result, Ended::Damaged | Ended::Open) && !run.predictions.is_empty();
    let uids: BTreeSet<&str> = drills.iter().filter(of_use).map(|run| run.cluster_uid.as_str()).collect();
    uids.into_iter()
        .flat_map(|uid| {
            let own: Vec<&&Run> = drills.iter().filter(of_use).filter(|run| run.cluster_uid == uid).collect();
            let name = own.last().map(|run| run.cluster.as_str()).unwrap_or_default();
            learn(name, uid, &own.iter().map(|run| run.predictions.as_slice()).collect::<Vec<_>>())
        })
        .collect()
}
