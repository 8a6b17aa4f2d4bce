//! What a restore brought back. Completed is a phase, not a proof (correctness
//! 35, 37, 40): objects are compared, files are compared.

use super::{Answer, History};
use crate::model::{Evidence, FilesRead, Outcome, RestoreExpectation, Restored, StepResult, Told, VolumesRule};

/// As many differences are named.
const NAMED: usize = 10;

pub(super) fn answer(expected: &RestoreExpectation, history: &History) -> Answer {
    let Some(restored) = history.state.results.get(&expected.of).and_then(StepResult::restored) else {
        let ended = history.steps.get(&expected.of).is_some_and(|span| span.to().is_some());
        return if ended {
            Answer::new(Outcome::Fail, format!("restore `{}` failed", expected.of))
        } else {
            Answer::new(Outcome::Inconclusive, format!("restore `{}` never ran to its end", expected.of))
        };
    };
    let mut answers = vec![];
    if expected.objects.is_some() {
        answers.push(objects(restored));
    }
    if let Some(rule) = expected.volumes {
        answers.push(volumes(restored, rule));
    }
    let warnings = restored.warnings.map_or("none".to_owned(), |n| n.to_string());
    let evidence = Evidence {
        source: "archive of the backup, live objects, checksums by reader pods, Velero's records".into(),
        observed: Told::of_journal(format!(
            "restore {}: {} objects in the backup, warnings {warnings}",
            restored.restore, restored.objects
        )),
        from_us: Some(restored.sent_us),
        to_us: Some(restored.ready_us),
        uncertainty_us: None,
    };
    Answer::all(answers).with(evidence)
}

fn objects(restored: &Restored) -> Answer {
    if restored.objects == 0 {
        return Answer::new(Outcome::Fail, "the backup holds no object of the namespace");
    }
    let differences = &restored.differences;
    if differences.is_empty() {
        let all = restored.objects;
        return Answer::new(Outcome::Pass, format!("all {all} objects of the backup are there, as they were"));
    }
    let said: Vec<String> = differences.iter().take(NAMED).map(ToString::to_string).collect();
    Answer::new(Outcome::Fail, format!("{} object(s) other than before: {}", differences.len(), said.join("; ")))
}

fn volumes(restored: &Restored, rule: VolumesRule) -> Answer {
    let (held, completed) = (restored.velero.held.len() as u64, restored.velero.completed);
    let wrong = restored.files.wrong();
    if !wrong.is_empty() {
        let said: Vec<String> = wrong.iter().take(NAMED).map(ToString::to_string).collect();
        return Answer::new(Outcome::Fail, format!("{} file(s) are not as before: {}", wrong.len(), said.join("; ")));
    }
    if held == 0 {
        let why = match &restored.files {
            FilesRead::Unreadable { why } => why,
            _ => "the backup holds no volume",
        };
        return Answer::new(Outcome::Skipped, format!("volumes: {why}"));
    }
    if rule == VolumesRule::Restored {
        return if completed >= held {
            Answer::new(Outcome::Pass, format!("Velero restored all {held} volumes, to the last byte"))
        } else {
            Answer::new(Outcome::Fail, format!("Velero restored {completed} of {held} volumes"))
        };
    }
    match &restored.files {
        FilesRead::Unreadable { why } => {
            Answer::new(Outcome::Inconclusive, format!("the volumes cannot be read here: {why}"))
        }
        FilesRead::NothingBefore { .. } | FilesRead::Compared { volumes: 0, .. } => {
            Answer::new(Outcome::Inconclusive, "no checksum was taken before")
        }
        FilesRead::Compared { volumes, files: 0, .. } => Answer::new(
            Outcome::Inconclusive,
            format!("the {volumes} volumes held no file before: nothing shows that their content came back"),
        ),
        FilesRead::Compared { volumes, files, .. } => {
            Answer::new(Outcome::Pass, format!("{files} files in {volumes} volumes have the checksums taken before"))
        }
    }
}
