//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

pub(super) use super::check_args::{CheckArgs, ExplainArgs, JunitPer, ListChecksArgs, ListFormat};
use crate::{
    engine::{LEAST_FROZEN, Place},
    model::{DatadogSpec, Dur},
};

/// Disaster-recovery drills for Kubernetes: break it, restore it, prove it, put it back.
#[derive(Debug, Parser)]
#[command(name = "drillmaster", version, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// How long a runner may be silent before it counts as frozen. A busy machine keeps a
/// healthy one silent for seconds.
fn silence(text: &str) -> Result<Dur, String> {
    let time: Dur = text.parse()?;
    if time.0 >= LEAST_FROZEN {
        return Ok(time);
    }
    Err(format!("{} is no sign of a frozen runner: write {} or more", time.exact(), Dur(LEAST_FROZEN)))
}

/// How much faster than real time: what can be waited for, and seen.
fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.001..=1_000_000.0).contains(&speed) { Ok(speed) } else { Err("write a number from 0.001 to 1000000".into()) }
}

const EXIT_CODES: &str = "Exit codes: 0 passed · 1 an expectation was not met · 2 invalid input, cluster untouched · \
3 pre-flight refused, cluster untouched · 4 inconclusive · 5 aborted, everything reverted · \
6 something could not be reverted: a human is needed · 7 left in a hurry: run `recover` · 70 internal error · \
74 passed, but its output or a report could not be written";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check scenario files: every mistake at once, with file, line and column
    Lint(LintArgs),
    /// Print the JSON Schema of scenario files, bindings, simulated clusters or reports
    Schema(SchemaArgs),
    /// Review the readiness of manifests or of a cluster; touches nothing
    Check(CheckArgs),
    /// Tell a check's rule, its reason and what to do
    Explain(ExplainArgs),
    /// Name all checks
    ListChecks(ListChecksArgs),
    /// Copy a cluster, to rehearse on: trimmed objects, secrets never
    Capture(CaptureArgs),
    /// Show exactly what a run would do to which targets, undone how; touches nothing
    Plan(PlanArgs),
    /// Rehearse a drill on a simulated cluster, in virtual time; nothing real is touched
    Rehearse(RehearseArgs),
    /// Run a drill
    Run(RunArgs),
    /// Undo what a run left open, from its directory or from the cluster
    Recover(RecoverArgs),
    /// Tell what a run did and what it left open
    Status(StatusArgs),
    /// Ask a run to stop
    Stop(StopArgs),
    /// Check that a run directory is what its run left, and judge it again
    Verify(VerifyArgs),
    /// Write the reports of a run again, from its journal
    Report(ReportArgs),
    /// Print a run again, event by event
    Replay(ReplayArgs),
    /// Print the least rights that a scenario needs, as manifests
    Rbac(RbacArgs),
    /// Make a kind cluster that is worth drilling, remove it, or tell what there is of it
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Watch over a run and undo it should it die (started by `run` itself)
    #[command(hide = true)]
    Reap(ReapArgs),
}

/// What to do about a kind cluster.
#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Make it, with Velero, monitoring and the sample shop, and wait until all is ready
    Up(ClusterUpArgs),
    /// Remove it and its store, with the backups in it
    Down(ClusterArgs),
    /// Tell what there is of it; 1 when something is not ready
    Status(ClusterArgs),
}

/// Which kind cluster, and the programs that make it.
#[derive(Clone, Debug, Group)]
pub(super) struct ClusterArgs {
    /// Its name; the context is kind-NAME
    #[arg(long, value_name = "NAME", default_value = "drill")]
    pub name: String,
    /// The kubeconfig that it is written to, instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The container engine: docker, or podman or nerdctl (neither has been tried)
    #[arg(long, value_name = "PROGRAM", default_value = "docker")]
    pub engine: String,
    /// The kind program
    #[arg(long, value_name = "PROGRAM", default_value = "kind")]
    pub kind: String,
}

/// What kind of cluster.
#[derive(Clone, Debug, Group)]
pub(super) struct ClusterUpArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// three-zones, small, two-clusters (small, and one to restore into), or a file of kind's own
    #[arg(long, value_name = "CONFIG", default_value = "three-zones")]
    pub config: String,
    /// Node image, instead of kind's default
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Images in place of the pinned ones of kind-configs/stack/images.yaml
    #[arg(long, value_name = "FILE")]
    pub images: Option<PathBuf>,
    /// How long the stack has to be ready
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub at_most: Dur,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    #[default]
    Human,
    Json,
}

/// Where the drill runs.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct PlaceArgs {
    /// The kubeconfig's context. There is no default: a drill names its cluster. A drill
    /// of two clusters names both: --context source=NAME --context recovery=NAME
    #[arg(long, value_name = "NAME")]
    pub context: Vec<String>,
    /// The kubeconfig, instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Use the service account of the pod this runs in
    #[arg(long, conflicts_with = "context")]
    pub in_cluster: bool,
    /// URLs, node host and volume method of the place
    #[arg(long, value_name = "FILE")]
    pub bind: Option<PathBuf>,
}

/// Where the monitoring is, without bindings.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct MonitoringArgs {
    /// Prometheus' base URL, instead of the bindings'
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// Alertmanager's base URL, instead of the bindings'; may be repeated, for each peer
    #[arg(long, value_name = "URL")]
    pub alertmanager: Vec<String>,
    /// Datadog's API (https://api.datadoghq.com), instead of the bindings'; keys are DD_API_KEY and
    /// DD_APP_KEY of the environment
    #[arg(long, value_name = "URL")]
    pub datadog: Option<String>,
}

impl MonitoringArgs {
    /// What was said beats what the bindings say.
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

    /// Whether anything was said.
    pub fn is_empty(&self) -> bool {
        self.prometheus.is_none() && self.alertmanager.is_empty() && self.datadog.is_none()
    }
}

/// Where the audit log is, without bindings. A plan names it, so `plan` and `run` both take it.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct AuditLogArgs {
    /// The API server's audit log in JSON lines: a file, or an http(s) address; it says who deleted what
    #[arg(long, value_name = "FILE|URL")]
    pub audit_log: Option<String>,
}

/// A scenario and its variables.
#[derive(Clone, Debug, Group)]
pub(super) struct ScenarioArgs {
    /// The scenario file
    pub scenario: PathBuf,
    /// A variable: name=value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Group)]
pub(super) struct LintArgs {
    /// Scenario files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Check against this place too
    #[arg(long, value_name = "FILE")]
    pub bind: Option<PathBuf>,
    /// A variable: name=value; may be repeated
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
    /// What a scenario's ${bind.NAME} is in the copy: name=value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub value: Vec<String>,
    /// Where to write it; standard output when left out
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// For `check --capture`, not for a rehearsal: everything that a review looks at, as tar.gz
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
    /// Print the plan as JSON
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Write the plan to a file, for `run --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(super) struct RunArgs {
    /// The scenario file
    pub scenario: PathBuf,
    /// A variable: name=value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Where run directories are made
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs_dir: PathBuf,
    /// Only if it still comes to this plan (a file of `plan --out`); give its hash with --approve
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Approve a gate by its name, or the plan by its hash; may be repeated
    #[arg(long, value_name = "NAME")]
    pub approve: Vec<String>,
    /// The context's name once more, where nobody can type it
    #[arg(long, value_name = "CONTEXT")]
    pub confirm: Option<String>,
    /// Take a frozen runner over after this long (10s at least)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = silence)]
    pub frozen_after: Dur,
    /// Give up putting things back after this long (exit 6)
    #[arg(long, value_name = "TIME", default_value = "30m")]
    pub unwind_within: Dur,
    #[command(flatten)]
    pub log: AuditLogArgs,
    /// Ask the readiness catalogue again before the first act when its answers are older than this
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub preflight_max_age: Dur,
    /// Do not start the detached reaper: a killed run stays open until `recover`
    #[arg(long)]
    pub no_reaper: bool,
    /// What to print while it runs: lines for people, or the journal
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Group)]
pub(super) struct RehearseArgs {
    /// The scenario file; without one, the built-in demonstration
    pub scenario: Option<PathBuf>,
    /// A variable: name=value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The cluster: small-shop, fragile, two-regions, large, or a description's file
    #[arg(long, value_name = "NAME|FILE", default_value = "small-shop")]
    pub cluster: String,
    /// All chance comes from it: the same seed gives the same journal, byte for byte
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Compare variants of the cluster in one table: 'replicas web=4; toleration web=10s; spread web=zone; node +1 zone=b'
    #[arg(long, value_name = "CHANGES")]
    pub what_if: Option<String>,
    /// Negative controls: rehearse it once for each defect that must turn an expectation red, and tell which did
    #[arg(long, conflicts_with_all = ["what_if", "speed"])]
    pub prove: bool,
    /// Pace it: 1 is real time, 10 ten times as fast; as fast as can be when left out
    #[arg(long, value_name = "X", value_parser = speed)]
    pub speed: Option<f64>,
    /// Where rehearsals are kept, apart from real runs
    #[arg(long, value_name = "DIR", default_value = "rehearsals")]
    pub runs_dir: PathBuf,
    /// Approve a gate by its name; may be repeated
    #[arg(long, value_name = "NAME")]
    pub approve: Vec<String>,
    /// What to print meanwhile: lines for people, or the journal
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Which run.
#[derive(Clone, Debug, Group)]
pub(super) struct RunDirArgs {
    /// The run directory; the newest of --runs-dir when left out
    pub dir: Option<PathBuf>,
    /// Where run directories are
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs_dir: PathBuf,
}

#[derive(Debug, Group)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    /// From the run record in the cluster, without the run directory
    #[arg(long, conflicts_with = "dir")]
    pub from_cluster: bool,
    /// Stand by: recover every run of this cluster that dies, until you are stopped
    #[arg(long, conflicts_with_all = ["dir", "from_cluster"])]
    pub watch: bool,
    /// With --watch: a run whose Lease is not renewed for this long is dead
    #[arg(long, value_name = "TIME", default_value = "30s", requires = "watch")]
    pub dead_after: Dur,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Give up putting things back after this long (exit 6)
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
    /// Stop and put everything back (the default)
    #[arg(long)]
    pub unwind: bool,
    /// Stop and stand still until told otherwise
    #[arg(long, conflicts_with = "unwind")]
    pub hold: bool,
    /// Put everything back and page: this is no drill any more
    #[arg(long, conflicts_with_all = ["unwind", "hold"])]
    pub real_incident: bool,
}

/// Exit codes: 0 everything holds, by the rules of this version · 1 something differs: file and
/// line are named · 2 this is not a run directory · 4 nothing differs, but the verdict is by the
/// rules of another version, or the run has not ended
#[derive(Debug, Group)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Debug, Group)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
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
    /// The scenario file
    #[arg(required_unless_present = "check")]
    pub scenario: Option<PathBuf>,
    /// A variable: name=value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The rights that `check` and `capture --review` need instead: reading, of what a review looks at
    #[arg(long, conflicts_with_all = ["scenario", "recovery", "reaper"])]
    pub check: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Name of the service account
    #[arg(long, default_value = "drillmaster")]
    pub account: String,
    /// The rights in the second cluster instead, for a scenario that restores into one
    #[arg(long, conflicts_with = "reaper")]
    pub recovery: bool,
    /// Add a Deployment of this image that stands by as the reaper (`recover --watch`)
    #[arg(long, value_name = "IMAGE")]
    pub reaper: Option<String>,
}
