//! What the drill pays for its memory: appending, reading, judging.
#![expect(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use drillmaster::{
    event::{Kind, PodView},
    journal::{Journal, Recorder, RunDir, read_str},
    verdict::History,
};
use jiff::Timestamp;

fn header() -> Kind {
    serde_json::from_value(serde_json::json!({
        "kind": "RunStarted", "format": "1.0", "run_id": "r", "tool": "t", "scenario": "s", "title": "t",
        "scenario_hash": "", "plan_hash": "", "clusters": [], "operator": "", "host": "", "reach": {}}))
    .unwrap()
}

fn pod(i: usize) -> Kind {
    Kind::PodSeen {
        pod: PodView {
            namespace: "shop".into(),
            name: format!("web-{}", i % 200),
            uid: format!("uid-{}", i % 200),
            owner: "deployment/web".into(),
            node: format!("node-{}", i % 10),
            phase: "Running".into(),
            ready: i.is_multiple_of(3),
            terminating: false,
            disruption: String::new(),
            aside: false,
        },
        resource_version: i.to_string(),
    }
}

fn recorder() -> (tempfile::TempDir, RunDir, Recorder) {
    let temp = tempfile::tempdir().unwrap();
    let dir = RunDir::create(temp.path(), "run").unwrap();
    let recorder = Recorder::new(Journal::create(&dir).unwrap(), vec![], Arc::default(), || (1, Timestamp::UNIX_EPOCH));
    recorder.record(header()).unwrap();
    (temp, dir, recorder)
}

fn journal(c: &mut Criterion) {
    let (_temp, _dir, writer) = recorder();
    c.bench_function("append an observation", |b| b.iter(|| writer.record(pod(1)).unwrap()));
    let durable = || Kind::Armed { unwind_deadline_us: 0 };
    c.bench_function("append and sync an intent", |b| b.iter(|| writer.record(durable()).unwrap()));
    let (_temp, dir, writer) = recorder();
    for i in 0..10_000 {
        writer.record(pod(i)).unwrap();
    }
    let text = std::fs::read_to_string(dir.journal()).unwrap();
    c.bench_function("read and check 10,000 events", |b| b.iter(|| read_str("j", &text).unwrap()));
    let events = read_str("j", &text).unwrap().events;
    c.bench_function("lay out 10,000 events of 200 pods", |b| {
        b.iter_batched(|| events.clone(), |events| History::of(&events), BatchSize::LargeInput);
    });
}

criterion_group!(benches, journal);
criterion_main!(benches);
