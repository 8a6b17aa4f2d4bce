//! The unwind: undoes what is open. For every open fault, newest first, it restores the earlier state and checks it. A
//! failed undo is tried again until the time limit, and never prevents the undo of other faults.

use std::time::Duration;

use super::Interrupts;
use crate::{
    event::Kind,
    journal::{FaultRecord, RunState},
    steps::{self, ATTEMPT, StepContext},
    told,
};

const PAUSE: Duration = Duration::from_secs(2);

/// What is left when the unwind ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StillOpen {
    /// Nothing.
    Nothing,
    /// Something that only a person can put back.
    Stuck,
    /// The operator told drillmaster to leave.
    InAHurry,
    /// Another session has taken over.
    Fenced,
}

/// Undoes everything that is open. Afterwards, it cancels what would block others.
pub(super) async fn unwind(context: &StepContext, interrupts: &Interrupts, limit: Duration) -> StillOpen {
    let left = converge(context, interrupts, limit).await;
    if matches!(left, StillOpen::Nothing | StillOpen::Stuck) {
        steps::cancel_queued_backups(context).await;
    }
    left
}

async fn converge(context: &StepContext, interrupts: &Interrupts, limit: Duration) -> StillOpen {
    let deadline = context.recorder.now_us() + limit.as_micros() as u64;
    let mut attempt = 0;
    let mut errors = Errors::new();
    loop {
        adopt(context).await;
        let open = context.recorder.with(RunState::open);
        if open.is_empty() {
            return StillOpen::Nothing;
        }
        if context.wheel.is_fenced() {
            return StillOpen::Fenced;
        }
        attempt += 1;
        let hurried = tokio::select! {
            biased;
            () = interrupts.signalled(2) => true,
            () = round(context, &open, attempt, &mut errors) => false,
        };
        if hurried {
            return hurry(context, interrupts).await;
        }
        if context.recorder.with(|s| s.still_open().next().is_none()) {
            continue;
        }
        if context.recorder.now_us() > deadline {
            stuck(context, &errors);
            return StillOpen::Stuck;
        }
        tokio::time::sleep(PAUSE * attempt.min(8)).await;
    }
}

/// A session that had lost control of the run may have written intents. This session must undo them, so it records
/// them in the valid journal.
pub(super) async fn adopt(context: &StepContext) {
    let recorder = &context.recorder;
    let late = recorder.late();
    if late.lines > 0 {
        recorder.observe(Kind::StrayLines { count: late.lines, epoch: recorder.epoch() });
    }
    let mut adopted = false;
    for event in late.intents {
        if let Kind::FaultIntended { fault, .. } = &event.event
            && recorder.with(|s| s.fault(fault).is_none())
        {
            recorder.observe(event.event);
            adopted = true;
        }
    }
    if adopted {
        context.mirror().await;
    }
}

type Errors = std::collections::BTreeMap<String, String>;

/// One attempt at everything that is open. Nodes that were taken away in one step come back together; all other faults
/// are undone one by one, newest first.
async fn round(context: &StepContext, open: &[FaultRecord], attempt: u32, errors: &mut Errors) {
    let mut rest = open;
    while let Some(first) = rest.first() {
        let together =
            rest.iter().take_while(|f| f.step == first.step && is_power(f) && is_power(first)).count().max(1);
        let (group, later) = rest.split_at(together);
        rest = later;
        for fault in group {
            let own = context.for_undo(fault);
            let started = Kind::RevertStarted { fault: fault.id.clone(), attempt };
            // If the journal cannot be written, the undo continues from memory.
            context.recorder.observe(started);
            if let Err(error) = begin(&own, fault).await {
                note(context, errors, fault, error);
            }
        }
        let attempts = group.iter().map(|fault| undo_fault(context, fault));
        for (fault, error) in group.iter().zip(futures_util::future::join_all(attempts).await) {
            if let Some(error) = error {
                note(context, errors, fault, error);
            }
        }
    }
}

/// Starts an undo. If the act was made by a session that is frozen, requests that it may still send are made invalid
/// first.
async fn begin(own: &StepContext, fault: &FaultRecord) -> Result<(), String> {
    if own.recorder.epoch() > 1 && fault.acknowledged_us.is_none() {
        steps::touch(own, fault).await?;
    }
    steps::begin_revert(own, &fault.revert).await
}

/// Records once why an undo is not complete. It is tried again.
fn note(context: &StepContext, errors: &mut Errors, fault: &FaultRecord, error: String) {
    if errors.get(&fault.id.0) != Some(&error) {
        context
            .recorder
            .observe(Kind::Noted { text: told!(context.recorder, "{} is not undone yet: {error}", fault.id) });
    }
    errors.insert(fault.id.0.clone(), error);
}

fn is_power(fault: &FaultRecord) -> bool {
    fault.revert.takes_away().is_some()
}

async fn undo_fault(context: &StepContext, fault: &FaultRecord) -> Option<String> {
    let own = context.for_undo(fault);
    match tokio::time::timeout(ATTEMPT, steps::revert(&own, fault)).await {
        Ok(Ok(closing)) => own.close(&fault.id, closing).await.err().map(|e| e.to_string()),
        Ok(Err(error)) => Some(error),
        Err(_) => Some(format!("not done within {ATTEMPT:?}; it is tried again")),
    }
}

/// At the second signal: start every undo without waiting for its effect. At the third: leave everything as it is.
async fn hurry(context: &StepContext, interrupts: &Interrupts) -> StillOpen {
    let open = context.recorder.with(RunState::open);
    let start_all = async {
        for fault in &open {
            context.recorder.observe(Kind::RevertStarted { fault: fault.id.clone(), attempt: 0 });
            let own = context.for_undo(fault);
            let _ = steps::begin_revert(&own, &fault.revert).await;
            if !fault.revert.is_destructive()
                && let Ok(Ok(closing)) = tokio::time::timeout(Duration::from_secs(3), steps::revert(&own, fault)).await
            {
                let _ = own.close(&fault.id, closing).await;
            }
        }
    };
    tokio::select! {
        biased;
        () = interrupts.signalled(3) => {}
        () = start_all => {}
    }
    if context.recorder.with(|s| s.still_open().next().is_none()) { StillOpen::Nothing } else { StillOpen::InAHurry }
}

fn stuck(context: &StepContext, errors: &Errors) {
    for fault in context.recorder.with(RunState::open) {
        context.recorder.observe(Kind::FaultStuck {
            fault: fault.id.clone(),
            why: errors
                .get(&fault.id.0)
                .map_or("no attempt was completed".into(), |why| told!(context.recorder, "{why}")),
            commands: fault.revert.commands(),
        });
    }
}
