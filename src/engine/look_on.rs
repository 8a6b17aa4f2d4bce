//! What a run observes after its undo, before the verdict. Start with [`look_on`].

use std::time::Duration;

use super::Interrupts;
use crate::{
    event::{EndReason, Kind},
    model::StepName,
    steps::StepContext,
    told,
    verdict::History,
};

/// What a run observes after its undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Every expectation is decided, or its time is over.
    Verdict,
    /// The application has all its pods again. A drill that failed has nothing else to wait for, and whoever reads
    /// about the failure first wants to know this.
    Return,
}

impl Awaited {
    /// None if the run has to end at once: because of a signal, for example, or of another session.
    pub(super) fn after(why: EndReason) -> Option<Self> {
        match why {
            EndReason::Finished => Some(Self::Verdict),
            EndReason::StepFailed | EndReason::GateRefused | EndReason::Aborted | EndReason::Deadline => {
                Some(Self::Return)
            }
            _ => None,
        }
    }

    fn open(self, history: &History, now_us: u64) -> Vec<String> {
        match self {
            Self::Verdict => history.undecided(now_us),
            Self::Return => history.not_returned(now_us),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Verdict => "expectations to be decided",
            Self::Return => "the application to have all its pods again",
        }
    }

    /// What is said when nothing is awaited any more.
    fn reached(self) -> &'static str {
        match self {
            Self::Verdict => "all are",
            Self::Return => "it has them",
        }
    }
}

/// Observes until nothing is awaited any more, but at most until the time limit of the drill.
pub(super) async fn look_on(context: &StepContext, interrupts: &Interrupts, awaited: Awaited) {
    let waiting = async {
        let mut told = String::new();
        loop {
            let now = context.recorder.now_us();
            let open = context.judge.with(|history| awaited.open(history, now));
            // The last observation is in the journal too, because the verdict refers to the last event.
            let done = open.is_empty();
            let open = if done { awaited.reached().to_owned() } else { open.join("; ") };
            if open != told && !(done && told.is_empty()) {
                context.recorder.observe(Kind::StepProgress {
                    step: StepName::from("looking on"),
                    waiting_for: awaited.words().into(),
                    last_seen: told!(context.recorder, "{open}"),
                });
                told = open;
            }
            if done {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = interrupts.signalled(1) => {}
        () = waiting => {}
        () = tokio::time::sleep(context.plan.limits.duration.0) => {}
    }
}
