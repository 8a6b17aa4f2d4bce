//! What a deletion would cost is named before it, on a real API server with a real Velero: edits after the backup,
//! objects that backups leave out, volumes without content.

use drillmaster::{event::Kind, model::StepResult};

use super::{
    drill::{admin, events, outcomes, report, wait_for_event},
    hollow::Hollow,
};

/// The shipped scenario with `mayBeLost` in its deleteNamespace step and a wait before it.
fn scenario(lab: &Hollow, name: &str, may_be_lost: &str, wait: &str) -> String {
    let text = std::fs::read_to_string("scenarios/namespace-loss-and-restore.yaml").unwrap();
    let step = "deleteNamespace: {name: \"${namespace}\", coveredBy: snapshot}";
    assert!(text.contains(step));
    let list =
        format!("deleteNamespace: {{name: \"${{namespace}}\", coveredBy: snapshot, mayBeLost: [{may_be_lost}]}}");
    let before = "  - name: namespace lost\n";
    assert!(text.contains(before));
    let waits = format!("  - name: a while\n    wait: {{for: {wait}}}\n{before}");
    let file = lab.dir.path().join(format!("{name}.yaml"));
    std::fs::write(&file, text.replace(step, &list).replace(before, &waits)).unwrap();
    file.to_str().unwrap().to_owned()
}

fn uid(lab: &Hollow) -> String {
    lab.kubectl(&["get", "namespace", "shop", "-o", "jsonpath={.metadata.uid}"])
}

#[test]
#[ignore = "needs the hollow lab"]
fn an_edit_after_the_backup_is_refused_by_name() {
    let lab = Hollow::up(&["--fast"]);
    let (drill, before) = (admin(&lab), uid(&lab));
    let edited = |may_be_lost: &str, name: &str| {
        lab.set_currency("EUR");
        let file = scenario(&lab, name, may_be_lost, "20s");
        let last = drill.newest();
        let mut child = drill.start(&file, &["--set", "content=none"]);
        super::hollow::wait_for("the run to begin", 60, || drill.newest() != last);
        let backed_up =
            |k: &Kind| matches!(k, Kind::StepResult { result, .. } if matches!(**result, StepResult::Backup(_)));
        wait_for_event(&drill.newest(), "the backup", 120, backed_up);
        lab.set_currency("USD");
        let code = child.wait().unwrap().code().unwrap_or(-1);
        (code, report(&drill.newest()))
    };
    let (code, said) = edited("", "edited");
    assert_eq!(code, 1, "{said}");
    let steps = said["steps"].to_string();
    assert!(steps.contains("ConfigMap/settings was changed after the backup, at /data/currency"), "{steps}");
    assert_eq!(uid(&lab), before, "the namespace must not be deleted");
    assert_eq!(lab.currency(), "USD");
    let (code, said) = edited("{object: ConfigMap/settings, reason: a value of this test}", "edited-accepted");
    // The edit may be the reason why a workload is ready again, so exit 4 is possible.
    assert!(matches!(code, 0 | 4), "{said}");
    assert_ne!(uid(&lab), before);
    assert_eq!(lab.currency(), "EUR", "the restore must bring back the value of the backup");
    assert!(said["caveats"].to_string().contains("a value of this test"), "{said}");
}

#[test]
#[ignore = "needs the hollow lab"]
fn what_backups_leave_out_is_refused_unless_it_may_be_lost() {
    let lab = Hollow::up(&["--fast"]);
    let (drill, before) = (admin(&lab), uid(&lab));
    for (kind, name, value) in
        [("configmap", "precious", "true"), ("secret", "jewel", "true"), ("configmap", "nope", "false")]
    {
        let create: &[&str] =
            if kind == "secret" { &["create", "secret", "generic"] } else { &["create", "configmap"] };
        lab.kubectl(&[&["-n", "shop"][..], create, &[name, "--from-literal=a=1"]].concat());
        lab.kubectl(&["-n", "shop", "label", kind, name, &format!("velero.io/exclude-from-backup={value}")]);
    }
    let ended = drill.run("namespace-loss-and-restore", &["--set", "content=none"]);
    assert_eq!(ended.code, 3, "{}", ended.said);
    for object in ["ConfigMap/precious", "Secret/jewel", "ConfigMap/nope"] {
        assert!(ended.said.contains(object), "{object}: {}", ended.said);
    }
    assert_eq!(uid(&lab), before);
    let list = "{object: ConfigMap/precious, reason: made anew by its operator}, {object: Secret/jewel, reason: likewise}, {object: ConfigMap/nope, reason: likewise}";
    let ended = drill.run(&scenario(&lab, "accepted", list, "1s"), &["--set", "content=none"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(!ended.said.contains("the cluster is as before"), "{}", ended.said);
    let caveats = report(&ended.dir)["caveats"].to_string();
    assert!(caveats.contains("Secret/jewel") && caveats.contains("made anew by its operator"), "{caveats}");
    let left = lab.kubectl(&["-n", "shop", "get", "configmaps,secrets", "-o", "name"]);
    // Velero only excludes objects whose label has the value `true`.
    assert!(!left.contains("precious") && !left.contains("jewel") && left.contains("configmap/nope"), "{left}");
    let compared = events(&ended.dir).iter().any(|e| match &e.event {
        Kind::StepResult { result, .. } => match &**result {
            StepResult::Deletion(lost) => lost.compared > Some(5) && lost.unseen_us < Some(5_000_000),
            _ => false,
        },
        _ => false,
    });
    assert!(compared, "the journal must say how many objects were compared, and how long before the deletion");
}

#[test]
#[ignore = "needs the hollow lab"]
fn volumes_without_content_are_refused() {
    let lab = Hollow::up(&["--fast"]);
    let (drill, before) = (admin(&lab), uid(&lab));
    let file = lab.dir.path().join("claims.yaml");
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\nspec: {accessModes: [ReadWriteOnce], storageClassName: standard, resources: {requests: {storage: 1Mi}}}\n";
    std::fs::write(&file, claim).unwrap();
    lab.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    // No pod mounts the volume, so no backup of this lab would contain its content.
    let ended = drill.run("namespace-loss-and-restore", &["--set", "content=none"]);
    assert!(matches!(ended.code, 2 | 3), "{}: {}", ended.code, ended.said);
    assert!(ended.said.contains("data"), "{}", ended.said);
    assert_eq!(uid(&lab), before, "the namespace must not be deleted");
    // A nightly backup without the volumes must not count as a restore with them.
    let nightly = r#"{"apiVersion":"velero.io/v1","kind":"Schedule","metadata":{"name":"nightly","namespace":"velero"},
        "spec":{"schedule":"0 0 1 1 *","template":{"includedNamespaces":["shop"],"snapshotVolumes":false,"ttl":"72h"}}}"#;
    std::fs::write(&file, nightly).unwrap();
    lab.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    let mut velero = std::process::Command::new(&lab.env["VELERO"]);
    velero.args([
        "--kubeconfig",
        &lab.env["KUBECONFIG"],
        "backup",
        "create",
        "nightly-1",
        "--from-schedule",
        "nightly",
        "--wait",
    ]);
    assert!(velero.output().unwrap().status.success());
    let ended = drill.run("restore-to-scratch", &["--set", "content=restored"]);
    assert_ne!(ended.code, 0, "{}", ended.said);
    let restored = outcomes(&ended.dir, "rehearsed restore").join("; ");
    assert!(restored.contains("the backup does not contain the content of 1 of 1 claims: data"), "{restored}");
}
