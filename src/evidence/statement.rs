//! What is signed: two in-toto statements about the manifest. One is the common test result, which knows no
//! inconclusive; the other is our own, with every outcome. <https://in-toto.io/attestation/test-result/v0.1>

use serde_json::{Value, json};

use super::manifest::Manifest;
use crate::{
    event::Kind,
    model::{Exit, Judgement, Outcome, sha256},
    verdict::ReadRun,
};

/// The predicate of our own statement.
pub(super) const DRILL: &str = "https://drillmaster.dev/attestation/drill/v1";
/// The predicate of the common test result.
pub(super) const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The file with the common test result.
pub(super) const RESULT_FILE: &str = "test-result.dsse.json";
/// The name of the manifest in the statements.
pub(super) const MANIFEST: &str = "manifest.json";

/// What the statements say about a run.
pub(super) struct Facts<'a> {
    pub exit: Exit,
    pub outcome: Outcome,
    pub rules: u32,
    pub judgements: &'a [Judgement],
    pub scenario: &'a str,
    pub scenario_hash: &'a str,
    pub plan_hash: &'a str,
    pub cluster: &'a str,
    pub tool: &'a str,
    /// Whether the rules of this version made the verdict, so that this version confirms it.
    pub confirmed: bool,
}

impl<'a> Facts<'a> {
    /// The facts of a journal; none if it has no verdict or no end.
    pub fn of(reading: &'a ReadRun) -> Option<Self> {
        let (mut start, mut verdict, mut end) = (None, None, None);
        for event in &reading.kept {
            match &event.event {
                Kind::RunStarted { scenario, scenario_hash, plan_hash, clusters, tool, .. } => {
                    let cluster = clusters.first().map_or("", |c| c.uid.as_str());
                    start = Some((scenario, scenario_hash, plan_hash, cluster, tool));
                }
                Kind::Judged { outcome, judgements, rules, .. } => verdict = Some((*outcome, judgements, *rules)),
                Kind::RunEnded { exit, .. } => end = Some(*exit),
                // Another session took over after the end.
                Kind::SessionOpened { .. } => end = None,
                _ => {}
            }
        }
        let (scenario, scenario_hash, plan_hash, cluster, tool) = start?;
        let (outcome, judgements, rules) = verdict?;
        let confirmed = reading.again().standing.words().is_none();
        Some(Self {
            exit: end?,
            outcome,
            rules,
            judgements,
            scenario,
            scenario_hash,
            plan_hash,
            cluster,
            tool,
            confirmed,
        })
    }
}

/// Both statements, with the name of their file.
pub(super) fn statements(manifest: &Manifest, facts: &Facts<'_>) -> [(&'static str, Value); 2] {
    [
        (RESULT_FILE, statement(manifest, TEST_RESULT, test_result(facts))),
        ("drill.dsse.json", statement(manifest, DRILL, drill(manifest, facts))),
    ]
}

/// A statement about a manifest.
pub(super) fn statement(manifest: &Manifest, kind: &str, predicate: Value) -> Value {
    let digest = sha256(manifest.text());
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": MANIFEST, "digest": {"sha256": digest}}],
        "predicateType": kind,
        "predicate": predicate,
    })
}

/// A test that was not proven, or whose verdict this version does not confirm, has failed for readers who know only
/// passed and failed.
fn test_result(facts: &Facts<'_>) -> Value {
    let of = |wanted: &[Outcome]| -> Vec<String> {
        facts.judgements.iter().filter(|j| wanted.contains(&j.outcome)).map(name).collect()
    };
    let passed = facts.confirmed && facts.exit == Exit::Passed && facts.outcome == Outcome::Pass;
    let result = if passed { "PASSED" } else { "FAILED" };
    json!({
        "result": result,
        "configuration": [{"name": "scenario.yaml", "digest": {"sha256": facts.scenario_hash}}],
        "passedTests": of(&[Outcome::Pass]),
        "warnedTests": of(&[Outcome::Waived]),
        "failedTests": of(&[Outcome::Fail, Outcome::Inconclusive]),
    })
}

fn name(judgement: &Judgement) -> String {
    if judgement.id.is_empty() { judgement.expectation.clone() } else { judgement.id.clone() }
}

fn drill(manifest: &Manifest, facts: &Facts<'_>) -> Value {
    let judgement = |j: &Judgement| json!({"name": name(j), "outcome": j.outcome, "measured": j.measured});
    json!({
        "run": manifest.run, "head": manifest.head, "exit": facts.exit, "outcome": facts.outcome, "rules": facts.rules,
        "confirmed": facts.confirmed,
        "scenario": facts.scenario, "planHash": facts.plan_hash, "cluster": facts.cluster, "tool": facts.tool,
        "expectations": facts.judgements.iter().map(judgement).collect::<Vec<_>>(), "missing": manifest.missing,
    })
}
