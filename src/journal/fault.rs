//! The state machine of a fault. The live run and the recovery use the same one.

use serde::{Deserialize, Serialize};

use crate::event::Kind;

/// The state of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultState {
    /// Written to the journal. Whether the act happened is unknown.
    Intended,
    /// The act was acknowledged.
    Applied,
    /// The act was refused. It may still have had an effect.
    Failed,
    /// The undo has begun.
    Reverting,
    /// The earlier state was observed again.
    Reverted,
    /// The target is permanently gone and was replaced by a new one (a node of a scaling group).
    Replaced,
    /// The target was changed outside the drill in the meantime, and was left in that state.
    Left,
    /// Kept, because the scenario asks for it.
    Kept,
    /// Could not be put back: a person has to do it.
    Stuck,
}

/// An event that cannot follow a state: drillmaster did not write this journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {state:?}")]
pub struct IllegalTransition {
    /// The state before.
    pub state: Option<FaultState>,
    /// The event.
    pub event: String,
}

impl FaultState {
    /// Whether the fault still needs an undo.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Intended | Self::Applied | Self::Failed | Self::Reverting | Self::Stuck)
    }

    /// The transition function: state and event give the next state. It covers every event of a fault.
    pub fn after(state: Option<Self>, event: &Kind) -> Result<Self, IllegalTransition> {
        let illegal = || IllegalTransition { state, event: event.name() };
        match (state, event) {
            (None, Kind::FaultIntended { .. }) => Ok(Self::Intended),
            (Some(Self::Intended), Kind::FaultApplied { .. }) => Ok(Self::Applied),
            (Some(Self::Intended), Kind::FaultFailed { .. }) => Ok(Self::Failed),
            // A recovery tries again to undo what was stuck: a person may have helped in between.
            (Some(s), Kind::RevertStarted { .. }) if s.is_open() => Ok(Self::Reverting),
            // The answer to the act may arrive after the undo has begun. It does not close the fault.
            (Some(Self::Reverting), Kind::FaultApplied { .. } | Kind::FaultFailed { .. }) => Ok(Self::Reverting),
            (Some(s), Kind::FaultReverted { .. }) if s.is_open() => Ok(Self::Reverted),
            (Some(s), Kind::FaultReplaced { .. }) if s.is_open() => Ok(Self::Replaced),
            (Some(s), Kind::FaultLeft { .. }) if s.is_open() => Ok(Self::Left),
            (Some(s), Kind::FaultKept { .. }) if s.is_open() => Ok(Self::Kept),
            (Some(s), Kind::FaultStuck { .. }) if s.is_open() => Ok(Self::Stuck),
            (Some(s), Kind::FaultReopened { .. }) if !s.is_open() => Ok(Self::Applied),
            _ => Err(illegal()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reverted() -> Kind {
        Kind::FaultReverted { fault: crate::model::FaultId("a/b".into()), evidence: "".into() }
    }

    #[test]
    fn what_is_closed_stays_closed() {
        for closed in [FaultState::Reverted, FaultState::Replaced, FaultState::Left, FaultState::Kept] {
            assert!(FaultState::after(Some(closed), &reverted()).is_err());
            assert!(!closed.is_open());
        }
        assert!(FaultState::after(None, &reverted()).is_err());
    }

    #[test]
    fn an_intent_alone_asks_for_an_undo() {
        assert!(FaultState::Intended.is_open());
        assert_eq!(FaultState::after(Some(FaultState::Intended), &reverted()), Ok(FaultState::Reverted));
    }
}
