//! The commands, one file each. Data goes to standard output, messages go to standard error. Every error names what to
//! change and, where possible, the next command to run. Start with [`main`].

mod annotate;
mod args;
mod capture;
mod check;
mod check_args;
mod cluster;
mod evidence;
mod lint;
mod list;
mod list_args;
mod place;
mod plan;
mod prove;
mod rbac;
mod recover;
mod rehearse;
mod rehearse_args;
mod report;
mod report_args;
mod run;
mod schema;
mod status;
mod verify;
mod what_if;

use std::{
    io::IsTerminal,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::{CommandFactory, Parser};

use args::{Args, Command};
pub(crate) use run::read_plan;

use crate::{
    files::{self, Printed},
    model::{Exit, is_printable, printable, printable_lines},
};

/// What a command returns: an exit code, or an error with one.
type Done = Result<Exit, Failure>;

/// The exit code where the command succeeded, but standard output or a report could not be written.
const UNWRITTEN: u8 = 74;
/// Whether writing a report failed.
static REPORT_LOST: AtomicBool = AtomicBool::new(false);

/// An error, with the exit code that the program ends with.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    text: String,
    /// The text contains colour codes and was already made safe to print.
    styled: bool,
}

impl Failure {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), styled: false }
    }

    /// An error with its causes. A cause that is already part of the text is left out.
    fn of(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let said = cause.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            source = cause.source();
        }
        Self { exit, text, styled: false }
    }
}

/// Runs the program and returns its exit code.
pub fn main() -> u8 {
    if let Some(code) = crate::world::child::enter() {
        return code;
    }
    // Two dependencies each enable another crypto provider, so rustls needs to be told which one to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return told(&error),
    };
    let done = match args.command {
        Command::Lint(a) => lint::lint(&a),
        Command::Schema(a) => schema::schema(&a),
        Command::Check(a) => block(check::check(&a)),
        Command::Explain(a) => check::explain(&a),
        Command::List(a) => list::list(&a),
        Command::Show(a) => list::show(&a),
        Command::ListChecks(a) => check::list(a.output),
        Command::Capture(a) => block(capture::capture(&a)),
        Command::Plan(a) => block(plan::plan(&a)),
        Command::Rehearse(a) => rehearse::rehearse(&a),
        Command::Run(a) => block(run::run(&a)),
        Command::Recover(a) => block(recover::recover(&a)),
        Command::Reap(a) => block(recover::reap(&a)),
        Command::Status(a) => block(status::status(&a)),
        Command::Stop(a) => block(status::stop(&a)),
        Command::Verify(a) => verify::verify(&a),
        Command::Report(a) => report::report(&a),
        Command::Keygen(a) => evidence::keygen(&a),
        Command::Seal(a) => evidence::seal(&a),
        Command::Replay(a) => report::replay(&a),
        Command::Rbac(a) => block(rbac::rbac(&a)),
        Command::Cluster(a) => block(cluster::cluster(&a)),
        Command::Completions { shell } => {
            let mut script = vec![];
            clap_complete::generate(shell, &mut Args::command(), "drillmaster", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(Exit::Passed)
        }
    };
    let code = match done {
        Ok(exit) => exit.code(),
        Err(failure) => {
            let text = format!("error: {}", failure.text);
            if failure.styled {
                say_styled(&text)
            } else {
                say(&text)
            }
            failure.exit.code()
        }
    };
    written(code)
}

/// Replaces the exit code of a successful command whose output was lost. A closed pipe is not an error: the reader
/// closed it on purpose.
fn written(code: u8) -> u8 {
    let printed = files::printed();
    if let Printed::Failed(why) = &printed {
        say(&format!("error: cannot write to standard output: {why}"));
    }
    let lost = printed != Printed::Whole || REPORT_LOST.load(Ordering::Relaxed);
    if lost && code == Exit::Passed.code() { UNWRITTEN } else { code }
}

/// Prints the help, or what is wrong with the command line.
fn told(error: &clap::Error) -> u8 {
    let text = error.render();
    if error.use_stderr() {
        // Clap repeats the arguments in its message, so escapes must be removed from it.
        if colours() {
            say_styled(&tamed(&text.ansi().to_string()))
        } else {
            say(text.to_string().trim_end())
        }
        return Exit::Invalid.code();
    }
    print_styled(&if styled_out() { text.ansi().to_string() } else { text.to_string() });
    written(Exit::Passed.code())
}

/// Keeps colour codes and removes all other escapes.
fn tamed(text: &str) -> String {
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

fn block(command: impl Future<Output = Done>) -> Done {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("cannot start the async runtime: {e}")))?
        .block_on(command)
}

/// Prints a message to standard error, without escape sequences. A write error is ignored: a closed terminal or a full
/// disk must not stop a drill.
fn say(text: &str) {
    say_styled(&printable_lines(text));
}

/// Like `say`, for text with colour codes and no other escapes.
fn say_styled(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints text for people to standard output.
fn print(text: &str) {
    files::print(&printable_lines(text));
}

/// Like `print`, for text with colour codes and no other escapes.
fn print_styled(text: &str) {
    files::print(text);
}

/// A name as it appears in an error: on one line.
fn shown(path: impl AsRef<std::path::Path>) -> String {
    printable(&path.as_ref().display().to_string())
}

/// Whether to colour standard error.
fn colours() -> bool {
    styled(&std::io::stderr())
}

/// Whether to colour standard output.
fn styled_out() -> bool {
    styled(&std::io::stdout())
}

fn styled(to: &impl IsTerminal) -> bool {
    std::env::var_os("NO_COLOR").is_none() && to.is_terminal()
}
