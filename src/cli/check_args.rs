//! The arguments of `check`, `explain` and `list-checks` (the old name of `list checks`), and their help texts. Start with [`CheckArgs`].

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};

use super::args::{MonitoringArgs, PlaceArgs};

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
    #[arg(long, value_name = "FILE")]
    pub scan: Vec<PathBuf>,
    /// Also read 50 lines of each workload's log (needs the permission to get pods/log); no line is kept
    #[arg(long)]
    pub sample_logs: bool,
    /// Also read the content of this Secret: certificates, registry credentials, Alertmanager's routes. Nothing of it
    /// is printed or kept; may be repeated
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub read_secrets: Vec<String>,
    /// Review a capture of a cluster (written by `capture --review --out FILE`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "context", "in_cluster"])]
    pub capture: Option<PathBuf>,
    /// The drill file: objectives, attestations, waivers and your policy
    #[arg(long, value_name = "FILE")]
    pub drill: Option<PathBuf>,
    /// Judge only these namespaces; may be repeated
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// The drills that you plan: a finding that gates one of them blocks (drain, node, zone, region, restore, netpart,
    /// depout, alerts)
    #[arg(long = "for", value_name = "DRILL", value_delimiter = ',', value_parser = ["drain", "node", "zone", "region", "restore", "netpart", "depout", "alerts"])]
    pub drills: Vec<String>,
    /// How strictly to judge; overrides the drill file
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
    /// FORMAT or FORMAT=FILE: human, json, sarif, junit, html, markdown, prometheus, fix-plan; may be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", default_value = "human")]
    pub format: Vec<String>,
    /// One JUnit test case for each object of a check, or for each check with all of its objects
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub junit_per: JunitPer,
    /// Print the changes that would fix the findings, as a script to read; applies nothing
    #[arg(long, conflicts_with = "format")]
    pub fix_plan: bool,
    /// Block only on findings that are not in this earlier review (json)
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// List every object
    #[arg(long)]
    pub all: bool,
    /// Exit 3 on warnings too
    #[arg(long)]
    pub strict: bool,
    /// Exit 0 whatever the findings are
    #[arg(long, conflicts_with = "strict")]
    pub exit_zero: bool,
    /// Accept input without any object
    #[arg(long)]
    pub allow_empty: bool,
    /// Do not block on what could not be seen
    #[arg(long)]
    pub allow_unknown: bool,
    /// Ignore all waivers and attestations
    #[arg(long)]
    pub no_waivers: bool,
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
    /// The check's id or name; `*` matches any part of it
    pub check: String,
}

#[derive(Debug, Group)]
pub(super) struct ListChecksArgs {
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ListFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    #[default]
    Human,
    Json,
    Markdown,
}
