//! What the review says of manifests that other people wrote: the cases that an audit of public manifests found wrong,
//! and those beside them. The examples are in tests/checks/truth. Each begins with a line that names the check and
//! what it must report: `# fails ID SEVERITY: TEXT`, `# unknown ID SEVERITY: TEXT`, `# passes ID: why`, or `# skips
//! ID: why`.

use std::path::Path;

use drillmaster::{
    inventory::{ReviewSource, read_text},
    model::{Readiness, Review, Ruling, Severity, State, Unjudged},
    readiness::{ReviewSettings, listing_json, page, review},
    report,
};

use super::checks::{asked, now, object_set, part, settings};

struct Example {
    file: String,
    head: String,
    text: String,
}

fn examples() -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks/truth");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all: Vec<Example> = vec![];
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let begins =
            |line: &str| ["# fails ", "# passes ", "# unknown ", "# skips "].iter().any(|w| line.starts_with(w));
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            if begins(line) {
                all.push(Example { file: file.clone(), head: line[2..].to_owned(), text: String::new() });
            } else {
                let last = all.last_mut().expect("a file begins with a head");
                last.text += line;
                last.text.push('\n');
            }
        }
    }
    all
}

fn severity(word: &str) -> Severity {
    serde_json::from_value(word.into()).unwrap()
}

/// What is wrong with an example; none if the review reports what its head says.
fn wrong(example: &Example) -> Option<String> {
    let (what, text) = example.head.split_once(": ").unwrap();
    let mut words = what.split(' ');
    let (expected, id) = (words.next().unwrap(), words.next().unwrap());
    let found = asked(&example.text, "", id, ReviewSource::Manifests);
    let results: Vec<_> = found.results.iter().filter(|r| r.check == id && r.state != State::Skip).collect();
    let bad = found.tally.fail + found.tally.unknown + found.tally.error;
    let state = if expected == "fails" { State::Fail } else { State::Unknown };
    let right = match expected {
        "passes" => bad == 0 && found.tally.pass > 0,
        "skips" => bad == 0 && found.tally.pass == 0,
        _ => {
            let severity = severity(words.next().unwrap());
            results.iter().any(|r| r.state == state && r.severity == severity && r.observed.contains(text))
        }
    };
    (!right).then(|| format!("{}: {}\n{:#?}", example.file, example.head, found.results))
}

#[test]
fn each_case_gets_the_answer_that_it_deserves() {
    let all = examples();
    assert!(all.len() > 50, "{} examples", all.len());
    let wrong: Vec<String> = all.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn what_files_cannot_resolve_never_blocks() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\n\
        spec: {containers: [{name: c, image: 'x:1', envFrom: [{secretRef: {name: gone}}]}]}\n";
    let found = asked(text, "", "WRK-008", ReviewSource::Manifests);
    assert!(found.tally.unknown == 1 && found.results.iter().all(|r| !r.blocking), "{:#?}", found.results);
    // In a cluster the kind was read, so the object does not exist.
    assert_eq!(asked(text, "", "WRK-008", ReviewSource::Live).tally.fail, 1);
}

fn work(namespace: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {namespace}}}\nspec:\n  replicas: 2\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec: {{containers: [{{name: web, image: 'i:1'}}]}}\n---\n"
    )
}

fn reviewed(text: &str, settings: &ReviewSettings) -> Review {
    review(&object_set(text, ReviewSource::Manifests), settings, "example", "full", now())
}

#[test]
fn a_platform_namespace_is_judged_if_it_is_the_whole_input_and_named_if_not() {
    let alone = reviewed(&work("kube-system"), &ReviewSettings::default());
    assert!(alone.results.iter().any(|r| r.subject.namespace == "kube-system") && alone.coverage.left_out.is_empty());
    let beside = reviewed(&(work("kube-system") + &work("shop")), &ReviewSettings::default());
    let left = &beside.coverage.left_out;
    assert!(left.len() == 1 && left[0].what == "namespace kube-system" && left[0].objects == 1, "{left:?}");
    assert!(beside.results.iter().all(|r| r.subject.namespace != "kube-system"));
}

#[test]
fn nothing_is_ready_that_nobody_looked_at() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {a: b}\n";
    let found = reviewed(config, &ReviewSettings::default());
    assert!(found.verdict == Readiness::CannotDetermine && found.coverage.undecided[0].contains("no workload"));
    let of = |drills: &str, only: &str| {
        let settings = ReviewSettings {
            drills: [drills.to_owned()].into_iter().filter(|d| !d.is_empty()).collect(),
            only: [only.to_owned()].into_iter().filter(|o| !o.is_empty()).collect(),
            ..ReviewSettings::default()
        };
        reviewed(&work("shop"), &settings)
    };
    for drill in ["alerts", "restore", "region"] {
        let found = of(drill, "");
        assert!(found.coverage.undecided.iter().any(|why| why.contains(&format!("--for {drill}"))), "{drill}");
    }
    assert_eq!(of("", "IMG-002").verdict, Readiness::Ready);
    assert_eq!(of("", "PDB-002").verdict, Readiness::CannotDetermine);
}

#[test]
fn each_format_counts_what_was_judged() {
    let found = reviewed(&(work("kube-system") + &work("shop")), &ReviewSettings::default());
    let c = &found.coverage;
    let unjudged: usize = c.unjudged.values().sum();
    assert_eq!(c.judged + unjudged, found.checks.len());
    assert!(c.unjudged[&Unjudged::NeedsCluster] > 30 && c.unjudged[&Unjudged::NeedsDrill] == 29, "{c:?}");
    let human = report::review_human(&found, false, report::GroupBy::Check);
    let counts = format!("{} of {} checks judged something", c.judged, found.checks.len());
    assert!(human.contains(&counts), "{human}");
    assert!(human.contains("left out: 1 object of namespace kube-system"), "{human}");
    let json: serde_json::Value = serde_json::from_str(&report::review_json(&found)).unwrap();
    assert_eq!(json["coverage"]["judged"], c.judged);
    let sarif: serde_json::Value = serde_json::from_str(&report::review_sarif(&found)).unwrap();
    assert_eq!(sarif["runs"][0]["properties"]["judgedChecks"], c.judged);
    assert!(report::review_prometheus(&found).contains(&format!("drillmaster_check_judged {}", c.judged)));
    assert!(
        report::review_prometheus(&found).contains("drillmaster_check_unjudged{reason=\"need a planned drill\"} 29")
    );
    for text in [report::review_markdown(&found), report::review_html(&found), report::review_junit(&found)] {
        assert!(text.contains(&counts), "{text}");
    }
}

#[test]
fn people_read_a_fault_once_and_programs_each_fact() {
    let found = reviewed(&work("shop"), &ReviewSettings::default());
    let human = report::review_human(&found, true, report::GroupBy::Check);
    let once = "no request for cpu and memory; no limit for memory (RES-002)";
    assert!(human.contains(once) && human.contains("fix (RES-002): Set a memory limit"), "{human}");
    assert!(!human.contains("RES-002 Every container has a memory limit"), "{human}");
    assert_eq!(human.matches("(example.yaml:").count(), 1, "{human}");
    assert!(report::review_markdown(&found).contains(once));
    let of = |id: &str| found.results.iter().filter(|r| r.check == id && r.state == State::Fail).count();
    assert_eq!((of("RES-001"), of("RES-002")), (1, 1));
    // Alone, the second of them is a finding of its own.
    let limited = work("shop").replace("image: 'i:1'", "image: 'i:1', resources: {requests: {cpu: 1, memory: 1Gi}}");
    let human = report::review_human(&reviewed(&limited, &ReviewSettings::default()), true, report::GroupBy::Check);
    assert!(human.contains("RES-002 Every container has a memory limit"), "{human}");
}

#[test]
fn the_worst_comes_first_whatever_its_area() {
    let found = reviewed(&work("shop"), &ReviewSettings::default());
    for (text, head) in [(report::review_markdown(&found), "## "), (report::review_html(&found), "<h2>")] {
        let places: Vec<Option<usize>> = ["Blocks a drill", "High", "Medium", "Low"]
            .iter()
            .map(|title| text.find(&format!("{head}{title}")))
            .collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{text}");
    }
}

#[test]
fn the_version_of_kubernetes_decides() {
    let old = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: shop}\nspec: {maxUnavailable: 1}\n";
    let at = |minor| {
        let settings = ReviewSettings { kubernetes: Some(minor), ..settings("", "API-001") };
        reviewed(old, &settings).results.iter().find(|r| r.check == "API-001").map(|r| (r.state, r.severity))
    };
    assert_eq!(at(20), None);
    assert_eq!(at(22), Some((State::Fail, Severity::Low)));
    assert_eq!(at(25), Some((State::Fail, Severity::High)));
}

#[test]
fn thousands_of_comments_and_every_form_of_json_are_read() {
    let read = |text: &str| {
        let mut object_set = drillmaster::inventory::ObjectSet::default();
        read_text(&mut object_set, "a", text);
        object_set.settle();
        assert!(!object_set.broken, "{:?}", object_set.notes);
        object_set
    };
    let comments =
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n{}  z: w\n", "  # c\n".repeat(5000));
    assert_eq!(read(&comments).any("ConfigMap")[0].text("/data/z"), "w");
    let one = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "N"}}"#;
    let (a, b) = (one.replace('N', "a"), one.replace('N', "b"));
    for text in [format!("[{a},\n{b}]"), format!("{a}{b}"), format!("{a}\n{b}\n"), format!("[{a}]\n[{b}]")] {
        assert_eq!(read(&text).any("Service").len(), 2, "{text}");
    }
    assert_eq!(read(&format!("{a}\n{b}\n")).any("Service")[1].origin.line, 2);
    let nested =
        format!(r#"{{"kind": "List", "apiVersion": "v1", "items": [{{"kind": "List", "items": [{a}]}}, {b}]}}"#);
    assert_eq!(read(&nested).any("Service").len(), 2);
    assert_eq!(read("%YAML 1.2\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n").any("Service").len(), 1);
    let mixed = read(
        "version: '3'\nservices: {a: {image: x}}\n---\nname: chart\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
    );
    assert!(mixed.unrelated.len() == 2 && mixed.notes.is_empty());
}

#[test]
fn files_of_programs_are_no_objects_and_no_mistakes() {
    let mut object_set = drillmaster::inventory::ObjectSet::default();
    let text = "apiVersion: v1\nkind: Config\nclusters: []\n---\nkind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: []\n---\n\
        apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n---\napiVersion: apps/v1\nkind: Deployment\nspec: {}\n";
    read_text(&mut object_set, "a", text);
    assert!(object_set.unrelated.len() == 2 && object_set.any("Policy.audit.k8s.io").len() == 1, "{object_set:?}");
    // A Deployment without metadata is a mistake.
    assert!(object_set.broken && object_set.notes.len() == 1, "{:?}", object_set.notes);
}

#[test]
fn pods_of_unknown_kinds_are_named() {
    let other = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n\
        spec: {template: {spec: {containers: [{image: 'x:1'}]}}}\n";
    let found = reviewed(&(work("shop") + other), &ReviewSettings::default());
    let left = &found.coverage.left_out;
    assert!(left.len() == 1 && left[0].what == "kind Service.serving.knative.dev" && left[0].objects == 1, "{left:?}");
}

#[test]
fn messages_are_not_those_of_libraries() {
    let mut object_set = drillmaster::inventory::ObjectSet::default();
    read_text(&mut object_set, "a", "a: 1\na: 2\nkind: x\n---\nkind: Pod\napiVersion: v1\nmetadata: 3\n---\n- [}\n");
    assert_eq!(object_set.notes.len(), 3, "{:?}", object_set.notes);
    for note in &object_set.notes {
        assert!(["struct", "Policy", "Options", "serde"].iter().all(|word| !note.contains(word)), "{note}");
    }
}

/// Runs `check` on a folder. Only the programs of `path` can be found.
fn checked(folder: &Path, path: &Path) -> (Option<i32>, String, String) {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .args(["check", folder.to_str().unwrap(), "--only", "SEC-001,IMG-002"])
        .env("PATH", path)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[cfg(unix)]
#[test]
fn a_kustomization_is_rendered_or_refused_with_the_command_to_type() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let (apps, tools, none) = (root.path().join("apps"), root.path().join("tools"), root.path().join("none"));
    for folder in [&apps, &tools, &none] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(apps.join("kustomization.yaml"), "resources: [d.yaml]\n").unwrap();
    std::fs::write(apps.join("d.yaml"), work("shop")).unwrap();
    let (code, _, err) = checked(&apps, &none);
    let command = format!("kubectl kustomize {} | drillmaster check -", apps.display());
    assert!(code == Some(2) && err.contains(&command) && err.contains("is installed"), "{err}");
    let rendered = root.path().join("rendered.yaml");
    std::fs::write(&rendered, work("shop").replace("i:1", "i:latest")).unwrap();
    let program = tools.join("kubectl");
    std::fs::write(&program, format!("#!/bin/sh\n/bin/cat {}\n", rendered.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, out, err) = checked(&apps, &tools);
    assert!(out.contains("i:latest") && code == Some(0), "{code:?} {out}{err}");
    std::fs::create_dir(apps.join("b")).unwrap();
    std::fs::write(apps.join("b/kustomization.yaml"), "resources: []\n").unwrap();
    let (code, _, err) = checked(&apps, &tools);
    assert!(code == Some(2) && err.contains("are variants of one application"), "{err}");
    std::fs::remove_dir_all(&apps).unwrap();
    std::fs::create_dir(&apps).unwrap();
    std::fs::write(apps.join("Chart.yaml"), "name: a\n").unwrap();
    let (code, _, err) = checked(&apps, &tools);
    assert!(code == Some(2) && err.contains(&format!("helm template {}", apps.display())), "{err}");
}

/// A profile chooses checks. It never makes one milder so that a project passes.
#[test]
fn no_profile_lowers_a_severity() {
    for text in texts_of_checks() {
        let objects = object_set(part(&text, "fails"), ReviewSource::Manifests);
        let found = |profile| review(&objects, &ReviewSettings::default(), "example", profile, now()).results;
        let full = found("full");
        for profile in ["ci", "preflight", "security"] {
            for result in found(profile) {
                let is_same = |r: &Ruling| r.fingerprint == result.fingerprint && r.severity == result.severity;
                assert!(full.iter().any(is_same), "{profile}: {result:?}");
            }
        }
    }
}

/// Where a rule is milder in one case, docs/checks.md lists the case, which is the reason.
#[test]
fn every_milder_case_is_listed() {
    let listed = page();
    let checks: serde_json::Value = serde_json::from_str(&listing_json()).unwrap();
    let usual = |id: &str| -> Severity {
        let check = checks["checks"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap();
        serde_json::from_value(check["severity"].clone()).unwrap()
    };
    let (mut milder, mut missing) = (0, std::collections::BTreeSet::new());
    for text in texts_of_checks() {
        for source in [ReviewSource::Live, ReviewSource::Manifests] {
            let found = asked(part(&text, "fails"), part(&text, "drill"), "*", source);
            for result in found.results.iter().filter(|r| r.state == State::Fail && r.severity > usual(&r.check)) {
                let (row, severity) = (format!("| {} |", result.check), result.severity.to_string());
                let is_case = |line: &str| line.starts_with(&row) && line.to_lowercase().contains(&severity);
                milder += 1;
                if !listed.lines().any(is_case) {
                    missing.insert(format!("{} is {severity}: {}", result.check, result.observed));
                }
            }
        }
    }
    assert!(milder > 10 && missing.is_empty(), "{milder} cases, not listed: {missing:#?}");
}

/// The examples of all checks.
fn texts_of_checks() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn a_well_run_project_passes_every_profile_of_manifests() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks/well-run/shop.yaml");
    let object_set = object_set(&std::fs::read_to_string(path).unwrap(), ReviewSource::Manifests);
    for profile in ["ci", "preflight", "security"] {
        let found = review(&object_set, &ReviewSettings::default(), "shop", profile, now());
        let blocking: Vec<_> = found.results.iter().filter(|r| r.blocking).collect();
        let passed = matches!(found.verdict, Readiness::Ready | Readiness::ReadyWithWarnings);
        assert!(passed && blocking.is_empty(), "{profile}: {:?} {blocking:#?}", found.coverage);
        let fails: Vec<_> = found.results.iter().filter(|r| r.state == State::Fail).collect();
        assert!(fails.len() <= 2, "{profile}: {fails:#?}");
    }
}
