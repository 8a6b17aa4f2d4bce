//! Watches of the simulated API server: what each asks for, and what becomes of one
//! other than that it is told what happens.

use std::sync::{Arc, atomic::AtomicBool};

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

use super::{fields, resources::Resource, store::Key, value::Value};
use crate::kubernetes::Selector;

/// What a watch asks for.
pub(super) struct Watch {
    pub resource: &'static Resource,
    pub namespace: Option<String>,
    pub selector: Option<Selector>,
    pub name: Option<String>,
    pub sink: UnboundedSender<Bytes>,
    /// Its connection is open and nothing comes through any more.
    pub stalled: Arc<AtomicBool>,
    /// What it will hear when it no longer lags behind.
    pub held: Vec<Bytes>,
}

/// Those of one store: another store with the same objects has none of them.
#[derive(Default)]
pub(super) struct Watches(pub Vec<Watch>);

impl Clone for Watches {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What becomes of watches, other than that they are told what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// They hear nothing, and are not told so.
    Stalls,
    /// They hear it when the mood is over.
    Lags,
    /// They hear something else.
    Rambles,
    /// They end.
    Ends,
}

/// A mood of watches, of all or of one resource, for an entry of the description's list.
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
    /// Tells it a line; false when nobody listens any more.
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
            && self.namespace.as_ref().is_none_or(|ns| *ns == key.1)
            && self.name.as_ref().is_none_or(|name| *name == key.2)
            && self.selector.as_ref().is_none_or(|s| fields::selects(s, object))
    }
}

/// The mood that watches of a resource are in.
pub(super) fn mood_of(sullen: &[Sullen], resource: &'static str) -> Option<Mood> {
    sullen.iter().find(|s| s.about(resource)).map(|s| s.mood)
}
