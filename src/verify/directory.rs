//! Checks one run directory. Start with [`verify`].

use super::{
    files,
    found::{Differences, Differs},
    kept,
    samples::Samples,
    scenario,
};
use crate::{
    event::{Event, Kind},
    journal::{About, JournalError, Lock, RunDir, RunState},
    model::{Exit, Plan},
    verdict::{Again, History, RULES, ReadRun},
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
    fn of(dir: &RunDir, history: &History) -> Self {
        let none = RunState::default();
        let state = if history.illegal.is_some() { &none } else { &history.state };
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
    pub reading: ReadRun,
    /// How far the run has got.
    pub progress: Progress,
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
        } else if self.reading.again().by_others || self.progress.open().is_some() {
            Exit::Inconclusive
        } else {
            Exit::Passed
        }
    }
}

/// The input of every check.
pub(super) struct RunFiles<'a> {
    pub dir: &'a RunDir,
    pub reading: &'a ReadRun,
    pub about: &'a About,
    /// Whether the journal contains the version of the rules for its verdicts. If so, it is from version 0.2.0 or
    /// later.
    pub numbered: bool,
}

impl<'a> RunFiles<'a> {
    /// The header.
    pub fn first(&self) -> Option<&'a Event> {
        self.reading.kept.first()
    }

    /// The plan, as far as this version can read it.
    pub fn plan(&self) -> Option<&'a Plan> {
        self.reading.kept.iter().find_map(|e| match &e.event {
            Kind::PlanFrozen { plan } => Some(&**plan),
            _ => None,
        })
    }

    /// The place of the first event of a kind.
    pub fn place(&self, is_it: impl Fn(&Kind) -> bool) -> String {
        let found = self.reading.kept.iter().find(|e| is_it(&e.event));
        found.map_or_else(|| self.about.place(0), |e| self.about.place(e.seq))
    }

    pub fn plan_place(&self) -> String {
        self.place(|kind| matches!(kind, Kind::PlanFrozen { .. }))
    }

    /// The path of a file in the run directory, for messages.
    pub fn path(&self, name: &str) -> String {
        self.dir.file(name).display().to_string()
    }

    /// Whether a session may have ended, or still be, between writing a file and describing it in the journal.
    pub fn may_lack_lines(&self) -> bool {
        self.about.head().is_none() || self.about.last_epoch > 1
    }
}

/// Checks a run directory.
///
/// # Errors
/// The journal cannot be read, or its chain is broken: the error names file and line.
pub fn verify(dir: &RunDir) -> Result<Verified, JournalError> {
    verify_with(dir, drop)
}

/// The same, and passes each event on.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(dir: &RunDir, mut also: impl FnMut(Event)) -> Result<Verified, JournalError> {
    let mut samples = Samples::of(dir);
    let reading = ReadRun::from_with(dir, |reading, event, place| {
        samples.add(&event, place, reading.again().numbered);
        also(event);
    })?;
    let (about, again) = (&reading.about, reading.again());
    let mut found = Differences::default();
    let (lines, segments) = (reading.count, about.last_epoch);
    found.checked.push(format!("journal: {lines} events of {segments} session(s), each chained to the previous one"));
    let looked = RunFiles { dir, reading: &reading, about, numbered: again.numbered };
    files::check(&looked, &mut found);
    scenario::check(&looked, &mut found);
    samples.check(&looked, &mut found);
    kept::check(&looked, &mut found);
    verdicts(about, again, &mut found);
    let progress = Progress::of(dir, reading.history());
    let Differences { checked, differs } = found;
    Ok(Verified { reading, progress, checked, differs })
}

fn verdicts(about: &About, again: &Again, found: &mut Differences) {
    let name = match (again.same, again.standing.words()) {
        (_, Some(words)) => format!("verdict: {words}"),
        (0, None) => "verdict: none was made".to_owned(),
        (n, None) => format!("verdict: {n} judged again by rules {RULES}, with the same outcomes and exit"),
    };
    found.check(name, |found| {
        for wrong in &again.wrong {
            found.differs(about.place(wrong.seq), &wrong.what);
        }
    });
}
