//! JSON Schemas, generated from the types.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::Scenario;
use crate::model::Bindings;

/// The schema of scenario files.
pub fn scenario_schema() -> Value {
    schema_of::<Scenario>("https://drillmaster.dev/schema/scenario-v1.json")
}

/// The schema of bindings files.
pub fn bindings_schema() -> Value {
    schema_of::<Bindings>("https://drillmaster.dev/schema/bindings-v1.json")
}

/// The schema of a type, with its id.
pub fn schema_of<T: JsonSchema>(id: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), Value::String(id.to_owned()));
    schema.to_value()
}
