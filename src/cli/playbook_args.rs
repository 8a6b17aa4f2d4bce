//! The arguments of `playbook`.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::exercise_args::time;
use crate::exercise::Audience;

#[derive(Debug, Subcommand)]
pub(super) enum PlaybookCommand {
    /// Write the papers for an audience: plan, run sheet, event list, handbook, evaluation guide, hand-out, calendar
    Render(RenderArgs),
}

#[derive(Debug, Group)]
pub(super) struct RenderArgs {
    /// The playbook: a file, or the name of a shipped one (`list playbooks`)
    pub playbook: PathBuf,
    /// For whom
    #[arg(long = "for", value_enum, value_name = "WHO")]
    pub audience: AudienceArg,
    /// The people file: names in the papers
    #[arg(long, value_name = "FILE")]
    pub people: Option<PathBuf>,
    /// When the exercise begins: clock times and the calendar file
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// Set a variable of the playbook; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The folder in which a folder for each audience is created
    #[arg(long, value_name = "DIR", default_value = "papers")]
    pub out: PathBuf,
    /// The format; HTML and Markdown are always written
    #[arg(long, value_enum, default_value_t)]
    pub format: PaperFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AudienceArg {
    Sponsor,
    Players,
    Controllers,
    Evaluators,
    All,
}

impl AudienceArg {
    /// The audiences.
    pub fn each(self) -> Vec<Audience> {
        match self {
            Self::Sponsor => vec![Audience::Sponsor],
            Self::Players => vec![Audience::Players],
            Self::Controllers => vec![Audience::Controllers],
            Self::Evaluators => vec![Audience::Evaluators],
            Self::All => Audience::ALL.to_vec(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum PaperFormat {
    #[default]
    Html,
    Md,
    Pdf,
}
