//! The evidence that a run keeps beside its journal: it holds no secret, every change is noticed, and missing evidence is
//! named.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{begin, front::Front};

/// A drill through the program, and its run directory.
fn drilled(front: &Front) -> PathBuf {
    let out = front.run("s.yaml", "b.yaml", &[], &[]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    drillmaster::journal::NewestRuns::below(&front.dir.path().join("runs")).newest().unwrap()
}

fn verify(front: &Front, run: &Path) -> (Option<i32>, String) {
    let out = front.program(&["verify", run.to_str().unwrap()], &[]);
    let said = [out.stdout, out.stderr].map(|b| String::from_utf8(b).unwrap()).concat();
    (out.status.code(), said)
}

#[test]
fn a_run_keeps_evidence_and_every_change_of_it_is_noticed() {
    let front = begin::front();
    front.patch("/api/v1/namespaces/shop/configmaps/shop-config", &serde_json::json!({"data": {"pin": "hunter22x"}}));
    let run = drilled(&front);
    let kept = |name: &str| fs::read_to_string(run.join("kept").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(kept("bindings.json").contains("own-kind"));
    assert!(kept("readiness-review.json").contains("PDB-001"));
    for name in ["inventory-before.json", "inventory-after.json"] {
        let text = kept(name);
        assert!(text.contains("\"PersistentVolumeClaim\"") && text.contains("\"Node\""), "{name}");
        assert!(!text.contains("hunter22x"), "the value of a ConfigMap in {name}");
    }
    let report = fs::read_to_string(run.join("report.md")).unwrap();
    assert!(report.contains("kept/inventory-before.json"), "{report}");
    assert!(report.contains("alerting rules: the bindings name no Prometheus"), "{report}");
    assert!(report.contains("the drill made no backup and no restore"), "{report}");
    let (code, said) = verify(&front, &run);
    assert!(code == Some(0) && said.contains("files of evidence"), "{said}");
    // The manifest lists the files, and names missing evidence.
    assert_eq!(front.program(&["keygen", "k"], &[]).status.code(), Some(0));
    assert_eq!(front.program(&["seal", run.to_str().unwrap(), "--key", "k.key"], &[]).status.code(), Some(0));
    let manifest = fs::read_to_string(run.join("evidence/manifest.json")).unwrap();
    assert!(manifest.contains("\"kept/bindings.json\""), "{manifest}");
    assert!(manifest.contains("Alertmanager's configuration: the bindings name no Alertmanager"), "{manifest}");
    // A file that is changed, added or removed.
    let bindings = run.join("kept/bindings.json");
    let before = fs::read_to_string(&bindings).unwrap();
    fs::write(&bindings, before.replace("own-kind", "staging")).unwrap();
    let (code, said) = verify(&front, &run);
    assert!(code == Some(1) && said.contains("kept/bindings.json"), "{said}");
    fs::remove_file(&bindings).unwrap();
    assert_eq!(verify(&front, &run).0, Some(1));
    fs::write(&bindings, before).unwrap();
    fs::write(run.join("kept/more.json"), "{}").unwrap();
    let (code, said) = verify(&front, &run);
    assert!(code == Some(1) && said.contains("the journal does not describe this file"), "{said}");
    // A session that was killed may have written a file before its line in the journal. It is named, and does not
    // count as a change.
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let without_end = journal.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    fs::write(run.join("journal.jsonl"), without_end).unwrap();
    let (_, said) = verify(&front, &run);
    assert!(said.contains("; a session that did not end left more.json"), "{said}");
    // The seal is older than the change of the journal, which is a difference of its own.
    assert!(!said.contains("the journal does not describe this file"), "{said}");
    fs::write(run.join("journal.jsonl"), journal).unwrap();
    fs::remove_file(run.join("kept/more.json")).unwrap();
    // A link in place of a file or of the directory is not followed.
    fs::remove_file(&bindings).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &bindings).unwrap();
    assert_eq!(verify(&front, &run).0, Some(1));
}
