//! Reading a journal that somebody else may have written, cut or edited.
//!
//! Tolerated: a torn last line (a crash), segments that opened nothing, lines behind the
//! one from which a successor goes on, unknown kinds that say they may be skipped.
//! Refused, with file and line: everything else.

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
    /// No such file, no permission.
    #[error("cannot read the journal {path}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing in it: the run died before its first line, and before its first act.
    #[error("{0} is empty: that run never began, so there is nothing to recover")]
    Empty(String),
    /// Not ours, or damaged.
    #[error(
        "{path}:{line}: {problem}; nothing was changed. A copy from before the damage, or `drillmaster recover --from-cluster`, can still undo the run"
    )]
    Corrupt {
        /// Which file.
        path: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// A journal, read and checked.
#[derive(Clone, Debug, Default)]
pub struct ReadJournal {
    /// The events in force, in order.
    pub events: Vec<Event>,
    /// Whether half a line hung at the end.
    pub torn: bool,
    /// Unknown kinds that were skipped.
    pub skipped: u64,
    /// Lines of sessions that had lost the wheel.
    pub stray: u64,
    /// The plan as it was written, whatever this version reads of it.
    pub plan: Option<Value>,
    /// The ends of its sessions: the event, and the hash of its line.
    pub ends: Vec<(u64, String)>,
    /// File and line of each event.
    places: Vec<(Arc<str>, usize)>,
    /// Where the next session goes on.
    pub(super) end: Continues,
    /// Ends of segments from which another goes on.
    pub(super) tails: Vec<Tail>,
    /// Written by version 0.1.0.
    pub(super) old: bool,
}

impl ReadJournal {
    /// The highest epoch in it.
    pub fn last_epoch(&self) -> u64 {
        self.events.iter().map(|e| e.epoch).max().unwrap_or(0)
    }

    /// File and line of an event, for messages.
    pub fn place(&self, seq: u64) -> String {
        let found = self.events.binary_search_by_key(&seq, |e| e.seq).ok().and_then(|i| self.places.get(i));
        found.map_or_else(|| format!("event {seq}"), |(path, line)| format!("{path}:{line}"))
    }

    /// SHA-256 of its last line, if that is the end of the run.
    pub fn head(&self) -> Option<&str> {
        let last = self.events.last()?.seq;
        self.ends.last().filter(|(seq, _)| *seq == last).map(|(_, hash)| hash.as_str())
    }

    /// Takes in an event and what a reader may ask of its line.
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

/// Reads the segments below a number: what the session that opens it goes on with.
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

/// Reads a journal of one session from its text; `path` is for messages.
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

/// The later segments that opened a session, with what each goes on from. One without a
/// whole first line opened nothing.
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
            _ => return Err(corrupt(dir, *n, "its first line does not open this session")),
        }
    }
    Ok(opened)
}

/// The segments in force, ascending: the newest, what it goes on from, and so on.
fn order(dir: &RunDir, opened: &BTreeMap<u64, Continues>) -> Result<Vec<u64>, JournalError> {
    let mut order = vec![opened.keys().next_back().copied().unwrap_or(1)];
    while let Some(top) = order.last().copied().filter(|n| *n > 1) {
        let below = opened[&top].segment;
        if below != 1 && !opened.contains_key(&below) {
            return Err(corrupt(dir, top, format!("it goes on from segment {below}, which opened no session")));
        }
        order.push(below);
    }
    order.reverse();
    Ok(order)
}

/// Takes in a segment: whole, or up to the line from which its successor goes on.
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
        return Err(corrupt(dir, next, format!("it goes on from a line that segment {number} does not have")));
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
