//! Pods that read volumes, on the simulated cluster: in a restricted namespace, and in drills that end while such a pod
//! runs.

use drillmaster::{
    event::{Event, Kind},
    model::{Exit, Revert},
    world::ApiCall,
};
use serde_json::{Value, json};

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario};

fn readers(now: &[Value]) -> usize {
    now.iter().filter(|o| o["kind"] == "Pod" && o["metadata"]["name"].to_string().contains("drill-read-")).count()
}

fn finding(events: &[Event], check: &str) -> String {
    let all = events.iter().find_map(|e| match &e.event {
        Kind::PreflightDone { findings, .. } => Some(findings.clone()),
        _ => None,
    });
    let found = all.unwrap().into_iter().find(|f| f.check == check).unwrap();
    format!("{:?}: {}", found.state, found.observed)
}

#[test]
fn readers_run_in_a_restricted_namespace_and_nothing_of_them_stays() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let restricted = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
        let label = ApiCall::merge("/api/v1/namespaces/shop", restricted);
        stage.simulation.world().kube.send(&label).await.unwrap();
        let ended = stage.drill(&loaded, None).await;
        assert_eq!(ended.exit, Some(Exit::Passed), "{:?}", ended.events.last());
        assert!(finding(&ended.events, "readers").starts_with("Pass"), "{}", finding(&ended.events, "readers"));
        let own = |k: &Kind| matches!(k, Kind::FaultIntended { revert: Revert::OwnPods { .. }, .. });
        assert!(
            ended.events.iter().filter(|e| own(&e.event)).count() >= 3,
            "each reader must have an intent in the journal"
        );
        assert_eq!(readers(&stage.simulation.picture()), 0);
    });
}

/// The machine of the runner loses its power right after the readers were recorded or created.
#[test]
fn a_reader_of_a_drill_that_died_is_removed() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    let whole = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
    let own = |k: &Kind| matches!(k, Kind::FaultIntended { revert: Revert::OwnPods { .. }, .. });
    let intended: Vec<u64> = whole.events.iter().filter(|e| own(&e.event)).map(|e| e.seq).collect();
    let mut left = 0;
    for seq in intended.iter().flat_map(|seq| [*seq, seq + 2, seq + 4]) {
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            let ended = stage.drill(&loaded, Some(seq)).await;
            left += readers(&stage.simulation.picture());
            if ended.exit.is_none() {
                stage.recover().await;
            }
            assert_eq!(readers(&stage.simulation.picture()), 0, "cut after line {seq}");
            stage.as_before().await.unwrap_or_else(|why| panic!("cut after line {seq}: {why}"));
        });
    }
    assert!(left > 0, "no drill died while a reader was running, so nothing was tested");
}
