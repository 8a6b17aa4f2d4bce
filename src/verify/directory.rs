//! Checks one run directory. Start with [`verify`].

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

/// How far a run has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It ended, and nothing is left to undo.
    Ended(Exit),
    /// It ended, and this many undos are still to be done.
    Unfinished(Exit, usize),
    /// A process holds its lock.
    GoingOn,
    /// No process is working on it any more, and it has no end.
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

    /// Why the run cannot be judged yet; none if it has ended.
    pub fn open(&self) -> Option<String> {
        match self {
            Self::Ended(_) => None,
            Self::Unfinished(exit, open) => Some(format!(
                "the run ended with exit {} and left {open} undo(s) open: run `drillmaster recover` to continue",
                exit.code()
            )),
            Self::GoingOn => Some("the run is still in progress and has no verdict yet".to_owned()),
            Self::Dead => Some(
                "the run has no end: its process died, or the last lines of the journal are missing. Run `drillmaster recover` to end it"
                    .to_owned(),
            ),
        }
    }
}

/// The result of checking a run directory.
#[derive(Debug)]
pub struct Verified {
    /// The journal.
    pub journal: ReadJournal,
    /// How far the run has got.
    pub progress: Progress,
    /// Which rules made its last verdict.
    pub standing: Standing,
    /// Whether one of its verdicts was made by rules that are not the current ones.
    pub other_rules: bool,
    /// What was checked and does not differ.
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

/// The input of every check.
pub(super) struct Looked<'a> {
    pub dir: &'a RunDir,
    pub journal: &'a ReadJournal,
    /// Whether the journal contains the version of the rules for its verdicts. If so, it is from version 0.2.0 or
    /// later.
    pub numbered: bool,
}

impl<'a> Looked<'a> {
    /// The plan, as far as this version can read it.
    pub fn plan(&self) -> Option<&'a Plan> {
        self.journal.events.iter().find_map(|e| match &e.event {
            Kind::PlanFrozen { plan } => Some(&**plan),
            _ => None,
        })
    }

    /// The place of the first event of a kind.
    pub fn place(&self, is_it: impl Fn(&Kind) -> bool) -> String {
        let found = self.journal.events.iter().find(|e| is_it(&e.event));
        found.map_or_else(|| self.journal.place(0), |e| self.journal.place(e.seq))
    }

    pub fn plan_place(&self) -> String {
        self.place(|kind| matches!(kind, Kind::PlanFrozen { .. }))
    }

    /// The path of a file in the run directory, for messages.
    pub fn path(&self, name: &str) -> String {
        self.dir.file(name).display().to_string()
    }
}

/// Checks a run directory.
///
/// # Errors
/// The journal cannot be read, or its chain is broken: the error names file and line.
pub fn verify(dir: &RunDir) -> Result<Verified, JournalError> {
    let journal = read(dir)?;
    let again = again(&journal.events);
    let mut found = Found::default();
    let (lines, segments) = (journal.events.len(), journal.last_epoch());
    found.checked.push(format!("journal: {lines} events of {segments} session(s), each chained to the previous one"));
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
        (n, None) => format!("verdict: {n} judged again by rules {RULES}, with the same outcomes and exit"),
    };
    found.check(name, |found| {
        for wrong in &again.wrong {
            found.differs(journal.place(wrong.seq), &wrong.what);
        }
    });
}
