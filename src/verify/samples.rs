//! The samples of probes: each segment in the journal is in its file, byte for byte, and has the content that the
//! journal describes. The files are read in parts, as the journal is.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek},
    os::unix::fs::FileExt,
    path::Path,
};

use super::{directory::RunFiles, found::Differences};
use crate::{
    event::{Event, Kind, ProbeRun, ProbeSample},
    journal::{EventPlace, RunDir},
    model::sha256,
};

/// The place and the description of a difference.
type Wrong = (String, String);

/// A samples file, as far as it was checked.
struct SamplesFile {
    file: File,
    length: u64,
    /// The position of the next segment.
    next: u64,
    probe: String,
}

impl SamplesFile {
    fn open(dir: &RunDir, name: &str, probe: &str) -> io::Result<Self> {
        let file = dir.sample(name)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, next: 0, probe: probe.to_owned() })
    }

    /// The bytes of a segment; none if the file does not contain them.
    fn bytes(&self, segment: &Segment<'_>) -> Option<Vec<u8>> {
        let length = segment.to.checked_sub(segment.from).filter(|_| segment.to <= self.length)?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.file.read_exact_at(&mut bytes, segment.from).ok()?;
        Some(bytes)
    }

    /// The line of a byte, counted from 1.
    fn line(&self, byte: u64) -> usize {
        let mut file = &self.file;
        if file.rewind().is_err() {
            return 1;
        }
        let before = BufReader::new(file.take(byte));
        before.bytes().map_while(Result::ok).filter(|b| *b == b'\n').count() + 1
    }
}

/// A segment of samples, as the journal describes it.
struct Segment<'a> {
    probe: &'a str,
    name: &'a str,
    from: u64,
    to: u64,
    sha256: &'a str,
    counts: (u32, u32),
    runs: &'a [ProbeRun],
}

impl<'a> Segment<'a> {
    /// None if there are no samples because they could not be written.
    fn of(event: &'a Event) -> Option<Self> {
        let Kind::ProbeSegment { probe, file, sha256, n, failed, runs, .. } = &event.event else { return None };
        let (name, range) = file.split_once('#')?;
        let (from, to) = range.split_once('-')?;
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        Some(Self { probe, name, from, to, sha256, counts: (*n, *failed), runs })
    }
}

/// Checks the segments of a journal, one after another.
pub(super) struct Samples<'a> {
    dir: &'a RunDir,
    files: BTreeMap<String, SamplesFile>,
    segments: usize,
    wrong: Vec<Wrong>,
}

impl<'a> Samples<'a> {
    pub fn of(dir: &'a RunDir) -> Self {
        Self { dir, files: BTreeMap::new(), segments: 0, wrong: vec![] }
    }

    /// Checks the segment that an event describes, if it describes one. `numbered` as in [`RunFiles`].
    pub fn add(&mut self, event: &Event, place: EventPlace<'_>, numbered: bool) {
        let Some(segment) = Segment::of(event) else { return };
        self.segments += 1;
        if let Err(wrong) = self.check_segment(&segment, place, numbered) {
            self.wrong.push(wrong);
        }
    }

    /// Reports what differs.
    pub fn check(self, looked: &RunFiles<'_>, found: &mut Differences) {
        let Self { dir, files, segments, wrong } = self;
        if segments == 0 {
            return;
        }
        found.check(format!("samples: {segments} segments, each as described in the journal"), |found| {
            for (place, what) in wrong {
                found.differs(place, what);
            }
            tails(dir, looked, &files, found);
        });
    }

    fn check_segment(&mut self, segment: &Segment<'_>, journal: EventPlace<'_>, numbered: bool) -> Result<(), Wrong> {
        let name = file_name(self.dir, segment, numbered)
            .ok_or_else(|| (journal.to_string(), "this event does not name a samples file".to_owned()))?;
        let path = path(self.dir, &name);
        if !self.files.contains_key(&name) {
            let file = SamplesFile::open(self.dir, &name, segment.probe).map_err(|e| {
                (format!("{path}:1"), format!("cannot read this file ({e}), which {journal} refers to"))
            })?;
            self.files.insert(name.clone(), file);
        }
        let Some(file) = self.files.get_mut(&name) else { return Ok(()) };
        if !numbered && file.probe != segment.probe {
            // In version 0.1.0, two probes could share a file, and their samples cannot be distinguished.
            return Ok(());
        }
        if numbered && (file.probe != segment.probe || file.next != segment.from) {
            return Err((journal.to_string(), format!("its samples do not follow the earlier ones in {path}")));
        }
        file.next = segment.to;
        let place = || format!("{path}:{}", file.line(segment.from));
        let bytes = file.bytes(segment);
        let bytes = bytes.ok_or_else(|| (place(), format!("the samples that {journal} refers to are missing")))?;
        if sha256(&bytes) != segment.sha256 {
            return Err((place(), format!("these samples differ from those of {journal}: their hash is different")));
        }
        if numbered && !says(&bytes, segment) {
            return Err((journal.to_string(), format!("its description of the samples differs from {}", place())));
        }
        Ok(())
    }
}

/// The path of a samples file, for messages.
fn path(dir: &RunDir, name: &str) -> String {
    dir.file(&format!("samples/{name}")).display().to_string()
}

/// Version 0.1.0 named the probe, and replaced characters that a file name cannot contain by `_`.
fn file_name(dir: &RunDir, segment: &Segment<'_>, numbered: bool) -> Option<String> {
    if numbered {
        return (Path::new(segment.name).file_name()? == segment.name).then(|| segment.name.to_owned());
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    let there = |name: &String| !name.contains('/') && dir.file("samples").join(name).is_file();
    let written = Some(segment.name.to_owned()).filter(there);
    written.or_else(|| Some(segment.name.chars().map(plain).collect()))
}

/// Whether samples agree with their description in the journal.
fn says(bytes: &[u8], segment: &Segment<'_>) -> bool {
    let mut runs = vec![];
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let Ok(sample) = serde_json::from_slice::<ProbeSample>(line) else { return false };
        sample.join(&mut runs);
    }
    let n = runs.iter().map(|r| r.n).sum();
    let failed = runs.iter().filter(|r| !r.ok && !r.lost).map(|r| r.n).sum();
    runs == segment.runs && (n, failed) == segment.counts
}

/// After the last segment there must be nothing, except what a session that died still wrote.
fn tails(dir: &RunDir, looked: &RunFiles<'_>, files: &BTreeMap<String, SamplesFile>, found: &mut Differences) {
    if !looked.numbered || looked.may_lack_lines() {
        return;
    }
    for (name, file) in files.iter().filter(|(_, file)| file.length > file.next) {
        let place = format!("{}:{}", path(dir, name), file.line(file.next));
        found.differs(place, "these samples are not in the journal");
    }
}
