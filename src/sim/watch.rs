//! Watches of the simulated API server: what each watch asks for, and how watches can misbehave. The store feeds them.
//! Start with [`Watch`].

use std::sync::{Arc, atomic::AtomicBool};

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

use super::{fields, resources::Resource, store::Key, value::Value};
use crate::kubernetes::Selector;

/// An open watch, and what it asks for.
pub(super) struct Watch {
    pub resource: &'static Resource,
    pub namespace: Option<String>,
    pub selector: Option<Selector>,
    pub name: Option<String>,
    pub sink: UnboundedSender<Bytes>,
    /// The connection is open, but nothing is delivered any more.
    pub stalled: Arc<AtomicBool>,
    /// Lines that are delivered when the watch no longer lags.
    pub held: Vec<Bytes>,
}

/// The watches on one store. A copy of the store has no watches.
#[derive(Default)]
pub(super) struct Watches(pub Vec<Watch>);

impl Clone for Watches {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// How watches misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// They receive nothing, and get no error.
    Stalls,
    /// They receive everything late, when the misbehaviour ends.
    Lags,
    /// They receive nonsense instead of events.
    Rambles,
    /// They end.
    Ends,
}

/// The misbehaviour of the watches of one resource, or of all, caused by an entry of `happens:`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sullen {
    pub entry: usize,
    pub of: Option<&'static str>,
    pub mood: Mood,
}

impl Sullen {
    pub(super) fn about(&self, resource: &'static str) -> bool {
        self.of.is_none_or(|of| of == resource)
    }
}

impl Watch {
    /// Sends a line to the watch. Returns false if nobody listens any more.
    pub(super) fn hear(&mut self, mood: Option<Mood>, line: Bytes) -> bool {
        match mood {
            Some(Mood::Lags) => {
                self.held.push(line);
                !self.sink.is_closed()
            }
            Some(Mood::Rambles) => self.sink.send(Bytes::from_static(b"{}\n")).is_ok(),
            _ => self.sink.send(line).is_ok(),
        }
    }

    pub(super) fn wants(&self, key: &Key, object: &Value) -> bool {
        key.0 == self.resource.plural
            && self.namespace.as_ref().is_none_or(|ns| key.1 == *ns)
            && self.name.as_ref().is_none_or(|name| key.2 == *name)
            && self.selector.as_ref().is_none_or(|s| fields::selects(s, object))
    }
}

/// How the watches of a resource misbehave now.
pub(super) fn mood_of(sullen: &[Sullen], resource: &'static str) -> Option<Mood> {
    sullen.iter().find(|s| s.about(resource)).map(|s| s.mood)
}
