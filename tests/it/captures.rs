//! A capture gives the same results as the cluster from which it was made, or says that it cannot tell.

use std::{collections::BTreeMap, path::Path};

use base64::Engine;
use drillmaster::{
    inventory::{ObjectSet, ReviewSource, open_capture, save},
    model::{Review, State},
    readiness::review,
};

use crate::checks::{now, object_set, part, settings};

/// Checks whose examples a capture cannot answer. They read what may be a secret: values of variables, arguments,
/// annotations and ConfigMaps.
const WITHHELD: [&str; 9] =
    ["DSH-001", "DSH-002", "LOG-002", "LOG-003", "LOG-005", "NET-AUDIT", "SEC-001", "SEC-002", "SEC-003"];

/// The same objects, written to a capture and read back.
fn captured(of: &ObjectSet) -> ObjectSet {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.tar.gz");
    save(of, "example", &path).unwrap();
    open_capture(&path).unwrap().0
}

/// The state, severity, object and place of each finding, and how many times each check passed.
fn told(review: &Review) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for result in &review.results {
        let s = &result.subject;
        let object = [&s.kind, &s.namespace, &s.name, &s.part].map(String::as_str).join("/");
        let line = format!("{:?} {:?} {object} {}", result.state, result.severity, result.pointer);
        *all.entry(line).or_default() += 1;
    }
    all.insert("pass".to_owned(), review.checks.iter().map(|c| c.tally.pass).sum());
    all
}

#[test]
fn a_capture_is_judged_like_the_cluster() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let mut wrong = vec![];
    let mut unanswered = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let target = part(&text, "target");
        let settings = settings(part(&text, "drill"), &id);
        for half in ["fails", "passes"] {
            let judged = |captures: bool| {
                let through = |object_set: ObjectSet| if captures { captured(&object_set) } else { object_set };
                let mut own = through(object_set(part(&text, half), ReviewSource::Live));
                own.target = (!target.is_empty()).then(|| Box::new(through(object_set(target, ReviewSource::Capture))));
                review(&own, &settings, "example", "full", now())
            };
            let (live, kept) = (judged(false), judged(true));
            if told(&live) == told(&kept) {
                continue;
            }
            let unknown = kept.results.iter().any(|r| r.state == State::Unknown);
            if unknown && WITHHELD.contains(&id.as_str()) {
                unanswered.insert(id.clone());
            } else {
                wrong.push(format!("{id} {half}: {:#?}\nand from a capture: {:#?}", told(&live), told(&kept)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(unanswered.into_iter().collect::<Vec<_>>(), WITHHELD);
}

/// A Secret that a review may read must not be quoted in any message, whatever is wrong with it.
#[test]
fn a_secret_that_is_broken_is_not_quoted() {
    let manager = "apiVersion: monitoring.coreos.com/v1\nkind: Alertmanager\nmetadata: {name: am, namespace: mon}\nspec: {replicas: 1}\n---\n";
    let work = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: mon}\nspec: {template: {spec: {imagePullSecrets: [{name: dc}], \
                containers: [{name: c, image: 'reg.example/web:1'}]}}}\n";
    let secret = |name: &str, kind: &str, key: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: mon}}\ntype: {kind}\ndata: {{{key}: {value}}}\n---\n"
        )
    };
    // The text is `global:`, six more lines with a password in each, and a mistake in line 7.
    let yaml = "Z2xvYmFsOgogIHNtdHBfYXV0aF9wYXNzd29yZDogUExBTlRFRC1TTVRQCiAgc2xhY2tfYXBpX3VybDogaHR0cHM6Ly9ob29rcy5zbGFjay5jb20vc2VydmljZXMvUExBTlRFRC1TTEFDSwpyZWNlaXZlcnM6Ci0gbmFtZTogcgogIHdlYmhvb2tfY29uZmlnczogW3t1cmw6ICJodHRwOi8vdTpQTEFOVEVELVdIQHgvIn1dCiAgcGFzc3dvcmQ6IFBMQU5URUQtSU5MSU5FOiBiYWQ6IHlhbWwKcm91dGU6IHtyZWNlaXZlcjogcgo=";
    // A comment of 17 MiB, which leaves no configuration in the first 16 MiB.
    let bomb = {
        let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &vec![b'#'; 17 << 20]).unwrap();
        base64::prelude::BASE64_STANDARD.encode(gzip.finish().unwrap())
    };
    for (key, value, told) in [
        ("alertmanager.yaml", yaml, "line 7: mapping values are not allowed"),
        ("alertmanager.yaml", "PLANTED-PLAIN", "is not Base64"),
        ("alertmanager.yaml", "UExBTlRFRP8=", "is not UTF-8"),
        ("alertmanager.yaml.gz", "UExBTlRFRC1H", "is not gzip"),
        ("alertmanager.yaml.gz", &bomb, "is not gzip of at most 16 MiB"),
    ] {
        let text = manager.to_owned()
            + &secret("alertmanager-am", "Opaque", key, value)
            + &secret("tls", "kubernetes.io/tls", "tls.crt", "UExBTlRFRC1DRVJU")
            + &secret("dc", "kubernetes.io/dockerconfigjson", ".dockerconfigjson", "eyJQTEFOVEVEIjog")
            + work;
        let settings = settings("", "*");
        let review = review(&object_set(&text, ReviewSource::Live), &settings, "example", "full", now());
        let said = drillmaster::report::review_json(&review);
        assert!(said.contains(told), "{said}");
        assert!(!said.contains("PLANTED") && !said.contains("hooks.slack") && !said.contains("UExBTlRFR"), "{said}");
    }
}
