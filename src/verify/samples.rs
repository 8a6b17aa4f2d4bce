//! The samples of probes: each segment in the journal is in its file, byte for byte, and has the content that the
//! journal describes.

use std::{collections::BTreeMap, path::Path};

use super::{
    directory::Looked,
    found::{Found, sha256},
};
use crate::event::{Event, Kind, ProbeRun, ProbeSample};

/// A samples file, as far as it was checked.
struct File {
    bytes: Vec<u8>,
    /// The position of the next segment.
    next: usize,
    probe: String,
}

/// A segment of samples, as the journal describes it.
struct Segment<'a> {
    event: &'a Event,
    probe: &'a str,
    name: &'a str,
    from: usize,
    to: usize,
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
        Some(Self { event, probe, name, from, to, sha256, counts: (*n, *failed), runs })
    }
}

pub(super) fn check(looked: &Looked<'_>, found: &mut Found) {
    let segments = looked.journal.events.iter().filter_map(Segment::of).count();
    if segments == 0 {
        return;
    }
    found.check(format!("samples: {segments} segments, each as described in the journal"), |found| {
        let mut files = BTreeMap::new();
        for segment in looked.journal.events.iter().filter_map(Segment::of) {
            if let Err((place, what)) = one(looked, &mut files, &segment) {
                found.differs(place, what);
            }
        }
        tails(looked, &files, found);
    });
}

/// The place and the description of a difference.
type Wrong = (String, String);

fn one(looked: &Looked<'_>, files: &mut BTreeMap<String, File>, segment: &Segment<'_>) -> Result<(), Wrong> {
    let journal = looked.journal.place(segment.event.seq);
    let name = file_name(looked, segment)
        .ok_or_else(|| (journal.clone(), "this event does not name a samples file".to_owned()))?;
    let path = looked.path(&format!("samples/{name}"));
    if !files.contains_key(&name) {
        let bytes = looked
            .dir
            .sample(&name)
            .map_err(|e| (format!("{path}:1"), format!("cannot read this file ({e}), which {journal} refers to")))?;
        files.insert(name.clone(), File { bytes, next: 0, probe: segment.probe.to_owned() });
    }
    let Some(file) = files.get_mut(&name) else { return Ok(()) };
    if !looked.numbered && file.probe != segment.probe {
        // In version 0.1.0, two probes could share a file, and their samples cannot be distinguished.
        return Ok(());
    }
    if looked.numbered && (file.probe != segment.probe || file.next != segment.from) {
        return Err((journal, format!("its samples do not follow the earlier ones in {path}")));
    }
    file.next = segment.to;
    let line = file.bytes.iter().take(segment.from).filter(|b| **b == b'\n').count() + 1;
    let place = format!("{path}:{line}");
    let bytes = file.bytes.get(segment.from..segment.to);
    let bytes = bytes.ok_or_else(|| (place.clone(), format!("the samples that {journal} refers to are missing")))?;
    if sha256(bytes) != segment.sha256 {
        return Err((place, format!("these samples differ from those of {journal}: their hash is different")));
    }
    if looked.numbered && !says(bytes, segment) {
        return Err((journal, format!("its description of the samples differs from {place}")));
    }
    Ok(())
}

/// Version 0.1.0 named the probe, and replaced characters that a file name cannot contain by `_`.
fn file_name(looked: &Looked<'_>, segment: &Segment<'_>) -> Option<String> {
    if looked.numbered {
        return (Path::new(segment.name).file_name()? == segment.name).then(|| segment.name.to_owned());
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    let there = |name: &String| !name.contains('/') && looked.dir.file("samples").join(name).is_file();
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
fn tails(looked: &Looked<'_>, files: &BTreeMap<String, File>, found: &mut Found) {
    let ended = looked.journal.head().is_some();
    if !looked.numbered || !ended || looked.journal.last_epoch() > 1 {
        return;
    }
    for (name, file) in files.iter().filter(|(_, file)| file.bytes.len() > file.next) {
        let line = file.bytes.iter().take(file.next).filter(|b| **b == b'\n').count() + 1;
        let place = format!("{}:{line}", looked.path(&format!("samples/{name}")));
        found.differs(place, "these samples are not in the journal");
    }
}
