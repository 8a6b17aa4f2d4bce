//! When programs of the drill were running: `exec` steps, and the undo of such steps. A program may change anything,
//! and its changes are seen a moment later. To find the author of a change, observers ask whether a program was
//! running at that time.

use super::{FaultRecord, FaultState};
use crate::{
    event::Kind,
    model::{FaultId, Plan, Revert, StepName, Verb},
};

/// The times when programs were running.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    runs: Vec<Run>,
}

/// One program. It has no end while it is running.
#[derive(Clone, Debug)]
struct Run {
    of: Of,
    from_us: u64,
    to_us: Option<u64>,
}

impl Run {
    fn end(&mut self, at_us: u64) {
        self.to_us.get_or_insert(at_us);
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Of {
    Step(StepName),
    Undo(FaultId),
}

impl Programs {
    /// Whether a program was running at any time between `from_us` and `to_us`.
    pub fn ran_between(&self, from_us: u64, to_us: u64) -> bool {
        self.runs.iter().any(|run| run.from_us <= to_us && run.to_us.is_none_or(|end| end >= from_us))
    }

    /// Records the beginning or the end of a step.
    pub(super) fn step(&mut self, kind: &Kind, plan: Option<&Plan>, at_us: u64) {
        match kind {
            Kind::StepStarted { step, .. } => {
                if matches!(plan.and_then(|p| p.step(step)?.verb()), Some(Verb::Exec(_))) {
                    self.begin(Of::Step(step.clone()), at_us);
                }
            }
            Kind::StepFinished { step, .. } => self.end(&Of::Step(step.clone()), at_us),
            // Programs do not outlive the session that started them.
            Kind::SessionOpened { .. } => self.end_all(at_us),
            _ => {}
        }
    }

    /// Records a new state of a fault.
    pub(super) fn fault(&mut self, fault: &FaultRecord, at_us: u64) {
        if !matches!(fault.revert, Revert::ExecUndo { .. }) {
            return;
        }
        let of = Of::Undo(fault.id.clone());
        if fault.state == FaultState::Reverting {
            self.begin(of, at_us);
        } else {
            self.end(&of, at_us);
        }
    }

    fn begin(&mut self, of: Of, at_us: u64) {
        if !self.runs.iter().any(|run| run.of == of && run.to_us.is_none()) {
            self.runs.push(Run { of, from_us: at_us, to_us: None });
        }
    }

    fn end(&mut self, of: &Of, at_us: u64) {
        self.runs.iter_mut().filter(|run| run.of == *of).for_each(|run| run.end(at_us));
    }

    fn end_all(&mut self, at_us: u64) {
        self.runs.iter_mut().for_each(|run| run.end(at_us));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undo(state: FaultState) -> FaultRecord {
        FaultRecord {
            id: FaultId("run".into()),
            step: StepName("run".into()),
            target: String::new(),
            revert: Revert::ExecUndo { step: "run".into() },
            state,
            sent_us: None,
            acknowledged_us: None,
            closed: None,
            left: vec![],
        }
    }

    #[test]
    fn a_program_ran_from_its_beginning_to_its_end() {
        let mut programs = Programs::default();
        programs.fault(&undo(FaultState::Applied), 5);
        assert!(!programs.ran_between(0, 100));
        programs.fault(&undo(FaultState::Reverting), 10);
        // A second attempt of the same undo.
        programs.fault(&undo(FaultState::Reverting), 15);
        assert!(programs.ran_between(100, 200) && programs.ran_between(0, 10) && !programs.ran_between(0, 9));
        programs.fault(&undo(FaultState::Reverted), 20);
        assert!(programs.ran_between(20, 30) && !programs.ran_between(21, 30));
    }
}
