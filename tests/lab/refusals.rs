//! Backups that cannot be used, a store that is away, credentials that expire: the drill is refused with a clear
//! message, and nothing is touched.

use std::process::Command;

use super::{
    drill::{Drill, admin},
    hollow::{Hollow, wait_for},
    positive::{least_for, nightly},
};

#[test]
#[ignore = "needs the hollow lab"]
fn what_cannot_be_trusted_is_refused() {
    let lab = Hollow::up(&["--fast"]);
    let drill = admin(&lab);
    let uid = lab.kubectl(&["get", "namespace", "shop", "-o", "jsonpath={.metadata.uid}"]);
    let untouched = || assert_eq!(lab.kubectl(&["get", "namespace", "shop", "-o", "jsonpath={.metadata.uid}"]), uid);
    // Credentials that expire before the drill and its undo would end.
    let ended = least_for(&lab, "zone-outage", "10m").run("zone-outage", &[]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    assert!(ended.said.contains("credentials-last: the credentials end at"), "{}", ended.said);
    // Credentials that the API server does not accept.
    let broken = lab.dir.path().join("broken.kubeconfig");
    std::fs::copy(&lab.env["KUBECONFIG"], &broken).unwrap();
    let set = ["config", "set-credentials", "nobody", "--token", "expired"];
    for args in [&set[..], &["config", "set-context", "hollow", "--user", "nobody"][..]] {
        let out = Command::new(&lab.env["KUBECTL"]).arg("--kubeconfig").arg(&broken).args(args).output().unwrap();
        assert!(out.status.success());
    }
    let stranger = Drill::new(&lab.env, "hollow", "scenarios/bindings/hollow.yaml", broken.to_str().unwrap());
    let ended = stranger.run("zone-outage", &[]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    assert!(ended.said.contains("401"), "{}", ended.said);
    untouched();
    // A backup whose hook fails is PartiallyFailed, and covers nothing.
    let hook = r#"{"spec":{"template":{"metadata":{"annotations":{
        "pre.hook.backup.velero.io/command":"[\"/bin/false\"]","pre.hook.backup.velero.io/timeout":"2s"}}}}}"#;
    lab.kubectl(&["-n", "shop", "patch", "deployment", "web", "--type=merge", "-p", hook]);
    lab.settle();
    let ended = drill.run("namespace-loss-and-restore", &[]);
    assert_eq!(ended.code, 1, "{}", ended.said);
    assert!(ended.said.contains("PartiallyFailed"), "{}", ended.said);
    untouched();
    let unhook = r#"[{"op":"remove","path":"/spec/template/metadata/annotations"}]"#;
    lab.kubectl(&["-n", "shop", "patch", "deployment", "web", "--type=json", "-p", unhook]);
    lab.settle();
    // Last night's backup is about to expire.
    nightly(&lab);
    let backups = lab.kubectl(&[
        "-n",
        "velero",
        "get",
        "backups.velero.io",
        "-l",
        "velero.io/schedule-name=nightly",
        "-o",
        "name",
    ]);
    for backup in backups.lines() {
        let soon = r#"{"status":{"expiration":"2020-01-01T00:00:00Z"}}"#;
        lab.kubectl(&["-n", "velero", "patch", backup, "--type=merge", "-p", soon]);
    }
    let ended = drill.run("restore-to-scratch", &[]);
    assert!(matches!(ended.code, 1 | 3), "{}: {}", ended.code, ended.said);
    assert!(ended.said.contains("expires at") || ended.said.contains("expired"), "{}", ended.said);
    assert!(!lab.kubectl(&["get", "namespaces"]).contains("drill-scratch"));
    // The power is back before the namespace is deleted.
    lab.spread();
    let before = lab.picture();
    let file = lab.dir.path().join("heal-first.yaml");
    let text = std::fs::read_to_string("scenarios/zone-loss-and-restore.yaml").unwrap();
    // The namespace is deleted a moment after the heal, so the recovery of the StatefulSet cannot be judged.
    let orders = "  - replicas: {workload: statefulset/orders, ready: 3, within: 5m, after: heal, of: outage}\n";
    assert!(text.contains(orders));
    let text = text.replace("deadPods: force", "deadPods: healFirst").replace(orders, "");
    std::fs::write(&file, text).unwrap();
    let ended = drill.run(file.to_str().unwrap(), &["--set", "content=none"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    before.same(&lab);
    // The store is away.
    lab.script("proc", &["s3", "kill"]);
    wait_for("Velero to notice that its store is away", 150, || {
        lab.kubectl(&["-n", "velero", "get", "backupstoragelocations", "-o", "jsonpath={.items[*].status.phase}"])
            .contains("Unavailable")
    });
    let uid = lab.kubectl(&["get", "namespace", "shop", "-o", "jsonpath={.metadata.uid}"]);
    let ended = drill.run("namespace-loss-and-restore", &[]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    assert!(ended.said.contains("velero-storage: storage location"), "{}", ended.said);
    assert_eq!(lab.kubectl(&["get", "namespace", "shop", "-o", "jsonpath={.metadata.uid}"]), uid);
}
