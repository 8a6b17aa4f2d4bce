//! Reads observations: a journal may have a million of them. serde reads a [`Kind`] by copying all its fields, because
//! the name of the kind could be anywhere. In a line of this program it comes first, and then the fields can be read
//! where they are. Start with [`Event::of_line`].

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{BudgetSays, Event, Kind, LineRun, PodView, ProbeRun};
use crate::model::{StepName, Told};

impl Event {
    /// Reads a line of a journal. None if it does not have the present shape.
    pub fn of_line(text: &[u8]) -> Option<Self> {
        observation(text).or_else(|| serde_json::from_slice(text).ok())
    }
}

/// The line of an observation, as this program writes it. None may also be another spelling of an observation.
fn observation(text: &[u8]) -> Option<Event> {
    let Line { seq, at, t_us, epoch, prev, must, event } = serde_json::from_slice(text).ok()?;
    Some(Event { seq, at, t_us, epoch, prev, must, event: event.0 })
}

/// The fields of [`Event`].
#[derive(Deserialize)]
struct Line {
    seq: u64,
    at: Timestamp,
    t_us: u64,
    epoch: u64,
    prev: String,
    must: bool,
    event: Observation,
}

struct Observation(Kind);

impl<'de> Deserialize<'de> for Observation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NameFirst)
    }
}

struct NameFirst;

impl<'de> Visitor<'de> for NameFirst {
    type Value = Observation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an observation that begins with its kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Observation, A::Error> {
        match fields.next_entry::<&str, &str>()? {
            Some(("kind", kind)) => read(kind, fields).map(Observation),
            _ => Err(A::Error::custom("the kind does not come first")),
        }
    }
}

/// Defines which kinds are observations, and how their fields are read. Fields that a kind does not have are left to the
/// other reader, and so is a second name.
///
/// The fields are those of [`Kind`], once more. serde offers no way around that: it reads an enum whose name is one of the
/// fields only through a copy of all of them. A field, or its type, that is changed on one side only does not compile,
/// because `read` moves each field into its kind; a test compares which fields may be missing.
macro_rules! kinds {
    ($($kind:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct $kind { $($(#[$attribute])* $field: $type,)* }
        )*

        fn read<'de, A: MapAccess<'de>>(kind: &str, fields: A) -> Result<Kind, A::Error> {
            let fields = MapAccessDeserializer::new(fields);
            $(if kind == stringify!($kind) {
                let $kind { $($field,)* } = $kind::deserialize(fields)?;
                return Ok(Kind::$kind { $($field,)* });
            })*
            Err(A::Error::custom("this kind is not read here"))
        }

        /// Whether it is one of these kinds.
        pub(super) fn is_one(kind: &Kind) -> bool {
            matches!(kind, $(Kind::$kind { .. })|*)
        }
    };
}

kinds! {
    NodeSeen {
        node: String,
        uid: String,
        zone: String,
        ready: String,
        unschedulable: bool,
        taints: Vec<String>,
        resource_version: String,
    }
    NodeGone { node: String, uid: String, }
    PodSeen { pod: Arc<PodView>, resource_version: String, }
    PodGone { namespace: String, name: String, uid: String, }
    BudgetSeen {
        namespace: String,
        name: String,
        healthy: i64,
        desired: i64,
        allowed: i64,
        expected: i64,
        current: bool,
    }
    WorkloadSeen { namespace: String, workload: String, wanted: u32, ready: u32, }
    AlertSeen {
        source: String,
        name: String,
        labels: BTreeMap<String, String>,
        state: String,
        since: Option<Timestamp>,
        receivers: Vec<String>,
        suppressed_by: Vec<String>,
    }
    AlertGone { source: String, name: String, labels: BTreeMap<String, String>, }
    EvictionAnswered {
        step: String,
        namespace: String,
        pod: String,
        owner: String,
        dry_run: bool,
        code: u16,
        reason: String,
        message: Told,
        #[serde(default)]
        expected: BudgetSays,
        #[serde(default)]
        budget: String,
    }
    ProbeSegment {
        probe: String,
        file: String,
        sha256: String,
        from_us: u64,
        to_us: u64,
        n: u32,
        failed: u32,
        max_ms: u64,
        late: u32,
        runs: Vec<ProbeRun>,
    }
    LinesWritten { data: String, runs: Vec<LineRun>, }
    LinesRead {
        data: String,
        missing: Vec<(u64, u64)>,
        damaged: u64,
        error: Told,
        #[serde(default)]
        more: bool,
    }
    StepProgress { step: StepName, waiting_for: Told, last_seen: Told, }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::any_observation;

    /// A line with this event.
    fn line(event: &str) -> String {
        format!(r#"{{"seq":1,"at":"2026-01-01T00:00:00Z","t_us":1,"epoch":1,"prev":"","must":false,"event":{event}}}"#)
    }

    proptest! {
        /// Every observation is read as it was written, and the quick reader reads it.
        #[test]
        fn both_readers_read_what_was_written(event in any_observation()) {
            let line = serde_json::to_vec(&event).expect("events have string keys only");
            prop_assert_eq!(serde_json::from_slice::<Event>(&line).ok(), Some(event.clone()));
            prop_assert_eq!(observation(&line), Some(event));
        }

        /// Where a line was changed, the quick reader reads nothing that the other does not read.
        #[test]
        fn the_quick_reader_accepts_nothing_else(
            event in any_observation(),
            at: prop::sample::Index,
            part in prop::sample::select(vec!["", "1", "-", ".5", "\"", "null", "[]", "{", ",\"x\":1", "\\", "\\u0041", "é"]),
            cut in 0_usize..12,
        ) {
            let line = serde_json::to_string(&event).expect("events have string keys only");
            let boundary = |from: usize| (from..).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
            let from = boundary(at.index(line.len()));
            let to = boundary((from + cut).min(line.len()));
            let line = [&line[..from], part, &line[to..]].concat();
            if let Some(read) = observation(line.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Event>(&line).ok(), Some(read), "{}", line);
            }
        }

        /// A field that only one of the readers needs has another attribute in `Kind` than here.
        #[test]
        fn both_readers_need_the_same_fields(event in any_observation()) {
            let event = serde_json::to_value(&event.event).expect("events have string keys only");
            let fields = event.as_object().expect("an event has fields");
            for left_out in fields.keys().filter(|name| *name != "kind") {
                let others = fields.iter().filter(|(name, _)| *name != "kind" && *name != left_out);
                let others: String = others.map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
                let line = line(&format!(r#"{{"kind":{}{others}}}"#, event["kind"]));
                prop_assert_eq!(observation(line.as_bytes()), serde_json::from_str::<Event>(&line).ok(), "{}", line);
            }
        }
    }

    #[test]
    fn other_spellings_and_other_kinds_are_left_to_the_other_reader() {
        let gone = line(r#"{"kind":"NodeGone","node":"a","uid":"u"}"#);
        let read = observation(gone.as_bytes());
        assert!(read.is_some());
        for same in
            [r#"{"node":"a","kind":"NodeGone","uid":"u"}"#, r#"{"kind":"NodeGone","node":"a","uid":"u","new":[1]}"#]
        {
            let same = line(same);
            assert_eq!((observation(same.as_bytes()), Event::of_line(same.as_bytes())), (None, read.clone()), "{same}");
        }
        for wrong in [
            r#"{"kind":"NodeGone","node":"a"}"#,
            r#"{"kind":"NodeGone","node":"a","uid":"u","kind":"NodeGone"}"#,
            r#"{"kind":"NodeGone","node":"a","uid":7}"#,
        ] {
            assert_eq!(Event::of_line(line(wrong).as_bytes()), None, "{wrong}");
        }
        let other = line(r#"{"kind":"Armed","unwind_deadline_us":1}"#);
        assert!(observation(other.as_bytes()).is_none() && Event::of_line(other.as_bytes()).is_some());
    }
}
