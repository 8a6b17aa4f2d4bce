//! The arguments of the commands that act on a cluster or would: `plan`, `run`, `recover`, `standby` and `reap`.

use std::path::PathBuf;

use clap::Args as Group;

use super::args::{AuditLogArgs, OutputArgs, PlaceArgs, RunDirArgs, ScenarioArgs};
use crate::{engine::LEAST_FROZEN, model::Dur};

/// How long a runner may be silent before the reaper treats it as frozen. The value has a minimum: on a busy machine,
/// a healthy runner can be silent for some seconds.
fn silence(text: &str) -> Result<Dur, String> {
    let time: Dur = text.parse()?;
    if time.0 >= LEAST_FROZEN {
        return Ok(time);
    }
    Err(format!(
        "{} is too short: a healthy runner can be silent for that long; write {} or more",
        time.exact(),
        Dur(LEAST_FROZEN)
    ))
}

#[derive(Debug, Group)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub log: AuditLogArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// The directory with earlier runs: times that three of them teach are printed beside the predictions
    #[arg(long, value_name = "DIR", default_value = "runs", alias = "runs-dir")]
    pub runs: PathBuf,
    /// Also write the plan to a file, for `run --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Other people who answer, and waits for them. An exercise gives these flags.
#[derive(Clone, Debug, Default, Group)]
pub(super) struct AskingArgs {
    /// Let gates wait for `drillmaster answer` until their time limit, also without a terminal
    #[arg(long, hide_short_help = true)]
    pub wait_for_answers: bool,
    /// Wait before a step until `drillmaster answer` says yes to NAME, and at most for TIME; may be repeated
    #[arg(long, value_name = "NAME=STEP@TIME", hide_short_help = true)]
    pub hold: Vec<String>,
}

#[derive(Debug, Group)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The directory in which run directories are created
    #[arg(long, value_name = "DIR", default_value = "runs", alias = "runs-dir")]
    pub runs: PathBuf,
    /// Run only if the plan is still the one in this file (written by `plan --out`); also give its hash with
    /// --approve-plan
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Approve the plan of --plan by its hash (at least the first 12 characters)
    #[arg(long, value_name = "HASH", requires = "plan")]
    pub approve_plan: Option<String>,
    /// Approve a gate by its name, instead of answering it at the terminal; may be repeated
    #[arg(long, value_name = "NAME")]
    pub approve_gate: Vec<String>,
    /// The old name of --approve-gate and --approve-plan
    #[arg(long, value_name = "NAME", hide = true)]
    pub approve: Vec<String>,
    #[command(flatten)]
    pub asking: AskingArgs,
    /// Confirm the cluster by its context name, instead of typing it at the prompt
    #[arg(long, value_name = "CONTEXT")]
    pub confirm: Option<String>,
    /// Treat the runner as frozen, and take over from it, after this long without a sign of life (at least 10s)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = silence, hide_short_help = true)]
    pub frozen_after: Dur,
    /// Stop trying to put things back after this long (exit 6)
    #[arg(long, value_name = "TIME", default_value = "30m", hide_short_help = true)]
    pub unwind_within: Dur,
    #[command(flatten)]
    pub log: AuditLogArgs,
    /// Run the readiness checks again before the first act if their results are older than this
    #[arg(long, value_name = "TIME", default_value = "15m", hide_short_help = true)]
    pub preflight_max_age: Dur,
    /// Do not start the detached reaper: if the runner is killed, its run stays open until `recover`
    #[arg(long, hide_short_help = true)]
    pub no_reaper: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Group)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    pub run: RunDirArgs,
    /// Recover from the run record in the cluster, without the run directory
    #[arg(long, conflicts_with = "dir")]
    pub from_cluster: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Stop trying to put things back after this long (exit 6)
    #[arg(long, value_name = "TIME", default_value = "30m", hide_short_help = true)]
    pub unwind_within: Dur,
    #[command(flatten)]
    pub output: OutputArgs,
    /// The old name of the command `standby`
    #[arg(long, hide = true, conflicts_with_all = ["dir", "from_cluster"])]
    pub watch: bool,
    /// With --watch: as in `standby`
    #[arg(long, hide = true, value_name = "TIME", default_value = "30s", requires = "watch")]
    pub dead_after: Dur,
}

#[derive(Debug, Group)]
pub(super) struct StandbyArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The directory in which the directories of recovered runs are created
    #[arg(long, value_name = "DIR", default_value = "runs", alias = "runs-dir")]
    pub runs: PathBuf,
    /// Treat a run as dead when its Lease is not renewed for this long
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub dead_after: Dur,
}

#[derive(Debug, Group)]
pub(super) struct ReapArgs {
    pub dir: PathBuf,
    #[arg(long, default_value = "30s", value_parser = silence)]
    pub frozen_after: Dur,
}
