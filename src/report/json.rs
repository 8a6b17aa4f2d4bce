//! The report as JSON, and its schema.

use serde_json::Value;

use super::Story;

/// The report for programs.
pub fn json(story: &Story) -> String {
    serde_json::to_string_pretty(story).unwrap_or_default() + "\n"
}

/// The schema of the report.
pub fn schema() -> Value {
    schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Story>().to_value()
}
