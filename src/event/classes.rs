//! What a kind of event means for its writer and its readers.

use super::{Kind, observation};

impl Kind {
    /// Whether a reader must know this kind to find out what is still to be undone.
    pub fn must(&self) -> bool {
        matches!(
            self,
            Self::RunStarted { .. }
                | Self::SessionOpened { .. }
                | Self::PlanFrozen { .. }
                | Self::Armed { .. }
                | Self::FaultIntended { .. }
                | Self::FaultApplied { .. }
                | Self::FaultFailed { .. }
                | Self::FaultReverted { .. }
                | Self::FaultReplaced { .. }
                | Self::FaultLeft { .. }
                | Self::FaultKept { .. }
                | Self::FaultStuck { .. }
                | Self::FaultReopened { .. }
                | Self::HolderLives { .. }
                | Self::RunEnded { .. }
        )
    }

    /// Whether the line must be on disk before the run continues. Other lines are synced every second, and together
    /// with these.
    pub fn is_durable(&self) -> bool {
        self.must()
            || matches!(
                self,
                Self::StepStarted { .. }
                    | Self::StepFinished { .. }
                    | Self::StepResult { .. }
                    | Self::RunWoken { .. }
                    | Self::Judged { .. }
                    | Self::LeftBehind { .. }
                    | Self::LeftoverGone { .. }
                    | Self::GateAnswered { .. }
                    | Self::Unconfirmed { .. }
                    | Self::SpreadAgain { .. }
            )
    }

    /// Whether it is something that observers or waiting steps see again and again. A journal may have a million of
    /// these, and few others.
    pub fn is_observation(&self) -> bool {
        observation::is_one(self)
    }

    /// Whether a run records it only after its observers have stopped. The first such line ends what the verdict reads
    /// of a session: pods are spread again and evidence is read for up to some minutes, in which no probe has a sample.
    pub fn follows_the_observers(&self) -> bool {
        match self {
            Self::SpreadAgain { .. } => true,
            Self::EvidenceKept { what, .. } | Self::EvidenceMissing { what, .. } => what.follows_the_observers(),
            _ => false,
        }
    }

    /// The name of the kind in the journal.
    pub fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|v| v.get("kind").and_then(|k| k.as_str()).map(str::to_owned))
            .unwrap_or_default()
    }
}
