//! The command line: every command, and the arguments that several commands share. The arguments of single commands
//! are in `board_args.rs`, `check_args.rs`, `cluster_args.rs`, `exercise_args.rs`, `history_args.rs`, `list_args.rs`, `playbook_args.rs`,
//! `prepare_args.rs`, `record_args.rs`, `rehearse_args.rs`, `report_args.rs` and `run_args.rs`. A hidden argument or
//! command is the old name of one that is shown. Start with [`Args`].

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

use super::version::VERSION;
pub(super) use super::{
    board_args::BoardArgs,
    check_args::{CheckArgs, CheckFormat, ExplainArgs, JunitPer, PlanAs},
    cluster_args::{ClusterArgs, ClusterCommand, ClusterUpArgs},
    exercise_args::ExerciseCommand,
    history_args::{CompareArgs, ExportArgs, HistoryArgs},
    list_args::{ListArgs, ListChecksArgs, ListFormat, ListOf, ShowArgs},
    playbook_args::PlaybookCommand,
    prepare_args::{CaptureArgs, CaptureFor, LintArgs, RbacArgs, RbacFor, SchemaArgs, SchemaOf},
    record_args::{AnswerArgs, LogArgs, RunDirArgs, StatusArgs, StopArgs, VerifyArgs},
    rehearse_args::RehearseArgs,
    report_args::{KeygenArgs, ReportArgs, SealArgs},
    run_args::{PlanArgs, ReapArgs, RecoverArgs, RunArgs, StandbyArgs},
};
use crate::{engine::ClusterAccess, model::DatadogSpec, report::Display};

/// Disaster-recovery drills for Kubernetes: break it, restore it, prove it, put it back.
#[derive(Debug, Parser)]
#[command(name = "drillmaster", version, long_version = VERSION, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub talk: TalkArgs,
}

/// How much every command says, and in which colours.
#[derive(Clone, Copy, Debug, Default, Group)]
pub(super) struct TalkArgs {
    /// Print only results, warnings and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print more: a line for each event of a drill, each object of a review
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colours. `auto` uses them on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

const EXIT_CODES: &str = "Exit codes: 0 passed · 1 an expectation was not met · 2 invalid input; the cluster was not \
touched · 3 the pre-flight refused; the cluster was not touched · 4 inconclusive · 5 aborted; everything was reverted · \
6 something could not be reverted: a person has to do it · 7 stopped before the undo was complete: run `recover` · \
70 internal error · 74 the command succeeded, but its output or a report could not be written";

/// The commands, in the order of the groups that the help shows (`help.rs`).
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check scenarios, playbooks, bindings, cluster and readiness files
    Lint(LintArgs),
    /// Review the readiness of manifests or of a cluster; changes nothing
    Check(CheckArgs),
    /// Explain a check: its rule, the reason for it, how to fix a finding
    Explain(ExplainArgs),
    /// Copy a cluster, for rehearsals or for a review; without secrets
    Capture(CaptureArgs),
    /// List the parts of the program: scenarios, playbooks, checks, …
    List(ListArgs),
    /// Print a scenario, playbook, cluster or bindings of the program
    Show(ShowArgs),
    /// Rehearse a drill on a simulated cluster; touches nothing real
    Rehearse(RehearseArgs),
    /// Show what a run would do and how it is undone; changes nothing
    Plan(PlanArgs),
    /// Run a drill on a cluster
    Run(RunArgs),
    /// Show what a run did and what it left open
    Status(StatusArgs),
    /// Ask a run to stop
    Stop(StopArgs),
    /// Undo what a run left open
    Recover(RecoverArgs),
    /// Watch a cluster, and recover every run on it whose runner dies
    Standby(StandbyArgs),
    /// Answer a gate of a run from another terminal
    Answer(AnswerArgs),
    /// Write the papers of an exercise for its sponsor, players, controllers or evaluators
    #[command(subcommand)]
    Playbook(PlaybookCommand),
    /// Prepare, run and close an exercise for people, from any terminal with its directory
    #[command(subcommand)]
    Exercise(ExerciseCommand),
    /// Show an exercise or a drill in the browser, and take commands there
    Board(BoardArgs),
    /// Write the reports of a run again, or add a note to them
    Report(ReportArgs),
    /// Print the events of a run, in order
    #[command(alias = "replay")]
    Log(LogArgs),
    /// Check that a run directory is unchanged; judge the run again
    Verify(VerifyArgs),
    /// Show all drills of a folder: results, overdue scenarios, outdated passes
    History(HistoryArgs),
    /// Compare two runs: verdicts, recovery times, phases
    Compare(CompareArgs),
    /// Write a run as metrics or as a trace, or send it
    Export(ExportArgs),
    /// Make a key pair that signs evidence
    Keygen(KeygenArgs),
    /// Sign the evidence of a run, and pack it into one file
    Seal(SealArgs),
    /// Create a kind cluster for drills, delete it, or show its state
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Print the minimal permissions for a drill or a review
    Rbac(RbacArgs),
    /// Print the JSON Schema of a kind of file
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version, the commit and the time of the build
    Version(OutputArgs),
    /// List all checks (the old name of `list checks`)
    #[command(hide = true)]
    ListChecks(ListChecksArgs),
    /// Watch a run, and undo it if the runner dies (started by `run` itself)
    #[command(hide = true)]
    Reap(ReapArgs),
}

/// The format of what a command prints to standard output.
#[derive(Clone, Copy, Debug, Default, Group)]
pub(super) struct OutputArgs {
    /// The format of what is printed to standard output
    #[arg(id = "output", short, long = "output", value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Output,
}

/// The formats that every command has that prints results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// Text for people
    #[default]
    Human,
    /// JSON; a drill prints the lines of its journal
    Json,
}

impl Output {
    /// How a run is shown while it happens.
    pub(super) fn display(self, talk: TalkArgs) -> Display {
        match self {
            Self::Json => Display::Json,
            Self::Human if talk.quiet => Display::Quiet,
            Self::Human if talk.verbose => Display::Verbose,
            Self::Human => Display::Brief,
        }
    }
}

/// The cluster that the drill runs on.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct PlaceArgs {
    /// The kubeconfig context. Required: drillmaster never uses the current context. For a drill on two clusters, name
    /// both: --context source=NAME --context recovery=NAME
    #[arg(long, value_name = "NAME")]
    pub context: Vec<String>,
    /// The kubeconfig to read, instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Use the service account of the pod in which drillmaster runs
    #[arg(long, conflicts_with = "context", hide_short_help = true)]
    pub in_cluster: bool,
    /// The bindings file: monitoring URLs, node host and volume method of this cluster
    #[arg(long, value_name = "FILE", visible_alias = "bind")]
    pub bindings: Option<PathBuf>,
}

/// The monitoring endpoints, given on the command line instead of in the bindings.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct MonitoringArgs {
    /// The base URL of Prometheus; overrides the bindings
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub prometheus: Option<String>,
    /// The base URL of Alertmanager; overrides the bindings; repeat it for each peer
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub alertmanager: Vec<String>,
    /// The Datadog API (https://api.datadoghq.com); overrides the bindings. The keys are read from the environment
    /// variables DD_API_KEY and DD_APP_KEY
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub datadog: Option<String>,
}

impl MonitoringArgs {
    /// The flags override the bindings.
    pub fn at(&self, mut place: ClusterAccess) -> ClusterAccess {
        if self.prometheus.is_some() {
            place.bindings.prometheus.clone_from(&self.prometheus);
        }
        if !self.alertmanager.is_empty() {
            place.bindings.alertmanager.clone_from(&self.alertmanager);
        }
        if let Some(url) = &self.datadog {
            place.bindings.datadog = Some(DatadogSpec::at(url));
        }
        place
    }

    /// Whether no flag was given.
    pub fn is_empty(&self) -> bool {
        self.prometheus.is_none() && self.alertmanager.is_empty() && self.datadog.is_none()
    }
}

/// The audit log, given on the command line instead of in the bindings. The plan records it, so both `plan` and `run`
/// take it.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct AuditLogArgs {
    /// The API server's audit log in JSON lines, as a file or an http(s) address; it shows who deleted what
    #[arg(long, value_name = "FILE|URL", hide_short_help = true)]
    pub audit_log: Option<String>,
}

/// A scenario and the values of its variables.
#[derive(Clone, Debug, Group)]
pub(super) struct ScenarioArgs {
    /// The scenario: a file, or the name of a shipped one (`list scenarios`)
    pub scenario: PathBuf,
    /// Set a variable of the scenario; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}
