//! From a file to a [`Scenario`]: parses the file, replaces variables, checks the shape and then the sense. All
//! mistakes that can be found are reported at once. Start with [`load`].

use std::{collections::BTreeMap, path::Path};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Problem, Problems, Scenario, lint,
    other_kinds::other_kind,
    problem::{Mistake, meant as did_you_mean},
    repair::{Damage, repair},
    schema, shape, shipped,
    tree::{self, Node},
    vars::{self, Home, Values},
};
use crate::{
    files,
    model::{Bindings, SecretRef, sha256},
};

/// The size limit for files that a person writes.
pub const LARGEST: u64 = 4 << 20;
/// A file with more mistakes than this is not checked further: its schema's messages are enough.
const MOST_REPAIRED: usize = 200;
/// The prefix of values that come from the bindings.
const BIND: &str = "bind.";

/// Where the values of a scenario's variables come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--set name=value`.
    pub set: BTreeMap<String, String>,
    /// The bindings.
    pub bindings: Bindings,
    /// Whether unknown `${bind.…}` are accepted. `lint` without bindings accepts them.
    pub lenient: bool,
    /// Where the bindings come from, for messages about missing values.
    pub home: Home,
}

/// A scenario without mistakes.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario, with variables replaced.
    pub scenario: Scenario,
    /// Secrets by name, not yet read.
    pub secrets: BTreeMap<String, SecretRef>,
    /// SHA-256 of the file.
    pub hash: String,
    /// The file's text.
    pub text: String,
    /// Its path, as it was given.
    pub file: String,
    /// The values that were given for its variables, by `name`, or by `bind.name` for values of the bindings.
    pub variables: BTreeMap<String, Value>,
    /// Warnings: what is valid, but probably not meant.
    pub warnings: Problems,
}

impl Loaded {
    /// Mistakes that show only on a certain cluster, with their places in the file. What is not written in the file,
    /// such as a limit that has its default, is shown at the steps.
    pub fn placed(&self, mistakes: Vec<Mistake>) -> Problems {
        let place = |root: &Node, mistake: Mistake| {
            let written = mistake.path.first().is_some_and(|part| root.get(part).is_some());
            let path = if written { mistake.path } else { vec!["steps".to_owned()] };
            Mistake { path, ..mistake }.placed(&self.file, root)
        };
        let list = match tree::parse(&self.file, &self.text) {
            Ok(root) => mistakes.into_iter().map(|mistake| place(&root, mistake)).collect(),
            Err(problems) => problems,
        };
        Problems { list, text: self.text.clone() }
    }
}

/// Reads a scenario file, or a shipped scenario that is given by its name.
pub fn load(path: &Path, sources: &Sources) -> Result<Loaded, Problems> {
    let file = path.display().to_string();
    if let Some(text) = shipped::text(path, shipped::SCENARIOS) {
        return load_str(&file, text, sources);
    }
    let text = files::text(path, LARGEST).map_err(|e| {
        let similar = did_you_mean(&file, shipped::names(shipped::SCENARIOS));
        let help = format!("{similar}`drillmaster list scenarios` lists the scenarios that are part of the program");
        Problems::bare(format!("cannot read the scenario file {file}: {e}"), help)
    })?;
    load_str(&file, &text, sources)
}

/// Reads a scenario from a text.
pub fn load_str(file: &str, text: &str, sources: &Sources) -> Result<Loaded, Problems> {
    let problems = |list| Problems { list, text: text.to_owned() };
    let root = tree::parse(file, text).map_err(problems)?;
    let mut found = vec![];
    let mut values = vars::declared(file, &root, &sources.set, &mut found);
    for (name, value) in &sources.bindings.values {
        values.plain.insert(format!("{BIND}{name}"), value.clone());
    }
    for (name, secret) in &sources.bindings.secrets {
        values.secrets.insert(format!("bind.{name}"), secret.clone());
    }
    values.home = sources.home.clone();
    if let Some(other) = other_kind(file, &root) {
        return Err(problems(vec![other]));
    }
    let sense =
        |root: &Node, scenario: &Scenario, damage: &Damage| lint::lint(file, root, scenario, &values.secrets, damage);
    let schema = schema::scenario_schema();
    let (scenario, found) = check(file, root, &schema, &values, sources.lenient, found, sense).map_err(problems)?;
    Ok(Loaded {
        scenario,
        secrets: values.secrets,
        hash: sha256(text),
        text: text.to_owned(),
        file: file.to_owned(),
        variables: given(text, sources),
        warnings: problems(found),
    })
}

/// The values that were given and that the file uses.
fn given(text: &str, sources: &Sources) -> BTreeMap<String, Value> {
    let set = sources.set.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let bound = sources.bindings.values.iter().map(|(name, value)| (format!("{BIND}{name}"), value.clone()));
    set.chain(bound).filter(|(name, _)| text.contains(&format!("${{{name}"))).collect()
}

impl Sources {
    /// The sources that gave these values. Variables without a value are left as they are.
    pub fn of_given(variables: &BTreeMap<String, Value>) -> Self {
        let mut sources = Self { lenient: true, ..Self::default() };
        for (name, value) in variables {
            if let Some(name) = name.strip_prefix(BIND) {
                sources.bindings.values.insert(name.to_owned(), value.clone());
            } else if let Value::String(value) = value {
                sources.set.insert(name.clone(), value.clone());
            }
        }
        sources
    }
}

/// Reads a document by its schema, without replacing variables. `sense` finds the mistakes that a schema cannot find.
///
/// # Errors
/// All mistakes in it at once, with their places. If there are only warnings, they are returned with the document.
pub fn document<T: DeserializeOwned>(
    file: &str,
    text: &str,
    schema: &Value,
    sense: impl Fn(&T) -> Vec<Mistake>,
) -> Result<(T, Problems), Problems> {
    let problems = |list| Problems { list, text: text.to_owned() };
    let root = tree::parse(file, text).map_err(problems)?;
    let placed = |root: &Node, document: &T, damage: &Damage| -> Vec<Problem> {
        let known = |mistake: &Mistake| !mistake.needs.iter().any(|part| damage.touches(part));
        let all = sense(document).into_iter().filter(known);
        all.map(|mistake| mistake.placed(file, root)).collect()
    };
    let (document, warnings) = checked(file, &root, schema, false, vec![], placed).map_err(problems)?;
    Ok((document, problems(warnings)))
}

/// Reads a document by its schema, after replacing its variables. `set` gives them other values. `sense` finds the
/// mistakes that a schema cannot find.
///
/// # Errors
/// As [`document`].
pub fn document_with_vars<T: DeserializeOwned>(
    file: &str,
    text: &str,
    schema: &Value,
    set: &BTreeMap<String, String>,
    sense: impl Fn(&T) -> Vec<Mistake>,
) -> Result<(T, Problems), Problems> {
    let problems = |list| Problems { list, text: text.to_owned() };
    let root = tree::parse(file, text).map_err(problems)?;
    let mut found = vec![];
    let values = vars::declared(file, &root, set, &mut found);
    let placed = |root: &Node, document: &T, damage: &Damage| -> Vec<Problem> {
        let known = |mistake: &Mistake| !mistake.needs.iter().any(|part| damage.touches(part));
        let all = sense(document).into_iter().filter(known);
        all.map(|mistake| mistake.placed(file, root)).collect()
    };
    let (document, warnings) = check(file, root, schema, &values, false, found, placed).map_err(problems)?;
    Ok((document, problems(warnings)))
}

/// Reads a file of another type by its schema. `sense` finds the mistakes that a schema cannot find.
pub(super) fn parse_as<T: DeserializeOwned>(
    file: &str,
    text: &str,
    schema: &Value,
    values: &Values,
    sense: impl Fn(&Node, &T) -> Vec<Problem>,
) -> Result<T, Problems> {
    let problems = |list| Problems { list, text: text.to_owned() };
    let root = tree::parse(file, text).map_err(problems)?;
    let sense = |root: &Node, parsed: &T, _: &Damage| sense(root, parsed);
    check(file, root, schema, values, false, vec![], sense).map(|(parsed, _)| parsed).map_err(problems)
}

fn check<T: DeserializeOwned>(
    file: &str,
    mut root: Node,
    schema: &Value,
    values: &Values,
    lenient: bool,
    mut found: Vec<Problem>,
    sense: impl Fn(&Node, &T, &Damage) -> Vec<Problem>,
) -> Result<(T, Vec<Problem>), Vec<Problem>> {
    vars::fill(file, &mut root, values, lenient, &mut found);
    checked(file, &root, schema, lenient, found, sense)
}

/// Checks the shape and then the sense. What has a wrong shape does not hide mistakes of sense in the rest of the file.
/// If nothing is wrong, returns the parsed file with the warnings.
fn checked<T: DeserializeOwned>(
    file: &str,
    root: &Node,
    schema: &Value,
    lenient: bool,
    mut found: Vec<Problem>,
    sense: impl Fn(&Node, &T, &Damage) -> Vec<Problem>,
) -> Result<(T, Vec<Problem>), Vec<Problem>> {
    found.extend(shape::check(file, root, schema));
    if found.is_empty() {
        let parsed = typed(file, root, lenient)?;
        let found = sense(root, &parsed, &Damage::default());
        return if found.iter().any(|p| !p.warning) { Err(found) } else { Ok((parsed, found)) };
    }
    if found.len() <= MOST_REPAIRED
        && let Some((rest, damage)) = repair(root, schema, lenient)
        && let Ok(parsed) = typed(file, &rest, lenient)
    {
        found.extend(sense(&rest, &parsed, &damage).into_iter().filter(|p| !damage.explains(p)));
    }
    found.sort_by_key(|p| (p.line, p.column));
    Err(found)
}

/// The schema is generated from the type. If a value passes the schema and the type still refuses it, the message is
/// clear, but has no place in the file.
fn typed<T: DeserializeOwned>(file: &str, root: &Node, lenient: bool) -> Result<T, Vec<Problem>> {
    let mut value = root.value();
    if lenient {
        stand_in(&mut value);
    }
    serde_json::from_value(value).map_err(|error| {
        let what = "a value in this file does not have the required form";
        vec![tree::problem(file, &root.at, what, format!("details: {error}"))]
    })
}

/// Puts a placeholder in place of each value that only bindings can give, so that the rest of the file can be checked
/// without bindings.
fn stand_in(value: &mut Value) {
    match value {
        Value::String(text) if text.trim() == "${bind.volumes}" => *text = "none".into(),
        Value::Array(items) => items.iter_mut().for_each(stand_in),
        Value::Object(map) => map.values_mut().for_each(stand_in),
        _ => {}
    }
}
