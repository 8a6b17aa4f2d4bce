//! The command line: every command, its arguments and their help texts. The arguments of the readiness review are in
//! `check_args.rs`, those of rehearsals in `rehearse_args.rs`. Start with [`Args`].

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

pub(super) use super::{
    check_args::{CheckArgs, ExplainArgs, JunitPer, ListChecksArgs, ListFormat},
    list_args::{ListArgs, ListOf, ShowArgs},
    rehearse_args::RehearseArgs,
    report_args::{KeygenArgs, ReportArgs, SealArgs, TrustArgs},
};
use crate::{
    engine::{LEAST_FROZEN, Place},
    model::{DatadogSpec, Dur},
    report::Display,
};

/// Disaster-recovery drills for Kubernetes: break it, restore it, prove it, put it back.
#[derive(Debug, Parser)]
#[command(name = "drillmaster", version, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// How long a runner may be silent before the reaper treats it as frozen. The value has a minimum: on a busy machine,
/// a healthy runner can be silent for some seconds.
fn silence(text: &str) -> Result<Dur, String> {
    let time: Dur = text.parse()?;
    if time.0 >= LEAST_FROZEN {
        return Ok(time);
    }
    Err(format!(
        "{} is too short: a healthy runner can be silent for that long; write {} or more",
        time.exact(),
        Dur(LEAST_FROZEN)
    ))
}

const EXIT_CODES: &str = "Exit codes: 0 passed · 1 an expectation was not met · 2 invalid input; the cluster was not \
touched · 3 the pre-flight refused; the cluster was not touched · 4 inconclusive · 5 aborted; everything was reverted · \
6 something could not be reverted: a person has to do it · 7 stopped before the undo was complete: run `recover` · \
70 internal error · 74 the command succeeded, but its output or a report could not be written";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check scenario files and list all mistakes with file, line and column
    Lint(LintArgs),
    /// Print the JSON Schema of scenario files, bindings, simulated clusters or reports
    Schema(SchemaArgs),
    /// Review the readiness of manifests or of a cluster; changes nothing
    Check(CheckArgs),
    /// Explain a check: its rule, the reason for it, and how to fix a finding
    Explain(ExplainArgs),
    /// List the scenarios, simulated clusters and bindings that are part of the program, or all checks
    List(ListArgs),
    /// Print a scenario, a simulated cluster or bindings that are part of the program
    Show(ShowArgs),
    /// List all checks (the old name of `list checks`)
    #[command(hide = true)]
    ListChecks(ListChecksArgs),
    /// Copy a cluster for rehearsals: trimmed objects, without secrets
    Capture(CaptureArgs),
    /// Show what a run would do to which targets and how it would undo it; changes nothing
    Plan(PlanArgs),
    /// Rehearse a drill on a simulated cluster, in virtual time; touches nothing real
    Rehearse(RehearseArgs),
    /// Run a drill on a cluster
    Run(RunArgs),
    /// Undo what a run left open, from its run directory or from the cluster
    Recover(RecoverArgs),
    /// Show what a run did and what it left open
    Status(StatusArgs),
    /// Ask a run to stop
    Stop(StopArgs),
    /// Check that a run directory is unchanged since its run, and judge the run again
    Verify(VerifyArgs),
    /// Write the reports of a run again from its journal, or add a note to them
    Report(ReportArgs),
    /// Make a key pair that signs evidence
    Keygen(KeygenArgs),
    /// Sign the evidence of a run, and pack it into one file
    Seal(SealArgs),
    /// Print the events of a run again, in order
    Replay(ReplayArgs),
    /// Print the minimal permissions that a scenario needs, as manifests
    Rbac(RbacArgs),
    /// Create a kind cluster for drills, delete it, or show its state
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Watch a run, and undo it if the runner dies (started by `run` itself)
    #[command(hide = true)]
    Reap(ReapArgs),
}

/// The commands for kind clusters.
#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Create the cluster with Velero, monitoring and the sample shop, and wait until all of it is ready
    Up(ClusterUpArgs),
    /// Delete the cluster and its object store, with the backups in it
    Down(ClusterArgs),
    /// Show the state of the cluster; exits 1 when something is not ready
    Status(ClusterArgs),
}

/// The kind cluster that a command is about, and the programs that create it.
#[derive(Clone, Debug, Group)]
pub(super) struct ClusterArgs {
    /// Name of the cluster; its kubeconfig context is kind-NAME
    #[arg(long, value_name = "NAME", default_value = "drill")]
    pub name: String,
    /// The kubeconfig to write to, instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The container engine: docker, podman or nerdctl (only docker has been tested)
    #[arg(long, value_name = "PROGRAM", default_value = "docker")]
    pub engine: String,
    /// The kind program
    #[arg(long, value_name = "PROGRAM", default_value = "kind")]
    pub kind: String,
}

/// How to create the kind cluster.
#[derive(Clone, Debug, Group)]
pub(super) struct ClusterUpArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The kind configuration: three-zones, small, two-clusters (small, and a second cluster to restore into), or a
    /// kind configuration file
    #[arg(long, value_name = "CONFIG", default_value = "three-zones")]
    pub config: String,
    /// Node image, instead of kind's default
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// A file with images that replace the pinned ones of kind-configs/stack/images.yaml
    #[arg(long, value_name = "FILE")]
    pub images: Option<PathBuf>,
    /// How long to wait for the stack to become ready
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub at_most: Dur,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    #[default]
    Human,
    Json,
}

impl Output {
    /// How a run is shown while it happens.
    pub(super) fn display(self, verbose: bool) -> Display {
        match self {
            Self::Json => Display::Json,
            Self::Human if verbose => Display::Verbose,
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
    #[arg(long, conflicts_with = "context")]
    pub in_cluster: bool,
    /// The bindings file: monitoring URLs, node host and volume method of this cluster
    #[arg(long, value_name = "FILE")]
    pub bind: Option<PathBuf>,
}

/// The monitoring endpoints, given on the command line instead of in the bindings.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct MonitoringArgs {
    /// The base URL of Prometheus; overrides the bindings
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// The base URL of Alertmanager; overrides the bindings; repeat it for each peer
    #[arg(long, value_name = "URL")]
    pub alertmanager: Vec<String>,
    /// The Datadog API (https://api.datadoghq.com); overrides the bindings. The keys are read from the environment
    /// variables DD_API_KEY and DD_APP_KEY
    #[arg(long, value_name = "URL")]
    pub datadog: Option<String>,
}

impl MonitoringArgs {
    /// The flags override the bindings.
    pub fn at(&self, mut place: Place) -> Place {
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
    #[arg(long, value_name = "FILE|URL")]
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

#[derive(Debug, Group)]
pub(super) struct LintArgs {
    /// The scenarios: files, or names of shipped ones (`list scenarios`)
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Also check the scenario against this bindings file
    #[arg(long, value_name = "FILE")]
    pub bind: Option<PathBuf>,
    /// Set a variable of the scenario; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Group)]
pub(super) struct SchemaArgs {
    #[arg(value_enum, default_value_t)]
    pub what: SchemaOf,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    #[default]
    Scenario,
    Bindings,
    Cluster,
    Report,
    Readiness,
    Review,
}

#[derive(Debug, Group)]
pub(super) struct CaptureArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub monitoring: MonitoringArgs,
    /// The value that replaces ${bind.NAME} of a scenario in rehearsals on this copy; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub value: Vec<String>,
    /// The file to write to [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write everything that a readiness review reads, as tar.gz, for `check --capture`; a rehearsal cannot use it
    #[arg(long, requires = "out", conflicts_with = "value")]
    pub review: bool,
}

#[derive(Debug, Group)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub log: AuditLogArgs,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Also write the plan to a file, for `run --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(super) struct RunArgs {
    /// The scenario: a file, or the name of a shipped one (`list scenarios`)
    pub scenario: PathBuf,
    /// Set a variable of the scenario; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The directory in which run directories are created
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs_dir: PathBuf,
    /// Run only if the plan is still the one in this file (written by `plan --out`); also give its hash with --approve
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Approve a gate by its name, or the plan by its hash; may be repeated
    #[arg(long, value_name = "NAME")]
    pub approve: Vec<String>,
    /// Confirm the cluster by its context name, instead of typing it at the prompt
    #[arg(long, value_name = "CONTEXT")]
    pub confirm: Option<String>,
    /// Treat the runner as frozen, and take over from it, after this long without a sign of life (at least 10s)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = silence)]
    pub frozen_after: Dur,
    /// Stop trying to put things back after this long (exit 6)
    #[arg(long, value_name = "TIME", default_value = "30m")]
    pub unwind_within: Dur,
    #[command(flatten)]
    pub log: AuditLogArgs,
    /// Run the readiness checks again before the first act if their results are older than this
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub preflight_max_age: Dur,
    /// Do not start the detached reaper: if the runner is killed, its run stays open until `recover`
    #[arg(long)]
    pub no_reaper: bool,
    /// Print a line for each event
    #[arg(short, long)]
    pub verbose: bool,
    /// What to print during the run: lines for people, or the journal as JSON
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// The run that a command is about.
#[derive(Clone, Debug, Group)]
pub(super) struct RunDirArgs {
    /// The run directory [default: the newest one in --runs-dir]
    pub dir: Option<PathBuf>,
    /// The directory that holds the run directories
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs_dir: PathBuf,
}

#[derive(Debug, Group)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    /// Recover from the run record in the cluster, without the run directory
    #[arg(long, conflicts_with = "dir")]
    pub from_cluster: bool,
    /// Keep running, and recover every run on this cluster whose runner dies
    #[arg(long, conflicts_with_all = ["dir", "from_cluster"])]
    pub watch: bool,
    /// With --watch: treat a run as dead when its Lease is not renewed for this long
    #[arg(long, value_name = "TIME", default_value = "30s", requires = "watch")]
    pub dead_after: Dur,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Stop trying to put things back after this long (exit 6)
    #[arg(long, value_name = "TIME", default_value = "30m")]
    pub unwind_within: Dur,
}

#[derive(Debug, Group)]
pub(super) struct ReapArgs {
    pub dir: PathBuf,
    #[arg(long, default_value = "30s", value_parser = silence)]
    pub frozen_after: Dur,
}

#[derive(Debug, Group)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
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
}

/// Exit codes: 0 nothing differs, by the rules of this version · 1 something differs: file and line are named · 2 this
/// is not a run directory · 4 nothing differs, but the verdict was made by the rules of another version, the run has not
/// ended, or its evidence is signed with a key that neither --key nor --trust names
#[derive(Debug, Group)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[command(flatten)]
    pub trust: TrustArgs,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Group)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Group)]
pub(super) struct RbacArgs {
    /// The scenario: a file, or the name of a shipped one (`list scenarios`)
    #[arg(required_unless_present = "check")]
    pub scenario: Option<PathBuf>,
    /// Set a variable of the scenario; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Print the read permissions that `check` and `capture --review` need, instead of those of a scenario
    #[arg(long, conflicts_with_all = ["scenario", "recovery", "reaper"])]
    pub check: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Name of the service account
    #[arg(long, default_value = "drillmaster")]
    pub account: String,
    /// Print the permissions in the second cluster, for a scenario that restores into one
    #[arg(long, conflicts_with = "reaper")]
    pub recovery: bool,
    /// Also print a Deployment of this image that runs as the reaper (`recover --watch`)
    #[arg(long, value_name = "IMAGE")]
    pub reaper: Option<String>,
}
