//! Ctrl-C during a rehearsal. Its runtime has virtual time and knows no signals, so a thread with a runtime of its own
//! waits for them. Start with [`Interrupts::listen`].

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::Failure;
use crate::model::Exit;

/// After this many signals, the process ends at once. The engine acts on the first three.
const ENOUGH: usize = 4;
/// How often a sleep in real time looks for a signal.
const SOON: Duration = Duration::from_millis(20);

/// The signals that were caught so far, by name.
#[derive(Clone, Debug)]
pub(super) struct Interrupts(watch::Receiver<Vec<&'static str>>);

impl Interrupts {
    /// Starts to catch SIGINT, SIGTERM and SIGHUP.
    pub fn listen() -> Result<Self, Failure> {
        let (send, caught) = watch::channel(vec![]);
        let failed = |e: std::io::Error| Failure::new(Exit::Internal, format!("cannot wait for signals: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
        let inside = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        drop(inside);
        std::thread::spawn(move || {
            runtime.block_on(async {
                loop {
                    let name = tokio::select! {
                        biased;
                        _ = interrupt.recv() => "SIGINT",
                        _ = terminate.recv() => "SIGTERM",
                        _ = hangup.recv() => "SIGHUP",
                    };
                    send.send_modify(|caught| caught.push(name));
                    if send.borrow().len() >= ENOUGH {
                        std::process::exit(i32::from(Exit::Aborted.code()));
                    }
                }
            });
        });
        Ok(Self(caught))
    }

    /// Calls a function for each signal, those before the call included.
    pub async fn each(mut self, heard: impl Fn(&str)) {
        let mut known = 0;
        loop {
            let caught = self.0.borrow_and_update().clone();
            caught.iter().skip(known).for_each(|name| heard(name));
            known = caught.len();
            if self.0.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sleeps in real time. Returns whether a signal was caught, which ends the sleep.
    pub fn sleep(&self, time: Duration) -> bool {
        let mut left = time;
        while !left.is_zero() && self.0.borrow().is_empty() {
            let part = left.min(SOON);
            #[expect(clippy::disallowed_methods, reason = "real time is what this is to wait for")]
            std::thread::sleep(part);
            left -= part;
        }
        !self.0.borrow().is_empty()
    }

    /// An error, if a signal was caught: what was rehearsed until then is not the whole.
    pub fn check(&self) -> Result<(), Failure> {
        match self.0.borrow().first() {
            None => Ok(()),
            Some(name) => {
                let text = format!("interrupted by {name}: the rehearsals are not complete. Nothing real was touched");
                Err(Failure::new(Exit::Aborted, text))
            }
        }
    }
}
