//! Keeps the samples of probes: they are appended to a file for each probe, and the journal describes each segment of
//! it. Start with [`Keeper`].

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use crate::{
    event::{Kind, ProbeRun},
    journal::Recorder,
    model::sha256,
};

/// Consecutive samples of one probe.
#[derive(Debug, Default)]
pub(super) struct Segment {
    /// The number of the probe.
    pub probe: usize,
    /// The samples, as the file contains them.
    pub bytes: Vec<u8>,
    /// Their summary.
    pub runs: Vec<ProbeRun>,
    pub max_us: u64,
    /// How many of them were sent later than planned.
    pub late: u32,
}

/// The file of a probe.
#[derive(Debug)]
struct Samples {
    probe: String,
    /// None after a write failed: the position of the next samples would be unknown.
    file: Option<File>,
    name: String,
    offset: u64,
}

/// The files of all probes.
#[derive(Debug)]
pub(super) struct Keeper {
    files: Vec<Samples>,
    recorder: Arc<Recorder>,
}

impl Keeper {
    pub fn new(probes: &[String], folder: &Path, recorder: Arc<Recorder>) -> Self {
        let open = |(number, probe): (usize, &String)| {
            let name = file_name(number, probe);
            let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(folder.join(&name)).ok();
            Samples { probe: probe.clone(), file, name, offset: 0 }
        };
        Self { files: probes.iter().enumerate().map(open).collect(), recorder }
    }

    fn keep(&mut self, segment: Segment) {
        let (Some(first), Some(last)) = (segment.runs.first(), segment.runs.last()) else { return };
        let (from_us, to_us) = (first.from_us, last.to_us);
        let Some(of) = self.files.get_mut(segment.probe) else { return };
        let end = of.offset + segment.bytes.len() as u64;
        of.file = of.file.take().filter(|mut f| f.write_all(&segment.bytes).is_ok());
        let file = match of.file {
            Some(_) => format!("{}#{}-{end}", of.name, of.offset),
            None => "lost: the samples file cannot be written".into(),
        };
        of.offset = end;
        self.recorder.observe(Kind::ProbeSegment {
            probe: of.probe.clone(),
            file,
            sha256: sha256(&segment.bytes),
            from_us,
            to_us,
            n: segment.runs.iter().map(|r| r.n).sum(),
            failed: segment.runs.iter().filter(|r| !r.ok && !r.lost).map(|r| r.n).sum(),
            max_ms: segment.max_us / 1000,
            late: segment.late,
            runs: segment.runs,
        });
    }
}

/// The samples file of the probe with this number. The number keeps two probes apart whose names differ only in
/// characters that a file name cannot contain.
fn file_name(number: usize, probe: &str) -> String {
    let plain = probe.chars().take(60).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    format!("{}-{}.jsonl", number + 1, plain.collect::<String>())
}

/// Where segments go.
#[derive(Debug)]
pub(super) enum Keep {
    /// They are kept before the next sample is sent. For a simulation, in which nothing takes time.
    Now(Mutex<Keeper>),
    /// Another thread keeps them: a disk that is slow just then must not delay what is sent.
    Later(mpsc::Sender<Segment>),
}

impl Keep {
    pub fn now(keeper: Keeper) -> Self {
        Self::Now(Mutex::new(keeper))
    }

    /// Starts a thread that keeps segments. It ends when the result is dropped and everything is kept.
    pub fn later(mut keeper: Keeper) -> (Self, JoinHandle<()>) {
        let (sender, segments) = mpsc::channel();
        let thread = std::thread::spawn(move || segments.into_iter().for_each(|segment| keeper.keep(segment)));
        (Self::Later(sender), thread)
    }

    pub fn keep(&self, segment: Segment) {
        match self {
            Self::Now(keeper) => keeper.lock().unwrap_or_else(PoisonError::into_inner).keep(segment),
            // The thread ends only after all senders are gone, so this cannot fail.
            Self::Later(sender) => drop(sender.send(segment)),
        }
    }
}
