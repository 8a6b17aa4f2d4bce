//! What a reader of a journal knows besides its events. Start with [`About`].

use std::sync::Arc;

use serde_json::Value;

use super::tail::Tail;
use crate::{
    event::{Continues, Event, Kind},
    model::Exit,
};

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its event.
    pub seq: u64,
    /// SHA-256 of the line.
    pub hash: String,
    /// The exit code.
    pub exit: Exit,
}

/// What is known about a journal besides its events.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// How many valid events there are.
    pub count: usize,
    /// The number of the last.
    pub last: Option<u64>,
    /// The highest session number; 0 without a session.
    pub last_epoch: u64,
    /// Whether the last line is incomplete.
    pub torn: bool,
    /// Number of events of unknown kinds that were skipped.
    pub skipped: u64,
    /// Number of lines from sessions that had lost control of the run.
    pub stray: u64,
    /// The plan exactly as it was written, including what this version cannot read.
    pub plan: Option<Value>,
    /// The ends of its sessions.
    pub ends: Vec<End>,
    places: Vec<Stretch>,
    /// Where the next session continues.
    pub(super) end: Continues,
    /// The ends of segments from which another segment continues.
    pub(super) tails: Vec<Tail>,
    /// Whether version 0.1.0 wrote it.
    pub(super) old: bool,
}

/// The place of an event: a file and a line.
#[derive(Clone, Copy, Debug)]
pub struct EventPlace<'a> {
    /// The file.
    pub path: &'a Arc<str>,
    /// The line, counted from 1.
    pub line: u64,
}

impl std::fmt::Display for EventPlace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

/// The places of events whose lines follow each other in a file.
#[derive(Clone, Debug)]
struct Stretch {
    path: Arc<str>,
    /// The number and the line of the first of them.
    first: (u64, u64),
    /// The number of the last.
    last: u64,
}

impl Stretch {
    fn place(&self, seq: u64) -> EventPlace<'_> {
        EventPlace { path: &self.path, line: self.first.1 + (seq - self.first.0) }
    }
}

impl About {
    /// The file and line of an event, for messages.
    pub fn place(&self, seq: u64) -> String {
        let at = self.places.partition_point(|stretch| stretch.first.0 <= seq);
        let stretch = at.checked_sub(1).map(|at| &self.places[at]).filter(|stretch| seq <= stretch.last);
        stretch.map_or_else(|| format!("event {seq}"), |stretch| stretch.place(seq).to_string())
    }

    /// SHA-256 of the last line, if the run has ended with it.
    pub fn head(&self) -> Option<&str> {
        let last = self.last?;
        self.ends.last().filter(|end| end.seq == last).map(|end| end.hash.as_str())
    }

    /// Notes an event, with what readers may need to know about its line.
    pub(super) fn note(&mut self, event: &Event, text: &[u8], hash: &str, place: EventPlace<'_>) {
        match &event.event {
            Kind::RunEnded { exit, .. } => {
                self.ends.push(End { seq: event.seq, hash: hash.to_owned(), exit: *exit });
            }
            Kind::PlanFrozen { .. } => {
                let line: Value = serde_json::from_slice(text).unwrap_or_default();
                self.plan = Some(line["event"]["plan"].clone());
            }
            _ => {}
        }
        self.count += 1;
        self.last = Some(event.seq);
        self.last_epoch = self.last_epoch.max(event.epoch);
        match self.places.last_mut() {
            Some(last) if Arc::ptr_eq(&last.path, place.path) && last.place(event.seq).line == place.line => {
                last.last = event.seq;
            }
            _ => {
                let first = (event.seq, place.line);
                self.places.push(Stretch { path: Arc::clone(place.path), first, last: event.seq });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_its_line_and_others_have_none() {
        let (first, second): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut about = About::default();
        let event = |seq| Event {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            t_us: 0,
            epoch: 1,
            prev: String::new(),
            must: false,
            event: Kind::StrayLines { count: 0, epoch: 1 },
        };
        // A stray line before event 2, and a second segment from event 4 on.
        for (seq, path, line) in [(0, &first, 1), (1, &first, 2), (2, &first, 4), (4, &second, 1), (5, &second, 2)] {
            about.note(&event(seq), b"", "", EventPlace { path, line });
        }
        let places = [0, 1, 2, 3, 4, 5, 6].map(|seq| about.place(seq));
        assert_eq!(places, ["a:1", "a:2", "a:4", "event 3", "b:1", "b:2", "event 6"]);
    }
}
