//! The one state machine of a fault, used live and in recovery.

use serde::{Deserialize, Serialize};

use crate::event::Kind;

/// Where a fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultState {
    /// Written down; whether the act happened is not known.
    Intended,
    /// The act was acknowledged.
    Applied,
    /// The act was refused; it may have had an effect all the same.
    Failed,
    /// The undo has begun.
    Reverting,
    /// Seen as it was before.
    Reverted,
    /// Gone for good and replaced by its like (a node of a scaling group).
    Replaced,
    /// Somebody else changed it meanwhile: left as they made it.
    Left,
    /// Kept on purpose, as the scenario asks.
    Kept,
    /// Could not be put back: a human is needed.
    Stuck,
}

/// An event that cannot follow a state: the journal is not one that we wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {state:?}")]
pub struct IllegalTransition {
    /// The state before.
    pub state: Option<FaultState>,
    /// The event.
    pub event: String,
}

impl FaultState {
    /// Whether the fault still asks for an undo.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Intended | Self::Applied | Self::Failed | Self::Reverting | Self::Stuck)
    }

    /// `state × event → state`; total over the events of a fault.
    pub fn after(state: Option<Self>, event: &Kind) -> Result<Self, IllegalTransition> {
        let illegal = || IllegalTransition { state, event: event.name() };
        match (state, event) {
            (None, Kind::FaultIntended { .. }) => Ok(Self::Intended),
            (Some(Self::Intended), Kind::FaultApplied { .. }) => Ok(Self::Applied),
            (Some(Self::Intended), Kind::FaultFailed { .. }) => Ok(Self::Failed),
            // Recovery tries again what was stuck: a human may have helped.
            (Some(s), Kind::RevertStarted { .. }) if s.is_open() => Ok(Self::Reverting),
            // The two may race: an answer that arrives after the undo has begun
            // does not close anything.
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
