//! The arguments of `exercise prepare`. Start with [`PrepareArgs`].

use std::path::PathBuf;

use clap::Args as Group;
use jiff::Timestamp;

use super::exercise_args::time;

#[derive(Debug, Group)]
pub(super) struct PrepareArgs {
    /// The playbook: a file, or the name of a shipped one (`list playbooks`)
    pub playbook: PathBuf,
    /// The people file, with the roles of everybody
    #[arg(long, value_name = "FILE")]
    pub people: PathBuf,
    /// When the exercise begins, such as 2026-12-03T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,
    /// Set a variable of the playbook; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The directory in which the directory of the exercise is created
    #[arg(long, value_name = "DIR", default_value = "exercises")]
    pub exercises: PathBuf,
    /// Run the drills on the simulated cluster that suits each scenario, in real time
    #[arg(long, conflicts_with_all = ["context", "bindings", "kubeconfig", "confirm"])]
    pub rehearse: bool,
    /// The simulated cluster: the name of a shipped one, or a file
    #[arg(long, value_name = "NAME|FILE", requires = "rehearse")]
    pub cluster: Option<String>,
    /// The random seed of rehearsed drills
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The pace of rehearsed drills, as a multiple of real time
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub pace: f64,
    /// The kubeconfig context on which drills run
    #[arg(long, value_name = "NAME")]
    pub context: Vec<String>,
    /// The kubeconfig
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The bindings file of the cluster
    #[arg(long, value_name = "FILE")]
    pub bindings: Option<PathBuf>,
    /// Confirm the cluster by its context name, for `run`
    #[arg(long, value_name = "CONTEXT")]
    pub confirm: Option<String>,
    /// The directory of the last exercise: its open actions are carried over
    #[arg(long, value_name = "DIR")]
    pub last: Option<PathBuf>,
}
