//! Probes. They send at fixed times, whatever the earlier answers take, with a new connection each time, and a failure
//! counts at the time when the request was sent. They have their own thread and runtime, so that nothing else delays
//! them.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesOrdered};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::asker::{Asker, Miss};
use crate::{
    event::{Kind, ProbeRun, ProbeSample},
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
        let all = all(ready, outside.clone(), Arc::clone(recorder), samples.to_owned(), stopped);
        let running = if matches!(outside, Outside::Stage(_)) {
            Running::Task(tokio::spawn(all))
        } else {
            Running::Thread(Some(std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let Ok(runtime) = runtime else { return };
                runtime.block_on(all);
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
    samples: PathBuf,
    stopped: watch::Receiver<bool>,
) {
    let probes = specs.into_iter().enumerate().map(|(i, ready)| {
        let file = samples.join(file_name(i, &ready.spec.name));
        probe(ready, outside.clone(), Arc::clone(&recorder), file, stopped.clone())
    });
    futures_util::future::join_all(probes).await;
}

async fn probe(
    ready: ReadyProbe,
    outside: Outside,
    recorder: Arc<Recorder>,
    file: PathBuf,
    mut stopped: watch::Receiver<bool>,
) {
    let asker = Asker::new(&ready, outside);
    let spec = ready.spec;
    let mut tick = tokio::time::interval(spec.every.0);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut waiting = FuturesOrdered::new();
    let mut segment = Segment::new(&spec.name, &file, recorder.now_us());
    let mut expected_us = 0;
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            Some(sample) = waiting.next() => segment.take(sample, &recorder),
            _ = tick.tick() => {
                let sent_us = recorder.now_us();
                let late = expected_us > 0 && sent_us > expected_us + spec.every.micros() / 2;
                expected_us = sent_us + spec.every.micros();
                waiting.push_back(sample(&asker, sent_us, late, &recorder));
            }
        }
        if recorder.now_us() - segment.began_us >= SEGMENT.as_micros() as u64 {
            segment.close(&recorder);
        }
    }
    // Wait for the answers to what was sent: each sample ends at the latest with its timeout.
    while let Some(sample) = waiting.next().await {
        segment.take(sample, &recorder);
    }
    segment.close(&recorder);
}

/// Takes a sample. Returns it, and whether it was sent later than planned.
async fn sample(asker: &Asker, sent_us: u64, late: bool, recorder: &Recorder) -> (ProbeSample, bool) {
    let answer = asker.ask().await;
    let (lost, error) = match answer {
        Ok(()) => (false, Told::default()),
        Err(Miss::Service(why)) => (false, told!(recorder, "{why}")),
        Err(Miss::Vantage(why)) => (true, told!(recorder, "{why}")),
    };
    let ok = !lost && error.is_empty();
    (ProbeSample { sent_us, took_us: recorder.now_us() - sent_us, ok, lost, error }, late)
}

/// The samples file of the probe with this number. The number keeps two probes apart whose names differ only in
/// characters that a file name cannot contain.
fn file_name(number: usize, probe: &str) -> String {
    let plain = probe.chars().take(60).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    format!("{}-{}.jsonl", number + 1, plain.collect::<String>())
}

/// Samples that will be written to the file, and their summary for the journal.
struct Segment {
    probe: String,
    /// None after a write failed: the position of the next samples would be unknown.
    file: Option<File>,
    name: String,
    offset: u64,
    began_us: u64,
    bytes: Vec<u8>,
    runs: Vec<ProbeRun>,
    max_us: u64,
    late: u32,
}

impl Segment {
    fn new(probe: &str, file: &Path, now_us: u64) -> Self {
        Self {
            probe: probe.to_owned(),
            file: OpenOptions::new().create_new(true).write(true).mode(0o600).open(file).ok(),
            name: file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            offset: 0,
            began_us: now_us,
            bytes: vec![],
            runs: vec![],
            max_us: 0,
            late: 0,
        }
    }

    fn take(&mut self, (sample, late): (ProbeSample, bool), recorder: &Recorder) {
        if let Ok(line) = serde_json::to_string(&sample) {
            self.bytes.extend_from_slice(line.as_bytes());
            self.bytes.push(b'\n');
        }
        self.max_us = self.max_us.max(sample.took_us);
        self.late += u32::from(late);
        let flipped = self.runs.last().is_some_and(|last| last.ok != sample.ok);
        sample.join(&mut self.runs);
        // A change is recorded immediately.
        if flipped {
            self.close(recorder);
        }
    }

    fn close(&mut self, recorder: &Recorder) {
        self.began_us = recorder.now_us();
        let (Some(first), Some(last)) = (self.runs.first(), self.runs.last()) else { return };
        let (from_us, to_us) = (first.from_us, last.to_us);
        let end = self.offset + self.bytes.len() as u64;
        self.file = self.file.take().filter(|mut f| f.write_all(&self.bytes).is_ok());
        let file = match self.file {
            Some(_) => format!("{}#{}-{end}", self.name, self.offset),
            None => "lost: the samples file cannot be written".into(),
        };
        self.offset = end;
        recorder.observe(Kind::ProbeSegment {
            probe: self.probe.clone(),
            file,
            sha256: Sha256::digest(&self.bytes).iter().map(|b| format!("{b:02x}")).collect(),
            from_us,
            to_us,
            n: self.runs.iter().map(|r| r.n).sum(),
            failed: self.runs.iter().filter(|r| !r.ok && !r.lost).map(|r| r.n).sum(),
            max_ms: self.max_us / 1000,
            late: self.late,
            runs: std::mem::take(&mut self.runs),
        });
        self.bytes.clear();
        self.max_us = 0;
        self.late = 0;
    }
}
