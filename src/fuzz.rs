//! A function for each kind of input that may come from an untrusted source. The targets of `fuzz/` call them, and so
//! does the test that replays their corpora. Each function returns for every input, and prints nothing that could
//! drive a terminal. Each returns whether its reader accepted the input: a target whose inputs are all refused tests
//! nothing else.

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::{
    cli::read_plan,
    inventory::{ObjectSet, ReviewSource, parse_scans, read_capture, read_text},
    journal::{ReadJournal, RunState, read_str},
    model::{Review, is_printable, sha256},
    plan,
    readiness::{self, ReviewSettings, VOCABULARY},
    report,
    scenario::{Problems, Sources, load_str, parse_bindings, parse_readiness_file},
    sim::Description,
    verdict,
};

/// A target: its name, which is also the name of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets.
pub const TARGETS: [Target; 10] = [
    ("scenario", scenario),
    ("bindings", bindings),
    ("readiness_file", readiness_file),
    ("cluster", cluster),
    ("manifest", manifest),
    ("scan", scan),
    ("capture", capture),
    ("journal", journal),
    ("plan", plan_file),
    ("answers", answers),
];

/// A scenario.
pub fn scenario(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut read = false;
    for lenient in [true, false] {
        let sources = Sources { lenient, ..Sources::default() };
        read |= match load_str("a.yaml", text, &sources) {
            Ok(loaded) => {
                shown(&loaded.warnings);
                true
            }
            Err(problems) => shown(&problems),
        };
    }
    read
}

/// Bindings.
pub fn bindings(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    parse_bindings("a.yaml", text).map_or_else(|problems| shown(&problems), |_| true)
}

/// A readiness file.
pub fn readiness_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    parse_readiness_file("a.yaml", text, &VOCABULARY).map_or_else(|problems| shown(&problems), |_| true)
}

/// The description of a cluster.
pub fn cluster(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    Description::read("a.yaml", text).map_or_else(|problems| shown(&problems), |_| true)
}

/// Manifests, and a review of them in every format.
pub fn manifest(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut object_set = ObjectSet::default();
    read_text(&mut object_set, "a.yaml", text);
    object_set.settle();
    reviewed(&object_set);
    planned(&object_set, text);
    !object_set.is_empty()
}

/// The fix plan as a diff of the only file.
fn planned(object_set: &ObjectSet, text: &str) {
    let (settings, now) = (ReviewSettings::default(), jiff::Timestamp::UNIX_EPOCH);
    let mut review: Review = readiness::review(object_set, &settings, "a", "full", now);
    let more = readiness::try_changes(object_set, &settings, now, &mut review);
    let folder = readiness::Folder {
        name: "a".to_owned(),
        path: &|_| Ok("a.yaml".to_owned()),
        text: &|_| Ok(text.to_owned()),
        exists: &|_| false,
    };
    let plan = readiness::plan_for_files(object_set, &review, &more, &folder);
    let _ = report::fix_diff(&review, &more, &plan);
}

/// A scanner's result file.
pub fn scan(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    parse_scans(text).is_ok()
}

/// A capture: an archive, or lines that are packed as the objects of one.
pub fn capture(bytes: &[u8]) -> bool {
    let packed = if bytes.starts_with(&[0x1f, 0x8b]) { bytes.to_vec() } else { archive(bytes) };
    let Ok((object_set, _)) = read_capture(&packed) else { return false };
    reviewed(&object_set);
    !object_set.is_empty()
}

fn archive(objects: &[u8]) -> Vec<u8> {
    const HEAD: &[u8] = br#"{"version": 1, "by": "0", "context": "c", "at": "2026-11-24T00:00:00Z", "kubernetes": "", "gaps": {}, "notes": []}"#;
    let mut tar = tar::Builder::new(GzEncoder::new(vec![], Compression::fast()));
    for (name, bytes) in [("capture.json", HEAD), ("objects/a.jsonl", objects)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        let _ = tar.append_data(&mut header, name, bytes);
    }
    tar.into_inner().and_then(GzEncoder::finish).unwrap_or_default()
}

/// A journal. Its hash chain is computed again, so that the code behind the chain check is reached. The journal is
/// then reported in every format and judged again.
pub fn journal(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let _ = read_str("journal.jsonl", text);
    let Ok(read) = read_str("journal.jsonl", &chained(text)) else { return false };
    told(&read);
    true
}

/// Gives the lines consecutive numbers and a valid hash chain.
pub fn chained(text: &str) -> String {
    let (mut out, mut prev, mut seq) = (String::new(), String::new(), 0_u64);
    for line in text.lines() {
        let line = match serde_json::from_str::<Value>(line) {
            Ok(mut value) if value.is_object() => {
                value["prev"] = prev.into();
                value["seq"] = seq.into();
                value.to_string()
            }
            _ => line.to_owned(),
        };
        prev = sha256(&line);
        seq += 1;
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn told(read: &ReadJournal) {
    let _ = RunState::of(&read.events);
    for event in &read.events {
        if let Some(line) = report::line(event) {
            plain(&line);
        }
    }
    let reading = verdict::ReadRun::of(&read.events);
    let story = report::story_of(&reading);
    plain(&report::summary(&story, false));
    let document = report::document(&story, &reading, &report::Beside::default());
    let _ = (report::json(&story, &document), report::markdown(&document), report::html(&document));
    let _ = (report::sarif(&story), report::junit(&story));
}

/// A plan file.
pub fn plan_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(read) = read_plan(text) else { return false };
    let _ = (plan::hash(&read), plan::show(&read));
    true
}

/// Lists as an API server sends them, one per line: the input of a review of a cluster.
pub fn answers(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut object_set = ObjectSet { source: ReviewSource::Live, ..ObjectSet::default() };
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
        let items = value["items"].as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for item in items {
            let _ = object_set.put(item, Default::default());
        }
    }
    object_set.settle();
    reviewed(&object_set);
    !object_set.is_empty()
}

fn reviewed(object_set: &ObjectSet) {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let review: Review = readiness::review(object_set, &ReviewSettings::default(), "a", "full", now);
    // The catalogue catches a panic of a check. For a fuzzer, that panic is a bug.
    let broken = review.results.iter().find(|r| r.state == crate::model::State::Error);
    assert!(broken.is_none(), "a check panicked: {broken:?}");
    plain(&report::review_human(&review, true, report::GroupBy::Object));
    plain(&report::fix_plan(&review, &[]));
    plain(&report::review_markdown(&review));
    let _ = (report::review_json(&review), report::review_sarif(&review), report::review_html(&review));
    let _ = (report::review_junit(&review), report::review_prometheus(&review));
}

/// Renders the problems. Returns false: the input was refused.
fn shown(problems: &Problems) -> bool {
    plain(&problems.render(false));
    let _ = problems.render(true);
    false
}

/// The text must not contain anything that drives a terminal.
fn plain(text: &str) {
    let odd = text.chars().find(|c| *c != '\n' && !is_printable(*c));
    assert!(odd.is_none(), "{odd:?} would be shown");
}
