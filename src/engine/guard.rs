//! Watches over a run from outside its steps: the Lease and its stop annotation,
//! the heartbeat for the reaper, the journal's health, abort conditions, the
//! drill's time limit. Each is a task of its own.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::Wakes;
use crate::{
    event::{Kind, Wake},
    journal::{Recorder, RunDir},
    model::Plan,
    scenario::AbortSpec,
    world::{LeaseError, RunRecord, World},
};

/// Keeps the Lease, and looks for its stop annotation: twice within the 2 s promised.
pub(super) fn lease(
    tasks: &mut JoinSet<()>,
    world: &Arc<World>,
    recorder: &Arc<Recorder>,
    record: &RunRecord,
    wakes: &Wakes,
) {
    let (world, recorder, record, wakes) = (Arc::clone(world), Arc::clone(recorder), record.clone(), wakes.clone());
    tasks.spawn(async move {
        let mut troubled = false;
        loop {
            tokio::time::sleep(Duration::from_millis(900)).await;
            match record.renew(recorder.epoch(), world.clock.wall()).await {
                Ok(stop) => {
                    troubled = false;
                    if let Some(how) = stop {
                        wakes.stop(&recorder, "the annotation on the Lease", &how);
                    }
                }
                Err(error @ (LeaseError::Fenced { .. } | LeaseError::Held(_))) => {
                    recorder.observe(Kind::LeaseTrouble { why: error.to_string() });
                    wakes.wake(Wake::Fenced, error.to_string());
                    return;
                }
                Err(error) => {
                    if !troubled {
                        recorder.observe(Kind::LeaseTrouble { why: error.to_string() });
                    }
                    troubled = true;
                }
            }
        }
    });
}

/// Tells the reaper that this process runs, and brings observations to the disk.
pub(super) fn heartbeat(
    tasks: &mut JoinSet<()>,
    world: &Arc<World>,
    recorder: &Arc<Recorder>,
    dir: &RunDir,
    wakes: &Wakes,
) {
    let (world, recorder, dir, wakes) = (Arc::clone(world), Arc::clone(recorder), dir.clone(), wakes.clone());
    tasks.spawn(async move {
        loop {
            // A rehearsal has no reaper, and nothing in it must outlive a crash.
            if world.stage.is_none() {
                let (dir, beat, disk) = (dir.clone(), world.clock.wall().to_string(), Arc::clone(&recorder));
                // A slow disk must not slow the watches.
                let written = tokio::task::spawn_blocking(move || {
                    let _ = dir.write("heartbeat", beat.as_bytes());
                    disk.sync();
                });
                let _ = written.await;
            }
            if let Some(broken) = recorder.broken() {
                wakes.wake(if broken.fenced { Wake::Fenced } else { Wake::JournalFailed }, broken.why);
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

/// Stops the drill when its time is over.
pub(super) fn deadline(tasks: &mut JoinSet<()>, plan: &Plan, wakes: &Wakes) {
    let (limit, wakes) = (plan.limits.duration, wakes.clone());
    tasks.spawn(async move {
        tokio::time::sleep(limit.0).await;
        wakes.wake(Wake::Deadline, format!("limits.duration {limit} is over"));
    });
}

/// Aborts when a service is down for too long, or cannot be evaluated for as long
/// (correctness 74).
pub(super) fn aborts(tasks: &mut JoinSet<()>, recorder: &Arc<Recorder>, aborts: &[AbortSpec], wakes: &Wakes) {
    for abort in aborts.iter().cloned() {
        let (recorder, wakes) = (Arc::clone(recorder), wakes.clone());
        tasks.spawn(async move {
            let limit = abort.down_for.micros();
            let began = recorder.now_us();
            loop {
                tokio::time::sleep(Duration::from_millis(500)).await;
                let now = recorder.now_us();
                let (down, last) =
                    recorder.with(|s| s.probes.get(&abort.probe).map_or((None, began), |p| (p.down_since, p.last_us)));
                let detail = match down {
                    Some(since) if now.saturating_sub(since) > limit => {
                        format!("{} has been down for more than {}", abort.probe, abort.down_for)
                    }
                    _ if now.saturating_sub(last) > limit => {
                        format!("{} could not be evaluated for {}", abort.probe, abort.down_for)
                    }
                    _ => continue,
                };
                recorder.observe(Kind::AbortTriggered {
                    condition: format!("{} down for {}", abort.probe, abort.down_for),
                    detail: detail.clone(),
                });
                wakes.wake(Wake::Aborted, detail);
                return;
            }
        });
    }
}
