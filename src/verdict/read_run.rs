//! A journal that was read from its beginning to its end and judged on the way: what the verdict, the reports and
//! `verify` need of it. Start with [`ReadRun`].

use jiff::Timestamp;

use super::{Again, History, again::Reader};
use crate::{
    event::Event,
    journal::{About, EventPlace, JournalError, RunDir, follow},
};

/// What was read. The observations are arranged in the history, and not kept as events.
#[derive(Debug, Default)]
pub struct ReadRun {
    /// What is known about the file.
    pub about: About,
    /// The events that are not observations, in order.
    pub kept: Vec<Event>,
    /// The wall time of the first event and of the last.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The time of the last event.
    pub last_us: u64,
    /// How many events there are.
    pub count: usize,
    reader: Reader,
}

impl ReadRun {
    /// Reads these events.
    pub fn of(events: &[Event]) -> Self {
        let mut reading = Self::default();
        events.iter().for_each(|event| reading.add(event));
        reading
    }

    /// Reads the journal of a run directory.
    ///
    /// # Errors
    /// The journal cannot be read, or is damaged.
    pub fn from(dir: &RunDir) -> Result<Self, JournalError> {
        Self::from_with(dir, |_, _, _| ())
    }

    /// The same, and passes each event on after it was added.
    ///
    /// # Errors
    /// As [`ReadRun::from`].
    pub fn from_with(dir: &RunDir, mut also: impl FnMut(&Self, Event, EventPlace<'_>)) -> Result<Self, JournalError> {
        let mut reading = Self::default();
        let about = follow(dir, |event, place| {
            reading.add(&event);
            also(&reading, event, place);
        })?;
        reading.about = about;
        Ok(reading)
    }

    /// Adds the next event.
    pub fn add(&mut self, event: &Event) {
        self.reader.read_event(event);
        self.count += 1;
        let first = self.span.map_or(event.at, |(first, _)| first);
        self.span = Some((first, event.at));
        self.last_us = event.t_us;
        if !event.event.is_observation() {
            self.kept.push(event.clone());
        }
    }

    /// The events, arranged by time.
    pub fn history(&self) -> &History {
        &self.reader.history
    }

    /// What follows from the events, and what does not.
    pub fn again(&self) -> &Again {
        &self.reader.again
    }
}
