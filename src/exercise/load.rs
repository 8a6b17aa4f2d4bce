//! From a file to a playbook without mistakes. Start with [`load`].

use std::{collections::BTreeMap, path::Path};

use super::{
    forecast::Forecast,
    lint::lint,
    playbook::Playbook,
    stage::Drill,
    use_of::{Use, loaded},
};
use crate::{
    files,
    scenario::{LARGEST, Loaded, PLAYBOOKS, Problems, document_with_vars, meant, names, schema_of, shipped_text},
};

/// The address that the schema of a playbook has as its `$id`.
const SCHEMA: &str = "https://drillmaster.dev/schema/playbook-v1.json";

/// The schema of playbooks.
pub fn playbook_schema() -> serde_json::Value {
    schema_of::<Playbook>(SCHEMA)
}

/// A playbook without mistakes, and the scenarios that it calls.
#[derive(Clone, Debug)]
pub struct LoadedPlaybook {
    /// The playbook, with variables replaced.
    pub playbook: Playbook,
    /// The scenario of each stage that calls one.
    pub uses: BTreeMap<usize, Use>,
    /// The file's text.
    pub text: String,
    /// Its path, as it was given.
    pub file: String,
    /// The values that `--set` gave.
    pub set: BTreeMap<String, String>,
    /// Warnings.
    pub warnings: Problems,
}

/// Rehearses a scenario and returns its forecast; none if it cannot be rehearsed here.
pub type Rehearse<'a> = &'a dyn Fn(&Drill, &Loaded) -> Option<Forecast>;

/// Reads a playbook file, or a shipped playbook that is given by its name.
///
/// # Errors
/// All mistakes in it at once, with their places.
pub fn load(path: &Path, set: &BTreeMap<String, String>, rehearse: Rehearse<'_>) -> Result<LoadedPlaybook, Problems> {
    let file = path.display().to_string();
    let is_shipped = names(PLAYBOOKS).any(|name| path == Path::new(name));
    if let Some(text) = shipped_text(path).filter(|_| is_shipped) {
        return load_str(&file, text, set, rehearse);
    }
    let text = files::text(path, LARGEST).map_err(|e| {
        let near = meant(&file, names(PLAYBOOKS));
        let help = format!("{near}`drillmaster list playbooks` lists the playbooks that are part of the program");
        Problems::bare(format!("cannot read the playbook {file}: {e}"), help)
    })?;
    load_str(&file, &text, set, rehearse)
}

/// Reads a playbook from a text.
///
/// # Errors
/// As [`load`].
pub fn load_str(
    file: &str,
    text: &str,
    set: &BTreeMap<String, String>,
    rehearse: Rehearse<'_>,
) -> Result<LoadedPlaybook, Problems> {
    let sense = |playbook: &Playbook| lint(playbook, &uses(file, playbook, rehearse));
    let (playbook, warnings) = document_with_vars(file, text, &playbook_schema(), set, sense)?;
    let uses = uses(file, &playbook, rehearse);
    Ok(LoadedPlaybook { playbook, uses, text: text.to_owned(), file: file.to_owned(), set: set.clone(), warnings })
}

fn uses(file: &str, playbook: &Playbook, rehearse: Rehearse<'_>) -> BTreeMap<usize, Use> {
    let drills = playbook.stages.iter().enumerate().filter_map(|(i, stage)| Some((i, stage.scenario.as_ref()?)));
    let used = |drill: &Drill| match loaded(Path::new(file), drill, None) {
        Ok(loaded) => Use { forecast: rehearse(drill, &loaded), scenario: Ok(Box::new(loaded)) },
        Err(problems) => Use { scenario: Err(first(&problems)), forecast: None },
    };
    drills.map(|(i, drill)| (i, used(drill))).collect()
}

/// The first mistake of a scenario, in one line.
fn first(problems: &Problems) -> String {
    let Some(problem) = problems.list.iter().find(|problem| !problem.warning) else { return String::new() };
    let place = if problem.line == 0 { String::new() } else { format!("{}:{}: ", problem.file, problem.line) };
    let help = if problem.help.is_empty() { String::new() } else { format!("; {}", problem.help) };
    format!("{place}{}{help}", problem.what)
}
