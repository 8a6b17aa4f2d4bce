//! The hash chain of a journal: each line contains the hash of the previous line, and the next sequence number. Start
//! with `Chain`.

use serde::Deserialize;
use serde_json::Value;

use super::{format1, lines::Line, possible};
use crate::event::{Event, FORMAT, Kind};

/// The end of a chain: what the next line must contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// The next sequence number.
    pub seq: u64,
    /// Hash of the previous line.
    pub hash: String,
}

/// A line that was added to a chain.
#[derive(Debug)]
pub(super) enum Taken {
    /// An event.
    Event(Box<Event>),
    /// An event of a kind that this version does not know and may skip.
    Skipped,
    /// A line in format 1, from a session that had already lost control of the run.
    Stray,
}

/// Checks the lines of one segment, one after another.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// What the next line must contain.
    pub link: Link,
    /// The session that writes to this segment; none before its first line.
    epoch: Option<u64>,
    /// Whether version 0.1.0 wrote it. If so, several sessions share the file.
    pub old: bool,
}

/// The fields of every line, whatever its kind.
#[derive(Deserialize)]
struct Fields {
    seq: u64,
    epoch: u64,
    prev: String,
    must: bool,
    event: Value,
}

impl Chain {
    /// A chain that continues after a link.
    pub(super) fn from(link: Link, old: bool) -> Self {
        Self { link, epoch: None, old }
    }

    /// Adds a line, or returns what is wrong with it.
    pub(super) fn add(&mut self, line: Line<'_>) -> Result<Taken, String> {
        let Line { text, hash, event } = line;
        // Most lines have the present shape, and are parsed only once.
        if self.link.seq > 0
            && !self.old
            && let Some(event) = event
        {
            self.follows(event.seq, event.epoch, &event.prev)?;
            possible::check(&event)?;
            self.go_on(event.epoch, hash);
            return Ok(Taken::Event(event));
        }
        self.take_by_parts(text, hash)
    }

    /// Adds a line that may have been written by any version.
    fn take_by_parts(&mut self, text: &[u8], hash: String) -> Result<Taken, String> {
        let line: Fields = match serde_json::from_slice(text) {
            Ok(line) => line,
            // An incomplete line that a session of format 1 left when another took over, and to which its successor
            // added the line end.
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
            Err(error) if known(&kind) => return Err(format!("this {kind} event is damaged ({error})")),
            Err(_) => {
                return Err(format!(
                    "this version does not know the event kind `{kind}`, which must not be skipped: use a newer version of drillmaster"
                ));
            }
        };
        self.go_on(line.epoch, hash);
        Ok(taken)
    }

    /// Checks that a line is the next one of this session.
    fn follows(&self, seq: u64, epoch: u64, prev: &str) -> Result<(), String> {
        if let Some(own) = self.epoch.filter(|own| !self.old && *own != epoch) {
            return Err(format!("this line belongs to session {epoch}, but the file belongs to session {own}"));
        }
        if seq != self.link.seq {
            let wanted = self.link.seq;
            return Err(format!(
                "this is event {seq}, but event {wanted} was expected: lines are missing or were moved"
            ));
        }
        if prev != self.link.hash {
            return Err("the previous line was changed: its hash does not match".to_owned());
        }
        Ok(())
    }

    fn go_on(&mut self, epoch: u64, hash: String) {
        self.epoch = Some(epoch);
        self.link = Link { seq: self.link.seq + 1, hash };
    }
}

/// Splits bytes into complete lines. Each comes with its length including the line end.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    bytes[..whole].split_inclusive(|b| *b == b'\n').map(|line| (&line[..line.len() - 1], line.len() as u64))
}

/// The format that the header names.
fn format_of(event: &Value) -> Option<&str> {
    (event.get("kind")? == "RunStarted").then(|| event.get("format")?.as_str())?
}

/// Whether a journal was written in format 1. Any format other than 1 and the current one is refused.
fn is_old(format: Option<&str>) -> Result<bool, String> {
    let Some(format) = format else {
        return Err("the first line is not the header of a run: this file is not a journal of drillmaster".into());
    };
    match format.split('.').next() {
        Some("1") => Ok(true),
        major if major == FORMAT.split('.').next() => Ok(false),
        _ => Err(format!("journal format {format}; this version reads {FORMAT} and 1.0")),
    }
}

/// Parses a line, after converting it to the current shape.
fn event(text: &[u8], old: bool) -> Result<Event, serde_json::Error> {
    if !old {
        return serde_json::from_slice(text);
    }
    let mut line: Value = serde_json::from_slice(text)?;
    format1::upgrade(&mut line["event"]);
    serde_json::from_value(line)
}

/// Whether this version knows the kind. It asks serde, so that there is no second list that could become outdated.
fn known(kind: &str) -> bool {
    let probe = serde_json::json!({ "kind": kind });
    match serde_json::from_value::<Kind>(probe) {
        Ok(_) => true,
        Err(error) => !error.to_string().starts_with("unknown variant"),
    }
}
