//! Reads and verifies the runs of a folder, on all cores. Of each run only what a history needs is kept, so the memory
//! does not depend on the length of the journals. Start with [`read`].

use std::{
    num::NonZero,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{Entry, Exercise, Run};
use crate::{
    journal::RunDir,
    model::with_causes,
    report::{Story, story_of},
    verify::{Verified, verify},
};

/// What was read of one entry.
#[derive(Debug)]
pub struct Read {
    /// The run.
    pub run: Run,
    /// Why the caller's function failed for it.
    pub failed: Option<String>,
}

/// What is done with each run whose journal could be read, while the whole of it is in memory.
type Each<'a> = &'a (dyn Fn(&RunDir, &Verified, &Story, &Run) -> Result<(), String> + Sync);

/// Reads and verifies every exercise, in the order of their dates. What is not read could be one.
pub fn read_exercises(entries: &[Entry]) -> Vec<Exercise> {
    let one = |entry: &Entry| match entry {
        Entry::Exercise(dir) => Some(Exercise::of(dir)),
        Entry::Refused { name, why } => Some(Exercise::refused(name, why)),
        Entry::Run(_) => None,
    };
    let mut all: Vec<Exercise> = entries.iter().filter_map(one).collect();
    all.sort_by(|a, b| (a.began, &a.dir).cmp(&(b.began, &b.dir)));
    all
}

/// Reads every run, in the order of the list. `each` is called with every run whose journal could be read, while the
/// whole of it is in memory.
pub fn read(entries: &[Entry], each: Each<'_>) -> Vec<Read> {
    let entries: Vec<&Entry> = entries.iter().filter(|entry| !matches!(entry, Entry::Exercise(_))).collect();
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<Option<Read>>> = Mutex::new(entries.iter().map(|_| None).collect());
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(entries.len().max(1));
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(entry) = entries.get(at) else { return };
                    let read = one(entry, each);
                    let mut found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    found[at] = Some(read);
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    found.into_iter().flatten().collect()
}

fn one(entry: &Entry, each: Each<'_>) -> Read {
    match entry {
        Entry::Exercise(dir) => Read { run: Run::damaged(dir, "it is an exercise".into()), failed: None },
        Entry::Refused { name, why } => Read { run: Run::refused(name, why), failed: None },
        Entry::Run(dir) => match verify(dir) {
            Err(error) => Read { run: Run::damaged(dir, with_causes(&error)), failed: None },
            Ok(verified) => {
                let story = story_of(&verified.reading);
                let run = Run::told(dir, &verified, &story);
                let failed = each(dir, &verified, &story, &run).err();
                Read { run, failed }
            }
        },
    }
}
