//! What a cluster keeps about runs that have ended: one ConfigMap with their heads, and no records of single runs.

use drillmaster::{
    event::Kind,
    journal::{RunDir, read},
    model::{Exit, Head},
    world::{ApiCall, Heads},
};
use jiff::Timestamp;
use serde_json::json;

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario};

const MAPS: &str = "/api/v1/namespaces/drillmaster/configmaps";

async fn maps(stage: &Rehearsal) -> Vec<String> {
    let maps = stage.simulation.world().kube.list(MAPS).await.unwrap().0;
    let names = maps.iter().map(|m| m["metadata"]["name"].as_str().unwrap().to_owned());
    // The control plane creates this one in every namespace.
    names.filter(|name| name != "kube-root-ca.crt").collect()
}

fn head_of(dir: &RunDir) -> String {
    read(dir).unwrap().about.head().unwrap().to_owned()
}

#[test]
fn the_head_of_a_run_that_ended_takes_the_place_of_its_record() {
    let shop = cluster("small-shop");
    let loaded = scenario("node-power-loss", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = stage.drill(&loaded, None).await;
        assert_eq!(maps(&stage).await, ["heads"]);
        let head = Heads::last(&stage.simulation.world().kube).await.unwrap().unwrap();
        assert_eq!(head, Head { run: "run".into(), head: head_of(&stage.run_dir()), exit: Exit::Passed });
        assert!(!stage.run_dir().file("head-not-kept.txt").exists());
        assert!(matches!(ended.events.last().unwrap().event, Kind::RunEnded { .. }), "RunEnded must be the last line");
    });
}

#[test]
fn a_record_stays_until_its_run_was_put_back() {
    let shop = cluster("small-shop");
    let loaded = scenario("node-power-loss", &shop);
    on_paused_time(async {
        let whole = Rehearsal::set(&shop, 1).await.drill(&loaded, None).await;
        let applied = whole.events.iter().find(|e| matches!(e.event, Kind::FaultApplied { .. })).unwrap().seq;
        let stage = Rehearsal::set(&shop, 1).await;
        stage.drill(&loaded, Some(applied)).await;
        assert_eq!(maps(&stage).await, ["run-run"]);
        assert_eq!(stage.recover().await, Exit::Aborted);
        assert_eq!(maps(&stage).await, ["heads"]);
        let head = Heads::last(&stage.simulation.world().kube).await.unwrap().unwrap();
        assert_eq!((head.exit, head.head), (Exit::Aborted, head_of(&stage.run_dir())));
    });
}

#[test]
fn heads_that_cannot_be_read_are_left_alone_and_fail_nothing() {
    let shop = cluster("small-shop");
    let loaded = scenario("node-power-loss", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let kube = stage.simulation.world().kube;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drillmaster"}});
        kube.send(&ApiCall::create("/api/v1/namespaces", namespace)).await.unwrap();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "heads", "namespace": "drillmaster"}, "data": {"heads.json": "[{\"run\": 1}]"}});
        kube.send(&ApiCall::create(MAPS, map)).await.unwrap();
        let ended = stage.drill(&loaded, None).await;
        assert_eq!(ended.exit, Some(Exit::Passed));
        let note = std::fs::read_to_string(stage.run_dir().file("head-not-kept.txt")).unwrap();
        assert!(note.contains(&head_of(&stage.run_dir())) && note.contains("heads.json is damaged"), "{note}");
        let unknown = ended.events.iter().any(|e| match &e.event {
            Kind::Noted { text } => text.contains("it is unknown which run ended last on this cluster"),
            _ => false,
        });
        assert!(unknown, "the next run must say that the heads could not be read");
        assert_eq!(maps(&stage).await, ["heads", "run-run"], "the record must stay for as long as there is no head");
    });
}

#[test]
fn the_oldest_heads_make_room() {
    let shop = cluster("small-shop");
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let kube = stage.simulation.world().kube;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drillmaster"}});
        kube.send(&ApiCall::create("/api/v1/namespaces", namespace)).await.unwrap();
        for i in 0..103_u32 {
            let head = Head { run: format!("run-{i}"), head: format!("{i:064x}"), exit: Exit::Passed };
            Heads::add(&kube, &head, Timestamp::UNIX_EPOCH).await.unwrap();
            // A request is sent again if its answer was lost.
            Heads::add(&kube, &head, Timestamp::UNIX_EPOCH).await.unwrap();
        }
        let all = Heads::all(&kube).await.unwrap();
        assert_eq!((all.len(), all[0].run.as_str(), all[99].run.as_str()), (100, "run-3", "run-102"));
    });
}
