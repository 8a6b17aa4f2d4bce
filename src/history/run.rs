//! One run of the past, as far as its run directory proves it. Start with [`Run::of`].

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::learned::{Prediction, predictions};
use crate::{
    event::{Event, Kind},
    journal::{RunDir, header},
    model::{About, ClusterIdentity, Exit, Fingerprint, Head, Judgement, Measure, Outcome, RestsOn, few},
    report::{Recovery, Story, story_of},
    verify::{Progress, Verified},
};

/// At most this many differences of a damaged run are named.
const NAMED: usize = 2;

/// How a run counts in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Every expectation was met.
    Passed,
    /// An expectation was not met.
    Failed,
    /// Nothing failed, but something required is not proven. Also a verdict by the rules of another version.
    NotProven,
    /// The pre-flight refused, and nothing was touched.
    Refused,
    /// It was stopped before its end, and everything was put back.
    Stopped,
    /// Something that it changed was not put back.
    NotRestored,
    /// It has not ended.
    Open,
    /// Its directory does not verify, so nothing that it says counts.
    Damaged,
}

impl Ended {
    /// Every result, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::Passed,
        Self::Failed,
        Self::NotProven,
        Self::Refused,
        Self::Stopped,
        Self::NotRestored,
        Self::Open,
        Self::Damaged,
    ];

    /// The word in tables. A run that does not verify proves nothing.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::NotProven => "NOT PROVEN",
            Self::Refused => "REFUSED",
            Self::Stopped => "STOPPED",
            Self::NotRestored => "CLUSTER NOT RESTORED",
            Self::Open => "OPEN",
            Self::Damaged => "NOT PROVEN (DAMAGED)",
        }
    }

    /// The word in counts and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotProven => "not proven",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::NotRestored => "not restored",
            Self::Open => "open",
            Self::Damaged => "damaged",
        }
    }

    /// Whether the expectations were decided.
    pub fn is_conclusive(self) -> bool {
        matches!(self, Self::Passed | Self::Failed)
    }

    fn of(exit: Exit) -> Self {
        match exit {
            Exit::Passed => Self::Passed,
            Exit::Failed => Self::Failed,
            Exit::Inconclusive => Self::NotProven,
            Exit::Refused | Exit::Invalid => Self::Refused,
            Exit::Aborted | Exit::Internal => Self::Stopped,
            Exit::Residue | Exit::Left => Self::NotRestored,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The judgement of one expectation, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// Its name.
    pub id: String,
    /// What was expected.
    pub expectation: String,
    /// The fault, if it names one.
    pub of: Option<String>,
    /// The result.
    pub outcome: Outcome,
    /// Why.
    pub because: String,
    /// The measured time.
    pub measured: Option<Measure>,
}

impl From<&Judgement> for Judged {
    fn from(j: &Judgement) -> Self {
        Self {
            // Runs of version 0.1.0 have no ids.
            id: if j.id.is_empty() { j.expectation.clone() } else { j.id.clone() },
            expectation: j.expectation.clone(),
            of: j.of.clone(),
            outcome: j.outcome,
            because: j.because.to_string(),
            measured: j.measured,
        }
    }
}

/// One run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The name of its directory.
    pub dir: String,
    /// Its id; empty if its header cannot be read.
    pub run: String,
    /// The scenario.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// Whether the cluster was simulated.
    pub rehearsal: bool,
    /// The context of the cluster.
    pub cluster: String,
    /// The UID of the cluster.
    pub cluster_uid: String,
    /// The version of Kubernetes.
    pub kubernetes: String,
    /// Whether the journal was made from the record in the cluster.
    pub from_cluster: bool,
    /// Who ran it.
    pub operator: String,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended, or the time of its last event.
    pub ended: Option<Timestamp>,
    /// How it counts.
    pub result: Ended,
    /// The reason, or how it ended.
    pub why: String,
    /// The exit code that it wrote.
    pub exit: Option<Exit>,
    /// SHA-256 of its last line, if it has ended.
    pub head: Option<String>,
    /// The run before it on its cluster.
    pub previous: Option<Head>,
    /// The judgements, if they count.
    pub judgements: Vec<Judged>,
    /// Recoveries with their phases.
    pub recoveries: Vec<Recovery>,
    /// Predictions with their measured times.
    pub predictions: Vec<Prediction>,
    /// SHA-256 of the scenario.
    pub scenario_hash: String,
    /// How often the scenario is to be run, as it said then.
    #[serde(skip)]
    pub about: About,
    /// What it rested on.
    #[serde(skip)]
    pub fingerprint: Option<Fingerprint>,
    /// Which parts it rested on.
    #[serde(skip)]
    pub rests_on: RestsOn,
    /// The ends of its sessions.
    #[serde(skip)]
    pub heads: Vec<Head>,
}

impl Run {
    /// A run whose directory was checked.
    pub fn of(dir: &RunDir, verified: &Verified) -> Self {
        Self::told(dir, verified, &story_of(&verified.reading))
    }

    /// The same, with the story of its journal.
    pub(super) fn told(dir: &RunDir, verified: &Verified, story: &Story) -> Self {
        let reading = &verified.reading;
        let mut run = Self::named(dir);
        for event in &reading.kept {
            run.take(event);
        }
        let standing = reading.again().standing.words();
        let exit = match verified.progress {
            Progress::Ended(exit) | Progress::Unfinished(exit, _) => Some(exit),
            Progress::GoingOn | Progress::Dead => None,
        };
        (run.result, run.why) = match (&verified.progress, standing) {
            _ if !verified.differs.is_empty() => (Ended::Damaged, few(verified.differs.iter(), NAMED, ("; ", "; and"))),
            (Progress::GoingOn | Progress::Dead, _) => (Ended::Open, verified.progress.open().unwrap_or_default()),
            (Progress::Unfinished(..), _) => (Ended::NotRestored, verified.progress.open().unwrap_or_default()),
            (Progress::Ended(exit), Some(words)) if Ended::of(*exit).is_conclusive() => (Ended::NotProven, words),
            (Progress::Ended(exit), _) => (Ended::of(*exit), story.ending.clone()),
        };
        run.exit = exit;
        run.head = reading.about.head().map(str::to_owned);
        run.heads = reading
            .about
            .ends
            .iter()
            .map(|end| Head { run: run.run.clone(), head: end.hash.clone(), exit: end.exit })
            .collect();
        run.ended = reading.span.map(|(_, last)| last);
        if run.result != Ended::Damaged {
            run.content(story);
        }
        run
    }

    /// A run whose journal cannot be read, or that is not read at all. Its header is a claim, and only names it.
    pub fn damaged(dir: &RunDir, why: String) -> Self {
        let mut run = Self::named(dir);
        if let Some(event) = header(dir) {
            run.take(&event);
        }
        run.why = why;
        run
    }

    /// An entry that is not read.
    pub fn refused(name: &str, why: &str) -> Self {
        Self { why: why.to_owned(), ..Self::named(&RunDir(name.into())) }
    }

    fn named(dir: &RunDir) -> Self {
        Self {
            dir: dir.0.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            run: String::new(),
            scenario: String::new(),
            title: String::new(),
            rehearsal: false,
            cluster: String::new(),
            cluster_uid: String::new(),
            kubernetes: String::new(),
            from_cluster: false,
            operator: String::new(),
            started: None,
            ended: None,
            result: Ended::Damaged,
            why: String::new(),
            exit: None,
            head: None,
            previous: None,
            judgements: vec![],
            recoveries: vec![],
            predictions: vec![],
            scenario_hash: String::new(),
            about: About::default(),
            fingerprint: None,
            rests_on: RestsOn::default(),
            heads: vec![],
        }
    }

    fn take(&mut self, event: &Event) {
        match &event.event {
            Kind::RunStarted {
                run_id,
                scenario,
                title,
                scenario_hash,
                clusters,
                operator,
                previous,
                from_cluster,
                ..
            } => {
                self.run.clone_from(run_id);
                self.scenario.clone_from(scenario);
                self.title.clone_from(title);
                self.scenario_hash.clone_from(scenario_hash);
                self.operator.clone_from(operator);
                self.previous.clone_from(previous);
                self.from_cluster = *from_cluster;
                self.started = Some(event.at);
                self.rehearsal = ClusterIdentity::all_simulated(clusters);
                if let Some(cluster) = clusters.first() {
                    self.cluster.clone_from(&cluster.context);
                    self.cluster_uid.clone_from(&cluster.uid);
                    self.kubernetes.clone_from(&cluster.version);
                }
            }
            Kind::PlanFrozen { plan } => {
                self.about = plan.about.clone();
                self.rests_on = RestsOn::of(plan);
            }
            Kind::PreflightDone { rests_on: Some(fingerprint), .. } => self.fingerprint = Some((**fingerprint).clone()),
            _ => {}
        }
    }

    fn content(&mut self, story: &Story) {
        self.judgements = story.judgements.iter().map(Judged::from).collect();
        self.predictions = predictions(&story.compared);
        self.recoveries.clone_from(&story.recoveries);
    }

    /// The scenario and the cluster. Runs with the same pair can be compared.
    pub fn subject(&self) -> (&str, &str) {
        (&self.scenario, &self.cluster_uid)
    }

    /// When it began, in UTC.
    pub fn date(&self) -> String {
        self.started.map_or_else(|| "unknown".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
    }
}
