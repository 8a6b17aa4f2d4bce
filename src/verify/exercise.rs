//! Checks the directory of an exercise: its files against its journal, and each of its drills as a run of its own.

use super::{found::Differs, verify};
use crate::{
    exercise::{ExerciseError, ExercisePhase, Verdict, Whole, check_exercise, drill_folder},
    journal::RunDir,
    model::{Exit, is_run_name, printable, with_causes},
};

/// The result of checking an exercise.
#[derive(Debug)]
pub struct VerifiedExercise {
    /// The exercise.
    pub whole: Whole,
    /// What was checked and does not differ.
    pub checked: Vec<String>,
    /// What differs.
    pub differs: Vec<Differs>,
    /// What is not shown.
    pub open: Vec<String>,
}

impl VerifiedExercise {
    /// The exit code of `verify`: it says whether the directory is what the exercise left, not whether it passed.
    pub fn exit(&self) -> Exit {
        match (self.differs.is_empty(), self.open.is_empty()) {
            (false, _) => Exit::Failed,
            (true, false) => Exit::Inconclusive,
            (true, true) => Exit::Passed,
        }
    }

    /// The verdict on the exercise.
    pub fn verdict(&self) -> Verdict<'_> {
        Verdict::of(&self.whole.known.loaded.playbook, &self.whole.known.state)
    }
}

/// Checks the directory of an exercise.
///
/// # Errors
/// The journal, the playbook or a scenario is missing or damaged: the error names the file.
pub fn verify_exercise(dir: &RunDir) -> Result<VerifiedExercise, ExerciseError> {
    let whole = Whole::read(dir)?;
    let files = check_exercise(dir, &whole);
    let differs = files.differs.into_iter().map(|(place, what)| Differs { place, what }).collect();
    let mut found = VerifiedExercise { whole, checked: files.checked, differs, open: files.open };
    for (stage, run) in drills(&found) {
        drill(dir, &stage, &run, &mut found);
    }
    if found.whole.known.state.phase == ExercisePhase::Closed && found.whole.known.state.signed.is_empty() {
        found.open.push("nobody signed the report".to_owned());
    }
    Ok(found)
}

/// The drills that ended, with their stages.
fn drills(found: &VerifiedExercise) -> Vec<(String, String)> {
    let stages = found.whole.known.state.stages.iter();
    stages.filter_map(|(id, stage)| Some((id.clone(), stage.drill.as_ref()?.run.clone()))).collect()
}

/// A drill is a run: its own files are checked too. A stage whose name is none was named before.
fn drill(dir: &RunDir, stage: &str, run: &str, found: &mut VerifiedExercise) {
    let folder = dir.file(&drill_folder(stage));
    let wrong = |what: &str| Differs { place: folder.display().to_string(), what: what.to_owned() };
    // A link in place of a folder or of the run could lead to any other run.
    let run_dir = folder.join(run);
    if !is_run_name(stage) {
        return;
    }
    let linked = [&folder, &run_dir].into_iter().any(|path| path.is_symlink());
    if !is_run_name(run) || linked || !run_dir.is_dir() {
        found.differs.push(wrong(&format!("the run directory {} is missing, or is a link", printable(run))));
        return;
    }
    match verify(&RunDir(run_dir)) {
        Err(error) => found.differs.push(wrong(&with_causes(&error))),
        Ok(verified) => {
            let open = verified.progress.open();
            let by_others = verified.reading.again().standing.words();
            found.open.extend(open.map(|why| format!("drill {run}: {why}")));
            found.open.extend(by_others.map(|why| format!("drill {run}: {why}")));
            if verified.differs.is_empty() {
                found.checked.push(format!("drill {run} of stage {stage}: its run directory is as its run left it"));
            }
            found.differs.extend(verified.differs);
        }
    }
}
