//! What a person may change for a recovery.

use std::{path::PathBuf, time::Duration};

use super::Moments;

/// What a person gives for a recovery, in place of what the run recorded.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another context for the same cluster.
    pub context: Option<String>,
    /// Another kubeconfig.
    pub kubeconfigs: Vec<PathBuf>,
    /// Another bindings file.
    pub bindings: Option<PathBuf>,
    /// The time limit of the unwind.
    pub unwind_within: Option<Duration>,
    /// What to call at each moment, in a test.
    pub moments: Moments,
}
