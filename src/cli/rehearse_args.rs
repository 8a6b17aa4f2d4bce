//! The arguments of `rehearse`.

use std::path::PathBuf;

use clap::Args as Group;

use super::{args::OutputArgs, run_args::AskingArgs};

#[derive(Debug, Group)]
pub(super) struct RehearseArgs {
    /// The scenario: a file, or the name of a shipped one (`list scenarios`) [default: zone-outage]
    pub scenario: Option<PathBuf>,
    /// Set a variable of the scenario; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The simulated cluster: the name of a shipped one (`list clusters`), or the file that describes one [default: the
    /// one that suits a shipped scenario, else small-shop]
    #[arg(long, value_name = "NAME|FILE")]
    pub cluster: Option<String>,
    /// The random seed: the same seed gives the same journal, byte for byte
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Compare variants of the cluster in one table: 'replicas web=4; toleration web=10s; spread web=zone; node +1
    /// zone=b'
    #[arg(long, value_name = "CHANGES")]
    pub what_if: Option<String>,
    /// Negative controls: rehearse the drill once for each defect that must turn an expectation red, and show which
    /// defects did
    #[arg(long, conflicts_with_all = ["what_if", "pace"])]
    pub prove: bool,
    /// Slow the rehearsal down to this multiple of real time: 1 is real time, 10 is ten times as fast [default: as fast
    /// as possible]
    #[arg(long, value_name = "X", value_parser = pace, alias = "speed")]
    pub pace: Option<f64>,
    /// The directory in which run directories are created; a rehearsal replaces the earlier one of the same scenario,
    /// cluster and seed
    #[arg(long, value_name = "DIR", default_value = "runs", alias = "runs-dir")]
    pub runs: PathBuf,
    /// Approve a gate by its name; may be repeated
    #[arg(long, value_name = "NAME", alias = "approve")]
    pub approve_gate: Vec<String>,
    /// Answer a gate or a hold by a script, so many minutes after it asks; may be repeated
    #[arg(long, value_name = "NAME=yes|no@TIME", hide_short_help = true)]
    pub script: Vec<String>,
    #[command(flatten)]
    pub asking: AskingArgs,
    /// Continue although the pre-flight refuses the drill, to see what the drill itself finds
    #[arg(long)]
    pub despite_preflight: bool,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How much faster than real time. The limits keep a rehearsal watchable: slower would never end, faster shows
/// nothing.
fn pace(text: &str) -> Result<f64, String> {
    let pace: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.001..=1_000_000.0).contains(&pace) { Ok(pace) } else { Err("write a number from 0.001 to 1000000".into()) }
}
