//! Everything that may interrupt a run, as one value for which all tasks can wait. The first reason counts; further
//! signals are counted.

use std::sync::Arc;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::{
    event::{EndReason, Kind},
    journal::Recorder,
    model::StopHow,
};

/// The reasons, and the number of signals.
#[derive(Clone, Debug)]
pub struct Interrupts {
    reason: Arc<watch::Sender<Option<(EndReason, String)>>>,
    signals: Arc<watch::Sender<u32>>,
    /// The last request of `stop`.
    stop: Arc<watch::Sender<Option<StopHow>>>,
}

impl Default for Interrupts {
    fn default() -> Self {
        Self {
            reason: Arc::new(watch::channel(None).0),
            signals: Arc::new(watch::channel(0).0),
            stop: Arc::new(watch::channel(None).0),
        }
    }
}

impl Interrupts {
    /// Gives a reason. A later reason does not replace it.
    pub fn raise(&self, why: EndReason, detail: impl Into<String>) {
        self.reason.send_if_modified(|reason| {
            let first = reason.is_none();
            if first {
                *reason = Some((why, detail.into()));
            }
            first
        });
    }

    /// Waits for a reason.
    pub async fn raised(&self) -> (EndReason, String) {
        let mut reason = self.reason.subscribe();
        match reason.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or((EndReason::Finished, String::new())),
            Err(_) => std::future::pending().await,
        }
    }

    /// The reason, if there is one yet.
    pub fn reason(&self) -> Option<(EndReason, String)> {
        self.reason.borrow().clone()
    }

    /// Waits until this many signals were received.
    pub async fn signalled(&self, times: u32) {
        let mut signals = self.signals.subscribe();
        if signals.wait_for(|n| *n >= times).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The number of signals so far.
    pub fn signals(&self) -> u32 {
        *self.signals.borrow()
    }

    /// Records a request of `stop`, and gives it as the reason.
    pub fn stop(&self, recorder: &Recorder, by: &str, how: StopHow) {
        let changed = self.stop.send_if_modified(|now| {
            let changed = *now != Some(how);
            *now = Some(how);
            changed
        });
        if changed {
            recorder.observe(Kind::StopAsked { by: by.to_owned(), how });
            self.raise(EndReason::StopRequested, format!("{how}, requested by {by}"));
        }
    }

    /// The last request of `stop`.
    pub fn stop_how(&self) -> Option<StopHow> {
        *self.stop.borrow()
    }

    /// Records a signal.
    pub fn caught(&self, recorder: &Recorder, name: &str) {
        self.signals.send_modify(|n| *n += 1);
        recorder.observe(Kind::SignalCaught { signal: name.to_owned(), count: self.signals() });
        self.raise(EndReason::Signal, name);
    }

    /// Listens for SIGINT, SIGTERM and SIGHUP.
    pub fn listen(&self, tasks: &mut JoinSet<()>, recorder: &Arc<Recorder>) -> std::io::Result<()> {
        for (kind, name) in [
            (SignalKind::interrupt(), "SIGINT"),
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::hangup(), "SIGHUP"),
        ] {
            let mut stream = signal(kind)?;
            let (interrupts, recorder) = (self.clone(), Arc::clone(recorder));
            tasks.spawn(async move {
                while stream.recv().await.is_some() {
                    interrupts.caught(&recorder, name);
                }
            });
        }
        Ok(())
    }
}
