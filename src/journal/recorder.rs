//! The one place where events are stamped, appended and only then shown. It may
//! be shared by tasks and threads; the fold of what was written is kept beside
//! the file, so that live decisions and a later reading cannot differ.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use jiff::Timestamp;
use tokio::sync::broadcast;

use super::{IllegalTransition, Journal, Late, RunState, WriteError};
use crate::{
    event::{Event, Kind},
    model::{Finding, Redactor, Reviewed, Told},
};

type Now = Box<dyn Fn() -> (u64, Timestamp) + Send + Sync>;

/// Stamps, appends, shows.
pub struct Recorder {
    inner: Mutex<Inner>,
    now: Now,
    redactor: Arc<Redactor>,
    shown: broadcast::Sender<Arc<Event>>,
    /// Called with each event as soon as it is written, before anything else happens.
    tap: std::sync::OnceLock<Tap>,
    /// So many of the next looks at the fence see nothing.
    overlooked: AtomicU32,
}

type Tap = Box<dyn Fn(&Event) + Send + Sync>;

struct Inner {
    journal: Journal,
    state: RunState,
    events: Vec<Event>,
    /// The first failure to write: everything after it is a different run.
    broken: Option<Broken>,
}

/// Why a journal is not to be written any more.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Another session has the wheel; else it could not be written.
    pub fenced: bool,
    /// In words.
    pub why: String,
}

impl Broken {
    fn illegal(error: &IllegalTransition) -> Self {
        Self { fenced: false, why: error.to_string() }
    }

    fn unwritten(error: &WriteError) -> Self {
        Self { fenced: matches!(error, WriteError::Fenced { .. }), why: error.to_string() }
    }
}

impl Inner {
    fn fold(&mut self, event: Event) -> Arc<Event> {
        if let Err(illegal) = self.state.take(&event) {
            self.broken.get_or_insert_with(|| Broken::illegal(&illegal));
        }
        self.events.push(event.clone());
        Arc::new(event)
    }

    /// An event that the disk refused: it counts in this process only.
    fn unwritten(&self, t_us: u64, at: Timestamp, event: Kind) -> Event {
        Event {
            seq: self.events.len() as u64,
            at,
            t_us,
            epoch: self.journal.epoch(),
            prev: String::new(),
            must: event.must(),
            event,
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// Writes to a journal that holds `events` so far.
    pub fn new(
        journal: Journal,
        events: Vec<Event>,
        redactor: Arc<Redactor>,
        now: impl Fn() -> (u64, Timestamp) + Send + Sync + 'static,
    ) -> Self {
        let mut state = RunState::default();
        let broken = events.iter().find_map(|e| state.take(e).err()).map(|e| Broken::illegal(&e));
        Self {
            inner: Mutex::new(Inner { journal, state, events, broken }),
            now: Box::new(now),
            redactor,
            shown: broadcast::channel(16_384).0,
            tap: std::sync::OnceLock::new(),
            overlooked: AtomicU32::new(0),
        }
    }

    /// Writes an event down. When this returns, a durable one is on the disk.
    pub fn record(&self, kind: Kind) -> Result<Arc<Event>, WriteError> {
        self.record_of(|_| kind)
    }

    /// The same of an event that is made of all before it: nothing comes in between.
    pub fn record_of(&self, make: impl FnOnce(&[Event]) -> Kind) -> Result<Arc<Event>, WriteError> {
        let event = {
            let mut inner = self.lock();
            let kind = make(&inner.events);
            self.write(&mut inner, kind)?
        };
        if let Some(tap) = self.tap.get() {
            tap(&event);
        }
        // Nobody listening is no error.
        let _ = self.shown.send(Arc::clone(&event));
        Ok(event)
    }

    fn write(&self, inner: &mut Inner, kind: Kind) -> Result<Arc<Event>, WriteError> {
        let (t_us, at) = (self.now)();
        let fenced = if self.overlooks() { Ok(()) } else { inner.journal.look_for_successor() };
        let written = fenced.and_then(|()| inner.journal.append(t_us, at, kind.clone()));
        match written {
            Ok(event) => Ok(inner.fold(event)),
            Err(error) => {
                inner.broken.get_or_insert_with(|| Broken::unwritten(&error));
                // A full disk must not make the undo forget what it has done: it
                // goes on from memory. Who lost the wheel does nothing more.
                if !matches!(error, WriteError::Fenced { .. }) {
                    let event = inner.unwritten(t_us, at, kind);
                    drop(self.shown.send(inner.fold(event)));
                }
                Err(error)
            }
        }
    }

    /// Text for people, without any secret that this run knows: see [`crate::told!`].
    pub fn clean(&self, text: &str) -> Told {
        self.redactor.clean(text)
    }

    /// What the pre-flight found.
    pub fn preflight(&self, findings: &[Finding], review: Option<Box<Reviewed>>) {
        let findings = findings.iter().map(|f| f.told(&self.redactor)).collect();
        self.observe(Kind::PreflightDone { findings, review });
    }

    /// Hears of each event in the instant in which it is written: where a sweep cuts
    /// a run off. Set once; later calls change nothing.
    pub fn tap(&self, tap: impl Fn(&Event) + Send + Sync + 'static) {
        let _ = self.tap.set(Box::new(tap));
    }

    /// The same for observations: a failure is remembered, and stops the run
    /// through [`Recorder::broken`], not here.
    pub fn observe(&self, kind: Kind) {
        let _ = self.record(kind);
    }

    /// Microseconds since the run began.
    pub fn now_us(&self) -> u64 {
        (self.now)().0
    }

    /// A look at the state.
    pub fn with<T>(&self, look: impl FnOnce(&RunState) -> T) -> T {
        look(&self.lock().state)
    }

    /// All events so far: a copy, so that nobody waits while they are judged.
    pub fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    /// A look at the events after the first so many.
    pub fn after<T>(&self, known: usize, look: impl FnOnce(&[Event]) -> T) -> T {
        look(self.lock().events.get(known..).unwrap_or_default())
    }

    /// Events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.shown.subscribe()
    }

    /// Why the journal cannot be trusted any more, if so.
    pub fn broken(&self) -> Option<Broken> {
        self.lock().broken.clone()
    }

    /// Fails when another session has the wheel: asked before each act.
    pub fn check_fence(&self) -> Result<(), WriteError> {
        if self.overlooks() { Ok(()) } else { self.lock().journal.check_fence() }
    }

    /// Lets so many of the next looks at the fence see nothing: a process that freezes
    /// between such a look and what comes next, for tests.
    pub fn overlook(&self, looks: u32) {
        self.overlooked.store(looks, Ordering::SeqCst);
    }

    /// Whether this look sees nothing.
    pub fn overlooks(&self) -> bool {
        self.overlooked.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
    }

    /// What earlier sessions wrote since the last look, although this one has the wheel.
    pub fn late(&self) -> Late {
        self.lock().journal.late()
    }

    /// SHA-256 of the last line.
    pub fn head(&self) -> String {
        self.lock().journal.head().to_owned()
    }

    /// This session's epoch.
    pub fn epoch(&self) -> u64 {
        self.lock().journal.epoch()
    }

    /// Brings observations to the disk. The disk may take its time: nobody else
    /// waits for it meanwhile.
    pub fn sync(&self) {
        let Some(file) = self.lock().journal.unsynced() else { return };
        if let Err(source) = file.sync_data() {
            let mut inner = self.lock();
            let error = inner.journal.poison(source);
            inner.broken.get_or_insert_with(|| Broken::unwritten(&error));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
