//! Reading a journal that somebody else may have written, cut or edited.
//!
//! Tolerated: a torn last line (a crash), lines of a session that had already
//! lost the wheel, unknown kinds that say they may be skipped. Refused, with the
//! line's number: everything else.

use std::{fs, io, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::{format1, write::hash_line};
use crate::event::{Event, FORMAT, Kind};

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
    /// Length of the file up to its last whole line.
    pub whole_bytes: u64,
    /// Whether half a line hung at the end.
    pub torn: bool,
    /// Unknown kinds that were skipped.
    pub skipped: u64,
    /// Lines of a session that had lost the wheel.
    pub stray: u64,
    pub(super) last_hash: String,
    next_seq: u64,
    /// Written by version 0.1.0.
    old: bool,
}

impl ReadJournal {
    /// The highest epoch in it.
    pub fn last_epoch(&self) -> u64 {
        self.events.iter().map(|e| e.epoch).max().unwrap_or(0)
    }

    /// The sequence number of the next event.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }
}

/// The fields that every line has, whatever its kind.
#[derive(Deserialize)]
struct Line {
    seq: u64,
    epoch: u64,
    prev: String,
    must: bool,
    event: Value,
}

/// The header's format, whatever else it holds.
fn format_of(event: &Value) -> Option<&str> {
    (event.get("kind")? == "RunStarted").then(|| event.get("format")?.as_str())?
}

/// Reads the journal at `path`.
pub fn read(path: &Path) -> Result<ReadJournal, JournalError> {
    let bytes = fs::read(path).map_err(|source| JournalError::Io { path: path.display().to_string(), source })?;
    read_str(&path.display().to_string(), &String::from_utf8_lossy(&bytes))
}

/// Reads a journal from its text; `path` is for messages.
pub fn read_str(path: &str, text: &str) -> Result<ReadJournal, JournalError> {
    let mut journal = ReadJournal::default();
    let mut epoch = 0;
    let mut rest = text;
    let mut number = 0;
    while let Some(end) = rest.find('\n') {
        number += 1;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        take(&mut journal, &mut epoch, line).map_err(|problem| JournalError::Corrupt {
            path: path.to_owned(),
            line: number,
            problem,
        })?;
        journal.whole_bytes += end as u64 + 1;
    }
    journal.torn = !rest.is_empty();
    if journal.events.is_empty() {
        return Err(JournalError::Empty(path.to_owned()));
    }
    Ok(journal)
}

fn take(journal: &mut ReadJournal, epoch: &mut u64, text: &str) -> Result<(), String> {
    let parsed: Result<Line, _> = serde_json::from_str(text);
    let line = match parsed {
        Ok(line) => line,
        // Half a line that a fenced writer left and its successor ended.
        Err(_) if *epoch > 0 && next_session_follows(text) => {
            journal.stray += 1;
            return Ok(());
        }
        Err(error) => return Err(format!("this is not a journal line ({error})")),
    };
    if line.epoch < *epoch {
        journal.stray += 1;
        return Ok(());
    }
    if line.seq != journal.next_seq {
        return Err(format!(
            "event {} where {} was expected: lines are missing or were moved",
            line.seq, journal.next_seq
        ));
    }
    if line.prev != journal.last_hash {
        return Err("the line before was changed: its hash does not match".to_owned());
    }
    let kind = line.event.get("kind").and_then(Value::as_str).unwrap_or("").to_owned();
    if journal.next_seq == 0 {
        journal.old = is_old(format_of(&line.event))?;
    }
    match event(text, journal.old) {
        Ok(event) => journal.events.push(event),
        Err(_) if !line.must && !known(&kind) => journal.skipped += 1,
        Err(error) if known(&kind) => return Err(format!("a damaged {kind} event ({error})")),
        Err(_) => {
            return Err(format!(
                "event kind `{kind}` is unknown to this version and must not be skipped: use a newer drillmaster"
            ));
        }
    }
    *epoch = line.epoch;
    journal.next_seq += 1;
    journal.last_hash = hash_line(text);
    Ok(())
}

/// Only a line that does not even parse may be half a line; it never carries a
/// sequence number of its own, so the chain behind it still decides.
fn next_session_follows(text: &str) -> bool {
    !text.trim_end().ends_with('}')
}

/// One line, in today's shape.
fn event(text: &str, old: bool) -> Result<Event, serde_json::Error> {
    if !old {
        return serde_json::from_str(text);
    }
    let mut line: Value = serde_json::from_str(text)?;
    format1::upgrade(&mut line["event"]);
    serde_json::from_value(line)
}

/// Whether a journal was written in format 1; another than that and today's is refused.
fn is_old(format: Option<&str>) -> Result<bool, String> {
    let Some(format) = format else {
        return Err("the first line is not a run's header: this is not a journal of drillmaster".into());
    };
    match format.split('.').next() {
        Some("1") => Ok(true),
        major if major == FORMAT.split('.').next() => Ok(false),
        _ => Err(format!("journal format {format}; this version reads {FORMAT} and 1.0")),
    }
}

/// Whether this version has the kind. Asked of serde itself, so that the list
/// cannot fall behind the enum.
fn known(kind: &str) -> bool {
    let probe = serde_json::json!({ "kind": kind });
    match serde_json::from_value::<Kind>(probe) {
        Ok(_) => true,
        Err(error) => !error.to_string().starts_with("unknown variant"),
    }
}
