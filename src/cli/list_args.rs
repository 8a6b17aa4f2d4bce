//! The arguments of `list` and `show`.

use clap::{Args as Group, ValueEnum};

use super::check_args::ListFormat;

#[derive(Debug, Group)]
pub(super) struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: ListOf,
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ListFormat,
}

/// What is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ListOf {
    Scenarios,
    Clusters,
    Bindings,
    Checks,
}

#[derive(Debug, Group)]
pub(super) struct ShowArgs {
    /// The name, as `list` prints it
    pub name: String,
}
