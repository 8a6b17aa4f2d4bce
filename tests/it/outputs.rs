//! The outputs of a review for other programs: code scanning, JUnit, earlier reviews. Also Datadog, which a review
//! reads.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    time::Duration,
};

use drillmaster::{
    inventory::ReviewSource,
    model::{DatadogSpec, Redactor, Review, SecretRef},
    readiness::against_baseline,
    report,
    world::{Datadog, Here, Http},
};
use serde_json::{Value, json};

use super::checks::asked;

const LONE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: lone, namespace: shop}\nspec:\n  replicas: 1\n  \
    selector: {matchLabels: {app: lone}}\n  template:\n    metadata: {labels: {app: lone}}\n    \
    spec: {containers: [{name: a, image: 'i:latest'}]}\n";

fn sarif(review: &Review) -> Value {
    serde_json::from_str(&report::review_sarif(review)).unwrap()
}

#[test]
fn code_scanning_is_told_what_is_new_and_what_is_gone() {
    let earlier = asked(LONE, "", "IMG-002", ReviewSource::Manifests);
    let run = |review: &Review| sarif(review)["runs"][0].clone();
    assert!(
        run(&earlier)["results"][0].get("baselineState").is_none(),
        "without an earlier review, nothing may be marked as new"
    );
    let mut later = asked(&LONE.replace("i:latest", "i:1"), "", "WRK-001", ReviewSource::Manifests);
    against_baseline(&mut later, &earlier);
    let states: Vec<(String, String)> = run(&later)["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["ruleId"].as_str().unwrap().to_owned(), r["baselineState"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(states, [("WRK-001".into(), "new".into())], "a check that was not run must not be marked as gone");
    let mut mended = asked(&LONE.replace("i:latest", "i:1"), "", "IMG-002", ReviewSource::Manifests);
    against_baseline(&mut mended, &earlier);
    let results = run(&mended)["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 1, "{results:#}");
    assert_eq!((&results[0]["ruleId"], &results[0]["baselineState"]), (&json!("IMG-002"), &json!("absent")));
}

#[test]
fn rules_of_code_scanning_tell_what_and_how() {
    let review = asked(LONE, "", "*", ReviewSource::Manifests);
    let run = sarif(&review)["runs"][0].clone();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        let text = |field: &str| rule[field]["text"].as_str().unwrap_or("").to_owned();
        assert!(text("shortDescription").ends_with('.') && text("fullDescription").ends_with(['.', ')']), "{rule:#}");
        assert!(text("help").contains("To fix it:"), "{rule:#}");
    }
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.contains([' ', '<', '#']), "{uri}");
    }
    let about = |id: &str| rules.iter().find(|r| r["id"] == id).unwrap()["properties"].clone();
    assert_eq!(about("RBAC-001")["security-severity"], "9.0", "{:#}", about("RBAC-001"));
    assert!(about("WRK-001").get("security-severity").is_none());
}

#[test]
fn a_junit_case_for_each_check() {
    let review = asked(LONE, "", "*", ReviewSource::Manifests);
    let junit = report::review_junit_by_check(&review);
    assert_eq!(junit.matches("<testcase").count(), review.checks.len());
    let failing = review.checks.iter().filter(|c| c.tally.fail > 0).count();
    assert!(failing > 0);
    assert_eq!(junit.matches("<failure").count(), failing);
    // A check that passes for some objects and is skipped for others has passed.
    let skipped = review.checks.iter().filter(|c| {
        c.tally.pass + c.tally.fail + c.tally.error + c.tally.unknown == 0 && c.tally.skip + c.tally.waived > 0
    });
    assert_eq!(junit.matches("<skipped").count(), skipped.count());
}

/// Answers each request with the next of these bodies. Returns the requests.
fn serve(answers: Vec<(u16, String)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let mut heard = vec![];
        for (code, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut asked, mut buffer) = (String::new(), [0; 4096]);
            while !asked.contains("\r\n\r\n") {
                let count = stream.read(&mut buffer).unwrap();
                assert!(count > 0, "the request is incomplete: {asked}");
                asked.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            let head = format!("HTTP/1.1 {code} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
            heard.push(asked);
        }
        heard
    });
    (url, heard)
}

fn monitors(url: String, folder: &std::path::Path) -> Result<usize, String> {
    let key = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        SecretRef::File(path.to_str().unwrap().to_owned())
    };
    let spec = DatadogSpec { url, api_key: key("a", "api-key-1"), application_key: key("b", "app-key-2") };
    rustls::crypto::ring::default_provider().install_default().ok();
    let datadog = Datadog::new(
        Http::new(Duration::from_secs(5), &Arc::default()),
        spec,
        Here::now(),
        Arc::new(Redactor::default()),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(datadog.monitors()).map(|all| all.len())
}

#[test]
fn datadog_is_read_by_pages_with_both_keys() {
    let folder = tempfile::tempdir().unwrap();
    let page = |count: usize| Value::from(vec![json!({"id": 1, "name": "m"}); count]).to_string();
    let (url, heard) = serve(vec![(200, page(100)), (200, page(3))]);
    assert_eq!(monitors(url, folder.path()), Ok(103));
    let heard = heard.join().unwrap();
    assert!(heard[0].starts_with("GET /api/v1/monitor?page=0&page_size=100 "), "{}", heard[0]);
    assert!(heard[1].starts_with("GET /api/v1/monitor?page=1&"), "{}", heard[1]);
    for asked in heard {
        assert!(asked.contains("dd-api-key: api-key-1\r\n") && asked.contains("dd-application-key: app-key-2\r\n"));
    }
    for (code, body, word) in
        [(403, r#"{"errors":["Forbidden"]}"#, "403"), (200, "{}", "is not a list"), (200, "<html>", "")]
    {
        let (url, _) = serve(vec![(code, body.to_owned())]);
        let why = monitors(url, folder.path()).unwrap_err();
        assert!(why.contains(word) && !why.contains("key-"), "{why}");
    }
    assert!(monitors("http://127.0.0.1:9".into(), folder.path()).is_err());
}
