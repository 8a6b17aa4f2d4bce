//! Reads a journal that may have been written, truncated or edited by anybody.
//!
//! Accepted: an incomplete last line (after a crash), segments that contain no complete line, lines after the one from
//! which a later session continues, and unknown kinds that are marked as skippable. Everything else is refused, with
//! file and line. Start with [`read`].

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
    sync::Arc,
};

use super::{
    RunDir,
    about::{About, EventPlace},
    chain::{Chain, Link, Taken},
    lines::{self, Stopped},
    segment,
    tail::{Late, Tail},
};
use crate::event::{Continues, Event, Kind};

/// A longer first line is not a header: looking for one must not fill the memory.
const LONGEST_HEADER: u64 = 4 << 20;

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
    /// What else is known about it.
    pub about: About,
}

/// Reads the journal of a run directory.
pub fn read(dir: &RunDir) -> Result<ReadJournal, JournalError> {
    let mut events = vec![];
    let about = follow(dir, |event, _| events.push(event))?;
    Ok(ReadJournal { events, about })
}

/// Reads a journal with one session from its text. `path` is used in messages.
pub fn read_str(path: &str, text: &str) -> Result<ReadJournal, JournalError> {
    let (mut events, mut about) = (vec![], About::default());
    let mut chain = Chain::from(Link::default(), false);
    take_lines(&mut about, &mut chain, path, text.as_bytes(), None, &mut |event, _| events.push(event))?;
    if events.is_empty() { Err(JournalError::Empty(path.to_owned())) } else { Ok(ReadJournal { events, about }) }
}

/// Reads the journal of a run directory and passes its events on, in order, with their places. It keeps none of them: a
/// journal may be larger than the memory.
///
/// # Errors
/// The journal cannot be read, or is damaged. The events before the damage were passed on.
pub fn follow(dir: &RunDir, mut take: impl FnMut(Event, EventPlace<'_>)) -> Result<About, JournalError> {
    follow_below(dir, u64::MAX, &mut take)
}

/// The first event of a journal, which is its header. The rest is not read.
pub fn header(dir: &RunDir) -> Option<Event> {
    serde_json::from_slice(&header_line(dir)?).ok()
}

/// The line of the header. A link in place of the journal is not followed.
pub(super) fn header_line(dir: &RunDir) -> Option<Vec<u8>> {
    let file = segment::open(&dir.0, 1).ok()?;
    first_line(&mut BufReader::new(file.take(LONGEST_HEADER))).ok()?
}

/// Takes each event, in order, with its place.
pub(super) type Take<'a> = &'a mut dyn FnMut(Event, EventPlace<'_>);

/// Reads the segments below a number: those from which the session that opens it continues.
pub(super) fn follow_below(dir: &RunDir, number: u64, take: Take<'_>) -> Result<About, JournalError> {
    let numbers = segment::numbers(&dir.0).map_err(|e| unreadable(dir, 1, e))?;
    let mut files = BTreeMap::new();
    for n in numbers.into_iter().filter(|n| *n < number) {
        files.insert(n, segment::open(&dir.0, n).map_err(|e| unreadable(dir, n, e))?);
    }
    if !files.contains_key(&1) {
        return Err(unreadable(dir, 1, io::ErrorKind::NotFound.into()));
    }
    let opened = opened(dir, &files)?;
    let order = order(dir, &opened)?;
    let mut about = About::default();
    let mut chain = Chain::from(Link::default(), false);
    for (i, n) in order.iter().enumerate() {
        let cut = order.get(i + 1).map(|next| (*next, &opened[next]));
        chain = Chain::from(chain.link, chain.old && *n == 1);
        take_segment(&mut about, &mut chain, dir, (*n, &files[n]), cut, take)?;
    }
    about.end.seq = chain.link.seq;
    about.end.hash = chain.link.hash;
    about.tails.extend(files.keys().filter(|n| !order.contains(n)).map(|n| Tail::whole(dir.0.clone(), *n)));
    let mut late = Late::default();
    about.tails.clone().iter_mut().for_each(|tail| tail.read_new(&mut late));
    about.stray += late.lines;
    if about.count == 0 {
        return Err(JournalError::Empty(segment::path(&dir.0, 1).display().to_string()));
    }
    Ok(about)
}

fn unreadable(dir: &RunDir, number: u64, source: io::Error) -> JournalError {
    JournalError::Io { path: segment::path(&dir.0, number).display().to_string(), source }
}

fn corrupt(dir: &RunDir, number: u64, problem: impl Into<String>) -> JournalError {
    let path = segment::path(&dir.0, number).display().to_string();
    JournalError::Corrupt { path, line: 1, problem: problem.into() }
}

/// The first line of a file without its end; none if it is incomplete.
fn first_line(file: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = vec![];
    file.read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

/// The later segments that opened a session, and where each of them continues. A segment without a complete first line
/// opened no session.
fn opened(dir: &RunDir, files: &BTreeMap<u64, File>) -> Result<BTreeMap<u64, Continues>, JournalError> {
    let mut opened = BTreeMap::new();
    for (n, mut file) in files.iter().filter(|(n, _)| **n > 1) {
        let first = first_line(&mut BufReader::new(file)).map_err(|e| unreadable(dir, *n, e))?;
        file.rewind().map_err(|e| unreadable(dir, *n, e))?;
        let Some(first) = first else { continue };
        let event: Event = serde_json::from_slice(&first)
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
    about: &mut About,
    chain: &mut Chain,
    dir: &RunDir,
    (number, file): (u64, &File),
    cut: Option<(u64, &Continues)>,
    take: Take<'_>,
) -> Result<(), JournalError> {
    let path = segment::path(&dir.0, number).display().to_string();
    take_lines(about, chain, &path, file, cut.map(|(_, at)| at.bytes), take)?;
    about.end.segment = number;
    about.old = chain.old;
    about.tails.push(Tail::behind(dir.0.clone(), number, about.end.bytes, chain.clone()));
    let Some((next, at)) = cut else { return Ok(()) };
    let here =
        Continues { segment: number, bytes: about.end.bytes, seq: chain.link.seq, hash: chain.link.hash.clone() };
    if here != *at {
        return Err(corrupt(dir, next, format!("it continues from a line that segment {number} does not contain")));
    }
    about.torn = false;
    Ok(())
}

fn take_lines(
    about: &mut About,
    chain: &mut Chain,
    path: &str,
    file: impl Read,
    upto: Option<u64>,
    take: Take<'_>,
) -> Result<(), JournalError> {
    let mut number = 0;
    let name: Arc<str> = path.into();
    let extent = lines::each(file, upto, |line| -> Result<(), JournalError> {
        number += 1;
        let text = line.text;
        let taken = chain.add(line);
        match taken.map_err(|problem| JournalError::Corrupt { path: path.to_owned(), line: number, problem })? {
            Taken::Event(event) => {
                let place = EventPlace { path: &name, line: number as u64 };
                about.note(&event, text, &chain.link.hash, place);
                take(*event, place);
            }
            Taken::Skipped => about.skipped += 1,
            Taken::Stray => about.stray += 1,
        }
        Ok(())
    });
    let extent = extent.map_err(|stopped| match stopped {
        Stopped::Refused(error) => error,
        Stopped::Unreadable(source) => JournalError::Io { path: path.to_owned(), source },
    })?;
    about.end.bytes = extent.bytes;
    about.torn = extent.torn;
    Ok(())
}
