//! The last drill of the same scenario on the same cluster: what was measured then, and which actions followed from it.
//! Start with [`Before`].

use super::{
    Beside, Ref,
    actions::actions,
    context::{Context, at_most, short},
    findings::findings,
};
use crate::{
    event::{Event, Kind},
    model::{Exit, Judgement, Measure, Measured, Outcome},
    report::{
        Field, Story,
        words::{Word, before as w, say},
    },
    verdict::ReadRun,
};

/// The last drill, as far as this one is compared with it.
#[derive(Clone, Debug)]
pub struct Before {
    pub(super) run: String,
    pub(super) date: String,
    /// Scenario, UID of the cluster, and whether it was a rehearsal.
    pub(super) subject: (String, String, bool),
    pub(super) version: String,
    conclusive: bool,
    judged: Vec<Then>,
    pub(super) actions: Vec<Carried>,
}

/// An expectation of the last drill, and its measured time.
#[derive(Clone, Debug)]
struct Then {
    id: String,
    expectation: String,
    of: Option<String>,
    measured: Option<Measure>,
}

impl Then {
    fn of(judgement: &Judgement, measured: Option<Measure>) -> Self {
        let Judgement { id, expectation, of, .. } = judgement;
        Self { id: id.clone(), expectation: expectation.clone(), of: of.clone(), measured }
    }
}

/// An action of the last drill.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub id: Ref,
    pub what: String,
    pub owner: String,
    pub due: String,
    /// The date alone, if one was noted.
    pub due_on: Option<jiff::civil::Date>,
    pub status: String,
    /// The expectation whose pass shows that it is corrected.
    expectation: Option<(String, String)>,
}

/// What became of an action of the last drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retest {
    Passed(usize),
    NotPassed(usize),
    NotTested,
}

/// The same measurement, then and now.
pub(super) struct Change<'a> {
    pub index: usize,
    pub then: &'a Measure,
    pub now: Measure,
}

impl Change<'_> {
    /// Whether it is better or worse by more than a tenth and by more than both error bars; none if it is neither.
    pub fn is_better(&self) -> Option<bool> {
        let bar = |m: &Measure| m.most_us.saturating_sub(m.least_us);
        let (then, now) = (self.then.most_us, self.now.most_us);
        let differs = then.abs_diff(now);
        let clear = differs.saturating_mul(10) > then && differs > bar(self.then) + bar(&self.now);
        clear.then_some(now < then)
    }
}

/// Scenario, UID of the cluster, whether it is a rehearsal, and the version of Kubernetes.
pub(super) fn subject(events: &[Event]) -> Option<((String, String, bool), String)> {
    events.iter().find_map(|e| match &e.event {
        Kind::RunStarted { scenario, clusters, .. } => {
            let cluster = clusters.first()?;
            Some(((scenario.clone(), cluster.uid.clone(), cluster.is_simulated()), cluster.version.clone()))
        }
        _ => None,
    })
}

impl Before {
    /// The drill in this journal, with the notes beside it.
    pub fn of(story: &Story, reading: &ReadRun, beside: &Beside) -> Option<Self> {
        let c = Context::of(story, reading, beside);
        let found = findings(&c);
        let planned = actions(&c, &found);
        let carried = found.iter().zip(&planned).enumerate().map(|(i, (finding, action))| {
            let judged = c.judged.iter().find(|j| finding.refs.first() == Some(&j.id()));
            let due = beside.notes.iter().rev().find(|n| n.field == Field::Due && n.of == Ref::action(i).0);
            Carried {
                id: Ref::action(i),
                what: action.what.clone(),
                owner: action.owner.said.clone(),
                due: action.due.said.clone(),
                due_on: due.and_then(|n| n.text.parse().ok()),
                status: action.status.said.clone(),
                expectation: judged.map(|j| (j.of.id.clone(), j.of.expectation.clone())),
            }
        });
        let (subject, version) = subject(&reading.kept)?;
        Some(Self {
            run: story.run.clone(),
            date: story.started.split('T').next().unwrap_or_default().to_owned(),
            subject,
            version,
            conclusive: matches!(story.exit, Some(Exit::Passed | Exit::Failed)) && c.is_confirmed(),
            judged: c.judged.iter().map(|j| Then::of(j.of, j.measured)).collect(),
            actions: carried.collect(),
        })
    }

    /// Why this drill cannot be compared with the one of the context; none if it can.
    pub(super) fn incomparable(&self, c: &Context<'_>) -> Option<Word> {
        let conclusive = matches!(c.story.exit, Some(Exit::Passed | Exit::Failed)) && c.is_confirmed();
        if c.subject.as_ref().map(|(subject, _)| subject) != Some(&self.subject) {
            Some(w::OTHER)
        } else if !conclusive {
            Some(w::THIS_OPEN)
        } else if !self.conclusive {
            Some(w::THAT_OPEN)
        } else {
            None
        }
    }

    /// The measurements that both drills have, of expectations that did not change.
    pub(super) fn changes<'a>(&'a self, c: &'a Context<'_>) -> Vec<Change<'a>> {
        if self.incomparable(c).is_some() {
            return vec![];
        }
        let pair = |j: &super::context::Judged<'_>| {
            let same = |old: &&Then| old.id == j.of.id && old.expectation == j.of.expectation && old.of == j.of.of;
            let then = self.judged.iter().find(same)?.measured.as_ref()?;
            Some(Change { index: j.index, then, now: j.measured? })
        };
        c.judged.iter().filter_map(pair).collect()
    }

    /// What this drill shows about an action of that one.
    pub(super) fn retest(&self, c: &Context<'_>, action: &Carried) -> Retest {
        let is_same = c.subject.as_ref().map(|(subject, _)| subject) == Some(&self.subject);
        let Some((id, expectation)) = action.expectation.as_ref().filter(|_| is_same && c.is_confirmed()) else {
            return Retest::NotTested;
        };
        let found = c.judged.iter().find(|j| j.of.id == *id && j.of.expectation == *expectation);
        match found {
            Some(j) if j.is_proven() => Retest::Passed(j.index),
            Some(j) if j.of.outcome != Outcome::Skipped => Retest::NotPassed(j.index),
            _ => Retest::NotTested,
        }
    }

    /// The comparison, for page one.
    pub(super) fn said(&self, c: &Context<'_>) -> String {
        let words = c.words;
        let head = say!(words, w::HEAD, self.date, short(&self.run, 80));
        if let Some(why) = self.incomparable(c) {
            return say!(words, w::NOT_COMPARED, head, say!(words, why));
        }
        let now = c.subject.as_ref().map_or("", |(_, version)| version.as_str());
        let same =
            if self.version == now { say!(words, w::SAME) } else { say!(words, w::OTHER_VERSION, self.version, now) };
        let mut changes = self.changes(c);
        // The objectives of services and data come first.
        changes.sort_by_key(|change| !matches!(change.now.of, Measured::Recovery | Measured::Loss));
        let said: Vec<String> = changes
            .iter()
            .take(3)
            .map(|change| {
                let subject = c.judged.get(change.index).map(|j| j.subject(words)).unwrap_or_default();
                let word = match change.is_better() {
                    Some(true) => w::BETTER,
                    Some(false) => w::WORSE,
                    None => w::NO_CHANGE,
                };
                let (then, now) = (at_most(change.then.most_us), at_most(change.now.most_us));
                say!(words, w::CHANGE, short(&subject, 40), then, now, say!(words, word))
            })
            .collect();
        let said = if said.is_empty() { say!(words, w::NOTHING) } else { said.join("; ") };
        say!(words, w::SAID, head, same, said)
    }
}
