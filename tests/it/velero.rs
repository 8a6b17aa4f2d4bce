//! The queue of Velero: however a drill ends, it must not leave a backup in the queue that blocks all others.

use std::time::Duration;

use drillmaster::{
    event::{Event, Kind},
    journal::read,
    model::Exit,
    scenario::Loaded,
};
use serde_json::{Value, json};

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario};

fn of_the_run(backup: &Value) -> bool {
    backup["metadata"]["labels"]["drillmaster.dev/run"] == "run"
}

fn waits_for_backup(event: &Event) -> bool {
    matches!(&event.event, Kind::StepProgress { waiting_for, .. } if waiting_for.starts_with("backup "))
}

fn taken_away(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(&e.event, Kind::LeftoverGone { .. }))
}

fn nudged(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(&e.event, Kind::Noted { text } if text.contains("after a change of the object")))
}

async fn ready_to_start(stage: &Rehearsal) {
    while stage.backups(|b| of_the_run(b) && b["status"]["phase"] == "ReadyToStart").is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A drill that is stopped or killed while its backup is queued removes the backup.
#[test]
fn a_queued_backup_is_taken_away() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = stage.drill_when(&loaded, waits_for_backup, async |run| run.signal("SIGINT")).await;
        assert_eq!(ended.exit, Some(Exit::Aborted));
        assert!(taken_away(&ended.events), "the drill must say so");
        assert!(stage.backups(of_the_run).is_empty());
        stage.as_before().await.unwrap();

        let stage = Rehearsal::set(&shop, 1).await;
        let at = ended.events.iter().find(|e| waits_for_backup(e)).unwrap().seq;
        assert_eq!(stage.drill(&loaded, Some(at)).await.exit, None);
        assert_eq!(stage.backups(of_the_run).len(), 1, "the dead runner must leave its backup");
        assert_eq!(stage.recover().await, Exit::Aborted);
        assert!(taken_away(&read(&stage.run_dir()).unwrap().events), "recover must say so");
        assert!(stage.backups(of_the_run).is_empty());
        stage.as_before().await.unwrap();
    });
}

/// Whenever the drill is stopped, Velero must take later backups. A Backup that is deleted while it is ReadyToStart
/// keeps its place for ever.
#[test]
fn stopped_at_each_instant_of_the_queue() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    for after in (0..=120).step_by(4) {
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            let stop = async |run: &drillmaster::engine::Begun| {
                tokio::time::sleep(Duration::from_millis(after)).await;
                run.signal("SIGINT");
            };
            let ended = stage.drill_when(&loaded, waits_for_backup, stop).await;
            assert_eq!(ended.exit, Some(Exit::Aborted));
            stage.as_before().await.unwrap_or_else(|why| panic!("stopped after {after} ms: {why}"));
        });
    }
}

/// The server of Velero is replaced while the backup is ReadyToStart. The backup waits until the drill changes it at
/// its end.
#[test]
fn a_ready_backup_whose_server_died_is_nudged() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    let replaced = async |stage: &Rehearsal, loaded: &Loaded| {
        let replace = async |_: &drillmaster::engine::Begun| {
            ready_to_start(stage).await;
            stage.replace_velero().await;
        };
        stage.drill_when(loaded, waits_for_backup, replace).await
    };
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = replaced(&stage, &loaded).await;
        assert_eq!(ended.exit, Some(Exit::Aborted), "the step must fail because the backup did not end in time");
        assert!(nudged(&ended.events), "the drill must say so");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(stage.backups(of_the_run)[0]["status"]["phase"], "Completed");
        stage.as_before().await.unwrap();
    });
}

/// A blocked backup that does not belong to the drill is named before anything is touched.
#[test]
fn a_queue_that_stands_still_is_refused() {
    let refused = |phase: &str| {
        let mut shop = cluster("small-shop");
        shop.objects.push(json!({"apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "nightly-7", "namespace": "velero"},
            "spec": {"includedNamespaces": ["shop"]}, "status": {"phase": phase}}));
        let loaded = scenario("namespace-loss-and-restore", &shop);
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            let ended = stage.drill(&loaded, None).await;
            assert_eq!(ended.exit, Some(Exit::Refused));
            String::from_utf8(ended.journal).unwrap()
        })
    };
    let said = refused("ReadyToStart");
    assert!(said.contains("Velero never started nightly-7 (ReadyToStart)"), "{said}");
    assert!(
        said.contains("annotate --overwrite backups.velero.io nightly-7"),
        "the message must contain the command that helps"
    );
}
