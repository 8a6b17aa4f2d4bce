//! The arguments of the commands about a run that exists: `status`, `stop`, `log` and `verify`. Start with
//! [`RunDirArgs`].

use std::path::PathBuf;

use clap::Args as Group;

use super::{args::OutputArgs, report_args::TrustArgs};

/// The run that a command is about.
#[derive(Clone, Debug, Group)]
pub(super) struct RunDirArgs {
    /// The run directory [default: the newest one in --runs]
    ///
    /// `status`, `stop` and `recover` prefer a run to a rehearsal, even if the rehearsal is newer.
    pub dir: Option<PathBuf>,
    /// The directory that holds the run directories
    #[arg(long, value_name = "DIR", default_value = "runs", alias = "runs-dir")]
    pub runs: PathBuf,
}

#[derive(Debug, Group)]
#[command(
    after_help = "Exit codes: 0 the run is alive, or it ended and left nothing open · 2 this is not a run directory, \
or it was changed · 4 nobody can tell whether the run is alive · 6 something is stuck: a person has to put it back · \
7 the run is open and nobody works on it: run `recover`"
)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
pub(super) struct StopArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    /// Stop the run and put everything back (the default)
    #[arg(long)]
    pub unwind: bool,
    /// Stop, but change nothing until the next `stop`; after the time of --unwind-within, put everything back
    #[arg(long, conflicts_with = "unwind")]
    pub hold: bool,
    /// Put everything back and page: this is a real incident, not a drill
    #[arg(long, conflicts_with_all = ["unwind", "hold"])]
    pub real_incident: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
#[command(
    after_help = "Exit codes: 0 nothing differs, by the rules of this version · 1 something differs: file and line \
are named · 2 this is not a run directory · 4 nothing differs, but the verdict was made by the rules of another version, \
the run has not ended, or its evidence is signed with a key that neither --key nor --trust names"
)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[command(flatten)]
    pub trust: TrustArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
pub(super) struct LogArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
pub(super) struct AnswerArgs {
    /// The run directory
    pub dir: PathBuf,
    /// The gate or hold, by its name
    pub gate: String,
    /// The answer
    #[arg(value_enum)]
    pub answer: YesNo,
    /// Who answers [default: the account of the machine]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum YesNo {
    Yes,
    No,
}
