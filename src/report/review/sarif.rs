//! The review as SARIF 2.1.0, for code scanning. Failures and unknowns are results, waived findings are results with a
//! suppression, passes and skips are counted.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::model::{Review, Ruling, Severity, State};

/// The characters of a path that are not escaped in a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b'+');

/// GitHub accepts at most this many results for one run.
const MOST: usize = 25_000;

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The number by which code scanning ranks security findings.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.0",
        Severity::High => "7.5",
        Severity::Medium => "5.0",
        Severity::Low => "2.5",
    }
}

/// The name as SARIF requires it: `pdb-blocks-drain` becomes `PdbBlocksDrain`.
fn pascal(name: &str) -> String {
    let word = |w: &str| w[..1].to_uppercase() + &w[1..];
    name.split('-').filter(|w| !w.is_empty()).map(word).collect()
}

/// The text with a full stop.
fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// The review for code scanning.
pub fn sarif(review: &Review) -> String {
    let rules: Vec<Value> = review
        .checks
        .iter()
        .map(|c| {
            let mut rule = json!({"id": c.id, "name": pascal(&c.name), "shortDescription": {"text": sentence(&c.title)},
                "fullDescription": {"text": c.rule}, "help": {"text": sentence(&format!("{} To fix it: {}", c.rule, c.fix))},
                "helpUri": format!("https://drillmaster.dev/checks#{}", c.id.to_lowercase()),
                "defaultConfiguration": {"level": level(c.severity)},
                "properties": {"tags": [c.area, c.severity.to_string()]}});
            if c.security {
                rule["properties"]["security-severity"] = security_severity(c.severity).into();
                rule["properties"]["tags"] = json!([c.area, c.severity.to_string(), "security"]);
            }
            rule
        })
        .collect();
    let told: Vec<&Ruling> = review.results.iter().filter(|r| r.state.is_finding()).collect();
    let mut results: Vec<Value> = told.iter().take(MOST).map(|r| result(review, r)).collect();
    for gone in review.gone.iter().flatten().take(MOST - results.len()) {
        let mut absent = result(review, gone);
        absent["baselineState"] = "absent".into();
        results.push(absent);
    }
    let mut notices: Vec<Value> =
        review.notes.iter().map(|n| json!({"level": "note", "message": {"text": n}})).collect();
    notices.extend(super::covered(review).iter().map(|line| json!({"level": "note", "message": {"text": line}})));
    if told.len() > MOST {
        let text = format!(
            "this file contains the {} most serious of {} results, because code scanning accepts no more",
            MOST,
            told.len()
        );
        notices.push(json!({"level": "warning", "message": {"text": text}}));
    }
    let t = &review.tally;
    let whole = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "drillmaster", "version": env!("CARGO_PKG_VERSION"),
                "informationUri": "https://drillmaster.dev", "rules": rules}},
            "invocations": [{"executionSuccessful": true, "exitCode": review.exit().code(),
                "toolExecutionNotifications": notices}],
            "properties": {"target": review.target, "verdict": review.verdict.to_string(),
                "pass": t.pass, "fail": t.fail, "unknown": t.unknown, "error": t.error, "waived": t.waived, "skip": t.skip,
                "judgedChecks": review.coverage.judged, "unjudgedChecks": review.coverage.unjudged,
                "leftOut": review.coverage.left_out, "undecided": review.coverage.undecided},
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

fn result(review: &Review, r: &Ruling) -> Value {
    let s = &r.subject;
    let logical: Vec<&str> = [review.target.as_str(), &s.namespace, &s.kind, &s.name, &s.part]
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect();
    // Code scanning requires a file. A live object gets an invented path that stays the same.
    let (uri, line) = if s.file.is_empty() {
        let namespace = if s.namespace.is_empty() { "cluster" } else { s.namespace.as_str() };
        let name = if s.kind.is_empty() { "cluster".to_owned() } else { format!("{}/{}", s.kind, s.name) };
        (format!("live/{namespace}/{name}.yaml"), 1)
    } else {
        (s.file.trim_start_matches("./").to_owned(), s.line.max(1))
    };
    let uri = utf8_percent_encode(&uri, PATH).to_string();
    let fix = if r.fix.is_empty() { String::new() } else { format!(". Fix: {}", r.fix) };
    let mut result = json!({
        "ruleId": r.check,
        "level": if r.state == State::Unknown { "warning" } else { level(r.severity) },
        "kind": if r.state == State::Unknown { "open" } else { "fail" },
        "message": {"text": sentence(&format!("{s}: {}{fix}", super::seen(r)))},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}},
            "logicalLocations": [{"fullyQualifiedName": logical.join("/")}],
        }],
        "partialFingerprints": {"drillmasterCheck/v1": r.fingerprint},
        "properties": {"pointer": r.pointer, "severity": r.severity.to_string(), "blocking": r.blocking, "blocks": r.blocks},
    });
    if let Some(index) = review.checks.iter().position(|c| c.id == r.check) {
        result["ruleIndex"] = index.into();
    }
    // Without an earlier review, no result is new or old.
    if review.gone.is_some() {
        result["baselineState"] = if r.known { "unchanged" } else { "new" }.into();
    }
    // In SARIF, an open result has no level.
    if r.state == State::Unknown {
        result["level"] = "none".into();
    }
    if let Some(waiver) = &r.waiver {
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": waiver}]);
    }
    result
}
