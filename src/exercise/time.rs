//! Times of an exercise: deadlines of people, which stand still while the exercise is paused. Start with [`deadline`].

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::state::State;
use crate::model::Dur;

/// A time later.
pub fn plus(at: Timestamp, by: Dur) -> Timestamp {
    let by = SignedDuration::try_from(by.0).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How long it is from one time to another; nothing if the second is earlier.
pub fn between(from: Timestamp, to: Timestamp) -> Dur {
    Dur(std::time::Duration::try_from(to.duration_since(from)).unwrap_or_default())
}

/// When a time limit that began at a time is over. Pauses do not count. None while the exercise is paused.
pub fn deadline(state: &State, began: Timestamp, within: Dur) -> Option<Timestamp> {
    let mut end = plus(began, within);
    for (from, to, _) in &state.pauses {
        if *from >= began && *from < end {
            end = plus(end, between(*from, (*to)?));
        }
    }
    Some(end)
}

/// The day of a time, in UTC.
pub fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// How a time is written for people.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// How a date and time is written for people.
pub fn date_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How a duration is written for people: without parts of a second once it is longer than a minute.
pub fn long(dur: Dur) -> String {
    if dur.0.as_secs() >= 60 { Dur::secs(dur.0.as_secs()).to_string() } else { dur.to_string() }
}
