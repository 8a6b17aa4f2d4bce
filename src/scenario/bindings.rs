//! Loads a bindings file: `${env.NAME}` is filled in from the environment.

use std::path::Path;

use serde_json::Value;

use super::{load::parse_as, problem::Problems, vars::Values};
use crate::model::Bindings;

/// Loads a bindings file.
pub fn load_bindings(path: &Path) -> Result<Bindings, Problems> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        Problems::bare(
            format!("cannot read the bindings {file}: {e}"),
            "name an existing file: --bind scenarios/bindings/kind-lab.yaml",
        )
    })?;
    let mut values = Values::default();
    for (name, value) in std::env::vars() {
        values.plain.insert(format!("env.{name}"), Value::String(value));
    }
    let (mut bindings, _) = parse_as::<Bindings>(&file, &text, &super::bindings_schema(), &values)?;
    if let (Some(readiness), Some(folder)) = (&mut bindings.readiness, path.parent()) {
        *readiness = folder.join(&*readiness).display().to_string();
    }
    Ok(bindings)
}
