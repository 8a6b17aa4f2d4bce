//! The changes that a review proposes. Each must fix the finding for which it is proposed. The script that prints them
//! must do nothing else, whatever the names of the objects are.

use std::{path::Path, process::Command};

use drillmaster::{
    inventory::{ReviewSource, documents},
    model::{Change, State},
    report,
};
use serde_json::Value;

use crate::checks::{asked, part};

/// The objects of an example after a change to one of them.
fn changed(text: &str, change: &Change) -> String {
    let mut objects: Vec<Value> =
        documents(text).into_iter().map(|(_, d)| serde_saphyr::from_str(d).unwrap()).collect();
    match change {
        Change::Create(object) => objects.push(object.clone()),
        Change::Patch { kind, namespace, name, body, .. } => {
            let kind = kind.split('.').next().unwrap();
            let object = objects.iter_mut().find(|o| {
                o["kind"] == kind
                    && o.pointer("/metadata/name") == Some(&name.as_str().into())
                    && o.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("") == namespace
            });
            json_patch::merge(object.expect("the patch must be for an existing object"), body);
        }
    }
    objects.iter().map(|o| format!("{o}\n---\n")).collect()
}

#[test]
fn each_remedy_mends_what_it_is_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let mut mended = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (drill, fails) = (part(&text, "drill"), part(&text, "fails"));
        let before = asked(fails, drill, &id, ReviewSource::Live);
        for ruling in before.results.iter().filter(|r| r.state == State::Fail) {
            let Some(remedy) = &ruling.remedy else { continue };
            let after = asked(&changed(fails, &remedy.change), drill, &id, ReviewSource::Live);
            let left = after.results.iter().find(|r| r.state == State::Fail && r.fingerprint == ruling.fingerprint);
            assert_eq!(left, None, "{id}: {remedy:?}");
            assert!(
                after.tally.fail < before.tally.fail,
                "{id}: the change causes other findings: {:#?}",
                after.results
            );
            mended.insert(id.clone());
        }
    }
    let all: Vec<&str> = mended.iter().map(String::as_str).collect();
    assert_eq!(
        all,
        ["AFF-001", "BCK-002", "NET-001", "NET-002", "PDB-001", "PDB-006", "RBAC-007", "WRK-001", "ZON-002", "ZON-005"]
    );
}

#[test]
fn the_script_runs_as_it_is_and_no_name_becomes_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let bad = "a'; touch \\\"$HERE/harm\\\"; $(touch $HERE/harm) `touch $HERE/harm`\\nEOF\\ntouch $HERE/harm\\n";
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: \"{bad}\", namespace: \"-{bad}\"}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{\"{bad}\": \"{bad}\"}}}}\n  template: {{metadata: {{labels: {{\"{bad}\": \"{bad}\"}}}}, \
         spec: {{containers: [{{name: c, image: i}}]}}}}\n"
    );
    let script = report::fix_plan(&asked(&text, "", "*", ReviewSource::Manifests));
    let stub = folder.path().join("kubectl");
    std::fs::write(&stub, "#!/bin/sh\necho \"$1 $2 $3\" >> \"$HERE/calls\"\ncat > /dev/null\n").unwrap();
    let runs = |context: &[(&str, &str)]| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("chmod +x \"$HERE/kubectl\"; PATH=\"$HERE:$PATH\"\n{script}"));
        command.env("HERE", folder.path()).env_remove("CONTEXT").envs(context.iter().copied());
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    let unnamed = runs(&[]);
    assert!(!unnamed.status.success(), "without a context, the script must change nothing");
    assert!(!folder.path().join("calls").exists());
    let output = runs(&[("CONTEXT", "kind-x")]);
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.path().join("harm").exists(), "{script}");
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert!(calls.lines().count() >= 5, "{calls}");
    assert!(calls.lines().all(|l| l == "--context kind-x create" || l == "--context kind-x patch"), "{calls}");
}
