//! The commands: one file each. Data goes to standard output, talk to standard
//! error; every error names what to change and, where there is one, the next command.

mod args;
mod capture;
mod check;
mod check_args;
mod cluster;
mod lint;
mod place;
mod plan;
mod prove;
mod rbac;
mod recover;
mod rehearse;
mod report;
mod run;
mod schema;
mod status;
mod verify;
mod what_if;

use clap::{CommandFactory, Parser};

use args::{Args, Command};

use crate::model::Exit;

/// What a command returns: an exit code, or an error with one.
type Done = Result<Exit, Failure>;

/// An error with the exit code that it stands for.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    /// An error with its causes, each said once.
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
        Self { exit, text }
    }
}

/// The program.
pub fn main() -> u8 {
    if let Some(code) = crate::world::child::enter() {
        return code;
    }
    // Two libraries each bring their own idea of a crypto provider: name one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Invalid.code() } else { Exit::Passed.code() };
        }
    };
    let done = match args.command {
        Command::Lint(a) => lint::lint(&a),
        Command::Schema(a) => schema::schema(&a),
        Command::Check(a) => block(check::check(&a)),
        Command::Explain(a) => check::explain(&a),
        Command::ListChecks(a) => check::list(&a),
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
        Command::Replay(a) => report::replay(&a),
        Command::Rbac(a) => block(rbac::rbac(&a)),
        Command::Cluster(a) => block(cluster::cluster(&a)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "drillmaster", &mut std::io::stdout());
            Ok(Exit::Passed)
        }
    };
    match done {
        Ok(exit) => exit.code(),
        Err(failure) => {
            say(&format!("error: {}", failure.text));
            failure.exit.code()
        }
    }
}

fn block(command: impl Future<Output = Done>) -> Done {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("no runtime: {e}")))?
        .block_on(command)
}

/// Talk to standard error. A terminal that is gone, or a full disk behind it, is
/// no reason to fail.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Data to standard output. A reader that has gone away is no error.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Whether to colour what goes to standard error.
fn colours() -> bool {
    use std::io::IsTerminal;
    std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal()
}
