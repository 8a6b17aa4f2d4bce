//! What every command prints, and how: standard error for messages, standard output for results, colours, and how much
//! is said (`--quiet`, `--verbose`). Start with [`say`] and [`note`].

use std::{
    io::Write,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use anstream::{AutoStream, ColorChoice, stream::RawStream};

use super::args::{Color, TalkArgs};
use crate::{
    files::{self, fold_lines},
    model::{is_printable, printable, printable_lines},
};

/// Whether `--quiet` was given.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Applies the flags to everything that is printed from here on.
pub(super) fn begin(talk: TalkArgs) {
    QUIET.store(talk.quiet, Ordering::Relaxed);
    choose(talk.color);
}

/// Chooses when to use colours. `auto` respects NO_COLOR, CLICOLOR_FORCE and TERM.
pub(super) fn choose(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Prints a message to standard error, without escape sequences, and folded if that is a terminal. A write error is
/// ignored: a closed terminal or a full disk must not stop a drill.
pub(super) fn say(text: &str) {
    say_styled(&fold_lines(&printable_lines(text), files::columns()));
}

/// Like `say`, for a command or a path beside a label. It is not folded, so that it can be copied.
pub(super) fn say_whole(text: &str) {
    say_styled(&printable_lines(text));
}

/// Like `say`, for what `--quiet` leaves out: progress, and hints about what to do next.
pub(super) fn note(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        say(text);
    }
}

/// Like `say_whole`, for what `--quiet` leaves out.
pub(super) fn note_whole(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        say_whole(text);
    }
}

/// Like `say`, for text with colour codes and no other escapes.
pub(super) fn say_styled(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints text for people to standard output, folded if that is a terminal.
pub(super) fn print(text: &str) {
    files::print(&fold_lines(&printable_lines(text), files::columns_out()));
}

/// Like `print`, for the text of a file, a page or a command, which is not folded.
pub(super) fn print_whole(text: &str) {
    files::print(&printable_lines(text));
}

/// Like `print`, for text with colour codes and no other escapes.
pub(super) fn print_styled(text: &str) {
    files::print(text);
}

/// A name as it appears in an error: on one line.
pub(super) fn shown(path: impl AsRef<Path>) -> String {
    printable(&path.as_ref().display().to_string())
}

/// Whether to colour standard error.
pub(super) fn colours() -> bool {
    styled(&std::io::stderr())
}

/// Whether to colour standard output.
pub(super) fn styled_out() -> bool {
    styled(&std::io::stdout())
}

fn styled(to: &impl RawStream) -> bool {
    AutoStream::choice(to) != ColorChoice::Never
}

/// Keeps colour codes and removes all other escapes.
pub(super) fn tamed(text: &str) -> String {
    let is_colour = |rest: &str| {
        rest.strip_prefix("\u{1b}[")
            .and_then(|r| r.find(|c: char| !c.is_ascii_digit() && c != ';').map(|i| r[i..].starts_with('m')))
    };
    let show = |(i, c): (usize, char)| match c {
        '\n' | '\t' => c,
        '\u{1b}' if is_colour(&text[i..]) == Some(true) => c,
        c if is_printable(c) => c,
        _ => '\u{fffd}',
    };
    text.char_indices().map(show).collect()
}
