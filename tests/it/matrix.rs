//! The result of every shipped scenario on every shipped cluster that is quick to simulate: docs/rehearsals.md.

use std::process::Command;

use drillmaster::scenario::{CLUSTERS, SCENARIOS, names, rehearsed_on};

use super::golden;

const PAGE: &str = "docs/rehearsals.md";

const HEAD: &str = "# Rehearsals of the shipped scenarios

The exit code of `drillmaster rehearse SCENARIO --cluster CLUSTER`, with seed 1. The cluster in **bold** is the default for
the scenario. [scenarios.md](scenarios.md) describes scenarios and simulated clusters. `UPDATE_GOLDEN=1 cargo test --test it
matrix::` makes this page.

0: passed. 1: an expectation was not met. 2: the scenario does not fit the cluster, for example because the cluster has no
second cluster to restore into. 3: the pre-flight refused (`--despite-preflight` shows what the drill itself finds).
4: something required could not be proven.

";

/// A cluster of 500 nodes takes too long for a test.
fn clusters() -> impl Iterator<Item = &'static str> {
    names(CLUSTERS).filter(|name| *name != "large")
}

/// The exit code, and everything that was printed.
fn rehearsed(scenario: &str, cluster: &str) -> (i32, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    command.current_dir(dir.path()).args(["rehearse", scenario, "--cluster", cluster, "--runs", "runs"]);
    let out = command.output().unwrap();
    (out.status.code().unwrap(), String::from_utf8([out.stdout, out.stderr].concat()).unwrap())
}

fn row(scenario: &str) -> String {
    let cell = |cluster| {
        let (code, said) = rehearsed(scenario, cluster);
        if cluster != rehearsed_on(scenario) {
            return format!(" {code} |");
        }
        // A rehearsal fits a screen. These two break and restore more than the others do.
        let most = match scenario {
            "zone-loss-and-restore" => 60,
            "region-loss" => 50,
            _ => 40,
        };
        let lines = said.lines().count();
        assert!(lines <= most, "{scenario}: {lines} lines:\n{said}");
        format!(" **{code}** |")
    };
    format!("| {scenario} |{}\n", clusters().map(cell).collect::<String>())
}

#[test]
fn every_scenario_on_every_cluster() {
    let heads: String = clusters().map(|name| format!(" {name} |")).collect();
    let lines: String = clusters().map(|_| "---|").collect();
    // Two at a time: more would only wait for each other.
    let scenarios: Vec<&str> = names(SCENARIOS).collect();
    let rows: Vec<String> = scenarios
        .chunks(2)
        .flat_map(|pair| {
            std::thread::scope(|scope| {
                let threads: Vec<_> = pair.iter().map(|name| scope.spawn(|| row(name))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    golden::check_at(PAGE, &format!("{HEAD}| scenario |{heads}\n|---|{lines}\n{}", rows.concat()));
}

fn said(args: &[&str]) -> (i32, String) {
    let dir = tempfile::tempdir().unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_drillmaster")).current_dir(dir.path()).args(args).output().unwrap();
    let text = [out.stdout, out.stderr].concat();
    (out.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

/// The pre-flight refuses this cluster. What the drill itself finds there is what the cluster is for.
#[test]
fn a_rehearsal_may_continue_despite_the_preflight() {
    let drill = ["rehearse", "zone-outage", "--cluster", "fragile"];
    assert_eq!(said(&drill).0, 3);
    let (code, text) = said(&[&drill[..], &["--despite-preflight"]].concat());
    assert!(code == 1 && text.contains("a real run would be refused"), "{text}");
    let budgets = text.lines().find(|line| line.contains("has exactly one budget")).unwrap();
    assert!(budgets.trim_start().starts_with("FAIL"), "{budgets}");
}

#[test]
fn the_program_needs_no_checkout() {
    let (code, list) = said(&["list", "scenarios"]);
    assert!(code == 0 && list.lines().count() == SCENARIOS.len(), "{list}");
    for shipped in SCENARIOS.iter().chain(CLUSTERS) {
        assert_eq!(said(&["show", shipped.name]), (0, shipped.text.to_owned()), "{}", shipped.name);
    }
    assert_eq!(said(&["lint", "zone-outage", "region-loss"]).0, 0);
    let (code, text) = said(&["show", "zone-outag"]);
    assert!(code == 2 && text.contains("did you mean `zone-outage`?"), "{text}");
    let (code, text) = said(&["rehearse", "zone-outag"]);
    assert!(code == 2 && text.contains("did you mean `zone-outage`?"), "{text}");
}
