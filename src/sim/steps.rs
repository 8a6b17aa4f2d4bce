//! Tells the simulated cluster when a step of the drill begins or ends, and nothing else. The tap of the recorder calls
//! it at the instant in which the line is written, so that an entry of `happens:` can be in force during a step.
//! Nothing comes back this way: the drill cannot notice it. Start with [`Steps`].

use std::sync::Arc;

use super::{
    happens::{self, StepTurn},
    service::Shared,
};
use crate::model::StepName;

/// Receives the steps of a drill.
pub struct Steps(Vec<Arc<Shared>>);

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Steps")
    }
}

impl Steps {
    pub(super) fn of(clusters: Vec<Arc<Shared>>) -> Self {
        Self(clusters)
    }

    /// A step begins.
    pub fn begins(&self, step: &StepName) {
        self.told(step, StepTurn::Begins);
    }

    /// A step ends, with any result.
    pub fn ends(&self, step: &StepName) {
        self.told(step, StepTurn::Ends);
    }

    fn told(&self, step: &StepName, turn: StepTurn) {
        for cluster in &self.0 {
            let mut state = cluster.state();
            if !state.script.is_empty() {
                happens::told(&mut state, &step.0, turn);
                cluster.changed.notify_one();
            }
        }
    }
}
