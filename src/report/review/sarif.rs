//! SARIF 2.1.0 for code scanning: fails and unknowns are results; what was waived is
//! one with a suppression; passes and skips are counts.

use serde_json::{Value, json};

use crate::model::{Review, Ruling, Severity, State};

/// GitHub takes no more results of one run.
const MOST: usize = 25_000;

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// The review for code scanning.
pub fn sarif(review: &Review) -> String {
    let rules: Vec<Value> = review
        .checks
        .iter()
        .map(|c| {
            json!({"id": c.id, "name": c.name, "shortDescription": {"text": c.title},
                "helpUri": format!("https://drillmaster.dev/checks#{}", c.id.to_lowercase()),
                "defaultConfiguration": {"level": level(c.severity)},
                "properties": {"tags": [c.area, c.severity.to_string()]}})
        })
        .collect();
    let told: Vec<&Ruling> = review
        .results
        .iter()
        .filter(|r| matches!(r.state, State::Fail | State::Unknown | State::Error | State::Waived))
        .collect();
    let results: Vec<Value> = told.iter().take(MOST).map(|r| result(review, r)).collect();
    let mut notices: Vec<Value> =
        review.notes.iter().map(|n| json!({"level": "note", "message": {"text": n}})).collect();
    if told.len() > MOST {
        let text = format!("{} of {} results are here, the worst ones: code scanning takes no more", MOST, told.len());
        notices.push(json!({"level": "warning", "message": {"text": text}}));
    }
    let t = &review.tally;
    let whole = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "drillmaster", "version": env!("CARGO_PKG_VERSION"),
                "informationUri": "https://drillmaster.dev", "rules": rules}},
            "invocations": [{"executionSuccessful": true, "exitCode": review.verdict.exit().code(),
                "toolExecutionNotifications": notices}],
            "properties": {"target": review.target, "verdict": review.verdict.to_string(),
                "pass": t.pass, "fail": t.fail, "unknown": t.unknown, "error": t.error, "waived": t.waived, "skip": t.skip},
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
    // Code scanning wants a file: a live object has a made-up one that stays the same.
    let (uri, line) = if s.file.is_empty() {
        let namespace = if s.namespace.is_empty() { "cluster" } else { s.namespace.as_str() };
        let name = if s.kind.is_empty() { "cluster".to_owned() } else { format!("{}/{}", s.kind, s.name) };
        (format!("live/{namespace}/{name}.yaml").replace(' ', "%20").replace(':', "%3A"), 1)
    } else {
        (s.file.trim_start_matches("./").replace(' ', "%20"), s.line.max(1))
    };
    let fix = if r.fix.is_empty() { String::new() } else { format!(". Fix: {}", r.fix) };
    let mut result = json!({
        "ruleId": r.check,
        "level": if r.state == State::Unknown { "warning" } else { level(r.severity) },
        "kind": if r.state == State::Unknown { "open" } else { "fail" },
        "message": {"text": format!("{s}: {}{fix}", r.observed)},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}},
            "logicalLocations": [{"fullyQualifiedName": logical.join("/")}],
        }],
        "partialFingerprints": {"drillmasterCheck/v1": r.fingerprint},
        "baselineState": if r.known { "unchanged" } else { "new" },
        "properties": {"pointer": r.pointer, "severity": r.severity.to_string(), "blocking": r.blocking},
    });
    // SARIF: a result that is open has no level.
    if r.state == State::Unknown {
        result["level"] = "none".into();
    }
    if let Some(waiver) = &r.waiver {
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": waiver}]);
    }
    result
}
