//! Reads a journal that may have been written, truncated or edited by anybody.
//!
//! Accepted: an incomplete last line (after a crash), segments that contain no complete line, lines after the one from
//! which a later session continues, and unknown kinds that are marked as skippable. Everything else is refused, with
//! file and line. Start with [`read`].

use std::{collections::BTreeMap, io, sync::Arc};

use serde_json::Value;

use super::{
    RunDir,
    chain::{Chain, Link, Taken, lines},
    segment,
    tail::{Late, Tail},
};
use crate::event::{Continues, Event, Kind};

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file does not exist, or must not be read.
    #[error("cannot read the journal {path}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The journal is empty: the run died before its first line, and so before its first act.
    #[error("{0} is empty: the run ended before it began, so there is nothing to recover")]
    Empty(String),
    /// The file is not a journal of drillmaster, or is damaged.
    #[error(
        "{path}:{line}: {problem}; nothing was changed. To undo the run, use a copy of the journal from before the damage, or `drillmaster recover --from-cluster`"
    )]
    Corrupt {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// A journal that was read and checked.
#[derive(Clone, Debug, Default)]
pub struct ReadJournal {
    /// The valid events, in order.
    pub events: Vec<Event>,
    /// Whether the last line is incomplete.
    pub torn: bool,
    /// Number of events of unknown kinds that were skipped.
    pub skipped: u64,
    /// Number of lines from sessions that had lost control of the run.
    pub stray: u64,
    /// The plan exactly as it was written, including what this version cannot read.
    pub plan: Option<Value>,
    /// The ends of its sessions: the event, and the hash of its line.
    pub ends: Vec<(u64, String)>,
    /// The file and line of each event.
    places: Vec<(Arc<str>, usize)>,
    /// Where the next session continues.
    pub(super) end: Continues,
    /// The ends of segments from which another segment continues.
    pub(super) tails: Vec<Tail>,
    /// Whether version 0.1.0 wrote it.
    pub(super) old: bool,
}

impl ReadJournal {
    /// The highest session number in it.
    pub fn last_epoch(&self) -> u64 {
        self.events.iter().map(|e| e.epoch).max().unwrap_or(0)
    }

    /// The file and line of an event, for messages.
    pub fn place(&self, seq: u64) -> String {
        let found = self.events.binary_search_by_key(&seq, |e| e.seq).ok().and_then(|i| self.places.get(i));
        found.map_or_else(|| format!("event {seq}"), |(path, line)| format!("{path}:{line}"))
    }

    /// SHA-256 of the last line, if the run has ended with it.
    pub fn head(&self) -> Option<&str> {
        let last = self.events.last()?.seq;
        self.ends.last().filter(|(seq, _)| *seq == last).map(|(_, hash)| hash.as_str())
    }

    /// Adds an event, with what readers may need to know about its line.
    fn push(&mut self, event: Event, text: &[u8], hash: &str, place: (Arc<str>, usize)) {
        match &event.event {
            Kind::RunEnded { .. } => self.ends.push((event.seq, hash.to_owned())),
            Kind::PlanFrozen { .. } => {
                let line: Value = serde_json::from_slice(text).unwrap_or_default();
                self.plan = Some(line["event"]["plan"].clone());
            }
            _ => {}
        }
        self.events.push(event);
        self.places.push(place);
    }
}

/// Reads the journal of a run directory.
pub fn read(dir: &RunDir) -> Result<ReadJournal, JournalError> {
    read_below(dir, u64::MAX)
}

/// Reads the segments below a number: those from which the session that opens it continues.
pub(super) fn read_below(dir: &RunDir, number: u64) -> Result<ReadJournal, JournalError> {
    let numbers = segment::numbers(&dir.0).map_err(|e| unreadable(dir, 1, e))?;
    let mut files = BTreeMap::new();
    for n in numbers.into_iter().filter(|n| *n < number) {
        files.insert(n, segment::read_from(&dir.0, n, 0).map_err(|e| unreadable(dir, n, e))?);
    }
    if !files.contains_key(&1) {
        return Err(unreadable(dir, 1, io::ErrorKind::NotFound.into()));
    }
    let opened = opened(dir, &files)?;
    let order = order(dir, &opened)?;
    let mut journal = ReadJournal::default();
    let mut chain = Chain::from(Link::default(), false);
    for (i, n) in order.iter().enumerate() {
        let cut = order.get(i + 1).map(|next| (*next, &opened[next]));
        chain = Chain::from(chain.link, chain.old && *n == 1);
        take_segment(&mut journal, &mut chain, dir, *n, &files[n], cut)?;
    }
    journal.end.seq = chain.link.seq;
    journal.end.hash = chain.link.hash;
    journal.tails.extend(files.keys().filter(|n| !order.contains(n)).map(|n| Tail::whole(dir.0.clone(), *n)));
    let mut late = Late::default();
    journal.tails.clone().iter_mut().for_each(|tail| tail.look(&mut late));
    journal.stray += late.lines;
    if journal.events.is_empty() {
        return Err(JournalError::Empty(segment::path(&dir.0, 1).display().to_string()));
    }
    Ok(journal)
}

/// Reads a journal with one session from its text. `path` is used in messages.
pub fn read_str(path: &str, text: &str) -> Result<ReadJournal, JournalError> {
    let mut journal = ReadJournal::default();
    let mut chain = Chain::from(Link::default(), false);
    take_lines(&mut journal, &mut chain, path, text.as_bytes(), None)?;
    if journal.events.is_empty() { Err(JournalError::Empty(path.to_owned())) } else { Ok(journal) }
}

fn unreadable(dir: &RunDir, number: u64, source: io::Error) -> JournalError {
    JournalError::Io { path: segment::path(&dir.0, number).display().to_string(), source }
}

fn corrupt(dir: &RunDir, number: u64, problem: impl Into<String>) -> JournalError {
    let path = segment::path(&dir.0, number).display().to_string();
    JournalError::Corrupt { path, line: 1, problem: problem.into() }
}

/// The later segments that opened a session, and where each of them continues. A segment without a complete first line
/// opened no session.
fn opened(dir: &RunDir, files: &BTreeMap<u64, Vec<u8>>) -> Result<BTreeMap<u64, Continues>, JournalError> {
    let mut opened = BTreeMap::new();
    for (n, bytes) in files.iter().filter(|(n, _)| **n > 1) {
        let Some((first, _)) = lines(bytes).next() else { continue };
        let event: Event = serde_json::from_slice(first)
            .map_err(|e| corrupt(dir, *n, format!("this is not the first line of a session ({e})")))?;
        match event.event {
            Kind::SessionOpened { epoch, continues: Some(at), .. } if epoch == *n && at.segment < *n => {
                opened.insert(*n, at);
            }
            _ => return Err(corrupt(dir, *n, "the first line of this segment does not open its session")),
        }
    }
    Ok(opened)
}

/// The valid segments in ascending order: the newest, the one from which it continues, and so on.
fn order(dir: &RunDir, opened: &BTreeMap<u64, Continues>) -> Result<Vec<u64>, JournalError> {
    let mut order = vec![opened.keys().next_back().copied().unwrap_or(1)];
    while let Some(top) = order.last().copied().filter(|n| *n > 1) {
        let below = opened[&top].segment;
        if below != 1 && !opened.contains_key(&below) {
            return Err(corrupt(dir, top, format!("it continues segment {below}, which opened no session")));
        }
        order.push(below);
    }
    order.reverse();
    Ok(order)
}

/// Reads a segment to its end, or to the line from which its successor continues.
fn take_segment(
    journal: &mut ReadJournal,
    chain: &mut Chain,
    dir: &RunDir,
    number: u64,
    bytes: &[u8],
    cut: Option<(u64, &Continues)>,
) -> Result<(), JournalError> {
    let path = segment::path(&dir.0, number).display().to_string();
    take_lines(journal, chain, &path, bytes, cut.map(|(_, at)| at.bytes))?;
    journal.end.segment = number;
    journal.old = chain.old;
    journal.tails.push(Tail::behind(dir.0.clone(), number, journal.end.bytes, chain.clone()));
    let Some((next, at)) = cut else { return Ok(()) };
    let here =
        Continues { segment: number, bytes: journal.end.bytes, seq: chain.link.seq, hash: chain.link.hash.clone() };
    if here != *at {
        return Err(corrupt(dir, next, format!("it continues from a line that segment {number} does not contain")));
    }
    journal.torn = false;
    Ok(())
}

fn take_lines(
    journal: &mut ReadJournal,
    chain: &mut Chain,
    path: &str,
    bytes: &[u8],
    upto: Option<u64>,
) -> Result<(), JournalError> {
    let mut offset = 0;
    let file: Arc<str> = path.into();
    for (i, (line, length)) in lines(bytes).enumerate() {
        if upto.is_some_and(|upto| offset >= upto) {
            break;
        }
        let taken = chain.take(line);
        match taken.map_err(|problem| JournalError::Corrupt { path: path.to_owned(), line: i + 1, problem })? {
            Taken::Event(event) => journal.push(*event, line, &chain.link.hash, (Arc::clone(&file), i + 1)),
            Taken::Skipped => journal.skipped += 1,
            Taken::Stray => journal.stray += 1,
        }
        offset += length;
    }
    journal.end.bytes = offset;
    journal.torn = !bytes.is_empty() && !bytes.ends_with(b"\n");
    Ok(())
}
