//! The arguments of `exercise actions`.

use clap::{Args as Group, Subcommand, ValueEnum};

use super::exercise_args::{DirArgs, WhoArgs};

#[derive(Debug, Subcommand)]
pub(super) enum ActionsCommand {
    /// List the actions
    List(DirArgs),
    /// Add an action
    Add(ActionAddArgs),
    /// Change an action: status, owner, due date, ticket
    Update(ActionUpdateArgs),
    /// Print the actions for another program
    Export(ActionExportArgs),
}

#[derive(Debug, Group)]
pub(super) struct ActionAddArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// What is to be done
    pub text: String,
    /// Who does it
    #[arg(long, value_name = "NAME", default_value = "")]
    pub owner: String,
    /// Until when, such as 2027-01-31
    #[arg(long, value_name = "DATE", default_value = "")]
    pub due: String,
    /// What shows that it is done
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub proven_when: String,
}

#[derive(Debug, Group)]
pub(super) struct ActionUpdateArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The action
    pub id: String,
    /// Its status
    #[arg(long, value_enum)]
    pub status: Option<StatusArg>,
    /// Who does it
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Until when
    #[arg(long, value_name = "DATE")]
    pub due: Option<String>,
    /// Its ticket
    #[arg(long, value_name = "TICKET")]
    pub ticket: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StatusArg {
    Open,
    Done,
    Dropped,
}

#[derive(Debug, Group)]
pub(super) struct ActionExportArgs {
    #[command(flatten)]
    pub dir: DirArgs,
    /// The format
    #[arg(long, value_enum)]
    pub format: ExportFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    Csv,
    Json,
    Md,
}
