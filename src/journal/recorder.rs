//! The only place where events get their time, are appended to the journal, and are then shown. Tasks and threads
//! share it. It keeps the fold of everything that was written, so that live decisions and a later reader of the
//! journal see the same state. It does not keep the events: a drill of a large cluster has a million of them. Start
//! with [`Recorder`].

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use jiff::Timestamp;
use tokio::sync::broadcast;

use super::{IllegalTransition, Journal, Late, RunState, WriteError};
use crate::{
    event::{Event, Kind},
    model::{Finding, Fingerprint, Redactor, Remedy, Reviewed, Told, with_causes},
};

type Now = Box<dyn Fn() -> (u64, Timestamp) + Send + Sync>;

/// Gives events their time, appends them and shows them.
pub struct Recorder {
    inner: Mutex<Inner>,
    now: Now,
    redactor: Arc<Redactor>,
    shown: broadcast::Sender<Arc<Event>>,
    /// Called with each event in the order of the journal, before the next one can be written.
    follower: Option<Follower>,
    /// Called with each event right after it was written, before anything else happens.
    tap: std::sync::OnceLock<Tap>,
    /// The number of next checks of the fence that find nothing, for tests.
    overlooked: AtomicU32,
}

type Tap = Box<dyn Fn(&Event) + Send + Sync>;
type Follower = Box<dyn Fn(&Arc<Event>) + Send + Sync>;

struct Inner {
    journal: Journal,
    state: RunState,
    /// The number of the next event.
    next: u64,
    /// The first failure to write. The events after it are only in memory.
    broken: Option<Broken>,
}

/// Why a journal can no longer be written.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Whether another session has taken over. If not, writing failed.
    pub fenced: bool,
    /// The reason as text.
    pub why: String,
}

impl Broken {
    fn illegal(error: &IllegalTransition) -> Self {
        Self { fenced: false, why: error.to_string() }
    }

    fn unwritten(error: &WriteError) -> Self {
        Self { fenced: matches!(error, WriteError::Fenced { .. }), why: with_causes(error) }
    }
}

impl Inner {
    fn fold(&mut self, event: &Event) {
        if let Err(illegal) = self.state.add(event) {
            self.broken.get_or_insert_with(|| Broken::illegal(&illegal));
        }
        self.next = event.seq + 1;
    }

    /// An event that could not be written. It counts only in this process.
    fn unwritten(&self, t_us: u64, at: Timestamp, event: Kind) -> Event {
        Event { seq: self.next, at, t_us, epoch: self.journal.epoch(), prev: String::new(), must: event.must(), event }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// A recorder for a journal. `state` must be the fold of the events that the journal contains so far.
    pub fn new(
        journal: Journal,
        state: RunState,
        redactor: Arc<Redactor>,
        now: impl Fn() -> (u64, Timestamp) + Send + Sync + 'static,
    ) -> Self {
        let next = journal.next_seq();
        Self {
            inner: Mutex::new(Inner { journal, state, next, broken: None }),
            now: Box::new(now),
            redactor,
            shown: broadcast::channel(16_384).0,
            follower: None,
            tap: std::sync::OnceLock::new(),
            overlooked: AtomicU32::new(0),
        }
    }

    /// The same recorder, which calls a function with each event, in the order of the journal and before the next event
    /// can be written. The function must be quick and must not use the recorder.
    pub fn followed_by(self, follower: impl Fn(&Arc<Event>) + Send + Sync + 'static) -> Self {
        Self { follower: Some(Box::new(follower)), ..self }
    }

    /// Writes an event. When this returns, a durable event is on disk.
    pub fn record(&self, kind: Kind) -> Result<Arc<Event>, WriteError> {
        self.record_of(|_| kind)
    }

    /// Writes an event that is computed from everything before it. `make` gets the number of the event before, and no
    /// other event can be written in between. It must not use the recorder.
    pub fn record_of(&self, make: impl FnOnce(u64) -> Kind) -> Result<Arc<Event>, WriteError> {
        let event = {
            let mut inner = self.lock();
            let kind = make(inner.next.saturating_sub(1));
            self.write(&mut inner, kind)?
        };
        if let Some(tap) = self.tap.get() {
            tap(&event);
        }
        // It is not an error if nobody receives the events.
        let _ = self.shown.send(Arc::clone(&event));
        Ok(event)
    }

    fn write(&self, inner: &mut Inner, kind: Kind) -> Result<Arc<Event>, WriteError> {
        let (t_us, at) = (self.now)();
        let fenced = if self.overlooks() { Ok(()) } else { inner.journal.look_for_successor() };
        let written = fenced.and_then(|()| inner.journal.append(t_us, at, kind.clone()));
        match written {
            Ok(event) => Ok(self.keep(inner, event)),
            Err(error) => {
                inner.broken.get_or_insert_with(|| Broken::unwritten(&error));
                // After a full disk, the undo must still know what it has done, so it continues from memory. A session
                // that lost control of the run does nothing more.
                if !matches!(error, WriteError::Fenced { .. }) {
                    let event = inner.unwritten(t_us, at, kind);
                    drop(self.shown.send(self.keep(inner, event)));
                }
                Err(error)
            }
        }
    }

    fn keep(&self, inner: &mut Inner, event: Event) -> Arc<Event> {
        inner.fold(&event);
        let event = Arc::new(event);
        if let Some(follower) = &self.follower {
            follower(&event);
        }
        event
    }

    /// Text for people, without any secret that this run knows: see [`crate::told!`].
    pub fn clean(&self, text: &str) -> Told {
        self.redactor.clean(text)
    }

    /// Records the findings of the pre-flight, with the review and with what the drill rests on, if they were made.
    pub fn preflight(&self, findings: &[Finding], review: Option<(Box<Reviewed>, Box<Fingerprint>)>) {
        let findings = findings.iter().map(|f| f.told(&self.redactor)).collect();
        let (review, rests_on) = review.unzip();
        let review = review.map(|mut review| {
            for concern in &mut review.concerns {
                concern.remedies.retain_mut(|remedy| match self.cleaned(remedy) {
                    Some(cleaned) => {
                        *remedy = cleaned;
                        true
                    }
                    None => false,
                });
            }
            review
        });
        let rests_on = rests_on.map(|f| Box::new(f.told(&self.redactor)));
        self.observe(Kind::PreflightDone { findings, review, rests_on });
    }

    /// A change without any known secret. None if it cannot be written without one.
    fn cleaned(&self, remedy: &Remedy) -> Option<Remedy> {
        let text = serde_json::to_string(remedy).ok()?;
        serde_json::from_str(&self.redactor.clean(&text).into_string()).ok()
    }

    /// Calls a function with each event at the moment when it is written. Tests use it to cut a run off at any event.
    /// It can be set once; later calls have no effect.
    pub fn tap(&self, tap: impl Fn(&Event) + Send + Sync + 'static) {
        let _ = self.tap.set(Box::new(tap));
    }

    /// Records an observation. A failure to write does not return here: it is kept, and stops the run through
    /// [`Recorder::broken`].
    pub fn observe(&self, kind: Kind) {
        let _ = self.record(kind);
    }

    /// Microseconds since the run began.
    pub fn now_us(&self) -> u64 {
        (self.now)().0
    }

    /// Reads the current state.
    pub fn with<T>(&self, look: impl FnOnce(&RunState) -> T) -> T {
        look(&self.lock().state)
    }

    /// Receives all events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.shown.subscribe()
    }

    /// Why the journal can no longer be trusted, if that is so.
    pub fn broken(&self) -> Option<Broken> {
        self.lock().broken.clone()
    }

    /// Fails if another session has taken over. Every act calls it first.
    pub fn check_fence(&self) -> Result<(), WriteError> {
        if self.overlooks() { Ok(()) } else { self.lock().journal.check_fence() }
    }

    /// Makes the next checks of the fence find nothing. Tests use it to simulate a process that freezes between the
    /// check and the act.
    pub fn overlook(&self, looks: u32) {
        self.overlooked.store(looks, Ordering::SeqCst);
    }

    /// Whether this check is one of those.
    pub fn overlooks(&self) -> bool {
        self.overlooked.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
    }

    /// What earlier sessions have written since the last call, although this session has taken over.
    pub fn late(&self) -> Late {
        self.lock().journal.late()
    }

    /// SHA-256 of the last line.
    pub fn head(&self) -> String {
        self.lock().journal.head().to_owned()
    }

    /// The number of this session.
    pub fn epoch(&self) -> u64 {
        self.lock().journal.epoch()
    }

    /// Syncs observations to disk. That may take long, so no lock is held meanwhile.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_cannot_be_written_says_why() {
        let source = std::io::Error::other("the disk is full");
        let broken = Broken::unwritten(&WriteError::Io { path: "journal.jsonl".into(), source });
        assert_eq!(broken.why, "cannot write the journal journal.jsonl: the disk is full");
    }
}
