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

/// The names of the objects that a review proposes to create.
fn created(text: &str, only: &str) -> Vec<String> {
    let found = asked(text, "", only, ReviewSource::Live);
    let remedies = found.results.iter().filter_map(|r| r.remedy.as_ref());
    let name = |remedy: &drillmaster::model::Remedy| match &remedy.change {
        Change::Create(object) => Some(object["metadata"]["name"].as_str().unwrap().to_owned()),
        Change::Patch { .. } => None,
    };
    remedies.filter_map(name).collect()
}

fn work(kind: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: 3\n  \
         selector: {{matchLabels: {{app: {kind}}}}}\n  template:\n    metadata: {{labels: {{app: {kind}}}}}\n    \
         spec: {{containers: [{{name: web, image: 'i:1', ports: [{{containerPort: 80}}]}}]}}\n---\n"
    )
}

/// Found by running the script on a real API server.
#[test]
fn a_budget_gets_a_name_that_is_free() {
    let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\n\
                  spec: {maxUnavailable: 1, selector: {matchLabels: {app: other}}}\n---\n";
    assert_eq!(created(&work("Deployment"), "PDB-001"), ["web"]);
    assert_eq!(created(&(work("Deployment") + budget), "PDB-001"), ["web-deployment"]);
    assert_eq!(
        created(&(work("Deployment") + budget + &budget.replace("name: web", "name: web-deployment")), "PDB-001").len(),
        0
    );
    let mut both = created(&(work("Deployment") + &work("StatefulSet")), "PDB-001");
    both.sort();
    assert_eq!(both, ["web-deployment", "web-statefulset"]);
}

/// Found by a review of what the script leaves: nobody could reach the Services any more.
#[test]
fn what_serves_is_not_isolated_without_its_callers() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
                   spec: {selector: {app: Deployment}, ports: [{port: 80}]}\n---\n";
    assert_eq!(created(&work("Deployment"), "NET-001"), ["default-deny-ingress"]);
    assert_eq!(created(&(work("Deployment") + service), "NET-001").len(), 0);
    let narrow = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
                  metadata: {name: default-deny-ingress, namespace: shop}\n\
                  spec: {podSelector: {matchLabels: {app: other}}, policyTypes: [Ingress]}\n---\n";
    assert_eq!(created(&(work("Deployment") + narrow), "NET-001").len(), 0);
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
