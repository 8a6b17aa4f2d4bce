//! What a restore brought back. Completed is a phase, not a proof (correctness
//! 35, 37, 40): objects are compared, files are compared.

use serde_json::Value;

use super::{Answer, History};
use crate::model::{Evidence, Outcome, RestoreExpectation, VolumesRule};

pub(super) fn answer(expected: &RestoreExpectation, history: &History) -> Answer {
    let Some(result) = history.state.results.get(&expected.of) else {
        let ended = history.steps.get(&expected.of).is_some_and(|(_, to, _)| to.is_some());
        return if ended {
            Answer::new(Outcome::Fail, format!("restore `{}` failed", expected.of))
        } else {
            Answer::new(Outcome::Inconclusive, format!("restore `{}` never ran to its end", expected.of))
        };
    };
    let mut answers = vec![];
    if expected.objects.is_some() {
        answers.push(objects(result));
    }
    if let Some(rule) = expected.volumes {
        answers.push(volumes(result, rule));
    }
    let evidence = Evidence {
        source: "archive of the backup, live objects, checksums by reader pods, Velero's records".into(),
        observed: format!(
            "restore {}: {} objects in the backup, warnings {}",
            result["restore"].as_str().unwrap_or("?"),
            result["objects"],
            result["warnings"]
        ),
        from_us: result["sentUs"].as_u64(),
        to_us: result["readyUs"].as_u64(),
        uncertainty_us: None,
    };
    Answer::all(answers).with(evidence)
}

fn objects(result: &Value) -> Answer {
    let differences = result["differences"].as_array().map_or(&[][..], Vec::as_slice);
    let count = result["objects"].as_u64().unwrap_or(0);
    if count == 0 {
        return Answer::new(Outcome::Fail, "the backup holds no object of the namespace");
    }
    if differences.is_empty() {
        return Answer::new(Outcome::Pass, format!("all {count} objects of the backup are there, as they were"));
    }
    let said: Vec<String> = differences
        .iter()
        .take(10)
        .map(|d| format!("{} {}", d["object"].as_str().unwrap_or("?"), d["what"].as_str().unwrap_or("?")))
        .collect();
    Answer::new(Outcome::Fail, format!("{} object(s) other than before: {}", differences.len(), said.join("; ")))
}

fn volumes(result: &Value, rule: VolumesRule) -> Answer {
    let volumes = &result["volumes"];
    let held = volumes.pointer("/velero/held").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let completed = volumes.pointer("/velero/completed").and_then(Value::as_u64).unwrap_or(0);
    if let Some(wrong) = volumes["wrong"].as_array().filter(|w| !w.is_empty()) {
        let said: Vec<String> = wrong.iter().take(10).map(|w| w.as_str().unwrap_or("?").to_owned()).collect();
        return Answer::new(Outcome::Fail, format!("{} file(s) are not as before: {}", wrong.len(), said.join("; ")));
    }
    if held == 0 {
        let why = volumes["unreadable"].as_str().unwrap_or("the backup holds no volume");
        return Answer::new(Outcome::Skipped, format!("volumes: {why}"));
    }
    if rule == VolumesRule::Restored {
        return if completed >= held {
            Answer::new(Outcome::Pass, format!("Velero restored all {held} volumes, to the last byte"))
        } else {
            Answer::new(Outcome::Fail, format!("Velero restored {completed} of {held} volumes"))
        };
    }
    if let Some(why) = volumes["unreadable"].as_str() {
        return Answer::new(Outcome::Inconclusive, format!("the volumes cannot be read here: {why}"));
    }
    let compared = volumes["compared"].as_u64().unwrap_or(0);
    let files = volumes["files"].as_u64().unwrap_or(0);
    if compared == 0 || files == 0 {
        let why = match compared {
            0 => "no checksum was taken before".to_owned(),
            n => format!("the {n} volumes held no file before: nothing shows that their content came back"),
        };
        Answer::new(Outcome::Inconclusive, why)
    } else {
        Answer::new(Outcome::Pass, format!("{files} files in {compared} volumes have the checksums taken before"))
    }
}
