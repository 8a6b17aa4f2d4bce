//! Standard output, and the width of the terminal. A print error does not interrupt a command; the end of the program
//! reports it.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    sync::Mutex,
};

use crate::model::{is_printable, printable_lines};

/// The state of standard output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Printed {
    /// All text was written.
    #[default]
    Whole,
    /// The reader closed the pipe.
    Unread,
    /// Writing failed.
    Failed(String),
}

static PRINTED: Mutex<Printed> = Mutex::new(Printed::Whole);

/// The width of the terminal that shows standard error; none if it is not a terminal, or does not tell.
pub fn columns() -> Option<usize> {
    width(&io::stderr())
}

/// The same of standard output.
pub fn columns_out() -> Option<usize> {
    width(&io::stdout())
}

fn width(to: &(impl IsTerminal + AsFd)) -> Option<usize> {
    let size = if to.is_terminal() { rustix::termios::tcgetwinsize(to).ok()? } else { return None };
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Writes to standard output without any change.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    // Flush now: an error while the program exits would go unnoticed.
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written {
        let mut printed = PRINTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *printed = match error.kind() {
            io::ErrorKind::BrokenPipe => Printed::Unread,
            _ => Printed::Failed(error.to_string()),
        };
    }
}

/// Writes JSON to standard output. On a terminal, characters that could drive it are written as JSON escapes, which
/// mean the same.
pub fn print_json(text: &str) {
    if io::stdout().is_terminal() { print(&json_for_terminal(text)) } else { print(text) }
}

/// Writes text for programs to standard output, exactly as a file would contain it. Only on a terminal are characters
/// replaced that could drive it.
pub fn print_data(text: &str) {
    if io::stdout().is_terminal() { print(&printable_lines(text)) } else { print(text) }
}

/// JSON without characters that could drive a terminal.
pub fn json_for_terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || is_printable(c) {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// The state of standard output after everything that was printed so far.
pub fn printed() -> Printed {
    PRINTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_on_a_terminal() {
        let value = serde_json::json!({"a\u{9b}31m": "\u{1b}[2J\u{202e}\u{e000}\u{10ffff} ä ☃"});
        let shown = json_for_terminal(&serde_json::to_string_pretty(&value).expect("JSON"));
        assert!(shown.chars().all(|c| c == '\n' || is_printable(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }
}
