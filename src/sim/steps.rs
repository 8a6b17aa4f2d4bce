//! What the simulated cluster is told of the drill: that a step begins or ends, and
//! nothing else. It is told by the tap of the recorder, in the instant in which the line is
//! written, so that an entry of `happens:` can meet the window that it is about. Nothing
//! comes back this way: a drill cannot see that anybody listens.

use std::sync::Arc;

use super::{
    happens::{self, StepTurn},
    service::Shared,
};
use crate::model::StepName;

/// Hears of the steps of a drill.
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

    /// A step ends, however it ends.
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
