//! The arguments of `list` and `show`, and of `list-checks`, the old name of `list checks`.

use clap::{Args as Group, ValueEnum};

#[derive(Debug, Group)]
pub(super) struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: ListOf,
    /// The format of what is printed to standard output
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: ListFormat,
}

/// What is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ListOf {
    Scenarios,
    Playbooks,
    Clusters,
    Bindings,
    Checks,
}

#[derive(Debug, Group)]
pub(super) struct ListChecksArgs {
    /// The format of what is printed to standard output
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: ListFormat,
}

/// The formats of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    #[default]
    Human,
    Json,
    Markdown,
}

#[derive(Debug, Group)]
pub(super) struct ShowArgs {
    /// The name, as `list` prints it
    pub name: String,
}
