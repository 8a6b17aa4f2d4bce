//! Runs the same drill on a simulated copy of the cluster. The same transitions must happen in the same order, at times
//! that the intervals of the real controllers allow. `DRILL_RECORD=1` keeps what was seen in tests/fidelity, and every
//! `cargo test` rehearses it again.

use std::{collections::BTreeMap, path::Path};

use drillmaster::event::{Event, Kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::{Recording, Slack, partings, rows, silenced, transitions};

use super::drill::{Drill, Ended, binary, events};

#[path = "../shared/fidelity.rs"]
mod shared;

pub const LEASES: [&str; 6] = [
    "-n",
    "kube-node-lease",
    "get",
    "leases",
    "-o",
    r#"jsonpath={range .items[*]}{.metadata.name}={.spec.renewTime}{"\n"}{end}"#,
];

/// A control plane, as far as a rehearsal has to know it.
pub struct Bed<'a> {
    /// Its name in the table.
    pub name: &'a str,
    /// A drill with the right to read everything that a copy needs.
    pub admin: &'a Drill,
    /// What `kubectl` answers to LEASES. Empty while the control plane is away.
    pub leases: Box<dyn Fn() -> String + 'a>,
    /// The times that depend on the hardware, measured once on this control plane.
    pub times: Value,
    /// How Velero captures volumes here.
    pub capture: &'a str,
    /// The node of the control plane, if there is one.
    pub control_plane: &'a str,
}

impl Bed<'_> {
    fn copy(&self) -> Value {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("copy.json");
        let mut command = binary();
        command.envs(&self.admin.env).args(["capture", "--context", &self.admin.context]);
        command.args(["--kubeconfig", &self.admin.kubeconfig, "--bindings", &self.admin.bind]);
        for probed in ["storefront", "storefrontBeside"] {
            command.args(["--value", &format!("{probed}=http://web.shop.svc/healthz")]);
        }
        command.args(["--value", &format!("controlPlane={}", self.control_plane)]);
        let out = command.arg("--out").arg(&file).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let mut copy: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        copy["capture"] = self.capture.into();
        for (name, time) in self.times.as_object().unwrap() {
            copy["times"][name] = time.clone();
        }
        copy
    }

    /// When each lease was last renewed. The leases of dead nodes are not renewed.
    fn renewals(&self) -> BTreeMap<String, Timestamp> {
        let said = (self.leases)();
        said.lines().filter_map(|l| l.split_once('=')).filter_map(|(n, t)| Some((n.into(), t.parse().ok()?))).collect()
    }
}

/// Runs the drill on the cluster, then on a copy with the leases as they were when the power was switched off, and
/// compares both.
pub fn drill_both(bed: &Bed<'_>, drill: &Drill, scenario: &str, set: &[&str]) -> Ended {
    let mut copy = bed.copy();
    let last = drill.newest();
    let more: Vec<&str> = set.iter().flat_map(|variable| ["--set", variable]).collect();
    let mut child = drill.start(scenario, &more);
    let mut renewals = BTreeMap::new();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let dir = drill.newest();
        if dir != last && renewals.is_empty() && all_dark(&events(&dir)) {
            renewals = bed.renewals();
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    let said = std::fs::read_to_string(drill.runs.join("log")).unwrap();
    eprintln!("{said}");
    let ended = Ended { code: status.code().unwrap_or(-1), said, dir: drill.newest() };
    assert_eq!(ended.code, 0, "{scenario}: {}", ended.said);
    let journal = events(&ended.dir);
    for (node, sent) in power(&journal) {
        // While the machine of the control plane is away, no lease of it can be judged.
        if let Some(renewed) = renewals.get(&node) {
            let age = (sent.as_millisecond() - renewed.as_millisecond()).max(0);
            copy["leases"][node] = format!("{age}ms").into();
        }
    }
    let recording = Recording {
        scenario: scenario.into(),
        set: set.iter().map(|v| (*v).to_owned()).collect(),
        bed: bed.name.into(),
        kubernetes: version(&journal),
        recorded: Timestamp::now().strftime("%F").to_string(),
        real: transitions(&journal),
        description: copy,
    };
    if std::env::var_os("DRILL_RECORD").is_some() {
        recording_of(&recording);
    } else {
        compare(&recording);
    }
    ended
}

fn recording_of(recording: &Recording) {
    let bed = recording.bed.replace(", --", "-").replace(", ", "-").replace(' ', "-");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fidelity");
    let file = dir.join(format!("{}-{}.json", bed, recording.scenario));
    std::fs::write(file, serde_json::to_string(recording).unwrap() + "\n").unwrap();
}

fn compare(recording: &Recording) {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.json");
    std::fs::write(&copy, recording.description.to_string()).unwrap();
    let mut command = binary();
    let scenario = format!("scenarios/{}.yaml", recording.scenario);
    command.args(["rehearse", &scenario, "--runs"]).arg(dir.path()).arg("--cluster").arg(&copy);
    for variable in &recording.set {
        command.args(["--set", variable]);
    }
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let simulated = transitions(&events(&drillmaster::journal::NewestRuns::below(dir.path()).newest().unwrap()));
    let slack = Slack { busy: true, ..Slack::of(recording) };
    eprintln!("{}", rows(&recording.real, &simulated, &slack));
    let parted = partings(&recording.real, &simulated, &slack);
    assert!(parted.is_empty(), "{} on {}: {parted:#?}", recording.scenario, recording.bed);
}

/// Whether all power that the drill takes away is off.
fn all_dark(events: &[Event]) -> bool {
    let (sent, intended) = (power(events).len(), intended(events).len());
    let over = events.iter().any(|e| matches!(&e.event, Kind::StepFinished { .. } if intended > 0));
    sent > 0 && sent == intended && over
}

fn intended(events: &[Event]) -> BTreeMap<drillmaster::model::FaultId, String> {
    let node = |e: &Event| match &e.event {
        Kind::FaultIntended { fault, revert, .. } => Some((fault.clone(), silenced(revert)?.to_owned())),
        _ => None,
    };
    events.iter().filter_map(node).collect()
}

/// When each node lost its power, by the wall clock.
fn power(events: &[Event]) -> BTreeMap<String, Timestamp> {
    let nodes = intended(events);
    let sent = |e: &Event| match &e.event {
        Kind::FaultApplied { fault, sent_us, .. } => {
            let ago = SignedDuration::from_micros((e.t_us - sent_us) as i64);
            Some((nodes.get(fault)?.clone(), e.at - ago))
        }
        _ => None,
    };
    events.iter().filter_map(sent).collect()
}

fn version(events: &[Event]) -> String {
    let version = events.iter().find_map(|e| match &e.event {
        Kind::RunStarted { clusters, .. } => {
            clusters.first().map(|c| json!(c)["version"].as_str().unwrap_or("").into())
        }
        _ => None,
    });
    version.unwrap_or_default()
}
