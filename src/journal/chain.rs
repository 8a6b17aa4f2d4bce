//! One line after another: each names the hash of the one before, and the next number.

use serde::Deserialize;
use serde_json::Value;

use super::{format1, possible, write::hash_line};
use crate::event::{Event, FORMAT, Kind};

/// Where a chain stands: what its next line must say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// The next sequence number.
    pub seq: u64,
    /// Hash of the line before.
    pub hash: String,
}

/// A line of a chain.
#[derive(Debug)]
pub(super) enum Taken {
    /// An event.
    Event(Box<Event>),
    /// A kind that this version does not know and may skip.
    Skipped,
    /// A line of a session of format 1 that had lost the wheel.
    Stray,
}

/// The lines of one segment, taken in one by one.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// What the next line must say.
    pub link: Link,
    /// The session that writes here; none before its first line.
    epoch: Option<u64>,
    /// Written by version 0.1.0: several sessions share the file.
    pub old: bool,
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

impl Chain {
    /// A chain that goes on from a link.
    pub(super) fn from(link: Link, old: bool) -> Self {
        Self { link, epoch: None, old }
    }

    /// Takes in a line, or says what is wrong with it.
    pub(super) fn take(&mut self, text: &[u8]) -> Result<Taken, String> {
        // Most lines are of today's shape: they are read once.
        if self.link.seq > 0
            && !self.old
            && let Ok(event) = serde_json::from_slice::<Event>(text)
        {
            self.follows(event.seq, event.epoch, &event.prev)?;
            possible::check(&event)?;
            self.go_on(event.epoch, text);
            return Ok(Taken::Event(Box::new(event)));
        }
        self.take_by_parts(text)
    }

    /// The same of a line that may be of any version.
    fn take_by_parts(&mut self, text: &[u8]) -> Result<Taken, String> {
        let line: Line = match serde_json::from_slice(text) {
            Ok(line) => line,
            // Half a line that a fenced writer of format 1 left, and its successor ended.
            Err(_) if self.old && self.epoch.is_some() && !text.ends_with(b"}") => return Ok(Taken::Stray),
            Err(error) => return Err(format!("this is not a journal line ({error})")),
        };
        if self.link.seq == 0 {
            self.old = is_old(format_of(&line.event))?;
        }
        if self.old && self.epoch.is_some_and(|epoch| line.epoch < epoch) {
            return Ok(Taken::Stray);
        }
        self.follows(line.seq, line.epoch, &line.prev)?;
        let kind = line.event.get("kind").and_then(Value::as_str).unwrap_or("").to_owned();
        let taken = match event(text, self.old) {
            Ok(event) => {
                possible::check(&event)?;
                Taken::Event(Box::new(event))
            }
            Err(_) if !line.must && !known(&kind) => Taken::Skipped,
            Err(error) if known(&kind) => return Err(format!("a damaged {kind} event ({error})")),
            Err(_) => {
                return Err(format!(
                    "event kind `{kind}` is unknown to this version and must not be skipped: use a newer drillmaster"
                ));
            }
        };
        self.go_on(line.epoch, text);
        Ok(taken)
    }

    /// Whether a line is the next one of this session.
    fn follows(&self, seq: u64, epoch: u64, prev: &str) -> Result<(), String> {
        if let Some(own) = self.epoch.filter(|own| !self.old && *own != epoch) {
            return Err(format!("a line of session {epoch} in the file of session {own}"));
        }
        if seq != self.link.seq {
            let wanted = self.link.seq;
            return Err(format!("event {seq} where {wanted} was expected: lines are missing or were moved"));
        }
        if prev != self.link.hash {
            return Err("the line before was changed: its hash does not match".to_owned());
        }
        Ok(())
    }

    fn go_on(&mut self, epoch: u64, text: &[u8]) {
        self.epoch = Some(epoch);
        self.link = Link { seq: self.link.seq + 1, hash: hash_line(text) };
    }
}

/// Whole lines, and how many bytes each has with its end.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    bytes[..whole].split_inclusive(|b| *b == b'\n').map(|line| (&line[..line.len() - 1], line.len() as u64))
}

/// The header's format, whatever else it holds.
fn format_of(event: &Value) -> Option<&str> {
    (event.get("kind")? == "RunStarted").then(|| event.get("format")?.as_str())?
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

/// One line, in today's shape.
fn event(text: &[u8], old: bool) -> Result<Event, serde_json::Error> {
    if !old {
        return serde_json::from_slice(text);
    }
    let mut line: Value = serde_json::from_slice(text)?;
    format1::upgrade(&mut line["event"]);
    serde_json::from_value(line)
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
