//! Writes the run directory of a drill on a large cluster, to measure `report` and `verify` with it:
//!
//!     cargo bench --bench large_journal -- RUN NEW [EVENTS]
//!
//! RUN is the directory of a small run, such as a rehearsal. NEW is created. It is the same run, with as many
//! observations of 10,000 other pods while its steps ran, and with the verdict and the end that follow from all that.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use drillmaster::{
    event::{Event, Kind, PodView},
    journal::{Journal, RunDir, read},
    verdict::{Ending, RULES, ReadRun, TOOL},
};

const PODS: usize = 10_000;
const WORKLOADS: usize = 1_000;
const NODES: usize = 1_000;
const NAMESPACES: usize = 40;
/// How many changes each pod has, from its creation until it is gone.
const LIFE: usize = 7;

/// The workload of a pod: its namespace and its name.
fn workload(pod: usize) -> (String, String) {
    let of = pod % WORKLOADS;
    (format!("team-{}", of % NAMESPACES), format!("deployment/service-{of}"))
}

/// The change that pod number `slot` has in a round. It is replaced by a new pod when its life is over.
fn pod(slot: usize, round: usize) -> Kind {
    let (life, age) = ((round + slot) / LIFE, (round + slot) % LIFE);
    let (namespace, owner) = workload(slot);
    // The same digits in another order each time, as random as those of a real UID.
    let digits = (slot * 1_000 + life + 1) as u64;
    let digits = digits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let uid =
        format!("{:08x}-{:04x}-4{:03x}-9{:03x}-{digits:012x}", digits >> 32, digits >> 48, slot % 4096, life % 4096);
    let name =
        format!("{}-{:010x}-{:05x}", &owner["deployment/".len()..], slot % WORKLOADS * 7_919, digits as u32 % 0xf_ffff);
    if age == LIFE - 1 {
        return Kind::PodGone { namespace, name, uid };
    }
    let node =
        if age == 0 { String::new() } else { format!("node-{}.eu-central-1.compute.internal", (slot + life) % NODES) };
    Kind::PodSeen {
        pod: Arc::new(PodView {
            namespace,
            name,
            uid,
            owner,
            node,
            phase: if age < 2 { "Pending" } else { "Running" }.into(),
            ready: (3..LIFE - 1).contains(&age),
            terminating: age == LIFE - 2,
            disruption: String::new(),
            aside: true,
        }),
        resource_version: (100_000_000 + round * PODS + slot).to_string(),
    }
}

/// Observation number `i`: three of four are about pods.
fn observation(i: usize) -> Kind {
    let (slot, round) = (i / 4 % WORKLOADS, i / 4 / WORKLOADS);
    let (namespace, owner) = workload(slot);
    let turn = (round + slot) as i64;
    match (i % 4, i / 4 % 3) {
        (0, 0) => Kind::BudgetSeen {
            namespace,
            name: owner["deployment/".len()..].into(),
            healthy: 8 + turn % 3,
            desired: 9,
            allowed: (turn % 3 - 1).max(0),
            expected: 10,
            current: true,
        },
        (0, 1) => Kind::WorkloadSeen { namespace, workload: owner, wanted: 10, ready: 8 + turn as u32 % 3 },
        (0, _) => Kind::NodeSeen {
            node: format!("node-{slot}.eu-central-1.compute.internal"),
            uid: format!("{slot:08x}-0000-4000-8000-000000000000"),
            zone: format!("eu-central-1{}", ["a", "b", "c"][slot % 3]),
            ready: if turn % 50 == 0 { "Unknown" } else { "True" }.into(),
            unschedulable: false,
            taints: vec![],
            resource_version: i.to_string(),
        },
        _ => {
            let nth = i - i / 4 - 1;
            pod(nth % PODS, nth / PODS)
        }
    }
}

/// Appends to the new journal, and judges what it contains so far.
struct Writer {
    journal: Journal,
    reading: ReadRun,
}

impl Writer {
    fn append(&mut self, t_us: u64, like: &Event, kind: Kind) {
        let event = self.journal.append(t_us, like.at, kind).unwrap();
        self.reading.add(&event);
    }
}

/// The run `from`, with more observations.
fn write(from: &Path, to: &Path, count: usize) {
    let run = to.file_name().unwrap().to_str().unwrap();
    let dir = RunDir::create(to.parent().unwrap(), run).unwrap();
    for name in ["plan.json", "scenario.yaml"] {
        std::fs::copy(from.join(name), dir.file(name)).unwrap();
    }
    for file in std::fs::read_dir(from.join("samples")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), dir.file("samples").join(file.file_name())).unwrap();
    }
    let mut journal = Journal::create(&dir).unwrap();
    journal.survive_nothing();
    let mut writer = Writer { journal, reading: ReadRun::default() };
    let events = read(&RunDir(from.to_owned())).unwrap().events;
    let woken = events.iter().position(|e| matches!(e.event, Kind::RunWoken { .. })).unwrap();
    let (before, after) = (events[woken - 1].t_us, events[woken].t_us);
    for (i, event) in events.iter().enumerate() {
        if i == woken {
            for n in 0..count {
                let t_us = before + (after - before) * n as u64 / count as u64;
                writer.append(t_us, &events[woken - 1], observation(n));
            }
        }
        let history = writer.reading.history();
        let kind = match &event.event {
            Kind::Judged { .. } => {
                let verdict = history.conclude();
                let (outcome, judgements) = (verdict.outcome, verdict.judgements);
                let up_to = writer.reading.count as u64 - 1;
                Kind::Judged { rules: RULES, tool: TOOL.into(), up_to, outcome, judgements }
            }
            Kind::RunEnded { .. } => {
                let ending = Ending::after(history);
                let detail = serde_json::from_value(ending.words().into()).unwrap();
                Kind::RunEnded { exit: ending.exit(), detail }
            }
            other => other.clone(),
        };
        writer.append(event.t_us, event, kind);
    }
    println!("{}: {} events", dir.journal().display(), writer.reading.count);
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let [from, to, rest @ ..] = &args[..] else {
        println!("usage: cargo bench --bench large_journal -- RUN NEW [EVENTS]");
        return;
    };
    let count = rest.first().map_or(1_000_000, |count| count.parse().unwrap());
    write(Path::new(from), &PathBuf::from(to), count);
}
