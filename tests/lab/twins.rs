//! The twins of the passing drills: each has one planted defect, and must not pass for exactly this reason.

use std::process::Command;

use drillmaster::event::{Kind, StepEnd};

use super::{
    drill::{admin, happened, outcomes},
    hollow::{Hollow, wait_for},
};

#[test]
#[ignore = "needs the hollow lab"]
fn a_budget_is_missing() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    lab.kubectl(&["-n", "shop", "delete", "pdb", "web"]);
    let ended = admin(&lab).run("zone-outage", &[]);
    assert_eq!(ended.code, 1, "{}", ended.said);
    assert!(outcomes(&ended.dir, "budget")[0].contains("has no budget"));
}

#[test]
#[ignore = "needs the hollow lab"]
fn an_alert_is_silenced_after_the_pre_flight_and_before_it() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let drill = admin(&lab);
    let mut child = drill.start("zone-outage", &[]);
    wait_for("the pre-flight to be over", 60, || happened(&drill.newest(), |k| matches!(k, Kind::Armed { .. })));
    let now = "date -u +%Y-%m-%dT%H:%M:%SZ";
    let stamp = |more: &str| {
        String::from_utf8(Command::new("sh").args(["-c", &format!("{now}{more}")]).output().unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    };
    let silence = serde_json::json!({
        "matchers": [{"name": "alertname", "value": "NodeNotReady", "isRegex": false, "isEqual": true}],
        "startsAt": stamp(""), "endsAt": stamp(" -d '+1 hour'"), "createdBy": "somebody", "comment": "noise",
    });
    let url = format!("{}/api/v2/silences", lab.env["ALERTMANAGER_URL"]);
    let out = Command::new("curl")
        .args(["-fsS", "-H", "content-type: application/json", "-d", &silence.to_string(), &url])
        .output()
        .unwrap();
    assert!(out.status.success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let alert = outcomes(&drill.newest(), "alert NodeNotReady");
    assert!(alert[0].contains("was suppressed by"), "{alert:?}");
    // With the silence there beforehand, the pre-flight refuses.
    lab.spread();
    let ended = drill.run("zone-outage", &[]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    assert!(ended.said.contains("may hide NodeNotReady"));
}

#[test]
#[ignore = "needs the hollow lab"]
fn a_replica_never_becomes_ready() {
    let lab = Hollow::up(&["--fast", "--no-velero"]);
    let set = lab.kubectl(&["-n", "shop", "get", "rs", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"]);
    let never = r#"{"spec":{"template":{"metadata":{"annotations":{"lab/ready":"never"}}}}}"#;
    // A paused Deployment does not change the template of its ReplicaSet.
    lab.kubectl(&["-n", "shop", "rollout", "pause", "deployment/web"]);
    lab.kubectl(&["-n", "shop", "patch", "rs", &set, "--type=merge", "-p", never]);
    // WRK-003 refuses a paused Deployment, but this twin tests what comes after that.
    let mut drill = admin(&lab);
    let file = lab.dir.path().join("readiness.yaml");
    let text = "apiVersion: drillmaster.dev/v1\nkind: Readiness\nenvironment: own-kind\nchecks: {disable: [WRK-003]}\n";
    std::fs::write(&file, text).unwrap();
    let bind = lab.dir.path().join("bind.yaml");
    let shipped = std::fs::read_to_string("scenarios/bindings/hollow.yaml").unwrap();
    std::fs::write(&bind, shipped + "readiness: readiness.yaml\n").unwrap();
    drill.bind = bind.to_str().unwrap().to_owned();
    let ended = drill.run(
        "zone-outage",
        &["--set", "patience=25s", "--set", "within=20s", "--set", "rto=25s", "--unwind-within", "2m"],
    );
    assert_eq!(ended.code, 1, "{}", ended.said);
    assert!(outcomes(&ended.dir, "deployment/web has 3 ready")[0].starts_with("fail"));
}

#[test]
#[ignore = "needs the hollow lab"]
fn the_backup_is_emptied_and_a_volume_is_a_host_path() {
    let lab = Hollow::up(&["--fast"]);
    let uid = lab.kubectl(&["get", "namespace", "shop", "-o", "jsonpath={.metadata.uid}"]);
    let drill = admin(&lab);
    let mut child = drill.start("zone-loss-and-restore", &[]);
    wait_for("the backup", 60, || {
        happened(
            &drill.newest(),
            |k| matches!(k, Kind::StepFinished { step, end: StepEnd::Done, .. } if step.0 == "snapshot"),
        )
    });
    let backups = std::path::Path::new(&lab.env["S3_DATA"]).join(&lab.env["S3_BUCKET"]).join("backups");
    std::fs::remove_dir_all(backups).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = std::fs::read_to_string(drill.runs.join("log")).unwrap();
    assert!(said.contains("✘ namespace lost"), "{said}");
    assert_eq!(
        lab.kubectl(&["get", "namespace", "shop", "-o", "jsonpath={.metadata.uid}"]),
        uid,
        "the namespace must not be deleted"
    );
    // A claim appears that no backup in this lab can contain.
    let claim = r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"ledger","namespace":"shop"},
        "spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"standard","resources":{"requests":{"storage":"1Mi"}}}}"#;
    let file = lab.dir.path().join("claim.json");
    std::fs::write(&file, claim).unwrap();
    lab.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    lab.kubectl(&["-n", "shop", "wait", "--for=jsonpath={.status.phase}=Bound", "pvc/ledger", "--timeout=60s"]);
    let ended = drill.run("namespace-loss-and-restore", &[]);
    assert_eq!(ended.code, 2, "{}", ended.said);
    assert!(ended.said.contains("their content would be lost"), "{}", ended.said);
    let bind = lab.dir.path().join("captures.yaml");
    let text = std::fs::read_to_string("scenarios/bindings/hollow.yaml")
        .unwrap()
        .replace("volumes: none", "volumes: fileSystem");
    std::fs::write(&bind, text).unwrap();
    let mut drill = admin(&lab);
    drill.bind = bind.to_str().unwrap().to_owned();
    let ended = drill.run("namespace-loss-and-restore", &[]);
    assert_eq!(ended.code, 2, "{}", ended.said);
    assert!(ended.said.contains("EMPTY"), "{}", ended.said);
}
