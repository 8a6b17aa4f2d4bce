//! How long the comparison before a deletion takes: it unpacks the archive of a backup with 50,000 objects, reads the
//! lists of the API server, and compares both object by object.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

use std::{io::Write, time::Instant};

use drillmaster::{
    kubernetes::{Held, Live, Reduced, Seen},
    model::{Losing, VolumeInfo},
    world::objects_of,
};
use serde_json::{Value, json};

const OBJECTS: usize = 50_000;
/// The number of objects in a page of a list.
const PAGE: usize = 500;
const KINDS: [(&str, &str, &str); 5] = [
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "Secret", "secrets"),
    ("apps/v1", "Deployment", "deployments.apps"),
    ("v1", "Pod", "pods"),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
];

/// An object of about a kilobyte, with the fields that the API server adds to it.
fn object(i: usize) -> Value {
    let (api, kind, _) = KINDS[i % KINDS.len()];
    let name = format!("object-{i:06}");
    let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "shop",
        "uid": format!("{i:08}-0000-4000-8000-000000000000"), "resourceVersion": i.to_string(), "generation": 2,
        "creationTimestamp": "2026-11-24T00:00:00Z", "labels": {"app": name, "team": "a"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x".repeat(200)},
        "managedFields": [{"manager": "kubectl", "operation": "Update", "time": "2026-11-24T00:00:00Z",
            "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}, "f:team": {}}}}}]}});
    match kind {
        "ConfigMap" | "Secret" => object["data"] = json!({"a": "1".repeat(150), "b": "2".repeat(150)}),
        "Deployment" => {
            object["spec"] = json!({"replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "registry.example/app:1",
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}, "ports": [{"containerPort": 8080}]}]}}});
            object["status"] = json!({"readyReplicas": 3, "conditions": [{"type": "Available", "status": "True"}]});
        }
        "Pod" => {
            object["metadata"]["ownerReferences"] =
                json!([{"kind": "ReplicaSet", "name": "r", "uid": "u", "controller": true}]);
            object["spec"] =
                json!({"nodeName": "n", "containers": [{"name": "main", "image": "registry.example/app:1"}]});
        }
        _ => object["spec"] = json!({"volumeName": format!("pv-{i}"), "storageClassName": "standard"}),
    }
    object
}

/// The archive as Velero writes it, which contains each object twice.
fn archive() -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(vec![], flate2::Compression::fast()));
    for i in 0..OBJECTS {
        let object = object(i);
        let bytes = object.to_string().into_bytes();
        let plural = KINDS[i % KINDS.len()].2;
        let name = object["metadata"]["name"].as_str().unwrap();
        for version in ["", "v1-preferredversion/"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            let path = format!("resources/{plural}/{version}namespaces/shop/{name}.json");
            tar.append_data(&mut header, path, &bytes[..]).unwrap();
        }
    }
    let mut gzip = tar.into_inner().unwrap();
    gzip.flush().unwrap();
    gzip.finish().unwrap()
}

/// The lists of the API server, in which one object was edited.
fn pages() -> Vec<Vec<u8>> {
    let edited = |i: usize| {
        let mut object = object(i);
        if i == OBJECTS / 2 {
            object["metadata"]["labels"]["team"] = "b".into();
        }
        object
    };
    // Built page by page, so that the preparation does not determine the highest memory use.
    let page = |first: usize| {
        let items: Vec<Value> = (first..first + PAGE).map(edited).collect();
        json!({ "items": items }).to_string().into_bytes()
    };
    (0..OBJECTS).step_by(PAGE).map(page).collect()
}

/// The highest resident memory so far, in MB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() {
    let (archive, pages) = (archive(), pages());
    let volumes: Vec<VolumeInfo> = (4..OBJECTS)
        .step_by(KINDS.len())
        .map(|i| VolumeInfo {
            pvc_name: format!("object-{i:06}"),
            pvc_namespace: "shop".into(),
            backup_method: "PodVolumeBackup".into(),
            ..VolumeInfo::default()
        })
        .collect();
    println!("before: {} MB resident, the archive of {} MB and the lists included", resident(), archive.len() >> 20);
    for _ in 0..5 {
        let began = Instant::now();
        let mut held = Held { volumes: volumes.clone(), ..Held::default() };
        objects_of(&archive, |found| {
            if let Some(object) = Reduced::of(found.object) {
                held.objects.put(object);
            }
        })
        .unwrap();
        let unpacked = began.elapsed();
        let read = |page: &Vec<u8>| match serde_json::from_slice::<Value>(page).unwrap()["items"].take() {
            Value::Array(items) => items,
            _ => vec![],
        };
        let live: Live = pages.iter().flat_map(read).filter_map(Seen::within).collect();
        let listed = began.elapsed();
        let losses = live.losses(&held);
        let [loss] = &losses[..] else { panic!("{losses:?}") };
        assert_eq!(loss.how, Losing::ChangedAt(vec!["/metadata/labels/team".into()]));
        println!(
            "{OBJECTS} objects, {} compared: {:.2} s (archive {:.2} s, lists {:.2} s, comparison {:.3} s), at most {} MB resident",
            live.objects.len(),
            began.elapsed().as_secs_f64(),
            unpacked.as_secs_f64(),
            (listed - unpacked).as_secs_f64(),
            (began.elapsed() - listed).as_secs_f64(),
            resident()
        );
    }
}
