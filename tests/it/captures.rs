//! A capture gives the same results as the cluster from which it was made, or says that it cannot tell.

use std::{collections::BTreeMap, io::Read, path::Path};

use base64::Engine;
use drillmaster::{
    inventory::{ObjectSet, ReviewSource, open_capture, save},
    model::{Review, State},
    readiness::review,
};
use serde_json::Value;

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

/// The same objects in a capture of revision 0, which named no revision and held fewer kinds and fields.
fn captured_before(of: &ObjectSet) -> ObjectSet {
    let folder = tempfile::tempdir().unwrap();
    let (new, old) = (folder.path().join("new.tar.gz"), folder.path().join("old.tar.gz"));
    save(of, "example", &new).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&new).unwrap()));
    let packed = flate2::write::GzEncoder::new(std::fs::File::create(&old).unwrap(), flate2::Compression::fast());
    let mut written = tar::Builder::new(packed);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let kept: String = if name == "capture.json" {
            let mut head: Value = serde_json::from_str(&text).unwrap();
            assert!(head.as_object_mut().unwrap().remove("revision").is_some());
            head.to_string()
        } else {
            text.lines()
                .filter_map(|line| before(serde_json::from_str(line).unwrap()))
                .map(|o| o.to_string() + "\n")
                .collect()
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(kept.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        written.append_data(&mut header, name, kept.as_bytes()).unwrap();
    }
    written.into_inner().unwrap().finish().unwrap();
    open_capture(&old).unwrap().0
}

/// Kinds that captures of revision 0 did not hold.
const NEW: [&str; 12] = [
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "UDPRoute",
    "DeploymentConfig",
    "ScheduledBackup",
    "Pooler",
    "Kafka",
    "KafkaNodePool",
    "RabbitmqCluster",
    "MongoDBCommunity",
    "Grafana",
];

/// What a capture of revision 0 held of an object; none if it did not hold its kind.
fn before(mut object: Value) -> Option<Value> {
    let kind = object["kind"].as_str().unwrap().to_owned();
    if NEW.contains(&kind.as_str()) {
        return None;
    }
    for spec in ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"] {
        remove(&mut object, spec, &["securityContext", "hostPID", "hostIPC", "hostUsers", "os", "ephemeralContainers"]);
        each(&mut object, &format!("{spec}/containers"), &mut |c| remove(c, "", &["securityContext"]));
        each(&mut object, &format!("{spec}/initContainers"), &mut |c| remove(c, "", &["securityContext"]));
        each(&mut object, &format!("{spec}/volumes"), &mut |volume| {
            remove(volume, "", &["csi", "downwardAPI", "ephemeral", "nfs"]);
            remove(volume, "/configMap", &["items"]);
            remove(volume, "/secret", &["items"]);
        });
    }
    for metadata in ["/metadata", "/spec/template/metadata"] {
        let names = ["backup.velero.io/backup-volumes", "backup.velero.io/backup-volumes-excludes"];
        remove(&mut object, &format!("{metadata}/annotations"), &names);
    }
    match kind.as_str() {
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
            each(&mut object, "/webhooks", &mut |webhook| {
                remove(webhook, "", &["objectSelector"]);
                each(webhook, "/rules", &mut |rule| remove(rule, "", &["apiGroups", "operations"]));
            });
        }
        "StorageClass" => remove(&mut object, "", &["provisioner", "reclaimPolicy"]),
        "Cluster" => remove(&mut object, "", &["spec"]),
        "Elasticsearch" => each(&mut object, "/spec/nodeSets", &mut |set| remove(set, "", &["name", "podTemplate"])),
        _ => {}
    }
    Some(object)
}

fn remove(object: &mut Value, at: &str, fields: &[&str]) {
    if let Some(map) = object.pointer_mut(at).and_then(Value::as_object_mut) {
        map.retain(|field, _| !fields.contains(&field.as_str()));
    }
}

fn each(object: &mut Value, at: &str, change: &mut dyn FnMut(&mut Value)) {
    object.pointer_mut(at).and_then(Value::as_array_mut).into_iter().flatten().for_each(change);
}

/// A field that an old capture does not hold looks like one that is not set. What passes on it is unknown.
#[test]
fn an_older_capture_passes_nothing_on_fields_that_it_does_not_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let mut wrong = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let settings = settings(part(&text, "drill"), &id);
        let judged = |half: &str, older: bool| {
            let mut own = object_set(part(&text, half), ReviewSource::Live);
            if older {
                own = captured_before(&own);
            }
            let target = part(&text, "target");
            own.target = (!target.is_empty()).then(|| Box::new(object_set(target, ReviewSource::Capture)));
            review(&own, &settings, "example", "full", now())
        };
        let old = judged("fails", true);
        if judged("fails", false).tally.fail > 0 && old.tally.fail + old.tally.unknown == 0 {
            wrong.push(format!("{id} does not see what is wrong, and does not say so: {:#?}", old.results));
        }
        if ["BCK-012", "OPS-001", "OPS-002", "OPS-003", "PSS-001", "PSS-002"].contains(&id.as_str()) {
            let old = judged("passes", true);
            let told =
                |r: &drillmaster::model::Ruling| r.state == State::Unknown && r.observed.contains("make a new capture");
            if old.tally.pass + old.tally.fail > 0 || !old.results.iter().any(told) {
                wrong.push(format!("{id} is not unknown: {:#?}", old.results));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
