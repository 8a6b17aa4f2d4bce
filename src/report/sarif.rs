//! The report as SARIF 2.1.0, for code scanning. Everything that was not met, not proven, not done or not put back
//! becomes a result for the scenario file. What passed is only counted.

use serde_json::{Value, json};

use super::Story;
use crate::{
    event::StepEnd,
    model::{FindingState, Outcome, REHEARSAL, sha256},
};

const RULES: [(&str, &str, &str); 5] = [
    ("expectation-failed", "error", "An expectation of the drill was not met"),
    ("expectation-inconclusive", "warning", "An expectation of the drill could not be proven"),
    ("step-failed", "error", "A step of the drill failed"),
    ("preflight-refused", "error", "The pre-flight refused the drill"),
    ("not-put-back", "error", "The drill left something that a person must put back"),
];

/// The report for code scanning.
pub fn sarif(story: &Story) -> String {
    let mut results = vec![];
    for j in &story.judgements {
        let rule = match j.outcome {
            Outcome::Fail => "expectation-failed",
            Outcome::Inconclusive => "expectation-inconclusive",
            _ => continue,
        };
        let of = j.of.as_ref().map(|of| format!(" [{of}]")).unwrap_or_default();
        results.push(result(story, rule, &format!("{}{of}", j.expectation), &j.because));
    }
    for s in story.steps.iter().filter(|s| s.end.is_some_and(StepEnd::is_failure)) {
        results.push(result(story, "step-failed", &format!("step `{}` ({})", s.name, s.verb), &s.detail));
    }
    for f in story.findings.iter().filter(|f| f.refuses()) {
        results.push(result(story, "preflight-refused", &f.check, &format!("{}; {}", f.observed, f.fix)));
    }
    for u in story.undo_log.iter().filter(|u| u.is_open) {
        let by_hand = if u.commands.is_empty() { "no command is known".to_owned() } else { u.commands.join("; ") };
        results.push(result(story, "not-put-back", &u.target, &format!("to do it by hand: {by_hand}")));
    }
    let passed = match story.other_rules {
        Some(_) => 0,
        None => story.judgements.iter().filter(|j| j.outcome == Outcome::Pass).count(),
    };
    let checks = story.findings.iter().filter(|f| f.state == FindingState::Pass).count();
    let rules = RULES.map(|(id, level, text)| {
        json!({"id": id, "name": id, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}})
    });
    let note = if story.is_rehearsal() { REHEARSAL } else { "a real drill" };
    let whole = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "drillmaster", "version": env!("CARGO_PKG_VERSION"),
                "informationUri": "https://drillmaster.dev", "rules": rules}},
            "invocations": [{"executionSuccessful": story.exit.is_some(), "exitCode": story.exit.map(|e| e.code()),
                "startTimeUtc": story.started, "endTimeUtc": story.ended}],
            "properties": {"run": story.run, "kind": note, "expectationsPassed": passed, "checksPassed": checks},
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

fn result(story: &Story, rule: &str, what: &str, why: &str) -> Value {
    let level = RULES.iter().find(|(id, ..)| *id == rule).map_or("error", |(_, level, _)| level);
    // The same finding in the next drill must be the same alert, so its fingerprint contains no numbers.
    let print = sha256(format!("{}\n{rule}\n{what}", story.scenario))[..32].to_owned();
    let file = if story.scenario_file.is_empty() { "scenario.yaml" } else { story.scenario_file.as_str() };
    json!({
        "ruleId": rule, "level": level,
        "message": {"text": format!("{what}: {why} ({}, run {})", story.cluster, story.run)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": 1}}}],
        "partialFingerprints": {"drillmaster/v1": print},
    })
}
