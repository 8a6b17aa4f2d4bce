//! A rehearsal that starts from a fork writes the same journal as one from the start, byte for byte. Forks of the same
//! beginning do not affect each other.

use drillmaster::{
    event::Kind,
    model::Exit,
    sim::{Description, SettledCluster},
};

use super::rehearsal::{Ended, Rehearsal, cluster, on_paused_time, scenario};

const SEED: u64 = 7;

/// One entry that is in force when the drill begins, and one that waits for the drill.
const HAPPENS: &str = "happens:
  - at: 0s
    what: {silence: {matchers: {alertname: Watchdog}}}
  - after: {seen: {nodeSilent: any}}
    delay: 3s
    what: {patch: {object: configmap/settings, namespace: shop, patch: {data: {currency: CHF}}}}
";

/// The small shop with these entries.
fn busy_shop() -> Description {
    Description::parse(&(include_str!("../../scenarios/clusters/small-shop.yaml").to_owned() + HAPPENS)).unwrap()
}

/// The first lines that differ.
fn difference(one: &Ended, other: &Ended) -> Option<String> {
    let (one, other) = (String::from_utf8_lossy(&one.journal), String::from_utf8_lossy(&other.journal));
    let (a, b) = one.lines().zip(other.lines()).find(|(a, b)| a != b)?;
    Some(format!("\n{a}\n{b}"))
}

fn from_start(name: &str, description: &Description) -> Ended {
    on_paused_time(async {
        let stage = Rehearsal::set(description, SEED).await;
        stage.drill(&scenario(name, description), None).await
    })
}

fn from_fork(name: &str, settled: &SettledCluster, description: &Description) -> Ended {
    on_paused_time(async {
        let simulation = settled.fork(&description.happens).await.unwrap();
        Rehearsal::of(simulation).drill(&scenario(name, description), None).await
    })
}

fn settled(description: &Description) -> SettledCluster {
    on_paused_time(SettledCluster::of(description, SEED)).unwrap()
}

#[test]
fn a_fork_goes_on_as_the_cluster_would() {
    let shop = cluster("small-shop");
    let regions = cluster("two-regions");
    let busy = busy_shop();
    let drills = [
        ("zone-outage", &shop),
        ("namespace-loss-and-restore", &shop),
        ("zone-outage", &busy),
        ("control-plane-loss", &regions),
        ("region-loss", &regions),
    ];
    for (name, description) in drills {
        let whole = from_start(name, description);
        let beginning = settled(description);
        for _ in 0..2 {
            let forked = from_fork(name, &beginning, description);
            assert_eq!(forked.exit, whole.exit, "{name}");
            if let Some(lines) = difference(&whole, &forked) {
                panic!("{name}: the journals differ: {lines}");
            }
        }
    }
}

/// An object that one fork loses must still exist in another.
#[test]
fn forks_know_nothing_of_each_other() {
    let shop = cluster("small-shop");
    let beginning = settled(&shop);
    let before = from_fork("zone-outage", &beginning, &shop);
    let other = from_fork("namespace-loss-and-restore", &beginning, &busy_shop());
    let after = from_fork("zone-outage", &beginning, &shop);
    assert_eq!((before.exit, after.exit), (Some(Exit::Passed), Some(Exit::Passed)));
    assert!(other.events.iter().any(|e| matches!(&e.event, Kind::FaultApplied { .. })));
    assert!(before.journal == after.journal);
}
