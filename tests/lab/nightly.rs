//! Tests that take long: runs that are killed and frozen at random moments, and a machine that loses more than the
//! cluster. `tests/nightly` runs these tests; `.ci/run` does not. `DRILL_ROUNDS=n` runs n rounds instead of the usual
//! number.

use std::{os::unix::process::ExitStatusExt, path::Path, process::Command, time::Duration};

use drillmaster::{
    event::Kind,
    journal::{RunDir, read},
};
use nix::sys::signal::Signal;

use super::{
    drill::{Drill, admin, events, happened, open_faults, signal, wait_for_event},
    hollow::{Hollow, wait_for},
    kind::Lab,
};

/// Random numbers that are the same every night.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 27)) % limit
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most))
    }
}

fn rounds(usual: u64) -> u64 {
    std::env::var("DRILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Whatever happened to the run, its journal must be readable and name what is open.
fn named(dir: &Path, at: &str) {
    let journal = read(&RunDir(dir.to_owned())).unwrap_or_else(|e| panic!("{at}: {e}"));
    let ended = journal.events.iter().any(|e| matches!(e.event, Kind::RunEnded { .. }));
    assert!(ended, "{at}: the journal has no end: {:?}", journal.events.last());
    let stuck: Vec<_> = journal.events.iter().filter(|e| matches!(e.event, Kind::FaultStuck { .. })).collect();
    assert!(open_faults(dir) == 0 && stuck.is_empty(), "{at}: {stuck:?}");
}

/// The run directory of a drill that has begun.
fn begun(drill: &Drill, last: &Path) -> std::path::PathBuf {
    wait_for("the drill to arm itself", 60, || {
        drill.newest() != last && happened(&drill.newest(), |k| matches!(k, Kind::Armed { .. }))
    });
    drill.newest()
}

const SCENARIOS: [&str; 4] = ["zone-outage", "zone-loss-and-restore", "rolling-drain", "node-power-loss"];

#[test]
#[ignore = "needs the hollow lab, and most of an hour"]
fn ended_at_any_moment() {
    let lab = Hollow::up(&["--fast"]);
    let mut chance = Chance(1);
    for round in 0..rounds(50) {
        lab.spread();
        let before = lab.picture();
        let drill = admin(&lab);
        let last = drill.newest();
        let (scenario, reaped) = (SCENARIOS[chance.below(4) as usize], chance.below(2) == 0);
        let mut child = drill.start(scenario, if reaped { &[] } else { &["--no-reaper"] });
        let dir = begun(&drill, &last);
        let after = chance.millis(30_000);
        std::thread::sleep(after);
        let at = format!("round {round}: {scenario}, SIGKILL {after:?} after it armed itself, reaper {reaped}");
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        eprintln!("{at}: {} open", open_faults(&dir));
        if reaped || ended.signal().is_none() {
            wait_for_event(&dir, &at, 240, |k| matches!(k, Kind::RunEnded { .. }));
        } else {
            let recovered = drill.recover();
            assert_eq!(recovered.code, 0, "{at}: {}", recovered.said);
        }
        named(&dir, &at);
        before.same(&lab);
    }
}

#[test]
#[ignore = "needs the hollow lab, and half an hour"]
fn frozen_and_thawed_at_any_moment() {
    let lab = Hollow::up(&["--fast"]);
    let mut chance = Chance(2);
    for round in 0..rounds(20) {
        lab.spread();
        let before = lab.picture();
        let drill = admin(&lab);
        let last = drill.newest();
        let scenario = SCENARIOS[chance.below(4) as usize];
        let mut child = drill.start(scenario, &["--frozen-after", "10s"]);
        let dir = begun(&drill, &last);
        let (after, asleep) = (chance.millis(15_000), chance.millis(16_000));
        std::thread::sleep(after);
        signal(&child, Signal::SIGSTOP);
        // In some rounds the API server hangs, too, so that the reaper connects while the runner is unfrozen.
        let hangs = chance.below(3) == 0;
        if hangs {
            lab.script("proc", &["apiserver", "pause"]);
        }
        std::thread::sleep(asleep);
        if child.try_wait().unwrap().is_none() {
            signal(&child, Signal::SIGCONT);
        }
        if hangs {
            std::thread::sleep(chance.millis(4000));
            lab.script("proc", &["apiserver", "resume"]);
        }
        let at = format!(
            "round {round}: {scenario}, frozen {after:?} after it armed itself, for {asleep:?}, API hangs {hangs}"
        );
        eprintln!("{at}");
        let ended = child.wait().unwrap();
        wait_for_event(&dir, &at, 300, |k| matches!(k, Kind::RunEnded { .. }));
        eprintln!("{at}: {ended}");
        named(&dir, &at);
        before.same(&lab);
    }
}

#[test]
#[ignore = "needs the hollow lab, and ten minutes"]
fn api_server_away_for_five_minutes() {
    let lab = Hollow::up(&["--fast"]);
    let before = lab.picture();
    let drill = admin(&lab);
    let mut child = drill.start("zone-outage", &[]);
    wait_for("a node to be away", 60, || happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    let dir = drill.newest();
    lab.script("proc", &["apiserver", "kill"]);
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_secs(300));
    lab.script("proc", &["apiserver", "start"]);
    wait_for_event(&dir, "the reaper to finish", 240, |k| matches!(k, Kind::RunEnded { .. }));
    named(&dir, "the API server was away");
    before.same(&lab);
}

/// The name of the API server can no longer be resolved during the drill.
#[test]
#[ignore = "needs the hollow lab, and root: it writes into /etc/hosts"]
fn names_cannot_be_looked_up() {
    const NAME: &str = "drillmaster-api.invalid";
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let mut drill = admin(&lab);
    // The certificate is for 127.0.0.1, but the name must still be resolved.
    let text = std::fs::read_to_string(&drill.kubeconfig).unwrap();
    let named_server = text.replace("https://127.0.0.1:", &format!("https://{NAME}:"));
    let named_server = named_server.replace("server: https", "tls-server-name: 127.0.0.1\n    server: https");
    let kubeconfig = lab.dir.path().join("by-name");
    std::fs::write(&kubeconfig, named_server).unwrap();
    drill.kubeconfig = kubeconfig.to_str().unwrap().to_owned();
    std::fs::write("/etc/hosts", format!("{hosts}127.0.0.1 {NAME}\n")).unwrap();
    let mut child = drill.start("zone-outage", &[]);
    let away = std::panic::catch_unwind(|| {
        wait_for("a node to be away", 60, || happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    });
    std::fs::write("/etc/hosts", &hosts).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(away.is_ok(), "{}", std::fs::read_to_string(drill.runs.join("log")).unwrap());
    let dir = drill.newest();
    std::thread::sleep(Duration::from_secs(60));
    assert!(!happened(&dir, |k| matches!(k, Kind::RunEnded { .. })), "the reaper must go on trying");
    std::fs::write("/etc/hosts", format!("{hosts}127.0.0.1 {NAME}\n")).unwrap();
    let ended = std::panic::catch_unwind(|| {
        wait_for_event(&dir, "the reaper to finish", 180, |k| matches!(k, Kind::RunEnded { .. }));
    });
    std::fs::write("/etc/hosts", &hosts).unwrap();
    assert!(ended.is_ok());
    named(&dir, "names could not be looked up");
    before.same(&lab);
}

/// The store of the backups is away while the namespace is deleted. The reaper names what it cannot bring back and
/// prints the commands. `recover` brings it back when the store is available again.
#[test]
#[ignore = "needs the hollow lab, and ten minutes"]
fn the_store_is_gone_during_the_undo() {
    let lab = Hollow::up(&["--fast"]);
    let before = lab.picture();
    let drill = admin(&lab);
    let mut child = drill.start("namespace-loss-and-restore", &["--unwind-within", "90s"]);
    wait_for("the namespace to be gone", 180, || {
        happened(&drill.newest(), |k| matches!(k, Kind::StepFinished { step, .. } if step.0 == "namespace lost"))
    });
    lab.script("proc", &["s3", "kill"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let dir = drill.newest();
    wait_for_event(&dir, "the reaper to give up", 400, |k| matches!(k, Kind::RunEnded { .. }));
    let stuck = |k: &Kind| matches!(k, Kind::FaultStuck { commands, .. } if !commands.is_empty());
    assert!(happened(&dir, stuck), "the journal must name what is open: {:?}", events(&dir).last());
    lab.script("proc", &["s3", "start"]);
    wait_for("the store to be there for Velero", 180, || {
        lab.kubectl(&["-n", "velero", "get", "backupstoragelocations", "-o", "jsonpath={.items[*].status.phase}"])
            == "Available"
    });
    let ended = drill.recover();
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert_eq!(open_faults(&dir), 0);
    before.same(&lab);
}

/// Docker restarts while a node is away. The reaper powers the node on when Docker answers again.
#[test]
#[ignore = "needs the kind lab, and restarts the container engine"]
fn the_container_engine_restarts() {
    let lab = Lab::new();
    let mut child = lab.drill.start("node-power-loss", &[]);
    wait_for("a node to be away", 120, || happened(&lab.drill.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    let dir = lab.drill.newest();
    let shell = |script: &str| Command::new("sh").args(["-c", script]).status().unwrap();
    shell("pkill -x dockerd || true");
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_secs(30));
    assert!(shell(&format!("{}/kind/docker-up", super::hollow::scripts().display())).success());
    wait_for_event(&dir, "the reaper to finish", 600, |k| matches!(k, Kind::RunEnded { .. }));
    named(&dir, "the container engine restarted");
    lab.settle();
}
