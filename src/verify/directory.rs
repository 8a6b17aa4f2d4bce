//! One run directory.

use super::{
    files,
    found::{Differs, Found},
    samples, scenario,
};
use crate::{
    event::Kind,
    journal::{JournalError, Lock, ReadJournal, RunDir, RunState, read},
    model::{Exit, Plan},
    verdict::{Again, RULES, Standing, again},
};

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It ended, and nothing is left to undo.
    Ended(Exit),
    /// It ended, and so many undos are still to be done.
    Unfinished(Exit, usize),
    /// A process holds its lock.
    GoingOn,
    /// Nobody is at it any more, and it has no end.
    Dead,
}

impl Progress {
    fn of(dir: &RunDir, journal: &ReadJournal) -> Self {
        let state = RunState::of(&journal.events).unwrap_or_default();
        match (state.ended, state.open().len()) {
            (Some(exit), 0) => Self::Ended(exit),
            (Some(exit), open) => Self::Unfinished(exit, open),
            (None, _) if Lock::is_held(dir) == Some(true) => Self::GoingOn,
            (None, _) => Self::Dead,
        }
    }

    /// Why there is nothing yet that could be held against it; none where it has ended.
    pub fn open(&self) -> Option<String> {
        match self {
            Self::Ended(_) => None,
            Self::Unfinished(exit, open) => Some(format!(
                "the run ended with exit {} and left {open} undo(s) open: `drillmaster recover` goes on",
                exit.code()
            )),
            Self::GoingOn => Some("the run is still going on: it has no verdict yet".to_owned()),
            Self::Dead => Some(
                "the run has no end: its process died, or its last lines are gone. `drillmaster recover` ends it"
                    .to_owned(),
            ),
        }
    }
}

/// What a look at a run directory found.
#[derive(Debug)]
pub struct Verified {
    /// The journal.
    pub journal: ReadJournal,
    /// How far the run has come.
    pub progress: Progress,
    /// By whose rules its last verdict was made.
    pub standing: Standing,
    /// Whether a verdict of it was made by other rules than today's.
    pub other_rules: bool,
    /// What was looked at and holds.
    pub checked: Vec<String>,
    /// What differs.
    pub differs: Vec<Differs>,
}

impl Verified {
    /// The exit code of `verify`.
    pub fn exit(&self) -> Exit {
        if !self.differs.is_empty() {
            Exit::Failed
        } else if self.other_rules || self.progress.open().is_some() {
            Exit::Inconclusive
        } else {
            Exit::Passed
        }
    }
}

/// What every check reads.
pub(super) struct Looked<'a> {
    pub dir: &'a RunDir,
    pub journal: &'a ReadJournal,
    /// Whether the journal names the rules of its verdicts, and so is of version 0.2.0 or later.
    pub numbered: bool,
}

impl<'a> Looked<'a> {
    /// The plan, as this version reads it.
    pub fn plan(&self) -> Option<&'a Plan> {
        self.journal.events.iter().find_map(|e| match &e.event {
            Kind::PlanFrozen { plan } => Some(&**plan),
            _ => None,
        })
    }

    /// Where the first event of a kind stands.
    pub fn place(&self, is_it: impl Fn(&Kind) -> bool) -> String {
        let found = self.journal.events.iter().find(|e| is_it(&e.event));
        found.map_or_else(|| self.journal.place(0), |e| self.journal.place(e.seq))
    }

    pub fn plan_place(&self) -> String {
        self.place(|kind| matches!(kind, Kind::PlanFrozen { .. }))
    }

    /// A file of the run, for messages.
    pub fn path(&self, name: &str) -> String {
        self.dir.file(name).display().to_string()
    }
}

/// Looks at a run directory.
///
/// # Errors
/// The journal cannot be read, or its chain is broken: the error names file and line.
pub fn verify(dir: &RunDir) -> Result<Verified, JournalError> {
    let journal = read(dir)?;
    let again = again(&journal.events);
    let mut found = Found::default();
    let (lines, segments) = (journal.events.len(), journal.last_epoch());
    found.checked.push(format!("journal: {lines} events of {segments} session(s), each chained to the one before"));
    let looked = Looked { dir, journal: &journal, numbered: again.numbered };
    files::check(&looked, &mut found);
    scenario::check(&looked, &mut found);
    samples::check(&looked, &mut found);
    verdicts(&journal, &again, &mut found);
    let progress = Progress::of(dir, &journal);
    let Again { standing, by_others: other_rules, .. } = again;
    let Found { checked, differs } = found;
    Ok(Verified { journal, progress, standing, other_rules, checked, differs })
}

fn verdicts(journal: &ReadJournal, again: &Again, found: &mut Found) {
    let name = match (again.same, again.standing.words()) {
        (_, Some(words)) => format!("verdict: {words}"),
        (0, None) => "verdict: none was made".to_owned(),
        (n, None) => format!("verdict: {n} judged again by rules {RULES}, the same outcomes and exit"),
    };
    found.check(name, |found| {
        for wrong in &again.wrong {
            found.differs(journal.place(wrong.seq), &wrong.what);
        }
    });
}
