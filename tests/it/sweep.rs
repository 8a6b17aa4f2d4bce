//! Crash sweeps: after a run that dies at any line, and with any trouble on the wire, the cluster is as before, or exit
//! 6 names what is not. `DRILL_SEED=n` runs one seed again.

use drillmaster::{
    event::{Event, Kind, StepEnd},
    journal::{RunDir, RunState, read},
    model::Exit,
    report,
    scenario::Loaded,
    sim::{Description, Inhibition, RuleSpec, Simulation},
    verdict::ReadRun,
};

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario};

/// The expected exit of each shipped scenario on the shipped clusters.
const TABLE: [(&str, &str, Exit); 17] = [
    ("small-shop", "zone-outage", Exit::Passed),
    ("small-shop", "node-power-loss", Exit::Passed),
    ("small-shop", "node-freeze", Exit::Passed),
    ("small-shop", "rolling-drain", Exit::Passed),
    ("small-shop", "namespace-loss-and-restore", Exit::Passed),
    ("small-shop", "zone-loss-and-restore", Exit::Passed),
    ("small-shop", "restore-to-scratch", Exit::Passed),
    ("small-shop", "data-loss", Exit::Passed),
    ("small-shop", "node-partition", Exit::Passed),
    ("small-shop", "kubelet-loss", Exit::Passed),
    ("small-shop", "statefulset-failover", Exit::Passed),
    ("two-regions", "control-plane-loss", Exit::Passed),
    ("two-regions", "region-loss", Exit::Passed),
    ("two-regions", "zone-split", Exit::Passed),
    ("fragile", "zone-outage", Exit::Refused),
    ("fragile", "node-power-loss", Exit::Refused),
    ("fragile", "silent-volume-loss", Exit::Failed),
];

/// The scenarios that pass on the small shop, for the sweeps.
pub fn shipped() -> Vec<&'static str> {
    let passes = |(place, _, exit): &&(&str, &str, Exit)| *place == "small-shop" && *exit == Exit::Passed;
    TABLE.iter().filter(passes).map(|(_, name, _)| *name).collect()
}

/// All scenarios that pass, each with a cluster on which it passes and with the journal of an undisturbed drill.
fn everywhere() -> impl Iterator<Item = (&'static str, Description, Loaded, Vec<Event>)> {
    TABLE.iter().filter(|(_, _, exit)| *exit == Exit::Passed).map(|(place, name, _)| {
        let place = cluster(place);
        let loaded = scenario(name, &place);
        let whole = on_paused_time(async { Rehearsal::set(&place, 1).await.drill(&loaded, None).await });
        (*name, place, loaded, whole.events)
    })
}

/// Each scenario, and the journal of an undisturbed drill of it.
pub fn undisturbed() -> impl Iterator<Item = (&'static str, Loaded, Vec<Event>)> {
    shipped().into_iter().map(|name| {
        let shop = cluster("small-shop");
        let loaded = scenario(name, &shop);
        let whole = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
        (name, loaded, whole.events)
    })
}

#[test]
fn every_shipped_scenario_ends_as_the_table_says() {
    for (place, name, wanted) in TABLE {
        let description = cluster(place);
        let loaded = scenario(name, &description);
        on_paused_time(async {
            let stage = Rehearsal::set(&description, 1).await;
            let ended = stage.drill(&loaded, None).await;
            assert_eq!(ended.exit, Some(wanted), "{name} on {place}: {:?}", ended.events.last());
            stage.as_before().await.unwrap_or_else(|why| panic!("{name} on {place}: {why}"));
        });
    }
}

#[test]
fn every_artefact_of_a_rehearsal_says_that_it_is_one() {
    let shop = cluster("small-shop");
    let loaded = scenario("node-power-loss", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        stage.drill(&loaded, None).await;
        let dir = RunDir(stage.dir.path().join("run"));
        report::write_all(&dir, &ReadRun::from(&dir).unwrap(), &report::Organisation::default()).unwrap();
        for name in
            ["journal.jsonl", "plan.json", "report.html", "report.md", "report.json", "junit.xml", "report.sarif"]
        {
            let text = std::fs::read_to_string(dir.file(name)).unwrap();
            assert!(text.contains("REHEARSAL, NOTHING REAL WAS TESTED"), "{name} does not say so");
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_journal() {
    let shop = cluster("small-shop");
    let loaded = scenario("zone-loss-and-restore", &shop);
    let journal = |seed| on_paused_time(async { Rehearsal::set(&shop, seed).await.drill(&loaded, None).await.journal });
    assert!(journal(7) == journal(7), "two rehearsals with one seed differ");
    assert!(journal(7) != journal(8), "the seed changes nothing");
}

/// What differs from process to process (the process id, addresses in memory) must not appear in the journal.
#[test]
fn the_same_seed_gives_the_same_journal_in_two_processes() {
    let journal = || {
        let dir = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["rehearse", "--seed", "7", "--runs"]).arg(dir.path());
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        std::fs::read(drillmaster::journal::NewestRuns::below(dir.path()).newest().unwrap().join("journal.jsonl"))
            .unwrap()
    };
    assert!(journal() == journal(), "two processes differ");
}

/// Whether sweeps try everything: with `DRILL_SWEEP=all`.
pub fn tries_all() -> bool {
    std::env::var("DRILL_SWEEP").is_ok_and(|v| v == "all")
}

/// The step of a sweep, which tries one of so many. `cargo test` has to stay short.
pub fn one_of(usual: usize) -> usize {
    if tries_all() { 1 } else { usual }
}

/// Lines after which something was done or has to be undone.
pub fn is_load_bearing(event: &Event) -> bool {
    event.event.is_durable() || matches!(event.event, Kind::RevertStarted { .. })
}

#[test]
fn killed_at_every_load_bearing_line() {
    let (mut cuts, mut sampled) = (0, 0);
    for (name, place, loaded, whole) in everywhere() {
        // Of the observations, only some are tried.
        let tried = whole.iter().filter(|event| is_load_bearing(event) || event.seq % 97 == 0);
        for event in tried.step_by(one_of(6)) {
            cuts += 1;
            sampled += u32::from(!is_load_bearing(event));
            on_paused_time(async {
                let stage = Rehearsal::set(&place, 1).await;
                let ended = stage.drill(&loaded, Some(event.seq)).await;
                let at = format!("{name}, killed after line {} ({})", event.seq, event.event.name());
                if ended.exit.is_none() {
                    let exit = stage.recover().await;
                    assert!(matches!(exit, Exit::Passed | Exit::Aborted), "{at}: recover ended with {exit:?}");
                }
                stage.as_before().await.unwrap_or_else(|why| panic!("{at}: {why}"));
            });
        }
    }
    println!("{cuts} cuts, {sampled} of them at sampled observations");
    assert!(cuts > 150 / one_of(6), "only {cuts} cuts: the sweep has become too weak");
}

/// A stop that is requested when a step begins. Everything must be put back.
#[test]
fn stopped_as_each_step_begins() {
    let (mut stops, mut aborted) = (0, 0);
    for (name, place, loaded, _) in everywhere() {
        for step in (0..loaded.scenario.steps.len()).step_by(one_of(2)) {
            stops += 1;
            let wanted = loaded.scenario.steps[step].name.clone();
            on_paused_time(async {
                let stage = Rehearsal::set(&place, 1).await;
                let own = wanted.clone();
                let begins = move |e: &Event| matches!(&e.event, Kind::StepStarted { step, .. } if *step == own);
                let ended = stage.drill_when(&loaded, begins, async |_| stage.annotate_stop().await).await;
                let at = format!("{name}, stopped at `{wanted}`");
                // A step that was over within the two seconds may have been the last one.
                assert!(matches!(ended.exit, Some(Exit::Aborted | Exit::Passed)), "{at}: {:?}", ended.exit);
                aborted += usize::from(ended.exit == Some(Exit::Aborted));
                stage.as_before().await.unwrap_or_else(|why| panic!("{at}: {why}"));
            });
        }
    }
    println!("{aborted} of {stops} stops were heard in time");
    assert!(stops >= 25 / one_of(2), "only {stops} stops");
    assert!(aborted >= 12 / one_of(2), "only {aborted} of {stops} stops were noticed: the sweep has become too weak");
}

/// A bug in a step, at each line that the step writes. The cluster must be put back, and the exit code must say that it
/// was a bug.
#[test]
fn a_panic_in_each_step() {
    let mut panics = 0;
    for (name, place, loaded, whole) in everywhere() {
        let written = whole.iter().filter(|e| {
            matches!(e.event, Kind::FaultIntended { .. } | Kind::FaultApplied { .. } | Kind::StepResult { .. })
        });
        for event in written.step_by(one_of(4)) {
            panics += 1;
            let seq = event.seq;
            on_paused_time(async {
                let stage = Rehearsal::set(&place, 1).await;
                let tap = move |event: &Event| assert!(event.seq != seq, "a planted panic");
                let ended = stage.drill_heard(&loaded, tap).await;
                let at = format!("{name}, panic at line {seq} ({})", event.event.name());
                assert_eq!(ended.exit, Some(Exit::Internal), "{at}");
                stage.as_before().await.unwrap_or_else(|why| panic!("{at}: {why}"));
            });
        }
    }
    assert!(panics >= 25 / one_of(4), "only {panics} panics");
}

/// A run belongs to the cluster on which it ran, and to no other.
#[test]
fn another_cluster_is_left_alone() {
    let shop = cluster("small-shop");
    let loaded = scenario("zone-outage", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let whole = stage.drill(&loaded, Some(80)).await;
        assert!(whole.exit.is_none());
        let other = Simulation::start(&cluster("fragile"), 1).await.unwrap();
        let before = other.picture();
        let said = stage.recover_elsewhere(&other).await;
        assert!(said.contains("is for another cluster"), "{said}");
        assert_eq!(before, other.picture(), "the other cluster must not be touched");
        let said = stage.recover_for_real().await;
        assert!(said.contains("is a rehearsal: nothing real was touched"), "{said}");
        assert_eq!(stage.recover().await, Exit::Aborted);
    });
}

/// The machine of the runner and its files are gone. The record in the cluster is sufficient, also for a second
/// attempt. A record that cannot be read is not treated as an empty one.
#[test]
fn recovered_from_the_clusters_record() {
    let shop = cluster("small-shop");
    let loaded = scenario("zone-outage", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let whole = stage.drill(&loaded, None).await;
        let applied = whole.events.iter().rfind(|e| matches!(e.event, Kind::FaultApplied { .. }));
        let stage = Rehearsal::set(&shop, 1).await;
        assert!(stage.drill(&loaded, Some(applied.unwrap().seq + 5)).await.exit.is_none());
        let first = stage.recovered_from_cluster().await.unwrap();
        let second = stage.recovered_from_cluster().await.unwrap();
        assert_eq!(first.0, second.0, "the second attempt must continue the first one");
        assert_eq!(stage.recover_from(&second).await, Exit::Aborted);
        stage.as_before().await.unwrap();
        let stage = Rehearsal::set(&shop, 1).await;
        assert!(stage.drill(&loaded, Some(applied.unwrap().seq + 5)).await.exit.is_none());
        stage.damage_record().await;
        let said = stage.recovered_from_cluster().await.map(|d| d.0).unwrap_err();
        assert!(said.contains("cannot read the run record"), "{said}");
    });
}

/// The pre-flight detects an alert that nobody would receive.
#[test]
fn a_silence_in_the_description_is_seen() {
    let mut shop = cluster("small-shop");
    shop.alertmanager.silences = vec![[("alertname".to_owned(), "NodeNotReady".to_owned())].into()];
    let loaded = scenario("zone-outage", &shop);
    let exit = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await.exit });
    assert_eq!(exit, Some(Exit::Refused));
}

/// The pre-flight detects an alert that another alert inhibits.
#[test]
fn an_inhibition_in_the_description_is_seen() {
    let mut shop = cluster("small-shop");
    let label = |name: &str| [("alertname".to_owned(), name.to_owned())].into();
    let rule = Inhibition { source: label("Watchdog"), target: label("NodeNotReady"), equal: vec![] };
    let exit = |shop: &Description| {
        let loaded = scenario("zone-outage", shop);
        on_paused_time(async { Rehearsal::set(shop, 1).await.drill(&loaded, None).await.exit })
    };
    shop.alertmanager.inhibit = vec![rule.clone()];
    assert_eq!(exit(&shop), Some(Exit::Refused), "the inhibiting alert fires already, so the pre-flight must know");
    // An alert that fires only when the nodes are lost cannot be foreseen. It is judged.
    let node_is_lost = shop.rules.iter().find(|r| r.alert == "NodeNotReady").unwrap().clone();
    shop.rules.push(RuleSpec { alert: "ZoneLost".into(), ..node_is_lost });
    shop.alertmanager.inhibit = vec![Inhibition { source: label("ZoneLost"), ..rule }];
    assert_eq!(exit(&shop), Some(Exit::Failed), "Alertmanager received the alert but notified nobody");
}

/// What a crash leaves of the last lines: whole lines count, incomplete ones do not.
#[test]
fn a_journal_that_ends_at_any_byte_is_read_up_to_its_last_line() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    let whole = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
    let intent = whole.events.iter().find(|e| matches!(e.event, Kind::FaultIntended { .. })).unwrap();
    let lines: Vec<&[u8]> = whole.journal.split_inclusive(|b| *b == b'\n').collect();
    let upto = |n: usize| lines[..n].iter().map(|l| l.len()).sum::<usize>();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let at = intent.seq as usize;
    for end in upto(at)..=upto(at + 2) {
        std::fs::write(&path, &whole.journal[..end]).unwrap();
        let read = read(&RunDir(dir.path().to_owned())).unwrap_or_else(|e| panic!("cut at byte {end}: {e}"));
        let state = RunState::of(&read.events).unwrap();
        // A line without its newline is incomplete, even if the rest of it is there.
        let complete = (0..lines.len()).rev().find(|n| upto(*n) <= end).unwrap();
        assert_eq!(read.events.len(), complete, "cut at byte {end}");
        assert_eq!(state.open().len(), usize::from(complete > at), "cut at byte {end}");
    }
}

/// The seeds of a sweep, and whether a single seed was requested. `DRILL_SEED=n` runs one seed again, `DRILL_SEEDS=n`
/// runs n seeds instead of the usual number.
pub fn seeds(usual: u64) -> (Vec<u64>, bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|s| s.parse().ok());
    match number("DRILL_SEED") {
        Some(seed) => (vec![seed], true),
        None => ((0..number("DRILL_SEEDS").unwrap_or(usual)).collect(), false),
    }
}

/// Mixed trouble on the wire, by seed.
#[test]
fn whatever_goes_wrong_on_the_wire() {
    let (seeds, one) = seeds(128);
    let mut shop = cluster("small-shop");
    // All pods of web are where the drain begins, so that its budget has something to refuse.
    let crowded = ["node-a-0", "node-a-0", "node-a-1"].map(str::to_owned).to_vec();
    shop.placement.insert("shop".into(), [("deployment/web".to_owned(), crowded)].into());
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for seed in seeds {
        let name = shipped()[seed as usize % shipped().len()];
        let loaded = scenario(name, &shop);
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, seed).await;
            stage.trouble(30 + seed % 120);
            // With every other seed, Velero fails partially, too.
            stage.simulation.velero_errs(if seed % 2 == 0 { 0 } else { 3 });
            let ended = stage.drill(&loaded, None).await;
            stage.trouble(0);
            let at = format!("{name}, DRILL_SEED={seed}");
            let exit = ended.exit.unwrap_or(Exit::Internal);
            // Law I7: a run ends within its own time limit and that of its undo.
            let limit = RunState::of(&ended.events).unwrap().plan.map_or(0, |p| p.limits.duration.micros());
            let took = ended.events.last().map_or(0, |e| e.t_us);
            assert!(took <= limit + 2_400_000_000, "{at}: took {} s", took / 1_000_000);
            *seen.entry(format!("exit {}", exit.code())).or_default() += 1;
            for word in ended.events.iter().filter_map(remarkable) {
                *seen.entry(word).or_default() += 1;
            }
            for (fate, count) in stage.simulation.met() {
                *seen.entry(format!("{fate:?}")).or_default() += count;
            }
            stage.simulation.velero_errs(0);
            if matches!(exit, Exit::Residue | Exit::Left | Exit::Internal) {
                stage.recover().await;
            }
            stage.as_before().await.unwrap_or_else(|why| panic!("{at}: ended with {exit:?}: {why}"));
        });
    }
    println!("{seen:?}");
    if !one {
        for wanted in SOMETIMES {
            assert!(seen.contains_key(wanted), "no seed reached `{wanted}`: the sweep has become too weak: {seen:?}");
        }
    }
}

/// Situations that at least one seed must reach.
const SOMETIMES: [&str; 12] = [
    "exit 0",
    "exit 3",
    "LostAnswer",
    "Hangs",
    "Conflict",
    "WatchesStall",
    "RevertStarted again",
    "ContactLost",
    "WatchGap",
    "BackupPartiallyFailed",
    "RestorePartiallyFailed",
    "EvictionRefused",
];

fn remarkable(event: &Event) -> Option<String> {
    let word = match &event.event {
        Kind::RevertStarted { attempt: 2.., .. } => "RevertStarted again",
        Kind::ContactLost { .. } => "ContactLost",
        Kind::WatchGap { .. } => "WatchGap",
        Kind::EvictionAnswered { dry_run: false, code: 429, .. } => "EvictionRefused",
        Kind::StepFinished { end: StepEnd::Failed, detail, .. } if detail.contains("ended PartiallyFailed") => {
            if detail.contains("restore ") { "RestorePartiallyFailed" } else { "BackupPartiallyFailed" }
        }
        _ => return None,
    };
    Some(word.to_owned())
}
