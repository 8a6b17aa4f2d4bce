//! The arguments of the commands about several runs: `history` and `compare`; and of `export`. Start with
//! [`HistoryArgs`].

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};
use jiff::Timestamp;

use super::args::{MonitoringArgs, OutputArgs, PlaceArgs, RunDirArgs};
use crate::{
    history::{Period, Threshold},
    model::Dur,
};

#[derive(Debug, Group)]
#[command(
    after_help = "Exit codes: 0 the history was made; with --context or --capture, every scenario is VERIFIED; with \
--period, no run is missing · 1 a scenario needs verification because something changed, or never passed; or a run is \
missing · 2 invalid input · 3 the cluster cannot be read · 4 a status, or whether a run is missing, cannot be decided"
)]
pub(super) struct HistoryArgs {
    /// The folder with the run directories [default: that of --runs]
    pub dir: Option<PathBuf>,
    /// The directory that holds the run directories
    #[arg(long, value_name = "DIR", default_value = "runs", alias = "runs-dir")]
    pub runs: PathBuf,
    /// Another folder with directories of exercises, such as `exercises`; those beside the runs are always listed
    #[arg(long, value_name = "DIR")]
    pub exercises: Option<PathBuf>,
    /// The folder with your scenarios: shows which of them are overdue, or were never run
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Only drills and exercises of this year, quarter or month (2026, 2026-Q3, 2026-09), and whether any is missing
    #[arg(long, value_name = "PERIOD")]
    pub period: Option<Period>,
    /// The time for which the history is made; later drills are left out [default: now]
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<Timestamp>,
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub monitoring: MonitoringArgs,
    /// Compare with a capture of a cluster (written by `capture --for check --out FILE`); may be repeated
    #[arg(long, value_name = "FILE")]
    pub capture: Vec<PathBuf>,
    /// Also write a static site into this directory: an index, trends, and a page for each run
    #[arg(long, value_name = "DIR")]
    pub html: Option<PathBuf>,
    /// The format of what is printed to standard output
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: HistoryFormat,
}

/// The formats of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum HistoryFormat {
    /// Tables for people
    #[default]
    Human,
    /// Everything, for programs
    Json,
    /// Gauges, for the textfile collector
    Openmetrics,
}

#[derive(Debug, Group)]
#[command(
    after_help = "Exit codes: 0 nothing got worse than allowed · 1 an expectation that passed failed, or a threshold \
was exceeded · 2 invalid input · 4 that cannot be decided: a run is not conclusive, a time was not measured, or a \
threshold lies inside the error bars"
)]
pub(super) struct CompareArgs {
    /// The run directory to compare with
    pub a: PathBuf,
    /// The run directory to judge
    pub b: PathBuf,
    /// How much longer a recovery may take, such as +20% or +30s
    #[arg(long, value_name = "MORE", allow_hyphen_values = true)]
    pub max_rto: Option<Threshold>,
    /// How much more data may be lost, such as +20% or +30s
    #[arg(long, value_name = "MORE", allow_hyphen_values = true)]
    pub max_rpo: Option<Threshold>,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
#[command(
    after_help = "Exit codes: 0 done · 2 invalid input, such as a run directory that was changed, or a FILE that cannot \
be written · 74 the endpoint or the webhook did not accept it, or standard output could not be written"
)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    /// The format [default: openmetrics]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ExportFormat>,
    /// The file to write to [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Send the trace of the run to this OTLP endpoint (HTTP with JSON, such as http://collector:4318/v1/traces).
    /// Headers are read from the variable OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long, value_name = "URL")]
    pub otlp: Option<String>,
    /// Send the result of the run as JSON to this address. Give an address with a token with --webhook-env
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// Like --webhook, with the address from this environment variable
    #[arg(long, value_name = "NAME", conflicts_with = "webhook")]
    pub webhook_env: Option<String>,
    /// How long to wait for the endpoint and for the webhook
    #[arg(long, value_name = "TIME", default_value = "10s", hide_short_help = true)]
    pub within: Dur,
}

/// The formats of one run for other programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// Gauges, for the textfile collector
    #[default]
    Openmetrics,
    /// A trace: the drill with its steps as spans
    OtlpJson,
}
