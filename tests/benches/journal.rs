//! How long the journal takes: appending, reading, judging.
#![expect(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{path::Path, sync::Arc};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use drillmaster::{
    event::{Event, Kind, PodView},
    journal::{Journal, Recorder, RunDir, RunState, read, read_str},
    model::WayBack,
    verdict::{History, RULES, TOOL, again, conclude},
};
use jiff::Timestamp;

fn header() -> Kind {
    serde_json::from_value(serde_json::json!({
        "kind": "RunStarted", "format": "2.1", "run_id": "r", "tool": "t", "scenario": "s", "title": "t",
        "scenario_hash": "", "plan_hash": "", "clusters": [], "operator": "", "host": "", "way_back": serde_json::to_value(WayBack::default()).unwrap()}))
    .unwrap()
}

fn pod(i: usize) -> Kind {
    Kind::PodSeen {
        pod: Arc::new(PodView {
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
        }),
        resource_version: i.to_string(),
    }
}

fn recorder() -> (tempfile::TempDir, RunDir, Recorder) {
    let temp = tempfile::tempdir().unwrap();
    let dir = RunDir::create(temp.path(), "run").unwrap();
    let recorder = Recorder::new(Journal::create(&dir).unwrap(), RunState::default(), Arc::default(), || {
        (1, Timestamp::UNIX_EPOCH)
    });
    recorder.record(header()).unwrap();
    (temp, dir, recorder)
}

/// A real drill with 5 expectations, whose pods changed ten thousand times while it ran.
fn drill() -> Vec<Event> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0/pass");
    let mut events = read(&RunDir(dir)).unwrap().events;
    let woken = events.iter().position(|e| matches!(e.event, Kind::RunWoken { .. })).unwrap();
    let judged = events.iter().position(|e| matches!(e.event, Kind::Judged { .. })).unwrap();
    events.truncate(judged);
    let (at, until) = (events[woken / 2].clone(), events[woken].t_us);
    let seen = |i: usize| {
        let t_us = at.t_us + (until - at.t_us) * i as u64 / 10_000;
        Event { t_us, event: pod(i), must: false, ..at.clone() }
    };
    events.splice(woken..woken, (0..10_000).map(seen));
    events.sort_by_key(|e| e.t_us);
    let verdict = conclude(&events);
    let written = Kind::Judged {
        rules: RULES,
        tool: TOOL.into(),
        up_to: events.len() as u64 - 1,
        outcome: verdict.outcome,
        judgements: verdict.judgements,
    };
    events.push(Event { event: written, ..events[events.len() - 1].clone() });
    (0..).zip(&mut events).for_each(|(seq, e)| e.seq = seq);
    events
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
    let drill = drill();
    c.bench_function("judge a drill of 10,000 events", |b| b.iter(|| conclude(&drill)));
    c.bench_function("judge it again, as verify does", |b| b.iter(|| again(&drill)));
}

criterion_group!(benches, journal);
criterion_main!(benches);
