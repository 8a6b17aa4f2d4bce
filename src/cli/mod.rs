//! The commands, one file each. Data goes to standard output, messages go to standard error. Every error names what to
//! change and, where possible, the next command to run. Start with [`main`].

mod actions_args;
mod annotate;
mod answer;
mod args;
mod board;
mod board_args;
mod capture;
mod check;
mod check_args;
mod check_diff;
mod cluster;
mod cluster_args;
mod compare;
mod evidence;
mod exercise;
mod exercise_args;
mod explain;
mod export;
mod fix_plan;
mod forecast;
mod gates;
mod help;
mod history;
mod history_args;
mod history_site;
mod interrupt;
mod lint;
mod list;
mod list_args;
mod place;
mod plan;
mod playbook;
mod playbook_args;
mod prepare_args;
mod prepare_exercise_args;
mod prove;
mod rbac;
mod record_args;
mod recover;
mod rehearse;
mod rehearse_args;
mod report;
mod report_args;
mod run;
mod run_args;
mod schema;
mod simulated;
mod status;
mod talk;
mod verify;
mod verify_exercise;
mod version;
mod what_if;

use std::sync::atomic::{AtomicBool, Ordering};

use clap::{FromArgMatches, ValueEnum};

use args::{Args, Color, Command, TalkArgs};
pub(crate) use run::read_plan;
use talk::{
    colours, note, note_whole, print, print_styled, print_whole, say, say_styled, say_whole, shown, styled_out, tamed,
};

use crate::{
    files::{self, Printed},
    model::{Exit, with_causes},
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
        Self::new(exit, with_causes(error))
    }
}

/// Runs the program and returns its exit code.
pub fn main() -> u8 {
    if let Some(code) = crate::world::child::enter() {
        return code;
    }
    // Two dependencies each enable another crypto provider, so rustls needs to be told which one to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // The errors about the command line are coloured too, before it is parsed.
    talk::choose(color(std::env::args_os().skip(1)));
    let parsed = help::command().try_get_matches().and_then(|matches| Args::from_arg_matches(&matches));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => return told(&error),
    };
    talk::begin(args.talk);
    let done = if args.talk.quiet && args.talk.verbose {
        Err(Failure::new(Exit::Invalid, "--quiet and --verbose exclude each other: give one of them"))
    } else {
        perform(args.command, args.talk)
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

fn perform(command: Command, talk: TalkArgs) -> Done {
    match command {
        Command::Lint(a) => lint::lint(&a, talk),
        Command::Schema(a) => schema::schema(&a),
        Command::Check(a) => block(check::check(&a, talk)),
        Command::Explain(a) => explain::explain(&a),
        Command::List(a) => list::list(&a),
        Command::Show(a) => list::show(&a),
        Command::ListChecks(a) => explain::list(a.output),
        Command::Capture(a) => block(capture::capture(&a)),
        Command::Plan(a) => block(plan::plan(&a)),
        Command::Rehearse(a) => rehearse::rehearse(&a, talk),
        Command::Run(a) => block(run::run(&a, talk)),
        Command::Recover(a) => block(recover::recover(&a, talk)),
        Command::Standby(a) => block(recover::standby(&a)),
        Command::Reap(a) => block(recover::reap(&a)),
        Command::Status(a) => block(status::status(&a)),
        Command::Stop(a) => block(status::stop(&a)),
        Command::Verify(a) => verify::verify(&a),
        Command::Answer(a) => answer::answer(&a),
        Command::Playbook(a) => playbook::playbook(&a),
        Command::Exercise(a) => exercise::exercise(&a),
        Command::Board(a) => block(board::board(&a)),
        Command::Report(a) => report::report(&a),
        Command::Log(a) => report::log(&a),
        Command::History(a) => block(history::history(&a)),
        Command::Compare(a) => compare::compare(&a),
        Command::Export(a) => block(export::export(&a)),
        Command::Keygen(a) => evidence::keygen(&a),
        Command::Seal(a) => evidence::seal(&a),
        Command::Rbac(a) => block(rbac::rbac(&a)),
        Command::Cluster(a) => block(cluster::cluster(&a)),
        Command::Version(a) => version::version(a),
        Command::Completions { shell } => {
            let mut script = vec![];
            clap_complete::generate(shell, &mut help::command(), "drillmaster", &mut script);
            files::print_data(&String::from_utf8_lossy(&script));
            Ok(Exit::Passed)
        }
    }
}

/// The value of `--color` on a command line that may have mistakes.
fn color(words: impl Iterator<Item = std::ffi::OsString>) -> Color {
    let mut words = words.filter_map(|word| word.into_string().ok());
    while let Some(word) = words.next() {
        let value = if word == "--color" { words.next() } else { word.strip_prefix("--color=").map(str::to_owned) };
        if let Some(color) = value.and_then(|value| Color::from_str(&value, true).ok()) {
            return color;
        }
    }
    Color::Auto
}

/// Replaces the exit code of a successful command whose output was lost. If the reader of text for people closes the
/// pipe early, nothing is lost, because the reader decided that. Data for a program is not complete then.
fn written(code: u8) -> u8 {
    let printed = files::printed();
    match &printed {
        Printed::Whole => {}
        Printed::Cut => say("error: the reader of standard output closed it early: the output is not complete"),
        Printed::Failed(why) => say(&format!("error: cannot write to standard output: {why}")),
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

/// Reports that something was not written or sent, although the command itself succeeded.
fn lost(text: &str) {
    say(text);
    REPORT_LOST.store(true, Ordering::Relaxed);
}

fn block(command: impl Future<Output = Done>) -> Done {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("cannot start the async runtime: {e}")))?
        .block_on(command)
}
