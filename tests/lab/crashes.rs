//! Whatever interrupts a drill, the cluster is put back. Each test compares the cluster before and after.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use drillmaster::event::{Actor, Kind};
use nix::sys::signal::Signal;

use super::{
    drill::{admin, events, happened, open_faults, report, signal, wait_for_event},
    hollow::{Hollow, wait_for},
};

type Point = (&'static str, fn(&Kind) -> bool);

/// Ten points of the acceptance drill.
const POINTS: [Point; 10] = [
    ("armed", |k| matches!(k, Kind::Armed { .. })),
    ("backup begun", |k| matches!(k, Kind::StepStarted { step, .. } if step.0 == "snapshot")),
    ("outage intended", |k| matches!(k, Kind::FaultIntended { step, .. } if step.0 == "outage")),
    ("first node away", |k| matches!(k, Kind::FaultApplied { fault, .. } if fault.0.starts_with("outage/"))),
    ("waiting for recovery", |k| matches!(k, Kind::StepStarted { step, .. } if step.0 == "shop survives")),
    ("deletion intended", |k| matches!(k, Kind::FaultIntended { fault, .. } if fault.0 == "namespace lost/shop")),
    ("deletion sent", |k| matches!(k, Kind::FaultApplied { fault, .. } if fault.0 == "namespace lost/shop")),
    ("namespace gone", |k| matches!(k, Kind::StepFinished { step, .. } if step.0 == "namespace lost")),
    ("restore begun", |k| matches!(k, Kind::LeftBehind { what, .. } if what.starts_with("Velero restore"))),
    ("power coming back", |k| matches!(k, Kind::RevertStarted { fault, .. } if fault.0.starts_with("outage/"))),
];

#[test]
#[ignore = "needs the hollow lab"]
fn killed_at_five_points_and_reaped() {
    killed_at(0);
}

#[test]
#[ignore = "needs the hollow lab"]
fn killed_at_five_points_and_recovered() {
    killed_at(1);
}

/// The detached reaper and a person take turns in recovering the run. Each half of the points has its own lab.
fn killed_at(half: usize) {
    let lab = Hollow::up(&["--fast"]);
    let reaped = half == 0;
    for (name, look) in POINTS.iter().skip(half).step_by(2) {
        lab.spread();
        let before = lab.picture();
        let drill = admin(&lab);
        let mut child = drill.start("zone-loss-and-restore", if reaped { &[] } else { &["--no-reaper"] });
        let last = drill.newest();
        wait_for(name, 120, || {
            assert!(child.try_wait().unwrap().is_none(), "{name}: the run ended before it was killed");
            drill.newest() != last && happened(&drill.newest(), look)
                || last.as_os_str().is_empty() && happened(&drill.newest(), look)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let dir = drill.newest();
        eprintln!("killed at `{name}`: {} open", open_faults(&dir));
        if reaped {
            wait_for_event(&dir, "the reaper to finish", 180, |k| matches!(k, Kind::RunEnded { .. }));
            assert!(happened(&dir, |k| matches!(k, Kind::SessionOpened { actor: Actor::Reaper, .. })));
        } else {
            let ended = drill.recover();
            assert_eq!(ended.code, 0, "{name}: {}", ended.said);
        }
        assert_eq!(open_faults(&dir), 0, "{name}");
        before.same(&lab);
    }
}

#[test]
#[ignore = "needs the hollow lab"]
fn frozen_fenced_and_thawed() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let drill = admin(&lab);
    let mut child = drill.start("zone-outage", &["--frozen-after", "10s"]);
    wait_for("a node to be away", 60, || happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    signal(&child, Signal::SIGSTOP);
    let dir = drill.newest();
    wait_for("the reaper to take over and finish", 120, || happened(&dir, |k| matches!(k, Kind::RunEnded { .. })));
    // A shell shows this as exit code 137.
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "the reaper must end the runner before it takes over: {status:?}");
    let after: Vec<u64> = events(&dir).iter().rev().take(3).map(|e| e.epoch).collect();
    assert!(after.iter().all(|e| *e == 2), "no line of the first session may count after the second session began");
    before.same(&lab);
}

#[test]
#[ignore = "needs the hollow lab"]
fn one_drill_at_a_time_and_stopped_by_annotation() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let first = admin(&lab);
    let mut child = first.start("zone-outage", &[]);
    wait_for("a node to be away", 60, || happened(&first.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    let mut second = admin(&lab);
    second.runs = second.runs.with_file_name("second");
    let ended = second.run("node-power-loss", &[]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    // Anybody with kubectl can stop the drill.
    lab.kubectl(&["-n", "drillmaster", "annotate", "lease", "drill", "drillmaster.dev/stop=unwind"]);
    let asked = events(&first.newest()).last().unwrap().t_us;
    assert_eq!(child.wait().unwrap().code(), Some(5));
    let noticed = events(&first.newest()).into_iter().find(|e| matches!(e.event, Kind::StopAsked { .. })).unwrap();
    assert!(noticed.t_us < asked + 2_500_000, "noticed {} us after it was asked", noticed.t_us.saturating_sub(asked));
    before.same(&lab);
}

#[test]
#[ignore = "needs the hollow lab"]
fn interrupted_and_recovered_from_the_cluster() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let drill = admin(&lab);
    let mut child = drill.start("zone-outage", &[]);
    wait_for("a node to be away", 60, || happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    signal(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(5));
    before.same(&lab);
    lab.spread();
    let before = lab.picture();
    // Once more, but the drill is killed, and the run directory is lost with the machine.
    let mut child = drill.start("zone-outage", &["--no-reaper"]);
    let last = drill.newest();
    wait_for("a node to be away again", 60, || {
        drill.newest() != last && happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. }))
    });
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(&drill.runs).unwrap();
    let mut command = super::drill::binary();
    command.envs(&lab.env).args([
        "recover",
        "--from-cluster",
        "--context",
        "hollow",
        "--kubeconfig",
        &lab.env["KUBECONFIG"],
    ]);
    command.args(["--bindings", "scenarios/bindings/hollow.yaml", "--runs"]).arg(&drill.runs);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    before.same(&lab);
}

#[test]
#[ignore = "needs the hollow lab"]
fn api_server_frozen_for_a_minute() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let drill = admin(&lab);
    let mut child = drill.start("zone-outage", &[]);
    wait_for("a node to be away", 60, || happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    lab.script("proc", &["apiserver", "pause"]);
    std::thread::sleep(Duration::from_secs(60));
    lab.script("proc", &["apiserver", "resume"]);
    let code = child.wait().unwrap().code().unwrap();
    let dir = drill.newest();
    assert!(matches!(code, 0 | 1 | 4), "ended with {code}");
    assert!(happened(&dir, |k| matches!(k, Kind::ContactLost { .. })), "the drill must notice a blind interval");
    let blind = report(&dir)["blind"].as_array().unwrap().len();
    assert!(blind > 0, "the report must contain the blind interval");
    let floor = super::drill::outcomes(&dir, "never below");
    assert!(!floor[0].starts_with("pass"), "a blind interval must not have a minimum: {floor:?}");
    before.same(&lab);
}

#[test]
#[ignore = "needs the hollow lab"]
fn velero_killed_during_backup_and_restore() {
    let lab = Hollow::up(&["--fast"]);
    for step in ["snapshot", "brought back"] {
        lab.settle();
        let before = lab.picture();
        let drill = admin(&lab);
        let last = drill.newest();
        let mut child = drill.start("namespace-loss-and-restore", &["--set", "patience=40s", "--set", "content=none"]);
        wait_for(step, 90, || {
            drill.newest() != last
                && happened(
                    &drill.newest(),
                    |k| matches!(k, Kind::LeftBehind { what, .. } if what.contains(if step == "snapshot" { "backup" } else { "restore" })),
                )
        });
        lab.script("proc", &["velero", "kill"]);
        std::thread::sleep(Duration::from_secs(5));
        lab.script("proc", &["velero", "start"]);
        let code = child.wait().unwrap().code().unwrap();
        assert!(
            matches!(code, 0 | 1),
            "{step}: ended with {code}: {}",
            std::fs::read_to_string(drill.runs.join("log")).unwrap()
        );
        assert_eq!(open_faults(&drill.newest()), 0);
        // Velero never continues with a backup that was ReadyToStart when it died, nor with one behind it. No backup of
        // the drill may stay in its queue.
        let phases = lab.kubectl(&["-n", "velero", "get", "backups", "-o", "jsonpath={.items[*].status.phase}"]);
        assert!(!phases.contains("ReadyToStart") && !phases.contains("Queued"), "{step}: {phases}");
        before.same(&lab);
    }
}

/// The run directory fills up in the middle of a run. The drill does nothing new, undoes what it did from memory, and
/// its exit code says that the journal is incomplete.
#[test]
#[ignore = "needs the hollow lab, and root for a small file system"]
fn the_run_directory_is_read_only_or_fills_up() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let before = lab.picture();
    let mut drill = admin(&lab);
    drill.runs = "/proc/no/such/place".into();
    let ended = drill.run("zone-outage", &[]);
    assert_eq!(ended.code, 2, "{}", ended.said);
    assert!(ended.said.contains("cannot create a run directory"));
    let small = lab.dir.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let mount =
        |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).arg(&small).status().unwrap().success();
    assert!(mount(&["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs"]));
    drill.runs = small.join("runs");
    let mut child = drill.start("zone-outage", &["--no-reaper"]);
    wait_for("a node to be away", 60, || happened(&drill.newest(), |k| matches!(k, Kind::FaultApplied { .. })));
    let _ = std::fs::write(small.join("filler"), vec![0; 4 << 20]);
    let code = child.wait().unwrap().code();
    let _ = std::fs::remove_file(small.join("filler"));
    let said = std::fs::read_to_string(drill.runs.join("log")).unwrap_or_default();
    let unmounted = mount(&["umount", "-l"]);
    assert_eq!(code, Some(70), "{said}");
    assert!(unmounted);
    before.same(&lab);
}

/// Compares the journal with a second raw watch on the same clock, over at least 500 events: how long a change of a pod
/// takes until it is in the journal.
#[test]
#[ignore = "needs the hollow lab"]
fn events_reach_the_journal_at_once() {
    use drillmaster::world::{Here, Reach, WatchEvent, connect};
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    let mut child = drill.start("../tests/lab/watching", &[]);
    wait_for("the drill to look on", 60, || {
        happened(&drill.newest(), |k| matches!(k, Kind::StepStarted { step, .. } if step.0 == "looking on"))
    });
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeMap::new()));
    let sink = std::sync::Arc::clone(&seen);
    let reach =
        Reach { context: "hollow".into(), kubeconfigs: vec![lab.env["KUBECONFIG"].clone().into()], in_cluster: false };
    std::thread::spawn(move || {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (kube, _) = connect(&reach, &Here::now()).await.unwrap();
            let path = "/api/v1/namespaces/shop/pods";
            let (_, mut version) = kube.list(path).await.unwrap();
            loop {
                let Ok(mut lines) = kube.watch(path, &version).await else { return };
                while let Ok(Some(event)) = lines.next().await {
                    let now = jiff::Timestamp::now();
                    if let WatchEvent::Changed(object) = event {
                        version = object["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
                        sink.lock().unwrap().entry(version.clone()).or_insert(now);
                    }
                }
            }
        });
    });
    for replicas in ["150", "3", "150", "3"] {
        lab.kubectl(&["-n", "shop", "scale", "deployment/web", &format!("--replicas={replicas}")]);
        std::thread::sleep(Duration::from_secs(9));
    }
    let _ = child.wait();
    let seen = seen.lock().unwrap();
    let mut late: Vec<i64> = events(&drill.newest())
        .iter()
        .filter_map(|e| match &e.event {
            Kind::PodSeen { resource_version, .. } => Some((e.at, seen.get(resource_version)?)),
            _ => None,
        })
        .map(|(journal, raw)| journal.duration_since(*raw).as_millis() as i64)
        .collect();
    late.sort_unstable();
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    eprintln!(
        "events {}: median {} ms, 99 % {} ms, most {} ms later than a raw watch",
        late.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert!(late.len() >= 500, "only {} events", late.len());
    // The times are in docs/measured.md. The test does not check them.
}
