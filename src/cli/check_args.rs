//! What can be said to `check`, `explain` and `list-checks`.

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};

use super::args::{MonitoringArgs, PlaceArgs};

#[derive(Debug, Group)]
pub(super) struct CheckArgs {
    /// Manifest files or directories; `-` is standard input (helm template … | drillmaster check -)
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub monitoring: MonitoringArgs,
    /// The other environment, or the cluster to recover in: a capture (.tar.gz) or manifests.
    /// A live one is --context recovery=NAME
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
    /// A scanner's file: Trivy, Grype, Clair, Snyk, SARIF or CycloneDX (JSON); may be repeated
    #[arg(long, value_name = "FILE")]
    pub scan: Vec<PathBuf>,
    /// Look at 50 lines of each workload's log, too (needs get on pods/log); none is kept
    #[arg(long)]
    pub sample_logs: bool,
    /// Read what this Secret holds, too: certificates, registries, Alertmanager's routes. Nothing
    /// of it is printed or kept; may be repeated
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub read_secrets: Vec<String>,
    /// A capture of a cluster (`capture --review --out FILE`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "context", "in_cluster"])]
    pub capture: Option<PathBuf>,
    /// Objectives, attestations, waivers and the policy of the house
    #[arg(long, value_name = "FILE")]
    pub drill: Option<PathBuf>,
    /// Judge these namespaces only; may be repeated
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// The drills that are to come: what gates them blocks (drain, node, zone, region, restore, netpart, depout, alerts)
    #[arg(long = "for", value_name = "DRILL", value_delimiter = ',', value_parser = ["drain", "node", "zone", "region", "restore", "netpart", "depout", "alerts"])]
    pub drills: Vec<String>,
    /// How strict: instead of the drill file's
    #[arg(long, value_enum)]
    pub environment: Option<EnvironmentArg>,
    /// Which checks: ci (what manifests tell), preflight (what blocks or gates a drill), security, full
    #[arg(long, default_value = "full", value_parser = ["ci", "preflight", "security", "full"])]
    pub profile: String,
    /// Only these checks; `*` for any part (PDB-*)
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Not these checks
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// FORMAT or FORMAT=FILE; may be repeated: human, json, sarif, junit, html, markdown, prometheus, fix-plan
    #[arg(long, value_name = "FORMAT[=FILE]", default_value = "human")]
    pub format: Vec<String>,
    /// What a JUnit test case is: an object of a check, or a check with all of its objects
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub junit_per: JunitPer,
    /// Print the changes that would mend the findings, as a script to read; none is applied
    #[arg(long, conflicts_with = "format")]
    pub fix_plan: bool,
    /// Only what this earlier review (json) does not have stands in the way
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Name every object
    #[arg(long)]
    pub all: bool,
    /// Warnings are exit 3 too
    #[arg(long)]
    pub strict: bool,
    /// Exit 0 whatever was found
    #[arg(long, conflicts_with = "strict")]
    pub exit_zero: bool,
    /// No object at all is no error
    #[arg(long)]
    pub allow_empty: bool,
    /// What could not be seen does not stand in the way
    #[arg(long)]
    pub allow_unknown: bool,
    /// No waiver and no attestation counts
    #[arg(long)]
    pub no_waivers: bool,
}

/// How strict a review is.
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

/// What a JUnit test case is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum JunitPer {
    #[default]
    Object,
    Check,
}

#[derive(Debug, Group)]
pub(super) struct ExplainArgs {
    /// Its id or name; `*` for any part
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
