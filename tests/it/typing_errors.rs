//! Words without a meaning: in a readiness file, on the command line, in the description of a cluster. If they were
//! accepted, each of them would weaken a gate, or another cluster would be simulated, and nobody would know.

use std::{path::Path, process::Command};

use drillmaster::{
    readiness::VOCABULARY,
    scenario::parse_readiness_file,
    sim::{Description, Simulation},
};

use super::rehearsal::on_paused_time;

const HEAD: &str = "apiVersion: drillmaster.dev/v1\nkind: Readiness\n";

/// Lines of a readiness file, each with a part of its message.
const DRILL_FILE: &[(&str, &str)] = &[
    ("drills: [drian]", "did you mean `drain`?"),
    ("drills: [drain, any]", "`any` is not a kind of drill"),
    ("checks: {disable: [PDB-O01]}", "did you mean `PDB-001`?"),
    ("checks: {disable: [pbd-*]}", "no check matches `pbd-*`"),
    ("checks: {severity: {PDB-0001: low}}", "no check has the id `PDB-0001`"),
    ("checks: {severity: {PDB-*: low}}", "no check has the id `PDB-*`"),
    ("checks: {severity: {PDB-001: lwo}}", "did you mean `low`?"),
    ("checks: {parameters: {singletons: [web]}}", "`web` is not the name of an object"),
    (
        "checks: {parameters: {registryAccess: [{registry: r, push: [], pull: [], reviewed: soon}]}}",
        "`soon` is not a date",
    ),
    ("scope: {critical: [deployment/web]}", "write namespace/kind/name"),
    ("plan: {reviewed: banana}", "`banana` is not a date"),
    ("plan: {lastDrill: 0000-01-01}", "is not a date"),
    ("plan: {rbacReviewed: 9999999-01-01}", "is not a date"),
    ("plan: {drillEvery: 99999999d}", "longer than ten years"),
    ("attest: [{check: LOG-XYZ, statement: s, by: b, until: 2026-12-31}]", "no check matches `LOG-XYZ`"),
    ("attest: [{check: LOG-003, statement: s, by: b, until: 2026-13-31}]", "`2026-13-31` is not a date"),
    ("waive: [{check: PDB-003, reason: r, owner: o, until: tomorrow}]", "`tomorrow` is not a date"),
    ("waive: [{check: PBD-003, reason: r, owner: o, until: 2026-12-31}]", "did you mean `PDB-003`?"),
    ("objectives: [{of: shop/web, rto: 1h}]", "is neither a namespace nor an object"),
    ("objectives: [{of: shop, rto: 1h, rpo: 1}]", "cannot be `1`"),
];

#[test]
fn a_word_of_a_readiness_file_that_means_nothing() {
    for (line, said) in DRILL_FILE {
        let why = parse_readiness_file("d.yaml", &format!("{HEAD}{line}\n"), &VOCABULARY).expect_err(line).to_string();
        assert!(why.contains(said) && why.contains("d.yaml:3:"), "{line}\n{why}");
    }
    let whole = include_str!("../../fuzz/corpus/readiness_file/all.yaml");
    parse_readiness_file("d.yaml", whole, &VOCABULARY).unwrap();
}

fn check(dir: &Path, args: &[&str]) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .arg("check")
        .args(args)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.code().unwrap(), said)
}

#[test]
fn a_typing_error_does_not_turn_the_gate_green() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("m.yaml", include_str!("../../fuzz/corpus/manifest/budget.yaml"));
    write("s.yaml", &format!("{HEAD}scope: {{namespaces: [shpo]}}\n"));
    write("c.yaml", &format!("{HEAD}scope: {{critical: [shop/Deployment/web]}}\n"));
    write("d.yaml", &format!("{HEAD}drills: [drian]\n"));
    for (args, wanted) in [
        (&["--readiness", "d.yaml"][..], "did you mean `drain`?"),
        (&["--readiness", "s.yaml"], "did you mean `shop`?"),
        (&["--readiness", "c.yaml"], "critical workload `shop/Deployment/web` does not exist"),
        (&["-n", "shpo"], "did you mean `shop`?"),
        (&["--only", "PDB-O01"], "did you mean `PDB-001`?"),
        (&["--skip", "PDB-O01"], "did you mean `PDB-001`?"),
    ] {
        let (code, said) = check(dir.path(), &[&["m.yaml"], args].concat());
        assert!(code == 2 && said.contains(wanted), "{args:?}: {code}: {said}");
    }
    assert_ne!(check(dir.path(), &["m.yaml", "-n", "shop"]).0, 2);
    for (name, text) in [
        ("words.json", include_str!("../../fuzz/corpus/scan/damaged.json")),
        ("cut.json", r#"{"SchemaVersion":2,"ArtifactName":"a:1","Results":[{"Vuln"#),
        (
            "future.json",
            r#"{"SchemaVersion":2,"ArtifactName":"a:1","CreatedAt":"9999-01-01T00:00:00Z","Results":[{}]}"#,
        ),
    ] {
        write(name, text);
        let (code, said) = check(dir.path(), &["m.yaml", "--scan", name]);
        assert!(code == 2 && said.contains(name), "{name}: {code}: {said}");
    }
}

const SHOP: &str = include_str!("../../scenarios/clusters/small-shop.yaml");

/// Text, its replacement, and a part of the message.
const CLUSTER: &[(&str, &str, &str)] = &[
    ("budget: {minAvailable: 2}", "budget: {minAvailabel: 2}", "did you mean `minAvailable`?"),
    ("budget: {minAvailable: 2}", "budget: {minAvailable: \"200%\"}", "write a number of pods, or 0% to 100%"),
    ("budget: {minAvailable: 2}", "budget: {minAvailable: -2}", "write a number of pods, or 0% to 100%"),
    (
        "budget: {minAvailable: 2}",
        "budget: {minAvailable: 2, maxUnavailable: 1}",
        "either minAvailable or maxUnavailable",
    ),
    ("cpu: 250m", "cpu: abc", "`abc` is not a quantity"),
    ("cpu: 250m", "cpu: \"-5\"", "`-5` is not a quantity"),
    ("cpu: 250m", "cpu: NaN", "`NaN` is not a quantity"),
    ("spread: zone", "spread: zoen", "did you mean `zone`?"),
    ("name: deployment/web", "name: deploymnt/web", "did you mean `deployment`?"),
    ("name: deployment/web", "name: deployment/We_b", "is not KIND/NAME"),
    ("source: csi", "source: cis", "did you mean `csi`?"),
    ("volume: standard", "volume: nope", "storage class `nope` does not exist"),
    ("apiVersion: drillmaster.dev/v1\n", "apiVersion: v7\n", "`v7` is not allowed for `apiVersion`"),
    ("kind: Cluster", "kind: Clutser", "did you mean `Cluster`?"),
    ("schedule: \"0 2 * * *\"", "schedule: nonsense", "spec.schedule"),
    ("b: 2,", "b: 65535,", "at most 5000"),
    ("b: 2,", "b: 1000000000,", "at most 5000"),
    (
        "web, namespace: shop, replicas: 3",
        "web, namespace: shop, replicas: 149995",
        "150001 replicas are too many: a cluster has at most 150000",
    ),
    ("b: 2,", "b: 4294967296,", "the maximum is 4294967295"),
    ("b: 2,", "b: -1,", "the minimum is 0"),
    ("b: 2,", "B_: 2,", "`B_` cannot be part of the name of a node"),
    ("zones:", "zoens:", "did you mean `zones`?"),
    ("kind: Cluster", "kind: Cluster\ntimes: {evaluate: 0s}", "0s is too short"),
    (
        "kind: Cluster",
        "kind: Cluster\nclocks: {grace: 40s, period: 0s, renew: 10s, evictionInterval: 10s}",
        "0s is too short",
    ),
    ("kind: Cluster", "kind: Cluster\nleases: {nope: 5s}", "Node `nope` does not exist"),
    (
        "kind: Cluster",
        "kind: Cluster\nplacement: {shop: {deployment/nope: [node-a-0]}}",
        "Deployment `nope` in namespace `shop` does not exist",
    ),
    ("kind: Cluster", "kind: Cluster\nplacement: {shop: {deployment/web: [x]}}", "Node `x` does not exist"),
];

/// The message with which the reader of the file refuses, or the cluster that is made from it.
fn refused(text: &str) -> Option<String> {
    match Description::parse(text) {
        Err(why) => Some(why),
        Ok(description) => {
            on_paused_time(async { Simulation::start(&description, 1).await.err().map(|wrong| wrong.join("\n")) })
        }
    }
}

#[test]
fn a_cluster_that_cannot_be_is_refused() {
    assert_eq!(refused(SHOP), None);
    for (from, to, said) in CLUSTER {
        let text = SHOP.replacen(from, to, 1);
        assert_ne!(text, SHOP, "the text of the small shop has changed: {from}");
        let why = refused(&text).unwrap_or_else(|| panic!("{to} is accepted"));
        assert!(why.contains(said), "{to}\n{why}");
    }
}

/// Objects that do not have the form of their kind would crash the simulated controllers.
#[test]
fn an_object_without_the_form_of_its_kind_is_refused() {
    for object in [
        "{kind: Schedule, metadata: {name: s, namespace: velero}, spec: {schedule: '0 2 * * *', template: x}}",
        "{kind: Schedule, metadata: {name: s, namespace: velero}, spec: {schedule: '0 2 * * *', template: {includedNamespaces: shop}}}",
        "{kind: Schedule, metadata: {name: s, namespace: velero}, spec: x}",
        "{kind: Schedule, metadata: {name: s, namespace: velero}}",
        "{kind: Backup, metadata: {name: s, namespace: velero}, spec: []}",
        "{kind: Deployment, metadata: {name: s, namespace: shop}, spec: x}",
        "{kind: Deployment, metadata: {name: s, namespace: shop}, spec: {template: {spec: {containers: x}}}}",
        "{kind: Pod, metadata: {name: s, namespace: shop, labels: [a]}, spec: {}}",
        "{kind: Node, metadata: {name: s}, status: x}",
        "{kind: PodDisruptionBudget, metadata: {name: s, namespace: shop}, spec: {minAvailable: {a: 1}}}",
        "{kind: Pod, metadata: x}",
        "x",
        "{metadata: {name: s}}",
    ] {
        let text = format!("{SHOP}\n").replacen("objects:\n", &format!("objects:\n  - {object}\n"), 1);
        let text = if text.contains(object) { text } else { format!("{SHOP}\nobjects:\n  - {object}\n") };
        assert!(refused(&text).is_some(), "{object} is accepted");
    }
}
