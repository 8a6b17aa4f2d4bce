//! Reads the journal of an exercise: which segments count, and whether each line follows the one before it. Start with
//! [`read`].

use std::io::{self, Read};

use super::{
    super::{
        launch::is_folder,
        what::{FORMAT, Line, What},
    },
    error::{JournalError, damaged, io_error},
};
use crate::{
    event::Continues,
    journal::{Holder, RunDir, hash_line, segment},
    model::printable,
};

/// The size limit of a segment. A line is written by a person.
const LARGEST: u64 = 256 << 20;

/// What is said about a directory without a journal.
pub(super) const NOT_ONE: &str =
    "this directory does not contain an exercise; `drillmaster exercise prepare` makes one, in the folder exercises";

/// The lines of a journal, and where it goes on.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// The lines that count, in order.
    pub lines: Vec<Line>,
    /// SHA-256 of the last one.
    pub head: String,
    /// Whether the last line of the newest segment is incomplete, because its writer was killed.
    pub torn: bool,
    /// Lines that another machine wrote after it had lost the exercise.
    pub stray: usize,
    pub(super) at: Continues,
    pub(super) holder: Option<Holder>,
}

/// Reads the journal of an exercise.
///
/// # Errors
/// It cannot be read, or is damaged; the error names the line.
pub fn read(dir: &RunDir) -> Result<Lines, JournalError> {
    let none = || io::Error::new(io::ErrorKind::NotFound, NOT_ONE);
    let numbers = segment::numbers(&dir.0).map_err(|e| {
        let missing = e.kind() == io::ErrorKind::NotFound;
        io_error(dir, 1, if missing { none() } else { e })
    })?;
    let mut files = vec![];
    for number in numbers {
        files.push((number, segment_lines(dir, number)?));
    }
    if files.first().is_none_or(|(number, _)| *number != 1) {
        return Err(io_error(dir, 1, none()));
    }
    // The newest segment that opened a session counts, and all from which it continues.
    let mut order: Vec<usize> = vec![];
    let mut next = files.iter().rposition(|(number, file)| *number == 1 || !file.lines.is_empty()).unwrap_or(0);
    loop {
        order.push(next);
        let (number, file) = &files[next];
        if *number == 1 {
            break;
        }
        let before = file.lines.first().and_then(|(line, _, _)| match &line.event {
            What::SessionOpened { continues: Some(at), .. } => Some(at.segment),
            _ => None,
        });
        let known = before.and_then(|before| files.iter().position(|(n, _)| *n == before)).filter(|i| *i < next);
        let problem = "the first line of this segment does not say from which one it continues";
        next = known.ok_or_else(|| damaged(dir, *number, 1, problem))?;
    }
    order.reverse();
    let mut all = Lines::default();
    for (i, at) in order.iter().enumerate() {
        let upto = order.get(i + 1).and_then(|next| match &files[*next].1.lines[0].0.event {
            What::SessionOpened { continues, .. } => continues.clone(),
            _ => None,
        });
        take(&mut all, dir, files[*at].0, &files[*at].1, upto.as_ref())?;
    }
    all.stray +=
        files.iter().enumerate().filter(|(i, _)| !order.contains(i)).map(|(_, (_, f))| f.lines.len()).sum::<usize>();
    if all.lines.is_empty() {
        return Err(damaged(
            dir,
            1,
            1,
            "the journal is empty: `exercise prepare` did not end; remove the directory and prepare the exercise again",
        ));
    }
    Ok(all)
}

/// A segment: its lines, each with its hash and the byte at which it ends.
struct Segment {
    lines: Vec<(Line, String, u64)>,
    torn: bool,
}

fn segment_lines(dir: &RunDir, number: u64) -> Result<Segment, JournalError> {
    let mut bytes = vec![];
    let file = segment::open(&dir.0, number).map_err(|e| io_error(dir, number, e))?;
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|e| io_error(dir, number, e))?;
    let (mut lines, mut end) = (vec![], 0_u64);
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    for (i, text) in bytes[..whole].split_inclusive(|b| *b == b'\n').enumerate() {
        end += text.len() as u64;
        let text = &text[..text.len() - 1];
        let line = parsed(text).map_err(|problem| damaged(dir, number, i + 1, &problem))?;
        lines.push((line, hash_line(text), end));
    }
    Ok(Segment { lines, torn: whole < bytes.len() })
}

/// A line, or the reason why it is not one.
fn parsed(text: &[u8]) -> Result<Line, String> {
    let error = match serde_json::from_slice(text) {
        Ok(line) => return Ok(line),
        Err(error) => error,
    };
    let kind = serde_json::from_slice::<serde_json::Value>(text).ok();
    let kind = kind.as_ref().and_then(|line| line.get("event")?.get("kind")?.as_str());
    Err(match kind {
        Some("RunStarted") => "this is the journal of a drill, not of an exercise".into(),
        Some(kind) => format!("this version cannot read this line of kind `{}` ({error})", printable(kind)),
        None => format!("this is not a line of a journal ({error})"),
    })
}

/// Adds the lines of a segment, up to where the next one continues.
fn take(
    all: &mut Lines,
    dir: &RunDir,
    number: u64,
    file: &Segment,
    upto: Option<&Continues>,
) -> Result<(), JournalError> {
    let wrong = |i: usize, problem: &str| damaged(dir, number, i + 1, problem);
    let mut bytes = 0;
    let (mut here, mut epoch) = (0, None);
    for (i, (line, hash, end)) in file.lines.iter().enumerate() {
        if upto.is_some_and(|upto| bytes >= upto.bytes) {
            break;
        }
        if line.seq != all.lines.len() as u64 {
            return Err(wrong(
                i,
                &format!(
                    "this is line {}, but line {} was expected: lines are missing or were moved",
                    line.seq,
                    all.lines.len()
                ),
            ));
        }
        if line.prev != all.head {
            return Err(wrong(i, "the line before was changed: its hash does not match"));
        }
        if *epoch.get_or_insert(line.epoch) != line.epoch {
            return Err(wrong(i, "this line belongs to another session"));
        }
        if line.seq == 0 {
            header(line).map_err(|problem| wrong(i, &problem))?;
        }
        stays_inside(&line.event).map_err(|problem| wrong(i, &problem))?;
        if let What::SessionOpened { holder, .. } = &line.event {
            all.holder.clone_from(holder);
        }
        all.lines.push(line.clone());
        all.head.clone_from(hash);
        bytes = *end;
        here = i + 1;
    }
    all.stray += file.lines.len() - here;
    all.torn = file.torn && upto.is_none();
    all.at = Continues { segment: number, bytes, seq: all.lines.len() as u64, hash: all.head.clone() };
    match upto {
        Some(upto) if *upto != all.at => {
            Err(wrong(here, "the next segment continues from a line that this one does not contain"))
        }
        _ => Ok(()),
    }
}

/// Every reader opens the folder of a drill, so no name may lead out of the directory of the exercise.
fn stays_inside(event: &What) -> Result<(), String> {
    match event {
        What::DrillLaunched { folder, .. } if !is_folder(folder) => {
            Err(format!("`{}` is not the folder of a drill", printable(folder)))
        }
        _ => Ok(()),
    }
}

fn header(line: &Line) -> Result<(), String> {
    match &line.event {
        What::ExercisePrepared { format, .. } if format == FORMAT => Ok(()),
        What::ExercisePrepared { format, .. } => {
            Err(format!("the format is `{}`, and this version reads {FORMAT}", printable(format)))
        }
        _ => Err("the first line is not the header of an exercise".into()),
    }
}
