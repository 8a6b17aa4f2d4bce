//! The step and the expectation `reprotected`: a new backup after the restore, and labels on the backup that was used.

use drillmaster::{
    event::{Event, Kind, StepEnd},
    model::{Exit, Outcome, StepResult, backup_name},
    sim::Description,
};

use super::rehearsal::{Ended, Rehearsal, cluster, on_paused_time, scenario};

const SHOP: &str = include_str!("../../scenarios/clusters/small-shop.yaml");
const LOSS: &str = include_str!("../../scenarios/namespace-loss-and-restore.yaml");
const ZONE: &str = include_str!("../../scenarios/zone-loss-and-restore.yaml");

fn outcome(ended: &Ended) -> Outcome {
    let judged = ended.events.iter().rev().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => {
            Some(judgements.iter().find(|j| j.expectation.starts_with("a new backup")).unwrap().outcome)
        }
        _ => None,
    });
    judged.expect("a verdict")
}

fn left_behind(events: &[Event]) -> Vec<(String, String)> {
    let left = events.iter().filter_map(|e| match &e.event {
        Kind::LeftBehind { what, remove_with, .. } => Some((what.clone(), remove_with.clone())),
        _ => None,
    });
    left.collect()
}

#[test]
fn the_backup_that_was_used_is_labelled_and_a_new_one_is_made() {
    let shop = cluster("small-shop");
    let loaded = scenario("namespace-loss-and-restore", &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = stage.drill(&loaded, None).await;
        assert_eq!(ended.exit, Some(Exit::Passed));
        let result = ended.events.iter().find_map(|e| match &e.event {
            Kind::StepResult { result, .. } => match &**result {
                StepResult::Reprotected(after) => Some((e.seq, after.clone())),
                _ => None,
            },
            _ => None,
        });
        let (seq, after) = result.expect("a result");
        let used = stage.backups(|b| b["metadata"]["name"] == after.used.as_str());
        let labels = &used[0]["metadata"]["labels"];
        assert_eq!(labels["drillmaster.dev/drilled-by"], "run");
        assert_eq!(labels["drillmaster.dev/restore-verdict"], "pass");
        assert_eq!(labels["drillmaster.dev/drilled-on"], "2026-01-01");
        let new = stage.backups(|b| b["metadata"]["name"] == after.made.backup.as_str());
        assert_eq!(new[0]["status"]["phase"], "Completed");
        // What it leaves behind is in the journal before the result, with the command that takes it back.
        let left = left_behind(&ended.events[..seq as usize]);
        let back = left.iter().find(|(what, _)| what.contains(&after.used) && what.starts_with("labels")).unwrap();
        assert!(back.1.contains("drillmaster.dev/drilled-by-"), "{}", back.1);
    });
}

#[test]
fn without_a_complete_new_backup_it_is_not_protected() {
    for what in
        ["velero: {does: backupsPartlyFail}", "volumeData: {claim: data-orders-0, namespace: shop, does: notCaptured}"]
    {
        let liar = format!("{SHOP}happens:\n  - {{after: {{step: protected again}}, what: {{{what}}}}}\n");
        let liar = Description::parse(&liar).unwrap();
        let loaded = scenario("namespace-loss-and-restore", &liar);
        let ended = on_paused_time(async { Rehearsal::set(&liar, 1).await.drill(&loaded, None).await });
        assert_eq!(outcome(&ended), Outcome::Fail, "{what}");
        assert_eq!(ended.exit, Some(Exit::Failed), "{what}");
    }
}

/// Another client deletes the backup that the restore used, so it cannot be labelled: the step fails, and what is
/// expected of the new backup is still judged by the new backup.
#[test]
fn a_backup_without_a_label_does_not_take_the_new_backup_away() {
    let used = backup_name("run", "snapshot");
    let gone = format!(
        "{SHOP}happens:\n  - {{after: {{step: protected again}}, what: {{delete: {{object: backup/{used}, namespace: velero}}}}}}\n"
    );
    let gone = Description::parse(&gone).unwrap();
    let loaded = scenario("namespace-loss-and-restore", &gone);
    let ended = on_paused_time(async { Rehearsal::set(&gone, 1).await.drill(&loaded, None).await });
    assert_eq!((outcome(&ended), ended.exit), (Outcome::Pass, Some(Exit::Failed)));
    let why = ended.events.iter().find_map(|e| match &e.event {
        Kind::StepFinished { end: StepEnd::Failed, detail, .. } => Some(detail.to_string()),
        _ => None,
    });
    let why = why.expect("the step fails");
    assert!(why.contains("is complete, but") && why.contains("could not be labelled"), "{why}");
}

#[test]
fn it_comes_after_the_restore_and_after_every_fault() {
    let protect = "  - name: protected again\n    reprotected: {of: brought back, volumes: \"${bind.volumes}\"}\n";
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: String| -> String {
        let file = folder.path().join("s.yaml");
        std::fs::write(&file, text).unwrap();
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        program.args(["rehearse", file.to_str().unwrap(), "--cluster", "small-shop"]).current_dir(folder.path());
        let out = program.output().unwrap();
        assert_eq!(out.status.code(), Some(2));
        String::from_utf8(out.stderr).unwrap()
    };
    // The zone is still down.
    let said = refused(ZONE.replace("  - name: power back\n", &format!("{protect}  - name: power back\n")));
    assert!(said.contains("step `outage` is not undone before this one"), "{said}");
    // A backup is not a restore.
    let said = refused(LOSS.replace("of: brought back, volumes", "of: snapshot, volumes"));
    assert!(said.contains("there is no restore step in place with the name `snapshot`"), "{said}");
    // A fault after it would not be covered.
    let said =
        refused(LOSS.replace("expect:\n", "  - name: more\n    deletePods: {workload: deployment/web}\nexpect:\n"));
    assert!(said.contains("protects the application again before this fault"), "{said}");
}
