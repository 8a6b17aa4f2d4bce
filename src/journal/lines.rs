//! Reads the lines of a segment in parts. Whether a line follows the line before it can only be decided in order, but
//! its hash and its content need no other line, so several threads compute them. A part is forgotten when its lines
//! were taken: a journal may be larger than the memory. Start with [`each`].

use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use super::write::hash_line;
use crate::event::Event;

/// How many bytes one thread reads at a time, if no line is longer.
const PART: usize = 1 << 19;
/// More threads than this would only wait for the one that takes the lines.
const THREADS: usize = 8;

/// A line without its end.
pub(super) struct Line<'a> {
    pub text: &'a [u8],
    /// The hash that the next line must contain.
    pub hash: String,
    /// None if the line does not have the present shape.
    pub event: Option<Box<Event>>,
}

impl<'a> Line<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { text, hash: hash_line(text), event: Event::of_line(text).map(Box::new) }
    }
}

/// How far a segment was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The bytes of the lines that were taken.
    pub bytes: u64,
    /// Whether an incomplete line follows.
    pub torn: bool,
}

/// Why reading ended early.
pub(super) enum Stopped<E> {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// Whoever takes the lines refused one.
    Refused(E),
}

/// Complete lines of a segment.
struct Part {
    text: Vec<u8>,
    /// For each line, where it ends, its hash and its event.
    lines: Vec<(usize, String, Option<Box<Event>>)>,
}

impl Part {
    fn read(text: Vec<u8>) -> Self {
        let (mut lines, mut from) = (vec![], 0);
        for line in text.split_inclusive(|b| *b == b'\n') {
            let Line { hash, event, .. } = Line::of(&line[..line.len() - 1]);
            from += line.len();
            lines.push((from, hash, event));
        }
        Self { text, lines }
    }
}

/// Splits a file into parts that end with a line.
struct Parts<R> {
    file: R,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
}

impl<R: Read> Parts<R> {
    /// The next part; none at the end of the file.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut text = std::mem::take(&mut self.rest);
        loop {
            let before = text.len();
            if self.file.by_ref().take(PART as u64).read_to_end(&mut text)? == 0 {
                self.rest = text;
                return Ok(None);
            }
            if let Some(end) = text[before..].iter().rposition(|b| *b == b'\n') {
                self.rest = text.split_off(before + end + 1);
                return Ok(Some(text));
            }
        }
    }
}

/// A part, and where its lines are to be sent.
type Job = (Vec<u8>, Sender<Part>);

/// Passes each complete line of a file that begins before the byte `upto`, in order.
pub(super) fn each<E>(
    file: impl Read,
    upto: Option<u64>,
    mut take: impl FnMut(Line<'_>) -> Result<(), E>,
) -> Result<Extent, Stopped<E>> {
    let mut parts = Parts { file, rest: vec![] };
    let mut bytes = 0;
    let mut pass = |part: Part| -> Result<bool, Stopped<E>> {
        let mut from = 0;
        for (end, hash, event) in part.lines {
            if upto.is_some_and(|upto| bytes >= upto) {
                return Ok(false);
            }
            take(Line { text: &part.text[from..end - 1], hash, event }).map_err(Stopped::Refused)?;
            bytes += (end - from) as u64;
            from = end;
        }
        Ok(true)
    };
    let first = parts.next().map_err(Stopped::<E>::Unreadable)?;
    let goes_on = match first {
        None => false,
        Some(first) => pass(Part::read(first))?,
    };
    if goes_on {
        on_threads(&mut parts, pass)?;
    }
    Ok(Extent { bytes, torn: !parts.rest.is_empty() })
}

/// Reads the remaining parts on several threads, and passes them in order until `pass` does not want more.
fn on_threads<E>(
    parts: &mut Parts<impl Read>,
    mut pass: impl FnMut(Part) -> Result<bool, Stopped<E>>,
) -> Result<(), Stopped<E>> {
    let Some(second) = parts.next().map_err(Stopped::<E>::Unreadable)? else { return Ok(()) };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let (jobs, queue) = mpsc::channel::<Job>();
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&queue));
        }
        // The threads end when nothing is left in the queue and this end of it is gone.
        let jobs = jobs;
        let mut coming: VecDeque<Receiver<Part>> = VecDeque::new();
        let mut next = Some(second);
        loop {
            while let Some(text) = next.take() {
                let (done, part) = mpsc::channel();
                jobs.send((text, done)).expect("the queue outlives this loop");
                coming.push_back(part);
                if coming.len() > 2 * threads {
                    break;
                }
                next = parts.next().map_err(Stopped::<E>::Unreadable)?;
            }
            let Some(part) = coming.pop_front() else { return Ok(()) };
            if !pass(part.recv().expect("each part is read"))? {
                return Ok(());
            }
            if next.is_none() {
                next = parts.next().map_err(Stopped::<E>::Unreadable)?;
            }
        }
    })
}

/// Reads parts until there are no more.
fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((text, done)) = job else { return };
        // Nobody receives it after a line was refused.
        let _ = done.send(Part::read(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of a text, and how far it was read.
    fn read(text: &[u8], upto: Option<u64>) -> (Vec<Vec<u8>>, Extent) {
        let mut lines = vec![];
        let taken = each(text, upto, |line| {
            assert_eq!(line.hash, hash_line(line.text));
            lines.push(line.text.to_vec());
            Ok::<(), ()>(())
        });
        (lines, taken.unwrap_or_else(|_| panic!("a text can be read")))
    }

    fn numbered(count: usize, width: usize) -> Vec<u8> {
        (0..count).map(|i| format!("{}{i:06}\n", "-".repeat(width))).collect::<String>().into_bytes()
    }

    #[test]
    fn every_line_comes_once_and_in_order_however_long_the_file_is() {
        // Shorter than a part, several parts, and lines that are longer than a part.
        for (count, width) in [(0, 1), (1, 1), (3, 10), (90_000, 50), (5, PART)] {
            let text = numbered(count, width);
            let (lines, extent) = read(&text, None);
            let wanted: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').map(|l| &l[..l.len() - 1]).collect();
            assert!(lines == wanted, "{count} lines of {width}");
            assert_eq!(extent, Extent { bytes: text.len() as u64, torn: false });
        }
    }

    #[test]
    fn an_incomplete_line_is_not_taken() {
        for count in [0, 3, 90_000] {
            let mut text = numbered(count, 50);
            let whole = text.len() as u64;
            text.extend(b"{\"seq\"");
            let (lines, extent) = read(&text, None);
            assert_eq!((lines.len(), extent), (count, Extent { bytes: whole, torn: true }));
        }
    }

    #[test]
    fn nothing_is_taken_behind_the_byte_from_which_another_session_goes_on() {
        let text = numbered(90_000, 50);
        for lines in [0, 1, 7, 80_000, 90_000] {
            let (taken, extent) = read(&text, Some(lines * 57));
            assert_eq!((taken.len() as u64, extent.bytes), (lines, lines * 57));
        }
    }

    #[test]
    fn a_refused_line_ends_the_reading() {
        for at in [0, 1, 60_000, 89_999] {
            let mut seen = 0;
            let taken = each(&numbered(90_000, 50)[..], None, |_| {
                seen += 1;
                if seen > at { Err(seen) } else { Ok(()) }
            });
            assert!(matches!(taken, Err(Stopped::Refused(n)) if n == at + 1));
        }
    }
}
