//! The arguments of `playbook`.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::exercise_args::time;
use crate::exercise::{Audience, PaperFile};

#[derive(Debug, Subcommand)]
pub(super) enum PlaybookCommand {
    /// Write the papers for an audience: plan, run sheet, event list, handbook, evaluation guide, hand-out, calendar
    Render(RenderArgs),
}

#[derive(Debug, Group)]
pub(super) struct RenderArgs {
    /// The playbook: a file, or the name of a shipped one (`list playbooks`)
    pub playbook: PathBuf,
    /// For whom the papers are
    #[arg(long = "for", value_enum, value_name = "WHO")]
    pub audience: AudienceArg,
    /// The people file, to have names in the papers
    #[arg(long, value_name = "FILE")]
    pub people: Option<PathBuf>,
    /// When the exercise begins. With it, the papers have times of day, and there is a calendar file
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// Set a variable of the playbook; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The folder in which a folder for each audience is created
    #[arg(long, value_name = "DIR", default_value = "papers")]
    pub out: PathBuf,
    /// Write each paper in this format only [default: HTML and Markdown]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<PaperFormat>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PaperFormat {
    /// One page without scripts, with a style for paper: print it from a browser to get PDF
    Html,
    /// Text to edit, or to keep beside the playbook in a repository
    Md,
    /// PDF; only a drillmaster that was built with the feature `pdf` can write it
    Pdf,
}

impl PaperFormat {
    /// The formats to write.
    pub fn each(chosen: Option<Self>) -> Vec<PaperFile> {
        match chosen {
            Some(Self::Html) => vec![PaperFile::Html],
            Some(Self::Md) => vec![PaperFile::Markdown],
            Some(Self::Pdf) => vec![PaperFile::Pdf],
            None => PaperFile::ALWAYS.to_vec(),
        }
    }
}
