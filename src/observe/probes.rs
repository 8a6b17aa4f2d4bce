//! Probes. They send at fixed times, whatever the earlier answers take, with a new connection each time, and a failure
//! counts at the time when the request was sent. They have their own thread and runtime, and another thread writes
//! their samples, so that nothing else delays them.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesOrdered};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior},
};

use super::{
    probe_client::{ProbeClient, Unreachable, client},
    samples::{Keep, Keeper, Segment},
};
use crate::{
    event::ProbeSample,
    journal::Recorder,
    model::Told,
    told,
    world::{Outside, ReadyProbe},
};

/// A segment is closed after this time. A crash can lose at most this much of the samples.
const SEGMENT: Duration = Duration::from_secs(1);

/// The running probes.
#[derive(Debug)]
pub struct Probes {
    stop: watch::Sender<bool>,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Thread(Option<std::thread::JoinHandle<()>>),
    Task(tokio::task::JoinHandle<()>),
}

impl Probes {
    /// Starts all probes. In a simulation they use its virtual clock, and so its runtime.
    pub fn start(ready: Vec<ReadyProbe>, outside: &Outside, recorder: &Arc<Recorder>, samples: &Path) -> Self {
        let (stop, stopped) = watch::channel(false);
        let names: Vec<String> = ready.iter().map(|probe| probe.spec.name.clone()).collect();
        let keeper = Keeper::new(&names, samples, Arc::clone(recorder));
        let (outside, recorder) = (outside.clone(), Arc::clone(recorder));
        let running = if matches!(outside, Outside::Simulated(_)) {
            Running::Task(tokio::spawn(all(ready, outside, recorder, Keep::now(keeper), stopped)))
        } else {
            let (keep, keeping) = Keep::later(keeper);
            Running::Thread(Some(std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let Ok(runtime) = runtime else { return };
                runtime.block_on(all(ready, outside, recorder, keep, stopped));
                let _ = keeping.join();
            })))
        };
        Self { stop, running }
    }

    /// Stops the probes. When this returns, the last segments are closed.
    pub async fn stop(&mut self) {
        let _ = self.stop.send(true);
        match &mut self.running {
            Running::Thread(thread) => {
                if let Some(thread) = thread.take() {
                    // The thread waits for outstanding answers, and must not block the runtime.
                    let _ = tokio::task::spawn_blocking(|| thread.join()).await;
                }
            }
            Running::Task(task) => {
                let _ = task.await;
            }
        }
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        // If a simulated runner is cut off, its probes end with it.
        if let Running::Task(task) = &self.running {
            task.abort();
        }
    }
}

async fn all(
    specs: Vec<ReadyProbe>,
    outside: Outside,
    recorder: Arc<Recorder>,
    keep: Keep,
    stopped: watch::Receiver<bool>,
) {
    // A client holds the root certificates of the machine, so all probes use one.
    let client = matches!(outside, Outside::Here(_)).then(client);
    let (first, count) = (Instant::now(), specs.len());
    let probes = specs.into_iter().enumerate().map(|(number, ready)| {
        let probe_client = ProbeClient::new(&ready, outside.clone(), client.clone());
        let every = ready.spec.every.0;
        let turn = if client.is_some() { turn(every, number, count) } else { Duration::ZERO };
        let tick = tokio::time::interval_at(first + turn, every);
        probe(number, probe_client, tick, &recorder, &keep, stopped.clone())
    });
    futures_util::future::join_all(probes).await;
}

/// When a probe sends first. Each probe has its own turn in the interval: if all of them sent at the same instant, each
/// would wait for those before it, a hundred probes for up to a tenth of a second. In a simulation sending takes no
/// time.
fn turn(every: Duration, number: usize, count: usize) -> Duration {
    every.mul_f64(number as f64 / count.max(1) as f64)
}

async fn probe(
    number: usize,
    probe_client: ProbeClient,
    mut tick: Interval,
    recorder: &Recorder,
    keep: &Keep,
    mut stopped: watch::Receiver<bool>,
) {
    let every_us = u64::try_from(tick.period().as_micros()).unwrap_or(u64::MAX);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut waiting = FuturesOrdered::new();
    let mut open = Open { segment: Segment { probe: number, ..Segment::default() }, began_us: recorder.now_us() };
    let mut expected_us = 0;
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(sample) = waiting.next() => open.update(sample, keep, recorder),
            _ = tick.tick() => {
                let sent_us = recorder.now_us();
                let late = expected_us > 0 && sent_us > expected_us + every_us / 2;
                expected_us = sent_us + every_us;
                waiting.push_back(sample(&probe_client, sent_us, late, recorder));
            }
        }
        if recorder.now_us() - open.began_us >= SEGMENT.as_micros() as u64 {
            open.close(keep, recorder);
        }
    }
    // Wait for the answers to what was sent: each sample ends at the latest with its timeout.
    while let Some(sample) = waiting.next().await {
        open.update(sample, keep, recorder);
    }
    open.close(keep, recorder);
}

/// Takes a sample. Returns it, and whether it was sent later than planned.
async fn sample(probe_client: &ProbeClient, sent_us: u64, late: bool, recorder: &Recorder) -> (ProbeSample, bool) {
    let answer = probe_client.test().await;
    let (lost, error) = match answer {
        Ok(()) => (false, Told::default()),
        Err(Unreachable::Service(why)) => (false, told!(recorder, "{why}")),
        Err(Unreachable::FromHere(why)) => (true, told!(recorder, "{why}")),
    };
    let ok = !lost && error.is_empty();
    (ProbeSample { sent_us, took_us: recorder.now_us() - sent_us, ok, lost, error }, late)
}

/// The segment that is not closed yet.
struct Open {
    segment: Segment,
    began_us: u64,
}

impl Open {
    fn update(&mut self, (sample, late): (ProbeSample, bool), keep: &Keep, recorder: &Recorder) {
        let segment = &mut self.segment;
        if let Ok(line) = serde_json::to_string(&sample) {
            segment.bytes.extend_from_slice(line.as_bytes());
            segment.bytes.push(b'\n');
        }
        segment.max_us = segment.max_us.max(sample.took_us);
        segment.late += u32::from(late);
        let flipped = segment.runs.last().is_some_and(|last| last.ok != sample.ok);
        sample.join(&mut segment.runs);
        // A change is recorded immediately.
        if flipped {
            self.close(keep, recorder);
        }
    }

    fn close(&mut self, keep: &Keep, recorder: &Recorder) {
        self.began_us = recorder.now_us();
        let next = Segment { probe: self.segment.probe, ..Segment::default() };
        let closed = std::mem::replace(&mut self.segment, next);
        if !closed.runs.is_empty() {
            keep.keep(closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_probe_has_its_own_turn_within_its_interval() {
        let turns = [0, 1, 2, 3].map(|number| turn(Duration::from_millis(100), number, 4).as_millis());
        assert_eq!(turns, [0, 25, 50, 75]);
    }
}
