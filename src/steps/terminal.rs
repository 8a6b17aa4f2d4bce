//! The answers of a person at the terminal. A read cannot be cancelled, so one thread reads for the whole process.
//! Lines that nobody asked for are dropped, and a question that timed out does not take the answer to the next
//! question.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::broadcast;

/// Lines as they are typed; none after the terminal was closed.
static LINES: OnceLock<broadcast::Sender<Option<String>>> = OnceLock::new();
static CLOSED: AtomicBool = AtomicBool::new(false);

/// The next line that is typed from now on; none if the terminal is closed.
pub(super) async fn line() -> Option<String> {
    let mut lines = LINES.get_or_init(read).subscribe();
    if CLOSED.load(Ordering::Acquire) {
        return None;
    }
    lines.recv().await.ok().flatten()
}

fn read() -> broadcast::Sender<Option<String>> {
    let sender = broadcast::channel(16).0;
    let to = sender.clone();
    std::thread::spawn(move || {
        let mut line = String::new();
        while std::io::stdin().read_line(&mut line).is_ok_and(|n| n > 0) {
            // Nobody has asked a question, so the line is dropped.
            let _ = to.send(Some(std::mem::take(&mut line)));
        }
        CLOSED.store(true, Ordering::Release);
        let _ = to.send(None);
    });
    sender
}
