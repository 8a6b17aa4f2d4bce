//! The arguments of `check` and `explain`, and their help texts. Start with [`CheckArgs`].

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};

use super::args::{MonitoringArgs, OutputArgs, PlaceArgs};

#[derive(Debug, Group)]
pub(super) struct CheckArgs {
    /// Manifest files or directories; `-` reads standard input (helm template … | drillmaster check -)
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub monitoring: MonitoringArgs,
    /// The environment to compare with, or the cluster to recover into: a capture (.tar.gz) or manifests. For a live
    /// cluster, use --context recovery=NAME
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
    /// A scanner's result file: Trivy, Grype, Clair, Snyk, SARIF or CycloneDX (JSON); may be repeated
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub scan: Vec<PathBuf>,
    /// Also read 50 lines of each workload's log (needs the permission to get pods/log); no line is kept
    #[arg(long, hide_short_help = true)]
    pub sample_logs: bool,
    /// Also read the content of this Secret: certificates, registry credentials, Alertmanager's routes. Nothing of it
    /// is printed or kept; may be repeated
    #[arg(long, value_name = "NAMESPACE/NAME", hide_short_help = true)]
    pub read_secrets: Vec<String>,
    /// Review a capture of a cluster (written by `capture --for check --out FILE`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "context", "in_cluster"])]
    pub capture: Option<PathBuf>,
    /// The readiness file: objectives, attestations, waivers and your policy
    #[arg(long, value_name = "FILE", alias = "drill")]
    pub readiness: Option<PathBuf>,
    /// Judge only these namespaces; may be repeated
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// The drills that you plan: a finding that gates one of them blocks (drain, node, zone, region, restore, netpart,
    /// depout, alerts)
    #[arg(long = "for", value_name = "DRILL", value_delimiter = ',', value_parser = ["drain", "node", "zone", "region", "restore", "netpart", "depout", "alerts"])]
    pub drills: Vec<String>,
    /// The version of Kubernetes that the objects are meant for, such as 1.34; otherwise that of the second cluster, of
    /// the cluster, or the newest that drillmaster knows
    #[arg(long, value_name = "VERSION", value_parser = minor_version, hide_short_help = true)]
    pub kubernetes_version: Option<u32>,
    /// How strictly to judge; overrides the readiness file
    #[arg(long, value_enum)]
    pub environment: Option<EnvironmentArg>,
    /// Which checks to run: ci (what manifests show), preflight (what blocks a drill), security, full
    #[arg(long, default_value = "full", value_parser = ["ci", "preflight", "security", "full"])]
    pub profile: String,
    /// Run only these checks, in any profile; `*` matches any part of a name (PDB-*)
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Skip these checks
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// The format of what is printed to standard output
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: CheckFormat,
    /// Also write the review to a file, in any of the formats of --output; may be repeated
    #[arg(long, value_name = "FORMAT=FILE")]
    pub write: Vec<String>,
    /// One JUnit test case for each object of a check, or for each check with all of its objects
    #[arg(long, value_enum, default_value_t, value_name = "WHAT", hide_short_help = true)]
    pub junit_per: JunitPer,
    /// The form of the fix plan: a diff of the files that were reviewed (also an overlay beside a Kustomization), or a
    /// script for a cluster; otherwise a diff for files and a script for a cluster
    #[arg(long, value_enum, value_name = "FORM", hide_short_help = true)]
    pub plan_as: Option<PlanAs>,
    /// Block only on findings that are not in this earlier review (json)
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Compare with an earlier state of the files, a directory or a git revision: print what is new and what is gone, and
    /// block on new findings only
    #[arg(long, value_name = "BASE", conflicts_with_all = ["baseline", "context", "in_cluster", "capture"])]
    pub diff: Option<String>,
    /// What the groups of the text for people stand for
    #[arg(long, value_enum, value_name = "WHAT")]
    pub group_by: Option<GroupArg>,
    /// List every object (as --verbose does)
    #[arg(long)]
    pub all: bool,
    /// Exit 3 on warnings too
    #[arg(long)]
    pub strict: bool,
    /// Exit 0 whatever the findings are
    #[arg(long, conflicts_with = "strict", hide_short_help = true)]
    pub exit_zero: bool,
    /// Accept input without any object
    #[arg(long, hide_short_help = true)]
    pub allow_empty: bool,
    /// Do not block on what could not be seen
    #[arg(long, hide_short_help = true)]
    pub allow_unknown: bool,
    /// Ignore all waivers and attestations
    #[arg(long, hide_short_help = true)]
    pub no_waivers: bool,
    /// The old name of --output and --write
    #[arg(long, hide = true, value_name = "FORMAT[=FILE]", conflicts_with_all = ["output", "write"])]
    pub format: Vec<String>,
    /// The old name of `--output fix-plan`
    #[arg(long, hide = true, conflicts_with_all = ["format", "output", "write"])]
    pub fix_plan: bool,
}

/// The formats of a review.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// Text for people
    #[default]
    Human,
    /// The whole review; `--baseline` reads it
    Json,
    /// For code scanning
    Sarif,
    /// For test reports
    Junit,
    /// A page with everything in it
    Html,
    /// For a comment or a job summary
    Markdown,
    /// Metrics for the textfile collector
    Prometheus,
    /// The changes that would fix the findings: a diff of files, or a script for a cluster; read it before you use it
    FixPlan,
}

/// The form of a fix plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanAs {
    /// A unified diff for `git apply` and `patch -p1`
    Diff,
    /// A script that changes a cluster
    Script,
}

/// What a group of findings stands for. In each of them the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GroupArg {
    /// A check, with its objects (the default)
    Check,
    /// An object, with its findings
    Object,
    /// An owner: a label or an annotation `owner` or `team` of the object or its namespace, or the readiness file
    Owner,
}

impl From<GroupArg> for crate::report::GroupBy {
    fn from(arg: GroupArg) -> Self {
        match arg {
            GroupArg::Check => Self::Check,
            GroupArg::Object => Self::Object,
            GroupArg::Owner => Self::Owner,
        }
    }
}

/// How strictly a review judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EnvironmentArg {
    OwnKind,
    Staging,
    Production,
}

impl From<EnvironmentArg> for crate::model::Environment {
    fn from(arg: EnvironmentArg) -> Self {
        match arg {
            EnvironmentArg::OwnKind => Self::OwnKind,
            EnvironmentArg::Staging => Self::Staging,
            EnvironmentArg::Production => Self::Production,
        }
    }
}

/// What one JUnit test case stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum JunitPer {
    #[default]
    Object,
    Check,
}

#[derive(Debug, Group)]
pub(super) struct ExplainArgs {
    /// The id or name of a check, or the beginning of one; `*` matches any part of it
    pub check: String,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The minor version of Kubernetes in a text such as `1.34` or `v1.34.2`.
fn minor_version(text: &str) -> Result<u32, String> {
    let mut parts = text.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next(), parts.next().and_then(|minor| minor.parse().ok()));
    match (major, minor) {
        (Some("1"), Some(minor)) if parts.all(|part| part.chars().all(|c| c.is_ascii_digit())) => Ok(minor),
        _ => Err(format!("`{text}` is not a version of Kubernetes: write it like 1.34")),
    }
}
