//! Guards of a run, independent of its steps: the Lease and its stop annotation, the heartbeat for the reaper, the
//! health of the journal, abort conditions, and the time limit of the drill. Each is a separate task.

use std::{os::unix::fs::FileExt, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{Interrupts, control::HEARTBEAT};
use crate::{
    event::{EndReason, Kind},
    files,
    journal::{Recorder, RunDir},
    model::Plan,
    scenario::AbortSpec,
    steps::{Lost, StepContext},
    told,
    world::World,
};

/// How often the Lease is renewed. A stop by its annotation is noticed within 2 s.
const RENEW: Duration = Duration::from_millis(900);

/// Keeps the Lease, and checks its stop annotation.
pub(super) fn lease(tasks: &mut JoinSet<()>, context: &StepContext, interrupts: &Interrupts) {
    let (context, interrupts) = (context.clone(), interrupts.clone());
    tasks.spawn(async move {
        let mut troubled = false;
        loop {
            tokio::time::sleep(RENEW).await;
            let (asked_us, lasts) = (context.recorder.now_us(), context.lease_lasts());
            match context.lease.renew(|| context.world.clock.wall(), lasts).await {
                Ok(stop) => {
                    troubled = false;
                    context.wheel.confirmed(asked_us, lasts);
                    if let Some(how) = stop {
                        interrupts.stop(&context.recorder, "the annotation on the Lease", how);
                    }
                }
                Err(error) => {
                    if !troubled {
                        context.recorder.observe(Kind::LeaseTrouble { why: told!(context.recorder, "{error}") });
                    }
                    troubled = true;
                    if let Some(to) = Lost::by(&error) {
                        let why =
                            if matches!(to, Lost::ToSession(_)) { EndReason::Fenced } else { EndReason::LeaseLost };
                        context.wheel.lost(to);
                        interrupts.raise(why, error.to_string());
                        return;
                    }
                }
            }
        }
    });
}

/// Writes a counter for those who watch whether this process is running. It does not wait for the disk: a slow disk
/// must not look like a frozen process.
pub(super) fn heartbeat(tasks: &mut JoinSet<()>, world: &Arc<World>, dir: &RunDir) {
    // A rehearsal has no reaper.
    if world.simulated().is_some() {
        return;
    }
    let Ok(file) = files::private().write(true).open(dir.file(HEARTBEAT)) else { return };
    let file = Arc::new(file);
    tasks.spawn(async move {
        for count in 1_u64.. {
            let file = Arc::clone(&file);
            // The text always has the same length, so a full disk already has space for it.
            let written =
                tokio::task::spawn_blocking(move || file.write_all_at(format!("{count:020}\n").as_bytes(), 0));
            let _ = written.await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

/// Syncs observations to disk, and ends the run if its journal cannot be written.
pub(super) fn journal(tasks: &mut JoinSet<()>, world: &Arc<World>, recorder: &Arc<Recorder>, interrupts: &Interrupts) {
    let (real, recorder, interrupts) = (world.simulated().is_none(), Arc::clone(recorder), interrupts.clone());
    tasks.spawn(async move {
        loop {
            if real {
                let disk = Arc::clone(&recorder);
                // A slow disk must not delay the watches.
                let _ = tokio::task::spawn_blocking(move || disk.sync()).await;
            }
            if let Some(broken) = recorder.broken() {
                interrupts.raise(if broken.fenced { EndReason::Fenced } else { EndReason::JournalFailed }, broken.why);
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
}

/// Stops the drill at its time limit.
pub(super) fn deadline(tasks: &mut JoinSet<()>, plan: &Plan, interrupts: &Interrupts) {
    let (limit, interrupts) = (plan.limits.duration, interrupts.clone());
    tasks.spawn(async move {
        tokio::time::sleep(limit.0).await;
        interrupts.raise(EndReason::Deadline, format!("the time limit of {limit} (limits.duration) has passed"));
    });
}

/// Aborts the drill if a service is down for too long, or cannot be observed for as long.
pub(super) fn aborts(tasks: &mut JoinSet<()>, recorder: &Arc<Recorder>, aborts: &[AbortSpec], interrupts: &Interrupts) {
    for abort in aborts.iter().cloned() {
        let (recorder, interrupts) = (Arc::clone(recorder), interrupts.clone());
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
                        format!("{} could not be observed for {}", abort.probe, abort.down_for)
                    }
                    _ => continue,
                };
                recorder.observe(Kind::AbortTriggered {
                    condition: format!("{} down for {}", abort.probe, abort.down_for),
                    detail: told!(recorder, "{detail}"),
                });
                interrupts.raise(EndReason::Aborted, detail);
                return;
            }
        });
    }
}
