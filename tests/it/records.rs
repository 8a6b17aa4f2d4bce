//! Run records that other people may have written into a cluster, and names that are paths. Nothing is written outside
//! the runs directory, and a damaged record is not treated as an empty one.

use std::path::Path;

use serde_json::json;

use super::front::Front;

/// Writes an open record, as anybody could who may write ConfigMaps.
fn write(front: &Front, name: &str, text: &str) {
    let labels = json!({"drillmaster.dev/run": "x", "drillmaster.dev/open": "1"});
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "drillmaster", "labels": labels}, "data": {"run.json": text}});
    front.post(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drillmaster"}}),
    );
    front.post("/api/v1/namespaces/drillmaster/configmaps", &map);
}

fn record(run: &str, revert: &serde_json::Value) -> String {
    json!({"run": run, "epoch": 1, "scenario": "s", "scenarioHash": "h", "planHash": "p",
        "cluster": {"name": "cluster", "context": "front", "uid": "u", "server": "s", "version": "v", "flavour": "kind"},
        "open": [{"fault": "f/t", "step": "f", "target": "t", "revert": revert}]})
    .to_string()
}

fn recover(front: &Front, more: &[&str]) -> (Option<i32>, String) {
    let place = ["recover", "--from-cluster", "--context", "front", "--kubeconfig", "config", "--unwind-within", "2s"];
    let out = front.program(&[&place[..], more].concat(), &[]);
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_record_chooses_neither_a_folder_nor_a_program() {
    let front = Front::open();
    front.file("b.yaml", "apiVersion: drillmaster.dev/v1\nkind: Bindings\n");
    let mark = front.dir.path().join("ran");
    let touch = json!({"type": "nodePower", "node": {"name": "n", "uid": "u", "zone": "z"}, "host": "exec", "machine": "",
        "how": "kill", "addresses": {}, "command": ["touch", mark.display().to_string()]});
    for (name, text) in [
        ("run-x", record("../../../evilrun", &touch)),
        ("run-y", record("/tmp/evilrun", &touch)),
        ("run-z", "{\"run\": \"z\", \"open\": [{}]".to_owned()),
    ] {
        write(&front, name, &text);
        for bind in [&[][..], &["--bindings", "b.yaml"]] {
            let (code, said) = recover(&front, bind);
            assert_eq!(code, Some(2), "{name}: {said}");
            assert!(said.contains(name) && !said.contains("nothing to recover"), "{name}: {said}");
        }
        front.delete(&format!("/api/v1/namespaces/drillmaster/configmaps/{name}"));
    }
    assert!(!mark.exists());
    for place in front.dir.path().ancestors().chain([Path::new("/tmp"), &front.dir.path().join("runs")]) {
        let names = std::fs::read_dir(place).into_iter().flatten().flatten().map(|e| e.file_name());
        let evil: Vec<_> = names.filter(|name| name.to_string_lossy().contains("evilrun")).collect();
        assert!(evil.is_empty(), "{}: {evil:?}", place.display());
    }
    let (code, said) = recover(&front, &[]);
    assert!(code == Some(2) && said.contains("nothing to recover"), "{said}");
}

#[test]
fn what_is_open_is_said_where_nobody_says_how_to_undo_it() {
    let front = Front::open();
    let cordon = json!({"type": "cordon", "node": {"name": "node-a-0", "uid": "u", "zone": "a"}, "before": false});
    write(&front, "run-x", &record("x", &cordon));
    let (code, said) = recover(&front, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("run x left t open") && said.contains("--bindings FILE"), "{said}");
}

#[test]
fn a_rehearsal_stays_in_its_folder_whatever_its_cluster_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim-seed-1");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("journal.jsonl"), "").unwrap();
    let shop = include_str!("../../scenarios/clusters/small-shop.yaml");
    for (name, folder) in [
        ("'../../victim'", "zone-outage-..-..-victim-seed-1-"),
        ("'arn:aws:eks:eu-west-1:1234:cluster/prod'", "zone-outage-arn-aws-eks-eu-west-1-1234-cluster-prod-seed-1-"),
    ] {
        let text = shop.replace("{name: small-shop,", &format!("{{name: {name},"));
        std::fs::write(dir.path().join("cluster.yaml"), text).unwrap();
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_drillmaster"))
            .current_dir(dir.path())
            .args(["rehearse", "--cluster", "cluster.yaml"])
            .output()
            .unwrap();
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
        let made: Vec<String> = std::fs::read_dir(dir.path().join("runs"))
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        assert!(made.iter().any(|m| m.starts_with(folder)), "{made:?}");
    }
    assert!(victim.join("journal.jsonl").is_file());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "victim, rehearsals, cluster.yaml");
}
