//! The arguments of the commands about reports and evidence.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand, ValueEnum};

use super::args::{OutputArgs, RunDirArgs};
use crate::report::{Field, Format};

#[derive(Debug, Group)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Write the report in this format only [default: HTML, Markdown, JSON, JUnit and SARIF]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
    #[command(flatten)]
    pub look: LookArgs,
    /// Print every text of the reports as a language file in English, to translate it
    #[arg(long)]
    pub language_keys: bool,
    #[command(subcommand)]
    pub what: Option<ReportCommand>,
}

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// One page without scripts
    Html,
    /// Markdown
    Md,
    /// For programs
    Json,
    /// PDF/A-2a; only a drillmaster that was built with the feature `pdf` can write it
    Pdf,
}

impl From<ReportFormat> for Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Html => Self::Html,
            ReportFormat::Md => Self::Markdown,
            ReportFormat::Json => Self::Json,
            ReportFormat::Pdf => Self::Pdf,
        }
    }
}

/// Whom a report belongs to, and its language.
#[derive(Debug, Default, Group)]
pub(super) struct LookArgs {
    /// The file with name, logo, marking, templates and language of the organisation
    #[arg(long, value_name = "FILE", env = ORGANISATION)]
    pub organisation: Option<PathBuf>,
    /// The language of the report: en, de, or a language file
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,
}

/// The environment variable that names the organisation file for every command that writes reports.
pub(super) const ORGANISATION: &str = "DRILLMASTER_ORGANISATION";

#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// Add a note of a person: an owner, a due date, a sign-off, an observation
    Annotate(AnnotateArgs),
}

/// Notes stand in notes.jsonl, beside the journal. The journal is never changed, and the newest note of a field counts.
#[derive(Debug, Group)]
pub(super) struct AnnotateArgs {
    /// The note
    pub text: String,
    #[command(flatten)]
    pub run: RunDirArgs,
    #[command(flatten)]
    pub look: LookArgs,
    /// What the note is about: sponsor, director, observer, participant, absence, authorisation, third-party,
    /// observation, owner, due, ticket, status, plan-change, distribution, sign-off, retention, next-exercise
    #[arg(long, value_name = "FIELD", default_value = "observation")]
    pub field: Field,
    /// The action that the note is about, such as A2; for owner, due, ticket and status
    #[arg(long, value_name = "ACTION")]
    pub of: Option<String>,
    /// Who says it, if that is not the account of this machine. The report marks the name as asserted
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

#[derive(Debug, Group)]
pub(super) struct KeygenArgs {
    /// The name of the files: NAME.key is the private key, NAME.pub the public key
    #[arg(value_name = "NAME", default_value = "drillmaster")]
    pub name: PathBuf,
}

#[derive(Debug, Group)]
pub(super) struct SealArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    /// The file with the private key (PEM, ed25519)
    #[arg(long, value_name = "FILE", required_unless_present_any = ["key_env", "key_command"], conflicts_with_all = ["key_env", "key_command"])]
    pub key: Option<PathBuf>,
    /// The environment variable with the private key
    #[arg(long, value_name = "NAME", conflicts_with = "key_command")]
    pub key_env: Option<String>,
    /// The program, without a shell, that prints the private key, for example from a vault; its arguments follow
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    pub key_command: Option<Vec<String>>,
}

/// The public keys that somebody vouches for.
#[derive(Debug, Default, Group)]
pub(super) struct TrustArgs {
    /// The public key that must have signed the evidence (PEM)
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A file with the public keys that you trust, one after another (PEM)
    #[arg(long, value_name = "FILE")]
    pub trust: Option<PathBuf>,
}
