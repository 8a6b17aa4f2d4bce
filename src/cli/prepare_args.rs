//! The arguments of `lint`, `capture`, `rbac` and `schema`.

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};

use super::args::{MonitoringArgs, OutputArgs, PlaceArgs};

#[derive(Debug, Group)]
pub(super) struct LintArgs {
    /// Files or directories, or names of shipped files (`list scenarios`, `list playbooks`)
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Also check the scenarios against this bindings file
    #[arg(long, value_name = "FILE", visible_alias = "bind")]
    pub bindings: Option<PathBuf>,
    /// Set a variable of the scenarios; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
pub(super) struct SchemaArgs {
    /// The kind of file
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
    Playbook,
    People,
    Policy,
}

#[derive(Debug, Group)]
pub(super) struct CaptureArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub monitoring: MonitoringArgs,
    /// What the capture is for: `rehearse --cluster FILE`, or `check --capture FILE` (everything that a review reads,
    /// as tar.gz)
    #[arg(long = "for", value_enum, value_name = "COMMAND", default_value_t)]
    pub purpose: CaptureFor,
    /// The value that replaces ${bind.NAME} of a scenario in rehearsals on this copy; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub value: Vec<String>,
    /// The file to write to [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The old name of `--for check`
    #[arg(long, hide = true, conflicts_with = "purpose")]
    pub review: bool,
}

/// The command that reads a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CaptureFor {
    #[default]
    Rehearse,
    Check,
}

#[derive(Debug, Group)]
pub(super) struct RbacArgs {
    /// The scenario: a file, or the name of a shipped one (`list scenarios`)
    pub scenario: Option<PathBuf>,
    /// Set a variable of the scenario; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// What the permissions are for: `run` of a scenario, or the reading of `check` and `capture --for check`
    #[arg(long = "for", value_enum, value_name = "COMMAND", default_value_t)]
    pub purpose: RbacFor,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Name of the service account
    #[arg(long, default_value = "drillmaster")]
    pub account: String,
    /// Print the permissions in the second cluster, for a scenario that restores into one
    #[arg(long, conflicts_with = "reaper")]
    pub recovery: bool,
    /// Also print a Deployment of this image that runs as the reaper (`standby`)
    #[arg(long, value_name = "IMAGE")]
    pub reaper: Option<String>,
    /// The old name of `--for check`
    #[arg(long, hide = true, conflicts_with = "purpose")]
    pub check: bool,
}

/// The command that needs the permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum RbacFor {
    #[default]
    Run,
    Check,
}
