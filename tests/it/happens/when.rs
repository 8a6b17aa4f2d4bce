//! When an entry begins: after a step, or after something was seen in the cluster.

use drillmaster::{
    event::{Event, Kind},
    model::{Exit, StepName},
    sim::Simulation,
    world::ApiCall,
};

use super::{
    Case, case,
    looks::{Look, SHOP},
    shop,
};
use crate::rehearsal::{Rehearsal, on_paused_time, scenario};

/// The time at which every simulated cluster is created.
const MADE: &str = "2026-01-01T00:00:00Z";

/// Whether the entry has begun.
fn begun(look: &Look) -> bool {
    !look.simulation.happened().is_empty()
}

/// Whether the entry begins because of a cause, and not before.
async fn begins_by(look: Look, cause: impl AsyncFnOnce(&Look)) -> bool {
    look.wait(30).await;
    assert!(!begun(&look), "the entry did not wait for its cause");
    cause(&look).await;
    look.wait(1).await;
    begun(&look)
}

pub const CASES: &[Case] = &[
    case!(
        "{after: {step: outage}, delay: 10s, what: {scale: {workload: deployment/web, namespace: shop, replicas: 1}}}",
        |look| {
            let steps = look.simulation.steps();
            steps.begins(&StepName("another".into()));
            steps.ends(&StepName("outage".into()));
            steps.begins(&StepName("outage".into()));
            look.wait(9).await;
            assert_eq!(look.replicas().await, 3);
            look.wait(2).await;
            look.replicas().await == 1
        }
    ),
    case!("{after: {stepEnds: outage}, what: {delete: {object: deployment/web, namespace: shop}}}", |look| {
        begins_by(look, async |look| {
            let steps = look.simulation.steps();
            steps.begins(&StepName("outage".into()));
            look.wait(5).await;
            assert!(!begun(look));
            steps.ends(&StepName("outage".into()));
        })
        .await
    }),
    case!(
        "{after: {seen: {nodeSilent: node-a-0}}, what: {delete: {object: deployment/web, namespace: shop}}}",
        |look| {
            begins_by(look, async |look| {
                look.kill("node-b-0").await;
                look.wait(5).await;
                assert!(!begun(look));
                look.kill("node-a-0").await;
            })
            .await
        }
    ),
    case!("{after: {seen: {nodeNotReady: any}}, what: {delete: {object: deployment/web, namespace: shop}}}", |look| {
        begins_by(look, async |look| {
            look.kill("node-b-0").await;
            look.wait(5).await;
            assert!(!begun(look));
            look.wait(60).await;
        })
        .await
    }),
    case!(
        "{after: {seen: {nodeReadyAgain: any}}, what: {delete: {object: deployment/web, namespace: shop}}}",
        |look| {
            begins_by(look, async |look| {
                look.kill("node-b-0").await;
                look.wait(60).await;
                assert!(!begun(look));
                let host = look.world.host.as_ref().unwrap();
                host.run(&host.return_command("node-b-0", drillmaster::model::NodeHow::Kill).unwrap()).await.unwrap();
                look.wait(10).await;
            })
            .await
        }
    ),
    case!(
        "{after: {seen: {objectMade: {object: backup, namespace: velero}}}, what: {delete: {object: service/web, namespace: shop}}}",
        |look| {
            begins_by(look, async |look| {
                look.backup("b").await;
            })
            .await
        }
    ),
    case!(
        "{after: {seen: {objectGone: {object: pod/orders-*, namespace: shop}}}, what: {delete: {object: service/web, namespace: shop}}}",
        |look| {
            begins_by(look, async |look| {
                look.send(ApiCall::delete(format!("{SHOP}/pods/orders-1"), "", Some(0))).await;
            })
            .await
        }
    ),
    case!(
        "{after: {seen: {alertFires: NodeNotReady}}, what: {delete: {object: deployment/web, namespace: shop}}}",
        |look| {
            begins_by(look, async |look| {
                look.kill("node-b-0").await;
                look.wait(90).await;
            })
            .await
        }
    ),
];

/// In a rehearsal, the recorder reports the beginning of a step at the same instant.
#[test]
fn a_rehearsal_says_when_its_steps_begin() {
    let entry = "{after: {step: outage}, delay: 5s, for: 20s, what: {silence: {matchers: {alertname: NodeNotReady}}}}";
    let shop = shop(&[entry]).unwrap();
    let loaded = scenario("zone-outage", &shop);
    let (ended, happened) = on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = stage.drill(&loaded, None).await;
        (ended, stage.simulation.happened())
    });
    let outage = |e: &&Event| matches!(&e.event, Kind::StepStarted { step, .. } if step.0 == "outage");
    let began = ended.events.iter().find(outage).unwrap().at.duration_since(MADE.parse::<jiff::Timestamp>().unwrap());
    assert!(happened.len() == 1 && happened[0].failed.is_none(), "{happened:?}");
    let (from, until) = (happened[0].from.as_secs_f64(), happened[0].until.unwrap().as_secs_f64());
    let delay = from - began.as_secs_f64();
    assert!((delay - 5.0).abs() < 0.001 && (until - from - 20.0).abs() < 0.001, "{delay} s after it: {happened:?}");
    assert_eq!(ended.exit, Some(Exit::Passed));
}

/// An entry that missed its time or its object is named.
#[test]
fn what_has_no_effect_is_named() {
    let entries = [
        "{at: 1s, for: 5s, what: {silence: {matchers: {alertname: NodeNotReady}, ends: true}}}",
        "{after: {step: outage}, what: {nodeReturns: {node: any}}}",
        "{at: 2s, what: {nodeReturns: {node: any}}}",
        "{at: 3s, what: {delete: {object: service/web, namespace: shop}}}",
    ];
    let shop = shop(&entries).unwrap();
    let said = on_paused_time(async {
        let look = Look::at(Simulation::start(&shop, 1).await.unwrap());
        look.wait(20).await;
        assert_eq!(look.json("http://alertmanager.sim/api/v2/silences").await.as_array().unwrap().len(), 1);
        look.simulation.without_effect()
    });
    let ends: Vec<&str> = said.iter().map(|s| s.split_once("happens").unwrap().1).collect();
    assert_eq!(
        ends,
        [
            "[0] had no effect: no silence has these matchers",
            "[1] did not begin before the end of the drill",
            "[2] had no effect: the node is not down",
        ]
    );
}

/// One seed gives one journal, also with a list of entries.
#[test]
fn the_same_seed_and_list_give_the_same_journal() {
    let entries = [
        "{after: {seen: {nodeSilent: any}}, what: {readiness: {workload: deployment/web, namespace: shop, does: flaps, every: 3s}}}",
        "{at: 20s, for: 60s, what: {watches: {does: lag, of: pods}}}",
        "{at: 5s, what: {autoscaler: {workload: deployment/web, namespace: shop, min: 2, max: 5, every: 7s}}}",
        "{after: {step: outage}, what: {log: {pod: orders-0, namespace: shop, does: loses, oneIn: 3}}}",
    ];
    let shop = shop(&entries).unwrap();
    let loaded = scenario("zone-outage", &shop);
    let journal = || on_paused_time(async { Rehearsal::set(&shop, 7).await.drill(&loaded, None).await.journal });
    assert!(journal() == journal());
}
