//! The report as JSON, and its schema: the facts of the run, and the document that the other formats show.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Document, Story};

/// What `report.json` holds.
#[derive(Serialize, JsonSchema)]
struct Report<'a> {
    /// The facts.
    #[serde(flatten)]
    story: &'a Story,
    /// The sections of the report, as in HTML and Markdown.
    document: &'a Document,
}

/// The report for programs.
pub fn json(story: &Story, document: &Document) -> String {
    serde_json::to_string_pretty(&Report { story, document }).unwrap_or_default() + "\n"
}

/// The schema of the report.
pub fn schema() -> Value {
    schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Report<'_>>().to_value()
}
