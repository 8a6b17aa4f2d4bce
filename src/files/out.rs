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
    /// The reader of a pipe closed it before it had all data of a program.
    Cut,
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

/// Writes text for people to standard output without any change. A reader that closes the pipe early, such as `head`,
/// has read what it wanted: that is not an error.
pub fn print(text: &str) {
    if let Err(error) = write(text)
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        note(Printed::Failed(error.to_string()));
    }
}

/// Writes a text that is of use only as a whole. If the reader closes the pipe early, the result is lost.
fn print_result(text: &str) {
    if let Err(error) = write(text) {
        note(match error.kind() {
            io::ErrorKind::BrokenPipe => Printed::Cut,
            _ => Printed::Failed(error.to_string()),
        });
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    // Flush now: an error while the program exits would go unnoticed.
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

fn note(what: Printed) {
    *PRINTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = what;
}

/// Writes JSON to standard output. On a terminal, characters that could drive it are written as JSON escapes, which
/// mean the same.
pub fn print_json(text: &str) {
    if io::stdout().is_terminal() { print_result(&json_for_terminal(text)) } else { print_result(text) }
}

/// Writes text for programs to standard output, exactly as a file would contain it. Only on a terminal are characters
/// replaced that could drive it.
pub fn print_data(text: &str) {
    if io::stdout().is_terminal() { print_result(&printable_lines(text)) } else { print_result(text) }
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
