//! Negative controls: each expectation of the shipped scenarios must turn red under the defects that `rehearse --prove`
//! plants. The results are in docs/proven-red.md.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
    thread,
};

use drillmaster::prove::{Setting, defects};

use super::{
    golden,
    rehearsal::{cluster, scenario},
};

/// Scenarios, each with a cluster on which it passes. Every `cargo test` tries the first ones. `DRILL_PROVE=all` tries
/// all of them, which takes a while.
const PROVABLE: [(&str, &str); 14] = [
    ("zone-outage", SHOP),
    ("rolling-drain", SHOP),
    ("restore-to-scratch", SHOP),
    ("data-loss", SHOP),
    ("namespace-loss-and-restore", SHOP),
    ("zone-loss-and-restore", SHOP),
    ("node-power-loss", SHOP),
    ("node-freeze", SHOP),
    ("node-partition", SHOP),
    ("kubelet-loss", SHOP),
    ("statefulset-failover", SHOP),
    ("zone-split", SHOP),
    ("control-plane-loss", REGIONS),
    ("region-loss", REGIONS),
];
const SHOP: &str = "small-shop";
const REGIONS: &str = "two-regions";
const QUICK: usize = 2;

/// Scenarios without a rehearsal that passes, each with the reason.
const OTHERS: [(&str, &str); 1] = [("silent-volume-loss", "it is meant to fail")];

const PAGE: &str = "docs/proven-red.md";

const HEAD: &str = "# Negative controls

Each row is a rehearsal of a shipped scenario on a shipped cluster with one planted defect. The verdict is that of the
expectation that the defect must keep from passing. \"Attacks\" names the part of the proof that the defect removes or
contradicts. \"Missing in the proof\" lists the parts that the verdict found missing. [verdicts.md](verdicts.md) explains
the parts. A row with PASS would mean that the expectation does not notice this defect. If a scenario does not pass
without a defect, its defects are not tried, and its section says why.

`UPDATE_GOLDEN=1 cargo test --test it prove::` makes this page. `drillmaster rehearse SCENARIO --cluster FILE --prove`
makes the table of one scenario on one cluster.
";

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn proves(scenario: &str, place: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["rehearse", &format!("scenarios/{scenario}.yaml"), "--cluster", place, "--prove"]);
    command.args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A section of the page with its table, or with the reason why there is no table.
fn section((scenario, place): &(&str, &str), out: &Output) -> String {
    let (table, errors) = (text(&out.stdout), text(&out.stderr));
    let why = errors.lines().find(|line| line.starts_with("not provable")).unwrap_or_default();
    let table = table.split_once("\n\n").map_or(format!("{why}\n"), |(_, table)| table.to_owned());
    format!("\n## {scenario}\n\nOn {place}.\n\n{table}")
}

fn of_page<'a>(page: &'a str, scenario: &str) -> &'a str {
    let Some(at) = page.find(&format!("\n## {scenario}\n")) else { return "" };
    let rest = &page[at..];
    rest[1..].find("\n## ").map_or(rest, |end| &rest[..=end])
}

#[test]
fn every_defect_is_noticed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let all = update || std::env::var("DRILL_PROVE").is_ok_and(|v| v == "all");
    let scenarios = &PROVABLE[..if all { PROVABLE.len() } else { QUICK }];
    // Two rehearsals run at the same time. More would only wait for each other.
    let mut outputs = vec![];
    for pair in scenarios.chunks(2) {
        outputs.extend(thread::scope(|scope| {
            let threads: Vec<_> = pair.iter().map(|(name, place)| scope.spawn(|| proves(name, place, &[]))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect::<Vec<_>>()
        }));
    }
    let sections: Vec<String> = scenarios.iter().zip(&outputs).map(|(name, out)| section(name, out)).collect();
    if all {
        let others: String = OTHERS.iter().map(|(name, why)| format!("- {name}: {why}\n")).collect();
        golden::check_at(PAGE, &format!("{HEAD}{}\n## Not rehearsed\n\n{others}", sections.concat()));
    } else {
        let page = fs::read_to_string(here(PAGE)).unwrap();
        for ((name, _), made) in scenarios.iter().zip(&sections) {
            let kept = of_page(&page, name);
            assert!(
                made == kept,
                "{PAGE} has changed. To accept the new text, run `UPDATE_GOLDEN=1 cargo test`:\n{made}"
            );
        }
    }
    for ((name, _), out) in scenarios.iter().zip(&outputs) {
        assert_eq!(out.status.code(), Some(0), "{name}: {}", text(&out.stderr));
    }
}

#[test]
fn every_shipped_scenario_is_proven_or_says_why_not() {
    let known: BTreeSet<String> = PROVABLE.iter().chain(&OTHERS).map(|(name, _)| (*name).to_owned()).collect();
    let files = fs::read_dir(here("scenarios")).unwrap().map(|entry| entry.unwrap().path());
    let shipped = files.filter(|p| p.extension().is_some_and(|e| e == "yaml"));
    let shipped: BTreeSet<String> = shipped.map(|p| p.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(known, shipped);
}

/// A single defect could be noticed by chance.
#[test]
fn every_expectation_is_tried_with_two_defects_at_least() {
    for (name, place) in PROVABLE {
        let place = cluster(place);
        let loaded = scenario(name, &place);
        let setting = Setting { hash: &loaded.hash, scenario: &loaded.scenario, description: &place };
        for expectation in &loaded.scenario.expect {
            let planted = defects(expectation, &setting).into_iter().filter(|d| d.happens.is_ok()).count();
            assert!(planted >= 2, "{name}: {planted} defects for {expectation:?}");
        }
    }
}

/// If the scenario does not pass without a defect, a defect proves nothing.
#[test]
fn what_does_not_pass_is_not_provable() {
    let out = proves("zone-outage", SHOP, &["--set", "rto=5s"]);
    assert_eq!(out.status.code(), Some(4));
    assert!(text(&out.stderr).contains("not provable here: "), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout), "");
}
