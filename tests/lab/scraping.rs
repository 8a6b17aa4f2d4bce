//! What the real Prometheus operator scrapes and loads, compared with what a review said before the operator ran.
//! `tests/lab/operators` builds the operator.

use std::{collections::BTreeSet, io::Read};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    crds::{define, module},
    hollow::{Hollow, wait_for},
    operators::{review, start, subject},
};

/// The kind and name of each object that a check reports as ignored, or cannot judge.
fn ignored(lab: &Hollow) -> BTreeSet<String> {
    let review = review(lab, &["MET-003", "ALR-002"]);
    let results = review["results"].as_array().unwrap().iter().filter(|r| r["state"] != "skip");
    results
        .filter(|r| r["check"] == "MET-003" || r["subject"]["kind"] == "PrometheusRule")
        .map(|r| subject(&r["subject"]))
        .collect()
}

/// All monitors and rules that are missing in everything that the operator generated for its instances.
fn left_out(lab: &Hollow) -> BTreeSet<String> {
    let get = |what: &str| -> Vec<Value> {
        let list: Value = serde_json::from_str(&lab.kubectl(&["get", what, "-A", "-o", "json"])).unwrap();
        list["items"].as_array().unwrap().clone()
    };
    let mut made = String::new();
    for secret in get("secrets") {
        // An instance that selects nothing has an empty configuration.
        let zipped = secret["data"]["prometheus.yaml.gz"].as_str().filter(|z| !z.is_empty());
        if let Some(bytes) = zipped.map(|z| STANDARD.decode(z).unwrap()) {
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut made).unwrap();
        }
    }
    let files: Vec<String> = get("configmaps")
        .iter()
        .filter(|c| c["metadata"]["name"].as_str().unwrap().starts_with("prometheus-"))
        .flat_map(|c| c["data"].as_object().into_iter().flat_map(|d| d.keys().cloned()).collect::<Vec<_>>())
        .collect();
    let mut out = BTreeSet::new();
    for object in get("servicemonitors,podmonitors,prometheusrules") {
        let text = |pointer: &str| object.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let (kind, space, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        let job = format!("job_name: {}{}/{space}/{name}/0\n", kind[..1].to_lowercase(), &kind[1..]);
        let file = format!("{space}-{name}-{}.yaml", text("/metadata/uid"));
        if !made.contains(&job) && !files.contains(&file) {
            out.insert(format!("{kind}/{name}"));
        }
    }
    out
}

#[test]
#[ignore = "needs the hollow lab and what tests/lab/operators builds"]
fn the_operator_and_the_review_agree() {
    let lab = Hollow::bare();
    let missing = define(&lab);
    assert!(missing.iter().all(|m| !m.contains("prometheus-operator")), "{missing:?}");
    let kinds = module("github.com/prometheus-operator/prometheus-operator@v0.85.0").unwrap();
    let kinds = kinds.join("example/prometheus-operator-crd");
    lab.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", kinds.to_str().unwrap()]);
    lab.kubectl(&["apply", "-f", "tests/lab/scraping.yaml"]);

    let before = ignored(&lab);
    let args = ["--web.listen-address=127.0.0.1:0", "--feature-gates=StatusForConfigurationResources=true"];
    let _operator = start(&lab, "prometheus-operator", &args);
    wait_for("the operator to have configured both", 90, || {
        let out = left_out(&lab);
        ["ServiceMonitor/plain", "ServiceMonitor/known-class", "PrometheusRule/rule"].iter().all(|n| !out.contains(*n))
    });
    let mut real = left_out(&lab);
    // Only the operator itself knows how it reads regular expressions.
    let only_it = ["ServiceMonitor/bad-expression".to_owned()];
    real.retain(|name| !only_it.contains(name));
    assert_eq!(before, real);
    assert_eq!(real.len(), 18, "tests/it/recorded.rs must name as many");

    // The review must believe what the operator reports about the objects.
    wait_for("the operator to report what it did not accept", 60, || ignored(&lab).contains(&only_it[0]));
    real.extend(only_it);
    assert_eq!(ignored(&lab), real);
    assert_eq!(left_out(&lab), real);
}
