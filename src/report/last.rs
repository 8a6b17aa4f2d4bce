//! Finds the last drills of the same scenario, in the directories beside a run, and remembers what it read: in a folder
//! of many drills, each of them is an earlier one for several others. Start with [`Earlier`].

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{
    Organisation, Story,
    document::{Before, Beside, Signature},
    note::notes,
    story::story_of,
};
use crate::{
    event::Kind,
    evidence::{Sealed, check},
    journal::{RunDir, header},
    model::{Head, is_run_name},
    verdict::ReadRun,
};

/// How many runs are looked at, from the newest to the oldest.
const RUNS: usize = 50;
/// A larger journal is not read for a comparison.
const LARGEST: u64 = 16 << 20;
/// So many drills before the last one are shown as a trend, if their journals are not larger than this together.
const EARLIER: usize = 6;
const LARGEST_EARLIER: u64 = 16 << 20;

/// What was read of the directories beside runs. The reports of several runs of a folder share it, on several threads.
#[derive(Debug, Default)]
pub struct Earlier {
    organisation: Organisation,
    known: Mutex<BTreeMap<PathBuf, Arc<Known>>>,
}

/// What was read of one directory. Whoever asks for a part that another thread is reading waits for it.
#[derive(Debug, Default)]
struct Known {
    header: OnceLock<Option<Header>>,
    drill: OnceLock<Option<Drill>>,
}

/// The part of a header that leads to the run before.
#[derive(Debug)]
struct Header {
    scenario: String,
    previous: Option<Head>,
}

/// A drill that others can be compared with.
#[derive(Debug)]
struct Drill {
    /// SHA-256 of its last line, if it has ended.
    head: Option<String>,
    before: Before,
}

impl Earlier {
    /// Nothing was read yet. The reports belong to this organisation.
    pub fn of(organisation: &Organisation) -> Self {
        Self { organisation: organisation.clone(), ..Self::default() }
    }

    /// What stands beside the journal of a run: notes, the earlier drills, and the signature if it holds.
    ///
    /// # Errors
    /// The notes cannot be read; the error names the line.
    pub fn beside(&self, dir: &RunDir, reading: &ReadRun) -> io::Result<Beside> {
        let signature = match check(dir, reading, &[]) {
            Sealed::Valid { key, .. } => Signature::By(key.0),
            Sealed::Unsigned | Sealed::Broken(_) => Signature::Unsigned,
        };
        let mut drills = self.last(dir, reading).into_iter();
        let before = drills.next();
        let earlier = drills.collect();
        Ok(Beside { notes: notes(dir)?, signature, before, earlier, organisation: self.organisation.clone() })
    }

    /// Remembers a run that was read for another purpose, so that it is not read again for later ones.
    pub fn remember(&self, dir: &RunDir, story: &Story, reading: &ReadRun) {
        self.known(&dir.0).drill.get_or_init(|| self.drill(dir, story, reading));
    }

    /// The last drills of the same scenario on the same cluster, the newest first, as the chain of heads names them. A
    /// journal must have the end that the chain says, or neither it nor an earlier one is used.
    fn last(&self, dir: &RunDir, reading: &ReadRun) -> Vec<Before> {
        let mut all = vec![];
        let mut room = LARGEST_EARLIER;
        let Some(runs) = dir.0.parent() else { return all };
        let Some(own) = reading.kept.first().and_then(|e| Header::of(&e.event)) else { return all };
        let mut next = own.previous;
        for _ in 0..RUNS {
            let Some(head) = next.take().filter(|head| is_run_name(&head.run)) else { break };
            let there = RunDir(runs.join(&head.run));
            let known = self.known(&there.0);
            let header = known.header.get_or_init(|| Header::of(&header(&there)?.event));
            let Some(header) = header else { break };
            if header.scenario == own.scenario {
                let largest = if all.is_empty() { LARGEST } else { room };
                let Some((found, size)) = self.found(&known, &there, &head, largest) else { break };
                room = if all.is_empty() { room } else { room.saturating_sub(size) };
                all.push(found);
                if all.len() > EARLIER {
                    break;
                }
            }
            next.clone_from(&header.previous);
        }
        all
    }

    /// The drill, and the size of its journal.
    fn found(&self, known: &Known, dir: &RunDir, head: &Head, largest: u64) -> Option<(Before, u64)> {
        let size = fs::symlink_metadata(dir.journal()).ok().map(|m| m.len()).filter(|size| *size <= largest)?;
        let read = || {
            let reading = ReadRun::from(dir).ok()?;
            self.drill(dir, &story_of(&reading), &reading)
        };
        let drill = known.drill.get_or_init(read).as_ref()?;
        (drill.head.as_ref() == Some(&head.head)).then(|| (drill.before.clone(), size))
    }

    fn drill(&self, dir: &RunDir, story: &Story, reading: &ReadRun) -> Option<Drill> {
        let organisation = self.organisation.clone();
        let beside = Beside { notes: notes(dir).ok()?, organisation, ..Beside::default() };
        let head = reading.about.head().map(str::to_owned);
        Some(Drill { head, before: Before::of(story, reading, &beside)? })
    }

    fn known(&self, dir: &Path) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(dir.to_owned()).or_default())
    }
}

impl Header {
    fn of(kind: &Kind) -> Option<Self> {
        match kind {
            Kind::RunStarted { scenario, previous, .. } => {
                Some(Self { scenario: scenario.clone(), previous: previous.clone() })
            }
            _ => None,
        }
    }
}
