//! The arguments of `exercise`; those of `exercise actions` are in `actions_args`,
//! those of `exercise prepare` in `prepare_exercise_args`. Start with [`ExerciseCommand`].

use std::path::PathBuf;

use clap::{Args as Group, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::{
    actions_args::ActionsCommand, args::OutputArgs, prepare_exercise_args::PrepareArgs, report_args::ReportFormat,
};
use crate::exercise::{NoteOn, Rating, Role, StopFor};

/// A time with its zone.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("`{text}` is not a time with its zone: write it as 2026-12-03T09:00:00Z"))
}

fn role(text: &str) -> Result<Role, String> {
    Role::of(text).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
        format!("{}write one of {}", crate::scenario::meant(text, words.iter().copied()), words.join(", "))
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum ExerciseCommand {
    /// Freeze a playbook, its scenarios and its people in a directory, and write the papers
    Prepare(PrepareArgs),
    /// Authorise the exercise by its hash (sponsor)
    Authorise(AuthoriseArgs),
    /// Start the exercise (director), or let a policy run it without people
    Start(StartArgs),
    /// Show the open stage, its items and the next step
    Status(StatusArgs),
    /// End the open stage and open the next one; starts the drill of a scenario stage (director)
    Next(NextArgs),
    /// Answer a gate
    Answer(GateArgs),
    /// Record a decision; it may let a drill continue
    Decide(DecideArgs),
    /// Record that a task is done, or how players responded to an inject
    Done(DoneArgs),
    /// Record an observation
    Note(NoteArgs),
    /// Record that an inject was given, or add one (controller)
    Inject(InjectArgs),
    /// Rate an objective (evaluator)
    Rate(RateArgs),
    /// Drop an objective after the authorisation; it never counts as met (director, sponsor)
    Drop(DropArgs),
    /// Answer a question of the hotwash; without a question, go through the hotwash at the terminal
    Hotwash(HotwashArgs),
    /// Record that a role is absent, so that its deputy may act
    Absent(AbsentArgs),
    /// Pause: the clocks of people stop; refused while a drill has something broken (director)
    Pause(ReasonArgs),
    /// Go on after a pause, if the cluster is the same and nothing is broken (director)
    Resume(WhoArgs),
    /// Stop the exercise; its drill puts everything back (everybody may do that)
    Stop(StopExerciseArgs),
    /// Make new tokens for the board, one for each role, and print them once; earlier ones end
    Tokens(DirArgs),
    /// Sign the report by its hash
    Sign(SignArgs),
    /// Close the exercise (director)
    Close(WhoArgs),
    /// Write the after-action report
    Report(ExerciseReportArgs),
    /// List, add, change or print the actions of the improvement plan
    #[command(subcommand)]
    Actions(ActionsCommand),
    /// Forget the name of a person; the journal stays valid
    Erase(EraseArgs),
    /// Make the review of a check stage and record its result; `next` starts this
    #[command(hide = true)]
    Review(ReviewArgs),
}

#[derive(Debug, Group)]
pub(super) struct DirArgs {
    /// The directory of the exercise
    pub dir: PathBuf,
}

#[derive(Debug, Group)]
pub(super) struct ExerciseReportArgs {
    #[command(flatten)]
    pub dir: DirArgs,
    /// Write the report in this format only [default: HTML, Markdown and JSON]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
}

/// The exercise, and who gives the command.
#[derive(Debug, Group)]
pub(super) struct WhoArgs {
    /// The directory of the exercise
    pub dir: PathBuf,
    #[command(flatten)]
    pub who: ClaimArgs,
}

#[derive(Debug, Group)]
pub(super) struct ClaimArgs {
    /// Who you are [default: the person with the account of this machine]
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Act for another role: the scribe may act for every role, a deputy for the absent one; needs --because
    #[arg(long = "for-role", value_name = "ROLE", value_parser = role)]
    pub for_role: Option<Role>,
    /// The reason, for commands that need one
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub because: String,
}

#[derive(Debug, Group)]
pub(super) struct AuthoriseArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The hash that `prepare` and `status` show (at least the first 12 characters)
    #[arg(long, value_name = "HASH", default_value = "")]
    pub hash: String,
}

#[derive(Debug, Group)]
pub(super) struct StartArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// Run the whole exercise without people: `defaults` (everybody gives the default in time), `silent` (nobody
    /// answers), or a policy file. On a simulated cluster, its time is simulated too
    #[arg(long, value_name = "POLICY")]
    pub unattended: Option<String>,
}

#[derive(Debug, Group)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub dir: DirArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
pub(super) struct NextArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// Leave the open stage out, for this reason
    #[arg(long, value_name = "REASON")]
    pub skip: Option<String>,
}

#[derive(Debug, Group)]
pub(super) struct GateArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The gate: the id of its stage
    pub gate: String,
    /// The answer
    #[arg(value_enum)]
    pub answer: super::record_args::YesNo,
    /// What you want to say with it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub text: String,
}

#[derive(Debug, Group)]
pub(super) struct DecideArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The decision
    pub item: String,
    /// The option
    pub option: String,
    /// What you want to say with it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub text: String,
}

#[derive(Debug, Group)]
pub(super) struct DoneArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The task, the inject or the stage
    pub id: String,
    /// The evidence in words, or the response
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub text: String,
    /// A file as evidence: it is kept by its hash
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(super) struct NoteArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The text of the note
    pub text: String,
    /// What the note is about
    #[arg(long, value_enum, default_value_t)]
    pub on: NoteOnArg,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum NoteOnArg {
    #[default]
    Observation,
    /// The team declared a disaster
    Declared,
    /// Customers or others were told
    Communicated,
    /// The plan was wrong or silent
    PlanWrong,
    Strength,
    Gap,
}

impl From<NoteOnArg> for NoteOn {
    fn from(on: NoteOnArg) -> Self {
        match on {
            NoteOnArg::Observation => Self::Observation,
            NoteOnArg::Declared => Self::Declared,
            NoteOnArg::Communicated => Self::Communicated,
            NoteOnArg::PlanWrong => Self::PlanWrong,
            NoteOnArg::Strength => Self::Strength,
            NoteOnArg::Gap => Self::Gap,
        }
    }
}

#[derive(Debug, Group)]
pub(super) struct InjectArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The inject
    pub id: String,
    /// The words of an inject that the playbook does not have; needs --because
    #[arg(long, value_name = "TEXT")]
    pub add: Option<String>,
    /// Leave the inject out, for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "add")]
    pub skip: Option<String>,
}

#[derive(Debug, Group)]
pub(super) struct RateArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The objective
    pub objective: String,
    /// P: performed without challenges, S: with some, M: with major challenges, U: unable to be performed
    #[arg(value_enum, ignore_case = true)]
    pub rating: RatingArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RatingArg {
    P,
    S,
    M,
    U,
}

impl From<RatingArg> for Rating {
    fn from(rating: RatingArg) -> Self {
        match rating {
            RatingArg::P => Self::P,
            RatingArg::S => Self::S,
            RatingArg::M => Self::M,
            RatingArg::U => Self::U,
        }
    }
}

#[derive(Debug, Group)]
pub(super) struct DropArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The objective
    pub objective: String,
}

#[derive(Debug, Group)]
pub(super) struct ReviewArgs {
    /// The directory of the exercise
    pub dir: PathBuf,
    /// The stage
    pub stage: String,
}

#[derive(Debug, Group)]
pub(super) struct HotwashArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The number of the question
    #[arg(long, value_name = "N", requires = "text")]
    pub question: Option<usize>,
    /// The answer
    #[arg(long, value_name = "TEXT", requires = "question")]
    pub text: Option<String>,
}

#[derive(Debug, Group)]
pub(super) struct AbsentArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The role
    #[arg(value_parser = role)]
    pub role: Role,
    /// The reason
    pub reason: String,
}

#[derive(Debug, Group)]
pub(super) struct ReasonArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The reason
    pub reason: String,
}

#[derive(Debug, Group)]
pub(super) struct StopExerciseArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// Why it is stopped. A real incident also pages: safety and director may give it, and everybody with --phrase
    #[arg(long = "for", value_enum, value_name = "WHY", default_value_t)]
    pub why: StopArg,
    /// The words of the playbook: everybody may stop for a real incident with them
    #[arg(long, value_name = "WORDS")]
    pub phrase: Option<String>,
    /// What happened
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub text: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum StopArg {
    #[default]
    Safety,
    Incident,
    Schedule,
}

impl From<StopArg> for StopFor {
    fn from(why: StopArg) -> Self {
        match why {
            StopArg::Safety => Self::Safety,
            StopArg::Incident => Self::Incident,
            StopArg::Schedule => Self::Schedule,
        }
    }
}

#[derive(Debug, Group)]
pub(super) struct SignArgs {
    #[command(flatten)]
    pub who: WhoArgs,
    /// The hash of the report that you read (at least the first 12 characters)
    #[arg(long, value_name = "HASH", default_value = "")]
    pub hash: String,
}

#[derive(Debug, Group)]
pub(super) struct EraseArgs {
    /// The directory of the exercise
    pub dir: PathBuf,
    /// The person to forget
    pub name: String,
}
