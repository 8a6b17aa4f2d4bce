//! A scenario that a playbook calls, as the playbook needs it: its steps, its expectations, its limits, and what a
//! rehearsal predicts. Start with [`Use`].

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{forecast::Forecast, stage::Drill};
use crate::{
    model::{Bindings, Expectation},
    scenario::{Loaded, Problems, Scenario, Sources, load},
};

/// A scenario that a playbook calls.
#[derive(Clone, Debug)]
pub struct Use {
    /// The scenario, or why it cannot be used.
    pub scenario: Result<Box<Loaded>, String>,
    /// What a rehearsal predicts; none if it was not rehearsed.
    pub forecast: Option<Forecast>,
}

impl Use {
    /// The scenario, if it can be used.
    pub fn scenario(&self) -> Option<&Scenario> {
        self.scenario.as_ref().ok().map(|loaded| &loaded.scenario)
    }

    /// The ids of its expectations.
    pub fn expectations(&self) -> Vec<String> {
        self.scenario().map(|s| Expectation::ids(s.expect.iter().map(Some))).unwrap_or_default()
    }
}

/// The values of a drill as the command line would give them.
pub fn set(drill: &Drill) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    drill.set.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Where the scenario of a drill is: a shipped one by its name, or a file beside the playbook.
pub fn place(playbook: &Path, drill: &Drill) -> PathBuf {
    let named = Path::new(&drill.scenario);
    let is_name = !drill.scenario.contains(['/', '\\', '.']);
    if is_name || named.is_absolute() {
        return named.to_owned();
    }
    playbook.parent().map_or_else(|| named.to_owned(), |folder| folder.join(named))
}

/// Reads the scenario of a drill. Values that only bindings have are left open.
///
/// # Errors
/// All mistakes in it.
pub fn loaded(playbook: &Path, drill: &Drill, bindings: Option<&Bindings>) -> Result<Loaded, Problems> {
    let sources = Sources {
        set: set(drill),
        bindings: bindings.cloned().unwrap_or_default(),
        lenient: bindings.is_none(),
        ..Sources::default()
    };
    load(&place(playbook, drill), &sources)
}
